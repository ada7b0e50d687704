"""Flats: from the dome, from twilight, and the master flat of both."""

import operator

import numpy as np

from awe.base.errors import AweValueError
from awe.model.calibrations import BaseCalFrame, BiasFrame
from awe.model.dependencies import BIAS, GAIN, HOT
from awe.model.quality import FLAT_DIFFERENCE, FLAT_FLATNESS, FLAT_OUTLIERS, subwindow_medians
from awe.model.raw import RawDomeFlatFrame, RawTwilightFlatFrame
from awe.model.stacks import RawStack, check_alike, check_common, noise_of
from awe.model.validity import valid_nights
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
    "check_flats",
    "overscan_of",
    "subwindow_limits",
]

_SAMPLES = 1 << 16
_ALIKE = ("instrument", "chip", "readout", "filter")


def subwindow_limits(flatness):
    """Declare the limits of the medians of sub-windows: two parameters of a flat.

    Parameters
    ----------
    flatness : float
        Default of the first.

    Returns
    -------
    tuple of (Parameter, Parameter)
        MAXIMUM_SUBWIN_FLATNESS and MAXIMUM_SUBWIN_DIFF.
    """
    return (
        parameter("Limit of max - min of the medians of 32 sub-windows", float, flatness, low=0,
                  critical=False),
        parameter("Limit of the change of these medians since the previous flat", float, 0.1,
                  low=0, critical=False),
    )  # fmt: skip


class BaseFlatFrame(BaseCalFrame):
    """A flat: mean 1 over the good pixels of the CCD."""

    abstract = True
    unit = "1"
    prev = persistent("The flat that it was compared with", "BaseFlatFrame")
    subwin_flatness = persistent("Max - min of the medians of 32 sub-windows", float)
    subwin_diff = persistent("Largest absolute change of the medians of 32 sub-windows since "
                             "`prev`", float)  # fmt: skip
    unusable = persistent("Number of pixels that are masked, zero, negative or not a number", int)

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
        self.keep(flat.flat, bad=flat.bad, **planes)
        medians = subwindow_medians(np.where(flat.bad, np.nan, flat.flat))
        self.subwin_flatness = float(np.nanmax(medians) - np.nanmin(medians))
        self.unusable = int(np.count_nonzero(flat.bad))
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
    """A flat that is combined from raw flats.

    Attributes
    ----------
    raws : str
        The link to the raw flats.
    alike : tuple of str
        What the raw flats must have in common.
    has_stars : bool
        Whether the raw flats show stars.
    """

    abstract = True
    dependencies = (BIAS, GAIN, HOT)
    raws = ""
    alike = _ALIKE
    has_stars = False
    bias = persistent("The bias that was subtracted", BiasFrame)
    gain_linearity = persistent("Gain and read noise that set the clip", "GainLinearity")
    hot = persistent("Hot pixels, which do not count in levels", "HotPixelMap")
    level = persistent("Mean level of the raw flats above bias", float, unit="adu")
    levels = persistent("Level of each raw flat above bias", [float], unit="adu")
    outliers = persistent("Number of values of all raw flats that were left out", int)

    def make(self):
        """Combine the raw flats, each scaled by its level."""
        from awe.pixels import normalise_flat

        frames = getattr(self, self.raws)
        check_alike(frames, self.alike)
        parameters = self.process_params
        if len(frames) < parameters.MINIMUM_FRAMES:
            msg = (
                f"A {type(self).__name__} needs at least MINIMUM_FRAMES = "
                f"{parameters.MINIMUM_FRAMES} raw flats; {self.chip.name} has {len(frames)}."
            )
            raise AweValueError(msg, cause="fewer raw flats than MINIMUM_FRAMES")
        stack = RawStack(frames, parameters.OVERSCAN_CORRECTION, self.bias.data)
        hot = None if self.hot is None else self.hot.bad
        levels = [_level(stack, k, frame, hot) for k, frame in enumerate(frames)]
        made = self._combine(stack, levels)
        self._check_usable(made.data, hot)
        flat = normalise_flat(made.data, hot, maximum_bad=1.0)
        self.levels, self.level = levels, float(np.mean(levels))
        self.outliers = made.count.size * len(frames) - int(made.count.sum(dtype=np.int64))
        self.keep_flat(flat, made.error / np.float32(flat.level))

    def _check_usable(self, data, hot):
        """Refuse a flat of which too many pixels are masked, zero, negative or NaN."""
        with np.errstate(invalid="ignore"):
            usable = (data > 0) & (data < np.inf)
            if hot is not None:
                usable &= ~hot
            share = 1 - np.count_nonzero(usable) / usable.size
            limit = self.process_params.MAXIMUM_BAD_FRACTION
            if share <= limit:
                return
            kinds = {"zero": data == 0, "negative": data < 0, "not a number": ~np.isfinite(data),
                     "hot": False if hot is None else hot}  # fmt: skip
        found = ", ".join(f"{np.mean(k):.1%} {name}" for name, k in kinds.items() if np.any(k))
        msg = (
            f"{share:.1%} of the pixels of the flat of {self.chip.name} cannot be used ({found}); "
            f"MAXIMUM_BAD_FRACTION = {limit:g} accepts up to {limit:.1%}."
        )
        raise AweValueError(msg, cause="more bad pixels in a flat than MAXIMUM_BAD_FRACTION")

    def _combine(self, stack, levels):
        """Combine the frames, clipped by the noise that gain and level predict."""
        from awe.pixels import StarFreeStack, combine

        measured = None if self.bias.read_noise is None else self.bias.read_noise.read_noise
        noise, gain = noise_of(getattr(self, self.raws)[0], measured, self.gain_linearity)
        known = noise is not None and gain is not None
        not_done = []
        if self.hot is None:
            not_done.append("hot pixels: there is no map of them")
        if not known:
            not_done.append("clip by the noise model: gain or read noise are not known")
        options = {"read_noise": noise, "gain": gain, "scale": levels}
        if self.has_stars and not self.process_params.STAR_REJECTION:
            not_done.append("stars: STAR_REJECTION is off")
        elif self.has_stars and len(levels) > 1 and known:
            reference = combine(stack, sigma_clip=None, method="median", **options).data
            stack = StarFreeStack(stack, levels, reference, noise, gain)
        elif self.has_stars:
            not_done.append("stars: one frame, or a noise that is not known, does not tell them")
        self.steps_not_done = not_done
        return combine(stack, sigma_clip=self.process_params.SIGMA_CLIP, **options)

    def verify(self):
        """Compute the flags of the flatness and of the number of outliers.

        Returns
        -------
        int
            FLAT_FLATNESS, FLAT_OUTLIERS or their sum.
        """
        limit = self.process_params.MAXIMUM_NUMBER_OF_OUTLIERS
        values = self.NAXIS1 * self.NAXIS2 * len(self.levels)
        too_many = limit > 0 and self.outliers > limit * values
        return super().verify() | (FLAT_OUTLIERS if too_many else 0)


