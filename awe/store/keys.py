"""Queries on a key of a dict attribute."""

import datetime
import operator
import warnings

from awe.base.errors import AweTypeError, AweWarning
from awe.base.utc import to_utc
from awe.store import expressions as ex
from awe.store.attributes import Attribute, Path
from awe.store.columns_scalar import pattern_of
from awe.store.kind import to_python
from awe.store.late_keys import value_under
from awe.store.terms import Askable

__all__ = ["KeyAttribute", "KeyTerm", "column_of_key"]

_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class KeyAttribute(Attribute):
    """A key of a dict attribute that the class keeps as a column.

    Declared by ``key_columns = {'header': {'RA': float}}`` in the class. Of objects that were
    stored before it was declared the dicts are read, until ``awe reindex`` makes the column.

    Parameters
    ----------
    source : str
        The dict attribute.
    key : str
        The key.
    declared : type
        bool, int, float, str or datetime.
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
        return value_under(self.key, self.kind, mapping)


def column_of_key(path, key):
    """Find the column that a class keeps of a key.

    Parameters
    ----------
    path : Path
        The way to the dict.
    key : str
        The key.

    Returns
    -------
    Path or None
        The way to the column; None where the class does not declare one.
    """
    rest = path.split()[1]
    cls = path.cls if rest is None else rest.cls
    attribute = cls._keys.get((path.attribute.name, key))
    return None if attribute is None else Path(path.cls, (*path.attributes[:-1], attribute))


class KeyTerm(Askable):
    """A key of a dict attribute in a query, of which no column is kept.

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

    def __repr__(self):
        return f"<{self}: a key without a column>"

    def __str__(self):
        return f"{self._path}[{self._key!r}]"

    def _query(self, fits, text, negative=False):
        from awe.store.query import Query

        warnings.warn(
            f"{text}: this key has no column, so every object is loaded. Where it is asked "
            f"often, let the class declare it in key_columns.",
            AweWarning,
            stacklevel=3,
        )
        condition = ex.Loaded(self._path, self._key, fits, text)
        return Query(self._path.cls, ex.Not(condition) if negative else condition)

    def __eq__(self, other):
        fits = _is_missing if other is None else _comparison(operator.eq, other)
        return self._query(fits, f"{self} == {other!r}")

    def __ne__(self, other):
        fits = _is_missing if other is None else _comparison(operator.eq, other)
        return self._query(fits, f"{self} == {other!r}", negative=True)

    def _ordered(self, sign, other):
        if other is None:
            msg = f"{self} {sign} None has no meaning; ask {self} == None."
            raise AweTypeError(msg)
        return self._query(_comparison(_ORDER[sign], other), f"{self} {sign} {other!r}")

    def between(self, low, high):
        """Find values in a closed interval.

        Parameters
        ----------
        low, high : object
            Both bounds belong to the interval.

        Returns
        -------
        Query
            The objects whose value lies in it.
        """
        above, below = _comparison(operator.ge, low), _comparison(operator.le, high)
        text = f"{self}.between({low!r}, {high!r})"
        return self._query(lambda value: above(value) and below(value), text)

    def in_(self, values):
        """Find values that are among several.

        Parameters
        ----------
        values : iterable
            The values.

        Returns
        -------
        Query
            The objects whose value is one of them.
        """
        tests = [_comparison(operator.eq, v) for v in values if v is not None]
        return self._query(lambda value: any(t(value) for t in tests), f"{self}.in_({values!r})")

    def like(self, pattern):
        """Find texts that match a pattern.

        Parameters
        ----------
        pattern : str
            ``*`` stands for any text, ``?`` for one character; case counts.

        Returns
        -------
        Query
            The objects whose text matches.
        """
        match = pattern_of(pattern).fullmatch
        return self._query(
            lambda value: isinstance(value, str) and match(value) is not None,
            f"{self}.like({pattern!r})",
        )


def _is_missing(value):
    return value is None or value != value


def _comparison(compare, other):
    """Give the test of a value under a key: values of another type do not fit."""
    other = to_python(other)
    if isinstance(other, (datetime.date, datetime.datetime)):
        other = to_utc(other)

    def fits(value):
        if _is_missing(value) or isinstance(value, bool) != isinstance(other, bool):
            return False
        try:
            return compare(value, other) is True
        except TypeError:
            return False

    return fits
