"""ReduceTask: raw science frames to reduced frames, their maps and their weights."""

from awe.recipes.arguments import as_calibration
from awe.recipes.common import FrameTask

from awe.model import (
    CosmicMap,
    RawScienceFrame,
    ReducedScienceFrame,
    SatelliteMap,
    SaturatedPixelMap,
    WeightFrame,
)
from awe.process import Argument, Unit

__all__ = ["ReduceTask"]


class ReduceTask(FrameTask):
    """Make a ReducedScienceFrame with its WeightFrame and maps of each raw science frame."""

    arguments = tuple(
        Argument(name, f"the {cls} to use, instead of the choice{left_out}", check=as_calibration)
        for name, cls, left_out in (
            ("bias", "BiasFrame", ""),
            ("flat", "MasterFlatFrame", ""),
            ("hot", "HotPixelMap", "; False for none"),
            ("cold", "ColdPixelMap", "; False for none"),
            ("dark", "DarkFrame", "; False for none"),
            ("illumination", "IlluminationCorrectionFrame", "; False for none"),
            ("fringe", "FringeFrame", "; False for none"),
            ("gain_linearity", "GainLinearity", "; False for that of the header"),
        )
    )
    product_names = (
        "ReducedScienceFrame", "SaturatedPixelMap", "CosmicMap", "SatelliteMap", "WeightFrame",
    )  # fmt: skip
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
            The reduced frame; its `weight` goes with it, and with that its maps.
        """
        raw = unit.inputs["raw"]
        reduced = ReducedScienceFrame()
        reduced.take_from(raw)
        overridden = []
        making = self.making(reduced, overridden)
        for dependency in reduced.dependencies:
            self.choose(reduced, raw, dependency.name, overridden)
        gain = reduced.gain_linearity
        reduced.saturated = saturated = SaturatedPixelMap(raw=raw, gain_linearity=gain)
        saturated.take_from(raw)
        given = [n for n in overridden if n in saturated.inputs]
        self.making(saturated, given).run()
        reduced.leave_out(n for n in overridden if getattr(reduced, n) is None)
        making.run()
        products = [reduced, saturated, *self._weighted(reduced, overridden)]
        # Written when all are made: each works on the pixels of those before.
        for product in products:
            product.write(folder)
        return [reduced]

    def _weighted(self, reduced, overridden):
        """Make the maps of a reduced frame, and its weight."""
        known = {"frame": reduced, "saturated": reduced.saturated, "hot": reduced.hot,
                 "cold": reduced.cold}  # fmt: skip
        cosmic = CosmicMap(**known)
        satellite = SatelliteMap(**known, cosmic=cosmic)
        weight = WeightFrame(saturated=reduced.saturated, cosmic=cosmic, satellite=satellite)
        for product in (cosmic, satellite, weight):
            product.take_from(reduced)
            given = [name for name in overridden if name in product.inputs]
            self.making(product, given).run()
        reduced.weight = weight
        return [cosmic, satellite, weight]
