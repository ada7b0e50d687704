"""What exists, for the message where nothing was found."""

import collections

__all__ = ["what_exists"]

_MOST = 8
_COLUMNS = {
    "date": ("night", "nights"),
    "template": ("template.start", "templates"),
    "chip": ("chip.name", "CCDs"),
    "filter": ("filter.name", "filters"),
    "object": ("OBJECT", "objects"),
}


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
        One line, or two.
    """
    everything = frames.select_all() & (frames.instrument.name == instrument)
    if not everything.exists():
        return [f"There is no {frames.__name__} of {instrument} at all."]
    lines = [f"There are {len(everything)} {frames.__name__} of {instrument}:"]
    wanted = [n for n in _COLUMNS if n in given] or ["date"]
    for name in wanted:
        path, words = _COLUMNS[name]
        if path.split(".")[0] not in frames._attributes:
            continue
        lines.append(f"  {words} {_counted(everything.table(path)[path])}")
    return lines


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
