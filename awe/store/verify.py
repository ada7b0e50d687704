"""Checking a store: objects, columns, links, unique values and files against each other."""

import os
import re

from awe.base.progress import track
from awe.store import plain
from awe.store.blocks import (
    SYSTEM_FIELDS,
    blocks_of,
    compact,
    fields_of,
    normalised,
    rows_between,
    system_columns,
)
from awe.store.columns import columns_from_rows
from awe.store.files import sha256_of
from awe.store.plain import HostileRecordError
from awe.store.session import pack

__all__ = ["objects_with_file", "reindex", "verify"]

_STEP = 4096


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
    problems, files = [], {}
    for schema in list(session.root.schemas.values()):
        problems += _check_class(session, schema, files)
    problems += _check_unique(session)
    problems += _check_files(context, files, checksums)
    problems += _check_orphans(context, files, repair)
    return problems


def _check_class(session, schema, files):
    """Check rows, columns and links of one class; collect its files."""
    extent = session.root.extents[schema.code]
    problems = []
    for start in track(range(0, extent.count, _STEP), f"Verify {schema.name}"):
        stop = min(start + _STEP, extent.count)
        try:
            problems += _check_rows(session, schema, extent, start, stop, files)
        except HostileRecordError as err:
            problems.append(f"{schema.name}, rows {start} to {stop}: {err}")
    return problems


def _check_rows(session, schema, extent, start, stop, files):
    rows = rows_between(extent, start, stop)
    problems = []
    if len(rows) != stop - start:
        return [f"{schema.name}: {stop - start - len(rows)} rows after {start} are missing."]
    fields = fields_of(session, schema)
    expected = columns_from_rows(fields, normalised(session, schema, rows, fields))
    expected.update(system_columns(rows))
    alive = [row is not None for row in rows]
    for path, (_, column) in expected.items():
        wanted = column.to_list()
        stored = _stored_values(session, extent, path, start, stop)
        for at, here in enumerate(alive):
            checked = here or path == SYSTEM_FIELDS[0][0]
            if checked and not _same(wanted[at], stored[at]):
                problems.append(
                    f"{schema.name} row {start + at}: the column {path} has {stored[at]!r}, the "
                    f"object has {wanted[at]!r}. Run `awe reindex`."
                )
    for at, row in enumerate(rows):
        if row is not None:
            packed = pack(extent.code, start + at)
            problems += _check_row(session, schema, packed, row, files)
    return problems


def _same(first, second):
    return first == second or plain.dumps(first) == plain.dumps(second)


def _stored_values(session, extent, path, start, stop):
    """Give the values of a column as queries see them."""
    out = []
    for block in blocks_of(session, extent):
        low, high = max(start, block.start), min(stop, block.start + block.count)
        if low < high:
            cache = block.__dict__.setdefault("_listed", {})
            if path not in cache:
                cache[path] = block.column(path).to_list()
            out += cache[path][low - block.start : high - block.start]
    return out


def _check_row(session, schema, packed, row, files):
    layout = schema.layouts[row.layout]
    values = dict(zip((n for n, _ in layout), row.values(), strict=True))
    problems = []
    for target in _links_in(layout, row.values()):
        if session.row(target) is None:
            problems.append(f"{schema.name} {row.object_id.hex()} links to a missing object.")
    if values.get("filename") and values.get("sha256"):
        key = (values["filename"], values["sha256"])
        files.setdefault(key, (values.get("size"), []))[1].append(row.object_id.hex())
    return problems


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


def _check_unique(session):
    problems = []
    for index, unique in session.root.unique.items():
        for key, packed in unique.tree.items():
            if session.row(packed) is None:
                problems.append(f"The unique index {index} holds {key!r} of a missing object.")
    return problems


def _check_files(context, files, checksums):
    problems = []
    for (filename, sha256), (size, owners) in track(files.items(), "Verify files", len(files)):
        path = context.files.place(filename, sha256)
        try:
            found = path.stat().st_size
        except FileNotFoundError:
            # A deletion beside us unlinks after its commit: look at the newest state.
            context.session.begin()
            if objects_with_file(context.session, filename, sha256):
                problems.append(f"The file {filename} of object {owners[0]} is missing: {path}")
            continue
        if size is not None and found != size:
            problems.append(f"The file {path} has {found} bytes, its object says {size}.")
        elif checksums and sha256_of(path)[0] != sha256:
            problems.append(f"The file {path} is damaged: its checksum is wrong.")
    return problems


_INCOMING = re.compile(r"(\d+)-[0-9a-f]{32}")


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
            if not path.exists() or _in_use(session, store, path):
                continue
            if repair:
                target = store.folder / "lost+found" / path.name
                target.parent.mkdir(exist_ok=True)
                os.replace(path, target)
                problems.append(f"Moved {path}, which no object has, to {target}")
            else:
                problems.append(f"No object has the file {path}")
    return problems


def _in_use(session, store, path):
    if path.parent == store.incoming:
        named = _INCOMING.fullmatch(path.name)
        return named is not None and _is_alive(int(named.group(1)))
    relative = path.relative_to(store.folder).parts
    if len(relative) != 3:
        return False
    prefix = relative[0] + relative[1]
    return bool(objects_with_file(session, relative[2], prefix))


def _is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _all_files(folder):
    for parent, folders, names in os.walk(folder):
        if "lost+found" in folders:
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
    import numpy as np

    found = []
    for schema in session.root.schemas.values():
        extent = session.root.extents[schema.code]
        names = {n for n, _ in fields_of(session, schema)}
        if not {"filename", "sha256"} <= names:
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
    """Make all columns anew from the objects.

    Parameters
    ----------
    context : Context
        The store.

    Returns
    -------
    int
        The number of rows.
    """
    session = context.session
    total = 0
    with session.lock.held():
        session.begin()
        try:
            for schema in session.root.schemas.values():
                extent = session.root.extents[schema.code]
                extent.segments = ()
                extent.in_segments = 0
                session._tails.clear()
                compact(session, extent)
                total += extent.count
            session.root.clock.time += 1
            session.commit_transaction()
        except BaseException:
            session.abort_transaction()
            raise
    return total


