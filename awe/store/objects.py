"""Persistent objects: what the user's classes derive from."""

import functools

from awe.base import hooks
from awe.base.errors import (
    AweAttributeError,
    AweLookupError,
    AwePermissionError,
    AweTypeError,
    NoAttributeError,
    did_you_mean,
)
from awe.base.utc import from_microseconds
from awe.store import current, plain
from awe.store.editor import Editor
from awe.store.ids import new_object_id
from awe.store.inverse import inverse_value, set_inverse, take_over, unsaved
from awe.store.kinds import ListKind
from awe.store.meta import DBMeta
from awe.store.othernames import here_it_is
from awe.store.owned import OwnedRecord
from awe.store.placeholders import Restricted
from awe.store.recorded import Recorded

__all__ = ["DBObject", "OwnedRecord", "Restricted", "UnknownObject"]


class DBObject(Recorded, metaclass=DBMeta):
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
    other_names = {"delete": "context.delete(obj)", "id": "object_id", "save": "commit()"}
    vocabulary = False
    # A class that lists names here has a method check_value(name, value), which is asked before
    # one of these attributes gets a value and raises where it cannot be used.
    checked_names = ()
    # What a new object has; a stored one has others.
    _session = None
    _packed = 0
    _staged = None
    _interned = False
    # Names of staged edits that a commit has refused because somebody else was first.
    _refused = frozenset()
    # New objects that were assigned to computed attributes, with their link to this one.
    _held = ()

    def __init__(self, **values):
        if type(self).__dict__.get("abstract", False):
            msg = f"{type(self).__name__} stands for a kind of objects; make one of its subclasses."
            raise AweTypeError(msg)
        object.__setattr__(self, "_object_id", new_object_id())
        self._complete(values)
        new = self._take(**values)
        object.__setattr__(self, "_new", new)
        for name in self.checked_names:
            if name in values:
                self.check_value(name, new[name])
        # Only an object whose values are all good may show on the other side of a relation.
        related = [name for name in self._two_sided if name in values]
        if related:
            self._relate(values, related)

    def _complete(self, values):
        """Add to the values of a new object what it gets where the user gives none."""

    def _relate(self, values, names):
        """Show a new object on the other sides of its relations."""
        for name in names:
            attribute = self._attributes.get(name)
            if attribute is None:
                setattr(self, name, values[name])
            else:
                take_over(self, attribute, self._new[name])
        unsaved.add(self)

    def _check_complete(self):
        """Raise where a required attribute has no value; called before a commit."""
        for name in self._required:
            if self._new[name] is None or self._new[name] == ():
                msg = f"{type(self).__name__}.{name} is required and was not given."
                raise AweTypeError(msg)

    # --- attributes ---

    def _value_of(self, attribute):
        name = attribute.name
        if self._new is not None:
            value = self._new[name]
        elif self._staged and name in self._staged:
            value = self._staged[name][0]
        else:
            return self.stored_value(name)
        return value.copy() if attribute.kind.copied and value is not None else value

    def _set(self, attribute, value):
        value = attribute.kind.coerce(value, attribute.where(type(self)))
        if self._new is None and not attribute.mutable:
            raise AwePermissionError(self._immutable_message(attribute))
        if attribute.name in self.checked_names:
            self.check_value(attribute.name, value)
        if attribute.inverse is not None:
            take_over(self, attribute, value)
        if self._new is None:
            self._stage(attribute, value)
            return
        self._new[attribute.name] = value
        if attribute.inverse is not None:
            unsaved.add(self)

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
        staged = dict(self._staged or {})
        # An edit keeps what it was based on until it is stored, dropped, or refused as stale.
        kept = name in staged and name not in self._refused
        base = staged[name][1] if kept else self._base(name)
        staged.pop(name, None)
        object.__setattr__(self, "_refused", self._refused - {name})
        raw = _edited_raw(attribute.kind, value)
        if plain.dumps(raw) != plain.dumps(base):
            staged[name] = (value, base)
        object.__setattr__(self, "_staged", staged or None)
        if staged:
            self._session.staged[self._packed] = self
        else:
            self._session.staged.pop(self._packed, None)

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
            A dict, list, array or table attribute.

        Returns
        -------
        Editor
            ``obj.edit('header')['RA'] = 1.0`` stages the change like any other.
        """
        attribute = self._attributes.get(name)
        known = [
            n for n, a in self._attributes.items() if a.kind.child or isinstance(a.kind, ListKind)
        ]
        if name not in known:
            msg = (
                f"{type(self).__name__} has no dict, list, array or table {name!r}."
                f"{did_you_mean(name, known)}"
            )
            raise AweAttributeError(msg)
        return Editor(self, attribute)

    def _inverse_value(self, attribute):
        return inverse_value(self, attribute)

    def _set_inverse(self, attribute, value):
        set_inverse(self, attribute, value)

    def __setattr__(self, name, value):
        own = name.startswith("_") or name in self._attributes or name in self._inverses
        if not own and not _has_setter(type(self), name):
            raise self._no_attribute(name)
        object.__setattr__(self, name, value)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        raise self._no_attribute(name)

    @classmethod
    def _refuse(cls, names):
        for name in names:
            if name not in cls._inverses:
                raise cls._no_attribute(name)

    @classmethod
    def _no_attribute(cls, name):
        def tell():
            names = [n for n in type.__dir__(cls) if n[0] != "_" and n != "abstract"]
            known = [*cls._attributes, *cls._inverses, *names]
            return f"{cls.__name__} has no attribute {name!r}{here_it_is(cls, name, known)}"

        return NoAttributeError(tell)

    # --- identity ---

    @property
    def object_id(self):
        """The object's name for ever: 32 hexadecimal digits of a UUID of version 7."""
        own = self._object_id if self._new is not None else self._fresh_row().object_id
        return own.hex()

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
        """Give the files that a commit must move in; an object without a file has none.

        Parameters
        ----------
        context : Context
            Whose files they become.

        Returns
        -------
        list of StagedFile
            Written and synced.
        """
        return []

    def stored_files(self, context):
        """Give names and checksums of the object's files in the store.

        Parameters
        ----------
        context : Context
            Whose files they are.

        Returns
        -------
        list of (str, str)
            Name and SHA-256.
        """
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
        hooks.call("info", self)

    def _repr_html_(self):
        return hooks.call("html", self) if hooks.is_known("html") else None

    def summary(self):
        """Give the words that tell which object it is, for `repr`.

        Returns
        -------
        str
            By default the name, where the class has one.
        """
        name = self.name if "name" in self._attributes else None
        return "" if name is None else str(name)

    def __repr__(self):
        words = [type(self).__name__]
        try:
            words.append(self.object_id[-8:])
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
    @functools.cache
    def _fields(cls):
        """Give the fields of a record, in order, with their kinds."""
        fields = (*cls._attributes.values(), *cls._keys.values())
        return tuple((a.name, a.kind.spec) for a in fields)

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


def _has_setter(cls, name):
    """Tell whether a class gives a property of this name that can be assigned."""
    found = next((b.__dict__[name] for b in cls.__mro__ if name in b.__dict__), None)
    return getattr(found, "fset", None) is not None


def _edited_raw(kind, value):
    """Give the raw value of an edit, the bytes of a child record, or None."""
    if value is None:
        return None
    return kind.pack(value) if kind.child else kind.to_raw(value)


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
