"""What a store has to be backed up, and what a backup says of itself."""

import dataclasses
import json
import os
import urllib.parse

import numpy as np

from awe.base.utc import from_microseconds
from awe.store.backup_folder import BackupError
from awe.store.blocks import blocks_of
from awe.store.layouts import fields_of
from awe.store.rows import rows_between
from awe.store.storage import database_file

__all__ = [
    "FORMAT",
    "NOTE",
    "Contents",
    "OtherVersionError",
    "contents_of",
    "former_note",
    "without_password",
]

FORMAT = "awe backup 1"
NOTE = "backup.json"
# What a backup says of itself besides its format.
_NOTED = {
    "awe": str, "external": list, "files": int, "identity": str, "made": str, "objects": int,
    "store": str, "without": list,
}  # fmt: skip


class OtherVersionError(BackupError):
    """A backup that another version of awe has written, and this one would spoil."""


@dataclasses.dataclass
class Contents:
    """What the records of a store name.

    Attributes
    ----------
    identity : str
        The same for a store and what was restored from its backups.
    objects : int
        How many there are.
    files : dict of (str, str) to int or None
        The size by name and checksum.
    outside : dict of str to (int, datetime.datetime, str or None)
        Files outside of the store: size, time of change and checksum by path.
    """

    identity: str = ""
    objects: int = 0
    files: dict = dataclasses.field(default_factory=dict)
    outside: dict = dataclasses.field(default_factory=dict)


def contents_of(session):
    """Find the files that the records of a store name, whoever may see them.

    Parameters
    ----------
    session : Session
        The store.

    Returns
    -------
    Contents
        Files in the store and outside of it.
    """
    found = Contents()
    for schema in session.root.schemas.values():
        extent = session.root.extents[schema.code]
        if schema.name == "User" and extent.count:
            (first,) = rows_between(extent, 0, 1)
            found.identity = "" if first is None else first.object_id.hex()
        names = {name for name, _ in fields_of(session, schema)}
        for block in blocks_of(session, extent):
            places = np.flatnonzero(block.column("$domain").values != 0)
            found.objects += len(places)
            if {"filename", "globalname", "sha256"} <= names:
                rows = _values(block, places, "filename", "sha256", "size")
                found.files.update({(n, s): size for n, s, size in rows if n and s})
            elif "ExternalFile" in (schema.name, *schema.bases):
                for path, size, mtime, sha256 in _values(
                    block, places, "path", "size", "mtime", "sha256"
                ):
                    found.outside[path] = (size, from_microseconds(mtime), sha256)
    return found


def _values(block, places, *paths):
    return zip(*(block.column(path).take(places).to_list() for path in paths), strict=True)


def former_note(folder, sums):
    """Read what a finished backup says of itself.

    Parameters
    ----------
    folder : BackupFolder
        The folder.
    sums : dict of str to str
        Its list of files.

    Returns
    -------
    note : dict
        What `backup` noted; empty where there is none.
    where : str
        The folder of the records below that of the backup.

    Raises
    ------
    BackupError
        It is damaged.
    OtherVersionError
        It is of another version of awe.
    """
    name = next((n for n in sums if n.startswith("state/") and n.endswith(f"/{NOTE}")), None)
    if name is None:
        return {}, ""
    problem = folder.problem(name, sums[name])
    if problem is not None:
        raise BackupError(problem)
    try:
        note = json.loads((folder.path / name).read_text(encoding="utf-8"))
        known = note["format"] == FORMAT
        whole = known and all(type(note[key]) is kind for key, kind in _NOTED.items())
        whole = whole and all(entry["file"] in sums for entry in note["external"])
    except (ValueError, TypeError, KeyError):
        known, whole = True, False
    if not known:
        msg = f"{folder.path} is {note['format']!r}, this awe reads {FORMAT!r}."
        raise OtherVersionError(msg, remedy="Upgrade awe: pip install --upgrade awe")
    if not whole:
        msg = f"The file {folder.path / name} of the backup is not what awe writes."
        raise BackupError(msg)
    return note, os.path.dirname(name)


def without_password(where):
    """Give the place of a store without the password that a URL may have.

    Parameters
    ----------
    where : str
        A folder, or ``postgresql://...``.

    Returns
    -------
    str
        For people; a URL comes without its options too.
    """
    if database_file(where) is not None:
        return where
    parts = urllib.parse.urlsplit(where)
    host = parts.netloc.rpartition("@")[2]
    user = parts.username
    netloc = host if user is None else f"{user}@{host}"
    return urllib.parse.urlunsplit((parts.scheme, netloc, parts.path, "", ""))
