"""Maps of the bad pixels of a CCD: hot ones and cold ones."""

import dataclasses

from awe.model.calibrations import BaseCalFrame, BiasFrame
from awe.model.darks import DarkFrame
from awe.model.dependencies import BIAS, DARK
from awe.model.flats import CombinedFlatFrame
from awe.model.pixelmaps import PixelMap
from awe.model.quality import (
    COLD_PIXEL_COUNT,
    COLD_PIXEL_DIFFERENCE,
    HOT_PIXEL_COUNT,
    HOT_PIXEL_DIFFERENCE,
)
from awe.model.validity import valid_nights
from awe.process import Dependency, ProcessParameters, parameter
from awe.store import persistent

__all__ = [
    "ColdPixelMap",
    "ColdPixelMapParameters",
    "DetectorMap",
    "HotPixelMap",
    "HotPixelMapParameters",
]


class DetectorMap(PixelMap, BaseCalFrame):
    """A map of bad pixels that serves all frames of a CCD within its interval.

    Attributes
    ----------
    limit : str
        The parameter that limits the number of bad pixels; with ``_DIFFERENCE`` that of its change.
    count_bit, difference_bit : int
        The bits of `quality_flags` where they are exceeded.
    """

    abstract = True
    prev = persistent("The map that it was compared with", "DetectorMap")
    count_diff = persistent("Absolute change of the number of bad pixels since `prev`", int)

    def verify(self):
        """Compute the flag of the number of bad pixels.

        Returns
        -------
        int
            `count_bit` where there are more than the parameter `limit` accepts, else 0.
        """
        return self.count_bit if self.count > getattr(self.process_params, self.limit) else 0

    def compare(self):
        """Compute the flag of the change since the previous map.

        Returns
        -------
        int
            `difference_bit` where the count changed by more than `limit`_DIFFERENCE, else 0.
        """
        limit = getattr(self.process_params, f"{self.limit}_DIFFERENCE")
        return self.change_flag(limit, self.difference_bit)


class HotPixelMapParameters(ProcessParameters):
    """How hot pixels are found, and the limits of their number."""

    # At 5 sigma the noise of the 9 million pixels of a CCD gives some false ones; what matters
    # deviates by 10.
    REJECTION_THRESHOLD = parameter("Hot pixels exceed their surroundings by so much", float, 6.0,
                                    unit="sigma", low=1.0)  # fmt: skip
    MAXIMUM_ITERATIONS = parameter("Searches at most", int, 5, low=1, high=100)
    MAXIMUM_HOTPIXELCOUNT = parameter("Limit of their number", int, 50000, low=0, critical=False)
    MAXIMUM_HOTPIXELCOUNT_DIFFERENCE = parameter("Limit of the change of their number", int, 100,
                                                 low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(15)


class HotPixelMap(DetectorMap):
    """The hot pixels of a CCD: those that stand out of the master bias or the master dark."""

    abstract = False
    file_kind = ("Cal", "Hot")
    limit, count_bit = "MAXIMUM_HOTPIXELCOUNT", HOT_PIXEL_COUNT
    difference_bit = HOT_PIXEL_DIFFERENCE
    inputs = ("bias", "dark")
    own_night = (dataclasses.replace(BIAS, same_parameters=()),)
    dependencies = (DARK,)
    bias = persistent("The bias", BiasFrame)
    dark = persistent("The dark, where there is one", DarkFrame)
    process_params = persistent("Parameters", HotPixelMapParameters)

    def make(self):
        """Find the hot pixels of the bias, and of the dark."""
        from awe.pixels import hot_pixels

        parameters, dark = self.process_params, self.dark
        if dark is None:
            self.steps_not_done = ["hot pixels of the dark: there is no dark"]
        self.keep_map(hot_pixels(
            self.bias.data, self.bias.extra_image("ERROR"),
            dark=None if dark is None else dark.data,
            dark_error=None if dark is None else dark.extra_image("ERROR"),
            threshold=parameters.REJECTION_THRESHOLD,
            max_iterations=parameters.MAXIMUM_ITERATIONS,
        ))  # fmt: skip
        self.set_validity(getattr(self, "_validity", None))


class ColdPixelMapParameters(ProcessParameters):
    """How cold pixels are found, and the limits of their number."""

    THRESHOLD_LOW = parameter("Ratio to the surroundings below which a pixel is cold", float, 0.94,
                              low=0, high=1)  # fmt: skip
    THRESHOLD_HIGH = parameter("Ratio above which a pixel deviates as well", float, 1.06, low=1)
    REJECTION_THRESHOLD = parameter("The deviation exceeds the noise by so much", float, 5.0,
                                    unit="sigma", low=0)  # fmt: skip
    MAXIMUM_ITERATIONS = parameter("Searches at most", int, 5, low=1, high=100)
    MAXIMUM_COLDPIXELCOUNT = parameter("Limit of their number", int, 80000, low=0, critical=False)
    MAXIMUM_COLDPIXELCOUNT_DIFFERENCE = parameter("Limit of the change of their number", int, 1000,
                                                  low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(15)


class ColdPixelMap(DetectorMap):
    """The pixels of a CCD whose response deviates from that of their neighbours."""

    abstract = False
    file_kind = ("Cal", "Cold")
    limit, count_bit = "MAXIMUM_COLDPIXELCOUNT", COLD_PIXEL_COUNT
    difference_bit = COLD_PIXEL_DIFFERENCE
    inputs = ("flat",)
    own_night = (
        Dependency("flat", ("DomeFlatFrame", "TwilightFlatFrame"),
                   ("instrument", "chip", "filter", "readout")),
    )  # fmt: skip
    flat = persistent("The dome flat, or a twilight flat", CombinedFlatFrame)
    process_params = persistent("Parameters", ColdPixelMapParameters)

    def make(self):
        """Find the pixels of the flat that deviate."""
        from awe.pixels import cold_pixels

        parameters = self.process_params
        self.keep_map(cold_pixels(
            self.flat.data, parameters.THRESHOLD_LOW, parameters.THRESHOLD_HIGH,
            error=self.flat.extra_image("ERROR"), threshold=parameters.REJECTION_THRESHOLD,
            max_iterations=parameters.MAXIMUM_ITERATIONS,
        ))  # fmt: skip
        self.set_validity(getattr(self, "_validity", None))
