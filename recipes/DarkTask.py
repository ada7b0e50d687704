"""DarkTask: master dark of each CCD and night."""

from awe.recipes.arguments import as_calibration
from awe.recipes.common import CombineTask

from awe.model import DarkFrame, RawDarkFrame
from awe.process import Argument

__all__ = ["DarkTask"]


class DarkTask(CombineTask):
    """Make a DarkFrame of raw darks, each over its exposure time."""

    arguments = (
        Argument("bias", "the BiasFrame to subtract, instead of the choice", check=as_calibration),
        Argument("gain_linearity", "the GainLinearity to use, instead of the choice; False for "
                 "that of the header", check=as_calibration),
    )  # fmt: skip
    product_names = ("DarkFrame",)
    without = ("filter", "object")
    raw_class = RawDarkFrame
    group_by = ("chip", "readout")
    filter = None
    object = None

    def prepare(self, unit):
        """Prepare the dark of one CCD.

        Parameters
        ----------
        unit : Unit
            With the raw darks.

        Returns
        -------
        list of Making
            One.
        """
        frames = unit.inputs["frames"]
        dark = self.with_validity(DarkFrame(raw_dark_frames=frames))
        dark.take_from(frames)
        # Some instruments name the filter that happens to be in.
        dark.filter = None
        overridden = []
        making = self.making(dark, overridden)
        for dependency in dark.dependencies:
            self.choose(dark, frames[0], dependency.name, overridden)
        return [making]
