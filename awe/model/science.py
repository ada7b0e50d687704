"""Science frames: reduced frames."""

import datetime

import numpy as np

from awe.base.errors import AweValueError
from awe.model.calibrations import BiasFrame, FrameProduct
from awe.model.dependencies import (
    BIAS,
    COLD,
    DARK,
    FLAT,
    FRINGE,
    GAIN,
    HOT,
    ILLUMINATION,
)
from awe.model.detector import amplifiers_of, masks_of, pixels_of
from awe.model.flats import MasterFlatFrame
from awe.model.quality import BACKGROUND_HIGH, REDUCTION_DIFFERENCE
from awe.model.raw import RawScienceFrame
from awe.model.records import Astrom
from awe.model.vocabulary import Chip, Filter, ObservingBlock, Readout, Template
from awe.model.weights import WeightFrame
from awe.process import ProcessParameters, parameter
from awe.store import persistent

__all__ = ["ReducedScienceFrame", "ReducedScienceFrameParameters"]

# What is recorded as not done where there is no such calibration.
_STEPS = {
    "dark": ("dark current", "no DarkFrame serves"),
    "illumination": ("illumination correction", "no IlluminationCorrectionFrame serves"),
    "fringe": ("fringes", "no FringeFrame serves"),
    "hot": ("hot pixels", "no HotPixelMap serves"),
    "cold": ("cold pixels", "no ColdPixelMap serves"),
    "gain_linearity": ("measured gain", "no GainLinearity serves; the header's is taken"),
}
_CROWDED = 0.3
# Standard deviations by which a background may differ for nothing.
_NO_CHANGE = 0.1
_FROM_RAW = (
    "instrument", "chip", "filter", "readout", "template", "observing_block", "DATE_OBS", "night",
    "EXPTIME", "OBJECT", "AIRMSTRT", "AIRMEND",
)  # fmt: skip


class ReducedScienceFrameParameters(ProcessParameters):
    """How a science frame is reduced."""

    OVERSCAN_CORRECTION = parameter("Overscan method", int, 6, low=0, high=10)
    FRINGE_THRESHOLD_LOW = parameter("Least strength of the fringes where they are scaled, in "
                                     "standard errors of the fringe frame", float, 1.5,
                                     unit="sigma", low=0)  # fmt: skip
    FRINGE_THRESHOLD_HIGH = parameter("Greatest strength there, in standard deviations of the "
                                      "fringe frame", float, 5.0, unit="sigma",
                                      low=0)  # fmt: skip
    IMAGE_THRESHOLD = parameter("Clip for the background without sources", float, 5.0,
                                unit="sigma", low=0)  # fmt: skip
    MAXIMUM_BACKGROUND = parameter("Limit of the background", float, 50000.0, unit="adu",
                                   critical=False)  # fmt: skip
    MAXIMUM_SKY_DIFFERENCE = parameter("Limit of the change of the background since the previous "
                                       "reduction, as a share of it; less than a tenth of its "
                                       "standard deviation is none", float, 0.02, low=0,
                                       critical=False)  # fmt: skip
    MAXIMUM_NOISE_DIFFERENCE = parameter("Limit of the change of the standard deviation of the "
                                         "background since the previous reduction, as a share of "
                                         "it", float, 0.05, low=0, critical=False)  # fmt: skip


