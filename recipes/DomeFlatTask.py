"""DomeFlatTask: master dome flat of each CCD, filter and night."""

from collections import Counter

from awe.recipes.flat_tasks import FlatTask

from awe.model import DomeFlatFrame, RawDomeFlatFrame
from awe.process import Unit

__all__ = ["DomeFlatTask"]


class DomeFlatTask(FlatTask):
    """Make a DomeFlatFrame of raw dome flats of one lamp.

    Where flats of several exposure times were taken, as for the gain, those of the exposure time
    that most have are taken, of equally many the longest; saturated ones never are. With
    raw_filenames all are taken.
    """

    product_names = ("DomeFlatFrame",)
    raw_class = RawDomeFlatFrame
    group_by = ("chip", "readout", "filter", "lamp")
    product_class = DomeFlatFrame

    def units_of(self, frames):
        """Group the raw flats by CCD, read-out mode, filter, lamp, night; of one exposure time.

        Parameters
        ----------
        frames : list of RawDomeFlatFrame
            Good ones.

        Returns
        -------
        list of Unit
            One for each product.
        """
        units = [_with_lamp(unit) for unit in super().units_of(frames)]
        if self.raw_filenames is not None:
            return units
        return [Unit(u.label, {"frames": self._alike(u.inputs["frames"])}) for u in units]

    def _alike(self, frames):
        lit = [f for f in frames if f.saturation is None or f.imstat.median < f.saturation]
        if not lit:
            # The product says what is wrong with them.
            return frames
        counts = Counter(f.EXPTIME or 0.0 for f in lit)
        commonest = max(counts, key=lambda exptime: (counts[exptime], exptime))
        if counts[commonest] > 1:
            alike = [f for f in lit if (f.EXPTIME or 0.0) == commonest]
        else:
            alike = lit
        self._leave_out("saturated", len(frames) - len(lit))
        self._leave_out("another exposure time than most flats", len(lit) - len(alike))
        return alike

    def _leave_out(self, reason, number):
        if number:
            self.left_out[reason] = self.left_out.get(reason, 0) + number


def _with_lamp(unit):
    """Name the lamp, where it is known, in the label of a unit."""
    lamp = unit.inputs["frames"][0].lamp
    return unit if lamp is None else Unit(f"{unit.label} {lamp.name}", unit.inputs)
