"""What `obj.info()` prints: every attribute with its value and unit, in 80 columns."""

import datetime
import textwrap

import numpy as np

from awe.process import Product, decode
from awe.store.objects import DBObject, OwnedRecord, UnknownObject
from awe.store.people import level_text

__all__ = ["WIDTH", "information"]

WIDTH = 80
_SHOWN = 2
_MOST = 6
_INDENT = 2


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
    if isinstance(obj, UnknownObject):
        return "\n".join(lines + _block(list(obj.values().items()), set(), {}))
    attributes = {**obj._attributes, **obj._inverses}
    inputs = type(obj).inputs if isinstance(obj, Product) else ()
    plain = [(name, getattr(obj, name)) for name in attributes if name not in inputs]
    edited = set(obj._staged or ())
    units = {name: a.unit for name, a in attributes.items() if a.unit}
    if "imstat" in attributes and isinstance(obj, Product):
        units["imstat"] = type(obj).unit
    lines += _block([*_identity(obj), *plain], edited, units)
    if inputs:
        lines.append("Made from:")
        lines += _block([(name, getattr(obj, name)) for name in inputs], edited, {})
    if edited:
        lines.append("* edited, not committed yet: obj.commit() stores it")
    return "\n".join(lines)


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
    return [*rows, ("committed_at", obj.committed_at)]


def _block(rows, edited, units, indent=_INDENT):
    """Give the lines of (name, value) rows, with the values below each other."""
    width = min(26, max((len(name) for name, _ in rows), default=0))
    lines = []
    for name, value in rows:
        mark = "*" if name in edited else " "
        head = f"{' ' * indent}{name:<{width}} {mark}"
        unit = units.get(name)
        if isinstance(value, OwnedRecord):
            lines.append(f"{head}{type(value).__name__}")
            lines += _record(value, indent + _INDENT, unit)
        elif isinstance(value, tuple) and value and isinstance(value[0], OwnedRecord):
            lines.append(f"{head}{len(value)} {type(value[0]).__name__}")
            lines += _records(value, indent + _INDENT)
        else:
            text = value_text(value)
            if name == "quality_flags" and value:
                text += f" ({', '.join(flag.name for flag in decode(value))})"
            lines += _wrapped(head, f"{text} {unit}" if unit and value is not None else text)
    return lines


def _record(record, indent, unit=None):
    """Give the lines of a record; statistics are in the unit of their image."""
    units = {name: a.unit for name, a in record._attributes.items() if a.unit}
    if unit is not None:
        own = "" if unit == "1" else unit
        units = {name: own if each == "adu" else each for name, each in units.items()}
    rows = [(name, getattr(record, name)) for name in record._attributes]
    return _block(rows, set(), units, indent)


def _records(records, indent):
    """Give the first and the last of some records, one wrapped line each."""
    chosen = range(len(records))
    if len(records) > _SHOWN + 1:
        chosen = [*range(_SHOWN), None, len(records) - 1]
    lines = []
    for at in chosen:
        if at is None:
            lines.append(f"{' ' * indent}...")
            continue
        fields = ", ".join(
            f"{n}={value_text(getattr(records[at], n))}{' ' + a.unit if a.unit else ''}"
            for n, a in records[at]._attributes.items()
            if getattr(records[at], n) is not None
        )
        lines += _wrapped(f"{' ' * indent}[{at}] ", fields)
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
