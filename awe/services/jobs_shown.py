"""What the page tells of jobs: plain values, gathered from columns where there are many."""

import dataclasses
import datetime
import functools
import json
from pathlib import Path

from awe.base.errors import AweLookupError
from awe.base.utc import now
from awe.dpu.control import DpuHome
from awe.dpu.jobs import FINAL, DpuJob, DpuUnit, find_job
from awe.dpu.report import status_of
from awe.dpu.values import find_object

__all__ = [
    "STATES",
    "Failures",
    "JobShown",
    "ResultShown",
    "UnitShown",
    "UnitsShown",
    "clock",
    "failures_of",
    "job_shown",
    "jobs_shown",
    "units_shown",
]

# In the order in which people read them.
STATES = ("running", "queued", "lost", "failed", "blocked", "cancelled", "done")
ACTIVE = ("queued", "running")
JOBS_ON_PAGE = 50
UNITS_ON_PAGE = 100
_MOST_CAUSES = 20
_LABELS = 5
_LONG = 100
_PRODUCTS_AT_HAND = 2000


@dataclasses.dataclass(frozen=True)
class JobShown:
    """A job in the words of the page.

    Attributes
    ----------
    status : JobStatus
        Number, sequence, state, counts, times, and who submitted it.
    submitted, started, ended : datetime.datetime or None
        UTC.
    stores : bool
        Whether its products are committed.
    project : str
        Where they go.
    arguments : list of (str, list of (str, str))
        Of each recipe the arguments.
    is_over : bool
        Whether nothing of it will change any more.
    log : pathlib.Path
        Its log.
    """

    status: object
    submitted: datetime.datetime | None
    started: datetime.datetime | None
    ended: datetime.datetime | None
    stores: bool
    project: str
    arguments: list
    is_over: bool
    log: Path

    @property
    def counts(self):
        """The number of units by state, without states in which there is none."""
        counts = self.status.counts
        return [(state, counts[state]) for state in STATES if counts.get(state)]

    @property
    def is_active(self):
        """Whether it can be cancelled."""
        return self.status.state in ACTIVE

    @property
    def can_be_run_again(self):
        """Whether something in it did not end well."""
        return not self.is_active and self.status.done < self.status.units


@dataclasses.dataclass(frozen=True)
class Failures:
    """Units that failed for one cause.

    Attributes
    ----------
    state : str
        'failed' or 'blocked'.
    cause : str
        Why.
    count : int
        How many.
    labels : list of str
        The first of them.
    remedy : list of str
        The rest of the message of the first one: what to do, or where it happened.
    """

    state: str
    cause: str
    count: int
    labels: list
    remedy: list

    @property
    def more(self):
        """How many are not among the labels."""
        return self.count - len(self.labels)

    @property
    def is_long(self):
        """Whether the message is a traceback rather than advice."""
        return len(self.remedy) > 3


@dataclasses.dataclass(frozen=True)
class ResultShown:
    """A product in the table of units.

    Attributes
    ----------
    kind, key : str
        Class and object_id.
    remarks : list of str
        Names of its quality flags, 'is_valid 0', or 'deleted'.
    has_page : bool
        Whether it is still there.
    """

    kind: str
    key: str
    remarks: list
    has_page: bool = True


@dataclasses.dataclass(frozen=True)
class UnitShown:
    """A unit in the words of the page.

    Attributes
    ----------
    recipe, label, state : str
        What it is and how far.
    attempt : int
        How often it was begun.
    worker : str
        The process.
    took : str
        How long it ran.
    results : list of ResultShown
        What it made.
    key : str
        Its own object_id.
    """

    recipe: str
    label: str
    state: str
    attempt: int
    worker: str
    took: str
    results: list
    key: str


@dataclasses.dataclass(frozen=True)
class UnitsShown:
    """One page of the units of a job.

    Attributes
    ----------
    rows : list of UnitShown
        The units.
    state : str
        The state that was asked for; empty for all.
    page, pages : int
        From 1.
    """

    rows: list
    state: str
    page: int
    pages: int


def clock(seconds):
    """Give a time span in words.

    Parameters
    ----------
    seconds : float or None
        How long.

    Returns
    -------
    str
        '4.2 s', '12 min 05 s' or '3 h 20 min'; a dash where there is none.
    """
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def jobs_shown(context, page=1):
    """Give what the first page tells.

    Parameters
    ----------
    context : Context
        The context, with privileges 1.
    page : int, optional
        Which of the jobs that are over. The default is 1, the newest.

    Returns
    -------
    dict
        dpu (Running or None), active, over (lists of JobShown), page, pages.
    """
    # Whatever others may publish: the page shows the jobs of its own user, as the DPU runs them.
    active = list(DpuJob.state.in_(ACTIVE).user_only().order_by("number"))
    query = (~DpuJob.state.in_(ACTIVE)).user_only().order_by("-number")
    page, pages, first = _place(page, len(query), JOBS_ON_PAGE)
    over = query[first : first + JOBS_ON_PAGE]
    return {
        "dpu": DpuHome().running(),
        "active": [_shown(context, job) for job in active],
        "over": [_shown(context, job) for job in over],
        "page": page,
        "pages": pages,
    }


