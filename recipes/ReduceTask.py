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
        return self.units_of(self.select(RawScienceFrame))

    def units_of(self, frames):
        """Take each raw science frame for itself.

        Parameters
        ----------
        frames : list of RawScienceFrame
            Good ones.

        Returns
        -------
        list of Unit
            One for each frame.
        """
        return [Unit(f.filename, {"raw": f}) for f in frames]

    def unit_again(self, product, sources):
        """Give the unit that makes a reduced frame, or one of its maps, again.

        Parameters
        ----------
        product : ReducedScienceFrame, WeightFrame or ExposureMap
            One that the task has made.
        sources : dict of str to Product
            Not needed.

        Returns
        -------
        Unit or None
            None where the raw frame is bad now.
        """
        while not isinstance(product, RawScienceFrame):
            product = product.input_objects()[0][1]
        units = self.units_of(self.good([product]))
        return units[0] if units else None

    def prepare(self, unit):
        """Prepare a reduced frame, its maps and its weight.

        Parameters
        ----------
        unit : Unit
            With the raw frame.

        Returns
        -------
        list of Making
            The maps and weights in the order in which they need each other, the frame last.
        """
        raw = unit.inputs["raw"]
        reduced = ReducedScienceFrame()
        reduced.take_from(raw)
        overridden = []
        making = self.making(reduced, overridden)
        for dependency in reduced.dependencies:
            # The flat, which is among the first, decides on the illumination correction.
            frame = reduced if "large_scales" in dependency.match else raw
            self.choose(reduced, frame, dependency.name, overridden)
        gain = reduced.gain_linearity
        reduced.saturated = saturated = SaturatedPixelMap(raw=raw, gain_linearity=gain)
        saturated.take_from(raw)
        given = [n for n in overridden if n in saturated.inputs]
        reduced.leave_out(n for n in overridden if getattr(reduced, n) is None)
        return [self.making(saturated, given), *self._weighted(reduced, overridden), making]

    def _weighted(self, reduced, overridden):
        """Prepare the maps of a reduced frame, and its weight."""
        known = {"frame": reduced, "saturated": reduced.saturated, "hot": reduced.hot,
                 "cold": reduced.cold}  # fmt: skip
        cosmic = CosmicMap(**known)
        satellite = SatelliteMap(**known, cosmic=cosmic)
        reduced.weight = WeightFrame(
            saturated=reduced.saturated, cosmic=cosmic, satellite=satellite
        )
        makings = []
        for product in (cosmic, satellite, reduced.weight):
            product.take_from(reduced)
            given = [name for name in overridden if name in product.inputs]
            makings.append(self.making(product, given))
        return makings

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
        saturated, *weighted, reduced = self.prepared(unit)
        # Written when all are made: each works on the pixels of those before. Inputs come first,
        # so that the checksums of their files stand in those that were made of them.
        for product in [making.run() for making in (saturated, reduced, *weighted)]:
            product.write(folder)
        return [reduced.product]
