"""What falls on a CCD: sky, stars with a Moffat profile, and the trail of a satellite."""

import math

import numpy as np

from awe.simulate.layout import PIXEL_SCALE, mosaic
from awe.simulate.sphere import deproject, project

__all__ = [
    "BETA",
    "BRIGHT_LIMITS",
    "FIELD_LIMITS",
    "STAR",
    "ZERO_POINT",
    "add_stars",
    "mark_saturated",
    "moffat_width",
    "star_field",
    "stars_on",
    "trail_ends",
    "trail_image",
]

BETA = 3.5
"""Exponent of the Moffat profile."""

ZERO_POINT = 25.0
"""Magnitude of a star that gives one electron per second."""

STAR = np.dtype(
    [
        ("id", "i4"),
        ("ra", "f8"),
        ("dec", "f8"),
        ("x", "f8"),
        ("y", "f8"),
        ("mag", "f8"),
        ("flux", "f8"),
        ("peak", "f8"),
        ("saturated", "?"),
    ]
)
"""A star in the truth: id in the field, degrees, place from 0 in the light-sensitive
area, magnitude, electrons in the exposure at a flat of 1, of these in the pixel of its
centre, and whether a pixel within half of its width (1 at least) is full."""

FIELD_LIMITS = (15.0, 23.0)
"""Magnitudes of the brightest and the faintest stars of a field."""

BRIGHT_LIMITS = (11.0, 16.0)
"""Magnitudes of the stars that show on the bright sky of twilight."""

_SLOPE = 0.2
_DARK_ENOUGH = 0.05
# The value at the middle of a pixel would give the flux of a wide star as well, but not its width:
# a detector averages over pixels, which makes a star of 3 pixels wider by 2 %.
# Gauss-Legendre nodes and weights on a pixel.
_NODES = ((-(0.15**0.5), 5 / 18), (0.0, 8 / 18), (0.15**0.5, 5 / 18))


def star_field(rng, shape, stars, ra0, dec0, *, bright, limits=FIELD_LIMITS):
    """Scatter stars over the whole mosaic and the margin that dithers reach.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.
    shape : tuple of int
        Light-sensitive pixels of a CCD, `(ny, nx)`.
    stars : float
        Mean number of stars per CCD.
    ra0, dec0 : float
        Centre of the field in degrees.
    bright : bool
        Whether one CCD in four gets a star near its middle that saturates and
        bleeds.
    limits : tuple of float, optional
        Magnitudes of the brightest and the faintest of the others. The default
        is `FIELD_LIMITS`.

    Returns
    -------
    dict of str to numpy.ndarray
        `ra`, `dec` in degrees and `mag`.
    """
    ccds = mosaic(32, shape)
    low_x, high_x = 1 - max(c.axis[0] for c in ccds), shape[1] - min(c.axis[0] for c in ccds)
    low_y, high_y = 1 - max(c.axis[1] for c in ccds), shape[0] - min(c.axis[1] for c in ccds)
    low_y, high_y = low_y - 0.1 * shape[0], high_y + 0.6 * shape[0]
    low_x, high_x = low_x - 0.4 * shape[1], high_x + 0.4 * shape[1]
    count = round(stars * (high_x - low_x) * (high_y - low_y) / (shape[0] * shape[1]))
    x, y = rng.uniform(low_x, high_x, count), rng.uniform(low_y, high_y, count)
    # Counts grow by 10**(slope * magnitude), from the bright to the faint limit.
    share = rng.random(count)
    low, high = (10 ** (_SLOPE * limit) for limit in limits)
    mag = np.log10(low + share * (high - low)) / _SLOPE
    if bright and stars > 0:
        marked = [c for c in ccds if c.number % 4 == 1]
        x = np.append(x, [rng.uniform(0.3, 0.7) * shape[1] - c.axis[0] for c in marked])
        y = np.append(y, [rng.uniform(0.3, 0.6) * shape[0] - c.axis[1] for c in marked])
        mag = np.append(mag, rng.uniform(12.2, 12.8, len(marked)))
    scale = PIXEL_SCALE / 3600
    ra, dec = deproject(-x * scale, y * scale, ra0, dec0)
    return {"ra": ra, "dec": dec, "mag": mag}


def stars_on(ccd, field, exposure, reach):
    """List the stars whose light may reach a CCD in an exposure.

    Parameters
    ----------
    ccd : awe.simulate.layout.Ccd
        The CCD.
    field : dict of str to numpy.ndarray
        What `star_field` gave.
    exposure : awe.simulate.settings.Exposure
        Pointing and exposure time.
    reach : float
        How many pixels outside the CCD a star may lie.

    Returns
    -------
    numpy.ndarray
        Of type `STAR`, in the order of the field.
    """
    xi, eta = project(field["ra"], field["dec"], exposure.ra, exposure.dec)
    x = -xi * 3600 / PIXEL_SCALE + ccd.axis[0] - 1
    y = eta * 3600 / PIXEL_SCALE + ccd.axis[1] - 1
    ny, nx = ccd.shape
    near = (x > -reach) & (x < nx - 1 + reach) & (y > -reach) & (y < ny - 1 + reach)
    found = np.zeros(np.count_nonzero(near), STAR)
    found["id"] = np.flatnonzero(near)
    found["x"], found["y"] = x[near], y[near]
    for name in ("ra", "dec", "mag"):
        found[name] = field[name][near]
    found["flux"] = exposure.exptime * 10 ** (0.4 * (ZERO_POINT - found["mag"]))
    return found


def moffat_width(seeing):
    """Convert a full width at half maximum to the width `alpha` of a Moffat profile.

    Parameters
    ----------
    seeing : float
        Full width at half maximum in arcseconds.

    Returns
    -------
    float
        In pixels (Moffat 1969, A&A 3, 455).
    """
    return seeing / PIXEL_SCALE / (2 * math.sqrt(2 ** (1 / BETA) - 1))


