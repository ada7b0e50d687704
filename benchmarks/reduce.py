"""Benchmark of the pixel chain and of combinations: awe beside ccdproc, astroscrappy, acstools."""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from reduce_awe import AweSide
from reduce_frames import make_frames
from reduce_naive import NaiveSide
from reduce_unit import measure_unit, prepare_unit

__all__ = ["main"]

_SIDES = {"awe": AweSide, "naive": NaiveSide}
_SHAPE, _SMALL = (4100, 2048), (330, 300)
_COUNTS, _FEW = (10, 50), (3, 5)
_BARS = {"chain": 50.0, 10: 45.0, 50: 30.0}
_BAR_SECONDS, _BAR_MEGABYTES, _BAR_TWO, _BAR_UNIT = 0.45, 600.0, 1.8, 0.7


def main(argv=None):
    """Run both sides, one after the other on one core, and print the tables.

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
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="of awe; the best counts")
    parser.add_argument("--naive-runs", type=int, default=1, metavar="N", help="of the others")
    parser.add_argument("--smoke", action="store_true", help="small frames, too small to judge by")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the frames there")
    parser.add_argument("--side", choices=_SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.side:
        _worker(given)
        return 0
    folder = given.keep or Path(tempfile.mkdtemp(prefix="awe-benchmark-"))
    folder.mkdir(exist_ok=True)
    counts = _FEW if given.smoke else _COUNTS
    try:
        if not (folder / f"bias_{max(counts) - 1:02d}.fits").exists():
            make_frames(folder, _SMALL if given.smoke else _SHAPE, max(counts))
        kept = _report(folder, given, counts)
    finally:
        if given.keep is None:
            shutil.rmtree(folder)
    return 0 if kept or given.smoke else 1


def _worker(given):
    """Do one part of one side in this process and print what was measured."""
    kind, _, number = given.part.partition(":")
    side = _SIDES[given.side](given.keep)
    if kind == "combine":
        answer = _measure_combination(side, int(number), given.runs)
    elif kind == "prepare":
        prepare_unit(given.keep, _SMALL if given.smoke else _SHAPE)
        answer = {}
    elif kind == "unit":
        answer = {"total": measure_unit(given.keep, given.runs), "peak": _peak()}
    elif kind == "chain":
        side.load()
        answer = _measure_chain(side, given.keep, given.runs)
    else:
        side.load()
        answer = _measure_wall(side, given.keep / f"worker{os.getpid()}", int(number))
    print(json.dumps(answer))


def _peak():
    """Give the peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _measure_chain(side, out, runs):
    """Measure the CPU time of each step of the chain in seconds; the best of some runs."""
    best, total = {}, np.inf
    for _ in range(runs + (runs > 1)):
        times = {}
        for name, step in side.steps(out):
            start = time.process_time()
            step()
            times[name] = time.process_time() - start
        best = {name: min(value, best.get(name, np.inf)) for name, value in times.items()}
        total = min(total, sum(times.values()))
    return {"steps": best, "total": total, "peak": _peak(), "result": side.result()}


def _measure_combination(side, count, runs):
    """Measure the CPU time of a combination in seconds; the best of some runs."""
    side.combine(3)
    before, best = _peak(), np.inf
    for _ in range(runs):
        start = time.process_time()
        made = side.combine(count)
        best = min(best, time.process_time() - start)
    more = _peak() - before
    return {"total": best, "peak": _peak(), "more": more, "median": float(np.median(made))}


def _measure_wall(side, out, count):
    """Reduce some CCDs as soon as the other side says so; give the seconds that passed."""
    out.mkdir()
    for _, step in side.steps(out):
        step()
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.perf_counter()
    for _ in range(count):
        for _, step in side.steps(out):
            step()
    return {"wall": time.perf_counter() - start}


def _start(folder, side, part, runs, core, *more):
    """Start a worker on one core."""
    command = [sys.executable, str(Path(__file__).resolve()), "--side", side, "--part", part,
               "--keep", str(folder), "--runs", str(runs), *more]  # fmt: skip
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )  # fmt: skip


def _run(folder, side, part, runs, core, *more):
    """Run a worker and give its answer."""
    process = _start(folder, side, part, runs, core, *more)
    printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{side} failed in {part}.")
    return json.loads(printed.splitlines()[-1])


def _run_together(folder, cores, count):
    """Reduce some CCDs on some cores at the same time; give the seconds that passed."""
    workers = [_start(folder, "awe", f"wall:{count}", 1, core) for core in cores]
    for worker in workers:
        worker.stdout.readline()
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return max(json.loads(worker.communicate()[0])["wall"] for worker in workers)


