"""Values looked up in headers: texts, numbers, times, sections."""

import datetime
import math
import re

from awe.base.errors import AweValueError
from awe.base.utc import to_utc

__all__ = ["Cards", "parse_section", "sexagesimal"]

_SECTION = re.compile(r"\[\s*(-?\d+)\s*:\s*(-?\d+)\s*,\s*(-?\d+)\s*:\s*(-?\d+)\s*\]")
_MJD_EPOCH = datetime.datetime(1858, 11, 17)
_DAY = datetime.timedelta(days=1)
_LONGEST_DAY = 86401
# Years 1900 to 9999.
_MJD_RANGE = (15020, 2973483)


class Cards:
    """Headers that are looked up one after the other.

    Parameters
    ----------
    *headers : mapping
        The first that has a value counts: the extension's, then the primary.

    Attributes
    ----------
    bad_numbers : dict of str to str
        Texts by keyword that were looked up as numbers and are none.
    """

    def __init__(self, *headers):
        self.headers = headers
        self._keys = [_keys_of(header) for header in headers]
        self.bad_numbers = {}

    def get(self, *keys):
        """Give the first value that exists.

        Parameters
        ----------
        *keys : str
            Keywords, tried in turn; HIERARCH may be left out.

        Returns
        -------
        str, int, float, bool or None
            Texts without blanks at the ends; None where no keyword has a
            value, or it is NaN, infinite or an empty text.
        """
        for key in keys:
            for header, present in zip(self.headers, self._keys, strict=True):
                actual = present.get(key.upper())
                value = None if actual is None else _plain(header[actual])
                if value is not None:
                    return value
        return None

    def text(self, *keys):
        """Give the first value that exists as a text, or None.

        Parameters
        ----------
        *keys : str
            Keywords, tried in turn; HIERARCH may be left out.

        Returns
        -------
        str or None
            The value as a text.
        """
        value = self.get(*keys)
        return None if value is None else str(value)

    def number(self, *keys):
        """Give the first value that is a number, or None.

        Parameters
        ----------
        *keys : str
            Keywords, tried in turn; HIERARCH may be left out.

        Returns
        -------
        int, float or None
            The value; numbers in texts count, NaN and infinity do not.
        """
        for key in keys:
            value = self.get(key)
            if isinstance(value, str):
                try:
                    value = float(value)
                except ValueError:
                    self.bad_numbers[key] = value
                    continue
            if value is not None and math.isfinite(value):
                return value
        return None

    def integer(self, *keys):
        """Give the first value that is a number, rounded, or None.

        Parameters
        ----------
        *keys : str
            Keywords, tried in turn; HIERARCH may be left out.

        Returns
        -------
        int or None
            The value, rounded.
        """
        value = self.number(*keys)
        return None if value is None else round(value)

    def seconds(self, *keys):
        """Give the first value that is a time of day, in seconds, or None.

        Parameters
        ----------
        *keys : str
            Keywords, tried in turn; HIERARCH may be left out.

        Returns
        -------
        float or None
            Seconds since midnight.
        """
        for key in keys:
            value = self.get(key)
            if isinstance(value, str):
                value = sexagesimal(value)
                value = None if value is None else value * 3600.0
            if value is not None and 0 <= value < _LONGEST_DAY:
                return float(value)
        return None

    def time(self, *keys):
        """Give the first value that is a date with a time, or None.

        Parameters
        ----------
        *keys : str
            Keywords, tried in turn; HIERARCH may be left out.

        Returns
        -------
        datetime.datetime or None
            Naive; what the header means, mostly UTC.
        """
        for key in keys:
            value = self.get(key)
            if isinstance(value, str) and len(value) > 10:
                try:
                    return to_utc(value)
                except AweValueError:
                    continue
        return None

    def section(self, *keys):
        """Give the first value that is a section of an image, or None.

        Parameters
        ----------
        *keys : str
            Keywords, tried in turn; HIERARCH may be left out.

        Returns
        -------
        tuple of int or None
            ``(y0, y1, x0, x1)`` from 0, half-open, and whether x and y run
            backwards, as `parse_section`.
        """
        for key in keys:
            found = parse_section(self.text(key) or "")
            if found is not None:
                return found
        return None

    def matching(self, pattern):
        """Give what the first group of a pattern matches in the keywords.

        Parameters
        ----------
        pattern : str
            A regular expression for whole keywords, without HIERARCH.

        Returns
        -------
        list of str
            Without repetition, in the order of numbers.
        """
        compiled = re.compile(pattern)
        found = set()
        for present in self._keys:
            for key in present:
                match = compiled.fullmatch(key)
                if match:
                    found.add(match.group(1))
        return sorted(found, key=lambda text: (len(text), text))

    def date_and_time(self, dates, times, mjds):
        """Find the time of an exposure.

        Parameters
        ----------
        dates, times, mjds : list of str
            Keywords of dates (with or without time), of times of day, and of
            modified Julian dates.

        Returns
        -------
        tuple of (datetime.datetime or None, bool)
            The time as the header's scale has it, and whether the time of day
            is known.
        """
        mjd = self.number(*mjds)
        if mjd is not None and not _MJD_RANGE[0] <= mjd <= _MJD_RANGE[1]:
            mjd = None
        for key in dates:
            value = self.text(key)
            if value is None:
                continue
            day = self.time(key)
            if day is not None:
                return day, True
            day = _day(value)
            if day is not None:
                return self._with_time_of_day(day, times, mjd)
        if mjd is not None:
            return _from_mjd(mjd), True
        return None, False

    def _with_time_of_day(self, day, times, mjd):
        for key in times:
            value = self.get(key)
            hours = sexagesimal(value) if isinstance(value, str) else None
            if hours is not None and 0 <= hours * 3600 < _LONGEST_DAY:
                return day + hours / 24 * _DAY, True
        if mjd is not None and mjd % 1 and abs(_from_mjd(mjd) - day) <= _DAY:
            return _from_mjd(mjd), True
        seconds = self.seconds(*times)
        if seconds is not None:
            return day + datetime.timedelta(seconds=seconds), True
        return day, False


