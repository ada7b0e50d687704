"""BiasTask: read noise and master bias of each CCD and night."""

from awe.recipes.common import CombineTask

from awe.model import BiasFrame, RawBiasFrame, ReadNoise
from awe.process.flags import disqualifying_bits

__all__ = ["BiasTask"]


class BiasTask(CombineTask):
    """Make a BiasFrame, and the ReadNoise that its clip needs, of raw biases."""

    product_names = ("ReadNoise", "BiasFrame")
    without = ("filter", "object")
    raw_class = RawBiasFrame
    group_by = ("chip", "readout")
    filter = None
    object = None

    def prepare(self, unit):
        """Prepare the read noise and the bias of one CCD.

        Parameters
        ----------
        unit : Unit
            With the raw biases.

        Returns
        -------
        list of Making
            Read noise, where there are two frames and none was made of the same before, and bias.
        """
        frames = unit.inputs["frames"]
        makings = []
        bias = self.with_validity(BiasFrame(raw_bias_frames=frames))
        bias.take_from(frames)
        making = self.making(bias)
        if len(frames) > 1:
            bias.read_noise = self._read_noise(frames, makings)
        return [*makings, making]

    def _read_noise(self, frames, makings):
        """Give the read noise: a stored one that was made of the same in the same way, or new."""
        noise = self.with_validity(ReadNoise(raw_bias_frames=frames))
        noise.take_from(frames)
        making = self.making(noise)
        wants_own = any(name.startswith("ReadNoise.") for name in self.pars)
        if self.validity is None and not wants_own:
            same = ReadNoise.content_key == noise.compute_content_key()
            held = (same & (ReadNoise.chip == noise.chip)).project_only()
            good = [
                n for n in held if n.is_valid > 0 and not n.quality_flags & disqualifying_bits()
            ]
            if good:
                return max(good, key=lambda n: n.creation_date)
        makings.append(making)
        return noise
