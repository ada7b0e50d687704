"""Values of attributes as JSON and back; nothing that is read is trusted."""

import base64
import binascii
import datetime
import zlib
from collections.abc import Mapping

import numpy as np

from awe.base.errors import AweError, AweValueError
from awe.store.coded import codec_named, codec_of
from awe.store.kinds import (
    ArrayKind,
    DatetimeKind,
    DictKind,
    FloatKind,
    LinkKind,
    ListKind,
    OwnedKind,
    TableKind,
)

__all__ = ["Link", "decoded", "encoded"]


class Link:
    """A link as a record names it.

    Parameters
    ----------
    class_name, object_id : str
        What it points to.
    """

    def __init__(self, class_name, object_id):
        self.class_name = class_name
        self.object_id = object_id


def encoded(kind, value):
    """Give a value as JSON has it.

    Parameters
    ----------
    kind : Kind
        The kind of its attribute.
    value : object
        The value.

    Returns
    -------
    object
        None, bool, int, finite float, str, and lists and dicts of these.
    """
    if value is None:
        return None
    if isinstance(kind, LinkKind):
        return {"class": _class_name(value), "object_id": value.object_id}
    if isinstance(kind, ListKind):
        return [encoded(kind.item, item) for item in value]
    if isinstance(kind, OwnedKind):
        fields = kind.record_class._attributes
        return {name: encoded(field.kind, getattr(value, name)) for name, field in fields.items()}
    if isinstance(kind, FloatKind):
        return _float(value)
    if isinstance(kind, DatetimeKind):
        return value.isoformat()
    if isinstance(kind, DictKind):
        return _plain(value)
    if isinstance(kind, ArrayKind):
        return _array(value)
    if isinstance(kind, TableKind):
        return _table(value)
    return value


def _class_name(obj):
    return getattr(obj, "class_name", None) or type(obj).__name__


def _float(value):
    finite = value == value and value not in (float("inf"), float("-inf"))
    return value if finite else {"float": str(value)}


