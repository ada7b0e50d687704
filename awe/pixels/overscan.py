"""Overscan correction: the level of each amplifier without light, and its subtraction."""

from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels.geometry import amplifier_label, assemble, check_arrays
from awe.pixels.stats import clip_values, median_variance, sorted_median

__all__ = [
    "OVERSCAN_METHODS",
    "OverscanLevel",
    "overscan_correct",
    "overscan_levels",
    "possible_methods",
]

OVERSCAN_METHODS = {
    0: "none",
    1: "median of the prescan X",
    2: "median of the overscan X",
    3: "median of the prescan Y",
    4: "median of the overscan Y",
    5: "median of the prescan X, row by row",
    6: "median of the overscan X, row by row",
    7: "median of the prescan Y, column by column",
    8: "median of the overscan Y, column by column",
    9: "median of the prescan X, row by row, smoothed along the rows",
    10: "median of the overscan X, row by row, smoothed along the rows",
}
"""What each number of the overscan correction means."""

_REGION = {
    1: "prescan_x", 5: "prescan_x", 9: "prescan_x",
    2: "overscan_x", 6: "overscan_x", 10: "overscan_x",
    3: "prescan_y", 7: "prescan_y",
    4: "overscan_y", 8: "overscan_y",
}  # fmt: skip
_SMOOTH_ROWS = 51
_SMOOTH_SIGMA = 10.0
# The median of whole numbers is whole or half: of numbers rounded to 1 ADU.
_ROUNDING = 1 / 12


class OverscanLevel(NamedTuple):
    """The level that was subtracted from one amplifier.

    Parameters
    ----------
    profile : array of float64
        What is subtracted from the data section in the order of the raw array:
        shape ``(1, 1)``, ``(ny, 1)`` or ``(1, nx)``, in ADU.
    level : float
        Median of the profile in ADU.
    spread : float
        Standard deviation of the profile in ADU.
    noise : float
        Scatter of the pixels of the region about the profile in ADU, a measure
        of the read noise; NaN for method 0.
    error : float
        Standard error of the level subtracted from one pixel, in ADU. Of whole
        numbers it has that of rounding, since their median is rounded as well.
    npix : int
        Number of pixels of the region.
    """

    profile: np.ndarray
    level: float
    spread: float
    noise: float
    error: float
    npix: int


def possible_methods(amplifiers):
    """List the overscan methods that every amplifier has the regions for.

    Parameters
    ----------
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.

    Returns
    -------
    list of int
        Numbers of `OVERSCAN_METHODS`, ascending; 0 is always possible.
    """
    return [m for m in OVERSCAN_METHODS if all(_lacks(amp, m) is None for amp in amplifiers)]


def _lacks(amplifier, method):
    """Say in words what an amplifier lacks for a method, or give None."""
    if method == 0:
        return None
    kind = _REGION[method]
    section = getattr(amplifier, kind)
    if section is None:
        return f"has no section {kind}"
    axis = 0 if kind.endswith("x") else 2
    start, stop = section[axis : axis + 2]
    first, last = amplifier.data[axis : axis + 2]
    if method >= 5 and not (start <= first and stop >= last):
        lines = "rows" if axis == 0 else "columns"
        return f"has a section {kind} of {lines} {start}:{stop}, its data have {first}:{last}"
    return None


def overscan_levels(arrays, amplifiers, method=6):
    """Measure the overscan level of each amplifier of one frame.

    Parameters
    ----------
    arrays : sequence of array
        The raw arrays of the frame, in ADU. NaN are left out.
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.
    method : int, optional
        One of `OVERSCAN_METHODS`. The default is 6.

    Returns
    -------
    list of OverscanLevel
        One for each amplifier.

    Raises
    ------
    AweValueError
        The method does not exist, or an amplifier has not the region for it.
    """
    if method not in OVERSCAN_METHODS:
        table = "; ".join(f"{k} {v}" for k, v in OVERSCAN_METHODS.items())
        msg = f"There is no overscan method {method!r}. The methods are: {table}."
        raise AweValueError(msg)
    check_arrays(arrays, amplifiers)
    for i, amp in enumerate(amplifiers):
        lack = _lacks(amp, method)
        if lack is not None:
            possible = ", ".join(str(m) for m in possible_methods(amplifiers))
            msg = (
                f"Overscan method {method} ({OVERSCAN_METHODS[method]}) is not possible: "
                f"{amplifier_label(amplifiers, i)} {lack}. Possible for this CCD: {possible}."
            )
            raise AweValueError(msg)
    return [_level(arrays[amp.hdu], amp, method) for amp in amplifiers]


