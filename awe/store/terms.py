"""Terms of a query: what an attribute is on its class."""

import functools

from awe.base.errors import AweTypeError
from awe.store import expressions as ex
from awe.store.attributes import attributes_behind
from awe.store.columns import values_among
from awe.store.kind import to_python, with_article
from awe.store.kinds import (
    BoolKind,
    DatetimeKind,
    DictKind,
    FloatKind,
    IntKind,
    LinkKind,
    ListKind,
    OwnedKind,
    StrKind,
)

__all__ = ["QUERY_METHODS", "Askable", "Term", "missing_parentheses"]

QUERY_METHODS = frozenset({"between", "contains", "in_", "like"})
_SCALARS = (BoolKind, DatetimeKind, FloatKind, IntKind, StrKind)


def missing_parentheses(left, right, sign="&"):
    """Raise the error for ``a > 0 & b``, where Python binds ``&`` first.

    Parameters
    ----------
    left, right : object
        What stands on both sides of the sign, for the message.
    sign : str, optional
        The operator. The default is ``&``.

    Raises
    ------
    AweTypeError
        Always.
    """
    msg = (
        f"Python reads `{left} {sign} {right}` first: parentheses are missing. "
        f"Write each condition in its own: (A.x > 0) {sign} (A.y == 1)."
    )
    raise AweTypeError(msg)


class Askable:
    """What stands for a value of all objects at once, and is compared to make a query."""

    # NumPy must not take a term for an array: np.float64(3) < A.x is a condition on A.x.
    __array_ufunc__ = None

    def __lt__(self, other):
        return self._ordered("<", other)

    def __le__(self, other):
        return self._ordered("<=", other)

    def __gt__(self, other):
        return self._ordered(">", other)

    def __ge__(self, other):
        return self._ordered(">=", other)

    # --- misuse ---

    def __bool__(self):
        msg = f"{self} stands for all objects at once and is neither true nor false."
        raise AweTypeError(msg, remedy="Compare it: (A.x == 1), and combine with & | ~.")

    @property
    def _column(self):
        return str(self).partition(".")[2]

    def _one_by_one(self):
        msg = f"{self} stands for all objects at once."
        raise AweTypeError(msg, remedy=f"The values of a query q: q.table({self._column!r})")

    __iter__ = __len__ = __float__ = __int__ = __abs__ = __neg__ = _one_by_one

    def _no_arithmetic(self, other):
        msg = f"{self} cannot be computed with in a query: it is compared as it stands."
        raise AweTypeError(
            msg,
            remedy="Compute on the other side, as in A.x > 6 / 2, or with the values of a query q: "
            f"q.table({self._column!r})",
        )

    __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = _no_arithmetic
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = _no_arithmetic
    __rpow__ = _no_arithmetic

    def __and__(self, other):
        missing_parentheses(self, _short(other))

    def __or__(self, other):
        missing_parentheses(self, _short(other), "|")

    def __rand__(self, other):
        missing_parentheses(_short(other), self)

    def __ror__(self, other):
        missing_parentheses(_short(other), self, "|")

    def __invert__(self):
        msg = f"~{self}: only a condition can be negated, such as ~({self} == 1)."
        raise AweTypeError(msg)


