"""What reduced frames of the sky give: night-sky flats and fringes."""

import operator

import numpy as np

from awe.base.errors import AweValueError
from awe.model.base import LazyImage
from awe.model.calibrations import BaseCalFrame, BiasFrame
from awe.model.flats import BaseFlatFrame, MasterFlatFrame, subwindow_limits
from awe.model.quality import FRINGE_DIFFERENCE
from awe.model.science import ReducedScienceFrame
from awe.model.stacks import check_common
from awe.model.validity import valid_nights
from awe.model.weights import WeightFrame
from awe.process import ProcessParameters, parameter
from awe.store import persistent

__all__ = [
    "KEEP_FRINGES",
    "REDUCE_ALIKE",
    "FringeFrame",
    "FringeFrameParameters",
    "NightSkyFlatFrame",
    "NightSkyFlatFrameParameters",
    "SkyFrames",
    "UncorrectedImage",
    "treatment",
]

_ALIKE = ("instrument", "chip", "readout", "filter")
KEEP_FRINGES = "Reduce them again with ReduceTask(..., fringe=False)."
"""What to do where frames have lost their fringes."""

REDUCE_ALIKE = "Reduce all in the same way, or name those that are by red_filenames=[...]."
"""What to do where frames were not reduced in the same way."""

# Some frames of a stack with such a step and some without differ by more than their noise.
_OPTIONAL_STEPS = ("dark", "illumination", "fringe")


class SkyFrames:
    """What products of reduced frames of the sky have in common."""

    picked = True

    @property
    def raw_science_frames(self):
        """The raw frames of the reduced frames, in their order."""
        return tuple(frame.raw for frame in self.reduced_frames)

    def take_from(self, frames):
        """Take what stays the same from the reduced frames.

        Parameters
        ----------
        frames : sequence of ReducedScienceFrame
            At least one.
        """
        super().take_from(frames)
        self.weights = [frame.weight for frame in frames if frame.weight is not None]
        for name in ("bias", "flat", "hot", "cold"):
            values = [getattr(frame, name) for frame in frames]
            # Of frames of several nights there may be more than one.
            setattr(self, name, values[0] if all(v is values[0] for v in values) else None)

    def sky_stack(self, *, flatten=False, cell=256):
        """Give the reduced frames, without sources and bad pixels, as a stack.

        Parameters
        ----------
        flatten : bool, optional
            Whether each is freed from the slopes of its background; else it is as it was before
            the illumination correction, which is no flat's affair. The default is False.
        cell : int, optional
            Cell of the background in pixels. The default is 256.

        Returns
        -------
        awe.pixels.SkyStack
            The stack; `sky` of the product is set to the levels of its frames.

        Raises
        ------
        AweValueError
            There are fewer frames than MINIMUM_FRAMES, they are of different kinds, or one has
            no sky.
        """
        from awe.pixels import SkyStack

        parameters, frames = self.process_params, self.reduced_frames
        _check_frames(self, frames)
        first = frames[0]
        stack = SkyStack(
            (first.NAXIS2, first.NAXIS1), flatten=flatten, cell=cell,
            threshold=parameters.SOURCE_THRESHOLD, grow=parameters.SOURCE_GROW,
        )  # fmt: skip
        for frame in frames:
            bad = None if frame.weight is None else frame.weight.data == 0
            image = _lazy(frame) if flatten else UncorrectedImage(frame)
            stack.add(np.asarray(image[:]), bad, image)
        self.sky = stack.levels
        return stack

    def noise(self):
        """Give what the clip needs.

        Returns
        -------
        dict
            'sigma_clip', and 'read_noise' and 'gain' where they are known of all frames.
        """
        found = {"sigma_clip": self.process_params.SIGMA_CLIP}
        for name in ("read_noise", "gain"):
            values = [getattr(frame, name) for frame in self.reduced_frames]
            found[name] = None if None in values else float(np.mean(values))
        return found


class UncorrectedImage:
    """A reduced frame as it was before the illumination correction, read as it is sliced.

    Parameters
    ----------
    frame : ReducedScienceFrame
        The frame.
    """

    def __init__(self, frame):
        self._image = _lazy(frame)
        self._factor = None if frame.illumination is None else frame.illumination.data

    def __getitem__(self, rows):
        block = np.asarray(self._image[rows], dtype=np.float32)
        return block if self._factor is None else block * self._factor[rows]


