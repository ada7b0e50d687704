"""Plain values as bytes: nothing but numbers, texts, dates and containers can come back."""

import datetime
import io
import pickle

import numpy as np

from awe.base.errors import AweError, AweTypeError

__all__ = ["DAMAGES", "SCALARS", "HostileRecordError", "dumps", "dumps_exact", "loads", "to_plain"]


# What is written as it is; the test of a type costs less than a call.
SCALARS = frozenset({bool, bytes, float, int, str, type(None)})


class HostileRecordError(AweError):
    """A record of the store asks for code that awe does not load."""


class _PlainUnpickler(pickle.Unpickler):
    """Builds numbers, texts, containers and datetimes, and refuses all else."""

    def find_class(self, module, name):
        if (module, name) == ("datetime", "datetime"):
            return super().find_class(module, name)
        msg = (
            f"A record of the store asks for {module}.{name}, which a plain value never does. "
            "It was not run."
        )
        raise HostileRecordError(msg, remedy="Run `awe verify` to see which objects are damaged.")

    def persistent_load(self, pid):
        msg = f"A plain record of the store holds a reference ({pid!r}). It was not followed."
        raise HostileRecordError(msg)


class _NotPlain(Exception):
    """A value that `loads` would refuse was about to be written."""


class _PlainPickler(pickle.Pickler):
    """Writes only what `_PlainUnpickler` reads."""

    def reducer_override(self, obj):
        # Numbers, texts and containers of exactly Python's own types never come here.
        if type(obj) is datetime.datetime or obj is datetime.datetime:
            return NotImplemented
        raise _NotPlain


def dumps(value):
    """Write a plain value as bytes.

    Parameters
    ----------
    value : object
        None, bool, int, float, str, bytes, naive datetime, and tuples, lists
        and dicts of these. NumPy scalars become Python's own.

    Returns
    -------
    bytes
        What `loads` reads.

    Raises
    ------
    AweTypeError
        The value holds anything else, which could not be read back.
    """
    stream = io.BytesIO()
    try:
        _PlainPickler(stream, 5).dump(value)
    except _NotPlain:
        return pickle.dumps(to_plain(value, "A record of the store"), protocol=5)
    return stream.getvalue()


def dumps_exact(value):
    """Write a plain value as bytes that holds nothing else, as its kind has seen to already.

    Parameters
    ----------
    value : object
        None, bool, int, float, str, bytes, and tuples of these, all of exactly Python's own types.

    Returns
    -------
    bytes
        What `loads` reads.
    """
    return pickle.dumps(value, protocol=5)


def loads(data):
    """Read a plain value without running anything.

    Parameters
    ----------
    data : bytes
        What `dumps` wrote.

    Returns
    -------
    object
        The value.

    Raises
    ------
    HostileRecordError
        The bytes ask for anything but a plain value, or are damaged.
    """
    try:
        return _PlainUnpickler(io.BytesIO(data)).load()
    except DAMAGES as err:
        msg = f"A record of the store is damaged ({type(err).__name__}: {err})."
        raise HostileRecordError(msg, remedy="Run `awe verify`, and restore a backup.") from err


# What the pickle module says that it raises on bytes that are no pickle.
DAMAGES = (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError,
            TypeError, ValueError, OverflowError, MemoryError)  # fmt: skip


def to_plain(value, where):
    """Convert what a user put into a dict to plain values.

    Parameters
    ----------
    value : object
        The value; NumPy scalars and arrays become Python's own.
    where : str
        The class and attribute, for the error.

    Returns
    -------
    object
        Only None, bool, int, float, str, bytes, datetime, tuple and dict.

    Raises
    ------
    AweTypeError
        The value or one inside is of another type.
    """
    if type(value) in SCALARS:
        return value
    if isinstance(value, np.generic):
        return to_plain(value.item(), where)
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist(), where)
    if isinstance(value, (list, tuple)):
        return tuple(to_plain(v, where) for v in value)
    if hasattr(value, "items"):
        return {
            k if type(k) is str else _key(k, where): (
                v if type(v) in SCALARS else to_plain(v, where)
            )
            for k, v in value.items()
        }
    if type(value).__module__ == "datetime" and hasattr(value, "hour") and hasattr(value, "year"):
        from awe.base.utc import to_utc

        return to_utc(value)
    msg = (
        f"{where} takes numbers, texts, dates, None, and lists and dicts of these, "
        f"not {type(value).__name__} {value!r}."
    )
    raise AweTypeError(msg)


def _key(key, where):
    if isinstance(key, str):
        return str(key)
    msg = f"The keys of {where} are texts, not {type(key).__name__} {key!r}."
    raise AweTypeError(msg)
