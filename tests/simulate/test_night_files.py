"""The files as FITS: headers, names, times, geometry."""

import datetime

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from awe.base import progress
from awe.base.errors import AweLookupError, AweValueError
from awe.simulate import open_night, simulate_night
from awe.simulate.layout import mosaic
from awe.simulate.sphere import (
    LATITUDE,
    LONGITUDE,
    altitude_azimuth,
    deproject,
    night_of,
    project,
    sidereal_time,
)

START = datetime.datetime(2012, 6, 1, 8, 51, 44)
DPR = {
    "bias": ("CALIB", "BIAS"),
    "dome": ("CALIB", "FLAT,DOME"),
    "twilight": ("CALIB", "FLAT,SKY"),
    "science": ("SCIENCE", "OBJECT"),
    "standard": ("CALIB", "STD,ZEROPOINT"),
}


def test_default_night_is_the_tutorials(default_night):
    night = default_night
    counts = [len(night.of_kind(k)) for k in DPR]
    assert counts == [5, 3, 3, 5, 1]
    assert night.chips[0] == "ESO_CCD_#65"
    assert len(night.chips) * len(night.science) == 160
    assert night.project == "TUTORIAL2015"
    assert {p.name for p in night.folder.iterdir()} == {p.name for p in night.files} | {"truth"}


@pytest.mark.parametrize("kind", DPR)
def test_files_are_sound(default_night, kind):
    with fits.open(default_night.of_kind(kind)[0], checksum=True) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["NAXIS"] == 0
        assert [hdu.name for hdu in hdus[1:]] == list(default_night.chips)
        for hdu, ccd in zip(hdus[1:], default_night.ccds, strict=True):
            assert hdu.data.dtype == np.uint16
            assert hdu.data.shape == ccd.raw_shape


def test_keywords(default_night):
    for kind, (category, dpr) in DPR.items():
        paths = default_night.of_kind(kind)
        for index, path in enumerate(paths):
            header = fits.getheader(path)
            assert header["ESO DPR CATG"] == category
            assert header["ESO DPR TYPE"] == dpr
            assert header["ESO TPL NEXP"] == len(paths)
            assert header["ESO TPL EXPNO"] == index + 1
            assert header["INSTRUME"] == "OMEGACAM"
            assert header["ESO INS FILT1 NAME"] == "r_SDSS"
            assert header["ARCFILE"] == path.name == f"OMEGA.{header['DATE-OBS']}.fits"
            assert (header["EXPTIME"] == 0) == (kind == "bias")
    header = fits.getheader(default_night.science[0])
    assert header["ESO TPL START"] == "2012-06-01T08:51:44"
    assert header["ESO TPL ID"] == "OMEGACAM_img_obs_dither"
    assert header["OBJECT"] == "KIDS_341.2_-32.1"
    assert header["ESO OBS NAME"] == "KIDS_341.2_-32.1_r"
    assert header["ESO DET READ MODE"] == "normal"
    assert 1.0 < header["ESO TEL AIRM START"] < 1.5


def test_times(default_night):
    headers = [fits.getheader(path) for path in default_night.files]
    starts = [datetime.datetime.fromisoformat(h["DATE-OBS"]) for h in headers]
    for this, after, header in zip(starts, starts[1:], headers, strict=False):
        assert after >= this + datetime.timedelta(seconds=header["EXPTIME"] + 40)
    for when, header in zip(starts, headers, strict=True):
        assert datetime.datetime.fromisoformat(header["ESO TPL START"]) <= when
        day = when.replace(hour=0, minute=0, second=0, microsecond=0)
        assert header["UTC"] == pytest.approx((when - day).total_seconds(), abs=1e-3)
        mjd = (when - datetime.datetime(1858, 11, 17)).total_seconds() / 86400
        assert header["MJD-OBS"] == pytest.approx(mjd, abs=1e-7)
    assert len({night_of(when) for when in starts}) == 1
    standard = fits.getheader(default_night.standards[0])
    assert standard["ESO TPL START"] == "2012-06-01T09:38:56"


@pytest.mark.parametrize("index", range(32))
def test_geometry_of_every_extension(default_night, index):
    ccd = default_night.ccds[index]
    with fits.open(default_night.domes[0]) as hdus:
        data, header = hdus[index + 1].data.astype(float), hdus[index + 1].header
    left, right = header["ESO DET OUT1 PRSCX"], header["ESO DET OUT1 OVSCX"]
    low, high = header["ESO DET OUT1 PRSCY"], header["ESO DET OUT1 OVSCY"]
    ny, nx = header["ESO DET OUT1 NY"], header["ESO DET OUT1 NX"]
    assert (ny + low + high, nx + left + right) == data.shape
    assert (ny, nx) == default_night.settings.shape
    assert (low == 0) == (index < 8 or 16 <= index < 24)
    assert header["ESO DET CHIP1 ID"] == header["EXTNAME"] == ccd.name
    # What the header says is lit is lit, and nothing else.
    lit = np.zeros(data.shape, bool)
    lit[low : low + ny, left : left + nx] = True
    assert np.median(data[lit]) > 15000
    assert data[~lit].max() < 500
    middle = data[low : low + ny, left : left + nx]
    for edge in (middle[0], middle[-1], middle[:, 0], middle[:, -1]):
        assert np.median(edge) > 15000


