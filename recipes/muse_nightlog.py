"""Night logs of MUSE: the sky condition before and after an exposure."""

import dataclasses

from awe.base.errors import AweError

__all__ = ["Entry", "NightLogError", "condition_at", "read_nightlog", "seconds_of_night"]

_HEAD = 10
_END = "-" * 51
_NOON, _DAY = 43200.0, 86400.0


class NightLogError(AweError):
    """A night log that cannot be used."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of a night log.

    Attributes
    ----------
    time : float
        Seconds since midnight UTC, of the evening negative.
    condition, comment : str
        What it says.
    """

    time: float
    condition: str
    comment: str


def seconds_of_night(seconds):
    """Give a time of day as seconds since the midnight of its night.

    Parameters
    ----------
    seconds : float
        Seconds of the day, UTC; also beyond its end.

    Returns
    -------
    float
        Above -43200, up to 43200: what is after noon belongs to the evening before midnight.
    """
    seconds %= _DAY
    return seconds - _DAY if seconds > _NOON else seconds


def read_nightlog(path):
    """Read the sky conditions of a night log.

    Parameters
    ----------
    path : str or os.PathLike
        The file: ten lines of a head, then ``HH:MM``, condition and comment with tabs between,
        until a line of 51 dashes or an empty one.

    Returns
    -------
    list of Entry
        In the order of time; lines that do not begin with a time are left out.

    Raises
    ------
    NightLogError
        The file has no such line.
    """
    with open(path, encoding="utf-8", errors="replace") as stream:
        lines = stream.read().splitlines()
    found = []
    for line in lines[_HEAD:]:
        if not line.strip() or line.strip() == _END:
            break
        when, *words = line.split("\t")
        seconds = _time_of_day(when.strip())
        if seconds is not None:
            condition, comment, *_ = [*(w.strip() for w in words), "", ""]
            found.append(Entry(seconds_of_night(seconds), condition, comment))
    if not found:
        msg = "the night log has no line with a time and a sky condition"
        raise NightLogError(msg)
    return sorted(found, key=lambda entry: entry.time)


def _time_of_day(text):
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal()):
        return None
    if int(hours) > 23 or int(minutes) > 59:
        return None
    return int(hours) * 3600.0 + int(minutes) * 60.0


def condition_at(entries, seconds):
    """Give the last entry up to a time.

    Parameters
    ----------
    entries : list of Entry
        In the order of time.
    seconds : float
        Seconds since midnight, as `seconds_of_night` gives it.

    Returns
    -------
    Entry or None
        None where the log begins later.
    """
    before = [entry for entry in entries if entry.time <= seconds]
    return before[-1] if before else None
