"""Backups: the records and files of a store in a folder, taken while others write."""

import contextlib
import dataclasses
import hashlib
import os
import shutil
import time
from pathlib import Path

from awe.base.paths import typed_path
from awe.base.progress import track
from awe.base.utc import now
from awe.base.version import __version__
from awe.store.backup_contents import (
    FORMAT,
    NOTE,
    OtherVersionError,
    contents_of,
    former_note,
    without_password,
)
from awe.store.backup_folder import (
    BackupError,
    BackupFolder,
    is_backup,
)
from awe.store.backup_records import RECORDS, CopySession, save_records
from awe.store.copying import UnreadableError, sha256_of
from awe.store.external import state_of
from awe.store.storage import database_file, is_storage_failure
from awe.store.verify import objects_with_file

__all__ = ["BackupReport", "backup"]

# How often a snapshot is taken anew because files were deleted while it was copied; the last
# time nobody may write meanwhile, which then is short.
_TRIES = 4
_UNKNOWN = "0" * 64


@dataclasses.dataclass
class BackupReport:
    """What a backup has.

    Attributes
    ----------
    folder : pathlib.Path
        Where.
    objects : int
        Objects in the backup.
    files : int
        Files of objects in the backup.
    outside : int
        Files outside of the store in the backup.
    left : int
        Files outside of the store that were not taken.
    new : int
        How many files were copied this time.
    written : int
        Bytes of them and of the records.
    seconds : float
        How long it took.
    problems : list of str
        What could not be taken, a sentence each.
    """

    folder: Path
    objects: int = 0
    files: int = 0
    outside: int = 0
    left: int = 0
    new: int = 0
    written: int = 0
    seconds: float = 0.0
    problems: list = dataclasses.field(default_factory=list)


def backup(context, folder, *, external=False, home=None, parts=()):
    """Save the records and files of a store in a folder; the next time only what is new.

    The former backup in the folder counts until the new one is whole.

    Parameters
    ----------
    context : Context
        The store; others may write to it meanwhile.
    folder : str or pathlib.Path
        Empty, or with a backup of the same store.
    external : bool, optional
        Whether to take the files that stay where they were collected. The default is False;
        those that were taken before are kept.
    home : pathlib.Path, optional
        A folder of which the parts are saved as well. By default none.
    parts : iterable of str, optional
        Files below it. By default none.

    Returns
    -------
    BackupReport
        What was saved and what could not be.

    Raises
    ------
    BackupError
        The folder cannot be used or written.
    """
    began = time.perf_counter()
    # Links and `..` would hide that the folder lies within the home.
    place = typed_path(folder).resolve()
    _check_place(place, [home, database_file(context.session.where), context.files.folder])
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = BackupFolder(place)
        with target.writing():
            work = _Work(context, target, external)
            work.check_store()
            work.collect()
            work.finish(home, parts)
    except Exception as err:
        if not is_storage_failure(err):
            raise
        msg = f"The backup {place} could not be made ({type(err).__name__}: {err})."
        raise BackupError(msg, remedy=_GO_ON) from err
    work.report.seconds = time.perf_counter() - began
    return work.report


_GO_ON = (
    "What was there before is whole. Is the disk full? Mend it and type `awe backup` again: it "
    "goes on where it stopped."
)


def _check_place(place, ours):
    """Refuse a folder that is part of what is saved, or holds it, or has other things."""
    for path in ours:
        if path is None:
            continue
        own = Path(path).resolve()
        own = own if own.is_dir() else own.parent
        if place == own or own in place.parents or place in own.parents:
            msg = f"A backup cannot lie in {place}: that is in or above {own}, which it saves."
            raise BackupError(msg, remedy="Take a folder elsewhere, best on another disk.")
    if place.exists() and not place.is_dir():
        msg = f"{place} is a file, not a folder."
        raise BackupError(msg)
    if not is_backup(place) and not BackupFolder(place).is_empty():
        msg = f"{place} has other things in it, and is no backup."
        raise BackupError(msg, remedy="Take an empty folder, or one that does not exist yet.")


