"""Raw frames: one CCD of one exposure, as it was read out."""

import datetime
import hashlib
import json

import numpy as np

from awe.base.errors import AweValueError
from awe.model.base import BaseFrame, LazyImage
from awe.model.dependencies import FLAT
from awe.model.exposures import Exposure
from awe.model.quality import (
    BIAS_FLATNESS,
    BIAS_LEVEL,
    BIAS_NOISE,
    FLAT_LEVEL,
    SATURATED,
    subwindow_medians,
)
from awe.model.records import Astrom, OverscanStat, imstat_of
from awe.model.vocabulary import (
    Chip,
    Filter,
    Instrument,
    Lamp,
    ObservingBlock,
    Readout,
    Template,
)
from awe.process import (
    CalibrationNotFound,
    ProcessParameters,
    ProcessTarget,
    choose,
    parameter,
    resolve,
)
from awe.process.parameters import parameters_class
from awe.store import persistent

__all__ = [
    "RawBiasFrame",
    "RawBiasFrameParameters",
    "RawDarkFrame",
    "RawDomeFlatFrame",
    "RawDomeFlatFrameParameters",
    "RawFits",
    "RawFlatFrame",
    "RawFrame",
    "RawScienceFrame",
    "RawTwilightFlatFrame",
    "RawTwilightFlatFrameParameters",
    "frame_class",
]


class RawFits(ProcessTarget):
    """A raw file as it came from the telescope; its CCDs are stored one by one."""

    abstract = False
    filename = persistent("Name of the file", str, required=True)
    size = persistent("Size of the file", int, unit="byte")
    sha256 = persistent("Checksum of the file, SHA-256", str, unique=True)
    instrument = persistent("The instrument", Instrument)
    DATE_OBS = persistent("Start of the exposure (UTC)", datetime.datetime)
    headers = persistent("The headers as text, by number of the HDU", dict)
    frames = persistent("Its frames, one for each CCD", ["RawFrame"], inverse="raw_fits")

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return self.filename


