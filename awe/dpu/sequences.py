"""Sequences of recipes: which there are, what each step needs, and what it works on."""

import dataclasses

from awe.base.errors import AweTypeError, AweValueError, did_you_mean
from awe.dpu import values
from awe.process import CalibrationNotFound, Task, TaskError
from awe.process.needs import Needs
from awe.process.parameters import check_pars, pars_of
from awe.recipes import recipe_named
from awe.store import registry

__all__ = [
    "Plan",
    "Step",
    "classes_below",
    "described",
    "foresee",
    "group_of",
    "make_plan",
    "options",
    "purpose",
]

_ENDING = "Task"


@dataclasses.dataclass
class Step:
    """One recipe of a sequence, with its arguments.

    Attributes
    ----------
    recipe : str
        Its name.
    task : Task
        With the user's arguments.
    arguments : dict
        As the user gave them.
    units : list of Unit
        What it works on, as far as that is known.
    groups : list of str
        The CCDs of which the inputs are found only when earlier steps are done.
    needs : list of int
        The steps, directly or not, whose products it uses.
    lacking : list of (Unit, CalibrationNotFound)
        Units that cannot be made.
    """

    recipe: str
    task: Task
    arguments: dict
    units: list = dataclasses.field(default_factory=list)
    groups: list = dataclasses.field(default_factory=list)
    needs: list = dataclasses.field(default_factory=list)
    lacking: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Plan:
    """What a sequence would do.

    Attributes
    ----------
    sequence : str
        The recipes.
    steps : list of Step
        In their order.
    """

    sequence: str
    steps: list


def options(sequence):
    """Give the arguments of a sequence.

    Parameters
    ----------
    sequence : str
        Names of recipes with '>' between them.

    Returns
    -------
    dict of str to Argument
        By name.
    """
    found = {}
    for cls in _classes(sequence):
        found.update(cls._arguments)
    return found


def purpose(name):
    """Give the sentence that tells what a recipe does.

    Parameters
    ----------
    name : str
        The recipe.

    Returns
    -------
    str
        The first line of its text.
    """
    return recipe_named(name).__doc__.strip().splitlines()[0]


def _classes(sequence):
    if not isinstance(sequence, str):
        msg = f"A sequence is a text such as 'Reduce' or 'Bias>Reduce', not {sequence!r}."
        raise AweTypeError(msg)
    if not all(map(str.strip, sequence.split(">"))):
        msg = f"In the sequence {sequence!r} the name of a recipe is missing."
        raise AweValueError(msg, remedy="Type: dpu.show_sequence_identifiers()")
    return [recipe_named(name.strip()) for name in sequence.split(">")]


def make_plan(sequence, arguments):
    """Find out what a sequence would do, and refuse what cannot be done.

    Parameters
    ----------
    sequence : str
        Names of recipes with '>' between them.
    arguments : dict
        Those of the recipes; each gets those that it has.

    Returns
    -------
    Plan
        The steps with their units.

    Raises
    ------
    AweError
        A recipe or an argument is unknown, nothing is selected, or a calibration is missing.
    """
    steps = _steps(sequence, arguments)
    for at, step in enumerate(steps):
        before = steps[:at]
        direct = [i for i, earlier in enumerate(before) if _uses(step, earlier)]
        if before and not direct and not _input_classes(step.task):
            direct = list(range(at))
        step.needs = sorted({*direct, *(n for i in direct for n in steps[i].needs)})
        _select(step, before)
        _check_calibrations(step, before)
    return Plan(">".join(step.recipe for step in steps), steps)


def foresee(sequence, arguments):
    """Give the plan of a sequence: what each step would make of what; nothing is done.

    Parameters
    ----------
    sequence : str
        Names of recipes with '>' between them.
    arguments : dict
        Those of the recipes; each gets those that it has.

    Returns
    -------
    awe.process.plan.Plan
        What earlier steps will make counts for later ones as if it were there.

    Raises
    ------
    AweError
        A recipe or an argument is unknown, or nothing is selected.
    """
    from awe.process.plan import plan_tasks

    return plan_tasks([step.task for step in _steps(sequence, arguments)])


