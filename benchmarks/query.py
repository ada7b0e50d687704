"""Benchmark of queries and of storing: awe beside SQLAlchemy and PonyORM, both on SQLite."""

import argparse
import gc
import importlib.metadata
import json
import math
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from awe_side import AweSide
from frames import CHIPS, PER_TEMPLATE, Survey
from pony_side import PonySide
from sqlalchemy_side import SqlAlchemySide

from awe.base.progress import track

__all__ = ["main"]

_BATCH = 10_000
_PONY_ROWS = 10_000
_BUDGET = 3.0

# Name: (what it is, unit, bar on awe's figure and the best peer's, text of the bar).
MEASURES = {
    "bulk_commit": ("storing in bulk", "frames/s",
                    lambda a, p: a >= 10_000, ">= 10,000/s (aim 20,000)"),
    "bulk": ("constructing the objects and storing them", "frames/s",
             lambda a, p: a >= 10_000, ">= 10,000/s (aim 20,000)"),
    "single": ("commit of one frame, median", "ms", lambda a, p: a <= 5, "<= 5 ms"),
    "single_p99": ("commit of one frame, 99 %", "ms", None, ""),
    "four_len": ("four terms, len", "ms", lambda a, p: a <= p, "<= best peer"),
    "four_len_again": ("four terms, len, asked again", "ms", None, ""),
    "four_objects": ("four terms, objects", "ms", lambda a, p: a <= p, "<= best peer"),
    "most_own": ("len, is_valid > 0", "ms", lambda a, p: 3 * a <= p, ">= 3 x faster"),
    "most_own_again": ("len, is_valid > 0, asked again", "ms", None, ""),
    "most_link": ("len, instrument.name != ...", "ms", lambda a, p: 3 * a <= p, ">= 3 x faster"),
    "most_link_again": ("len, instrument.name != ..., asked again", "ms", None, ""),
    "range": ("len, range of DATE_OBS and EXPTIME", "ms",
              lambda a, p: 10 * a <= p, ">= 10 x faster"),
    "range_again": ("len, range of DATE_OBS and EXPTIME, asked again", "ms", None, ""),
    "table": ("table of three columns, all rows", "ms",
              lambda a, p: 10 * a <= p, ">= 10 x faster"),
    "max": ("max('DATE_OBS')", "ms", None, ""),
    "cold": ("four terms in a new process", "ms",
             lambda a, p: a <= p + 100, "<= best peer + 100 ms"),
}  # fmt: skip


