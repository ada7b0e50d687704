"""Restoring a backup: into a store that is not there yet, all of it or nothing."""

import dataclasses
import datetime
import os
import re
import shutil
import time
from pathlib import Path

from awe.base.paths import typed_path
from awe.base.progress import track
from awe.base.utc import to_microseconds
from awe.store.backup_contents import NOTE, former_note, without_password
from awe.store.backup_folder import (
    BackupError,
    BackupFolder,
    is_backup,
    make_folders,
)
from awe.store.backup_records import RECORDS, load_records
from awe.store.copying import UnreadableError, copy_file, sha256_of
from awe.store.external import state_of
from awe.store.lock import AdvisoryLock, FileLock
from awe.store.staging import remove_empty, sync_folder
from awe.store.storage import database_file, is_storage_failure, store_is_ready

__all__ = ["RestoreReport", "finished_backup", "restore"]

_MOST_TOLD = 10


@dataclasses.dataclass
class RestoreReport:
    """What was restored.

    Attributes
    ----------
    objects : int
        Objects.
    files : int
        Files of objects.
    outside : int
        Files outside of the store that were put back where they were collected.
    left : int
        Those that the backup has and that were left in it.
    kept : list of str
        Parts of the home that were left in the backup: others are there, or they name a store.
    made : str
        When the backup was made, UTC.
    seconds : float
        How long it took.
    problems : list of str
        What could not be restored, a sentence each.
    """

    objects: int = 0
    files: int = 0
    outside: int = 0
    left: int = 0
    kept: list = dataclasses.field(default_factory=list)
    made: str = ""
    seconds: float = 0.0
    problems: list = dataclasses.field(default_factory=list)


def finished_backup(folder):
    """Open the folder of a finished backup.

    Parameters
    ----------
    folder : str or pathlib.Path
        The folder.

    Returns
    -------
    target : BackupFolder
        The folder.
    sums : dict of str to str
        The checksums of its files by path.

    Raises
    ------
    BackupError
        There is none, or its list is damaged.
    """
    path = typed_path(folder).absolute()
    if not is_backup(path):
        msg = f"{path} is no backup." if path.exists() else f"There is no folder {path}."
        raise BackupError(msg, remedy="Give the folder that `awe backup FOLDER` wrote.")
    target = BackupFolder(path)
    sums = target.sums()
    if not sums:
        msg = f"The backup {path} was interrupted before it was finished for the first time."
        raise BackupError(msg, remedy=f"Go on with it: awe backup {path}")
    return target, sums


def restore(folder, where, data, *, external=False, incomplete=False, home=None):
    """Restore a backup into an empty store.

    Parameters
    ----------
    folder : str or pathlib.Path
        What `backup` wrote.
    where : str
        A folder for an embedded store, or ``postgresql://...``; no store may be there.
    data : str or pathlib.Path
        The folder for the files; no others may be there.
    external : bool, optional
        Whether to put the files outside of the store back where they were collected, with the
        time that they had. None is overwritten. The default is False.
    incomplete : bool, optional
        Whether to go on without files that are damaged or missing in the backup. The default is
        False: nothing is restored then.
    home : pathlib.Path, optional
        Where the parts of the home go; what is there stays. By default they are left out.

    Returns
    -------
    RestoreReport
        What was restored.

    Raises
    ------
    BackupError
        Something is there already, the backup is damaged, or the disk is full; nothing is
        restored.
    """
    began = time.perf_counter()
    target, sums = finished_backup(folder)
    try:
        with target.reading(), _lock(where).held():
            work = _Restoration(target, sums, where, Path(data))
            work.refuse_to_overwrite()
            try:
                work.files(incomplete=incomplete)
                if external:
                    work.files_outside()
                work.parts(home)
                work.records()
            except BaseException:
                work.undo()
                raise
            finally:
                shutil.rmtree(work.aside, ignore_errors=True)
    except Exception as err:
        if not is_storage_failure(err):
            raise
        msg = f"The backup {target.path} could not be restored ({type(err).__name__}: {err})."
        raise BackupError(msg, remedy="Nothing was restored. Is the disk full?") from err
    work.report.seconds = time.perf_counter() - began
    return work.report


