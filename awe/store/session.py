"""A session: one process's view of the store, as of one moment."""

import os
import weakref
from pathlib import Path

from transaction.interfaces import TransientError

from awe.base.errors import AweLookupError
from awe.base.utc import from_microseconds
from awe.store import plain, registry
from awe.store.catalog import Catalog
from awe.store.lock import AdvisoryLock, FileLock
from awe.store.numbers import ROW_BITS, code_of, pack, row_of
from awe.store.records import OLDEST_VERSION, PAGE_ROWS, STORE_VERSION, Extent, StoreRoot
from awe.store.storage import (
    StoreError,
    is_storage_failure,
    make_transaction_manager,
    open_database,
    store_is_ready,
)

__all__ = ["ROW_BITS", "Session", "code_of", "pack", "row_of"]

# What a child of fork() must neither use nor close.
_left_to_the_parent = []
_MOST_ANSWERS = 100


class Session(Catalog):
    """One process's handle on a store.

    Parameters
    ----------
    where : str or pathlib.Path
        A folder for the embedded store, or ``postgresql://...``.
    lock_folder : pathlib.Path, optional
        Where the lock file lies; by default the store's folder.

    Attributes
    ----------
    epoch : int
        Grows when the snapshot moves to other contents; what was read before is read again.
    identity : weakref.WeakValueDictionary
        The objects in memory by their number in the store.
    staged : dict
        Objects with edits that are not committed, by number.
    noted : dict
        Classes whose present layout and defaults the store is known to have, with the number of
        layouts at that time.
    unsettled : Writer or None
        A commit of which it is not known whether it landed: the server was lost meanwhile.
    visibility : object or None
        Decides who sees what; without one everything is seen.
    """

    def __init__(self, where, lock_folder=None):
        self.where = str(where)
        self._process = os.getpid()
        if self.where.startswith("postgres"):
            self.lock = AdvisoryLock(self.where)
        else:
            folder = Path(lock_folder or where)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.lock = FileLock(folder / "write.lock")
        self.epoch = 0
        self._seen_time = -1
        self.identity = weakref.WeakValueDictionary()
        self.interned = weakref.WeakValueDictionary()
        self.unsaved = weakref.WeakSet()
        self.staged = {}
        self.visibility = None
        self.unsettled = None
        self.noted = {}
        self._closed = False
        self._read_before = None
        self._tails = {}
        self._schema_cache = {}
        self._layout_cache = {}
        self._answers = {}
        self._answers_for = registry.generation
        self._manager = make_transaction_manager()
        self._database = self._connection = None
        self._open()

    def _open(self):
        try:
            self._find_root()
        except BaseException:
            # Nobody has got this session, by which it could be closed.
            if self._connection is not None:
                self.close()
            raise

    def _find_root(self):
        if store_is_ready(self.where):
            self._connect(reading=True)
        else:
            # Two first starts at the same time: the second waits until the store is whole.
            with self.lock.held():
                self._connect()
                if self.root is None:
                    self._connection.root()["awe"] = StoreRoot()
                    self._manager.commit()
                    self.begin()
        if self.root is None:
            raise self._is_damaged()
        self._check_version()
        self._check_tables()

    def _is_damaged(self):
        msg = f"The store {self.where} is damaged: its first records do not lead to a store."
        return StoreError(msg, remedy="Restore a backup.")

    def _check_tables(self):
        """Raise where the tables of classes, which everything is found by, do not fit."""
        root = self.root
        names, extents = dict(root.names), dict(root.extents)
        fit = names.keys() == extents.keys() and set(names.values()) == set(root.schemas)
        if not fit or not all(isinstance(extent, Extent) for extent in extents.values()):
            raise self._is_damaged()

    def _check_version(self):
        version = self.root.version
        if version < OLDEST_VERSION:
            msg = (
                f"The store {self.where} was made by a trial version of awe (version {version} of "
                f"the store, this awe reads {OLDEST_VERSION} to {STORE_VERSION})."
            )
            raise StoreError(msg, remedy="Set AWE_HOME to another folder and ingest anew.")
        if version > STORE_VERSION:
            msg = (
                f"The store {self.where} was written by a newer awe (version {version} of the "
                f"store, this awe reads up to {STORE_VERSION})."
            )
            raise StoreError(msg, remedy="Upgrade awe: pip install --upgrade awe")

    def _connect(self, *, reading=False):
        self._database = open_database(self.where, reading=reading)
        self._connection = self._database.open(self._manager)
        self.begin()

    def begin_writing(self):
        """Move to the newest contents, on a connection on which they can be changed."""
        self._check_process()
        if not self._closed and self._connection.isReadOnly():
            self.end()
            # An iteration that is going on may still load records through it.
            self._manager.unregisterSynch(self._connection)
            self._read_before = self._database, self._connection
            self._forget()
            self._connect()
        else:
            self.begin()
        if self.root.version < STORE_VERSION:
            self.root.version = STORE_VERSION

    # --- snapshots ---

    @property
    def root(self):
        """The root of everything, or None in a store that is just being made.

        Returns
        -------
        StoreRoot or None
            The root.
        """
        return self._connection.root().get("awe")

    @property
    def in_snapshot(self):
        """Whether a snapshot is held.

        Returns
        -------
        bool
            False between `end` and `begin`.
        """
        return self._manager._txn is not None

    def begin(self):
        """Move to the newest contents and hold them."""
        self._check_process()
        if self._closed:
            msg = f"The store {self.where} was closed in this process."
            raise StoreError(msg, remedy="Type: context.reopen()")
        try:
            if self.in_snapshot:
                self._manager.abort()
            self._manager.begin()
            root = self.root
            time = -1 if root is None else root.clock.time
        except Exception as err:
            self.end()
            self._drop_connections()
            if isinstance(err, (AttributeError, TypeError)):
                raise self._is_damaged() from err
            if not is_storage_failure(err):
                raise
            msg = f"The store cannot be read ({type(err).__name__}: {str(err).strip()})."
            raise StoreError(msg, remedy="Once it can be reached: context.refresh()") from err
        if time != self._seen_time:
            self._seen_time = time
            self._forget()

    def _forget(self):
        self.epoch += 1
        self._tails.clear()
        self._schema_cache.clear()
        self._layout_cache.clear()
        self._answers.clear()

    def end(self):
        """Let go of the snapshot, so that the store's log can be folded back."""
        if self.in_snapshot and self._process == os.getpid():
            self._manager.abort()

    def ensure(self):
        """Hold a snapshot if none is held."""
        if self._process != os.getpid():
            self._check_process()
        if not self.in_snapshot:
            self.begin()

    def commit_transaction(self):
        """Commit what was changed in the records, and begin anew."""
        self._manager.commit()
        self.begin()

    def abort_transaction(self, error=None):
        """Undo what was changed in the records, and begin anew.

        Parameters
        ----------
        error : BaseException, optional
            Why. By default nothing was wrong.
        """
        self.end()
        self._forget()
        self.noted.clear()
        if error is not None and is_storage_failure(error):
            self._drop_connections()
        if isinstance(error, TransientError) and not self._connection.isReadOnly():
            # RelStorage's cache may be ahead of its snapshot after a conflict; then every later
            # commit of this process would be refused until the cache is emptied.
            self._connection._storage._cache.clear(load_persistent=False)
        self.begin()

    def _drop_connections(self):
        # RelStorage reads on a new connection after the server was lost, but writes on old ones.
        if self._connection.isReadOnly():
            self._connection._storage.release()
        else:
            self._connection._storage._store_connection_pool.drop_all()

    def _check_process(self):
        if self._process != os.getpid():
            msg = (
                "This process was forked from one that has the store open; a handle on the store "
                "cannot be used on both sides of a fork."
            )
            raise StoreError(msg, remedy="Open the store anew in the child: context.reopen()")

    def close(self):
        """Let go of the store."""
        if self._closed:
            return
        self._closed = True
        if self._process != os.getpid():
            # Closing would talk to the database on the parent's connection.
            kept = self._manager, self._connection, self._database, self._read_before
            _left_to_the_parent.append(kept)
            return
        if self._read_before is not None:
            self._read_before[0].storage.close()
        if self.in_snapshot:
            self._manager.abort()
        self._connection.close()
        self._manager.begin()
        self._database.close()
        self._manager.abort()

    def remembered(self, question, answer):
        """Give the answer to a question, found once as long as the snapshot is the same.

        Parameters
        ----------
        question : tuple
            What the answer depends on besides the snapshot and the classes declared.
        answer : callable
            Finds it.

        Returns
        -------
        object
            The answer, which nobody may change.
        """
        if self._answers_for != registry.generation:
            self._answers_for = registry.generation
            self._answers.clear()
        found = self._answers.get(question)
        if found is None:
            found = answer()
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            self._answers[question] = found
        return found

    def forget_answers(self):
        """Forget the counts and targets of conditions that were asked for in this snapshot.

        The next question is then answered from the columns, as one that was never asked; for
        measurements.
        """
        kept = {q: a for q, a in self._answers.items() if q[0] not in ("count", "targets")}
        self._answers = kept

    # --- objects ---

    def row(self, packed):
        """Give the row of an object, or None where it was deleted.

        Parameters
        ----------
        packed : int
            The object's number in the store.

        Returns
        -------
        Row or None
            The row.
        """
        self.ensure()
        extent = self.root.extents.get(code_of(packed))
        return None if extent is None else extent.row(row_of(packed))

    def children(self, packed):
        """Give the child records of an object as {name: Child}.

        Parameters
        ----------
        packed : int
            The object's number in the store.

        Returns
        -------
        dict of str to Child
            By attribute.
        """
        self.ensure()
        extent = self.root.extents[code_of(packed)]
        page = extent.pages[row_of(packed) // PAGE_ROWS]
        page.rows  # noqa: B018  # loads the page, and with it `children`
        slot = row_of(packed) % PAGE_ROWS
        return {n: c for (s, n), c in (page.children or {}).items() if s == slot}

    def get(self, packed):
        """Give the object of a number: always the same one while it is in memory.

        Parameters
        ----------
        packed : int
            The object's number in the store.

        Returns
        -------
        DBObject or UnknownObject
            The object.
        """
        found = self.identity.get(packed)
        if found is None:
            self.ensure()
            cls = self.class_of_code(code_of(packed))
            if cls is None:
                found = registry.find_class("UnknownObject")._stored(self, packed)
            else:
                found = cls._stored(self, packed)
            self.identity[packed] = found
        return found

    def follow(self, packed):
        """Give what a link points to, or a placeholder where it may not be seen.

        Parameters
        ----------
        packed : int
            The object's number in the store.

        Returns
        -------
        DBObject or Restricted
            What stands at the other end.
        """
        row = self.row(packed)
        if row is not None and self.may_see(row.domain):
            return self.get(packed)
        from awe.store.objects import Restricted

        return Restricted(self, packed)

    def may_see(self, domain):
        """Tell whether the current user may see objects of a domain.

        Parameters
        ----------
        domain : int
            Number of creator, project and level.

        Returns
        -------
        bool
            True where nobody decides.
        """
        return self.visibility is None or self.visibility.may_see(domain)

    def deleted_error(self, packed):
        """Give the error for an object that is no longer there.

        Parameters
        ----------
        packed : int
            The object's number in the store.

        Returns
        -------
        AweLookupError
            Who deleted it, when and why, where that is known.
        """
        data = self.root.tombstones.get(packed)
        if data is None:
            return AweLookupError(f"There is no object with the number {packed} in this store.")
        stone = plain.loads(data)
        when = from_microseconds(stone["when"])
        why = f": {stone['why']}" if stone["why"] else ""
        msg = (
            f"{stone['class']} {stone['object_id'][-8:]} ({stone['name']}) was deleted "
            f"by {stone['who']} at {when:%Y-%m-%d %H:%M:%S}{why}."
        )
        return AweLookupError(msg)

    def find_by_id(self, cls, text):
        """Give the object whose id begins with a text.

        Parameters
        ----------
        cls : type
            A persistent class; its subclasses count.
        text : str
            At least the first 8 of the 32 hexadecimal digits.

        Returns
        -------
        DBObject
            The object.

        Raises
        ------
        AweLookupError
            None or several fit.
        """
        from awe.store.finding import find_by_id

        return find_by_id(self, cls, text)

    def tail(self, extent):
        """Give the block of the rows that stand in no segment yet.

        Parameters
        ----------
        extent : Extent
            The extent.

        Returns
        -------
        TailBlock
            The same as long as the snapshot stays.
        """
        tail = self._tails.get(extent.code)
        if tail is None:
            from awe.store.blocks import TailBlock

            tail = TailBlock(self, extent)
            self._tails[extent.code] = tail
        return tail
