"""Order, extremes and statistics of queries, from columns."""

import dataclasses

import numpy as np

from awe.base.errors import AweTypeError
from awe.store.columns import TextColumn
from awe.store.kind import with_article
from awe.store.kinds import FloatKind, IntKind
from awe.store.results import column_of

__all__ = ["Statistics", "extreme", "sort", "statistics"]


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Statistics of one attribute over a query.

    Attributes
    ----------
    name, unit : str
        The attribute and its unit.
    count, missing : int
        Objects with a value, and without (None or NaN).
    min, max, mean, median, stdev : float or None
        Of the values; the standard deviation is that of the population.
    """

    name: str
    unit: str
    count: int
    missing: int
    min: float | None
    max: float | None
    mean: float | None
    median: float | None
    stdev: float | None

    def __str__(self):
        unit = f" {self.unit}" if self.unit else ""
        if not self.count:
            return f"{self.name}: no values, {self.missing} missing"
        return (
            f"{self.name}: {self.count} values, {self.missing} missing, min {self.min:.6g}, "
            f"max {self.max:.6g}, mean {self.mean:.6g}, median {self.median:.6g}, "
            f"stdev {self.stdev:.6g}{unit}"
        )

    __repr__ = __str__


def _ranks(column):
    """Give sortable numbers of a column and the mask of missing rows."""
    missing = column.missing()
    if missing is None:
        missing = np.zeros(len(column), bool)
    if isinstance(column, TextColumn):
        return column.codes, missing
    return column.values, missing


def sort(session, cls, numbers, order):
    """Sort objects by attributes.

    Parameters
    ----------
    session : Session
        The session.
    cls : type
        Their class.
    numbers : numpy.ndarray of int64
        The objects in the order of commit.
    order : tuple of (Path, bool)
        Attributes, each with True for descending.

    Returns
    -------
    numpy.ndarray of int64
        Sorted, missing values last, equal ones in the order of commit.
    """
    for path, descending in reversed(order):
        values, missing = _ranks(column_of(session, numbers, path))
        there = np.flatnonzero(~missing)
        keys = values[there]
        if descending:
            # Sorting the reversed keys keeps equal ones in order after turning back.
            by = there[::-1][np.argsort(keys[::-1], kind="stable")][::-1]
        else:
            by = there[np.argsort(keys, kind="stable")]
        numbers = numbers[np.concatenate([by, np.flatnonzero(missing)])]
    return numbers


def extreme(session, cls, numbers, path, greatest):
    """Find the object with the least or greatest value.

    Parameters
    ----------
    session : Session
        The session.
    cls : type
        The class asked for.
    numbers : numpy.ndarray of int64
        The objects.
    path : Path
        The attribute.
    greatest : bool
        Whether the greatest is wanted.

    Returns
    -------
    int or None
        The first such object's number; None where none has a value.
    """
    if len(numbers) == 0:
        return None
    values, missing = _ranks(column_of(session, numbers, path))
    there = np.flatnonzero(~missing)
    if len(there) == 0:
        return None
    at = np.argmax(values[there]) if greatest else np.argmin(values[there])
    return int(numbers[there[at]])


def statistics(session, cls, numbers, path):
    """Compute statistics of a number attribute.

    Parameters
    ----------
    session : Session
        The session.
    cls : type
        The class asked for.
    numbers : numpy.ndarray of int64
        The objects.
    path : Path
        The attribute.

    Returns
    -------
    Statistics
        None and NaN are ignored and counted apart.
    """
    if not isinstance(path.kind, (IntKind, FloatKind)):
        msg = f"stats takes a number; {path} is {with_article(path.attribute.type_text())}."
        raise AweTypeError(msg)
    column = column_of(session, numbers, path)
    missing = column.missing()
    values = column.values if missing is None else column.values[~missing]
    unit = path.attribute.unit or ""
    lost = len(column) - len(values)
    if len(values) == 0:
        return Statistics(str(path), unit, 0, lost, None, None, None, None, None)
    low, high = values.min().item(), values.max().item()
    # Of infinite or huge values some of these are not finite, which is the answer.
    with np.errstate(over="ignore", invalid="ignore"):
        middle = float(np.median(values))
        mean, stdev = float(values.mean()), float(values.std())
    return Statistics(str(path), unit, len(values), lost, low, high, mean, middle, stdev)
