"""Answers of queries: rows, counts, columns of attributes and tables, all from columns."""

import itertools
import warnings

import numpy as np

from awe.base import hooks
from awe.base.errors import AweTypeError, AweWarning
from awe.store import expressions as ex
from awe.store.attributes import InverseAttribute, attributes_behind, path_of
from awe.store.blocks import blocks_of
from awe.store.columns import NumberColumn, TextColumn, column_from_values, concatenate
from awe.store.keyed import Keyed, array_under, keyed_path, values_under
from awe.store.kind import with_article
from awe.store.kinds import (
    BoolKind,
    DatetimeKind,
    FloatKind,
    IntKind,
    LinkKind,
    ListKind,
    OwnedKind,
    StrKind,
)
from awe.store.session import ROW_BITS

__all__ = [
    "check_column",
    "check_scalar",
    "column_of",
    "count",
    "find",
    "may_follow",
    "named_path",
    "objects",
    "plain_values",
    "table",
    "warn_of_unknown",
]

_warned = set()
_ROW_MASK = (1 << ROW_BITS) - 1


def find(session, cls, condition, scope=None):
    """Find the objects that meet a condition.

    Parameters
    ----------
    session : Session
        The session.
    cls : type
        The class; its subclasses count.
    condition : condition
        What they must meet.
    scope : DomainTerm, optional
        What may be found at all. The default is what the context shows.

    Returns
    -------
    numpy.ndarray of int64
        Their numbers, in the order of commit.
    """
    bound = ex.And([scope or ex.visible(session), condition.bind(session)])
    parts, serials = [], []
    extents = session.extents_of(cls)
    for _, extent in extents:
        base = extent.code << ROW_BITS
        for block, rows in ex.rows_matching(session, extent, bound):
            parts.append(rows + (base + block.start))
            if len(extents) > 1:
                serials.append(block.column("$serial").values[rows])
    if not parts:
        return np.empty(0, np.int64)
    found = np.concatenate(parts)
    if len(extents) > 1:
        found = found[np.argsort(np.concatenate(serials), kind="stable")]
    return found


def count(session, cls, condition):
    """Count the objects that meet a condition.

    Parameters
    ----------
    session : Session
        The session.
    cls : type
        The class; its subclasses count.
    condition : condition
        What they must meet.

    Returns
    -------
    int
        Their number.
    """
    key = ex.key_of(condition)
    if key is None:
        return _count(session, cls, condition)
    # Loops ask the same again and again; until the snapshot moves the answer stays.
    question = ("count", cls, key, session.visibility)
    return session.remembered(question, lambda: _count(session, cls, condition))


def _count(session, cls, condition):
    bound = ex.And([ex.visible(session), condition.bind(session)])
    extents = (extent for _, extent in session.extents_of(cls))
    blocks = (b for extent in extents for b in bound.among(blocks_of(session, extent)))
    return sum(map(bound.number, blocks))


def objects(session, numbers):
    """Give the objects of some numbers one by one.

    Parameters
    ----------
    session : Session
        The session.
    numbers : numpy.ndarray of int64
        Their numbers.

    Yields
    ------
    DBObject
        In the given order. One that was deleted meanwhile still comes; its attributes say so.
    """
    for number in numbers.tolist():
        yield session.get(number)


def warn_of_unknown(session, cls):
    """Warn once of stored subclasses that this process does not know.

    Parameters
    ----------
    session : Session
        The session.
    cls : type
        The class that was asked for.
    """
    for name, number in session.unknown_subclasses(cls).items():
        key = (session.where, name, number)
        if key not in _warned:
            _warned.add(key)
            warnings.warn(
                f"{number} objects of the class {name}, a kind of {cls.__name__}, are left out: "
                f"the class is not known here. Put its file into AWE_HOME/recipes.",
                AweWarning,
                stacklevel=4,
            )


def check_column(path, what):
    """Raise where something has no column.

    Parameters
    ----------
    path : Path or Keyed
        What was named.
    what : str
        What was wanted, for the error.
    """
    if isinstance(path, Keyed):
        msg = f"{what}: {path} is a key of which no column is kept."
        raise AweTypeError(msg, remedy=f"Read it into a table: query.table({path.column!r})")


def check_scalar(path, what):
    """Raise where an attribute cannot be sorted or summed.

    Parameters
    ----------
    path : Path
        The attribute.
    what : str
        What was wanted, for the error.
    """
    check_column(path, what)
    scalar = (BoolKind, DatetimeKind, FloatKind, IntKind, StrKind)
    if not isinstance(path.kind, scalar) or isinstance(path.attribute, InverseAttribute):
        is_of = with_article(path.attribute.type_text())
        msg = f"{what} takes a number, text or time; {path} is {is_of}."
        raise AweTypeError(msg)


