"""TwilightFlatTask: master twilight flat of each CCD, filter and night."""

from awe.recipes.flat_tasks import FlatTask

from awe.model import RawTwilightFlatFrame, TwilightFlatFrame

__all__ = ["TwilightFlatTask"]


class TwilightFlatTask(FlatTask):
    """Make a TwilightFlatFrame of raw twilight flats."""

    product_names = ("TwilightFlatFrame",)
    raw_class = RawTwilightFlatFrame
    product_class = TwilightFlatFrame
