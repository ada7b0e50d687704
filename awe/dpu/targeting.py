"""Asking the DPU for results: what is up to date is given, what is missing below is made first."""

import contextlib

from awe.base.errors import AweLookupError, AweTypeError, AweValueError
from awe.dpu import sequences
from awe.process import Argument, CalibrationNotFound, Task, TaskError, Unit
from awe.process.maker import products_that_there_are, recipe_of
from awe.process.parameters import as_pars
from awe.process.targets import targets
from awe.recipes import recipe_named
from awe.store import DBObject
from awe.store.at_hand import at_hand
from awe.store.commit import closure

__all__ = ["TargetTask", "plan_targets", "target_steps"]


class TargetTask(Task):
    """Give the products of some frames: those that are up to date, or else new ones."""

    arguments = (
        Argument("recipe", "the recipe whose products are wanted", required=True),
        Argument("target", "raw frames or products: one, a list, or a query", required=True),
        Argument("instrument", "name of the instrument that the frames must be of"),
        Argument("depth", "how many levels of calibrations below may be made; all by default"),
        Argument("folder", "where the files of new products are left; None leaves none", None),
    )  # fmt: skip

    @classmethod
    def product_classes(cls):
        """Give the classes whose parameters count: all, since what is needed is made as well."""
        return products_that_there_are()

    def check(self):
        """Raise where it is not known what is wanted of what."""
        recipe = recipe_named(self.recipe)
        made = recipe.product_classes()
        if not made:
            raise AweTypeError(f"The recipe {self.recipe} does not say what it makes.")
        # What the others come along with, or else what is made last.
        leading = [cls for cls in made if getattr(cls, "companions", ())]
        self._wanted = (leading or made)[-1]
        usual = recipe_of(self._wanted)
        if usual is not recipe:
            msg = f"Who asks for a {self._wanted.__name__} gets it from {usual.__name__}."
            remedy = f"Type: dpu.run({self.recipe!r}, instrument=...)"
            raise AweTypeError(f"{msg} {recipe.__name__} takes no target=.", remedy=remedy)
        frames = [self.target] if isinstance(self.target, DBObject) else self.target
        if isinstance(frames, str) or not hasattr(frames, "__iter__"):
            raise AweTypeError(f"target is frames or products, not {frames!r}.")
        self._frames = list(frames)
        for frame in self._frames:
            if not isinstance(frame, DBObject):
                raise AweTypeError(f"target is frames or products, and in it is {frame!r}.")
            self._check_instrument(frame)

    def _check_instrument(self, frame):
        of = getattr(frame, "instrument", None)
        if self.instrument is not None and of is not None and of.name != self.instrument:
            raise AweValueError(f"{frame!r} is of {of.name}, not of {self.instrument!r}.")

    def units(self):
        """Give a unit for each frame.

        Returns
        -------
        list of Unit
            In their order; the first of a CCD makes the calibrations for all of it.
        """
        return [Unit(getattr(f, "filename", None) or repr(f), {"frame": f}) for f in self._frames]

    def recipes_below(self):
        """Give the recipes that may be run for a target.

        Returns
        -------
        list of type
            The one that is asked, then those of what it needs, directly or not.
        """
        found, todo, seen = [], [self._wanted], set()
        while todo:
            cls = todo.pop(0)
            if cls in seen:
                continue
            seen.add(cls)
            with contextlib.suppress(AweLookupError):
                recipe = recipe_of(cls)
                found += [recipe] if recipe not in found else []
                todo += recipe.product_classes()
            todo += sorted(sequences.classes_below([cls]), key=lambda each: each.__name__)
        return found

    def run_unit(self, unit, store=None):
        """Make one unit; what earlier ones have made and not stored serves as well."""
        with at_hand(closure(self.products)):
            return super().run_unit(unit, store)

    def make(self, unit, folder):
        """Give the product of a frame, new ones not committed."""
        # Stored by this task, all of it with the record that the unit is done.
        return self.ask([unit.inputs["frame"]], folder=self.folder, failing=True)

    def ask(self, frames, *, failing=False, **more):
        """Ask for the products of some frames.

        Parameters
        ----------
        frames : list of DBObject
            The frames.
        failing : bool, optional
            Whether to raise the first reason for which there is none. The default is False.
        **more
            folder or plan, as for `awe.process.targets.targets`.

        Returns
        -------
        Products or Plan
            What `targets` gives.
        """
        pars = None if self.pars is None else dict(self.pars)
        found = targets(self._wanted, frames, depth=self.depth, pars=pars, **more)
        if failing and found.failures:
            raise found.failures[0].error
        return found


def target_steps(sequence, arguments):
    """Give what asking for targets would do, and refuse what cannot be done.

    Parameters
    ----------
    sequence : str
        One recipe.
    arguments : dict
        target, and of depth, pars, commit and folder what is wanted.

    Returns
    -------
    Plan
        One step whose units of a CCD are done one after the other.

    Raises
    ------
    AweError
        An argument is wrong, nothing is selected, or nothing can be made.
    """
    task, given = _task_of(sequence, arguments)
    step = sequences.Step(f"{task.recipe} targets", task, given, task.units())
    if not step.units:
        raise TaskError(f"{sequence}: no frames in target.")
    # It needs what its own units of the CCD have made before.
    step.needs = [0]
    foreseen = task.ask(task._frames, plan=True)
    missing = [planned for planned in foreseen if planned.action == "missing"]
    if missing and len(missing) == len(foreseen):
        error = missing[0].error
        msg = f"{sequence}: none of {len(missing)} can be made: {error}"
        raise CalibrationNotFound(msg, cause=error.cause)
    return sequences.Plan(step.recipe, [step])


def plan_targets(sequence, arguments):
    """Give the plan of targets.

    Parameters
    ----------
    sequence : str
        One recipe.
    arguments : dict
        As for `target_steps`.

    Returns
    -------
    awe.process.plan.Plan
        Nothing is computed or stored.
    """
    task, _ = _task_of(sequence, arguments)
    return task.ask(task._frames, plan=True)


def _task_of(sequence, arguments):
    if not isinstance(sequence, str) or ">" in sequence:
        msg = f"target= takes one recipe, not {sequence!r}: what it needs is made below it."
        raise AweTypeError(msg, remedy="Type: dpu.run('Reduce', target=frames)")
    recipe = sequence.removesuffix("Task").strip()
    given = {**arguments, "recipe": recipe}
    if given.get("pars") is not None:
        given["pars"] = as_pars(given["pars"])
    task = TargetTask(**given)
    return task, {**given, "target": task._frames}
