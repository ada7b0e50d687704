"""Smooth patterns over a CCD: where each pixel lies, scattered light and fringes."""

import math

import numpy as np

from awe.simulate.layout import row_blocks

__all__ = ["axis_distance", "fringe_pattern", "scattered_light"]


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


def scattered_light(ccd, amplitude):
    """Give by what diffuse light is brighter than a flat field would have it.

    Light that lenses and walls scatter gathers about the axis. It is in the
    flats and in the sky; a star loses none to speak of and gains none.

    Parameters
    ----------
    ccd : awe.simulate.layout.Ccd
        The CCD.
    amplitude : float
        Share at the optical axis above the mean of the mosaic, about.

    Returns
    -------
    numpy.ndarray
        A polynomial of second degree over the mosaic, near 1, `(ny, nx)`, of
        type float32.
    """
    u, v = axis_distance(ccd)
    light = np.empty(ccd.shape, np.float32)
    for rows in row_blocks(ccd.shape):
        bowl = 0.8 - 1.2 * (u**2 + v[rows] ** 2)
        light[rows] = 1 + amplitude * (bowl + (0.25 + 0.15 * v[rows]) * u - 0.2 * v[rows])
    return light


def fringe_pattern(shape, rng):
    """Draw the fringes of a CCD: bent, of varying width and strength.

    Parameters
    ----------
    shape : tuple of int
        `(ny, nx)`.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    numpy.ndarray
        Between -1 and 1, of mean 0, `(ny, nx)`, of type float32.
    """
    ny, nx = shape
    x = np.linspace(-1, 1, nx, dtype=np.float32)
    y = np.linspace(-1, 1, ny, dtype=np.float32)[:, None]
    angle, count = rng.uniform(0, np.pi), rng.uniform(3, 6)
    bend, tilt = rng.uniform(-0.8, 0.8, 3).tolist(), rng.uniform(-0.12, 0.12, 2).tolist()
    along_x, along_y = count * math.cos(angle), count * math.sin(angle)
    # Thickness of the silicon in wavelengths: a fringe wherever it grows by one.
    thickness = along_x * x + along_y * y + bend[0] * x**2 + bend[1] * y**2 + bend[2] * x * y
    strength = 0.75 + tilt[0] * x + tilt[1] * y
    pattern = strength * np.sin(2 * math.pi * thickness)
    return pattern - np.float32(pattern.mean(dtype=np.float64))
