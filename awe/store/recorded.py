"""How an object reads itself from the store and gives its values to it."""

import functools

from awe.store.inverse import unsaved
from awe.store.kind import RawReader
from awe.store.kinds import LinkKind, ListKind

__all__ = ["Recorded"]


class Recorded:
    """The side of a persistent object that the store sees."""

    # What a stored object has before it was read.
    _epoch = -1
    _row = None

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
        unsaved.discard(self)
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
                    index = session.layout_index(self._packed >> 40, row.layout)
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
        if name not in self._index:
            return self._raw_default(name)
        at, convert = self._index[name]
        raw = row.values()[at]
        return raw if convert is None else convert(raw)

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
        self._fresh_row()
        if name in self._cache:
            return self._cache[name]
        attribute = self._attributes[name]
        kind = attribute.kind
        if kind.child:
            child = self._session.children(self._packed).get(name)
            value = None if child is None else kind.unpack(child.data)
        else:
            value = kind.to_value(self.raw_of(name), self._session)
        item = kind.item if isinstance(kind, ListKind) else kind
        # What a link gives depends on who asks; it is looked up each time.
        if not isinstance(item, LinkKind) and not kind.copied:
            self._cache[name] = value
        return value

    # --- to the store ---

    @classmethod
    @functools.cache
    def _link_attributes(cls):
        """Give (name, attribute) of all that can link to objects."""
        return tuple((n, a) for n, a in cls._attributes.items() if a.kind.may_link())

    @classmethod
    @functools.cache
    def _link_names(cls):
        """Give the names of the attributes that are one link each, and of others with links."""
        links = cls._link_attributes()
        single = tuple(n for n, a in links if isinstance(a.kind, LinkKind))
        return single, tuple(n for n, _ in links if n not in single)

    @classmethod
    @functools.cache
    def _child_attributes(cls):
        """Give (name, attribute) of all that are records of their own."""
        return tuple((n, a) for n, a in cls._attributes.items() if a.kind.child)

    @classmethod
    @functools.cache
    def _reader(cls):
        """Give what takes the raw values out of those of a new object."""
        return RawReader(
            _is_present if a.kind.child else a.kind.raw_converter()
            for a in cls._attributes.values()
        )

    def _raws(self):
        """Give the raw values of a new object in the order of its fields."""
        new = self._new
        # A new object has all attributes, in the order of their declaration.
        raws = self._reader()(new.values())
        if not self._keys:
            return raws
        keys = self._keys.values()
        return (*raws, *(k.kind.to_raw(k.value_in(new[k.source])) for k in keys))

    def _raws_of_stored(self, raws, children, edited=()):
        """Give raw values in the order of the fields, after some have changed."""
        values = []
        for name, attribute in self._attributes.items():
            if attribute.kind.child:
                values.append(True if name in children else None)
            else:
                values.append(raws[name])
        for key in self._keys.values():
            if key.source in edited:
                mapping = self._staged[key.source][0]
            else:
                mapping = self.stored_value(key.source)
            values.append(key.kind.to_raw(key.value_in(mapping)))
        return tuple(values)


def _is_present(value):
    """Give what a record keeps of a value that is a record of its own and not None."""
    return True
