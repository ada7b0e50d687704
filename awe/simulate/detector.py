"""A CCD as it is: gain, noise, bias, flat field and defects, and how it is read."""

import math
from dataclasses import dataclass

import numpy as np

from awe.simulate.layout import Ccd, row_blocks
from awe.simulate.patterns import axis_distance, fringe_pattern, scattered_light
from awe.simulate.scene import ZERO_POINT

__all__ = ["GAIN", "Detector", "make_detector", "read_out"]

GAIN = 2.5
"""Typical gain in electrons per ADU."""

_ADC_MAX = 65535
# Real CCDs with a ridge in the bias.
_RIDGED = (68, 90)
# What random numbers are for: part of their seed, apart from the numbers of kinds.
_FOR_DETECTOR, _FOR_WARM, _FOR_FRINGES = 101, 105, 106


@dataclass(frozen=True)
class Detector:
    """The properties of one CCD, the same in every exposure.

    Parameters
    ----------
    ccd : awe.simulate.layout.Ccd
        Which CCD, and its layout.
    gain : float
        Electrons per ADU.
    read_noise : float
        Electrons.
    full_well : float
        Electrons at which a pixel overflows.
    level : float
        Mean bias in the overscan, in ADU.
    structure : numpy.ndarray
        What the bias has above that level, in ADU, `(ny, nx)` of the light-
        sensitive area, without hot pixels.
    flat : numpy.ndarray
        Sensitivity, `(ny, nx)`, of mean 1 over the good pixels.
    sensitivity : float
        Electrons per photon at `flat` = 1, relative to an ideal CCD on axis.
    hot, cold, warm : numpy.ndarray
        Masks, `(ny, nx)`. `warm` pixels have a large dark current alone.
    hot_bias : numpy.ndarray
        What hot pixels add at zero exposure, in electrons, `(ny, nx)`.
    dark_rate : numpy.ndarray
        Dark current in electrons per second, `(ny, nx)`.
    settling : numpy.ndarray
        Fall of the level from row to row of the frame as read, in ADU.
    nonlinearity : float
        Share of the signal that is missing at full well.
    illumination : numpy.ndarray or None
        Diffuse light over what the flat says, `(ny, nx)`, of mean 1 over the
        good pixels when multiplied by `flat`; None for 1.
    fringe : numpy.ndarray or None
        Fringes as a share of the sky, `(ny, nx)`; None for 0.
    """

    ccd: Ccd
    gain: float
    read_noise: float
    full_well: float
    level: float
    structure: np.ndarray
    flat: np.ndarray
    sensitivity: float
    hot: np.ndarray
    cold: np.ndarray
    warm: np.ndarray
    hot_bias: np.ndarray
    dark_rate: np.ndarray
    settling: np.ndarray
    nonlinearity: float
    illumination: np.ndarray | None
    fringe: np.ndarray | None

    @property
    def good(self):
        """Mask of the pixels that are neither hot nor cold, `(ny, nx)`."""
        return ~(self.hot | self.cold)

    @property
    def saturation(self):
        """Level in ADU of the raw frame at which a pixel is saturated."""
        signal = self.full_well * (1 - self.nonlinearity)
        return min(float(_ADC_MAX), self.level + signal / self.gain)

    @property
    def zero_point(self):
        """Magnitude of a star that gives one electron per second at a flat of 1."""
        return ZERO_POINT + 2.5 * math.log10(self.sensitivity)


