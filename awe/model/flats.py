"""Flats: from the dome, from twilight, and the master flat of both."""

import numpy as np

from awe.base.errors import AweValueError
from awe.model.calibrations import BaseCalFrame, BiasFrame
from awe.model.quality import FLAT_DIFFERENCE, FLAT_FLATNESS, subwindow_medians
from awe.model.raw import RawDomeFlatFrame, RawTwilightFlatFrame
from awe.model.stacks import RawStack, check_alike, noise_of
from awe.model.vocabulary import Lamp
from awe.process import Dependency, ProcessParameters, parameter
from awe.store import persistent

__all__ = [
    "BaseFlatFrame",
    "CombinedFlatFrame",
    "DomeFlatFrame",
    "DomeFlatFrameParameters",
    "MasterFlatFrame",
    "MasterFlatFrameParameters",
    "TwilightFlatFrame",
    "TwilightFlatFrameParameters",
]

BIAS = Dependency(
    "bias", ("BiasFrame",), ("instrument", "chip", "readout"), ("OVERSCAN_CORRECTION",)
)
_SAMPLES = 1 << 16


class BaseFlatFrame(BaseCalFrame):
    """A flat: mean 1 over the good pixels of the CCD."""

    abstract = True
    unit = "1"
    prev = persistent("The flat that it was compared with", "BaseFlatFrame")
    subwin_flatness = persistent("Max - min of the medians of 32 sub-windows", float)
    subwin_diff = persistent("Largest change of the medians of 32 sub-windows since `prev`", float)

    def keep_flat(self, flat, error):
        """Keep a normalised flat and its statistics.

        Parameters
        ----------
        flat : awe.pixels.NormalisedFlat
            The flat.
        error : array or None
            Its error plane, in the same unit.
        """
        planes = {} if error is None else {"ERROR": error.astype(np.float32)}
        self.keep(flat.flat, **planes)
        medians = subwindow_medians(np.where(flat.bad, np.nan, flat.flat))
        self.subwin_flatness = float(np.nanmax(medians) - np.nanmin(medians))
        self.set_validity(getattr(self, "_validity", None))

    def verify(self):
        """Compute the flag of the flatness.

        Returns
        -------
        int
            FLAT_FLATNESS where the sub-windows differ by more than the limit, else 0.
        """
        limit = self.process_params.MAXIMUM_SUBWIN_FLATNESS
        return FLAT_FLATNESS if self.subwin_flatness > limit else 0

    def compare(self):
        """Compute the flag of the difference from the previous flat.

        Returns
        -------
        int
            FLAT_DIFFERENCE where the ratio of both changes by more than the limit, else 0.
        """
        self.prev = self.previous()
        if self.prev is None:
            return 0
        with np.errstate(divide="ignore", invalid="ignore"):
            medians = subwindow_medians(self.data / self.prev.data)
        self.subwin_diff = float(np.nanmax(np.abs(medians - 1)))
        limit = self.process_params.MAXIMUM_SUBWIN_DIFF
        return FLAT_DIFFERENCE if self.subwin_diff > limit else 0


class CombinedFlatFrame(BaseFlatFrame):
    """A flat that is combined from raw flats."""

    abstract = True
    dependencies = (BIAS,)
    raws = ""
    bias = persistent("The bias that was subtracted", BiasFrame)
    level = persistent("Mean level of the raw flats above bias", float, unit="adu")

    def make(self):
        """Combine the raw flats, each scaled by its level."""
        from awe.pixels import combine, normalise_flat

        frames = getattr(self, self.raws)
        check_alike(frames)
        parameters = self.process_params
        if len(frames) < parameters.MINIMUM_FRAMES:
            msg = (
                f"A {type(self).__name__} needs at least MINIMUM_FRAMES = "
                f"{parameters.MINIMUM_FRAMES} raw flats; {self.chip.name} has {len(frames)}."
            )
            raise AweValueError(msg, cause="fewer raw flats than MINIMUM_FRAMES")
        stack = RawStack(frames, parameters.OVERSCAN_CORRECTION, self.bias.data)
        levels = [_level(stack, k, frame) for k, frame in enumerate(frames)]
        measured = None if self.bias.read_noise is None else self.bias.read_noise.read_noise
        noise, gain = noise_of(frames[0], measured)
        made = combine(
            stack, sigma_clip=parameters.SIGMA_CLIP, read_noise=noise, gain=gain, scale=levels
        )
        flat = normalise_flat(made.data)
        self.level = float(np.mean(levels))
        self.keep_flat(flat, made.error / np.float32(flat.level))


