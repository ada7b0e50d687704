"""Queries on a key of a dict attribute."""

import warnings

from awe.base.errors import AweTypeError, AweWarning
from awe.store import expressions as ex
from awe.store.attributes import Attribute, Path

__all__ = ["KeyAttribute", "KeyTerm"]


class KeyAttribute(Attribute):
    """A key of a dict attribute that the class keeps as a column.

    Declared by ``key_columns = {'header': {'RA': float}}`` in the class.
    """

    def __init__(self, source, key, declared):
        super().__init__(
            f"key {key!r} of {source}", declared, None, unit=None, mutable=False, unique=False,
            required=False, inverse=None,
        )  # fmt: skip
        self.source = source
        self.key = key

    def value_in(self, mapping):
        """Give the value under the key in its own type, None where it is of another."""
        value = None if mapping is None else mapping.get(self.key)
        try:
            return self.kind.coerce(value, self.name)
        except AweTypeError:
            return None


class KeyTerm:
    """A key of a dict attribute in a query.

    Parameters
    ----------
    path : Path
        The way to the dict.
    key : str
        The key.
    """

    def __init__(self, path, key):
        self._path = path
        self._key = key

    __hash__ = object.__hash__

    def _test(self, op, other):
        column = self._column()
        if column is not None:
            from awe.store.terms import Term

            return getattr(Term(column), op)(other)
        from awe.store.query import Query

        text = f"{self._path}[{self._key!r}] {_SIGNS[op]} {other!r}"
        warnings.warn(
            f"{text}: this key has no column, so every object is loaded. Where it is asked "
            f"often, let the class declare it in key_columns.",
            AweWarning,
            stacklevel=3,
        )
        test = _test(op.replace("ne", "eq"), other)
        condition = ex.Loaded(self._path, self._key, test, text)
        return Query(self._path.cls, ex.Not(condition) if op == "__ne__" else condition)

    def _column(self):
        cls = self._path.split()[1]
        cls = self._path.cls if cls is None else cls.cls
        attribute = cls._keys.get((self._path.attribute.name, self._key))
        if attribute is None:
            return None
        return Path(self._path.cls, (*self._path.attributes[:-1], attribute))

    def __eq__(self, other):
        return self._test("__eq__", other)

    def __ne__(self, other):
        return self._test("__ne__", other)

    def __lt__(self, other):
        return self._test("__lt__", other)

    def __le__(self, other):
        return self._test("__le__", other)

    def __gt__(self, other):
        return self._test("__gt__", other)

    def __ge__(self, other):
        return self._test("__ge__", other)


_SIGNS = {
    "__eq__": "==", "__ne__": "!=", "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">=",
}  # fmt: skip


def _test(op, other):
    def fits(value):
        missing = value is None or value != value
        if other is None:
            return missing
        if missing or isinstance(value, str) != isinstance(other, str):
            return False
        return getattr(value, op)(other) is True

    return fits
