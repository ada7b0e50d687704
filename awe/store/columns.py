"""Columns: the values of one attribute for a run of rows, as NumPy arrays.

Three forms exist: numbers (also bools, times and links), texts (a sorted dictionary and a code
per row) and lists (offsets and a column of all items). Each answers comparisons with a mask that
is False where the value is missing, and can be written as plain values and read back.
"""

import bisect
import fnmatch
import math
import re

import numpy as np

__all__ = [
    "ListColumn",
    "NumberColumn",
    "TextColumn",
    "column_from_values",
    "columns_from_rows",
    "concatenate",
    "constant_column",
    "pack_column",
    "unpack_column",
]

_DTYPES = {
    "bool": np.bool_,
    "present": np.bool_,
    "int": np.int64,
    "datetime": np.int64,
    "link": np.int64,
    "float": np.float64,
}
_UNSIGNED = (np.uint8, np.uint16, np.uint32, np.uint64)
_LONGEST_ZONE_TEXT = 100
# Beyond this range a table of one byte per possible link costs more than sorting.
_LARGEST_LOOKUP = 1 << 22


class NumberColumn:
    """Numbers, bools, times (microseconds) or links (packed row numbers).

    Parameters
    ----------
    spec : str
        'bool', 'present', 'int', 'datetime', 'link' or 'float'.
    values : numpy.ndarray
        One per row; anything where the row is null.
    nulls : numpy.ndarray of bool, optional
        True where the value is None. By default no value is.
    """

    def __init__(self, spec, values, nulls=None):
        self.spec = spec
        self.values = values
        self.nulls = nulls

    def __len__(self):
        return len(self.values)

    def missing(self):
        """Give the mask of rows that are None or NaN, or None where there are none."""
        if self.spec != "float":
            return self.nulls
        nan = np.isnan(self.values)
        if self.nulls is not None:
            nan |= self.nulls
        return nan if nan.any() else None

    def not_missing(self):
        """Give the mask of rows that have a value that compares."""
        missing = self.missing()
        return np.ones(len(self), bool) if missing is None else ~missing

    def compare(self, op, value):
        """Compare each row with a value.

        Parameters
        ----------
        op : str
            '==', '<', '<=', '>' or '>='.
        value : int, float or bool
            The raw value.

        Returns
        -------
        numpy.ndarray of bool
            False where the row is missing.
        """
        if self.spec != "float":
            op, value = _whole_bound(op, value)
        else:
            op, value = _float_bound(op, value)
        if op == "never":
            return np.zeros(len(self), bool)
        if op == "always":
            return self.not_missing()
        mask = _OPERATORS[op](self.values, value)
        return self._without_nulls(mask)

    def is_in(self, values):
        """Give the mask of rows whose value is one of a sorted array of unique values."""
        if len(values) == 0:
            return np.zeros(len(self), bool)
        if len(values) <= 4:
            mask = self.values == values[0]
            for value in values[1:]:
                mask |= self.values == value
            return self._without_nulls(mask)
        if self.values.dtype.kind == "i" and values.dtype.kind == "i":
            mask = _in_by_lookup(self.values, values)
        else:
            mask = np.isin(self.values, values)
        return self._without_nulls(mask)

    def _without_nulls(self, mask):
        if self.nulls is not None:
            mask = mask & ~self.nulls
        return mask

    def take(self, rows):
        """Give the column of some rows."""
        nulls = None if self.nulls is None else self.nulls[rows]
        return NumberColumn(self.spec, self.values[rows], nulls)

    def to_list(self):
        """Give the raw values as a list with None."""
        values = self.values.tolist()
        if self.nulls is not None:
            for row in np.flatnonzero(self.nulls):
                values[row] = None
        return values

    def with_value(self, row, raw):
        """Give a copy in which one row has another raw value."""
        values = np.array(self.values)
        nulls = None if self.nulls is None else np.array(self.nulls)
        if raw is None:
            nulls = np.zeros(len(values), bool) if nulls is None else nulls
            nulls[row] = True
            values[row] = 0
        else:
            values[row] = raw
            if nulls is not None:
                nulls[row] = False
        return NumberColumn(self.spec, values, nulls)

    def zone(self):
        """Give (least, greatest, whether any is missing, whether all are one value)."""
        missing = self.missing()
        values = self.values if missing is None else self.values[~missing]
        if len(values) == 0:
            all_null = self.nulls is not None and bool(self.nulls.all())
            return (None, None, True, all_null)
        low, high = values.min().item(), values.max().item()
        same = bool(missing is None and low == high)
        if same and self.spec == "float":
            same = len(np.unique(values.view(np.int64))) == 1
        return (low, high, missing is not None, same)


