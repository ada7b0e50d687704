"""Changes of stored objects: edits, levels, deletion."""

from awe.base.errors import AweError, AweValueError
from awe.store import plain
from awe.store.blocks import update_segments
from awe.store.changes import append_changes, spec_of
from awe.store.records import DELETED, PAGE_ROWS, Child, Row
from awe.store.session import code_of, row_of

__all__ = ["EditWriter", "StaleEditError"]


class StaleEditError(AweError):
    """Somebody else changed what an edit was based on."""


class EditWriter:
    """Writes changes of stored objects into the records of one transaction."""

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
            if _differ(obj._base(name), base):
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
        extent = self.root.extents[code_of(packed)]
        number, slot = divmod(row_of(packed), PAGE_ROWS)
        row = self._row_or_error(obj)
        page = extent.pages[number]
        raws = {n: obj.raw_of(n) for n in obj._attributes if not obj._attributes[n].kind.child}
        new = dict(raws)
        for name, (_, raw) in changes.items():
            if obj._attributes[name].kind.child:
                page.set_child(slot, name, None if raw is None else Child(raw))
            else:
                new[name] = raw
        domain = row.domain
        if level is not None:
            creator, project, _ = self.root.domains.triples[domain]
            domain = self.root.domains.number((creator, project, level))
        self.unique.release(obj, row.domain, packed, raws.get)
        self.unique.claim(obj, domain, packed, new.get)
        children = {n for (s, n) in page.children or () if s == slot}
        values = obj._raws_of_stored(new, children, changes)
        page.rows[slot] = self._changed_row(obj, row, domain, values)
        page._p_changed = True
        # Whoever reads the object again in this transaction sees the change.
        object.__setattr__(obj, "_row", None)
        fields = type(obj)._fields()
        touched = {*changes, *(k.name for k in obj._keys.values() if k.source in changes)}
        columns = {
            name: (spec, value)
            for (name, spec), value in zip(fields, values, strict=True)
            if name in touched
        }
        if domain != row.domain:
            columns["$domain"] = ("int", domain)
        update_segments(self.session, extent, row_of(packed), columns)
        self._record(obj, changes, why)

    def _changed_row(self, obj, row, domain, values):
        """Make the new row; what only another version of the class knows stays in it."""
        schema, layout = self.schemas.layout_of(type(obj))
        fields = type(obj)._fields()
        before = schema.layouts[row.layout]
        names = {name for name, _ in fields}
        extra = tuple(field for field in before if field[0] not in names)
        if extra:
            schema, layout = self.schemas.layout_of(type(obj), extra)
            kept = dict(zip((n for n, _ in before), row.values(), strict=True))
            values = (*values, *(kept[name] for name, _ in extra))
        return Row(
            layout, row.object_id, domain, row.serial, row.committed, plain.dumps(values), values
        )

    def _record(self, obj, changes, why):
        rows = [(name, old, new, spec_of(obj, name)) for name, (old, new) in changes.items()]
        append_changes(self.root, obj._packed, self.stamp(), self.context.user_name, rows, why)

    def _row_or_error(self, obj):
        row = self.session.row(obj._packed)
        if row is None:
            raise self.session.deleted_error(obj._packed)
        return row

    def raise_level(self, obj, level, why):
        """Raise the level of a stored object.

        Parameters
        ----------
        obj : DBObject
            A stored object.
        level : int
            The new level.
        why : str or None
            The reason.
        """
        old = self.root.domains.triples[self._row_or_error(obj).domain][2]
        self.change(obj, {}, why, level=level)
        self._record(obj, {"privileges": (old, level)}, why)

    def delete(self, obj, name, why):
        """Take an object out of the store; a tombstone stays.

        Parameters
        ----------
        obj : DBObject
            A stored object that nothing depends on any more.
        name : str
            Its `summary()`, for the tombstone.
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
            "name": name,
            "domain": row.domain,
            "when": self.stamp(),
            "who": self.context.user_name,
            "why": why,
            # The record as it was: with its dicts, arrays and tables, which stay on the page, it
            # tells what the store held at any time before.
            "record": row.plain(),
        }
        self.unique.release(obj, row.domain, packed, obj.raw_of)
        page = extent.pages[number // PAGE_ROWS]
        page.rows[number % PAGE_ROWS] = None
        page._p_changed = True
        update_segments(self.session, extent, number, {"$domain": ("int", DELETED)})
        self.root.tombstones[packed] = plain.dumps(stone)
        self.after(lambda: _drop_edits(self.session, obj))


def _differ(first, second):
    # NaN differs from itself, but not in its bytes.
    return first != second and plain.dumps(first) != plain.dumps(second)


def _drop_edits(session, obj):
    object.__setattr__(obj, "_staged", None)
    session.staged.pop(obj._packed, None)


def _stale(obj, name, mine):
    theirs = obj.stored_value(name)
    object.__setattr__(obj, "_refused", obj._refused | {name})
    msg = (
        f"{obj._attributes[name].where(type(obj))} of {type(obj).__name__} {obj.object_id[-8:]} "
        f"was changed by somebody else to {theirs!r} since you set it to {mine!r}. "
        "Nothing was stored."
    )
    return StaleEditError(
        msg, remedy="context.rollback() takes theirs; assign again to set yours over it."
    )