def add_stars(image, stars, alpha):
    """Add stars to an image.

    Parameters
    ----------
    image : numpy.ndarray
        Electrons, `(ny, nx)`, of type float64; changed in place.
    stars : numpy.ndarray
        Of type `STAR`; their `peak` is set.
    alpha : float
        Width of the profile in pixels; it is integrated over each pixel.
    """
    ny, nx = image.shape
    for star in stars:
        peak = star["flux"] * (BETA - 1) / (math.pi * alpha**2)
        radius = math.ceil(alpha * max(2.0, (peak / _DARK_ENOUGH) ** (0.5 / BETA)))
        x0, y0 = round(star["x"]), round(star["y"])
        middle = _profile(np.array([x0 - star["x"]]), np.array([y0 - star["y"]]), alpha)
        star["peak"] = peak * middle[0, 0]
        left, right = max(0, x0 - radius), min(nx, x0 + radius + 1)
        low, high = max(0, y0 - radius), min(ny, y0 + radius + 1)
        if left >= right or low >= high:
            continue
        dx, dy = np.arange(left, right) - star["x"], np.arange(low, high) - star["y"]
        image[low:high, left:right] += peak * _profile(dx, dy, alpha)


def _profile(dx, dy, alpha):
    profile = np.zeros((len(dy), len(dx)))
    for x, weight_x in _NODES:
        for y, weight_y in _NODES:
            dx2, dy2 = ((dx + x) / alpha) ** 2, ((dy + y) / alpha) ** 2
            profile += weight_x * weight_y * (1 + dx2 + dy2[:, None]) ** -BETA
    return profile


def mark_saturated(stars, full, alpha):
    """Mark the stars whose core is saturated.

    Parameters
    ----------
    stars : numpy.ndarray
        Of type `STAR`; their `saturated` is set.
    full : numpy.ndarray
        Mask of full pixels, `(ny, nx)`.
    alpha : float
        Width of the profile in pixels.
    """
    ny, nx = full.shape
    reach = max(1.0, alpha * math.sqrt(2 ** (1 / BETA) - 1))
    for star in stars:
        x, y = star["x"], star["y"]
        if not (-0.5 < x < nx - 0.5 and -0.5 < y < ny - 0.5):
            continue
        left, low = max(0, math.ceil(x - reach)), max(0, math.ceil(y - reach))
        near = full[low : math.floor(y + reach) + 1, left : math.floor(x + reach) + 1]
        rows, columns = np.nonzero(near)
        distance2 = (columns + left - x) ** 2 + (rows + low - y) ** 2
        star["saturated"] = bool((distance2 <= reach**2).any())


def trail_ends(rng, shape, angles=(15.0, 40.0)):
    """Choose the track of a satellite across the mosaic: it crosses the first CCD.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.
    shape : tuple of int
        Light-sensitive pixels of a CCD, `(ny, nx)`.
    angles : tuple of float, optional
        Least and greatest angle to the rows, in degrees. The default is 15 and
        40.

    Returns
    -------
    tuple of float
        `(x1, y1, x2, y2)` in pixels from the optical axis, far outside the
        mosaic at both ends.
    """
    first = mosaic(1, shape)[0]
    x = rng.uniform(0.35, 0.65) * shape[1] - first.axis[0]
    y = rng.uniform(0.35, 0.65) * shape[0] - first.axis[1]
    angle = rng.uniform(math.radians(angles[0]), math.radians(angles[1]))
    far = 12.0 * max(shape)
    dx, dy = far * math.cos(angle), far * math.sin(angle)
    return x - dx, y - dy, x + dx, y + dy


def trail_image(ccd, ends, electrons, alpha):
    """Paint the track of a satellite on a CCD.

    Parameters
    ----------
    ccd : awe.simulate.layout.Ccd
        The CCD.
    ends : tuple of float
        What `trail_ends` gave.
    electrons : float
        Electrons in the brightest pixels.
    alpha : float
        Width of the Moffat profile of a star, in pixels.

    Returns
    -------
    tuple of (numpy.ndarray, numpy.ndarray)
        Electrons `(ny, nx)` of type float32, and the ends `[[x, y], [x, y]]`
        from 0 in the light-sensitive area, where the track leaves it; of no
        length where it does not cross the CCD.
    """
    ny, nx = ccd.shape
    offset = np.array([ccd.axis[0] - 1, ccd.axis[1] - 1])
    start, stop = np.array(ends[:2]) + offset, np.array(ends[2:]) + offset
    along = (stop - start) / np.hypot(*(stop - start))
    inside = _clip(start, stop, (nx - 1, ny - 1))
    y, x = np.ogrid[:ny, :nx]
    distance = along[0] * (y - start[1]) - along[1] * (x - start[0])
    # A Moffat profile integrated along a line is one with an exponent less by a half.
    image = electrons * (1 + (distance / alpha) ** 2) ** (0.5 - BETA)
    image[image < 0.01 * electrons] = 0
    return image.astype(np.float32), inside


def _clip(start, stop, corner):
    """Cut a segment at the box from (0, 0) to a corner (Liang and Barsky 1984)."""
    low, high = 0.0, 1.0
    step = stop - start
    for axis in (0, 1):
        if step[axis] == 0:
            if not 0 <= start[axis] <= corner[axis]:
                return np.zeros((0, 2))
            continue
        ends = sorted((limit - start[axis]) / step[axis] for limit in (0.0, corner[axis]))
        low, high = max(low, ends[0]), min(high, ends[1])
    if low >= high:
        return np.zeros((0, 2))
    return np.array([start + low * step, start + high * step])
