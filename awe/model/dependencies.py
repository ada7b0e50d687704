"""What products depend on, and by which criteria each calibration is chosen."""

from awe.process import Dependency

__all__ = ["BIAS", "COLD", "DARK", "FLAT", "FRINGE", "GAIN", "HOT", "ILLUMINATION"]

_CCD = ("instrument", "chip", "readout")
_BEAM = ("instrument", "chip", "filter", "readout")
_OVERSCAN = ("OVERSCAN_CORRECTION",)
# Heads of the columns of an explanation.
_HEADINGS = (("readout", "mode"), ("OVERSCAN_CORRECTION", "overscan"))
# Each CCD has a read-out of its own in each mode.
_MODE = (("readout", "mode"),)

BIAS = Dependency("bias", ("BiasFrame",), _CCD, _OVERSCAN, headings=_HEADINGS, compared_by=_MODE)
DARK = Dependency("dark", ("DarkFrame",), _CCD, _OVERSCAN, False, _HEADINGS, _MODE)
# A gain does not depend on the filter through which its flats were taken.
GAIN = Dependency("gain_linearity", ("GainLinearity",), _CCD, (), False, _HEADINGS, _MODE)
HOT = Dependency("hot", ("HotPixelMap",), _CCD, (), False, _HEADINGS, _MODE)
COLD = Dependency("cold", ("ColdPixelMap",), _BEAM, (), False, _HEADINGS, _MODE)
FLAT = Dependency("flat", ("MasterFlatFrame",), _BEAM, headings=_HEADINGS, compared_by=_MODE)
FRINGE = Dependency("fringe", ("FringeFrame",), _BEAM, (), False, _HEADINGS, _MODE)
# It corrects the large scales of the flat, and those of a lit screen are not those of the sky.
ILLUMINATION = Dependency(
    "illumination", ("IlluminationCorrectionFrame",),
    ("instrument", "chip", "filter", "large_scales"), required=False,
    headings=(("large_scales", "flat of"),),
)  # fmt: skip
