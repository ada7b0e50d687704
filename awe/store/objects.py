"""Persistent objects and owned records: what the user's classes derive from."""

import weakref

from awe.base import hooks
from awe.base.errors import (
    AweAttributeError,
    AweLookupError,
    AwePermissionError,
    AweTypeError,
    did_you_mean,
)
from awe.base.utc import from_microseconds
from awe.store import current, registry
from awe.store.ids import new_object_id
from awe.store.kinds import DictKind, LinkKind, ListKind
from awe.store.meta import DBMeta, RecordMeta

__all__ = ["DBObject", "OwnedRecord", "Restricted", "UnknownObject"]

# New objects that have a link with a computed other side: that side must show them.
_unsaved = weakref.WeakSet()


class OwnedRecord(metaclass=RecordMeta):
    """A record that lives inside its owner, such as image statistics.

    Parameters
    ----------
    **values
        The fields; those not given have their default.
    """

    _is_owned_record = True

    def __init__(self, **values):
        known = self._attributes
        for name in values:
            if name not in known:
                msg = f"{type(self).__name__} has no field {name!r}.{did_you_mean(name, known)}"
                raise AweAttributeError(msg)
        made = {}
        for name, attribute in known.items():
            if name in values:
                where = attribute.where(type(self))
                made[name] = attribute.kind.coerce(values[name], where)
            else:
                made[name] = attribute.initial()
        object.__setattr__(self, "_values", made)

    @classmethod
    def _from_values(cls, values):
        record = object.__new__(cls)
        object.__setattr__(record, "_values", values)
        return record

    def _value_of(self, attribute):
        return self._values[attribute.name]

    def _set(self, attribute, value):
        msg = (
            f"{attribute.where(type(self))} is part of its owner and read-only: assign a new "
            f"{type(self).__name__} to the owner's attribute."
        )
        raise AweAttributeError(msg)

    def __setattr__(self, name, value):
        attribute = self._attributes.get(name)
        if attribute is None:
            msg = (
                f"{type(self).__name__} has no field {name!r}.{did_you_mean(name, self._attributes)}"
            )
            raise AweAttributeError(msg)
        self._set(attribute, value)

    def replace(self, **values):
        """Give a copy with other values in some fields.

        Parameters
        ----------
        **values
            The fields that differ.

        Returns
        -------
        OwnedRecord
            The copy.
        """
        return type(self)(**{**self._values, **values})

    def __eq__(self, other):
        return type(other) is type(self) and other._values == self._values

    def __hash__(self):
        return hash((type(self), tuple(self._values.values())))

    def __repr__(self):
        fields = ", ".join(f"{n}={v!r}" for n, v in self._values.items() if v is not None)
        return f"{type(self).__name__}({fields})"


