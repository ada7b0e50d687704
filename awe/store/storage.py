"""Opening the object store: ZODB on RelStorage, embedded SQLite or PostgreSQL."""

import contextlib
import os
import re
from pathlib import Path

import transaction
import ZODB
from ZODB import ConflictResolution
from ZODB.Connection import Connection
from ZODB.POSException import POSError, StateLoadError
from ZODB.utils import u64

from awe.base.errors import AweError, AweValueError
from awe.store.plain import DAMAGES, HostileRecordError

__all__ = [
    "SafeDB",
    "StoreError",
    "check_store_text",
    "connect_postgresql",
    "database_file",
    "file_system_of",
    "is_storage_failure",
    "make_tables",
    "make_transaction_manager",
    "open_copy",
    "open_database",
    "store_is_ready",
]

_NETWORK_FILE_SYSTEMS = {
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.rclone",
    "fuse.s3fs", "fuse.sshfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs",
}  # fmt: skip

_ALLOWED = {
    # Hangs on the root of a store of version 1, which must load before its version can be told.
    ("BTrees.IOBTree", "IOBTree"),
    ("BTrees.LOBTree", "LOBTree"),
    ("BTrees.LOBTree", "LOBucket"),
    ("BTrees.OOBTree", "OOBTree"),
    ("BTrees.OOBTree", "OOBucket"),
    ("persistent.mapping", "PersistentMapping"),
    *(
        ("awe.store.records", name)
        for name in (
            "Child", "ClassSchema", "Clock", "ColumnRecord", "Domains", "Extent", "Page",
            "Segment", "Shelf", "StoreRoot", "Tree", "Unique",
        )
    ),
}  # fmt: skip


# RelStorage's name for it.
_FILE = "main.sqlite3"


class StoreError(AweError):
    """The object store cannot be opened or written."""


class _RefusedRecordError(HostileRecordError, POSError):
    """A refusal that ZODB passes on as it is; any other error it would wrap without a word."""


def _find_global(module, name):
    """Give one of the few classes that a record may name; refuse everything else."""
    if (module, name) not in _ALLOWED:
        msg = f"A record of the store asks for {module}.{name}. It was not loaded or run."
        raise _RefusedRecordError(
            msg, remedy="Somebody wrote it past awe: run `awe verify` and restore a backup."
        )
    return getattr(__import__(module, fromlist=[name]), name)


# What tells the contents of a record from those of one of another class.
_CONTENTS = {
    "ClassSchema": {"bases", "code", "defaults", "layouts", "name"},
    "Clock": {"serial", "time"},
    "ColumnRecord": {"_packed"},
    "Domains": {"triples"},
    "Extent": {"code", "count", "in_segments", "segments"},
    "PersistentMapping": {"data"},
    "Segment": {"_head", "columns", "count", "start"},
    "Shelf": {"_below", "_height"},
    "StoreRoot": {"clock", "domains", "extents", "names", "schemas", "unique", "version"},
    "Tree": {"tree"},
    "Unique": {"tree"},
}


class _SafeConnection(Connection):
    """Says in words for people that a record is missing or is no record."""

    def setstate(self, obj):
        """Load a record.

        Parameters
        ----------
        obj : Persistent
            Takes its contents.
        """
        try:
            super().setstate(obj)
            # A BTree has no __dict__.
            lacking = _CONTENTS.get(type(obj).__name__, set()) - getattr(obj, "__dict__", {}).keys()
            if lacking:
                msg = f"it has no {min(lacking)}"
                raise StateLoadError(msg)
        except (StateLoadError, *DAMAGES) as err:
            cause = err.__cause__ or err
            msg = (
                f"The record {u64(obj._p_oid)} of the store ({type(obj).__name__}) is missing or "
                f"damaged ({type(cause).__name__}: {cause})."
            )
            remedy = "Run `awe verify` to see what else is, and restore a backup."
            raise _RefusedRecordError(msg, remedy=remedy) from err


class SafeDB(ZODB.DB):
    """A ZODB database that builds nothing but the store's own records."""

    klass = _SafeConnection

    def classFactory(self, connection, modulename, globalname):
        """Give the class of a record, out of a fixed set.

        Parameters
        ----------
        connection : ZODB.Connection.Connection
            Who asks.
        modulename : str
            The module.
        globalname : str
            The name in it.

        Returns
        -------
        type
            One of the few.
        """
        return _find_global(modulename, globalname)


