"""A complete night of full-size frames, from raw to reduced, and what it costs.

The exposures are simulated, and each is taken into the store and removed; then each CCD goes
through all recipes, one CCD in each process at a time.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from awe.base.errors import AweError

__all__ = ["main"]

STEPS = (
    "Bias", "HotPixels", "DomeFlat", "ColdPixels", "TwilightFlat", "MasterFlat", "Reduce",
)  # fmt: skip
_SMALL = (160, 128)
# Of a worker: its context and its memory when it began.
_worker = {}


def main(argv=None):
    """Make a night, reduce it and print the table.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 where everything was made and the store is whole, else 1.
    """
    given = _parser().parse_args(argv)
    if given.smoke:
        given.ccds, given.biases, given.flats, given.exposures, given.processes = 2, 3, 2, 1, 1
    folder = Path(tempfile.mkdtemp(prefix="awe-night-", dir=given.folder))
    try:
        answer = _measure(folder, given)
    finally:
        if not given.keep:
            shutil.rmtree(folder)
    print(_table(answer, given))
    if given.keep:
        print(f"\nThe night is in {folder}")
    if given.json:
        given.json.write_text(json.dumps(answer | {"folder": str(folder)}, indent=1) + "\n")
    return 0 if answer["whole"] else 1


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default, words in (
        ("ccds", 32, "CCDs of the mosaic"), ("biases", 10, "biases"),
        ("flats", 5, "dome flats, and twilight flats"), ("exposures", 5, "science exposures"),
        ("processes", 2, "processes"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N",
                            help=f"number of {words}; {default} by default")  # fmt: skip
    parser.add_argument("--folder", type=Path, help="where there is room for the store")
    parser.add_argument("--keep", action="store_true", help="keep the store and the night")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--smoke", action="store_true", help="a tiny night")
    return parser


def _measure(folder, given):
    """Do everything; give the figures."""
    from awe.pixels.ahead import compile_all

    # What only the first run after an installation waits for is no cost of a night.
    compile_all()
    begin = time.perf_counter()
    context = _open(folder)
    steps, disk = _take_raw(folder, given)
    chips = [str(name) for name in _chips()]
    context.close()
    start = time.perf_counter()
    workers = _run_workers(folder, chips, given.processes)
    seconds = time.perf_counter() - start
    for name in STEPS:
        each = [worker["steps"][name] for worker in workers]
        steps[name] = [sum(wall for wall, _ in each), sum(cpu for _, cpu in each)]
    disk.append(_size(folder))
    return {
        "steps": steps, "recipes": seconds, "seconds": time.perf_counter() - begin,
        "disk": max(disk) / 1e9, "left": disk[-1] / 1e9, "whole": _is_whole(folder, given),
        "memory": max(worker["peak"] for worker in workers),
        "more": max(worker["peak"] - worker["before"] for worker in workers),
    }  # fmt: skip


def _open(folder):
    import awe.model  # noqa: F401  declares the classes that a store holds
    from awe.store.context import Context

    return Context(folder / "store", folder / "data", "benchmark")


def _chips():
    from awe.model import RawScienceFrame

    return sorted(set(RawScienceFrame.select_all().table("chip.name")["chip.name"]))


def _take_raw(folder, given):
    """Simulate the exposures, ingest and remove each; give times and sizes."""
    from awe.recipes.IngestTask import IngestTask

    from awe.simulate import simulate_night
    from awe.simulate.layout import FULL_SHAPE

    start = time.perf_counter()
    # CCD by CCD through all exposures: what each CCD is like is made once.
    night = simulate_night(
        folder / "night", truth=False, processes=given.processes, ccds=given.ccds,
        biases=given.biases, domes=given.flats, twilights=given.flats, exposures=given.exposures,
        shape=_SMALL if given.smoke else FULL_SHAPE,
    )  # fmt: skip
    middle = time.perf_counter()
    print(f"{len(night.files)} exposures are simulated", file=sys.stderr)
    disk = [_size(folder)]
    for file in night.files:
        _execute(IngestTask(paths=[file], commit=True))
        disk.append(_size(folder))
        file.unlink()
        print(f"{file.name} is in the store", file=sys.stderr)
    ingested = time.perf_counter() - middle
    return {"simulate": [middle - start, None], "ingest": [ingested, None]}, disk


def _run_workers(folder, chips, processes):
    """Run all recipes for each CCD in processes of their own."""
    spawn = multiprocessing.get_context("spawn")
    answers = []
    with ProcessPoolExecutor(processes, spawn, _start, (folder,)) as pool:
        for chip, answer in zip(chips, pool.map(_reduce, chips), strict=True):
            answers.append(answer)
            print(f"{chip} is reduced", file=sys.stderr)
    return answers


def _start(folder):
    """Open the store in a worker."""
    _worker["context"] = _open(folder)
    _worker["before"] = _memory("VmRSS")


def _reduce(chip):
    """Run all recipes for a CCD; give wall and CPU time of each, and memory."""
    import importlib

    times = {}
    for name in STEPS:
        task = getattr(importlib.import_module(f"awe.recipes.{name}Task"), f"{name}Task")
        wall, cpu = time.perf_counter(), time.process_time()
        _execute(task(instrument="OMEGACAM", chip=chip, commit=True, folder=None))
        times[name] = (time.perf_counter() - wall, time.process_time() - cpu)
    return {"steps": times, "before": _worker["before"], "peak": _memory("VmHWM")}


def _execute(task):
    """Execute a task, and show what it says only where something fails."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            task.execute()
    except AweError:
        print(said.getvalue(), file=sys.stderr)
        raise
    if task.failures:
        print(said.getvalue(), file=sys.stderr)