class DBObject(metaclass=DBMeta):
    """An object that the store keeps.

    Parameters
    ----------
    **values
        Attributes; those not given have their default.

    Raises
    ------
    AweAttributeError
        The class has no such attribute; the nearest names are given.
    AweTypeError
        A value is of the wrong type.
    """

    _is_persistent_class = True
    abstract = True
    vocabulary = False

    def __init__(self, **values):
        setattr_ = object.__setattr__
        setattr_(self, "_session", None)
        setattr_(self, "_packed", 0)
        setattr_(self, "_staged", None)
        setattr_(self, "_object_id", new_object_id())
        new = {name: a.default for name, a in self._attributes.items()}
        setattr_(self, "_new", new)
        setattr_(self, "_interned", False)
        for name, value in values.items():
            attribute = self._attributes.get(name)
            if attribute is None:
                setattr(self, name, value)
                continue
            new[name] = attribute.kind.coerce(value, f"{type(self).__name__}.{name}")
            if attribute.inverse is not None:
                _unsaved.add(self)

    # --- from the store ---

    @classmethod
    def _stored(cls, session, packed):
        obj = object.__new__(cls)
        obj._bind(session, packed)
        return obj

    def _bind(self, session, packed):
        """Become the stored object with a number."""
        setattr_ = object.__setattr__
        setattr_(self, "_session", session)
        setattr_(self, "_packed", packed)
        setattr_(self, "_new", None)
        setattr_(self, "_staged", None)
        setattr_(self, "_epoch", -1)
        setattr_(self, "_row", None)
        setattr_(self, "_cache", {})
        _unsaved.discard(self)
        session.identity[packed] = self

    def _fresh_row(self):
        """Give the row as of the session's snapshot."""
        session = self._session
        if self._epoch != session.epoch or self._row is None:
            row = session.row(self._packed)
            if row is None:
                raise session.deleted_error(self._packed)
            setattr_ = object.__setattr__
            old = self._row
            if old is None or old is not row:
                if old is None or old.payload != row.payload or old.layout != row.layout:
                    layout = session.schema_of_code(self._packed >> 40).layouts[row.layout]
                    index = {name: (at, spec) for at, (name, spec) in enumerate(layout)}
                    setattr_(self, "_index", index)
                setattr_(self, "_cache", {})
                setattr_(self, "_row", row)
            setattr_(self, "_epoch", session.epoch)
        return self._row

    def raw_of(self, name):
        """Give the raw stored value of an attribute.

        Parameters
        ----------
        name : str
            The attribute.

        Returns
        -------
        object
            As `awe.store.kinds` describes; for a link the object's number.
        """
        row = self._fresh_row()
        if name in self._index:
            return row.values()[self._index[name][0]]
        return self._raw_default(name)

    def _raw_default(self, name):
        from awe.store.blocks import initial_raw

        session = self._session
        schema = session.schema_of_code(self._packed >> 40)
        return initial_raw(session, schema, name, self._attributes[name].kind.spec)

    def stored_value(self, name):
        """Give the committed value of an attribute, whatever edits are staged.

        Parameters
        ----------
        name : str
            The attribute.

        Returns
        -------
        object
            The value.
        """
        row = self._fresh_row()
        if name in self._cache:
            return self._cache[name]
        attribute = self._attributes[name]
        kind = attribute.kind
        if kind.child:
            child = self._session.children(self._packed).get(name)
            value = None if child is None else kind.unpack(child.data)
        elif name in self._index:
            at, spec = self._index[name]
            value = kind.to_value(row.values()[at], self._session, spec)
        else:
            value = kind.to_value(self._raw_default(name), self._session)
        item = kind.item if isinstance(kind, ListKind) else kind
        # What a link gives depends on who asks; it is looked up each time.
        if not isinstance(item, LinkKind):
            self._cache[name] = value
        return value

    # --- to the store ---

    @classmethod
    def _link_attributes(cls):
        """Give (name, attribute) of all that can link to objects."""
        cached = cls.__dict__.get("_links_cache")
        if cached is None:
            cached = tuple((n, a) for n, a in cls._attributes.items() if a.kind.may_link())
            cls._links_cache = cached
        return cached

    @classmethod
    def _child_attributes(cls):
        """Give (name, attribute) of all that are records of their own."""
        cached = cls.__dict__.get("_children_cache")
        if cached is None:
            cached = tuple((n, a) for n, a in cls._attributes.items() if a.kind.child)
            cls._children_cache = cached
        return cached

    @classmethod
    def _converters(cls):
        """Give (name, function to the raw form or None where the value is raw) of each field."""
        cached = cls.__dict__.get("_converters_cache")
        if cached is None:
            cached = tuple(
                (n, (lambda value: value is not None or None) if a.kind.child else a.kind.raw_converter())
                for n, a in cls._attributes.items()
            )
            cls._converters_cache = cached
        return cached

    def _raws(self):
        """Give the raw values of a new object in the order of its fields."""
        new = self._new
        raws = [new[n] if f is None else f(new[n]) for n, f in self._converters()]
        for key in self._keys.values():
            raws.append(key.kind.to_raw(key.value_in(new[key.source])))
        return tuple(raws)

    def _raws_of_stored(self, raws, children):
        """Give raw values in the order of the fields, after some have changed."""
        values = []
        for name, attribute in self._attributes.items():
            if attribute.kind.child:
                values.append(True if name in children else None)
            else:
                values.append(raws[name])
        for key in self._keys.values():
            staged = (self._staged or {}).get(key.source)
            mapping = staged[0] if staged else self.stored_value(key.source)
            values.append(key.kind.to_raw(key.value_in(mapping)))
        return tuple(values)

    def _check_complete(self):
        """Raise where a required attribute has no value; called before a commit."""
        for name, attribute in self._attributes.items():
            if attribute.required and (self._new[name] is None or self._new[name] == ()):
                msg = f"{attribute.where(type(self))} is required and was not given."
                raise AweTypeError(msg)

    # --- attributes ---

    def _value_of(self, attribute):
        name = attribute.name
        if self._new is not None:
            return self._new[name]
        if self._staged and name in self._staged:
            return self._staged[name][0]
        return self.stored_value(name)

    def _set(self, attribute, value):
        value = attribute.kind.coerce(value, attribute.where(type(self)))
        if self._new is not None:
            self._new[attribute.name] = value
            if attribute.inverse is not None:
                _unsaved.add(self)
            return
        if not attribute.mutable:
            msg = self._immutable_message(attribute)
            raise AwePermissionError(msg)
        self._stage(attribute, value)

    def _immutable_message(self, attribute):
        mutable = [n for n, a in self._attributes.items() if a.mutable]
        may = f" What may change: {', '.join(mutable)}." if mutable else ""
        return (
            f"{attribute.where(type(self))} of {self!r} cannot change after commit: make a new "
            f"object.{may}"
        )

    def _stage(self, attribute, value):
        """Keep an edit beside the object until it is committed."""
        name = attribute.name
        base = (
            self._staged[name][1] if self._staged and name in self._staged else self._base(name)
        )
        if self._staged is None:
            object.__setattr__(self, "_staged", {})
        self._staged[name] = (value, base)
        self._session.staged[self._packed] = self

    def _base(self, name):
        """Give what the edit was based on: the raw value, or a child's bytes."""
        if self._attributes[name].kind.child:
            child = self._session.children(self._packed).get(name)
            return None if child is None else child.data
        return self.raw_of(name)

    def edit(self, name):
        """Change one item of a container attribute.

        Parameters
        ----------
        name : str
            A dict or list attribute.

        Returns
        -------
        Editor
            ``obj.edit('header')['RA'] = 1.0`` stages the change like any other.
        """
        attribute = self._attributes.get(name)
        if attribute is None or not isinstance(attribute.kind, (DictKind, ListKind)):
            known = [n for n, a in self._attributes.items() if isinstance(a.kind, (DictKind,
                     ListKind))]  # fmt: skip
            msg = f"{type(self).__name__} has no dict or list {name!r}.{did_you_mean(name, known)}"
            raise AweAttributeError(msg)
        return _Editor(self, attribute)

    def _inverse_value(self, attribute):
        found = {}
        other = attribute.target._attributes[attribute.inverse]
        if self._packed:
            from awe.store.relations import objects_linking_to

            found = {o._packed: o for o in objects_linking_to(self, attribute.target, other)}
            for packed, obj in self._session.staged.items():
                if isinstance(obj, attribute.target) and obj._staged:
                    _overlay(found, packed, obj, other, self)
        new = [
            o
            for o in _unsaved
            if isinstance(o, attribute.target)
            and o._new is not None
            and any(v is self for v in other.kind.links(o._new[other.name]))
        ]
        values = (*found.values(), *sorted(new, key=lambda o: o._object_id))
        if attribute.many:
            return values
        return values[-1] if values else None

    def _set_inverse(self, attribute, value):
        kind = attribute.kind if attribute.many else ListKind(attribute.kind)
        if not attribute.many and value is not None:
            value = [value]
        wanted = kind.coerce(value, attribute.where(type(self)))
        other = attribute.target._attributes[attribute.inverse]
        present = self._inverse_value(attribute)
        present = present if attribute.many else (() if present is None else (present,))
        many = isinstance(other.kind, ListKind)
        for obj in present:
            if not any(o is obj for o in wanted):
                items = getattr(obj, other.name)
                setattr(obj, other.name, [o for o in items if o is not self] if many else None)
        for obj in wanted:
            if not any(o is obj for o in present):
                setattr(obj, other.name, [*getattr(obj, other.name), self] if many else self)

    def __setattr__(self, name, value):
        if name.startswith("_") or hasattr(type(self).__dict__.get(name), "__set__"):
            object.__setattr__(self, name, value)
            return
        if name in self._attributes or name in self._inverses:
            object.__setattr__(self, name, value)
            return
        known = [*self._attributes, *self._inverses]
        msg = f"{type(self).__name__} has no attribute {name!r}.{did_you_mean(name, known)}"
        raise AweAttributeError(msg)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        cls = type(self)
        known = [*cls._attributes, *cls._inverses]
        msg = f"{cls.__name__} has no attribute {name!r}.{did_you_mean(name, known)}"
        raise AweAttributeError(msg)

    # --- identity ---

    @property
    def object_id(self):
        """The object's name for ever: 32 hexadecimal digits of a UUID of version 7."""
        if self._new is not None:
            return self._object_id.hex()
        return self._fresh_row().object_id.hex()

    @property
    def is_committed(self):
        """Whether the store has the object."""
        return self._new is None

    @property
    def is_edited(self):
        """Whether edits are staged that are not committed."""
        return bool(self._staged)

    @property
    def creator(self):
        """The User who made the object; None for vocabulary and before commit."""
        return self._domain_object(0)

    @property
    def project(self):
        """The Project that the object belongs to; None for vocabulary and before commit."""
        return self._domain_object(1)

    @property
    def privileges(self):
        """The level of the object, 1 to 5; None for vocabulary and before commit."""
        if self._new is not None or self.vocabulary:
            return None
        return self._domain()[2]

    @property
    def committed_at(self):
        """The store time of the commit (datetime, UTC); None before commit."""
        return None if self._new is not None else from_microseconds(self._fresh_row().committed)

    def _domain(self):
        return self._session.root.domains.triples[self._fresh_row().domain]

    def _domain_object(self, position):
        if self._new is not None or self.vocabulary:
            return None
        return self._session.follow(self._domain()[position])

    # --- what a user does ---

    def commit(self, *, why=None, **options):
        """Store the object, or its staged edits.

        Parameters
        ----------
        why : str, optional
            The reason of an edit, kept in its record.
        **options
            ``restricted=True`` lets a new object lie above its inputs.

        Returns
        -------
        DBObject
            The object itself.
        """
        current.context().commit(self, why=why, **options)
        return self

    def prepare_files(self, context):
        """Give the files that a commit must move in; an object without a file has none."""
        return []

    def stored_files(self, context):
        """Give (name, checksum) of the object's files in the store."""
        return []

    def inverse_objects(self):
        """Give all objects that link to this one and that you may see.

        Returns
        -------
        list of DBObject
            In the order of commit.
        """
        from awe.store.relations import dependents_of

        return dependents_of(self)[0]

    def history(self):
        """Give the changes of the object since its commit.

        Returns
        -------
        list of Change
            Oldest first: when, who, attribute, old, new, why.
        """
        from awe.store.changes import history_of

        return history_of(self)

    def info(self):
        """Print all attributes with units, links and lineage."""
        print(hooks.call("info", self))

    def summary(self):
        """Give the words that tell which object it is, for `repr`.

        Returns
        -------
        str
            By default the name, where the class has one.
        """
        return str(getattr(self, "name", "")) if "name" in self._attributes else ""

    def __repr__(self):
        words = [type(self).__name__]
        try:
            words.append(self.object_id[:8])
            words.append(self.summary())
        except AweLookupError:
            words.append("deleted")
        if self._new is not None:
            words.append("uncommitted")
        elif self._staged:
            words.append(f"uncommitted edits: {', '.join(self._staged)}")
        return "<" + " ".join(w for w in words if w) + ">"

    # --- what a class answers ---

    @classmethod
    def _fields(cls):
        """Give the fields of a record, in order, with their kinds."""
        cached = cls.__dict__.get("_fields_cache")
        if cached is None:
            attributes = [*cls._attributes.values(), *cls._keys.values()]
            cached = tuple((a.name, a.kind.spec) for a in attributes)
            cls._fields_cache = cached
        return cached

    @classmethod
    def get_persistent_properties(cls):
        """Give the names of the persistent attributes.

        Returns
        -------
        list of str
            Sorted.
        """
        return sorted([*cls._attributes, *cls._inverses])

    @classmethod
    def select_all(cls):
        """Query for all objects of the class.

        Returns
        -------
        Query
            Everything that the context may see.
        """
        from awe.store.expressions import Everything
        from awe.store.query import Query

        return Query(cls, Everything())

    @classmethod
    def select(cls, **criteria):
        """Query by plain names.

        Parameters
        ----------
        **criteria
            Attribute and value; for a link the name of what it points to. Texts may hold
            ``*`` and ``?``.

        Returns
        -------
        Query
            The objects that meet all of them.
        """
        from awe.store.selection import select

        return select(cls, criteria)

    @classmethod
    def get(cls, **criteria):
        """Give the one object with some values.

        Parameters
        ----------
        **criteria
            As for `select`.

        Returns
        -------
        DBObject
            The object.

        Raises
        ------
        AweLookupError
            There is none, or more than one; the nearest names are given.
        """
        from awe.store.selection import get

        return get(cls, criteria)

    @classmethod
    def get_or_create(cls, **values):
        """Give the object with some values in what is unique, a new one where there is none.

        Parameters
        ----------
        **values
            Attributes, with all that make the object unique. The others serve a new object.

        Returns
        -------
        DBObject
            The stored object, or an uncommitted one that will be the stored one even if another
            process commits its like first.
        """
        from awe.store.selection import get_or_create

        return get_or_create(cls, values)