@pytest.mark.parametrize("index", [0, 9, 20, 31])
def test_stars_lie_where_the_world_coordinates_say(default_night, index):
    ccd = default_night.ccds[index]
    for exposure, path in enumerate(default_night.science[:2]):
        stars = default_night.truth(ccd.name, exposure).stars
        assert len(stars) > 0
        wcs = WCS(fits.getheader(path, index + 1))
        x, y = wcs.all_world2pix(stars["ra"], stars["dec"], 0)
        np.testing.assert_allclose(x - ccd.columns.start, stars["x"], atol=1e-4)
        np.testing.assert_allclose(y - ccd.rows.start, stars["y"], atol=1e-4)


def test_dithers_share_the_stars(default_night):
    first = default_night.truth("ESO_CCD_#81", 0).stars
    second = default_night.truth("ESO_CCD_#81", 1).stars
    common, i, j = np.intersect1d(first["id"], second["id"], return_indices=True)
    assert len(common) > 5
    np.testing.assert_allclose(first["mag"][i], second["mag"][j])
    assert np.ptp(first["y"][i] - second["y"][j]) < 0.05
    assert abs(np.mean(first["y"][i] - second["y"][j])) > 5


def test_sidereal_time_and_altitude_agree_with_astropy():
    from astropy.coordinates import AltAz, EarthLocation, SkyCoord
    from astropy.time import Time
    from astropy.utils import iers

    with iers.conf.set_temp("auto_download", False):
        site = EarthLocation(lat=LATITUDE, lon=LONGITUDE, height=2635)
        time = Time(START, scale="utc", location=site)
        sidereal = time.sidereal_time("mean").deg
        assert sidereal_time(START) == pytest.approx(sidereal, abs=0.01)
        frame = AltAz(obstime=time, location=site)
        there = SkyCoord(341.2, -32.1, unit="deg").transform_to(frame)
    altitude, azimuth = altitude_azimuth(341.2, -32.1, START)
    # Precession since 2000 is left out.
    assert altitude == pytest.approx(there.alt.deg, abs=0.3)
    assert (azimuth + 180) % 360 == pytest.approx(there.az.deg, abs=0.5)


def test_tangent_plane_there_and_back():
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(355, 365, 50) % 360, rng.uniform(-50, -40, 50)
    xi, eta = project(ra, dec, 0.3, -45.0)
    back = deproject(xi, eta, 0.3, -45.0)
    np.testing.assert_allclose(back[0], ra, atol=1e-9)
    np.testing.assert_allclose(back[1], dec, atol=1e-9)


@pytest.mark.parametrize(
    ("when", "noon"),
    [
        (START, datetime.date(2012, 5, 31)),
        (datetime.datetime(2012, 6, 1, 16, 41), datetime.date(2012, 5, 31)),
        (datetime.datetime(2012, 6, 1, 16, 42), datetime.date(2012, 6, 1)),
        (datetime.datetime(2012, 6, 2, 0, 0), datetime.date(2012, 6, 1)),
    ],
)
def test_night_begins_at_local_noon(when, noon):
    assert night_of(when).date() == noon


def test_open_again(two_ccds):
    again = open_night(two_ccds.folder)
    assert again == two_ccds
    assert repr(again) == repr(two_ccds)
    assert "3 science" in repr(again)


def test_what_is_not_a_night(tmp_path):
    with pytest.raises(AweLookupError, match="holds no simulated night"):
        open_night(tmp_path)


def test_progress_is_reported(tmp_path):
    seen = []

    def reporter(iterable, total, what):
        for item in iterable:
            seen.append((total, what))
            yield item

    progress.set_reporter(reporter)
    try:
        simulate_night(tmp_path, ccds=2, shape=(40, 40), biases=2, domes=1, twilights=0)
    finally:
        progress.set_reporter(None)
    assert seen == [(16, "Simulating the night")] * 16


def test_a_night_is_not_replaced_by_accident(tmp_path):
    small = {"ccds": 1, "shape": (40, 40), "biases": 1, "domes": 0, "twilights": 0, "exposures": 0}
    simulate_night(tmp_path, **small)
    with pytest.raises(AweValueError, match="overwrite=True"):
        simulate_night(tmp_path, **small)
    small["exposures"] = 2
    assert len(simulate_night(tmp_path, **small, overwrite=True).science) == 2
    small["exposures"] = 1
    night = simulate_night(tmp_path, **small, overwrite=True)
    # Nothing of the larger night is left.
    assert sorted(tmp_path.glob("*.fits")) == sorted(night.files)
    assert len(list((tmp_path / "truth").iterdir())) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"instrument": "OMEGACM"}, "Did you mean 'OMEGACAM'"),
        ({"biases": -1}, "biases is a whole number"),
        ({"sky": -1.0}, "sky is 0 or more"),
        ({"sky": float("nan")}, "sky is 0 or more"),
        ({"seeing": 0.0}, "seeing is in arcseconds"),
        ({"start": "2012-06-01T18:00:00"}, "cannot begin at 2012-06-01T18:00:00"),
        ({"start": "2012-06-01T14:00:00"}, "cannot begin at 2012-06-01T14:00:00"),
        ({"hot": 20000}, "cannot have so many"),
        ({"object": "Große Wolke"}, "object is a text of ASCII"),
        ({"shape": (96,)}, "at least 32 x 32"),
        ({"ccds": 0}, "mosaic has 1 to 32 CCDs"),
    ],
)
def test_refusals(tmp_path, arguments, message):
    with pytest.raises(AweValueError, match=message):
        simulate_night(tmp_path / "x", **arguments)
    assert not (tmp_path / "x").exists()


def test_full_size_ccd_is_laid_out(default_night):
    # The default night shrinks the mosaic: the pointing keeps its place in it.
    small, full = default_night.ccds[31], mosaic()[31]
    assert small.axis[0] / 96 == pytest.approx(full.axis[0] / 2048, abs=0.01)