class Figures:
    """What was measured on stores of one size.

    Parameters
    ----------
    rows : int
        The number of frames.
    """

    def __init__(self, rows):
        self.rows = rows
        self.values = {}
        self.answers = {}

    def put(self, measure, side, value):
        """Keep a figure."""
        self.values.setdefault(measure, {})[side] = value

    def compare(self, measure, side, answer):
        """Compare an answer with that of the side that was asked first."""
        first = self.answers.setdefault(measure, (side, answer))
        if first[1] != answer:
            msg = f"{measure}: {first[0]} and {side} differ on {self.rows} frames"
            raise AssertionError(msg)

    def missed(self):
        """Give the measures of which the bar is missed."""
        return [m for m in self.values if self.verdict(m) == "**no**"]

    def verdict(self, measure):
        """Tell whether a bar is met: 'yes', '**no**' or '' where there is none."""
        bar = MEASURES[measure][2]
        if bar is None:
            return ""
        awe, peer = self.values[measure]["awe"], self.best_peer(measure)
        return "yes" if bar(awe, peer) else "**no**"

    def best_peer(self, measure):
        """Give the best figure of the others."""
        best = max if MEASURES[measure][1] == "frames/s" else min
        return best(v for n, v in self.values[measure].items() if n != "awe")

    def table(self):
        """Give the table as Markdown."""
        lines = [
            f"### {self.rows:,} frames",
            "",
            "| | unit | awe | SQLAlchemy | PonyORM | best peer / awe | bar | met |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for measure, (text, unit, _, bar) in MEASURES.items():
            if measure not in self.values:
                continue
            of = self.values[measure]
            cells = [_number(of.get(n)) for n in ("awe", "SQLAlchemy", "PonyORM")]
            ratio = self.best_peer(measure) / of["awe"]
            if unit == "frames/s":
                ratio = 1 / ratio
            row = [text, unit, *cells, f"{ratio:.2g}", bar, self.verdict(measure)]
            lines.append("| " + " | ".join(row) + " |")
        return "\n".join(lines)


def _number(value):
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


# --- what is measured ---


def store(side, survey, figures, most=None):
    """Store the survey in bulk and keep the rates.

    Parameters
    ----------
    side : AweSide, SqlAlchemySide or PonySide
        Where.
    survey : Survey
        What.
    figures : Figures
        Takes ``bulk`` and ``bulk_commit``.
    most : int, optional
        Store only so many frames. By default all.
    """
    rows = survey.rows if most is None else min(most, survey.rows)
    building = committing = 0.0
    starts = range(0, rows, _BATCH)
    for first in track(starts, f"Store with {side.name}"):
        values = survey.frames(first, min(first + _BATCH, rows))
        began = time.perf_counter()
        made = side.build(survey, values)
        built = time.perf_counter()
        side.commit(made)
        committing += time.perf_counter() - built
        building += built - began
    figures.put("bulk", side.name, rows / (building + committing))
    figures.put("bulk_commit", side.name, rows / committing)


def single(side, survey, figures, count):
    """Commit frames one by one and keep median and 99th percentile.

    Parameters
    ----------
    side : AweSide, SqlAlchemySide or PonySide
        Where.
    survey : Survey
        The frames that follow those in the store belong to its next exposures.
    figures : Figures
        Takes ``single`` and ``single_p99``.
    count : int
        How many frames.
    """
    times = []
    for number in range(*_extra(survey, count)):
        values = survey.frames(number, number + 1)
        made = side.build(survey, values)
        began = time.perf_counter()
        side.commit(made)
        times.append(1e3 * (time.perf_counter() - began))
    times.sort()
    figures.put("single", side.name, statistics.median(times))
    figures.put("single_p99", side.name, times[math.ceil(0.99 * count) - 1])


def warm(side, survey, figures, budget):
    """Ask every query many times in one process and keep the medians.

    Parameters
    ----------
    side : AweSide, SqlAlchemySide or PonySide
        Who is asked.
    survey : Survey
        What it holds.
    figures : Figures
        Takes the medians, and the answers to compare.
    budget : float
        Seconds for each query.
    """
    for measure, ask in side.queries(survey).items():
        answer = ask()
        if measure == "table":
            answer = sorted(zip(*side.comparable_table(answer), strict=True))
        figures.compare(measure, side.name, answer)
        del answer
        figures.put(measure, side.name, _median(ask, budget, side.forget))
        if f"{measure}_again" in MEASURES:
            figures.put(f"{measure}_again", side.name, _median(ask, budget, lambda: None))


def _median(ask, budget, before):
    """Give the median time of a query in milliseconds; ``before`` is done first, not timed."""
    gc.collect()
    times, end = [], time.perf_counter() + budget
    while len(times) < 3 or (time.perf_counter() < end and len(times) < 2000):
        before()
        began = time.perf_counter()
        answer = ask()
        times.append(time.perf_counter() - began)
        del answer
    return 1e3 * statistics.median(times)


def fresh_environment(folder, **more):
    """Give the environment of a new process that finds its modules compiled, as installed ones are.

    Parameters
    ----------
    folder : pathlib.Path
        Takes the compiled modules.
    **more : str
        Further variables.

    Returns
    -------
    dict of str to str
        The environment.
    """
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "compiled"), **more}


