"""Calibrations: what they have in common, read noise and bias."""

import datetime

import numpy as np

from awe.base.errors import AweValueError
from awe.base.utc import to_utc
from awe.model.base import BaseFrame, product_name
from awe.model.quality import (
    BIAS_DIFFERENCE,
    BIAS_FLATNESS,
    BIAS_LEVEL,
    BIAS_NOISE,
    READ_NOISE_DIFFERENCE,
    READ_NOISE_HIGH,
    subwindow_medians,
)
from awe.model.raw import RawBiasFrame
from awe.model.records import imstat_of
from awe.model.stacks import RawStack, check_alike, pair_noise
from awe.model.vocabulary import Chip, Filter, Instrument, Readout
from awe.process import ProcessParameters, Product, parameter
from awe.process.choice import FOREVER_END, FOREVER_START, nearness
from awe.process.flags import disqualifying_bits
from awe.store import persistent
from awe.store.selection import select as select_by_names

__all__ = [
    "BaseCalFrame",
    "BiasFrame",
    "BiasFrameParameters",
    "Calibration",
    "FrameProduct",
    "ReadNoise",
    "ReadNoiseParameters",
    "interval_of",
]

_DAY = datetime.timedelta(days=1)
# Medians of overscan and prescan in x and in y, or nothing.
_LEVEL_METHODS = (2, 1, 4, 3, 0)


def interval_of(validity):
    """Give the interval that a user's validity means.

    Parameters
    ----------
    validity : 'forever' or (start, end)
        Times in any form, UTC.

    Returns
    -------
    tuple of (datetime.datetime, datetime.datetime)
        Start and end.

    Raises
    ------
    AweValueError
        It is neither, or the start is not before the end.
    """
    if isinstance(validity, str) and validity == "forever":
        return FOREVER_START, FOREVER_END
    if not isinstance(validity, (tuple, list)) or len(validity) != 2:
        msg = f"validity is 'forever' or (start, end), not {validity!r}."
        raise AweValueError(msg)
    start, end = (to_utc(v) for v in validity)
    if not start < end:
        msg = f"validity: the start {start} is not before the end {end}."
        raise AweValueError(msg)
    return start, end


class Calibration(Product):
    """A product that serves frames taken within an interval of time."""

    abstract = True
    checked_names = (*Product.checked_names, "timestamp_start", "timestamp_end")
    instrument = persistent("The instrument", Instrument)
    chip = persistent("The CCD", Chip)
    readout = persistent("How the CCD was read out", Readout)
    filter = persistent("The filter, where it matters", Filter)
    night = persistent("Date on which the night of its frames began", datetime.datetime)
    timestamp_start = persistent("Valid from (UTC, belongs to it)", datetime.datetime,
                                 mutable=True)  # fmt: skip
    timestamp_end = persistent("Valid until (UTC, does not belong to it)", datetime.datetime,
                               mutable=True)  # fmt: skip

    def check_value(self, name, value):
        """Refuse an interval of validity that holds no time.

        Parameters
        ----------
        name : str
            The attribute.
        value : object
            Its value to be.

        Raises
        ------
        AweValueError
            The end would not be after the start.
        """
        super().check_value(name, value)
        if name not in ("timestamp_start", "timestamp_end"):
            return
        start = value if name == "timestamp_start" else self.timestamp_start
        end = value if name == "timestamp_end" else self.timestamp_end
        if start is None or end is None or start < end:
            return
        other = "timestamp_end" if name == "timestamp_start" else "timestamp_start"
        msg = (
            f"{type(self).__name__}: timestamp_end {end} is not after timestamp_start {start}; "
            f"{name} cannot be {value}."
        )
        raise AweValueError(msg, remedy=f"To move the whole interval change {other} first.")

    def take_from(self, frames):
        """Take instrument, CCD, filter and night from the frames that it is made from.

        Parameters
        ----------
        frames : sequence of RawFrame
            At least one.
        """
        first = frames[0]
        for name in ("instrument", "chip", "readout", "filter"):
            setattr(self, name, getattr(first, name))
        self.night = min(f.night for f in frames)

    def set_validity(self, validity=None):
        """Set the interval in which it serves.

        Parameters
        ----------
        validity : 'forever' or (start, end), optional
            By default the night of its frames, widened by VALID_NIGHTS_BEFORE and
            VALID_NIGHTS_AFTER of its parameters.
        """
        from awe.instruments import night_interval

        if validity is not None:
            self._set_interval(*interval_of(validity))
            return
        begin, end = night_interval(self.night, self.instrument.longitude or 0.0)
        begin -= self.process_params.VALID_NIGHTS_BEFORE * _DAY
        self._set_interval(begin, end + self.process_params.VALID_NIGHTS_AFTER * _DAY)

    def _set_interval(self, start, end):
        # In the order in which the interval between the two assignments is one as well.
        if self.timestamp_end is not None and start >= self.timestamp_end:
            self.timestamp_end, self.timestamp_start = end, start
        else:
            self.timestamp_start, self.timestamp_end = start, end

    def previous(self):
        """Find the calibration that this one is compared with.

        Returns
        -------
        Calibration or None
            The latest valid one of its class, CCD, read-out mode, filter and overscan method, of
            the same night or an earlier one.
        """
        cls = type(self)
        query = (
            (cls.chip == self.chip) & (cls.readout == self.readout) & (cls.filter == self.filter)
            & (cls.is_valid > 0) & (cls.night <= self.night)
        )  # fmt: skip
        if "OVERSCAN_CORRECTION" in self.process_params._attributes:
            method = self.process_params.OVERSCAN_CORRECTION
            query = query & (method == cls.process_params.OVERSCAN_CORRECTION)
        bits = disqualifying_bits()
        good = [c for c in query if not c.quality_flags & bits and c is not self]
        return max(good, key=lambda c: (c.night, c.creation_date), default=None)

    @classmethod
    def select(cls, **criteria):
        """Give the valid calibration that was made last.

        Parameters
        ----------
        **criteria
            instrument, chip, filter, or any attribute; with date that of the night which begins
            on it, or else the nearest that serves then.

        Returns
        -------
        Calibration or None
            The newest; None where there is none.
        """
        date = criteria.pop("date", None)
        query = select_by_names(cls, {n: v for n, v in criteria.items() if v is not None})
        query = query & (cls.is_valid > 0)
        if date is None:
            return query.max("creation_date")
        night = to_utc(date).replace(hour=0, minute=0, second=0, microsecond=0)
        serving = [c for c in query if c.serves_night(night)]
        return min(serving, key=lambda c: nearness(night, c), default=None)

    def serves_night(self, night):
        """Tell whether the calibration is valid at some time of a night.

        Parameters
        ----------
        night : datetime.datetime
            The date on which it begins.

        Returns
        -------
        bool
            True where the intervals overlap.
        """
        from awe.instruments import night_interval

        begin, end = night_interval(night, self.instrument.longitude or 0.0)
        return self.timestamp_start < end and self.timestamp_end > begin