def _level(stack, k, frame, hot):
    """Give the level of a raw flat: the median of a sample of its pixels."""
    image = stack.frame(k)
    step = max(1, image.size // _SAMPLES) | 1
    sample = image.ravel()[::step]
    good = np.isfinite(sample)
    if hot is not None:
        good &= ~hot.ravel()[::step]
    level = float(np.median(sample[good])) if good.any() else np.nan
    if not level > 0:
        msg = f"{frame!r} has the level {level:.1f} ADU above bias: it is not lit."
        raise AweValueError(msg)
    limit = frame.saturation
    if limit is not None and frame.imstat.median >= limit:
        msg = (
            f"{frame!r} is saturated: its median {frame.imstat.median:.0f} ADU is not below the "
            f"saturation level {limit:.0f} ADU of its header."
        )
        raise AweValueError(msg, cause="a raw flat is saturated")
    return level


def _pixel_limits():
    """Declare the limits of MAXIMUM_NUMBER_OF_OUTLIERS and MAXIMUM_BAD_FRACTION."""
    share = {"low": 0, "high": 1, "critical": False}
    return (
        parameter("Limit of the number of values left out, as a share of all values of the raw "
                  "flats, so that it fits every CCD; 0 is none", float, 0.2, **share),
        parameter("So many pixels may be masked, zero, negative or not a number, as a share of all",
                  float, 0.5, **share),
    )  # fmt: skip


class DomeFlatFrameParameters(ProcessParameters):
    """How a dome flat is made, and its limits."""

    OVERSCAN_CORRECTION = parameter("Overscan method", int, 6, low=0, high=10)
    SIGMA_CLIP = parameter("Clip, in sigma of the noise model", float, 5.0, unit="sigma", low=1.0)
    MINIMUM_FRAMES = parameter("Least number of raw flats", int, 2, low=1, critical=False)
    MAXIMUM_NUMBER_OF_OUTLIERS, MAXIMUM_BAD_FRACTION = _pixel_limits()
    MAXIMUM_SUBWIN_FLATNESS, MAXIMUM_SUBWIN_DIFF = subwindow_limits(1.0)
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(15)


class DomeFlatFrame(CombinedFlatFrame):
    """A master dome flat."""

    abstract = False
    file_kind = ("Cal", "Dome")
    raws = "raw_domeflat_frames"
    alike = (*_ALIKE, "lamp")
    inputs = ("raw_domeflat_frames", "bias", "gain_linearity", "hot")
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
    STAR_REJECTION = parameter("Stars, which one frame shows and the others do not, are left out",
                               bool, True)  # fmt: skip
    MINIMUM_FRAMES = parameter("Least number of raw flats", int, 2, low=1, critical=False)
    MAXIMUM_NUMBER_OF_OUTLIERS, MAXIMUM_BAD_FRACTION = _pixel_limits()
    MAXIMUM_SUBWIN_FLATNESS, MAXIMUM_SUBWIN_DIFF = subwindow_limits(1.0)
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(15)


class TwilightFlatFrame(CombinedFlatFrame):
    """A master twilight flat."""

    abstract = False
    file_kind = ("Cal", "Twilight")
    has_stars = True
    pixel_version = "1.1"
    raws = "raw_twilightflat_frames"
    inputs = ("raw_twilightflat_frames", "bias", "gain_linearity", "hot")
    raw_twilightflat_frames = persistent("The raw flats", [RawTwilightFlatFrame])
    process_params = persistent("Parameters", TwilightFlatFrameParameters)


class MasterFlatFrameParameters(ProcessParameters):
    """How a master flat is made, and its limits."""

    COMBINE_TYPE = parameter(
        "1 dome and twilight, 2 dome only, 3 twilight only; 4 dome, 5 twilight, 6 dome and "
        "twilight, each with the large scales of the night sky", int, 1,
        choices=(1, 2, 3, 4, 5, 6),
    )  # fmt: skip
    MEDIAN_FILTER_SIZE = parameter("Structures larger than this come from the twilight flat; the "
                                   "ratio of both is smoothed by medians of a quarter of it",
                                   float, 64.0, unit="pix", low=4.0)  # fmt: skip
    DIG_FILTER_SIZE = parameter("FWHM of the Gaussian that smooths these medians; 0 is "
                                "MEDIAN_FILTER_SIZE", float, 0.0, unit="pix", low=0)  # fmt: skip
    NIGHTSKY_FILTER_SIZE = parameter("Structures larger than this come from the night-sky flat",
                                     float, 256.0, unit="pix", low=4.0)  # fmt: skip
    MIRROR_XPIX = parameter("Mirrored beyond the edges in x before smoothing; 0 as far as needed",
                            int, 0, unit="pix", low=0)  # fmt: skip
    MIRROR_YPIX = parameter("Mirrored beyond the edges in y before smoothing; 0 as far as needed",
                            int, 0, unit="pix", low=0)  # fmt: skip
    MAXIMUM_SUBWIN_FLATNESS, MAXIMUM_SUBWIN_DIFF = subwindow_limits(1.0)
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(15)


def overscan_of(flat):
    """Give the overscan method with which a flat was made.

    Parameters
    ----------
    flat : DomeFlatFrame, TwilightFlatFrame or NightSkyFlatFrame
        The flat; that of the night sky has the one of its reduced frames.

    Returns
    -------
    int
        Number of `awe.pixels.OVERSCAN_METHODS`.
    """
    made = flat if isinstance(flat, CombinedFlatFrame) else flat.reduced_frames[0]
    return made.process_params.OVERSCAN_CORRECTION


def check_flats(flats):
    """Check that flats can be combined into a master flat.

    Parameters
    ----------
    flats : sequence of BaseFlatFrame
        Dome, twilight and night-sky flat, as far as they are there.

    Raises
    ------
    AweValueError
        They are not of one instrument, CCD, read-out mode and filter, or were made with
        different overscan methods.
    """
    readers = {name: operator.attrgetter(name) for name in _ALIKE}
    readers["OVERSCAN_CORRECTION"] = overscan_of
    check_common(flats, readers, "a master flat needs flats that have it in common")


class MasterFlatFrame(BaseFlatFrame):
    """The flat that science frames are divided by.

    Pixels that the maps of its flats call hot, and those that one of its flats has no value of, do
    not count in its mean. Its error plane is that of the flat that gives the small scales, scaled
    like its pixels. The error of the large scales is left out: smoothed medians of cells of 16 x 16
    pixels have 1.3 % of the noise that a pixel of the ratio has, and up to 12 % of it in the very
    corners (a test measures it). A twilight flat of three times the noise of the dome flat thus
    adds less than 1 % to the error of a pixel, and less than 10 % to that of the one in a corner.
    """

    abstract = False
    file_kind = ("Cal", "Flat")
    pixel_version = "1.1"
    inputs = ("domeflat", "twilightflat", "nightskyflat")
    own_night = (
        Dependency("domeflat", ("DomeFlatFrame",), _ALIKE),
        Dependency("twilightflat", ("TwilightFlatFrame",), _ALIKE),
        Dependency("nightskyflat", ("NightSkyFlatFrame",), _ALIKE),
    )
    domeflat = persistent("Gives the small scales", DomeFlatFrame)
    twilightflat = persistent("Gives the large scales", TwilightFlatFrame)
    nightskyflat = persistent("Gives the largest scales", "NightSkyFlatFrame")
    lamp = persistent("Lamp of the dome flat", Lamp)
    process_params = persistent("Parameters", MasterFlatFrameParameters)

    def make(self):
        """Combine dome, twilight and night-sky flat, as far as they are wanted and there."""
        from awe.pixels import COMBINE_USES, master_flat

        parameters = self.process_params
        way = self._possible_way(parameters.COMBINE_TYPE)
        check_flats([getattr(self, f"{name}flat") for name in COMBINE_USES[way]])
        self.lamp = None if self.domeflat is None else self.domeflat.lamp
        data = {name: self._image_of(name) for name in COMBINE_USES[way]}
        flat = master_flat(
            data.get("dome"), data.get("twilight"), way, parameters.MEDIAN_FILTER_SIZE,
            self._hot_pixels(), nightsky=data.get("nightsky"),
            gauss_size=parameters.DIG_FILTER_SIZE,
            nightsky_size=parameters.NIGHTSKY_FILTER_SIZE,
            mirror=(parameters.MIRROR_XPIX, parameters.MIRROR_YPIX),
        )  # fmt: skip
        fine = getattr(self, f"{COMBINE_USES[way][0]}flat")
        self.keep_flat(flat, _scaled_error(fine, flat.flat))

    @property
    def large_scales(self):
        """What lit the CCD for the large scales of the flat: 'sky' or 'screen'."""
        of_sky = self.twilightflat is not None or self.nightskyflat is not None
        return "sky" if of_sky else "screen"

    @classmethod
    def unused_inputs(cls, parameters):
        """Give the flats that COMBINE_TYPE leaves out.

        Parameters
        ----------
        parameters : MasterFlatFrameParameters
            The parameters.

        Returns
        -------
        set of str
            Their links.
        """
        from awe.pixels import COMBINE_USES

        uses = COMBINE_USES[parameters.COMBINE_TYPE]
        return {f"{name}flat" for name in ("dome", "twilight", "nightsky") if name not in uses}

    def foresee(self):
        """Set the interval of validity, and leave out the flats that are not used."""
        super().foresee()
        for name in self.unused_inputs(self.process_params):
            setattr(self, name, None)

    def _possible_way(self, wanted):
        """Leave out the flats that are not wanted, and give the way for those that are there."""
        from awe.pixels import COMBINE_USES

        uses = COMBINE_USES[wanted]
        for name in self.unused_inputs(self.process_params):
            # What is not used is no input.
            setattr(self, name, None)
        there = tuple(name for name in uses if getattr(self, f"{name}flat") is not None)
        ways = [way for way, names in COMBINE_USES.items() if names == there]
        if not ways:
            msg = (
                f"A master flat of {self.chip.name} by COMBINE_TYPE = {wanted} needs a dome or a "
                "twilight flat."
            )
            raise AweValueError(msg, cause="there is neither a dome nor a twilight flat")
        not_done = []
        for name in set(uses) - set(there):
            scales = "largest scales" if name == "nightsky" else "large and small scales apart"
            not_done.append(f"{scales}: there is no {name} flat")
        self.steps_not_done = sorted(not_done)
        return ways[0]

    def _hot_pixels(self):
        """Give the hot pixels of all the flats together, or None where no map is known."""
        flats = (self.domeflat, self.twilightflat, self.nightskyflat)
        maps = {f.hot.object_id: f.hot for f in flats if f is not None and f.hot is not None}
        return np.any([m.bad for m in maps.values()], axis=0) if maps else None

    def _image_of(self, name):
        """Give the pixels of one of the flats: of the night sky what the bare detector shows."""
        flat = getattr(self, f"{name}flat")
        return flat.data * flat.flat.data if name == "nightsky" else flat.data


def _scaled_error(fine, flat):
    """Give the error plane of a flat by that of the one that it has the small scales of."""
    scale = np.divide(flat, fine.data, out=np.ones_like(flat), where=fine.data > 0)
    return fine.extra_image("ERROR") * scale
