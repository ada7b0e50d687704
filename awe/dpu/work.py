"""What a worker does: one unit of a job, stored together with the record that it is done."""

import contextlib
import importlib
import os
import shutil
import socket
import tempfile
import time
import traceback
from pathlib import Path

from awe.base.errors import AweError, AweLookupError
from awe.base.utc import now
from awe.dpu import pool, sequences, values
from awe.dpu.jobs import DpuUnit, in_private
from awe.dpu.logs import JobLog
from awe.dpu.submission import read_parcel, write_parcel
from awe.process.task import Failure, TaskError, Unit
from awe.store import current
from awe.store.at_hand import at_hand
from awe.store.commit import closure
from awe.store.files import DataObject
from awe.store.lock import AdvisoryLock, FileLock
from awe.store.storage import StoreError

__all__ = [
    "LeaseLostError",
    "open_session",
    "open_worker",
    "outside_of_commits",
    "products_of",
    "run_unit",
]

# The task of the job that this process works on; a job has thousands of units.
_tasks = {}
_MOST_TASKS = 50
_KILL_WAIT = 2.0


class LeaseLostError(Exception):
    """The unit was given to somebody else meanwhile, or its job was cancelled."""


def open_session():
    """Open the store of the user's settings with the classes of awe.

    Returns
    -------
    Context
        The context of this process.
    """
    from awe.store import open_context

    importlib.import_module("awe.model")
    return open_context()


def open_worker(opener, settings):
    """Open the store in a worker.

    Parameters
    ----------
    opener : str
        What opens it, as 'module:function'.
    settings : dict of str to str
        The variables AWE_... of the DPU, which may run on another machine.
    """
    for name in [name for name in os.environ if name.startswith("AWE_")]:
        del os.environ[name]
    os.environ.update(settings)
    module, function = opener.split(":")
    getattr(importlib.import_module(module), function)()
    context = current.context()
    context.session.end()
    pool.end_under(context.session.lock.held)


@contextlib.contextmanager
def outside_of_commits(opener, settings):
    """Hold the write lock while a worker is killed, so that no commit is cut in two.

    Parameters
    ----------
    opener : str
        As for `open_worker`.
    settings : dict of str to str
        As for `open_worker`.

    Yields
    ------
    None
        Where somebody else holds the lock for long, the worker does not; then it is not held.
    """
    where = settings["AWE_STORE"]
    shared = "://" in where
    lock = AdvisoryLock(where) if shared else FileLock(Path(where) / "write.lock", _KILL_WAIT)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(StoreError):
            stack.enter_context(lock.held())
        yield


def run_unit(spec):
    """Do one unit of a job.

    Parameters
    ----------
    spec : dict
        As `awe.dpu.schedule.spec_of` gives it.

    Returns
    -------
    dict
        The state of the unit, and where it failed cause and error.
    """
    log = JobLog(Path(spec["folder"]) / "log")
    label = f"{spec['recipe']} {spec['label']}"
    began = time.perf_counter()
    with _scratch(spec), log.capture(label):
        log.add(label, f"begun by process {os.getpid()} of {socket.gethostname()}")
        outcome = _outcome(spec)
        outcome["seconds"] = time.perf_counter() - began
        text = outcome.get("error") or outcome.get("told") or ""
        log.add(label, f"{outcome['state']} in {outcome['seconds']:.2f} s\n{text}")
    return outcome


