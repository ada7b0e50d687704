"""Starting, finding and stopping the DPU's page: a process of its own, one for each AWE_HOME."""

import contextlib
import dataclasses
import json
import os
import secrets
import signal
import time

from awe.base.errors import AweError
from awe.base.version import __version__
from awe.dpu.control import DpuHome, end_of, said_by_holder, start_apart, take_lock

__all__ = ["PageDesk", "PageError", "ServedPage"]

_START = 60.0
_STOP = 10.0
_TAIL = 10
_TOKEN_BYTES = 32


class PageError(AweError):
    """The page cannot be started or stopped."""


@dataclasses.dataclass(frozen=True)
class ServedPage:
    """What the page says of itself.

    Attributes
    ----------
    pid, port : int
        Its process, and where it listens on 127.0.0.1.
    store, user : str
        Whose jobs it shows.
    version : str
        Version of awe.
    """

    pid: int
    port: int
    store: str
    user: str
    version: str = __version__


class PageDesk:
    """The files by which commands and the page know of each other.

    Parameters
    ----------
    folder : pathlib.Path, optional
        By default that of the DPU in AWE_HOME.
    """

    def __init__(self, folder=None):
        self.folder = DpuHome(folder).folder
        self.lock = self.folder / "page.lock"
        self.token_file = self.folder / "page.token"
        self.log = self.folder / "page.log"
        self.pictures = self.folder / "pictures"

    # --- the command's side ---

    def running(self):
        """Tell what runs.

        Returns
        -------
        ServedPage or None
            None where no page is served, or not yet.
        """
        text = said_by_holder(self.lock)
        return ServedPage(**json.loads(text)) if text else None

    def start(self, context, opener, port=0):
        """Start the page where it does not run yet, and wait until it can be opened.

        Parameters
        ----------
        context : Context
            Store, files and user are those of the page.
        opener : str
            What opens the store with all classes, as 'module:function'.
        port : int, optional
            Where it listens. By default a port that is free.

        Returns
        -------
        str
            The link with the token.

        Raises
        ------
        PageError
            It has ended at once, or takes too long.
        """
        where, _, user = context._arguments[:3]
        found = self.running()
        wanted = (str(where), user, __version__, port or (found and found.port))
        if found and (found.store, found.user, found.version, found.port) != wanted:
            self.stop()
            found = None
        if found is None:
            with open(self.log, "wb") as log:
                start_apart("awe.services", self.folder, [opener, str(port)], log, context)
            self._wait_until_ready()
        return self.link()

    def _wait_until_ready(self):
        end = time.monotonic() + _START
        while time.monotonic() < end:
            if self.running() is not None:
                return
            if end_of(self.log, 1) == ENDED:
                break
            time.sleep(0.05)
        msg = f"The DPU's page did not start. The end of {self.log}:\n{end_of(self.log, _TAIL)}"
        raise PageError(msg, remedy="The DPU runs without it.")

    def link(self):
        """Give the address of the page with its token.

        Returns
        -------
        str or None
            For the browser; None where no page is served.
        """
        found = self.running()
        if found is None:
            return None
        token = self.token_file.read_text(encoding="ascii")
        return f"http://127.0.0.1:{found.port}/?token={token}"

    def stop(self):
        """Stop the page.

        Returns
        -------
        bool
            Whether one ran.

        Raises
        ------
        PageError
            It does not end.
        """
        found = self.running()
        if found is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGTERM)
        end = time.monotonic() + _STOP
        while time.monotonic() < end:
            if self.running() is None:
                return True
            time.sleep(0.02)
        msg = f"The DPU's page (process {found.pid}) did not end within {_STOP:g} s."
        raise PageError(msg, remedy=f"Type in a shell: kill -9 {found.pid}")

    # --- the page's side ---

    def take(self):
        """Become the page of this folder.

        Returns
        -------
        int or None
            The descriptor that holds the lock; None where another one runs.
        """
        return take_lock(self.lock)

    def tell(self, descriptor, page):
        """Write what others may know of this page.

        Parameters
        ----------
        descriptor : int
            What `take` gave.
        page : ServedPage
            What is so.
        """
        os.pwrite(descriptor, json.dumps(dataclasses.asdict(page)).encode(), 0)

    def token(self):
        """Give the token, which stays the same until its file is removed.

        Returns
        -------
        str
            Only the user can read the file; one that others could read is replaced.
        """
        with contextlib.suppress(FileNotFoundError):
            text = self.token_file.read_text(encoding="ascii").strip()
            if text and not self.token_file.stat().st_mode & 0o077:
                return text
            self.token_file.unlink()
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        descriptor = os.open(self.token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as stream:
            stream.write(token)
        return token


# What the page writes last into its log where it cannot be served.
ENDED = "The page is not served."
