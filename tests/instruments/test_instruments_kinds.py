"""Kinds of frames."""

import pytest

from awe.base.errors import AweValueError
from awe.instruments import translate

_TABLE = [
    # type, category, kind
    ("BIAS", "CALIB", "bias"),
    ("BIAS,READNOISE", "CALIB", "bias"),
    ("BIAS, READNOISE", "CALIB", "bias"),
    ("DARK", "CALIB", "dark"),
    ("FLAT,DOME", "CALIB", "dome"),
    ("FLAT, DOME", "CALIB", "dome"),
    ("FLAT,LAMP", "CALIB", "dome"),
    ("FLAT,SCREEN", "CALIB", "dome"),
    ("FLAT", "CALIB", "dome"),
    ("DOME,LAMP", "CALIB", "dome"),
    ("FLAT,SKY", "CALIB", "twilight"),
    ("FLAT,TWILIGHT", "CALIB", "twilight"),
    ("OBJECT", "SCIENCE", "science"),
    ("STD,ZEROPOINT", "CALIB", "science"),
    ("STD", "CALIB", "science"),
    ("STD", "SCIENCE", "science"),
    ("ASTROMETRY", "CALIB", "science"),
    ("OBJECT", "ACQUISITION", "acquisition"),
    ("STD", "ACQUISITION", "acquisition"),
    ("FOCUS", "TECHNICAL", "focus"),
    ("LINEARITY", "CALIB", "linearity"),
]


@pytest.mark.parametrize("instrument", ["OMEGACAM", "FORS2"])
@pytest.mark.parametrize(("kind_of_data", "category", "expected"), _TABLE)
def test_imaging(eso_header, instrument, kind_of_data, category, expected):
    header = eso_header(instrument, DPR_TYPE=kind_of_data, DPR_CATG=category)
    (frame,) = translate([header], [(100, 100)])
    assert frame.kind == expected


@pytest.mark.parametrize(
    ("kind_of_data", "technique", "expected"),
    [
        ("FLAT", "SPECTRUM", "slit flat"),
        ("FLAT,LAMP", "MOS", "slit flat"),
        ("FLAT,LAMP", "IFU", "slit flat"),
        ("WAVE", "SPECTRUM", "arc"),
        ("WAVE,LAMP", "ECHELLE", "arc"),
        ("STD", "SPECTRUM", "spectrum"),
        ("OBJECT", "SPECTRUM,NODDING", "spectrum"),
        ("BIAS", "SPECTRUM", "bias"),
    ],
)
def test_spectroscopy(eso_header, kind_of_data, technique, expected):
    header = eso_header(DPR_TYPE=kind_of_data, DPR_TECH=technique)
    assert translate([header], [(100, 100)])[0].kind == expected


def test_twilight_flats_that_only_the_template_tells(eso_header):
    header = eso_header("HAWKI", DPR_TYPE="FLAT", TPL_ID="HAWKI_img_cal_TwFlats")
    assert translate([header], [(100, 100)])[0].kind == "twilight"


def test_dark_of_zero_exposure_is_a_bias(eso_header):
    header = eso_header(DPR_TYPE="DARK", INS_FILT1_NAME="R_SPECIAL") | {"EXPTIME": 0.0}
    (frame,) = translate([header], [(100, 100)])
    assert frame.kind == "bias"
    assert frame.filter is None
    (frame,) = translate([header], [(100, 100)], purpose="dark")
    assert frame.kind == "dark"


@pytest.mark.parametrize(("shape", "expected"), [((5, 9, 9), "cube"), ((9,), "1-d")])
def test_image_of_other_axes_has_a_kind_of_its_own(eso_header, shape, expected):
    (frame,) = translate([eso_header()], [shape])
    assert frame.kind == expected
    assert frame.raw_shape == shape


def test_purpose_overrides_the_header(eso_header):
    header = eso_header(DPR_TYPE="OBJECT")
    for purpose in ("bias", "dark", "dome", "twilight", "science", "Dome"):
        assert translate([header], [(9, 9)], purpose=purpose)[0].kind == purpose.lower()
    with pytest.raises(AweValueError, match=r"no purpose 'twilit'. Did you mean 'twilight'"):
        translate([header], [(9, 9)], purpose="twilit")


def test_header_that_does_not_say_its_kind(eso_header):
    header = eso_header("WFI", TPL_ID="WFI_cal_something")
    del header["HIERARCH ESO DPR TYPE"]
    del header["HIERARCH ESO DPR CATG"]
    (frame,) = translate([header], [(9, 9)])
    assert frame.kind == "unknown"
    assert "purpose" in frame.warnings[0]
