"""Commit: a short exclusive section in which new objects and edits enter the store."""

import contextlib
import signal
import threading

from awe.base.errors import (
    AweError,
    AwePermissionError,
    AweTypeError,
    AweValueError,
)
from awe.base.utc import now, to_microseconds
from awe.store import plain
from awe.store.blocks import compact, update_segments
from awe.store.records import (
    DELETED,
    PAGE_ROWS,
    VOCABULARY,
    Child,
    ClassSchema,
    Extent,
    Page,
    Row,
    Unique,
)
from awe.store.session import code_of, pack, row_of

__all__ = ["StaleEditError", "UniqueError", "Writer", "closure", "exclusive"]


class UniqueError(AweValueError):
    """Two objects would have the same value where it must be unique."""


class StaleEditError(AweError):
    """Somebody else changed what an edit was based on."""


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
        if obj._new is not None:
            stack.append((obj, True))
        stack += [(o, False) for o in reversed(_linked(obj)) if id(o) not in seen]
    return ordered


def _linked(obj):
    """Give the new objects that an object links to."""
    if obj._new is not None:
        pairs = [(a.kind, obj._new[n]) for n, a in obj._link_attributes()]
    else:
        staged = obj._staged or {}
        pairs = [(obj._attributes[n].kind, value) for n, (value, _) in staged.items()]
    return [o for kind, v in pairs for o in kind.links(v) if getattr(o, "_new", None) is not None]


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
    """
    session.ensure()
    with _interrupt_later(), session.lock.held():
        session.begin()
        writer = Writer(session, context)
        try:
            yield writer
            writer.finish()
            session.commit_transaction()
        except BaseException:
            session.abort_transaction()
            # A commit that landed although its call failed (a lost answer of a server) counts.
            if writer.time and session.root.clock.time == writer.time:
                writer.bind()
                return
            writer.undo()
            raise
        writer.bind()


class Writer:
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
        self.time = 0
        self._bound = []
        self._moved = []
        self._after = []
        self._touched = {}

    # --- the frame of a transaction ---

    def stamp(self):
        """Give the store time of this commit, later than that of any before."""
        if not self.time:
            self.time = max(to_microseconds(now()), self.root.clock.time + 1)
            self.root.clock.time = self.time
        return self.time

    def move_in(self, file):
        """Put a prepared file into its place; it goes back if the commit fails."""
        file.move_in()
        self._moved.append(file)

    def after(self, function):
        """Remember what to do once the commit has landed."""
        self._after.append(function)

    def finish(self):
        """Do what is due before the transaction is committed."""
        for extent in self._touched.values():
            compact(self.session, extent)

    def undo(self):
        """Give everything in memory the state that it had."""
        for file in reversed(self._moved):
            file.move_back()
        for obj, _ in self._bound:
            object.__setattr__(obj, "_packed", 0)

    def bind(self):
        """Let the objects in memory be those of the store."""
        for obj, packed in self._bound:
            obj._bind(self.session, packed)
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
            schema = self.schema_for(type(obj))
            existing = self._interned(obj) if obj._interned else None
            if existing is not None:
                self._place(obj, existing)
                continue
            extent = self.root.extents[schema.code]
            self._place(obj, pack(schema.code, extent.count))
            extent.count += 1
            self._touched[schema.code] = extent
            added.append((obj, schema, extent))
            if obj._interned:
                self._claim(obj, self.domain_of(obj), obj._packed)
        for obj, schema, extent in added:
            if not restricted:
                self._check_inputs(obj)
            self._write(obj, schema, extent)

    def _place(self, obj, packed):
        object.__setattr__(obj, "_packed", packed)
        self._bound.append((obj, packed))

    def domain_of(self, obj):
        """Give the number of the domain that a new object gets."""
        if obj.vocabulary:
            return VOCABULARY
        return self.root.domains.number(self.context.new_triple())

    def _write(self, obj, schema, extent):
        domain = self.domain_of(obj)
        if not obj._interned:
            self._claim(obj, domain, obj._packed)
        clock = self.root.clock
        serial = clock.serial
        clock.serial += 1
        raws = obj._raws()
        row = Row(
            len(schema.layouts) - 1, obj._object_id, domain, serial, self.stamp(),
            plain.dumps(raws), raws,
        )  # fmt: skip
        number = row_of(obj._packed)
        page = extent.pages.get(number // PAGE_ROWS)
        if page is None:
            page = Page()
            extent.pages[number // PAGE_ROWS] = page
        page.rows.append(row)
        page._p_changed = True
        for name, attribute in obj._child_attributes():
            value = obj._new[name]
            if value is not None:
                page.set_child(number % PAGE_ROWS, name, Child(attribute.kind.pack(value)))

    def _check_inputs(self, obj):
        level = self.context.privileges
        if obj.vocabulary or level == 1:
            return
        for name, attribute in obj._link_attributes():
            for linked in attribute.kind.links(obj._new[name]):
                row = None if linked._new is not None else self.session.row(linked._packed)
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

    # --- classes ---

    def schema_for(self, cls):
        """Give the schema of a class, with its present layout as the last one."""
        schema = self.session.schema(cls)
        fields = cls._fields()
        if schema is None:
            schema = self._new_schema(cls)
            self.session._schema_cache[cls.__name__] = schema
        if not schema.layouts or schema.layouts[-1] != fields:
            if schema.layouts:
                self._record_defaults(schema, cls, fields)
            schema.layouts = (*schema.layouts, fields)
        return schema

    def _new_schema(self, cls):
        code = max(self.root.names, default=0) + 1
        bases = tuple(c.__name__ for c in cls.__mro__ if hasattr(c, "_is_persistent_class"))
        schema = ClassSchema(cls.__name__, code, bases)
        self.root.schemas[cls.__name__] = schema
        self.root.names[code] = cls.__name__
        self.root.extents[code] = Extent(code)
        return schema

    def _record_defaults(self, schema, cls, fields):
        known = {name: spec for layout in schema.layouts for name, spec in layout}
        for name, spec in fields:
            if name not in known:
                attribute = cls._attributes.get(name)
                raw = None if attribute is None else attribute.initial_raw()
                schema.defaults = {**schema.defaults, name: raw}
            elif not _compatible(known[name], spec):
                msg = (
                    f"{cls.__name__}.{name} is stored as {known[name]} and is now declared as "
                    f"{spec}; the stored values cannot be read so."
                )
                raise AweTypeError(msg, remedy="Give the new attribute another name.")

    # --- what must be unique ---

    def _keys(self, obj, domain, raw_of):
        """Give (index name, attribute names, key) for each set that has no missing value."""
        triple = self.root.domains.triples[domain]
        if domain == VOCABULARY:
            scope = ""
        elif triple[2] == 1:
            scope = f"{triple[1]:x}.{triple[0]:x}"
        else:
            scope = f"{triple[1]:x}"
        for declared_by, names in obj._unique:
            values = [raw_of(n) for n in names]
            if all(v is not None for v in values):
                key = "\0".join([scope, *(_key_text(v) for v in values)])
                yield f"{declared_by}:{'+'.join(names)}", names, key

    def _tree(self, index):
        unique = self.root.unique.get(index)
        if unique is None:
            unique = Unique()
            self.root.unique[index] = unique
        return unique.tree

    def _raw_reader(self, obj):
        return lambda name: obj._attributes[name].kind.to_raw(obj._new[name])

    def _interned(self, obj):
        """Find the stored object that a get-or-create object turns out to be."""
        for index, _, key in self._keys(obj, self.domain_of(obj), self._raw_reader(obj)):
            found = self._tree(index).get(key)
            if found is not None:
                return found
        return None

    def _claim(self, obj, domain, packed, raw_of=None):
        for index, names, key in self._keys(obj, domain, raw_of or self._raw_reader(obj)):
            tree = self._tree(index)
            holder = tree.get(key)
            if holder is not None and holder != packed:
                raise self._unique_error(obj, names, holder)
            tree[key] = packed

    def _release(self, obj, domain, packed, raw_of):
        for index, _, key in self._keys(obj, domain, raw_of):
            tree = self._tree(index)
            if tree.get(key) == packed:
                del tree[key]

    def _unique_error(self, obj, names, holder):
        values = ", ".join(f"{n} = {obj._value_of(obj._attributes[n])!r}" for n in names)
        row = self.session.row(holder)
        seen = row is not None and self.session.may_see(row.domain)
        who = f" {self.session.get(holder)!r} has it." if seen else ""
        msg = f"{type(obj).__name__}: {values} must be unique and is taken.{who}"
        return UniqueError(msg)

    # --- changes of stored objects ---

    def edit(self, obj, why):
        """Apply the staged edits of an object.

        Parameters
        ----------
        obj : DBObject
            A stored object.
        why : str or None
            The reason, for its history.
        """
        row = self._row_or_error(obj)
        self.context.check_may_edit(obj, row)
        staged = dict(obj._staged)
        for name, (value, base) in staged.items():
            if plain.dumps(obj._base(name)) != plain.dumps(base):
                raise _stale(obj, name, value)
        changes = {}
        for name, (value, base) in staged.items():
            attribute = obj._attributes[name]
            if attribute.required and value is None:
                msg = f"{attribute.where(type(obj))} is required; it cannot become None."
                raise AweValueError(msg)
            raw = (
                None if attribute.kind.child and value is None
                else attribute.kind.pack(value) if attribute.kind.child
                else attribute.kind.to_raw(value)
            )  # fmt: skip
            changes[name] = (base, raw)
        self.change(obj, changes, why)
        self.after(lambda: _drop_edits(self.session, obj))

    def change(self, obj, changes, why, level=None):
        """Write new values of a stored object, and the record of the change.

        Parameters
        ----------
        obj : DBObject
            A stored object.
        changes : dict of str to (old, new)
            Raw values by attribute; bytes for a child record.
        why : str or None
            The reason.
        level : int, optional
            The new level. By default it stays.
        """
        packed = obj._packed
        schema = self.schema_for(type(obj))
        extent = self.root.extents[code_of(packed)]
        number = row_of(packed)
        old_row = self._row_or_error(obj)
        page = extent.pages[number // PAGE_ROWS]
        raws = {n: obj.raw_of(n) for n in obj._attributes if not obj._attributes[n].kind.child}
        new = dict(raws)
        for name, (_, raw) in changes.items():
            if obj._attributes[name].kind.child:
                child = None if raw is None else Child(raw)
                page.set_child(number % PAGE_ROWS, name, child)
            else:
                new[name] = raw
        domain = old_row.domain
        if level is not None:
            creator, project, _ = self.root.domains.triples[domain]
            domain = self.root.domains.number((creator, project, level))
        self._release(obj, old_row.domain, packed, raws.get)
        self._claim(obj, domain, packed, new.get)
        children = {n for (s, n) in page.children or () if s == number % PAGE_ROWS}
        values = obj._raws_of_stored(new, children)
        page.rows[number % PAGE_ROWS] = Row(
            len(schema.layouts) - 1, old_row.object_id, domain, old_row.serial, old_row.committed,
            plain.dumps(values), values,
        )  # fmt: skip
        page._p_changed = True
        by_name = dict(zip((n for n, _ in schema.layouts[-1]), values, strict=True))
        columns = {n: (spec, by_name[n]) for n, spec in schema.layouts[-1] if n in changes}
        columns |= {
            k.name: (k.kind.spec, by_name[k.name])
            for k in obj._keys.values()
            if k.source in changes
        }
        if domain != old_row.domain:
            columns["$domain"] = ("int", domain)
        update_segments(self.session, extent, number, columns)
        self._record(packed, changes, why)

    def _record(self, packed, changes, why):
        from awe.store.changes import append_changes

        rows = [(name, old, new) for name, (old, new) in changes.items()]
        append_changes(self.root, packed, self.stamp(), self.context.user_name, rows, why)

    def _row_or_error(self, obj):
        row = self.session.row(obj._packed)
        if row is None:
            raise self.session.deleted_error(obj._packed)
        return row

    def raise_level(self, obj, level, why):
        """Raise the level of a stored object."""
        old = self.root.domains.triples[self._row_or_error(obj).domain][2]
        self.change(obj, {}, why, level=level)
        self._record(obj._packed, {"privileges": (old, level)}, why)

    def delete(self, obj, why):
        """Take an object out of the store; a tombstone stays.

        Parameters
        ----------
        obj : DBObject
            A stored object that nothing depends on any more.
        why : str or None
            The reason.
        """
        packed = obj._packed
        row = self._row_or_error(obj)
        extent = self.root.extents[code_of(packed)]
        number = row_of(packed)
        stone = {
            "class": type(obj).__name__,
            "object_id": obj.object_id,
            "name": obj.summary(),
            "domain": row.domain,
            "when": self.stamp(),
            "who": self.context.user_name,
            "why": why,
        }
        self._release(obj, row.domain, packed, obj.raw_of)
        page = extent.pages[number // PAGE_ROWS]
        for name, _ in obj._child_attributes():
            page.set_child(number % PAGE_ROWS, name, None)
        page.rows[number % PAGE_ROWS] = None
        page._p_changed = True
        update_segments(self.session, extent, number, {"$domain": ("int", DELETED)})
        self.root.tombstones[packed] = plain.dumps(stone)
        self.after(lambda: _drop_edits(self.session, obj))


def _drop_edits(session, obj):
    object.__setattr__(obj, "_staged", None)
    session.staged.pop(obj._packed, None)


def _stale(obj, name, mine):
    theirs = obj.stored_value(name)
    msg = (
        f"{obj._attributes[name].where(type(obj))} of {type(obj).__name__} {obj.object_id[:8]} was "
        f"changed by somebody else to {theirs!r} since you set it to {mine!r}. Nothing was stored."
    )
    return StaleEditError(
        msg, remedy="context.rollback() takes theirs; assign again to set yours over it."
    )


def _key_text(raw):
    if isinstance(raw, tuple):
        return "\1".join(_key_text(r) for r in raw)
    return raw if isinstance(raw, str) else repr(raw)


def _compatible(old, new):
    if old == new or (old, new) == ("int", "float"):
        return True
    if isinstance(old, tuple) and isinstance(new, tuple) and old[0] == new[0]:
        # A link may point to a class that was renamed; an owned record may gain or lose fields.
        return old[0] != "list" or _compatible(old[1], new[1])
    return False
