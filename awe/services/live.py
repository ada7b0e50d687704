"""What a page that stands open is sent: changed parts of it and new lines of the log."""

import asyncio
import json
import sys

from awe.base.errors import AweError
from awe.dpu.logs import JobLog

__all__ = ["Tail", "event", "stream", "tail_of"]

EVERY = 0.5
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


async def stream(parts, log=None, at=0, is_stopping=lambda: False):
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

    Yields
    ------
    str
        Server-sent events: 'part', 'log' and 'end'.
    """
    sent, quiet, idle = {}, 0, 0
    while not is_stopping():
        try:
            found, is_over = await parts()
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
