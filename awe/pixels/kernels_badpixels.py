"""Compiled kernels of bad pixel searches: the local median, and what stands out from it."""

import numpy as np
from numba import njit

__all__ = ["local_median", "mark"]

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(inline="always", **_OPTIONS)
def _low(a, b):
    return a if a < b else b


@njit(inline="always", **_OPTIONS)
def _high(a, b):
    return b if a < b else a


@njit(inline="always", **_OPTIONS)
def _median_of_seven(a, b, c, d, e, f, g):
    """Give the middle of seven values by a network of comparators."""
    a, f = _low(a, f), _high(a, f)
    a, d = _low(a, d), _high(a, d)
    b, g = _low(b, g), _high(b, g)
    c, e = _low(c, e), _high(c, e)
    a, b = _low(a, b), _high(a, b)
    d, f = _low(d, f), _high(d, f)
    c, g = _low(c, g), _high(c, g)
    c, d = _low(c, d), _high(c, d)
    d, g = _low(d, g), _high(d, g)
    e, f = _low(e, f), _high(e, f)
    b, e = _low(b, e), _high(b, e)
    b, d = _low(b, d), _high(b, d)
    return _low(d, e)


@njit(**_OPTIONS)
def local_median(image, rows, columns, offsets, result):
    """Compute the median of seven medians of seven pixels around each pixel.

    Parameters
    ----------
    image : array of float32
        Finite numbers, shape ``(ny, nx)``.
    rows : array of int64
        Shape ``(ny, 7)``: the rows that are looked at for each row.
    columns : array of int64
        Columns of the image that make a row with its mirror images at both ends,
        as many more on each side as the last offset.
    offsets : array of int64
        The seven columns that are looked at, relative to that in the middle, ascending.
    result : array of float32
        Filled with the medians, shape ``(ny, nx)``.
    """
    ny, nx = image.shape
    # One array with room at both ends: with few pointers the loops vectorise.
    reach = offsets[6]
    padded = np.empty(nx + 2 * reach, dtype=np.float32)
    for y in range(ny):
        r0, r1, r2 = image[rows[y, 0]], image[rows[y, 1]], image[rows[y, 2]]
        r3, r4 = image[rows[y, 3]], image[rows[y, 4]]
        r5, r6 = image[rows[y, 5]], image[rows[y, 6]]
        middle = padded[reach : reach + nx]
        for x in range(nx):
            middle[x] = _median_of_seven(r0[x], r1[x], r2[x], r3[x], r4[x], r5[x], r6[x])
        for x in range(reach):
            padded[x] = middle[columns[x]]
            padded[reach + nx + x] = middle[columns[reach + nx + x]]
        target = result[y]
        p1, p2 = padded[reach + offsets[1] :], padded[reach + offsets[2] :]
        p3, p4 = padded[reach:], padded[reach + offsets[4] :]
        p5, p6 = padded[reach + offsets[5] :], padded[reach + offsets[6] :]
        for x in range(nx):
            target[x] = _median_of_seven(padded[x], p1[x], p2[x], p3[x], p4[x], p5[x], p6[x])


@njit(**_OPTIONS)
def mark(image, median, error, typical, threshold, relative, low, high, bad, filled):
    """Mark the pixels that stand out from their local medians, and fill them with these.

    Parameters
    ----------
    image, median : array of float32
        Shape ``(ny, nx)``.
    error : array of float32
        Same shape, or one row and column for one that is equal everywhere.
    typical : float
        Error of a pixel of which it is not a positive number.
    threshold : float
        The difference must exceed so many errors.
    relative : bool
        Whether `low` and `high` count; else only brighter pixels stand out.
    low, high : float
        Differences over the median that are accepted.
    bad : array of bool
        Pixels that are known already; those that stand out are marked as well.
    filled : array of float32
        Gets the medians there.

    Returns
    -------
    int
        How many were marked.
    """
    ny, nx = image.shape
    odd = np.empty(nx, dtype=np.bool_)
    limits = np.empty(nx, dtype=np.float32)
    zero, infinite = np.float32(0), np.float32(np.inf)
    factor, usual = np.float32(threshold), np.float32(typical)
    down, up = np.float32(low), np.float32(high)
    limits[:] = factor * error[0, 0]
    count = 0
    for y in range(ny):
        values, middle, known = image[y], median[y], bad[y]
        if error.size > 1:
            errors = error[y]
            for x in range(nx):
                e = errors[x]
                limits[x] = factor * (e if e > zero and e < infinite else usual)
        found = False
        if relative:
            for x in range(nx):
                d = values[x] - middle[x]
                size = d if d > zero else -d
                hit = (d < down * middle[x]) | (d > up * middle[x])
                odd[x] = hit & (size > limits[x]) & ~known[x]
                found |= odd[x]
        else:
            for x in range(nx):
                odd[x] = (values[x] - middle[x] > limits[x]) & ~known[x]
                found |= odd[x]
        if found:
            for x in range(nx):
                if odd[x]:
                    bad[y, x] = True
                    filled[y, x] = middle[x]
                    count += 1
    return count
