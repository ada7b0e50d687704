"""Export: objects with their lineage and files in a folder, for another store."""

import hashlib
import json
import shutil
from pathlib import Path

from awe.base.errors import (
    AweError,
    AweLookupError,
    AwePermissionError,
    AweTypeError,
    AweValueError,
)
from awe.base.paths import typed_path
from awe.base.progress import track
from awe.base.utc import now
from awe.base.version import __version__
from awe.process.plainjson import encoded
from awe.process.product import ProcessTarget, Product, content_key_of
from awe.store import DBObject, current, registry
from awe.store.files import DataObject, sha256_of
from awe.store.lifecycle import flat
from awe.store.people import Project, User

__all__ = ["FILES", "FORMAT", "MANIFEST", "SUMS", "exchangeable", "export", "record_digest"]

FORMAT = "awe export 1"
"""What the manifest says that it is."""
MANIFEST = "manifest.json"
"""The objects of an export."""
SUMS = "SHA256SUMS"
"""The checksums of an export, as the command sha256sum reads them; it is written last."""
FILES = "files"
"""The folder with the files of an export."""


def exchangeable():
    """Give the classes whose objects travel from store to store.

    Returns
    -------
    set of type
        Raw data and products, and what they may link to; no users, projects or jobs.
    """
    waiting = [cls for cls in registry.all_classes() if issubclass(cls, ProcessTarget)]
    found = set()
    while waiting:
        cls = waiting.pop()
        if cls in found or issubclass(cls, (User, Project)):
            continue
        found.add(cls)
        for attribute in cls._attributes.values():
            kind = getattr(attribute.kind, "item", attribute.kind)
            if hasattr(kind, "target"):
                waiting += registry.subclasses(kind.target)
    return found