def _memory(name):
    """Give the memory of this process in MB: VmRSS now, VmHWM at its peak."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    line = next(line for line in status.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1e3


def _size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _is_whole(folder, given):
    """Tell whether every frame was reduced and the store is whole."""
    from awe.model import ReducedScienceFrame
    from awe.store.verify import verify

    context = _open(folder)
    made = len(ReducedScienceFrame.select_all())
    troubles = verify(context)
    context.close()
    print(f"{made} reduced frames; verify: {troubles or 'nothing to report'}", file=sys.stderr)
    return made == given.ccds * given.exposures and not troubles


def _table(answer, given):
    """Give the figures as a table."""
    exposures = given.biases + 2 * given.flats + given.exposures
    lines = [
        f"A night of {given.biases} biases, {given.flats} + {given.flats} flats and "
        f"{given.exposures} science exposures of {given.ccds} CCDs, {given.processes} processes",
        "", "| step | wall time (s) | CPU time (s) | wall time of a CCD (s) |", "|---|--:|--:|--:|",
    ]  # fmt: skip
    for name, (wall, cpu) in answer["steps"].items():
        # Of the raw frames every one counts, of the products each CCD.
        counted = {"simulate": exposures, "ingest": exposures, "Reduce": given.exposures}
        each = wall / (given.ccds * counted.get(name, 1))
        cpu = "" if cpu is None else f"{cpu:.1f}"
        lines.append(f"| {name} | {wall:.1f} | {cpu} | {each:.2f} |")
    frames = given.ccds * given.exposures
    reducing = answer["steps"]["Reduce"][0] / given.processes
    return "\n".join([
        *lines, f"| all | {answer['seconds']:.1f} | | |", "",
        f"All recipes: {answer['recipes']:.1f} s for {given.ccds} CCDs, "
        f"{given.ccds / answer['recipes']:.2f} CCDs per second; "
        f"Reduce alone: {frames / reducing:.2f} CCDs per second.",
        f"Disk: {answer['disk']:.1f} GB at most, {answer['left']:.1f} GB at the end. Memory of a "
        f"process: {answer['memory']:.0f} MB at most, {answer['more']:.0f} MB above its start.",
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
