"""ESO cameras of which there is no sample: geometry, filters, templates."""

import datetime

import numpy as np
import pytest

from awe.instruments import HeaderError, InstrumentError, translate


def eso(**cards):
    """Give ESO cards; an underscore stands for a blank."""
    return {"HIERARCH ESO " + key.replace("_", " "): value for key, value in cards.items()}


def _output(n, *, nx, ny, prscx=0, ovscx=0, prscy=0, ovscy=0, x=1, y=1, **more):
    values = {"NX": nx, "NY": ny, "PRSCX": prscx, "OVSCX": ovscx, "PRSCY": prscy}
    values |= {"OVSCY": ovscy, "X": x, "Y": y, **more}
    return eso(**{f"DET_OUT{n}_{key}": value for key, value in values.items()})


def _amplifier(header, shape, **kwargs):
    (frame,) = translate([header], [shape], **kwargs)
    (amplifier,) = frame.amplifiers
    return frame, amplifier


class TestOneOutput:
    def test_prescan_and_overscan(self, eso_header):
        header = eso_header() | _output(1, nx=2048, ny=1000, prscx=50, ovscx=40, ovscy=20)
        header |= eso(DET_OUT1_CONAD=0.8, DET_OUT1_RON=2.9)
        frame, amplifier = _amplifier(header, (1020, 2138))
        assert amplifier["data"] == (0, 1000, 50, 2098)
        assert amplifier["prescan_x"] == (0, 1000, 0, 50)
        assert amplifier["overscan_x"] == (0, 1000, 2098, 2138)
        assert amplifier["overscan_y"] == (1000, 1020, 50, 2098)
        assert amplifier["prescan_y"] is None
        assert (amplifier["gain"], amplifier["read_noise"]) == (0.8, 2.9)
        assert (frame.PRSCX, frame.OVSCX, frame.PRSCY, frame.OVSCY) == (50, 40, 0, 20)
        assert frame.shape == (1000, 2048)
        assert frame.warnings == ()

    @pytest.mark.parametrize(
        ("light", "scan"), [((2048, 2000), 10), ((1024, 1000), 5), ((1024, 1000), 10)]
    )
    def test_binned_whether_or_not_the_counts_are(self, eso_header, light, scan):
        header = eso_header() | _output(1, nx=light[0], ny=light[1], prscy=scan)
        header |= eso(DET_WIN1_BINX=2, DET_WIN1_BINY=2)
        rows = 5 if scan == 5 or light[0] == 2048 else 10
        frame, amplifier = _amplifier(header, (1000 + rows, 1024))
        assert amplifier["data"] == (rows, 1000 + rows, 0, 1024)
        assert amplifier["prescan_y"] == (0, rows, 0, 1024)
        assert frame.binning == (2, 2)
        assert "2x2" in frame.read_mode

    def test_output_on_the_right_has_its_prescan_there(self, eso_header):
        header = eso_header() | _output(1, nx=100, ny=100, prscx=6, ovscx=4, x=100)
        header |= eso(DET_CHIP1_NX=100, DET_CHIP1_NY=100)
        _, amplifier = _amplifier(header, (100, 110))
        assert amplifier["overscan_x"] == (0, 100, 0, 4)
        assert amplifier["data"] == (0, 100, 4, 104)
        assert amplifier["prescan_x"] == (0, 100, 104, 110)

    def test_window_is_cut_out_of_the_whole(self, eso_header):
        header = eso_header() | _output(1, nx=2048, ny=4000, prscx=50, ovscx=50, ovscy=100)
        header |= eso(DET_WIN1_STRX=1, DET_WIN1_STRY=1001, DET_WIN1_NX=2148, DET_WIN1_NY=500)
        frame, amplifier = _amplifier(header, (500, 2148))
        assert amplifier["data"] == (0, 500, 50, 2098)
        assert amplifier["overscan_x"] == (0, 500, 2098, 2148)
        assert amplifier["overscan_y"] is None
        whole, _ = _amplifier(header | eso(DET_WIN1_STRY=1, DET_WIN1_NY=4100), (4100, 2148))
        assert frame.read_mode != whole.read_mode

    def test_contradiction_takes_all_pixels_and_says_so(self, eso_header):
        header = eso_header() | _output(1, nx=2048, ny=4096, prscx=50, CONAD=1.5)
        frame, amplifier = _amplifier(header, (512, 512))
        assert amplifier["data"] == (0, 512, 0, 512)
        assert amplifier["gain"] == 1.5
        assert "DET OUT" in frame.warnings[0]

    def test_gain_of_zero_is_unknown(self, eso_header):
        header = eso_header() | _output(1, nx=9, ny=9, CONAD=0.0, GAIN=0.0, RON=0.0)
        _, amplifier = _amplifier(header, (9, 9))
        assert amplifier["gain"] is None
        assert amplifier["read_noise"] is None

    def test_gain_from_its_inverse(self, eso_header):
        header = eso_header() | _output(1, nx=9, ny=9, GAIN=0.5)
        assert _amplifier(header, (9, 9))[1]["gain"] == 2.0

    def test_infrared_camera_without_outputs(self, eso_header):
        header = eso_header("HAWKI", DET_NCORRS_NAME="Double")
        frame, amplifier = _amplifier(header, (2048, 2048))
        assert amplifier["data"] == (0, 2048, 0, 2048)
        assert frame.warnings == ()
        assert frame.read_mode.startswith("Double")