def _lazy(frame):
    from awe.fits.headers import iterate_hdus

    path = frame.path()
    hdus = [hdu for hdu, _ in iterate_hdus(path)]
    return LazyImage(path, hdus[frame._image_hdu()])


def treatment():
    """Give what frames whose pixels are compared must have in common in their reduction.

    Returns
    -------
    dict of str to callable
        The overscan method, and for each optional step whether it was done, as `check_common`
        takes them.
    """
    method = operator.attrgetter("process_params.OVERSCAN_CORRECTION")
    return {"OVERSCAN_CORRECTION": method} | {step: _done(step) for step in _OPTIONAL_STEPS}


def _done(step):
    """Give the function that tells whether a step of the reduction was done."""

    def read(frame):
        return "not done" if getattr(frame, step) is None else "done"

    return read


def _check_frames(product, frames):
    """Refuse frames that are too few, of different kinds, or twice there."""
    least = product.process_params.MINIMUM_FRAMES
    name = type(product).__name__
    if len(frames) < least:
        msg = (
            f"A {name} needs at least MINIMUM_FRAMES = {least} reduced frames; "
            f"{product.chip.name} has {len(frames)}."
        )
        raise AweValueError(msg, cause="fewer reduced frames than MINIMUM_FRAMES")
    readers = {link: operator.attrgetter(link) for link in (*_ALIKE, *product.common)}
    why = f"a {name} needs frames that have it in common"
    check_common(frames, readers, why)
    check_common(frames, treatment(), why, REDUCE_ALIKE)
    raws = [frame.raw.object_id for frame in frames]
    for frame in frames:
        if raws.count(frame.raw.object_id) > 1:
            msg = f"{frame.raw!r} is there in more than one reduction: take one of them."
            raise AweValueError(msg)


class NightSkyFlatFrameParameters(ProcessParameters):
    """How a night-sky flat is made, and its limits."""

    SIGMA_CLIP = parameter("Clip, in sigma of the noise model", float, 3.0, unit="sigma", low=1.0)
    SOURCE_THRESHOLD = parameter("Sources are masked from so many sigma of their surroundings",
                                 float, 3.5, unit="sigma", low=1.0)  # fmt: skip
    SOURCE_GROW = parameter("Sources are grown by so many", int, 5, unit="pix", low=0, high=100)
    MINIMUM_FRAMES = parameter("Least number of reduced frames", int, 3, low=1, critical=False)
    MAXIMUM_SUBWIN_FLATNESS, MAXIMUM_SUBWIN_DIFF = subwindow_limits(0.3)
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(15)


class NightSkyFlatFrame(SkyFrames, BaseFlatFrame):
    """What is left of the flat in the sky of reduced frames, which share one master flat.

    An illumination correction that was done is undone, so that it does not matter whether the
    frames have one, as long as all have or none has. It is judged like every flat: FLAT_FLATNESS
    by MAXIMUM_SUBWIN_FLATNESS, FLAT_DIFFERENCE by MAXIMUM_SUBWIN_DIFF.
    """

    abstract = False
    file_kind = ("Cal", "NightSky")
    pixel_version = "1.1"
    inputs = ("reduced_frames", "weights")
    common = ("flat",)
    reduced_frames = persistent("The reduced frames", [ReducedScienceFrame])
    weights = persistent("Their weights, 0 where a pixel is bad", [WeightFrame])
    bias = persistent("Their bias, where all have one", BiasFrame)
    flat = persistent("The flat that they were divided by", MasterFlatFrame)
    hot = persistent("Their map of hot pixels, where all have one", "HotPixelMap")
    cold = persistent("Their map of cold pixels, where all have one", "ColdPixelMap")
    sky = persistent("Sky of each frame", [float], unit="adu")
    process_params = persistent("Parameters", NightSkyFlatFrameParameters)

    def make(self):
        """Combine the frames without their sources, each over its sky."""
        from awe.pixels import night_sky_flat

        made = night_sky_flat(self.sky_stack(), **self.noise())
        self.keep_flat(made.flat, made.error)


