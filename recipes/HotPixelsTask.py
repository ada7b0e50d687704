"""HotPixelsTask: map of the hot pixels of each CCD and night."""

from awe.recipes.arguments import as_calibration
from awe.recipes.map_tasks import MapTask, calibrations_of

from awe.model import BiasFrame, HotPixelMap
from awe.model.dependencies import DARK
from awe.process import Argument
from awe.process.choice import check_given

__all__ = ["HotPixelsTask"]


class HotPixelsTask(MapTask):
    """Make a HotPixelMap of a BiasFrame, and of a DarkFrame where one serves."""

    arguments = (
        Argument("bias", "the BiasFrame, or several, to use instead of the newest",
                 check=calibrations_of(BiasFrame)),
        Argument("dark", "the DarkFrame, or several, to use instead of the choice; False for none",
                 check=as_calibration),
    )  # fmt: skip
    product_names = ("HotPixelMap",)
    without = ("filter",)
    filter = None
    source = "bias"
    source_classes = (BiasFrame,)

    def prepare(self, unit):
        """Prepare the map of one CCD.

        Parameters
        ----------
        unit : Unit
            With the bias.

        Returns
        -------
        list of Making
            One.
        """
        bias, overridden = unit.inputs["source"], unit.inputs["overridden"]
        hot = self.with_validity(HotPixelMap(bias=bias))
        hot.take_from([bias])
        making = self.making(hot, overridden)
        hot.dark = self._dark(bias)
        if self.dark is not None:
            overridden.append("dark")
        return [making]

    def _dark(self, bias):
        """Give the dark for the map of a bias: that of the user, or the best one, or None."""
        # A dark serves the bias as it serves the frames of its night, overscan-corrected alike.
        frame, parameters = bias.raw_bias_frames[0], bias.process_params
        if self.dark is None:
            return self.chooser(frame, DARK, parameters)
        if self.dark is False:
            return None
        given = self.dark if isinstance(self.dark, (list, tuple)) else [self.dark]
        own = next((dark for dark in given if getattr(dark, "chip", None) is bias.chip), given[0])
        return check_given(frame, DARK, own, parameters)
