"""Values under keys of dicts, such as cards of headers, as columns of tables."""

import re

import numpy as np

from awe.base.errors import AweTypeError
from awe.base.utc import to_utc
from awe.store.attributes import path_of
from awe.store.keys import column_of_key
from awe.store.kinds import DictKind
from awe.store.placeholders import Restricted

__all__ = ["Keyed", "array_under", "keyed_path", "values_under"]

_NAME = re.compile(r"""([\w.]+)((?:\[(?:'[^']*'|"[^"]*")\])+)""")
_KEY = re.compile(r"""\[(?:'([^']*)'|"([^"]*)")\]""")


class Keyed:
    """What stands under keys of a dict attribute, one below the other.

    Parameters
    ----------
    path : Path
        The way to the dict.
    keys : tuple of str
        The keys; all but the last lead to mappings.
    """

    def __init__(self, path, keys):
        self.path = path
        self.keys = keys

    @property
    def column(self):
        """The name as a user writes it."""
        return self.path.column + "".join(f"[{key!r}]" for key in self.keys)

    def __str__(self):
        return f"{self.path.cls.__name__}.{self.column}"


def keyed_path(cls, name):
    """Read a name such as ``header['EXPTIME']``.

    Parameters
    ----------
    cls : type
        The class that was asked for.
    name : object
        What a user gave: a text, or ``Frame.header['EXPTIME']``.

    Returns
    -------
    Path, Keyed or None
        A path where the class keeps a column of the key; None where the name has no keys.

    Raises
    ------
    AweTypeError
        The attribute is no dict.
    """
    if isinstance(name, str):
        match = _NAME.fullmatch(name.removeprefix(f"{cls.__name__}."))
        if match is None:
            return None
        path = path_of(cls, match[1])
        keys = tuple(single or double for single, double in _KEY.findall(match[2]))
    elif hasattr(name, "_key"):
        path, keys = name._path, (name._key,)
    else:
        return None
    if not isinstance(path.kind, DictKind):
        msg = f"{path} is a {path.attribute.type_text()}; only a dict has keys."
        raise AweTypeError(msg)
    column = column_of_key(path, keys[0]) if len(keys) == 1 else None
    return Keyed(path, keys) if column is None else column


def values_under(session, numbers, keyed):
    """Give what stands under keys, object by object.

    Parameters
    ----------
    session : Session
        The session.
    numbers : numpy.ndarray of int64
        The objects.
    keyed : Keyed
        The dict and its keys.

    Returns
    -------
    list
        Numbers, texts and times; None where there is nothing, or no single value.
    """
    found = []
    for number in numbers.tolist():
        obj = session.get(number)
        for attribute in keyed.path.attributes[:-1]:
            obj = None if obj is None else getattr(obj, attribute.name)
            obj = None if isinstance(obj, Restricted) else obj
        value = None if obj is None else obj.stored_value(keyed.path.attribute.name)
        for key in keyed.keys:
            value = value.get(key) if hasattr(value, "get") else None
        found.append(value if isinstance(value, (bool, int, float, str)) or hasattr(
            value, "isoformat") else None)  # fmt: skip
    return found


def array_under(values):
    """Give values of any kind as an array for a table.

    Parameters
    ----------
    values : list
        From `values_under`.

    Returns
    -------
    values : numpy.ndarray
        Of one type where they are all alike, numbers and texts together as texts.
    mask : numpy.ndarray of bool or None
        What is missing; None where nothing is.
    """
    missing = np.array([v is None for v in values], bool)
    there = [v for v in values if v is not None]
    types = {type(v) for v in there}
    if types <= {int, float}:
        kind, empty = (int, 0) if types == {int} else (float, np.nan)
    elif types == {bool}:
        kind, empty = bool, False
    elif all(hasattr(v, "isoformat") for v in there):
        kind, empty = "datetime64[us]", np.datetime64("NaT")
        values = [v if v is None else to_utc(v) for v in values]
    else:
        kind, empty = str, ""
    filled = [empty if v is None else v for v in values]
    try:
        array = np.array(filled, kind)
    except OverflowError:
        array = np.array(filled, float)
    return array, missing if missing.any() else None