class RawFrame(BaseFrame):
    """A raw frame of one CCD, of a kind that has no class of its own."""

    abstract = False

    kind = persistent("bias, dark, dome, twilight, science or what the header says", str)
    chip = persistent("The CCD", Chip)
    filter = persistent("Filter in the beam; none for biases and darks", Filter)
    lamp = persistent("Lamp that was on", Lamp)
    template = persistent("Observing template", Template)
    observing_block = persistent("Observing block", ObservingBlock)
    raw_fits = persistent("The file that it came in", RawFits, inverse="frames")
    exposure = persistent("The exposure that it belongs to", Exposure, inverse="frames")
    extension = persistent("First HDU of the CCD in the file that it came in", int)
    readout = persistent("How the CCD was read out, with its amplifiers", Readout)
    DATE_OBS = persistent("Start of the exposure (UTC)", datetime.datetime, required=True)
    night = persistent("Date on which the night began (noon to noon)", datetime.datetime)
    MJD_OBS = persistent("Start of the exposure, modified Julian date", float, unit="d")
    DATE = persistent("When the file was written (UTC)", datetime.datetime)
    UTC = persistent("Time of day at the start, UTC", float, unit="s")
    LST = persistent("Local sidereal time at the start", float, unit="s")
    EXPTIME = persistent("Exposure time", float, unit="s")
    OBJECT = persistent("What the observer called it", str)
    OBSERVER = persistent("Who observed", str)
    OVSCX = persistent("Overscan in x", int, unit="pix")
    OVSCXPRE = persistent("Overscan in x to skip at the edge of the chip", int, unit="pix")
    OVSCXPST = persistent("Overscan in x to skip at the data", int, unit="pix")
    OVSCY = persistent("Overscan in y", int, unit="pix")
    OVSCYPRE = persistent("Overscan in y to skip at the edge of the chip", int, unit="pix")
    OVSCYPST = persistent("Overscan in y to skip at the data", int, unit="pix")
    PRSCX = persistent("Prescan in x", int, unit="pix")
    PRSCXPRE = persistent("Prescan in x to skip at the edge of the chip", int, unit="pix")
    PRSCXPST = persistent("Prescan in x to skip at the data", int, unit="pix")
    PRSCY = persistent("Prescan in y", int, unit="pix")
    PRSCYPRE = persistent("Prescan in y to skip at the edge of the chip", int, unit="pix")
    PRSCYPST = persistent("Prescan in y to skip at the data", int, unit="pix")
    overscan_x_stat = persistent("Statistics of the overscan in x", OverscanStat)
    overscan_y_stat = persistent("Statistics of the overscan in y", OverscanStat)
    prescan_x_stat = persistent("Statistics of the prescan in x", OverscanStat)
    prescan_y_stat = persistent("Statistics of the prescan in y", OverscanStat)

    @property
    def amplifiers(self):
        """The amplifiers of the CCD as they were read out."""
        return () if self.readout is None else self.readout.amplifiers

    @property
    def content_key(self):
        """SHA-256 over the file and the amplifiers, whose geometry may be corrected later."""
        return self.content_key_of(self.sha256, self.known_of(self.readout))

    @staticmethod
    def known_of(readout):
        """Give what is known of the amplifiers, as a part of content keys.

        Parameters
        ----------
        readout : Readout or None
            How the CCD was read out.

        Returns
        -------
        str
            JSON.
        """
        amplifiers = () if readout is None else readout.amplifiers
        return json.dumps([sorted(a._values.items()) for a in amplifiers])

    @staticmethod
    def content_key_of(sha256, known):
        """Give the content key of a frame.

        Parameters
        ----------
        sha256 : str or None
            That of its file.
        known : str
            What `known_of` gives.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        return hashlib.sha256(f"[{json.dumps(sha256)}, {known}]".encode()).hexdigest()

    def pixel_amplifiers(self):
        """Give the amplifiers as the pixel functions take them.

        Returns
        -------
        list of awe.pixels.Amplifier
            One for each amplifier; their arrays are those of `arrays`.
        """
        hdus = self._hdus()
        return [a.for_pixels(hdus.index(a.hdu)) for a in self.amplifiers]

    def _hdus(self):
        return sorted({a.hdu for a in self.amplifiers})

    def arrays(self):
        """Give the raw arrays of the frame, read when they are sliced.

        Returns
        -------
        list of LazyImage
            One for each HDU of its file that has pixels of the CCD.
        """
        path = self.path()
        hdus = self._layout()
        return [LazyImage(path, hdus[n]) for n in self._hdus()]

    def _layout(self):
        """Give the HDUs of the file; parsing their headers takes ten times as long."""
        from awe.fits.headers import iterate_hdus

        return [hdu for hdu, _ in iterate_hdus(self.path())]

    def _image_hdu(self):
        hdus = self._hdus()
        return hdus[0] if hdus else 0

    @property
    def data(self):
        """The raw pixels; a CCD of several HDUs is assembled, without pre- and overscan."""
        from awe.fits import read_image
        from awe.pixels import assemble

        if len(self._hdus()) > 1:
            return assemble([a[:] for a in self.arrays()], self.pixel_amplifiers())
        if self.amplifiers:
            return read_image(self.path(), self._hdus()[0])
        images = [h for h in self._layout() if h.shape is not None]
        return read_image(self.path(), images[0])

    @property
    def saturation(self):
        """The least level from which a pixel of the CCD is saturated, in ADU, or None."""
        levels = [a.saturation for a in self.amplifiers if a.saturation is not None]
        return min(levels) if levels else None

    def verify(self):
        """Compute the quality flags by the limits of the class's parameters.

        Returns
        -------
        int
            The flags.
        """
        return 0

    def measure(self, image):
        """Measure the statistics that the limits are set on.

        Parameters
        ----------
        image : array
            The pixels without pre- and overscan, shape ``(ny, nx)``.
        """
        from awe.pixels import imstat

        self.imstat = imstat_of(imstat(image))

    def set_parameters(self):
        """Set the process parameters to the defaults of instrument, filter and chip."""
        if parameters_class(type(self)) is not None:
            self.process_params = resolve(type(self), self.names())[0]

    def _need_parameters(self):
        if self.process_params is None:
            msg = f"{self!r} has no process parameters to verify it by."
            raise AweValueError(msg)
        return self.process_params


class RawBiasFrameParameters(ProcessParameters):
    """Limits for raw biases."""

    MAX_BIAS_LEVEL = parameter("Greatest median level", float, 65535.0, unit="adu", low=0,
                               critical=False)  # fmt: skip
    MAX_BIAS_STDEV = parameter("Greatest standard deviation", float, 1000.0, unit="adu", low=0,
                               critical=False)  # fmt: skip
    MAX_BIAS_FLATNESS = parameter("Greatest max - min of the medians of 32 sub-windows", float,
                                  65535.0, unit="adu", low=0, critical=False)  # fmt: skip


class RawBiasFrame(RawFrame):
    """A raw bias of one CCD."""

    abstract = False
    process_params = persistent("Limits it was verified by", RawBiasFrameParameters)
    subwin_flatness = persistent("Max - min of the medians of 32 sub-windows", float, unit="adu")

    def verify(self):
        """Compute the quality flags: level, noise and flatness.

        Returns
        -------
        int
            BIAS_LEVEL, BIAS_NOISE, BIAS_FLATNESS or their sum.
        """
        limits = self._need_parameters()
        flags = BIAS_LEVEL if self.imstat.median > limits.MAX_BIAS_LEVEL else 0
        flags |= BIAS_NOISE if self.imstat.stdev > limits.MAX_BIAS_STDEV else 0
        uneven = self.subwin_flatness is not None
        uneven = uneven and self.subwin_flatness > limits.MAX_BIAS_FLATNESS
        return flags | (BIAS_FLATNESS if uneven else 0)

    def measure(self, image):
        """Measure the flatness.

        Parameters
        ----------
        image : array
            The pixels without pre- and overscan, shape ``(ny, nx)``.
        """
        super().measure(image)
        medians = subwindow_medians(image)
        self.subwin_flatness = float(np.nanmax(medians) - np.nanmin(medians))


class RawDarkFrame(RawFrame):
    """A raw dark of one CCD."""

    abstract = False

    def _calibrated_class(self):
        from awe.model.darks import DarkFrame

        return DarkFrame


class RawDomeFlatFrameParameters(ProcessParameters):
    """Limits for raw dome flats."""

    MIN_FLAT_MEAN = parameter("Least mean level", float, 0.0, unit="adu", low=0,
                              critical=False)  # fmt: skip
    MAX_FLAT_MEAN = parameter("Greatest mean level", float, 65000.0, unit="adu", low=0,
                              critical=False)  # fmt: skip


class RawTwilightFlatFrameParameters(ProcessParameters):
    """Limits for raw twilight flats."""

    MIN_FLAT_MEAN = parameter("Least mean level", float, 0.0, unit="adu", low=0,
                              critical=False)  # fmt: skip
    MAX_FLAT_MEAN = parameter("Greatest mean level", float, 65000.0, unit="adu", low=0,
                              critical=False)  # fmt: skip


class RawFlatFrame(RawFrame):
    """What raw flats have in common."""

    abstract = True

    def verify(self):
        """Compute the quality flags: level.

        Returns
        -------
        int
            FLAT_LEVEL or 0.
        """
        limits = self._need_parameters()
        inside = limits.MIN_FLAT_MEAN <= self.imstat.mean <= limits.MAX_FLAT_MEAN
        return 0 if inside else FLAT_LEVEL


class RawDomeFlatFrame(RawFlatFrame):
    """A raw dome flat of one CCD."""

    abstract = False
    process_params = persistent("Limits it was verified by", RawDomeFlatFrameParameters)

    def _calibrated_class(self):
        from awe.model.flats import DomeFlatFrame

        return DomeFlatFrame


class RawTwilightFlatFrame(RawFlatFrame):
    """A raw twilight flat of one CCD."""

    abstract = False
    process_params = persistent("Limits it was verified by", RawTwilightFlatFrameParameters)

    def _calibrated_class(self):
        from awe.model.flats import TwilightFlatFrame

        return TwilightFlatFrame


class RawScienceFrame(RawFrame):
    """A raw science exposure of one CCD."""

    abstract = False
    astrom = persistent("Linear world coordinates of the raw image", Astrom)
    AIRMSTRT = persistent("Airmass at the start", float)
    AIRMEND = persistent("Airmass at the end", float)

    def verify(self):
        """Compute the quality flags: a frame of which the very median is saturated.

        Returns
        -------
        int
            SATURATED or 0.
        """
        level = self.saturation
        return SATURATED if level is not None and self.imstat.median >= level else 0

    @property
    def large_scales(self):
        """What lit the CCD for the large scales of the flat that would be chosen; None without."""
        try:
            return choose(self, FLAT).large_scales
        except CalibrationNotFound:
            return None

    def _calibrated_class(self):
        from awe.model.science import ReducedScienceFrame

        return ReducedScienceFrame


_BY_KIND = {
    "bias": RawBiasFrame,
    "dark": RawDarkFrame,
    "dome": RawDomeFlatFrame,
    "twilight": RawTwilightFlatFrame,
    "science": RawScienceFrame,
}


def frame_class(kind):
    """Give the class of a kind of raw frame.

    Parameters
    ----------
    kind : str
        As `awe.instruments` names it.

    Returns
    -------
    type
        `RawFrame` for a kind without a class of its own.
    """
    return _BY_KIND.get(kind, RawFrame)
