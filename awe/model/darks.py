"""Darks: what a CCD collects without light."""

import numpy as np

from awe.base.errors import AweValueError
from awe.model.calibrations import BaseCalFrame, BiasFrame
from awe.model.dependencies import BIAS, GAIN
from awe.model.quality import DARK_DIFFERENCE, DARK_LEVEL
from awe.model.raw import RawDarkFrame
from awe.model.stacks import RawStack, check_alike, noise_of
from awe.model.validity import valid_nights
from awe.process import ProcessParameters, parameter
from awe.store import persistent

__all__ = ["DarkFrame", "DarkFrameParameters"]


class DarkFrameParameters(ProcessParameters):
    """How a dark is made, and its limits."""

    OVERSCAN_CORRECTION = parameter("Overscan method", int, 6, low=0, high=10)
    SIGMA_CLIP = parameter("Clip, in sigma of the noise model", float, 5.0, unit="sigma", low=1.0)
    MINIMUM_FRAMES = parameter("Least number of raw darks", int, 3, low=1, critical=False)
    MAXIMUM_DARK_LEVEL = parameter("Limit of the mean", float, 1.0, unit="adu/s", low=0,
                                   critical=False)  # fmt: skip
    MAXIMUM_DARK_DIFFERENCE = parameter("Limit of the change of the mean", float, 0.1,
                                        unit="adu/s", low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(7)


class DarkFrame(BaseCalFrame):
    """A master dark: the clipped mean of raw darks over their exposure times, in ADU/s."""

    abstract = False
    file_kind = ("Cal", "Dark")
    unit = "adu/s"
    inputs = ("raw_dark_frames", "bias", "gain_linearity")
    dependencies = (BIAS, GAIN)
    raw_dark_frames = persistent("The darks", [RawDarkFrame])
    bias = persistent("The bias that was subtracted", BiasFrame)
    gain_linearity = persistent("Gain and read noise that set the clip", "GainLinearity")
    prev = persistent("The dark that it was compared with", "DarkFrame")
    process_params = persistent("Parameters", DarkFrameParameters)
    exptimes = persistent("Exposure times of the darks", [float], unit="s")
    dark_level = persistent("Mean after clipping", float, unit="adu/s")
    dark_diff = persistent("Absolute change of that since `prev`", float, unit="adu/s")
    outliers = persistent("Number of values of all raw darks that were left out", int)

    def make(self):
        """Combine the raw darks, each over its exposure time."""
        from awe.pixels import combine

        frames, parameters = self.raw_dark_frames, self.process_params
        check_alike(frames)
        if len(frames) < parameters.MINIMUM_FRAMES:
            msg = (
                f"A dark needs at least MINIMUM_FRAMES = {parameters.MINIMUM_FRAMES} raw darks; "
                f"{self.chip.name} has {len(frames)}."
            )
            raise AweValueError(msg, cause="fewer raw darks than MINIMUM_FRAMES")
        self.exptimes = [_exptime(frame) for frame in frames]
        stack = RawStack(frames, parameters.OVERSCAN_CORRECTION, self.bias.data)
        measured = None if self.bias.read_noise is None else self.bias.read_noise.read_noise
        noise, gain = noise_of(frames[0], measured, self.gain_linearity)
        if gain is None:
            self.steps_not_done = ["clip by the noise model: the gain is not known"]
        made = combine(
            stack, sigma_clip=parameters.SIGMA_CLIP, read_noise=noise, gain=gain,
            scale=self.exptimes,
        )  # fmt: skip
        self.outliers = made.count.size * len(frames) - int(made.count.sum(dtype=np.int64))
        # The bias is the same in all darks: their mean does not lessen its error.
        share = np.float32(np.mean([1 / t for t in self.exptimes]))
        error = np.hypot(made.error, share * self.bias.extra_image("ERROR"))
        self.keep(made.data, ERROR=error.astype(np.float32))
        # The median of few digital numbers is one of few values.
        self.dark_level = self.imstat.mean
        self.set_validity(getattr(self, "_validity", None))

    def verify(self):
        """Compute the flag of the level.

        Returns
        -------
        int
            DARK_LEVEL where the mean is beyond the limit, else 0.
        """
        too_high = abs(self.dark_level) > self.process_params.MAXIMUM_DARK_LEVEL
        return DARK_LEVEL if too_high else 0

    def compare(self):
        """Compute the flag of the change since the previous dark.

        Returns
        -------
        int
            DARK_DIFFERENCE or 0.
        """
        self.prev = self.previous()
        if self.prev is None:
            return 0
        self.dark_diff = abs(self.dark_level - self.prev.dark_level)
        limit = self.process_params.MAXIMUM_DARK_DIFFERENCE
        return DARK_DIFFERENCE if self.dark_diff > limit else 0


def _exptime(frame):
    """Give the exposure time of a dark."""
    if frame.EXPTIME is None or not frame.EXPTIME > 0:
        msg = f"{frame!r} has the exposure time {frame.EXPTIME}: a dark needs more than 0 s."
        raise AweValueError(msg)
    return float(frame.EXPTIME)
