"""Kinds of attribute: what a value may be, and how it is kept in a record.

A value has two forms: the one the user sees (``datetime``, an object, a tuple) and the raw one in
the record (None, bool, int, float, str, bytes and tuples of these).
"""

import datetime
import types

import numpy as np

from awe.base.errors import AweError, AweTypeError, AweValueError
from awe.base.utc import from_microseconds, to_microseconds, to_utc
from awe.store import plain, registry

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

_INT64 = 2**63


class Table:
    """Stands for a table of columns where an attribute is declared; values are astropy Tables."""


class Kind:
    """What an attribute takes and how its value is kept.

    Attributes
    ----------
    spec : str or tuple
        The kind as the store's schema records it.
    takes : str
        What it takes, for the person who got it wrong.
    child : bool
        Whether the value is a record of its own, loaded when touched.
    """

    spec = ""
    takes = ""
    child = False
    ordered = True

    def coerce(self, value, where):
        """Give the value in its own type, or raise; only lossless changes are made."""
        raise NotImplementedError

    def to_raw(self, value):
        """Give the raw form of a coerced value."""
        return value

    def to_value(self, raw, session, spec=None):
        """Give the user's form of a raw value."""
        return raw

    def links(self, value):
        """Give the objects that a coerced value links to."""
        return ()

    def may_link(self):
        """Tell whether a value can link to objects."""
        return False

    def raw_converter(self):
        """Give the function to the raw form, None where a value is its own raw form."""
        return None if type(self).to_raw is Kind.to_raw else self.to_raw

    def wrong(self, value, where):
        """Raise the error that names the attribute and what it takes."""
        msg = f"{where} takes {self.takes}, not {type(value).__name__} {_short(value)}."
        raise AweTypeError(msg)


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _scalar(value):
    return value.item() if isinstance(value, np.generic) else value


