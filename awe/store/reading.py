"""Reading an embedded store without what only writing needs."""

import contextlib
import sqlite3
import weakref

import ZODB.interfaces
from ZODB.POSException import POSKeyError, ReadOnlyError
from ZODB.utils import p64, u64
from zope.interface import implementer

__all__ = ["ReadingStorage"]

# Longer than any commit: only the recovery after a crash makes a reader wait.
_PATIENCE = 60.0


@implementer(ZODB.interfaces.IMVCCStorage)
class ReadingStorage:
    """The records of an embedded store as they were when a snapshot began, read only.

    RelStorage, which writes them, takes a third of the time in which a query of a new process
    is answered; so it is imported when there is something to write. Of its layout only the
    table ``object_state`` (zoid, tid, state) is used here, which ZODB's protocol prescribes.

    Parameters
    ----------
    path : pathlib.Path
        The file ``main.sqlite3`` of the store.
    still : bool, optional
        Whether it is a copy that nobody writes, so that nothing at all is done to its folder.
        The default is False.
    """

    def __init__(self, path, *, still=False):
        self._path = path
        self._still = still
        self._database = None
        self._last = 0
        self._instances = weakref.WeakSet()

    def _connected(self):
        if self._database is None:
            how = "mode=ro&immutable=1" if self._still else "mode=rw"
            url = f"{self._path.absolute().as_uri()}?{how}"
            self._database = sqlite3.connect(
                url, uri=True, isolation_level=None, timeout=_PATIENCE, check_same_thread=False
            )
            self._database.execute("PRAGMA query_only = ON")
        return self._database

    def new_instance(self):
        """Give a storage with a snapshot of its own.

        Returns
        -------
        ReadingStorage
            For one connection of ZODB.
        """
        instance = ReadingStorage(self._path, still=self._still)
        self._instances.add(instance)
        return instance

    def poll_invalidations(self):
        """Move to the newest contents.

        Returns
        -------
        list of bytes or None
            The object numbers that changed since; None where nothing was known before.
        """
        database = self._connected()
        self.afterCompletion()
        database.execute("BEGIN")
        (newest,) = database.execute("SELECT max(tid) FROM object_state").fetchone()
        before, self._last = self._last, newest or 0
        if not before:
            return None
        if self._last == before:
            return []
        changed = database.execute("SELECT zoid FROM object_state WHERE tid > ?", (before,))
        return [p64(oid) for (oid,) in changed]

    def sync(self, force=True):
        """Do nothing: `poll_invalidations` looks at the file itself.

        Parameters
        ----------
        force : bool, optional
            As ZODB gives it.
        """

    def afterCompletion(self):
        """Let go of the snapshot, so that the store's log can be folded back."""
        if self._database is not None and self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def load(self, oid, version=""):
        """Load a record.

        Parameters
        ----------
        oid : bytes
            Its number.
        version : str, optional
            As ZODB gives it.

        Returns
        -------
        state, tid : bytes
            The record, and the transaction that wrote it.

        Raises
        ------
        POSKeyError
            There is none.
        """
        found = self._connected().execute(
            "SELECT state, tid FROM object_state WHERE zoid = ?", (u64(oid),)
        )
        row = found.fetchone()
        if row is None or row[0] is None:
            raise POSKeyError(oid)
        return row[0], p64(row[1])

    def lastTransaction(self):
        """Give the transaction up to which the snapshot reaches.

        Returns
        -------
        bytes
            Its number.
        """
        return p64(self._last)

    def isReadOnly(self):
        """Tell that nothing can be written.

        Returns
        -------
        bool
            True.
        """
        return True

    def getName(self):
        """Give a name for messages.

        Returns
        -------
        str
            The file.
        """
        return str(self._path)

    sortKey = getName

    def registerDB(self, database):
        """Do nothing: nobody here tells others of changes.

        Parameters
        ----------
        database : ZODB.DB
            As ZODB gives it.
        """

    def new_oid(self):
        """Refuse to write.

        Raises
        ------
        ReadOnlyError
            Always.
        """
        raise ReadOnlyError

    def tpc_begin(self, transaction, *_):
        """Refuse to write.

        Parameters
        ----------
        transaction : object
            As ZODB gives it.

        Raises
        ------
        ReadOnlyError
            Always.
        """
        raise ReadOnlyError

    def tpc_abort(self, transaction):
        """Do nothing: there is nothing to take back.

        Parameters
        ----------
        transaction : object
            As ZODB gives it.
        """

    def release(self):
        """Let go of the file."""
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(sqlite3.ProgrammingError):
                database.close()

    def close(self):
        """Let go of the file in all instances."""
        for instance in (self, *self._instances):
            instance.release()
