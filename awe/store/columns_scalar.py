"""Columns of numbers and of texts: one value, or none, for each row."""

import bisect
import fnmatch
import itertools
import math
import re

import numpy as np

__all__ = ["DTYPES", "NumberColumn", "TextColumn", "float_bound", "pattern_of", "whole_bound"]

DTYPES = {
    "bool": np.bool_,
    "present": np.bool_,
    "int": np.int64,
    "datetime": np.int64,
    "link": np.int64,
    "float": np.float64,
}
_LONGEST_ZONE_TEXT = 100
# Beyond this range a table of one byte per possible link costs more than sorting.
_LARGEST_LOOKUP = 1 << 22
# In shorter columns a search is not faster than a comparison of all rows.
_LONG = 4096


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
        self._sorted = None

    def __len__(self):
        return len(self.values)

    @property
    def is_sorted(self):
        """Whether it is long and no value is missing or less than the one before.

        A column of the time of arrival is; to find that out pays where it is asked again.
        """
        if self._sorted is None:
            values = self.values
            # NaN is not less than or equal to anything.
            self._sorted = (
                len(values) >= _LONG
                and self.nulls is None
                and bool((values[1:] >= values[:-1]).all())
            )
        return self._sorted

    def _run_of(self, op, value):
        """Give the mask of a comparison in a sorted column, where the rows stand together."""
        first = 0 if op in ("<", "<=") else self.values.searchsorted(value, _SIDES[op])
        last = len(self)
        if op in ("<", "<=", "=="):
            last = self.values.searchsorted(value, "left" if op == "<" else "right")
        mask = np.zeros(len(self), bool)
        mask[first:last] = True
        return mask

    def run(self, value):
        """Give where the rows stand that have a value, where all rows are sorted, else None.

        Parameters
        ----------
        value : int, float or bool
            The raw value.

        Returns
        -------
        slice or None
            From the first to the last of them.
        """
        if not self.is_sorted:
            return None
        bound = whole_bound if self.spec != "float" else float_bound
        op, value = bound("==", value)
        if op != "==":
            return slice(0, 0)
        first = self.values.searchsorted(value)
        return slice(int(first), int(self.values.searchsorted(value, "right")))

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
            op, value = whole_bound(op, value)
        else:
            op, value = float_bound(op, value)
        if op == "never":
            return np.zeros(len(self), bool)
        if op == "always":
            return self.not_missing()
        if self.is_sorted:
            return self._run_of(op, value)
        mask = _OPERATORS[op](self.values, value)
        return self._without_nulls(mask)

    def is_in(self, values):
        """Give the mask of rows whose value is one of a sorted array of unique values."""
        if len(values) == 0 or len(self) == 0:
            return np.zeros(len(self), bool)
        if len(values) == 1:
            if self.is_sorted:
                return self._run_of("==", values[0])
            return self._without_nulls(self.values == values[0])
        if len(values) <= 4:
            mask = self.values == values[0]
            for value in values[1:]:
                mask |= self.values == value
            return self._without_nulls(mask)
        if len(self) < _LONG:
            at = np.minimum(values.searchsorted(self.values), len(values) - 1)
            mask = values[at] == self.values
        elif self.values.dtype.kind == "i" and values.dtype.kind == "i":
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


# Where the first row of a comparison stands among sorted values.
_SIDES = {"==": "left", ">=": "left", ">": "right"}


def whole_bound(op, value):
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


def float_bound(op, value):
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
        match = pattern_of(pattern).fullmatch
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

    def _counts(self):
        """Count the rows of each word, and last those that are missing."""
        return np.bincount(self.codes + np.int32(1), minlength=len(self.words) + 1)

    def used(self):
        """Give the words that occur, and the codes of the rows among them.

        Returns
        -------
        words : list of str
            Sorted.
        codes : numpy.ndarray of int64
            Position in ``words``; -1 where the value is None.
        """
        occurs = self._counts()[1:] > 0
        if occurs.all():
            return list(self.words), self.codes.astype(np.int64)
        # The extra last place answers for the code -1.
        places = np.append(np.cumsum(occurs) - 1, -1)
        return list(itertools.compress(self.words, occurs.tolist())), places[self.codes]

    def zone(self):
        """Give (least, greatest, whether any is missing, whether all are one value)."""
        counts = self._counts()
        missing = bool(counts[0])
        used = np.flatnonzero(counts[1:])
        if len(used) == 0:
            return (None, None, True, True)
        low, high = self.words[int(used[0])], self.words[int(used[-1])]
        if max(len(low), len(high)) > _LONGEST_ZONE_TEXT:
            return None
        return (low, high, missing, len(used) == 1 and not missing)


def pattern_of(pattern):
    """Give the regular expression of a pattern with ``*`` and ``?``.

    Parameters
    ----------
    pattern : str
        Everything else stands for itself.

    Returns
    -------
    re.Pattern
        To be matched in full.
    """
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))