def _in_by_lookup(column, values):
    low, high = int(column.min()), int(column.max())
    values = values[np.searchsorted(values, low) : np.searchsorted(values, high, side="right")]
    if len(values) == 0:
        return np.zeros(len(column), bool)
    if len(values) == 1:
        return column == values[0]
    if high - low >= _LARGEST_LOOKUP:
        return np.isin(column, values)
    table = np.zeros(high - low + 1, bool)
    table[values - low] = True
    return table[column - low]


_OPERATORS = {
    "==": np.equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def _whole_bound(op, value):
    """Turn a comparison of whole numbers with any number into one with an int64."""
    if isinstance(value, float):
        if math.isnan(value):
            return "never", 0
        if math.isinf(value):
            below = (value > 0) == (op in ("<", "<="))
            return ("always" if below and op != "==" else "never"), 0
        whole = math.floor(value)
        if whole != value:
            if op == "==":
                return "never", 0
            op = "<=" if op in ("<", "<=") else ">"
        value = whole
    if not -(2**63) <= value < 2**63:
        below = (value > 0) == (op in ("<", "<="))
        return ("always" if below and op != "==" else "never"), 0
    return op, value


def _float_bound(op, value):
    """Turn a comparison of doubles with any number into one with a double."""
    if isinstance(value, float):
        return ("never", 0.0) if math.isnan(value) else (op, value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    if number == value:
        return op, number
    # The whole number lies between two doubles, of which `number` is one.
    if op == "==":
        return "never", 0.0
    if number > value:
        return ("<" if op in ("<", "<=") else ">="), number
    return ("<=" if op in ("<", "<=") else ">"), number


class TextColumn:
    """Texts: a sorted dictionary of the words that occur, and a code per row.

    Parameters
    ----------
    words : sequence of str
        Sorted by code point, each once.
    codes : numpy.ndarray of int32
        Position in ``words``; -1 where the value is None.
    """

    spec = "str"

    def __init__(self, words, codes):
        self.words = words
        self.codes = codes

    def __len__(self):
        return len(self.codes)

    def missing(self):
        """Give the mask of rows that are None, or None where there are none."""
        mask = self.codes < 0
        return mask if mask.any() else None

    def not_missing(self):
        """Give the mask of rows that have a text."""
        return self.codes >= 0

    def compare(self, op, value):
        """Compare each row with a text, by code points."""
        if op == "==":
            at = bisect.bisect_left(self.words, value)
            if at == len(self.words) or self.words[at] != value:
                return np.zeros(len(self), bool)
            return self.codes == at
        find = bisect.bisect_left if op in ("<", ">=") else bisect.bisect_right
        bound = find(self.words, value)
        if op in ("<", "<="):
            return (self.codes < bound) & (self.codes >= 0)
        return (self.codes >= bound) & (self.codes >= 0)

    def like(self, pattern):
        """Give the mask of rows that match a pattern with ``*`` and ``?``."""
        match = _pattern(pattern).fullmatch
        # The extra last place answers for the code -1.
        hits = np.zeros(len(self.words) + 1, bool)
        hits[:-1] = [match(word) is not None for word in self.words]
        return hits[self.codes]

    def is_in(self, values):
        """Give the mask of rows whose text is one of several."""
        hits = np.zeros(len(self.words) + 1, bool)
        for value in values:
            at = bisect.bisect_left(self.words, value)
            if at < len(self.words) and self.words[at] == value:
                hits[at] = True
        return hits[self.codes]

    def take(self, rows):
        """Give the column of some rows; it keeps the whole dictionary."""
        return TextColumn(self.words, self.codes[rows])

    def to_list(self):
        """Give the texts as a list with None."""
        words = [*self.words, None]
        return [words[code] for code in self.codes.tolist()]

    def with_value(self, row, raw):
        """Give a copy in which one row has another text."""
        at = -1 if raw is None else bisect.bisect_left(self.words, raw)
        if raw is None or (at < len(self.words) and self.words[at] == raw):
            codes = np.array(self.codes)
            codes[row] = at
            return TextColumn(self.words, codes)
        words = list(self.words)
        words.insert(at, raw)
        codes = self.codes + (self.codes >= at).astype(np.int32)
        codes[row] = at
        return TextColumn(words, codes)

    def zone(self):
        """Give (least, greatest, whether any is missing, whether all are one value)."""
        used = np.unique(self.codes)
        missing = bool(len(used) and used[0] < 0)
        used = used[used >= 0]
        if len(used) == 0:
            return (None, None, True, True)
        low, high = self.words[int(used[0])], self.words[int(used[-1])]
        if max(len(low), len(high)) > _LONGEST_ZONE_TEXT:
            return None
        return (low, high, missing, len(used) == 1 and not missing)


def _pattern(pattern):
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))


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
            blob, start, words = self._blob, 0, []
            for end in self._ends.tolist():
                words.append(blob[start:end].decode())
                start = end
            self._all = words
        return iter(self._all)


