"""Real frames, each compared with what is known of it."""

import datetime
import gzip

import numpy as np
import pytest
from astropy.io import fits

from awe.fits import read_headers, read_image
from awe.instruments import InstrumentError, translate


def _unpacked(path, folder):
    """Unpack a file, whose extensions are then read without unpacking all before each."""
    plain = folder / path.stem
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    return plain


def _frames(path, **kwargs):
    hdus = read_headers(path)
    headers, shapes = [hdu.header for hdu in hdus], [hdu.shape for hdu in hdus]
    return translate(headers, shapes, filename=path.name, **kwargs)


class TestNickel:
    def test_night(self, shared_data):
        folder = shared_data / "nickel_ccd2_20240513" / "raw"
        kinds = {path.stem: _frames(path)[0].kind for path in folder.glob("*.fits")}
        expected = {f"d{n}": "bias" for n in range(1001, 1011)}
        expected |= {f"d{n}": "twilight" for n in (1035, 1036, 1037)}
        expected |= {f"d{n}": "science" for n in (1047, 1048, 1052, 1059, 1074, 1083)}
        assert kinds == expected

    def test_science_frame(self, shared_data):
        (frame,) = _frames(shared_data / "nickel_ccd2_20240513" / "raw" / "d1074.fits")
        (amplifier,) = frame.amplifiers
        assert frame.instrument == "NICKEL"
        assert frame.chip == "NICKEL_1"
        assert (frame.filter, frame.OBJECT, frame.EXPTIME) == ("V", "UGC_9837", 600.0)
        assert datetime.datetime(2024, 5, 13, 6, 25, 35, 950000) == frame.DATE_OBS
        assert amplifier["data"] == (0, 1024, 0, 1024)
        assert amplifier["overscan_x"] == (0, 1024, 1024, 1056)
        assert frame.binning == (2, 2)
        assert frame.astrom["CTYPE1"] == "RA---TAN"

    def test_bias_has_no_filter(self, shared_data):
        (frame,) = _frames(shared_data / "nickel_ccd2_20240513" / "raw" / "d1001.fits")
        assert frame.filter is None


class TestKast:
    def test_night(self, shared_data):
        folder = shared_data / "kast_blue_2015" / "raw"
        kinds = {path.name.split(".")[0]: _frames(path)[0].kind for path in folder.glob("*.gz")}
        expected = {"b1": "arc", "b24": "spectrum", "b27": "spectrum"}
        expected |= dict.fromkeys(("b11", "b12", "b13"), "slit flat")
        expected |= dict.fromkeys(("b21", "b22", "b23"), "bias")
        assert kinds == expected

    def test_levels_of_both_amplifiers(self, shared_data):
        path = shared_data / "kast_blue_2015" / "raw" / "b21.fits.gz"
        (frame,) = _frames(path)
        image = read_image(path, 0)
        levels = []
        for amplifier in frame.amplifiers:
            y0, y1, x0, x1 = amplifier["overscan_x"]
            levels.append(np.median(image[y0:y1, x0:x1]))
        assert levels == [943.0, 965.0]
        assert frame.shape == (350, 2048)
        assert [amplifier["x"] for amplifier in frame.amplifiers] == [0, 1024]


class TestLsst:
    @pytest.mark.parametrize("maker", ["e2v", "itl"])
    def test_assembled_ccd_is_the_known_one(self, shared_data, maker, tmp_path):
        folder = shared_data / "lsst_16amp_mef"
        path, answer = (
            _unpacked(folder / f"{maker}_{name}.fits.gz", tmp_path)
            for name in ("spot", "expected_assembled")
        )
        (frame,) = _frames(path)
        expected = next(read_image(answer, h) for h in read_headers(answer) if h.shape)
        assert frame.extensions == tuple(range(1, 17))
        assert frame.shape == expected.shape
        ccd = np.full(frame.shape, np.nan, np.float32)
        for amplifier in frame.amplifiers:
            y0, y1, x0, x1 = amplifier["data"]
            data = read_image(path, amplifier["hdu"])[y0:y1, x0:x1]
            data = data[::-1] if amplifier["flip_y"] else data
            data = data[:, ::-1] if amplifier["flip_x"] else data
            y, x = amplifier["y"], amplifier["x"]
            ccd[y : y + data.shape[0], x : x + data.shape[1]] = data
        np.testing.assert_array_equal(ccd, expected)

    def test_all_cameras(self, shared_data):
        found = {}
        for path in (shared_data / "lsst_16amp_mef").glob("30*.fits"):
            (frame,) = _frames(path)
            found[path.name[:13]] = (frame.instrument, frame.chip, frame.kind, frame.filter)
            assert len(frame.amplifiers) == 16
            assert frame.shape in ((4000, 4072), (4004, 4096))
            assert all(amplifier["gain"] is None for amplifier in frame.amplifiers)
        assert found == {
            "3018092000065": ("LATISS", "LATISS_1", "unknown", None),
            "3019031900001": ("LSSTCAM", "R22_S21", "bias", None),
            "3019032200002": ("LSSTCAM", "R10_S22", "dome", "SDSSi"),
            "3019053000001": ("LSSTCOMCAM", "R22_S00", "bias", None),
            "3021121200031": ("LSSTCAM", "R22_S22", "dome", "SDSSi"),
        }

    def test_sections_around_the_data(self, shared_data):
        (frame,) = _frames(shared_data / "lsst_16amp_mef" / "2023103100227-R21-S01-det010.fits")
        first = frame.amplifiers[0]
        assert first["data"] == (0, 2002, 10, 522)
        assert first["prescan_x"] == (0, 2002, 0, 10)
        assert first["overscan_x"] == (0, 2002, 522, 576)
        assert first["overscan_y"] == (2002, 2048, 10, 522)


