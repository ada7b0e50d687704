"""All CCDs of an exposure in their places; frames sent to other programs."""

import datetime

import matplotlib
import numpy as np
import pytest
from frames_made import STARS, WHEN, astrom, exposure, raw_frame, star_field

from awe import view
from awe.base.errors import AweLookupError, AweValueError
from awe.view.frames import figure_of
from awe.view.inspect_mosaic import places_of

matplotlib.use("agg")

_STEP_X, _STEP_Y = 190, 220


def mosaic(folder, when=WHEN, sky=True):
    """Give an exposure of 2 x 2 CCDs with gaps of 10 and 20 pixels."""
    view.enter()
    one = exposure(when)
    frames = []
    for number in range(4):
        row, column = divmod(number, 2)
        # The reference pixel of all is the first pixel of the first.
        words = astrom(x=-_STEP_X * column, y=-_STEP_Y * row) if sky else None
        data = star_field(seed=number) + 10 * number
        name = f"{when:%d}_{number}.fits"
        frames.append(raw_frame(folder, data, name=name, chip=f"CCD_{number}", sky=words,
                                exposure=one, when=when))  # fmt: skip
        if not sky:
            assert frames[-1].astrom is not None
    return one, frames


def test_ccds_lie_where_the_world_coordinates_say(context, tmp_path):
    one, frames = mosaic(tmp_path)
    figure = figure_of(one)
    window = figure.awe_window
    assert [v.obj for v in window.views] == frames
    assert len({v.axes for v in window.views}) == 1
    corners = [v.place.to_axes(0, 0) for v in window.views]
    expected = [(0, 0), (_STEP_X, 0), (0, _STEP_Y), (_STEP_X, _STEP_Y)]
    np.testing.assert_allclose(corners, expected, atol=0.01)
    assert "placed by their world coordinates" in figure.get_suptitle()
    # The read-out under the pointer is that of the CCD there.
    column, row, _ = STARS[1]
    words = window.views[3].axes.format_coord(_STEP_X + column, _STEP_Y + row)
    assert words.startswith(f"x={column:.0f} y={row:.0f}  RA=")
    assert words.endswith(f"{frames[3].data[int(row), int(column)]:.6g} adu")
    assert window.views[0].axes.format_coord(185, 100) == ""
    low_high = {(v.low, v.high) for v in window.views}
    assert len(low_high) == 1


