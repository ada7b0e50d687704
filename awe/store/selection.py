"""Selection by plain names: select, get and get_or_create."""

import numpy as np

from awe.base.errors import AweAttributeError, AweLookupError, AweTypeError, did_you_mean
from awe.store import current, results
from awe.store import expressions as ex
from awe.store.attributes import Path, path_of
from awe.store.kinds import LinkKind, ListKind, StrKind
from awe.store.othernames import here_it_is
from awe.store.query import Query
from awe.store.terms import Term

__all__ = ["get", "get_or_create", "select", "stored_like"]


def select(cls, criteria):
    """Query a class by plain names.

    Parameters
    ----------
    cls : type
        The class.
    criteria : dict
        Attribute and value; for a link an object, or the name of what it points to.

    Returns
    -------
    Query
        The objects that meet all of them.
    """
    query = Query(cls, ex.Everything())
    for name, value in criteria.items():
        query = query & _condition(cls, name, value)
    return query


def _condition(cls, name, value):
    known = {**cls._attributes, **cls._inverses}
    if name not in known:
        ending = here_it_is(cls, name, known)
        msg = f"{cls.__name__} has no attribute {name!r} to select by{ending}"
        raise AweAttributeError(msg)
    term = Term(Path(cls, (known[name],)))
    if isinstance(known[name].kind, LinkKind) and isinstance(value, str):
        term = getattr(term, naming_attribute(known[name].kind.target))
    if isinstance(value, str) and isinstance(term._path.kind, StrKind) and set(value) & set("*?"):
        return term.like(value)
    if isinstance(known[name].kind, ListKind):
        return term.contains(value)
    if isinstance(value, (list, tuple)):
        return term.in_(value)
    return term == value


def naming_attribute(cls):
    """Give the attribute by which a text tells one object of a class from others.

    Parameters
    ----------
    cls : type
        The class at the end of a link.

    Returns
    -------
    str
        Its only unique text, such as 'target_name'; else 'name'.
    """
    unique = [n for n, a in cls._attributes.items() if a.unique and isinstance(a.kind, StrKind)]
    return unique[0] if len(unique) == 1 and "name" not in cls._attributes else "name"


def get(cls, criteria):
    """Give the one object with some values, or raise.

    Parameters
    ----------
    cls : type
        The class.
    criteria : dict
        As for `select`.

    Returns
    -------
    DBObject
        The object.
    """
    query = select(cls, criteria)
    found = query[:4]
    if len(found) == 1:
        return found[0]
    wanted = ", ".join(f"{n}={v!r}" for n, v in criteria.items())
    if found:
        names = ", ".join(repr(o) for o in found[:3])
        msg = f"{len(query)} objects of {cls.__name__} have {wanted}: {names} ..."
        raise AweLookupError(msg, remedy="Give more, or take all with select(...).")
    msg = f"No {cls.__name__} that you may see has {wanted}.{_nearest(cls, criteria)}"
    raise AweLookupError(msg)


def _nearest(cls, criteria):
    """Name the values that exist and are most like the texts asked for."""
    for name, value in criteria.items():
        if not isinstance(value, str):
            continue
        path = path_of(cls, name)
        if isinstance(path.kind, LinkKind):
            path = path.step(naming_attribute(path.kind.target))
        if isinstance(path.kind, StrKind):
            hint = did_you_mean(value, values_of(path))
            if hint:
                return hint
    return ""


def values_of(path, most=1000):
    """Give the different texts that an attribute has in what the context may see.

    Parameters
    ----------
    path : Path
        A text attribute.
    most : int, optional
        Where there are more different ones, only as many. The default is 1000.

    Returns
    -------
    list of str
        Sorted.
    """
    session = current.session()
    session.ensure()
    link, rest = path.split()
    if rest is not None:
        return values_of(rest, most)
    numbers = results.find(session, link.cls, ex.Everything())
    column = results.column_of(session, numbers, link)
    used = set(column.codes.tolist()) - {-1}
    return sorted(column.words[code] for code in sorted(used)[:most])


def get_or_create(cls, values):
    """Give the object with some unique values, or a new one.

    Parameters
    ----------
    cls : type
        A class with something unique.
    values : dict
        Attributes.

    Returns
    -------
    DBObject
        The stored object, or a new one that is shared until it is committed.
    """
    obj = cls(**values)
    session = current.session()
    session.ensure()
    complete = _complete(obj)
    if not complete:
        msg = f"{cls.__name__}.get_or_create needs all that makes an object unique: {_need(cls)}."
        raise AweTypeError(msg)
    where = "" if cls.vocabulary else current.context().version
    key = (cls.__name__, where, *_unique_values(obj, complete))
    waiting = session.interned.get(key)
    if waiting is not None and not waiting.is_committed:
        return waiting
    stored = stored_like(obj)
    if stored is not None:
        return stored
    object.__setattr__(obj, "_interned", True)
    session.interned[key] = obj
    return obj


def stored_like(obj):
    """Give the stored object that has one of the unique values of a new one.

    Parameters
    ----------
    obj : DBObject
        A new object.

    Returns
    -------
    DBObject or None
        Of where the new one would go; None where there is none.
    """
    cls = type(obj)
    for names in _complete(obj):
        if any(_is_new(obj._new[n]) for n in names):
            continue
        query = Query(cls, ex.Everything())
        for name in names:
            query = query & (Term(Path(cls, (cls._attributes[name],))) == obj._new[name])
        if not cls.vocabulary:
            query = _own_scope(query)
        found = query[:1]
        if found:
            return found[0]
    return None


def _complete(obj):
    """Give the sets of attributes that make an object unique of which no value is missing."""
    return [n for _, n in type(obj)._unique if all(obj._new[name] is not None for name in n)]


def _need(cls):
    if not cls._unique:
        return "it declares nothing unique"
    return ", or ".join(" and ".join(names) for _, names in cls._unique)


def _is_new(value):
    return getattr(value, "_packed", 1) == 0


def _own_scope(query):
    """Narrow to where uniqueness holds: the project, at level 1 the creator within it."""
    context = current.context()
    query.project_only()
    if context.privileges == 1:
        level_one = query & ~_above_one(query._cls)
        return level_one.user_only()
    return query


def _above_one(cls):
    return Query(cls, LevelAbove(1))


class LevelAbove:
    """The condition that an object lies above a level."""

    def __init__(self, level):
        self.level = level

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        triples = session.root.domains.triples
        return ex.DomainTerm(np.array([t[2] > self.level for t in triples]))

    def __str__(self):
        return f"level > {self.level}"


def _unique_values(obj, complete):
    """Give what makes an object unique, as something that can be a key."""
    for names in complete:
        values = []
        for name in names:
            value = obj._new[name]
            values.append(id(value) if hasattr(value, "_packed") else value)
        yield (names, tuple(values))


__all__ += ["values_of"]