def named_path(cls, name):
    """Find the attribute that a user named, by a text or as Class.attribute.

    Parameters
    ----------
    cls : type
        The class that was asked for.
    name : str or Term
        Such as 'filter.name', 'Frame.filter.name' or ``Frame.filter.name``.

    Returns
    -------
    Path or Keyed
        From the class on; `Keyed` for a key of a dict of which no column is kept.
    """
    keyed = keyed_path(cls, name)
    if keyed is not None:
        return keyed
    path = getattr(name, "_path", None)
    if path is None and isinstance(name, str):
        return path_of(cls, name.removeprefix(f"{cls.__name__}."))
    if path is None or not issubclass(cls, path.cls):
        msg = f"{name!r} is no attribute of {cls.__name__}, nor its name, such as 'DATE_OBS'."
        raise AweTypeError(msg)
    return path


# --- values of rows ---


def column_of(session, numbers, path):
    """Give one attribute of some objects as a column.

    Parameters
    ----------
    session : Session
        The session.
    numbers : numpy.ndarray of int64
        The objects, all of the path's class.
    path : Path
        The attribute, perhaps behind links.

    Returns
    -------
    NumberColumn, TextColumn or ListColumn
        One row per object; missing where a link on the way is None or may not be followed.
    """
    link, rest = path.split()
    if rest is None:
        return _leaf_column(session, numbers, path)
    links = _leaf_column(session, numbers, link)
    wanted = links.values if links.nulls is None else links.values[~links.nulls]
    unique = _unique(wanted)
    unique = unique[may_follow(session, unique)]
    if len(unique) == 0:
        return column_from_values(_spec(rest.kind), [_nothing(rest)] * len(numbers))
    behind = column_of(session, unique, rest)
    at, lost = _places(unique, links.values)
    if links.nulls is not None:
        lost |= links.nulls
    return _take_or_null(behind, at, lost)


def _unique(values):
    """Give the different values, sorted; of many close together without sorting them."""
    if len(values) == 0:
        return values
    low, span = values.min(), values.max() - values.min()
    if span > len(values):
        return np.unique(values)
    seen = np.zeros(span + 1, bool)
    seen[values - low] = True
    return np.flatnonzero(seen) + low


def _places(unique, values):
    """Give where values stand among sorted ones, and the mask of those that do not."""
    low, span = unique[0], unique[-1] - unique[0]
    if span > len(values):
        at = np.searchsorted(unique, values)
        at[at == len(unique)] = 0
        return at, unique[at] != values
    places = np.full(span + 1, -1, np.int32)
    places[unique - low] = np.arange(len(unique))
    outside = (values < low) | (values > unique[-1])
    at = places[np.where(outside, low, values) - low] if outside.any() else places[values - low]
    lost = outside | (at < 0)
    return np.where(lost, 0, at), lost


def _spec(kind):
    """Give the kind of column in which values of a kind stand."""
    if isinstance(kind, ListKind):
        return ("list", _spec(kind.item))
    return "present" if isinstance(kind, OwnedKind) or kind.child else kind.spec


def _nothing(path):
    return () if isinstance(path.kind, ListKind) else None


def _take_or_null(column, at, lost):
    taken = column.take(at)
    if not lost.any():
        return taken
    if isinstance(taken, TextColumn):
        codes = np.array(taken.codes)
        codes[lost] = -1
        return TextColumn(taken.words, codes)
    if isinstance(taken, NumberColumn):
        nulls = lost if taken.nulls is None else taken.nulls | lost
        return NumberColumn(taken.spec, taken.values, nulls)
    values = [() if gone else v for v, gone in zip(taken.to_list(), lost.tolist(), strict=True)]
    return column_from_values(("list", taken.items.spec), values)


def may_follow(session, numbers):
    """Tell of some objects which the user may see.

    Parameters
    ----------
    session : Session
        The session.
    numbers : numpy.ndarray of int64
        Their numbers, sorted.

    Returns
    -------
    numpy.ndarray of bool
        One for each.
    """
    seen = np.zeros(len(numbers), bool)
    may = ex.followable(session).allowed
    for _code, places, blocks in _by_block(session, numbers):
        for block, inside, rows in blocks:
            seen[places[inside]] = may[block.column("$domain").values[rows]]
    return seen


def _by_block(session, numbers):
    """Group object numbers by class and by block.

    Yields (class number, places in ``numbers``, [(block, which of the places, rows in it)]).
    """
    codes = numbers >> ROW_BITS
    different = _unique(codes).tolist()
    alone = len(different) == 1
    for code in different:
        extent = session.root.extents[code]
        places = np.arange(len(codes)) if alone else np.flatnonzero(codes == code)
        rows = numbers[places] & _ROW_MASK
        blocks = blocks_of(session, extent)
        groups = []
        for block, inside in zip(blocks, _inside(blocks, rows), strict=True):
            if len(inside):
                groups.append((block, inside, rows[inside] - block.start))
        yield code, places, groups


