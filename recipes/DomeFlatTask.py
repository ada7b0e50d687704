"""DomeFlatTask: master dome flat of each CCD, filter and night."""

from awe.recipes.flat_tasks import FlatTask

from awe.model import DomeFlatFrame, RawDomeFlatFrame

__all__ = ["DomeFlatTask"]


class DomeFlatTask(FlatTask):
    """Make a DomeFlatFrame of raw dome flats."""

    product_names = ("DomeFlatFrame",)
    raw_class = RawDomeFlatFrame
    product_class = DomeFlatFrame
