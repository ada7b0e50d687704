"""Housekeeping: give back the room of records that nothing refers to any more."""

import contextlib
import sqlite3

__all__ = ["sweep"]


def sweep(context):
    """Remove the records that nothing refers to any more, and give their room back to the disk.

    Columns that were joined or changed leave their former records behind. Writers wait meanwhile,
    readers do not. `awe reindex` ends with it.

    Parameters
    ----------
    context : Context
        The store.

    Returns
    -------
    int
        How many records were removed.
    """
    session = context.session
    session.begin_writing()
    session.end()
    database = session._database
    with session.lock.held():
        before = database.objectCount()
        with _mended_batches(database.storage._adapter.locker):
            database.pack()
        removed = before - database.objectCount()
        _shrink(database.storage._adapter)
    session.begin()
    return max(removed, 0)


@contextlib.contextmanager
def _mended_batches(locker):
    """Let RelStorage write in batches without a fault of its own while it packs.

    Its `insert_into` opens an entry for a statement and may then flush, the entry being empty
    still, before it adds the row: SQLite is given an INSERT without values and says "incomplete
    input". Here it flushes first, so that the second flush has nothing to do.
    """
    make = locker.make_batcher

    class Batcher(make):
        def insert_into(self, header, row_schema, row, rowkey, size, **more):
            self._flush_if_would_exceed_bind(len(row))
            super().insert_into(header, row_schema, row, rowkey, size, **more)

    locker.make_batcher = Batcher
    try:
        yield
    finally:
        locker.make_batcher = make


def _shrink(adapter):
    """Let the file of an embedded store shrink to what is in it; a server does so by itself."""
    path = getattr(adapter, "data_dir", None)
    if path is None:
        return
    with contextlib.closing(sqlite3.connect(f"{path}/main.sqlite3", timeout=60)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
