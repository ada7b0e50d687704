"""MasterFlatTask: the flat for science frames, of dome, twilight and night-sky flats."""

import datetime

from awe.recipes.common import CombineTask

from awe.base.errors import AweTypeError, AweValueError
from awe.model import DomeFlatFrame, MasterFlatFrame, NightSkyFlatFrame, TwilightFlatFrame
from awe.model.flats import check_flats, overscan_of
from awe.pixels import COMBINE_TYPES, COMBINE_USES
from awe.process import Argument, Unit
from awe.process.choice import nearness
from awe.process.flags import disqualifying_bits
from awe.process.parameters import check_pars, resolve
from awe.store.columns_scalar import pattern_of

__all__ = ["MasterFlatTask"]

_MIDNIGHT = datetime.timedelta(hours=24)
_CLASSES = {
    "domeflat": DomeFlatFrame,
    "twilightflat": TwilightFlatFrame,
    "nightskyflat": NightSkyFlatFrame,
}
_WAY = "MasterFlatFrame.process_params.COMBINE_TYPE"
# Which flats each COMBINE_TYPE uses.
_USES = {way: tuple(f"{name}flat" for name in names) for way, names in COMBINE_USES.items()}
_ALL = 6


def _as_flat(task, name, value):
    if isinstance(value, _CLASSES[name]):
        return value
    msg = f"{task}: {name} is a {_CLASSES[name].__name__}, not {type(value).__name__} {value!r}."
    raise AweTypeError(msg)


