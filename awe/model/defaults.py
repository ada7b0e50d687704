"""Process parameters that instruments, filters and chips have instead of a class's own."""

from awe.process.parameters import parameters_class, set_defaults_source
from awe.store import registry

__all__ = ["defaults_for"]


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


set_defaults_source(defaults_for)