# Conflict resolution unpickles records in the committing process, past the class factory.
ConflictResolution.find_global = _find_global


def make_transaction_manager():
    """Give a transaction manager that begins nothing by itself.

    Returns
    -------
    transaction.TransactionManager
        In explicit mode: no snapshot is held between `abort` and `begin`.
    """
    return transaction.TransactionManager(explicit=True)


def open_database(where, *, reading=False, cache_objects=20_000):
    """Open the database of a store, and make it if it is new.

    Parameters
    ----------
    where : str or pathlib.Path
        A folder for the embedded store, or ``postgresql://...``.
    reading : bool, optional
        Whether only to read an embedded store that is there, which opens in a third of the
        time. The default is False.
    cache_objects : int, optional
        How many records are kept in memory. The default is 20000.

    Returns
    -------
    SafeDB
        The database.

    Raises
    ------
    StoreError
        The folder lies on a network file system, or the database cannot be opened.
    """
    storage = _reading(Path(where)) if reading and not _is_url(where) else _writing(where)
    try:
        return SafeDB(storage, cache_size=cache_objects, large_record_size=1 << 30)
    except BaseException:
        storage.close()
        raise


def open_copy(path):
    """Open the records of a store in a file that nobody writes, such as a backup has.

    Parameters
    ----------
    path : pathlib.Path
        The file; nothing is written beside it.

    Returns
    -------
    SafeDB
        The database.
    """
    from awe.store.reading import ReadingStorage

    return SafeDB(ReadingStorage(path, still=True), cache_size=20_000, large_record_size=1 << 30)


def make_tables(where):
    """Make the tables of a store that is to be filled, without any record.

    Parameters
    ----------
    where : str or pathlib.Path
        A folder for the embedded store, or ``postgresql://...``.
    """
    _writing(where).close()


def _is_url(where):
    return str(where).startswith(("postgresql:", "postgres:"))


def database_file(where):
    """Give the file of an embedded store.

    Parameters
    ----------
    where : str or pathlib.Path
        The store.

    Returns
    -------
    pathlib.Path or None
        None for a store on a server.
    """
    return None if _is_url(where) else Path(where) / _FILE


def _reading(folder):
    from awe.store.reading import ReadingStorage

    _refuse_network(folder)
    return ReadingStorage(folder / _FILE)


def _writing(where):
    # Imported here: a new process that only reads an embedded store does without.
    from relstorage.options import Options
    from relstorage.storage import RelStorage

    options = Options(keep_history=False, cache_local_mb=64, cache_prefix="awe")
    if _is_url(where):
        return RelStorage(_postgresql_adapter(str(where), options), options=options)
    storage = RelStorage(_sqlite_adapter(Path(where), options), options=options)
    _raise_oid_allocator(storage)
    return storage


def is_storage_failure(error):
    """Tell whether an error comes from the storage and not from what was to be stored.

    Parameters
    ----------
    error : BaseException
        What a commit raised.

    Returns
    -------
    bool
        True for errors of the database and of the disk.
    """
    if isinstance(error, AweError):
        return False
    origin = type(error).__module__.split(".")[0]
    return isinstance(error, OSError) or origin in ("sqlite3", "psycopg2", "relstorage", "ZODB")


def store_is_ready(where):
    """Tell whether a store is there and whole, or still to be made.

    Parameters
    ----------
    where : str or pathlib.Path
        A folder for the embedded store, or ``postgresql://...``.

    Returns
    -------
    bool
        False also while another process is making it.
    """
    import sqlite3

    if _is_url(where):
        return _postgresql_is_ready(str(where))
    path = Path(where) / _FILE
    if not path.exists():
        return False
    try:
        url = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(url, uri=True)) as database:
            return database.execute(_SECOND_RECORD).fetchone() is not None
    except sqlite3.OperationalError:
        return False


# The first record is ZODB's own root; the store's root is among those after it.
_SECOND_RECORD = "SELECT 1 FROM object_state WHERE zoid > 0 LIMIT 1"


def _postgresql_is_ready(url):
    psycopg2 = _psycopg2()
    with contextlib.closing(connect_postgresql(url)) as connection:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_SECOND_RECORD)
                return cursor.fetchone() is not None
        except psycopg2.errors.UndefinedTable:
            return False


