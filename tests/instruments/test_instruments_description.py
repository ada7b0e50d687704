"""Descriptions: recognition, instruments of users, problems told."""

import datetime
import subprocess
import sys
from pathlib import Path

import pytest

from awe.fits import read_headers
from awe.instruments import InstrumentError, known, load_folder, recognise, translate

_STE3 = """
name: STE3
title: STE3 CCD at the 1 m telescope of SAAO
site: {telescope: SAAO 1.0m, longitude: 20.8107, latitude: -32.3783, elevation: 1798}
recognise:
  - {INSTRUME: 'STE3*'}
keywords:
  filter: FILTERS
  gain: GAIN
  read_noise: RDNOISE
  AIRMSTRT: SECZ
kinds:
  - {kind: bias, when: {TYPE: zero}}
  - {kind: twilight, when: {TYPE: flat, OBJECT: ['*sky*']}}
  - {kind: dome, when: {TYPE: flat}}
  - {kind: science, when: {TYPE: object}}
geometry: {method: sections}
parameters:
  BiasFrame: {OVERSCAN_CORRECTION: 1}
"""


def _add(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return load_folder(folder)


class TestRecognise:
    def test_nothing_known_lists_what_is(self):
        with pytest.raises(InstrumentError) as caught:
            recognise([{"INSTRUME": "NIKEL"}])
        text = str(caught.value)
        assert "Did you mean 'NICKEL'" in text
        for name in ("OMEGACAM", "NICKEL", "KAST", "LSSTCAM", "LATISS", "any ESO instrument"):
            assert name in text
            assert "howto_new_instrument" in text

    def test_product_of_an_eso_camera_is_told_what_it_lacks(self):
        product = {"INSTRUME": "MUSE", "HIERARCH ESO INS MODE": "WFM"}
        with pytest.raises(InstrumentError) as caught:
            recognise([product])
        lacks = "has none of ESO DPR TYPE, ESO DPR CATG, ESO TPL ID, which raw frames have"
        assert lacks in str(caught.value)
        assert "(named by INSTRUME)" not in str(caught.value)
        with pytest.raises(InstrumentError) as caught:
            recognise([{"INSTRUME": "OTHER"}])
        assert "has none of" not in str(caught.value)

    def test_user_may_name_what_the_header_does_not(self):
        assert recognise([{"OBJECT": "x"}], "nickel").name == "NICKEL"
        assert recognise([{"OBJECT": "x"}], "LATISS").name == "LATISS"

    def test_kast_has_no_instrume(self):
        for name in (None, "KAST", "kast_blue"):
            assert recognise([{"VERSION": "kastb"}], name).name == "KAST"

    def test_misspelt_name(self):
        with pytest.raises(
            InstrumentError, match=r"no instrument 'NICKLE'\. Did you mean 'NICKEL'"
        ):
            recognise([{"OBJECT": "x"}], "NICKLE")

    def test_names_are_listed_once(self):
        names = known()
        assert len(names) == len(set(names))


class TestUsersFolder:
    def test_new_camera_needs_one_file(self, tmp_path, shared_data):
        assert _add(tmp_path, ste3=_STE3) == []
        assert "STE3" in known()
        hdus = read_headers(shared_data / "misc_images" / "ccdproc_a8280271.fits")
        (frame,) = translate([hdu.header for hdu in hdus], [hdu.shape for hdu in hdus])
        (amplifier,) = frame.amplifiers
        assert (frame.instrument, frame.chip, frame.kind) == ("STE3", "STE3_1", "science")
        assert frame.filter == "48"
        assert datetime.datetime(2013, 7, 13, 0, 57, 33) == frame.DATE_OBS
        assert amplifier["data"] == (0, 520, 16, 528)
        assert amplifier["prescan_x"] == (0, 520, 3, 13)
        assert (amplifier["gain"], amplifier["read_noise"]) == (1.9, 5.0)
        assert frame.AIRMSTRT == 1.176
        # The header's MJD-OBS has no fraction and is an hour off.
        assert pytest.approx(56486.03996, abs=1e-5) == frame.MJD_OBS
        assert "MJD-OBS" in frame.warnings[0]
        assert recognise([hdus[0].header]).parameters == {"BiasFrame": {"OVERSCAN_CORRECTION": 1}}

    def test_example_of_the_documentation(self, tmp_path):
        page = Path(__file__).parents[2] / "docs" / "howto_new_instrument.md"
        example = page.read_text().split("```yaml")[1].split("```")[0]
        assert _add(tmp_path, ste3=example) == []
        header = {"INSTRUME": "STE3 CCD", "DATE-OBS": "2013-07-13T00:57:33", "IMAGETYP": "zero"}
        assert translate([header], [(9, 9)])[0].kind == "bias"

    def test_own_description_comes_before_ours(self, tmp_path, eso_header):
        text = (
            "name: FORS2\nextends: ESO\nrecognise: [{INSTRUME: FORS2}]\nfilters: {R: R_SPECIAL}\n"
        )
        assert _add(tmp_path, fors=text) == []
        header = eso_header("FORS2", INS_FILT1_NAME="R", DPR_TYPE="FLAT,SKY")
        (frame,) = translate([header], [(9, 9)])
        assert (frame.filter, frame.kind) == ("R_SPECIAL", "twilight")
        assert frame.telescope == "ESO-VLT-U1"

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("name: [unclosed", "not a readable YAML"),
            ("title: no name", "does not say the name"),
            ("name: A\nrecognize: []", "Did you mean 'recognise'"),
            ("name: A", "by which cards"),
            ("name: A\nrecognise: {INSTRUME: A}", "must be a list"),
            ("name: A\nrecognise: [{INSTRUME: A}]\nextends: ESSO", "Did you mean 'ESO'"),
            ("name: A\nrecognise: [{INSTRUME: A}]\ntranslator: esso", "Did you mean 'eso'"),
            ("name: A\nrecognise: [{INSTRUME: A}]\ngeometry: {method: section}", "'sections'"),
            ("name: A\nrecognise: [{INSTRUME: A}]\nkeywords: {fliter: X}", "Did you mean 'filter'"),
            ("name: A\nrecognise: [{INSTRUME: A}]\nkinds: [{kind: bias}]", "'kind' and 'when'"),
            ("!!python/object/apply:os.system ['true']", "not a readable YAML"),
        ],
    )
    def test_problems_are_told_and_the_rest_is_used(self, tmp_path, text, reason):
        problems = _add(tmp_path, bad=text, ste3=_STE3)
        assert len(problems) == 1
        file, message = problems[0]
        assert file.endswith("bad.yaml")
        assert reason in message
        assert "STE3" in known()

    def test_absent_folder(self, tmp_path):
        assert load_folder(tmp_path / "absent") == []