class TestSeveralOutputs:
    def test_four_outputs_in_one_image(self, eso_header):
        header = eso_header("FORS1") | eso(DET_CHIP1_NX=200, DET_CHIP1_NY=100)
        places = [(1, 1), (200, 1), (1, 100), (200, 100)]
        for n, (x, y) in enumerate(places, 1):
            header |= _output(n, nx=100, ny=50, prscx=8, ovscx=2, prscy=3, x=x, y=y, CONAD=float(n))
        (frame,) = translate([header], [(106, 220)])
        assert frame.shape == (100, 200)
        found = {amplifier["gain"]: amplifier for amplifier in frame.amplifiers}
        assert found[1]["data"] == (3, 53, 8, 108)
        assert found[1]["overscan_x"] == (3, 53, 108, 110)
        assert found[2]["overscan_x"] == (3, 53, 110, 112)
        assert found[2]["data"] == (3, 53, 112, 212)
        assert found[2]["prescan_x"] == (3, 53, 212, 220)
        assert found[4]["data"] == (53, 103, 112, 212)
        assert found[4]["prescan_y"] == (103, 106, 112, 212)
        assert [(found[n]["x"], found[n]["y"]) for n in (1, 2, 3, 4)] == [
            (0, 0), (100, 0), (0, 50), (100, 50),
        ]  # fmt: skip
        covered = np.zeros((106, 220), int)
        for amplifier in frame.amplifiers:
            for region in ("data", "prescan_x", "overscan_x", "prescan_y"):
                y0, y1, x0, x1 = amplifier[region]
                covered[y0:y1, x0:x1] += 1
        assert covered.max() == 1

    def test_mosaic_with_numbered_chips_and_outputs(self, eso_header):
        headers, shapes = [eso_header("WFI")], [None]
        for n in range(1, 9):
            # Each extension numbers its own chip and output.
            cards = _output(n, nx=204, ny=410, prscx=5, ovscx=5, CHIP=n, CONAD=2.0 + n)
            cards |= eso(**{f"DET_CHIP{n}_ID": f"ccd{49 + n}"})
            headers.append(cards | {"EXTNAME": f"WIN1.CHIP{n}.OUT1"})
            shapes.append((410, 214))
        frames = translate(headers, shapes)
        assert [frame.chip for frame in frames] == [f"ccd{n}" for n in range(50, 58)]
        assert [frame.extensions for frame in frames] == [(n,) for n in range(1, 9)]
        assert [frame.amplifiers[0]["gain"] for frame in frames] == [2.0 + n for n in range(1, 9)]
        assert {frame.amplifiers[0]["data"] for frame in frames} == {(0, 410, 5, 209)}

    def test_outputs_of_all_chips_in_the_primary_header(self, eso_header):
        primary = eso_header("SUSI")
        for n in (1, 2):
            primary |= _output(n, nx=100, ny=100, prscx=4, CHIP=n, CONAD=float(n))
        extensions = [{"EXTNAME": f"CHIP{n}"} for n in (1, 2)]
        frames = translate([primary, *extensions], [None, (100, 104), (100, 104)])
        assert [frame.amplifiers[0]["gain"] for frame in frames] == [1.0, 2.0]
        assert [frame.chip for frame in frames] == ["CHIP1", "CHIP2"]


