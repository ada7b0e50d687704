"""IngestTask: raw files into the store, one object and one file for each CCD."""

import dataclasses
import os
import tempfile
from pathlib import Path

from awe.recipes.ingest_build import FrameBuilder
from awe.recipes.ingest_geometry import lit_corrections

from awe.base.errors import AweError, AweLookupError
from awe.base.progress import track
from awe.process import Argument, Task, TaskError
from awe.store import current

__all__ = ["IngestTask"]

_ENDINGS = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fts.gz", ".fits.fz", ".fits.Z")


@dataclasses.dataclass
class FileReport:
    """What happened to one file.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    state : str
        'stored', 'would store', 'already stored' or 'failed'.
    frames : list of RawFrame
        Its frames.
    notes : list of str
        Why it failed, or what was doubtful.
    """

    path: Path
    state: str
    frames: list
    notes: list


class IngestTask(Task):
    """Read raw FITS files, translate their headers, and store a frame for each CCD."""

    arguments = (
        Argument("paths", "files, or folders that are searched for FITS files", required=True),
        Argument("instrument", "name of the instrument, where the headers do not tell"),
        Argument("purpose", "bias, dark, dome, twilight, science ... instead of what they say"),
        Argument("commit", "whether to store; False says what would be stored", False),
    )
    without = ("pars", "folder")

    def __init__(self, **arguments):
        paths = arguments.get("paths")
        if isinstance(paths, (str, os.PathLike)):
            arguments["paths"] = [paths]
        super().__init__(**arguments)
        self.reports = []

    def check(self):
        """Check the purpose and the instrument before any file is read."""
        from awe.instruments.translator import check_purpose

        if self.purpose is not None:
            self.purpose = check_purpose(self.purpose)

    def execute(self):
        """Ingest all files; one that fails does not stop the others.

        Returns
        -------
        list of RawFrame
            The frames stored, or with ``commit=False`` those that would be.
        """
        self.reports, self.products = [], []
        files = self._files()
        described = []
        for path in track(files, "Read headers"):
            try:
                described.append((path, self._describe(path)))
            except AweError as err:
                self._failed(path, err)
        corrections = lit_corrections(described)
        for path, (hdus, ccds, instrument, notes) in track(described, "Ingest"):
            try:
                self._ingest(path, hdus, ccds, instrument, notes, corrections)
            except AweError as err:
                self._failed(path, err)
        print(self.summary(len(files)))
        if files and all(r.state == "failed" for r in self.reports):
            msg = "No file could be ingested; the reasons stand above."
            raise TaskError(msg)
        return self.products

    @property
    def exit_status(self):
        """0 where every file was read, else 1."""
        return 1 if any(r.state == "failed" for r in self.reports) else 0

    def _failed(self, path, err):
        reason = str(err).splitlines()[0].replace(f"{path}: ", "")
        self.reports.append(FileReport(path, "failed", [], [reason]))

    def _files(self):
        found = []
        for path in self.paths:
            path = Path(path).expanduser()
            if path.is_dir():
                below = sorted(p for p in path.rglob("*") if p.is_file())
                found += [p for p in below if p.name.endswith(_ENDINGS)]
            else:
                found.append(path)
        if not found:
            msg = f"There are no FITS files in {', '.join(str(p) for p in self.paths)}."
            raise AweLookupError(msg)
        return list(dict.fromkeys(found))

    def _describe(self, path):
        """Read and translate the headers of a file."""
        from awe.fits import read_headers
        from awe.instruments import recognise, translate

        hdus = read_headers(path)
        headers = [h.header for h in hdus]
        shapes = [h.shape for h in hdus]
        chosen = {"instrument": self.instrument}
        instrument = recognise(headers, self.instrument)
        ccds = translate(headers, shapes, purpose=self.purpose, filename=path.name, **chosen)
        notes = [w for h in hdus for w in h.warnings] + [w for c in ccds for w in c.warnings]
        return hdus, ccds, instrument, list(dict.fromkeys(notes))

    def _ingest(self, path, hdus, ccds, instrument, notes, corrections):
        context = current.context()
        builder = FrameBuilder(path, hdus, ccds, instrument, corrections)
        raw_fits = builder.raw_fits()
        if raw_fits.is_committed:
            self.reports.append(FileReport(path, "already stored", [], notes))
            return
        with tempfile.TemporaryDirectory(prefix="awe-ingest-") as folder:
            frames = builder.frames(raw_fits, Path(folder) if self.commit else None)
            if self.commit:
                context.commit(*frames)
        state = "stored" if self.commit else "would store"
        self.reports.append(FileReport(path, state, frames, notes + builder.notes))
        self.products += frames

    def summary(self, count):
        """Give the table of what was stored and what was not.

        Parameters
        ----------
        count : int
            The number of files.

        Returns
        -------
        str
            Frames by class and kind, then files with a reason.
        """
        lines = [f"{count} files read"]
        for state in ("stored", "would store", "already stored", "failed"):
            number = sum(r.state == state for r in self.reports)
            if number:
                lines.append(f"  {number:>6}  {state}")
        kinds = {}
        for frame in self.products:
            key = (type(frame).__name__, frame.kind, frame.instrument.name)
            kinds[key] = kinds.get(key, 0) + 1
        if kinds:
            lines.append("Frames:")
        for (cls, kind, instrument), number in sorted(kinds.items()):
            lines.append(f"  {number:>6}  {cls:<22} {kind:<12} {instrument}")
        told = [r for r in self.reports if r.notes]
        if told:
            lines.append("Files with remarks:")
        for report in told:
            mark = "FAILED" if report.state == "failed" else "warning"
            lines.append(f"  {mark:<8}{report.path.name}: {'; '.join(report.notes)}")
        if not self.commit and self.products:
            lines.append("Nothing was stored. To store it: commit=True, or awe ingest --commit")
        return "\n".join(lines)
