"""When each calibration is the one that is chosen, and when another one eclipses it."""

import itertools

import numpy as np

from awe.process.choice import nearness
from awe.process.flags import disqualifying_bits
from awe.process.parameters import parameters_class
from awe.store import registry

__all__ = ["competing", "serves_at_all", "serving_intervals"]

# By which calibrations are told apart where nothing says what depends on them.
_MATCH = ("instrument", "chip", "filter", "readout")


def serves_at_all(calibration):
    """Tell whether people and the system think that a calibration is good.

    Parameters
    ----------
    calibration : Product
        The calibration.

    Returns
    -------
    bool
        True for is_valid > 0 and no disqualifying flag.
    """
    return calibration.is_valid > 0 and not calibration.quality_flags & disqualifying_bits()


def competing(calibrations):
    """Group calibrations of a class into those of which one is chosen.

    Parameters
    ----------
    calibrations : iterable of Product
        Of one class.

    Returns
    -------
    dict of tuple to list of Product
        By ((criterion, value), ...): what must match where the class is depended on.
    """
    groups = {}
    for calibration in calibrations:
        match, parameters = _criteria_of(type(calibration))
        key = [(name, getattr(calibration, name)) for name in match]
        values = calibration.process_params if parameters else None
        key += [(name, getattr(values, name)) for name in parameters]
        groups.setdefault(tuple(key), []).append(calibration)
    return groups


def _criteria_of(cls):
    """Give the attributes and parameters by which a calibration is matched."""
    known = parameters_class(cls)
    for dependent in registry.all_classes():
        for dependency in getattr(dependent, "dependencies", ()):
            if cls.__name__ in dependency.class_names:
                shared = dependency.same_parameters if known is not None else ()
                return dependency.match, [n for n in shared if n in known._attributes]
    return tuple(n for n in _MATCH if n in cls._attributes), []


def serving_intervals(calibrations, nights):
    """Find when each calibration is chosen.

    Parameters
    ----------
    calibrations : sequence of Product
        Those of which one is chosen; `competing` gives them.
    nights : iterable of (datetime.datetime, datetime.datetime, datetime.datetime)
        Date, begin and end of each night to look at, in the order of time.

    Returns
    -------
    dict of str to list of (datetime.datetime, datetime.datetime)
        By object_id the intervals, start included and end not, in which it is chosen for a
        frame; empty for one that another eclipses always, or that is not good.
    """
    found = {c.object_id: [] for c in calibrations}
    good = [c for c in calibrations if serves_at_all(c)]
    starts = np.array([c.timestamp_start for c in good], dtype="datetime64[us]")
    ends = np.array([c.timestamp_end for c in good], dtype="datetime64[us]")
    for night, begin, end in nights:
        overlapping = (starts < np.datetime64(end)) & (ends > np.datetime64(begin))
        here = [good[at] for at in np.flatnonzero(overlapping)]
        times = {t for c in here for t in (c.timestamp_start, c.timestamp_end)}
        edges = sorted({begin, end, *(t for t in times if begin < t < end)})
        for first, last in itertools.pairwise(edges):
            serving = [c for c in here if c.timestamp_start <= first and c.timestamp_end >= last]
            if serving:
                best = min(serving, key=lambda c: nearness(night, c))
                _extend(found[best.object_id], first, last)
    return found


def _extend(intervals, first, last):
    if intervals and intervals[-1][1] == first:
        intervals[-1] = (intervals[-1][0], last)
    else:
        intervals.append((first, last))
