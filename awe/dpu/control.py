"""Starting, waking and stopping the DPU: a process of its own, one for each AWE_HOME."""

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import shutil
import sys
import time
from pathlib import Path

from awe.base.environment import home
from awe.base.errors import AweError
from awe.base.version import __version__

__all__ = ["DpuError", "DpuHome", "Running", "end_of", "said_by_holder", "start_apart", "take_lock"]

_START = 60.0
_STOP = 15.0
_TAIL = 15
_TOLD = 4096
_MOST_NEWS = 100_000
# With less on its disk, in bytes, a DPU cannot even keep account of its jobs.
_ROOM = 1_000_000
# Who looks whether somebody holds the lock, holds a share of it for a moment.
_LOOK = 0.5


class DpuError(AweError):
    """The DPU cannot be started, stopped or reached."""


def take_lock(path):
    """Take the lock by which there is only one process of a kind.

    Parameters
    ----------
    path : pathlib.Path
        The file; made where it does not exist, emptied where it was taken.

    Returns
    -------
    int or None
        The descriptor that holds the lock; None where another process does.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + _LOOK
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(descriptor)
                return None
            time.sleep(0.01)
        else:
            os.ftruncate(descriptor, 0)
            return descriptor


def said_by_holder(path):
    """Read what the process that holds a lock has written into its file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    str or None
        Empty where it has written nothing yet; None where nobody holds the lock.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 65536, 0).decode()
    finally:
        os.close(descriptor)
    return None


def start_apart(module, folder, arguments, log, context):
    """Start a process that outlives this one.

    Parameters
    ----------
    module : str
        What it runs.
    folder : pathlib.Path
        That of the DPU: its first argument, and where it works.
    arguments : list of str
        The others.
    log : file
        Where it writes.
    context : Context
        Store, files and user are those of the process.
    """
    import subprocess

    where, data, user = context._arguments[:3]
    kept = {k: v for k, v in os.environ.items() if k not in ("AWE_PROJECT", "AWE_PRIVILEGES")}
    environment = {
        **kept, "AWE_HOME": str(folder.parent), "AWE_STORE": str(where), "AWE_DATA": str(data),
        "AWE_USER": user, "MPLBACKEND": "agg",
    }  # fmt: skip
    started = subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(folder), *arguments], cwd=folder,
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True,
    )  # fmt: skip
    # It forks, so that it is nobody's child, and this one ends at once.
    started.wait()


def end_of(log, lines):
    """Give the last lines of a log.

    Parameters
    ----------
    log : pathlib.Path
        The log.
    lines : int
        How many.

    Returns
    -------
    str
        Empty where there is no log.
    """
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


@dataclasses.dataclass(frozen=True)
class Running:
    """What the DPU says of itself.

    Attributes
    ----------
    pid : int
        Its process.
    since : str
        When it was started (UTC).
    workers : int
        How many worker processes it has.
    store, user : str
        Whose jobs it runs.
    ready : bool
        Whether it takes jobs yet.
    version : str
        Version of awe.
    """

    pid: int
    since: str
    workers: int
    store: str
    user: str
    ready: bool
    version: str = __version__


