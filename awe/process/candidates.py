"""Many choices of calibrations at once: the candidates of each kind are looked up once."""

import bisect
import datetime
import functools
import operator
import typing

from awe.base.utc import from_microseconds, to_microseconds
from awe.process.choice import (
    FOREVER_START,
    choose,
    criteria,
    nearness,
    shared_parameters,
)
from awe.process.flags import disqualifying_bits
from awe.store import DBObject, registry

__all__ = ["Candidates", "reference"]


def reference(value):
    """Give what stands for a value as part of a key.

    Parameters
    ----------
    value : object
        A plain value, or an object of the store, new or not.

    Returns
    -------
    object
        The value, or the number of the object, or its object_id where it is new.
    """
    if not isinstance(value, DBObject):
        return value
    return getattr(value, "_packed", 0) or value.object_id


class _Frame:
    """What criteria ask of a frame."""

    def __init__(self, names, values):
        self.__dict__.update(zip(names, values, strict=True))
        # The interval is not asked: one look serves frames of all times.
        self.DATE_OBS = FOREVER_START


class _Candidate(typing.NamedTuple):
    """What the order of choice asks of a calibration, read once."""

    timestamp_start: datetime.datetime
    timestamp_end: datetime.datetime
    night: datetime.datetime
    creation_date: datetime.datetime
    object_id: str
    calibration: object


_READ = operator.attrgetter(*_Candidate._fields[:-1])


class _Group:
    """The candidates of one kind that serve equal frames, whatever their times."""

    def __init__(self, calibrations):
        self._all = [_Candidate(*_READ(c), c) for c in calibrations]
        edges = {t for c in self._all for t in (c.timestamp_start, c.timestamp_end)}
        self.edges = sorted(map(to_microseconds, edges))
        self._answers = {}

    def best(self, when, night):
        """Give the best that is valid at a time, or None; both in microseconds."""
        if not self._all:
            return None
        key = (bisect.bisect_right(self.edges, when), night)
        if key not in self._answers:
            time = from_microseconds(when)
            serve = [c for c in self._all if c.timestamp_start <= time < c.timestamp_end]
            self._answers[key] = _nearest(serve, from_microseconds(night))
        return self._answers[key]

    def newest(self, night):
        """Give the newest of a night, or None."""
        key = ("newest", night)
        if key not in self._answers:
            date = from_microseconds(night)
            self._answers[key] = _nearest([c for c in self._all if c.night == date], date)
        return self._answers[key]


def _nearest(candidates, date):
    best = min(candidates, key=lambda c: nearness(date, c), default=None)
    return None if best is None else best.calibration


class Candidates:
    """Chooses as `awe.process.choice.choose` does; what it has looked up stays until `clear`."""

    def __init__(self):
        self._groups = {}
        self._left_out = set()

    def leave_out(self, calibration):
        """Choose a calibration no more.

        Parameters
        ----------
        calibration : Product
            The calibration.
        """
        self._left_out.add(reference(calibration))
        self.clear()

    def clear(self):
        """Forget all: the store has changed."""
        self._groups.clear()

    def choose(self, frame, dependency, parameters=None):
        """Choose the calibration of a frame.

        Parameters
        ----------
        frame, dependency, parameters
            As for `awe.process.choice.choose`.

        Returns
        -------
        Product or None
            As `awe.process.choice.choose`.

        Raises
        ------
        CalibrationNotFound
            None meets all criteria.
        """
        matched = tuple(getattr(frame, name, None) for name in dependency.match)
        when, night = to_microseconds(frame.DATE_OBS), to_microseconds(frame.night)
        groups = self.groups(dependency, matched, parameters)
        found = next(filter(None, (group.best(when, night) for group in groups)), None)
        if found is None and dependency.required:
            return choose(frame, dependency, parameters)
        return found

    def groups(self, dependency, matched, parameters):
        """Give all candidates for what is equal in the attributes to match.

        Parameters
        ----------
        dependency : Dependency
            What is needed.
        matched : tuple
            The values of the attributes to match.
        parameters : ProcessParameters or None
            Those of the product.

        Returns
        -------
        list of group
            Of each class, the preferred one first: valid ones without disqualifying flags. Their
            `best(when, night)` is valid at a time, their `newest(night)` is of a night; both take
            microseconds.
        """
        found = []
        for class_name in dependency.class_names:
            cls = registry.find_class(class_name)
            shared = shared_parameters(cls, dependency, parameters)
            # Dependencies are declared once: their identity tells them apart, and costs nothing.
            key = (
                id(dependency), class_name, tuple(map(reference, matched)),
                tuple(getattr(parameters, name) for name in shared),
            )  # fmt: skip
            if key not in self._groups:
                self._groups[key] = _Group(self._look(dependency, cls, matched, parameters))
            found.append(self._groups[key])
        return found

    def _look(self, dependency, cls, matched, parameters):
        asked = criteria(_Frame(dependency.match, matched), dependency, cls, parameters)
        del asked["interval"]
        query = functools.reduce(operator.and_, asked.values())
        bits = disqualifying_bits()
        return [
            c for c in query
            if not c.quality_flags & bits and reference(c) not in self._left_out
        ]  # fmt: skip
