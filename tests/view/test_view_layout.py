"""How pictures are laid out and scaled: titles, greys, what a map says of itself."""

import datetime
import itertools

import numpy as np
import pytest
from frames_made import WHEN, bias, product, raw_flat, raw_frame, reduced, star_field
from matplotlib.backends.backend_agg import FigureCanvasAgg

from awe import view
from awe.model import HotPixelMap
from awe.view.frames import figure_of
from awe.view.inspect_pixels import limits
from awe.view.inspect_sources import Trimmed


@pytest.mark.parametrize("count", [2, pytest.param(7, marks=pytest.mark.heavy)])
def test_titles_labels_and_bars_of_several_pictures_do_not_overlap(context, tmp_path, count):
    view.enter()
    raw = raw_frame(tmp_path)
    figure = figure_of([reduced(raw) for _ in range(count)])
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    boxes = []
    for each in figure.awe_window.views:
        # The picture with its labels and its bar, and its title.
        boxes.append(each.axes.get_tightbbox(renderer))
        assert each.axes.get_title().startswith(each.obj.object_id[-8:])
    boxes.append(figure._suptitle.get_window_extent(renderer))
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    whole = figure.bbox
    for box in boxes:
        assert whole.x0 <= box.x0
        assert box.x1 <= whole.x1
        assert whole.y0 <= box.y0
        assert box.y1 <= whole.y1
    assert "values in adu" in figure.get_suptitle()


def test_curved_stretches_show_the_bright_pixels_as_well(context, tmp_path):
    view.enter()
    data = star_field()
    (one,) = figure_of(raw_frame(tmp_path, data)).awe_window.views
    low, high = one.low, one.high
    assert data.max() > 10 * high
    one.contrast(1)
    for name in ("square root", "logarithm", "asinh"):
        assert one.next_stretch() == name
        assert one.low == low
        assert one.high == pytest.approx(low + 10 * (high - low))
    one.contrast(-1)
    one.next_stretch()
    assert (one.low, one.high) == (low, high)


def test_nearly_constant_pixels_are_shown_between_their_extremes():
    data = np.zeros((400, 400))
    data[::10, ::10] = 1.0
    assert limits(data) == (0.0, 1.0)


def test_a_map_tells_how_many_pixels_are_bad(context):
    view.enter()
    data = np.ones((40, 50), dtype=np.uint8)
    data[3, 4:9] = 0
    figure = figure_of(product(HotPixelMap, data))
    assert figure.get_suptitle().endswith("50 x 40, 5 pixels are bad (0), 0.25 per cent")
    (one,) = figure.awe_window.views
    assert (one.low, one.high) == (0.0, 1.0)


def test_a_raw_frame_blinks_with_its_product_in_the_same_places(context, tmp_path):
    view.enter()
    raw = raw_frame(tmp_path, overscan=10)
    red = reduced(raw, raw.data[10:, 10:].astype(np.float32))
    (one,) = figure_of(red).awe_window.views
    shown = one.blink()
    assert isinstance(shown, Trimmed)
    np.testing.assert_array_equal(one.data, red.data)
    # The read-out has the coordinates of the pixel of the raw frame, and marks its full ones.
    there = [float(v) for v in shown.wcs.all_pix2world(50, 60, 0)]
    assert there == pytest.approx([float(v) for v in raw.ccd.wcs.all_pix2world(60, 70, 0)])
    assert (shown.mask != 0).sum() == (red.data >= 35000).sum() > 0


def test_a_raw_flat_is_compared_with_the_one_before_it(context, tmp_path):
    view.enter()
    rng = np.random.default_rng(4)
    data = rng.normal(20000, 100, (60, 50)).astype(np.float32)
    hours = [WHEN + datetime.timedelta(hours=h) for h in range(3)]
    raw_flat(tmp_path, data / 4, name="f0.fits", when=hours[0])
    raw_flat(tmp_path, data, name="f1.fits", when=hours[1])
    last = raw_flat(tmp_path, data * np.float32(0.98), name="f2.fits", when=hours[2])
    window = figure_of(last).awe_window
    assert window.measured["ratio"] == pytest.approx(0.98, abs=1e-5)
    assert "previous flat (2012-06-01 09:51:44)" in window.panel_axes[1].get_title()


def test_the_text_of_the_panel_is_as_large_as_there_is_room_for(context, tmp_path):
    view.enter()
    window = figure_of(reduced(raw_frame(tmp_path))).awe_window
    window.text_panel("short")
    (axes,) = window.panel_axes
    large = axes.texts[0].get_fontsize()
    window.text_panel("\n".join(["x" * 82] * 500))
    (axes,) = window.panel_axes
    text = axes.texts[0]
    assert 5 < text.get_fontsize() < large
    assert "more lines at the prompt" in text.get_text()
    renderer = FigureCanvasAgg(window.figure).get_renderer()
    window.figure.draw(renderer)
    box = text.get_window_extent(renderer)
    assert box.x0 >= 0.575 * window.figure.bbox.width
    assert box.x1 <= window.figure.bbox.width
    assert box.y0 >= 0


@pytest.mark.filterwarnings("error")
def test_rows_without_a_finite_pixel_and_the_largest_numbers_are_shown_in_silence(context):
    view.enter()
    one = bias()
    data = one.data.copy()
    data[:, :30] = np.nan
    data[40:44, 60:70] = 3e38
    data[80:84, 60:70] = -3e38
    one.keep(data)
    figure = figure_of(one)
    FigureCanvasAgg(figure).draw()
    (shown,) = figure.awe_window.views
    for _ in range(3):
        shown.next_stretch()
        FigureCanvasAgg(figure).draw()
    assert np.isnan(figure.awe_window.measured["column_noise"][:30]).all()
    assert np.isfinite(figure.awe_window.measured["column_noise"][30:]).all()
