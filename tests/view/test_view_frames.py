"""What `inspect()` does without a screen: pictures, figures, lists, bad input, CCDData, SAMP."""

import os
import re
import subprocess
import sys
import types

import matplotlib
import numpy as np
import pytest
from frames_made import FWHM, SKY, STARS, bias, flat, raw_frame, reduced, star_field
from matplotlib import pyplot as plt
from reference_pictures import difference, write

from awe import view
from awe.base.errors import AweError, AweLookupError, AweTypeError, AweValueError
from awe.base.keys import KEYS, key_lines
from awe.model import BiasFrame, MasterFlatFrame, RawScienceFrame, ReducedScienceFrame
from awe.model.looking import inspect as inspect_function
from awe.store import DBObject, persistent
from awe.view import inspect_screen, inspect_still
from awe.view.frames import figure_of, inspect
from awe.view.inspect_measure import box_statistics, find_sources, star_at
from awe.view.inspect_pages import noise_of_rows_and_columns, seeing_map
from awe.view.inspect_pixels import Pyramid, halved, limits, statistics_text

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
    with pytest.raises(AweTypeError, match="7 cannot be shown: it is no frame"):
        inspect(7)
    assert list(folder.iterdir()) == []


# --- pages of calibrations ---


def test_bias_page_has_structure_and_read_noise(context):
    one = bias(noise=3.0)
    window = figure_of(one).awe_window
    titles = [axes.get_title() for axes in window.panel_axes]
    assert [t.split(" [")[0] for t in titles] == [
        "structure: median of each row", "structure: median of each column",
        "scatter of each row", "scatter of each column",
    ]  # fmt: skip
    rows = window.measured["row_noise"]
    assert rows.shape == (120,)
    assert np.median(rows) == pytest.approx(3.0, rel=0.05)
    drawn = window.panel_axes[0].lines[0].get_ydata()
    assert drawn[-10:].mean() - drawn[:10].mean() == pytest.approx(2.0, abs=0.5)


@pytest.mark.heavy
def test_read_noise_per_row_and_column_is_that_of_a_pair_of_biases(context, tmp_path):
    view.enter()
    rng = np.random.default_rng(4)
    noise = np.where(np.arange(150) < 75, 3.0, 6.0)[:, None] * np.ones(100)
    raws = []
    for number in range(2):
        data = np.round(rng.normal(300, noise)).astype(np.uint16)
        data[10, 10] = 60000
        raws.append(raw_frame(tmp_path, data, name=f"b{number}.fits"))

    class Made:
        _attributes = ("raw_bias_frames",)
        raw_bias_frames = tuple(raws)

    rows, columns, name = noise_of_rows_and_columns(Made(), raws[0].data)
    assert name == "read noise"
    assert np.median(rows[:75]) == pytest.approx(3.0, rel=0.06)
    assert np.median(rows[75:]) == pytest.approx(6.0, rel=0.06)
    assert columns.shape == (100,)
    assert np.isfinite(columns).all()


def test_flat_page_has_histogram_and_ratio_to_the_previous(context):
    before = flat(seed=1)
    scaled = flat(seed=1)
    scaled.keep(before.data * np.float32(1.02))
    scaled.prev = before
    window = figure_of(scaled).awe_window
    assert window.measured["ratio"] == pytest.approx(1.02, abs=1e-5)
    above, below = window.panel_axes
    assert "histogram" in above.get_title()
    assert "ratio to the previous flat (2012-06-01 08:51:44)" in below.get_title()
    assert below.images
    alone = figure_of(before).awe_window
    assert alone.panel_axes[1].texts[0].get_text() == "There is no previous flat to divide by."


def test_reduced_page_has_background_and_seeing(context, tmp_path):
    raw = raw_frame(tmp_path)
    y, x = np.indices((400, 360))
    image = np.random.default_rng(5).normal(0, 8, y.shape) + 500 + 0.1 * x
    gamma2 = (FWHM / 2) ** 2 / (2 ** (1 / 3) - 1)
    for row in range(30, 400, 45):
        for column in range(30, 360, 45):
            r2 = (y - row - 0.3) ** 2 + (x - column + 0.2) ** 2
            image += 4000 * (1 + r2 / gamma2) ** -3.0
    red = reduced(raw, image.astype(np.float32))
    window = figure_of(red).awe_window
    behind = window.measured["background"]
    assert behind.level[:, -1].mean() - behind.level[:, 0].mean() == pytest.approx(33, abs=4)
    widths = window.measured["seeing"]
    assert np.nanmedian(widths) == pytest.approx(FWHM, rel=0.05)
    titles = [axes.get_title() for axes in window.panel_axes]
    assert titles[0].startswith("background [adu]")
    assert titles[1].startswith("seeing [arcsec]")
    none, counts = seeing_map(np.zeros((100, 100), dtype="f4"), np.ones((100, 100), dtype=bool))
    assert np.isnan(none).all()
    assert counts.sum() == 0


# --- bad input ---


@pytest.mark.heavy
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1)])
def test_small_and_thin_frames(folder, shape):
    assert inspect(frame(np.ones(shape))).exists()


