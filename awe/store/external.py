"""Files that stay where they are: the store knows path, size, time of change and checksum."""

import datetime
import os
from pathlib import Path

from awe.base.progress import track
from awe.base.utc import from_microseconds
from awe.store.attributes import persistent
from awe.store.files import FileStoreError, sha256_of
from awe.store.objects import DBObject
from awe.store.plain import HostileRecordError

__all__ = ["ExternalFile", "check_external", "state_of"]


def state_of(path):
    """Give size and time of change of a file.

    Parameters
    ----------
    path : str or os.PathLike or os.DirEntry
        The file.

    Returns
    -------
    size : int
        Bytes.
    mtime : datetime.datetime
        When it was changed, UTC, to the microsecond.
    """
    found = path.stat() if isinstance(path, os.DirEntry) else os.stat(path)
    return found.st_size, from_microseconds(found.st_mtime_ns // 1000)


def _problem(path, size, mtime, sha256):
    """Tell how a file differs from what is known of it; None where it does not."""
    try:
        now = state_of(path)
        wrong = sha256 is not None and sha256_of(path)[0] != sha256
    except OSError as err:
        return f"{path} cannot be read: {err.strerror}."
    if now != (size, mtime):
        return (
            f"{path} has changed since it was read: {now[0]} bytes of {now[1]}, "
            f"not {size} of {mtime}."
        )
    return f"{path} is damaged: its checksum is wrong." if wrong else None


class ExternalFile(DBObject):
    """A file outside of the store, which is not copied."""

    abstract = False
    path = persistent("Where it lies", str, unique=True, required=True)
    filename = persistent("Name of the file", str, required=True)
    kind = persistent("What it is, such as raw or nightlog", str, mutable=True)
    group = persistent("What it belongs to, as the task that read it says", str, mutable=True)
    note = persistent("What was wrong with it when it was read", str, mutable=True)
    size = persistent("Size when it was read", int, unit="byte", mutable=True)
    mtime = persistent("When it was changed last before it was read (UTC)", datetime.datetime,
                       mutable=True)  # fmt: skip
    sha256 = persistent("Checksum, SHA-256, where it was computed", str, mutable=True)

    @classmethod
    def at(cls, path, *, checksum=False, is_new=False):
        """Give the object of a file as it is now.

        Parameters
        ----------
        path : str or os.PathLike
            The file.
        checksum : bool, optional
            Whether to compute the checksum. The default is False.
        is_new : bool, optional
            Whether the caller knows that the store does not have it. The default is False.

        Returns
        -------
        ExternalFile
            The stored one with its changes staged, or a new one.
        """
        path = os.path.abspath(path)
        size, mtime = state_of(path)
        make = cls if is_new else cls.get_or_create
        found = make(path=path, filename=os.path.basename(path))
        if (found.size, found.mtime) != (size, mtime):
            found.size, found.mtime, found.sha256 = size, mtime, None
        if checksum and found.sha256 is None:
            found.sha256 = sha256_of(path)[0]
        return found

    def problem(self, *, checksum=False):
        """Tell what is wrong with the file now.

        Parameters
        ----------
        checksum : bool, optional
            Whether to compare the checksum, where there is one. The default is False.

        Returns
        -------
        str or None
            A sentence; None where it is as it was when it was read.
        """
        sha256 = self.sha256 if checksum else None
        return _problem(self.path, self.size, self.mtime, sha256)

    def check_file(self):
        """Check that the file is as it was when it was read.

        Raises
        ------
        FileStoreError
            It is not there, has changed, or its checksum is wrong.
        """
        problem = self.problem(checksum=True)
        if problem is not None:
            raise FileStoreError(problem, remedy="Collect it again, or bring the former one back.")

    def compute_checksum(self):
        """Compute the checksum, which `commit` stores.

        Returns
        -------
        str
            64 hexadecimal digits.

        Raises
        ------
        FileStoreError
            The file is not as it was when it was read.
        """
        problem = self.problem()
        if problem is not None:
            raise FileStoreError(problem, remedy="Collect it again.")
        self.sha256 = sha256_of(self.path)[0]
        return self.sha256

    def folder(self):
        """Give the folder of the file.

        Returns
        -------
        pathlib.Path
            The folder.
        """
        return Path(self.path).parent

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            Kind and name.
        """
        return f"{self.kind or ''} {self.filename}".strip()


def check_external(*, checksums=True):
    """Compare the files outside of the store that the user may see with what is known of them.

    Parameters
    ----------
    checksums : bool, optional
        Whether to read those that have a checksum. The default is True.

    Returns
    -------
    problems : list of str
        What is missing, changed or damaged, a sentence each.
    without : list of str
        The files that have no checksum.
    """
    try:
        rows = ExternalFile.select_all().values("path", "size", "mtime", "sha256")
    except HostileRecordError as err:
        return [f"Files outside of the store: {err}"], []
    found = [
        _problem(*row[:3], row[3] if checksums else None)
        for row in (track(rows, "Verify files outside of the store") if rows else ())
    ]
    return [p for p in found if p is not None], [row[0] for row in rows if row[3] is None]
