"""Files that wait for the commit of their objects, and the folders in which they do."""

import errno
import fcntl
import os
import shutil
import uuid
import weakref

__all__ = [
    "DESK_LOCK",
    "Desk",
    "StagedFile",
    "abandoned_desks",
    "is_in_use",
    "remove_empty",
    "sync_folder",
]

# In each desk. A file and no lock on the folder itself: over NFS only what is open for writing
# can be locked for one.
DESK_LOCK = ".lock"
_BEGUN = ".new-"
# Names of the desks of this process, with its number. NFS drops the lock of a process that closes
# any descriptor of the file: nobody looks at his own.
_ours = set()
# What file systems without hard links say; the second and third are one number on Linux only.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


class StagedFile:
    """A file that is written and synced, and waits for the commit of its object.

    Where nobody waits for it any more it is removed.

    Parameters
    ----------
    temporary, final : pathlib.Path
        Where it lies and where it goes.
    origin : pathlib.Path, optional
        Where it was moved from, and where it goes back to. By default it is a copy.
    """

    def __init__(self, temporary, final, origin=None):
        self.temporary = temporary
        self.final = final
        self.origin = origin
        self._moved = False
        self._forgotten = weakref.finalize(self, _remove, temporary, os.getpid())

    def move_in(self):
        """Put it into its place; the same content that is there already serves."""
        if self.final.exists():
            return
        self.final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            # The name here stays until `settle`: by it what a killed process has moved is found.
            os.link(self.temporary, self.final)
        except OSError as err:
            if err.errno not in _NO_LINKS:
                raise
            os.rename(self.temporary, self.final)
        self._moved = True

    def folders(self):
        """Give the folders to sync, so that a crash of the machine does not undo `move_in`.

        Returns
        -------
        tuple of pathlib.Path
            Empty where it did nothing.
        """
        return (self.final.parent, *self.final.parents[1:3]) if self._moved else ()

    def move_back(self):
        """Undo `move_in`, so that the object can be committed again."""
        if self._moved:
            if self.temporary.exists():
                self.final.unlink()
            else:
                os.rename(self.final, self.temporary)
            remove_empty(self.final.parent)
            self._moved = False

    def give_back(self):
        """Put what was moved here back where it came from, after a commit that failed."""
        # Where it is not known whether the commit has landed the file stays in its place.
        if self.origin is None or self._moved:
            return
        if self.temporary.exists() and self.origin.parent.exists():
            os.rename(self.temporary, self.origin)

    def is_there(self):
        """Tell whether the file waits here, or in its place for a commit of unknown fate.

        Returns
        -------
        bool
            False where it was given back or removed.
        """
        return self._moved or self.temporary.exists()

    def settle(self):
        """Remove the temporary copy once the commit has landed."""
        self._forgotten()


def _remove(path, process):
    # A child of fork() has this in memory too; the file is its parent's.
    if process == os.getpid():
        path.unlink(missing_ok=True)


def sync_folder(folder):
    """Make sure that a folder keeps the names of its files over a crash of the machine.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_empty(folder):
    """Remove a folder if nothing is in it.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    """
    try:
        folder.rmdir()
    except OSError:
        return


class Desk:
    """A folder in which one process keeps its files until they are committed.

    Parameters
    ----------
    incoming : pathlib.Path
        Where it is made; the lock on a file in it tells that the process lives.

    Attributes
    ----------
    folder : pathlib.Path
        The folder.
    process : int
        Whose it is.
    """

    def __init__(self, incoming):
        self.process = os.getpid()
        self.folder = incoming / uuid.uuid4().hex
        # Whoever clears after the dead finds it under its name only when it is locked.
        begun = incoming / f"{_BEGUN}{self.folder.name}"
        begun.mkdir(mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(begun / DESK_LOCK, flags, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        os.rename(begun, self.folder)
        _ours.add((self.process, self.folder.name))
        weakref.finalize(self, _clear_desk, self.folder, self._descriptor, self.process)


def _clear_desk(folder, descriptor, process):
    os.close(descriptor)
    _ours.discard((process, folder.name))
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
    if (os.getpid(), desk.name) in _ours:
        return True
    try:
        descriptor = os.open(desk / DESK_LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def abandoned_desks(incoming):
    """Give the folders with waiting files whose processes have ended without clearing them.

    Parameters
    ----------
    incoming : pathlib.Path
        Where they lie.

    Returns
    -------
    list of pathlib.Path
        Nobody waits for what is in them.
    """
    desks = [desk for desk in incoming.iterdir() if not desk.name.startswith(_BEGUN)]
    return [desk for desk in desks if desk.is_dir() and not is_in_use(desk)]
