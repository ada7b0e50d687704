"""ReadNoiseTask: read noise of each CCD and night."""

from awe.recipes.common import CombineTask

from awe.model import RawBiasFrame, ReadNoise

__all__ = ["ReadNoiseTask"]


class ReadNoiseTask(CombineTask):
    """Make a ReadNoise of pairs of raw biases."""

    product_names = ("ReadNoise",)
    without = ("filter", "object")
    raw_class = RawBiasFrame
    group_by = ("chip", "readout")
    filter = None
    object = None

    def prepare(self, unit):
        """Prepare the read noise of one CCD.

        Parameters
        ----------
        unit : Unit
            With the raw biases.

        Returns
        -------
        list of Making
            One.
        """
        frames = unit.inputs["frames"]
        noise = self.with_validity(ReadNoise(raw_bias_frames=frames))
        noise.take_from(frames)
        return [self.making(noise)]