def _place(page, count, size):
    """Give a page that exists, how many there are, and the first row of it."""
    pages = max(1, -(-count // size))
    page = min(max(1, page), pages)
    return page, pages, (page - 1) * size


def job_shown(context, number):
    """Give what is told of a job.

    Parameters
    ----------
    context : Context
        The context, with privileges 1.
    number : int
        The job.

    Returns
    -------
    JobShown
        Plain values.

    Raises
    ------
    AweLookupError
        The user has no such job.
    """
    return _shown(context, find_job(context, number))


def _shown(context, job):
    is_over = job.state in FINAL
    if job.state == "cancelled":
        is_over = not ((DpuUnit.job == job) & (DpuUnit.state == "running")).exists()
    recipes = _recipes(job)
    arguments = [
        (recipe, [(k, _argument(v)) for k, v in json.loads(text).items()])
        for recipe, text in zip(recipes, job.arguments, strict=True)
    ]
    return JobShown(
        status_of(context, job), job.submitted, job.started, job.ended, job.stores,
        job.project_name, arguments, is_over, Path(job.folder) / "log",
    )  # fmt: skip


def _recipes(job):
    return [name.split(":")[1].removesuffix("Task") for name in job.modules]


def _argument(value):
    """Give an argument in one line; objects, times and paths are tagged dictionaries."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$"):
        value = next(iter(value.values()))
    if isinstance(value, list) and len(value) > 2:
        return f"{len(value)} values: {_argument(value[0])} ... {_argument(value[-1])}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else f"{text[:_LONG]} ..."


def failures_of(context, number):
    """Group what failed in a job by cause.

    Parameters
    ----------
    context : Context
        The context, with privileges 1.
    number : int
        The job.

    Returns
    -------
    list of Failures
        What failed before what was blocked, each the most frequent cause first.
    """
    job = find_job(context, number)
    query = (DpuUnit.job == job) & DpuUnit.state.in_(["failed", "blocked"])
    if not query.exists():
        return []
    table = query.table("state", "cause", "label")
    groups = {}
    rows = zip(*(table[name].tolist() for name in table.colnames), strict=True)
    for at, (state, cause, label) in enumerate(rows):
        groups.setdefault((state, cause or ""), []).append((at, label))
    order = sorted(groups.items(), key=lambda group: (group[0][0] != "failed", -len(group[1])))
    return [
        Failures(state, cause, len(alike), [label for _, label in alike[:_LABELS]],
                 _rest(query[alike[0][0]].text, cause))
        for (state, cause), alike in order[:_MOST_CAUSES]
    ]  # fmt: skip


def _rest(text, cause):
    """Give the lines of a message that its cause does not say already."""
    lines = text.splitlines()
    return lines[1:] if lines and cause.endswith(lines[0]) else lines


def units_shown(context, number, state="", page=1):
    """Give one page of the units of a job.

    Parameters
    ----------
    context : Context
        The context, with privileges 1.
    number : int
        The job.
    state : str, optional
        Only units in this state. By default all.
    page : int, optional
        Which page. The default is 1.

    Returns
    -------
    UnitsShown
        Plain values.
    """
    job = find_job(context, number)
    state = state if state in STATES else ""
    query = DpuUnit.job == job
    if state:
        query = query & DpuUnit.state.in_(_stored_states(job, state))
    query = query.order_by("number", "-kind")
    page, pages, first = _place(page, len(query), UNITS_ON_PAGE)
    recipes = _recipes(job)
    rows = [_unit(job, unit, recipes) for unit in query[first : first + UNITS_ON_PAGE]]
    return UnitsShown(rows, state, page, pages)


def _stored_states(job, state):
    """Give the states that the store has for one that is shown."""
    if job.state != "cancelled":
        return [state]
    return ["cancelled", *set(STATES) - FINAL] if state == "cancelled" else [state]


def _unit(job, unit, recipes):
    state = unit.state
    if job.state == "cancelled" and state not in FINAL:
        state = "cancelled"
    took = None
    if unit.started is not None and state != "queued":
        took = ((unit.ended or now()) - unit.started).total_seconds()
    results = [_result(job, *name.split(" ")) for name in unit.results or ()]
    label = unit.label or "what it works on"
    return UnitShown(
        recipes[unit.step], label, state, unit.attempt, unit.worker or "", clock(took), results,
        unit.object_id,
    )  # fmt: skip


def _result(job, kind, key):
    if not job.stores:
        return ResultShown(kind, key, [])
    try:
        product = _product(kind, key)
        remarks = [flag.name for flag in product.quality()] if hasattr(product, "quality") else []
        if getattr(product, "is_valid", 1) == 0:
            remarks.append("is_valid 0")
    except AweLookupError:
        return ResultShown(kind, key, ["deleted"], False)
    return ResultShown(kind, key, remarks)


@functools.lru_cache(_PRODUCTS_AT_HAND)
def _product(kind, key):
    """Find a product once: an open page asks for the same ones again and again."""
    return find_object(f"{kind} {key}")
