"""`lpu` at the prompt: the same calls as `dpu`, in this process."""

import contextlib
import io
import sys
from pathlib import Path

from awe.base.errors import AweLookupError, AweValueError, nearest
from awe.base.utc import now
from awe.dpu.calls import as_list, as_seconds, refuse_nameless, what_to_do, what_would_be
from awe.dpu.logs import LogLines
from awe.dpu.processor import SequenceHelp
from awe.dpu.report import JobStatus, Status
from awe.process import Products, TaskError
from awe.store import current
from awe.store.at_hand import at_hand

__all__ = ["LocalProcessor"]


class _LocalJob:
    """What was run in this process."""

    def __init__(self, number, plan):
        self.number = number
        self.plan = plan
        self.state = "running"
        self.began = now()
        self.ended = None
        self.lines = LogLines()
        self.counts = {}

    @property
    def products(self):
        return Products(p for step in self.plan.steps for p in step.task.products)

    def count(self):
        """Count the units of the steps so far."""
        tasks = [step.task for step in self.plan.steps]
        failed = sum(len(task.failures) for task in tasks)
        known = sum(len(step.units) for step in self.plan.steps)
        return {"done": max(known - failed, 0), "failed": failed}


class _Tee(io.TextIOBase):
    """A stream that writes to another one and keeps the lines."""

    def __init__(self, stream, lines):
        self._stream = stream
        self._lines = lines
        self._begun = ""

    def write(self, text):
        self._stream.write(text)
        *whole, self._begun = (self._begun + text).split("\n")
        # Of a bar of progress, which is drawn over itself, the last state counts.
        shown = [line.rpartition("\r")[2].rstrip() for line in whole]
        self._lines += [f"{now():%Y-%m-%d %H:%M:%S} | {line}" for line in shown]
        return len(text)

    def flush(self):
        self._stream.flush()

    def isatty(self):
        return self._stream.isatty()


