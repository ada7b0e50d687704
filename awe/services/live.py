"""What a page that stands open is sent: changed parts of it and new lines of the log."""

import asyncio
import json
import sys
import time

from awe.base.errors import AweError
from awe.dpu.logs import JobLog

__all__ = ["Tail", "event", "stream", "tail_of"]

EVERY = 0.5
# How often the store is asked although nothing seems to have changed, in seconds; times that go on
# are as old as that.
_ASK_EVERY = 5.0
# An open page takes at most this part of the time of the thread that asks.
_SHARE = 0.1
# Rounds in which nothing changes before an open page is told that all is over: the last line of
# the log comes after the job's last state.
_QUIET = 4
_ALIVE_EVERY = 30
_SHOWN = 200
_BYTES = 64_000
_AT_ONCE = 500


class Tail:
    """The end of a log as it is when the page is made.

    Parameters
    ----------
    lines : list of str
        The last lines.
    at : int
        Where to go on.
    is_cut : bool
        Whether there are lines before.
    """

    def __init__(self, lines, at, is_cut):
        self.lines = lines
        self.at = at
        self.is_cut = is_cut


def tail_of(path):
    """Read the end of a log.

    Parameters
    ----------
    path : pathlib.Path
        The log of a job.

    Returns
    -------
    Tail
        At most 200 lines.
    """
    size = path.stat().st_size if path.exists() else 0
    start = max(0, size - _BYTES)
    lines, at = JobLog(path).read(start)
    # The first one may have lost its beginning.
    whole = lines[1:] if start else lines
    return Tail(whole[-_SHOWN:], at, start > 0 or len(whole) > _SHOWN)


def event(name, data, at=None):
    """Write a server-sent event.

    Parameters
    ----------
    name : str
        Its kind.
    data : object
        What JSON can hold.
    at : int, optional
        Where the log goes on, by which a browser that lost the connection asks again.

    Returns
    -------
    str
        The text that is sent.
    """
    head = "" if at is None else f"id: {at}\n"
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n"


class _Asked:
    """What the store has told, asked again when something may have changed."""

    def __init__(self, parts, news):
        self._parts = parts
        self._news = news
        self._seen = None
        self._soonest = self._latest = 0.0
        self._known = None

    async def newest(self):
        """Give what the parts are, as of a moment ago."""
        began, news = time.monotonic(), self._news()
        changed = news is None or news != self._seen
        if began >= self._soonest and (changed or began >= self._latest):
            self._known = await self._parts()
            self._seen, end = news, time.monotonic()
            self._soonest = end + (end - began) * (1 / _SHARE - 1)
            self._latest = end + _ASK_EVERY
        return self._known


async def stream(parts, log=None, at=0, is_stopping=lambda: False, news=lambda: None):
    """Give events as long as something can change.

    Parameters
    ----------
    parts : callable
        Gives an awaitable of (dict of id to HTML, whether all is over).
    log : pathlib.Path, optional
        A log whose new lines are sent. By default none.
    at : int, optional
        From which byte of the log. The default is 0.
    is_stopping : callable, optional
        Tells whether the page is about to end. By default it never is.
    news : callable, optional
        Gives what differs whenever something may have changed. By default it may have each time.

    Yields
    ------
    str
        Server-sent events: 'part', 'log' and 'end'.
    """
    sent, quiet, idle, asked = {}, 0, 0, _Asked(parts, news)
    while not is_stopping():
        try:
            found, is_over = await asked.newest()
        except AweError as err:
            # The browser asks again, and is told what became of the job.
            print(err, file=sys.stderr)
            return
        changed = {key: html for key, html in found.items() if sent.get(key) != html}
        lines, at = JobLog(log).read(at) if log is not None else ([], at)
        sent.update(changed)
        if changed:
            yield event("part", changed)
        for start in range(0, len(lines), _AT_ONCE):
            some = lines[start : start + _AT_ONCE]
            # Who loses the connection before the last of them asks for all of them again.
            yield event("log", some, at if start + len(some) == len(lines) else None)
        quiet = quiet + 1 if is_over and not lines and not changed else 0
        if quiet >= _QUIET:
            yield event("end", None)
            return
        idle = 0 if changed or lines else idle + 1
        if idle and idle % _ALIVE_EVERY == 0:
            yield ": nothing new\n\n"
        await asyncio.sleep(EVERY)
