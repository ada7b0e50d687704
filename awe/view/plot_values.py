"""What plots draw: attributes of all objects of a query as numbers, times or categories."""

import numpy as np

from awe.base.errors import AweAttributeError, AweTypeError, AweValueError
from awe.store import aggregates, current, registry, results
from awe.store import expressions as ex
from awe.store.attributes import InverseAttribute, path_of
from awe.store.columns import NumberColumn, TextColumn
from awe.store.keyed import Keyed, array_under, values_under
from awe.store.kinds import BoolKind, DatetimeKind, LinkKind
from awe.store.session import ROW_BITS

__all__ = ["Values", "read", "rows_of", "time_of"]

_TIMES = ("DATE_OBS", "observation_time", "night", "creation_date", "timestamp_start")


class Values:
    """One attribute of all objects of a query.

    Parameters
    ----------
    name, unit : str
        The attribute and its unit.
    kind : str
        'number', 'time' (days since 1970, UTC) or 'category' (places among the words).
    values : numpy.ndarray of float
        NaN where there is no value.
    words : list of str, optional
        The categories. By default none.

    Attributes
    ----------
    label : str
        What stands at the axis.
    """

    def __init__(self, name, unit, kind, values, words=()):
        self.name = name
        self.unit = unit
        self.kind = kind
        self.values = values
        self.words = list(words)
        unit = "UTC" if kind == "time" else unit
        self.label = f"{name} [{unit}]" if unit else name

    def is_missing(self):
        """Tell where there is no value that can be drawn."""
        return ~np.isfinite(self.values)


def rows_of(query):
    """Give the numbers of the objects of a query.

    Parameters
    ----------
    query : Query
        The query.

    Returns
    -------
    numpy.ndarray of int64
        In its order.

    Raises
    ------
    AweValueError
        It finds nothing.
    """
    rows = query._rows()
    if len(rows) == 0:
        msg = f"There is nothing to draw: {query!r}."
        raise AweValueError(msg, remedy="query.explain() tells which condition leaves none.")
    return rows


def time_of(cls):
    """Give the attribute that tells when an object of a class was observed or made, or None."""
    known = {**cls._attributes}
    return next((n for n in _TIMES if n in known and isinstance(known[n].kind, DatetimeKind)), None)


def read(query, name):
    """Read an attribute of all objects of a query from the columns.

    Parameters
    ----------
    query : Query
        The query.
    name : str or Term
        Such as 'DATE_OBS', 'chip.name', "header['EXPTIME']", or, for an attribute of another
        class, 'ProcessedExposure.seeing': of the object that is linked to, or of the newest valid
        one that links here.

    Returns
    -------
    Values
        One for each object.

    Raises
    ------
    AweAttributeError
        There is no such attribute; the nearest names are given.
    AweTypeError
        It cannot be drawn.
    AweValueError
        No object has a value.
    """
    session, rows = current.session(), rows_of(query)
    numbers, path = _way(session, query._cls, rows, name)
    made = _values(session, numbers, path, name if isinstance(name, str) else path.column)
    if made.is_missing().all():
        count = "The only" if len(rows) == 1 else f"None of the {len(rows):,}"
        has = "has no value" if len(rows) == 1 else "has a value"
        msg = f"{count} {query._cls.__name__} {has} of {made.name}."
        raise AweValueError(msg, remedy=f"Those that have one: {path} != None")
    return made


# --- the way to the attribute ---


def _way(session, cls, rows, name):
    """Give of which objects to read, -1 for none, and the path there."""
    first = name.partition(".")[0] if isinstance(name, str) else ""
    other = registry.known_class(first)
    if other is None or "." not in name or first in cls._attributes:
        return rows, results.named_path(cls, name)
    rest = name.partition(".")[2]
    if issubclass(cls, other):
        return rows, results.named_path(cls, rest)
    if issubclass(other, cls):
        codes = [extent.code for _, extent in session.extents_of(other)]
        return np.where(np.isin(rows >> ROW_BITS, codes), rows, -1), results.named_path(other, rest)
    there = _links(cls, other)
    back = _links(other, cls)
    if len(there) == 1:
        return rows, results.named_path(cls, f"{there[0]}.{rest}")
    if not there and len(back) == 1:
        return _newest(session, other, back[0], rows), results.named_path(other, rest)
    raise _no_way(cls, other, rest, there, back)


