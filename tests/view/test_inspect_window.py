"""Windows on a screen: every hot-key, typed over the real canvas, and what it did."""

import os
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from frames_made import FWHM, SKY, STARS, flat, raw_frame, reduced
from matplotlib import pyplot as plt
from screens import Hand, screen_of_this_process, why_no_qt, why_no_window

from awe import view
from awe.base.environment import Environment
from awe.base.keys import KEYS, key_lines
from awe.model import RawScienceFrame
from awe.store import current, open_context
from awe.view.frames import inspect
from awe.view.inspect_actions import ACTIONS

# The same windows of Qt are opened by a process of their own: one has one kind.
_BACKEND = os.environ.get("AWE_TEST_BACKEND", "tkagg")
_WHY = why_no_window()
pytestmark = [pytest.mark.heavy, pytest.mark.skipif(_WHY is not None, reason=str(_WHY))]

STAR = tuple(round(value) for value in STARS[0][:2])


@pytest.fixture(scope="module")
def screen():
    """Give a screen with windows on it."""
    server = screen_of_this_process()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", server.display)
        before = matplotlib.get_backend()
        plt.switch_backend(_BACKEND)
        yield server
        plt.close("all")
        plt.switch_backend(before)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Give a context on a store that all windows share."""
    folder = tmp_path_factory.mktemp("store")
    view.enter()
    opened = open_context(Environment(folder, str(folder / "store"), str(folder / "data"), "ada"))
    yield opened
    if current.has_context():
        current.context().close()


@pytest.fixture(scope="module")
def raw(store, tmp_path_factory):
    """Give a stored raw frame with three stars, one of them saturated."""
    return raw_frame(tmp_path_factory.mktemp("raw"))


def open_window(thing, **options):
    """Give a hand over the window of something, the pointer on the brightest star."""
    inspect(thing, block=False, **options)
    hand = Hand(plt.figure(plt.get_fignums()[-1]))
    hand.move(*STAR)
    return hand


@pytest.fixture(scope="module")
def shared(screen, raw):
    """Give a hand over the window of the frame."""
    raw.inspect(block=False)
    return Hand(plt.figure(plt.get_fignums()[-1]))


@pytest.fixture
def hand(shared, tmp_path, monkeypatch, request):
    """Give a hand over the window, as it was when it was opened."""
    monkeypatch.chdir(tmp_path)
    window = shared.window
    (one,) = window.views
    one.show_all()
    one.mark_mask(False)
    one.mark_sources(None)
    window.legend({})
    window.message("")
    window.open_page()
    shared.figure.canvas.draw_idle()
    shared.wait()
    shared.move(*STAR)
    yield shared
    _keep_screenshot(shared.figure, request)


def _keep_screenshot(figure, request):
    folder = request.config.rootpath / "tests" / "artefacts"
    folder.mkdir(exist_ok=True)
    name = re.sub(r"\W+", "_", request.node.name).strip("_")
    figure.savefig(folder / f"{name}.png", dpi=70)


def test_window_shows_scale_names_statistics_and_read_out(hand):
    window = hand.window
    (one,) = window.views
    title = hand.figure.get_suptitle()
    for words in ("RawScienceFrame raw.fits", "FIELD, R, CCD_1, 2012-06-01 08:51:44, 30 s",
                  "180 x 200", "median 100", "max"):  # fmt: skip
        assert words in title
    assert 850 < one.low < SKY < one.high < 1300
    assert one.bar.ax.get_ylim() == (one.low, one.high)
    words = one.axes.format_coord(100.0, 61.0)
    value = one.data[61, 100]
    assert words.startswith("x=100 y=61  RA=11:59:58.4")
    assert "Dec=-29:59:47.8" in words
    assert words.endswith(f"{value:.6g} adu")
    hand.move(100, 61)
    assert "x=100 y=61" in hand.read_out
    assert one.axes.format_coord(-20, 5) == ""


def test_keys_of_matplotlib_are_off_in_our_windows_only(hand):
    scale = hand.window.views[0].axes.get_yscale()
    hand.key("k")
    hand.key("l")
    assert hand.window.views[0].axes.get_yscale() == scale
    assert hand.window.views[0].axes.get_xscale() == "linear"
    other = plt.figure()
    axes = other.add_subplot()
    axes.plot([1, 2], [1, 10])
    other.canvas.draw()
    from matplotlib.backend_bases import KeyEvent

    x, y = axes.transData.transform((1.5, 5))
    KeyEvent("key_press_event", other.canvas, "l", x, y)._process()
    assert axes.get_yscale() == "log"
    plt.close(other)


def test_w_wireframe_shows_the_values_of_the_box(hand):
    hand.key("w")
    (axes,) = hand.window.panel_axes
    assert axes.name == "3d"
    lines = axes.collections[0]
    cut = hand.window.measured["box"]
    assert (cut.x0, cut.y0, cut.values.shape) == (85, 46, (31, 31))
    np.testing.assert_array_equal(cut.values, hand.window.views[0].data[46:77, 85:116])
    drawn = np.concatenate([np.asarray(s)[:, 2] for s in lines._segments3d])
    assert drawn.max() == cut.values.max()
    assert drawn.min() == cut.values.min()
    assert "x=100 y=61" in axes.get_title()


def test_q_closes_the_plot_under_the_pointer_then_the_window(screen, raw):
    hand = open_window(raw)
    number = hand.figure.number
    (page,) = hand.window.panel_axes
    assert "histogram" in page.get_title()
    hand.key("w")
    assert hand.window.panel_axes[0].name == "3d"
    hand.move_to_part(0.8, 0.5)
    hand.key("q")
    assert "histogram" in hand.window.panel_axes[0].get_title()
    assert plt.fignum_exists(number)
    hand.move(*STAR)
    hand.key("q")
    assert not plt.fignum_exists(number)


def test_c_and_l_cut_column_and_line(hand):
    data = hand.window.views[0].data
    hand.key("c")
    np.testing.assert_array_equal(hand.window.measured["values"], data[:, 100])
    assert hand.window.panel_axes[0].get_title() == "column x=100"
    hand.key("l")
    np.testing.assert_array_equal(hand.window.measured["values"], data[61, :])
    line = hand.window.panel_axes[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), data[61, :])
    np.testing.assert_array_equal(line.get_xdata(), np.arange(180))


def test_r_finds_the_simulated_width(hand):
    hand.move(*STARS[1][:2])
    hand.key("r")
    star = hand.window.measured["star"]
    assert abs(star.fwhm / FWHM - 1) < 0.05
    assert np.hypot(star.x - STARS[1][0], star.y - STARS[1][1]) < 0.1
    assert abs(star.background / SKY - 1) < 0.02
    words = hand.window.panel_axes[0].get_title()
    assert f'FWHM {star.fwhm:.2f} pix = {star.fwhm * 0.2:.2f}"' in words
    assert len(hand.window.panel_axes[0].lines) >= 3


def test_r_beside_a_star_says_so(hand):
    hand.move(30, 20)
    hand.key("r")
    assert "no star at x=30, y=20" in hand.window.said
    assert "histogram" in hand.window.panel_axes[0].get_title()


def test_e_draws_contours_of_the_box(hand):
    hand.key("e")
    (axes,) = hand.window.panel_axes
    levels = hand.window.measured["levels"]
    assert len(levels) >= 5
    assert SKY < levels[0] < levels[-1] < hand.window.measured["box"].values.max()
    assert axes.collections


def test_h_histogram_counts_the_part_that_is_shown(hand):
    hand.key("h")
    everything = hand.window.measured["counts"].sum()
    assert 0.99 * 200 * 180 < everything <= 200 * 180
    hand.key("z")
    hand.key("h")
    assert 0.2 * everything < hand.window.measured["counts"].sum() < 0.3 * everything


def test_m_statistics_of_the_box(hand):
    hand.move(30, 20)
    hand.key("m")
    found = hand.window.measured
    box = hand.window.views[0].data[5:36, 15:46]
    assert found["npix"] == box.size
    assert found["median"] == pytest.approx(np.median(box))
    assert found["std"] == pytest.approx(box.std(dtype=float))
    text = hand.window.panel_axes[0].texts[0].get_text()
    assert f"median  {np.median(box):.6g}" in text
    assert len(hand.window.views[0].axes.patches) == 1


def test_a_aperture_photometry_finds_the_flux(hand):
    column, row, peak = STARS[1]
    hand.move(column, row)
    hand.key("a")
    found, (one,) = hand.window.measured["aperture"], hand.window.views
    true = peak * np.pi * (FWHM / 2) ** 2 / (2 ** (1 / 3) - 1) / 2
    assert found.flux == pytest.approx(true, rel=0.03)
    assert found.error < 0.01 * true
    assert found.sky == pytest.approx(SKY, rel=0.01)
    assert f"magnitude {found.magnitude:.3f}" in hand.window.panel_axes[0].get_title()
    assert [r.radius for r in one.axes.patches] == [found.radius, found.inner, found.outer]
    hand.key("o")
    assert one.marked


def test_z_and_x_zoom_about_the_pointer(hand):
    axes = hand.window.views[0].axes
    whole = axes.get_xlim(), axes.get_ylim()
    before = axes.transData.transform(STAR)
    hand.key("z")
    x0, x1 = axes.get_xlim()
    assert x1 - x0 == pytest.approx(90)
    assert x0 < STAR[0] < x1
    np.testing.assert_allclose(axes.transData.transform(STAR), before, atol=2)
    hand.key("x")
    np.testing.assert_allclose((axes.get_xlim(), axes.get_ylim()), whole, atol=1e-6)
    hand.key("x")
    np.testing.assert_allclose((axes.get_xlim(), axes.get_ylim()), whole, atol=1e-6)


def test_wheel_zooms_and_the_left_button_moves(hand):
    axes = hand.window.views[0].axes
    hand.wheel(4)
    width = axes.get_xlim()[1] - axes.get_xlim()[0]
    assert width == pytest.approx(180 / 1.25**4, rel=0.01)
    x0 = axes.get_xlim()[0]
    hand.drag(100, 60, 90, 60)
    assert axes.get_xlim()[0] == pytest.approx(x0 + 10, abs=1)
    hand.wheel(-1)
    assert axes.get_xlim()[1] - axes.get_xlim()[0] > width


def test_plus_and_minus_change_the_contrast(hand):
    (one,) = hand.window.views
    low, high = one.low, one.high
    hand.key("+")
    assert one.high - one.low == pytest.approx((high - low) / 1.25)
    assert one.layer.get_clim() == (one.low, one.high)
    hand.key("-")
    hand.key("-")
    assert one.high - one.low == pytest.approx((high - low) * 1.25)


def test_s_goes_through_the_stretches(hand):
    (one,) = hand.window.views
    seen = []
    for _ in range(4):
        hand.key("s")
        seen.append((one.stretch, float(one.layer.norm(one.low + 0.25 * (one.high - one.low)))))
        assert one.stretch in hand.window.said
    assert [name for name, _ in seen] == ["square root", "logarithm", "asinh", "linear"]
    assert seen[0][1] == pytest.approx(0.5, abs=0.01)
    assert seen[3][1] == pytest.approx(0.25, abs=0.01)
    assert len({round(v, 3) for _, v in seen}) == 4


def test_b_blinks_with_raw_and_previous(hand, raw):
    before = reduced(raw, seed_data(5))
    red = reduced(raw, seed_data(6), prev=before)
    other = open_window(red)
    (one,) = other.window.views
    other.key("b")
    assert "RawScienceFrame raw.fits" in other.window.said
    np.testing.assert_array_equal(one.data, raw.data)
    assert one.low > 850
    other.key("b")
    np.testing.assert_array_equal(one.data, before.data)
    other.key("b")
    np.testing.assert_array_equal(one.data, red.data)
    plt.close(other.figure)
    hand.key("b")
    assert "nothing to blink with" in hand.window.said


def seed_data(seed):
    """Give a star field without sky level."""
    from frames_made import star_field

    return star_field(seed=seed) - np.float32(SKY)


def test_k_marks_saturated_pixels_by_colour(hand):
    (one,) = hand.window.views
    hand.key("k")
    full = int((one.data >= 35000).sum())
    assert full > 0
    assert hand.window.legend_words == [f"saturated: {full}"]
    hand.wait()
    overlay = one._overlay.get_array()
    assert (overlay[..., 3] > 0).any()
    yellow = overlay[overlay[..., 3] > 0][0]
    np.testing.assert_allclose(yellow[:3], matplotlib.colors.to_rgb("#ffcc00"), atol=0.01)
    hand.key("k")
    assert hand.window.legend_words == []
    assert not one.has_mask


def test_o_marks_the_sources_that_are_there(hand):
    (one,) = hand.window.views
    hand.key("o")
    found = hand.window.measured["sources"]
    for column, row, peak in STARS:
        if peak < 35000:
            assert np.hypot(*(found - (column, row)).T).min() < 0.5
    assert len(found) <= len(STARS)
    assert one.marked
    hand.key("o")
    assert not one.marked


def test_v_records_verdict_reason_and_who(hand, raw, store):
    hand.key("v")
    assert "Good (1) or bad (0)?" in hand.window.said
    hand.key("0")
    hand.key("enter")
    hand.type("trailx")
    hand.key("backspace")
    hand.type(" in V")
    hand.key("enter")
    assert "is_valid is 0 now: trail in V (ada)" in hand.window.said
    store.refresh()
    stored = RawScienceFrame[raw.object_id]
    assert stored.is_valid == 0
    change = stored.history()[-1]
    assert (change.attribute, change.new, change.why) == ("is_valid", 0, "trail in V")
    assert "ada" in str(change.who)
    hand.type("v1")
    hand.key("enter")
    hand.type("mistake")
    hand.key("enter")
    store.refresh()
    assert [c.new for c in RawScienceFrame[raw.object_id].history()][-2:] == [0, 1]


def test_v_can_be_left_and_needs_a_verdict_and_a_reason(hand, raw):
    hand.key("v")
    hand.key("escape")
    assert hand.window.said == "Nothing was changed."
    hand.type("v7")
    hand.key("enter")
    assert "'7' is no verdict" in hand.window.said
    hand.type("v0")
    hand.key("enter")
    hand.key("enter")
    assert "a verdict needs a reason" in hand.window.said
    assert raw.is_valid == 1
    hand.key("i")
    assert "filename" in hand.window.panel_axes[0].texts[0].get_text()


def test_v_of_what_is_not_stored_says_so(screen, raw):
    hand = open_window(flat())
    hand.type("v0")
    hand.key("enter")
    hand.type("dust")
    hand.key("enter")
    assert "is not stored yet" in hand.window.said
    plt.close(hand.figure)


def test_i_shows_what_info_prints(hand):
    hand.key("i")
    text = hand.window.panel_axes[0].texts[0].get_text()
    assert "filename" in text
    assert "raw.fits" in text
    assert "2012-06-01 08:51:44" in text


def test_g_shows_the_lineage(hand, raw):
    hand.key("g")
    assert "<RawScienceFrame" in hand.window.panel_axes[0].texts[0].get_text()
    other = open_window(reduced(raw, seed_data(6)))
    other.key("g")
    text = other.window.panel_axes[0].texts[0].get_text()
    assert "raw:" in text
    assert "RawScienceFrame" in text
    drawn = plt.figure(plt.get_fignums()[-1])
    assert drawn is not other.figure
    words = [t.get_text() for axes in drawn.axes for t in axes.texts]
    assert "RawScienceFrame" in words
    assert "ReducedScienceFrame" in words
    count = len(plt.get_fignums())
    other.key("g")
    assert len(plt.get_fignums()) == count
    plt.close(other.window.beside)
    plt.close(other.figure)


def test_p_saves_the_picture_and_says_where(hand, tmp_path):
    hand.key("p")
    file = tmp_path / "raw_inspect.png"
    assert file.read_bytes().startswith(b"\x89PNG")
    assert str(file) in hand.window.said.replace("\n", "")


def test_question_mark_lists_the_keys(hand):
    hand.key("?")
    assert hand.window.listed == "\n".join(key_lines())
    hand.key("?")
    assert hand.window.listed is None
    hand.key("?")
    hand.key("h")
    assert hand.window.listed is None


def test_every_key_needs_the_picture_or_says_so(hand):
    hand.move_to_part(0.99, 0.01)
    for key in "wcleramzx":
        hand.key(key)
        if key != "l":
            assert "Put the pointer on the picture" in hand.window.said, key


def test_unknown_keys_do_nothing(hand):
    before = hand.window.said
    hand.key("F5")
    hand.key("y")
    assert hand.window.said == before


def test_a_script_waits_until_the_window_is_closed(screen, raw, monkeypatch):
    waited = []
    real = plt.show

    def show(block):
        # The shared window is closed as well: this is the last test.
        timer = Hand(plt.gcf()).close_soon(lambda: plt.close("all"))
        real(block=block)
        timer.stop()
        waited.append(block)

    monkeypatch.setattr(plt, "show", show)
    assert raw.inspect(block=True) is None
    assert waited == [True]
    assert plt.get_fignums() == []


@pytest.mark.skipif(_BACKEND != "tkagg", reason="this is the process with Qt")
def test_all_this_in_windows_of_qt(pytestconfig, tmp_path):
    why = why_no_qt()
    if why is not None:
        pytest.skip(why)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "heavy",
               "-p", "no:xdist", "--basetemp", str(tmp_path / "qt"), __file__]  # fmt: skip
    env = {**os.environ, "AWE_TEST_BACKEND": "qtagg", "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, cwd=pytestconfig.rootpath, env=env, check=False,
                          capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " skipped" in done.stdout
    assert "2 skipped" not in done.stdout


def test_each_key_of_the_table_is_typed_here():
    import inspect as python

    text = python.getsource(sys.modules[__name__])
    for each in KEYS:
        assert re.search(rf'(key|type)\("{re.escape(each.key)}', text), each.key
    assert set(ACTIONS) == {each.action for each in KEYS}
