"""Benchmark of targets: how long it takes to judge products, and to plan, without any pixels."""

import argparse
import contextlib
import datetime
import os
import sys
import tempfile
import time
from pathlib import Path

from awe.store.files import FileStore

__all__ = ["main"]

_CCDS, _NIGHTS, _EXPOSURES, _PLANNED = 32, 20, 313, 1000
_SMOKE = (4, 3, 12, 16)
_DAY = datetime.timedelta(days=1)
_FIRST = datetime.datetime(2012, 6, 1)


class _FilesElsewhere(FileStore):
    """A store of files in which every file is said to be, so that none need be written."""

    def place(self, filename, sha256):
        """Give a path that exists."""
        return self.folder


def main(argv=None):
    """Fill a store with nights of frames and products, judge and plan them, print the table.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 where all bars are kept, else 1; 0 after a smoke run.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few frames")
    given = parser.parse_args(argv)
    size = _SMOKE if given.smoke else (_CCDS, _NIGHTS, _EXPOSURES, _PLANNED)
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        rows = _measure(Path(folder), *size)
    print("| | number | CPU s | wall s | bar, s |\n|---|---|---|---|---|")
    for words, number, cpu, wall, bar in rows:
        print(f"| {words} | {number:,} | {cpu:.2f} | {wall:.2f} | {bar or ''} |")
    after = os.getloadavg()[0]
    print(f"\n{len(os.sched_getaffinity(0))} cores, load {before:.1f} before, {after:.1f} after.")
    kept = all(bar is None or cpu < bar for _, _, cpu, _, bar in rows)
    return 0 if given.smoke or kept else 1


def _measure(folder, ccds, nights, exposures, planned):
    from awe.recipes.ReduceTask import ReduceTask

    from awe.model import RawScienceFrame, ReducedScienceFrame
    from awe.process.uptodate import missing, uptodate
    from awe.store.context import Context

    def opened():
        context = Context(folder / "store", folder / "data", "me")
        context.files = _FilesElsewhere(folder / "data")
        return contextlib.closing(context)

    rows = []
    with opened() as context:
        rows.append(_timed("Fill the store", _fill, context, ccds, nights, exposures))
    with opened() as context:
        query = ReducedScienceFrame.select_all()
        rows.append(_timed("uptodate(query), cold", lambda: _all_good(uptodate(query)), bar=2.0))
        rows.append(_timed("uptodate(query), again", lambda: _all_good(uptodate(query)), bar=2.0))
        raws = RawScienceFrame.select_all()
        rows.append(_timed("missing(class, query)", lambda: len(raws) - len(missing(
            ReducedScienceFrame, raws))))  # fmt: skip
        bias = query[0].bias
        context.update_is_valid(bias, 0, "a light leak")
        rows.append(_timed("Suspects of one bias", lambda: len(query) - len(query.not_suspect())))
        context.update_is_valid(bias, 1, "none")
    with opened() as context:
        names = raws.order_by("DATE_OBS").table("filename")["filename"][:planned].tolist()
        task = ReduceTask(instrument="BENCH", raw_filenames=names)
        rows.append(_timed("task.plan()", lambda: len(task.plan().of("make")), bar=5.0))
    with opened() as context:
        frames = list(raws.order_by("DATE_OBS")[:planned])
        rows.append(_timed("targets(query, plan=True)", lambda: sum(
            u.class_name == "ReducedScienceFrame" and u.action == "use"
            for u in ReducedScienceFrame.targets(frames, plan=True)), bar=5.0))  # fmt: skip
    return rows


def _timed(words, function, *arguments, bar=None):
    cpu, wall = time.process_time(), time.perf_counter()
    number = function(*arguments)
    return words, number, time.process_time() - cpu, time.perf_counter() - wall, bar


def _all_good(answer):
    if not answer.all():
        msg = f"{(~answer).sum()} of {len(answer)} products are out of date; none should be."
        raise RuntimeError(msg)
    return len(answer)


# --- a store with everything but pixels ---


def _fill(context, ccds, nights, exposures):
    """Store raw frames and all their products; give the number of objects."""
    from awe.model import Chip, Filter, Instrument, Readout
    from awe.model.records import Amplifier

    instrument = Instrument.get_or_create(name="BENCH")
    band = Filter.get_or_create(name="r", instrument=instrument)
    amplifier = Amplifier(name="A", hdu=0, data=(0, 100, 0, 100), gain=2.0, read_noise=2.0)
    count = 0
    for number in range(ccds):
        chip = Chip.get_or_create(name=f"CCD_{number}", instrument=instrument)
        readout = Readout(chip=chip, mode="normal", amplifiers=[amplifier])
        common = {"instrument": instrument, "chip": chip, "readout": readout}
        count += _fill_ccd(context, common, band, nights, exposures)
    return count


def _fill_ccd(context, common, band, nights, exposures):
    from awe.recipes.BiasTask import BiasTask
    from awe.recipes.ColdPixelsTask import ColdPixelsTask
    from awe.recipes.DomeFlatTask import DomeFlatTask
    from awe.recipes.HotPixelsTask import HotPixelsTask
    from awe.recipes.MasterFlatTask import MasterFlatTask
    from awe.recipes.ReduceTask import ReduceTask
    from awe.recipes.TwilightFlatTask import TwilightFlatTask

    from awe.model import (
        RawBiasFrame,
        RawDomeFlatFrame,
        RawScienceFrame,
        RawTwilightFlatFrame,
    )

    raws = []
    for night in (_FIRST + n * _DAY for n in range(nights)):
        lit = {**common, "filter": band}
        for at in range(3):
            raws.append(_raw(RawBiasFrame, common, night, at))
            raws.append(_raw(RawDomeFlatFrame, lit, night, at))
            raws.append(_raw(RawTwilightFlatFrame, lit, night, at))
    for at in range(exposures):
        night = _FIRST + at % nights * _DAY
        raws.append(_raw(RawScienceFrame, {**common, "filter": band}, night, at))
    context.commit(*raws)
    count = len(raws)
    given = {"instrument": "BENCH", "chip": common["chip"].name}
    for recipe in (BiasTask, HotPixelsTask, DomeFlatTask, TwilightFlatTask, MasterFlatTask,
                   ColdPixelsTask, ReduceTask):  # fmt: skip
        count += _pretend(context, recipe(**given))
    return count


def _raw(cls, values, night, at):
    when = night + _DAY + datetime.timedelta(minutes=at)
    name = f"{cls.__name__}-{values['chip'].name}-{when:%Y%m%dT%H%M%S}.fits"
    return cls(
        **values, DATE_OBS=when, night=night, EXPTIME=30.0, OBJECT="FIELD", **_file(name)
    )  # fmt: skip


def _file(name):
    import hashlib

    return {
        "filename": name, "size": 1, "sha256": hashlib.sha256(name.encode()).hexdigest(),
        "globalname": name,
    }  # fmt: skip


def _pretend(context, task):
    """Store the products of a task without their pixels; give their number."""
    from awe.process.candidates import Candidates
    from awe.process.plan import choosing, foresee
    from awe.store.files import DataObject

    made = []
    with choosing(task, Candidates().choose):
        for unit in task.units():
            made += foresee(task.prepare(unit))
    for product in made:
        product.code_version = type(product).pixel_version
        product.made_in = 0.1
        if isinstance(product, DataObject):
            for name, value in _file(f"{type(product).__name__}-{product.object_id}.fits").items():
                setattr(product, name, value)
    context.commit(*made)
    return len(made)


if __name__ == "__main__":
    sys.exit(main())
