"""The schedule of one job: which of its units can be done, and which never can."""

import collections
import heapq

from awe.dpu.jobs import FINAL

__all__ = ["JobSchedule"]

_WAITING = ("queued", "lost")


class JobSchedule:
    """Which units of a job are ready.

    A unit waits until all units of the same CCD in the steps that it needs have ended. One that
    failed blocks those of its filter.

    Parameters
    ----------
    needs : list of list of int
        Of each step the steps that it needs, directly or not. Of a step that needs itself the
        units of a CCD are done one after the other.
    """

    def __init__(self, needs):
        self.needs = needs
        self._pending = collections.Counter()
        self._groups = {""}
        self._failed = collections.defaultdict(dict)
        self._closed = collections.defaultdict(list)
        self._ready = []
        self._busy = set()

    def add(self, units):
        """Take in units.

        Parameters
        ----------
        units : iterable of DpuUnit
            In any state but 'running'.
        """
        for unit in units:
            place = (unit.step, unit.group)
            self._groups.add(unit.group)
            if unit.state in FINAL:
                if unit.state != "done":
                    self._note_failure(unit)
                continue
            self._pending[place] += 1
            self._closed[place].append(unit)

    def open(self):
        """Look which units have nothing to wait for any more.

        Returns
        -------
        list of (DpuUnit, DpuUnit)
            Units that are blocked, each with the one that failed. They count as ended.
        """
        blocked, changed = [], True
        while changed:
            changed = False
            for place in [p for p in self._closed if self._is_open(p)]:
                for unit in self._closed.pop(place):
                    culprit = self._culprit(unit)
                    if culprit is None:
                        heapq.heappush(self._ready, (unit.number, unit.kind, id(unit), unit))
                    else:
                        blocked.append((unit, culprit))
                        self._pending[place] -= 1
                        self._note_failure(unit)
                        changed = True
        return blocked

    def next(self):
        """Give the next unit that is ready.

        Returns
        -------
        DpuUnit or None
            The first of the job; None where all wait or are gone.
        """
        passed_over, found = [], None
        while self._ready and found is None:
            entry = heapq.heappop(self._ready)
            if self._place_alone(entry[-1]) in self._busy:
                passed_over.append(entry)
            else:
                found = entry[-1]
        for entry in passed_over:
            heapq.heappush(self._ready, entry)
        if found is not None and (place := self._place_alone(found)) is not None:
            self._busy.add(place)
        return found

    def _place_alone(self, unit):
        """Give where a unit must be the only one that runs, or None."""
        return (unit.step, unit.group) if unit.step in self.needs[unit.step] else None

    def give_back(self, unit):
        """Let a unit be ready again, whose worker was lost.

        Parameters
        ----------
        unit : DpuUnit
            The unit.
        """
        self._busy.discard(self._place_alone(unit))
        heapq.heappush(self._ready, (unit.number, unit.kind, id(unit), unit))

    def ended(self, unit, state):
        """Note that a unit has ended.

        Parameters
        ----------
        unit : DpuUnit
            The unit.
        state : str
            Its last state.
        """
        self._pending[(unit.step, unit.group)] -= 1
        self._busy.discard(self._place_alone(unit))
        if state != "done":
            self._note_failure(unit)

    @property
    def is_over(self):
        """Whether no unit waits or runs."""
        return not any(self._pending.values())

    def _note_failure(self, unit):
        self._failed[(unit.step, unit.group)].setdefault(unit.beam, unit)

    def _places(self, step, group):
        """Give where the units are that those of a step and a CCD wait for."""
        groups = (group, "") if group else self._groups
        needs = [needed for needed in self.needs[step] if needed != step]
        return [(needed, each) for needed in needs for each in groups]

    def _is_open(self, place):
        return not any(self._pending[p] for p in self._places(*place))

    def _culprit(self, unit):
        """Give the failed unit for which a unit cannot be done, or None."""
        if unit.kind == "select":
            # It finds what there is; what was made of it is judged one by one.
            return None
        for place in self._places(unit.step, unit.group):
            for beam, failed in self._failed.get(place, {}).items():
                if not beam or not unit.beam or beam == unit.beam:
                    return failed
        return None