def _keys_of(header):
    keys = {}
    for key in header:
        keys.setdefault(key.upper().removeprefix("HIERARCH "), key)
    return keys


def _plain(value):
    """Give a Python scalar, or None for what holds no value."""
    if isinstance(value, str):
        return value.strip() or None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float) else None


def _from_mjd(mjd):
    # To 0.1 ms: a float has no more digits for a modified Julian date.
    micro = round((mjd % 1) * 864e6) * 100
    return _MJD_EPOCH + datetime.timedelta(days=int(mjd // 1), microseconds=micro)


def _day(text):
    """Read a date without time, also in the form before 1998 (DD/MM/YY)."""
    old = re.fullmatch(r"(\d\d)/(\d\d)/(\d{2,4})", text)
    try:
        if old:
            day, month, year = (int(part) for part in old.groups())
            return datetime.datetime(year if year > 1000 else 1900 + year, month, day)
        return datetime.datetime.strptime(text[:10], "%Y-%m-%d") if len(text) == 10 else None
    except ValueError:
        return None


def sexagesimal(text):
    """Convert a text like ``'-12:34:56.7'`` to a number.

    Parameters
    ----------
    text : str
        Hours or degrees, minutes and seconds, with colons or blanks between.

    Returns
    -------
    float or None
        Hours or degrees; None where the text is of another form.
    """
    parts = re.fullmatch(r"([+-]?)\s*(\d+)[:\s]+(\d+)(?:[:\s]+(\d+(?:\.\d*)?))?", text.strip())
    if not parts:
        return None
    sign, first, minutes, seconds = parts.groups()
    value = int(first) + int(minutes) / 60 + float(seconds or 0) / 3600
    return -value if sign == "-" else value


def parse_section(text):
    """Convert a section such as ``'[1:1024,1:512]'`` to half-open indices.

    Parameters
    ----------
    text : str
        Columns and rows, counted from 1, the last included.

    Returns
    -------
    tuple of int or None
        ``(y0, y1, x0, x1)`` from 0, half-open, then two booleans: whether x
        and y run backwards. None where the text is no section.
    """
    match = _SECTION.fullmatch(text.strip())
    if not match:
        return None
    x1, x2, y1, y2 = (int(part) for part in match.groups())
    if min(x1, x2, y1, y2) < 1:
        return None
    box = (min(y1, y2) - 1, max(y1, y2), min(x1, x2) - 1, max(x1, x2))
    return (*box, x1 > x2, y1 > y2)
