"""ReduceTask: raw science frames to reduced frames and their weights."""

from awe.recipes.common import FrameTask, made

from awe.model import RawScienceFrame, ReducedScienceFrame, WeightFrame
from awe.process import Argument, Unit

__all__ = ["ReduceTask"]


class ReduceTask(FrameTask):
    """Make a ReducedScienceFrame and its WeightFrame of each raw science frame."""

    arguments = (
        Argument("bias", "the BiasFrame to subtract, instead of the choice"),
        Argument("flat", "the MasterFlatFrame to divide by, instead of the choice"),
    )
    product_names = ("ReducedScienceFrame",)
    raw_class = RawScienceFrame

    def units(self):
        """Select the raw science frames.

        Returns
        -------
        list of Unit
            One for each frame.
        """
        return [Unit(f.filename, {"raw": f}) for f in self.select(RawScienceFrame)]

    def make(self, unit, folder):
        """Reduce one frame.

        Parameters
        ----------
        unit : Unit
            With the raw frame.
        folder : pathlib.Path
            Where the files go.

        Returns
        -------
        list of Product
            The reduced frame; its `weight` goes with it.
        """
        raw = unit.inputs["raw"]
        reduced = ReducedScienceFrame()
        reduced.take_from(raw)
        overridden = []
        making = self.making(reduced, overridden)
        self.choose(reduced, raw, "bias", overridden)
        self.choose(reduced, raw, "flat", overridden)
        made(making, folder)
        reduced.weight = self._weight(reduced, folder)
        return [reduced]

    def _weight(self, reduced, folder):
        weight = WeightFrame(
            raw=reduced.raw, bias=reduced.bias, flat=reduced.flat, chip=reduced.chip,
            instrument=reduced.instrument, filter=reduced.filter,
            process_params=reduced.process_params,
            parameter_origins=reduced.parameter_origins,
            steps_not_done=reduced.steps_not_done,
        )  # fmt: skip
        object.__setattr__(weight, "_weights", reduced._weights)
        object.__setattr__(reduced, "_weights", None)
        return made(self.making(weight, reduced.overridden_inputs), folder)
