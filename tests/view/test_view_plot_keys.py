"""Plots under the pointer: what it finds, the keys, and points without number."""

import numpy as np
import pytest
from matplotlib.backend_bases import KeyEvent, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from plots_made import COUNT

from awe.view import plots
from awe.view.plot_values import read
from awe.view.points import Points

# --- the pointer and the keys ---


@pytest.fixture
def window(frames, figures):
    """Give a plot on a canvas that takes events."""
    frames.plot("DATE_OBS", "level", by="chip.name", save="x.png")
    figure = figures[0]
    FigureCanvasAgg(figure).draw()
    figure.awe_window.connect()
    return figure.awe_window


def click(window, x, y, button=1):
    """Press a button of the mouse at a point of the data."""
    canvas = window.figure.canvas
    at = window.points.axes.transData.transform((x, y))
    MouseEvent("button_press_event", canvas, *at, button)._process()


def key(window, name, x=0.0, y=0.0):
    """Type a key over a point of the data."""
    at = window.points.axes.transData.transform((x, y))
    KeyEvent("key_press_event", window.figure.canvas, name, *at)._process()


def test_click_on_a_point_prints_its_object(window, frames, capsys):
    points = window.points
    at = int(np.flatnonzero(points.y == 22.0)[0])
    capsys.readouterr()
    click(window, points.x[at], points.y[at])
    assert capsys.readouterr().out == f"{frames[22]!r}\n"
    assert window.chosen is frames[22]
    assert window.said.startswith(repr(frames[22]))


def test_click_beside_all_points_says_so(window, capsys):
    capsys.readouterr()
    click(window, window.points.x[0], 50.0)
    assert capsys.readouterr().out == ""
    assert "no point" in window.said
    click(window, window.points.x[0], window.points.y[0], button=3)
    assert capsys.readouterr().out == ""


def test_i_inspects_the_chosen_object(window, frames, capsys, monkeypatch):
    from awe.view import frames as inspecting

    shown = []
    points = window.points
    key(window, "i", points.x[0], 50.0)
    assert "no point" in window.said
    with monkeypatch.context() as patch:
        patch.setattr(inspecting, "inspect", lambda obj, **_: shown.append(obj))
        key(window, "i", points.x[3], points.y[3])
    assert shown == [frames[3]]
    # What has no picture prints what is known of it.
    capsys.readouterr()
    key(window, "i", points.x[3], points.y[3])
    assert "OBJECT" in capsys.readouterr().out


@pytest.mark.heavy
def test_other_keys_do_what_the_list_says(window, tmp_path, capsys):
    key(window, "?")
    assert "print the object under the pointer" in window.listed
    key(window, "?")
    assert window.listed is None
    key(window, "p")
    assert (tmp_path / "PlotFrame_plot.png").exists()
    assert "PlotFrame_plot.png" in window.said
    key(window, "L")
    assert window.points.axes.get_yscale() == "linear"


@pytest.mark.heavy
def test_wheel_zooms_about_the_pointer(window):
    axes = window.points.axes
    x, y = window.points.x[10], window.points.y[10]
    before = axes.transLimits.transform((x, y))
    wide = np.ptp(axes.get_xlim())
    at = axes.transData.transform((x, y))
    MouseEvent("scroll_event", window.figure.canvas, *at, "up", step=1)._process()
    assert np.isclose(np.ptp(axes.get_xlim()), 0.8 * wide)
    assert np.allclose(axes.transLimits.transform((x, y)), before, atol=2e-3)


# --- many points ---


def test_of_very_many_points_what_the_screen_shows_is_drawn():
    from matplotlib.figure import Figure

    count = 300_000
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, count))
    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    points = Points(axes, x, y, np.arange(count), np.arange(count) % 4, ["r", "g", "b", "k"])
    axes.set_xlim(-5, 5)
    axes.set_ylim(-5, 5)
    points.update()
    assert 5000 < points.drawn < 40_000
    # Each colour keeps its share: none lies over all the others.
    shares = [len(line.get_xdata()) / points.drawn for line in axes.lines]
    assert max(abs(share - 0.25) for share in shares) < 0.03
    # Each point that is not drawn has one of its cell that is.
    canvas.draw()
    ink = np.asarray(canvas.buffer_rgba())[..., :3].min(axis=2) < 200
    at = axes.transData.transform(np.column_stack([x, y]))
    inside = (np.abs(x) < 4.9) & (np.abs(y) < 4.9)
    rows = ink.shape[0] - 1 - at[inside, 1].astype(int)
    columns = at[inside, 0].astype(int)
    near = np.zeros(len(rows), bool)
    for shift in range(-3, 4):
        for other in range(-3, 4):
            near |= ink[rows + shift, columns + other]
    assert near.all()
    # Nearer, all are there.
    axes.set_xlim(-0.05, 0.05)
    axes.set_ylim(-0.5, 0.5)
    assert points.drawn == ((np.abs(x) <= 0.05) & (np.abs(y) <= 0.5)).sum()


def test_values_are_read_without_loading_objects(frames, monkeypatch):
    from awe.store import current

    def no_object(*_):
        raise AssertionError

    monkeypatch.setattr(type(current.session()), "get", no_object)
    assert read(frames, "imstat.median").is_missing().sum() == 12
    assert plots.Colours(read(frames, "chip.name"), COUNT).words == ["CCD 0", "CCD 1", "CCD 2"]
