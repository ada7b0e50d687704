"""MasterFlatTask: the flat for science frames, of dome and twilight flats."""

import datetime

from awe.recipes.common import CombineTask, made

from awe.model import DomeFlatFrame, MasterFlatFrame, TwilightFlatFrame
from awe.process import Argument, Unit
from awe.process.flags import disqualifying_bits

__all__ = ["MasterFlatTask"]

_MIDNIGHT = datetime.timedelta(hours=24)


class MasterFlatTask(CombineTask):
    """Make a MasterFlatFrame of a DomeFlatFrame and a TwilightFlatFrame, or of one of them."""

    arguments = (
        Argument("combine", "1 dome and twilight, 2 dome only, 3 twilight only; sets COMBINE_TYPE"),
    )  # fmt: skip
    product_names = ("MasterFlatFrame",)
    without = ("object", "raw_filenames", "template")
    object = raw_filenames = template = None

    def check(self):
        """Check the arguments and set COMBINE_TYPE."""
        super().check()
        if self.combine is not None:
            key = "MasterFlatFrame.process_params.COMBINE_TYPE"
            from awe.process.parameters import check_pars

            self.pars = check_pars({**self.pars, key: self.combine}, self.product_classes())

    def units(self):
        """Find the newest dome and twilight flat of each CCD, filter and night.

        Returns
        -------
        list of Unit
            One for each product.
        """
        groups = {}
        for name, cls in (("domeflat", DomeFlatFrame), ("twilightflat", TwilightFlatFrame)):
            for flat in self._flats(cls):
                key = (flat.chip.name, flat.filter and flat.filter.name, flat.readout.object_id,
                       flat.night)  # fmt: skip
                group = groups.setdefault(key, {})
                held = group.get(name)
                if held is None or flat.creation_date > held.creation_date:
                    group[name] = flat
        for group in groups.values():
            self._complete(group)
        return [Unit(f"{k[0]} {k[1]} {k[3]:%Y-%m-%d}", g) for k, g in groups.items()]

    def _flats(self, cls):
        query = cls.select_all()
        query = query & (cls.instrument.name == self._instrument_name()) & (cls.is_valid > 0)
        for name in ("chip", "filter"):
            if getattr(self, name) is not None:
                query = query & getattr(cls, name).name.like(getattr(self, name))
        if self.date is not None:
            query = query & (cls.night == self.date)
        return [f for f in query if not f.quality_flags & disqualifying_bits()]

    def _complete(self, group):
        """Add the nearest valid flat of the other kind, where the night has none."""
        present = next(iter(group.values()))
        for name, cls in (("domeflat", DomeFlatFrame), ("twilightflat", TwilightFlatFrame)):
            if name in group:
                continue
            middle = present.night + _MIDNIGHT
            query = (
                (cls.chip == present.chip) & (cls.filter == present.filter)
                & (cls.readout == present.readout) & (cls.is_valid > 0)
                & (cls.timestamp_start <= middle) & (cls.timestamp_end > middle)
            )  # fmt: skip
            found = [f for f in query if not f.quality_flags & disqualifying_bits()]
            if found:
                group[name] = min(
                    found,
                    key=lambda f: (abs(f.night - present.night), -f.creation_date.timestamp()),
                )

    def make(self, unit, folder):
        """Make the flat of one CCD and filter.

        Parameters
        ----------
        unit : Unit
            With the dome and twilight flat.
        folder : pathlib.Path
            Where the file goes.

        Returns
        -------
        list of Product
            The flat.
        """
        flat = self.with_validity(MasterFlatFrame(**unit.inputs))
        flat.take_from(list(unit.inputs.values()))
        return [made(self.making(flat), folder)]
