"""Compiled kernels of the clipped noise of the difference of two frames."""

import numpy as np
from numba import njit

__all__ = ["clip_cells", "row_means"]

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def row_means(difference, good, centre, limit):
    """Compute the mean of each row without what is far from its centre.

    Parameters
    ----------
    difference : array of float32
        Shape ``(ny, nx)``.
    good : array of bool
        Same shape, False where a pixel does not count.
    centre, limit : array of float64
        Of each row: pixels within `limit` of `centre` count.

    Returns
    -------
    array of float64
        The means; `centre` where no pixel counts.
    """
    ny, nx = difference.shape
    result = centre.copy()
    for y in range(ny):
        number, total = 0, 0.0
        middle, width = centre[y], limit[y]
        for x in range(nx):
            d = difference[y, x] - middle
            if good[y, x] and abs(d) <= width:
                number += 1
                total += d
        if number > 0:
            result[y] = middle + total / number
    return result


@njit(**_OPTIONS)
def _moments(values, n, low, high):
    """Count the values within limits; give their mean and the sum of squares about it."""
    number, first = 0, 0.0
    for i in range(n):
        v = values[i]
        if v >= low and v <= high:
            number += 1
            first += v
    mean = first / number if number > 0 else 0.0
    squares = 0.0
    for i in range(n):
        v = values[i]
        if v >= low and v <= high:
            squares += (v - mean) ** 2
    return number, mean, squares


@njit(**_OPTIONS)
def clip_cells(difference, frame, good, centre, limit, threshold, iterations, least):
    """Clip the pixels of each cell about their mean, and sum up what is left.

    Parameters
    ----------
    difference, frame : array of float32
        Shape ``(ny, nx)``.
    good : array of bool
        Same shape, False where a pixel does not count.
    centre, limit : array of float64
        Shape ``(rows, columns)`` of cells: first of all, pixels further than `limit`
        from `centre` are left out.
    threshold : float
        Then those further than so many standard deviations from the mean.
    iterations : int
        How often at most.
    least : int
        A cell with fewer pixels left does not count.

    Returns
    -------
    count : int
        Number of pixels left.
    total : float
        Sum of `frame` over them.
    squares : float
        Sum of the squares of their differences from the means of their cells.
    freedom : int
        Number of pixels without one for each cell.
    """
    rows, columns = centre.shape
    high, wide = difference.shape[0] // rows, difference.shape[1] // columns
    values, levels = np.empty(high * wide), np.empty(high * wide)
    count, total, squares, cells = 0, 0.0, 0.0, 0
    for j in range(rows):
        for i in range(columns):
            n = 0
            for y in range(j * high, (j + 1) * high):
                for x in range(i * wide, (i + 1) * wide):
                    if good[y, x]:
                        values[n] = difference[y, x]
                        levels[n] = frame[y, x]
                        n += 1
            low, top = centre[j, i] - limit[j, i], centre[j, i] + limit[j, i]
            number, mean, square = _moments(values, n, low, top)
            for _ in range(iterations):
                if number == 0:
                    break
                spread = np.sqrt(square / number)
                # A value once left out stays out, even where the limits move away again.
                low = max(low, mean - threshold * spread)
                top = min(top, mean + threshold * spread)
                before = number
                number, mean, square = _moments(values, n, low, top)
                if number == before:
                    break
            if number < least:
                continue
            for k in range(n):
                if values[k] >= low and values[k] <= top:
                    total += levels[k]
            count += number
            squares += square
            cells += 1
    return count, total, squares, count - cells
