"""What the recipes that start from reduced frames have in common."""

from awe.recipes.arguments import as_names
from awe.recipes.common import CombineTask

from awe.base.errors import AweLookupError, did_you_mean
from awe.model import ReducedScienceFrame
from awe.process import Argument, Unit

__all__ = ["ReducedFramesTask", "SkyTask"]


class ReducedFramesTask(CombineTask):
    """A task that works on reduced frames."""

    arguments = (
        Argument("red_filenames", "names of the reduced frames, instead of the above",
                 check=as_names),
    )  # fmt: skip
    without = ("raw_filenames",)
    raw_class = ReducedScienceFrame
    raw_filenames = None

    def select(self, cls):
        """Select reduced frames by the task's arguments.

        Parameters
        ----------
        cls : type
            Their class.

        Returns
        -------
        list
            The good ones; of several reductions of a raw frame the newest that `is_suited`, or
            else the newest, unless they are named.
        """
        frames = super().select(cls)
        if self.red_filenames is not None:
            return _named(self, frames)
        newest = {}
        for frame in sorted(frames, key=lambda f: (self.is_suited(f), f.creation_date)):
            newest[frame.raw.object_id] = frame
        return sorted(newest.values(), key=lambda f: (f.DATE_OBS, f.object_id))

    def is_suited(self, frame):
        """Tell whether a reduction is one that the task can use.

        Parameters
        ----------
        frame : ReducedScienceFrame
            One of perhaps several reductions of a raw frame.

        Returns
        -------
        bool
            By default always true.
        """
        return True

    def units_of(self, frames):
        """Group the reduced frames by CCD, read-out mode, filter and night.

        Parameters
        ----------
        frames : list of ReducedScienceFrame
            Good ones.

        Returns
        -------
        list of Unit
            One for each product; where `all_nights` is true one for all nights.
        """
        units = super().units_of(frames)
        if not self.all_nights():
            return units
        groups = {}
        for unit in units:
            first = unit.inputs["frames"][0]
            links = [getattr(first, n) for n in self.group_by]
            key = tuple(None if link is None else link.object_id for link in links)
            held = groups.setdefault(key, Unit(unit.label, {"frames": []}))
            held.inputs["frames"] += unit.inputs["frames"]
        return list(groups.values())

    def all_nights(self):
        """Tell whether frames of several nights go into one product.

        Returns
        -------
        bool
            True where the user named the frames.
        """
        return self.red_filenames is not None


def _named(task, frames):
    """Give the frames that the user named; raise where one is not there."""
    by_name = {frame.filename: frame for frame in frames}
    for name in task.red_filenames:
        if name not in by_name:
            msg = (
                f"{type(task).__name__}: no good reduced frame {name} of {task.instrument} meets "
                f"the other arguments.{did_you_mean(name, by_name)}"
            )
            raise AweLookupError(msg)
    return [by_name[name] for name in task.red_filenames]


class SkyTask(ReducedFramesTask):
    """Combine the sky of reduced frames.

    Attributes
    ----------
    product_class : type
        The class of the product.
    """

    product_class = None

    def prepare(self, unit):
        """Prepare the product of one CCD and filter.

        Parameters
        ----------
        unit : Unit
            With the reduced frames.

        Returns
        -------
        list of Making
            One.
        """
        frames = unit.inputs["frames"]
        product = self.with_validity(self.product_class(reduced_frames=frames))
        product.take_from(frames)
        overridden = [] if self.red_filenames is None else ["reduced_frames"]
        return [self.making(product, overridden)]
