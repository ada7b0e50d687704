"""What is measured beside a picture: the pages of calibrations, limits, statistics, stars."""

import re

import matplotlib
import numpy as np
import pytest
from frames_made import FWHM, STARS, bias, flat, raw_frame, reduced, star_field

from awe import view
from awe.view.frames import figure_of
from awe.view.inspect_measure import box_statistics, find_sources, star_at
from awe.view.inspect_pages import noise_of_rows_and_columns, seeing_map
from awe.view.inspect_pixels import Pyramid, halved, limits, statistics_text

matplotlib.use("agg")


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


# --- arithmetic ---


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