def _bandwidth():
    """Measure how many bytes a copy of a large array moves in a second on one core."""
    source = np.ones(1 << 25, dtype=np.float32)
    target = np.empty_like(source)
    best = np.inf
    for _ in range(7):
        start = time.process_time()
        np.copyto(target, source)
        best = min(best, time.process_time() - start)
    return 2 * source.nbytes / best


def _bytes_moved(shape):
    """Count the bytes that the chain must move at least: each plane once, files as well."""
    pixels = shape[0] * shape[1]
    raw = 2 * (shape[0] + 100) * (shape[1] + 96)
    planes = 4 * pixels * 5 + 3 * pixels
    files = 2 * 4 * pixels
    return raw + planes + files


def _run_unit(folder, given, runs, core):
    """Measure a whole unit in a store of its own, in a process that has made nothing before."""
    unit = folder / "unit"
    if not unit.exists():
        unit.mkdir()
        _run(unit, "awe", "prepare", 1, core, *(["--smoke"] if given.smoke else []))
    return _run(unit, "awe", "unit", runs, core)


def _report(folder, given, counts):
    """Measure all and print the tables; give whether the bars were kept."""
    cores = sorted(os.sched_getaffinity(0))
    core = cores[-1]
    runs = 2 if given.smoke else given.runs
    ours = _run(folder, "awe", "chain", runs, core)
    naive = _run(folder, "naive", "chain", given.naive_runs, core)
    ratio = naive["total"] / ours["total"]
    print("| step | awe, CPU s | ccdproc, astroscrappy, acstools | ratio |\n|---|---|---|---|")
    for name, seconds in ours["steps"].items():
        print(_row(name, seconds, naive["steps"][name]))
    print(_row("**whole chain**", ours["total"], naive["total"]))
    print(f"| peak memory, MB | {ours['peak']:.0f} | {naive['peak']:.0f} | |")
    unit = _run_unit(folder, given, runs, core)
    print(f"| whole unit, with maps, SHA-256, error planes, commit | {unit['total']:.4f} | | |")
    print(f"| - its peak memory, MB | {unit['peak']:.0f} | | |")
    kept = [
        ratio >= _BARS["chain"], ours["total"] <= _BAR_SECONDS, ours["peak"] <= _BAR_MEGABYTES,
        unit["total"] <= _BAR_UNIT, unit["peak"] <= _BAR_MEGABYTES,
    ]  # fmt: skip
    for count in counts:
        part = f"combine:{count}"
        mine = _run(folder, "awe", part, runs, core)
        theirs = _run(folder, "naive", part, given.naive_runs, core)
        print(_row(f"combination of {count}", mine["total"], theirs["total"]))
        print(f"| - memory above that of 3, MB | {mine['more']:.0f} | {theirs['more']:.0f} | |")
        kept.append(theirs["total"] / mine["total"] >= _BARS.get(count, 0))
    print(f"""
Found: {ours["result"]}; the others: {naive["result"]}.
Bars: chain {_BARS["chain"]:.0f} times and {_BAR_SECONDS} s, {_BAR_MEGABYTES:.0f} MB, whole \
unit {_BAR_UNIT} s, combination of 10 {_BARS[10]:.0f} times, of 50 {_BARS[50]:.0f} times, two \
processes {_BAR_TWO} times.""")
    shape = _SMALL if given.smoke else _SHAPE
    rate, moved = _bandwidth(), _bytes_moved(shape)
    print(
        f"Memory: {rate / 1e9:.1f} GB/s; the chain must move {moved / 1e6:.0f} MB, in "
        f"{1e3 * moved / rate:.1f} ms: it takes {ours['total'] * rate / moved:.0f} times as long."
    )
    if len(cores) > 1:
        count = 1 if given.smoke else 4
        alone = _run_together(folder, cores[-1:], count)
        together = _run_together(folder, cores[-2:], count)
        gain = 2 * alone / together
        print(f"Two processes on two cores reduce {gain:.2f} times as many CCDs a second as one.")
        kept.append(gain >= _BAR_TWO)
    print(f"\n{_machine()}")
    return all(kept)


def _row(name, ours, theirs):
    return f"| {name} | {ours:.4f} | {theirs:.3f} | {theirs / ours:.1f} |"


def _machine():
    """Say in one line where this was measured."""
    import numba

    return (
        f"{os.cpu_count()} cores ({platform.processor() or platform.machine()}), Python "
        f"{platform.python_version()}, NumPy {np.__version__}, numba {numba.__version__}; CPU time "
        "of one core, except for the two processes."
    )


if __name__ == "__main__":
    sys.exit(main())
