"""What falls on a CCD in each kind of exposure, and the frame that is read."""

from dataclasses import dataclass

import numpy as np

from awe.simulate import scene
from awe.simulate.detector import GAIN, read_out
from awe.simulate.effects import bleed, cosmic_rays
from awe.simulate.exposures import KINDS, SKY_KINDS, WITH_TRUTH
from awe.simulate.layout import row_blocks
from awe.simulate.patterns import axis_distance

__all__ = ["Frame", "expose", "star_fields"]

_DOME_LEVEL = 25000 * GAIN
_TWILIGHT_LEVEL = 30000 * GAIN
_TWILIGHT_FALL = 0.8
# Electrons per second of the faint lamp of the pairs of flats.
_GAIN_LAMP = 1250 * GAIN
_TRAIL_BRIGHTNESS = 500.0
_WITH_COSMIC_RAYS = (*WITH_TRUTH, "dark")
# What random numbers are for: part of their seed, apart from the numbers of kinds.
_FOR_FIELD, _FOR_TRAIL, _FOR_LAMP, _FOR_PAIRS = 102, 103, 104, 107


@dataclass(frozen=True)
class Frame:
    """One CCD in one exposure: the frame as read, and what is true of it.

    Parameters
    ----------
    raw : numpy.ndarray
        As read, of type uint16.
    sky : float
        Electrons per pixel at a flat of 1.
    scene : numpy.ndarray
        Sky and stars in electrons at a flat of 1, `(ny, nx)`.
    saturated, bled : numpy.ndarray
        Masks, `(ny, nx)`.
    cosmic : tuple of numpy.ndarray
        Indices into the flattened image and electrons.
    trail : tuple of numpy.ndarray
        Electrons at a flat of 1, `(ny, nx)`, and ends, `(2, 2)` or `(0, 2)`.
    stars : numpy.ndarray
        Of type `awe.simulate.scene.STAR`.
    """

    raw: np.ndarray
    sky: float
    scene: np.ndarray
    saturated: np.ndarray
    bled: np.ndarray
    cosmic: tuple
    trail: tuple
    stars: np.ndarray


def star_fields(settings, exposures):
    """Scatter the stars of each field that a night looks at.

    Parameters
    ----------
    settings : awe.simulate.settings.Settings
        The night.
    exposures : sequence of awe.simulate.settings.Exposure
        All its exposures: the first of a kind is the centre of its field.

    Returns
    -------
    dict of str to dict
        What `awe.simulate.scene.star_field` gives, for each kind.
    """
    fields = {}
    for exposure in exposures:
        kind = exposure.kind
        if kind in fields or kind not in SKY_KINDS:
            continue
        rng = np.random.default_rng([settings.seed, _FOR_FIELD, KINDS.index(kind)])
        centre = exposure.ra, exposure.dec
        if kind == "twilight" and settings.twilight_stars is not None:
            number, limits = settings.twilight_stars, scene.BRIGHT_LIMITS
        else:
            number, limits = settings.stars, scene.FIELD_LIMITS
        # A blank field is chosen for its lack of bright stars.
        bright = kind in WITH_TRUTH
        fields[kind] = scene.star_field(
            rng, settings.shape, number, *centre, bright=bright, limits=limits
        )
    return fields


def expose(settings, exposure, detector, fields):
    """Expose one CCD and read it.

    Parameters
    ----------
    settings : awe.simulate.settings.Settings
        The night.
    exposure : awe.simulate.exposures.Exposure
        The exposure.
    detector : awe.simulate.detector.Detector
        The CCD.
    fields : dict of str to dict
        What `star_fields` gave.

    Returns
    -------
    Frame
        The frame and its truth.
    """
    ccd = detector.ccd
    kind = KINDS.index(exposure.kind)
    rng = np.random.default_rng([settings.seed, kind, exposure.index, ccd.number])
    light, stars, sky = _light(settings, exposure, detector, fields)
    trail = _trail(settings, exposure, detector, sky)
    where, hits = np.zeros(0, np.int64), np.zeros(0, np.float32)
    if exposure.kind in _WITH_COSMIC_RAYS:
        where, hits = cosmic_rays(rng, ccd.shape, settings.cosmic_rays)
    electrons = _electrons(detector, light, trail[0], sky, exposure.exptime, rng)
    electrons.flat[where] += hits
    saturated, bled = bleed(electrons, detector.full_well)
    raw = read_out(detector, electrons, rng)
    saturated |= raw[ccd.rows, ccd.columns] == np.iinfo(np.uint16).max
    scene.mark_saturated(stars, saturated, scene.moffat_width(settings.seeing))
    return Frame(raw, sky, light, saturated, bled, (where, hits), trail, stars)


