"""What the recipes for maps of bad pixels have in common."""

from awe.recipes.common import CombineTask

from awe.process import Unit
from awe.process.choice import nearness

__all__ = ["MapTask"]


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

    def units(self):
        """Find the newest calibration of each CCD, filter and night.

        Returns
        -------
        list of Unit
            One for each product.
        """
        given = getattr(self, self.source)
        if given is not None:
            given = given if isinstance(given, (list, tuple)) else [given]
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

    def selected_classes(self):
        """Give the classes of calibrations that maps are made of.

        Returns
        -------
        tuple of type
            The preferred one first.
        """
        return self.source_classes

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


def _key(calibration):
    links = (calibration.chip, calibration.readout, calibration.filter)
    return (*(None if link is None else link.object_id for link in links), calibration.night)


def _newer(calibration, held):
    return nearness(calibration.night, calibration) < nearness(held.night, held)
