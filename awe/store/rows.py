"""Rows of an extent, and their values as those that make columns of them want them."""

import numpy as np

from awe.store.columns import NumberColumn
from awe.store.late_keys import fill_in
from awe.store.layouts import fields_of, merged, normalised
from awe.store.records import PAGE_ROWS

__all__ = ["SYSTEM_FIELDS", "fields_of_rows", "raws_of", "rows_between", "system_columns"]

SYSTEM_FIELDS = (
    ("$domain", "int"),
    ("$serial", "int"),
    ("$committed", "int"),
    ("$high", "int"),
    ("$low", "int"),
)


def system_columns(rows):
    """Make the columns that every class has.

    Parameters
    ----------
    rows : sequence of Row or None
        None where an object was deleted.

    Returns
    -------
    dict of str to (spec, column)
        The domain is 0 where an object was deleted.
    """
    nobody = (bytes(16), 0, 0, 0)
    ids, *numbers = zip(
        *(nobody if r is None else (r.object_id, r.domain, r.serial, r.committed) for r in rows),
        strict=True,
    )
    high, low = np.frombuffer(b"".join(ids), ">i8").reshape(-1, 2).T
    return {
        name: (spec, NumberColumn(spec, np.array(values, np.int64)))
        for (name, spec), values in zip(SYSTEM_FIELDS, (*numbers, high, low), strict=True)
    }


def rows_between(extent, start, stop):
    """Give the rows of a run, None where an object was deleted.

    Parameters
    ----------
    extent : Extent
        The extent.
    start, stop : int
        The run, half-open.

    Returns
    -------
    list of Row or None
        ``stop - start`` of them.
    """
    rows = []
    for number in range(start // PAGE_ROWS, -(-stop // PAGE_ROWS)):
        page_rows = extent.page(number).rows
        low = max(start - number * PAGE_ROWS, 0)
        rows += page_rows[low : stop - number * PAGE_ROWS]
    return rows


def raws_of(session, extent, start, rows, fields):
    """Give the raw values of consecutive rows in the order of some fields.

    Parameters
    ----------
    session : Session
        The session.
    extent : Extent
        The extent.
    start : int
        Number of the first row.
    rows : sequence of Row or None
        As `rows_between` gives them.
    fields : tuple of (str, spec)
        The fields wanted.

    Returns
    -------
    list of tuple
        One for each row.
    """
    schema = session.schema_of_code(extent.code)
    raws = normalised(session, schema, rows, fields)
    return fill_in(extent, schema, start, rows, fields, raws)


def fields_of_rows(session, schema, rows):
    """Give the fields of a class with those that only other versions of it know.

    A prompt that runs older code may be the one that turns a tail into a segment.

    Parameters
    ----------
    session : Session
        The session.
    schema : ClassSchema
        What the store knows of the class.
    rows : sequence of Row or None
        The rows.

    Returns
    -------
    tuple of (str, spec)
        Every value of the rows has its place in them.
    """
    fields = fields_of(session, schema)
    for number in sorted({row.layout for row in rows if row is not None}, reverse=True):
        fields = merged(fields, schema.layouts[number])
    return fields
