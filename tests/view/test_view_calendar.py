"""The calendar of calibrations: what is drawn is what is chosen."""

import datetime
import itertools

import matplotlib as mpl
import matplotlib.colors
import matplotlib.figure
import pytest

from awe import model
from awe.base.errors import AweError
from awe.instruments import night_interval
from awe.process.choice import FOREVER_END, FOREVER_START
from awe.process.serving import competing
from awe.store.context import Context
from awe.view import calendar as module
from awe.view.calendar import calendar, draw_calendar, nights_of, window_of

DAY = datetime.timedelta(days=1)
NIGHT = datetime.datetime(2012, 6, 1)
SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def noises(tmp_path):
    """Store read noises of two CCDs: one eclipsed in part, one bad, one for ever."""
    context = Context(tmp_path / "store", tmp_path / "data", "me")
    camera = model.Instrument(name="OMEGACAM", longitude=-70.4)
    made = []
    for chip_name, nights in (("A", (0, 3, 5)), ("B", (0, 1))):
        chip = model.Chip(name=chip_name, instrument=camera)
        readout = model.Readout(chip=chip, mode="slow")
        frame = model.RawBiasFrame(
            instrument=camera, chip=chip, readout=readout, night=NIGHT, DATE_OBS=NIGHT + DAY
        )
        file = tmp_path / f"{chip_name}.fits"
        file.write_bytes(chip_name.encode())
        frame.attach(file)
        for n in nights:
            noise = model.ReadNoise(raw_bias_frames=[frame], content_key=f"{chip_name}{n}" * 32)
            noise.take_from([frame])
            noise.night = NIGHT + n * DAY
            begin, end = night_interval(noise.night, camera.longitude)
            noise.timestamp_start, noise.timestamp_end = begin - 4 * DAY, end + 4 * DAY
            noise.creation_date = datetime.datetime(2020, 1, 1) + len(made) * SECOND
            made.append(noise)
    made[2].is_valid = 0
    made[4].timestamp_start, made[4].timestamp_end = FOREVER_START, FOREVER_END
    context.commit(made)
    yield made
    context.close()


def bars(axes):
    """Give the bars of a panel as (row, begin, end, colour), dates in days since 1970."""
    found = []
    for collection in axes.collections:
        colours = collection.get_facecolors()
        for path in collection.get_paths():
            box, colour = path.get_extents(), colours[0] if len(colours) else "none"
            found.append((round((box.y0 + box.y1) / 2), box.x0, box.x1, mpl.colors.to_hex(colour)))
    return found


def in_days(when):
    return (when - datetime.datetime(1970, 1, 1)) / DAY


def test_bars_are_the_intervals_and_what_is_chosen(noises):
    figure = mpl.figure.Figure()
    groups = competing(noises)
    window = window_of(noises)
    draw_calendar(figure, "ReadNoise", groups, window)
    first, second = figure.axes
    blue, grey = mpl.colors.to_hex("tab:blue"), mpl.colors.to_hex("0.8")
    found = bars(first)
    assert {(row, colour) for row, _, _, colour in found if colour in (blue, grey)} == {
        (0, grey), (0, blue), (1, grey), (1, blue),
    }  # fmt: skip
    # Half way between its night and the next one a later night takes over.
    (own,) = [(a, b) for row, a, b, colour in found if (row, colour) == (0, blue)]
    change = night_interval(NIGHT + 2 * DAY, -70.4)[0]
    assert own == pytest.approx((in_days(noises[0].timestamp_start), in_days(change)))
    (later,) = [(a, b) for row, a, b, colour in found if (row, colour) == (1, blue)]
    assert later == pytest.approx((in_days(change), in_days(noises[1].timestamp_end)))
    labels = [label.get_text() for label in first.get_yticklabels()]
    assert [label[:8] for label in labels] == [n.object_id[-8:] for n in noises[:3]]
    # Downwards: the first row is at the top.
    assert first.get_ylim()[0] > first.get_ylim()[1]
    shown = [b for b in bars(second) if b[0] == 1 and b[3] == blue]
    assert len(shown) == 2
    assert second.get_title(loc="left") == "OMEGACAM, B, slow"


def test_it_is_written_as_a_picture(noises, tmp_path, monkeypatch, capsys):
    file = tmp_path / "noise.png"
    assert calendar(model.ReadNoise, instrument="OMEGACAM", chip="A", save=file) == file
    assert file.read_bytes()[:4] == b"\x89PNG"
    monkeypatch.chdir(tmp_path)
    assert calendar(model.ReadNoise) is None
    assert f"Picture: {tmp_path / 'ReadNoise_calendar.png'}" in capsys.readouterr().out
    assert (tmp_path / "ReadNoise_calendar.png").exists()


def test_nights_cover_the_window_without_gaps():
    window = (NIGHT + DAY / 3, NIGHT + 5.2 * DAY)
    nights = list(nights_of(window, -70.4))
    assert nights[0][1] <= window[0]
    assert nights[-1][2] >= window[1]
    assert all(a[2] == b[1] for a, b in itertools.pairwise(nights))
    assert all(b[0] - a[0] == DAY for a, b in itertools.pairwise(nights))


def test_the_window_is_that_of_the_finite_ones(noises):
    first, last = window_of(noises)
    assert noises[0].timestamp_start - 2 * DAY < first < noises[0].timestamp_start
    assert noises[2].timestamp_end < last < noises[2].timestamp_end + 2 * DAY
    assert window_of([noises[4]])[1] < datetime.datetime(2013, 1, 1)
    assert window_of(noises, "2012-01-01", "2012-02-01") == (
        datetime.datetime(2012, 1, 1), datetime.datetime(2012, 2, 1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cls", "options", "told"),
    [
        (model.RawBiasFrame, {}, "RawBiasFrame has no intervals"),
        (model.ReducedScienceFrame, {}, "ReducedScienceFrame has no intervals"),
        ("ReadNoise", {}, "'ReadNoise' has no intervals"),
        (
            model.ReadNoise,
            {"chip": "C"},
            "There is no ReadNoise with chip C.\n  There is: chip A, B.",
        ),
        (model.BiasFrame, {}, "There is no BiasFrame."),
        (model.ReadNoise, {"start": "2013-01-01"}, "is not after the start"),
        (model.ReadNoise, {"start": "nonsense"}, "nonsense"),
        (model.ReadNoise, {"save": "no/such/folder.png"}, "cannot be written"),
    ],
)
def test_wrong_ones_are_told(noises, cls, options, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AweError) as error:
        calendar(cls, **options)
    assert told in str(error.value)


def test_too_many_name_the_ccds(noises, monkeypatch):
    monkeypatch.setattr(module, "_MOST_PANELS", 1)
    with pytest.raises(AweError, match=r"of 2 kinds is too large.*\n.*one of A, B"):
        calendar(model.ReadNoise)
