"""Checking a store: objects, columns, links, unique values and files against each other."""

import collections
import os

import numpy as np

from awe.base.errors import AweError
from awe.base.progress import track
from awe.store import plain
from awe.store.blocks import blocks_of, compact
from awe.store.columns import columns_from_rows
from awe.store.files import sha256_of
from awe.store.housekeeping import sweep
from awe.store.integrity import database_problems, zone_problems
from awe.store.layouts import fields_of, normalised
from awe.store.plain import DAMAGES, HostileRecordError
from awe.store.records import PAGE_ROWS, Unique
from awe.store.row import Row
from awe.store.rows import (
    SYSTEM_FIELDS,
    fields_of_rows,
    raws_of,
    rows_between,
    system_columns,
)
from awe.store.session import ROW_BITS, pack
from awe.store.staging import DESK_LOCK, is_in_use
from awe.store.unique import UniqueIndex, unique_keys

__all__ = ["check_records", "objects_with_file", "reindex", "verify"]

_STEP = 4096
# A record that can be read and makes no sense raises what its contents bring about.
_UNREADABLE = (HostileRecordError, *DAMAGES)


def verify(context, *, repair=False, checksums=True):
    """Compare everything in a store with everything else.

    Parameters
    ----------
    context : Context
        The store.
    repair : bool, optional
        Whether to move files that no object has to ``lost+found``. The default is False.
    checksums : bool, optional
        Whether to read every file and compute its checksum. The default is True.

    Returns
    -------
    list of str
        What is wrong, a sentence each; empty where nothing is.
    """
    session = context.session
    session.begin()
    found, files, unreadable = check_records(session)
    problems = database_problems(session.where) + found + _check_files(context, files, checksums)
    if unreadable:
        # A record that cannot be read may be the one that has a file.
        return [*problems, "Files that no object has were not looked for, nor moved."]
    return problems + _check_orphans(context, files, repair)


def check_records(session):
    """Compare the objects, columns, links and unique values of one snapshot with each other.

    Parameters
    ----------
    session : Session
        The store, or what was saved of it.

    Returns
    -------
    problems : list of str
        What is wrong, a sentence each.
    files : dict of (str, str) to (int or None, list of str)
        By name and checksum of each file: its size, and the ids of the objects that have it.
    unreadable : bool
        Whether there are records that cannot be read, and so more files perhaps.
    """
    check = _Check(session)
    for schema in list(session.root.schemas.values()):
        check.objects_of(schema)
    check.unique_values()
    check.histories()
    return check.problems, check.files, check.unreadable