class LocalProcessor(SequenceHelp):
    """The twin of `dpu` in this process: it returns when the work is done."""

    def __init__(self):
        self._jobs = {}
        self._log_name = f"{now():%Y-%m-%dT%H-%M-%S}.log"

    def __repr__(self):
        return f"<lpu: {len(self._jobs)} jobs in this process>"

    def run(self, sequence, *nameless, dpu_time=None, plan=False, **arguments):
        """Run a recipe, or several one after the other, in this process.

        Parameters
        ----------
        sequence : str
            'Reduce', or 'Bias>DomeFlat>Reduce'; `show_sequence_identifiers` lists them.
        *nameless
            Refused: the arguments have names.
        dpu_time : float, optional
            Checked as for ``dpu.run``, but no limit here, which is said: Ctrl-C stops a unit.
        plan : bool, optional
            Whether only the plan is wanted: nothing is done. The default is False.
        **arguments
            Those of the recipe, or target=, as for ``dpu.run``.

        Returns
        -------
        int or Plan
            The number of the job; with ``plan=True`` what would be made, used and is missing.
        """
        refuse_nameless(nameless)
        limit = as_seconds(dpu_time)
        if plan:
            return what_would_be(sequence, arguments)
        if limit is not None:
            print("dpu_time holds on the pool; in this process no unit is stopped but by Ctrl-C.")
        return self._run(what_to_do(sequence, arguments))

    def _run(self, plan, only=None):
        job = self._jobs[len(self._jobs) + 1] = _LocalJob(len(self._jobs) + 1, plan)
        with (
            contextlib.redirect_stdout(_Tee(sys.stdout, job.lines)),
            contextlib.ExitStack() as stack,
        ):
            print(f"Job {job.number}: {plan.sequence}, in this process")
            job.state = "cancelled"
            try:
                for at, step in enumerate(plan.steps):
                    made = self._do(step, only[at] if only else None)
                    if not step.task.commit:
                        stack.enter_context(at_hand(made))
                job.state = "failed" if any(s.task.failures for s in plan.steps) else "done"
            except TaskError as err:
                print(err)
                job.state = "failed"
            except Exception:
                job.state = "failed"
                raise
            finally:
                job.ended = now()
        return job.number

    def _do(self, step, labels):
        """Do one step, or those of its units that have one of some labels."""
        units = step.task.units()
        if labels is not None:
            units = [unit for unit in units if unit.label in labels]
            step.task.units = lambda: units
        step.units = units
        return step.task.execute()

    def _find(self, jobid):
        if jobid not in self._jobs:
            alike = ", ".join(nearest(jobid, self._jobs)) or "none"
            msg = f"There is no job {jobid!r} of lpu in this process. There is: {alike}."
            raise AweLookupError(msg, remedy="Type: lpu.get_jobids()")
        return self._jobs[jobid]

    def get_jobids(self):
        """Give the numbers of the jobs of this process.

        Returns
        -------
        list of int
            In their order.
        """
        return list(self._jobs)

    def get_status(self, jobids=None):
        """Tell how the jobs of this process ended.

        Parameters
        ----------
        jobids : int or list of int, optional
            The jobs. By default all.

        Returns
        -------
        Status
            A list that the prompt shows as a table.
        """
        numbers = self._jobs if jobids is None else as_list(jobids)
        rows = [self._status(self._find(number)) for number in numbers]
        return Status(rows, "In this process:")

    def _status(self, job):
        elapsed = ((job.ended or now()) - job.began).total_seconds()
        user = current.context().user_name
        return JobStatus(job.number, job.plan.sequence, job.state, job.count(), elapsed, None, user)

    def get_logs(self, jobids=None, follow=False):
        """Give what the jobs printed, and add it to this prompt's log file.

        Parameters
        ----------
        jobids : int or list of int, optional
            The jobs. By default all of this process.
        follow : bool, optional
            As for ``dpu``: here all jobs are over, so there is nothing to wait for.

        Returns
        -------
        LogLines
            The lines.
        """
        numbers = self._jobs if jobids is None else as_list(jobids)
        lines = LogLines(line for number in numbers for line in self._find(number).lines)
        lines.append_to(Path(self._log_name))
        return lines

    def wait(self, jobid=None):
        """Tell how a job ended: it is over when `run` returns.

        Parameters
        ----------
        jobid : int, optional
            The job. By default the last one.

        Returns
        -------
        JobStatus
            How it ended.
        """
        return self._status(self._find(max(self._jobs, default=1) if jobid is None else jobid))

    def get_job_result(self, jobid):
        """Give what a job has made.

        Parameters
        ----------
        jobid : int
            The job.

        Returns
        -------
        Products
            The products.
        """
        return self._find(jobid).products

    def cancel_job(self, jobid):
        """Say that a job is over: one that runs here is stopped with Ctrl-C.

        Parameters
        ----------
        jobid : int
            The job.
        """
        print(f"Job {jobid} is over already: {self._find(jobid).state}.")

    def rerun_failed(self, jobid):
        """Run again what failed in a job.

        Parameters
        ----------
        jobid : int
            The job.

        Returns
        -------
        int
            The number of the new job.
        """
        from awe.dpu import sequences

        old = self._find(jobid)
        if old.state == "done":
            msg = f"Nothing failed in job {jobid}."
            raise AweValueError(msg)
        if "target" in old.plan.steps[0].arguments:
            (step,) = old.plan.steps
            arguments = {k: v for k, v in step.arguments.items() if k != "recipe"}
            labels = {failure.label for failure in step.task.failures}
            return self._run(what_to_do(step.arguments["recipe"], arguments), [labels])
        again, labels, arguments, pars = [], [], {}, {}
        for step in old.plan.steps:
            arguments.update(step.arguments)
            # A step that was never begun is done whole.
            failed = {failure.label for failure in step.task.failures}
            if failed or not step.task.products:
                again.append(step.recipe)
                labels.append(failed or None)
                pars.update(step.arguments.get("pars") or {})
        if pars or "pars" in arguments:
            arguments["pars"] = pars
        return self._run(sequences.make_plan(">".join(again), arguments), labels)
