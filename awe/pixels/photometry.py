"""Photometry of stars in apertures."""

from typing import NamedTuple

import numpy as np

from awe.pixels.stats import MAD_TO_SIGMA

__all__ = ["Fluxes", "aperture_fluxes", "common_shift", "recentre"]

# Rounds of the centroid, and pixels of a ring for its median.
_ROUNDS, _LEAST = 6, 10


class Fluxes(NamedTuple):
    """Fluxes of stars.

    Parameters
    ----------
    flux, error : array of float64
        In ADU; NaN where a bad pixel or the edge is in the aperture.
    """

    flux: np.ndarray
    error: np.ndarray


def aperture_fluxes(data, x, y, *, radius, ring, mask=None, gain=None):
    """Measure fluxes in round apertures above the median of a ring around.

    Parameters
    ----------
    data : array
        Shape ``(ny, nx)``, in ADU.
    x, y : array
        Places in pixels, counted from 0.
    radius : float
        Of the aperture in pixels.
    ring : (float, float)
        Inner and outer radius of the ring in pixels.
    mask : array, optional
        Same shape, not zero where a pixel is bad. By default none is.
    gain : float, optional
        Electrons per ADU, for the errors. By default the stars have no photon noise.

    Returns
    -------
    Fluxes
        Fluxes and standard errors.
    """
    from photutils.aperture import CircularAnnulus, CircularAperture

    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    ny, nx = data.shape
    clean = np.array(data, dtype=np.float64)
    if mask is not None:
        clean[np.asarray(mask) != 0] = np.nan
    flux, error = np.full(len(x), np.nan), np.full(len(x), np.nan)
    whole = (x > radius) & (x < nx - 1 - radius) & (y > radius) & (y < ny - 1 - radius)
    for k in np.flatnonzero(whole):
        disk = CircularAperture((x[k], y[k]), radius).to_mask(method="exact")
        annulus = CircularAnnulus((x[k], y[k]), *ring).to_mask(method="center")
        inside = disk.cutout(clean)
        around = annulus.cutout(clean, fill_value=np.nan)[annulus.data > 0]
        around = around[np.isfinite(around)]
        if not np.isfinite(inside[disk.data > 0]).all() or len(around) < _LEAST:
            continue
        sky = np.median(around)
        noise = MAD_TO_SIGMA * np.median(np.abs(around - sky))
        area = disk.data.sum()
        flux[k] = np.nansum(inside * disk.data) - sky * area
        # The median of the ring has an error too.
        variance = area * noise**2 * (1 + np.pi / 2 * area / len(around))
        error[k] = np.sqrt(variance + (0.0 if gain is None else max(flux[k], 0.0) / gain))
    return Fluxes(flux, error)


def recentre(data, x, y, width):
    """Move places onto the stars next to them: centroids weighted by a Gaussian.

    Parameters
    ----------
    data : array
        Shape ``(ny, nx)``, without background.
    x, y : array
        Places in pixels, counted from 0.
    width : float
        Full width at half maximum of the stars in pixels.

    Returns
    -------
    x, y : array of float64
        New places; those that went further than `width` are NaN.
    """
    half, sigma = int(np.ceil(width)), width / np.sqrt(8 * np.log(2))
    first = np.column_stack([x, y]).astype(np.float64)
    places = first.copy()
    offsets = np.arange(-half, half + 1)
    ny, nx = data.shape
    for _ in range(_ROUNDS):
        middle = np.round(places).astype(int)
        rows = np.clip(middle[:, 1, None] + offsets, 0, ny - 1)
        columns = np.clip(middle[:, 0, None] + offsets, 0, nx - 1)
        values = np.nan_to_num(data[rows[:, :, None], columns[:, None, :]]).astype(np.float64)
        dx, dy = columns - places[:, :1], rows - places[:, 1:]
        weights = np.exp(-0.5 * (dy[:, :, None] ** 2 + dx[:, None, :] ** 2) / sigma**2) * values
        total = np.maximum(weights.sum(axis=(1, 2)), 1e-30)
        # A Gaussian window halves the displacement of a Gaussian star: twice brings it back.
        places[:, 0] += 2 * np.clip((weights.sum(axis=1) * dx).sum(axis=1) / total, -1, 1)
        places[:, 1] += 2 * np.clip((weights.sum(axis=2) * dy).sum(axis=1) / total, -1, 1)
    lost = ~(np.hypot(*(places - first).T) <= width)
    places[lost] = np.nan
    return places[:, 0], places[:, 1]


def common_shift(x, y, found_x, found_y, *, reach, cell=2.0):
    """Find the shift between expected and found places that most of them have in common.

    Parameters
    ----------
    x, y : array
        Expected places in pixels.
    found_x, found_y : array
        Found places.
    reach : float
        Greatest shift in x and in y.
    cell : float, optional
        Shifts within so many pixels count as one. The default is 2.

    Returns
    -------
    dx, dy : float
        Found minus expected.
    number : int
        How many pairs have it.
    """
    dx = (np.asarray(found_x, dtype=float)[None, :] - np.asarray(x, dtype=float)[:, None]).ravel()
    dy = (np.asarray(found_y, dtype=float)[None, :] - np.asarray(y, dtype=float)[:, None]).ravel()
    near = (np.abs(dx) <= reach) & (np.abs(dy) <= reach)
    dx, dy = dx[near], dy[near]
    if not len(dx):
        return 0.0, 0.0, 0
    edges = np.arange(-reach - cell, reach + 2 * cell, cell)
    counts = np.histogram2d(dx, dy, bins=(edges, edges))[0]
    # Four cells together, so that a shift on a border is not cut in two.
    sums = counts[:-1, :-1] + counts[1:, :-1] + counts[:-1, 1:] + counts[1:, 1:]
    i, j = np.unravel_index(sums.argmax(), sums.shape)
    inside = (np.abs(dx - edges[i + 1]) <= cell) & (np.abs(dy - edges[j + 1]) <= cell)
    number = int(np.count_nonzero(inside))
    if not number:
        return 0.0, 0.0, 0
    return float(np.median(dx[inside])), float(np.median(dy[inside])), number
