"""What products depend on, and by which criteria each calibration is chosen."""

from awe.process import Dependency

__all__ = ["BIAS", "COLD", "DARK", "FLAT", "FRINGE", "GAIN", "HOT", "ILLUMINATION"]

_CCD = ("instrument", "chip", "readout")
_BEAM = ("instrument", "chip", "filter", "readout")
_OVERSCAN = ("OVERSCAN_CORRECTION",)

BIAS = Dependency("bias", ("BiasFrame",), _CCD, _OVERSCAN)
DARK = Dependency("dark", ("DarkFrame",), _CCD, _OVERSCAN, required=False)
# A gain does not depend on the filter through which its flats were taken.
GAIN = Dependency("gain_linearity", ("GainLinearity",), _CCD, required=False)
HOT = Dependency("hot", ("HotPixelMap",), _CCD, required=False)
COLD = Dependency("cold", ("ColdPixelMap",), _BEAM, required=False)
FLAT = Dependency("flat", ("MasterFlatFrame",), _BEAM)
FRINGE = Dependency("fringe", ("FringeFrame",), _BEAM, required=False)
ILLUMINATION = Dependency(
    "illumination", ("IlluminationCorrectionFrame",), ("instrument", "chip", "filter"),
    required=False,
)  # fmt: skip
