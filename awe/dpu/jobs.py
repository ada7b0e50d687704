"""Jobs and their units of work, as the store keeps them."""

import collections
import datetime

from awe.base.errors import AweLookupError, AweTypeError, nearest
from awe.process.choice import at_level_one
from awe.store import DBObject, persistent

__all__ = [
    "FINAL",
    "DpuJob",
    "DpuUnit",
    "count_states",
    "find_job",
    "jobs_of_user",
    "units_of",
]

# What a unit, or a job, does not leave again by itself.
FINAL = frozenset({"done", "failed", "blocked", "cancelled"})


class DpuJob(DBObject):
    """A call of ``dpu.run``: a sequence of recipes with its arguments."""

    abstract = False

    number = persistent("Its number, by which the user calls it", int, required=True)
    sequence = persistent("The recipes, 'Bias>Reduce'", str, required=True)
    modules = persistent("The module of each recipe", [str])
    checksums = persistent("SHA-256 of the module of each recipe of the user's own", [str])
    helpers = persistent("SHA-256 of the modules of the user's own that each imports, JSON", [str])
    arguments = persistent("Arguments of each recipe", [str])
    needs = persistent("Of each step the steps that it needs, JSON", str)
    project_name = persistent("Project of the products", str)
    level = persistent("Level of the products, 1 to 5", int, 1)
    stores = persistent("Whether the products are committed", bool, False)
    time_limit = persistent("How long a unit may take", float, unit="s")
    folder = persistent("Where log and scratch files of the job lie", str)
    submitted = persistent("When it was submitted (UTC)", datetime.datetime)
    host = persistent("Machine of the prompt", str)
    state = persistent("queued, running, done, failed or cancelled", str, "queued", mutable=True)
    started = persistent("When its first unit began (UTC)", datetime.datetime, mutable=True)
    ended = persistent("When it ended (UTC)", datetime.datetime, mutable=True)

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            Number, sequence and state.
        """
        return f"{self.number} {self.sequence} {self.state}"


class DpuUnit(DBObject):
    """A unit of work of a job: one frame or one CCD in one recipe."""

    abstract = False

    job = persistent("The job", DpuJob, required=True)
    number = persistent("Its place in the job", int, required=True)
    step = persistent("Which recipe of the sequence, from 0", int, required=True)
    kind = persistent("'make', or 'select' where its inputs are found when it runs", str, "make")
    label = persistent("What it is, for people", str)
    group = persistent("The CCD; units of a group wait for each other", str)
    beam = persistent("The filter, where there is one", str)
    inputs = persistent("What the recipe works on, as `awe.dpu.values` writes it", str)
    state = persistent(
        "queued, running, done, failed, blocked, cancelled or lost", str, "queued", mutable=True
    )
    attempt = persistent("How often it was begun: the lease", int, 0, mutable=True)
    losses = persistent("How often its worker died", int, 0, mutable=True)
    worker = persistent("Which process works on it", str, mutable=True)
    started = persistent("When it was begun (UTC)", datetime.datetime, mutable=True)
    ended = persistent("When it ended (UTC)", datetime.datetime, mutable=True)
    cause = persistent("Why it failed, the same for all that fail so", str, mutable=True)
    error = persistent("Why it failed, in full", str, mutable=True)
    # Not links: what a job made can be deleted although the job is remembered.
    results = persistent("Class and object_id of what it made", [str], mutable=True)

    @property
    def text(self):
        """Why it failed, in full."""
        return self.error or ""

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            Label and state.
        """
        return f"{self.label} {self.state}"


def jobs_of_user(context):
    """Give the user's jobs.

    Parameters
    ----------
    context : Context
        The context.

    Returns
    -------
    list of DpuJob
        In the order in which they were submitted.
    """
    with at_level_one(context):
        return list(DpuJob.select_all().user_only())


def find_job(context, number):
    """Give the user's job with a number.

    Parameters
    ----------
    context : Context
        The context.
    number : int or DpuJob
        The number.

    Returns
    -------
    DpuJob
        The job.

    Raises
    ------
    AweLookupError
        There is none.
    AweTypeError
        It is no number.
    """
    if isinstance(number, DpuJob):
        return number
    if isinstance(number, bool) or not isinstance(number, int):
        msg = f"A job is called by its number, not {type(number).__name__} {number!r}."
        raise AweTypeError(msg, remedy="Type: dpu.get_jobids()")
    with at_level_one(context):
        found = list((DpuJob.number == number).user_only())
        if found:
            return found[0]
        known = sorted(job.number for job in DpuJob.select_all().user_only())
    if not known:
        msg = f"There is no job {number}: you have none."
        raise AweLookupError(msg, remedy="Type: dpu.run('Reduce', instrument=...)")
    alike = nearest(number, known) or [str(n) for n in known[-3:]]
    msg = f"You have no job {number}. Of your {len(known)} the nearest: {', '.join(alike)}."
    raise AweLookupError(msg, remedy="Type: dpu.get_jobids()")


def units_of(context, job):
    """Give the units of a job.

    Parameters
    ----------
    context : Context
        The context.
    job : DpuJob
        The job.

    Returns
    -------
    list of DpuUnit
        In their order.
    """
    with at_level_one(context):
        return sorted(DpuUnit.job == job, key=lambda unit: (unit.number, unit.kind != "select"))


def count_states(context, job):
    """Count the units of a job by state, from columns.

    Parameters
    ----------
    context : Context
        The context.
    job : DpuJob
        The job.

    Returns
    -------
    collections.Counter
        What is queued or running in a cancelled job counts as cancelled. A selection counts for
        what it finds, until it has found it.
    """
    with at_level_one(context):
        query = (DpuUnit.job == job) & ((DpuUnit.kind == "make") | (DpuUnit.state != "done"))
        states = query.table("state")["state"].tolist() if len(query) else []
    counts = collections.Counter(states)
    if job.state == "cancelled":
        for state in set(counts) - FINAL:
            counts["cancelled"] += counts.pop(state)
    return counts
