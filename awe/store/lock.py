"""The one lock under which every commit runs, between processes."""

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

from awe.store.storage import StoreError, connect_postgresql

__all__ = ["AdvisoryLock", "FileLock"]

_ADVISORY_KEY = 0x617765


class FileLock:
    """An exclusive lock on a file, for the embedded store.

    Parameters
    ----------
    path : str or pathlib.Path
        The lock file; it is made where it does not exist.
    timeout : float, optional
        Seconds to wait for other writers. The default is 600.
    """

    def __init__(self, path, timeout=600.0):
        self.path = Path(path)
        self.timeout = timeout

    @contextlib.contextmanager
    def held(self):
        """Hold the lock inside a ``with`` block."""
        # A descriptor of its own each time: a child of fork() never holds ours.
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as err:
            if err.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            msg = f"You may read the store {self.path.parent}, not write it: {err.strerror}."
            remedy = "Nothing was stored. Set AWE_HOME to a home of your own, or ask its owner."
            raise StoreError(msg, remedy=remedy) from err
        try:
            self._wait(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait(self, descriptor):
        deadline = time.monotonic() + self.timeout
        pause = 0.0005
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    msg = (
                        f"Another process has held the write lock {self.path} for "
                        f"{self.timeout:.0f} s; nothing was stored."
                    )
                    raise StoreError(msg, remedy="Look who: `fuser -v` on that file.") from None
                time.sleep(pause)
                pause = min(pause * 1.5, 0.02)
            else:
                return


class AdvisoryLock:
    """A session-level advisory lock on a connection of its own, for PostgreSQL.

    Parameters
    ----------
    url : str
        The store's address.
    timeout : float, optional
        Seconds to wait for other writers. The default is 600.
    """

    def __init__(self, url, timeout=600.0):
        self.url = url
        self.timeout = timeout

    @contextlib.contextmanager
    def held(self):
        """Hold the lock inside a ``with`` block."""
        connection = connect_postgresql(self.url)
        try:
            with connection.cursor() as cursor:
                self._wait(cursor)
                yield
        finally:
            # Closing the session releases the lock, whatever happened.
            connection.close()

    def _wait(self, cursor):
        from psycopg2.errors import LockNotAvailable

        cursor.execute(
            "SELECT set_config('lock_timeout', %s, false)", (f"{self.timeout * 1000:.0f}ms",)
        )
        try:
            cursor.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_KEY,))
        except LockNotAvailable:
            msg = (
                "Another process has held the write lock of the team's store for "
                f"{self.timeout:g} s; nothing was stored."
            )
            remedy = "Look who: SELECT * FROM pg_locks WHERE locktype = 'advisory'"
            raise StoreError(msg, remedy=remedy) from None
