"""The progress bar."""

import io
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


def test_log_gets_whole_lines(reporter, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(bars, "_LOG_EVERY", 0.0)
    list(track([1, 2], "Slow"))
    assert [line.split()[2] for line in sys.stderr.getvalue().splitlines()][:2] == ["1/2", "2/2"]
    assert "\r" not in sys.stderr.getvalue()


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