@contextlib.contextmanager
def _scratch(spec):
    """Let temporary files lie where whoever stops this process finds them."""
    folder = Path(spec["scratch"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


def _outcome(spec):
    context = current.context()
    try:
        context.session.begin()
        _enter(context, spec)
        if spec["kind"] == "select":
            return _select(context, spec)
        return _make(context, spec)
    except LeaseLostError as err:
        return {"state": "lost", "told": str(err)}
    except Exception as err:  # noqa: BLE001  it is kept with the unit and told by the job
        unexpected = not isinstance(err, AweError)
        text = "".join(traceback.format_exception(err)) if unexpected else str(err)
        return {"state": "failed", "cause": Failure(spec["label"], err).cause, "error": text}
    finally:
        context.rollback()
        context.session.end()


def products_of(unit):
    """Give what a unit has made.

    Parameters
    ----------
    unit : DpuUnit
        The unit, done.

    Returns
    -------
    list of DBObject
        Stored, or new where its job stores nothing. Those that were deleted since are left out.
    """
    if not unit.job.stores:
        return read_parcel(Path(unit.job.folder), f"{unit.object_id}-{unit.attempt}")
    found = []
    for name in unit.results or ():
        with contextlib.suppress(AweLookupError):
            found.append(values.find_object(name))
    return found


def _enter(context, spec):
    if context.privileges != spec["level"]:
        context.set_privileges(spec["level"])
    if context.project is None or context.project.name != spec["project"]:
        context.set_project(spec["project"])


def _task(spec, **more):
    key = (spec["job"], spec["step"], *more.values())
    if key not in _tasks:
        if len(_tasks) >= _MOST_TASKS:
            _tasks.clear()
        cls = sequences.load_recipe(spec["module"], spec["checksum"], Path(spec["spool"]))
        # The files of a unit that is stopped must lie where whoever stops it finds them.
        arguments = {**values.loads(spec["arguments"]), **more, "folder": None}
        _tasks[key] = cls(**arguments)
    return _tasks[key]


def _make(context, spec):
    record, check = _lease(spec)
    # Held until the end: names in the inputs stand for them.
    before = _made_before(spec, record)
    task = _task(spec)
    unit = Unit(spec["label"], values.loads(spec["inputs"]))

    def store(*products):
        if made := closure(products):
            _finish(record, _names(products))
            context.commit(*made, record, check=check)

    with at_hand(before):
        products = task.run_unit(unit, store)
    folder = Path(spec["folder"])
    if products and not task.commit:
        _move_files(closure(products), folder / "made")
        write_parcel(folder, f"{spec['unit']}-{spec['attempt']}", products)
    wanted = values.loads(spec["arguments"]).get("folder")
    for product in products if wanted is not None else ():
        if isinstance(product, DataObject) and product.filename is not None:
            product.retrieve(wanted, overwrite=True)
    told = ", ".join(repr(p) for p in products)
    return {"state": "done", "results": _names(products), "told": told}


def _move_files(objects, folder):
    """Move the files of what is not stored out of the scratch of their unit."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for obj in objects:
        path = getattr(obj, "_local_path", None)
        if path is not None and path.is_relative_to(tempfile.gettempdir()):
            path.rename(folder / path.name)
            object.__setattr__(obj, "_local_path", folder / path.name)


def _names(products):
    return [f"{type(p).__name__} {p.object_id}" for p in products]


def _made_before(spec, record):
    """Give what is not stored and yet of use: the user's own, and what earlier steps have made."""
    given = read_parcel(Path(spec["folder"]), "arguments")
    if spec["stores"] or not spec["needs"]:
        return given
    with in_private(current.context()):
        query = (DpuUnit.job == record.job) & DpuUnit.step.in_(spec["needs"])
        units = [u for u in query & (DpuUnit.state == "done") if u.group in ("", spec["group"])]
    return [*given, *(obj for unit in units for obj in products_of(unit))]


def _lease(spec):
    """Give the record of a unit, and what raises unless it is still ours to do."""
    record = DpuUnit[spec["unit"]]
    job = record.job

    def check():
        if job.state == "cancelled":
            msg = "the job was cancelled"
            raise LeaseLostError(msg)
        held = record.stored_value("state"), record.stored_value("attempt")
        if held != ("running", spec["attempt"]):
            msg = f"it is now {held[0]}, attempt {held[1]}; this was {spec['attempt']}"
            raise LeaseLostError(msg)

    check()
    return record, check


def _finish(record, results):
    record.state = "done"
    record.ended = now()
    record.results = results


def _select(context, spec):
    """Find the inputs of a recipe that works on what earlier ones have made."""
    more = {"chip": spec["group"]} if spec["group"] else {}
    record, check = _lease(spec)
    before = _made_before(spec, record)
    task = _task(spec, **more)
    with at_hand(before):
        units = task.units()
    if not units:
        raise TaskError(task.nothing_selected())
    new = [
        DpuUnit(job=record.job, step=spec["step"], number=spec["number"],
                **sequences.described(unit, spec["recipe"], None if task.commit else []))
        for unit in units
    ]  # fmt: skip
    _finish(record, [])
    context.set_privileges(1)
    context.commit(*new, record, check=check)
    return {"state": "done", "told": f"{len(new)} to be made"}
