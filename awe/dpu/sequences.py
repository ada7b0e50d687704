"""Sequences of recipes: which there are, what each step needs, and what it works on."""

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from pathlib import Path

from awe.base.errors import AweError, AweLookupError, AweTypeError, did_you_mean
from awe.dpu import values
from awe.process import CalibrationNotFound, Task, TaskError, choose, resolve
from awe.process.parameters import parameters_class
from awe.store import registry

__all__ = [
    "Plan",
    "SequenceError",
    "Step",
    "checksum_of",
    "described",
    "group_of",
    "identifiers",
    "load_recipe",
    "make_plan",
    "options",
    "purpose",
    "put_in_spool",
    "recipe_class",
]

_ENDING = "Task"
_USERS = "awe_user."


class SequenceError(AweLookupError):
    """A sequence of recipes cannot be run."""


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
    lacking : list of (Unit, AweError)
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


def identifiers():
    """Give the names of all recipes.

    Returns
    -------
    dict of str to str or type
        The module of each of ours, the class of each of the user's own.
    """
    import awe.recipes

    found = {
        info.name.removesuffix(_ENDING): f"awe.recipes.{info.name}"
        for info in pkgutil.iter_modules(awe.recipes.__path__)
        if info.name.endswith(_ENDING) and info.name != "IngestTask"
    }
    for name, module in sorted(sys.modules.items()):
        if name.startswith(_USERS):
            for value in vars(module).values():
                if _is_recipe(value) and value.__module__ == name:
                    found[value.__name__.removesuffix(_ENDING)] = value
    return dict(sorted(found.items()))


def _is_recipe(value):
    return isinstance(value, type) and issubclass(value, Task) and value.units is not Task.units


def recipe_class(name):
    """Give the class of a recipe.

    Parameters
    ----------
    name : str
        Such as 'Reduce'.

    Returns
    -------
    type
        Such as ReduceTask.

    Raises
    ------
    AweLookupError
        There is no such recipe.
    """
    known = identifiers()
    found = known.get(name) or known.get(name.removesuffix(_ENDING))
    if found is None:
        msg = f"There is no recipe {name!r}.{did_you_mean(name, known)}"
        raise SequenceError(msg, remedy=f"Recipes: {', '.join(known)}")
    if isinstance(found, type):
        return found
    return getattr(importlib.import_module(found), found.rsplit(".", 1)[1])


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
    return recipe_class(name).__doc__.strip().splitlines()[0]


def _classes(sequence):
    if not isinstance(sequence, str):
        msg = f"A sequence is a text such as 'Reduce' or 'Bias>Reduce', not {sequence!r}."
        raise AweTypeError(msg)
    return [recipe_class(name.strip()) for name in sequence.split(">")]


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
    classes = _classes(sequence)
    _check_arguments(sequence, classes, arguments)
    steps = []
    for cls in classes:
        own = {n: v for n, v in arguments.items() if n in cls._arguments}
        steps.append(Step(cls.__name__.removesuffix(_ENDING), cls(**own), own))
    for at, step in enumerate(steps):
        before = steps[:at]
        direct = [i for i, earlier in enumerate(before) if _uses(step, earlier)]
        if before and not direct and not _says_what_it_uses(step):
            direct = list(range(at))
        step.needs = sorted({*direct, *(n for i in direct for n in steps[i].needs)})
        _select(step, before)
        _check_calibrations(step, before)
    return Plan(">".join(step.recipe for step in steps), steps)


def _check_arguments(sequence, classes, arguments):
    known = {name for cls in classes for name in cls._arguments}
    for name in arguments:
        if name not in known:
            what = "recipe" if len(classes) == 1 else "recipes"
            msg = f"The {what} {sequence} has no argument {name!r}.{did_you_mean(name, known)}"
            raise AweTypeError(msg, remedy=f"Arguments: {', '.join(sorted(known))}, dpu_time")


# --- what a step uses of an earlier one ---


def _product_classes(task):
    return list(task.product_classes())


def _input_classes(task):
    """Give the classes of what a task works on, as far as it and its products say so."""
    found = set()
    if hasattr(task, "selected_classes"):
        found |= set(task.selected_classes())
    for cls in _product_classes(task):
        for dependency in getattr(cls, "dependencies", ()):
            found |= {registry.find_class(name) for name in dependency.class_names}
        for name in getattr(cls, "inputs", ()):
            kind = cls._attributes[name].kind
            found.add(getattr(kind, "item", kind).target)
    return found - {None}


def _related(first, second):
    return issubclass(first, second) or issubclass(second, first)


def _uses(step, earlier):
    made = _product_classes(earlier.task)
    return any(_related(used, each) for used in _input_classes(step.task) for each in made)


