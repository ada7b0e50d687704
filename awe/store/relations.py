"""Who links to an object: inverse relations, dependants, and the closure of links."""

import numpy as np

from awe.store import expressions as ex
from awe.store.attributes import Path
from awe.store.blocks import fields_of
from awe.store.kinds import ListKind
from awe.store.records import VOCABULARY
from awe.store.session import ROW_BITS, pack

__all__ = [
    "closure_below",
    "dependents_of",
    "inputs_of",
    "objects_linking_to",
    "owners_of",
    "rows_linking_to",
]


def objects_linking_to(obj, cls, attribute):
    """Give the stored objects of a class that link to an object by one attribute.

    Parameters
    ----------
    obj : DBObject
        A stored object.
    cls : type
        The class on the other side.
    attribute : Attribute
        Its link or list of links.

    Returns
    -------
    list of DBObject
        Those the user may see, in the order of commit.
    """
    session = obj._session
    session.ensure()
    if isinstance(attribute.kind, ListKind):
        condition = ex.ListLeaf(attribute.name, obj._packed)
    else:
        condition = ex.Leaf(attribute.name, "==", obj._packed)
    found = []
    for _, extent in session.extents_of(cls):
        found += _matching_rows(session, extent, condition)
    return [session.get(p) for _, p, domain in sorted(found) if session.may_see(domain)]


def owners_of(session, attribute, numbers):
    """Give the objects whose computed attribute shows one of some others.

    Parameters
    ----------
    session : Session
        The session.
    attribute : InverseAttribute
        The computed side of a relation.
    numbers : numpy.ndarray of int64
        The others' numbers, sorted.

    Returns
    -------
    numpy.ndarray of int64
        The objects' numbers, sorted.
    """
    from awe.store.results import column_of, find

    link = Path(attribute.target, (attribute.other,))
    if attribute.many:
        column = column_of(session, numbers[numbers > 0], link)
        column = column.items if isinstance(attribute.other.kind, ListKind) else column
        return np.unique(column.values[column.not_missing()])
    # Of several that link to one object, the computed side shows the last one committed.
    linking = find(session, attribute.target, ex.Everything(), ex.followable(session))
    column = column_of(session, linking, link)
    has = column.not_missing()
    owners, last = np.unique(column.values[has][::-1], return_index=True)
    return owners[np.isin(linking[has][::-1][last], numbers)]


def _matching_rows(session, extent, condition):
    """Give (serial, number, domain) of the rows that meet a bound condition, deleted ones not."""
    out = []
    for block, answer in ex.matching(session, extent, condition):
        rows = np.arange(block.count) if answer is True else np.flatnonzero(answer)
        domains = block.column("$domain").values[rows].tolist()
        serials = block.column("$serial").values[rows].tolist()
        for row, domain, serial in zip(rows.tolist(), domains, serials, strict=True):
            if domain:
                out.append((serial, pack(extent.code, block.start + row), domain))
    return out


def _link_columns(fields, names, prefix=""):
    """Give (column, whether it is a list) of fields that may link to classes of some names."""
    for name, spec in fields:
        kind = spec[0] if isinstance(spec, tuple) else spec
        if kind == "link" and spec[1] in names:
            yield prefix + name, False
        elif kind == "list" and isinstance(spec[1], tuple):
            if spec[1][0] == "link" and spec[1][1] in names:
                yield prefix + name, True
            elif spec[1][0] == "owned":
                for column, _ in _link_columns(spec[1][2], names, f"{prefix}{name}."):
                    yield column, True
        elif kind == "owned":
            yield from _link_columns(spec[2], names, f"{prefix}{name}.")


def rows_linking_to(session, numbers):
    """Find the rows that link to any of some objects, also those of classes not known here.

    Parameters
    ----------
    session : Session
        The session.
    numbers : numpy.ndarray of int64
        The objects' numbers, sorted.

    Returns
    -------
    list of (int, int, int)
        Serial, number and domain, in the order of commit.
    """
    names = set()
    for code in np.unique(numbers >> ROW_BITS).tolist():
        schema, cls = session.schema_of_code(code), session.class_of_code(code)
        names |= {schema.name, *schema.bases, *(c.__name__ for c in getattr(cls, "__mro__", ()))}
    found = set()
    for other in session.root.schemas.values():
        extent = session.root.extents[other.code]
        for column, is_list in _link_columns(fields_of(session, other), names):
            leaf = ex.ListLeaf(column, numbers) if is_list else ex.Leaf(column, "in", numbers)
            found.update(_matching_rows(session, extent, leaf))
    return sorted(found)


def dependents_of(obj):
    """Give all objects that link to an object, also those of classes not known here.

    Parameters
    ----------
    obj : DBObject
        A stored object.

    Returns
    -------
    seen : list of DBObject
        Those the user may see, in the order of commit.
    hidden : int
        How many others there are.
    """
    session = obj._session
    if session is None:
        return [], 0
    session.ensure()
    rows = rows_linking_to(session, np.array([obj._packed]))
    seen = [session.get(p) for _, p, domain in rows if session.may_see(domain)]
    return seen, len(rows) - len(seen)


def inputs_of(obj):
    """Give all that an object links to, vocabulary left out.

    Parameters
    ----------
    obj : DBObject
        The object.

    Returns
    -------
    list of (str, DBObject or Restricted)
        Each with the attribute that links to it.
    """
    found = []
    for name, attribute in obj._link_attributes():
        value = obj.stored_value(name) if obj.is_committed else getattr(obj, name)
        for linked in attribute.kind.links(value):
            if not getattr(linked, "vocabulary", False):
                found.append((name, linked))
    return found


def closure_below(obj, level):
    """Give an object and all that it links to, directly or not, that lie below a level.

    Parameters
    ----------
    obj : DBObject
        A stored object.
    level : int
        The level.

    Returns
    -------
    list of DBObject or Restricted
        Inputs first.
    """
    session = obj._session
    ordered, seen = [], set()
    stack = [(obj, False)]
    while stack:
        each, done = stack.pop()
        if done:
            row = session.row(each._packed)
            if row.domain != VOCABULARY and session.root.domains.triples[row.domain][2] < level:
                ordered.append(each)
        elif each._packed not in seen:
            seen.add(each._packed)
            stack.append((each, True))
            if not hasattr(each, "is_placeholder_for"):
                stack += [(linked, False) for _, linked in reversed(inputs_of(each))]
    return ordered
