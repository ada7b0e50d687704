"""Files of the store: bulk data beside the objects, each with a name, a size and a SHA-256."""

import contextlib
import errno
import os
import shutil
import uuid
from pathlib import Path

from awe.base.errors import AweError, AweLookupError, AweValueError
from awe.store import current
from awe.store.attributes import persistent
from awe.store.copying import UnreadableError, copy_file, sha256_of
from awe.store.objects import DBObject
from awe.store.staging import Desk, StagedFile, abandoned_desks, remove_empty

__all__ = ["DataObject", "FileStore", "FileStoreError", "sha256_of"]

# Files whose checksum was right, as they were then: of each, path, inode, size and time of change.
_intact = {}


class FileStoreError(AweError, OSError):
    """A file of the store is missing, damaged or cannot be written."""


class FileStore:
    """The folder with the files of a store.

    Parameters
    ----------
    folder : str or pathlib.Path
        The folder; made where it does not exist.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.incoming = self.folder / "incoming"
        self.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._desk = None

    def _on_desk(self, filename):
        """Give a place in this process's folder for files that wait; it is locked while we live."""
        try:
            if self._desk is None or self._desk.process != os.getpid():
                self._desk = Desk(self.incoming)
        except OSError as err:
            raise self._not_written(filename, err) from err
        return self._desk.folder / uuid.uuid4().hex

    def place(self, filename, sha256):
        """Give where a file lies, by its name and checksum.

        Parameters
        ----------
        filename : str
            The file's name.
        sha256 : str
            Its checksum.

        Returns
        -------
        pathlib.Path
            The path; the same content under the same name is one file.
        """
        return self.folder / sha256[:2] / sha256[2:18] / filename

    def stage(self, source, filename):
        """Copy a file into the store's folder under a temporary name, and sync it.

        Parameters
        ----------
        source : str or pathlib.Path
            The file.
        filename : str
            The name that it will have.

        Returns
        -------
        staged : StagedFile
            To be moved in by the commit.
        sha256 : str
            The checksum of what was written.
        size : int
            Bytes.
        """
        temporary = self._on_desk(filename)
        done = False
        try:
            sha256, size = copy_file(source, temporary, 0o444)
            done = True
        except UnreadableError as err:
            msg = f"The file {source} cannot be read: {err}."
            raise FileStoreError(
                msg, remedy="Nothing was stored. Mend it, then commit again."
            ) from err
        except OSError as err:
            raise self._not_written(filename, err) from err
        finally:
            if not done:
                temporary.unlink(missing_ok=True)
        return StagedFile(temporary, self.place(filename, sha256)), sha256, size

    def _not_written(self, filename, err):
        """Give the error where a file cannot be staged."""
        msg = f"{filename} could not be written into the store {self.folder}: {err}."
        remedy = "Nothing was stored. Is the disk full? Mend it, then commit again."
        cause = f"a file could not be written into the store: {err.strerror}"
        return FileStoreError(msg, remedy=remedy, cause=cause)

    def take(self, source, filename, sha256):
        """Move a file that nobody else needs into the store's folder, and sync it.

        Parameters
        ----------
        source : pathlib.Path
            The file.
        filename : str
            The name that it will have.
        sha256 : str
            Its checksum.

        Returns
        -------
        StagedFile or None
            To be moved in by the commit; None where it lies on another file system.
        """
        temporary = self._on_desk(filename)
        staged, done = StagedFile(temporary, self.place(filename, sha256), source), False
        try:
            os.rename(source, temporary)
            with open(temporary, "rb") as stream:
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o444)
            done = True
        except OSError as err:
            if err.errno == errno.EXDEV:
                return None
            raise self._not_written(filename, err) from err
        finally:
            if not done:
                staged.give_back()
        return staged

    def clear_abandoned(self, context):
        """Remove the files that waited for commits of processes that were killed.

        Parameters
        ----------
        context : Context
            The store.
        """
        for desk in abandoned_desks(self.incoming):
            for path in desk.iterdir():
                if path.stat().st_nlink > 1:
                    self._take_out(path, context.session)
            shutil.rmtree(desk, ignore_errors=True)

    def _take_out(self, path, session):
        """Remove a file from its place where the commit that had put it there has not landed."""
        sha256 = sha256_of(path)[0]
        for final in list(self.place(path.name, sha256).parent.glob("*")):
            if final.samefile(path):
                # Under the lock, so that nobody else begins to use it meanwhile.
                with session.lock.held():
                    session.begin()
                    self.unlink_unused([(final.name, sha256)], session)

    def unlink_unused(self, names, session):
        """Remove files that no object uses any more; called after a deletion has landed.

        Parameters
        ----------
        names : list of (str, str)
            File name and checksum.
        session : Session
            The session.
        """
        from awe.store.verify import objects_with_file

        for filename, sha256 in names:
            if not objects_with_file(session, filename, sha256):
                path = self.place(filename, sha256)
                path.unlink(missing_ok=True)
                remove_empty(path.parent)


