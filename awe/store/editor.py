"""Editors: staged changes of single items of a container attribute."""

from awe.base.errors import AweTypeError
from awe.store.kinds import ListKind

__all__ = ["Editor"]


class Editor:
    """Stages the change of one item of a container."""

    def __init__(self, obj, attribute):
        self._obj = obj
        self._attribute = attribute

    def _copy(self):
        kind = self._attribute.kind
        value = self._obj._value_of(self._attribute)
        return list(value) if isinstance(kind, ListKind) else kind.editable(value)

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
            msg = f"{self._attribute.where()} is no list: set an item instead."
            raise AweTypeError(msg)
        self._obj._set(self._attribute, [*self._copy(), value])
