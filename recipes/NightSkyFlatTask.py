"""NightSkyFlatTask: flat of the night sky of each CCD, filter and night."""

from awe.recipes.sky_tasks import SkyTask

from awe.model import NightSkyFlatFrame

__all__ = ["NightSkyFlatTask"]


class NightSkyFlatTask(SkyTask):
    """Make a NightSkyFlatFrame of reduced frames of dithered fields.

    Of several reductions of a raw frame the newest is taken; all must have been reduced alike.
    """

    product_names = ("NightSkyFlatFrame",)
    product_class = NightSkyFlatFrame