def cold(sides, figures, runs, folder):
    """Run the four-term query in new processes, one side after the other, and keep the medians.

    Parameters
    ----------
    sides : dict of str to (list of str, dict)
        Command and environment variables by side.
    figures : Figures
        Takes ``cold``.
    runs : int
        Processes for each side.
    folder : pathlib.Path
        Takes compiled modules.
    """
    times = {name: [] for name in sides}
    for run in range(runs + 1):
        for name, (command, environment) in sides.items():
            began = time.perf_counter()
            done = subprocess.run(
                command, env=fresh_environment(folder, **environment),
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            # The first run compiles modules and brings the files into the page cache.
            if run:
                times[name].append(1e3 * (time.perf_counter() - began))
            figures.compare("cold", name, done.stdout)
    for name, of in times.items():
        figures.put("cold", name, statistics.median(of))


# --- the run ---


def measure(rows, folder, smoke):
    """Store a survey with each side, ask each, and compare.

    Parameters
    ----------
    rows : int
        The number of frames.
    folder : pathlib.Path
        Where the stores lie; those that are there are used again.
    smoke : bool
        Whether to be quick rather than exact.

    Returns
    -------
    Figures
        What was measured.
    """
    survey, figures = Survey(rows), Figures(rows)
    notes = folder / f"stored_{rows}.json"
    known = json.loads(notes.read_text()) if notes.exists() else {}
    budget, runs, singles = (0.02, 1, 10) if smoke else (_BUDGET, 9, 200)
    processes = {}
    for make in (_awe, _sqlalchemy, _pony):
        side = make(folder, survey, figures, singles)
        try:
            stored = {m: of[side.name] for m, of in figures.values.items() if side.name in of}
            known.setdefault(side.name, stored)
            for name, value in known[side.name].items():
                figures.put(name, side.name, value)
            warm(side, survey, figures, budget)
            processes[side.name] = (side.cold_command, side.cold_environment)
        finally:
            side.close()
    cold(processes, figures, runs, folder)
    notes.write_text(json.dumps(known))
    return figures


def _awe(folder, survey, figures, singles):
    side = AweSide(folder / f"awe_{survey.rows}")
    if side.count == 0:
        store(side, survey, figures)
        single(side, survey, figures, singles)
    return side


def _sqlalchemy(folder, survey, figures, singles):
    side = SqlAlchemySide(folder / f"peers_{survey.rows}.sqlite")
    if side.count == 0:
        side.create()
        store(side, survey, figures)
        single(side, survey, figures, singles)
        side.analyse()
    return side


def _pony(folder, survey, figures, singles):
    """Store a part with Pony in tables of its own; it is asked on those of SQLAlchemy."""
    path = folder / f"pony_{survey.rows}.sqlite"
    if not path.exists():
        tables = SqlAlchemySide(path)
        tables.create()
        tables.commit(tables.build(survey, survey.frames(0, min(_PONY_ROWS, survey.rows)))[:-1])
        tables.commit(tables.build(survey, survey.frames(*_extra(survey, singles)))[:-1])
        tables.close()
        side = PonySide(path)
        store(side, survey, figures, _PONY_ROWS)
        single(side, survey, figures, singles)
        side.close()
    return PonySide(folder / f"peers_{survey.rows}.sqlite")


def _extra(survey, count):
    """Give the run of frames that are stored one by one: they begin a template."""
    run = CHIPS * PER_TEMPLATE
    first = -(-survey.rows // run) * run
    return first, first + count


def machine():
    """Give the machine and the versions as a line of Markdown."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [n for n in info.read_text().splitlines() if n.startswith("model name")]
        cpu = names[0].split(":")[1].strip() if names else cpu
    versions = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    for name in ("awe", "numpy", "ZODB", "RelStorage", "SQLAlchemy", "pony"):
        versions.append(f"{name} {importlib.metadata.version(name)}")
    return f"{os.cpu_count()} cores, {cpu}; {', '.join(versions)}."


_NOTES = """\
Medians of many runs; warm queries in one process, each query built anew. SQLAlchemy stores through
its core and answers counts and tables through it (faster than its ORM), objects through its ORM.
PonyORM stores the first 10,000 frames in tables of its own and is asked on those of SQLAlchemy.
Both peers have an index on every link, on DATE_OBS, EXPTIME, OBJECT, is_valid and night, a unique
one on filename, ANALYZE, a write-ahead log with synchronous=FULL as awe, and a cache of 128 MB.
awe also keeps projects and privileges, and hides what the user may not see; the peers do not.
awe remembers the count of an equal condition while nothing changes in the store; the rows without
"asked again" forget it before each call. The peers remember no answers.
"""


def main(argv=None):
    """Run the benchmark and print its tables.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 where every bar is met, else 1; a smoke run is too small to tell and gives 0.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", metavar="N",
                        help="by default 10,000 100,000 1,000,000; a short run 2,000")  # fmt: skip
    parser.add_argument("--smoke", action="store_true", help="a short run, too short to judge by")
    parser.add_argument("--keep", type=Path, metavar="FOLDER",
                        help="keep the stores there, and use those that are there")  # fmt: skip
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to a file")
    given = parser.parse_args(argv)
    sizes = given.rows or ([2_000] if given.smoke else [10_000, 100_000, 1_000_000])
    folder = given.keep or Path(tempfile.mkdtemp(prefix="awe-benchmark-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        all_figures = [measure(rows, folder, given.smoke) for rows in sizes]
    finally:
        if given.keep is None:
            shutil.rmtree(folder)
    text = "\n\n".join([*(f.table() for f in all_figures), machine(), _NOTES])
    print(text)
    if given.markdown is not None:
        given.markdown.write_text(text)
    missed = any(f.missed() for f in all_figures)
    return 1 if missed and not given.smoke else 0


if __name__ == "__main__":
    sys.exit(main())
