"""Kinds of attribute: what a value may be, and how it is kept in a record.

A value has two forms: the one the user sees (``datetime``, an object, a tuple) and the raw one in
the record (None, bool, int, float, str, bytes and tuples of these).
"""

import datetime
from operator import attrgetter

import numpy as np

from awe.base.errors import AweError, AweTypeError, AweValueError
from awe.base.utc import from_microseconds, to_microseconds, to_utc
from awe.store import registry
from awe.store.kind import Kind, RawReader, to_python, with_article
from awe.store.kinds_child import ArrayKind, DictKind, Table, TableKind

__all__ = [
    "ArrayKind",
    "BoolKind",
    "DatetimeKind",
    "DictKind",
    "FloatKind",
    "IntKind",
    "Kind",
    "LinkKind",
    "ListKind",
    "OwnedKind",
    "StrKind",
    "Table",
    "TableKind",
    "kind_of",
]

_LEAST, _GREATEST = -(2**63), 2**63 - 1


class BoolKind(Kind):
    """True or False."""

    spec = "bool"
    serves = "_type({0}) is _bool"
    takes = "True or False"

    def coerce(self, value, where):
        """Take a bool or a NumPy bool."""
        if value is None or type(value) is bool:
            return value
        if isinstance(value, np.bool_):
            return bool(value)
        return self.wrong(value, where)