class _Work:
    """One backup that is being made."""

    def __init__(self, context, target, external):
        self.context = context
        self.target = target
        self.external = external
        self.report = BackupReport(target.path)
        self.sums = {}
        self.outside = []
        target.unfinished.mkdir(mode=0o700, exist_ok=True)
        self.former, self.note = {}, {}
        try:
            self.former = target.sums()
            self.note = former_note(target, self.former)[0]
        except OtherVersionError:
            raise
        except BackupError as err:
            # What files are there serve all the same.
            self.report.problems.append(f"{err} It was made anew.")

    def check_store(self):
        """Refuse the folder of another store's backup."""
        session = self.context.session
        session.begin()
        mine, other = contents_of(session).identity, self.note.get("identity")
        if other not in (None, mine):
            msg = (
                f"{self.target.path} has the backup of another store ({self.note['store']}), "
                "which would be lost."
            )
            raise BackupError(msg, remedy="Take another folder.")

    def collect(self):
        """Copy the records and all that they name."""
        lock = self.context.session.lock
        problems = list(self.report.problems)
        try:
            for number in range(_TRIES):
                last = number == _TRIES - 1
                with lock.held() if last else contextlib.nullcontext():
                    self.report.problems = list(problems)
                    if self._collect_once():
                        return
        except BaseException:
            # Files are taken up by the next backup; of the records half is worth nothing.
            (self.target.unfinished / RECORDS).unlink(missing_ok=True)
            raise

    def _collect_once(self):
        """Tell whether all files of one snapshot could be had, or some were deleted meanwhile."""
        session, target = self.context.session, self.target
        records = target.unfinished / RECORDS
        records.unlink(missing_ok=True)
        # A snapshot of our own would keep the store's log from being folded back.
        session.end()
        save_records(session.where, records)
        with contextlib.closing(CopySession(records)) as copy:
            self.contents = contents_of(copy)
        names = {
            f"files/{os.path.relpath(self.context.files.place(*key), self.context.files.folder)}": (
                key, size
            )
            for key, size in self.contents.files.items()
        }  # fmt: skip
        outside = self._names_outside()
        self._check_room([(n, size) for n, (_, size) in names.items()]
                         + [(n, known[0]) for n, (_, known) in outside.items()])  # fmt: skip
        target.plan({**{n: key[1] for n, (key, _) in names.items()},
                     **{n: known[2] or _UNKNOWN for n, (_, known) in outside.items()}})  # fmt: skip
        self.sums, self.outside = {}, []
        whole = True
        for name, (key, size) in track(names.items(), "Back up files", len(names)):
            whole &= self._take(name, key, size)
        for name, (path, known) in track(outside.items(), "Back up files outside", len(outside)):
            self._take_outside(name, path, known)
        return whole

    def _names_outside(self):
        """Give the files outside of the store that are wanted, by their name in the backup."""
        # What was taken before is kept as long as the store names it.
        before = {entry["path"] for entry in self.note.get("external", ())}
        wanted = {
            _outside_name(path, known): (path, known)
            for path, known in self.contents.outside.items()
            if self.external or path in before or _outside_name(path, known) in self.former
        }
        self.report.left = len(self.contents.outside) - len(wanted)
        return wanted

    def _check_room(self, files):
        """Refuse to begin what cannot end."""
        need = sum(size or 0 for name, size in files if not self.target.has(name, size))
        free = shutil.disk_usage(self.target.path).free
        if need > free:
            msg = (
                f"The backup needs {need:,} more bytes, and {free:,} are free on the disk of "
                f"{self.target.path}."
            )
            raise BackupError(
                msg, remedy="What was there before is whole. Make room, or take another disk."
            )

    def _take(self, name, key, size):
        """Take a file of the store; give False where it was deleted since the snapshot."""
        filename, sha256 = key
        if self.target.has(name, size):
            self.sums[name] = sha256
            return True
        source = self.context.files.place(filename, sha256)
        try:
            found, copied = self.target.take(source, name, sha256)
        except UnreadableError as err:
            session = self.context.session
            session.begin()
            if not objects_with_file(session, filename, sha256):
                session.end()
                return False
            session.end()
            self._problem(f"The file {source} cannot be read: {err}.")
            return True
        if found != sha256:
            self._problem(f"The file {source} is damaged: its checksum is wrong.")
            return True
        self._count(copied)
        self.sums[name] = sha256
        return True

    def _problem(self, sentence):
        self.report.problems.append(f"{sentence} The backup does not have it.")

    def _count(self, size):
        self.report.new += 1
        self.report.written += size

    def _take_outside(self, name, path, known):
        """Take a file outside of the store, as it was when it was read."""
        size, mtime, sha256 = known
        if self.target.has(name, size):
            sha256 = self.former.get(name) or sha256 or sha256_of(self.target.path / name)[0]
        else:
            sha256 = self._copy_outside(name, path, known)
        if sha256 is not None:
            self.sums[name] = sha256
            self.outside.append({
                "file": name, "path": path, "size": size, "mtime": mtime.isoformat(),
                "sha256": sha256,
            })  # fmt: skip

    def _copy_outside(self, name, path, known):
        size, mtime, sha256 = known
        try:
            if _state_now(path) != (size, mtime):
                self._problem(f"{path} has changed since it was read: ingest it again.")
                return None
            found, copied = self.target.take(path, name, sha256)
            changed = _state_now(path) != (size, mtime)
        except UnreadableError as err:
            self._problem(f"{path}, which is outside of the store, cannot be read: {err}.")
            return None
        if changed or sha256 not in (None, found):
            (self.target.path / name).unlink(missing_ok=True)
            what = "has changed meanwhile" if changed else "is damaged: its checksum is wrong"
            self._problem(f"{path} {what}.")
            return None
        self._count(copied)
        return found

    def finish(self, home, parts):
        """Put the new records in their place and let them count."""
        target, report = self.target, self.report
        report.objects = self.contents.objects
        report.outside = len(self.outside)
        report.files = len(self.sums) - report.outside
        moment = now()
        state = f"state/{moment:%Y%m%dT%H%M%S.%fZ}"
        records = target.unfinished / RECORDS
        self.sums[f"{state}/{RECORDS}"], size = sha256_of(records)
        report.written += size
        note = {
            "format": FORMAT, "awe": __version__, "made": moment.isoformat(),
            "store": without_password(self.context.session.where),
            "identity": self.contents.identity, "objects": report.objects, "files": report.files,
            "external": self.outside, "without": report.problems,
        }  # fmt: skip
        target.plan({**self.sums, f"{state}/{NOTE}": _UNKNOWN,
                     **{f"{state}/home/{part}": _UNKNOWN for part in parts}})  # fmt: skip
        target.move_in(records, f"{state}/{RECORDS}")
        for part in parts:
            name = f"{state}/home/{part}"
            try:
                self.sums[name], _ = target.take(home / part, name)
            except UnreadableError as err:
                self._problem(f"{home / part} cannot be read: {err}.")
        self.sums[f"{state}/{NOTE}"] = target.note(f"{state}/{NOTE}", note)
        target.finish(self.former, self.sums)


def _state_now(path):
    try:
        return state_of(path)
    except OSError as err:
        raise UnreadableError(err.strerror) from err


def _outside_name(path, known):
    """Give a name that a file keeps as long as it is not changed, also without a checksum."""
    size, mtime, _ = known
    key = hashlib.sha256(os.fsencode(f"{path}\0{size}\0{mtime.isoformat()}")).hexdigest()
    return f"external/{key[:2]}/{key[2:18]}/{os.path.basename(path)}"