def _plain(value):
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime.datetime):
        return {"time": value.isoformat()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    codec = codec_of(value)
    if codec is not None:
        return {"coded": [codec.name, _plain(codec.pack(value))]}
    if hasattr(value, "items"):
        kept = getattr(value, "kept", value.__getitem__)
        return {"items": {key: _plain(kept(key)) for key in value}}
    return value


def _array(value):
    content = np.ascontiguousarray(value).tobytes()
    return {"dtype": value.dtype.str, "shape": list(value.shape),
            "base64": base64.b64encode(content).decode("ascii")}  # fmt: skip


def _table(table):
    columns = []
    for name in table.colnames:
        column = table[name]
        mask = getattr(column, "mask", None)
        values = np.ma.getdata(np.asanyarray(column)) if mask is not None else column
        entry = _array(np.asarray(values))
        entry |= {"name": name, "unit": None if column.unit is None else str(column.unit),
                  "description": column.description,
                  "mask": None if mask is None else _array(np.asarray(mask))}  # fmt: skip
        columns.append(entry)
    return {"columns": columns, "meta": _plain(dict(table.meta))}


def decoded(kind, data, where):
    """Read a value from JSON.

    Parameters
    ----------
    kind : Kind
        The kind of its attribute.
    data : object
        What a file says.
    where : str
        The attribute, for the message.

    Returns
    -------
    object
        The value, with a `Link` in the place of each link.

    Raises
    ------
    AweError
        It is no value of this kind.
    """
    if data is None:
        return None
    if isinstance(kind, LinkKind):
        return _link(data, where)
    if isinstance(kind, ListKind):
        return [decoded(kind.item, item, where) for item in _need(data, list, where)]
    if isinstance(kind, OwnedKind):
        fields = kind.record_class._attributes
        unknown = _need(data, dict, where).keys() - fields.keys()
        if unknown:
            raise AweValueError(f"{where} has an unknown field {sorted(unknown)[0]!r}.")
        values = {n: decoded(fields[n].kind, v, f"{where}.{n}") for n, v in data.items()}
        return kind.record_class(**values)
    if isinstance(kind, FloatKind) and isinstance(data, dict):
        return _read_float(data, where)
    if isinstance(kind, DatetimeKind):
        return kind.coerce(_need(data, str, where), where)
    if isinstance(kind, DictKind):
        value = _read_plain(_need(data, dict, where), where)
        return kind.coerce(_need(value, Mapping, where), where)
    if isinstance(kind, ArrayKind):
        return kind.coerce(_read_array(data, where), where)
    if isinstance(kind, TableKind):
        return kind.coerce(_read_table(data, where), where)
    return kind.coerce(data, where)


def _need(data, type_, where):
    if not isinstance(data, type_):
        msg = f"{where} should be a {type_.__name__}, not {type(data).__name__}."
        raise AweValueError(msg)
    return data


def _link(data, where):
    _need(data, dict, where)
    found = Link(_need(data.get("class"), str, where), _need(data.get("object_id"), str, where))
    if len(found.object_id) != 32 or set(found.object_id) - set("0123456789abcdef"):
        raise AweValueError(f"{where} links to {found.object_id[:40]!r}, which is no object_id.")
    return found


def _read_float(data, where):
    text = data.get("float")
    if text not in ("nan", "inf", "-inf"):
        raise AweValueError(f"{where} should be a number.")
    return float(text)


def _read_plain(data, where):
    if isinstance(data, list):
        return tuple(_read_plain(item, where) for item in data)
    if not isinstance(data, dict):
        return data
    if len(data) != 1:
        raise AweValueError(f"{where} holds something that awe did not write.")
    tag, content = next(iter(data.items()))
    if tag == "items":
        return {key: _read_plain(v, where) for key, v in _need(content, dict, where).items()}
    if tag == "float":
        return _read_float(data, where)
    if tag == "base64":
        return _bytes(content, where)
    if tag == "coded":
        return _read_coded(content, where)
    if tag == "time":
        return DatetimeKind().coerce(_need(content, str, where), where)
    raise AweValueError(f"{where} holds an unknown {tag[:40]!r}.")


def _read_coded(content, where):
    """Read a header, a table or an array inside a dict."""
    name, packed = content if isinstance(content, list) and len(content) == 2 else (None, None)
    codec = codec_named(name) if isinstance(name, str) else None
    if codec is None:
        raise AweValueError(f"{where} holds something that awe did not write.")
    damages = (AweError, ValueError, TypeError, KeyError, IndexError, OverflowError, zlib.error)
    try:
        return codec.unpack(_read_plain(packed, where))
    except damages as err:
        raise AweValueError(f"{where} holds a {name} that is damaged.") from err


def _bytes(text, where):
    try:
        return base64.b64decode(_need(text, str, where), validate=True)
    except (binascii.Error, ValueError) as err:
        raise AweValueError(f"{where} holds bytes that are damaged.") from err


def _read_array(data, where):
    _need(data, dict, where)
    content = _bytes(data.get("base64"), where)
    shape = _need(data.get("shape"), list, where)
    if not all(type(n) is int and 0 <= n < 2**40 for n in shape):
        raise AweValueError(f"{where} has an impossible shape.")
    try:
        dtype = np.dtype(_need(data.get("dtype"), str, where))
    except TypeError as err:
        raise AweValueError(f"{where} has an unknown kind of numbers.") from err
    size = dtype.itemsize
    for n in shape:
        size *= n
    if dtype.kind not in "biufcMmUS" or dtype.names or size != len(content):
        raise AweValueError(f"{where} does not fit its shape or kind of numbers.")
    return np.frombuffer(content, dtype).reshape(shape)


def _read_table(data, where):
    from astropy.table import Column, MaskedColumn, Table

    _need(data, dict, where)
    table = Table(meta=_read_plain(_need(data.get("meta"), dict, where), where))
    for entry in _need(data.get("columns"), list, where):
        values = _read_array(entry, where)
        extra = {n: entry.get(n) for n in ("name", "unit", "description")}
        for text in extra.values():
            _need("" if text is None else text, str, where)
        name = _need(extra["name"], str, where)
        if entry.get("mask") is None:
            table[name] = Column(values, **extra)
        else:
            mask = _read_array(entry["mask"], where)
            if mask.dtype != bool or mask.shape != values.shape:
                raise AweValueError(f"{where}: the mask of {name} does not fit.")
            table[name] = MaskedColumn(values, mask=mask, **extra)
    return table