class DataObject(DBObject):
    """An object that has a file."""

    # Where the file of a new object lies, and the copy of it that waits for the commit.
    _local_path = None
    _staged_file = None
    # Of a file that may be moved: its size and the time of its last change.
    _movable = None

    abstract = True

    filename = persistent("Name of the file", str, unique=True)
    globalname = persistent("Name under which the store keeps the file", str)
    size = persistent("Size of the file", int, unit="byte")
    sha256 = persistent("Checksum of the file, SHA-256", str)

    def attach(self, path, filename=None):
        """Say which file belongs to a new object; it is copied when the object is committed.

        Parameters
        ----------
        path : str or pathlib.Path
            The file.
        filename : str, optional
            The name that it gets. By default it keeps its own.
        """
        path = Path(path).absolute()
        if not path.is_file():
            msg = f"There is no file {path} to attach to {self!r}."
            raise AweLookupError(msg)
        self.filename = filename or path.name
        self.sha256, self.size = sha256_of(path)
        object.__setattr__(self, "_local_path", path)
        object.__setattr__(self, "_staged_file", None)
        object.__setattr__(self, "_movable", None)

    def give_file(self):
        """Let the commit move the attached file into the store, instead of copying it.

        A commit that fails puts it back.
        """
        found = self._local_path.stat()
        object.__setattr__(self, "_movable", (found.st_size, found.st_mtime_ns))

    def prepare_files(self, context):
        """Copy or move the file into the store's folder, before the lock is taken.

        Parameters
        ----------
        context : Context
            The store.

        Returns
        -------
        list of StagedFile
            What the commit moves in.
        """
        filename, sha256 = self.filename, self.sha256
        if filename is None:
            return []
        local = self._local_path
        if local is None:
            # As Path.exists, without its detours: this is asked of each frame of a night.
            if sha256 is not None and os.path.exists(context.files.place(filename, sha256)):
                return []
            msg = f"{self!r} names a file {self.filename} but none is attached."
            raise FileStoreError(msg, remedy="Type: obj.attach('path/to/file.fits')")
        kept = self._staged_file
        final = context.files.place(self.filename, self.sha256)
        if kept is not None and kept.final == final and kept.is_there():
            return [kept]
        if not local.exists():
            msg = f"The file {local} of {self!r} has vanished."
            raise FileStoreError(msg, remedy="Make the object again.")
        staged = self._moved(context.files) or self._copied(context.files)
        self.globalname = f"{self.sha256[:2]}/{self.sha256[2:18]}/{self.filename}"
        object.__setattr__(self, "_staged_file", staged)
        return [staged]

    def _moved(self, files):
        """Move the file where it was given to the store and is as it was; else give None."""
        found = self._local_path.stat()
        if self._movable != (found.st_size, found.st_mtime_ns):
            return None
        return files.take(self._local_path, self.filename, self.sha256)

    def _copied(self, files):
        """Copy the file, and make sure that it is as it was when it was attached."""
        staged, sha256, self.size = files.stage(self._local_path, self.filename)
        if sha256 != self.sha256:
            staged.settle()
            msg = f"The file {self._local_path} has changed since it was attached to {self!r}."
            raise FileStoreError(msg, remedy="Attach it again, or make the object again.")
        return staged

    def stored_files(self, context):
        """Give (name, checksum) of the files in the store.

        Parameters
        ----------
        context : Context
            The store.

        Returns
        -------
        list of (str, str)
            Empty where the object has no file.
        """
        if self.filename is None or self.sha256 is None:
            return []
        return [(self.filename, self.sha256)]

    def path(self):
        """Give where the file lies: in the store, or where it was made.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        FileStoreError
            The file is not there.
        """
        local = self._local_path
        if local is not None and not self.is_committed:
            kept = self._staged_file
            for path in (local, None if kept is None else kept.temporary):
                if path is not None and path.exists():
                    return path
        if self.sha256 is None:
            msg = f"{self!r} has no file."
            raise FileStoreError(msg)
        stored = current.context().files.place(self.filename, self.sha256)
        if not stored.exists():
            msg = f"The file {self.filename} of {self!r} is missing: {stored}."
            raise FileStoreError(msg, remedy="Run `awe verify` to see what else is missing.")
        return stored

    def check_file(self):
        """Check that the file is as it was when it was attached; once for each process.

        Raises
        ------
        FileStoreError
            The file is not there, or its checksum is wrong.
        """
        path = self.path()
        found = path.stat()
        state = (found.st_ino, found.st_size, found.st_mtime_ns)
        if _intact.get(path) == (self.sha256, state):
            return
        if sha256_of(path)[0] != self.sha256:
            msg = f"The file {path} of {self!r} is damaged: its checksum is wrong."
            raise FileStoreError(
                msg, cause="a file is damaged", remedy="`awe verify` tells which others are."
            )
        _intact[path] = (self.sha256, state)

    def retrieve(self, folder=".", *, overwrite=False):
        """Put a copy of the file into a folder.

        Parameters
        ----------
        folder : str or pathlib.Path, optional
            The folder. The default is the working directory.
        overwrite : bool, optional
            Whether another file of the same name may be replaced. The default is False.

        Returns
        -------
        pathlib.Path
            The copy.

        Raises
        ------
        FileStoreError
            The stored file is damaged or missing.
        AweValueError
            Another file of that name is there.
        """
        source = self.path()
        target = Path(folder) / self.filename
        if target.exists() and not overwrite:
            if sha256_of(target)[0] == self.sha256:
                return target
            msg = f"{target} exists and is another file than that of {self!r}."
            raise AweValueError(msg, remedy="Take another folder, or retrieve(overwrite=True).")
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, temporary)
        except OSError as err:
            with contextlib.suppress(OSError):
                temporary.unlink()
            msg = f"{self.filename} cannot be put into {folder}: {err}."
            raise FileStoreError(msg, remedy="Take another folder.") from err
        if sha256_of(temporary)[0] != self.sha256:
            temporary.unlink()
            msg = f"The file {source} of {self!r} is damaged: its checksum is wrong."
            raise FileStoreError(msg, remedy="Run `awe verify`, and restore it from a backup.")
        os.replace(temporary, target)
        return target

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            The file's name.
        """
        return self.filename or ""
