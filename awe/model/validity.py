"""Calibrations and the intervals of time in which they serve."""

import datetime

from awe.base.errors import AweValueError
from awe.base.utc import to_utc
from awe.model.base import Explained
from awe.model.vocabulary import Chip, Filter, Instrument, Readout
from awe.process import Product, parameter
from awe.process.choice import FOREVER_END, FOREVER_START, nearness
from awe.process.flags import disqualifying_bits
from awe.process.wanted import Wanted
from awe.store import persistent
from awe.store.selection import select as select_by_names

__all__ = ["Calibration", "interval_of", "valid_nights"]

_DAY = datetime.timedelta(days=1)


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


def valid_nights(nights):
    """Declare for how long a calibration serves: two parameters of its class.

    Parameters
    ----------
    nights : int
        Nights before and after its own, unless instrument or user say otherwise.

    Returns
    -------
    tuple of (Parameter, Parameter)
        VALID_NIGHTS_BEFORE and VALID_NIGHTS_AFTER.
    """
    return tuple(
        parameter(f"Serves so many nights {when} its own", int, nights, low=0, unit="d",
                  critical=False)
        for when in ("before", "after")
    )  # fmt: skip


class Calibration(Wanted, Explained, Product):
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

    def foresee(self):
        """Set the interval of validity, which does not wait for the pixels."""
        super().foresee()
        if self.timestamp_start is None:
            self.set_validity(getattr(self, "_validity", None))

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
