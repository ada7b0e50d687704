"""Benchmark of the DPU: overhead of a unit, speed-up, long queues and memory; pool and dask."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["main"]

_SHAPE, _SMALL = (4200, 2144), (330, 300)
_UNITS, _QUEUE, _FRAMES = 1000, 10_000, 8
_BARS = {"overhead": 10.0, "speed-up": 1.8, "queue": 2.0}
_RECIPES = '''
"""Recipes of the benchmark."""

from awe.process import Argument, Task, Unit


class EmptyTask(Task):
    """Do nothing."""

    arguments = (Argument("count", "how many units", 1),)

    def units(self):
        return [Unit(str(i), {"number": i}) for i in range(self.count)]

    def make(self, unit, folder):
        return []
'''


def main(argv=None):
    """Measure each executor in a process of its own and print the table.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 where all bars of the pool are kept, else 1; 0 after a smoke run.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few units and small frames")
    parser.add_argument("--executors", nargs="+", default=["pool", "dask"], metavar="NAME")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.side:
        print(json.dumps(_measure(given.smoke)))
        return 0
    before = os.getloadavg()[0]
    sides = {name: _run_side(name, given.smoke) for name in given.executors}
    rows = [
        ("Overhead of an empty unit, ms", "overhead", 10.0),
        (f"Submit {_QUEUE:,} units, s", "submit", 2.0),
        (f"Status of {_QUEUE:,} queued units, s", "status", 2.0),
        (f"Cancel {_QUEUE:,} queued units, s", "cancel", 2.0),
        (f"{_FRAMES} Reduce units of {_SHAPE[1]}x{_SHAPE[0]}, 1 worker, s", "one", None),
        ("The same with 2 workers, s", "two", None),
        ("Speed-up", "speed-up", 1.8),
        ("Peak memory of a worker, MB", "memory", None),
    ]
    print("| | " + " | ".join(sides) + " | bar |\n|---|" + "---|" * (len(sides) + 1))
    for words, key, bar in rows:
        cells = " | ".join(f"{side[key]:.3g}" for side in sides.values())
        print(f"| {words} | {cells} | {'' if bar is None else bar} |")
    after = os.getloadavg()[0]
    print(f"\n{len(os.sched_getaffinity(0))} cores, load {before:.1f} before, {after:.1f} after.")
    print("Where others work as well the speed-up means nothing.")
    return 0 if given.smoke or all(map(_keeps, sides.values())) else 1


def _keeps(side):
    quick = all(side[name] <= _BARS["queue"] for name in ("submit", "status", "cancel"))
    return (
        quick
        and side["overhead"] <= _BARS["overhead"]
        and side["speed-up"] >= _BARS["speed-up"]
    )  # fmt: skip


def _run_side(name, smoke):
    """Measure one executor in a fresh AWE_HOME."""
    folder = Path(tempfile.mkdtemp(prefix="awe-benchmark-"))
    (folder / "home" / "recipes").mkdir(parents=True)
    (folder / "home" / "recipes" / "bench.py").write_text(_RECIPES)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWE_")}
    environment = {
        **kept, "AWE_HOME": str(folder / "home"), "AWE_USER": "bench",
        "AWE_DPU_EXECUTOR": name, "MPLBACKEND": "agg",
    }  # fmt: skip
    command = [sys.executable, __file__, "--side", name, *(["--smoke"] if smoke else [])]
    try:
        done = subprocess.run(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])
    finally:
        shutil.rmtree(folder)


def _measure(smoke):
    from awe.dpu.control import DpuHome
    from awe.dpu.processor import Processor
    from awe.prompt import namespace

    context = namespace.open_session()
    dpu = Processor("awe.prompt.namespace:open_session")
    desk = DpuHome()
    try:
        found = _queue(dpu, desk, _QUEUE // 10 if smoke else _QUEUE)
        _start(desk, context, 2)
        # The first units wait for the workers' modules.
        dpu.wait(dpu.run("Empty", count=4))
        units = _UNITS // 10 if smoke else _UNITS
        found["overhead"] = dpu.wait(dpu.run("Empty", count=units)).elapsed / units * 1000
        _night(_SMALL if smoke else _SHAPE)
        for name, workers in (("one", 1), ("two", 2)):
            _start(desk, context, workers)
            # Compiled code is loaded before the clock runs.
            dpu.wait(dpu.run("Reduce", instrument="OMEGACAM"))
            job = dpu.run("Reduce", instrument="OMEGACAM", commit=True)
            found[name] = dpu.wait(job).elapsed
            found["memory"] = _peak_memory()
        found["speed-up"] = found["one"] / found["two"]
    finally:
        desk.stop()
        context.close()
    return found


def _start(desk, context, workers):
    desk.stop()
    desk.start(context, "awe.prompt.namespace:open_session", workers)
    desk.wait_until_ready()


def _queue(dpu, desk, count):
    """Measure a long queue that nobody works on yet."""
    dpu._start = lambda desk: None
    try:
        seconds = {"submit": time.perf_counter()}
        job = dpu.run("Empty", count=count)
        seconds["status"] = time.perf_counter()
        repr(dpu.get_status())
        seconds["cancel"] = time.perf_counter()
        dpu.cancel_job(job)
        end = time.perf_counter()
    finally:
        del dpu._start
    starts = [*seconds.values(), end]
    return {name: b - a for name, a, b in zip(seconds, starts, starts[1:], strict=False)}


def _night(shape):
    from awe.recipes.IngestTask import IngestTask

    from awe.dpu.local import LocalProcessor
    from awe.simulate import simulate_night

    simulate_night(
        "night", ccds=2, shape=shape, biases=3, domes=2, twilights=2, exposures=_FRAMES // 2
    )
    IngestTask(paths=["night"], commit=True).execute()
    chain = "Bias>DomeFlat>TwilightFlat>MasterFlat"
    LocalProcessor().run(chain, instrument="OMEGACAM", commit=True, folder=None)


def _peak_memory():
    """Give the greatest peak of memory among the workers, in megabytes."""
    peaks = [0.0]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            environment = (folder / "environ").read_bytes()
            status = (folder / "status").read_text()
        except OSError:
            continue
        if b"forkserver" in command and os.environ["AWE_HOME"].encode() in environment:
            peaks += [int(line.split()[1]) / 1024 for line in status.splitlines()
                      if line.startswith("VmHWM")]  # fmt: skip
    return max(peaks)


if __name__ == "__main__":
    sys.exit(main())
