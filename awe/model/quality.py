"""The bits of `quality_flags`, and the sub-window statistics that limits are set on."""

import numpy as np

from awe.process import register_flag

__all__ = [
    "BACKGROUND_HIGH",
    "BIAS_DIFFERENCE",
    "BIAS_FLATNESS",
    "BIAS_LEVEL",
    "BIAS_NOISE",
    "COLD_PIXEL_COUNT",
    "COLD_PIXEL_DIFFERENCE",
    "COSMICS_MANY",
    "DARK_DIFFERENCE",
    "DARK_LEVEL",
    "FLAT_DIFFERENCE",
    "FLAT_FLATNESS",
    "FLAT_LEVEL",
    "FLAT_OUTLIERS",
    "FRINGE_DIFFERENCE",
    "GAIN_DIFFERENCE",
    "GAIN_RANGE",
    "HOT_PIXEL_COUNT",
    "HOT_PIXEL_DIFFERENCE",
    "ILLUMINATION_DIFFERENCE",
    "ILLUMINATION_RESIDUALS",
    "MAP_DIFFERENCE",
    "READ_NOISE_DIFFERENCE",
    "READ_NOISE_HIGH",
    "REDUCTION_DIFFERENCE",
    "SATELLITE_TRAIL",
    "SATURATED",
    "WEIGHT_DIFFERENCE",
    "WEIGHT_ZEROS",
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
HOT_PIXEL_COUNT = register_flag(
    "HOT_PIXEL_COUNT", 1024, "more hot pixels than MAXIMUM_HOTPIXELCOUNT",
)  # fmt: skip
HOT_PIXEL_DIFFERENCE = register_flag(
    "HOT_PIXEL_DIFFERENCE", 2048, "number of hot pixels differs from that of the map before",
    disqualifies=False,
)  # fmt: skip
COLD_PIXEL_COUNT = register_flag(
    "COLD_PIXEL_COUNT", 4096, "more cold pixels than MAXIMUM_COLDPIXELCOUNT",
)  # fmt: skip
COLD_PIXEL_DIFFERENCE = register_flag(
    "COLD_PIXEL_DIFFERENCE", 8192, "number of cold pixels differs from that of the map before",
    disqualifies=False,
)  # fmt: skip
GAIN_RANGE = register_flag(
    "GAIN_RANGE", 16384, "gain of an amplifier outside MINIMUM_GAIN to MAXIMUM_GAIN",
)  # fmt: skip
GAIN_DIFFERENCE = register_flag(
    "GAIN_DIFFERENCE", 32768, "gain differs from the one before",
    disqualifies=False,
)  # fmt: skip
DARK_LEVEL = register_flag("DARK_LEVEL", 65536, "mean of the dark beyond MAXIMUM_DARK_LEVEL")
DARK_DIFFERENCE = register_flag(
    "DARK_DIFFERENCE", 131072, "mean of the dark differs from that of the one before",
    disqualifies=False,
)  # fmt: skip
FLAT_OUTLIERS = register_flag(
    "FLAT_OUTLIERS", 16777216, "more rejected values in a flat than MAXIMUM_NUMBER_OF_OUTLIERS",
)  # fmt: skip
FRINGE_DIFFERENCE = register_flag(
    "FRINGE_DIFFERENCE", 1 << 18, "fringes differ from those before", disqualifies=False
)
ILLUMINATION_RESIDUALS = register_flag(
    "ILLUMINATION_RESIDUALS", 1 << 19, "standard stars scatter about the illumination correction"
)
ILLUMINATION_DIFFERENCE = register_flag(
    "ILLUMINATION_DIFFERENCE", 1 << 20, "illumination correction differs from the one before",
    disqualifies=False,
)  # fmt: skip
COSMICS_MANY = register_flag("COSMICS_MANY", 1 << 21, "more cosmic rays than MAXIMUM_COSMIC_COUNT")
SATELLITE_TRAIL = register_flag(
    "SATELLITE_TRAIL", 1 << 22, "a satellite has crossed the frame", disqualifies=False
)
BACKGROUND_HIGH = register_flag(
    "BACKGROUND_HIGH", 1 << 23, "background of the reduced frame beyond MAXIMUM_BACKGROUND"
)
MAP_DIFFERENCE = register_flag(
    "MAP_DIFFERENCE", 1 << 25, "count of bad pixels differs from that of the map before",
    disqualifies=False,
)  # fmt: skip
# Another reduction may differ on purpose.
REDUCTION_DIFFERENCE = register_flag(
    "REDUCTION_DIFFERENCE", 1 << 26, "sky or noise differ from those of the reduction before",
    disqualifies=False,
)  # fmt: skip
WEIGHT_DIFFERENCE = register_flag(
    "WEIGHT_DIFFERENCE", 1 << 27, "weights, or their zeros, differ from those before",
    disqualifies=False,
)  # fmt: skip
WEIGHT_ZEROS = register_flag(
    "WEIGHT_ZEROS", 1 << 28, "more pixels of weight 0 than MAXIMUM_BAD_FRACTION",
    disqualifies=False,
)  # fmt: skip


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
