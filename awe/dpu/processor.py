"""`dpu` at the prompt: run recipes on the pool, watch them, stop them, get what they made."""

import shutil
import sys
from pathlib import Path

from awe.base.environment import read_environment
from awe.base.errors import AweAttributeError, AweLookupError, AweValueError, did_you_mean
from awe.base.progress import STILL, track
from awe.base.utc import now
from awe.dpu.calls import as_list, as_seconds, refuse_nameless, what_to_do, what_would_be
from awe.dpu.control import DpuError, DpuHome
from awe.dpu.jobs import DpuUnit, find_job, jobs_of_user, units_of
from awe.dpu.logs import JobLog, LogLines
from awe.dpu.report import Status, status_of, summary_of
from awe.dpu.waiting import Waiting
from awe.process import Products
from awe.process.choice import at_level_one
from awe.process.task import Failure, failure_lines
from awe.store import current
from awe.store.edits import StaleEditError

__all__ = ["Processor", "SequenceHelp"]

_SHOWN = 12
_MOST_RESTARTS = 3
_OVER = ("done", "failed", "cancelled")


class SequenceHelp:
    """What `dpu` and `lpu` tell of the recipes."""

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        known = [each for each in dir(type(self)) if not each.startswith("_")]
        msg = f"There is no {name!r} here.{did_you_mean(name, known)}"
        raise AweAttributeError(msg, remedy=f"There is: {', '.join(known)}")

    def get_sequence_identifiers(self):
        """Give the names of the recipes.

        Returns
        -------
        list of str
            They can be combined: 'Bias>Reduce'.
        """
        from awe.recipes import identifiers

        return list(identifiers())

    def show_sequence_identifiers(self):
        """Print the names of the recipes, with what each does."""
        from awe.dpu import sequences
        from awe.recipes import identifiers

        for name in identifiers():
            print(f"{name:<24} {sequences.purpose(name)}")

    def get_sequence_options(self, sequence):
        """Give the arguments of a sequence.

        Parameters
        ----------
        sequence : str
            One recipe, or several with '>' between them.

        Returns
        -------
        list of str
            Their names.
        """
        from awe.dpu import sequences

        return list(sequences.options(sequence))

    def show_sequence_options(self, sequence):
        """Print the arguments of a sequence, with what each means.

        Parameters
        ----------
        sequence : str
            One recipe, or several with '>' between them.
        """
        from awe.dpu import sequences

        known = sequences.options(sequence)
        width = max(map(len, known))
        for name, argument in known.items():
            needed = " (must be given)" if argument.required else ""
            print(f"{name:<{width}}  {argument.doc}{needed}")


