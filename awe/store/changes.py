"""The history of objects: every change with who, when, old, new and why."""

import dataclasses
import datetime

from awe.base.utc import from_microseconds
from awe.store import plain

__all__ = ["Change", "append_changes", "history_of", "spec_of"]


@dataclasses.dataclass(frozen=True)
class Change:
    """One change of one attribute.

    Attributes
    ----------
    when : datetime.datetime
        Store time of the commit, UTC.
    who : str
        The user.
    attribute : str
        The attribute; 'privileges' for the level.
    old, new : object
        The values.
    why : str or None
        The reason, where one was given.
    """

    when: datetime.datetime
    who: str
    attribute: str
    old: object
    new: object
    why: str | None


def append_changes(root, packed, time, who, rows, why):
    """Add changes to the history of an object.

    Parameters
    ----------
    root : StoreRoot
        The store.
    packed : int
        The object's number.
    time : int
        Store time, microseconds UTC.
    who : str
        The user.
    rows : list of (str, object, object, spec)
        Attribute, old and new raw value, and what `spec_of` tells of it.
    why : str or None
        The reason.
    """
    if not rows:
        return
    data = root.changes.get(packed)
    before = () if data is None else plain.loads(data)
    new = tuple((time, who, name, old, value, why, spec) for name, old, value, spec in rows)
    root.changes[packed] = plain.dumps(before + new)


def spec_of(obj, name):
    """Give the kind of an attribute as it is today, by which its raw value is read later.

    Parameters
    ----------
    obj : DBObject
        The object.
    name : str
        The attribute; 'privileges' is none of the class's own.

    Returns
    -------
    tuple or None
        None for scalars, whose raw values need no description.
    """
    attribute = obj._attributes.get(name)
    spec = None if attribute is None else attribute.kind.spec
    return spec if isinstance(spec, tuple) else None


def history_of(obj):
    """Give the changes of an object.

    Parameters
    ----------
    obj : DBObject
        A stored object; a new one has none.

    Returns
    -------
    list of Change
        Oldest first.
    """
    if not obj.is_committed:
        return []
    session = obj._session
    session.ensure()
    data = session.root.changes.get(obj._packed)
    rows = () if data is None else plain.loads(data)
    return [
        Change(
            from_microseconds(time), who, name, _value(obj, name, old, spec),
            _value(obj, name, new, spec), why,
        )
        for time, who, name, old, new, why, spec in rows
    ]  # fmt: skip


def _value(obj, name, raw, spec):
    attribute = obj._attributes.get(name)
    if attribute is None or raw is None:
        return raw
    if attribute.kind.child:
        return attribute.kind.unpack(raw)
    return attribute.kind.to_value(raw, obj._session, spec)