def make_detector(ccd, settings):
    """Make a CCD.

    Parameters
    ----------
    ccd : awe.simulate.layout.Ccd
        Which CCD.
    settings : awe.simulate.settings.Settings
        The night: its seed, how many hot, cold and warm pixels (each CCD has a
        cold spot besides, and every fourth a hot column), dark current,
        nonlinearity, fringes and scattered light.

    Returns
    -------
    Detector
        Its properties, the same for the same CCD of the same night.
    """
    rng = np.random.default_rng([settings.seed, _FOR_DETECTOR, ccd.number])
    gain = GAIN * rng.uniform(0.9, 1.1)
    read_noise = rng.uniform(4.2, 5.8)
    full_well = rng.uniform(145e3, 170e3)
    level = rng.uniform(200, 400)
    structure = _bias_structure(ccd, rng)
    hot, hot_bias, dark_rate = _hot_pixels(ccd, rng, settings.hot)
    cold, loss = _cold_pixels(ccd, rng, settings.cold)
    cold &= ~hot
    sensitivity = rng.uniform(0.94, 1.06)
    flat = _flat(ccd, rng)
    flat[cold] *= loss[cold]
    mean = float(flat[~(hot | cold)].mean(dtype=np.float64))
    flat /= mean
    settling = _settling(ccd, rng)
    warm = _warm_pixels(ccd, settings, hot | cold, dark_rate)
    return Detector(
        ccd=ccd,
        gain=gain,
        read_noise=read_noise,
        full_well=full_well,
        level=level,
        structure=structure,
        flat=flat.astype(np.float32),
        sensitivity=sensitivity * mean,
        hot=hot,
        cold=cold,
        warm=warm,
        hot_bias=hot_bias,
        dark_rate=dark_rate,
        settling=settling,
        nonlinearity=settings.nonlinearity,
        illumination=_illumination(ccd, settings, flat, ~(hot | cold)),
        fringe=_fringe(ccd, settings),
    )


def read_out(detector, electrons, rng):
    """Read a CCD: bias, noise, gain and digitisation.

    Parameters
    ----------
    detector : Detector
        The CCD.
    electrons : numpy.ndarray
        Electrons in each light-sensitive pixel, `(ny, nx)`.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    numpy.ndarray
        The frame as read, of type uint16, with its prescan and overscan.
    """
    ccd = detector.ccd
    rows, columns = ccd.raw_shape
    raw = rng.standard_normal((rows, columns), dtype=np.float32)
    raw *= detector.read_noise / detector.gain
    level = detector.level + detector.settling + _drift(rng, rows)
    raw += level.astype(np.float32)[:, None]
    lit = raw[ccd.rows, ccd.columns]
    for rows in row_blocks(ccd.shape):
        lit[rows] += detector.structure[rows]
        signal = electrons[rows]
        if detector.nonlinearity:
            signal = signal * (1 - detector.nonlinearity / detector.full_well * signal)
        lit[rows] += signal / detector.gain
    return _digitised(raw)


