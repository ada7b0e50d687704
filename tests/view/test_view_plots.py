"""Plots of queries: what is drawn, what is left out, and what the pointer finds."""

import datetime

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.backend_bases import KeyEvent, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import num2date

from awe import view
from awe.base.errors import AweAttributeError, AweTypeError, AweValueError
from awe.model.records import Astrom
from awe.store import DBObject, OwnedRecord, persistent
from awe.view import inspect_screen, plots, sky
from awe.view.plot_values import read
from awe.view.points import Points

START = datetime.datetime(2012, 6, 1, 8, 51, 44)
COUNT = 60


class PlotChip(DBObject):
    """A CCD."""

    abstract = False
    name = persistent("Name", str)


class PlotStat(OwnedRecord):
    """Statistics."""

    median = persistent("Median", float, unit="adu")


class PlotFrame(DBObject):
    """A frame."""

    abstract = False
    DATE_OBS = persistent("Start", datetime.datetime)
    EXPTIME = persistent("Exposure time", float, unit="s")
    imstat = persistent("Statistics", PlotStat)
    chip = persistent("The CCD", PlotChip)
    OBJECT = persistent("What it shows", str)
    good = persistent("Whether it is good", bool)
    level = persistent("Level", float, unit="adu")
    nothing = persistent("Never set", float)
    header = persistent("Keywords", dict)
    readings = persistent("Several numbers", [float])
    RA = persistent("Right ascension", float, unit="deg")
    DEC = persistent("Declination", float, unit="deg")


class PlotField(DBObject):
    """A frame with world coordinates."""

    abstract = False
    astrom = persistent("World coordinates", Astrom)
    NAXIS1 = persistent("Columns", int, unit="pix")
    NAXIS2 = persistent("Rows", int, unit="pix")


class PlotResult(DBObject):
    """Something that was made from a frame."""

    abstract = False
    frame = persistent("The frame", PlotFrame)
    creation_date = persistent("When it was made", datetime.datetime)
    is_valid = persistent("Whether it is good", int, 1, mutable=True)
    seeing = persistent("Seeing", float, unit="arcsec")


class PlotPair(DBObject):
    """Something with two ways to a frame."""

    abstract = False
    first = persistent("One frame", PlotFrame)
    second = persistent("Another frame", PlotFrame)
    value = persistent("A number", float)


@pytest.fixture
def frames(context, tmp_path, monkeypatch):
    """Give a query of frames; pictures are kept as figures as well."""
    view.enter()
    monkeypatch.chdir(tmp_path)
    chips = [PlotChip(name=f"CCD {k}") for k in range(3)]
    made = [
        PlotFrame(
            DATE_OBS=START + datetime.timedelta(hours=k), EXPTIME=float(10 ** (k % 4)),
            imstat=PlotStat(median=100.0 + k) if k % 5 else None, chip=chips[k % 3],
            OBJECT=f"field {k % 2}", good=None if k % 4 == 0 else bool(k % 2),
            level=float("nan") if k == 7 else float(k), header={"AIRM": 1.0 + k / 100},
            RA=(k * 7.0) % 360, DEC=-80 + 2.0 * k,
        )
        for k in range(COUNT)
    ]  # fmt: skip
    context.commit(made)
    return PlotFrame.select_all()


@pytest.fixture
def figures(monkeypatch):
    """Give the list of the figures that are written."""
    kept, write = [], inspect_screen.write_picture

    def keep(figure, path):
        kept.append(figure)
        return write(figure, path)

    monkeypatch.setattr(inspect_screen, "write_picture", keep)
    return kept


def points_of(figure):
    """Give all points that are drawn, by colour."""
    return [line.get_xydata() for line in figure.axes[0].lines]


def words_of(figure):
    """Give the title and the legend."""
    legend = [t.get_text() for each in figure.legends for t in each.get_texts()]
    return figure.get_suptitle(), legend


# --- what is drawn ---


