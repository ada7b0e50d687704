"""The DPU: takes jobs from the store, lets workers do their units, keeps account of it."""

import contextlib
import json
import os
import select
import shutil
import signal
import sys
import threading
from collections import Counter, deque
from concurrent.futures import BrokenExecutor
from pathlib import Path

from awe.base.environment import read_environment
from awe.base.errors import AweError
from awe.base.utc import now
from awe.dpu import work
from awe.dpu.control import DpuHome, Running
from awe.dpu.executor import CallStopped, TimeLimitReached, WorkerDied
from awe.dpu.jobs import FINAL, DpuJob, DpuUnit, count_states
from awe.dpu.logs import JobLog
from awe.dpu.parcels import made_by
from awe.dpu.pool import WorkerPool
from awe.dpu.schedule import JobSchedule
from awe.dpu.specs import scratch_of, spec_of
from awe.store import current
from awe.store.edits import StaleEditError

__all__ = ["Server", "serve"]

# How often the store is looked at although nobody rang, in seconds.
_EVERY = 5.0
# Units in one commit: others wait for the lock meanwhile.
_CHUNK = 200
_MOST_LOSSES = 2
_MOST_STRAYS = 6
_ACTIVE = ("queued", "running")
# Short units are begun some time ahead, so that many of them share a commit, in seconds.
_AHEAD = 0.2
_MOST_AHEAD = 32


class _ActiveJob:
    """A job that is not over, with its schedule."""

    def __init__(self, job):
        self.job = job
        self.log = JobLog(Path(job.folder) / "log")
        self.schedule = JobSchedule(json.loads(job.needs))
        self.running = {}
        self.known = set()
        # How often a unit was lost although its worker lives.
        self.strays = Counter()
        self.recipes = [name.split(":")[1].removesuffix("Task") for name in job.modules]

    def label(self, unit):
        return f"{self.recipes[unit.step]} {unit.label}"