class TestEso:
    def test_efosc(self, shared_data):
        folder = shared_data / "efosc2_header_samples"
        frames = [_frames(path)[0] for path in sorted(folder.glob("*.gz"))]
        assert [frame.kind for frame in frames] == ["slit flat", "arc", "spectrum"]
        for frame in frames:
            (amplifier,) = frame.amplifiers
            assert (frame.instrument, frame.chip, frame.binning) == ("EFOSC", "ccd40", (2, 2))
            # The output lies on the right: so does the prescan.
            assert amplifier["prescan_x"] == (0, 1024, 1024, 1030)
            assert amplifier["overscan_y"] == (1024, 1030, 0, 1024)
            assert (amplifier["gain"], amplifier["read_noise"]) == (1.1, 7.8)
            assert frame.warnings == ()
        assert datetime.datetime(2022, 1, 26, 19, 18, 58, 463000) == frames[0].DATE_OBS
        assert frames[0].template["start"] == datetime.datetime(2022, 1, 26, 19, 17, 39)
        assert frames[0].observing_block["id"] == 1000153230
        assert pytest.approx(1.355) == frames[2].AIRMSTRT

    def test_isaac_visir_vimos(self, shared_data):
        found = {}
        for path in (shared_data / "eso_misc_headers").glob("*.gz"):
            for frame in _frames(path):
                found[frame.instrument, frame.chip] = (frame.kind, frame.filter, frame.raw_shape)
        assert found == {
            ("ISAAC", "ESO-Hawaii"): ("science", "NB_2.25", (1024, 1024)),
            ("VISIR", "Visir"): ("acquisition", "SIC+N_SW", (17, 256, 256)),
            ("VIMOS", "CCD-59"): ("dome", "V", (959, 880)),
            ("VIMOS", "CCD-60"): ("dome", "V", (959, 880)),
        }

    def test_time_of_day_from_the_modified_julian_date(self, shared_data):
        frame = _frames(shared_data / "eso_misc_headers" / "vimos.fits.gz")[1]
        assert datetime.datetime(2000, 5, 15, 11, 3, 39, 859200) == frame.DATE_OBS
        assert frame.extensions == (2,)
        assert frame.lamp == "QTH50"
        assert "880 x 959" in frame.warnings[0]


class TestUnknown:
    def test_cameras_without_description(self, shared_data):
        names = ("astride_long.fits", "ccdproc_a8280271.fits", "panoptes_solved.fits.fz")
        for name in names:
            with pytest.raises(InstrumentError, match=r"no known instrument.*OMEGACAM"):
                _frames(shared_data / "misc_images" / name)

    def test_megaprime_headers(self, shared_data):
        paths = sorted((shared_data / "megaprime_mef_headers").glob("*[obf].fits.header.gz"))
        assert len(paths) > 5
        for path in paths:
            lines = gzip.decompress(path.read_bytes()).decode("latin-1").splitlines()
            lines = lines[: next(i for i, line in enumerate(lines) if line.strip() == "END")]
            cards = "\n".join(line for line in lines if line[8:9] == "=")
            primary = fits.Header.fromstring(cards, sep="\n")
            with pytest.raises(InstrumentError, match=r"INSTRUME = '(CFHT )?MegaPrime'"):
                translate([primary], [None])
