"""FringeFlatTask: fringes of the night sky of each CCD, filter and night."""

from awe.recipes.sky_tasks import SkyTask

from awe.base.errors import AweValueError
from awe.model import FringeFrame

__all__ = ["FringeFlatTask"]


class FringeFlatTask(SkyTask):
    """Make a FringeFrame of reduced frames of dithered fields, fringes still in them."""

    product_names = ("FringeFrame",)
    product_class = FringeFrame

    def make(self, unit, folder):
        """Make the fringe frame of one CCD and filter.

        Parameters
        ----------
        unit : Unit
            With the reduced frames.
        folder : pathlib.Path
            Where the file goes.

        Returns
        -------
        list of Product
            One.
        """
        used = unit.inputs["frames"][0].filter
        if used.has_fringes is False and self.filter is None:
            msg = f"Frames in {used.name} show no fringes (Filter.has_fringes is False)."
            raise AweValueError(msg, remedy=f"To make some all the same: filter={used.name!r}")
        return super().make(unit, folder)