def _steps(sequence, arguments):
    classes = _classes(sequence)
    _check_arguments(sequence, classes, arguments)
    if arguments.get("pars") is not None:
        made = [product for cls in classes for product in cls.product_classes()]
        arguments = {**arguments, "pars": check_pars(arguments["pars"], made)}
    steps = []
    for cls in classes:
        own = {n: v for n, v in arguments.items() if n in cls._arguments}
        if own.get("pars") is not None:
            own["pars"] = pars_of(own["pars"], cls.product_classes())
        steps.append(Step(cls.__name__.removesuffix(_ENDING), cls(**own), own))
    return steps


def _check_arguments(sequence, classes, arguments):
    known = {name for cls in classes for name in cls._arguments}
    for name in arguments:
        if name not in known:
            what = "recipe" if len(classes) == 1 else "recipes"
            msg = f"The {what} {sequence} has no argument {name!r}.{did_you_mean(name, known)}"
            raise AweTypeError(msg, remedy=f"Arguments: {', '.join(sorted(known))}, dpu_time")


# --- what a step uses of an earlier one ---


def _input_classes(task):
    """Give the classes of what a task works on, as far as it and its products say so."""
    found = set()
    if hasattr(task, "selected_classes"):
        found |= set(task.selected_classes())
    return found | classes_below(task.product_classes())


def classes_below(products):
    """Give the classes of what products are made of, as far as they say so.

    Parameters
    ----------
    products : iterable of type
        Classes of products.

    Returns
    -------
    set of type
        Those of their inputs and of the calibrations that are chosen for them.
    """
    found = set()
    for cls in products:
        for dependency in getattr(cls, "dependencies", ()):
            found |= {registry.find_class(name) for name in dependency.class_names}
        for name in getattr(cls, "inputs", ()):
            kind = cls._attributes[name].kind
            found.add(getattr(kind, "item", kind).target)
    return found - {None}


def _related(first, second):
    return issubclass(first, second) or issubclass(second, first)


def _uses(step, earlier):
    made = earlier.task.product_classes()
    return any(_related(used, each) for used in _input_classes(step.task) for each in made)


def _selects(step, earlier):
    """Tell whether what an earlier step makes is selected, not only chosen as a calibration."""
    selected = step.task.selected_classes() if hasattr(step.task, "selected_classes") else ()
    made = earlier.task.product_classes()
    return any(_related(cls, each) for cls in selected for each in made)


# --- what a step works on ---


def _select(step, before):
    sources = [earlier for earlier in before if _selects(step, earlier)]
    if not sources:
        step.units = step.task.units()
        if not step.units:
            raise TaskError(step.task.nothing_selected())
        return
    groups = dict.fromkeys(group_of(unit) for unit in step.task.units())
    for earlier in sources:
        groups.update(dict.fromkeys([*map(group_of, earlier.units), *earlier.groups]))
    step.groups = list(groups) if "chip" in step.task._arguments else [""]


def group_of(unit):
    """Give the CCD that a unit works on.

    Parameters
    ----------
    unit : Unit
        The unit.

    Returns
    -------
    str
        Its name, empty where there is none.
    """
    return _name_of_link(unit, "chip")


def _name_of_link(unit, link):
    for obj in values.objects_in(unit.inputs):
        if link in obj._attributes and getattr(obj, link) is not None:
            return getattr(obj, link).name
    return ""


def described(unit, recipe, new=None):
    """Give a unit as attributes of a `DpuUnit`.

    Parameters
    ----------
    unit : Unit
        The unit.
    recipe : str
        For the error.
    new : list, optional
        Gets the inputs that are not stored. By default there may be none.

    Returns
    -------
    dict
        Label, group, beam and inputs.
    """
    return {
        "label": unit.label,
        "group": group_of(unit),
        "beam": _name_of_link(unit, "filter"),
        "inputs": values.dumps(unit.inputs, f"{recipe} {unit.label}", new),
    }


# --- calibrations ---


def _check_calibrations(step, before):
    """Find the units that lack a calibration, which no earlier step makes either."""
    made = {cls for earlier in before for cls in earlier.task.product_classes()}
    needs = Needs(step.task, made)
    told = ((unit, needs.lacking(unit)) for unit in step.units)
    step.lacking = [(unit, error) for unit, error in told if error is not None]
    if step.units and len(step.lacking) == len(step.units):
        error = step.lacking[0][1]
        count = f"none of {len(step.units)} can be made" if len(step.units) > 1 else "missing"
        msg = f"{step.recipe}: {count}: {error}"
        raise CalibrationNotFound(msg, cause=error.cause, explain=error.explain)
