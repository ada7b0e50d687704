"""Submitting: from a plan to a job with its units in the store."""

import json
import shutil
import socket
from pathlib import Path

from awe.base.paths import typed_path
from awe.base.utc import now
from awe.dpu import sequences, values
from awe.dpu.jobs import DpuJob, DpuUnit
from awe.dpu.parcels import carry_over, write_parcel
from awe.dpu.spool import put_in_spool
from awe.dpu.targeting import TargetTask
from awe.process.choice import at_level_one
from awe.store.ids import new_object_id

__all__ = ["resubmit", "submit"]

_ATTEMPTS = 5


class _NumberTaken(Exception):
    """Another prompt has submitted a job at the same time."""


def submit(context, plan, folder, time_limit=None):
    """Store the job of a plan with its units.

    Parameters
    ----------
    context : Context
        The context; its project and privileges are those of the products.
    plan : Plan
        The plan.
    folder : pathlib.Path
        Where the DPU keeps its files.
    time_limit : float, optional
        Seconds that a unit may take. By default there is no limit.

    Returns
    -------
    DpuJob
        The job, queued.
    """
    classes = [type(step.task) for step in plan.steps]
    kept = [_put_in_spool(step.task, folder / "spool") for step in plan.steps]
    new = []
    arguments = [_arguments(step, new) for step in plan.steps]
    values_of_job = {
        "sequence": plan.sequence,
        "modules": [f"{cls.__module__}:{cls.__name__}" for cls in classes],
        "checksums": [checksum for checksum, _ in kept],
        "helpers": [json.dumps(helpers) for _, helpers in kept],
        "arguments": arguments,
        "needs": json.dumps([step.needs for step in plan.steps]),
        "project_name": context.find_project().name, "level": context.privileges,
        "stores": plan.steps[-1].task.commit, "time_limit": time_limit,
    }  # fmt: skip

    def units(job):
        made = _units(job, plan, new)
        if new:
            write_parcel(Path(job.folder), "arguments", new)
        return made

    return _commit(context, values_of_job, units, folder)


def resubmit(context, old, units, folder):
    """Store a job that does some units of another one again.

    Parameters
    ----------
    context : Context
        The context.
    old : DpuJob
        The other job.
    units : list of DpuUnit
        Some of its units.
    folder : pathlib.Path
        Where the DPU keeps its files.

    Returns
    -------
    DpuJob
        The job, queued.
    """
    kept = ("sequence", "modules", "checksums", "helpers", "arguments", "needs", "project_name",
            "level", "stores", "time_limit")  # fmt: skip
    copied = ("number", "step", "kind", "label", "group", "beam", "inputs")
    rows = [{name: getattr(unit, name) for name in copied} for unit in units]

    def again(job):
        carry_over(context, old, job)
        return [DpuUnit(job=job, **row) for row in rows]

    return _commit(context, {name: getattr(old, name) for name in kept}, again, folder)


def _commit(context, values_of_job, make_units, folder):
    for _ in range(_ATTEMPTS):
        with at_level_one(context):
            number = _next_number()
            job = DpuJob(
                number=number, folder=str(folder / "jobs" / new_object_id().hex()),
                submitted=now(), host=socket.gethostname(), **values_of_job,
            )  # fmt: skip
            units = make_units(job)
            try:
                context.commit(job, *units, check=lambda n=number: _check_number(n))
            except _NumberTaken:
                # The next look finds the job that was faster.
                shutil.rmtree(job.folder, ignore_errors=True)
                context.refresh()
                continue
            return job
    msg = f"{_ATTEMPTS} times another job got the number {number} first."
    raise RuntimeError(msg)


def _put_in_spool(task, spool):
    """Keep the modules of the user's own that a task needs, and give their checksums."""
    checksum, helpers = put_in_spool(type(task), spool)
    for recipe in task.recipes_below() if isinstance(task, TargetTask) else ():
        own, others = put_in_spool(recipe, spool)
        helpers = {**helpers, **({recipe.__module__: own} if own else {}), **others}
    return checksum, helpers


def _next_number():
    query = DpuJob.select_all().user_only()
    return int(query.table("number")["number"].max()) + 1 if len(query) else 1


def _check_number(number):
    if (DpuJob.number == number).user_only().exists():
        raise _NumberTaken


def _arguments(step, new):
    given = dict(step.arguments)
    folder = given.get("folder")
    if folder is not None:
        # The DPU works elsewhere than the prompt.
        given["folder"] = str(typed_path(folder).absolute())
    return values.dumps(given, step.recipe, new)


def _units(job, plan, new):
    units = []
    for at, step in enumerate(plan.steps):
        for unit in step.units:
            described = sequences.described(unit, step.recipe, new)
            units.append(DpuUnit(job=job, step=at, number=len(units), **described))
        for group in step.groups:
            units.append(
                DpuUnit(job=job, step=at, number=len(units), kind="select", group=group,
                        label=f"{group or 'all'}: what there is")
            )  # fmt: skip
    return units