class TestNames:
    @pytest.mark.parametrize(
        ("wheels", "expected"),
        [
            ({1: "r_SPECIAL"}, "r_SPECIAL"),
            ({1: "OPEN", 2: "Ks"}, "Ks"),
            ({2: "V"}, "V"),
            ({1: "Free"}, "Free"),
            ({1: "free", 2: "H_Alpha", 3: "ND1"}, "H_Alpha+ND1"),
            ({}, None),
        ],
    )
    def test_filter(self, eso_header, wheels, expected):
        header = eso_header() | eso(**{f"INS_FILT{n}_NAME": name for n, name in wheels.items()})
        assert translate([header], [(9, 9)])[0].filter == expected

    def test_chip_without_a_name(self, eso_header):
        assert translate([eso_header("SUSI")], [(9, 9)])[0].chip == "SUSI_1"

    def test_chips_of_the_same_name_are_told_apart_by_extname(self, eso_header):
        parts = [eso(DET_CHIP_ID="Hawaii") | {"EXTNAME": f"CHIP{n}.INT1"} for n in (1, 3)]
        frames = translate([eso_header("HAWKI"), *parts], [None, (9, 9), (9, 9)])
        assert [frame.chip for frame in frames] == ["CHIP1.INT1", "CHIP3.INT1"]

    def test_instrument_and_site_from_the_header(self, eso_header):
        (frame,) = translate([eso_header("sofi")], [(9, 9)])
        assert frame.instrument == "SOFI"
        assert frame.telescope == "ESO-VLT-U1"
        assert 0 <= frame.LST < 86400

    def test_template_and_observing_block(self, eso_header):
        header = eso_header(
            TPL_ID="FORS2_img_obs_crsplit",
            TPL_NAME="Imaging",
            TPL_START="2015-01-02T03:00:00",
            TPL_NEXP=4,
            TPL_EXPNO=2,
            OBS_ID=123,
            OBS_NAME="NGC1365_R",
            OBS_START="2015-01-02T02:59:00",
            OBS_PROG_ID="094.B-0001(A)",
            OBS_GRP="0",
        ) | {"HIERARCH ESO OBS PI-COI NAME": "DOE"}
        (frame,) = translate([header], [(9, 9)])
        assert frame.template == {
            "id": "FORS2_img_obs_crsplit",
            "name": "Imaging",
            "start": datetime.datetime(2015, 1, 2, 3),
            "type": "obs",
            "exposures": 4,
            "index": 2,
        }
        assert frame.observing_block == {
            "id": 123,
            "name": "NGC1365_R",
            "start": datetime.datetime(2015, 1, 2, 2, 59),
            "program_id": "094.B-0001(A)",
            "pi": "DOE",
            "group": "0",
        }

    def test_lamps_that_are_lit(self, eso_header):
        lamps = eso(
            INS_LAMP1_NAME="QTH", INS_LAMP1_ST=True, INS_LAMP2_NAME="Ne", INS_LAMP2_ST=False
        )
        header = eso_header(DPR_TYPE="FLAT,LAMP") | lamps
        assert translate([header], [(9, 9)])[0].lamp == "QTH"
        assert translate([header], [(9, 9)], purpose="bias")[0].lamp is None

    def test_other_time_scale_is_converted(self, eso_header):
        # TAI was 35 s ahead of UTC.
        (frame,) = translate([eso_header() | {"TIMESYS": "TAI"}], [(9, 9)])
        expected = datetime.datetime(2015, 1, 2, 3, 3, 30, 678000)
        assert expected == frame.DATE_OBS
        assert pytest.approx(57024.12743, abs=1e-5) == frame.MJD_OBS

    def test_values_of_the_extension_count_before_the_primary(self, eso_header):
        frames = translate([eso_header(), {"EXPTIME": 7.0}], [None, (9, 9)])
        assert frames[0].EXPTIME == 7.0
        assert frames[0].OBJECT == "NGC 1365"


