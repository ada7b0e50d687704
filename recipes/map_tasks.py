"""What the recipes for maps of bad pixels have in common."""

import fnmatch

from awe.recipes.common import CombineTask

from awe.base.errors import AweTypeError, AweValueError
from awe.process import Unit
from awe.process.choice import nearness

__all__ = ["MapTask", "calibrations_of"]


def calibrations_of(*classes):
    """Give the check of an argument that is a calibration, or several.

    Parameters
    ----------
    *classes : type
        What it may be an object of.

    Returns
    -------
    callable
        Takes the task's name, the argument's and the value; gives the value.
    """
    words = " or ".join(cls.__name__ for cls in classes)

    def check(task, name, value):
        given = value if isinstance(value, (list, tuple)) else [value]
        if not given:
            msg = f"{task}: {name} is empty."
            raise AweValueError(msg, remedy="Leave it out to take the newest.")
        for each in given:
            if not isinstance(each, classes):
                msg = f"{task}: {name} is a {words} object, not {type(each).__name__} {each!r}."
                raise AweTypeError(msg)
        return value

    return check


class MapTask(CombineTask):
    """Make a map of bad pixels of a calibration of each CCD and night.

    Attributes
    ----------
    source : str
        The argument with the calibration that the user gives.
    source_classes : tuple of type
        The classes of calibrations, the preferred one first.
    """

    without = ("object", "raw_filenames", "template")
    object = raw_filenames = template = None
    source = ""
    source_classes = ()

    def check(self):
        """Check that what the user gave is what the other arguments ask for."""
        super().check()
        for calibration in self._given():
            has = {
                "instrument": calibration.instrument.name,
                "chip": calibration.chip.name,
                "filter": None if calibration.filter is None else calibration.filter.name,
            }
            unmet = {n: v for n, v in has.items() if not _meets(v, getattr(self, n))}
            if self.date is not None and calibration.night != self.date:
                unmet["date"] = f"{calibration.night:%Y-%m-%d}"
            for name, value in unmet.items():
                wanted = getattr(self, name)
                wanted = f"{wanted:%Y-%m-%d}" if name == "date" else wanted
                msg = (
                    f"{type(self).__name__}: the {self.source} given, {calibration!r}, has the "
                    f"{name} {value}; {name}={wanted!r} asks for another one."
                )
                raise AweValueError(msg, remedy=f"Leave out {name}=, or {self.source}=.")

    def _given(self):
        """Give the calibrations that the user gave."""
        given = getattr(self, self.source)
        if given is None:
            return []
        return list(given) if isinstance(given, (list, tuple)) else [given]

    def units(self):
        """Find the newest calibration of each CCD, filter and night.

        Returns
        -------
        list of Unit
            One for each product.
        """
        given = self._given()
        if given:
            return [self._unit(calibration, given=True) for calibration in given]
        groups = {}
        for cls in self.source_classes:
            found = {}
            for calibration in self.select_calibrations(cls):
                key = _key(calibration)
                held = found.get(key)
                if held is None or _newer(calibration, held):
                    found[key] = calibration
            # Of a less preferred class only where there is none of the others.
            groups = {**found, **groups}
        return [self._unit(calibration, given=False) for calibration in groups.values()]

    def unit_again(self, product, sources):
        """Give the unit that makes a map again.

        Parameters
        ----------
        product : DetectorMap
            One that the task has made.
        sources : dict of str to Product
            What takes the place of the calibration that it was made of, by link.

        Returns
        -------
        Unit
            For the same calibration, or for what takes its place.
        """
        given = self.source in product.overridden_inputs
        source = sources.get(self.source) or getattr(product, self.source)
        return self._unit(source, given=given)

    @classmethod
    def selected_classes(cls):
        """Give the classes of calibrations that maps are made of.

        Returns
        -------
        tuple of type
            The preferred one first.
        """
        return cls.source_classes

    def select_calibrations(self, cls):
        """Select calibrations by the task's arguments.

        Parameters
        ----------
        cls : type
            Their class.

        Returns
        -------
        list of Calibration
            The good ones.
        """
        query = cls.select_all() & (cls.instrument.name == self._instrument_name())
        for name in ("chip", "filter"):
            if getattr(self, name) is not None:
                query = query & getattr(cls, name).name.like(getattr(self, name))
        if self.date is not None:
            query = query & (cls.night == self.date)
        return self.good(query)

    def _unit(self, calibration, *, given):
        name = "" if calibration.filter is None else f" {calibration.filter.name}"
        label = f"{calibration.chip.name}{name} {calibration.night:%Y-%m-%d}"
        overridden = [self.source] if given else []
        return Unit(label, {"source": calibration, "overridden": overridden})


def _meets(name, wanted):
    """Tell whether a name meets an argument, in which * and ? are wildcards."""
    return wanted is None or fnmatch.fnmatchcase(name or "", wanted.replace("[", "[[]"))


def _key(calibration):
    links = (calibration.chip, calibration.readout, calibration.filter)
    return (*(None if link is None else link.object_id for link in links), calibration.night)


def _newer(calibration, held):
    return nearness(calibration.night, calibration) < nearness(held.night, held)
