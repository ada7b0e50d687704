"""The manifest of an export, read without trust: form, checksums and files."""

import dataclasses
import json
import os
import stat
from pathlib import Path

from awe.base.errors import AweError, AweLookupError, AweValueError
from awe.base.paths import typed_path
from awe.process.exchange import FORMAT, MANIFEST, SUMS, exchangeable, record_digest
from awe.store import registry
from awe.store.files import sha256_of

__all__ = ["NEW_COPY", "ExportError", "Manifest", "Record", "problem_error", "read_manifest"]

NEW_COPY = "Nothing was imported. Ask for a new copy of the export."
"""What to do where an export is damaged."""
_LARGEST = 1 << 29
_MOST_SHOWN = 20
_HEX = set("0123456789abcdef")


class ExportError(AweValueError):
    """An export is damaged, incomplete or none at all."""


def problem_error(folder, problems, remedy=NEW_COPY):
    """Give the error that names what is wrong with an export.

    Parameters
    ----------
    folder : pathlib.Path
        The export.
    problems : list of str
        One sentence each.
    remedy : str, optional
        What to do. By default to ask for a new copy.

    Returns
    -------
    ExportError
        To be raised.
    """
    shown = [f"  {text}" for text in problems[:_MOST_SHOWN]]
    if problems[_MOST_SHOWN:]:
        shown.append(f"  ... and {len(problems) - _MOST_SHOWN} more")
    noun = "problem" if len(problems) == 1 else "problems"
    msg = "\n".join([f"{folder} cannot be imported: {len(problems)} {noun}.", *shown])
    return ExportError(msg, remedy=remedy)


