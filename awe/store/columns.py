"""Columns: the values of one attribute for a run of rows, as NumPy arrays.

Three forms exist: numbers (also bools, times and links), texts (a sorted dictionary and a code
per row) and lists (offsets and a column of all items). Each answers comparisons with a mask that
is False where the value is missing.
"""

import contextlib
import itertools
import operator

import numpy as np

from awe.store.columns_scalar import DTYPES, NumberColumn, TextColumn, float_bound, whole_bound

__all__ = [
    "DTYPES",
    "ListColumn",
    "NumberColumn",
    "TextColumn",
    "column_from_values",
    "columns_from_rows",
    "concatenate",
    "constant_column",
    "values_among",
]


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
        starts = np.concatenate(([0], self.ends[:-1]))[rows]
        lengths = self.ends[rows] - starts
        ends = np.cumsum(lengths)
        at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
        return ListColumn(ends, self.items.take(at))

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
    dtype = DTYPES[name]
    if dtype is not np.bool_:
        # To look for None first takes as long as to try: of None NumPy makes no whole number, as
        # a double it is NaN.
        with contextlib.suppress(TypeError):
            made = np.fromiter(values, dtype, len(values))
            if dtype is np.int64 or not np.isnan(made).any():
                return NumberColumn(name, made)
    nulls = None
    if None in values:
        nulls = np.fromiter([v is None for v in values], bool, len(values))
        values = [0 if v is None else v for v in values]
    return NumberColumn(name, np.fromiter(values, dtype, len(values)), nulls)


def _text_column(values):
    found = set(values)
    found.discard(None)
    words = sorted(found)
    code_of = {word: code for code, word in enumerate(words)}
    code_of[None] = -1
    codes = np.fromiter(map(code_of.__getitem__, values), np.int32, len(values))
    return TextColumn(words, codes)


def values_among(spec, raws):
    """Give raw values in the form in which `NumberColumn.is_in` and `TextColumn.is_in` take them.

    Parameters
    ----------
    spec : str
        The column's kind.
    raws : sequence
        Raw values without None; numbers need not be of the column's type.

    Returns
    -------
    tuple of str or numpy.ndarray
        Texts, or the sorted values that a column of this kind can hold.
    """
    if spec == "str":
        return tuple(raws)
    bound = float_bound if spec == "float" else whole_bound
    same = [bound("==", raw) for raw in raws]
    return np.unique(np.array([value for op, value in same if op == "=="], DTYPES[spec]))


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
    words, places = _merged_words(dictionaries.values())
    # The extra last place answers for the code -1.
    tables = dict(zip(dictionaries, (np.append(p, np.int32(-1)) for p in places), strict=True))
    codes = [tables[id(column.words)][column.codes] for column in columns]
    return TextColumn(words, np.concatenate(codes))


def _merged_words(dictionaries):
    """Join sorted dictionaries; give all words once, and where those of each stand among them."""
    joined = list(itertools.chain(*dictionaries))
    # To sort what is sorted in pieces is to merge it, of which sorted() is fast.
    order = sorted(range(len(joined)), key=joined.__getitem__)
    words = [joined[at] for at in order]
    is_new = np.ones(len(words), bool)
    is_new[1:] = np.fromiter(map(operator.ne, words[1:], words), bool, max(len(words) - 1, 0))
    places = np.empty(len(words), np.int32)
    places[order] = np.cumsum(is_new) - 1
    ends = np.cumsum([len(words) for words in dictionaries])[:-1]
    return list(itertools.compress(words, is_new.tolist())), np.split(places, ends)