def connect_postgresql(url):
    """Connect to the database of a team's store, past ZODB.

    Parameters
    ----------
    url : str
        ``postgresql://...``.

    Returns
    -------
    psycopg2.extensions.connection
        In autocommit.

    Raises
    ------
    StoreError
        The server does not answer or refuses.
    """
    psycopg2 = _psycopg2()
    try:
        connection = psycopg2.connect(url)
    except psycopg2.OperationalError as err:
        msg = f"The store's database cannot be reached: {str(err).strip()}"
        raise StoreError(msg, remedy="Is the server up, and is `store` right?") from err
    connection.autocommit = True
    return connection


def _psycopg2():
    try:
        import psycopg2.errors
        import psycopg2.extensions
    except ImportError as err:
        msg = "A store on PostgreSQL needs psycopg2, which is not installed."
        raise StoreError(msg, remedy="Type in a shell: pip install 'awe[postgresql]'") from err
    return psycopg2


_PRAGMAS = {
    # After a commit was acknowledged a crash of the machine does not lose it.
    "synchronous": "FULL",
    # What a transaction is to store waits in a temporary table: 2 is in memory, and there is
    # room for the pages of a large one (here in KiB, with a minus), and these are large.
    "temp_store": 2,
    "cache_size": -65536,
    "page_size": 8192,
    # The log is folded back when it has so many pages, 4 MB.
    "wal_autocheckpoint": 500,
}


def _sqlite_adapter(folder, options):
    from relstorage.adapters.sqlite.adapter import Sqlite3Adapter

    _refuse_network(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Sqlite3Adapter(str(folder), _PRAGMAS, options=options)


def _refuse_network(folder):
    kind = file_system_of(folder)
    if kind in _NETWORK_FILE_SYSTEMS:
        msg = (
            f"The store {folder} lies on a network file system ({kind}), where SQLite's locks "
            "do not hold and data would be lost."
        )
        raise StoreError(
            msg,
            remedy="Set AWE_HOME or AWE_STORE to a folder on a local disk, "
            "or store = postgresql://... for a team.",
        )


def _postgresql_adapter(url, options):
    psycopg2 = _psycopg2()
    # Says at once, and in words for people, that the server cannot be reached.
    connect_postgresql(url).close()
    from relstorage.adapters.postgresql import PostgreSQLAdapter

    # RelStorage adds to the text, which it takes to be one of keys and values, not a URL.
    parts = psycopg2.extensions.parse_dsn(url)
    return PostgreSQLAdapter(dsn=psycopg2.extensions.make_dsn(**parts), options=options)


def _raise_oid_allocator(storage):
    """Set the allocator of object numbers above every number in use.

    RelStorage keeps it in a file of its own that is not synced; after a crash or a restored
    backup it may lag behind, and new objects would take the numbers of old ones.
    """
    adapter = storage._adapter
    connection, cursor = adapter.connmanager.open_for_load()
    try:
        cursor.execute("SELECT max(zoid) FROM object_state")
        (highest,) = cursor.fetchone()
    finally:
        adapter.connmanager.rollback_and_close(connection, cursor)
    if highest is not None:
        adapter.oidallocator.set_min_oid(None, highest)


def file_system_of(path, mounts="/proc/mounts"):
    """Tell the type of the file system on which a path lies.

    Parameters
    ----------
    path : pathlib.Path
        The path; it need not exist yet.
    mounts : str, optional
        The kernel's table of mounts. The default is that of Linux.

    Returns
    -------
    str
        Such as 'ext4' or 'nfs4'; empty where it cannot be told.
    """
    try:
        table = Path(mounts).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    path = os.path.realpath(path)
    best, kind = "", ""
    for line in table:
        fields = line.split()
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[1])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def check_store_text(where):
    """Check a store's place as a user may write it.

    Parameters
    ----------
    where : str
        A folder or a PostgreSQL URL.

    Returns
    -------
    str
        The same.

    Raises
    ------
    AweValueError
        It is a URL of another kind.
    """
    if "://" in where and not where.startswith(("postgresql://", "postgres://")):
        msg = f"store = {where!r} is neither a folder nor postgresql://user@host/database."
        raise AweValueError(msg)
    return where
