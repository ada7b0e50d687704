"""ColdPixelsTask: map of the cold pixels of each CCD, filter and night."""

from awe.recipes.map_tasks import MapTask, calibrations_of

from awe.model import ColdPixelMap, DomeFlatFrame, TwilightFlatFrame
from awe.process import Argument

__all__ = ["ColdPixelsTask"]


class ColdPixelsTask(MapTask):
    """Make a ColdPixelMap of a DomeFlatFrame, or a TwilightFlatFrame where there is none."""

    arguments = (
        Argument("flat", "the DomeFlatFrame or TwilightFlatFrame, or several, to use instead of "
                         "the newest", check=calibrations_of(DomeFlatFrame, TwilightFlatFrame)),
    )  # fmt: skip
    product_names = ("ColdPixelMap",)
    source = "flat"
    source_classes = (DomeFlatFrame, TwilightFlatFrame)

    def prepare(self, unit):
        """Prepare the map of one CCD and filter.

        Parameters
        ----------
        unit : Unit
            With the flat.

        Returns
        -------
        list of Making
            One.
        """
        flat = unit.inputs["source"]
        cold = self.with_validity(ColdPixelMap(flat=flat))
        cold.take_from([flat])
        return [self.making(cold, unit.inputs["overridden"])]
