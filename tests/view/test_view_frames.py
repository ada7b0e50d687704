"""What `inspect()` does without a screen: pictures, figures, lists, bad input, CCDData, SAMP."""

import os

import matplotlib
import numpy as np
import pytest
from frames_made import SKY, bias, flat, raw_frame, reduced, star_field
from matplotlib import pyplot as plt
from reference_pictures import difference, write

from awe import view
from awe.base.errors import AweError, AweTypeError, AweValueError
from awe.model import RawScienceFrame
from awe.model.looking import inspect as inspect_function
from awe.store import DBObject, persistent
from awe.view import inspect_still
from awe.view.frames import figure_of, inspect

matplotlib.use("agg")


class ViewFrame(DBObject):
    """A frame with pixels in memory."""

    abstract = False
    filename = persistent("File", str)
    EXPTIME = persistent("Exposure time", float, unit="s")
    pixels = persistent("The image", np.ndarray)

    @property
    def data(self):
        """The pixels."""
        return self.pixels


class ViewWithoutPixels(DBObject):
    """Something without pixels."""

    abstract = False


def frame(data, **values):
    """Give a frame with some pixels."""
    return ViewFrame(pixels=np.asarray(data), filename="night.fits", EXPTIME=30.0, **values)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Work in an empty folder, without a screen."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return folder