def _level(stack, k, frame):
    """Give the level of a raw flat: the median of a sample of its pixels."""
    image = stack.frame(k)
    step = max(1, image.size // _SAMPLES)
    sample = image.ravel()[::step]
    level = float(np.median(sample[np.isfinite(sample)]))
    if not level > 0:
        msg = f"{frame!r} has the level {level:.1f} ADU above bias: it is not lit."
        raise AweValueError(msg)
    return level


class DomeFlatFrameParameters(ProcessParameters):
    """How a dome flat is made, and its limits."""

    OVERSCAN_CORRECTION = parameter("Overscan method", int, 6, low=0, high=10)
    SIGMA_CLIP = parameter("Clip, in sigma of the noise model", float, 5.0, unit="sigma", low=1.0)
    MINIMUM_FRAMES = parameter("Least number of raw flats", int, 2, low=1, critical=False)
    MAXIMUM_SUBWIN_FLATNESS = parameter("Limit of max - min of the medians of 32 sub-windows",
                                        float, 1.0, low=0, critical=False)  # fmt: skip
    MAXIMUM_SUBWIN_DIFF = parameter("Limit of the change of these medians since the previous flat",
                                    float, 0.1, low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE = parameter("Serves so many nights before its own", int, 15, low=0,
                                    unit="d", critical=False)  # fmt: skip
    VALID_NIGHTS_AFTER = parameter("Serves so many nights after its own", int, 15, low=0,
                                   unit="d", critical=False)  # fmt: skip


class DomeFlatFrame(CombinedFlatFrame):
    """A master dome flat."""

    abstract = False
    file_kind = ("Cal", "Dome")
    raws = "raw_domeflat_frames"
    inputs = ("raw_domeflat_frames", "bias")
    raw_domeflat_frames = persistent("The raw flats", [RawDomeFlatFrame])
    lamp = persistent("Lamp that was on", Lamp)
    process_params = persistent("Parameters", DomeFlatFrameParameters)

    def take_from(self, frames):
        """Take what stays the same from the raw flats, the lamp too.

        Parameters
        ----------
        frames : sequence of RawDomeFlatFrame
            At least one.
        """
        super().take_from(frames)
        self.lamp = frames[0].lamp


class TwilightFlatFrameParameters(ProcessParameters):
    """How a twilight flat is made, and its limits."""

    OVERSCAN_CORRECTION = parameter("Overscan method", int, 6, low=0, high=10)
    SIGMA_CLIP = parameter("Clip, in sigma of the noise model", float, 5.0, unit="sigma", low=1.0)
    MINIMUM_FRAMES = parameter("Least number of raw flats", int, 2, low=1, critical=False)
    MAXIMUM_SUBWIN_FLATNESS = parameter("Limit of max - min of the medians of 32 sub-windows",
                                        float, 1.0, low=0, critical=False)  # fmt: skip
    MAXIMUM_SUBWIN_DIFF = parameter("Limit of the change of these medians since the previous flat",
                                    float, 0.1, low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE = parameter("Serves so many nights before its own", int, 15, low=0,
                                    unit="d", critical=False)  # fmt: skip
    VALID_NIGHTS_AFTER = parameter("Serves so many nights after its own", int, 15, low=0,
                                   unit="d", critical=False)  # fmt: skip


class TwilightFlatFrame(CombinedFlatFrame):
    """A master twilight flat."""

    abstract = False
    file_kind = ("Cal", "Twilight")
    raws = "raw_twilightflat_frames"
    inputs = ("raw_twilightflat_frames", "bias")
    raw_twilightflat_frames = persistent("The raw flats", [RawTwilightFlatFrame])
    process_params = persistent("Parameters", TwilightFlatFrameParameters)


class MasterFlatFrameParameters(ProcessParameters):
    """How a master flat is made, and its limits."""

    COMBINE_TYPE = parameter("1 dome and twilight, 2 dome only, 3 twilight only", int, 1,
                             choices=(1, 2, 3))  # fmt: skip
    MEDIAN_FILTER_SIZE = parameter("Structures larger than this come from the twilight flat",
                                   float, 64.0, unit="pix", low=4.0)  # fmt: skip
    MAXIMUM_SUBWIN_FLATNESS = parameter("Limit of max - min of the medians of 32 sub-windows",
                                        float, 1.0, low=0, critical=False)  # fmt: skip
    MAXIMUM_SUBWIN_DIFF = parameter("Limit of the change of these medians since the previous flat",
                                    float, 0.1, low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE = parameter("Serves so many nights before its own", int, 15, low=0,
                                    unit="d", critical=False)  # fmt: skip
    VALID_NIGHTS_AFTER = parameter("Serves so many nights after its own", int, 15, low=0,
                                   unit="d", critical=False)  # fmt: skip


class MasterFlatFrame(BaseFlatFrame):
    """The flat that science frames are divided by."""

    abstract = False
    file_kind = ("Cal", "Flat")
    inputs = ("domeflat", "twilightflat")
    domeflat = persistent("Gives the small scales", DomeFlatFrame)
    twilightflat = persistent("Gives the large scales", TwilightFlatFrame)
    process_params = persistent("Parameters", MasterFlatFrameParameters)

    def make(self):
        """Combine dome and twilight flat, as far as they are there."""
        from awe.pixels import master_flat

        parameters = self.process_params
        way = parameters.COMBINE_TYPE
        # What is not used is no input.
        if way == 2:
            self.twilightflat = None
        if way == 3:
            self.domeflat = None
        if way == 1 and (self.domeflat is None or self.twilightflat is None):
            missing = "dome" if self.domeflat is None else "twilight"
            self.steps_not_done = [f"large and small scales apart: there is no {missing} flat"]
            way = 3 if self.domeflat is None else 2
        dome = None if self.domeflat is None else self.domeflat.data
        twilight = None if self.twilightflat is None else self.twilightflat.data
        flat = master_flat(dome, twilight, way, parameters.MEDIAN_FILTER_SIZE)
        fine = self.twilightflat if way == 3 else self.domeflat
        self.keep_flat(flat, fine.extra_image("ERROR"))