@pytest.mark.parametrize("size", [2, 3, 40, 999, 1500, 40000])
def test_limits_are_those_of_zscale(size):
    from astropy.visualization import ZScaleInterval

    rng = np.random.default_rng(size)
    for values in (rng.normal(100, 5, size), rng.lognormal(1, 2, size)):
        expected = ZScaleInterval().get_limits(values)
        assert limits(values) == pytest.approx(expected, rel=1e-6)


def test_constant_frame_says_so():
    assert statistics_text(np.full((4, 5), 7.0)) == "5 x 4, every pixel is 7"
    assert limits(np.full((4, 5), 7.0)) == pytest.approx((6.993, 7.007))
    assert limits(np.zeros((4, 5))) == (-0.5, 0.5)


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


@pytest.mark.parametrize(("name", "words"), [("no/x.png", "No such file"), ("x.xyz", "not supp")])
def test_a_picture_that_cannot_be_written_is_said(folder, name, words):
    with pytest.raises(AweValueError, match=words):
        inspect(frame(np.ones((3, 3))), save=folder / name)
    assert plt.get_fignums() == []


def test_single_values_that_are_not_finite_do_not_hide_the_rest():
    data = np.random.default_rng(1).normal(100, 5, (60, 50))
    data[3, 4], data[5, 6], data[7, 8] = np.nan, np.inf, -np.inf
    figure = figure_of(frame(data))
    (one,) = figure.awe_window.views
    assert 70 < one.low < 100 < one.high < 130
    assert "3 not finite" in figure.get_suptitle().replace("\n", " ")
    pixels_of(figure)


# --- arithmetic ---


def test_blocks_are_averaged_leaving_out_what_is_not_finite():
    data = np.arange(35.0).reshape(5, 7).astype("f4")
    data[0, 0] = np.nan
    data[2:4, 2:4] = np.nan
    small = halved(data)
    assert small.shape == (3, 4)
    assert small[0, 0] == pytest.approx(np.mean([1, 7, 8]))
    assert np.isnan(small[1, 1])
    assert small[0, 1] == np.mean([2, 3, 9, 10])
    assert small[2, 3] == 34
    assert halved(data, "min")[0, 1] == 2
    bits = halved(np.array([[1, 2], [4, 0]], dtype="u1"), "or")
    assert bits.tolist() == [[7]]


def test_pyramid_gives_parts_with_their_edges():
    data = np.arange(100.0 * 80).reshape(100, 80)
    pyramid = Pyramid(lambda: data)
    part, extent = pyramid.part((10.2, 19.9, 30, 41), 1)
    assert extent == (9.5, 20.5, 29.5, 41.5)
    np.testing.assert_array_equal(part, data[30:42, 10:21])
    part, extent = pyramid.part((10.2, 19.9, 30, 41), 4)
    assert extent == (7.5, 23.5, 27.5, 43.5)
    assert part[0, 0] == data[28:32, 8:12].mean()
    assert pyramid.part((-50, -40, 0, 5), 1)[0].shape[1] == 1
    assert [pyramid.step_for(s) for s in (0.2, 1, 1.9, 2, 5, 1e9)] == [1, 1, 1, 2, 4, 64]
    assert Pyramid(lambda: data, "min").step_for(5) == 8


@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_statistics_are_those_of_numpy(dtype):
    data = np.random.default_rng(2).poisson(1000, (41, 50)).astype(dtype)
    text = statistics_text(data)
    values = dict(re.findall(r"(median|mean|std|min|max) ([\d.]+)", text))
    exact = data.astype(float)
    assert float(values["median"]) == pytest.approx(np.median(exact))
    assert float(values["mean"]) == pytest.approx(exact.mean(), rel=1e-5)
    assert float(values["std"]) == pytest.approx(exact.std(), rel=1e-3)
    assert (float(values["min"]), float(values["max"])) == (exact.min(), exact.max())
    found = box_statistics(data)
    assert found["std"] == pytest.approx(exact.std())
    assert found["npix"] == data.size


@pytest.mark.heavy
def test_sources_and_stars_leave_out_bad_pixels():
    data = star_field()
    bad = np.zeros(data.shape, dtype=bool)
    data[100, 30:33] = 60000
    bad[100, 30:33] = True
    found = find_sources(data, bad=bad)
    assert np.hypot(*(found - (31, 100)).T).min() > 5
    assert len(found) == len(STARS)
    column, row, _ = STARS[1]
    data[int(row) + 2, int(column)] = 60000
    bad[int(row) + 2, int(column)] = True
    assert star_at(data, column, row, bad).fwhm == pytest.approx(FWHM, rel=0.05)
    assert len(find_sources(np.full((40, 40), np.nan))) == 0
    assert len(find_sources(np.ones((40, 40)))) == 0


# --- help ---


def test_help_lists_the_same_keys_as_the_window():
    for function in (RawScienceFrame.inspect, BiasFrame.inspect, inspect_function):
        listed = [line.strip() for line in function.__doc__.splitlines()]
        assert [line for line in listed if line in key_lines()] == key_lines()
    assert len({each.key for each in KEYS}) == len(KEYS)
    assert "".join(each.key for each in KEYS) == "wqclrehmazx+-sbkovigp?"