def _electrons(detector, light, trail, sky, exptime, rng):
    """Draw how many electrons each pixel collects and gains by itself."""
    electrons = np.empty(detector.ccd.shape)
    trail = np.broadcast_to(trail, electrons.shape)
    for rows in row_blocks(electrons.shape):
        expected = light[rows] + trail[rows]
        if detector.fringe is not None:
            expected += sky * detector.fringe[rows]
        expected *= detector.flat[rows]
        expected += detector.hot_bias[rows] + detector.dark_rate[rows] * exptime
        electrons[rows] = rng.poisson(expected)
    return electrons


def _light(settings, exposure, detector, fields):
    """Give what falls on a CCD in electrons at a flat of 1, its stars and its sky."""
    ccd = detector.ccd
    image = np.zeros(ccd.shape)
    stars = np.zeros(0, scene.STAR)
    sky = 0.0
    if exposure.kind in ("dome", "gain"):
        # A screen is lit unevenly, unlike the sky: some percent over the field.
        _shine(image, _lamp(settings, exposure), detector, (0.02, 0.01, -0.015))
    elif exposure.kind == "twilight":
        level = _TWILIGHT_LEVEL * _TWILIGHT_FALL**exposure.index
        _shine(image, level, detector, (0.002, -0.001, 0.0))
    elif exposure.kind in WITH_TRUTH:
        sky = settings.sky * exposure.exptime * detector.sensitivity
        image += sky
    if detector.illumination is not None:
        image *= detector.illumination
    if exposure.kind in fields:
        alpha = scene.moffat_width(settings.seeing)
        stars = scene.stars_on(ccd, fields[exposure.kind], exposure, 15 * alpha)
        stars["flux"] *= detector.sensitivity
        scene.add_stars(image, stars, alpha)
    return image, stars, sky


def _lamp(settings, exposure):
    """Give the electrons of a flat; no lamp shines the same twice."""
    if exposure.kind == "gain":
        rng = np.random.default_rng([settings.seed, _FOR_PAIRS, exposure.index])
        return _GAIN_LAMP * exposure.exptime * rng.normal(1.0, 0.002)
    rng = np.random.default_rng([settings.seed, _FOR_LAMP, exposure.index])
    return _DOME_LEVEL * rng.normal(1.0, 0.01)


def _shine(image, level, detector, slopes):
    """Light a CCD with a level that changes over the mosaic."""
    u, v = axis_distance(detector.ccd)
    in_u, in_v, outwards = slopes
    for rows in row_blocks(image.shape):
        shape = 1 + in_u * u + in_v * v[rows] + outwards * (u**2 + v[rows] ** 2)
        image[rows] += level * shape * detector.sensitivity


def _trail(settings, exposure, detector, sky):
    middle = exposure.index == exposure.count // 2
    if exposure.kind != "science" or not (settings.trail == "all" or (settings.trail and middle)):
        return np.float32(0), np.zeros((0, 2))
    if settings.trail == "all":
        rng = np.random.default_rng([settings.seed, _FOR_TRAIL, exposure.index])
        ends = scene.trail_ends(rng, settings.shape, (0.0, 180.0))
    else:
        rng = np.random.default_rng([settings.seed, _FOR_TRAIL])
        ends = scene.trail_ends(rng, settings.shape)
    peak = _TRAIL_BRIGHTNESS
    if settings.trail_peak is not None:
        peak = settings.trail_peak * np.sqrt(sky + detector.read_noise**2)
    alpha = scene.moffat_width(settings.seeing)
    return scene.trail_image(detector.ccd, ends, peak, alpha)
