"""MuseIngestTask: MUSE exposures with adaptive optics, collected from the files of a tree."""

import collections
import os

from awe.recipes.muse_build import ExposureBuilder, stored_file
from awe.recipes.muse_read import UnidentifiedError
from awe.recipes.muse_scan import check_roots, scan

from awe.base.errors import AweTypeError
from awe.base.paths import typed_path
from awe.base.progress import track
from awe.model import Exposure
from awe.process import Argument, Products, Task, TaskError, Unit
from awe.process.task import Failure, as_flag
from awe.store import current
from awe.store.external import ExternalFile
from awe.store.unique import UniqueError

__all__ = ["MuseIngestTask"]

_FAILED = "failed: "
# Files of which one unit computes the checksums.
_AT_ONCE = 20
# Lines of a list in the summary.
_MOST = 30


def as_roots(task, name, value):
    """Take one folder or several as an argument.

    Parameters
    ----------
    task, name : str
        The task and its argument, for the message.
    value : object
        What the user gave.

    Returns
    -------
    list of str
        The folders.

    Raises
    ------
    AweTypeError
        It is something else.
    """
    values = [value] if isinstance(value, (str, os.PathLike)) else value
    if not isinstance(values, (list, tuple)) or not values:
        msg = f"{task}: {name} is a folder or a list of folders, not {value!r}."
        raise AweTypeError(msg)
    for each in values:
        if not isinstance(each, (str, os.PathLike)):
            msg = f"{task}: {name} holds {type(each).__name__} {each!r}, which is no path."
            raise AweTypeError(msg)
    return [os.path.abspath(typed_path(each)) for each in values]


