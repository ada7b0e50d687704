"""The page on MUSE exposures: what it shows is what comes."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from awe.recipes.MuseIngestTask import MuseIngestTask
from awe.recipes.ProcessExposureTask import ProcessExposureTask

import awe.model

_TOP = Path(__file__).resolve().parents[2]


def _lines(text):
    """Give each line that is typed with what is shown below it."""
    for block in re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^awe> ", block, flags=re.MULTILINE)[1:]:
            typed, _, shown = part.partition("\n")
            yield typed, shown.rstrip("\n")


def test_the_page_shows_what_comes(context, tmp_path, monkeypatch):
    """Each line works, in order, and prints what stands below it."""
    monkeypatch.chdir(tmp_path)
    names = {**vars(awe.model), "context": context, "MuseIngestTask": MuseIngestTask,
             "ProcessExposureTask": ProcessExposureTask}  # fmt: skip
    count = 0
    for typed, shown in _lines((_TOP / "docs" / "muse.md").read_text()):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(typed, "<page>", "single"), names)
        assert printed.getvalue().rstrip("\n") == shown, typed
        count += 1
    assert count > 15


def test_the_page_names_only_what_there_is():
    """Each attribute of the tables is one of Exposure or ProcessedExposure."""
    text = (_TOP / "docs" / "muse.md").read_text()
    rows = re.findall(r"^\| (`[a-z_0-9`, .]+)", text, re.MULTILINE)
    names = {n for row in rows for n in re.findall(r"`([a-z_0-9]+)`", row)}
    classes = (awe.model.Exposure, awe.model.ProcessedExposure)
    known = {name for cls in classes for name in (*cls._attributes, *cls._inverses)}
    assert "sky_comment_start" in names
    assert names <= known


@pytest.mark.heavy
def test_the_benchmark_runs(tmp_path):
    """On a few small exposures; the bars are for the real ones."""
    command = [sys.executable, str(_TOP / "benchmarks" / "muse.py"), "--smoke"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Collect 4 exposures" in done.stdout
