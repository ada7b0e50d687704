"""What the recipes for dome and twilight flats have in common."""

from awe.recipes.arguments import as_calibration
from awe.recipes.common import CombineTask

from awe.process import Argument

__all__ = ["FlatTask"]


class FlatTask(CombineTask):
    """Make a master flat of raw flats.

    Attributes
    ----------
    product_class : type
        The class of the product.
    """

    arguments = (
        Argument("bias", "the BiasFrame to subtract, instead of the choice", check=as_calibration),
        Argument("gain_linearity", "the GainLinearity to use, instead of the choice; False for "
                 "that of the header", check=as_calibration),
        Argument("hot", "the HotPixelMap to use, instead of the choice; False for none",
                 check=as_calibration),
    )  # fmt: skip
    without = ("object",)
    object = None
    product_class = None

    def prepare(self, unit):
        """Prepare the flat of one CCD and filter.

        Parameters
        ----------
        unit : Unit
            With the raw flats.

        Returns
        -------
        list of Making
            One.
        """
        frames = unit.inputs["frames"]
        flat = self.with_validity(self.product_class(**{self.product_class.raws: frames}))
        flat.take_from(frames)
        overridden = []
        making = self.making(flat, overridden)
        for dependency in flat.dependencies:
            self.choose(flat, frames[0], dependency.name, overridden)
        return [making]