class FrameProduct(BaseFrame, Product):
    """A product with an image, and perhaps an error plane, in a FITS file."""

    abstract = True
    file_kind = ("Cal", "Frame")
    unit = "adu"

    def keep(self, data, **planes):
        """Keep the pixels until they are written, and compute their statistics.

        Parameters
        ----------
        data : array
            The image, shape ``(ny, nx)``.
        **planes
            Further images by name, such as ``ERROR``.
        """
        from awe.pixels import imstat

        object.__setattr__(self, "_pixels", (data, planes))
        self.NAXIS2, self.NAXIS1 = data.shape
        self.imstat = imstat_of(imstat(data))

    @property
    def data(self):
        """The pixels, shape ``(ny, nx)``, float32."""
        pixels = getattr(self, "_pixels", None)
        return super().data if pixels is None else pixels[0]

    def extra_image(self, name):
        """Give another image of the file, such as the error plane.

        Parameters
        ----------
        name : str
            Its EXTNAME, such as 'ERROR'.

        Returns
        -------
        array
            Shape ``(ny, nx)``.
        """
        pixels = getattr(self, "_pixels", None)
        return super().extra_image(name) if pixels is None else pixels[1][name]

    def write(self, folder):
        """Write the file and attach it.

        Parameters
        ----------
        folder : pathlib.Path
            Where to.

        Returns
        -------
        pathlib.Path
            The file.
        """
        from awe.fits import Image, write_hdus

        data, planes = self._pixels
        path = folder / product_name(self.file_kind, self, self.content_key)
        images = [Image(data, self.cards())]
        images += [Image(plane, (("BUNIT", self.unit),), name=n) for n, plane in planes.items()]
        write_hdus(path, images)
        self.attach(path)
        # From here on the pixels are read from the file, so that memory does not fill up.
        object.__setattr__(self, "_pixels", None)
        return path

    def cards(self):
        """Give the cards of the header: what the product is and what it came from.

        Returns
        -------
        list of (str, object, str)
            Keyword, value, comment.
        """
        names = self.names()
        cards = [
            ("BUNIT", self.unit, "unit of the pixels"),
            ("INSTRUME", names.get("instrument", ""), "instrument"),
            ("CHIP", names.get("chip", ""), "CCD"),
            ("FILTER", names.get("filter", ""), "filter"),
            ("AWECLASS", type(self).__name__, "class in awe"),
            ("AWEID", self.object_id, "object_id in awe"),
            ("AWEKEY", self.content_key, ""),
            ("AWECODE", self.code_version, "version of the class's code"),
            ("AWEVERS", self.package_version, "version of awe"),
            ("DATE", f"{self.creation_date:%Y-%m-%dT%H:%M:%S}", "made at (UTC)"),
        ]
        for number, (name, obj) in enumerate(self.input_objects(), start=1):
            cards.append((f"AWEIN{number}", f"{name} {obj.object_id}", ""))
        for name in self.process_params._attributes:
            cards.append((f"HIERARCH AWE PAR {name}", getattr(self.process_params, name), ""))
        return cards


