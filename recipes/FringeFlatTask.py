"""FringeFlatTask: fringes of the night sky of each CCD, filter and night."""

from awe.recipes.sky_tasks import SkyTask

from awe.base.errors import AweValueError
from awe.model import FringeFrame
from awe.model.skyflats import KEEP_FRINGES

__all__ = ["FringeFlatTask"]


class FringeFlatTask(SkyTask):
    """Make a FringeFrame of reduced frames of dithered fields, fringes still in them.

    Of several reductions of a raw frame the newest with its fringes is taken; frames that have
    none, because fringes were subtracted, are left out unless they are named.
    """

    product_names = ("FringeFrame",)
    product_class = FringeFrame

    def is_suited(self, frame):
        """Tell whether a reduction still has its fringes.

        Parameters
        ----------
        frame : ReducedScienceFrame
            One of perhaps several reductions of a raw frame.

        Returns
        -------
        bool
            True where none were subtracted.
        """
        return frame.fringe is None

    def select(self, cls):
        """Select reduced frames that still have their fringes.

        Parameters
        ----------
        cls : type
            Their class.

        Returns
        -------
        list
            Those that meet the task's arguments, or the ones that the user named.
        """
        frames = super().select(cls)
        if self.red_filenames is not None:
            return frames
        kept = [frame for frame in frames if self.is_suited(frame)]
        if len(kept) < len(frames):
            reason = f"their fringes were subtracted. {KEEP_FRINGES}"
            self.left_out[reason] = len(frames) - len(kept)
        return kept

    def prepare(self, unit):
        """Prepare the fringe frame of one CCD and filter.

        Parameters
        ----------
        unit : Unit
            With the reduced frames.

        Returns
        -------
        list of Making
            One.
        """
        used = unit.inputs["frames"][0].filter
        if used is not None and used.has_fringes is False and self.filter is None:
            msg = f"Frames in {used.name} show no fringes (Filter.has_fringes is False)."
            raise AweValueError(msg, remedy=f"To make some all the same: filter={used.name!r}")
        return super().prepare(unit)
