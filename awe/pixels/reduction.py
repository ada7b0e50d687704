"""Reduction of a science frame: flat-field, saturated pixels, weights, and all in one."""

from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels import ref
from awe.pixels.backend import kernels
from awe.pixels.geometry import amplifier_label, assemble, ccd_shape, check_arrays
from awe.pixels.overscan import overscan_levels

__all__ = [
    "MASK_BITS",
    "Reduced",
    "flat_field",
    "reduce_ccd",
    "saturated_mask",
    "weight_map",
]

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


class Reduced(NamedTuple):
    """A reduced CCD.

    Parameters
    ----------
    data : array of float32
        Shape ``(ny, nx)``, in ADU of the mean pixel of the flat.
    weight : array of float32
        Inverse variance in ADU^-2; 0 where a pixel is masked.
    mask : array of uint8
        Bits of `MASK_BITS`; 0 where a pixel is good.
    levels : list of OverscanLevel
        What was subtracted from each amplifier.
    """

    data: np.ndarray
    weight: np.ndarray
    mask: np.ndarray
    levels: list


def flat_field(ccd, flat, bad=None):
    """Divide a CCD by a flat.

    Parameters
    ----------
    ccd : array
        Shape ``(ny, nx)``, in ADU, without overscan and bias.
    flat : array
        Same shape, mean 1.
    bad : array, optional
        Same shape: bits of `MASK_BITS`, or bool, where True counts as `bad`.

    Returns
    -------
    data : array of float32
        The CCD over the flat. Where the flat is not positive it is not divided.
    mask : array of uint8
        Bits of `MASK_BITS`: those of `bad`, and `no_data` where the flat is not
        positive or the result not finite.

    Raises
    ------
    AweValueError
        The shapes differ.
    """
    ccd = np.asarray(ccd)
    mask = _mask_bits(bad, ccd.shape)
    data = np.array(ccd, dtype=np.float32, order="C")
    _calibrate(data, None, _same_shape(flat, ccd.shape, "flat"), mask)
    return data, mask


def _mask_bits(bad, shape):
    """Give a fresh mask of bits from bits, bools or None."""
    if bad is None:
        return np.zeros(shape, dtype=np.uint8)
    bad = _same_shape(bad, shape, "bad pixel mask")
    if bad.dtype == bool:
        return bad * np.uint8(MASK_BITS["bad"])
    return np.array(bad, dtype=np.uint8, order="C")


def _same_shape(array, shape, name):
    """Give an array, or None for None, after a check of its shape."""
    if array is None:
        return None
    array = np.asarray(array)
    if array.shape != tuple(shape):
        msg = f"The {name} has shape {array.shape}, the CCD {tuple(shape)}: they must be equal."
        raise AweValueError(msg)
    return array


def _calibrate(data, bias, flat, mask):
    """Subtract the bias and divide by the flat in place, and mark what cannot be used."""
    compiled = kernels()
    if compiled is None:
        data[...], unusable = ref.calibrate(data, bias, flat)
        mask[unusable] |= np.uint8(MASK_BITS["no_data"])
        return
    none = np.empty((0, 0), dtype=np.float32)
    bias, flat = (
        none if a is None else np.ascontiguousarray(a, dtype=np.float32) for a in (bias, flat)
    )
    compiled.calibrate(data, bias, flat, mask, MASK_BITS["no_data"])


def saturated_mask(arrays, amplifiers, threshold, low=None, grow=1):
    """Find the saturated pixels of a frame.

    Parameters
    ----------
    arrays : sequence of array
        The raw arrays of the frame, in ADU.
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.
    threshold : float
        Raw level in ADU at and above which a pixel is saturated.
    low : float, optional
        Raw level in ADU below which a pixel is dead. By default none is.
    grow : int, optional
        How many pixels around a saturated one are marked as well, in all
        directions. The default is 1.

    Returns
    -------
    array of bool
        True where a pixel of the assembled CCD is marked, shape ``(ny, nx)``.

    Raises
    ------
    AweValueError
        The arrays do not hold the sections, or `grow` is negative.
    """
    if grow < 0:
        msg = f"grow is a number of pixels: 0 or more, not {grow!r}."
        raise AweValueError(msg)
    check_arrays(arrays, amplifiers)
    mask = np.empty(ccd_shape(amplifiers), dtype=bool)
    dead = None if low is None else np.empty_like(mask)
    for amp in amplifiers:
        y0, y1, x0, x1 = amp.data
        block = np.asarray(arrays[amp.hdu][y0:y1, x0:x1])
        block = block[:: -1 if amp.flip_y else 1, :: -1 if amp.flip_x else 1]
        np.greater_equal(block, threshold, out=mask[amp.place])
        if dead is not None:
            np.less(block, low, out=dead[amp.place])
    mask = _grow(mask, grow)
    return mask if dead is None else mask | dead


