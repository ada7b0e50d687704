"""OmegaCAM: whole and small CCDs, scan rows at the top and at the bottom."""

import pytest
import yaml

from awe.instruments import recognise, translate

# The order of the extensions of a real file: the eastern half, then the western.
_NUMBERS = [65 + 8 * row + 4 * half + column
            for half in (0, 1) for row in range(4) for column in range(4)]  # fmt: skip


def eso(**cards):
    """Give ESO cards; an underscore stands for a blank."""
    return {"HIERARCH ESO " + key.replace("_", " "): value for key, value in cards.items()}


def _extension(number, **out):
    header = eso(DET_CHIP1_ID=f"ESO_CCD_#{number}", DET_CHIP1_NX=2048, DET_CHIP1_NY=4100)
    header |= eso(**{f"DET_OUT1_{key}": value for key, value in out.items()})
    return header | {"EXTNAME": f"ESO_CCD_#{number}"}


def _amplifier(eso_header, number, shape=(4200, 2144), **out):
    headers = [eso_header("OMEGACAM"), _extension(number, **out)]
    (frame,) = translate(headers, [None, shape])
    (amplifier,) = frame.amplifiers
    return frame, amplifier


def test_real_geometry_without_sections_in_the_header(eso_header, shared_data):
    path = shared_data / "omegacam_geometry" / "omegacamer_ccd_overscan.yaml"
    known = yaml.safe_load(path.read_text())
    headers = [eso_header("OMEGACAM"), *map(_extension, _NUMBERS)]
    frames = translate(headers, [None, *[(4200, 2144)] * 32])
    assert len(frames) == 32
    assert [frame.chip for frame in frames] == [f"ESO_CCD_#{n}" for n in _NUMBERS]
    for frame in frames:
        assert list(frame.amplifiers[0]["data"]) == known[frame.extensions[0]]


def test_columns_for_statistics(eso_header):
    frame, amplifier = _amplifier(eso_header, 65)
    # Columns 2 to 45, counted from 1.
    assert amplifier["prescan_x"] == (0, 4100, 1, 45)
    assert amplifier["overscan_x"] == (0, 4100, 2099, 2143)
    assert amplifier["overscan_y"] == (4103, 4199, 48, 2096)
    assert (frame.PRSCX, frame.PRSCXPRE, frame.PRSCXPST) == (48, 1, 3)
    assert (frame.OVSCX, frame.OVSCXPRE, frame.OVSCXPST) == (48, 1, 3)
    assert frame.shape == (4100, 2048)


@pytest.mark.parametrize(("number", "bottom"), [(65, False), (80, False), (81, True), (96, True)])
@pytest.mark.parametrize("rows", ["OVSCY", "PRSCY"])
def test_small_ccds(eso_header, number, bottom, rows):
    out = {"NX": 96, "NY": 128, "PRSCX": 12, "OVSCX": 12, "PRSCY": 0, "OVSCY": 0, rows: 10}
    out |= {"CONAD": 2.6, "RON": 5.2, "X": 1, "Y": 1}
    frame, amplifier = _amplifier(eso_header, number, (138, 120), **out)
    start = 10 if bottom else 0
    assert amplifier["data"] == (start, start + 128, 12, 108)
    region = "overscan_y" if rows == "OVSCY" else "prescan_y"
    assert amplifier[region] == ((1, 7, 12, 108) if bottom else (131, 137, 12, 108))
    assert (amplifier["gain"], amplifier["read_noise"]) == (2.6, 5.2)
    assert amplifier["saturation"] == 65535
    assert getattr(frame, rows) == 10
    assert frame.shape == (128, 96)


def test_scan_too_narrow_to_skip_anything(eso_header):
    out = {"NX": 96, "NY": 128, "PRSCX": 6, "OVSCX": 6, "OVSCY": 0, "PRSCY": 0}
    frame, amplifier = _amplifier(eso_header, 65, (128, 108), **out)
    assert amplifier["prescan_x"] == (0, 128, 0, 6)
    assert frame.PRSCXPRE == 0


def test_filter_has_its_long_name(eso_header):
    for key, name in {"r_SDSS": "OCAM_r_SDSS", "NB_659": "NB_659"}.items():
        header = eso_header("OMEGACAM", INS_FILT1_NAME=key)
        assert translate([header], [(4200, 2144)])[0].filter == name


def test_site(eso_header):
    instrument = recognise([eso_header("OMEGACAM")])
    assert instrument.name == "OMEGACAM"
    assert instrument.longitude == pytest.approx(-70.4, abs=0.05)
    assert instrument.latitude == pytest.approx(-24.63, abs=0.05)