@dataclasses.dataclass(frozen=True)
class Record:
    """The record of an object.

    Attributes
    ----------
    cls : type
        Its class.
    object_id : str
        Its name.
    values : dict
        Attributes as JSON.
    origin : dict
        Where it came from.
    content_key : str or None
        What its content key was.
    path : pathlib.Path or None
        Its file.
    """

    cls: type
    object_id: str
    values: dict
    origin: dict
    content_key: str | None
    path: Path | None

    def __str__(self):
        return f"{self.cls.__name__} {self.object_id[-8:]}"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What an export holds.

    Attributes
    ----------
    folder : pathlib.Path
        The export.
    records : list of Record
        What is to be imported, inputs first.
    head : dict
        exported_by, exported_at and awe.
    sha256 : str
        Checksum of the manifest.
    notes : list of str
        What is odd and does no harm.
    """

    folder: Path
    records: list
    head: dict
    sha256: str
    notes: list


def read_manifest(folder):
    """Read the manifest of an export and check it and every file.

    Parameters
    ----------
    folder : str or os.PathLike
        The export.

    Returns
    -------
    Manifest
        Every record is of a known class and every file is as it was; values are not read yet.

    Raises
    ------
    ExportError
        Something is damaged, missing or no export; each problem is named.
    """
    folder = typed_path(folder).absolute()
    if not folder.is_dir():
        raise AweLookupError(f"There is no folder {folder} to import.")
    content, sha256 = _checked_manifest(folder)
    records, problems = _records(folder, content["objects"])
    problems += _sum_problems(folder, records)
    if problems:
        raise problem_error(folder, problems)
    head = {name: content.get(name) for name in ("exported_by", "exported_at", "awe")}
    if not all(isinstance(value, str) and len(value) < 200 for value in head.values()):
        raise problem_error(folder, [f"{MANIFEST} does not say who exported it, when, or by what"])
    return Manifest(folder, records, head, sha256, _foreign_files(folder, records))


def _checked_manifest(folder):
    for name in (MANIFEST, SUMS):
        problem = _file_problem(folder / name)
        if problem:
            unfinished = " (the export was not finished)" if name == SUMS else ""
            raise problem_error(folder, [f"{name} {problem}{unfinished}"])
        if (folder / name).stat().st_size > _LARGEST:
            raise problem_error(folder, [f"{name} is larger than {_LARGEST >> 20} MB"])
    sha256 = sha256_of(folder / MANIFEST)[0]
    if sha256 != _sums(folder).get(MANIFEST):
        problem = f"{MANIFEST} is damaged: its checksum is not that of {SUMS}"
        raise problem_error(folder, [problem])
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
    except (ValueError, RecursionError) as err:
        raise problem_error(folder, [f"{MANIFEST} is no JSON: {str(err)[:80]}"]) from err
    good = isinstance(content, dict) and content.get("format") == FORMAT
    if not good or not isinstance(content.get("objects"), list):
        problem = f"{MANIFEST} is no {FORMAT!r}, or one of another version of awe"
        raise problem_error(folder, [problem])
    return content, sha256


def _sums(folder):
    """Give the checksums of SHA256SUMS by name; lines of another form do not count."""
    text = (folder / SUMS).read_text(encoding="utf-8", errors="replace")
    pairs = (line.split("  ", 1) for line in text.splitlines() if "  " in line)
    return {name: digest for digest, name in pairs}


def _sum_problems(folder, records):
    """Tell of which files SHA256SUMS says something else than the manifest."""
    sums = _sums(folder)
    files = {r.path.relative_to(folder).as_posix(): r for r in records if r.path is not None}
    return [
        f"{name} of {record} has another checksum in {SUMS}, or none"
        for name, record in files.items()
        if sums.get(name) != record.values["sha256"]
    ]


def _file_problem(path):
    """Tell what is wrong with a file that must be there, or None."""
    try:
        found = os.lstat(path)
    except OSError:
        return "is missing"
    # A link could lead anywhere, and reading from a pipe or a device may never end.
    return None if stat.S_ISREG(found.st_mode) else "is no plain file"


def _records(folder, entries):
    possible = {cls.__name__: cls for cls in exchangeable()}
    records, problems, known = [], [], set()
    for number, entry in enumerate(entries, start=1):
        try:
            record = _record(folder, entry, number, possible)
        except AweError as err:
            problems.append(err.cause)
            continue
        if record.object_id in known:
            problems.append(f"{record} is there twice")
        known.add(record.object_id)
        records.append(record)
    return records, problems


def _record(folder, entry, number, possible):
    where = f"object {number} of {MANIFEST}"
    if not isinstance(entry, dict):
        raise AweValueError(f"{where} is no record")
    name, object_id = entry.get("class"), entry.get("object_id")
    if not isinstance(name, str) or not _is_hex(object_id, 32):
        raise AweValueError(f"{where} has no class or no object_id")
    where = f"{name[:60]!r} {object_id[-8:]}"
    if entry.get("sha256") != record_digest(entry):
        raise AweValueError(f"the record of {where} is damaged: its checksum is wrong")
    cls = possible.get(registry.known_class(name).__name__) if registry.known_class(name) else None
    if cls is None or cls.__dict__.get("abstract", False):
        raise AweValueError(f"{where} is foreign: objects of this class are not imported here")
    values = entry.get("values")
    if not isinstance(values, dict):
        raise AweValueError(f"{where} has no values")
    origin, key = entry.get("origin", {}), entry.get("content_key")
    if not isinstance(origin, dict) or not isinstance(key, str | None):
        raise AweValueError(f"{where} has a wrong origin or content key")
    path = _file_of(folder, entry.get("file"), cls, values, where)
    return Record(cls, object_id, values, origin, key, path)


def _is_hex(text, length):
    return isinstance(text, str) and len(text) == length and not set(text) - _HEX


def _is_name(text):
    """Tell whether a text is the name of a file and no way to another folder."""
    return (
        isinstance(text, str) and 0 < len(text.encode("utf-8", "replace")) < 256
        and "/" not in text and "\0" not in text and text not in (".", "..")
    )  # fmt: skip


def _file_of(folder, file, cls, values, where):
    """Give the path of an object's file, once it is known to be what the record says."""
    if "globalname" not in cls._attributes:
        if file is not None:
            raise AweValueError(f"{where} has a file, which its class has not")
        return None
    name, sha256 = values.get("filename"), values.get("sha256")
    if file is None:
        if name is None and sha256 is None:
            return None
        raise AweValueError(f"{where} names a file that the export has not")
    if not isinstance(file, dict) or not isinstance(file.get("path"), str):
        raise AweValueError(f"{where} does not say where its file is")
    parts = file["path"].split("/")
    if not _is_name(name) or len(parts) != 2 or parts[0] != "files" or not _is_name(parts[1]):
        raise AweValueError(f"{where} has a file of a name that is not allowed: {name!r:.80}")
    if not _is_hex(sha256, 64) or file.get("sha256") != sha256:
        raise AweValueError(f"{where} has no checksum of its file, or two")
    path = folder / parts[0] / parts[1]
    problem = _file_problem(path) or _file_problem_within(path, sha256, file.get("size"))
    if problem:
        raise AweValueError(f"{file['path']} of {where} {problem}")
    return path


def _file_problem_within(path, sha256, size):
    if path.stat().st_size != size:
        return f"is damaged: it has {path.stat().st_size} bytes instead of {size}"
    if sha256_of(path)[0] != sha256:
        return "is damaged: its checksum is wrong"
    return None


def _foreign_files(folder, records):
    """Name what lies in the export and is no part of it."""
    known = {record.path for record in records} | {folder / MANIFEST, folder / SUMS}
    here = [path for path in sorted(folder.rglob("*")) if not path.is_dir() or path.is_symlink()]
    return [f"{path.relative_to(folder)} is not part of the export and was left alone"
            for path in here if path not in known]  # fmt: skip