def _grow(mask, pixels):
    """Mark the neighbours of marked pixels as well."""
    if not mask.any():
        return mask
    for axis in (0, 1):
        source = np.moveaxis(mask, axis, 0)
        mask = mask.copy()
        target = np.moveaxis(mask, axis, 0)
        for shift in range(1, min(pixels, len(source) - 1) + 1):
            target[shift:] |= source[:-shift]
            target[:-shift] |= source[shift:]
    return mask


def weight_map(
    data,
    amplifiers,
    *,
    flat=None,
    mask=None,
    levels=None,
    bias_error=0.0,
    flat_error=0.0,
    read_noise=None,
    gain=None,
):
    """Compute the weight of each pixel of a reduced CCD: its inverse variance.

    With S the median of the eight neighbours of a pixel and f its flat, the
    variance is ``(read_noise^2 + overscan_error^2 + bias_error^2 + max(S f, 0) /
    gain) / f^2 + (S flat_error / f)^2`` in ADU^2. The pixel itself is not in S,
    so that its noise does not weight it.

    Parameters
    ----------
    data : array
        Reduced CCD of shape ``(ny, nx)``, in ADU.
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD; their gain and read noise (in electrons).
    flat : array, optional
        The flat that it was divided by. By default 1.
    mask : array, optional
        Not zero where the weight is to be 0. By default nowhere.
    levels : sequence of OverscanLevel, optional
        Overscan levels of the amplifiers: their errors, and their noise where
        an amplifier's read noise is not known. By default without error.
    bias_error, flat_error : float or array, optional
        Standard errors of the bias (ADU) and of the flat. The default is 0.
    read_noise : float, optional
        Read noise in electrons of all amplifiers. By default their own.
    gain : float, optional
        Electrons per ADU of all amplifiers. By default their own.

    Returns
    -------
    array of float32
        Weight in ADU^-2; 0 where masked, where the flat is not positive, or
        where data or variance are not finite.

    Raises
    ------
    AweValueError
        Shapes differ, or the gain or read noise of an amplifier is not known.
    """
    data = np.asarray(data)
    shape = ccd_shape(amplifiers)
    _same_shape(data, shape, "reduced frame")
    if min(shape) < 2:
        msg = f"A weight map needs a CCD of at least 2 x 2 pixels, not of shape {shape}."
        raise AweValueError(msg)
    flat = _same_shape(flat, shape, "flat")
    masked = np.zeros(shape, dtype=np.uint8) if mask is None else _mask_bits(mask, shape)
    errors = [
        _error_map(error, shape, name)
        for error, name in ((bias_error, "error of the bias"), (flat_error, "error of the flat"))
    ]
    noise = [
        _amplifier_noise(amplifiers, i, levels, read_noise, gain) for i in range(len(amplifiers))
    ]
    if kernels() is None:
        return _weight_by_definition(data, flat, masked, errors, amplifiers, noise)
    return _weight_by_kernel(data, flat, masked, errors, amplifiers, noise)


def _error_map(error, shape, name):
    """Give an error as an array of two axes: of the CCD's shape, or of one pixel."""
    error = np.asarray(0.0 if error is None else error, dtype=np.float32)
    return error.reshape(1, 1) if error.ndim == 0 else _same_shape(error, shape, name)