class _Check:
    """Goes through the records of one snapshot and collects what is wrong."""

    def __init__(self, session):
        self.session = session
        self.root = session.root
        self.problems = []
        self.unreadable = False
        self.files = {}
        self._index = UniqueIndex(session)
        self._entries = collections.Counter()

    def objects_of(self, schema):
        """Check rows, columns, links and files of one class."""
        try:
            extent = self.root.extents[schema.code]
            self._schema(schema, extent)
            for segment in extent.segments:
                self.problems += zone_problems(schema.name, segment)
            steps = [
                (block, at, min(at + _STEP, block.count))
                for block in blocks_of(self.session, extent)
                for at in range(0, block.count, _STEP)
            ]
        except _UNREADABLE as err:
            self._unreadable(schema.name, err)
            return
        for block, start, stop in track(steps, f"Verify {schema.name}"):
            first = block.start + start
            try:
                rows = rows_between(extent, first, block.start + stop)
                self._pages(schema, extent, first, block.start + stop)
                self._columns(schema, extent, block, start, rows)
                for number, row in enumerate(rows, first):
                    if row is not None:
                        self._row(schema, extent, number, row)
            except _UNREADABLE as err:
                self._unreadable(f"{schema.name}, rows {first} to {block.start + stop}", err)

    def _schema(self, schema, extent):
        """Check that the ways to a class and its objects agree."""
        name = self.root.names.get(schema.code)
        if self.root.schemas.get(schema.name) is not schema or name != schema.name:
            self.problems.append(f"The class with the number {schema.code} is {schema.name!r} and "
                                 f"{name!r} in different places.")  # fmt: skip
        if extent.code != schema.code:
            self.problems.append(f"{schema.name}: its objects are those of another class.")

    def _unreadable(self, where, err):
        self.unreadable = True
        text = str(err) if isinstance(err, AweError) else f"{type(err).__name__}: {err}"
        self.problems.append(f"{where}: {text}")

    def _pages(self, schema, extent, first, stop):
        """Compare the pages of some rows with their checksums."""
        for number in range(first // PAGE_ROWS, -(-stop // PAGE_ROWS)):
            if not extent.page(number).is_intact:
                low = max(number * PAGE_ROWS, first)
                high = min((number + 1) * PAGE_ROWS, stop)
                self.problems.append(
                    f"{schema.name}: the record of the rows {low} to {high} is not as it was "
                    "written: its checksum is wrong. Restore a backup."
                )

    def _columns(self, schema, extent, block, start, rows):
        """Compare the columns of some rows with the rows."""
        fields = fields_of_rows(self.session, schema, rows)
        raws = raws_of(self.session, extent, block.start + start, rows, fields)
        expected = columns_from_rows(fields, raws)
        expected.update(system_columns(rows))
        alive = [row is not None for row in rows]
        places = np.arange(start, start + len(rows))
        for path, (_, column) in expected.items():
            try:
                stored = block.column(path).take(places).to_list()
            except _UNREADABLE as err:
                self.problems.append(f"{schema.name}, column {path}: {err}")
                continue
            wrong = [
                (block.start + start + at, have, want)
                for at, (have, want) in enumerate(zip(stored, column.to_list(), strict=True))
                if (alive[at] or path == SYSTEM_FIELDS[0][0]) and not _same(have, want)
            ]
            if wrong:
                number, have, want = wrong[0]
                self.problems.append(
                    f"{schema.name}: the column {path} is wrong in {len(wrong)} rows; in row "
                    f"{number} it has {have!r}, the object has {want!r}. Run `awe reindex`."
                )

    def _row(self, schema, extent, number, row):
        """Check the links, child records and unique values of one row; note its file."""
        name = f"{schema.name} {row.object_id.hex()}"
        layout = schema.layouts[row.layout]
        values = dict(zip((n for n, _ in layout), row.values(), strict=True))
        for target in _links_in(layout, row.values()):
            if self.session.row(target) is None:
                self.problems.append(f"{name} links to a missing object.")
        if values.get("globalname") and values.get("sha256"):
            key = (values["filename"], values["sha256"])
            self.files.setdefault(key, (values.get("size"), []))[1].append(row.object_id.hex())
        self._children(name, extent, number, layout, values)
        cls = self.session.class_of_code(schema.code)
        if cls is not None:
            self._keys(name, cls, pack(schema.code, number), row, values)

    def _children(self, name, extent, number, layout, values):
        page, slot = extent.pages[number // PAGE_ROWS], number % PAGE_ROWS
        children = page.children or {}
        for field, spec in layout:
            if spec not in ("dict", "array", "table"):
                continue
            child = children.get((slot, field))
            if bool(values[field]) != (child is not None):
                self.problems.append(f"{name}: the record of its {field} is missing or left over.")
            elif child is not None and not child.is_intact:
                self.problems.append(
                    f"{name}: the record of its {field} is not as it was written: its checksum is "
                    "wrong. Restore a backup."
                )
            elif child is not None:
                try:
                    plain.loads(child.data)
                except _UNREADABLE as err:
                    self.problems.append(f"{name}, {field}: {err}")

    def _keys(self, name, cls, packed, row, values):
        scope = self._index.scope(row.domain)
        for index, names, key in unique_keys(cls, scope, values.get):
            index = self._index.name_in_store(index)
            self._entries[index] += 1
            unique = self.root.unique.get(index)
            if unique is None or unique.tree.get(key) != packed:
                self.problems.append(
                    f"The unique index {index} does not lead to {name}, which has "
                    f"{', '.join(names)} = {key.split(chr(0))[1:]}. Run `awe reindex`."
                )

    def unique_values(self):
        """Check that the unique indexes lead to objects that are there."""
        for index, unique in self.root.unique.items():
            try:
                entries = list(unique.tree.items())
                lost = [key for key, packed in entries if self.session.row(packed) is None]
            except _UNREADABLE as err:
                self.problems.append(f"The unique index {index}: {err}")
                continue
            self.problems += [
                f"The unique index {index} holds {key!r} of a missing object. Run `awe reindex`."
                for key in lost
            ]
            more = len(entries) - len(lost) - self._entries[index]
            if more > 0 and self._knows_all(index):
                self.problems.append(
                    f"The unique index {index} holds {more} values that no object has. "
                    "Run `awe reindex`."
                )

    def _knows_all(self, index):
        """Tell whether every class that an index serves is known here and could be read."""
        declared_by = index.split(":")[0]
        schemas = [s for s in self.root.schemas.values() if declared_by in (s.name, *s.bases)]
        known = all(self.session.class_of_code(s.code) is not None for s in schemas)
        return known and not self.unreadable

    def histories(self):
        """Check that the records of changes and deletions can be read."""
        for what, tree in (("history", self.root.changes), ("tombstone", self.root.tombstones)):
            try:
                for data in tree.values():
                    found = plain.loads(data)
                    if what == "tombstone" and "record" in found:
                        Row(*found["record"]).values()
            except _UNREADABLE as err:
                self.problems.append(f"The {what} of an object: {err}")


def _same(first, second):
    return first == second or plain.dumps(first) == plain.dumps(second)


def _links_in(fields, values):
    for (_, spec), value in zip(fields, values, strict=True):
        if value is None or not isinstance(spec, tuple):
            continue
        if spec[0] == "link":
            yield value
        elif spec[0] == "owned":
            yield from _links_in(spec[2], value)
        elif spec[0] == "list":
            for item in value:
                yield from _links_in((("", spec[1]),), (item,))


def _check_files(context, files, checksums):
    problems = []
    for (filename, sha256), (size, owners) in track(files.items(), "Verify files", len(files)):
        path = context.files.place(filename, sha256)
        try:
            found = path.stat().st_size
            if size is not None and found != size:
                problems.append(f"The file {path} has {found} bytes, its object says {size}.")
            elif checksums and sha256_of(path)[0] != sha256:
                problems.append(f"The file {path} is damaged: its checksum is wrong.")
        except FileNotFoundError:
            # A deletion beside us unlinks after its commit: look at the newest state.
            context.session.begin()
            try:
                owned = bool(objects_with_file(context.session, filename, sha256))
            except _UNREADABLE:
                # Reported where the records were read; the file is missed all the same.
                owned = True
            if owned:
                problems.append(f"The file {filename} of object {owners[0]} is missing: {path}")
    return problems


def _check_orphans(context, files, repair):
    """Find files that no object has; what a writer is just moving in is left alone."""
    store = context.files
    known = {store.place(*key) for key in files}
    suspects = [p for p in _all_files(store.folder) if p not in known]
    if not suspects:
        return []
    session = context.session
    problems = []
    with session.lock.held():
        session.begin()
        for path in suspects:
            if not path.exists() or _has_owner(session, store, path):
                continue
            if repair:
                problems.append(f"Moved {path}, which no object has, to {_set_aside(store, path)}")
            else:
                problems.append(f"No object has the file {path}")
    return problems


def _set_aside(store, path):
    target = store.folder / "lost+found" / path.name
    target.parent.mkdir(mode=0o700, exist_ok=True)
    number = 1
    while target.exists():
        target = target.with_name(f"{path.name}.{number}")
        number += 1
    os.rename(path, target)
    if not any(path.parent.iterdir()):
        path.parent.rmdir()
    return target


def _has_owner(session, store, path):
    if store.incoming in path.parents:
        waits = path.parent != store.incoming
        return waits and (path.name == DESK_LOCK or is_in_use(path.parent))
    relative = path.relative_to(store.folder).parts
    if len(relative) != 3:
        return False
    return bool(objects_with_file(session, relative[2], relative[0] + relative[1][:16]))


def _all_files(folder):
    for parent, folders, names in os.walk(folder):
        if parent == str(folder) and "lost+found" in folders:
            folders.remove("lost+found")
        for name in names:
            yield folder.__class__(parent) / name


def objects_with_file(session, filename, sha256):
    """Find the objects that have a file, whoever may see them.

    Parameters
    ----------
    session : Session
        The session.
    filename : str
        The file's name.
    sha256 : str
        Its checksum, or the first digits of it.

    Returns
    -------
    list of int
        Their numbers in the store.
    """
    found = []
    for schema in session.root.schemas.values():
        extent = session.root.extents[schema.code]
        names = {n for n, _ in fields_of(session, schema)}
        if not {"filename", "globalname", "sha256"} <= names:
            continue
        for block in blocks_of(session, extent):
            mask = block.column("filename").compare("==", filename)
            mask &= block.column("$domain").values != 0
            for at in np.flatnonzero(mask).tolist():
                (value,) = block.column("sha256").take(np.array([at])).to_list()
                if value is not None and value.startswith(sha256):
                    found.append(pack(extent.code, block.start + at))
    return found


def reindex(context):
    """Make all columns and unique indexes anew from the objects, and remove the former ones.

    Parameters
    ----------
    context : Context
        The store.

    Returns
    -------
    int
        The number of rows.

    Raises
    ------
    UniqueError
        Two objects have the same value where it must be unique; nothing is changed.
    """
    session = context.session
    total = 0
    with session.lock.held():
        session.begin_writing()
        try:
            _clear_unique(session)
            for schema in track(list(session.root.schemas.values()), "Reindex"):
                extent = session.root.extents[schema.code]
                extent.segments = ()
                extent.in_segments = 0
                session._tails.clear()
                compact(session, extent)
                _enter_unique(session, schema, extent)
                total += extent.count
            session.root.clock.time += 1
            session.commit_transaction()
        except BaseException as err:
            session.abort_transaction(err)
            raise
    sweep(context)
    return total


def _clear_unique(session):
    """Drop the entries of classes that are known here; of others nobody could make them anew."""
    for index, unique in list(session.root.unique.items()):
        kept = [
            (key, packed)
            for key, packed in unique.tree.items()
            if session.class_of_code(packed >> ROW_BITS) is None and session.row(packed) is not None
        ]
        session.root.unique[index] = fresh = Unique()
        fresh.tree.update(kept)


def _enter_unique(session, schema, extent):
    cls = session.class_of_code(schema.code)
    if cls is None or not cls._unique:
        return
    index = UniqueIndex(session)
    fields = cls._fields()
    names = [name for name, _ in fields]
    for start in range(0, extent.count, _STEP):
        rows = rows_between(extent, start, min(start + _STEP, extent.count))
        values = normalised(session, schema, rows, fields)
        for number, (row, raws) in enumerate(zip(rows, values, strict=True), start):
            if row is not None:
                raw_of = dict(zip(names, raws, strict=True)).get
                obj = session.get(pack(schema.code, number))
                index.claim(obj, row.domain, pack(schema.code, number), raw_of)
