"""Commit: a short exclusive section in which new objects and edits enter the store."""

import contextlib
import gc
import signal
import threading

from awe.base.errors import AwePermissionError
from awe.base.utc import now, to_microseconds
from awe.store import plain
from awe.store.blocks import compact
from awe.store.edits import EditWriter, StaleEditError
from awe.store.inverse import new_on_other_side
from awe.store.records import PAGE_ROWS, VOCABULARY, Child, Row
from awe.store.schemas import Schemas
from awe.store.session import pack, row_of
from awe.store.staging import sync_folder
from awe.store.storage import StoreError, is_storage_failure
from awe.store.unique import UniqueError, UniqueIndex

__all__ = ["StaleEditError", "UniqueError", "Writer", "closure", "exclusive"]


def closure(objects):
    """Give new objects with all new objects that they link to, inputs first.

    Parameters
    ----------
    objects : iterable of DBObject
        New objects, or stored ones with staged edits.

    Returns
    -------
    list of DBObject
        Each uncommitted object once.
    """
    ordered, seen = [], set()
    stack = [(obj, False) for obj in reversed(list(objects))]
    while stack:
        obj, done = stack.pop()
        if done:
            ordered.append(obj)
            continue
        if id(obj) in seen:
            continue
        seen.add(id(obj))
        after = new_on_other_side(obj) if obj._held else ()
        before = [o for o in _linked(obj) if id(o) not in seen]
        stack += [(o, False) for o in reversed(after)]
        if obj._new is not None:
            if not before:
                ordered.append(obj)
                continue
            stack.append((obj, True))
        stack += [(o, False) for o in reversed(before)]
    return ordered


def _linked(obj):
    """Give the new objects that an object links to."""
    new = obj._new
    if new is None:
        staged = (obj._staged or {}).items()
        found = [o for n, (value, _) in staged for o in obj._attributes[n].kind.links(value)]
    else:
        single, others = obj._link_names()
        found = [new[n] for n in single]
        for name in others:
            found += obj._attributes[name].kind.links(new[name])
    return [o for o in found if o is not None and o._new is not None]


@contextlib.contextmanager
def _interrupt_later():
    """Let Ctrl-C wait until the section has ended, one way or the other."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *args: pressed.append(args))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
    if pressed:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _collect_later():
    """Let the collector of cycles wait: it would look at thousands of new rows again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def exclusive(session, context):
    """Hold the lock and a fresh snapshot; commit at the end, or undo everything.

    Parameters
    ----------
    session : Session
        The session.
    context : Context
        Who writes.

    Yields
    ------
    Writer
        Takes the changes.

    Raises
    ------
    StoreError
        The storage failed; the objects in memory are as before.
    """
    session.ensure()
    # Waiting for the lock can be interrupted; what comes after it ends one way or the other.
    with session.lock.held(), _interrupt_later(), _collect_later():
        session.begin_writing()
        if session.unsettled is not None:
            _settle(session)
        writer = Writer(session, context)
        try:
            yield writer
            writer.finish()
            session.commit_transaction()
        except BaseException as err:
            writer.release()
            session.unsettled = writer
            _abort(session, err)
            # A commit that landed although its call failed (a lost answer of a server) counts.
            if _settle(session):
                return
            if is_storage_failure(err):
                msg = f"The store could not be written ({type(err).__name__}: {err})."
                remedy = "Nothing was stored. Is the disk full? Mend it, then commit again."
                raise StoreError(msg, remedy=remedy) from err
            raise
        writer.bind()


def _abort(session, err):
    try:
        session.abort_transaction(err)
    except StoreError:
        msg = (
            f"The store was lost during the commit ({type(err).__name__}: {err}). Whether it was "
            "stored is found out at the next commit."
        )
        raise StoreError(msg, remedy="Commit again once the store can be reached.") from err


def _settle(session):
    """Find out whether a commit landed, and give the objects in memory the state they have."""
    writer = session.unsettled
    landed = writer.has_landed()
    session.unsettled = None
    if landed:
        writer.bind()
        return True
    writer.undo()
    return False


class _Shelf:
    """Where the new objects of one class go in one transaction."""

    def __init__(self, writer, cls):
        self.schema, self.layout = writer.schemas.layout_of(cls)
        self.extent = writer.root.extents[self.schema.code]
        self.next = self.extent.count
        self.domain = writer.domain_of(cls)
        self.children = cls._child_attributes()
        self.converters = {n: a.kind.to_raw for n, a in cls._attributes.items()}
        self.unique = writer.unique.sets_of(cls)
        self.filled = []
        self._page_number = -1
        self._page = None

    def page(self, number):
        """Give a page to be changed, a new one where the row is the first in it."""
        if number != self._page_number:
            page = self.extent.page(number)
            if page is None:
                page = self.extent.add_page(number)
            page.rows  # noqa: B018  # loads the page before it is marked as changed
            page._p_changed = True
            if self._page is not None:
                self.filled.append(self._page)
            self._page_number, self._page = number, page
        return self._page

    def let_go(self):
        """Let the pages that are full out of memory; whoever wants one reads it again."""
        for page in self.filled:
            page._p_deactivate()


