"""The short cuts of queries on long columns give what a plain comparison of all rows gives."""

import contextlib
import operator
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from store_lab import LabNote, open_lab, open_new

from awe.store import blocks
from awe.store import expressions as ex
from awe.store.columns import NumberColumn
from awe.store.leaves import Leaf
from awe.store.results import _places, _unique

_OPERATORS = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _columns():
    rng = np.random.default_rng(5)
    rising = np.sort(rng.integers(-50, 50, 6000))
    yield "sorted", NumberColumn("int", rising), True
    yield "unsorted", NumberColumn("int", rng.integers(-50, 50, 6000)), False
    yield "sorted floats", NumberColumn("float", rising / 4), True
    yield "infinite", NumberColumn("float", np.r_[-np.inf, rising / 4, np.inf]), True
    yield "NaN at the end", NumberColumn("float", np.r_[rising / 4, np.nan]), False
    yield "all NaN", NumberColumn("float", np.full(5000, np.nan)), False
    yield "missing", NumberColumn("int", rising, rising == 3), False
    yield "short", NumberColumn("int", rising[::60]), False


@pytest.mark.parametrize(
    ("column", "is_sorted"), [pytest.param(c, s, id=n) for n, c, s in _columns()]
)
@pytest.mark.parametrize("op", _OPERATORS)
def test_comparison_of_a_sorted_column_is_that_of_its_rows(column, is_sorted, op):
    assert column.is_sorted == is_sorted
    there = column.not_missing()
    for value in (-51, -50, -12.5, 0, 3, 3.1, 49, 50, np.inf):
        expected = _OPERATORS[op](column.values, value) & there
        assert np.array_equal(column.compare(op, value), expected), (op, value)


@pytest.mark.parametrize(
    ("column", "is_sorted"), [pytest.param(c, s, id=n) for n, c, s in _columns()]
)
@pytest.mark.parametrize("count", [0, 1, 3, 9, 60])
def test_membership_is_that_of_the_rows(column, is_sorted, count):
    chosen = np.unique(np.random.default_rng(count).integers(-60, 60, count))
    chosen = chosen.astype(column.values.dtype)
    expected = np.isin(column.values, chosen) & column.not_missing()
    assert np.array_equal(column.is_in(chosen), expected)


class _Block:
    """A block of two columns and no zones."""

    def __init__(self, **columns):
        self.columns = columns
        self.count = len(next(iter(columns.values())))

    def zone(self, path):
        """Give None: nothing is known."""
        return

    def column(self, path):
        """Give a column."""
        return NumberColumn("int", self.columns[path])


@pytest.mark.parametrize("wanted", [[7], [7, 11, 13, 17, 19, 23], [-1]])
def test_terms_after_a_narrow_one_look_at_its_rows_alone(wanted):
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 1000, 5000), rng.integers(0, 30, 5000)
    numbers = np.array(wanted)
    terms = [Leaf("b", "in", numbers), Leaf("a", "==", 5), ex.Not(Leaf("b", "<", 3))]
    answer = ex.And(terms).answer(_Block(a=a, b=b))
    expected = np.isin(b, numbers) & (a == 5) & (b >= 3)
    assert np.array_equal(answer if answer is not False else np.zeros(5000, bool), expected)


@pytest.mark.parametrize("span", [1, 50, 10**12])
def test_places_among_different_values(span):
    values = np.random.default_rng(3).integers(-span, span + 1, 3000)
    different = _unique(values)
    assert np.array_equal(different, np.unique(values))
    known = different[::2]
    at, lost = _places(known, values)
    assert np.array_equal(lost, ~np.isin(values, known))
    assert np.array_equal(known[at[~lost]], values[~lost])
    assert at.min() >= 0
    assert at.max() < len(known)


def test_answers_come_from_columns_without_loading_an_object(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "TAIL_ROWS", 16)
    with contextlib.closing(open_new(tmp_path)) as context:
        about = LabNote(name="about")
        context.commit([LabNote(name=f"n{k}", value=k / 2, about=about) for k in range(40)])
        context.refresh()

        def loaded(self):
            raise AssertionError(self._packed)

        monkeypatch.setattr(LabNote, "_fresh_row", loaded)
        query = (LabNote.value > 3.0) & (LabNote.about.name == "about")
        assert len(query) == 33
        assert query.exists()
        assert query.stats("value").max == 19.5
        assert len(query.order_by("-value")[:5]) == 5
        assert query.table("name", "about.name")["name"].tolist()[0] == "n7"
        assert query.max("value") is not None
        assert query.min("value") is not None


def test_reading_imports_neither_what_writes_nor_its_trees(tmp_path):
    with contextlib.closing(open_lab(tmp_path)) as context:
        context.commit([LabNote(name=f"n{k}", value=float(k)) for k in range(1100)])
    code = """
import sys
from store_lab import LabNote, open_lab
context = open_lab(sys.argv[1])
assert [note.value for note in LabNote.name == "n77"] == [77.0]
assert len(LabNote.value > 10.0) == 1089
print([name for name in ("BTrees", "relstorage", "astropy") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, tmp_path],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["[]"]
