"""Science frames: reduced frames and their weights."""

import datetime

import numpy as np

from awe.model.calibrations import BiasFrame, FrameProduct
from awe.model.flats import BIAS, MasterFlatFrame
from awe.model.raw import RawScienceFrame
from awe.model.records import Astrom
from awe.model.vocabulary import Chip, Filter, ObservingBlock, Readout, Template
from awe.process import Dependency, ProcessParameters, parameter
from awe.store import persistent

__all__ = ["ReducedScienceFrame", "ReducedScienceFrameParameters", "WeightFrame"]


class ReducedScienceFrameParameters(ProcessParameters):
    """How a science frame is reduced."""

    OVERSCAN_CORRECTION = parameter("Overscan method", int, 6, low=0, high=10)
    SATURATION_GROW = parameter("Saturated pixels are grown by so many", int, 1, low=0, high=50,
                                unit="pix")  # fmt: skip
    FRINGE_THRESHOLD_LOW = parameter("Lower clip when the fringe frame is scaled", float, 1.5,
                                     unit="sigma", low=0)  # fmt: skip
    FRINGE_THRESHOLD_HIGH = parameter("Upper clip when the fringe frame is scaled", float, 5.0,
                                      unit="sigma", low=0)  # fmt: skip
    IMAGE_THRESHOLD = parameter("Clip for the background without sources", float, 5.0,
                                unit="sigma", low=0)  # fmt: skip


class WeightFrame(FrameProduct):
    """The inverse variance of each pixel of a reduced frame; 0 for every bad pixel."""

    abstract = False
    file_kind = ("Sci", "Weight")
    unit = "adu-2"
    inputs = ("raw", "bias", "flat")
    raw = persistent("The raw frame", RawScienceFrame)
    bias = persistent("The bias that was subtracted", BiasFrame)
    flat = persistent("The flat that it was divided by", MasterFlatFrame)
    chip = persistent("The CCD", Chip)
    filter = persistent("Filter in the beam", Filter)
    process_params = persistent("Those of the reduced frame", ReducedScienceFrameParameters)

    def make(self):
        """Keep the weights that were computed with the reduced frame."""
        self.keep(self._weights)


class ReducedScienceFrame(FrameProduct):
    """A science frame without overscan, bias and flat-field, in ADU."""

    abstract = False
    file_kind = ("Sci", "Red")
    inputs = ("raw", "bias", "flat")
    dependencies = (
        BIAS,
        Dependency("flat", ("MasterFlatFrame",), ("instrument", "chip", "filter", "readout")),
    )
    raw = persistent("The raw frame", RawScienceFrame)
    bias = persistent("The bias that was subtracted", BiasFrame)
    flat = persistent("The flat that it was divided by", MasterFlatFrame)
    weight = persistent("Its weights", WeightFrame)
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
    sky = persistent("Median of the background", float, unit="adu")
    saturated_count = persistent("Number of saturated pixels", int)
    bad_count = persistent("Number of pixels of weight 0", int)
    overscan_level = persistent("Overscan level of each amplifier", [float], unit="adu")
    process_params = persistent("Parameters", ReducedScienceFrameParameters)

    def take_from(self, raw):
        """Take from the raw frame what stays the same.

        Parameters
        ----------
        raw : RawScienceFrame
            The raw frame.
        """
        self.raw = raw
        for name in (
            "instrument", "chip", "filter", "readout", "template", "observing_block", "DATE_OBS",
            "night", "EXPTIME", "OBJECT", "AIRMSTRT", "AIRMEND",
        ):  # fmt: skip
            setattr(self, name, getattr(raw, name))

    def make(self):
        """Reduce the raw frame: overscan, trim, bias, flat, saturated pixels, weights."""
        from awe.pixels import reduce_ccd

        raw, parameters = self.raw, self.process_params
        amplifiers = raw.pixel_amplifiers()
        measured = None if self.bias.read_noise is None else self.bias.read_noise.read_noise
        gains = [a.gain for a in amplifiers]
        known = all(g is not None for g in gains)
        self.gain = float(np.mean(gains)) if known else None
        reduced = reduce_ccd(
            [a[:] for a in raw.arrays()], amplifiers, parameters.OVERSCAN_CORRECTION,
            self.bias.data, self.flat.data, saturation=raw.saturation,
            grow=parameters.SATURATION_GROW, bias_error=_errors(self.bias),
            flat_error=_errors(self.flat), gain=None if known else 1.0,
            read_noise=None if measured is None else measured * (self.gain or 1.0),
        )  # fmt: skip
        self.read_noise = measured
        not_done = ["cosmic rays", "satellite tracks", "illumination correction", "fringes"]
        not_done += ["hot pixels", "cold pixels"]
        if raw.saturation is None:
            not_done.append("saturated pixels: the saturation level is not known")
        if not known:
            not_done.append("photon noise in the weight: the gain is not known, 1 was taken")
        self.steps_not_done = not_done
        self.keep(reduced.data)
        self.sky = self.imstat.median
        self.saturated_count = int(np.count_nonzero(reduced.mask & 4))
        self.bad_count = int(np.count_nonzero(reduced.weight == 0))
        self.overscan_level = [float(level.level) for level in reduced.levels]
        self.astrom = _trimmed(raw)
        object.__setattr__(self, "_weights", reduced.weight)

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


def _errors(frame):
    """Give the error plane of a calibration as finite numbers."""
    error = frame.extra_image("ERROR")
    bad = ~np.isfinite(error)
    if bad.any():
        error = np.where(bad, np.float32(0), error)
    return error


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