class ListColumn:
    """Lists: the end of each row's items, and one column of all items.

    Parameters
    ----------
    ends : numpy.ndarray of int64
        Where each row's items end in ``items``.
    items : column
        The items of all rows.
    """

    spec = "list"

    def __init__(self, ends, items):
        self.ends = ends
        self.items = items

    def __len__(self):
        return len(self.ends)

    def missing(self):
        """Give None: a list is never missing, it may be empty."""
        return None

    def not_missing(self):
        """Give a mask of ones."""
        return np.ones(len(self), bool)

    def any_item(self, mask):
        """Give the mask of rows of which any item is marked."""
        counts = np.concatenate(([0], np.cumsum(mask)))
        starts = np.concatenate(([0], self.ends[:-1]))
        return counts[self.ends] > counts[starts]

    def take(self, rows):
        """Give the column of some rows."""
        return column_from_values(("list", self.items.spec), [self.to_list()[r] for r in rows])

    def to_list(self):
        """Give a tuple for each row."""
        items, start, out = self.items.to_list(), 0, []
        for end in self.ends.tolist():
            out.append(tuple(items[start:end]))
            start = end
        return out

    def with_value(self, row, raw):
        """Give a copy in which one row has another list."""
        values = self.to_list()
        values[row] = raw
        return column_from_values(("list", self.items.spec), values)

    def zone(self):
        """Give None: lists have no zone."""
        return


def column_from_values(spec, values):
    """Make a column of raw values.

    Parameters
    ----------
    spec : str or tuple
        The kind as the schema records it.
    values : sequence
        Raw values with None.

    Returns
    -------
    NumberColumn, TextColumn or ListColumn
        The column.
    """
    if spec == "str":
        return _text_column(values)
    if isinstance(spec, tuple) and spec[0] == "list":
        lengths = np.fromiter((len(v or ()) for v in values), np.int64, len(values))
        items = [item for v in values for item in v or ()]
        return ListColumn(np.cumsum(lengths), column_from_values(spec[1], items))
    name = spec[0] if isinstance(spec, tuple) else spec
    dtype = _DTYPES[name]
    if None in values:
        nulls = np.fromiter((v is None for v in values), bool, len(values))
        values = [0 if v is None else v for v in values]
        return NumberColumn(name, np.array(values, dtype), nulls)
    return NumberColumn(name, np.array(values, dtype))


def _text_column(values):
    found = set(values)
    found.discard(None)
    words = sorted(found)
    code_of = {word: code for code, word in enumerate(words)}
    code_of[None] = -1
    codes = np.fromiter(map(code_of.__getitem__, values), np.int32, len(values))
    return TextColumn(words, codes)


def constant_column(spec, raw, count):
    """Make a column of one raw value for all rows.

    Parameters
    ----------
    spec : str or tuple
        The kind as the schema records it.
    raw : object
        The raw value or None.
    count : int
        The number of rows.

    Returns
    -------
    NumberColumn, TextColumn or ListColumn
        The column; its arrays take no memory for the rows.
    """
    one = column_from_values(spec, [raw])
    if isinstance(one, TextColumn):
        return TextColumn(one.words, np.broadcast_to(one.codes, count))
    if isinstance(one, ListColumn):
        return column_from_values(spec, [raw] * count)
    nulls = None if one.nulls is None else np.broadcast_to(one.nulls, count)
    return NumberColumn(one.spec, np.broadcast_to(one.values, count), nulls)


