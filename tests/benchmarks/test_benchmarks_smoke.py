"""The benchmarks run on small stores and compare the answers of all sides."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def run(tmp_path):
    """Give the function that runs one benchmark and gives what it printed."""

    def run_one(name, *arguments):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWE_")}
        environment["AWE_HOME"] = str(tmp_path / "home")
        command = [sys.executable, str(_FOLDER / name), *arguments, "--smoke"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_one


@pytest.mark.parametrize("rows", [1200])
@pytest.mark.heavy
def test_query_benchmark_compares_all_sides(run, tmp_path, rows):
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("pony")
    table = tmp_path / "table.md"
    keep = tmp_path / "stores"
    arguments = ("--rows", str(rows), "--keep", str(keep), "--markdown", str(table))
    printed = run("query.py", *arguments)
    assert table.read_text().strip() == printed.strip()
    for text in ("four terms, objects", "table of three columns", "four terms in a new process"):
        row = next(line for line in printed.splitlines() if line.startswith(f"| {text}"))
        cells = [cell.strip() for cell in row.split("|")[3:6]]
        assert all(float(cell.replace(",", "")) > 0 for cell in cells), row
    # A second run takes the stores as they are, and their figures of storing.
    before = (keep / f"awe_{rows}" / "store").stat().st_ino
    again = run("query.py", *arguments)
    assert (keep / f"awe_{rows}" / "store").stat().st_ino == before
    bulk = [line for line in printed.splitlines() if line.startswith("| storing in bulk")]
    assert bulk[0] in again.splitlines()


@pytest.mark.heavy
def test_startup_benchmark_gives_a_ratio(run):
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("pony")
    printed = run("startup.py", "--rows", "1200")
    ratio = next(line for line in printed.splitlines() if line.startswith("| ratio"))
    assert float(ratio.split("|")[2]) > 0
    assert "with 1,200 frames" in printed


@pytest.mark.heavy
def test_night_benchmark_reduces_a_night_and_cleans_up(run, tmp_path):
    figures = tmp_path / "figures.json"
    printed = run("night.py", "--folder", str(tmp_path), "--json", str(figures))
    told = json.loads(figures.read_text())
    assert told["whole"] is True
    assert set(told["steps"]) >= {"simulate", "ingest", "Bias", "TwilightFlat", "Reduce"}
    for name, (wall, _) in told["steps"].items():
        row = next(line for line in printed.splitlines() if line.startswith(f"| {name} |"))
        assert float(row.split("|")[2]) == pytest.approx(wall, abs=0.06)
    assert 0 < told["left"] <= told["disk"]
    assert "of 2 CCDs" in printed
    assert list(tmp_path.glob("awe-night-*")) == []


@pytest.mark.heavy
def test_targets_benchmark_judges_and_plans(run):
    printed = run("targets.py")
    for text in ("uptodate(query), cold", "task.plan()", "targets(query, plan=True)"):
        assert any(line.startswith(f"| {text} |") for line in printed.splitlines()), printed