class DpuHome:
    """The folder by which prompts and the DPU know of each other.

    Parameters
    ----------
    folder : pathlib.Path, optional
        By default the folder 'dpu' in AWE_HOME.
    """

    def __init__(self, folder=None):
        self.folder = Path(folder or home() / "dpu")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.lock = self.folder / "lock"
        self.bell = self.folder / "bell"
        self.news = self.folder / "news"
        self.log = self.folder / "dpu.log"

    # --- the prompt's side ---

    def running(self):
        """Tell what runs.

        Returns
        -------
        Running or None
            None where no DPU runs.
        """
        text = said_by_holder(self.lock)
        if text is None:
            return None
        return Running(**json.loads(text)) if text else Running(0, "", 0, "", "", False)

    def start(self, context, opener, workers):
        """Start the DPU where it does not run yet; it outlives this process.

        Parameters
        ----------
        context : Context
            Store, files and user are those of the DPU.
        opener : str
            What opens the store with all classes in its workers, as 'module:function'.
        workers : int
            How many.

        Raises
        ------
        DpuError
            The one that runs works for another store or user.
        """
        found = self.running()
        if found is not None:
            self._check_same(found, context)
            return
        with open(self.log, "ab") as log:
            start_apart("awe.dpu", self.folder, [opener, str(workers)], log, context)

    def _check_same(self, found, context):
        where, _, user = context._arguments[:3]
        if found.pid and (found.store, found.user) != (str(where), user):
            msg = (
                f"The DPU that runs (process {found.pid}) works for {found.user} on {found.store}, "
                f"not for {user} on {where}."
            )
            raise DpuError(msg, remedy="Type `awe dpu stop` in a shell, then run again.")
        if found.version != __version__:
            msg = f"The DPU that runs is awe {found.version}, this prompt is awe {__version__}."
            raise DpuError(msg, remedy="Type `awe dpu stop` in a shell, then run again.")

    def wait_until_ready(self, timeout=_START):
        """Wait until the DPU takes jobs.

        Parameters
        ----------
        timeout : float, optional
            Seconds. The default is 60.

        Returns
        -------
        Running
            What it says of itself.

        Raises
        ------
        DpuError
            It has ended, or takes too long.
        """
        end = time.monotonic() + timeout
        patience = time.monotonic() + 5.0
        while time.monotonic() < end:
            found = self.running()
            if found is not None and found.ready:
                return found
            if found is None and time.monotonic() > patience:
                break
            time.sleep(0.05)
        msg = f"The DPU did not start. {self.why_ended()}"
        raise DpuError(msg, remedy="Your jobs are kept. Mend it, then: awe dpu start")

    def why_ended(self):
        """Give what is known of why the DPU has ended.

        Returns
        -------
        str
            That its disk is full, or the last lines of its own log.
        """
        if shutil.disk_usage(self.folder).free < _ROOM:
            return f"The disk of {self.folder} is full."
        return f"The end of {self.log}:\n{end_of(self.log, _TAIL)}"

    def ring(self, message=b"w"):
        """Wake the DPU: something has changed in the store.

        Parameters
        ----------
        message : bytes, optional
            ``b'w'`` to look at the store, ``b's'`` to stop. The default is ``b'w'``.

        Returns
        -------
        bool
            Whether it listens.
        """
        try:
            descriptor = os.open(self.bell, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as err:
            if err.errno in (errno.ENXIO, errno.ENOENT):
                return False
            raise
        try:
            # A bell that is rung already needs no second ring.
            with contextlib.suppress(BlockingIOError):
                os.write(descriptor, message)
        finally:
            os.close(descriptor)
        return True

    def news_at(self):
        """Give what differs whenever something may have changed in the store.

        Returns
        -------
        tuple
            Costs as much as a look at a file.
        """
        try:
            found = os.stat(self.news)
        except FileNotFoundError:
            return ()
        return (found.st_size, found.st_mtime_ns)

    def stop(self, timeout=_STOP):
        """Stop the DPU; what runs is queued again.

        Parameters
        ----------
        timeout : float, optional
            Seconds. The default is 15.

        Returns
        -------
        bool
            Whether one ran.

        Raises
        ------
        DpuError
            It does not end.
        """
        found = self.running()
        if found is None:
            return False
        end = time.monotonic() + timeout
        rung = False
        while time.monotonic() < end:
            # One that is just starting does not hear yet.
            rung = rung or self.ring(b"s")
            if self.running() is None:
                return True
            time.sleep(0.02)
        msg = f"The DPU (process {found.pid}) did not end within {timeout:g} s."
        raise DpuError(msg, remedy=f"Type in a shell: kill {found.pid}")

    # --- the DPU's side ---

    def take(self):
        """Become the DPU of this folder.

        Returns
        -------
        int or None
            The descriptor that holds the lock; None where another one runs.
        """
        return take_lock(self.lock)

    def is_lost(self, descriptor):
        """Tell whether nobody can find this DPU any more.

        Parameters
        ----------
        descriptor : int
            What `take` gave.

        Returns
        -------
        bool
            True where the folder was removed, or replaced by another one.
        """
        try:
            return not os.path.samestat(os.stat(self.lock), os.fstat(descriptor))
        except FileNotFoundError:
            return True

    def tell(self, descriptor, running):
        """Write what others may know of this DPU.

        Parameters
        ----------
        descriptor : int
            What `take` gave.
        running : Running
            What is so.
        """
        # Of one length, so that nobody reads the end of what stood there before.
        os.pwrite(descriptor, json.dumps(dataclasses.asdict(running)).ljust(_TOLD).encode(), 0)

    def tell_news(self):
        """Let those who wait know that something may have changed in the store."""
        # By its length as well: the clock of files is too coarse for what follows at once.
        grows = (self.news_at() or (0,))[0] < _MOST_NEWS
        with open(self.news, "ab" if grows else "wb") as stream:
            stream.write(b".")

    def hang_bell(self):
        """Make the bell that prompts ring.

        Returns
        -------
        int
            A descriptor to read from.
        """
        with contextlib.suppress(FileNotFoundError):
            self.bell.unlink()
        os.mkfifo(self.bell, 0o600)
        # Open for writing as well, so that it never reads as ended.
        return os.open(self.bell, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