class BoolKind(Kind):
    """True or False."""

    spec = "bool"
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
    takes = "a whole number (int)"

    def coerce(self, value, where):
        """Take an int, a NumPy integer, but no bool and no float."""
        if value is None or (type(value) is int and -_INT64 <= value < _INT64):
            return value
        value = _scalar(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return self.wrong(value, where)
        if not -_INT64 <= value < _INT64:
            msg = f"{where} takes whole numbers of 64 bits, {value} is beyond them."
            raise AweValueError(msg)
        return int(value)


class FloatKind(Kind):
    """A number in double precision."""

    spec = "float"
    takes = "a number (float)"

    def coerce(self, value, where):
        """Take a float, or an int or NumPy number that a float holds exactly."""
        if value is None or type(value) is float:
            return value
        value = _scalar(value)
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
    takes = "a text (str)"

    def coerce(self, value, where):
        """Take a str that UTF-8 can hold."""
        if value is None:
            return None
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
    takes = "a time (datetime, astropy Time or ISO 8601 text)"

    def coerce(self, value, where):
        """Take what `awe.base.utc.to_utc` takes."""
        if value is None:
            return None
        try:
            return to_utc(value)
        except AweError as err:
            msg = f"{where}: {err}"
            raise type(err)(msg) from err

    def to_raw(self, value):
        """Give microseconds since 1970 UTC."""
        return None if value is None else to_microseconds(value)

    def to_value(self, raw, session, spec=None):
        """Give a naive datetime in UTC."""
        return None if raw is None else from_microseconds(raw)


class LinkKind(Kind):
    """Another object of the store."""

    ordered = False

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
        return f"a {self.target_name} object"

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

    def to_value(self, raw, session, spec=None):
        """Give the object, or a placeholder where it may not be seen."""
        return None if raw is None else session.follow(raw)

    def may_link(self):
        """Tell that it can."""
        return True

    def links(self, value):
        """Give the object itself."""
        return () if value is None else (value,)


class ListKind(Kind):
    """Several values of one kind, as a tuple."""

    ordered = False

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

    ordered = False

    def __init__(self, record_class):
        self.record_class = record_class

    @property
    def spec(self):
        """The kind as the schema records it, with its fields."""
        fields = self.record_class._attributes.values()
        return ("owned", self.record_class.__name__, tuple((f.name, f.kind.spec) for f in fields))

    @property
    def takes(self):
        """What the attribute takes."""
        return f"a {self.record_class.__name__}"

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
        values = value._values
        return tuple(f.kind.to_raw(values[n]) for n, f in self.record_class._attributes.items())

    def may_link(self):
        """Tell whether a field can."""
        return any(f.kind.may_link() for f in self.record_class._attributes.values())

    def links(self, value):
        """Give the objects that the fields link to."""
        if value is None:
            return ()
        fields = self.record_class._attributes.items()
        return tuple(o for n, f in fields for o in f.kind.links(value._values[n]))

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
        return self.record_class._from_values(values)


class ChildKind(Kind):
    """A value that is a record of its own: it has no column and is loaded when touched."""

    child = True
    ordered = False

    def pack(self, value):
        """Give the bytes of the child record."""
        return plain.dumps(value)

    def unpack(self, data):
        """Give the user's form, read-only."""
        return plain.loads(data)


class DictKind(ChildKind):
    """A mapping of texts to plain values."""

    spec = "dict"
    takes = "a dict of plain values"

    def coerce(self, value, where):
        """Take a mapping with texts as keys."""
        if value is None:
            return None
        if not hasattr(value, "items"):
            return self.wrong(value, where)
        return _read_only(plain.to_plain(value, where))

    def pack(self, value):
        """Give the bytes of the dict."""
        return plain.dumps(_thaw(value))

    def unpack(self, data):
        """Give the dict as a read-only view."""
        return _read_only(plain.loads(data))


def _read_only(value):
    if isinstance(value, dict):
        return types.MappingProxyType({k: _read_only(v) for k, v in value.items()})
    return value


def _thaw(value):
    if hasattr(value, "items"):
        return {k: _thaw(v) for k, v in value.items()}
    return value


class ArrayKind(ChildKind):
    """A NumPy array of numbers, bools or datetimes."""

    spec = "array"
    takes = "a NumPy array of numbers"

    def coerce(self, value, where):
        """Take what NumPy makes an array of numbers of; keep a copy that is not writeable."""
        if value is None:
            return None
        array = np.array(value)
        if array.dtype.kind not in "biufcMm":
            return self.wrong(value, where)
        array.flags.writeable = False
        return array

    def pack(self, value):
        """Give type, shape and bytes."""
        return plain.dumps((value.dtype.str, value.shape, value.tobytes()))

    def unpack(self, data):
        """Give the array, not writeable."""
        dtype, shape, buffer = plain.loads(data)
        return np.frombuffer(buffer, dtype=np.dtype(dtype)).reshape(shape)


class TableKind(ChildKind):
    """An astropy Table, kept column by column with units and masks."""

    spec = "table"
    takes = "an astropy Table"

    def coerce(self, value, where):
        """Take an astropy Table (a copy of it is kept) or a mapping of columns."""
        if value is None:
            return None
        from astropy.table import Table as AstropyTable

        if not isinstance(value, AstropyTable) and not hasattr(value, "items"):
            return self.wrong(value, where)
        table = AstropyTable(value, copy=True)
        for name in table.colnames:
            if table[name].dtype.kind not in "biufcMmUS":
                msg = f"{where}: column {name!r} of type {table[name].dtype} cannot be stored."
                raise AweTypeError(msg)
        return table

    def pack(self, value):
        """Give names, units, values and masks of the columns."""
        columns = []
        for name in value.colnames:
            column = value[name]
            mask = getattr(column, "mask", None)
            values = np.ma.getdata(np.asanyarray(column)) if mask is not None else column
            values = np.ascontiguousarray(np.asarray(values))
            packed_mask = None if mask is None else np.asarray(mask).tobytes()
            unit = None if column.unit is None else str(column.unit)
            head = (name, unit, column.description, values.dtype.str, values.shape)
            columns.append((*head, values.tobytes(), packed_mask))
        meta = plain.to_plain(dict(value.meta), "the meta of a table")
        return plain.dumps((tuple(columns), meta))

    def unpack(self, data):
        """Give a new astropy Table; changing it does not change the store."""
        from astropy.table import Column, MaskedColumn
        from astropy.table import Table as AstropyTable

        columns, meta = plain.loads(data)
        table = AstropyTable(meta=meta)
        for name, unit, description, dtype, shape, buffer, mask in columns:
            values = np.frombuffer(buffer, dtype=np.dtype(dtype)).reshape(shape).copy()
            if mask is None:
                table[name] = Column(values, unit=unit, description=description)
            else:
                masked = np.frombuffer(mask, dtype=bool).reshape(shape)
                table[name] = MaskedColumn(
                    values, mask=masked, unit=unit, description=description
                )
        return table


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
        records; dict, numpy.ndarray, `Table`; or a list with one of the scalars, classes or
        owned records in it.
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