def _lock(where):
    """Give the lock of the store's writers: who begins with an empty store waits."""
    if database_file(where) is None:
        return AdvisoryLock(where)
    Path(where).mkdir(mode=0o700, parents=True, exist_ok=True)
    return FileLock(Path(where) / "write.lock")


class _Restoration:
    """One backup that is being restored."""

    def __init__(self, target, sums, where, data):
        self.target = target
        self.sums = sums
        self.where = where
        self.data = data
        self.note, self.state = former_note(target, sums)
        if not self.note or f"{self.state}/{RECORDS}" not in sums:
            msg = f"The backup {target.path} is damaged: {NOTE} or {RECORDS} is not in its list."
            raise BackupError(msg)
        self.report = RestoreReport(objects=self.note["objects"], made=self.note["made"][:19])
        self.aside = data / "restore"
        self._made = []

    def refuse_to_overwrite(self):
        """Raise where a store is there, or files that are not those of the backup."""
        database = database_file(self.where)
        if store_is_ready(self.where) if database is None else database.exists():
            msg = (
                f"There is a store in {without_password(self.where)}; it is not overwritten. "
                "Nothing was restored."
            )
            remedy = (
                "Take an empty database." if database is None else
                "Set AWE_HOME to a folder that does not exist yet, or move the store away."
            )  # fmt: skip
            raise BackupError(msg, remedy=remedy)
        for path in _all_files(self.data):
            name = f"files/{path.relative_to(self.data)}"
            if name not in self.sums:
                self._refuse(f"{path} is there, which the backup does not have.")

    def _refuse(self, sentence):
        msg = f"{sentence} It is not overwritten, and nothing was restored."
        raise BackupError(msg, remedy="Set AWE_DATA to an empty folder.")

    # --- what is restored ---

    def files(self, *, incomplete):
        """Copy the files of the store, and make sure that each byte is as it was."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = [name for name in self.sums if name.startswith("files/")]
        self._check_room(names)
        shutil.rmtree(self.aside, ignore_errors=True)
        self.aside.mkdir(mode=0o700)
        wrong = [f"{w} Nothing can be restored without it." for w in self._records_problem()]
        for name in track(names, "Restore files", len(names)):
            place = self.data / name.removeprefix("files/")
            if not place.exists():
                problem = self._copy(name, place, self.aside / "file", mode=0o444)
            elif sha256_of(place)[0] == self.sums[name]:
                # From a restore that was killed, or of the store that was backed up.
                problem = None
            else:
                self._refuse(f"{place} is there, and not as the backup has it.")
            if problem is None:
                self.report.files += 1
            else:
                self.report.problems.append(problem)
        if wrong or (self.report.problems and not incomplete):
            raise _damaged(self.target.path, [*wrong, *self.report.problems])
        self.report.problems += self.note["without"]

    def _records_problem(self):
        name = f"{self.state}/{RECORDS}"
        problem = self.target.problem(name, self.sums[name])
        return [] if problem is None else [problem]

    def _check_room(self, names):
        need = sum(
            (self.target.path / name).stat().st_size
            for name in names
            if self.target.has(name) and not (self.data / name.removeprefix("files/")).exists()
        )
        free = shutil.disk_usage(self.data).free
        if need > free:
            msg = f"The files need {need:,} bytes; {free:,} are free on the disk of {self.data}."
            raise BackupError(msg, remedy="Nothing was restored. Set AWE_DATA to another disk.")

    def _copy(self, name, place, temporary, mode=0o600, mtime=None):
        """Copy one file of the backup; give a sentence where it is not as it was."""
        if not self.target.has(name):
            return self.target.problem(name, self.sums[name])
        temporary.unlink(missing_ok=True)
        try:
            found, _ = copy_file(self.target.path / name, temporary, mode)
            if found != self.sums[name]:
                return self.target.problem(name, self.sums[name])
            if mtime is not None:
                os.utime(temporary, ns=(mtime, mtime))
            make_folders(place.parent)
            self._made.append(place)
            os.rename(temporary, place)
        except UnreadableError as err:
            return f"The file {self.target.path / name} of the backup cannot be read: {err}."
        finally:
            temporary.unlink(missing_ok=True)
        return None

    def files_outside(self):
        """Put files outside of the store back where they were collected."""
        entries = self.note["external"]
        for entry in track(entries, "Restore files outside", len(entries)):
            place = Path(entry["path"])
            mtime = datetime.datetime.fromisoformat(entry["mtime"])
            try:
                if os.path.lexists(place):
                    if state_of(place) == (entry["size"], mtime):
                        self.report.outside += 1
                        continue
                    problem = f"{place} is there, and not as it was; it stays."
                else:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    ns = to_microseconds(mtime) * 1000
                    aside = place.with_name(f".{place.name}.restore")
                    problem = self._copy(entry["file"], place, aside, 0o644, ns)
            except (FileExistsError, NotADirectoryError, PermissionError) as err:
                problem = f"{place} cannot be put back: {err.strerror}."
            if problem is None:
                self.report.outside += 1
            else:
                self.report.problems.append(problem)

    def parts(self, home):
        """Put the parts of the home back that are not there."""
        above = f"{self.state}/home/"
        for name in self.sums if home is not None else ():
            if not name.startswith(above):
                continue
            place = home / name.removeprefix(above)
            if os.path.lexists(place):
                same = place.is_file() and sha256_of(place)[0] == self.sums[name]
            else:
                same = not _leads_elsewhere(self.target.path / name)
                if same:
                    self._part(name, place)
            if not same:
                self.report.kept.append(str(self.target.path / name))

    def _part(self, name, place):
        problem = self._copy(name, place, self.aside / "file")
        if problem is not None:
            self.report.problems.append(problem)

    def records(self):
        """Let the store be there, at the very end."""
        self.report.left = len(self.note["external"]) - self.report.outside
        folders = {folder for place in self._made for folder in (place.parent, *place.parents[1:3])}
        load_records(
            self.target.path / self.state / RECORDS,
            self.where,
            lambda: [sync_folder(folder) for folder in folders if folder.is_dir()],
        )
        if database_file(self.where) is not None:
            sync_folder(Path(self.where))

    def undo(self):
        """Remove what was restored so far."""
        for place in self._made:
            place.unlink(missing_ok=True)
            for folder in place.parents[:2]:
                if folder not in (self.data, *self.data.parents):
                    remove_empty(folder)


def _all_files(folder):
    """Give the files that lie in a folder for files, but for those that wait or were set aside."""
    for parent, folders, names in os.walk(folder):
        if parent == str(folder):
            folders[:] = [f for f in folders if f not in ("incoming", "lost+found", "restore")]
        yield from (Path(parent) / name for name in names)


def _leads_elsewhere(path):
    """Tell whether settings name a store or a folder, which the restored one is not."""
    if path.name != "Environment.cfg" or not path.is_file():
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    keys = r"^[ \t]*(store|data|database_name|data_server)[ \t]*[=:]"
    return re.search(keys, text, re.MULTILINE) is not None


def _damaged(path, problems):
    lines = "\n  ".join(problems[:_MOST_TOLD])
    more = f"\n  and {len(problems) - _MOST_TOLD} more" if len(problems) > _MOST_TOLD else ""
    msg = f"The backup {path} is damaged; nothing was restored.\n  {lines}{more}"
    return BackupError(
        msg, remedy="Take another backup, or what is whole of this one: awe restore --incomplete"
    )