def record_digest(record):
    """Compute the checksum of an object's record.

    Parameters
    ----------
    record : dict
        As it stands in the manifest; its own entry 'sha256' does not count.

    Returns
    -------
    str
        SHA-256 of the record as JSON with sorted keys.
    """
    content = {name: value for name, value in record.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def export(query, folder):
    """Write objects, all that they were made from and their files into a folder.

    Parameters
    ----------
    query : Query, DBObject or iterable of DBObject
        Raw data or products.
    folder : str or os.PathLike
        A new folder, or an empty one. It gets the files, a manifest in JSON with the SHA-256 of
        each file and record, and SHA256SUMS. ``awe import FOLDER`` reads it.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    AweError
        Something is not committed, may not be seen, or its file is missing or damaged; nothing
        is left behind.
    """
    asked = _asked(query)
    objects = _closure(asked)
    folder = typed_path(folder).absolute()
    made = not folder.exists()
    try:
        if not made and (not folder.is_dir() or any(folder.iterdir())):
            msg = f"{folder} exists and is not an empty folder."
            raise AweValueError(msg, remedy="Give a new folder for the export.")
        (folder / FILES).mkdir(parents=True)
    except OSError as err:
        raise AweValueError(f"Nothing can be exported to {folder}: {err}.") from err
    try:
        size = _write(folder, asked, objects)
    except BaseException as err:
        shutil.rmtree(folder, ignore_errors=True)
        if not made:
            folder.mkdir(exist_ok=True)
        if isinstance(err, OSError) and not isinstance(err, AweError):
            raise AweValueError(f"Nothing was exported to {folder}: {err}.") from err
        raise
    one = f"Exported {asked[0]!r} and what it was made from"
    several = f"Exported {len(asked)} objects and what they were made from"
    print(f"{several if asked[1:] else one}, {len(objects)} objects in all, {size / 1e6:.1f} MB, "
          f"to {folder}")  # fmt: skip
    return folder


def _asked(query):
    chosen = [query] if isinstance(query, DBObject) else query
    if isinstance(chosen, (str, bytes, type)) or not hasattr(chosen, "__iter__"):
        msg = f"export takes a query, an object or a list of objects, not {query!r}."
        raise AweTypeError(msg, remedy="Type: export(ReducedScienceFrame.select_all(), 'folder')")
    asked = flat(list(chosen))
    if not asked:
        raise AweLookupError("Nothing was selected, so there is nothing to export.")
    possible = exchangeable()
    for obj in asked:
        if type(obj) not in possible:
            msg = f"{obj!r} is neither raw data nor a product, nor linked to one: it stays here."
            raise AweTypeError(msg)
    return asked


def _closure(asked):
    """Give objects with all that they need in another store, inputs first."""
    ordered, seen, hidden = [], {}, []
    stack = [(obj, False) for obj in reversed(asked)]
    while stack:
        obj, done = stack.pop()
        if done:
            ordered.append(obj)
            continue
        if obj.object_id in seen:
            continue
        seen[obj.object_id] = obj
        if not isinstance(obj, DBObject):
            hidden.append(obj)
            continue
        if not obj.is_committed:
            raise AweValueError(f"{obj!r} is not committed.", remedy="Commit it, then export.")
        stack += [(obj, True), *((o, False) for o in reversed(_needed(obj)))]
    if hidden:
        msg = f"The lineage leads to {len(hidden)} objects that you may not see: {hidden[0]!r}"
        raise AwePermissionError(f"{msg}{' ...' if hidden[1:] else ''}.")
    return ordered


def _needed(obj):
    """Give what must travel with an object: inputs, names, and what belongs to it."""
    found = []
    for name, attribute in obj._link_attributes():
        for linked in attribute.kind.links(obj.stored_value(name)):
            if not isinstance(obj, Product) or name in type(obj).inputs or _belongs(linked, obj):
                found.append(linked)
    return found


def _belongs(linked, obj):
    """Tell whether a link that is no input is needed: not what was compared with."""
    if not isinstance(linked, Product):
        # Something hidden that is no input is no loss.
        return isinstance(linked, DBObject)
    return any(o is obj for _, o in linked.input_objects())


def _write(folder, asked, objects):
    """Write files, manifest and checksums; give the number of bytes."""
    names, sums, records, total = {}, [], [], 0
    for obj in track(objects, "Export"):
        record = _record(obj)
        if isinstance(obj, DataObject) and obj.sha256 is not None:
            path = _copied(folder, obj, names)
            total += obj.size
            record["file"] = {"path": path, "size": obj.size, "sha256": obj.sha256}
            sums.append((obj.sha256, path))
        record["sha256"] = record_digest(record)
        records.append(record)
    context = current.context()
    manifest = {
        "format": FORMAT,
        "awe": __version__,
        "exported_at": now().isoformat(),
        "exported_by": context.user_name,
        "asked": [_named(obj) for obj in asked],
        "objects": records,
    }
    text = json.dumps(manifest, indent=1, allow_nan=False)
    (folder / MANIFEST).write_text(text, encoding="ascii")
    sums.append((sha256_of(folder / MANIFEST)[0], MANIFEST))
    # The last: an export without it was not finished.
    (folder / SUMS).write_text("".join(f"{s}  {name}\n" for s, name in sorted(set(sums))))
    return total


def _named(obj):
    return {"class": type(obj).__name__, "object_id": obj.object_id}


def _copied(folder, obj, names):
    """Copy the file of an object, checked; give its path in the folder."""
    name = Path(obj.filename).name
    if not name.isprintable() or "\\" in name:
        name = obj.sha256
    if names.setdefault(name, obj.sha256) != obj.sha256:
        name = f"{obj.sha256[:16]}-{name}"
        names[name] = obj.sha256
    target = folder / FILES / name
    if not target.exists():
        shutil.copyfile(obj.path(), target)
        if sha256_of(target)[0] != obj.sha256:
            msg = f"The file {obj.path()} of {obj!r} is damaged: its checksum is wrong."
            raise AweValueError(msg, remedy="Run `awe verify`; nothing was exported.")
    return f"{FILES}/{name}"


def _record(obj):
    values = {
        name: encoded(attribute.kind, obj.stored_value(name))
        for name, attribute in obj._attributes.items()
        if name != "globalname"
    }
    record = _named(obj) | {"values": values}
    if not obj.vocabulary:
        record["origin"] = {
            "creator": obj.creator.name, "project": obj.project.name, "level": obj.privileges,
            "committed_at": obj.committed_at.isoformat(),
        }  # fmt: skip
    if isinstance(obj, ProcessTarget):
        record["content_key"] = content_key_of(obj)
    return record