def _level(array, amplifier, method):
    """Measure the level of one amplifier."""
    if method == 0:
        return OverscanLevel(np.zeros((1, 1)), 0.0, 0.0, np.nan, 0.0, 0)
    kind = _REGION[method]
    y0, y1, x0, x1 = getattr(amplifier, kind)
    if method >= 5 and kind.endswith("x"):
        y0, y1 = amplifier.data[:2]
    elif method >= 5:
        x0, x1 = amplifier.data[2:]
    region = np.asarray(array[y0:y1, x0:x1])
    if method <= 4:
        profile = sorted_median(region.reshape(1, -1), 1)[:, None]
        count = region.size
    else:
        axis = 1 if kind.endswith("x") else 0
        profile = np.expand_dims(sorted_median(region, axis), axis)
        count = region.shape[axis]
    residuals = np.subtract(region, profile, dtype=np.float32, casting="unsafe")
    noise = _scatter(residuals, count)
    rounded = _ROUNDING if np.issubdtype(region.dtype, np.integer) else 0.0
    error = np.sqrt(noise**2 * median_variance(count) + rounded)
    if method >= 9:
        profile = _smooth(profile[:, 0])[:, None]
        error *= np.sqrt(median_variance(min(_SMOOTH_ROWS, len(profile))))
    numbers = profile[np.isfinite(profile)]
    level = float(np.median(numbers)) if numbers.size else np.nan
    spread = float(numbers.std()) if numbers.size else np.nan
    return OverscanLevel(profile, level, spread, float(noise), float(error), region.size)


def _scatter(residuals, count):
    """Measure the clipped scatter of the pixels about the median of each `count` of them."""
    finite = np.isfinite(residuals)
    residuals = residuals.reshape(-1) if finite.all() else residuals[finite]
    if count < 2 or residuals.size == 0:
        return np.nan
    # The median follows the pixels that it is of, which lowers their scatter.
    return clip_values(residuals, 3.0, 5)[2] * np.sqrt(count / (count - 1))


def _smooth(profile):
    """Smooth a profile by a running median and then a Gaussian, the ends mirrored."""
    rows = min(_SMOOTH_ROWS, 2 * ((len(profile) - 1) // 2) + 1)
    half = rows // 2
    padded = np.pad(profile, half, mode="symmetric")
    result = sorted_median(np.lib.stride_tricks.sliding_window_view(padded, rows), 1)
    sigma = _SMOOTH_SIGMA * rows / _SMOOTH_ROWS
    if half == 0:
        return result
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    padded = np.pad(result, half, mode="symmetric")
    return np.convolve(padded, weights / weights.sum(), mode="valid")


def overscan_correct(arrays, amplifiers, method=6):
    """Subtract the overscan, trim and assemble one CCD.

    The methods are our own rule:

    ====== ==========================================================
    method what is subtracted from the data of each amplifier
    ====== ==========================================================
    0      nothing
    1      median of the prescan X
    2      median of the overscan X
    3      median of the prescan Y
    4      median of the overscan Y
    5      median of the prescan X, row by row
    6      median of the overscan X, row by row (the default)
    7      median of the prescan Y, column by column
    8      median of the overscan Y, column by column
    9      as 5, smoothed: running median of 51 rows, then a Gaussian
           of sigma 10 rows (both cut at 51 rows, the ends mirrored)
    10     as 6, smoothed in the same way
    ====== ==========================================================

    Parameters
    ----------
    arrays : sequence of array
        The raw arrays of the frame, in ADU.
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.
    method : int, optional
        One of the table. The default is 6.

    Returns
    -------
    ccd : array of float32
        The assembled CCD of shape ``(ny, nx)``, in ADU.
    levels : list of OverscanLevel
        What was subtracted from each amplifier.

    Raises
    ------
    AweValueError
        The method does not exist, an amplifier has not the region for it, or
        the arrays do not hold the sections.
    """
    levels = overscan_levels(arrays, amplifiers, method)
    return assemble(arrays, amplifiers, levels), levels