class MuseIngestTask(Task):
    """Collect MUSE exposures from their files: what is new or changed is read, the rest stays."""

    arguments = (
        Argument("root", "folder with all files, or several of them", required=True,
                 check=as_roots),
        Argument("checksum", "whether to compute the SHA-256 of each new file", False,
                 check=as_flag),
        Argument("folder", "not used: the files stay where they are"),
    )  # fmt: skip
    without = ("pars",)
    product_names = ()

    @classmethod
    def from_paths(cls, paths, instrument=None, purpose=None, **arguments):
        """Make the task of what `awe ingest` is given.

        Parameters
        ----------
        paths : list of str
            The folders.
        instrument : str, optional
            The instrument; it is MUSE.
        purpose : str, optional
            Has no meaning here.
        **arguments
            Those of the task.

        Returns
        -------
        MuseIngestTask
            The task.

        Raises
        ------
        AweTypeError
            A purpose was given.
        """
        if purpose is not None:
            msg = "MuseIngestTask has no purpose: the files of MUSE exposures are told by headers."
            raise AweTypeError(msg)
        return cls(root=list(paths), **arguments)

    def check(self):
        """Raise where a root is no folder; nothing of a task remains of a run before."""
        check_roots(self.root)
        self.folder = None
        self._scan = None
        self._states = collections.Counter()
        self._failed = {}

    def units(self):
        """Look for files, and find the exposures that have new or changed ones.

        Returns
        -------
        list of Unit
            One for each such exposure, in the order of time, and one for files of no exposure.
        """
        self._scan = scan(self.root)
        self._states, self._failed = collections.Counter(), {}
        stored = _stored_times()
        units = []
        for group, files in sorted(self._scan.groups.items()):
            if "raw" not in files and "single" not in files:
                continue
            changed = [kind for kind, f in files.items() if f.is_to_read]
            before = next((f.note for f in files.values() if _is_failure(f.note)), None)
            if not changed and group in stored:
                self._states["unchanged"] += 1
            elif not changed and before is not None:
                self._failed[group] = before.removeprefix(_FAILED)
            else:
                kinds = changed if group in stored else list(files)
                units.append(Unit(group, {"group": group, "changed": kinds,
                                          "files": _described(files)}))  # fmt: skip
        others = [_of_no_exposure(f) for f in self._others()]
        if others:
            units.append(Unit("files of no exposure", {"others": others}))
        return units + self._checksums()

    def _checksums(self):
        """Give what is left to do where checksums are asked for: files that have none yet."""
        paths = [
            f.path
            for f in self._scan.files
            if self.checksum and not f.is_to_read and not f.has_checksum
        ]
        return [
            Unit(f"checksums of {len(some)} files", {"checksums": some})
            for some in (paths[at : at + _AT_ONCE] for at in range(0, len(paths), _AT_ONCE))
        ]

    def _others(self):
        """Give the new files that are of no exposure."""
        lonely = {
            id(f)
            for files in self._scan.groups.values()
            if "raw" not in files and "single" not in files
            for f in files.values()
        }
        return [
            f for f in self._scan.files if f.is_to_read and (f.group is None or id(f) in lonely)
        ]

    def make(self, unit, folder):
        """Read the files of one exposure.

        Parameters
        ----------
        unit : Unit
            The exposure and its files.
        folder : pathlib.Path
            Not used.

        Returns
        -------
        list of DBObject
            The exposure, and stored files that have changed; or files of no exposure, or those
            that got their checksum.
        """
        if "others" in unit.inputs:
            return [
                stored_file(*other[:4], is_stored=other[4], checksum=self.checksum)
                for other in unit.inputs["others"]
            ]
        if "checksums" in unit.inputs:
            return [ExternalFile.at(path, checksum=True) for path in unit.inputs["checksums"]]
        inputs = unit.inputs
        builder = ExposureBuilder(inputs["group"], inputs["files"], inputs["changed"],
                                  self.checksum)  # fmt: skip
        return builder.build()

    def run_unit(self, unit, store=None):
        """Collect one exposure, and store it where that was asked for.

        Parameters
        ----------
        unit : Unit
            The exposure.
        store : callable, optional
            Commits what it is called with. By default `context.commit`.

        Returns
        -------
        list of DBObject
            As `make` gives them.
        """
        made = self.make(unit, None)
        if not (self.commit and made):
            return made
        store = store or current.context().commit
        try:
            store(*made)
        except UniqueError:
            # Another process has collected it since the files were looked for.
            made = self._make_again(unit, made)
            if made:
                store(*made)
        return made

    def _make_again(self, unit, made):
        """Make a unit once more of what the store and the files are now."""
        context = current.context()
        edited = [obj for obj in made if obj.is_committed and obj.is_edited]
        if edited:
            context.rollback(*edited)
        context.refresh()
        inputs = dict(unit.inputs)
        if "others" in inputs:
            inputs["others"] = [[*other[:4], True] for other in inputs["others"]]
        else:
            inputs["files"] = {k: {**f, "stored": True} for k, f in inputs["files"].items()}
            inputs["changed"] = None
        return self.make(Unit(unit.label, inputs), None)

    def execute(self):
        """Collect all exposures; one that fails does not stop the others.

        Returns
        -------
        list of Exposure
            Those that are new, or that gained something.

        Raises
        ------
        TaskError
            There are files, and no exposure could be collected of them.
        """
        self.products, self.failures = Products(), []
        units = self.units()
        for unit in track(units, "Collect exposures") if units else ():
            self._collect(unit)
        print(self.summary(len(units)))
        self._remember_failures(units)
        self._raise_unexpected()
        if self._failed and not self.products and not self._states["unchanged"]:
            msg = "No exposure could be collected; the reasons stand above."
            raise TaskError(msg)
        return self.products

    @property
    def exit_status(self):
        """0 where every exposure was collected, else 1."""
        return 1 if self._failed else 0

    def _collect(self, unit):
        context = current.context()
        staged = set(context.session.staged)
        try:
            made = self.run_unit(unit)
        except Exception as err:  # noqa: BLE001  the others go on; reported and raised below
            # What was staged on stored objects must not be stored with another exposure.
            edited = [o for n, o in list(context.session.staged.items()) if n not in staged]
            if edited:
                context.rollback(*edited)
            failure = Failure(unit.label, err)
            self.failures.append(failure)
            self._failed[unit.label] = failure.cause
            return
        exposures = [o for o in made if isinstance(o, Exposure)]
        if "files" in unit.inputs and not exposures:
            self._states["unchanged"] += 1
        self.products += exposures
        for _ in exposures:
            self._states["new" if self._is_new(unit) else "completed"] += 1

    def _is_new(self, unit):
        return set(unit.inputs["changed"]) == set(unit.inputs["files"])

    def _remember_failures(self, units):
        """Store the files of exposures that failed, so that they are not read again and again."""
        failed = {f.label: f.cause for f in self.failures if isinstance(f.error, UnidentifiedError)}
        files = [
            stored_file(f["path"], kind, unit.label, f"{_FAILED}{failed[unit.label]}",
                        is_stored=True, checksum=False)
            for unit in units if unit.label in failed and "files" in unit.inputs
            for kind, f in unit.inputs["files"].items()
        ]  # fmt: skip
        if files and self.commit:
            current.context().commit(*files)

    def nothing_selected(self):
        """Give the message where there is nothing to collect.

        Returns
        -------
        str
            Where was looked, and what is stored already.
        """
        where = ", ".join(self.root)
        if not self._scan.files:
            return f"There are no files of MUSE exposures in {where}."
        return f"Nothing is new or changed in {where}: {self._states['unchanged']} exposures stay."

    def summary(self, count):
        """Give the table of what was collected, and of what is missing or cannot be read.

        Parameters
        ----------
        count : int
            The number of units.

        Returns
        -------
        str
            Exposures by what became of them, by target and mode, then those with problems.
        """
        if not self._scan.files:
            return "\n".join([self.nothing_selected(), *self._lost()])
        lines = [f"{len(self._scan.files)} files, {self._new_files()} new or changed"]
        words = {"new": "new", "completed": "gained what was missing or has changed",
                 "unchanged": "as they were"}  # fmt: skip
        lines += [f"  {self._states[s]:>6}  exposures {w}" for s, w in words.items()
                  if self._states[s]]  # fmt: skip
        if self._failed:
            lines.append(f"  {len(self._failed):>6}  exposures FAILED")
        lines += self._by_target()
        lines += self._told_problems()
        failed = sorted(self._failed.items())
        lines += _first([f"  FAILED  {group}: {reason}" for group, reason in failed], "exposures")
        lines += self._lonely() + self._lost()
        if not self.commit and self.products:
            lines.append("Nothing was stored. To store it: commit=True, or awe ingest --commit")
        return "\n".join(lines)

    def _lonely(self):
        """Tell which files belong to no exposure, and why."""
        lonely = [f for f in self._others() if f.note or f.kind != "other"]
        lines = [f"  {f.path}: {f.note or 'neither its raw file nor its cube is there'}"
                 for f in lonely]  # fmt: skip
        return ["Files that belong to no exposure:", *_first(lines, "files")] if lines else []

    def _lost(self):
        """Tell what could not be looked at; a name that is no text is shown as it can be."""
        lost = {p.encode(errors="backslashreplace").decode(): why
                for p, why in self._scan.lost.items()}  # fmt: skip
        lines = _first([f"  {path}: {why}" for path, why in lost.items()], "of them")
        return ["Files and folders that could not be looked at:", *lines] if lines else []

    def _new_files(self):
        return sum(f.is_new for f in self._scan.files)

    def _by_target(self):
        counted = collections.Counter((e.target.target_name, e.ins_mode) for e in self.products)
        lines = ["Target                          Mode            Exposures"] if counted else []
        for (target, mode), number in sorted(counted.items()):
            lines.append(f"{target[:30]:<32}{mode:<16}{number:>9}")
        return lines

    def _told_problems(self):
        told = [e for e in self.products if e.problems]
        counted = collections.Counter(p for e in told for p in e.problems)
        numbers = [f"  {number:>6}  {text}" for text, number in counted.most_common()]
        lines = [
            f"  {e.observation_time.isoformat(timespec='milliseconds')}  {e.target.target_name}: "
            f"{'; '.join(e.problems)}"
            for e in told
        ]
        lines = [*_first(numbers, "kinds"), *_first(lines, "exposures")]
        return ["Missing or unreadable (exposure.problems):", *lines] if lines else []


def _first(lines, what):
    """Give the first lines of a list that may be long."""
    more = len(lines) - _MOST
    return [*lines[:_MOST], f"  ... and {more} {what} more"] if more > 0 else lines


def _is_failure(note):
    return note is not None and note.startswith(_FAILED)


def _described(files):
    """Give the files of an exposure as plain values, which can travel to a worker."""
    return {
        kind: {"path": f.path, "note": f.note, "stored": f.is_stored} for kind, f in files.items()
    }


def _of_no_exposure(file):
    return [file.path, file.kind, file.group, file.note, file.is_stored]


def _stored_times():
    """Give when the stored exposures of MUSE began, in the form of ISO 8601."""
    query = (Exposure.instrument.name == "MUSE").project_only()
    return {when.isoformat() for (when,) in query.values("observation_time")}