class Processor(SequenceHelp):
    """The DPU: runs recipes on a pool of processes that outlives the prompt.

    Parameters
    ----------
    opener : str, optional
        What opens the store with all classes in the DPU's processes, as 'module:function'. By
        default the classes of awe are there, not those of the user.
    """

    def __init__(self, opener="awe.dpu.work:open_session"):
        self._opener = opener
        self._mine = []
        # What is not stored stays the same object as long as it can be asked for again.
        self._held = {}
        self._restarts = 0
        self._log_name = f"{now():%Y-%m-%dT%H-%M-%S}.log"

    def __repr__(self):
        return f"<dpu: {self._head()}>"

    # --- running ---

    def run(self, sequence, *nameless, dpu_time=None, plan=False, **arguments):
        """Run a recipe, or several one after the other, on the pool.

        Parameters
        ----------
        sequence : str
            'Reduce', or 'Bias>DomeFlat>Reduce'; `show_sequence_identifiers` lists them.
        *nameless
            Refused: the arguments have names.
        dpu_time : float, optional
            Seconds that a unit (a frame, a CCD) may take. By default there is no limit.
        plan : bool, optional
            Whether only the plan is wanted: nothing is queued. The default is False.
        **arguments
            Those of the recipe; `show_sequence_options('Reduce')` lists them. Or
            ``target=``: frames whose products are wanted, with ``depth=``, ``pars=``,
            ``commit=`` and ``folder=``; what is up to date is not made again, and calibrations
            that are missing or out of date are made first.

        Returns
        -------
        int or Plan
            The number of the job; with ``plan=True`` what would be made, used and is missing.
        """
        from awe.dpu.submission import submit

        context = current.context()
        refuse_nameless(nameless)
        limit = as_seconds(dpu_time)
        if plan:
            return what_would_be(sequence, arguments)
        found = what_to_do(sequence, arguments)
        desk = DpuHome()
        self._start(desk)
        job = submit(context, found, desk.folder, limit)
        self._mine.append(job.number)
        desk.ring()
        print(_told(job, found))
        return job.number

    def rerun_failed(self, jobid):
        """Run again what failed, was blocked or was cancelled in a job.

        Parameters
        ----------
        jobid : int
            The job, which is over.

        Returns
        -------
        int
            The number of the new job.
        """
        from awe.dpu.submission import resubmit

        context = current.context()
        context.refresh()
        old = find_job(context, jobid)
        if old.state not in _OVER:
            msg = f"Job {old.number} is {old.state}: what fails in it is known when it is over."
            raise AweValueError(msg, remedy=f"Type: dpu.wait({old.number})")
        units = [unit for unit in units_of(context, old) if unit.state != "done"]
        if not units:
            msg = f"Nothing failed in job {old.number}."
            raise AweValueError(msg)
        desk = DpuHome()
        self._start(desk)
        job = resubmit(context, old, units, desk.folder)
        self._mine.append(job.number)
        desk.ring()
        print(f"Job {job.number}: {job.sequence}, {len(units)} units of job {old.number} again")
        return job.number

    def _start(self, desk):
        """Start the DPU where it does not run; it loads its modules while the job is stored."""
        desk.start(current.context(), self._opener, read_environment().dpu_workers)

    def _restart(self, desk):
        """Start a DPU that was stopped or killed; what it was doing is done again."""
        self._restarts += 1
        if self._restarts > _MOST_RESTARTS:
            self._restarts = 0
            msg = f"The DPU ends again and again. {desk.why_ended()}"
            raise DpuError(msg, remedy="Your jobs are kept. Mend it, then: awe dpu start")
        self._start(desk)
        desk.wait_until_ready()

    # --- watching ---

    def get_jobids(self):
        """Give the numbers of all your jobs.

        Returns
        -------
        list of int
            In the order in which they were submitted.
        """
        current.context().refresh()
        return [job.number for job in jobs_of_user(current.context())]

    def get_status(self, jobids=None):
        """Tell how far your jobs are.

        Parameters
        ----------
        jobids : int or list of int, optional
            The jobs. By default those that are not over, and the newest of the others.

        Returns
        -------
        Status
            A list that the prompt shows as a table.
        """
        context = current.context()
        context.refresh()
        if jobids is None:
            jobs = jobs_of_user(context)
            over = [job for job in jobs if job.state in _OVER]
            left_out = {id(job) for job in over[: -_SHOWN or None]}
            jobs = [job for job in jobs if id(job) not in left_out]
        else:
            jobs = [find_job(context, number) for number in as_list(jobids)]
        return Status([status_of(context, job) for job in jobs], self._head())

    def _head(self):
        found = DpuHome().running()
        if found is None:
            return "The DPU is not running; dpu.run(...) or `awe dpu start` starts it."
        if not found.ready:
            return "The DPU is starting."
        return f"The DPU runs since {found.since}, process {found.pid}, {found.workers} workers."

    def get_logs(self, jobids=None, follow=False):
        """Give the logs of jobs when they are over, and add them to this prompt's log file.

        Parameters
        ----------
        jobids : int or list of int, optional
            The jobs. By default those of this prompt, or else the newest.
        follow : bool, optional
            Whether to print the lines as they come. The default is False.

        Returns
        -------
        LogLines
            The lines; they are also added to ``<date+time>.log`` in the working directory.
        """
        lines = LogLines()
        lines.were_printed = follow
        for number in self._chosen(jobids):
            job = find_job(current.context(), number)
            if follow:
                lines += self._follow(job)
            else:
                self._wait_for(job)
                lines += JobLog(Path(job.folder) / "log").read()[0]
        lines.append_to(Path(self._log_name))
        return lines

    def _chosen(self, jobids):
        if jobids is not None:
            return as_list(jobids)
        numbers = self._mine or self.get_jobids()[-1:]
        if not numbers:
            raise AweLookupError("You have no jobs.", remedy="Type: dpu.run('Reduce', ...)")
        return numbers

    def _follow(self, job):
        """Print the lines of a log as they come, and give them."""
        log, at, told = JobLog(Path(job.folder) / "log"), 0, []
        is_over, waiting = False, Waiting(DpuHome())
        while True:
            lines, at = log.read(at)
            told += lines
            for line in lines:
                print(line)
            if is_over:
                return told
            is_over = waiting.is_due() and self._is_over(job)
            if not is_over:
                waiting.nap()

    def wait(self, jobid=None):
        """Wait until a job is over; Ctrl-C leaves it running.

        Parameters
        ----------
        jobid : int, optional
            The job. By default the newest of this prompt.

        Returns
        -------
        JobStatus
            How it ended; a summary is printed.
        """
        context = current.context()
        context.refresh()
        job = find_job(context, self._chosen(jobid)[-1])
        try:
            self._wait_for(job)
        except KeyboardInterrupt:
            print(f"\nJob {job.number} goes on. Again: dpu.wait({job.number})", file=sys.stderr)
            raise
        print(summary_of(job, units_of(context, job)))
        return status_of(context, job)

    def _wait_for(self, job):
        """Wait until a job is over, with a bar of progress."""
        self._restarts = 0
        if self._is_over(job):
            return
        total = status_of(current.context(), job).units
        for _ in track(self._ended_units(job, total), f"Job {job.number}", total=total):
            pass

    def _ended_units(self, job, total):
        """Give something whenever a unit has ended, until the job is over."""
        seen, waiting = 0, Waiting(DpuHome())
        waiting.pause()
        while not self._is_over(job):
            # Units that are found while the job runs do not count.
            ended = min(status_of(current.context(), job).ended, total - 1)
            yield from range(seen, ended)
            seen = max(seen, ended)
            while not waiting.is_due():
                waiting.nap()
                yield STILL
        yield from range(seen, total)

    def _is_over(self, job):
        context = current.context()
        context.refresh()
        desk = DpuHome()
        if job.state == "cancelled":
            if desk.running() is None:
                return True
            with at_level_one(context):
                return not ((DpuUnit.job == job) & (DpuUnit.state == "running")).exists()
        if job.state in _OVER:
            return True
        if desk.running() is None:
            self._restart(desk)
        return False

    # --- what was made ---

    def get_job_result(self, jobid):
        """Give what a job has made.

        Parameters
        ----------
        jobid : int
            The job; of one that is not over, what it has made so far.

        Returns
        -------
        Products
            The products.
        """
        from awe.dpu.work import products_of

        context = current.context()
        context.refresh()
        job = find_job(context, jobid)
        if job.state not in _OVER:
            print(f"Job {job.number} is {job.state}; this is what there is.", file=sys.stderr)
        units = [unit for unit in units_of(context, job) if unit.results]
        made = [p for unit in units for p in products_of(unit)]
        gone = sum(len(unit.results) for unit in units) - len(made)
        # Several units may have been asked for the same.
        found = Products({p.object_id: p for p in made}.values())
        if gone:
            print(f"{gone} of its products are gone.", file=sys.stderr)
        if not job.stores:
            self._held[job.number] = found
        return found

    # --- stopping ---

    def cancel_job(self, jobid):
        """Cancel a job: what is queued never starts, what runs is stopped.

        Parameters
        ----------
        jobid : int
            The job. Nothing happens to one that is over.
        """
        context = current.context()
        while True:
            context.refresh()
            job = find_job(context, jobid)
            if job.state in _OVER:
                print(f"Job {job.number} is over already: {job.state}.")
                return
            job.state, job.ended = "cancelled", now()
            try:
                context.commit(job)
            except StaleEditError:
                # It began or ended at this very moment.
                context.rollback(job)
                continue
            break
        desk = DpuHome()
        desk.tell_news()
        desk.ring()
        print(f"Job {job.number} is cancelled.")

    def forget_job(self, jobid):
        """Forget a job that is over: its record, its log and what it made and did not store.

        Parameters
        ----------
        jobid : int
            The job. What it has stored stays.
        """
        context = current.context()
        context.refresh()
        job = find_job(context, jobid)
        if job.state not in _OVER:
            msg = f"Job {job.number} is {job.state}; only one that is over can be forgotten."
            raise AweValueError(msg, remedy=f"Type: dpu.cancel_job({job.number})")
        if not self._is_over(job):
            msg = f"Job {job.number} was cancelled, but units of it still run."
            raise AweValueError(msg, remedy=f"Type: dpu.wait({job.number})")
        folder, number = Path(job.folder), job.number
        context.delete([*units_of(context, job), job], why="the job was forgotten")
        self._held.pop(number, None)
        shutil.rmtree(folder, ignore_errors=True)
        print(f"Job {number} is forgotten.")


def _told(job, plan):
    count = sum(len(step.units) for step in plan.steps)
    later = sum(len(step.groups) for step in plan.steps)
    units = f"{count} unit" + ("s" if count != 1 else "")
    more = f", and what {later} selections find when it is their turn" if later else ""
    lines = [f"Job {job.number}: {job.sequence}, {units} queued{more}"]
    for step in plan.steps:
        for why, number in getattr(step.task, "left_out", {}).items():
            lines.append(f"  {number} left out: {why}")
        failures = [Failure(unit.label, error) for unit, error in step.lacking]
        lines += [line.replace(" failed (", f" of {step.recipe} will fail (", 1)
                  for line in failure_lines(failures)]  # fmt: skip
    return "\n".join(lines)
