"""Benchmark of start-up: `awe -c` on a store of a million frames beside ipython and astropy."""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from awe_side import USER, AweSide
from frames import Survey
from query import Figures, fresh_environment, machine, store

__all__ = ["main"]

_BAR = 1.5
_AWE = "print(len(RawScienceFrame.select_all()))"
_OTHER = "import astropy.io.fits"


def main(argv=None):
    """Run both commands in turn and print the medians and their ratio.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 where awe takes at most 1.5 times as long, else 1; 0 after a smoke run.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--runs", type=int, default=15, metavar="N")
    parser.add_argument("--smoke", action="store_true", help="a short run, too short to judge by")
    parser.add_argument("--keep", type=Path, metavar="FOLDER",
                        help="use the store that query.py --keep has left there")  # fmt: skip
    given = parser.parse_args(argv)
    folder = given.keep or Path(tempfile.mkdtemp(prefix="awe-benchmark-"))
    try:
        home, rows = _store(folder, given.rows)
        times = _measure(folder, home, rows, 1 if given.smoke else given.runs)
    finally:
        if given.keep is None:
            shutil.rmtree(folder)
    ours, other = (1e3 * statistics.median(times[n]) for n in ("awe", "ipython"))
    ratio = ours / other
    print(f"""
| command | median of {len(times["awe"])} |
|---|---|
| `awe -c '{_AWE}'` with {rows:,} frames | {ours:.0f} ms |
| `ipython -c '{_OTHER}'` | {other:.0f} ms |
| ratio (bar: at most {_BAR}) | {ratio:.2f} |

{machine()}""")
    return 0 if ratio <= _BAR or given.smoke else 1


def _store(folder, rows):
    """Give the AWE_HOME with the survey, made where it is not there, and its number of frames."""
    side = AweSide(folder / f"awe_{rows}")
    try:
        if side.count == 0:
            store(side, Survey(rows), Figures(rows))
        return side.folder, side.count
    finally:
        side.close()


def _measure(folder, home, rows, runs):
    """Run both commands in turn and give their times in seconds."""
    environment = fresh_environment(folder, AWE_HOME=str(home), AWE_USER=USER)
    scripts = Path(sys.executable).parent
    commands = {
        "awe": [str(scripts / "awe"), "-c", _AWE],
        "ipython": [str(scripts / "ipython"), "-c", _OTHER],
    }
    times = {name: [] for name in commands}
    for run in range(runs + 1):
        for name, command in commands.items():
            began = time.perf_counter()
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            )
            # The first run compiles modules and brings the files into the page cache.
            if run:
                times[name].append(time.perf_counter() - began)
            if name == "awe" and done.stdout.split() != [str(rows)]:
                msg = f"awe printed {done.stdout!r} instead of {rows}"
                raise AssertionError(msg)
    return times


if __name__ == "__main__":
    sys.exit(main())