@pytest.mark.heavy
def test_mosaic_is_written_and_zoomed_at_full_resolution(context, tmp_path):
    one, frames = mosaic(tmp_path)
    assert one.inspect(save=tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    figure = one.figure(mask=True)
    assert figure.awe_window.legend_words
    last = figure.awe_window.views[3]
    last.axes.set_xlim(_STEP_X + 30, _STEP_X + 50)
    last.axes.set_ylim(_STEP_Y + 110, _STEP_Y + 130)
    figure.savefig(tmp_path / "zoomed.png")
    shown = last.layer.get_array()
    x0, _, y0, _ = last.layer.get_extent()
    x0, y0 = round(x0 + 0.5 - _STEP_X), round(y0 + 0.5 - _STEP_Y)
    ny, nx = shown.shape
    np.testing.assert_array_equal(shown, frames[3].data[y0 : y0 + ny, x0 : x0 + nx])


def test_without_own_coordinates_those_of_other_frames_of_the_ccds_count(context, tmp_path):
    _, frames = mosaic(tmp_path)

    class Dome:
        _attributes = ("chip",)

        def __init__(self, frame):
            self.chip = frame.chip
            self.NAXIS1, self.NAXIS2 = frame.NAXIS1, frame.NAXIS2

    places, how = places_of([(Dome(f), (200, 180)) for f in frames])
    assert how == "placed by the world coordinates of science frames"
    assert [(round(p.x), round(p.y)) for p in places][3] == (_STEP_X, _STEP_Y)


@pytest.mark.parametrize("zoom", [1, 20])
def test_ccds_of_a_known_instrument_lie_as_its_description_has_them(context, zoom):
    from awe.model import Chip, Instrument

    camera = Instrument.get_or_create(name="OMEGACAM")

    class Dome:
        _attributes = ("chip", "instrument")
        instrument, NAXIS1, NAXIS2 = camera, 10, 10

        def __init__(self, number):
            self.chip = Chip.get_or_create(instrument=camera, name=f"ESO_CCD_#{number}")

    shape = (4100 // zoom, 2048 // zoom)
    frames = [(Dome(number), shape) for number in range(65, 97)]
    places, how = places_of(frames)
    assert how == "placed by the layout of the instrument"
    at = {frame.chip.name[-2:]: place for (frame, _), place in zip(frames, places, strict=True)}
    assert (at["65"].x, at["65"].y) == (0, 0)
    assert at["72"].x == pytest.approx((8433 + 6552) / zoom, rel=5e-3)
    assert at["73"].y == pytest.approx((8553 - 4089) / zoom, rel=5e-3)
    assert at["96"].y == pytest.approx((8553 + 4521) / zoom, rel=5e-3)
    # None lies on another.
    for one, place in at.items():
        for other, there in at.items():
            assert one == other or (abs(place.x - there.x) >= shape[1] - 1 or abs(
                place.y - there.y) >= shape[0] - 1)  # fmt: skip
    unknown = [(Dome(65), shape), (Dome(12), shape)]
    assert places_of(unknown)[1].startswith("in the order of their names")


def test_unknown_places_are_said(context, tmp_path):
    _, frames = mosaic(tmp_path, WHEN + datetime.timedelta(days=1))
    for frame in frames:
        assert frame.astrom is not None
    # All at one place, as headers without the offsets of the CCDs have it.
    same = [(frames[0], (200, 180))] * 4
    places, how = places_of(same)
    assert how == "in the order of their names: their places are not known"
    assert len({(p.x, p.y) for p in places}) == 4


def test_mirrored_ccds_are_turned_back(context, tmp_path):
    one = exposure()
    view.enter()
    straight = astrom()
    mirrored = astrom(x=400.0).replace(CD1_1=0.2 / 3600, CRPIX1=-200.0)
    frames = [
        raw_frame(tmp_path, name="a.fits", chip="A", sky=straight, exposure=one),
        raw_frame(tmp_path, name="b.fits", chip="B", sky=mirrored, exposure=one),
    ]
    figure = figure_of(one)
    second = figure.awe_window.views[1]
    assert second.place.step_x == -1
    x, y = second.place.to_axes(40, 120)
    assert second.pixel_at(x, y) == pytest.approx((40, 120))
    figure.savefig(tmp_path / "m.png")
    shown = second.layer.get_array()
    np.testing.assert_array_equal(shown, frames[1].data[:, ::-1])


def test_missing_frames_are_said_and_the_others_shown(context, tmp_path):
    one, frames = mosaic(tmp_path)
    path = frames[2].path()
    path.chmod(0o600)
    path.unlink()
    figure = figure_of(one)
    assert len(figure.awe_window.views) == 3
    assert "CCD_2: The file 01_2.fits" in figure.get_suptitle().replace("\n", " ")
    with pytest.raises(AweValueError, match="has no frames to show"):
        exposure(WHEN + datetime.timedelta(days=9)).inspect(save=tmp_path / "x.png")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Give a SAMP hub of our own, and what a program on it received."""
    import warnings

    from astropy.utils.exceptions import AstropyDeprecationWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyDeprecationWarning)
        from astropy.samp import SAMPHubServer, SAMPIntegratedClient
    lock = tmp_path / "samp"
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{lock.as_uri()}")
    server = SAMPHubServer(web_profile=False, lockfile=str(lock), addr="127.0.0.1")
    server.start()
    yield SAMPIntegratedClient
    server.stop()


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_show_sends_the_file_to_the_programs_that_take_images(context, tmp_path, hub, capsys):
    import time

    raw = raw_frame(tmp_path)
    view.enter()
    with pytest.raises(AweLookupError, match="no program that takes images is connected"):
        raw.show()
    program = hub(name="ds9")
    program.connect()
    got = []
    program.bind_receive_notification(
        "image.load.fits", lambda key, sender, mtype, words, extra: got.append(words)
    )
    try:
        assert raw.show() == ["ds9"]
        assert raw.show("DS9") == ["ds9"]
        end = time.monotonic() + 10
        while len(got) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        assert got[0]["url"] == raw.path().as_uri()
        assert "Sent to ds9" in capsys.readouterr().out
        with pytest.raises(AweLookupError, match=r"No program 'aladin'"):
            raw.show("aladin")
    finally:
        program.disconnect()