def _amplifier_noise(amplifiers, index, levels, read_noise, gain):
    """Give the variance without light in ADU^2 and the gain of an amplifier."""
    amp = amplifiers[index]
    label = amplifier_label(amplifiers, index)
    gain = amp.gain if gain is None else gain
    if gain is None or not gain > 0:
        msg = f"The gain of {label} is {gain}: weights need electrons per ADU, a number > 0."
        raise AweValueError(msg, remedy="Give gain=, or set the gain of the amplifier.")
    read_noise = amp.read_noise if read_noise is None else read_noise
    measured = np.nan if levels is None else levels[index].noise
    noise = measured if read_noise is None else read_noise / gain
    if not noise >= 0:
        msg = f"The read noise of {label} is not known, neither from its header nor its overscan."
        raise AweValueError(msg, remedy="Give read_noise= in electrons.")
    error = 0.0 if levels is None or not np.isfinite(levels[index].error) else levels[index].error
    return noise**2 + error**2, float(gain)


def _weight_by_definition(data, flat, masked, errors, amplifiers, noise):
    """Compute the weights by the definition."""
    base, gain = np.empty(data.shape), np.empty(data.shape)
    for amp, (variance, factor) in zip(amplifiers, noise, strict=True):
        base[amp.place], gain[amp.place] = variance, factor
    weights = ref.weight(
        data, flat, masked, base_variance=base, gain=gain,
        bias_error=errors[0], flat_error=errors[1],
    )  # fmt: skip
    return weights.astype(np.float32)


def _weight_by_kernel(data, flat, masked, errors, amplifiers, noise):
    """Compute the weights by the compiled kernel, one amplifier after the other."""
    one = np.ones((1, 1), dtype=np.float32)
    arrays = [
        np.ascontiguousarray(a, dtype=np.float32)
        for a in (data, one if flat is None else flat, *errors)
    ]
    result = np.empty(data.shape, dtype=np.float32)
    for amp, (variance, gain) in zip(amplifiers, noise, strict=True):
        rows, columns = amp.place
        kernels().weight(
            *arrays, masked, variance, 1.0 / gain,
            rows.start, rows.stop, columns.start, columns.stop, result,
        )  # fmt: skip
    return result


def reduce_ccd(
    arrays,
    amplifiers,
    method=6,
    bias=None,
    flat=None,
    *,
    bad=None,
    saturation=None,
    low=None,
    grow=1,
    bias_error=0.0,
    flat_error=0.0,
    read_noise=None,
    gain=None,
):
    """Reduce one CCD: overscan, trim, assembly, bias, flat, saturated pixels, weights.

    The same as `overscan_correct`, subtraction of the bias, `flat_field`,
    `saturated_mask` and `weight_map` one after the other.

    Parameters
    ----------
    arrays : sequence of array
        The raw arrays of the frame, in ADU.
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.
    method : int, optional
        Overscan method, see `overscan_correct`. The default is 6.
    bias, flat : array, optional
        Master bias (ADU) and flat (mean 1) of shape ``(ny, nx)``. By default
        none.
    bad : array, optional
        Bits of `MASK_BITS`, or bool. By default no pixel is bad.
    saturation, low, grow : float, float, int, optional
        See `saturated_mask`; without `saturation` none is looked for.
    bias_error, flat_error : float or array, optional
        Standard errors of bias and flat. The default is 0.
    read_noise, gain : float, optional
        Of all amplifiers, in electrons and e-/ADU. By default their own.

    Returns
    -------
    Reduced
        Data, weight, mask, and the overscan levels.

    Raises
    ------
    AweValueError
        Something does not fit together; see the single steps.
    """
    shape = ccd_shape(amplifiers)
    bias = _same_shape(bias, shape, "bias")
    flat = _same_shape(flat, shape, "flat")
    levels = overscan_levels(arrays, amplifiers, method)
    data = assemble(arrays, amplifiers, levels)
    mask = _mask_bits(bad, shape)
    if saturation is not None:
        found = saturated_mask(arrays, amplifiers, saturation, low, grow)
        mask |= found * np.uint8(MASK_BITS["saturated"])
    _calibrate(data, bias, flat, mask)
    weights = weight_map(
        data, amplifiers, flat=flat, mask=mask, levels=levels, bias_error=bias_error,
        flat_error=flat_error, read_noise=read_noise, gain=gain,
    )  # fmt: skip
    return Reduced(data, weights, mask, levels)