class IntKind(Kind):
    """A whole number of 64 bits."""

    spec = "int"
    serves = f"_type({{0}}) is _int and {_LEAST} <= {{0}} <= {_GREATEST}"
    takes = "a whole number (int)"

    def coerce(self, value, where):
        """Take an int, a NumPy integer, but no bool and no float."""
        if value is None or (type(value) is int and _LEAST <= value <= _GREATEST):
            return value
        value = to_python(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return self.wrong(value, where)
        if not _LEAST <= value <= _GREATEST:
            msg = f"{where} takes whole numbers of 64 bits, {value} is beyond them."
            raise AweValueError(msg)
        return int(value)


class FloatKind(Kind):
    """A number in double precision."""

    spec = "float"
    serves = "_type({0}) is _float"
    takes = "a number (float)"

    def coerce(self, value, where):
        """Take a float, or an int or NumPy number that a float holds exactly."""
        if value is None or type(value) is float:
            return value
        value = to_python(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self.wrong(value, where)
        try:
            number = float(value)
        except OverflowError:
            number = None
        if number is None or (isinstance(value, int) and int(number) != value):
            msg = f"{where} is a float, which cannot hold {value} exactly."
            raise AweValueError(msg)
        return number

    def to_value(self, raw, session, spec=None):
        """Give a float, also where the attribute was an int before."""
        return raw if raw is None else float(raw)


class StrKind(Kind):
    """A text."""

    spec = "str"
    serves = "_type({0}) is _str and {0}.isascii()"
    takes = "a text (str)"

    def coerce(self, value, where):
        """Take a str that UTF-8 can hold."""
        if value is None or (type(value) is str and value.isascii()):
            return value
        if not isinstance(value, str):
            return self.wrong(value, where)
        value = str(value)
        try:
            value.encode()
        except UnicodeEncodeError as err:
            msg = f"{where} takes texts in UTF-8, {value!r} has a lone surrogate."
            raise AweValueError(msg) from err
        return value


class DatetimeKind(Kind):
    """A date and time in UTC."""

    spec = "datetime"
    serves = "_type({0}) is _datetime and {0}.tzinfo is None"
    takes = "a time (datetime, astropy Time or ISO 8601 text)"

    def coerce(self, value, where):
        """Take what `awe.base.utc.to_utc` takes."""
        if value is None or (type(value) is datetime.datetime and value.tzinfo is None):
            return value
        if isinstance(value, np.datetime64):
            value = _from_datetime64(value, where)
        try:
            return to_utc(value)
        except AweError as err:
            msg = f"{where}: {err}"
            raise type(err)(msg) from err

    def to_raw(self, value):
        """Give microseconds since 1970 UTC."""
        return None if value is None else to_microseconds(value)

    def raw_converter(self):
        """Give the function to microseconds."""
        return to_microseconds

    def to_value(self, raw, session, spec=None):
        """Give a naive datetime in UTC."""
        return None if raw is None else from_microseconds(raw)


def _from_datetime64(value, where):
    """Give the datetime of NumPy's, where microseconds and the years 1 to 9999 hold it."""
    exact = value.astype("datetime64[us]")
    when = exact.item()
    if np.isnat(value) or exact != value or not isinstance(when, datetime.datetime):
        msg = f"{where} is a datetime, which cannot hold {value!r} exactly."
        raise AweValueError(msg)
    return when


class LinkKind(Kind):
    """Another object of the store."""

    def __init__(self, target):
        self._target = target

    @property
    def target(self):
        """The class that the link points to."""
        if isinstance(self._target, str):
            self._target = registry.find_class(self._target)
        return self._target

    @property
    def target_name(self):
        """The name of the class that the link points to."""
        return self._target if isinstance(self._target, str) else self._target.__name__

    @property
    def spec(self):
        """The kind as the schema records it."""
        return ("link", self.target_name)

    @property
    def takes(self):
        """What the link takes."""
        return f"{with_article(self.target_name)} object"

    def coerce(self, value, where):
        """Take an object of the target class or of one of its subclasses."""
        if value is None or isinstance(value, self.target):
            return value
        if getattr(value, "is_placeholder_for", lambda cls: False)(self.target):
            return value
        return self.wrong(value, where)

    def to_raw(self, value):
        """Give the number of the object's row in the store."""
        return None if value is None else value._packed

    def raw_converter(self):
        """Give the function to the number."""
        return _number_of

    def to_value(self, raw, session, spec=None):
        """Give the object, or a placeholder where it may not be seen."""
        return None if raw is None else session.follow(raw)

    def may_link(self):
        """Tell that it can."""
        return True

    def links(self, value):
        """Give the object itself."""
        return () if value is None else (value,)


_number_of = attrgetter("_packed")
_values_of = attrgetter("_held")


class ListKind(Kind):
    """Several values of one kind, as a tuple."""

    def __init__(self, item):
        self.item = item

    @property
    def spec(self):
        """The kind as the schema records it."""
        return ("list", self.item.spec)

    @property
    def takes(self):
        """What the list takes."""
        return f"a list, each item {self.item.takes}"

    def coerce(self, value, where):
        """Take any iterable but a text; None is an empty list."""
        if value is None:
            return ()
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
            return self.wrong(value, where)
        items = tuple(self.item.coerce(v, where) for v in value)
        if not isinstance(self.item, (FloatKind, IntKind, StrKind)) and None in items:
            msg = f"{where} takes a list without None in it."
            raise AweTypeError(msg)
        return items

    def to_raw(self, value):
        """Give the raw forms as a tuple."""
        return tuple(self.item.to_raw(v) for v in value) if value else ()

    def to_value(self, raw, session, spec=None):
        """Give the values as a tuple."""
        item_spec = spec[1] if spec else None
        return tuple(self.item.to_value(r, session, item_spec) for r in raw or ())

    def may_link(self):
        """Tell whether the items can."""
        return self.item.may_link()

    def links(self, value):
        """Give the objects that the items link to."""
        return tuple(o for v in value or () for o in self.item.links(v))


class OwnedKind(Kind):
    """A record that lives inside its owner."""

    def __init__(self, record_class):
        self.record_class = record_class
        self._reader = None

    @property
    def spec(self):
        """The kind as the schema records it, with its fields."""
        fields = self.record_class._attributes.values()
        return ("owned", self.record_class.__name__, tuple((f.name, f.kind.spec) for f in fields))

    @property
    def takes(self):
        """What the attribute takes."""
        return with_article(self.record_class.__name__)

    def coerce(self, value, where):
        """Take a record of the class, or a dict of its fields."""
        if value is None or isinstance(value, self.record_class):
            return value
        if isinstance(value, dict):
            return self.record_class(**value)
        return self.wrong(value, where)

    def to_raw(self, value):
        """Give the raw forms of the fields as a tuple."""
        if value is None:
            return None
        if self._reader is None:
            fields = self.record_class._attributes.values()
            self._reader = RawReader(f.kind.raw_converter() for f in fields)
        return self._reader(value._held)

    def raw_converter(self):
        """Give the function to the tuple, the very one of the record where all fields are raw."""
        fields = self.record_class._attributes.values()
        if all(f.kind.raw_converter() is None for f in fields):
            return _values_of
        return self.to_raw

    def may_link(self):
        """Tell whether a field can."""
        return any(f.kind.may_link() for f in self.record_class._attributes.values())

    def links(self, value):
        """Give the objects that the fields link to."""
        if value is None:
            return ()
        fields = self.record_class._attributes.values()
        pairs = zip(fields, value._held, strict=True)
        return tuple(o for f, held in pairs for o in f.kind.links(held))

    def to_value(self, raw, session, spec=None):
        """Give the record; fields that it did not have yet get their default."""
        if raw is None:
            return None
        attributes = self.record_class._attributes
        found = dict(zip((spec or self.spec)[2], raw, strict=True))
        by_name = {name: (field_spec, r) for (name, field_spec), r in found.items()}
        values = {}
        for name, field in attributes.items():
            if name in by_name:
                field_spec, field_raw = by_name[name]
                values[name] = field.kind.to_value(field_raw, session, field_spec)
            else:
                values[name] = field.initial()
        return self.record_class._from_values(tuple(values.values()))


_SCALARS = {
    bool: BoolKind,
    int: IntKind,
    float: FloatKind,
    str: StrKind,
    datetime.datetime: DatetimeKind,
}
_CHILDREN = {dict: DictKind, np.ndarray: ArrayKind, Table: TableKind}


def kind_of(declared, where):
    """Find the kind that a declaration means.

    Parameters
    ----------
    declared : type, str or list of one of these
        bool, int, float, str, datetime; a persistent class or its name; a class of owned
        records; dict, numpy.ndarray, `Table`; a list with one of the scalars, classes or
        owned records in it; or a kind of the author's own, a subclass of `Kind`.
    where : str
        The class and attribute, for the error.

    Returns
    -------
    Kind
        The kind.
    """
    if isinstance(declared, list) and len(declared) == 1:
        item = kind_of(declared[0], where)
        if item.child or isinstance(item, ListKind):
            msg = f"{where}: a list holds scalars, links or owned records."
            raise AweTypeError(msg)
        return ListKind(item)
    if isinstance(declared, str):
        return LinkKind(declared)
    if declared in _SCALARS:
        return _SCALARS[declared]()
    if declared in _CHILDREN:
        return _CHILDREN[declared]()
    if isinstance(declared, type) and issubclass(declared, Kind):
        return declared()
    if isinstance(declared, type) and getattr(declared, "_is_owned_record", False):
        return OwnedKind(declared)
    if isinstance(declared, type) and getattr(declared, "_is_persistent_class", False):
        return LinkKind(declared)
    if getattr(declared, "__module__", "").startswith("astropy.table"):
        return TableKind()
    msg = (
        f"{where} cannot be declared as {declared!r}: a type is bool, int, float, str, datetime, "
        "a persistent class or its name, a class of owned records, a list of one of these, "
        "dict, numpy.ndarray or Table."
    )
    raise AweTypeError(msg)
