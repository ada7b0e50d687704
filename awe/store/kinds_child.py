"""Kinds whose values are records of their own: dicts, arrays and tables."""

from collections.abc import Mapping

import numpy as np

from awe.base.errors import AweTypeError
from awe.store import plain
from awe.store.coded import Codec, register_codec, thaw, to_frozen, unpack_frozen
from awe.store.kind import Kind

__all__ = ["ArrayKind", "ChildKind", "DictKind", "Table", "TableKind"]


class Table:
    """Stands for a table of columns where an attribute is declared; values are astropy Tables."""


class ChildKind(Kind):
    """A value that is a record of its own: it has no column and is loaded when touched."""

    child = True

    def pack(self, value):
        """Give the bytes of the child record."""
        return plain.dumps(value)

    def unpack(self, data):
        """Give the user's form, read-only."""
        return plain.loads(data)

    def editable(self, value):
        """Give a copy that may be changed."""
        return value


class DictKind(ChildKind):
    """A mapping of texts to plain values, tables, and what else there is a codec for."""

    spec = "dict"
    takes = "a dict of plain values"

    def coerce(self, value, where):
        """Take a mapping with texts as keys."""
        if value is None:
            return None
        if not hasattr(value, "items"):
            return self.wrong(value, where)
        frozen = to_frozen(value, where)
        # A table by itself is a mapping of its columns.
        return frozen if isinstance(frozen, Mapping) else to_frozen(dict(value.items()), where)

    def pack(self, value):
        """Give the bytes of the dict."""
        return plain.dumps(thaw(value))

    def unpack(self, data):
        """Give the dict as a read-only view."""
        return unpack_frozen(plain.loads(data))

    def editable(self, value):
        """Give a dict of the same items."""
        return dict(value or {})


class ArrayKind(ChildKind):
    """A NumPy array of numbers, bools or datetimes."""

    spec = "array"
    takes = "a NumPy array of numbers"

    def coerce(self, value, where):
        """Take what NumPy makes an array of numbers of; keep a copy that is not writeable."""
        if value is None:
            return None
        if isinstance(value, np.ma.MaskedArray) or getattr(value, "unit", None) is not None:
            msg = (
                f"{where} takes plain arrays: the mask or unit of this {type(value).__name__} "
                "would be lost."
            )
            raise AweTypeError(msg)
        try:
            array = np.array(value)
        except ValueError:
            return self.wrong(value, where)
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
        return np.ndarray(shape, np.dtype(dtype), buffer)

    def editable(self, value):
        """Give a copy that is writeable."""
        return np.array(value)


class TableKind(ChildKind):
    """An astropy Table, kept column by column with units and masks."""

    spec = "table"
    copied = True
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
            kind = getattr(getattr(table[name], "dtype", None), "kind", "O")
            if kind not in "biufcMmUS":
                msg = f"{where}: column {name!r} of {type(table[name]).__name__} cannot be stored."
                raise AweTypeError(msg)
        plain.to_plain(dict(table.meta), f"the meta of {where}")
        return table

    def pack(self, value):
        """Give names, units, values and masks of the columns."""
        columns = tuple(_pack_column(value[name]) for name in value.colnames)
        return plain.dumps((columns, plain.to_plain(dict(value.meta), "the meta of a table")))

    def unpack(self, data):
        """Give a new astropy Table; changing it does not change the store."""
        from astropy.table import Table as AstropyTable

        columns, meta = plain.loads(data)
        table = AstropyTable(meta=meta)
        for packed in columns:
            column = _unpack_column(packed)
            table[column.name] = column
        return table

    def editable(self, value):
        """Give a copy of the table."""
        return value.copy()


def _pack_column(column):
    mask = getattr(column, "mask", None)
    values = np.ma.getdata(np.asanyarray(column)) if mask is not None else column
    values = np.ascontiguousarray(np.asarray(values)).reshape(values.shape)
    packed_mask = None if mask is None else np.asarray(mask).tobytes()
    unit = None if column.unit is None else str(column.unit)
    head = (column.name, unit, column.description, values.dtype.str, values.shape)
    return (*head, values.tobytes(), packed_mask)


def _unpack_column(packed):
    from astropy.table import Column, MaskedColumn

    name, unit, description, dtype, shape, buffer, mask = packed
    values = np.ndarray(shape, np.dtype(dtype), buffer).copy()
    extra = {"name": name, "unit": unit, "description": description}
    if mask is None:
        return Column(values, **extra)
    return MaskedColumn(values, mask=np.ndarray(shape, bool, mask), **extra)


class _TableCodec(Codec):
    """Lets a dict hold astropy Tables."""

    name = "table"

    def takes(self, type_):
        """Tell whether a type is astropy's Table, which need not be imported for that."""
        return any(
            c.__name__ == "Table" and c.__module__.startswith("astropy.") for c in type_.__mro__
        )

    def freeze(self, value, where):
        """Give a copy."""
        return TableKind().coerce(value, where)

    def give(self, value):
        """Give a copy."""
        return value.copy()

    def pack(self, value):
        """Give the bytes that an attribute of tables has."""
        return TableKind().pack(value)

    def unpack(self, packed):
        """Give a new table."""
        return TableKind().unpack(packed)


class _ArrayCodec(Codec):
    """Lets a dict hold NumPy arrays of numbers."""

    name = "array"

    def takes(self, type_):
        """Tell whether a type is that of arrays."""
        return type_ is np.ndarray

    def freeze(self, value, where):
        """Give a copy that is not writeable; an array of texts becomes a tuple."""
        if value.dtype.kind not in "biufcMm":
            return plain.to_plain(value, where)
        return ArrayKind().coerce(value, where)

    def pack(self, value):
        """Give the bytes that an attribute of arrays has."""
        return ArrayKind().pack(value)

    def unpack(self, packed):
        """Give the array, not writeable."""
        return ArrayKind().unpack(packed)


register_codec(_TableCodec())
register_codec(_ArrayCodec())
