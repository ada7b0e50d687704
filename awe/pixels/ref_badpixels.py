"""Definition of the local median of bad pixel searches in plain NumPy."""

import numpy as np

__all__ = ["local_median", "mirrored", "offsets", "stands_out"]


def local_median(image, steps):
    """Compute the median of seven medians of seven pixels around each pixel.

    Along y and along x the seven are the pixel itself and those at three distances
    on both sides: three may be bad without any effect. Beyond the edge the image is
    mirrored about the last pixel.

    Parameters
    ----------
    image : array
        Finite numbers, shape ``(ny, nx)``.
    steps : sequence of int
        Three distances in pixels, ascending.

    Returns
    -------
    array of float64
        Same shape: the median along x of the medians along y.
    """
    result = np.asarray(image, dtype=np.float64)
    for axis in (0, 1):
        size = result.shape[axis]
        places = mirrored(np.arange(size)[:, None] + offsets(steps), size)
        result = np.median(np.take(result, places, axis=axis), axis=axis + 1)
    return result


def offsets(steps):
    """Give the places of seven pixels relative to that in the middle.

    Parameters
    ----------
    steps : sequence of int
        Three distances in pixels, ascending.

    Returns
    -------
    array of int
        Seven places, ascending.
    """
    steps = np.asarray(steps)
    return np.concatenate([-steps[::-1], [0], steps])


def mirrored(places, size):
    """Bring places beyond an axis of some size back into it by mirrors about its ends.

    Parameters
    ----------
    places : array of int
        Any places.
    size : int
        Number of pixels along the axis.

    Returns
    -------
    array of int
        Each from 0 to ``size - 1``.
    """
    if size == 1:
        return np.zeros_like(places)
    folded = np.abs(places) % (2 * (size - 1))
    return np.minimum(folded, 2 * (size - 1) - folded)


def stands_out(image, median, limit, low, high):
    """Tell which pixels stand out from their local medians.

    Parameters
    ----------
    image, median : array
        Shape ``(ny, nx)``.
    limit : float or array
        What the difference must exceed.
    low, high : float or None
        Ratios to the median that are accepted; None where only the brighter pixels
        are looked for, and no ratio counts.

    Returns
    -------
    array of bool
        True where a pixel stands out.
    """
    difference = np.asarray(image, dtype=np.float64) - median
    if low is None:
        return difference > limit
    outside = (difference < (low - 1) * median) | (difference > (high - 1) * median)
    return outside & (np.abs(difference) > limit)