def pixels_of(figure):
    """Draw a figure and give its pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(float)


# --- pictures ---


def test_without_screen_a_picture_is_written_and_its_path_printed(folder, capsys):
    data = np.random.default_rng(1).normal(100, 5, (300, 200)).astype("f4")
    path = inspect(frame(data))
    assert path == folder / "night_inspect.png"
    assert capsys.readouterr().out == f"Picture: {path}\n"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("name", "magic"), [("x.pdf", b"%PDF"), ("x.png", b"\x89PNG")])
def test_the_file_can_be_chosen(folder, name, magic):
    path = inspect(frame(np.arange(12.0).reshape(3, 4)), save=folder / name)
    assert path.read_bytes().startswith(magic)


def test_figure_is_given_to_scripts_and_belongs_to_no_window(context, tmp_path):
    view.enter()
    figure = raw_frame(tmp_path).figure()
    assert isinstance(figure, matplotlib.figure.Figure)
    assert plt.get_fignums() == []
    title = figure.get_suptitle()
    assert "RawScienceFrame raw.fits" in title
    assert "FIELD, R, CCD_1, 2012-06-01 08:51:44, 30 s" in title.replace("\n", " ")
    (one,) = figure.awe_window.views
    assert one.axes.get_xlim() == (-0.5, 179.5)
    assert one.axes.get_ylim() == (-0.5, 199.5)
    assert 850 < one.low < SKY < one.high < 1300


def test_the_picture_shows_the_frame(folder):
    """Image comparison, by what must be where: the greys of the pixels themselves."""
    data = star_field()
    figure = figure_of(frame(data))
    drawn = pixels_of(figure)
    (one,) = figure.awe_window.views
    greys = (np.clip((data - one.low) / (one.high - one.low), 0, 1) * 255).round()
    height = drawn.shape[0]
    for column, row in ((100, 60), (40, 120), (150, 150), (10, 10), (170, 30), (90, 190)):
        x, y = one.axes.transData.transform((column, row))
        assert abs(drawn[height - 1 - int(y), int(x), 0] - greys[row, column]) <= 2
    again = pixels_of(figure_of(frame(data)))
    assert np.abs(again - drawn).max() == 0
    other = pixels_of(figure_of(frame(data[::-1])))
    assert np.abs(other - drawn).mean() > 1


def reference_figures(folder):
    """Give the figures whose greys are kept in reference_pictures.json."""
    raw = raw_frame(folder)
    return {
        "raw": raw.figure(),
        "marked": raw.figure(mask=True),
        "bias": bias().figure(),
        "flat": flat().figure(),
        "several": figure_of([raw, reduced(raw)]),
    }


@pytest.mark.heavy
def test_pictures_are_those_that_were_looked_at(context, tmp_path):
    """Image comparison with kept greys; AWE_KEEP_PICTURES=1 keeps those of today instead."""
    view.enter()
    figures = reference_figures(tmp_path)
    if os.environ.get("AWE_KEEP_PICTURES"):
        write(figures)
    for name, figure in figures.items():
        mean, most = difference(figure, name)
        assert mean < 0.01, name
        assert most < 0.15, name
    # A picture that is upside down, without its stars or without its colour bar is found.
    (one,) = figures["raw"].awe_window.views
    one.axes.invert_yaxis()
    assert difference(figures["raw"], "raw")[1] > 0.15
    one.axes.invert_yaxis()
    one.set_limits(0, 1e5)
    assert difference(figures["raw"], "raw")[0] > 0.01
    assert difference(figures["flat"], "bias")[0] > 0.01


@pytest.mark.heavy
def test_parts_that_do_not_change_are_drawn_once(context, tmp_path, monkeypatch):
    """What is put back must be what would be drawn."""
    view.enter()
    figure = bias().figure()
    window = figure.awe_window
    first = pixels_of(figure)
    drawn = []
    for axes in window.panel_axes:
        axes.add_artist(_Counter(drawn))
    pixels_of(figure)
    count = len(drawn)
    assert count == len(window.panel_axes)
    (one,) = window.views
    one.axes.set_xlim(10, 20)
    moved = pixels_of(figure)
    assert len(drawn) == count
    half = first.shape[1] * 6 // 10
    np.testing.assert_array_equal(moved[:, half:], first[:, half:])
    assert np.abs(moved[:, :half] - first[:, :half]).max() > 50
    # A look at the sizes only must not be taken for a picture.
    figure.savefig(tmp_path / "tight.png", bbox_inches="tight")
    figure.savefig(tmp_path / "x.pdf")
    one.show_all()
    np.testing.assert_array_equal(pixels_of(figure), first)
    window.panel_axes[0].set_title("another")
    one.set_limits(0, 20)
    changed = pixels_of(figure)
    assert np.abs(changed[:, half:] - first[:, half:]).max() > 50
    assert len(drawn) > count
    box = one.bar.ax.get_tightbbox()
    bar = [part[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] for part in (
        changed[::-1], first[::-1])]  # fmt: skip
    assert np.abs(bar[0] - bar[1]).max() > 50
    window.set_title("Something else\nin two lines " + 20 * "of many words ")
    window.message("Said.")
    kept = pixels_of(figure)
    window.message("Said again.")
    window.panel()[0].plot([1, 3, 2])
    again = pixels_of(figure)
    window.message("Said.")
    window.open_page()
    window.panel_axes[0].set_title("another")
    assert np.abs(again - kept).max() > 50
    again = pixels_of(figure)
    monkeypatch.setattr(inspect_still, "_keeps_pixels", lambda renderer: False)
    np.testing.assert_array_equal(pixels_of(figure), again)
    np.testing.assert_array_equal(again, kept)


class _Counter(matplotlib.artist.Artist):
    """Nothing to be seen, but it notes that it was drawn."""

    def __init__(self, drawn):
        super().__init__()
        self._drawn = drawn

    def draw(self, renderer):
        """Note it."""
        self._drawn.append(renderer)


def test_a_large_frame_is_shown_at_the_resolution_of_the_screen_and_full_when_zoomed():
    data = np.random.default_rng(1).normal(1000, 10, (3000, 1500)).astype("f4")
    data[1500, 700] = 1e6
    figure = figure_of(frame(data))
    pixels_of(figure)
    (one,) = figure.awe_window.views
    ny, nx = one.layer.get_array().shape
    assert 300 < ny < 1600
    assert nx < 900
    one.axes.set_xlim(690, 710)
    one.axes.set_ylim(1490, 1510)
    pixels_of(figure)
    shown = one.layer.get_array()
    assert shown.shape[0] <= 24
    assert shown.max() == 1e6
    x0, _, y0, _ = one.layer.get_extent()
    np.testing.assert_array_equal(
        shown, data[int(y0 + 0.5) :, int(x0 + 0.5) :][: shown.shape[0], : shown.shape[1]]
    )


@pytest.mark.heavy
def test_single_bad_pixels_of_maps_and_weights_are_seen_in_the_whole_picture(context):
    from frames_made import product

    from awe.model import HotPixelMap, WeightFrame

    bad = np.zeros((1600, 1600), dtype=bool)
    places = [(100, 200), (801, 803), (1500, 77)]
    for row, column in places:
        bad[row, column] = True
    hot = HotPixelMap()
    hot.keep_map(bad)
    weights = product(WeightFrame, np.where(bad, 0, 0.004).astype("f4"), frame=None)
    for figure in (figure_of(hot), figure_of(weights)):
        drawn = pixels_of(figure)
        (one,) = figure.awe_window.views
        for row, column in places:
            x, y = one.axes.transData.transform((column, row))
            up = drawn.shape[0] - 1 - int(y)
            near = drawn[up - 2 : up + 3, int(x) - 2 : int(x) + 3, 0]
            assert near.min() < 0.6 * np.median(near), (row, column)


def test_mask_marks_pixels_by_colour_in_a_picture(context, tmp_path):
    view.enter()
    raw = raw_frame(tmp_path)
    plain, marked = raw.figure(), raw.figure(mask=True)
    full = int((raw.data >= 35000).sum())
    assert marked.awe_window.legend_words == [f"saturated: {full}"]
    difference = np.abs(pixels_of(plain) - pixels_of(marked)).sum(axis=2)
    assert (difference > 100).sum() > 20


# --- several frames ---


def test_lists_and_queries_are_shown_side_by_side_or_in_turn(context, tmp_path):
    view.enter()
    frames = [raw_frame(tmp_path, star_field(seed=n), name=f"r{n}.fits") for n in range(3)]
    query = RawScienceFrame.filename.like("r*.fits")
    figure = figure_of(query)
    views = figure.awe_window.views
    assert [v.obj for v in views] == frames
    assert len({v.axes for v in views}) == 3
    views[0].axes.set_xlim(10, 20)
    assert views[2].axes.get_xlim() == (10, 20)
    blinked = figure_of(frames, blink=True).awe_window
    (one,) = blinked.views
    for n in (1, 2, 0):
        one.blink(blinked.blinked)
        blinked.show_again(one)
        assert blinked.figure.get_suptitle().startswith(f"RawScienceFrame r{n}.fits")
        np.testing.assert_array_equal(one.data, frames[n].data)


@pytest.mark.heavy
def test_pictures_of_queries_and_lists_are_written(context, tmp_path):
    view.enter()
    frames = [raw_frame(tmp_path, star_field(seed=n), name=f"r{n}.fits") for n in range(2)]
    query = RawScienceFrame.filename.like("r*.fits")
    assert query.inspect(save=tmp_path / "q.png").exists()
    assert inspect_function(frames, save=tmp_path / "l.png").exists()


def test_of_several_frames_one_whose_file_is_gone_says_so_in_its_place(context, tmp_path):
    view.enter()
    frames = [raw_frame(tmp_path, star_field(seed=n), name=f"g{n}.fits") for n in range(2)]
    frames[1].path().chmod(0o600)
    frames[1].path().unlink()
    figure = figure_of(frames)
    texts = [t.get_text() for v in figure.awe_window.views for t in v.axes.texts]
    assert any("g1.fits" in t and "is missing" in t for t in texts)
    with pytest.raises(AweError, match=r"g1\.fits of .* is missing"):
        frames[1].inspect(save=tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def test_empty_query_and_what_is_no_frame(context, folder):
    with pytest.raises(AweValueError, match="nothing to show"):
        inspect(RawScienceFrame.filename == "none")
    for nothing in ([None], []):
        with pytest.raises(AweValueError, match="nothing to show"):
            inspect(nothing)
    for wrong, words in (
        (7, "7 cannot be shown: it is no frame"),
        (np.zeros((3, 3)), "ndarray is no frame of the store"),
        (RawScienceFrame, "RawScienceFrame is a class"),
    ):
        with pytest.raises(AweTypeError, match=words):
            inspect(wrong)
    assert list(folder.iterdir()) == []


# --- bad input ---


@pytest.mark.heavy
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1)])
def test_small_and_thin_frames(folder, shape):
    assert inspect(frame(np.ones(shape))).exists()


@pytest.mark.heavy
@pytest.mark.parametrize("dtype", ["u1", "i4", "f8", ">i2"])
def test_every_kind_of_number(folder, dtype):
    data = np.random.default_rng(1).integers(0, 127, (50, 60)).astype(dtype)
    assert inspect(frame(data)).exists()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: frame(np.full((3, 3), np.nan)), AweValueError, "none of its 9 pixels"),
        (lambda: frame(np.full((3, 3), np.inf)), AweValueError, "none of its 9 pixels"),
        (lambda: frame(np.zeros(5)), AweTypeError, r"is no image: its data have the shape \(5,\)"),
        (lambda: frame(np.zeros((0, 5))), AweTypeError, "is no image"),
        (ViewWithoutPixels, AweTypeError, "has no pixels to show"),
    ],
)
def test_what_cannot_be_shown_is_said(folder, make, error, words):
    with pytest.raises(error, match=words):
        inspect(make())
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("no/x.png", "there is no folder"), ("x.xyz", "not supp"), ("", "it is a folder")],
)
def test_a_picture_that_cannot_be_written_is_said(folder, name, words):
    with pytest.raises(AweValueError, match=words):
        inspect(frame(np.ones((3, 3))), save=folder / name)
    assert plt.get_fignums() == []


def test_a_picture_is_written_to_a_path_only(folder):
    with pytest.raises(AweTypeError, match="which 3 does not name"):
        inspect(frame(np.ones((3, 3))), save=3)
    assert list(folder.iterdir()) == []


def test_a_picture_without_ending_is_a_png(folder, capsys):
    file = inspect(frame(np.ones((3, 3))), save="x")
    assert file == folder / "x.png"
    assert file.read_bytes().startswith(b"\x89PNG")
    assert f"Picture: {file}" in capsys.readouterr().out


def test_single_values_that_are_not_finite_do_not_hide_the_rest():
    data = np.random.default_rng(1).normal(100, 5, (60, 50))
    data[3, 4], data[5, 6], data[7, 8] = np.nan, np.inf, -np.inf
    figure = figure_of(frame(data))
    (one,) = figure.awe_window.views
    assert 70 < one.low < 100 < one.high < 130
    assert "3 not finite" in figure.get_suptitle().replace("\n", " ")
    pixels_of(figure)