def test_plot_draws_each_value_in_the_colour_of_its_kind(frames, figures, tmp_path):
    path = frames.plot("DATE_OBS", "imstat.median", by="chip.name", save="x.png")
    assert path == tmp_path / "x.png"
    assert path.stat().st_size > 5000
    (figure,) = figures
    drawn = points_of(figure)
    for chip, found in enumerate(drawn):
        wanted = [k for k in range(COUNT) if k % 3 == chip and k % 5]
        assert found[:, 1].tolist() == [100.0 + k for k in wanted]
        times = [num2date(x).replace(tzinfo=None) for x in found[:, 0]]
        apart = [abs(t - START - datetime.timedelta(hours=k)) for t, k in zip(times, wanted)]  # noqa: B905
        assert max(apart) < datetime.timedelta(milliseconds=1)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("DATE_OBS [UTC]", "imstat.median [adu]")
    title, legend = words_of(figure)
    assert title == "PlotFrame\n48 of 60 objects; left out: 12 without imstat.median"
    assert legend == ["CCD 0  (16)", "CCD 1  (16)", "CCD 2  (16)"]
    assert len({line.get_color() for line in axes.lines}) == 3


def test_without_a_screen_the_picture_is_written_and_its_place_said(frames, tmp_path, capsys):
    plt.switch_backend("agg")
    assert frames.plot("DATE_OBS", "level") is None
    assert frames.hist("level") is None
    assert frames.sky() is None
    said = capsys.readouterr().out.splitlines()
    names = ["PlotFrame_plot.png", "PlotFrame_hist.png", "PlotFrame_sky.png"]
    assert said == [f"Picture: {tmp_path / name}" for name in names]
    assert all((tmp_path / name).exists() for name in names)


def test_one_attribute_is_drawn_against_time(frames, figures):
    frames.plot("level", save="x.png")
    assert figures[0].axes[0].get_xlabel() == "DATE_OBS [UTC]"
    assert "59 of 60 objects; left out: 1 without level" in words_of(figures[0])[0]


