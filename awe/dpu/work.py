"""What a worker does: one unit of a job, stored together with the record that it is done."""

import contextlib
import errno
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
from awe.dpu.executor import name_of_worker
from awe.dpu.jobs import DpuUnit
from awe.dpu.logs import JobLog
from awe.dpu.parcels import is_of_use, made_by, read_carried, read_parcel, write_parcel
from awe.dpu.spool import load_recipe
from awe.process.choice import at_level_one
from awe.process.task import Failure, TaskError, Unit, check_folder
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
# With the grace of the pool less than the 2 s in which a unit is stopped.
_KILL_WAIT = 0.8


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
    lock = (
        AdvisoryLock(where, _KILL_WAIT)
        if shared
        else FileLock(Path(where) / "write.lock", _KILL_WAIT)
    )
    with contextlib.ExitStack() as stack:
        # In a folder that was removed nobody commits.
        with contextlib.suppress(StoreError, FileNotFoundError):
            stack.enter_context(lock.held())
        yield


def run_unit(spec):
    """Do one unit of a job.

    Parameters
    ----------
    spec : dict
        As `awe.dpu.specs.spec_of` gives it.

    Returns
    -------
    dict
        The state of the unit, and where it failed cause and error.
    """
    log = JobLog(Path(spec["folder"]) / "log")
    label = f"{spec['recipe']} {spec['label']}"
    began = time.perf_counter()
    if not _make_scratch(spec):
        told = "the process that had begun it was lost"
        return {"state": "lost", "died": True, "told": told, "seconds": 0.0}
    with _scratch(spec), log.capture(label):
        log.add(label, f"begun by process {os.getpid()} of {socket.gethostname()}")
        outcome = _outcome(spec)
        outcome["worker"] = name_of_worker(os.getpid())
        outcome["seconds"] = time.perf_counter() - began
        text = outcome.get("error") or outcome.get("told") or ""
        log.add(label, f"{outcome['state']} in {outcome['seconds']:.2f} s\n{text}")
    return outcome


def _make_scratch(spec):
    """Make the folder of this attempt, or tell that another process has begun it before."""
    folder = Path(spec["scratch"])
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        # A cluster gives what a lost worker had begun to another one by itself.
        return False
    return True


@contextlib.contextmanager
def _scratch(spec):
    """Let temporary files lie where whoever stops this process finds them."""
    folder = Path(spec["scratch"])
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
        text = _told(err, spec)
        return {"state": "failed", "cause": Failure(spec["label"], err).cause, "error": text}
    finally:
        context.rollback()
        context.session.end()


def _told(err, spec):
    """Give the words for an error: what the user can mend, or where a bug is."""
    if isinstance(err, AweError):
        return str(err)
    if isinstance(err, OSError) and err.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{err}\n  Make room on the disk of {spec['folder']}, then run it again."
    return "".join(traceback.format_exception(err))


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
        return read_parcel(Path(unit.job.folder), made_by(unit.object_id, unit.attempt))
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
    # Each time: another job may have brought other helpers of the same names meanwhile.
    cls = load_recipe(spec["module"], spec["checksum"], spec["helpers"], Path(spec["spool"]))
    if key not in _tasks or type(_tasks[key]) is not cls:
        if len(_tasks) >= _MOST_TASKS:
            _tasks.clear()
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
    wanted = values.loads(spec["arguments"]).get("folder")
    check_folder(wanted)

    def store(*products):
        # Some tasks complete what is stored already.
        edited = [p for p in products if p.is_edited]
        made = closure(products)
        if made or edited:
            _finish(record, _names(products))
            context.commit(*made, *edited, record, check=check)

    with at_hand(before):
        products = task.run_unit(unit, store)
    folder = Path(spec["folder"])
    if products and not task.commit:
        name = made_by(spec["unit"], spec["attempt"])
        _move_files(closure(products), folder / "made" / name)
        write_parcel(folder, name, products)
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
    folder, group = Path(spec["folder"]), spec["group"]
    given = read_parcel(folder, "arguments")
    if spec["stores"] or not spec["needs"]:
        return given
    given += read_carried(folder, spec["needs"], group)
    with at_level_one():
        query = (DpuUnit.job == record.job) & DpuUnit.step.in_(spec["needs"])
        units = [u for u in query & (DpuUnit.state == "done") if is_of_use(u.group, group)]
    made = [obj for unit in units for obj in products_of(unit)]
    # Who is asked for results makes calibrations on the way, which serve the next unit too.
    return [*given, *(closure(made) if spec["step"] in spec["needs"] else made)]


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
    record.worker = name_of_worker(os.getpid())
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