def _links(cls, other):
    """Give the links of a class to objects of another."""
    found = {n: a.kind.target for n, a in cls._attributes.items() if isinstance(a.kind, LinkKind)}
    return [n for n, t in found.items() if issubclass(t, other) or issubclass(other, t)]


def _no_way(cls, other, rest, there, back):
    if there or back:
        ways = [f"{n}.{rest}" for n in there] or [f"{other.__name__}.{n}" for n in back]
        msg = f"There is more than one way from {cls.__name__} to {other.__name__}: "
        return AweAttributeError(msg + ", ".join(ways) + ".",
                                 remedy=f"Name one: '{ways[0]}'" if there else None)  # fmt: skip
    msg = f"No attribute of {cls.__name__} links to {other.__name__}, and none of it back."
    return AweAttributeError(msg, remedy=f"Ask that class: {other.__name__}.select_all()")


def _newest(session, other, link, rows):
    """Give for each object the newest valid one of another class that links to it, or -1."""
    found = results.find(session, other, ex.Everything())
    if "is_valid" in other._attributes and len(found):
        valid = results.column_of(session, found, path_of(other, "is_valid"))
        found = found[(valid.values > 0) & valid.not_missing()]
    if "creation_date" in other._attributes and len(found):
        order = ((path_of(other, "creation_date"), False),)
        found = aggregates.sort(session, other, found, order)
    if len(found) == 0:
        return np.full(len(rows), -1)
    links = results.column_of(session, found, path_of(other, link))
    target = np.where(links.not_missing(), links.values, -1)
    # The last one of each counts.
    targets, first = np.unique(target[::-1], return_index=True)
    newest = found[::-1][first]
    at = np.minimum(np.searchsorted(targets, rows), len(targets) - 1)
    return np.where(targets[at] == rows, newest[at], -1)


# --- the values ---


def _values(session, numbers, path, name):
    """Read what stands at the end of a path."""
    there = numbers >= 0
    asked = numbers[there]
    unit = "" if isinstance(path, Keyed) else path.attribute.unit or ""
    if isinstance(path, Keyed):
        kind, found, words = _of_array(*array_under(values_under(session, asked, path)))
    else:
        if isinstance(path.attribute, InverseAttribute):
            msg = f"{path} is computed from the other side and cannot be drawn."
            raise AweTypeError(msg)
        if isinstance(path.kind, LinkKind) and "name" in path.kind.target._attributes:
            path = path.step("name")
        kind, found, words = _of_column(session, results.column_of(session, asked, path), path)
    values = np.full(len(numbers), np.nan)
    values[there] = found
    return Values(name, unit, kind, values, words)


def _of_array(array, mask):
    """Give kind, values and words of what stands under a key."""
    missing = np.zeros(len(array), bool) if mask is None else np.asarray(mask)
    if array.dtype.kind == "M":
        return "time", _days(array.astype("datetime64[us]").astype(np.int64), missing), ()
    if array.dtype.kind in "iuf":
        return "number", np.where(missing, np.nan, array.astype(float)), ()
    words, codes = np.unique(array.astype(str), return_inverse=True)
    return "category", np.where(missing, np.nan, codes.astype(float)), words


def _of_column(session, column, path):
    """Give kind, values and words of a column."""
    missing = ~column.not_missing()
    if isinstance(column, TextColumn):
        used, codes = np.unique(column.codes[~missing], return_inverse=True)
        values = np.full(len(column), np.nan)
        values[~missing] = codes
        return "category", values, [column.words[code] for code in used]
    if not isinstance(column, NumberColumn) or column.spec == "present":
        msg = f"{path} is a {path.attribute.type_text()} and cannot be drawn."
        raise AweTypeError(msg, remedy="Name a number, a time or a text, such as 'imstat.median'.")
    if isinstance(path.kind, DatetimeKind):
        return "time", _days(column.values, missing), ()
    if isinstance(path.kind, (BoolKind, LinkKind)):
        used, codes = np.unique(column.values[~missing], return_inverse=True)
        values = np.full(len(column), np.nan)
        values[~missing] = codes
        is_link = isinstance(path.kind, LinkKind)
        words = [repr(session.follow(int(n))) if is_link else str(bool(n)) for n in used]
        return "category", values, words
    return "number", np.where(missing, np.nan, column.values.astype(float)), ()


def _days(microseconds, missing):
    from matplotlib.dates import date2num

    days = date2num(microseconds.astype("datetime64[us]"))
    return np.where(missing, np.nan, days)