def test_texts_and_logicals_are_categories(frames, figures):
    frames.plot("OBJECT", "good", save="x.png")
    axes = figures[0].axes[0]
    figures[0].draw_without_rendering()
    assert [t.get_text() for t in axes.get_xticklabels()] == ["field 0", "field 1"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["False", "True"]
    (found,) = points_of(figures[0])
    good = [k for k in range(COUNT) if k % 4]
    assert found.tolist() == [[k % 2, float(k % 2)] for k in good]


@pytest.mark.heavy
def test_many_values_are_told_by_a_colour_bar_and_many_words_as_others(frames, figures, context):
    frames.plot("DATE_OBS", "level", by="imstat.median", save="x.png")
    assert figures[0].axes[1].get_ylabel() == "imstat.median [adu]   (grey: no imstat.median)"
    context.commit([PlotFrame(OBJECT=f"star {k}", level=1.0, DATE_OBS=START) for k in range(20)])
    PlotFrame.select_all().plot("DATE_OBS", "level", by="OBJECT", save="x.png")
    legend = words_of(figures[1])[1]
    assert len(legend) == 12
    assert legend[0] == "field 0  (30)"
    assert legend[-1] == "11 others  (11)"


@pytest.mark.heavy
def test_keys_of_headers_can_be_drawn(frames, figures):
    frames.plot("DATE_OBS", "header['AIRM']", save="x.png")
    assert points_of(figures[0])[0][:3, 1].tolist() == [1.0, 1.01, 1.02]


@pytest.mark.heavy
def test_letters_that_matplotlib_would_set_as_formulas_stay(frames, figures, context):
    context.commit([PlotFrame(OBJECT=name, level=1.0, DATE_OBS=START) for name in ("$x", "_y$")])
    PlotFrame.select_all().plot("OBJECT", "level", by="OBJECT", save="x.png")
    assert "$x  (1)" in words_of(figures[0])[1]
    assert "_y$  (1)" in words_of(figures[0])[1]


# --- attributes of other classes ---


def test_the_newest_valid_object_that_links_here_is_drawn(frames, figures, context):
    made = []
    for k, frame in enumerate(frames[:10]):
        later = START + datetime.timedelta(days=3)
        made += [
            PlotResult(frame=frame, creation_date=later, seeing=1.0 + k),
            PlotResult(frame=frame, creation_date=START, seeing=50.0),
            PlotResult(frame=frame, creation_date=later, seeing=70.0, is_valid=0),
        ]
    context.commit(made)
    frames.plot("PlotResult.seeing", save="x.png")
    assert points_of(figures[0])[0][:, 1].tolist() == [1.0 + k for k in range(10)]
    assert figures[0].axes[0].get_ylabel() == "PlotResult.seeing [arcsec]"
    assert "50 without PlotResult.seeing" in words_of(figures[0])[0]
    PlotResult.select_all().plot("PlotFrame.DATE_OBS", "PlotResult.seeing", save="x.png")
    assert len(points_of(figures[1])[0]) == 30


def test_several_ways_and_none_are_told(frames, context):
    context.commit(PlotPair(first=frames[0], second=frames[1], value=1.0))
    with pytest.raises(AweAttributeError, match=r"more than one way.*first\.level, second\.level"):
        PlotPair.select_all().plot("value", "PlotFrame.level")
    with pytest.raises(AweAttributeError, match=r"more than one way.*PlotPair\.first"):
        frames.plot("PlotPair.value")
    with pytest.raises(AweAttributeError, match="No attribute of PlotFrame links to PlotField"):
        frames.plot("PlotField.NAXIS1")


# --- errors ---


def test_unknown_attributes_are_answered_with_the_nearest(frames):
    with pytest.raises(AweAttributeError, match="Did you mean 'median'"):
        frames.plot("DATE_OBS", "imstat.medan")
    with pytest.raises(AweAttributeError, match="'EXPTIME'"):
        frames.hist("EXPTME")
    with pytest.raises(AweAttributeError, match="'OBJECT'"):
        frames.plot("DATE_OBS", "level", by="OBJCT")


@pytest.mark.parametrize("name", ["readings", "header", "imstat"])
def test_what_cannot_be_drawn_is_named(frames, name):
    with pytest.raises(AweTypeError, match=f"PlotFrame.{name} is a .* cannot be drawn"):
        frames.plot("DATE_OBS", name)
    with pytest.raises(AweTypeError, match=f"PlotFrame.{name} is a .* cannot be drawn"):
        frames.hist(name)


def test_no_objects_and_no_values_are_told(frames, context):
    for ask in (lambda q: q.plot("DATE_OBS", "level"), lambda q: q.hist("level"),
                lambda q: q.sky()):  # fmt: skip
        with pytest.raises(AweValueError, match=r"nothing to draw.*\n.*explain"):
            ask(PlotFrame.EXPTIME > 1e9)
    with pytest.raises(AweValueError, match="None of the 60 PlotFrame has a value of nothing"):
        frames.plot("DATE_OBS", "nothing")
    with pytest.raises(AweValueError, match="has a value of nothing"):
        frames.hist("nothing")
    context.commit(PlotFrame(nothing=1.0))
    with pytest.raises(AweValueError, match=r"No PlotFrame has both imstat\.median and nothing"):
        PlotFrame.select_all().plot("imstat.median", "nothing")
    # A colour that no object has is no reason to draw nothing.
    frames.plot("DATE_OBS", "level", by="nothing", save="x.png")


def test_files_that_cannot_be_written_are_refused(frames, tmp_path):
    with pytest.raises(AweValueError, match="No such file"):
        frames.plot("DATE_OBS", "level", save=tmp_path / "absent" / "x.png")
    with pytest.raises(AweValueError, match=r"\.png, \.pdf or \.svg"):
        frames.hist("level", save=tmp_path / "x.word")


# --- histograms ---


def test_histogram_counts_all_and_tells_what_has_no_value(frames, figures):
    frames.hist("level", bins=7, save="x.png")
    (stairs,) = figures[0].axes[0].patches
    assert stairs.get_data().values.sum() == 59
    assert len(stairs.get_data().values) == 7
    assert words_of(figures[0])[1] == ["59 objects", "1 without a value (None or NaN)"]
    assert figures[0].axes[0].get_xlabel() == "level [adu]"


def test_histogram_is_logarithmic_where_that_helps(frames, figures):
    frames.hist("EXPTIME", save="x.png")
    frames.hist("EXPTIME", log=False, save="x.png")
    frames.hist("level", save="x.png")
    scales = [figure.axes[0].get_xscale() for figure in figures]
    assert scales == ["log", "linear", "linear"]
    for figure in figures[:2]:
        assert figure.axes[0].patches[0].get_data().values.sum() == COUNT
    with pytest.raises(AweValueError, match="level has values down to 0"):
        frames.hist("level", log=True)
    with pytest.raises(AweTypeError, match="bins"):
        frames.hist("level", bins=0)


@pytest.mark.heavy
def test_histogram_of_words_times_and_colours(frames, figures):
    frames.hist("OBJECT", by="good", save="x.png")
    frames.hist("DATE_OBS", by="chip", save="x.png")
    widths = [bar.get_width() for bar in figures[0].axes[0].patches]
    assert sum(widths) == COUNT
    assert words_of(figures[0])[1][:3] == ["False  (15)", "True  (30)", "no good  (15)"]
    assert [s.get_data().values.sum() for s in figures[1].axes[0].patches] == [20, 20, 20]
    with pytest.raises(AweValueError, match="too many different values"):
        frames.hist("EXPTIME", by="level")


def test_one_bin_that_has_nearly_all_does_not_hide_the_others(context, figures, tmp_path):
    view.enter()
    values = [1.0] * 700 + [float(k) for k in range(2, 12)]
    context.commit([PlotFrame(level=v) for v in values])
    PlotFrame.select_all().hist("level", save=tmp_path / "x.png")
    assert figures[0].axes[0].get_yscale() == "log"


# --- the sky ---


@pytest.mark.heavy
def test_sky_is_drawn_in_equal_area_with_all_positions(frames, figures):
    frames.sky(by="chip", save="x.png")
    axes = figures[0].axes[0]
    assert [str(t) for t in axes.wcs.wcs.ctype] == ["RA---MOL", "DEC--MOL"]
    drawn = np.concatenate([line.get_xydata() for line in axes.lines])
    lon, lat = axes.wcs.pixel_to_world_values(*drawn.T)
    found = sorted(zip(np.round(lat), np.round(lon) % 360, strict=True))
    assert found == sorted((-80 + 2.0 * k, (k * 7.0) % 360) for k in range(COUNT))
    # East is left.
    assert axes.wcs.world_to_pixel_values(10, 0)[0] < axes.wcs.world_to_pixel_values(0, 0)[0]


def test_outlines_of_frames_are_those_of_astropy(context, figures, tmp_path):
    from astropy.wcs import WCS

    view.enter()
    made = [
        Astrom(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=ra, CRVAL2=dec, CRPIX1=2000.0,
               CRPIX2=-700.0, CD1_1=-6e-5, CD1_2=2e-6, CD2_1=2e-6, CD2_2=6e-5)
        for ra, dec in ((359.95, -32.0), (0.02, -32.1), (0.02, -31.9))
    ]  # fmt: skip
    context.commit([PlotField(astrom=a, NAXIS1=2144, NAXIS2=4200) for a in made])
    PlotField.select_all().sky(save=tmp_path / "x.png")
    axes = figures[0].axes[0]
    assert str(axes.wcs.wcs.ctype[0]) == "RA---ZEA"
    corners = [path.vertices[:4] for path in axes.collections[0].get_paths()]
    for astrom, found in zip(made, corners, strict=True):
        header = {n: getattr(astrom, n) for n in Astrom._attributes}
        edges = WCS(header).calc_footprint(axes=(2144, 4200), center=False)
        wanted = np.column_stack(axes.wcs.world_to_pixel_values(*edges.T))
        order = np.lexsort(np.round(wanted, 4).T), np.lexsort(np.round(found, 4).T)
        assert np.allclose(wanted[order[0]], found[order[1]], atol=1e-6)


def test_positions_at_a_pole_and_across_zero_hours_are_right():
    values = {"CRVAL1": np.array([10.0]), "CRVAL2": np.array([90.0]), "CRPIX1": np.array([0.5]),
              "CRPIX2": np.array([0.5]), "CD1_1": np.array([-0.1]), "CD1_2": np.array([0.0]),
              "CD2_1": np.array([0.0]), "CD2_2": np.array([0.1])}  # fmt: skip
    corners = sky.corners_of(values, np.array([10]), np.array([10]))
    assert corners[0, 0, 1] == 90
    assert np.allclose(corners[0, 1], (280, 90 - np.degrees(np.arctan(np.radians(1)))))


def test_sky_without_positions_says_what_to_name(frames, context):
    context.commit(PlotResult(seeing=1.0))
    with pytest.raises(AweAttributeError, match=r"no world coordinates.\n.*sky\(ra="):
        PlotResult.select_all().sky()
    with pytest.raises(AweTypeError, match="given together"):
        frames.sky(ra="RA")
    with pytest.raises(AweTypeError, match="OBJECT is no number of degrees"):
        frames.sky(ra="OBJECT", dec="DEC")


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
