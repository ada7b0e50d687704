"""Key columns that a class declares when it has objects already: read from the dicts."""

import datetime

from awe.base.errors import AweError
from awe.store.kinds import kind_of
from awe.store.kinds_child import DictKind
from awe.store.records import PAGE_ROWS

__all__ = ["fill_in", "is_key", "value_under"]

_TYPES = {"bool": bool, "int": int, "float": float, "str": str, "datetime": datetime.datetime}


def is_key(path):
    """Tell whether a column is that of a key, ``header[RA]``.

    Parameters
    ----------
    path : str
        The column.

    Returns
    -------
    bool
        True where it is.
    """
    return "[" in path


def fill_in(extent, schema, start, rows, fields, raws):
    """Put the values under keys into rows that were written before the keys had columns.

    Parameters
    ----------
    extent : Extent
        The extent.
    schema : ClassSchema
        What the store knows of the class.
    start : int
        Number of the first row.
    rows : sequence of Row or None
        Consecutive rows; None where an object was deleted.
    fields : sequence of (str, spec)
        The fields of ``raws``.
    raws : list of tuple
        The raw values of each row; None where the row lacks the field.

    Returns
    -------
    list of tuple
        The same, with the values under keys.
    """
    keys = [(at, name, spec) for at, (name, spec) in enumerate(fields) if is_key(name)]
    if not keys:
        return raws
    known = [{name for name, _ in layout} for layout in schema.layouts]
    lacking = [
        [
            (at, *name[:-1].split("[", 1), kind_of(_TYPES[spec], name))
            for at, name, spec in keys
            if name not in names
        ]
        for names in known
    ]
    filled = list(raws)
    for at, row in enumerate(rows):
        if row is not None and lacking[row.layout]:
            filled[at] = _filled(extent, start + at, filled[at], lacking[row.layout])
    return filled


def value_under(key, kind, mapping):
    """Give the value under a key in its own type, None where it is of another.

    Parameters
    ----------
    key : str
        The key.
    kind : Kind
        What the class declares for it.
    mapping : Mapping or None
        The dict.

    Returns
    -------
    object
        The value as the user sees it.
    """
    value = None if mapping is None else mapping.get(key)
    try:
        return kind.coerce(value, key)
    except AweError:
        return None


def _filled(extent, number, values, keys):
    """Give the values of one row with those under some keys: (place, dict, key, kind)."""
    page, slot = extent.page(number // PAGE_ROWS), number % PAGE_ROWS
    found = list(values)
    for at, source, key, kind in keys:
        child = (page.children or {}).get((slot, source))
        if child is not None:
            mapping = DictKind().unpack(child.data)
            found[at] = kind.to_raw(value_under(key, kind, mapping))
    return tuple(found)
