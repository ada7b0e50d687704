"""Plots of queries: what is drawn, what is left out, and what the pointer finds."""

import datetime

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.dates import num2date
from matplotlib.figure import Figure
from plots_made import COUNT, START, PlotField, PlotFrame, PlotPair, PlotResult, points_of, words_of

from awe import view
from awe.base.errors import AweAttributeError, AweTypeError, AweValueError
from awe.model.records import Astrom
from awe.view import sky
from awe.view.dates import set_dates

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
    with pytest.raises(AweValueError, match="there is no folder"):
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


def test_histogram_without_more_to_say_has_no_legend(frames, figures):
    frames.hist("EXPTIME", save="x.png")
    assert figures[0].legends == []
    assert "60 objects" in figures[0].get_suptitle()


@pytest.mark.parametrize(
    ("begin", "days", "offset", "some"),
    [
        (20000.75, 170 / 86400, "2024-10-04", {"18:00:30", "18:01"}),
        (20000.75, 3 / 86400, "2024-10-04", {"18:00", "18:00:03"}),
        (20000.75, 0.5, "2024-10-04 to 2024-10-05", {"20:00", "Oct-05"}),
        (20000.0, 20.0, "2024-10-05 to 2024-10-23", {"05"}),
        (20000.0, 2000.0, "", {"2026"}),
    ],
)
def test_dates_of_an_axis_are_told_at_its_end(begin, days, offset, some):
    axes = Figure().add_subplot()
    axes.set_xlim(begin, begin + days)
    set_dates(axes.xaxis)
    axes.figure.draw_without_rendering()
    assert axes.xaxis.get_offset_text().get_text() == offset
    words = {t.get_text() for t in axes.get_xticklabels()}
    assert some <= words


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