class BaseCalFrame(Calibration, FrameProduct):
    """A calibration that is a frame."""

    abstract = True

    def names(self):
        """Give the names on which the defaults of parameters depend.

        Returns
        -------
        dict
            'instrument', 'filter' and 'chip', as far as it has them.
        """
        return BaseFrame.names(self)


class ReadNoiseParameters(ProcessParameters):
    """How the read noise is measured, and its limits."""

    REJECTION_THRESHOLD = parameter("Clip", float, 5.0, unit="sigma", low=1.0)
    MAXIMUM_ITERATIONS = parameter("Clips at most", int, 5, low=1, high=100)
    MAXIMUM_READNOISE = parameter("Limit", float, 100.0, unit="adu", low=0, critical=False)
    MAXIMUM_READNOISE_DIFFERENCE = parameter("Limit of its change", float, 0.5, unit="adu", low=0,
                                             critical=False)  # fmt: skip
    MAXIMUM_BIAS_DIFFERENCE = parameter("Limit of the median difference of two biases", float, 1.0,
                                        unit="adu", low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE = parameter("Serves so many nights before its own", int, 90, low=0,
                                    unit="d", critical=False)  # fmt: skip
    VALID_NIGHTS_AFTER = parameter("Serves so many nights after its own", int, 90, low=0,
                                   unit="d", critical=False)  # fmt: skip


class ReadNoise(Calibration):
    """The read noise of a CCD, from pairs of raw biases."""

    abstract = False
    inputs = ("raw_bias_frames",)
    raw_bias_frames = persistent("The biases", [RawBiasFrame])
    process_params = persistent("Parameters", ReadNoiseParameters)
    read_noise = persistent("RMS of the difference of two biases / sqrt(2)", float, unit="adu")
    prev = persistent("The read noise that it was compared with", "ReadNoise")
    mean_diff = persistent("Mean of the difference", float, unit="adu")
    median_diff = persistent("Median of the difference", float, unit="adu")

    def names(self):
        """Give the names on which the defaults of parameters depend.

        Returns
        -------
        dict
            'instrument', 'filter' and 'chip', as far as it has them.
        """
        return {"instrument": self.instrument.name, "chip": self.chip.name}

    def make(self):
        """Measure the read noise."""
        frames = self.raw_bias_frames
        check_alike(frames)
        if len(frames) < 2:
            msg = f"The read noise needs at least 2 biases; {self.chip.name} has {len(frames)}."
            raise AweValueError(msg, cause="fewer than 2 biases for the read noise")
        parameters = self.process_params
        # One level for each amplifier: a level for each row would add its own noise.
        method = next(m for m in _LEVEL_METHODS if m in self.readout.overscan_methods())
        stack = RawStack(frames, method)
        self.read_noise, self.mean_diff, self.median_diff = pair_noise(
            stack, parameters.REJECTION_THRESHOLD, parameters.MAXIMUM_ITERATIONS
        )
        self.set_validity(getattr(self, "_validity", None))

    def verify(self):
        """Compute the flag of the level.

        Returns
        -------
        int
            READ_NOISE_HIGH or 0.
        """
        too_high = self.read_noise > self.process_params.MAXIMUM_READNOISE
        return READ_NOISE_HIGH if too_high else 0

    def compare(self):
        """Compute the flag of the changes: of the noise, and of the level between biases.

        Returns
        -------
        int
            READ_NOISE_DIFFERENCE or 0.
        """
        limits = self.process_params
        self.prev = self.previous()
        changed = abs(self.median_diff) > limits.MAXIMUM_BIAS_DIFFERENCE
        if self.prev is not None:
            change = abs(self.read_noise - self.prev.read_noise)
            changed |= change > limits.MAXIMUM_READNOISE_DIFFERENCE
        return READ_NOISE_DIFFERENCE if changed else 0

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return f"{self.instrument.name} {self.chip.name} {self.read_noise:.3g} ADU"


class BiasFrameParameters(ProcessParameters):
    """How a bias is made, and its limits."""

    OVERSCAN_CORRECTION = parameter("Overscan method", int, 6, low=0, high=10)
    SIGMA_CLIP = parameter("Clip, in sigma of the read noise", float, 3.0, unit="sigma", low=1.0)
    MINIMUM_FRAMES = parameter("Least number of raw biases", int, 3, low=1, critical=False)
    MAXIMUM_ABS_MEAN = parameter("Limit of the mean after overscan correction", float, 10.0,
                                 unit="adu", low=0, critical=False)  # fmt: skip
    MAXIMUM_STDEV = parameter("Limit of the standard deviation", float, 10.0, unit="adu", low=0,
                              critical=False)  # fmt: skip
    MAXIMUM_STDEV_DIFFERENCE = parameter("Limit of the stdev of the difference from the previous "
                                         "bias", float, 10.0, unit="adu", low=0,
                                         critical=False)  # fmt: skip
    MAXIMUM_SUBWIN_FLATNESS = parameter("Limit of max - min of the medians of 32 sub-windows",
                                        float, 100000.0, unit="adu", low=0,
                                        critical=False)  # fmt: skip
    MAXIMUM_SUBWIN_STDEV = parameter("Limit of the stdev of these medians", float, 100000.0,
                                     unit="adu", low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE = parameter("Serves so many nights before its own", int, 7, low=0,
                                    unit="d", critical=False)  # fmt: skip
    VALID_NIGHTS_AFTER = parameter("Serves so many nights after its own", int, 7, low=0,
                                   unit="d", critical=False)  # fmt: skip


class BiasFrame(BaseCalFrame):
    """A master bias: the clipped mean of overscan-corrected raw biases."""

    abstract = False
    file_kind = ("Cal", "Bias")
    inputs = ("raw_bias_frames", "read_noise")
    raw_bias_frames = persistent("The biases", [RawBiasFrame])
    read_noise = persistent("Read noise by which the clip is set", ReadNoise)
    prev = persistent("The bias that it was compared with", "BiasFrame")
    process_params = persistent("Parameters", BiasFrameParameters)
    stdev_diff = persistent("Standard deviation of the difference from `prev`", float,
                            unit="adu")  # fmt: skip
    subwin_flatness = persistent("Max - min of the medians of 32 sub-windows", float, unit="adu")
    subwin_stdev = persistent("Standard deviation of these medians", float, unit="adu")

    def make(self):
        """Combine the raw biases."""
        from awe.pixels import combine

        frames = self.raw_bias_frames
        check_alike(frames)
        parameters = self.process_params
        if len(frames) < parameters.MINIMUM_FRAMES:
            msg = (
                f"A bias needs at least MINIMUM_FRAMES = {parameters.MINIMUM_FRAMES} raw biases; "
                f"{self.chip.name} has {len(frames)}."
            )
            raise AweValueError(msg, cause="fewer raw biases than MINIMUM_FRAMES")
        stack = RawStack(frames, parameters.OVERSCAN_CORRECTION)
        noise = None if self.read_noise is None else self.read_noise.read_noise
        # A bias has no light: the noise model is the read noise alone.
        gain = None if noise is None else np.inf
        made = combine(stack, sigma_clip=parameters.SIGMA_CLIP, read_noise=noise, gain=gain)
        self.keep(made.data, ERROR=made.error)
        medians = subwindow_medians(made.data)
        self.subwin_flatness = float(np.nanmax(medians) - np.nanmin(medians))
        self.subwin_stdev = float(np.nanstd(medians))
        self.set_validity(getattr(self, "_validity", None))

    def verify(self):
        """Compute the flags of level, noise and flatness.

        Returns
        -------
        int
            BIAS_LEVEL, BIAS_NOISE, BIAS_FLATNESS or their sum.
        """
        limits, flags = self.process_params, 0
        if limits.OVERSCAN_CORRECTION and abs(self.imstat.mean) > limits.MAXIMUM_ABS_MEAN:
            flags |= BIAS_LEVEL
        if self.imstat.stdev > limits.MAXIMUM_STDEV:
            flags |= BIAS_NOISE
        if (
            self.subwin_flatness > limits.MAXIMUM_SUBWIN_FLATNESS
            or self.subwin_stdev > limits.MAXIMUM_SUBWIN_STDEV
        ):
            flags |= BIAS_FLATNESS
        return flags

    def compare(self):
        """Compute the flag of the difference from the previous bias.

        Returns
        -------
        int
            BIAS_DIFFERENCE or 0.
        """
        from awe.pixels import imstat

        self.prev = self.previous()
        if self.prev is None:
            return 0
        self.stdev_diff = float(imstat(self.data - self.prev.data).stdev)
        limit = self.process_params.MAXIMUM_STDEV_DIFFERENCE
        return BIAS_DIFFERENCE if self.stdev_diff > limit else 0
