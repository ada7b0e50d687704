"""Process parameters that instruments, filters and chips have instead of a class's own."""

from awe.base.errors import AweLookupError, did_you_mean
from awe.model.vocabulary import Chip, Filter, Instrument, Readout
from awe.process.parameters import parameters_class, set_defaults_source
from awe.store import current, registry

__all__ = ["defaults_for", "names_for"]


# Where a CCD has no overscan in x, the next best region it has.
_STANDARD_OVERSCAN = 6
_OVERSCAN_ORDER = (5, 2, 1, 8, 7, 4, 3, 0)


def _takes_overscan(class_name):
    record_class = parameters_class(registry.find_class(class_name))
    return "OVERSCAN_CORRECTION" in record_class._attributes


def defaults_for(class_name, names):
    """Give the defaults of an instrument for a class.

    Parameters
    ----------
    class_name : str
        The product's class.
    names : dict
        Names of 'instrument', 'filter' and 'chip', and the 'overscan_methods' that are
        possible, as far as they are known.

    Returns
    -------
    list of (str, dict)
        Origin and values, the weaker ones first.
    """
    from awe.instruments import parameters_of

    layers = []
    possible = names.get("overscan_methods")
    if possible and _STANDARD_OVERSCAN not in possible and _takes_overscan(class_name):
        best = next(m for m in _OVERSCAN_ORDER if m in possible)
        layers.append(("readout", {"OVERSCAN_CORRECTION": best}))
    if "instrument" not in names:
        return layers
    given = parameters_of(names["instrument"])
    layers.append(("instrument", given.get(class_name, {})))
    for what in ("filter", "chip"):
        special = given.get(what, {}).get(names.get(what), {})
        layers.append((what, special.get(class_name, {})))
    return layers


def names_for(names):
    """Check the names that a user gave, and find what follows from them.

    Parameters
    ----------
    names : dict
        Of 'instrument', 'filter' and 'chip', as far as they are given.

    Returns
    -------
    dict
        The same, and the 'overscan_methods' that are possible, where the store knows how the
        CCD, or every CCD of the instrument, is read out.

    Raises
    ------
    AweLookupError
        Neither the store nor the descriptions of instruments know one of them.
    """
    from awe.instruments import known, parameters_of

    if "instrument" not in names:
        return dict(names)
    name, has_store = names["instrument"], current.has_context()
    stored = [i.name for i in Instrument.select_all()] if has_store else []
    _check("instrument", name, [*stored, *known()])
    for what, cls in (("chip", Chip), ("filter", Filter)):
        there = (cls.instrument.name == name) if name in stored else ()
        special = parameters_of(name).get(what, {})
        # Of an instrument that was never ingested the names are not known.
        if what in names and len(there):
            _check(f"{what} of {name}", names[what], [*(each.name for each in there), *special])
    methods = _methods(name, names.get("chip")) if name in stored else None
    return dict(names) if methods is None else {**names, "overscan_methods": methods}


def _check(what, name, known):
    if name not in known:
        msg = f"There is no {what} {name!r}.{did_you_mean(name, known)}"
        raise AweLookupError(msg, remedy=f"There are: {', '.join(sorted(set(known)))}.")


def _methods(instrument, chip):
    """Give the overscan methods that every read-out of a CCD, or of all, allows; or None."""
    query = Readout.chip.instrument.name == instrument
    if chip is not None:
        query = query & (Readout.chip.name == chip)
    found = {readout.overscan_methods() for readout in query}
    return found.pop() if len(found) == 1 else None


set_defaults_source(defaults_for, names_for)
