"""Compiled kernels of bytes: their order turned, and summed, in one pass."""

import numpy as np
from numba import njit

__all__ = ["swap_and_sum", "swap_in_place"]

_OPTIONS = {"nogil": True, "cache": True}


@njit(**_OPTIONS)
def swap_and_sum(words, out):
    """Copy words with their bytes in reverse order, and sum them.

    Parameters
    ----------
    words : array of uint32
        One axis.
    out : array of uint32
        At least as long; filled.

    Returns
    -------
    int
        The sum, in 64 bits.
    """
    total = np.uint64(0)
    for x in range(words.size):
        v = words[x]
        total += np.uint64(v)
        low, high = v & np.uint32(0x00FF00FF), (v >> np.uint32(8)) & np.uint32(0x00FF00FF)
        v = (low << np.uint32(8)) | high
        out[x] = (v << np.uint32(16)) | (v >> np.uint32(16))
    return total


@njit(**_OPTIONS)
def swap_in_place(words, turn):
    """Reverse the order of the bytes of words of two bytes, and turn some of their bits over.

    Parameters
    ----------
    words : array of uint16
        One axis, changed.
    turn : uint16
        The bits, after the swap.
    """
    for x in range(words.size):
        v = words[x]
        words[x] = ((v << np.uint16(8)) | (v >> np.uint16(8))) ^ turn
