"""Masks: their bits, saturated pixels, and their growth."""

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels.backend import kernels
from awe.pixels.geometry import ccd_shape, check_arrays

__all__ = ["MASK_BITS", "grow_mask", "mask_bits", "same_shape", "saturated_mask"]

MASK_BITS = {
    "hot": 1,
    "cold": 2,
    "saturated": 4,
    "no_data": 8,
    "cosmic_ray": 16,
    "satellite": 32,
    "bad": 64,
}
"""Bits of a mask: `no_data` is a pixel without a finite value or without a positive flat, `bad`
one that was given as bad without a reason."""


def same_shape(array, shape, name):
    """Give an array, or None for None, after a check of its shape.

    Parameters
    ----------
    array : array or None
        Any array.
    shape : tuple of int
        Shape of the CCD.
    name : str
        What the message calls it.

    Returns
    -------
    array or None
        The array.

    Raises
    ------
    AweValueError
        It has another shape.
    """
    if array is None:
        return None
    array = np.asarray(array)
    if array.shape != tuple(shape):
        msg = f"The {name} has shape {array.shape}, the CCD {tuple(shape)}: they must be equal."
        raise AweValueError(msg)
    return array


def mask_bits(bad, shape):
    """Give a fresh mask of bits from bits, bools or None.

    Parameters
    ----------
    bad : array or None
        Bits of `MASK_BITS`, or bool, where True counts as `bad`.
    shape : tuple of int
        Shape of the CCD.

    Returns
    -------
    array of uint8
        The bits.

    Raises
    ------
    AweValueError
        It has another shape.
    """
    if bad is None:
        return np.zeros(shape, dtype=np.uint8)
    bad = same_shape(bad, shape, "bad pixel mask")
    if bad.dtype == bool:
        return bad * np.uint8(MASK_BITS["bad"])
    return np.array(bad, dtype=np.uint8, order="C")


def saturated_mask(arrays, amplifiers, threshold, low=None, grow=1):
    """Find the saturated pixels of a frame.

    Parameters
    ----------
    arrays : sequence of array
        The raw arrays of the frame, in ADU.
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.
    threshold : float or sequence of float
        Raw level from which a pixel is saturated; one for each amplifier where
        they differ.
    low : float, optional
        Raw level below which a pixel is dead; such pixels do not grow. By
        default none is.
    grow : int, optional
        Neighbours up to so many pixels away, in x and in y, are marked too,
        because charge spills over. The default is 1.

    Returns
    -------
    array of bool
        Shape ``(ny, nx)``, True where saturated, next to it, or dead.

    Raises
    ------
    AweValueError
        `grow` is negative, the arrays do not hold the sections, or there are
        not as many thresholds as amplifiers.
    """
    check_arrays(arrays, amplifiers)
    thresholds = saturation_levels(threshold, amplifiers)
    mask = np.empty(ccd_shape(amplifiers), dtype=bool)
    dead = None if low is None else np.empty_like(mask)
    for amp, limit in zip(amplifiers, thresholds, strict=True):
        y0, y1, x0, x1 = amp.data
        block = np.asarray(arrays[amp.hdu][y0:y1, x0:x1])
        block = block[:: -1 if amp.flip_y else 1, :: -1 if amp.flip_x else 1]
        np.greater_equal(block, limit, out=mask[amp.place])
        if dead is not None:
            np.less(block, low, out=dead[amp.place])
    mask = grow_mask(mask, grow)
    return mask if dead is None else mask | dead


def saturation_levels(threshold, amplifiers):
    """Give the saturation level of each amplifier.

    Parameters
    ----------
    threshold : float or sequence of float or None
        One for all or one for each; None in it for an amplifier without.
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.

    Returns
    -------
    list of float
        Infinite where nothing is saturated.

    Raises
    ------
    AweValueError
        There are not as many as amplifiers.
    """
    if threshold is None or np.ndim(threshold) == 0:
        threshold = [threshold] * len(amplifiers)
    if len(threshold) != len(amplifiers):
        msg = (
            f"There are {len(threshold)} saturation levels for {len(amplifiers)} amplifiers: "
            "expected one for all or one for each."
        )
        raise AweValueError(msg)
    return [np.inf if level is None else float(level) for level in threshold]


def grow_mask(mask, pixels=1):
    """Mark the neighbours of marked pixels as well.

    Parameters
    ----------
    mask : array
        Shape ``(ny, nx)``, not zero where marked.
    pixels : int, optional
        How far in x and in y: a square of ``2 pixels + 1``. The default is 1.

    Returns
    -------
    array of bool
        The grown mask.

    Raises
    ------
    AweValueError
        `pixels` is negative.
    """
    if pixels < 0:
        msg = f"grow is a number of pixels: 0 or more, not {pixels!r}."
        raise AweValueError(msg)
    mask = np.asarray(mask)
    mask = mask if mask.dtype == bool else mask != 0
    if kernels() is not None:
        grown = np.empty(mask.shape, dtype=np.uint8)
        kernels("reduce").grow(np.ascontiguousarray(mask).view(np.uint8), pixels, grown)
        return grown.view(bool)
    for axis in (0, 1):
        source = np.moveaxis(mask, axis, 0)
        mask = mask.copy()
        target = np.moveaxis(mask, axis, 0)
        for shift in range(1, min(pixels, len(source) - 1) + 1):
            target[shift:] |= source[:-shift]
            target[:-shift] |= source[shift:]
    return mask
