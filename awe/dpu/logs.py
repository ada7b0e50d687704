"""The log of a job: a file to which all its processes add whole lines."""

import contextlib
import io
import os
import sys
from pathlib import Path

from awe.base.utc import now

__all__ = ["JobLog", "LogLines"]

_SHOWN = 200


class JobLog:
    """The log of a job.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    """

    def __init__(self, path):
        self.path = Path(path)

    def add(self, label, text):
        """Add lines with the time and what they are about.

        Parameters
        ----------
        label : str
            The unit, or the job.
        text : str
            One line or several.
        """
        head = f"{now():%Y-%m-%d %H:%M:%S} {label} | "
        lines = "".join(f"{head}{line}\n" for line in text.splitlines() or [""])
        try:
            self._write(lines.encode("utf-8", "replace"))
        except OSError as err:
            # A disk that is full stops no work: the lines go where the process itself reports.
            print(f"{self.path}: {err.strerror}: {lines}", file=sys.__stderr__, end="")

    def _write(self, data):
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # One write to the end of the file: lines of several processes do not mix.
        descriptor = os.open(
            self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def read(self, start=0):
        """Read what was added.

        Parameters
        ----------
        start : int, optional
            From which byte. By default all.

        Returns
        -------
        lines : list of str
            Whole lines.
        end : int
            Where to go on.
        """
        try:
            with open(self.path, "rb") as stream:
                stream.seek(start)
                data = stream.read()
        except FileNotFoundError:
            return [], start
        whole = data[: data.rfind(b"\n") + 1]
        return whole.decode("utf-8", "replace").splitlines(), start + len(whole)

    @contextlib.contextmanager
    def capture(self, label):
        """Let what is printed inside the ``with`` block go into the log.

        Parameters
        ----------
        label : str
            What the lines are about.

        Yields
        ------
        None
            Standard output and error go into the log.
        """
        writer = _LineWriter(self, label)
        with contextlib.redirect_stdout(writer), contextlib.redirect_stderr(writer):
            try:
                yield
            finally:
                writer.close()


class _LineWriter(io.TextIOBase):
    """A stream that adds each line to a log as soon as it is whole."""

    # Progress is told to it by whole lines, one for each step.
    is_log = True

    def __init__(self, log, label):
        self._log = log
        self._label = label
        self._begun = ""

    def writable(self):
        return True

    def write(self, text):
        *whole, self._begun = (self._begun + text).split("\n")
        if whole:
            self._log.add(self._label, "\n".join(whole))
        return len(text)

    def close(self):
        if self._begun:
            self._log.add(self._label, self._begun)
            self._begun = ""
        super().close()


class LogLines(list):
    """Lines of logs: a list that the prompt shows as text, the last ones where there are many.

    Attributes
    ----------
    were_printed : bool
        Whether they were shown as they came; then the prompt only counts them.
    """

    were_printed = False

    def __repr__(self):
        if self.were_printed:
            return f"{len(self)} lines"
        shown = self[-_SHOWN:]
        if len(shown) < len(self):
            shown = [f"... {len(self) - len(shown)} lines before", *shown]
        return "\n".join(shown) or "No lines yet."

    def append_to(self, path):
        """Add the lines to a file.

        Parameters
        ----------
        path : str or pathlib.Path
            The file; one that cannot be written is told on stderr.
        """
        try:
            with open(path, "a", encoding="utf-8") as stream:
                stream.writelines(f"{line}\n" for line in self)
        except OSError as err:
            print(f"The lines could not be written to {path}: {err}", file=sys.stderr)