class Term(Askable):
    """An attribute in a query: compare it, or go on to the attributes behind it.

    Parameters
    ----------
    path : Path
        The way to the attribute.
    """

    def __init__(self, path):
        self._path = path

    @property
    def __doc__(self):
        return self._path.attribute.__doc__

    def __repr__(self):
        return f"<{self._path}: {self._path.attribute.__doc__}>"

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return Term(self._path.step(name))

    def __dir__(self):
        kind = self._path.kind
        if isinstance(kind, ListKind) and isinstance(kind.item, OwnedKind):
            kind = kind.item
        return sorted([*attributes_behind(kind), *QUERY_METHODS])

    def __str__(self):
        return str(self._path)

    __hash__ = object.__hash__

    # --- comparisons ---

    def __eq__(self, other):
        return self._query(self._equal(other))

    def __ne__(self, other):
        return self._query(ex.Not(self._equal(other), f"{self._path} != {_short(other)}"))

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
        self._need((StrKind,), "like")
        if not isinstance(pattern, str):
            msg = f"{self._path}.like takes a text with * and ?, not {pattern!r}."
            raise AweTypeError(msg)
        return self._query(self._compare("like", pattern, f"{self._path}.like({pattern!r})"))

    def in_(self, values):
        """Find values that are among several.

        Parameters
        ----------
        values : iterable
            The values; for a link the objects.

        Returns
        -------
        Query
            The objects whose value is one of them.
        """
        kind = self._need((*_SCALARS, LinkKind), "in_")
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            msg = f"{self._path}.in_ takes a list of values, not {values!r}."
            raise AweTypeError(msg)
        values = list(values)
        text = f"{self._path}.in_({_short(values)})"
        raws = [self._raw(v, "in_") for v in values if v is not None]
        spec = "link" if isinstance(kind, LinkKind) else kind.spec
        return self._query(self._compare("in", values_among(spec, raws), text))

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
        self._need((DatetimeKind, FloatKind, IntKind, StrKind), "between")
        bounds = (self._raw(low, "between"), self._raw(high, "between"))
        text = f"{self._path}.between({low!r}, {high!r})"
        return self._query(self._compare("between", bounds, text))

    def contains(self, item):
        """Find lists that contain a value or an object.

        Parameters
        ----------
        item : object
            What the list must contain.

        Returns
        -------
        Query
            The objects whose list contains it.
        """
        kind = self._need_list()
        text = f"{self._path}.contains({_short(item)})"
        if item is None:
            msg = f"{self._path}.contains takes {kind.item.takes}, not None."
            raise AweTypeError(msg)
        value = _comparable(kind.item, item, f"{self._path}.contains")
        return self._query(ex.Contains(self._path, value, text))

    def __getitem__(self, key):
        if not isinstance(self._path.kind, DictKind):
            msg = f"{self._path} is no dict; only a dict has keys."
            raise AweTypeError(msg)
        if not isinstance(key, str):
            msg = f"The keys of {self._path} are texts, not {type(key).__name__} {key!r}."
            raise AweTypeError(msg)
        from awe.store.keys import KeyTerm, column_of_key

        column = column_of_key(self._path, key)
        return KeyTerm(self._path, key) if column is None else Term(column)

    def __contains__(self, value):
        msg = f"`in` asks for one answer, {self._path} stands for all objects at once."
        raise AweTypeError(msg, remedy=f"Ask {self._path}.contains(value) or .in_([...]).")

    # --- how ---

    def _query(self, condition):
        return _query_class()(self._path.cls, condition)

    def _compare(self, op, value, text):
        return ex.Compare(self._path, op, value, text)

    def _equal(self, other):
        if isinstance(other, Term):
            msg = f"{self._path} is compared with a value, not with the attribute {other._path}."
            raise AweTypeError(msg)
        kind = self._path.kind
        if isinstance(kind, ListKind):
            self._no_list("==")
        if other is None:
            return self._is_none()
        if isinstance(kind, OwnedKind) or kind.child:
            msg = f"{self._path} can be compared with None; compare its fields with values."
            raise AweTypeError(msg)
        return self._compare("==", self._raw(other, "=="), _Text(self._path, "==", other))

    def _is_none(self):
        kind = self._path.kind
        there = f"{self._path} != None"
        if isinstance(kind, OwnedKind) or kind.child:
            has = self._compare("==", True, there)
        else:
            has = self._compare("has", None, there)
        return ex.Not(has, f"{self._path} == None")

    def _ordered(self, op, other):
        self._need((DatetimeKind, FloatKind, IntKind, StrKind, BoolKind), op)
        if other is None:
            msg = f"{self._path} {op} None has no meaning; ask {self._path} == None."
            raise AweTypeError(msg)
        text = _Text(self._path, op, other)
        return self._query(self._compare(op, self._raw(other, op), text))

    def _raw(self, value, op):
        if value is None:
            msg = f"{self._path} {op} takes {self._path.kind.takes}, not None."
            raise AweTypeError(msg)
        kind = self._path.kind
        if (
            isinstance(kind, LinkKind)
            and isinstance(value, str)
            and "name" in kind.target._attributes
        ):
            msg = f"{self._path} {op} takes {kind.takes}, not str {value!r}."
            raise AweTypeError(msg, remedy=f"By its name: {self._path}.name {op} {value!r}")
        return _comparable(kind, value, _Place(self._path, op))

    def _need(self, kinds, op):
        kind = self._path.kind
        if isinstance(kind, ListKind):
            self._no_list(op)
        if not isinstance(kind, kinds):
            hint = ""
            if isinstance(kind, (LinkKind, OwnedKind)):
                names = ", ".join(list(attributes_behind(kind))[:5])
                hint = f" Go on to one of its attributes: {names} ..."
            what = with_article(self._path.attribute.type_text())
            msg = f"{self._path} is {what}, which has no {op}.{hint}"
            raise AweTypeError(msg)
        return kind

    def _need_list(self):
        kind = self._path.kind
        if not isinstance(kind, ListKind):
            msg = f"{self._path} is no list ({self._path.attribute.type_text()}); use ==."
            raise AweTypeError(msg)
        if isinstance(kind.item, OwnedKind):
            msg = f"{self._path} is a list of records; ask one of their fields: {self._path}.<TAB>"
            raise AweTypeError(msg)
        return kind

    def _no_list(self, op):
        msg = f"{self._path} is a list, which has no {op}; ask {self._path}.contains(value)."
        raise AweTypeError(msg)


@functools.cache
def _query_class():
    # Queries know terms; to import them each time would cost more than the query.
    from awe.store.query import Query

    return Query


class _Place:
    """Where a value stands, for the message of an error."""

    def __init__(self, path, op):
        self._parts = (path, op)

    def __str__(self):
        return " ".join(map(str, self._parts))


class _Text:
    """How the user would write a comparison; most are never shown."""

    def __init__(self, path, op, other):
        self._parts = (path, op, other)

    def __str__(self):
        path, op, other = self._parts
        return f"{path} {op} {_short(other)}"


def _comparable(kind, value, where):
    """Give the raw form of a value that is compared; numbers need not be of the same type."""
    if isinstance(kind, (IntKind, FloatKind)):
        number = to_python(value)
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            kind.wrong(value, where)
        return number
    if isinstance(kind, LinkKind):
        coerced = kind.coerce(value, where)
        return coerced._packed
    return kind.to_raw(kind.coerce(value, where))


def _short(value):
    text = str(value) if isinstance(value, Askable) else repr(value)
    return text if len(text) <= 70 else text[:67] + "..."