def test_the_documentation_lists_the_same_keys(pytestconfig):
    text = (pytestconfig.rootpath / "docs" / "howto.md").read_text(encoding="utf-8")
    section = text.split("\n## Looking\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{each.key}` | {each.words} |" for each in KEYS]


# --- CCDData and SAMP ---


def test_ccd_of_a_raw_frame_has_unit_mask_header_and_wcs(context, tmp_path):
    raw = raw_frame(tmp_path)
    ccd = raw.ccd
    assert str(ccd.unit) == "adu"
    np.testing.assert_array_equal(ccd.data, raw.data)
    np.testing.assert_array_equal(ccd.mask, raw.data >= 35000)
    assert ccd.uncertainty is None
    assert ccd.header["NAXIS1"] == 180
    sky = ccd.wcs.pixel_to_world(0, 0)
    assert (sky.ra.deg, sky.dec.deg) == pytest.approx((180, -30))


def test_ccd_of_products_has_weights_or_errors(context, tmp_path):
    from frames_made import product

    from awe.model import WeightFrame

    raw = raw_frame(tmp_path)
    red = reduced(raw)
    weights = np.full(red.data.shape, 0.04, dtype=np.float32)
    weights[3, 4] = 0
    red.weight = product(WeightFrame, weights)
    ccd = red.ccd
    assert type(ccd.uncertainty).__name__ == "InverseVariance"
    assert ccd.mask.sum() == 1
    assert ccd.mask[3, 4]
    assert ccd.uncertainty.array[0, 0] == np.float32(0.04)
    assert str(red.weight.ccd.unit) in ("1 / adu2", "adu-2")
    one = product(MasterFlatFrame, np.ones((5, 6), dtype=np.float32))
    object.__setattr__(one, "_pixels", (one.data, {"ERROR": np.full((5, 6), 0.1)}))
    assert type(one.ccd.uncertainty).__name__ == "StdDevUncertainty"
    assert isinstance(red, ReducedScienceFrame)


def test_show_says_so_when_no_program_runs(context, tmp_path, monkeypatch):
    view.enter()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://{tmp_path}/none")
    with pytest.raises(AweLookupError, match="no SAMP hub runs") as caught:
        raw_frame(tmp_path).show()
    assert "Start ds9" in str(caught.value)


def test_starting_the_prompt_does_not_import_matplotlib():
    code = "import sys; from awe import view; view.enter(); import awe.model; " \
        "sys.exit('matplotlib' in sys.modules or 'astropy' in sys.modules)"  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- where the window opens ---


@pytest.mark.parametrize(
    ("backend", "kind"),
    [
        ("agg", "file"), ("pdf", "file"), ("TkAgg", "window"), ("qtagg", "window"),
        ("WebAgg", "browser"), ("module://matplotlib_inline.backend_inline", "notebook"),
        ("widget", "notebook"), ("module://ipympl.backend_nbagg", "notebook"),
    ],
)  # fmt: skip
def test_backends_are_known_by_what_they_show(backend, kind):
    assert inspect_screen._kind_of(backend) == kind


def test_qt_comes_first_then_tk_then_the_browser(monkeypatch):
    works, tried = set(), []

    def switch(name):
        tried.append(name)
        if name not in works:
            raise ImportError(name)

    monkeypatch.setattr(plt, "switch_backend", switch)
    monkeypatch.setattr(inspect_screen, "_qt_has_its_libraries", lambda: True)
    assert inspect_screen._choose() == "file"
    assert tried == ["qtagg", "tkagg", "webagg"]
    works.add("webagg")
    assert inspect_screen._choose() == "browser"
    works.add("tkagg")
    assert inspect_screen._choose() == "window"
    works.add("qtagg")
    tried.clear()
    assert inspect_screen._choose() == "window"
    assert tried == ["qtagg"]
    # Qt ends the process where libraries of X are missing, and is not even tried then.
    monkeypatch.setattr(inspect_screen, "_qt_has_its_libraries", lambda: False)
    tried.clear()
    assert inspect_screen._choose() == "window"
    assert tried == ["tkagg"]


@pytest.mark.parametrize(("version", "works"), [("6.11.3", True), ("6.12.0", False)])
def test_a_qt_that_ends_the_process_is_left_alone(monkeypatch, version, works):
    qt = types.SimpleNamespace(QT_API="PySide6", QtCore=types.SimpleNamespace(__version__=version))
    monkeypatch.setitem(sys.modules, "matplotlib.backends.qt_compat", qt)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert inspect_screen._qt_has_its_libraries() == works


def test_a_screen_that_does_not_answer_is_none(monkeypatch):
    def switch(name):
        raise ImportError("requires 'tk', as 'headless' is currently running")

    monkeypatch.setattr(plt, "switch_backend", switch)
    monkeypatch.setattr(inspect_screen, "_qt_has_its_libraries", lambda: False)
    assert inspect_screen._choose() == "file"