def _drift(rng, rows):
    # Smoothed noise: slow waves of about 0.7 ADU, another one in each exposure.
    width = max(3, rows // 20)
    kernel = np.hanning(2 * width + 1)
    white = rng.standard_normal(rows + 2 * width)
    return 0.7 * np.convolve(white, kernel / math.sqrt((kernel**2).sum()), "valid")


def _digitised(raw):
    counts = np.empty(raw.shape, np.uint16)
    for rows in row_blocks(raw.shape):
        counts[rows] = np.clip(np.rint(raw[rows]), 0, _ADC_MAX)
    return counts


def _settling(ccd, rng):
    rows = ccd.raw_shape[0]
    order = np.arange(rows) if ccd.overscan_on_top else np.arange(rows)[::-1]
    return -rng.uniform(2, 5) * np.exp(-order / (0.04 * rows))


def _bias_structure(ccd, rng):
    ny, nx = ccd.shape
    x, y = np.linspace(0, 1, nx), np.linspace(0, 1, ny)[:, None]
    waves = rng.uniform(0.5, 1.5) * np.sin(2 * np.pi * (x * rng.uniform(0.5, 2) + rng.random()))
    tilt_y, tilt_x = rng.uniform(-2, 2), rng.uniform(-2, 2)
    glow = rng.uniform(2, 6)
    columns = rng.normal(0, 0.5, nx)
    ridge = 15.0 * np.exp(-(((x - 0.6) / 0.03) ** 2)) if ccd.number in _RIDGED else 0.0
    structure = np.empty(ccd.shape, np.float32)
    for rows in row_blocks(ccd.shape):
        tilt = tilt_y * (y[rows] - 0.5) + tilt_x * (x - 0.5)
        shine = glow * np.exp(-10 * (x + y[rows]))
        structure[rows] = waves + tilt + shine + columns + ridge
    return structure


def _illumination(ccd, settings, flat, good):
    if settings.illumination == 0:
        return None
    light = scattered_light(ccd, settings.illumination)
    mean = np.mean(light * flat, where=good)
    return light / np.float32(mean)


def _fringe(ccd, settings):
    if settings.fringes == 0:
        return None
    rng = np.random.default_rng([settings.seed, _FOR_FRINGES, ccd.number])
    return np.float32(settings.fringes) * fringe_pattern(ccd.shape, rng)


def _warm_pixels(ccd, settings, taken, dark_rate):
    """Choose the warm pixels, and add the dark current to that of the hot ones."""
    rng = np.random.default_rng([settings.seed, _FOR_WARM, ccd.number])
    mask = np.zeros(ccd.shape, bool)
    where = rng.choice(mask.size, settings.warm, replace=False)
    rates = 10 ** rng.uniform(0.7, 1.7, settings.warm)
    free = ~taken.flat[where]
    mask.flat[where[free]] = True
    dark_rate.flat[where[free]] = rates[free]
    dark_rate += np.float32(settings.dark_current)
    return mask


def _hot_pixels(ccd, rng, count):
    ny, nx = ccd.shape
    mask = np.zeros(ccd.shape, bool)
    bias, rate = np.zeros(ccd.shape, np.float32), np.zeros(ccd.shape, np.float32)
    where = rng.choice(ny * nx, count, replace=False)
    mask.flat[where] = True
    bias.flat[where] = GAIN * 10 ** rng.uniform(2.2, 3.8, count)
    rate.flat[where] = 10 ** rng.uniform(0, 1.7, count)
    column, first = int(rng.integers(nx // 8, nx - nx // 8)), int(rng.integers(ny // 4, ny // 2))
    if ccd.number % 4 == 2:
        # The charge leaks into all pixels that are read through the defect.
        part = slice(first, None) if ccd.overscan_on_top else slice(None, ny - first)
        mask[part, column] = True
        bias[part, column] += GAIN * 60
        rate[part, column] += 1.0
    return mask, bias, rate


def _cold_pixels(ccd, rng, count):
    ny, nx = ccd.shape
    loss = np.ones(ccd.shape, np.float32)
    where = rng.choice(ny * nx, count, replace=False)
    loss.flat[where] = rng.uniform(0.0, 0.5, count)
    if count:
        y, x = int(rng.integers(2, ny - 4)), int(rng.integers(2, nx - 4))
        loss[y : y + 3, x : x + 3] = 0.3
    return loss < 1, loss


def _flat(ccd, rng):
    """Give vignetting, dust and the response of single pixels, of type float64."""
    dust = _dust(ccd, rng)
    response = _pixel_response(ccd, rng)
    u, v = axis_distance(ccd)
    flat = np.empty(ccd.shape)
    for rows in row_blocks(ccd.shape):
        flat[rows] = (1 - 0.06 * (u**2 + v[rows] ** 2)) * dust[rows] * response[rows]
    return flat


def _dust(ccd, rng):
    ny, nx = ccd.shape
    shadow = np.ones(ccd.shape, np.float32)
    y, x = np.ogrid[:ny, :nx]
    for _ in range(int(rng.integers(4, 9))):
        radius = min(rng.uniform(0.03, 0.08) * nx, 60.0)
        depth, hole = rng.uniform(0.02, 0.08), rng.uniform(0.3, 0.5)
        y0, x0 = rng.uniform(0, ny), rng.uniform(0, nx)
        low, high = max(0, int(y0 - 2 * radius)), int(y0 + 2 * radius) + 1
        left, right = max(0, int(x0 - 2 * radius)), int(x0 + 2 * radius) + 1
        r = np.hypot(y[low:high] - y0, x[:, left:right] - x0) / radius
        # The telescope's pupil out of focus: a ring with soft edges.
        ring = np.clip((1 - r) / 0.15, 0, 1) * np.clip((r - hole) / 0.15, 0, 1)
        shadow[low:high, left:right] *= 1 - depth * ring
    return shadow


def _pixel_response(ccd, rng):
    response = rng.standard_normal(ccd.shape, dtype=np.float32)
    response *= 0.008
    response += 1
    return response
