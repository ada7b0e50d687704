"""Broken files are broken in the one way that their name says."""

import warnings

import numpy as np
import pytest
from astropy.io import fits

from awe.base.errors import AweLookupError
from awe.simulate.broken import BROKEN, all_broken, break_file, change_cards, truncate


@pytest.fixture(scope="module")
def good(default_night):
    """Give a good raw file."""
    return default_night.science[0]


def test_all(good, tmp_path):
    before = good.read_bytes()
    files = all_broken(good, tmp_path / "broken")
    assert set(files) == set(BROKEN)
    assert good.read_bytes() == before
    for how, path in files.items():
        assert path.name == f"{how}.fits"
        assert path.read_bytes() != before


def test_truncated(good, tmp_path):
    path = truncate(good, tmp_path / "t.fits", 0.3)
    assert path.stat().st_size == int(good.stat().st_size * 0.3)
    assert good.read_bytes().startswith(path.read_bytes())


@pytest.mark.parametrize("how", ["empty", "not_fits"])
def test_not_fits_at_all(good, tmp_path, how):
    path = break_file(how, good, tmp_path / "x.fits")
    with pytest.raises(OSError, match=r"[Ee]mpty|SIMPLE"):
        fits.open(path)


def test_cut_header(good, tmp_path):
    path = break_file("cut_header", good, tmp_path / "x.fits")
    with pytest.raises(OSError, match="Header missing END card"):
        fits.open(path)


def test_no_date(good, tmp_path):
    path = break_file("no_date", good, tmp_path / "x.fits")
    header = fits.getheader(path)
    for name in ("DATE-OBS", "MJD-OBS", "UTC", "DATE", "ESO TPL START", "ESO OBS START", "ARCFILE"):
        assert name not in header
    assert header["OBJECT"] == fits.getheader(good)["OBJECT"]
    assert "2012-06-01T" not in header.tostring()


@pytest.mark.parametrize(
    ("how", "keyword"), [("illegal_value", "OBSERVER"), ("illegal_exptime", "EXPTIME")]
)
def test_illegal_values(good, tmp_path, how, keyword):
    path = break_file(how, good, tmp_path / "x.fits")
    with fits.open(path) as hdus, pytest.raises(fits.VerifyError):
        hdus[0].header.cards[keyword].verify("exception")


def test_not_ascii(good, tmp_path):
    data = break_file("not_ascii", good, tmp_path / "x.fits").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        data[: 2880 * 8].decode("ascii")
    good.read_bytes()[: 2880 * 8].decode("ascii")


@pytest.mark.parametrize("how", ["no_date", "other_instrument", "no_overscan"])
def test_checksums_of_changed_headers_hold(good, tmp_path, how):
    path = break_file(how, good, tmp_path / "x.fits")
    with fits.open(path, checksum=True) as hdus:
        assert len(hdus) == 33


def test_no_overscan(good, tmp_path):
    path = break_file("no_overscan", good, tmp_path / "x.fits")
    for extension in (1, 9, 32):
        header = fits.getheader(path, extension)
        scans = [header[f"ESO DET OUT1 {k}"] for k in ("PRSCX", "OVSCX", "PRSCY", "OVSCY")]
        assert scans == [0, 0, 0, 0]
        np.testing.assert_array_equal(fits.getdata(path, extension), fits.getdata(good, extension))


def test_other_instrument(good, tmp_path):
    path = break_file("other_instrument", good, tmp_path / "x.fits")
    assert fits.getval(path, "INSTRUME") == "NOSUCHCAM"


def test_flipped_bit(good, tmp_path):
    path = break_file("flipped_bit", good, tmp_path / "x.fits")
    different = fits.getdata(good, 32) != fits.getdata(path, 32)
    assert np.count_nonzero(different) == 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with fits.open(path, checksum=True) as hdus:
            assert len(hdus) == 33
    messages = [str(w.message) for w in caught]
    assert len(messages) == 2
    assert all("verification failed for HDU ('ESO_CCD_#96', 1)" in m for m in messages)


def test_change_cards(good, tmp_path):
    path = change_cards(good, tmp_path / "x.fits", {"HIERARCH ESO DPR TYPE": None, "OBJECT": None})
    header = fits.getheader(path)
    assert "OBJECT" not in header
    assert "ESO DPR TYPE" not in header
    assert path.stat().st_size == good.stat().st_size
    with pytest.raises(AweLookupError, match="Did you mean 'EXPTIME'"):
        change_cards(good, tmp_path / "y.fits", {"EXPTIM": None})
    with pytest.raises(AweLookupError, match="33 HDUs, none of number 33"):
        change_cards(good, tmp_path / "y.fits", {"EXPTIME": None}, extensions=[33])


def test_unknown_way(good, tmp_path):
    with pytest.raises(AweLookupError, match="Did you mean 'truncated'"):
        break_file("truncate", good, tmp_path / "x.fits")
