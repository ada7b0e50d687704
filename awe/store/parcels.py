"""Parcels: new objects by value, so that they travel from one process to another."""

import weakref
from pathlib import Path

from awe.base.errors import AweLookupError
from awe.store import current, plain, registry
from awe.store.commit import closure
from awe.store.finding import rows_with_id
from awe.store.inverse import unsaved
from awe.store.kinds import LinkKind, ListKind, OwnedKind
from awe.store.numbers import pack as pack_number

__all__ = ["arrived", "pack", "unpack"]

# New objects that came in parcels, by object_id: the same object is the same in every parcel.
_arrived = weakref.WeakValueDictionary()


def arrived(object_id):
    """Give the object that came in a parcel to this process.

    Parameters
    ----------
    object_id : str
        Its object_id.

    Returns
    -------
    DBObject or None
        New, or stored since; None where none came or nothing refers to it any more.
    """
    return _arrived.get(object_id)


def pack(objects):
    """Write objects by value, with all new objects that they link to.

    Parameters
    ----------
    objects : list of DBObject
        New or stored ones; a stored one travels as its name.

    Returns
    -------
    bytes
        Plain values; files are named, not held.
    """
    # An object of before that came in a parcel itself travels on.
    new = [_packed(obj) for obj in closure(objects)]
    return plain.dumps((tuple(_name(obj) for obj in objects), tuple(new)))


def _name(obj):
    return (type(obj).__name__, obj.object_id)


def _packed(obj):
    values = {name: _value(a.kind, obj._new[name]) for name, a in obj._attributes.items()}
    held = tuple((_name(o), attribute.name) for o, attribute in obj._held)
    local = getattr(obj, "_local_path", None)
    return (*_name(obj), values, held, None if local is None else str(local), obj._interned)


def _value(kind, value):
    """Give a value as plain values; a link is the name of its object."""
    if value is None:
        return None
    if kind.child:
        return kind.pack(value)
    if isinstance(kind, LinkKind):
        return _name(value)
    if isinstance(kind, ListKind):
        return tuple(_value(kind.item, each) for each in value)
    if isinstance(kind, OwnedKind):
        fields = kind.record_class._attributes.values()
        return {f.name: _value(f.kind, getattr(value, f.name)) for f in fields}
    return kind.to_raw(value)


def unpack(data):
    """Make the objects of a parcel.

    Parameters
    ----------
    data : bytes
        What `pack` wrote.

    Returns
    -------
    list of DBObject
        The objects, with what they link to. One that came before, or was stored meanwhile, is
        the same.
    """
    names, records = plain.loads(data)
    found, fresh = {}, []
    for class_name, object_id, *rest in records:
        name = (class_name, object_id)
        known = _arrived.get(object_id) or _stored(name)
        if known is None:
            known = _empty(*name)
            fresh.append((known, rest))
        found[name] = known
    for obj, (values, held, local, interned) in fresh:
        _fill(obj, values, held, found)
        if local is not None:
            object.__setattr__(obj, "_local_path", Path(local))
        object.__setattr__(obj, "_interned", interned)
        _arrived[obj.object_id] = obj
    return [_follow(name, found) for name in names]


def _stored(name):
    """Give the stored object with a name, or None."""
    session = current.session()
    session.ensure()
    for _, extent in session.extents_of(registry.find_class(name[0])):
        for row in rows_with_id(session, extent, name[1]):
            return session.get(pack_number(extent.code, int(row)))
    return None


def _empty(class_name, object_id):
    cls = registry.find_class(class_name)
    obj = object.__new__(cls)
    object.__setattr__(obj, "_object_id", bytes.fromhex(object_id))
    object.__setattr__(obj, "_new", cls._take())
    return obj


def _fill(obj, values, held, found):
    attributes = obj._attributes
    for name, value in values.items():
        if name in attributes:
            obj._new[name] = _read(attributes[name].kind, value, found)
    links = tuple((found[name], found[name]._attributes[link]) for name, link in held
                  if name in found)  # fmt: skip
    if links:
        object.__setattr__(obj, "_held", links)
    if any(a.inverse is not None and obj._new[n] is not None for n, a in attributes.items()):
        unsaved.add(obj)


def _read(kind, value, found):
    if value is None:
        return None
    if kind.child:
        return kind.unpack(value)
    if isinstance(kind, LinkKind):
        return _follow(value, found)
    if isinstance(kind, ListKind):
        return tuple(_read(kind.item, each, found) for each in value)
    if isinstance(kind, OwnedKind):
        fields = kind.record_class._attributes
        return kind.record_class(
            **{n: _read(fields[n].kind, v, found) for n, v in value.items() if n in fields}
        )
    return kind.to_value(value, current.session())


def _follow(name, found):
    obj = found.get(tuple(name)) or _arrived.get(name[1]) or _stored(name)
    if obj is None:
        msg = f"The {name[0]} {name[1][-8:]} is not in the store any more."
        raise AweLookupError(msg)
    return obj