def columns_from_rows(fields, rows):
    """Make the columns of several attributes from raw records.

    Parameters
    ----------
    fields : sequence of (str, spec)
        The attributes of a record in their order.
    rows : sequence of tuple
        Raw records.

    Returns
    -------
    dict of str to (spec, column)
        By path: the fields of an owned record are ``'imstat.max'``.
    """
    out = {}
    _split(fields, rows, "", out)
    return out


def _split(fields, rows, prefix, out):
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    for (name, spec), values in zip(fields, columns, strict=True):
        path = prefix + name
        kind = spec[0] if isinstance(spec, tuple) else spec
        if kind == "owned":
            present = [v is not None for v in values]
            out[path] = ("present", column_from_values("present", present))
            empty = (None,) * len(spec[2])
            _split(spec[2], [empty if v is None else v for v in values], path + ".", out)
        elif kind in ("dict", "array", "table"):
            present = [bool(v) for v in values]
            out[path] = ("present", column_from_values("present", present))
        elif kind == "list" and isinstance(spec[1], tuple) and spec[1][0] == "owned":
            _split_list_of_records(spec[1][2], values, path, out)
        else:
            out[path] = (spec, column_from_values(spec, values))


def _split_list_of_records(fields, values, path, out):
    present = [tuple(True for _ in v or ()) for v in values]
    list_spec = ("list", "present")
    out[path] = (list_spec, column_from_values(list_spec, present))
    for position, (name, spec) in enumerate(fields):
        kind = spec[0] if isinstance(spec, tuple) else spec
        if kind in ("list", "owned", "dict", "array", "table"):
            continue
        items = [tuple(record[position] for record in v or ()) for v in values]
        item_spec = ("list", spec)
        out[f"{path}.{name}"] = (item_spec, column_from_values(item_spec, items))


def concatenate(columns):
    """Join columns of one kind end to end.

    Parameters
    ----------
    columns : sequence of column
        At least one.

    Returns
    -------
    column
        All rows in order.
    """
    first = columns[0]
    if len(columns) == 1:
        return first
    if isinstance(first, TextColumn):
        return _concatenate_texts(columns)
    if isinstance(first, ListColumn):
        ends, total = [], 0
        for column in columns:
            ends.append(column.ends + total)
            total += len(column.items)
        return ListColumn(np.concatenate(ends), concatenate([c.items for c in columns]))
    values = np.concatenate([c.values for c in columns])
    nulls = None
    if any(c.nulls is not None for c in columns):
        parts = [np.zeros(len(c), bool) if c.nulls is None else c.nulls for c in columns]
        nulls = np.concatenate(parts)
    return NumberColumn(first.spec, values, nulls)


def _concatenate_texts(columns):
    dictionaries = {id(c.words): c.words for c in columns}
    if len(dictionaries) == 1:
        return TextColumn(columns[0].words, np.concatenate([c.codes for c in columns]))
    words = sorted(set().union(*dictionaries.values()))
    code_of = {word: code for code, word in enumerate(words)}
    codes = []
    for column in columns:
        table = np.fromiter((code_of[w] for w in column.words), np.int32, len(column.words))
        table = np.append(table, np.int32(-1))
        codes.append(table[column.codes])
    return TextColumn(words, np.concatenate(codes))


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
        used, codes = np.unique(column.codes, return_inverse=True)
        offset = 1 if len(used) and used[0] < 0 else 0
        encoded = [column.words[int(code)].encode() for code in used if code >= 0]
        ends = np.cumsum([len(w) for w in encoded], dtype=np.int64)
        packed = _pack_whole(codes.reshape(-1).astype(np.int64) - offset)
        return ("str", _pack_whole(ends), b"".join(encoded), packed)
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
    if _DTYPES[spec] is np.int64:
        values = _unpack_whole(packed[1])
    else:
        values = np.frombuffer(packed[1][3], np.dtype(packed[1][1]))
    nulls = None
    if packed[2] is not None:
        bits = np.unpackbits(np.frombuffer(packed[2], np.uint8), count=count)
        nulls = bits.astype(bool)
    return NumberColumn(spec, values, nulls)
