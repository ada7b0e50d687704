"""Inverse relations: the computed side of a link, kept in step with the stored one."""

import weakref

from awe.base.errors import AwePermissionError
from awe.store.kinds import ListKind

__all__ = ["inverse_value", "new_on_other_side", "set_inverse", "take_over", "unsaved"]

# New objects that have a link with a computed other side: that side must show them.
unsaved = weakref.WeakSet()


def inverse_value(obj, attribute):
    """Give what a computed attribute shows: the objects that link to this one.

    Parameters
    ----------
    obj : DBObject
        New or stored.
    attribute : InverseAttribute
        Its attribute.

    Returns
    -------
    tuple of DBObject, or DBObject or None
        Stored ones in the order of commit, staged edits applied, then new ones.
    """
    values = _linking(obj, attribute)
    if attribute.many:
        return values
    return values[-1] if values else None


def _linking(obj, attribute):
    other = attribute.other
    found = {}
    if obj._packed:
        from awe.store.relations import objects_linking_to

        found = {o._packed: o for o in objects_linking_to(obj, attribute.target, other)}
        for packed, edited in obj._session.staged.items():
            if isinstance(edited, attribute.target) and other.name in (edited._staged or {}):
                found.pop(packed, None)
                if _links(other, edited._staged[other.name][0], obj):
                    found[packed] = edited
    new = [
        o
        for o in unsaved
        if isinstance(o, attribute.target)
        and o._new is not None
        and _links(other, o._new[other.name], obj)
    ]
    return (*found.values(), *sorted(new, key=lambda o: o._object_id))


def _links(attribute, value, obj):
    return any(v is obj for v in attribute.kind.links(value))


def set_inverse(obj, attribute, value):
    """Assign to a computed attribute: the links on the other side change.

    Parameters
    ----------
    obj : DBObject
        The object.
    attribute : InverseAttribute
        Its attribute.
    value : iterable of DBObject, or DBObject or None
        What is to link to the object.

    Raises
    ------
    AwePermissionError
        A stored object on the other side cannot change; then nothing is changed.
    """
    kind = attribute.kind if attribute.many else ListKind(attribute.kind)
    if not attribute.many and value is not None:
        value = [value]
    wanted = kind.coerce(value, attribute.where(type(obj)))
    other = attribute.other
    present = _linking(obj, attribute)
    lost = [o for o in present if not any(o is w for w in wanted)]
    gained = [o for o in wanted if not any(o is p for p in present)]
    for each in (*lost, *gained):
        if each.is_committed and not other.mutable:
            raise AwePermissionError(each._immutable_message(other))
    many = isinstance(other.kind, ListKind)
    for each in lost:
        rest = [o for o in getattr(each, other.name) if o is not obj] if many else None
        setattr(each, other.name, rest)
    for each in gained:
        setattr(each, other.name, [*getattr(each, other.name), obj] if many else obj)
    # Nothing else need hold the new ones: they are to be stored with this object.
    kept = [(o, link) for o, link in obj._held if link is not other]
    new = [(o, other) for o in wanted if not o.is_committed]
    object.__setattr__(obj, "_held", (*kept, *new))


def new_on_other_side(obj):
    """Give the new objects that were assigned to computed attributes of an object.

    Parameters
    ----------
    obj : DBObject
        New or stored.

    Returns
    -------
    list of DBObject
        Those that are still new and still link to the object.
    """
    return [
        o for o, link in obj._held if o._new is not None and _links(link, o._new[link.name], obj)
    ]


def take_over(obj, attribute, value):
    """Let go of the object that linked to a value before, where only one may.

    Parameters
    ----------
    obj : DBObject
        The object that is to link to the value.
    attribute : Attribute
        The stored side of a relation.
    value : DBObject or None
        What it is to link to.
    """
    other = getattr(type(value), "_inverses", {}).get(attribute.inverse)
    if other is None or other.many:
        return
    for holder in _linking(value, other):
        if holder is not obj:
            setattr(holder, attribute.name, None)