def _selects(step, earlier):
    """Tell whether what an earlier step makes is selected, not only chosen as a calibration."""
    selected = step.task.selected_classes() if hasattr(step.task, "selected_classes") else ()
    made = _product_classes(earlier.task)
    return any(_related(cls, each) for cls in selected for each in made)


def _says_what_it_uses(step):
    return bool(_input_classes(step.task))


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
    made = {cls for earlier in before for cls in _product_classes(earlier.task)}
    asked = {}
    for unit in step.units:
        error = _missing(step.task, unit, made, asked)
        if error is not None:
            step.lacking.append((unit, error))
    if step.units and len(step.lacking) == len(step.units):
        error = step.lacking[0][1]
        count = f"none of {len(step.units)} can be made" if len(step.units) > 1 else "missing"
        msg = f"{step.recipe}: {count}: {error}"
        raise CalibrationNotFound(msg, cause=error.cause)


def _missing(task, unit, made, asked):
    frame = next(iter(values.objects_in(unit.inputs)), None)
    for cls in _product_classes(task):
        for dependency in getattr(cls, "dependencies", ()):
            if not dependency.required or getattr(task, dependency.name, None) is not None:
                continue
            wanted = [registry.find_class(name) for name in dependency.class_names]
            if any(_related(each, one) for each in wanted for one in made):
                continue
            # Frames of one CCD, filter and night have one answer.
            alike = [getattr(frame, name, None) for name in dependency.match]
            key = (dependency, cls, getattr(frame, "night", None),
                   *(getattr(each, "object_id", each) for each in alike))  # fmt: skip
            if key not in asked:
                asked[key] = _why_not(task, cls, dependency, frame)
            if asked[key] is not None:
                return asked[key]
    return None


def _why_not(task, cls, dependency, frame):
    parameters = None
    if parameters_class(cls) is not None:
        names = frame.names() if hasattr(frame, "names") else {}
        parameters = resolve(cls, names, task.pars)[0]
    try:
        choose(frame, dependency, parameters)
    except AweError as err:
        return err
    return None


# --- recipes of the user's own ---


def checksum_of(recipe):
    """Give the SHA-256 of the module of a recipe of the user's own.

    Parameters
    ----------
    recipe : type
        The recipe.

    Returns
    -------
    str
        Hexadecimal digits; empty for a recipe of ours.

    Raises
    ------
    SequenceError
        The file is another one than was loaded.
    """
    if not recipe.__module__.startswith(_USERS):
        return ""
    file = Path(inspect.getsourcefile(recipe))
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    loaded = getattr(sys.modules[recipe.__module__], "__awe_checksum__", found)
    if loaded != found:
        msg = f"{file} was changed since this prompt loaded it."
        raise SequenceError(msg, remedy="Leave the prompt and open it again.")
    return found


def put_in_spool(recipe, spool):
    """Keep the module of a recipe of the user's own as it is now.

    Parameters
    ----------
    recipe : type
        The recipe.
    spool : pathlib.Path
        The folder, which only the user can read.

    Returns
    -------
    str
        SHA-256 of the module; empty for a recipe of ours, which stays where it is.
    """
    checksum = checksum_of(recipe)
    if checksum:
        source = Path(inspect.getsourcefile(recipe))
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy = spool / f"{checksum}.py"
        if not copy.exists():
            temporary = copy.with_suffix(".part")
            temporary.write_bytes(source.read_bytes())
            temporary.chmod(0o600)
            temporary.rename(copy)
    return checksum


def load_recipe(name, checksum, spool):
    """Load the class of a recipe in a worker.

    Parameters
    ----------
    name : str
        Module and class, 'module:class'.
    checksum : str
        SHA-256 that the module must have; empty for a recipe of ours.
    spool : pathlib.Path
        Where the user's own modules lie.

    Returns
    -------
    type
        The recipe.

    Raises
    ------
    AweLookupError
        The module is another one than when the job was submitted.
    """
    module_name, class_name = name.split(":")
    module = sys.modules.get(module_name)
    if not checksum:
        return getattr(module or importlib.import_module(module_name), class_name)
    if getattr(module, "__awe_checksum__", None) != checksum:
        module = _load_from_spool(module_name, checksum, spool)
    return getattr(module, class_name)


def _load_from_spool(name, checksum, spool):
    path = spool / f"{checksum}.py"
    source = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(source).hexdigest() != checksum:
        msg = f"The recipe {name} is not the one that was submitted: {path} is missing or changed."
        raise SequenceError(msg, remedy="Submit the job again.")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    module.__awe_checksum__ = checksum
    sys.modules[name] = module
    # What was checked is what runs, whatever happens to the file meanwhile.
    exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
    return module