class Writer(EditWriter):
    """Writes objects into the records of one transaction.

    Parameters
    ----------
    session : Session
        The session; the lock is held.
    context : Context
        Who writes, in which project, at which level.
    """

    def __init__(self, session, context):
        self.session = session
        self.root = session.root
        self.context = context
        self.schemas = Schemas(session)
        self.unique = UniqueIndex(session)
        self.time = 0
        self._last = None
        self._bound = []
        self._moved = []
        self._after = []
        self._shelves = {}
        self._domain = None

    # --- the frame of a transaction ---

    def stamp(self):
        """Give the store time of this commit, later than that of any before.

        Returns
        -------
        int
            Microseconds since 1970, UTC.
        """
        if not self.time:
            self.time = max(to_microseconds(now()), self.root.clock.time + 1)
            self.root.clock.time = self.time
        return self.time

    def move_in(self, file):
        """Put a prepared file into its place; it goes back if the commit fails.

        Parameters
        ----------
        file : StagedFile
            The file.
        """
        self._moved.append(file)
        file.move_in()

    def after(self, function):
        """Remember what to do once the commit has landed.

        Parameters
        ----------
        function : callable
            Called without arguments.
        """
        self._after.append(function)

    def finish(self):
        """Do what is due before the transaction is committed."""
        for folder in {folder for file in self._moved for folder in file.folders()}:
            sync_folder(folder)
        if self.time:
            self.schemas.note_all()
        for shelf in self._shelves.values():
            compact(self.session, shelf.extent)

    def has_landed(self):
        """Tell whether the commit is in the store, as the present snapshot shows it.

        Returns
        -------
        bool
            True where others can see it.
        """
        if self._last is not None:
            obj, packed = self._last
            row = self.session.row(packed)
            return row is not None and row.object_id == obj._object_id
        return bool(self.time) and self.root.clock.time == self.time

    def release(self):
        """Give the objects in memory the state that they had."""
        for obj, _ in self._bound:
            object.__setattr__(obj, "_packed", 0)

    def undo(self):
        """Give objects and files the state that they had."""
        self.release()
        for file in reversed(self._moved):
            file.move_back()

    def bind(self):
        """Let the objects in memory be those of the store."""
        for obj, packed in self._bound:
            obj._bind(self.session, packed)
        for shelf in self._shelves.values():
            shelf.let_go()
        for file in self._moved:
            file.settle()
        for function in self._after:
            function()

    # --- new objects ---

    def add(self, objects, *, restricted=False):
        """Add new objects; links among them may point anywhere.

        Parameters
        ----------
        objects : list of DBObject
            As `closure` gives them.
        restricted : bool, optional
            Whether an object may lie above its inputs. The default is False.
        """
        added = []
        for obj in objects:
            if obj._new is None:
                # An earlier commit of it turned out to have landed.
                continue
            shelf = self._shelf(type(obj))
            if obj._interned and self._is_stored_already(obj, shelf):
                continue
            packed = pack(shelf.schema.code, shelf.next)
            shelf.next += 1
            self._place(obj, packed)
            added.append((obj, shelf))
            if obj._interned:
                self.unique.claim(obj, shelf.domain, packed, _reader(obj, shelf))
        for shelf in self._shelves.values():
            shelf.extent.count = shelf.next
        check = not restricted and self.context.privileges > 1
        first, time = self.root.clock.serial, self.stamp() if added else 0
        for serial, (obj, shelf) in enumerate(added, first):
            if check:
                self._check_inputs(obj)
            self._write(obj, shelf, serial, time)
        if added:
            self.root.clock.serial = first + len(added)
            self._last = (added[-1][0], added[-1][0]._packed)

    def _shelf(self, cls):
        shelf = self._shelves.get(cls)
        if shelf is None:
            shelf = self._shelves[cls] = _Shelf(self, cls)
        return shelf

    def _is_stored_already(self, obj, shelf):
        """Let a get-or-create object be the stored one where another process was faster."""
        found = self.unique.find(obj, shelf.domain, _reader(obj, shelf))
        if found is not None:
            self._place(obj, found)
        return found is not None

    def _place(self, obj, packed):
        object.__setattr__(obj, "_packed", packed)
        self._bound.append((obj, packed))

    def domain_of(self, cls):
        """Give the number of the domain that new objects of a class get.

        Parameters
        ----------
        cls : type
            A persistent class.

        Returns
        -------
        int
            The number.
        """
        if cls.vocabulary:
            return VOCABULARY
        if self._domain is None:
            self._domain = self.root.domains.number(self.context.new_triple())
        return self._domain

    def _write(self, obj, shelf, serial, time):
        packed = obj._packed
        raws = obj._raws()
        if not obj._interned:
            self.unique.claim_new(obj, shelf.domain, packed, shelf.unique, raws)
        number, slot = divmod(row_of(packed), PAGE_ROWS)
        page = shelf.page(number)
        payload = plain.dumps_exact(raws)
        page.rows.append(
            Row(shelf.layout, obj._object_id, shelf.domain, serial, time, payload, raws)
        )
        for name, attribute in shelf.children:
            value = obj._new[name]
            if value is not None:
                page.set_child(slot, name, Child(attribute.kind.pack(value)))

    def _check_inputs(self, obj):
        level = self.context.privileges
        if obj.vocabulary:
            return
        for name, attribute in obj._link_attributes():
            for linked in attribute.kind.links(obj._new[name]):
                is_new = getattr(linked, "_new", None) is not None
                row = None if is_new else self.session.row(linked._packed)
                if row is None:
                    continue
                below = self.root.domains.triples[row.domain][2]
                if row.domain != VOCABULARY and below < level:
                    msg = (
                        f"{obj!r} at level {level} would lie above its {name} {linked!r} at level "
                        f"{below}, which its readers could not see."
                    )
                    raise AwePermissionError(
                        msg,
                        remedy=f"Publish the input first: context.publish(obj.{name}, {level}), or "
                        "say commit(restricted=True).",
                    )


def _reader(obj, shelf):
    return lambda name: shelf.converters[name](obj._new[name])
