"""Reduction of a science frame: calibration in one pass, and all its steps in one."""

from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels import ref
from awe.pixels.backend import kernels
from awe.pixels.geometry import Amplifier, assemble, ccd_shape, check_arrays
from awe.pixels.masks import (
    MASK_BITS,
    grow_mask,
    mask_bits,
    same_shape,
    saturated_mask,
    saturation_levels,
)
from awe.pixels.overscan import overscan_levels
from awe.pixels.weights import weight_map

__all__ = [
    "MASK_BITS",
    "Calibrated",
    "Reduced",
    "calibrate_ccd",
    "flat_field",
    "grow_mask",
    "reduce_ccd",
    "saturated_mask",
    "weight_map",
]

_KNOWN_BITS = sum(MASK_BITS.values())


class Calibrated(NamedTuple):
    """A calibrated CCD.

    Parameters
    ----------
    data : array of float32
        Shape ``(ny, nx)``, in ADU of the mean pixel of the flat.
    mask : array of uint8
        Bits of `MASK_BITS`; 0 where a pixel is good.
    levels : list of OverscanLevel
        What was subtracted from each amplifier.
    """

    data: np.ndarray
    mask: np.ndarray
    levels: list


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
    ccd = np.asarray(ccd, dtype=np.float32)
    whole = [Amplifier(0, (0, ccd.shape[0], 0, ccd.shape[1]))]
    return calibrate_ccd([ccd], whole, 0, flat=flat, bad=bad)[:2]


def calibrate_ccd(
    arrays,
    amplifiers,
    method=6,
    bias=None,
    flat=None,
    *,
    dark=None,
    illumination=None,
    fringe=None,
    dark_scale=1.0,
    fringe_scale=1.0,
    hot=None,
    cold=None,
    bad=None,
    saturation=None,
    low=None,
    grow=1,
    levels=None,
):
    """Calibrate one CCD in one pass: all that needs no other pixel than the pixel itself.

    ``data = (raw - overscan - bias - dark_scale dark) / (flat illumination) -
    fringe_scale fringe``, placed on the assembled CCD. Where flat or
    illumination are not positive it is not divided.

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
    dark : array, optional
        Dark of the same shape: in ADU, or in ADU/s with the exposure time as
        `dark_scale`. By default none.
    illumination : array, optional
        Illumination correction of the same shape, to divide by. By default
        none.
    fringe : array, optional
        Fringes of the same shape, in ADU after `fringe_scale`, to subtract at
        the end. By default none.
    dark_scale, fringe_scale : float, optional
        Factors of dark and fringe. The default is 1.
    hot, cold : array, optional
        Not zero (or True) where a pixel is hot or cold. By default none is.
    bad : array, optional
        Bits of `MASK_BITS` (others are dropped), or bool, where True counts as
        `bad`. By default no pixel is bad.
    saturation : float or sequence of float, optional
        Raw level in ADU from which a pixel is saturated; one for each amplifier
        where they differ (None in it: not known). By default none is.
    low : float, optional
        Raw level below which a pixel is dead, and marked as a saturated one. By
        default none is.
    grow : int, optional
        Neighbours of saturated pixels up to so many pixels away are marked too.
        The default is 1.
    levels : sequence of OverscanLevel, optional
        What `overscan_levels` gave for this frame and method. By default it is
        measured.

    Returns
    -------
    Calibrated
        Data, mask (`hot`, `cold`, `bad`, `saturated` and `no_data`: where flat or
        illumination are not positive or the result not finite), overscan levels.

    Raises
    ------
    AweValueError
        Something does not fit together; the message says what.
    """
    shape = ccd_shape(amplifiers)
    planes = {
        "bias": bias, "dark": dark, "flat": flat, "illumination": illumination, "fringe": fringe,
    }  # fmt: skip
    planes = {name: same_shape(plane, shape, name) for name, plane in planes.items()}
    marks = [
        same_shape(bad, shape, "bad pixel mask"),
        same_shape(hot, shape, "map of hot pixels"),
        same_shape(cold, shape, "map of cold pixels"),
    ]
    if grow < 0:
        msg = f"grow is a number of pixels: 0 or more, not {grow!r}."
        raise AweValueError(msg)
    limits = saturation_levels(saturation, amplifiers)
    check_arrays(arrays, amplifiers)
    if levels is None:
        levels = overscan_levels(arrays, amplifiers, method)
    run = _by_definition if kernels() is None else _by_kernel
    scales = float(dark_scale), float(fringe_scale)
    data, mask = run(arrays, amplifiers, levels, planes, scales, marks, (limits, low, grow))
    return Calibrated(data, mask, levels)


