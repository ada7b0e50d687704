"""Files of the store: bulk data beside the objects, each with a name, a size and a SHA-256."""

import fcntl
import hashlib
import os
import shutil
import uuid
import weakref
from pathlib import Path

from awe.base.errors import AweError, AweLookupError, AweValueError
from awe.store import current
from awe.store.attributes import persistent
from awe.store.objects import DBObject

__all__ = ["DataObject", "FileStore", "FileStoreError", "StagedFile", "is_in_use", "sha256_of"]

_CHUNK = 1 << 20
# Files whose checksum was right, as they were then: of each, path, inode, size and time of change.
_intact = {}


class FileStoreError(AweError, OSError):
    """A file of the store is missing, damaged or cannot be written."""


def sha256_of(path):
    """Compute the checksum of a file.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    digest : str
        SHA-256 in hexadecimal digits.
    size : int
        Bytes.
    """
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


class StagedFile:
    """A file that is written and synced, and waits for the commit of its object.

    Where nobody waits for it any more it is removed.

    Parameters
    ----------
    temporary, final : pathlib.Path
        Where it lies and where it goes.
    """

    def __init__(self, temporary, final):
        self.temporary = temporary
        self.final = final
        self._moved = False
        self._forgotten = weakref.finalize(self, _remove, temporary, os.getpid())

    def move_in(self):
        """Put it into its place; the same content that is there already serves."""
        if self.final.exists():
            return
        self.final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.rename(self.temporary, self.final)
        self._moved = True

    def sync(self):
        """Make sure that a crash of the machine does not undo `move_in`."""
        if self._moved:
            for folder in (self.final.parent, *self.final.parents[1:3]):
                _sync_folder(folder)

    def move_back(self):
        """Undo `move_in`, so that the object can be committed again."""
        if self._moved:
            os.rename(self.final, self.temporary)
            _remove_empty(self.final.parent)
            self._moved = False

    def settle(self):
        """Remove the temporary copy once the commit has landed."""
        self._forgotten()


def _remove(path, process):
    # A child of fork() has this in memory too; the file is its parent's.
    if process == os.getpid():
        path.unlink(missing_ok=True)


def _sync_folder(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_empty(folder):
    try:
        folder.rmdir()
    except OSError:
        return


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

    def _own_desk(self):
        """Give this process's folder for files that wait; a lock on it tells that we live."""
        if self._desk is None or self._desk.process != os.getpid():
            self._desk = _Desk(self.incoming)
        return self._desk.folder

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
        temporary = self._own_desk() / uuid.uuid4().hex
        digest, size, done = hashlib.sha256(), 0, False
        try:
            with open(source, "rb") as stream, open(temporary, "xb") as copy:
                while block := stream.read(_CHUNK):
                    digest.update(block)
                    copy.write(block)
                    size += len(block)
                copy.flush()
                os.fsync(copy.fileno())
            os.chmod(temporary, 0o444)
            done = True
        except OSError as err:
            msg = f"{filename} could not be written into the store {self.folder}: {err}."
            remedy = "Nothing was stored. Is the disk full? Mend it, then commit again."
            cause = f"a file could not be written into the store: {err.strerror}"
            raise FileStoreError(msg, remedy=remedy, cause=cause) from err
        finally:
            if not done:
                temporary.unlink(missing_ok=True)
        sha256 = digest.hexdigest()
        return StagedFile(temporary, self.place(filename, sha256)), sha256, size

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
                _remove_empty(path.parent)


class _Desk:
    """A folder in which one process keeps its files until they are committed."""

    def __init__(self, incoming):
        self.process = os.getpid()
        self.folder = incoming / uuid.uuid4().hex
        self.folder.mkdir(mode=0o700)
        self._descriptor = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        weakref.finalize(self, _clear_desk, self.folder, self._descriptor, self.process)


def _clear_desk(folder, descriptor, process):
    os.close(descriptor)
    if process == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)


def is_in_use(desk):
    """Tell whether the process that keeps its waiting files in a folder is alive.

    Parameters
    ----------
    desk : pathlib.Path
        A folder in ``incoming``.

    Returns
    -------
    bool
        False also where the folder is gone.
    """
    try:
        descriptor = os.open(desk, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class DataObject(DBObject):
    """An object that has a file."""

    # Where the file of a new object lies, and the copy of it that waits for the commit.
    _local_path = None
    _staged_file = None

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

    def prepare_files(self, context):
        """Copy the file into the store's folder, before the lock is taken.

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
        if kept is not None and kept.final == final and kept.temporary.exists():
            return [kept]
        if not local.exists():
            msg = f"The file {local} of {self!r} has vanished."
            raise FileStoreError(msg, remedy="Make the object again.")
        staged, sha256, size = context.files.stage(local, self.filename)
        if sha256 != self.sha256:
            staged.settle()
            msg = f"The file {local} has changed since it was attached to {self!r}."
            raise FileStoreError(msg, remedy="Attach it again, or make the object again.")
        self.size = size
        self.globalname = f"{sha256[:2]}/{sha256[2:18]}/{self.filename}"
        object.__setattr__(self, "_staged_file", staged)
        return [staged]

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
        if local is not None and not self.is_committed and local.exists():
            return local
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
            temporary.unlink(missing_ok=True)
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