class Server:
    """The account of jobs, and the workers.

    Parameters
    ----------
    context : Context
        The store.
    home : DpuHome
        The folder of the DPU.
    executor : WorkerPool
        What does the units.
    bell : int
        A descriptor on which prompts ring.
    lock : int
        The descriptor by which this process is the DPU of the folder.
    """

    def __init__(self, context, home, executor, bell, lock):
        self.context = context
        self.home = home
        self.lock = lock
        self.executor = executor
        self.bell = bell
        self.jobs = {}
        self._finished = deque()
        self._alarm_in, self._alarm_out = os.pipe()
        os.set_blocking(self._alarm_out, False)
        self.is_stopping = False
        self.why_ended = ""
        self._rung = True
        self._mean = _AHEAD

    def run(self):
        """Work until somebody rings to stop, or until nothing can be done any more."""
        try:
            self._work()
        except (AweError, OSError) as err:
            # What runs is found lost by the next DPU, and begun again.
            self.why_ended = f"The DPU ends; its jobs are kept. {type(err).__name__}: {err}"
        if self.home.is_lost(self.lock):
            # With it went the jobs, and whoever could want something of this process.
            self.why_ended = f"{self.home.folder} was removed."

    def _work(self):
        self._clear_cancelled()
        # What was killed with the DPU of before may have left files that waited for a commit.
        self.context.files.clear_abandoned(self.context)
        try:
            while not self.is_stopping and not self.home.is_lost(self.lock):
                self._turn()
                self._wait()
        except BrokenExecutor as err:
            self.why_ended = f"No unit can be done, so that the DPU ends; its jobs are kept. {err}"
        if not self.home.is_lost(self.lock):
            self._put_back()

    def _turn(self):
        self.context.session.begin()
        if self._rung:
            self._take_jobs()
        self._look_for_cancelled()
        self._settle_finished()
        self._hand_out()
        self._close_jobs()
        self.context.session.end()
        self.home.tell_news()

    # --- waiting ---

    def _wait(self):
        # The bell is looked at also while units end without a pause: it may ask to stop.
        patience = 0 if self._finished else _EVERY
        ready, _, _ = select.select([self.bell, self._alarm_in], [], [], patience)
        if self._alarm_in in ready:
            os.read(self._alarm_in, 65536)
        # Where nobody rings for some time it is looked as well: a ring may have been missed.
        self._rung = self.bell in ready or not (ready or self._finished)
        if self.bell in ready and b"s" in os.read(self.bell, 65536):
            self.is_stopping = True

    def _alarm(self):
        try:
            os.write(self._alarm_out, b"x")
        except BlockingIOError:
            # It rings already.
            return

    def _when_done(self, future, active, unit):
        self._finished.append((future, active, unit))
        self._alarm()

    # --- jobs ---

    def _clear_cancelled(self):
        """End what ran in jobs that were cancelled when no DPU ran."""
        self.context.session.begin()
        running = (DpuUnit.state == "running").user_only()
        left = [u for u in running if u.job.state not in _ACTIVE and self._is_ours(u.job)]
        for job in {u.job for u in left}:
            shutil.rmtree(Path(job.folder) / "scratch", ignore_errors=True)
        self._change([(unit, {"state": "cancelled", "ended": now()}) for unit in left])

    def _take_jobs(self):
        # Whatever others may publish: a DPU runs the jobs of its own user.
        for job in DpuJob.state.in_(_ACTIVE).user_only():
            if job.object_id not in self.jobs and self._is_ours(job):
                self._take(job)

    def _is_ours(self, job):
        """Tell whether a job was given to this DPU, not to one of another AWE_HOME."""
        return Path(job.folder).resolve().is_relative_to(self.home.folder.resolve())

    def _take(self, job):
        active = self.jobs[job.object_id] = _ActiveJob(job)
        units = list(DpuUnit.job == job)
        lost = [unit for unit in units if unit.state == "running"]
        for unit in lost:
            active.log.add(active.label(unit), "lost: the DPU ended while it ran; it is run again")
        self._change([(unit, {"state": "lost", "worker": None}) for unit in lost])
        shutil.rmtree(Path(job.folder) / "scratch", ignore_errors=True)
        self._add_units(active, units)

    def _add_units(self, active, units):
        new = [unit for unit in units if unit.object_id not in active.known]
        active.known.update(unit.object_id for unit in new)
        active.schedule.add(new)
        self._open(active)

    def _open(self, active):
        changes = []
        for unit, culprit in active.schedule.open():
            cause = f"{active.label(culprit)} failed, which it needs"
            changes.append((unit, {"state": "blocked", "cause": cause, "ended": now()}))
            active.log.add(active.label(unit), f"blocked: {cause}")
        self._change(changes)

    def _look_for_cancelled(self):
        for active in self.jobs.values():
            if active.job.state == "cancelled":
                for future in active.running:
                    self.executor.stop(future)

    def _close_jobs(self):
        for key, active in list(self.jobs.items()):
            if active.running:
                continue
            job = active.job
            if job.state == "cancelled":
                active.log.add(f"job {job.number}", "cancelled")
                shutil.rmtree(Path(job.folder) / "scratch", ignore_errors=True)
                del self.jobs[key]
            elif active.schedule.is_over:
                self._end(active)
                del self.jobs[key]

    def _end(self, active):
        job = active.job
        states = count_states(self.context, job)
        state = "done" if set(states) <= {"done"} else "failed"
        # The line first: who waits for the state reads the log at once.
        counts = ", ".join(f"{count} {each}" for each, count in sorted(states.items()))
        active.log.add(f"job {job.number}", f"{state}: {counts}")
        job.state, job.ended = state, now()
        try:
            self.context.commit(job, check=lambda: _check_not_cancelled(job))
        except _Cancelled:
            self.context.rollback(job)
            active.log.add(f"job {job.number}", "cancelled")

    # --- units ---

    def _change(self, changes):
        """Store new values of units, many in one commit."""
        for start in range(0, len(changes), _CHUNK):
            chunk = changes[start : start + _CHUNK]
            try:
                self._store(chunk)
            except StaleEditError:
                # A worker of a DPU that was killed has ended a unit at this very moment.
                self.context.rollback()
                self._store([(unit, values) for unit, values in chunk if unit.state not in FINAL])

    def _store(self, changes):
        for unit, values in changes:
            for name, value in values.items():
                setattr(unit, name, value)
        if changes:
            self.context.commit(*(unit for unit, _ in changes))

    def _hand_out(self):
        ahead = min(int(_AHEAD / self._mean), _MOST_AHEAD) if self._mean else _MOST_AHEAD
        room = self.executor.size * max(ahead, 1)
        free = room - sum(len(active.running) for active in self.jobs.values())
        if free < (room // 2 if ahead > 1 else 1):
            return
        chosen = []
        for active in self.jobs.values():
            if active.job.state == "cancelled":
                continue
            while free > 0 and (unit := active.schedule.next()) is not None:
                chosen.append((active, unit))
                free -= 1
        if not chosen:
            return
        begun = now()
        starting = {active.job for active, _ in chosen if active.job.state == "queued"}
        for job in starting:
            job.state, job.started = "running", begun
        for _, unit in chosen:
            unit.attempt, unit.state, unit.started = unit.attempt + 1, "running", begun
        jobs = {active.job for active, _ in chosen}

        def check():
            for job in jobs:
                _check_not_cancelled(job)

        try:
            self.context.commit(*starting, *(unit for _, unit in chosen), check=check)
        except _Cancelled:
            self.context.rollback()
            for active, unit in chosen:
                active.schedule.give_back(unit)
            self._alarm()
            return
        for active, unit in chosen:
            self._begin(active, unit)

    def _begin(self, active, unit):
        job = active.job
        future = self.executor.submit_limited(
            job.time_limit, work.run_unit, spec_of(job, unit, self.home.folder)
        )
        active.running[future] = unit
        future.add_done_callback(lambda f: self._when_done(f, active, unit))

    def _settle_finished(self):
        finished = [self._finished.popleft() for _ in range(len(self._finished))]
        if not finished:
            return
        # What they have stored is seen only from now on.
        self.context.session.begin()
        for future, _, _ in finished:
            if not future.cancelled() and isinstance(future.exception(), BrokenExecutor):
                # It is nobody's fault: what runs is queued again, and what was stored counts.
                raise future.exception()
        changes, again = [], []
        for future, active, unit in finished:
            del active.running[future]
            self._note_pace(future)
            values = self._judge(future, active, unit)
            if values.get("state") == "lost":
                again.append((active, unit))
            elif unit.state not in FINAL and values:
                values["ended"] = now()
            changes.append((active, unit, values))
        self._change([(unit, values) for _, unit, values in changes if values])
        for active, unit in again:
            active.schedule.give_back(unit)
        for active, unit, values in changes:
            if values.get("state") != "lost":
                active.schedule.ended(unit, unit.state)
                if unit.kind == "select":
                    self._add_units(active, list(DpuUnit.job == active.job))
                self._open(active)

    def _note_pace(self, future):
        """Keep how long units take of late."""
        if not future.cancelled() and future.exception() is None:
            self._mean += 0.1 * (future.result()["seconds"] - self._mean)

    def _judge(self, future, active, unit):
        """Give what changes of a unit whose call has ended."""
        error = CallStopped("stopped") if future.cancelled() else future.exception()
        if unit.state != "running":
            # What the worker has stored counts, whatever became of the worker.
            outcome = future.result() if error is None else {}
            return {k: v for k, v in outcome.items() if k in ("cause", "error")}
        if error is None:
            outcome = future.result()
            if outcome["state"] == "done":
                # It has stored nothing, so that it had nothing to commit.
                return {k: outcome[k] for k in ("state", "results", "worker")}
            self._clear_after(active.job, unit)
            if outcome["state"] == "failed":
                return {k: outcome[k] for k in ("state", "cause", "error", "worker")}
            died = outcome.get("died", False)
            return self._lost(active, unit, outcome.get("told", ""), died=died)
        self._clear_after(active.job, unit)
        if isinstance(error, TimeLimitReached):
            return self._failed(active, unit, f"it {error}", "Give more with dpu_time=SECONDS.")
        if isinstance(error, CallStopped):
            active.log.add(active.label(unit), "cancelled")
            return {"state": "cancelled"}
        if isinstance(error, WorkerDied):
            return {**self._lost(active, unit, str(error), died=True), "worker": error.worker}
        return self._failed(active, unit, f"{type(error).__name__}: {error}")

    def _clear_after(self, job, unit):
        """Remove the files of an attempt that has come to nothing."""
        shutil.rmtree(scratch_of(job, unit), ignore_errors=True)
        name = made_by(unit.object_id, unit.attempt)
        shutil.rmtree(Path(job.folder) / "made" / name, ignore_errors=True)
        # A process that was stopped for good while it stored leaves files that nobody waits for.
        self.context.files.clear_abandoned(self.context)

    def _failed(self, active, unit, cause, remedy=""):
        active.log.add(active.label(unit), f"failed: {cause}")
        return {"state": "failed", "cause": cause, "error": f"{cause}\n{remedy}".strip()}

    def _lost(self, active, unit, why, died=False):
        losses = unit.losses + died
        active.strays[unit.object_id] += not died
        if active.job.state == "cancelled":
            return {"state": "cancelled", "losses": losses}
        # Attempts do not count: they grow with each stop of the DPU as well.
        if losses >= _MOST_LOSSES or active.strays[unit.object_id] >= _MOST_STRAYS:
            remedy = "Was there too little memory?" if "SIGKILL" in why else "Its log may say more."
            values = self._failed(active, unit, why, remedy)
            return {**values, "losses": losses}
        active.log.add(active.label(unit), f"lost: {why}; it is run again")
        return {"state": "lost", "losses": losses}

    # --- the end ---

    def _put_back(self):
        """Stop what runs, and queue it again."""
        self.executor.shutdown(cancel_futures=True)
        self.context.session.begin()
        self._finished.clear()
        changes = []
        for active in self.jobs.values():
            for unit in (DpuUnit.job == active.job) & (DpuUnit.state == "running"):
                changes.append((unit, {"state": "queued"}))
                active.log.add(active.label(unit), "queued again: the DPU was stopped")
        self._change(changes)
        for active in self.jobs.values():
            shutil.rmtree(Path(active.job.folder) / "scratch", ignore_errors=True)
        self.context.files.clear_abandoned(self.context)
        self.home.tell_news()


class _Cancelled(Exception):
    """The job was cancelled meanwhile."""


def _check_not_cancelled(job):
    if job.stored_value("state") == "cancelled":
        raise _Cancelled


def serve(folder, opener, workers):
    """Be the DPU until somebody stops it.

    Parameters
    ----------
    folder : str
        Where prompts find it.
    opener : str
        What opens the store with all classes, as 'module:function'.
    workers : int
        How many worker processes to have.
    """
    home = DpuHome(folder)
    lock = home.take()
    if lock is None:
        return
    try:
        _serve(home, lock, opener, workers)
    except (AweError, OSError) as err:
        log(f"It cannot be started. {err}")


def _serve(home, lock, opener, workers):
    since = f"{now():%Y-%m-%d %H:%M:%S}"
    log(f"started with {workers} workers")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    bell = home.hang_bell()
    settings = {name: value for name, value in os.environ.items() if name.startswith("AWE_")}
    # First, so that the workers load their modules while this process loads its own.
    pool = _executor(workers, (opener, settings))
    work.open_worker(opener, settings)
    context = current.context()
    context.set_privileges(1)
    says = Running(
        os.getpid(), since, workers, str(context.session.where), context.user_name, False
    )
    home.tell(lock, says)
    server = Server(context, home, pool, bell, lock)
    signal.signal(signal.SIGTERM, lambda *_: home.ring(b"s"))
    home.tell(lock, Running(**{**vars(says), "ready": True}))
    try:
        server.run()
    finally:
        # Whatever ended it: no worker is killed in the midst of a commit.
        pool.shutdown(cancel_futures=True)
    context.close()
    home.bell.unlink(missing_ok=True)
    if server.why_ended:
        # Last, where who reads the end of the log finds it.
        log(server.why_ended)
    log("stopped")


def _executor(workers, arguments):
    """Give what does the units: processes here, or a cluster."""
    environment = read_environment()
    if environment.dpu_executor == "dask":
        from awe.dpu.cluster import DaskPool

        return DaskPool(
            environment.dpu_scheduler, workers, work.open_worker, arguments,
            work.outside_of_commits,
        )  # fmt: skip
    return WorkerPool(
        workers, work.open_worker, arguments, preload=("awe.dpu.work", "awe.model"),
        guard=lambda: work.outside_of_commits(*arguments),
    )  # fmt: skip


def log(text):
    """Write a line into the DPU's own log.

    Parameters
    ----------
    text : str
        What happened.
    """
    line = f"{now():%Y-%m-%d %H:%M:%S} {threading.current_thread().name}: {text}"
    # On a disk that is full there is no log; whoever waits for the DPU finds that out himself.
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
