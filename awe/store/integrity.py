"""Checks of what lies below the records: zones of columns, and the database file itself."""

import contextlib
import sqlite3

from awe.store.plain import HostileRecordError
from awe.store.storage import database_file

__all__ = ["database_problems", "zone_problems"]

# SQLite stops after so many.
_MOST = 20


def zone_problems(name, segment):
    """Compare the zones of a segment, by which queries pass over it, with its columns.

    Parameters
    ----------
    name : str
        The class, for the message.
    segment : Segment
        The segment.

    Returns
    -------
    list of str
        A sentence for each zone that is wrong; a column that cannot be read is left to others.
    """
    problems = []
    for path, record in segment.columns.items():
        try:
            column = record.column
        except HostileRecordError:
            continue
        zone, right = segment.zones.get(path), column.zone()
        # Bytes of equal zones may differ, by whether a text stands in them once or twice; `==`
        # takes 0.0 for -0.0.
        if repr(zone) != repr(right) or len(column) != segment.count:
            problems.append(
                f"{name}: the zone of the column {path} is wrong for the rows from "
                f"{segment.start}: {zone!r} instead of {right!r}. Run `awe reindex`."
            )
    return problems


def database_problems(where):
    """Let SQLite check the file of an embedded store; a server looks after its own.

    Parameters
    ----------
    where : str
        The store.

    Returns
    -------
    list of str
        A sentence for each thing that SQLite finds.
    """
    path = database_file(where)
    if path is None:
        return []
    url = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(url, uri=True, timeout=60)) as database:
            found = [row[0] for row in database.execute(f"PRAGMA integrity_check({_MOST})")]
    except sqlite3.DatabaseError as err:
        found = [str(err)]
    return [f"The file {path} is damaged: {line}. Restore a backup." for line in found
            if line != "ok"]  # fmt: skip