def _by_definition(arrays, amplifiers, levels, planes, scales, marks, saturation):
    """Calibrate by the definition."""
    data = assemble(arrays, amplifiers, levels)
    data, unusable = ref.calibrate(data, dark_scale=scales[0], fringe_scale=scales[1], **planes)
    mask = mask_bits(marks[0], data.shape) & np.uint8(_KNOWN_BITS)
    for name, marked in zip(("hot", "cold"), marks[1:], strict=True):
        if marked is not None:
            mask[marked != 0] |= np.uint8(MASK_BITS[name])
    limits, low, grow = saturation
    found = saturated_mask(arrays, amplifiers, limits, low, grow)
    mask[found] |= np.uint8(MASK_BITS["saturated"])
    mask[unusable] |= np.uint8(MASK_BITS["no_data"])
    return data.astype(np.float32), mask


def _by_kernel(arrays, amplifiers, levels, planes, scales, marks, saturation):
    """Calibrate by the compiled kernel, one amplifier after the other."""
    compiled = kernels("reduce")
    none = np.empty((0, 0), dtype=np.float32)
    planes = {
        name: none if a is None else np.ascontiguousarray(a, dtype=np.float32)
        for name, a in planes.items()
    }
    bad, hot, cold = (_as_bytes(a) for a in marks)
    factor = MASK_BITS["bad"] if marks[0] is not None and marks[0].dtype == bool else 1
    bits = [MASK_BITS[name] for name in ("hot", "cold", "saturated", "no_data")]
    bits = tuple(np.uint8(bit) for bit in (*bits, factor, _KNOWN_BITS))
    shape = ccd_shape(amplifiers)
    data, mask = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.uint8)
    limits, low, grow = saturation
    for amp, level, limit in zip(amplifiers, levels, limits, strict=True):
        rows, columns = amp.place
        y0, y1, x0, _ = amp.data
        raw = _raw_rows(arrays[amp.hdu], y0, y1)
        compiled.calibrate(
            raw, x0, (amp.flip_y, amp.flip_x), level.profile.astype(np.float32), *planes.values(),
            tuple(np.float32(v) for v in scales), bad, hot, cold,
            _raw_limits(limit, -np.inf if low is None else low, raw.dtype), bits,
            (rows.start, rows.stop, columns.start, columns.stop), data, mask,
        )  # fmt: skip
    compiled.grow_marked(mask, grow, np.uint8(MASK_BITS["saturated"]))
    return data, mask


def _as_bytes(marks):
    """Give a map as bytes, of size 0 for none."""
    if marks is None:
        return np.empty((0, 0), dtype=np.uint8)
    marks = np.ascontiguousarray(marks)
    return marks.view(np.uint8) if marks.dtype == bool else marks.astype(np.uint8, copy=False)


def _raw_rows(array, y0, y1):
    """Give rows of a raw array in one of the types that are compiled."""
    rows = np.asarray(array[y0:y1])
    return np.ascontiguousarray(rows, dtype=np.uint16 if rows.dtype == np.uint16 else np.float32)


def _raw_limits(high, low, dtype):
    """Give the limits of raw values in float32; whole numbers are compared exactly."""
    if dtype == np.uint16:
        high, low = np.ceil(high), np.ceil(low)
    return np.float32(high), np.float32(low)


def reduce_ccd(
    arrays,
    amplifiers,
    method=6,
    bias=None,
    flat=None,
    *,
    bias_error=0.0,
    flat_error=0.0,
    read_noise=None,
    gain=None,
    **options,
):
    """Reduce one CCD: `calibrate_ccd` and `weight_map` one after the other.

    Where pixels are to be masked by what lies around them (cosmic rays,
    satellite trails), call the two, and find those pixels between them.

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
    bias_error, flat_error : float or array, optional
        Standard errors of bias and flat. The default is 0.
    read_noise, gain : float, optional
        Of all amplifiers, in electrons and e-/ADU. By default their own.
    **options
        What `calibrate_ccd` takes besides.

    Returns
    -------
    Reduced
        Data, weight, mask, and the overscan levels.

    Raises
    ------
    AweValueError
        Something does not fit together; see the single steps.
    """
    data, mask, levels = calibrate_ccd(arrays, amplifiers, method, bias, flat, **options)
    same = ("illumination", "dark", "dark_scale", "fringe", "fringe_scale")
    weights = weight_map(
        data, amplifiers, flat=flat, mask=mask, levels=levels, bias_error=bias_error,
        flat_error=flat_error, read_noise=read_noise, gain=gain,
        **{name: options[name] for name in same if name in options},
    )  # fmt: skip
    return Reduced(data, weights, mask, levels)