def _inside(blocks, rows):
    """Give for each block which of some rows stand in it."""
    if (rows[1:] >= rows[:-1]).all():
        edges = np.searchsorted(
            rows, [*(b.start for b in blocks), blocks[-1].start + blocks[-1].count]
        )
        return [np.arange(low, high) for low, high in itertools.pairwise(edges)]
    return [np.flatnonzero((rows >= b.start) & (rows < b.start + b.count)) for b in blocks]


def _is_run(rows):
    """Tell whether numbers rise by one each."""
    return rows[-1] - rows[0] == len(rows) - 1 and bool((rows[1:] > rows[:-1]).all())


def _leaf_column(session, numbers, path):
    if isinstance(path.attribute, InverseAttribute):
        msg = f"{path} is computed from the other side and has no column."
        raise AweTypeError(msg)
    if len(numbers) == 0:
        return column_from_values(_spec(path.kind), [])
    parts, places = [], []
    for _code, all_places, groups in _by_block(session, numbers):
        for block, inside, rows in groups:
            column = block.column(path.column)
            whole = len(rows) == block.count and _is_run(rows)
            parts.append(column if whole else column.take(rows))
            places.append(all_places[inside])
    joined = concatenate(parts)
    order = np.concatenate(places)
    if _is_run(order):
        return joined
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return joined.take(back)


def table(session, cls, numbers, names):
    """Make a table of attributes.

    Parameters
    ----------
    session : Session
        The session.
    cls : type
        The class asked for.
    numbers : numpy.ndarray of int64
        The objects.
    names : sequence of str
        The attributes.

    Returns
    -------
    astropy.table.Table
        One row per object.
    """
    from astropy.table import Column, MaskedColumn, Table

    out = Table()
    for name in names:
        path = named_path(cls, name)
        if isinstance(path, Keyed):
            values, mask = array_under(values_under(session, numbers, path))
            out[path.column] = MaskedColumn(values, mask=mask)
            continue
        if isinstance(path.kind, OwnedKind) or path.kind.child:
            msg = (
                f"{path} is {with_article(path.attribute.type_text())}, which has no column of "
                "its own."
            )
            raise AweTypeError(msg, remedy=_fields_hint(path))
        values, mask = _table_values(session, column_of(session, numbers, path), path)
        kind = Column if mask is None else MaskedColumn
        extra = {} if mask is None else {"mask": mask}
        attribute = path.attribute
        out[path.column] = kind(
            values, unit=attribute.unit, description=attribute.doc, copy=False, **extra
        )
    # One that prints as large as the screen.
    return hooks.call("table", out) if hooks.is_known("table") else out


def plain_values(session, numbers, paths):
    """Give attributes of objects as the user would read them, without loading the objects.

    Parameters
    ----------
    session : Session
        The session.
    numbers : numpy.ndarray of int64
        The objects.
    paths : list of Path
        The attributes: numbers, texts and times, perhaps behind links.

    Returns
    -------
    list of tuple
        One for each object, None where a value is missing.
    """
    columns = []
    for path in paths:
        if isinstance(path, Keyed):
            columns.append(values_under(session, numbers, path))
            continue
        check_scalar(path, "values")
        raws = column_of(session, numbers, path).to_list()
        if isinstance(path.kind, DatetimeKind):
            raws = [path.kind.to_value(raw, session) for raw in raws]
        columns.append(raws)
    return list(zip(*columns, strict=True))


def _fields_hint(path):
    fields = attributes_behind(path.kind)
    if fields:
        return f"Name its fields: {', '.join(f'{path.column}.{n}' for n in fields)}"
    return f"Read it from the objects: [x.{path.column} for x in query]"


def _table_values(session, column, path):
    """Give the values of a table's column, and its mask or None."""
    mask = column.missing()
    if isinstance(column, TextColumn):
        words = [*column.words, ""]
        # NumPy's fixed-width texts lose NULs at their end.
        dtype = object if any(w.endswith("\0") for w in words) else str
        return np.array(words, dtype)[column.codes], mask
    if not isinstance(column, NumberColumn):
        values = np.empty(len(column), object)
        for at, raw in enumerate(column.to_list()):
            values[at] = _list_values(session, path.kind, raw)
        return values, None
    if isinstance(path.kind, DatetimeKind):
        return column.values.astype("datetime64[us]"), mask
    if isinstance(path.kind, LinkKind):
        values = np.empty(len(column), object)
        values[:] = [None if p is None else session.follow(p) for p in column.to_list()]
        return values, mask
    return np.array(column.values), mask


def _list_values(session, kind, raw):
    """Give the user's form of a raw list; of a list of records, whether each has the field."""
    return raw if isinstance(kind.item, OwnedKind) else kind.to_value(raw, session)
