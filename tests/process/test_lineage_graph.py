"""The lineage as a figure."""

import pytest
from exchange_lab import fill, red
from matplotlib.backend_bases import ResizeEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from PIL import Image

from awe import view
from awe.base.errors import AweError


@pytest.fixture(autouse=True)
def entered(monkeypatch):
    """Let figures be drawn without a display."""
    import matplotlib as mpl

    mpl.use("agg")
    view.enter()


def boxes(figure):
    """Give the boxes with objects, without those of the legend."""
    return [p for p in figure.axes[0].patches if isinstance(p, FancyBboxPatch)]


def words(figure):
    """Give all texts of a figure."""
    return [t.get_text() for t in figure.axes[0].texts]


def test_raws_of_one_product_are_one_box(context, tmp_path):
    _, second = fill(tmp_path / "made")
    figure = second.weight.lineage(graph=True)
    assert isinstance(figure, Figure)
    assert len(boxes(figure)) == 3
    assert "4 ExRaws" in words(figure)
    assert "raw1.dat" in words(figure)
    assert "to raw4.dat" in words(figure)
    assert {"ExRed", "ExWeight", second.object_id[-8:]} <= set(words(figure))
    arrows = [p for p in figure.axes[0].patches if isinstance(p, FancyArrowPatch)]
    assert len(arrows) == 2


def test_each_product_stands_right_of_what_it_was_made_from(context, tmp_path):
    _, second = fill(tmp_path / "made")
    figure = second.weight.lineage(graph=True)
    left = {}
    for box in boxes(figure):
        extent = box.get_bbox()
        inside = [t for t in figure.axes[0].texts if extent.contains(*t.get_position())]
        left[inside[0].get_text()] = extent.x0
    assert left["4 ExRaws"] < left["ExRed"] < left["ExWeight"]


def test_no_two_boxes_overlap_and_each_text_stays_inside(context, tmp_path):
    first, second = fill(tmp_path / "made")
    third = red(tmp_path / "made", [*first.raws, *second.raws[2:]])
    context.commit(third)
    figure = third.weight.lineage(graph=True)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    places = [b.get_window_extent(renderer) for b in boxes(figure)]
    for at, one in enumerate(places):
        assert not any(one.overlaps(other) for other in places[at + 1 :])
    for text in figure.axes[0].texts:
        extent = text.get_window_extent(renderer)
        for place in places:
            if place.contains(*extent.get_points().mean(axis=0)):
                assert place.x0 <= extent.x0
                assert extent.x1 <= place.x1


def test_bad_ones_are_marked(context, tmp_path):
    _, second = fill(tmp_path / "made")
    context.update_is_valid(second, 0, "light leak")
    texts = words(second.weight.lineage(graph=True))
    assert f"{second.object_id[-8:]} (not valid)" in texts


def test_is_written_to_a_file(context, tmp_path, capsys):
    first, _ = fill(tmp_path / "made")
    path = tmp_path / "lineage.png"
    figure = first.lineage(save=path)
    assert isinstance(figure, Figure)
    assert f"Picture: {path}" in capsys.readouterr().out
    with Image.open(path) as picture:
        assert picture.width > picture.height > 200
    with pytest.raises(AweError, match="cannot be written to"):
        first.lineage(save=tmp_path / "lineage.doc")


def test_raw_thing_is_one_box(context, tmp_path):
    first, _ = fill(tmp_path / "made")
    assert len(boxes(first.raws[0].lineage(graph=True))) == 1


def test_letters_stay_in_their_boxes_when_one_zooms(context, tmp_path):
    _, second = fill(tmp_path / "made")
    figure = second.weight.lineage(graph=True)
    (axes,) = figure.axes
    before = [t.get_fontsize() for t in axes.texts]
    low, high = axes.get_xlim()
    axes.set_xlim(low, low + (high - low) / 2)
    assert [t.get_fontsize() for t in axes.texts] == pytest.approx([2 * size for size in before])
    figure.set_figwidth(figure.get_figwidth() / 4)
    figure.canvas.callbacks.process("resize_event", ResizeEvent("resize_event", figure.canvas))
    assert [t.get_fontsize() for t in axes.texts] == pytest.approx([size / 2 for size in before])