class TestErrors:
    def test_no_date_names_the_keywords(self, eso_header):
        header = eso_header()
        del header["DATE-OBS"], header["MJD-OBS"]
        with pytest.raises(HeaderError, match=r"raw\.fits: .*DATE-OBS, MJD-OBS"):
            translate([header], [(9, 9)], filename="raw.fits")

    def test_date_that_is_none_is_quoted(self, eso_header):
        header = eso_header()
        header["DATE-OBS"] = "2024-13-45T99"
        del header["MJD-OBS"]
        with pytest.raises(HeaderError, match="DATE-OBS = '2024-13-45T99' is no date"):
            translate([header], [(9, 9)], filename="raw.fits")

    def test_text_in_place_of_a_number_is_told(self, eso_header):
        header = eso_header(DET_OUT1_CONAD="much", TEL_AIRM_START="1,2")
        header |= {"EXPTIME": "abc", "RA": "east", "DEC": "-12.5"}
        (frame,) = translate([header], [(100, 100)])
        assert frame.EXPTIME is None
        assert frame.DEC == -12.5
        for card in ("EXPTIME = 'abc'", "ESO TEL AIRM START = '1,2'", "RA = 'east'"):
            assert f"{card} is no number and was left out" in frame.warnings
        assert len(frame.warnings) == len(set(frame.warnings))

    def test_no_image(self, eso_header):
        with pytest.raises(HeaderError, match=r"raw\.fits holds no image"):
            translate([eso_header()], [None], filename="raw.fits")

    def test_instrument_without_name(self, eso_header):
        header = eso_header()
        del header["INSTRUME"]
        with pytest.raises(HeaderError, match="does not name its instrument"):
            translate([header], [(9, 9)])

    def test_user_may_name_the_instrument_then(self, eso_header):
        header = eso_header()
        del header["INSTRUME"]
        assert translate([header], [(9, 9)], instrument="fors1")[0].instrument == "FORS1"
        frame = translate([header], [(4200, 2144)], instrument="OMEGACAM")[0]
        assert (frame.instrument, frame.shape) == ("OMEGACAM", (4100, 2048))

    @pytest.mark.parametrize(
        "cards",
        [
            {"MJD-OBS": 1e300, "DATE-OBS": "2015-01-02"},
            {"UTC": 1e12, "DATE-OBS": "2015-01-02"},
            {"HIERARCH ESO DET WIN1 BINX": 0, "HIERARCH ESO DET WIN1 BINY": -2},
            {"HIERARCH ESO TPL START": "long ago", "HIERARCH ESO OBS ID": "none"},
            {"EXPTIME": float("inf"), "RA": "nowhere", "CTYPE1": 5, "CRVAL1": "x"},
        ],
    )
    def test_nonsense_is_left_out(self, eso_header, cards):
        (frame,) = translate([eso_header() | cards], [(9, 9)])
        assert frame.kind == "science"
        assert frame.DATE_OBS.year == 2015
        assert frame.template is None
        assert min(frame.binning) >= 1

    def test_other_instrument_than_the_user_says(self, eso_header):
        with pytest.raises(InstrumentError, match="taken with OMEGACAM, not with NICKEL"):
            translate([eso_header("OMEGACAM")], [(9, 9)], instrument="NICKEL")
        assert translate([eso_header()], [(9, 9)], instrument="fors2")[0].instrument == "FORS2"