class FringeFrameParameters(ProcessParameters):
    """How a fringe frame is made, and its limits."""

    SIGMA_CLIP = parameter("Clip, in sigma of the noise model", float, 3.0, unit="sigma", low=1.0)
    SOURCE_THRESHOLD = parameter("Sources are masked from so many sigma of their surroundings",
                                 float, 3.5, unit="sigma", low=1.0)  # fmt: skip
    SOURCE_GROW = parameter("Sources are grown by so many", int, 5, unit="pix", low=0, high=100)
    BACKGROUND_SIZE = parameter("What varies over more than this is no fringe", int, 256,
                                unit="pix", low=8)  # fmt: skip
    MINIMUM_FRAMES = parameter("Least number of reduced frames", int, 3, low=1, critical=False)
    MINIMUM_SIGNIFICANCE = parameter("Least ratio of the fringes to the noise, in averages of 4 x "
                                     "4 pixels", float, 1.3, low=0, critical=False)  # fmt: skip
    MAXIMUM_FRINGE_DIFFERENCE = parameter("Limit of the change of strength and shape since the "
                                          "previous fringe frame, relative", float, 0.3, low=0,
                                          critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(15)


class FringeFrame(SkyFrames, BaseCalFrame):
    """The fringes of the sky: mean 0, in ADU for each ADU of sky."""

    abstract = False
    file_kind = ("Cal", "Fringe")
    pixel_version = "1.1"
    unit = "1"
    inputs = ("reduced_frames", "weights")
    # Fringes are subtracted after the illumination correction.
    common = ("illumination",)
    reduced_frames = persistent("The reduced frames", [ReducedScienceFrame])
    weights = persistent("Their weights, 0 where a pixel is bad", [WeightFrame])
    bias = persistent("Their bias, where all have one", BiasFrame)
    flat = persistent("Their flat, where all have one", MasterFlatFrame)
    hot = persistent("Their map of hot pixels, where all have one", "HotPixelMap")
    cold = persistent("Their map of cold pixels, where all have one", "ColdPixelMap")
    sky = persistent("Sky of each frame", [float], unit="adu")
    amplitude = persistent("Standard deviation of the fringes over 4 x 4 pixels", float)
    significance = persistent("Their ratio to the noise, which has 1", float)
    prev = persistent("The fringe frame that it was compared with", "FringeFrame")
    fringe_diff = persistent("Change since `prev`: |1 - strength of its fringes in this frame|",
                             float)  # fmt: skip
    process_params = persistent("Parameters", FringeFrameParameters)

    def make(self):
        """Combine the frames without their sources and slopes, each over its sky."""
        from awe.pixels import fringe_pattern

        for frame in self.reduced_frames:
            if frame.fringe is not None:
                msg = f"The fringes of {frame!r} were subtracted already: it shows none."
                cause = "frames without their fringes show none"
                raise AweValueError(msg, cause=cause, remedy=KEEP_FRINGES)
        size = self.process_params.BACKGROUND_SIZE
        made = fringe_pattern(self.sky_stack(flatten=True, cell=size), cell=size, **self.noise())
        self.amplitude, self.significance = made.amplitude, made.significance
        least = self.process_params.MINIMUM_SIGNIFICANCE
        if not self.significance >= least:
            msg = (
                f"The reduced frames of {self.chip.name} show no fringes: averages over 4 x 4 "
                f"pixels vary {self.significance:.3g} times as much as by noise alone, "
                f"MINIMUM_SIGNIFICANCE is {least:g}."
            )
            raise AweValueError(msg, cause="the reduced frames show no fringes")
        self.keep(made.data, ERROR=made.error)
        self.set_validity(getattr(self, "_validity", None))

    def verify(self):
        """Set no bit: there is no such thing as a bad fringe frame in the store.

        Frames that show no fringes, by MINIMUM_SIGNIFICANCE, make `make` raise instead of giving
        a frame with a flag: to subtract it would only add its noise, and a frame that may serve
        nothing is better not there, so that what is reduced says that fringes were not done.

        Returns
        -------
        int
            0.
        """
        return 0

    def compare(self):
        """Compute the flag of the difference from the previous fringes.

        Returns
        -------
        int
            FRINGE_DIFFERENCE where they do not fit, else 0.
        """
        from awe.pixels import fringe_scale

        self.prev = self.previous()
        if self.prev is None:
            return 0
        found = fringe_scale(self.data, self.prev.data, error=self.prev.extra_image("ERROR"))
        self.fringe_diff = float(abs(1 - found.scale))
        limit = self.process_params.MAXIMUM_FRINGE_DIFFERENCE
        return FRINGE_DIFFERENCE if self.fringe_diff > limit else 0