class ReducedScienceFrame(FrameProduct):
    """A science frame without overscan, bias and flat-field, in ADU."""

    abstract = False
    file_kind = ("Sci", "Red")
    pixel_version = "1.2"
    inputs = (
        "raw", "bias", "flat", "hot", "cold", "saturated", "dark", "illumination", "fringe",
        "gain_linearity",
    )  # fmt: skip
    companions = ("weight",)
    dependencies = (BIAS, FLAT, HOT, COLD, DARK, ILLUMINATION, FRINGE, GAIN)
    raw = persistent("The raw frame", RawScienceFrame)
    bias = persistent("The bias that was subtracted", BiasFrame)
    flat = persistent("The flat that it was divided by", MasterFlatFrame)
    hot = persistent("Map of the hot pixels", "HotPixelMap")
    cold = persistent("Map of the cold pixels", "ColdPixelMap")
    saturated = persistent("Map of the saturated pixels", "SaturatedPixelMap")
    dark = persistent("The dark current that was subtracted", "DarkFrame")
    illumination = persistent("The illumination correction that it was divided by",
                              "IlluminationCorrectionFrame")  # fmt: skip
    fringe = persistent("The fringes that were subtracted", "FringeFrame")
    gain_linearity = persistent("The gain that was measured", "GainLinearity")
    weight = persistent("Its weights", WeightFrame)
    prev = persistent("The earlier reduction of the same raw frame", "ReducedScienceFrame")
    chip = persistent("The CCD", Chip)
    filter = persistent("Filter in the beam", Filter)
    readout = persistent("How the CCD was read out", Readout)
    template = persistent("Observing template", Template)
    observing_block = persistent("Observing block", ObservingBlock)
    DATE_OBS = persistent("Start of the exposure (UTC)", datetime.datetime)
    night = persistent("Date on which the night began (noon to noon)", datetime.datetime)
    EXPTIME = persistent("Exposure time", float, unit="s")
    OBJECT = persistent("What the observer called it", str)
    AIRMSTRT = persistent("Airmass at the start", float)
    AIRMEND = persistent("Airmass at the end", float)
    astrom = persistent("Linear world coordinates of the reduced image", Astrom)
    gain = persistent("Electrons per ADU, mean of the amplifiers", float, unit="electron/adu")
    read_noise = persistent("Read noise", float, unit="adu")
    sky = persistent("Level of the background: the mode of the pixels, estimated by mean and "
                     "median", float, unit="adu")  # fmt: skip
    sky_noise = persistent("Standard deviation of the background", float, unit="adu")
    sky_change = persistent("Change of the sky since `prev`", float, unit="adu")
    noise_change = persistent("Change of `sky_noise` since `prev`", float, unit="adu")
    fwhm = persistent("Full width at half maximum of the stars", float, unit="pix")
    psf_radius = persistent("Seeing: full width at half maximum of the stars", float,
                            unit="arcsec")  # fmt: skip
    star_count = persistent("Number of stars that the seeing was measured on", int)
    scale_factor = persistent("Factor of the fringe frame", float)
    overscan_level = persistent("Overscan level of each amplifier", [float], unit="adu")
    overscan_noise = persistent("Scatter in the overscan of each amplifier", [float], unit="adu")
    overscan_error = persistent("Error of the overscan level of each amplifier", [float],
                                unit="adu")  # fmt: skip
    process_params = persistent("Parameters", ReducedScienceFrameParameters)

    def take_from(self, raw):
        """Take from the raw frame what stays the same.

        Parameters
        ----------
        raw : RawScienceFrame
            The raw frame.
        """
        self.raw = raw
        for name in _FROM_RAW:
            setattr(self, name, getattr(raw, name))

    def leave_out(self, names):
        """Note which calibrations the user wants to be left out.

        Parameters
        ----------
        names : iterable of str
            Such as 'fringe'.
        """
        object.__setattr__(self, "_left_out", tuple(names))

    def _not_done(self):
        """Give the steps without input, those of the saturated pixels too, each with the reason."""
        left_out = getattr(self, "_left_out", ())
        steps = [
            f"{what}: left out by the user" if name in left_out else f"{what}: {why}"
            for name, (what, why) in _STEPS.items()
            if getattr(self, name) is None
        ]
        return [*steps, *self.saturated.steps_not_done]

    def make(self):
        """Reduce the raw frame: overscan, trim, bias, dark, flat, illumination, fringes."""
        from awe.pixels import calibrate_ccd

        raw = self.raw
        amplifiers = amplifiers_of(self)
        gains = [a.gain for a in amplifiers]
        self.gain = None if None in gains else float(np.mean(gains))
        noises = [a.read_noise for a in amplifiers]
        if None not in noises:
            in_adu = [n / (g or 1.0) for n, g in zip(noises, gains, strict=True)]
            self.read_noise = float(np.mean(in_adu))
        made = calibrate_ccd(
            raw.arrays(), amplifiers, self.process_params.OVERSCAN_CORRECTION,
            self.bias.data, self.flat.data, dark=pixels_of(self.dark),
            dark_scale=self.EXPTIME or 0.0, illumination=pixels_of(self.illumination),
        )  # fmt: skip
        self.steps_not_done = self._not_done()
        if self.gain is None:
            self.steps_not_done = [*self.steps_not_done, "gain: it is not known"]
        self._keep_levels(made.levels)
        bad = masks_of(self, "hot", "cold", "saturated")
        unusable = made.mask != 0
        bad = unusable if bad is None else bad | unusable
        if bad.all():
            full = self.saturated.count
            msg = f"{raw!r} has no good pixel: {full} of {bad.size} are saturated."
            raise AweValueError(msg, cause="no pixel of the raw frame is good")
        self._subtract_fringes(made.data, bad)
        self.keep(made.data, bad=bad)
        self.sky, self.sky_noise = _mode(self.imstat), self.imstat.stdev
        self.astrom = _trimmed(raw)
        self._measure_seeing(made.data, bad)

    def _keep_levels(self, levels):
        self.overscan_level = [float(level.level) for level in levels]
        self.overscan_noise = [float(level.noise) for level in levels]
        self.overscan_error = [float(level.error) for level in levels]

    def overscan_levels(self):
        """Give the overscan levels as the weights take them, without their profiles.

        Returns
        -------
        list of awe.pixels.OverscanLevel
            One for each amplifier.
        """
        from awe.pixels import OverscanLevel

        numbers = zip(self.overscan_level, self.overscan_noise, self.overscan_error, strict=True)
        return [OverscanLevel(None, level, 0.0, noise, error, 0) for level, noise, error in numbers]

    def _subtract_fringes(self, data, bad):
        if self.fringe is None:
            return
        from awe.pixels import fringe_scale

        limits, pattern = self.process_params, self.fringe.data
        found = fringe_scale(
            data, pattern, bad, low=limits.FRINGE_THRESHOLD_LOW,
            high=limits.FRINGE_THRESHOLD_HIGH, image_threshold=limits.IMAGE_THRESHOLD,
            error=self.fringe.extra_image("ERROR"),
            cell=self.fringe.process_params.BACKGROUND_SIZE,
            independent=self.raw not in self.fringe.raw_science_frames,
        )  # fmt: skip
        self.scale_factor = float(found.scale)
        data -= np.float32(self.scale_factor) * pattern

    def _measure_seeing(self, data, bad):
        from awe.pixels import seeing

        found = seeing(data, mask=bad)
        self.star_count = int(found.number)
        if not found.number:
            self.steps_not_done = [*self.steps_not_done, "seeing: too few stars"]
            return
        self.fwhm = float(found.fwhm)
        scale = _pixel_scale(self.astrom)
        self.psf_radius = None if scale is None else self.fwhm * scale

    @property
    def large_scales(self):
        """What lit the CCD for the large scales of the flat, 'sky' or 'screen'; None if unknown."""
        return None if self.flat is None else self.flat.large_scales

    @property
    def mask(self):
        """The bad pixels by cause, bits of `awe.pixels.MASK_BITS`, shape ``(ny, nx)``, uint8."""
        from awe.pixels import MASK_BITS

        bits = self.weight.bad_pixels()
        bits[(self.weight.data == 0) & (bits == 0)] = MASK_BITS["no_data"]
        return bits

    def verify(self):
        """Compute the flag of the background.

        Returns
        -------
        int
            BACKGROUND_HIGH or 0.
        """
        return BACKGROUND_HIGH if self.sky > self.process_params.MAXIMUM_BACKGROUND else 0

    def previous(self):
        """Find the reduction that this one is compared with.

        Returns
        -------
        ReducedScienceFrame or None
            The latest valid one of the same raw frame.
        """
        cls = type(self)
        return ((cls.raw == self.raw) & (cls.is_valid > 0)).max("creation_date")

    def compare(self):
        """Compute the flag of the change since the previous reduction of the same raw frame.

        Returns
        -------
        int
            REDUCTION_DIFFERENCE where the background or its standard deviation changed by more
            than its limit, else 0. It disqualifies nothing: a reduction may differ on purpose.
        """
        self.prev = self.previous()
        if self.prev is None:
            return 0
        limits, before = self.process_params, self.prev
        self.sky_change = self.sky - before.sky
        self.noise_change = self.sky_noise - before.sky_noise
        least = max(limits.MAXIMUM_SKY_DIFFERENCE * abs(before.sky), _NO_CHANGE * before.sky_noise)
        differs = abs(self.sky_change) > least
        differs |= abs(self.noise_change) > limits.MAXIMUM_NOISE_DIFFERENCE * before.sky_noise
        return REDUCTION_DIFFERENCE if differs else 0

    def cards(self):
        """Give the cards of the header.

        Returns
        -------
        list of tuple
            Keyword, value, comment.
        """
        cards = super().cards()
        cards += [
            ("OBJECT", self.OBJECT or "", "object"),
            ("DATE-OBS", self.DATE_OBS.isoformat(), "start of the exposure (UTC)"),
            ("EXPTIME", self.EXPTIME or 0.0, "[s] exposure time"),
            ("RAWFILE", self.raw.filename[:60], "raw frame"),
        ]
        if self.gain is not None:
            cards.append(("GAIN", self.gain, "[electron/adu]"))
        if self.astrom is not None:
            cards += [(n, v, "") for n, v in self.astrom._values.items() if v is not None]
        return cards


