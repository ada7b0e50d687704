"""Arguments and inputs as text: plain values, and objects by their names in the store."""

import datetime
import json
from pathlib import Path

import numpy as np

from awe.base.errors import AweTypeError
from awe.base.utc import to_utc
from awe.store import DBObject, parcels, registry

__all__ = ["dumps", "find_object", "loads", "objects_in"]

_TAGS = ("$object", "$time", "$path", "$dict")


def dumps(value, where, new=None):
    """Write a value as text.

    Parameters
    ----------
    value : object
        None, bool, numbers, texts, times, paths, stored objects, and lists and dicts of these.
    where : str
        What it is, for the error.
    new : list, optional
        Gets the objects that are not stored, which must travel by value beside the text. By
        default there may be none.

    Returns
    -------
    str
        JSON.

    Raises
    ------
    AweTypeError
        The value holds anything else.
    """
    return json.dumps(_encode(value, where, new))


def _encode(value, where, new):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, DBObject):
        return {"$object": _name_of(value, where, new)}
    if isinstance(value, Path):
        return {"$path": str(value)}
    if isinstance(value, dict):
        encoded = {str(k): _encode(v, where, new) for k, v in value.items()}
        return {"$dict": encoded} if set(encoded) & set(_TAGS) else encoded
    if isinstance(value, datetime.date) or type(value).__module__.startswith("astropy.time"):
        return {"$time": to_utc(_at_midnight(value)).isoformat()}
    if hasattr(value, "__iter__"):
        return [_encode(v, where, new) for v in value]
    msg = f"{where}: a {type(value).__name__} cannot travel to the DPU: {value!r}."
    raise AweTypeError(msg, remedy="Give numbers, texts, times or objects of the store.")


def _at_midnight(value):
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    return value


def _name_of(obj, where, new):
    """Give the class and object_id of an object."""
    if not obj.is_committed:
        if new is None:
            msg = f"{where}: {obj!r} is not stored, so the DPU cannot find it."
            raise AweTypeError(msg, remedy="Type: obj.commit()")
        new.append(obj)
    return f"{type(obj).__name__} {obj.object_id}"


def find_object(name):
    """Give the object of a class and object_id.

    Parameters
    ----------
    name : str
        Class and object_id, with a space between.

    Returns
    -------
    DBObject
        The stored one, or the new one that came in a parcel.
    """
    cls, object_id = name.split(" ")
    return parcels.arrived(object_id) or registry.find_class(cls)[object_id]


def loads(text):
    """Read a value that `dumps` wrote.

    Parameters
    ----------
    text : str
        JSON.

    Returns
    -------
    object
        The value; what was iterable is a list.
    """
    return _decode(json.loads(text))


def _decode(value):
    if isinstance(value, list):
        return [_decode(v) for v in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (tag, inner), = value.items()  # fmt: skip
        if tag == "$object":
            return find_object(inner)
        if tag == "$time":
            return datetime.datetime.fromisoformat(inner)
        if tag == "$path":
            return Path(inner)
        if tag == "$dict":
            return {k: _decode(v) for k, v in inner.items()}
    return {k: _decode(v) for k, v in value.items()}


def objects_in(value):
    """Give the objects in a value, however deep.

    Parameters
    ----------
    value : object
        As for `dumps`.

    Yields
    ------
    DBObject
        In order.
    """
    if isinstance(value, DBObject):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from objects_in(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from objects_in(inner)
