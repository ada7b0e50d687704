"""What exists, for the message where nothing was found."""

import collections

from awe.model import RawFrame
from awe.process.choice import hint_of_privileges

__all__ = ["ARGUMENTS", "frames_of_file", "what_exists", "why_not"]

_MOST = 8
_COLUMNS = {
    "date": ("night", "nights"),
    "template": ("template.start", "templates"),
    "chip": ("chip.name", "CCDs"),
    "filter": ("filter.name", "filters"),
    "object": ("OBJECT", "objects"),
}
# By which frames are selected, besides the instrument.
ARGUMENTS = tuple(_COLUMNS)


def what_exists(frames, instrument, given):
    """Tell what there is of an instrument, in the terms that the user asked by.

    Parameters
    ----------
    frames : type
        A class of frames.
    instrument : str
        The name of the instrument.
    given : dict
        The arguments by which nothing was found.

    Returns
    -------
    list of str
        A few lines.
    """
    everything = frames.select_all() & (frames.instrument.name == instrument)
    hidden = hint_of_privileges(everything)
    if not everything.exists():
        raw = RawFrame.select_all() & (RawFrame.instrument.name == instrument)
        kinds = f" Its raw frames: {_counted(raw.table('kind')['kind'])}." if raw.exists() else ""
        return [f"There is no {frames.__name__} of {instrument} at all{hidden}.{kinds}"]
    lines = [f"There are {len(everything)} {frames.__name__} of {instrument}{hidden}:"]
    wanted = [n for n in _COLUMNS if n in given] or ["date"]
    for name in wanted:
        path, words = _COLUMNS[name]
        if path.split(".")[0] not in frames._attributes:
            continue
        lines.append(f"  {words} {_counted(everything.table(path)[path])}")
    if "date" in given:
        lines.append("date= is the evening on which a night begins.")
    return lines


def why_not(frames, filename, given):
    """Tell which arguments a stored raw file does not meet.

    Parameters
    ----------
    frames : type
        The class of frames that is selected from.
    filename : str
        The name of a raw frame's file.
    given : dict
        The arguments, 'instrument' among them.

    Returns
    -------
    str or None
        A sentence; None where there is no raw frame of that name.
    """
    named = RawFrame.select_all() & (RawFrame.filename == filename)
    hidden = hint_of_privileges(named)
    if not named.exists():
        return f"{filename} is not shown{hidden}." if hidden else None
    frame = named[0]
    if not isinstance(frame, frames):
        return f"{filename} is a {type(frame).__name__}."
    unmet = []
    for name, value in given.items():
        query = frames.select(**{name: value}) & (frames.filename == filename)
        if not query.exists():
            unmet.append(f"{name} is {_value(frame, name)}, not {value}")
    return f"{filename}: its {' and its '.join(unmet)}." if unmet else None


def frames_of_file(filename):
    """Give the names of the raw frames of a file that was ingested.

    Parameters
    ----------
    filename : str
        The name that the file had.

    Returns
    -------
    list of str
        Empty where no file of that name was ingested.
    """
    query = RawFrame.select_all() & (RawFrame.raw_fits.filename == filename)
    return sorted({str(n) for n in query.table("filename")["filename"]}) if query.exists() else []


def _value(frame, name):
    path = "instrument.name" if name == "instrument" else _COLUMNS[name][0]
    value = frame
    for step in path.split("."):
        value = None if value is None else getattr(value, step)
    return value


def _counted(values):
    """Give the different values, the most frequent first, with their numbers."""
    texts = [_text(v) for v in values]
    counts = collections.Counter(texts).most_common()
    shown = ", ".join(f"{text} ({number})" for text, number in counts[:_MOST])
    more = len(counts) - _MOST
    return shown + (f" and {more} more" if more > 0 else "")


def _text(value):
    if hasattr(value, "mask") and value.mask.all():
        return "none"
    if hasattr(value, "iso"):
        value = value.iso
    return str(value).removesuffix(" 00:00:00.000").removesuffix("T00:00:00.000000")
