"""A plot in a real window: click, keys, wheel."""

import datetime

import numpy as np
import pytest
from frames_made import WHEN, raw_frame, star_field
from matplotlib import pyplot as plt
from screens import Hand, screen_of_this_process, why_no_window

from awe import view
from awe.base.environment import Environment
from awe.model import RawScienceFrame
from awe.store import current, open_context

_WHY = why_no_window()
pytestmark = [pytest.mark.heavy, pytest.mark.skipif(_WHY is not None, reason=str(_WHY))]


@pytest.fixture(scope="module")
def hand(tmp_path_factory):
    """Give a hand over a plot of three frames, the last of which has lost its file."""
    folder = tmp_path_factory.mktemp("plot")
    view.enter()
    open_context(Environment(folder, str(folder / "store"), str(folder / "data"), "ada"))
    times = [WHEN + datetime.timedelta(hours=k) for k in range(3)]
    data = star_field()
    made = [raw_frame(folder, data + k, name=f"raw{k}.fits", when=t) for k, t in enumerate(times)]
    path = made[2].path()
    path.chmod(0o600)
    path.unlink()
    server = screen_of_this_process()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", server.display)
        plt.switch_backend("tkagg")
        # A line of the prompt has ended: nothing holds a snapshot.
        RawScienceFrame.select_all().plot("DATE_OBS", "EXPTIME", by="OBJECT", block=False)
        current.context().session.end()
        yield Hand(plt.figure(plt.get_fignums()[-1]))
        plt.close("all")
        plt.switch_backend("agg")
    current.context().close()


def point(hand, at):
    """Move the pointer to a point."""
    points = hand.window.points
    hand.move(points.x[at], points.y[at], points.axes)


def click(hand, at):
    """Click on a point."""
    point(hand, at)
    hand._send.press(hand._at)
    hand._send.release(hand._at)
    hand.wait()


def test_click_prints_the_object_and_marks_the_point(hand, capsys):
    click(hand, 1)
    said = capsys.readouterr().out
    assert said.startswith("<RawScienceFrame")
    assert said == f"{hand.window.chosen!r}\n"
    assert hand.window.chosen.filename == "raw1.fits"
    ring = hand.window.points.axes.lines[-1]
    assert ring.get_xydata().tolist() == [[hand.window.points.x[1], 30.0]]


def test_i_opens_the_window_of_the_frame(hand):
    before = set(plt.get_fignums())
    point(hand, 0)
    hand.key("i")
    (new,) = set(plt.get_fignums()) - before
    assert "raw0.fits" in plt.figure(new).get_suptitle()
    plt.close(new)


def test_i_on_a_frame_without_a_file_says_so_in_the_window(hand):
    before = plt.get_fignums()
    point(hand, 2)
    hand.key("i")
    assert "file" in hand.window.said
    assert plt.get_fignums() == before


def test_keys_of_matplotlib_are_off_and_the_wheel_zooms(hand):
    axes = hand.window.points.axes
    point(hand, 1)
    wide = np.ptp(axes.get_xlim())
    for key in ("l", "k", "g"):
        hand.key(key)
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "linear")
    hand.wheel(2)
    assert np.isclose(np.ptp(axes.get_xlim()), 0.64 * wide)


def test_question_mark_lists_and_q_closes(hand):
    hand.key("?")
    assert "inspect it" in hand.window.listed
    number = hand.figure.number
    hand.key("q")
    assert number not in plt.get_fignums()
