"""The progress bar."""

import io
import os
import sys

import pytest

from awe.base.progress import set_reporter, track
from awe.view import bars


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def reporter():
    """Enter the bar as reporter for one test."""
    set_reporter(bars.report)
    yield
    set_reporter(None)


def test_line_tells_what_how_far_how_fast_and_how_long_still():
    text = bars.line("IngestTask", 40, 160, 20.0)
    assert text == "IngestTask [#######.......................] 40/160  2.0/s  1:00 left"
    assert bars.line("IngestTask", 160, 160, 20.0).endswith("160/160  8.0/s  in 0:20")
    assert bars.line("Read", 500, None, 5.0) == "Read: 500  100/s  0:05"


@pytest.mark.parametrize("width", [10, 20, 40, 79, 200])
def test_line_fits_the_terminal(width):
    assert len(bars.line("A long name of some work", 99999, 1000000, 9999.0, width)) <= width


def test_quick_work_shows_nothing(reporter, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(track(range(5), "Quick")) == [0, 1, 2, 3, 4]
    assert sys.stderr.getvalue() == ""


def test_slow_work_draws_one_line_on_a_terminal(reporter, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(bars, "_AFTER", 0.0)
    monkeypatch.setattr(bars, "_EVERY", 0.0)
    assert list(track(iter("abc"), "Slow", total=3)) == ["a", "b", "c"]
    written = sys.stderr.getvalue()
    assert written.count("\n") == 1
    assert written.endswith("\n")
    assert written.count("\r") >= 3
    assert "3/3" in written.split("\r")[-1]


def test_log_file_gets_one_line_for_each_step(reporter, monkeypatch, tmp_path):
    with open(tmp_path / "run.log", "w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        list(track(range(40), "Read headers"))
        list(track(range(7), "Ingest"))
        list(track([], "Nothing to do"))
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert [line.split("  ")[0] for line in lines] == ["Read headers: 40/40", "Ingest: 7/7"]
    assert all("/s  in 0:00" in line for line in lines)


def test_log_of_a_long_step_tells_now_and_then_how_far_it_is(reporter, monkeypatch, tmp_path):
    monkeypatch.setattr(bars, "_LOG_EVERY", 0.0)
    with open(tmp_path / "run.log", "w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        list(track([1, 2], "Slow"))
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]


def test_log_of_a_job_gets_one_line_for_each_step(reporter, tmp_path):
    from awe.dpu.logs import JobLog

    log = JobLog(tmp_path / "job.log")
    with log.capture("unit 1"):
        list(track(range(3), "Stack"))
    (line,) = log.read()[0]
    assert "unit 1 | Stack: 3/3 " in line


def test_log_of_the_local_twin_keeps_the_last_state_only():
    from awe.dpu.local import _Tee

    lines = []
    tee = _Tee(Terminal(), lines)
    print("\rReduce 1/2   \rReduce 2/2   ", file=tee)
    assert [line.partition(" | ")[2] for line in lines] == ["Reduce 2/2"]


def test_pipe_gets_nothing(reporter, monkeypatch):
    monkeypatch.setattr(bars, "_AFTER", 0.0)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        assert list(track(range(5), "Slow")) == [0, 1, 2, 3, 4]
    with os.fdopen(reader) as stream:
        assert stream.read() == ""


def test_pseudo_terminal_gets_rate_and_time_left(reporter, monkeypatch):
    monkeypatch.setattr(bars, "_AFTER", 0.0)
    monkeypatch.setattr(bars, "_EVERY", 0.0)
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        list(track(range(4), "Ingest"))
        written = ""
        while not written.endswith("\n"):
            written += os.read(master, 10000).decode()
    os.close(master)
    states = [part.split("] ")[1].rstrip() for part in written.split("\r")[1:5]]
    assert [state.split()[0] for state in states] == ["1/4", "2/4", "3/4", "4/4"]
    assert all("/s" in state for state in states)
    assert states[0].endswith(" left")
    assert written.endswith("\n")


def test_bar_ends_its_line_when_the_work_fails(reporter, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(bars, "_AFTER", 0.0)

    def work():
        for _item in track([1, 2, 3], "Failing"):
            if _item == 2:
                raise KeyError

    with pytest.raises(KeyError):
        work()
    import gc

    gc.collect()
    assert sys.stderr.getvalue().endswith("\n")
