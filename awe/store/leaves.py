"""Leaves of a condition: what the columns of one block of rows answer by themselves."""

import math

import numpy as np

from awe.base import hooks
from awe.store.columns import ListColumn, NumberColumn
from awe.store.session import ROW_BITS

__all__ = ["DomainTerm", "Hooked", "Leaf", "ListLeaf", "LoadedLeaf", "RowsTerm"]


class DomainTerm:
    """Rows whose domain (creator, project, level) is among some.

    Parameters
    ----------
    allowed : numpy.ndarray of bool
        By number of the domain.
    """

    def __init__(self, allowed):
        self.allowed = allowed

    def glance(self, block):
        """Decide by the zone alone where that is possible."""
        zone = block.zone("$domain")
        if zone is None:
            return None
        low, high = zone[0], zone[1]
        if low == high:
            return bool(self.allowed[low])
        inside = self.allowed[low : high + 1]
        if inside.all():
            return True
        return None if inside.any() else False

    def answer(self, block):
        """Give the mask of rows."""
        quick = self.glance(block)
        return self.look(block) if quick is None else quick

    def look(self, block):
        """Give the mask of rows where a glance did not decide."""
        return self.allowed[block.column("$domain").values]


class Leaf:
    """A comparison that one column answers.

    Parameters
    ----------
    column : str
        The column's path.
    op : str
        As in `Compare`.
    value : object
        The raw value or values; an array of numbers for links.
    """

    def __init__(self, column, op, value):
        self.column = column
        self.op = op
        self.value = value
        self._ends = None
        self._is_one = False
        if isinstance(value, np.ndarray) and len(value):
            self._ends = (value[0].item(), value[-1].item())
            self._is_one = len(value) == 1
        # Rows that are looked for have values from here to there.
        self._span = (value, value) if op == "==" else self._ends

    def share(self, block):
        """Estimate which part of a block's rows is left, from 0 to 1."""
        zone = block.zone(self.column)
        if self._ends is None or zone is None or zone[0] is None:
            return 0.5 if self.op == "==" else 1.0
        return min(1.0, len(self.value) / (zone[1] - zone[0] + 1))

    def among(self, blocks):
        """Give the blocks of which the zones do not rule out rows with a value looked for."""
        if self._span is None:
            return blocks
        column, (first, last) = self.column, self._span
        kept = []
        for block in blocks:
            zone = block.zone(column)
            # None does not compare; who looks closer finds out.
            if zone is None or zone[0] is None or (zone[0] <= last and first <= zone[1]):
                kept.append(block)
        return kept

    def glance(self, block):
        """Decide by the zone alone where that is possible, else give None."""
        zone = block.zone(self.column)
        if zone is None:
            return None
        low, high, missing, _ = zone
        if low is None:
            return False
        if self._ends is not None:
            if high < self._ends[0] or self._ends[1] < low:
                return False
            if self._is_one:
                return True if low == high and not missing else None
        if self.op == "has":
            return None if missing else True
        verdict = _zone_verdict(self.op, self.value, low, high)
        if verdict is True and missing:
            return None
        return verdict

    def answer(self, block):
        """Give True, False or the mask of rows."""
        quick = self.glance(block)
        return self.look(block) if quick is None else quick

    def run(self, block):
        """Give the slice of the rows with one value, where they stand together, else None."""
        if self.op == "==":
            value = self.value
        elif self._is_one:
            value = self._ends[0]
        else:
            return None
        column = block.column(self.column)
        return column.run(value) if isinstance(column, NumberColumn) else None

    def look(self, block):
        """Give the mask of rows where a glance did not decide."""
        column = block.column(self.column)
        op, value = self.op, self.value
        if op == "has":
            return column.not_missing()
        if op == "between":
            return column.compare(">=", value[0]) & column.compare("<=", value[1])
        if op == "in":
            return column.is_in(value)
        if op == "like":
            return column.like(value)
        return column.compare(op, value)


def _zone_verdict(op, value, low, high):
    """Tell whether all rows between two values meet a comparison, none, or perhaps some."""
    if op in ("==", "<", "<=", ">", ">=") and isinstance(value, float) and math.isnan(value):
        return False
    if op == "==":
        if not low <= value <= high:
            return False
        return True if low == high else None
    if op == "<":
        return _between_verdict(high < value, low >= value)
    if op == "<=":
        return _between_verdict(high <= value, low > value)
    if op == ">":
        return _between_verdict(low > value, high <= value)
    if op == ">=":
        return _between_verdict(low >= value, high < value)
    if op == "between":
        if any(isinstance(v, float) and math.isnan(v) for v in value):
            return False
        inside = value[0] <= low and high <= value[1]
        return _between_verdict(inside, value[1] < low or high < value[0])
    if op == "in":
        if len(value) == 0:
            return False
        if isinstance(value, np.ndarray):
            # Sorted: are there any between the least and the greatest?
            first = int(value.searchsorted(low))
            if first == len(value) or value[first] > high:
                return False
            return True if low == high else None
    return None


def _between_verdict(all_rows, no_row):
    if all_rows:
        return True
    return False if no_row else None


class ListLeaf:
    """A list column that contains a raw value, or one of a sorted array of them."""

    def __init__(self, column, value):
        self.column = column
        self.value = value

    def answer(self, block):
        """Give the mask of rows."""
        column = block.column(self.column)
        if not isinstance(column, ListColumn) or len(column.items) == 0:
            return False
        if isinstance(self.value, np.ndarray):
            mask = column.any_item(column.items.is_in(self.value))
        else:
            mask = column.any_item(column.items.compare("==", self.value))
        return mask if mask.any() else False


class RowsTerm:
    """The rows with some numbers.

    Parameters
    ----------
    numbers : numpy.ndarray of int64
        Objects' numbers, sorted.
    """

    def __init__(self, numbers):
        self._numbers = numbers

    def answer(self, block):
        """Give the mask of rows."""
        first = (block.code << ROW_BITS) + block.start
        low, high = np.searchsorted(self._numbers, [first, first + block.count])
        if low == high:
            return False
        mask = np.zeros(block.count, bool)
        mask[self._numbers[low:high] - first] = True
        return mask


class Hooked:
    """The condition to be among objects that a higher room knows.

    Parameters
    ----------
    name : str
        The hook: called with the session it gives the objects' numbers, sorted.
    """

    def __init__(self, name):
        self.name = name

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        return RowsTerm(hooks.call(self.name, session))

    def __str__(self):
        return self.name


class LoadedLeaf:
    """A condition on a key of a dict, answered object by object."""

    def __init__(self, session, name, key, test):
        self._session = session
        self._name = name
        self._key = key
        self._test = test

    def answer(self, block):
        """Give the mask of rows."""
        here = block.column("$domain").values != 0
        mask = np.zeros(block.count, bool)
        for at in np.flatnonzero(here).tolist():
            obj = self._session.get((block.code << ROW_BITS) + block.start + at)
            mapping = obj.stored_value(self._name)
            mask[at] = self._test(None if mapping is None else mapping.get(self._key))
        return mask
