"""What people read of jobs: the table of status, and what failed for which cause."""

import dataclasses

from awe.base.utc import now
from awe.dpu.jobs import FINAL, count_states
from awe.process.task import failure_lines

__all__ = ["JobStatus", "Status", "status_of", "summary_of"]

_BAR = 10
_COLUMNS = ("job", "sequence", "state", "progress", "done", "failed", "units", "elapsed", "left",
            "by")  # fmt: skip


@dataclasses.dataclass(frozen=True, repr=False)
class JobStatus:
    """How far a job is.

    Attributes
    ----------
    number : int
        The job.
    sequence, state : str
        Its recipes, and queued, running, done, failed or cancelled.
    counts : dict of str to int
        Units by state.
    elapsed, left : float or None
        Seconds since its first unit began, and those that are expected to come.
    by : str
        Who submitted it, and where.
    """

    number: int
    sequence: str
    state: str
    counts: dict
    elapsed: float | None
    left: float | None
    by: str

    @property
    def units(self):
        """The number of units."""
        return sum(self.counts.values())

    @property
    def done(self):
        """The number of units that are done."""
        return self.counts.get("done", 0)

    @property
    def failed(self):
        """The number of units that failed or were blocked."""
        return self.counts.get("failed", 0) + self.counts.get("blocked", 0)

    @property
    def ended(self):
        """The number of units that have ended, one way or the other."""
        return sum(self.counts.get(state, 0) for state in FINAL)

    def __repr__(self):
        failed = f", {self.failed} failed" if self.failed else ""
        return f"<job {self.number}: {self.state}, {self.done} of {self.units} done{failed}>"

    def cells(self):
        """Give the cells of its row.

        Returns
        -------
        tuple of str
            As the columns of the table are.
        """
        full = _BAR * self.ended // max(self.units, 1)
        bar = "#" * full + "." * (_BAR - full)
        numbers = (self.done, self.failed, self.units)
        times = (_clock(self.elapsed), _clock(self.left))
        return (str(self.number), self.sequence, self.state, bar, *map(str, numbers), *times,
                self.by)  # fmt: skip


class Status(list):
    """The jobs' status: a list of `JobStatus` that the prompt shows as a table.

    Parameters
    ----------
    rows : iterable of JobStatus
        The jobs.
    head : str
        What is said of the DPU.
    """

    def __init__(self, rows, head):
        super().__init__(rows)
        self.head = head

    def __repr__(self):
        if not self:
            return f"{self.head}\nNo jobs."
        table = [_COLUMNS, *(row.cells() for row in self)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip()
                 for row in table]  # fmt: skip
        return "\n".join([self.head, *lines])


def status_of(context, job):
    """Tell how far a job is, from columns.

    Parameters
    ----------
    context : Context
        The context.
    job : DpuJob
        The job.

    Returns
    -------
    JobStatus
        Its counts and times.
    """
    counts = dict(count_states(context, job))
    elapsed = left = None
    if job.started is not None:
        elapsed = ((job.ended or now()) - job.started).total_seconds()
        ended = sum(counts.get(state, 0) for state in FINAL)
        if job.state == "running" and ended:
            left = elapsed / ended * (sum(counts.values()) - ended)
    who = f"{context.user_name}@{job.host}"
    return JobStatus(job.number, job.sequence, job.state, counts, elapsed, left, who)


def summary_of(job, units):
    """Tell what was made and what failed, grouped by cause.

    Parameters
    ----------
    job : DpuJob
        The job.
    units : list of DpuUnit
        Its units.

    Returns
    -------
    str
        A few lines.
    """
    made = [unit for unit in units if unit.kind == "make"]
    done = sum(unit.state == "done" for unit in made)
    names = {name.split(" ")[1] for unit in made for name in unit.results or ()}
    # Their names are ordered in time.
    before = sum(name < job.object_id for name in names)
    state = "committed" if job.stores else "not committed"
    lines = [f"Job {job.number} {job.sequence}: {job.state}; {done} of {len(made)} done, "
             f"{len(names) - before} products {state}"
             + (f", {before} were there already" if before else "")]  # fmt: skip
    failed = [unit for unit in units if unit.state == "failed"]
    lines += failure_lines(failed)
    blocked = [unit for unit in units if unit.state == "blocked"]
    lines += [line.replace(" failed (", " blocked (", 1) for line in failure_lines(blocked)]
    stored = [unit for unit in units if unit.state == "done" and unit.cause]
    lines += [line.replace(" failed (", " stored, but (", 1) for line in failure_lines(stored)]
    stopped = sum(unit.state == "cancelled" for unit in units)
    if job.state == "cancelled":
        stopped += sum(unit.state not in FINAL for unit in units)
    if stopped:
        lines.append(f"  {stopped} cancelled")
    if failed or blocked:
        lines.append(f"  The failed ones again: dpu.rerun_failed({job.number})")
    return "\n".join(lines)


def _clock(seconds):
    if seconds is None:
        return "-"
    seconds = round(seconds)
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