class TestGeometry:
    @pytest.mark.parametrize(
        ("cards", "reason"),
        [
            ({"COVER": -5, "AMPSROW": 1}, "outside the image"),
            ({"COVER": 5, "AMPSROW": 4}, "do not fit"),
            ({"COVER": 500, "AMPSROW": 1}, "do not fit"),
            ({"ROVER": -1}, "outside the image"),
        ],
    )
    def test_impossible_sections_are_left_out(self, cards, reason):
        header = {"VERSION": "nickel_direct", "DATE-BEG": "2024-05-13T06:25:35", **cards}
        (frame,) = translate([header], [(20, 30)])
        assert frame.amplifiers[0]["data"] == (0, 20, 0, 30)
        assert frame.amplifiers[0]["overscan_x"] is None
        assert any(reason in note for note in frame.warnings)

    def test_two_amplifiers_with_detsec(self, tmp_path):
        text = "name: A\nrecognise: [{INSTRUME: A}]\ngeometry: {method: sections, group: file}\n"
        assert _add(tmp_path, a=text) == []
        primary = {"INSTRUME": "A", "DATE-OBS": "2020-01-01T00:00:00", "CCDSUM": "2 2"}
        left = {"DATASEC": "[3:12,1:8]", "BIASSEC": "[13:16,1:8]", "DETSEC": "[101:120,1:16]"}
        right = {"DATASEC": "[5:14,1:8]", "BIASSEC": "[1:4,1:8]", "DETSEC": "[140:121,1:16]"}
        (frame,) = translate([primary, left, right], [None, (8, 16), (8, 16)])
        first, second = frame.amplifiers
        assert frame.shape == (8, 20)
        assert (first["x"], first["flip_x"], second["x"], second["flip_x"]) == (0, False, 10, True)
        assert first["overscan_x"] == (0, 8, 12, 16)
        assert second["prescan_x"] == (0, 8, 0, 4)


def test_imports_nothing_heavy():
    code = (
        "import sys, awe.fits, awe.instruments; "
        "assert not {'astropy', 'yaml', 'matplotlib', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
