"""The bits of `quality_flags`, and the sub-window statistics that limits are set on."""

import numpy as np

from awe.process import register_flag

__all__ = [
    "BIAS_DIFFERENCE",
    "BIAS_FLATNESS",
    "BIAS_LEVEL",
    "BIAS_NOISE",
    "FLAT_DIFFERENCE",
    "FLAT_FLATNESS",
    "FLAT_LEVEL",
    "READ_NOISE_DIFFERENCE",
    "READ_NOISE_HIGH",
    "SATURATED",
    "subwindow_medians",
]

BIAS_LEVEL = register_flag("BIAS_LEVEL", 1, "mean of the bias beyond MAXIMUM_ABS_MEAN")
BIAS_NOISE = register_flag("BIAS_NOISE", 2, "stdev of the bias beyond MAXIMUM_STDEV")
BIAS_FLATNESS = register_flag("BIAS_FLATNESS", 4, "medians of sub-windows of the bias differ")
# That a calibration differs from the one before does not tell which of the two is bad.
BIAS_DIFFERENCE = register_flag(
    "BIAS_DIFFERENCE", 8, "bias differs from the one before", disqualifies=False
)
READ_NOISE_HIGH = register_flag("READ_NOISE_HIGH", 16, "read noise beyond MAXIMUM_READNOISE")
FLAT_LEVEL = register_flag("FLAT_LEVEL", 32, "level of a raw flat outside its limits")
FLAT_FLATNESS = register_flag("FLAT_FLATNESS", 64, "medians of sub-windows of the flat differ")
FLAT_DIFFERENCE = register_flag(
    "FLAT_DIFFERENCE", 128, "flat differs from the one before", disqualifies=False
)
READ_NOISE_DIFFERENCE = register_flag(
    "READ_NOISE_DIFFERENCE",
    256,
    "read noise, or the level between biases, has changed",
    disqualifies=False,
)
SATURATED = register_flag(
    "SATURATED", 512, "more pixels are saturated than a frame should have", disqualifies=False
)


def subwindow_medians(image, windows=8):
    """Compute the medians of sub-windows of an image.

    Parameters
    ----------
    image : array
        Shape ``(ny, nx)``.
    windows : int, optional
        Sub-windows along each axis, 32 in all for the default of 8 by 4. The default is 8.

    Returns
    -------
    array of float
        The medians of the finite pixels of ``windows`` by ``windows // 2`` sub-windows.
    """
    medians = []
    for rows in np.array_split(image, min(windows, image.shape[0]), axis=0):
        for window in np.array_split(rows, max(1, min(windows // 2, image.shape[1])), axis=1):
            good = window[np.isfinite(window)]
            medians.append(np.median(good) if len(good) else np.nan)
    return np.array(medians)
