"""A CCD as it is: gain, noise, bias, flat field and defects, and how it is read."""

import math
from dataclasses import dataclass

import numpy as np

from awe.simulate.layout import Ccd

__all__ = ["GAIN", "Detector", "axis_distance", "make_detector", "read_out"]

GAIN = 2.5
"""Typical gain in electrons per ADU."""

_ADC_MAX = 65535
# Real CCDs with a ridge in the bias.
_RIDGED = (68, 90)


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
    hot, cold : numpy.ndarray
        Masks, `(ny, nx)`.
    hot_bias : numpy.ndarray
        What hot pixels add at zero exposure, in electrons, `(ny, nx)`.
    dark_rate : numpy.ndarray
        What hot pixels add per second, in electrons, `(ny, nx)`.
    settling : numpy.ndarray
        Fall of the level from row to row of the frame as read, in ADU.
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
    hot_bias: np.ndarray
    dark_rate: np.ndarray
    settling: np.ndarray

    @property
    def good(self):
        """Mask of the pixels that are neither hot nor cold, `(ny, nx)`."""
        return ~(self.hot | self.cold)

    @property
    def saturation(self):
        """Level in ADU of the raw frame at which a pixel is saturated."""
        return min(float(_ADC_MAX), self.level + self.full_well / self.gain)


def axis_distance(ccd):
    """Give the place of each pixel relative to the optical axis.

    Parameters
    ----------
    ccd : awe.simulate.layout.Ccd
        The CCD.

    Returns
    -------
    tuple of numpy.ndarray
        `u` of shape `(1, nx)` and `v` of shape `(ny, 1)`: -1 to 1 from edge to
        edge of the mosaic.
    """
    ny, nx = ccd.shape
    u = (np.arange(nx) + 1 - ccd.axis[0]) / (4.2 * nx)
    v = (np.arange(ny) + 1 - ccd.axis[1]) / (2.1 * ny)
    return u[None, :], v[:, None]


def make_detector(ccd, rng, *, hot, cold):
    """Make a CCD.

    Parameters
    ----------
    ccd : awe.simulate.layout.Ccd
        Which CCD.
    rng : numpy.random.Generator
        Source of random numbers; the same for the same CCD of the same night.
    hot, cold : int
        Number of single hot and cold pixels; each CCD has a cold spot besides,
        and every fourth a hot column.

    Returns
    -------
    Detector
        Its properties.
    """
    gain = GAIN * rng.uniform(0.9, 1.1)
    read_noise = rng.uniform(4.2, 5.8)
    full_well = rng.uniform(145e3, 170e3)
    level = rng.uniform(200, 400)
    structure = _bias_structure(ccd, rng)
    hot_mask, hot_bias, dark_rate = _hot_pixels(ccd, rng, hot)
    cold_mask, loss = _cold_pixels(ccd, rng, cold)
    cold_mask &= ~hot_mask
    sensitivity = rng.uniform(0.94, 1.06)
    flat = _vignetting(ccd) * _dust(ccd, rng) * _pixel_response(ccd, rng)
    flat = np.where(cold_mask, flat * loss, flat)
    mean = float(flat[~(hot_mask | cold_mask)].mean(dtype=np.float64))
    rows = ccd.raw_shape[0]
    order = np.arange(rows) if ccd.overscan_on_top else np.arange(rows)[::-1]
    settling = -rng.uniform(2, 5) * np.exp(-order / (0.04 * rows))
    return Detector(
        ccd=ccd,
        gain=gain,
        read_noise=read_noise,
        full_well=full_well,
        level=level,
        structure=structure,
        flat=(flat / mean).astype(np.float32),
        sensitivity=sensitivity * mean,
        hot=hot_mask,
        cold=cold_mask,
        hot_bias=hot_bias,
        dark_rate=dark_rate,
        settling=settling,
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
    lit += detector.structure
    lit += electrons / detector.gain
    return np.clip(np.rint(raw), 0, _ADC_MAX).astype(np.uint16)


def _drift(rng, rows):
    # Smoothed noise: slow waves of about 0.7 ADU, another one in each exposure.
    width = max(3, rows // 20)
    kernel = np.hanning(2 * width + 1)
    white = rng.standard_normal(rows + 2 * width)
    return 0.7 * np.convolve(white, kernel / math.sqrt((kernel**2).sum()), "valid")


def _bias_structure(ccd, rng):
    ny, nx = ccd.shape
    x, y = np.linspace(0, 1, nx), np.linspace(0, 1, ny)[:, None]
    waves = rng.uniform(0.5, 1.5) * np.sin(2 * np.pi * (x * rng.uniform(0.5, 2) + rng.random()))
    tilt = rng.uniform(-2, 2) * (y - 0.5) + rng.uniform(-2, 2) * (x - 0.5)
    glow = rng.uniform(2, 6) * np.exp(-10 * (x + y))
    columns = rng.normal(0, 0.5, nx)
    ridge = 15.0 * np.exp(-(((x - 0.6) / 0.03) ** 2)) if ccd.number in _RIDGED else 0.0
    return (waves + tilt + glow + columns + ridge).astype(np.float32)


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


def _vignetting(ccd):
    u, v = axis_distance(ccd)
    return 1 - 0.06 * (u**2 + v**2)


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
