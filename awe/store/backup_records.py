"""The records of a store in one file: saved in one snapshot, loaded into an empty store.

Of RelStorage's layout only the table ``object_state`` is used, which is the same on SQLite and
PostgreSQL: so what was saved from one can be loaded into the other.
"""

import contextlib
import os
import shutil
import sqlite3

from awe.base.progress import track
from awe.store.session import Session
from awe.store.storage import (
    StoreError,
    connect_postgresql,
    database_file,
    make_tables,
    open_copy,
)

__all__ = ["RECORDS", "CopySession", "load_records", "save_records"]

# The name of the file.
RECORDS = "records.sqlite3"
_TABLE = """
CREATE TABLE main.object_state (
    zoid INTEGER NOT NULL PRIMARY KEY, tid INTEGER NOT NULL,
    state_size INTEGER NOT NULL, state BLOB)"""
_COLUMNS = "zoid, tid, state_size, state"
_PATIENCE = 60.0
_ROWS_AT_ONCE = 500


class CopySession(Session):
    """The saved records, opened to be read; nothing is written beside them.

    Parameters
    ----------
    path : pathlib.Path
        The file that `save_records` wrote.
    """

    def __init__(self, path):
        self._path = path
        super().__init__(path.parent)

    def _open(self):
        self._connect()
        if self.root is None:
            self.close()
            msg = f"The records {self._path} are damaged: the first does not lead to a store."
            raise StoreError(msg)
        self._check_version()

    def _connect(self, *, reading=True):
        self._database = open_copy(self._path)
        self._connection = self._database.open(self._manager)
        self.begin()


def save_records(where, path):
    """Save all records of a store, as they are at one moment, while others may write to it.

    Parameters
    ----------
    where : str
        A folder with an embedded store, or ``postgresql://...``.
    path : pathlib.Path
        The file; it must not exist.

    Raises
    ------
    StoreError
        The store cannot be read.
    """
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    # Nobody else knows the file yet: no locks, which some file systems do not have, and no
    # journal, since after a failure it is removed.
    with contextlib.closing(_connect(path, "mode=rw&nolock=1")) as copy:
        # As the store has them: its records are larger than most.
        copy.execute("PRAGMA page_size = 8192")
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
        copy.execute(_TABLE)
        if database_file(where) is None:
            _from_postgresql(where, copy)
        else:
            _from_sqlite(where, copy)
        copy.execute("CREATE INDEX main.object_state_tid ON object_state (tid)")
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())


def _connect(path, how):
    url = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(url, uri=True, isolation_level=None, timeout=_PATIENCE)


def _from_sqlite(where, copy):
    source = database_file(where)
    try:
        copy.execute("ATTACH ? AS source", (f"{source.absolute().as_uri()}?mode=ro",))
        # One statement reads one snapshot; with the log that the store has nobody waits for it.
        copy.execute(
            f"INSERT INTO main.object_state SELECT {_COLUMNS} FROM source.object_state "
            "ORDER BY zoid"
        )
        copy.execute("DETACH source")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as err:
        msg = f"The file {source} is damaged: {err}."
        raise StoreError(msg, remedy="`awe verify` tells more; restore an older backup.") from err


def _from_postgresql(where, copy):
    with contextlib.closing(connect_postgresql(where)) as source:
        source.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
        with source.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM object_state")
            (total,) = cursor.fetchone()
        with source.cursor("awe_backup") as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            cursor.execute(f"SELECT {_COLUMNS} FROM object_state ORDER BY zoid")
            copy.execute("BEGIN")
            copy.executemany(
                "INSERT INTO main.object_state VALUES (?, ?, ?, ?)",
                track(cursor, "Back up records", total),
            )
            copy.execute("COMMIT")


def load_records(path, where, ready):
    """Load saved records into a store that is not there yet; all of them or nothing.

    Parameters
    ----------
    path : pathlib.Path
        The file that `save_records` wrote.
    where : str
        A folder for an embedded store, or ``postgresql://...``.
    ready : callable
        Called without arguments just before the store is there.
    """
    if database_file(where) is None:
        _into_postgresql(path, where, ready)
    else:
        _into_sqlite(path, database_file(where), ready)


def _into_sqlite(path, target, ready):
    """Fill a database beside the place of the store, and move it there."""
    aside = target.parent / "restore"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        make_tables(aside)
        with contextlib.closing(_connect(aside / target.name, "mode=rw")) as database:
            database.execute("ATTACH ? AS saved", (_read_only(path),))
            database.execute(
                f"INSERT INTO main.object_state SELECT {_COLUMNS} FROM saved.object_state "
                "ORDER BY zoid"
            )
            database.execute("DETACH saved")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ready()
        os.rename(aside / target.name, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _read_only(path):
    return f"{path.absolute().as_uri()}?mode=ro&immutable=1"


def _into_postgresql(path, where, ready):
    from psycopg2.extras import execute_values

    make_tables(where)
    with (
        contextlib.closing(sqlite3.connect(_read_only(path), uri=True)) as saved,
        contextlib.closing(connect_postgresql(where)) as target,
    ):
        (total, highest) = saved.execute("SELECT count(*), max(zoid) FROM object_state").fetchone()
        rows = saved.execute(f"SELECT {_COLUMNS} FROM object_state ORDER BY zoid")
        target.autocommit = False
        with target.cursor() as cursor:
            execute_values(
                cursor,
                f"INSERT INTO object_state ({_COLUMNS}) VALUES %s",
                track(rows, "Restore records", total),
                page_size=_ROWS_AT_ONCE,
            )
            # RelStorage takes 16 numbers for new records with each value of the sequence.
            cursor.execute("SELECT setval('zoid_seq', %s)", (highest // 16 + 1,))
        ready()
        target.commit()
