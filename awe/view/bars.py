"""Progress on the terminal: a bar while one looks on, a line where a log is written."""

import shutil
import sys
import time

__all__ = ["report"]

_AFTER = 0.5
_EVERY = 0.1
_LOG_EVERY = 30.0


def report(iterable, total, what):
    """Iterate over long work and show how far it is, on stderr.

    Parameters
    ----------
    iterable : iterable
        The items of the work.
    total : int or None
        Their number, where it is known.
    what : str
        What is being done.

    Yields
    ------
    object
        The same items.
    """
    bar = _Bar(what, total, sys.stderr)
    try:
        for item in iterable:
            yield item
            bar.advance()
    finally:
        bar.close()


class _Bar:
    """One line on a terminal that is drawn again and again; in a log a line now and then.

    Work that is done within half a second shows nothing.
    """

    def __init__(self, what, total, stream):
        self.what = what
        self.total = total
        self.stream = stream
        self.is_terminal = stream.isatty()
        self.done = 0
        self.began = time.monotonic()
        self.next = self.began + (_AFTER if self.is_terminal else _LOG_EVERY)
        self.drawn = False

    def advance(self):
        """Count one item."""
        self.done += 1
        now = time.monotonic()
        if now >= self.next:
            self._draw(now)
            self.next = now + (_EVERY if self.is_terminal else _LOG_EVERY)

    def close(self):
        """Draw the last state and go to the next line."""
        if self.drawn:
            self._draw(time.monotonic())
            if self.is_terminal:
                print(file=self.stream, flush=True)

    def _draw(self, now):
        self.drawn = True
        width = shutil.get_terminal_size().columns
        text = line(self.what, self.done, self.total, now - self.began, width - 1)
        if self.is_terminal:
            print(f"\r{text:<{width - 1}}", end="", file=self.stream, flush=True)
        else:
            print(text, file=self.stream, flush=True)


def line(what, done, total, seconds, width=79):
    """Give the line that tells how far the work is.

    Parameters
    ----------
    what : str
        What is being done.
    done : int
        Items done.
    total : int or None
        All items, where it is known.
    seconds : float
        Time since the beginning.
    width : int, optional
        Columns of the line. The default is 79.

    Returns
    -------
    str
        What, a bar, the count, the rate and the time left.
    """
    rate = done / seconds if seconds > 0 else 0.0
    per = f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
    if not total:
        return f"{what}: {done}  {per}  {_clock(seconds)}"[:width]
    left = (total - done) / rate if rate else 0.0
    end = f" {done}/{total}  {per}  " + (
        f"{_clock(left)} left" if done < total else f"in {_clock(seconds)}"
    )
    room = min(30, width - len(what) - len(end) - 4)
    if room < 5:
        return f"{what}:{end}"[:width]
    full = room * min(done, total) // total
    return f"{what} [{'#' * full}{'.' * (room - full)}]{end}"


def _clock(seconds):
    seconds = round(seconds)
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