def _overlay(found, packed, obj, other, owner):
    """Apply a staged edit of the link to the objects found in the store."""
    if other.name not in obj._staged:
        return
    linked = any(v is owner for v in other.kind.links(obj._staged[other.name][0]))
    if linked:
        found[packed] = obj
    else:
        found.pop(packed, None)


class _Editor:
    """Stages the change of one item of a container."""

    def __init__(self, obj, attribute):
        self._obj = obj
        self._attribute = attribute

    def _copy(self):
        value = self._obj._value_of(self._attribute)
        if isinstance(self._attribute.kind, ListKind):
            return list(value)
        return dict(value or {})

    def __getitem__(self, key):
        return self._copy()[key]

    def __setitem__(self, key, value):
        container = self._copy()
        container[key] = value
        self._obj._set(self._attribute, container)

    def __delitem__(self, key):
        container = self._copy()
        del container[key]
        self._obj._set(self._attribute, container)

    def append(self, value):
        """Add an item at the end of a list."""
        if not isinstance(self._attribute.kind, ListKind):
            msg = f"{self._attribute.where()} is a dict: set a key instead."
            raise AweTypeError(msg)
        self._obj._set(self._attribute, [*self._copy(), value])


class Restricted:
    """Stands for an object that a link points to and that you may not see.

    Parameters
    ----------
    session : Session
        The session.
    packed : int
        The object's number.

    Attributes
    ----------
    class_name, object_id, project : str
        All that may be told of it.
    """

    def __init__(self, session, packed):
        self._packed = packed
        self.class_name = session.root.names[packed >> 40]
        row = session.row(packed)
        self.object_id = "" if row is None else row.object_id.hex()
        triple = (0, 0, 0) if row is None else session.root.domains.triples[row.domain]
        self.project = session.get(triple[1]).name if triple[1] else ""

    def is_placeholder_for(self, cls):
        """Tell whether it may stand where an object of a class is taken."""
        known = registry.known_class(self.class_name)
        return known is None or issubclass(known, cls)

    def __eq__(self, other):
        return isinstance(other, Restricted) and other._packed == self._packed

    def __hash__(self):
        return hash(self._packed)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        msg = (
            f"{self!r}: you may not see it, so it has no {name!r} for you. Ask a manager of the "
            f"project {self.project} to publish it or to make you a member."
        )
        raise AweAttributeError(msg)

    def __repr__(self):
        return f"<Restricted {self.class_name} {self.object_id[:8]} of project {self.project}>"


class UnknownObject(DBObject):
    """An object of a class that this process does not know."""

    abstract = True

    @property
    def class_name(self):
        """The name of its class."""
        return self._session.root.names[self._packed >> 40]

    def values(self):
        """Give its raw values by attribute.

        Returns
        -------
        dict
            Numbers and texts as stored.
        """
        row = self._fresh_row()
        return {name: row.values()[at] for name, (at, _) in self._index.items()}

    def summary(self):
        """Give the words for `repr`."""
        return f"of the class {self.class_name}, which is not known here"


