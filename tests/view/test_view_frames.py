"""What `inspect()` shows."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

from awe.base.errors import AweTypeError, AweValueError
from awe.store import DBObject, persistent
from awe.view.frames import draw, inspect_frame, reduced, statistics_text

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
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_display_a_picture_is_written_and_its_path_printed(folder, capsys):
    data = np.random.default_rng(1).normal(100, 5, (300, 200)).astype("f4")
    path = inspect_frame(frame(data))
    assert path == folder / "night_inspect.png"
    assert capsys.readouterr().out == f"Picture: {path}\n"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert plt.get_fignums() == []


def test_the_file_can_be_chosen(folder):
    path = inspect_frame(frame(np.arange(12.0).reshape(3, 4)), save=folder / "x.pdf")
    assert path.read_bytes().startswith(b"%PDF")


def test_picture_has_name_statistics_scale_and_pixels():
    data = np.random.default_rng(1).normal(100, 5, (300, 200))
    data[10, 20] = np.nan
    data[5, 5] = 60000.0
    figure = plt.figure()
    draw(figure, data, "RawScienceFrame night.fits")
    title = figure.get_suptitle()
    assert "RawScienceFrame night.fits" in title
    assert "200 x 300" in title
    assert "max 60000" in title
    assert "1 not finite" in title
    axes, bar = figure.axes
    assert axes.get_xlim() == (-0.5, 199.5)
    assert axes.get_ylim() == (-0.5, 299.5)
    low, high = axes.images[0].get_clim()
    assert 70 < low < 100 < high < 130
    assert bar.get_ylim() == (low, high)
    plt.close(figure)


def test_big_frames_are_averaged_down_for_the_screen():
    data = np.arange(2500 * 1300, dtype="f4").reshape(2500, 1300)
    data[0, 0] = np.nan
    small, step = reduced(data)
    assert step == 3
    assert small.shape == (833, 433)
    np.testing.assert_allclose(small[1, 1], data[3:6, 3:6].mean(), rtol=1e-6)
    np.testing.assert_allclose(small[0, 0], np.nanmean(data[:3, :3]), rtol=1e-6)
    same, one = reduced(data[:100, :100])
    assert one == 1
    np.testing.assert_array_equal(same, data[:100, :100])


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 2)])
def test_small_and_thin_frames(folder, shape):
    assert inspect_frame(frame(np.ones(shape))).exists()


def test_constant_frame_says_so():
    assert statistics_text(np.full((4, 5), 7.0)) == "5 x 4, every pixel is 7"


def test_integer_frames(folder):
    data = np.random.default_rng(1).integers(0, 65535, (50, 60)).astype("u2")
    assert inspect_frame(frame(data)).exists()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: frame(np.full((3, 3), np.nan)), AweValueError, "none of its 9 pixels"),
        (lambda: frame(np.zeros(5)), AweTypeError, r"is no image: its data have the shape \(5,\)"),
        (ViewWithoutPixels, AweTypeError, "has no pixels to show"),
    ],
)
def test_what_cannot_be_shown_is_said(folder, make, error, words):
    with pytest.raises(error, match=words):
        inspect_frame(make())
    assert list(folder.iterdir()) == []


def test_a_figure_is_closed_when_the_file_cannot_be_written(folder):
    with pytest.raises(FileNotFoundError):
        inspect_frame(frame(np.ones((3, 3))), save=folder / "nowhere" / "x.png")
    assert plt.get_fignums() == []


def test_a_window_is_shown_where_there_is_a_display(folder, monkeypatch):
    asked = []
    monkeypatch.setattr("awe.view.frames._has_window", lambda figure: True)
    monkeypatch.setattr(plt, "show", lambda block: asked.append(block))
    monkeypatch.delattr("sys.ps1", raising=False)
    assert inspect_frame(frame(np.ones((3, 3)))) is None
    monkeypatch.setattr("sys.ps1", ">>> ", raising=False)
    inspect_frame(frame(np.ones((3, 3))))
    inspect_frame(frame(np.ones((3, 3))), block=True)
    assert asked == [True, False, True]
    plt.close("all")