def _mode(stat):
    """Estimate the mode of clipped pixels as SExtractor does (1996, A&AS 117, 393)."""
    # In a crowded field the relation does not hold, and the median is the safer guess.
    if abs(stat.mean - stat.median) > _CROWDED * stat.stdev:
        return stat.median
    return 2.5 * stat.median - 1.5 * stat.mean


def _pixel_scale(astrom):
    """Give the size of a pixel in arcseconds, or None."""
    if astrom is None:
        return None
    matrix = [astrom.CD1_1, astrom.CD1_2, astrom.CD2_1, astrom.CD2_2]
    if None in matrix:
        return None
    area = abs(matrix[0] * matrix[3] - matrix[1] * matrix[2])
    return 3600.0 * float(np.sqrt(area)) or None


def _trimmed(raw):
    """Give the world coordinates of the trimmed image: the reference pixel has moved."""
    astrom, amplifiers = raw.astrom, raw.amplifiers
    if astrom is None or astrom.CRPIX1 is None or astrom.CRPIX2 is None:
        return None
    first = amplifiers[0]
    # The header's WCS is that of the first HDU; it holds for the CCD where nothing is mirrored.
    if first.flip_x or first.flip_y:
        return None
    y0, _, x0, _ = first.data
    return astrom.replace(CRPIX1=astrom.CRPIX1 - x0 + first.x, CRPIX2=astrom.CRPIX2 - y0 + first.y)
