"""Expose and read every CCD of a night, one CCD in memory at a time."""

import numpy as np

from awe.base.progress import track
from awe.simulate import scene
from awe.simulate.cards import extension_header, primary_header
from awe.simulate.detector import GAIN, axis_distance, make_detector, read_out
from awe.simulate.effects import bleed, cosmic_rays
from awe.simulate.layout import mosaic
from awe.simulate.mef import append_image, write_primary
from awe.simulate.settings import KINDS
from awe.simulate.truth import chip_path, frame_path, save_chip, save_frame

__all__ = ["WITH_TRUTH", "run"]

WITH_TRUTH = ("science", "standard")
"""Kinds of exposure whose truth is kept."""

_DOME_LEVEL = 25000 * GAIN
_TWILIGHT_LEVEL = 30000 * GAIN
_TWILIGHT_FALL = 0.8
_TRAIL_BRIGHTNESS = 500.0
# What random numbers are for: part of their seed, apart from the numbers of kinds.
_FOR_DETECTOR, _FOR_FIELD, _FOR_TRAIL, _FOR_LAMP = 101, 102, 103, 104


def run(folder, settings, exposures):
    """Write all files of a night.

    Parameters
    ----------
    folder : pathlib.Path
        Where the raw files go; it has a folder ``truth``.
    settings : awe.simulate.settings.Settings
        What the night is made of.
    exposures : sequence of awe.simulate.settings.Exposure
        In the order of time.
    """
    for number, exposure in enumerate(exposures, 1):
        write_primary(_unfinished(folder, exposure), primary_header(settings, exposure, number))
    fields = _fields(settings, exposures)
    # CCD by CCD, not file by file: its flat and defects are made once, and only
    # one CCD is in memory however large the mosaic is.
    work = [(ccd, e) for ccd in mosaic(settings.ccds, settings.shape) for e in exposures]
    detector = None
    for ccd, exposure in track(work, "Simulating the night"):
        if detector is None or detector.ccd is not ccd:
            rng = np.random.default_rng([settings.seed, _FOR_DETECTOR, ccd.number])
            detector = make_detector(ccd, rng, hot=settings.hot, cold=settings.cold)
            save_chip(chip_path(folder, ccd), detector)
        raw = _expose(folder, settings, exposure, detector, fields)
        header = extension_header(settings, exposure, detector)
        append_image(_unfinished(folder, exposure), header, raw)
    for exposure in exposures:
        _unfinished(folder, exposure).replace(folder / exposure.filename)


def _unfinished(folder, exposure):
    return folder / (exposure.filename + ".part")


def _fields(settings, exposures):
    fields = {}
    for exposure in exposures:
        kind = exposure.kind
        if kind in fields or kind in ("bias", "dome"):
            continue
        rng = np.random.default_rng([settings.seed, _FOR_FIELD, KINDS.index(kind)])
        fields[kind] = scene.star_field(
            rng,
            settings.shape,
            settings.stars,
            exposure.ra,
            exposure.dec,
            # A blank field is chosen for its lack of bright stars.
            bright=kind in WITH_TRUTH,
        )
    return fields


def _expose(folder, settings, exposure, detector, fields):
    """Expose one CCD and read it, and keep the truth where it is asked for."""
    ccd = detector.ccd
    kind = KINDS.index(exposure.kind)
    rng = np.random.default_rng([settings.seed, kind, exposure.index, ccd.number])
    light, stars, sky = _light(settings, exposure, detector, fields)
    trail = _trail(settings, exposure, detector)
    where, hits = np.zeros(0, np.int64), np.zeros(0, np.float32)
    if exposure.kind in WITH_TRUTH:
        where, hits = cosmic_rays(rng, ccd.shape, settings.cosmic_rays)
    expected = (light + trail[0]) * detector.flat
    expected += detector.hot_bias + detector.dark_rate * exposure.exptime
    electrons = rng.poisson(expected).astype(np.float64)
    electrons.flat[where] += hits
    saturated, bled = bleed(electrons, detector.full_well)
    raw = read_out(detector, electrons, rng)
    if exposure.kind in WITH_TRUTH:
        save_frame(
            frame_path(folder, exposure, ccd),
            sky=sky,
            scene=light,
            saturated=saturated | (raw[ccd.rows, ccd.columns] == np.iinfo(np.uint16).max),
            bled=bled,
            cosmic=(where, hits),
            trail=trail,
            stars=stars,
        )
    return raw


def _light(settings, exposure, detector, fields):
    """Give what falls on a CCD in electrons at a flat of 1, its stars and its sky."""
    ccd = detector.ccd
    image = np.zeros(ccd.shape)
    stars = np.zeros(0, scene.STAR)
    sky = 0.0
    if exposure.kind == "dome":
        image += _lamp(settings, exposure) * _dome_screen(ccd) * detector.sensitivity
    elif exposure.kind == "twilight":
        level = _TWILIGHT_LEVEL * _TWILIGHT_FALL**exposure.index
        image += level * _twilight_sky(ccd) * detector.sensitivity
    elif exposure.kind in WITH_TRUTH:
        sky = settings.sky * exposure.exptime * detector.sensitivity
        image += sky
    if exposure.kind in fields:
        alpha = scene.moffat_width(settings.seeing)
        stars = scene.stars_on(ccd, fields[exposure.kind], exposure, 15 * alpha)
        stars["flux"] *= detector.sensitivity
        scene.add_stars(image, stars, alpha)
    return image, stars, sky


def _lamp(settings, exposure):
    rng = np.random.default_rng([settings.seed, _FOR_LAMP, exposure.index])
    return _DOME_LEVEL * rng.normal(1.0, 0.01)


def _dome_screen(ccd):
    # A screen is lit unevenly, unlike the sky: some percent over the field.
    u, v = axis_distance(ccd)
    return 1 + 0.02 * u + 0.01 * v - 0.015 * (u**2 + v**2)


def _twilight_sky(ccd):
    u, v = axis_distance(ccd)
    return 1 + 0.002 * u - 0.001 * v


def _trail(settings, exposure, detector):
    middle = exposure.kind == "science" and exposure.index == exposure.count // 2
    if not (settings.trail and middle):
        return np.float32(0), np.zeros((0, 2))
    rng = np.random.default_rng([settings.seed, _FOR_TRAIL])
    ends = scene.trail_ends(rng, settings.shape)
    alpha = scene.moffat_width(settings.seeing)
    return scene.trail_image(detector.ccd, ends, _TRAIL_BRIGHTNESS, alpha)
