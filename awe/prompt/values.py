"""The values that exist in the store, as texts that may be typed."""

import numpy as np

from awe.base.utc import from_microseconds
from awe.store import current, results
from awe.store import expressions as ex
from awe.store.attributes import path_of
from awe.store.kinds import DatetimeKind, LinkKind, StrKind
from awe.store.selection import values_of
from awe.store.terms import Term

__all__ = ["MOST_SHOWN", "selectable", "values_behind"]

MOST_SHOWN = 200
_MOST_VALUES = 100_000
_LAST = "\U0010ffff"


def selectable(cls, name, typed):
    """Give what may be given for a name in ``select``.

    Parameters
    ----------
    cls : type
        The class that is asked.
    name : str
        The argument of ``select``.
    typed : str
        What was typed of the value.

    Returns
    -------
    list of str or None
        None where no text is known to stand for the value.
    """
    if name == "template":
        return _times(path_of(cls, "template.start"))
    path = path_of(cls, getattr(cls, "select_names", {}).get(name, name))
    if isinstance(path.kind, DatetimeKind):
        texts = _times(path)
        return sorted({text[:10] for text in texts}) if name == "date" else texts
    return values_behind(path, typed)


def values_behind(path, typed):
    """Give texts that exist at the end of a path and begin with what was typed.

    Parameters
    ----------
    path : Path
        The attribute; for a link it is the names behind it.
    typed : str
        What was typed of the value.

    Returns
    -------
    list of str or None
        None where the attribute is no text.
    """
    if isinstance(path.kind, LinkKind):
        path = path.step("name")
    if not isinstance(path.kind, StrKind):
        return None
    rest = path.split()[1]
    if rest is not None:
        return values_behind(rest, typed)
    if not (path.attribute.unique and len(path.attributes) == 1):
        return values_of(path, most=_MOST_VALUES)
    # Every object has its own value: of a million only those that fit are read.
    term = Term(path)
    query = term.between(typed, typed + _LAST) if typed else path.cls.select_all()
    return sorted(filter(None, (getattr(obj, path.attribute.name) for obj in query[:MOST_SHOWN])))


def _times(path):
    """Give the different times at the end of a path, in the order of time."""
    session = current.session()
    session.ensure()
    numbers = results.find(session, path.cls, ex.Everything())
    column = results.column_of(session, numbers, path)
    found = column.values if column.nulls is None else column.values[~column.nulls]
    return [from_microseconds(int(time)).isoformat() for time in np.unique(found)[-_MOST_VALUES:]]
