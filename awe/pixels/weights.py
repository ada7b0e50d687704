"""Weights: the inverse variance of each pixel of a reduced CCD."""

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels import ref
from awe.pixels.backend import kernels
from awe.pixels.geometry import amplifier_label, ccd_shape
from awe.pixels.masks import mask_bits, same_shape

__all__ = ["weight_map"]


def weight_map(
    data,
    amplifiers,
    *,
    flat=None,
    illumination=None,
    dark=None,
    fringe=None,
    mask=None,
    levels=None,
    bias_error=0.0,
    flat_error=0.0,
    read_noise=None,
    gain=None,
    dark_scale=1.0,
    fringe_scale=1.0,
):
    """Compute the weight of each pixel of a reduced CCD: its inverse variance.

    With S the signal under a pixel (`awe.pixels.ref.local_signal`) plus the fringe that was
    subtracted, f its flat times its illumination and D its dark, the variance is
    ``(read_noise^2 + overscan_error^2 + bias_error^2 + max(S f + D, 0) / gain) / f^2 + (S
    flat_error / flat)^2`` in ADU^2. S is made of the pixels around, so that a pixel's own noise
    does not weight it.

    Parameters
    ----------
    data : array
        Reduced CCD of shape ``(ny, nx)``, in ADU.
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD; their gain and read noise (in electrons).
    flat : array, optional
        The flat that it was divided by. By default 1.
    illumination : array, optional
        The illumination that it was divided by. By default 1.
    dark : array, optional
        The dark that was subtracted, which has photon noise as light has. By
        default 0.
    fringe : array, optional
        The fringe that was subtracted, whose light has its photon noise. By
        default 0.
    mask : array, optional
        Not zero where the weight is to be 0. By default nowhere.
    levels : sequence of OverscanLevel, optional
        Overscan levels of the amplifiers: their errors, and their noise where
        an amplifier's read noise is not known. By default without error.
    bias_error, flat_error : float or array, optional
        Standard errors of the bias (ADU) and of the flat. The default is 0.
        Values that are not finite count as 0.
    read_noise : float, optional
        Read noise in electrons of all amplifiers. By default their own.
    gain : float, optional
        Electrons per ADU of all amplifiers. By default their own.
    dark_scale, fringe_scale : float, optional
        Factors of dark and fringe. The default is 1.

    Returns
    -------
    array of float32
        Weight in ADU^-2; 0 where masked, where flat or illumination are not
        positive, or where data or variance are not finite.

    Raises
    ------
    AweValueError
        Shapes differ, or the gain or read noise of an amplifier is not known.
    """
    data = np.asarray(data)
    shape = ccd_shape(amplifiers)
    same_shape(data, shape, "reduced frame")
    if min(shape) < 3:
        msg = f"A weight map needs a CCD of at least 3 x 3 pixels, not of shape {shape}."
        raise AweValueError(msg)
    planes = {
        "flat": same_shape(flat, shape, "flat"),
        "illumination": same_shape(illumination, shape, "illumination"),
        "dark": same_shape(dark, shape, "dark"),
        "fringe": same_shape(fringe, shape, "fringe"),
        "bias_error": _error_map(bias_error, shape, "error of the bias"),
        "flat_error": _error_map(flat_error, shape, "error of the flat"),
    }
    masked = np.zeros((0, 0), dtype=np.uint8) if mask is None else _marks(mask, shape)
    noise = [
        _amplifier_noise(amplifiers, i, levels, read_noise, gain) for i in range(len(amplifiers))
    ]
    run = _weight_by_definition if kernels() is None else _weight_by_kernel
    return run(data, planes, masked, amplifiers, noise, (dark_scale, fringe_scale))


def _marks(mask, shape):
    """Give a mask as bytes, without a copy where it is one."""
    mask = same_shape(mask, shape, "mask")
    if mask.dtype in (bool, np.uint8):
        return np.ascontiguousarray(mask).view(np.uint8)
    return mask_bits(mask != 0, shape)


def _error_map(error, shape, name):
    """Give an error as an array of two axes: of the CCD's shape, or of one pixel."""
    error = np.asarray(0.0 if error is None else error, dtype=np.float32)
    return error.reshape(1, 1) if error.ndim == 0 else same_shape(error, shape, name)


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


def _weight_by_definition(data, planes, masked, amplifiers, noise, scales):
    """Compute the weights by the definition."""
    base, gain = np.empty(data.shape), np.empty(data.shape)
    for amp, (variance, factor) in zip(amplifiers, noise, strict=True):
        base[amp.place], gain[amp.place] = variance, factor
    weights = ref.weight(
        data, masked=masked if masked.size else np.zeros(data.shape, dtype=bool),
        base_variance=base, gain=gain, dark_scale=scales[0], fringe_scale=scales[1], **planes,
    )  # fmt: skip
    return weights.astype(np.float32)


def _weight_by_kernel(data, planes, masked, amplifiers, noise, scales):
    """Compute the weights by the compiled kernel, one amplifier after the other."""
    none = np.empty((0, 0), dtype=np.float32)
    arrays = [
        none if a is None else np.ascontiguousarray(a, dtype=np.float32)
        for a in (data, *planes.values())
    ]
    result = np.empty(data.shape, dtype=np.float32)
    for amp, (variance, gain) in zip(amplifiers, noise, strict=True):
        rows, columns = amp.place
        kernels("reduce").weight(
            *arrays, masked, float(scales[0]), float(scales[1]), variance, 1.0 / gain,
            rows.start, rows.stop, columns.start, columns.stop, result,
        )  # fmt: skip
    return result
