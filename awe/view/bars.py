"""Progress: a bar on a terminal and in a notebook, a line per step in a log, nothing in a pipe."""

import html
import io
import os
import shutil
import stat
import sys
import time

from awe.base.progress import STILL

__all__ = ["line", "report"]

_AFTER = 0.5
_EVERY = 0.1
_LOG_EVERY = 30.0


def report(iterable, total, what):
    """Iterate over long work and show how far it is.

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
    bar = _bar(what, total, sys.stderr)
    try:
        for item in iterable:
            yield item
            bar.advance(item is not STILL)
    finally:
        bar.close()


def _bar(what, total, stream):
    """Give the kind of bar that suits where the output goes."""
    if _in_notebook():
        return _NotebookBar(what, total)
    if stream is not None and stream.isatty():
        return _TerminalBar(what, total, stream)
    if stream is not None and _is_log(stream):
        return _LogBar(what, total, stream)
    return _Bar(what, total)


def _in_notebook():
    from awe.view.notebook import in_notebook

    return in_notebook()


def _is_log(stream):
    """Tell whether a stream is written to a file that people read later."""
    if getattr(stream, "is_log", False):
        return True
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError, io.UnsupportedOperation):
        return False


class _Bar:
    """Progress that nobody sees."""

    after = every = float("inf")

    def __init__(self, what, total):
        self.what = what
        self.total = total
        self.done = 0
        self.began = time.monotonic()
        self.next = self.began + self.after
        self.drawn = False

    def advance(self, count=1):
        """Count one item, or look only whether it is time to draw."""
        self.done += count
        now = time.monotonic()
        if now >= self.next:
            self.drawn = True
            self.draw(now)
            self.next = now + self.every

    def close(self):
        """Draw the last state, where a former one was drawn."""
        if self.drawn:
            self.draw(time.monotonic())

    def draw(self, now):
        """Draw how far it is."""

    def text(self, now, width=79):
        """Give the line."""
        return line(self.what, self.done, self.total, now - self.began, width)


class _TerminalBar(_Bar):
    """One line on a terminal that is drawn again and again.

    Work that is done within half a second shows nothing.
    """

    def __init__(self, what, total, stream):
        self.stream = stream
        self.after, self.every = _AFTER, _EVERY
        super().__init__(what, total)

    def draw(self, now):
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{self.text(now, width):<{width}}", end="", file=self.stream, flush=True)

    def close(self):
        super().close()
        if self.drawn:
            print(file=self.stream, flush=True)


class _LogBar(_Bar):
    """A line when the step is over, and now and then one while it lasts."""

    def __init__(self, what, total, stream):
        self.stream = stream
        self.after = self.every = _LOG_EVERY
        self.told = 0
        super().__init__(what, total)

    def draw(self, now):
        self.told = self.done
        print(self.text(now, 0), file=self.stream, flush=True)

    def close(self):
        self.drawn = self.done > self.told
        super().close()


class _NotebookBar(_Bar):
    """One output of a cell that is drawn again and again."""

    def __init__(self, what, total):
        self.after, self.every = _AFTER, 2 * _EVERY
        self.handle = None
        super().__init__(what, total)

    def draw(self, now):
        text, words = self.text(now), html.escape(self.text(now, 0))
        part = f'<progress value="{self.done}" max="{self.total or 1}"></progress> '
        shown = {
            "text/plain": text,
            "text/html": f"{part if self.total else ''}<code>{words}</code>",
        }
        if self.handle is None:
            from IPython.display import display

            self.handle = display(shown, raw=True, display_id=True)
        else:
            self.handle.update(shown, raw=True)


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
        Columns of the line, 0 for any and without the bar. The default is 79.

    Returns
    -------
    str
        What, a bar, the count, the rate and the time left.
    """
    rate = done / seconds if seconds > 0 else 0.0
    per = f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
    if not total:
        return f"{what}: {done}  {per}  {_clock(seconds)}"[: width or None]
    if done < total:
        told = f"{_clock((total - done) / rate)} left" if rate else f"{_clock(seconds)} so far"
    else:
        told = f"in {_clock(seconds)}"
    end = f" {done}/{total}  {per}  {told}"
    room = min(30, width - len(what) - len(end) - 4)
    if room < 5:
        return f"{what}:{end}"[: width or None]
    full = room * min(done, total) // total
    return f"{what} [{'#' * full}{'.' * (room - full)}]{end}"


def _clock(seconds):
    seconds = round(seconds)
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
