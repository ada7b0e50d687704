"""Columns as plain values, and back: what a record of the store keeps of a column."""

import numpy as np

from awe.store.columns import DTYPES, ListColumn, NumberColumn, TextColumn

__all__ = ["pack_column", "unpack_column"]

_UNSIGNED = (np.uint8, np.uint16, np.uint32, np.uint64)


class _Words:
    """The sorted dictionary of a text column, decoded word by word when asked."""

    def __init__(self, ends, blob):
        self._ends = ends
        self._blob = blob
        self._all = None

    def __len__(self):
        return len(self._ends)

    def __getitem__(self, at):
        if self._all is not None:
            return self._all[at]
        start = self._ends[at - 1] if at else 0
        return self._blob[start : self._ends[at]].decode()

    def __iter__(self):
        if self._all is None:
            ends = self._ends.tolist()
            runs = map(slice, [0, *ends[:-1]], ends)
            blob = self._blob
            # A place in ASCII is the same place in the text, which is decoded once.
            text = blob.decode() if blob.isascii() else None
            self._all = (
                [text[run] for run in runs] if text is not None
                else [blob[run].decode() for run in runs]
            )  # fmt: skip
        return iter(self._all)


def pack_column(column):
    """Write a column as plain values.

    Parameters
    ----------
    column : column
        What to write.

    Returns
    -------
    tuple
        Texts, numbers, bytes and tuples; `unpack_column` reads it.
    """
    if isinstance(column, TextColumn):
        words, codes = column.used()
        encoded = list(map(str.encode, words))
        ends = np.cumsum(list(map(len, encoded)), dtype=np.int64)
        return ("str", _pack_whole(ends), b"".join(encoded), _pack_whole(codes))
    if isinstance(column, ListColumn):
        return ("list", _pack_whole(column.ends), pack_column(column.items))
    nulls = None if column.nulls is None else np.packbits(column.nulls).tobytes()
    if column.values.dtype.kind == "i":
        values = _pack_whole(column.values)
    else:
        values = (len(column), column.values.dtype.str, 0, column.values.tobytes())
    return (column.spec, values, nulls)


def _pack_whole(values):
    """Keep whole numbers as their least value and small unsigned differences."""
    if len(values) == 0:
        return (0, "|u1", 0, b"")
    low = int(values.min())
    span = int(values.max()) - low
    if span >= 2**63:
        return (len(values), values.dtype.str, 0, values.tobytes())
    dtype = next(d for d in _UNSIGNED if span <= np.iinfo(d).max)
    return (len(values), np.dtype(dtype).str, low, (values - low).astype(dtype).tobytes())


def _unpack_whole(packed, dtype=np.int64):
    _, stored, low, data = packed
    values = np.frombuffer(data, np.dtype(stored)).astype(dtype)
    return values + dtype(low) if low else values


def unpack_column(packed):
    """Read a column that `pack_column` wrote.

    Parameters
    ----------
    packed : tuple
        The plain values.

    Returns
    -------
    column
        The column.
    """
    spec = packed[0]
    if spec == "str":
        words = _Words(_unpack_whole(packed[1]), packed[2])
        return TextColumn(words, _unpack_whole(packed[3], np.int32))
    if spec == "list":
        return ListColumn(_unpack_whole(packed[1]), unpack_column(packed[2]))
    count = packed[1][0]
    if DTYPES[spec] is np.int64:
        values = _unpack_whole(packed[1])
    else:
        values = np.frombuffer(packed[1][3], np.dtype(packed[1][1]))
    nulls = None
    if packed[2] is not None:
        bits = np.unpackbits(np.frombuffer(packed[2], np.uint8), count=count)
        nulls = bits.astype(bool)
    return NumberColumn(spec, values, nulls)
