"""Objects at hand: new ones that an iteration of a query finds although they are not stored."""

import contextlib
import fnmatch

from awe.base.errors import AweTypeError
from awe.store import expressions as ex
from awe.store.kinds import LinkKind, ListKind

__all__ = ["at_hand", "new_ones"]

_objects = []


@contextlib.contextmanager
def at_hand(objects):
    """Let iterations of queries find new objects, after the stored ones.

    A chain of recipes that stores nothing works on what its earlier steps have made. Numbers,
    tables and extremes of a query are of the store alone.

    Parameters
    ----------
    objects : iterable of DBObject
        Found inside the ``with`` block as long as they are new.

    Yields
    ------
    None
        Afterwards they are found no more.
    """
    before = list(_objects)
    _objects.extend(objects)
    try:
        yield
    finally:
        _objects[:] = before


def new_ones(of_class, condition):
    """Give the objects at hand that meet the condition of a query.

    Parameters
    ----------
    of_class : type
        The class of the query.
    condition : condition
        Its condition.

    Returns
    -------
    list of DBObject
        Empty where nothing is at hand, which costs nothing.
    """
    return [
        obj
        for obj in _objects
        if isinstance(obj, of_class) and not obj.is_committed and _meets(obj, condition)
    ]


def _meets(obj, condition):
    if isinstance(condition, ex.Everything):
        return True
    if isinstance(condition, ex.And):
        return all(_meets(obj, term) for term in condition.terms)
    if isinstance(condition, ex.Or):
        return any(_meets(obj, term) for term in condition.terms)
    if isinstance(condition, ex.Not):
        return not _meets(obj, condition.term)
    if isinstance(condition, ex.Scope):
        # What is new is the user's own and goes to the current project.
        return True
    if isinstance(condition, ex.Compare):
        return _compares(condition, *_value(obj, condition.path))
    if isinstance(condition, ex.Hooked):
        # What is not stored yet is not judged yet.
        return False
    if isinstance(condition, ex.Contains):
        kind, value = _value(obj, condition.path)
        return any(_raw(kind.item, each) == condition.value for each in value or ())
    msg = f"An object that is not stored cannot be asked: {condition}."
    raise AweTypeError(msg, remedy="Commit it first.")


def _value(obj, path):
    for attribute in path.attributes:
        if obj is None:
            return path.kind, None
        obj = getattr(obj, attribute.name)
    return path.kind, obj


def _raw(kind, value):
    """Give a value as conditions hold it; a link to a new object equals nothing stored."""
    if isinstance(kind, LinkKind):
        return getattr(value, "_packed", 0) or None
    return kind.to_raw(value)


def _compares(condition, kind, value):
    op, wanted = condition.op, condition.value
    if op == "has" or kind.child:
        return value is not None
    if isinstance(kind, ListKind):
        return False
    raw = None if value is None else _raw(kind, value)
    # NaN is no value.
    if raw is None or raw != raw:
        return False
    tests = {
        "==": lambda: raw == wanted,
        "<": lambda: raw < wanted,
        "<=": lambda: raw <= wanted,
        ">": lambda: raw > wanted,
        ">=": lambda: raw >= wanted,
        "between": lambda: wanted[0] <= raw <= wanted[1],
        "in": lambda: raw in wanted,
        "like": lambda: fnmatch.fnmatchcase(raw, wanted.replace("[", "[[]")),
    }
    return tests[op]()
