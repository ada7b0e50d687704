"""IngestTask: raw files into the store, one object and one file for each CCD."""

import collections
import dataclasses
import os
import tempfile
from pathlib import Path

from awe.recipes.arguments import as_text
from awe.recipes.ingest_build import FrameBuilder
from awe.recipes.ingest_files import find_files
from awe.recipes.ingest_geometry import lit_geometries

from awe.base.errors import AweError, AweLookupError, AweValueError
from awe.base.progress import track
from awe.model import RawFrame
from awe.process import Argument, Import, Products, Task, TaskError
from awe.store import current
from awe.store.commit import UniqueError

__all__ = ["IngestTask"]

_STATES = ("stored", "would store", "already stored", "repeated", "failed")


@dataclasses.dataclass
class FileReport:
    """What happened to one file.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    state : str
        'stored', 'would store', 'already stored', 'repeated' within the run, or 'failed'.
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
        Argument("paths", "files, patterns such as 'night/*.fits', or folders that are searched "
                          "for FITS files", required=True),
        Argument("instrument", "name of the instrument, where the headers do not tell",
                 check=as_text),
        Argument("purpose", "bias, dark, dome, twilight, science ... instead of what they say",
                 check=as_text),
    )  # fmt: skip
    without = ("pars", "folder")

    def __init__(self, *positional, **arguments):
        paths = arguments.get("paths")
        if isinstance(paths, (str, os.PathLike)):
            arguments["paths"] = [paths]
        super().__init__(*positional, **arguments)
        self.reports = []

    @classmethod
    def from_paths(cls, paths, **arguments):
        """Make the task of what `awe ingest` is given.

        Parameters
        ----------
        paths : list of str
            Files and folders.
        **arguments
            Those of the task.

        Returns
        -------
        IngestTask
            The task.
        """
        return cls(paths=paths, **arguments)

    def check(self):
        """Check the purpose before any file is read."""
        from awe.instruments.keywords import check_purpose

        if self.purpose is not None:
            self.purpose = check_purpose(self.purpose)

    def execute(self):
        """Ingest all files; one that fails does not stop the others.

        Returns
        -------
        list of RawFrame
            The frames stored, or with ``commit=False`` those that would be.

        Raises
        ------
        AweLookupError
            There is no file at all.
        TaskError
            No file could be ingested.
        """
        self.reports, self.products, self.failures = [], Products(), []
        self._seen, self._bugs = {}, []
        files, missing = find_files(self.paths)
        if not files and not missing:
            msg = f"There are no FITS files in {', '.join(str(p) for p in self.paths)}."
            raise AweLookupError(msg)
        for path in missing:
            self._failed(path, AweLookupError(f"there is no such file or folder: {path}"))
        described = []
        for path in track(files, "Read headers"):
            with _Guard(self, path):
                described.append((path, self._describe(path)))
        geometries = lit_geometries(described)
        for path, description in track(described, "Ingest"):
            with _Guard(self, path):
                self._ingest(path, *description, geometries)
        print(self.summary(len(files)))
        for path, err in self._bugs[:1]:
            err.add_note(f"while IngestTask worked on {path}")
            raise err
        if all(r.state == "failed" for r in self.reports):
            msg = "No file could be ingested; the reasons stand above."
            raise TaskError(msg)
        return self.products

    @property
    def exit_status(self):
        """0 where every file was read, else 1."""
        return 1 if any(r.state == "failed" for r in self.reports) else 0

    def _failed(self, path, err):
        first = (str(err).splitlines() or [type(err).__name__])[0]
        reason = first.replace(f"{path}: ", "").replace(f"{path} ", "the file ")
        reason = reason.removeprefix(f"{path.name}: ")
        if not isinstance(err, AweError):
            reason = f"{type(err).__name__}: {reason}"
        self.reports.append(FileReport(path, "failed", [], [reason]))

    def _describe(self, path):
        """Read and translate the headers of a file."""
        from awe.fits import read_headers
        from awe.instruments import ingest_task_of, recognise, translate

        hdus = read_headers(path)
        headers = [h.header for h in hdus]
        shapes = [h.shape for h in hdus]
        instrument = recognise(headers, self.instrument)
        ccds = translate(
            headers, shapes, instrument=self.instrument, purpose=self.purpose, filename=path.name
        )
        notes = [w for h in hdus for w in h.warnings] + [w for c in ccds for w in c.warnings]
        if ingest_task_of(instrument.name) != type(self).__name__:
            notes.append(
                f"the files of an exposure belong together: awe ingest FOLDER "
                f"--instrument {instrument.name}"
            )
        # Of a long list of files the parsed headers would fill the memory.
        hdus = [dataclasses.replace(h, header=None) for h in hdus]
        return hdus, ccds, instrument, list(dict.fromkeys(notes))

    def _ingest(self, path, hdus, ccds, instrument, notes, geometries):
        builder = FrameBuilder(path, hdus, ccds, instrument, geometries)
        raw_fits = builder.raw_fits()
        first = self._seen.setdefault(raw_fits.sha256, path)
        if first != path:
            self.reports.append(FileReport(path, "repeated", [], [f"the same file as {first}"]))
            return
        present = {f.filename for f in raw_fits.frames} if raw_fits.is_committed else set()
        lacking = len(ccds) - len(present)
        # With products that were imported only the CCDs came that they are made of.
        if present and not (lacking and Import.origin_of(raw_fits)):
            if lacking:
                notes = [*notes, f"of its {len(ccds)} frames {lacking} were deleted"]
            self.reports.append(FileReport(path, "already stored", [], notes))
            return
        with tempfile.TemporaryDirectory(prefix="awe-ingest-") as folder:
            frames = builder.frames(raw_fits, Path(folder), write=self.commit)
            frames = [frame for frame in frames if frame.filename not in present]
            state = self._store(builder, frames) if self.commit else "would store"
        frames = [] if state == "already stored" else frames
        self.reports.append(FileReport(path, state, frames, notes + builder.notes))
        self.products += frames

    def _store(self, builder, frames):
        """Commit the frames of a file, together with what they correct."""
        context = current.context()
        corrected = builder.correct_readouts()
        try:
            context.commit(*frames, *corrected, why=builder.reason)
        except UniqueError as err:
            context.rollback(*corrected)
            stored = _stored_already(frames)
            if not stored:
                _refuse_namesake(frames, err)
                raise
            builder.notes.append(f"the same pixels came in {stored.raw_fits.filename}")
            return "already stored"
        except AweError:
            context.rollback(*corrected)
            raise
        return "stored"

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
        states = collections.Counter(r.state for r in self.reports)
        lines += [f"  {states[state]:>6}  {state}" for state in _STATES if states[state]]
        kinds = collections.Counter(
            (type(f).__name__, f.kind, f.instrument.name) for f in self.products
        )
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


class _Guard:
    """Reports what goes wrong with one file, so that the others go on."""

    def __init__(self, task, path):
        self.task = task
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, err, traceback):
        if not isinstance(err, Exception):
            return False
        self.task._failed(self.path, err)
        if not isinstance(err, (AweError, OSError)):
            # A bug: shown with its traceback once the other files are done.
            self.task._bugs.append((self.path, err))
        return True


def _refuse_namesake(frames, err):
    """Raise where a frame of another file is stored that has the same instrument and time."""
    for frame in frames:
        for stored in (RawFrame.filename == frame.filename).project_only():
            if stored.raw_fits.sha256 != frame.raw_fits.sha256:
                msg = (
                    f"another file of the same instrument and time ({stored.raw_fits.filename}) "
                    f"is stored; both have DATE-OBS {frame.DATE_OBS.isoformat()}"
                )
                raise AweValueError(msg) from err


def _stored_already(frames):
    """Give a stored frame where all of these are stored with the same pixels, else None."""
    for frame in frames:
        query = (RawFrame.filename == frame.filename).project_only()
        stored = [f for f in query if f.sha256 == frame.sha256]
        if not stored:
            return None
    return stored[0]
