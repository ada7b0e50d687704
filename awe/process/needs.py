"""What units of a task need: which of them lack a calibration, before anything is done."""

from awe.base.utc import to_microseconds
from awe.process.candidates import Candidates, reference
from awe.process.choice import CalibrationNotFound, choose
from awe.process.parameters import parameters_class, resolve
from awe.store import registry

__all__ = ["Needs"]


class Needs:
    """Tells which units of a task lack a calibration, with one reason for frames that are alike.

    Parameters
    ----------
    task : Task
        With its arguments.
    coming : iterable of type, optional
        Classes of what is made before, which counts as being there. By default none.
    """

    def __init__(self, task, coming=()):
        made = tuple(coming)
        self._task = task
        self._candidates = Candidates()
        self._known, self._reasons = {}, {}
        self._needed = []
        for cls in task.product_classes():
            for dependency in getattr(cls, "dependencies", ()):
                given = getattr(task, dependency.name, None) is not None
                if dependency.required and not given and not _is_coming(dependency, made):
                    self._needed.append((cls, dependency))
        matched = {name for _, dependency in self._needed for name in dependency.match}
        # What decides of which kind its calibrations must be: of many frames it is the same.
        self._telling = sorted({*matched, "instrument", "chip", "filter"})

    def lacking(self, unit):
        """Tell why a unit cannot be made.

        Parameters
        ----------
        unit : Unit
            One of the task's.

        Returns
        -------
        CalibrationNotFound or None
            What `choose` says of the first calibration that there is none of.
        """
        frame = _frame_of(unit)
        if frame is None or not self._needed:
            return None
        alike = tuple(reference(getattr(frame, name, None)) for name in self._telling)
        if alike not in self._known:
            self._known[alike] = [self._look(frame, *needed) for needed in self._needed]
        when, night = to_microseconds(frame.DATE_OBS), to_microseconds(frame.night)
        for dependency, parameters, groups in self._known[alike]:
            if not any(group.best(when, night) for group in groups):
                key = (alike, dependency.name, night)
                if key not in self._reasons:
                    self._reasons[key] = _why_not(frame, dependency, parameters)
                return self._reasons[key]
        return None

    def _look(self, frame, cls, dependency):
        parameters = None
        if parameters_class(cls) is not None:
            names = frame.names() if hasattr(frame, "names") else {}
            parameters = resolve(cls, names, self._task.pars)[0]
        matched = tuple(getattr(frame, name, None) for name in dependency.match)
        return dependency, parameters, self._candidates.groups(dependency, matched, parameters)


def _why_not(frame, dependency, parameters):
    try:
        choose(frame, dependency, parameters)
    except CalibrationNotFound as err:
        return err
    # It has come meanwhile.
    return None


def _is_coming(dependency, made):
    wanted = [registry.find_class(name) for name in dependency.class_names]
    return any(issubclass(a, b) or issubclass(b, a) for a in wanted for b in made)


def _frame_of(unit):
    for value in unit.inputs.values():
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if hasattr(each, "DATE_OBS"):
                return each
    return None
