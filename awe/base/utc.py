"""Times in UTC: every time in awe is a naive `datetime.datetime` in UTC."""

import datetime
import time

from awe.base.errors import AweTypeError, AweValueError

__all__ = ["EPOCH", "from_microseconds", "now", "to_microseconds", "to_utc"]

EPOCH = datetime.datetime(1970, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)


def now():
    """Give the present time.

    Returns
    -------
    datetime.datetime
        Naive, in UTC.
    """
    return from_microseconds(time.time_ns() // 1000)


def to_microseconds(when):
    """Convert a naive datetime in UTC to an integer.

    Parameters
    ----------
    when : datetime.datetime
        Naive, in UTC.

    Returns
    -------
    int
        Microseconds since 1970-01-01T00:00:00 UTC, leap seconds not counted.
    """
    return (when - EPOCH) // _MICROSECOND


def from_microseconds(value):
    """Convert microseconds since 1970 to a naive datetime in UTC.

    Parameters
    ----------
    value : int
        Microseconds since 1970-01-01T00:00:00 UTC, leap seconds not counted.

    Returns
    -------
    datetime.datetime
        Naive, in UTC.
    """
    return EPOCH + datetime.timedelta(microseconds=int(value))


def to_utc(value):
    """Convert what a user may give for a time to a naive datetime in UTC.

    Parameters
    ----------
    value : datetime.datetime, datetime.date, str or astropy.time.Time
        A naive datetime is taken as UTC, an aware one and an astropy Time are
        converted, a text is read as ISO 8601 (without an offset it is UTC), a
        date is its midnight.

    Returns
    -------
    datetime.datetime
        Naive, in UTC.

    Raises
    ------
    AweTypeError
        The value is none of these.
    AweValueError
        The text is not an ISO 8601 date and time.
    """
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value.strip())
        except ValueError as err:
            msg = (
                f"{value!r} is not a date and time in the form of ISO 8601, "
                "such as '2012-06-01T08:51:44' or '2012-06-01'."
            )
            raise AweValueError(msg) from err
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            return value
        return value.astimezone(datetime.UTC).replace(tzinfo=None)
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)
    # An astropy Time is recognised by what it can do: importing astropy.time
    # costs a fifth of a second that most sessions need not spend.
    if hasattr(value, "utc") and hasattr(value, "isscalar") and value.isscalar:
        return value.utc.to_datetime()
    msg = (
        f"A time is a datetime, an astropy Time or an ISO 8601 text, "
        f"not {type(value).__name__} {value!r}."
    )
    raise AweTypeError(msg)
