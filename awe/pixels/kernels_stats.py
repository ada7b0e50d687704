"""Compiled kernels of the image statistics."""

import numpy as np
from numba import njit

__all__ = ["gather_between", "moments_between"]


@njit(nogil=True, cache=True, error_model="numpy")
def gather_between(values, low, high, found):
    """Collect the values within limits.

    Parameters
    ----------
    values : array of float32
        One axis.
    low, high : float
        The limits, both included.
    found : array of float32
        Gets the values in their order, as many as it can hold.

    Returns
    -------
    below, inside : int
        How many values are below and within the limits.
    """
    below = inside = 0
    for x in range(values.size):
        v = values[x]
        below += v < low
        if v >= low and v <= high:
            if inside < found.size:
                found[inside] = v
            inside += 1
    return below, inside


# The order of a sum may change so that it vectorises; the machine code, and so the sum, is the
# same every time.
@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc"})
def moments_between(values, low, high, origin):
    """Count and sum the values within limits.

    Parameters
    ----------
    values : array of float32
        One axis; NaN is never within.
    low, high : float
        The limits, both included.
    origin : float
        What is subtracted from each value before it is summed.

    Returns
    -------
    below, inside : int
        How many values are below and within the limits.
    first, second : float
        Sums of the differences and of their squares.
    """
    below = inside = 0
    first = second = 0.0
    for x in range(values.size):
        v = np.float64(values[x])
        below += v < low
        take = (v >= low) & (v <= high)
        inside += take
        d = v - origin if take else 0.0
        first += d
        second += d * d
    return below, inside, first, second
