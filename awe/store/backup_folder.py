"""The folder of a backup: which files it has, their checksums, and what an unfinished one left.

``SHA256SUMS`` names every file of the backup; it is replaced at the very end, so that until
then the former backup counts, and `sha256sum -c SHA256SUMS` checks it without awe. What is
unfinished lies in ``unfinished``, or is named in the ``SHA256SUMS`` there.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from awe.base.errors import AweError
from awe.store.copying import copy_file, private, sha256_of
from awe.store.staging import remove_empty, sync_folder

__all__ = [
    "SUMS",
    "BackupError",
    "BackupFolder",
    "is_backup",
    "make_folders",
]

SUMS = "SHA256SUMS"
_LOCK = "lock"
_UNFINISHED = "unfinished"
_LINE = re.compile(rb"(\\?)([0-9a-f]{64})  ([^\n\r\0]+)\n")
_ESCAPES = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}
# What others put into the top folder of a disk.
_NOT_OURS = ("lost+found",)


class BackupError(AweError):
    """A backup cannot be made, read or restored."""


def is_backup(folder):
    """Tell whether a folder is that of a backup, finished or not.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.

    Returns
    -------
    bool
        False also where there is no such folder.
    """
    return (folder / SUMS).exists() or (folder / _UNFINISHED).exists()


class BackupFolder:
    """A folder with a backup.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.unfinished = self.path / _UNFINISHED

    # --- who may use it ---

    @contextlib.contextmanager
    def writing(self):
        """Keep all others away, inside a ``with`` block.

        Raises
        ------
        BackupError
            Somebody uses it.
        """
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with self._locked(descriptor, fcntl.LOCK_EX):
            yield

    @contextlib.contextmanager
    def reading(self):
        """Keep writers away, inside a ``with`` block.

        Raises
        ------
        BackupError
            A backup is being written there.
        """
        try:
            descriptor = os.open(self.path / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            # A copy of a backup may come without it.
            yield
            return
        with self._locked(descriptor, fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def _locked(self, descriptor, how):
        try:
            try:
                fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            except BlockingIOError:
                msg = f"{self.path} is in use: another awe backup, restore or verify is at work."
                raise BackupError(msg, remedy="Wait for it, or take another folder.") from None
            yield
        finally:
            os.close(descriptor)

    # --- the list of files ---

    def sums(self):
        """Give the checksums of all files of the backup.

        Returns
        -------
        dict of str to str
            By the path below the folder; empty where no backup was finished yet.

        Raises
        ------
        BackupError
            The list is damaged.
        """
        return _read_sums(self.path / SUMS)

    def planned(self):
        """Give what an unfinished backup was to have, or a finished one had before.

        Returns
        -------
        dict of str to str
            Checksums by the path below the folder.
        """
        found = {}
        for name in (SUMS, f"{SUMS}.former"):
            # Both only tell leftovers from foreign files: a half-written one says nothing.
            with contextlib.suppress(BackupError):
                found.update(_read_sums(self.unfinished / name))
        return found

    def plan(self, sums):
        """Note what the backup that begins is to have.

        Parameters
        ----------
        sums : dict of str to str
            Checksums by the path below the folder.
        """
        self._write_sums(self.unfinished / SUMS, {**self.planned(), **sums})

    def finish(self, before, sums):
        """Let the new files be the backup, and remove those that it does not have.

        Parameters
        ----------
        before : dict of str to str
            What `sums` gave.
        sums : dict of str to str
            Checksums of all files by the path below the folder.
        """
        self._write_sums(self.unfinished / f"{SUMS}.former", before)
        for folder in {(self.path / name).parent for name in set(sums) - set(before)}:
            for each in (folder, *folder.parents):
                if each == self.path:
                    break
                sync_folder(each)
        self._write_sums(self.path / SUMS, sums)
        sync_folder(self.path)
        for name in {**before, **self.planned()}.keys() - sums.keys():
            self._remove(name)
        shutil.rmtree(self.unfinished)

    def _remove(self, name):
        path = self.path / name
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.path:
                return
            remove_empty(folder)

    def _write_sums(self, path, sums):
        self._write(path, b"".join(_line(name, sums[name]) for name in sorted(sums)))

    def _write(self, path, data):
        """Write a whole file, or leave the one that is there."""
        temporary = self.unfinished / "text"
        with open(temporary, "wb", opener=private) as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, path)

    # --- files ---

    def names(self):
        """Give all files in the folder but the list and the lock.

        Yields
        ------
        str
            Paths below the folder.
        """
        for parent, folders, names in os.walk(self.path):
            above = Path(parent).relative_to(self.path)
            if parent == str(self.path):
                folders[:] = [f for f in folders if f not in (*_NOT_OURS, _UNFINISHED)]
                names = [n for n in names if n not in (SUMS, _LOCK)]
            # A link to a folder is no folder of the backup.
            names += [f for f in folders if os.path.islink(os.path.join(parent, f))]
            yield from (str(above / name) for name in names)

    def is_empty(self):
        """Tell whether nothing is in the folder.

        Returns
        -------
        bool
            True also where there is no such folder.
        """
        if not self.path.exists():
            return True
        return all(name in (*_NOT_OURS, _LOCK) for name in os.listdir(self.path))

    def has(self, name, size=None):
        """Tell whether a file is there, by its name and size.

        Parameters
        ----------
        name : str
            Path below the folder.
        size : int, optional
            Bytes; by default any.

        Returns
        -------
        bool
            Its checksum is not computed.
        """
        path = self.path / name
        if path.is_symlink() or not path.is_file():
            return False
        return size is None or path.stat().st_size == size

    def take(self, source, name, sha256=None):
        """Copy a file into the folder.

        Parameters
        ----------
        source : pathlib.Path
            The file.
        name : str
            Path below the folder.
        sha256 : str, optional
            The checksum that it must have; with another one it is not taken. By default any.

        Returns
        -------
        sha256 : str
            Its checksum.
        size : int
            Bytes.

        Raises
        ------
        UnreadableError
            The file cannot be read.
        """
        temporary = self.unfinished / "file"
        temporary.unlink(missing_ok=True)
        found, size = copy_file(source, temporary)
        if sha256 in (None, found):
            self.move_in(temporary, name)
        return found, size

    def move_in(self, source, name):
        """Move a file that is written and synced to its place.

        Parameters
        ----------
        source : pathlib.Path
            The file.
        name : str
            Path below the folder.
        """
        target = self.path / name
        make_folders(target.parent)
        os.rename(source, target)

    def note(self, name, content):
        """Write a file of text in JSON.

        Parameters
        ----------
        name : str
            Path below the folder.
        content : dict
            What JSON can hold.

        Returns
        -------
        str
            The checksum.
        """
        data = (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()
        make_folders((self.path / name).parent)
        self._write(self.path / name, data)
        return hashlib.sha256(data).hexdigest()

    def problem(self, name, sha256):
        """Tell what is wrong with a file.

        Parameters
        ----------
        name : str
            Path below the folder.
        sha256 : str
            The checksum that it must have.

        Returns
        -------
        str or None
            A sentence; None where nothing is.
        """
        path = self.path / name
        try:
            if path.is_symlink() or not path.is_file():
                what = "is no plain file" if os.path.lexists(path) else "is missing"
                return f"The file {path} of the backup {what}."
            wrong = sha256_of(path)[0] != sha256
        except OSError as err:
            return f"The file {path} of the backup cannot be read: {err.strerror}."
        return (
            f"The file {path} of the backup is damaged: its checksum is wrong." if wrong else None
        )


def make_folders(folder):
    """Make a folder and those above it that only we may enter.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def _line(name, sha256):
    raw = os.fsencode(name)
    escaped = raw.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"\\" if escaped != raw else b""
    return mark + sha256.encode() + b"  " + escaped + b"\n"


def _read_sums(path):
    """Read a list of checksums as `sha256sum` writes it; every byte of it counts."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    sums = {}
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        found = _LINE.fullmatch(line)
        name = None if found is None else _unescaped(found[3], marked=bool(found[1]))
        if name is None or name in sums or not _is_inside(name):
            msg = f"{path} is damaged: line {number} names no file with its checksum."
            raise BackupError(msg)
        sums[name] = found[2].decode()
    return sums


def _unescaped(raw, *, marked):
    if not marked:
        return os.fsdecode(raw)
    if re.fullmatch(rb"(?:[^\\]|\\[\\nr])*", raw) is None:
        return None
    return os.fsdecode(re.sub(rb"\\.", lambda found: _ESCAPES[found[0]], raw))


def _is_inside(name):
    parts = name.split("/")
    return not any(part in ("", ".", "..") for part in parts) and parts[0] in _PARTS


_PARTS = ("external", "files", "state")
