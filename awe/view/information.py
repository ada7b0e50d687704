"""What `obj.info()` prints: every attribute with its value and unit, in 80 columns."""

import datetime
import textwrap
from typing import NamedTuple

import numpy as np

from awe.process import Import, ProcessTarget, Product, decode
from awe.store.objects import DBObject, OwnedRecord, UnknownObject
from awe.store.people import level_text

__all__ = ["WIDTH", "Entry", "Part", "information", "parts_of", "value_text"]

WIDTH = 80
_SHOWN = 2
_MOST = 6
# What people must not overlook.
_NEVER_SHORTENED = ("steps_not_done",)
_INDENT = 2


class Entry(NamedTuple):
    """One line of what is known of an object, with what lies inside of it.

    Parameters
    ----------
    name : str
        The attribute.
    text : str
        Its value with its unit.
    inside : tuple of Entry, optional
        The fields of a record. By default none.
    is_edited : bool, optional
        Whether it is not committed yet. The default is False.
    """

    name: str
    text: str
    inside: tuple = ()
    is_edited: bool = False


class Part(NamedTuple):
    """Entries under one headline.

    Parameters
    ----------
    headline : str
        '' for none.
    entries : list of Entry
        What stands below it.
    """

    headline: str
    entries: list


def information(obj):
    """Tell everything that is known of an object.

    Parameters
    ----------
    obj : DBObject
        Any object, stored or not.

    Returns
    -------
    str
        Lines of at most 80 columns.
    """
    lines = textwrap.wrap(repr(obj), WIDTH, subsequent_indent="  ")
    for part in parts_of(obj):
        if part.headline:
            lines += textwrap.wrap(part.headline, WIDTH, subsequent_indent="  ")
        lines += _block(part.entries)
    return "\n".join(lines)


def parts_of(obj):
    """Give everything that is known of an object, in parts.

    Parameters
    ----------
    obj : DBObject
        Any object, stored or not.

    Returns
    -------
    list of Part
        What it is, what it was made from, and what there is to be warned of.
    """
    if isinstance(obj, UnknownObject):
        return [Part("", _entries(obj.values().items(), set(), {}))]
    attributes = {**obj._attributes, **obj._inverses}
    inputs = type(obj).inputs if isinstance(obj, Product) else ()
    plain = [(name, getattr(obj, name)) for name in attributes if name not in inputs]
    edited = set(obj._staged or ())
    units = {name: a.unit for name, a in attributes.items() if a.unit}
    if "imstat" in attributes and isinstance(obj, Product):
        units["imstat"] = type(obj).unit
    parts = [Part("", _entries([*_identity(obj), *plain], edited, units))]
    if inputs:
        made_from = [(name, getattr(obj, name)) for name in inputs]
        parts.append(Part("Made from:", _entries(made_from, edited, {})))
    if isinstance(obj, ProcessTarget):
        parts += _suspicion(obj)
    if edited:
        parts.append(Part("* edited, not committed yet: obj.commit() stores it", []))
    return parts


def _suspicion(obj):
    """Tell on what the object hangs that people judged bad."""
    bad = obj.why_suspect()
    if not bad:
        return []
    entries = [Entry("", repr(each)) for each in bad[:_MOST]]
    if len(bad) > _MOST:
        entries.append(Entry("", f"and {len(bad) - _MOST} more"))
    entries.append(Entry("", "remake(...) makes it again without them."))
    return [Part("SUSPECT: it was made from what is judged bad:", entries)]


def _identity(obj):
    """Give what every object has, as far as it has it yet."""
    rows = [("object_id", obj.object_id)]
    if not obj.is_committed:
        return [*rows, ("state", "not committed")]
    if not obj.vocabulary:
        rows += [
            ("creator", obj.creator),
            ("project", obj.project),
            ("privileges", level_text(obj.privileges)),
        ]
    rows.append(("committed_at", obj.committed_at))
    origin = None if obj.vocabulary else Import.origin_of(obj)
    if origin is not None:
        rows.append(("imported from", f"{origin.get('creator')}, {origin.get('project')}"))
    return rows


def _entries(rows, edited, units):
    """Give the entries of (name, value) rows."""
    found = []
    for name, value in rows:
        unit = units.get(name)
        inside = ()
        if isinstance(value, OwnedRecord):
            text, inside = type(value).__name__, _record(value, unit)
        elif isinstance(value, tuple) and value and isinstance(value[0], OwnedRecord):
            text, inside = f"{len(value)} {type(value[0]).__name__}", _records(value)
        else:
            text = value_text(value)
            if name in _NEVER_SHORTENED and value:
                text = ", ".join(value)
            if name == "quality_flags" and value:
                text += f" ({', '.join(flag.name for flag in decode(value))})"
            if unit and value is not None:
                text += f" {unit}"
        found.append(Entry(name, text, tuple(inside), name in edited))
    return found


def _record(record, unit=None):
    """Give the entries of a record; statistics are in the unit of their image."""
    units = {name: a.unit for name, a in record._attributes.items() if a.unit}
    if unit is not None:
        own = "" if unit == "1" else unit
        units = {name: own if each == "adu" else each for name, each in units.items()}
    return _entries([(name, getattr(record, name)) for name in record._attributes], set(), units)


def _records(records):
    """Give the first and the last of some records, an entry each."""
    chosen = range(len(records))
    if len(records) > _SHOWN + 1:
        chosen = [*range(_SHOWN), None, len(records) - 1]
    entries = []
    for at in chosen:
        if at is None:
            entries.append(Entry("", "..."))
            continue
        fields = ", ".join(
            f"{n}={value_text(getattr(records[at], n))}{' ' + a.unit if a.unit else ''}"
            for n, a in records[at]._attributes.items()
            if getattr(records[at], n) is not None
        )
        entries.append(Entry(f"[{at}]", fields))
    return entries


def _block(entries, indent=_INDENT):
    """Give the lines of entries, with the values below each other."""
    width = min(26, max((len(each.name) for each in entries), default=0))
    lines = []
    for each in entries:
        mark = "*" if each.is_edited else "" if each.name.startswith("[") else " "
        head = f"{' ' * indent}{each.name:<{width}} {mark}" if width else " " * indent
        lines += _wrapped(head, each.text)
        lines += _block(each.inside, indent + _INDENT)
    return lines


def _wrapped(head, text):
    text = " ".join(text.split()) or "''"
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
        max_lines=12,
        placeholder=" ...",
    )


def value_text(value):
    """Give a value in words, long ones shortened.

    Parameters
    ----------
    value : object
        The value of an attribute.

    Returns
    -------
    str
        One line.
    """
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, np.ndarray):
        return f"array of {value.dtype}, shape {value.shape}"
    if isinstance(value, (tuple, list)):
        return _list_text(value)
    if hasattr(value, "colnames"):
        return f"table of {len(value)} rows: {_shortened(value.colnames)}"
    if hasattr(value, "keys") and not isinstance(value, DBObject):
        return f"{len(value)} keys: {_shortened([str(k) for k in value])}" if value else "no keys"
    return value if isinstance(value, str) else repr(value)


def _list_text(values):
    if not values:
        return "none"
    count = "1 item" if len(values) == 1 else f"{len(values)} items"
    return f"{count}: {_shortened([value_text(v) for v in values])}"


def _shortened(texts):
    """Give some texts with commas, of many only the first ones and the last."""
    if len(texts) > _MOST:
        texts = [*texts[:_SHOWN], f"... {texts[-1]}"]
    return ", ".join(texts)
