"""BiasTask: read noise and master bias of each CCD and night."""

from awe.recipes.common import CombineTask, made

from awe.model import BiasFrame, RawBiasFrame, ReadNoise

__all__ = ["BiasTask"]


class BiasTask(CombineTask):
    """Make a BiasFrame, and the ReadNoise that its clip needs, of raw biases."""

    product_names = ("ReadNoise", "BiasFrame")
    without = ("filter", "object")
    raw_class = RawBiasFrame
    group_by = ("chip", "readout")
    filter = None
    object = None

    def make(self, unit, folder):
        """Make the read noise and the bias of one CCD.

        Parameters
        ----------
        unit : Unit
            With the raw biases.
        folder : pathlib.Path
            Where the file goes.

        Returns
        -------
        list of Product
            Read noise, where there are two frames, and bias.
        """
        frames = unit.inputs["frames"]
        products = []
        bias = self.with_validity(BiasFrame(raw_bias_frames=frames))
        bias.take_from(frames)
        making = self.making(bias)
        if len(frames) > 1:
            noise = self.with_validity(ReadNoise(raw_bias_frames=frames))
            noise.take_from(frames)
            products.append(made(self.making(noise), folder))
            bias.read_noise = noise
        products.append(made(making, folder))
        return products