class MasterFlatTask(CombineTask):
    """Make a MasterFlatFrame of a DomeFlatFrame and a TwilightFlatFrame, or of one of them.

    A NightSkyFlatFrame takes part where COMBINE_TYPE says so, or where one is given.
    """

    arguments = (
        Argument("combine", "1 dome and twilight, 2 dome only, 3 twilight only; 4 dome, "
                            "5 twilight, 6 both, with the night-sky flat; sets COMBINE_TYPE"),
        Argument("domeflat", "the DomeFlatFrame to use, instead of the newest", check=_as_flat),
        Argument("twilightflat", "the TwilightFlatFrame to use, instead of the newest",
                 check=_as_flat),
        Argument("nightskyflat", "the NightSkyFlatFrame to use, instead of the newest; "
                                 "COMBINE_TYPE is 6 then, unless it is given", check=_as_flat),
    )  # fmt: skip
    product_names = ("MasterFlatFrame",)
    without = ("object", "raw_filenames", "template")
    object = raw_filenames = template = None

    def check(self):
        """Check the arguments and set COMBINE_TYPE."""
        super().check()
        combine = self.combine
        if combine is None and self.nightskyflat is not None and _WAY not in self.pars:
            combine = _ALL
        if combine is not None:
            self.pars = check_pars({**self.pars, _WAY: combine}, self.product_classes())

    def units(self):
        """Find the newest flats of each CCD, filter and night.

        Returns
        -------
        list of Unit
            One for each product.
        """
        given = {n: getattr(self, n) for n in _CLASSES if getattr(self, n) is not None}
        if given:
            return [self._unit_of_given(given)]
        uses = _USES[self._way({"instrument": self._instrument_name()})]
        groups = {}
        for name in (n for n in uses if n != "nightskyflat"):
            for flat in self._flats(_CLASSES[name]):
                key = (flat.chip.name, flat.filter and flat.filter.object_id,
                       flat.readout.object_id, flat.night)  # fmt: skip
                group = groups.setdefault(key, {})
                held = group.get(name, flat)
                better, worse = sorted((flat, held), key=lambda f: nearness(f.night, f))
                self._note_lamps(better, worse)
                group[name] = better
        for (*_, night), group in groups.items():
            self._complete(group, night, uses)
        return [self._unit(group, night) for (*_, night), group in groups.items()]

    def _note_lamps(self, better, worse):
        """Remember that a dome flat of another lamp is left out."""
        lamps = [getattr(getattr(flat, "lamp", None), "name", None) for flat in (better, worse)]
        if lamps[0] != lamps[1]:
            reason = (
                f"dome flat of the lamp {lamps[1]}, older than that of {lamps[0]}; domeflat= takes "
                "one of them"
            )
            self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def _way(self, names):
        """Give COMBINE_TYPE: the user's, or that of the instrument, filter and CCD."""
        return resolve(MasterFlatFrame, names, self.pars)[0].COMBINE_TYPE

    def _unit_of_given(self, given):
        """Complete the flats that the user gave by the nearest of the other kinds."""
        flats = list(given.values())
        check_flats(flats)
        for name, flat in given.items():
            self._check_given(name, flat)
        way = self._way(flats[0].names())
        for name in given:
            if name not in _USES[way]:
                msg = (
                    f"{type(self).__name__}: {name} is given, but COMBINE_TYPE {way} "
                    f"({COMBINE_TYPES[way]}) does not use it."
                )
                raise AweValueError(msg, remedy="Leave it out, or give another combine=.")
        night = flats[0].night
        self._complete(given, night, _USES[way])
        return self._unit(given, night)

    def _check_given(self, name, flat):
        """Refuse a flat that does not meet the task's other arguments."""
        contradictions = []
        for argument in ("instrument", "chip", "filter"):
            pattern, link = getattr(self, argument), getattr(flat, argument)
            has = None if link is None else link.name
            if pattern is not None and (has is None or not pattern_of(pattern).fullmatch(has)):
                contradictions.append(f"{argument} is {has}, not {pattern}")
        if self.date is not None and flat.night != self.date:
            contradictions.append(f"night is {flat.night:%Y-%m-%d}, not {self.date:%Y-%m-%d}")
        if contradictions:
            msg = (
                f"{type(self).__name__}: the {name} given, {flat!r}, contradicts the other "
                f"arguments: its {'; its '.join(contradictions)}."
            )
            raise AweValueError(msg, remedy="Leave those arguments out, or give another flat.")

    @classmethod
    def selected_classes(cls):
        """Give the classes of flats that are combined.

        Returns
        -------
        tuple of type
            Dome and twilight flats.
        """
        return (DomeFlatFrame, TwilightFlatFrame)

    def _unit(self, flats, night):
        first = next(iter(flats.values()))
        name = "" if first.filter is None else f" {first.filter.name}"
        label = f"{first.chip.name}{name} {night:%Y-%m-%d}"
        return Unit(label, {"flats": flats, "night": night, "overridden": self._given(flats)})

    def unit_again(self, product, sources):
        """Give the unit that makes a master flat again.

        Parameters
        ----------
        product : MasterFlatFrame
            One that the task has made.
        sources : dict of str to Product
            What takes the place of the flats that it was made of, by link.

        Returns
        -------
        Unit
            For the same flats, or for what takes their place.
        """
        flats = {name: sources.get(name) or getattr(product, name) for name in _CLASSES}
        return self._unit({n: f for n, f in flats.items() if f is not None}, product.night)

    def _given(self, flats):
        return [name for name in flats if getattr(self, name) is not None]

    def _flats(self, cls):
        query = cls.select_all() & (cls.instrument.name == self._instrument_name())
        for name in ("chip", "filter"):
            if getattr(self, name) is not None:
                query = query & getattr(cls, name).name.like(getattr(self, name))
        if self.date is not None:
            query = query & (cls.night == self.date)
        return self.good(query)

    def _complete(self, group, night, uses):
        """Add the nearest valid flat of the other kind, where the night has none."""
        present = next(iter(group.values()))
        middle = night + _MIDNIGHT
        for name in set(uses) - set(group):
            cls = _CLASSES[name]
            query = (
                (cls.chip == present.chip) & (cls.filter == present.filter)
                & (cls.readout == present.readout) & (cls.is_valid > 0)
                & (cls.timestamp_start <= middle) & (cls.timestamp_end > middle)
            )  # fmt: skip
            found = [f for f in query if not f.quality_flags & disqualifying_bits()]
            if found:
                # One made with another overscan method is refused where there is no better.
                group[name] = min(
                    found,
                    key=lambda f: (overscan_of(f) != overscan_of(present), nearness(night, f)),
                )

    def prepare(self, unit):
        """Prepare the flat of one CCD and filter.

        Parameters
        ----------
        unit : Unit
            With the dome and twilight flat.

        Returns
        -------
        list of Making
            One.
        """
        flats = unit.inputs["flats"]
        flat = self.with_validity(MasterFlatFrame(**flats))
        flat.take_from(list(flats.values()))
        flat.night = unit.inputs["night"]
        return [self.making(flat, unit.inputs["overridden"])]
