"""Compiled kernels of the image statistics."""

import numpy as np
from numba import njit

__all__ = ["find_good", "gather_good", "group", "scan", "trim"]

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}
CHUNK = 1024


# The order of a sum may change so that it vectorises; the machine code, and so the sum, is the
# same every time.
@njit(fastmath={"reassoc"}, **_OPTIONS)
def _moments(values, low, high, near, origin):
    """Count and sum the values within limits, and count those below a third one."""
    below = inside = 0
    first = second = 0.0
    for x in range(values.size):
        v = values[x]
        take = (v >= low) & (v <= high)
        below += v < near
        inside += take
        d = np.float64(v) - origin
        d = d if take else 0.0
        first += d
        second += d * d
    return below, inside, first, second


@njit(**_OPTIONS)
def scan(values, core, bracket, origin, outside, middle):
    """Sum the values in the core of a distribution, and collect those outside and in the middle.

    Parameters
    ----------
    values : array of float32
        One axis, all finite.
    core, bracket : tuple of float32
        Limits, included.
    origin : float
        What is subtracted from each value before it is summed.
    outside : array of float32
        Gets the values outside the core, in their order.
    middle : array of float32
        Gets the values within the bracket, in their order.

    Returns
    -------
    below : int
        How many values are below the bracket.
    inside, out, between : int
        How many values are in the core, outside of it, in the bracket; `inside`
        is -1 where an array was too small.
    first, second : float
        Sums of the differences in the core and of their squares.
    """
    low, high = core
    near, far = bracket
    below = inside = out = between = 0
    first = second = 0.0
    for start in range(0, values.size, CHUNK):
        part = values[start : start + CHUNK]
        if out + CHUNK >= outside.size or between + CHUNK >= middle.size:
            return below, -1, out, between, first, second
        less, count, sum1, sum2 = _moments(part, low, high, near, origin)
        below += less
        inside += count
        first += sum1
        second += sum2
        # Stored in any case and counted only then: a branch would often be guessed wrong.
        for x in range(part.size):
            v = part[x]
            outside[out] = v
            out += (v < low) | (v > high)
            middle[between] = v
            between += (v >= near) & (v <= far)
    return below, inside, out, between, first, second


@njit(**_OPTIONS)
def trim(values, low, high, origin):
    """Keep the values within limits at the front of their array, and sum them.

    Parameters
    ----------
    values : array of float32
        One axis; those within come first, in their order.
    low, high : float
        Limits, included.
    origin : float
        What is subtracted from each value before it is summed.

    Returns
    -------
    kept, less : int
        How many values are within, and how many are below.
    first, second : float
        Sums of the differences within and of their squares.
    """
    kept = less = 0
    first = second = 0.0
    for x in range(values.size):
        v = values[x]
        wide = np.float64(v)
        take = (wide >= low) & (wide <= high)
        less += wide < low
        values[kept] = v
        kept += take
        d = wide - origin if take else 0.0
        first += d
        second += d * d
    return kept, less, first, second


@njit(**_OPTIONS)
def group(values, low, scale, ends, grouped):
    """Sort values by the intervals of equal width in which they lie, not within them.

    Parameters
    ----------
    values : array of float32
        One axis, none below `low`.
    low, scale : float
        Where the first interval begins, and how many there are in a unit.
    ends : array of int64
        Zeros, one for each interval; gets the place behind the last value of each.
    grouped : array of float32
        As long as `values`; gets them.
    """
    last = ends.size - 1
    for x in range(values.size):
        ends[min(np.int64((values[x] - low) * scale), last)] += 1
    place = 0
    for k in range(ends.size):
        count = ends[k]
        ends[k] = place
        place += count
    for x in range(values.size):
        k = min(np.int64((values[x] - low) * scale), last)
        grouped[ends[k]] = values[x]
        ends[k] += 1


@njit(**_OPTIONS)
def gather_good(values, mask, found):
    """Collect the finite values that are not masked.

    Parameters
    ----------
    values : array of float32
        One axis.
    mask : array of uint8
        Same length, not zero where bad; or of size 0.
    found : array of float32
        One longer; gets the values in their order.

    Returns
    -------
    int
        How many there are.
    """
    count = 0
    zero = np.float32(0)
    if mask.size:
        for x in range(values.size):
            v = values[x]
            found[count] = v
            count += (v - v == zero) & (mask[x] == 0)
    else:
        for x in range(values.size):
            v = values[x]
            found[count] = v
            count += v - v == zero
    return count


@njit(**_OPTIONS)
def find_good(values, mask, wanted):
    """Find the first value that is not masked and equals another.

    Parameters
    ----------
    values : array of float32
        One axis.
    mask : array of uint8
        Same length, not zero where bad; or of size 0.
    wanted : float32
        The value.

    Returns
    -------
    int
        Its place; -1 where there is none.
    """
    for x in range(values.size):
        if values[x] == wanted and (mask.size == 0 or mask[x] == 0):
            return x
    return -1
