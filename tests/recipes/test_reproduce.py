"""Making products again: in memory, and by a script in another process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from awe.recipes.ReduceTask import ReduceTask

from awe.base.errors import AweError
from awe.model import (
    BiasFrame,
    CosmicMap,
    GainLinearity,
    RawBiasFrame,
    ReadNoise,
    ReducedScienceFrame,
    WeightFrame,
)
from awe.process import Product
from awe.process.remaking import array_digests

AWE = Path(sys.executable).parent / "awe"
MADE = {
    "BiasFrame", "CosmicMap", "DomeFlatFrame", "MasterFlatFrame", "ReadNoise",
    "ReducedScienceFrame", "SatelliteMap", "SaturatedPixelMap", "TwilightFlatFrame", "WeightFrame",
}  # fmt: skip
DETECTOR = {
    "BiasFrame", "ColdPixelMap", "DarkFrame", "DomeFlatFrame", "GainLinearity", "HotPixelMap",
    "ReadNoise", "TwilightFlatFrame",
}  # fmt: skip


def awe(folder, *arguments):
    """Run the command on the store of a test."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWE_")}
    env |= {"AWE_HOME": str(folder / "home"), "AWE_USER": "me", "AWE_STORE": str(folder / "store"),
            "AWE_DATA": str(folder / "data"), "MPLBACKEND": "agg"}  # fmt: skip
    done = subprocess.run([AWE, *map(str, arguments)], env=env, capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def run_here(text, *arguments):
    """Run the text of a script in this process."""
    before, sys.argv = sys.argv, ["script.py", *arguments]
    try:
        exec(compile(text, "script.py", "exec"), {"__name__": "__main__"})
    finally:
        sys.argv = before


def newest(cls, key):
    """Give the products of a content key."""
    return sorted(cls.content_key == key, key=lambda obj: obj.creation_date)


class TestInMemory:
    def test_every_product_of_a_night_is_identical(self, reduced_night):
        seen = set()
        for product in Product.select_all():
            again = product.reproduce()
            assert again.identical, again
            assert again.again is not product
            assert not again.again.is_committed
            assert again.compared > 0
            if isinstance(product, (ReadNoise, GainLinearity)):
                assert again.arrays == {}
            else:
                assert again.arrays["image"] == product.NAXIS1 * product.NAXIS2
            seen.add(type(product).__name__)
        assert seen == MADE

    def test_every_calibration_of_the_detector_is_identical(self, made_detector):
        seen = set()
        for product in Product.select_all():
            again = product.reproduce()
            assert again.identical, again
            seen.add(type(product).__name__)
        assert seen == DETECTOR
        gain = GainLinearity.select_all()[0].reproduce()
        assert re.search(r"comes out identical: \d+ attributes", str(gain))

    def test_stored_nothing(self, reduced_night):
        before = len(Product.select_all())
        BiasFrame.select_all()[0].reproduce()
        assert len(Product.select_all()) == before

    def test_uncommitted_product(self, reduced_night):
        task = ReduceTask(instrument="OMEGACAM", chip="ESO_CCD_#65", fringe=False, folder=None)
        red = task.execute()[0]
        assert any("left out by the user" in text for text in red.steps_not_done)
        assert red.reproduce().identical

    def test_tells_where_the_pixels_differ(self, reduced_night, monkeypatch):
        bias = BiasFrame.select_all()[0]
        make = BiasFrame.make

        def other(self):
            make(self)
            self.data[3, 4] += 2.5
            self.data[7, 5] -= 0.5

        monkeypatch.setattr(BiasFrame, "make", other)
        again = bias.reproduce()
        assert not again.identical
        (difference,) = again.differences
        assert (difference.name, difference.count, difference.first) == ("image", 2, (3, 4))
        assert difference.greatest == pytest.approx(2.5, abs=1e-4)
        assert difference.size == bias.NAXIS1 * bias.NAXIS2
        text = str(again)
        assert "comes out different" in text
        assert f"image: 2 of {difference.size} values differ, the first at [3, 4]" in text

    def test_tells_which_number_and_which_version_differ(self, reduced_night, monkeypatch):
        noise = ReadNoise.select_all()[0]
        make = ReadNoise.make

        def other(self):
            make(self)
            self.read_noise += 1

        monkeypatch.setattr(ReadNoise, "make", other)
        monkeypatch.setattr(ReadNoise, "pixel_version", "9.0")
        again = noise.reproduce()
        assert again.numbers[0][0] == "read_noise"
        assert again.numbers[0][2] == again.numbers[0][1] + 1
        assert again.versions == [f"code {noise.code_version} and 9.0"]

    def test_plane_of_another_shape(self, reduced_night, monkeypatch):
        bias = BiasFrame.select_all()[0]
        make = BiasFrame.make

        def other(self):
            make(self)
            self.keep(self.data[:-1])

        monkeypatch.setattr(BiasFrame, "make", other)
        texts = [str(d) for d in bias.reproduce().differences]
        assert len(texts) == 2
        assert re.match(r"image: was float32 \(128, 96\), is float32 \(127, 96\)", texts[0])
        assert texts[1] == "ERROR: it is there only then"

    def test_damaged_input_is_named(self, reduced_night):
        bias = BiasFrame.select_all()[0]
        path = bias.raw_bias_frames[0].path()
        content = bytearray(path.read_bytes())
        content[-3000] ^= 1
        # The file itself is shared with other tests.
        path.unlink()
        path.write_bytes(content)
        with pytest.raises(AweError, match="is damaged: its checksum is wrong"):
            bias.reproduce()

    def test_raw_frame_was_not_made(self, reduced_night):
        raw = RawBiasFrame.select_all()[0]
        for ask in (raw.reproduce, raw.script):
            with pytest.raises(AweError, match="was not made from anything"):
                ask()


class TestScript:
    def test_makes_a_reduced_frame_with_its_weight_in_another_process(
        self, reduced_night, tmp_path
    ):
        red = ReducedScienceFrame.select_all()[0]
        path = tmp_path / "again.py"
        text = red.script(path)
        assert path.read_text() == text == str(text)
        assert repr(text) == f"Written to {path}"
        assert repr(red.script()).endswith("sys.argv[1:],\n)\n")
        status, out = awe(tmp_path, path, "--commit")
        assert status == 0, out
        assert "Its pixels are identical." in out
        assert red.content_key in out
        reduced_night.refresh()
        first, second = newest(ReducedScienceFrame, red.content_key)
        assert first is red
        assert second is not red
        assert np.array_equal(second.data, red.data)
        assert second.weight is not red.weight
        assert second.weight.frame is second
        assert np.array_equal(second.weight.data, red.weight.data)
        assert second.bias is not red.bias
        assert second.bias.content_key == red.bias.content_key
        assert second.raw is red.raw
        assert (second.bias.timestamp_start, second.bias.timestamp_end) == (
            red.bias.timestamp_start, red.bias.timestamp_end,
        )  # fmt: skip
        assert second.process_params._values == red.process_params._values

    def test_leaves_the_file_and_stores_nothing_by_default(self, reduced_night, capsys):
        before = len(Product.select_all())
        run_here(ReadNoise.select_all()[0].script())
        assert "Its numbers are identical." in capsys.readouterr().out
        run_here(CosmicMap.select_all()[0].script())
        out = capsys.readouterr().out
        assert "Its pixels are identical." in out
        assert [p.name for p in Path().glob("*.fits")] == [
            re.search(r"Sci-ME-.*Cosmic.*\.fits", out).group()
        ]
        assert len(Product.select_all()) == before

    def test_detector_numbers(self, made_detector, capsys):
        run_here(GainLinearity.select_all()[0].script())
        assert "Its numbers are identical." in capsys.readouterr().out

    def test_says_what_differs(self, reduced_night, capsys):
        bias = BiasFrame.select_all()[0]
        text = bias.script()
        digest = array_digests(bias)["ERROR"]
        assert digest in text
        with pytest.raises(AweError, match=r"is not the same: ERROR differs\."):
            run_here(text.replace(digest, "0" * 64))
        capsys.readouterr()
        with pytest.raises(AweError, match=r"is not the same: image differs; ERROR differs\."):
            run_here(text.replace("'SIGMA_CLIP': 3.0", "'SIGMA_CLIP': 1.2"), "--commit")
        assert "has another content key" in capsys.readouterr().out
        assert len(newest(BiasFrame, bias.content_key)) == 1

    def test_names_a_raw_file_that_is_not_there(self, reduced_night):
        noise = ReadNoise.select_all()[0]
        text, raw = noise.script(), noise.raw_bias_frames[1]
        gone = text.replace(raw.object_id, "0" * 32).replace(raw.sha256, "f" * 64)
        wanted = f"There is no RawBiasFrame with the file {raw.filename} (SHA-256 ffff"
        with pytest.raises(AweError, match=re.escape(wanted)):
            run_here(gone)
        # Another object with the same file serves.
        run_here(text.replace(raw.object_id, "0" * 32))

    def test_file_that_cannot_be_written(self, reduced_night):
        with pytest.raises(AweError, match="The script cannot be written to"):
            ReadNoise.select_all()[0].script("no/such/folder/x.py")


class TestRecordInTheFile:
    def test_holds_inputs_parameters_and_versions(self, reduced_night):
        from awe.fits import read_record

        for product in Product.select_all():
            if not hasattr(product, "filename"):
                continue
            record = read_record(product.path())
            assert record.facts["class_name"] == type(product).__name__
            assert record.facts["object_id"] == product.object_id
            assert record.facts["content_key"] == product.content_key
            assert record.facts["kernel"] == product.kernel
            expected = [
                (role, type(o).__name__, o.object_id, getattr(o, "sha256", None) or "")
                for role, o in product.input_objects()
            ]
            found = [
                (e["role"], e["class_name"], e["object_id"], e["sha256"]) for e in record.inputs
            ]
            assert found == expected
            assert all(e["sha256"] or e["class_name"] == "ReadNoise" for e in record.inputs)
            roots = {o.sha256 for o in product.lineage().roots()}
            assert roots == {e["sha256"] for e in record.raw + record.inputs
                             if e["class_name"].startswith("Raw")}  # fmt: skip
            software = [f"{e['name']} {e['version']}" for e in record.software]
            assert software == list(product.dependency_versions)
            if "process_params" in product._attributes:
                values = {e["name"]: e["value"] for e in record.parameters}
                params = product.process_params
                assert values == {n: repr(getattr(params, n)) for n in params._attributes}

    def test_is_legal_fits_with_true_checksums(self, reduced_night):
        from astropy.io import fits

        for product in (*ReducedScienceFrame.select_all()[:1], *WeightFrame.select_all()[:1],
                        *CosmicMap.select_all()[:1]):  # fmt: skip
            with fits.open(product.path(), checksum=True) as hdus:
                hdus.verify("exception")
                assert hdus[-1].name == "LINEAGE"
                assert hdus[-1].verify_checksum() == hdus[-1].verify_datasum() == 1
                keys = [card.keyword for hdu in hdus for card in hdu.header.cards]
                assert all(len(key) <= 8 for key in keys)
                assert not any("HIERARCH" in str(c) for hdu in hdus for c in hdu.header.cards)

    def test_uncommitted_local_file_has_it_too(self, reduced_night, tmp_path):
        from awe.fits import read_record

        red = ReduceTask(instrument="OMEGACAM", chip="ESO_CCD_#65").execute()[0]
        moved = tmp_path / "elsewhere.fits"
        Path(red.filename).rename(moved)
        record = read_record(moved)
        assert record.facts["object_id"] == red.object_id
        assert {e["role"]: e["sha256"] for e in record.inputs}["raw"] == red.raw.sha256
        assert {e["role"]: e["sha256"] for e in record.inputs}["saturated"] == red.saturated.sha256
        text = str(record)
        assert red.raw.filename in text
        assert "OVERSCAN_CORRECTION = 6 (class)" in text

    def test_costs_little(self, reduced_night):
        import time

        from awe.fits.lineage import EXTENSION, TextTable, table_bytes
        from awe.process.record import COLUMNS, record_rows

        red = ReducedScienceFrame.select_all()[0]
        times = []
        for _ in range(5):
            began = time.process_time()
            table_bytes(TextTable(COLUMNS, record_rows(red), EXTENSION))
            times.append(time.process_time() - began)
        assert min(times) < 0.010

    def test_file_without_a_record(self, reduced_night, tmp_path):
        from awe.fits import read_record

        raw = RawBiasFrame.select_all()[0]
        with pytest.raises(AweError, match="carries no record of its origin"):
            read_record(raw.path())
        (tmp_path / "text.fits").write_text("no FITS")
        with pytest.raises(AweError, match=r"text\.fits cannot be read"):
            read_record(tmp_path / "text.fits")


@pytest.mark.heavy
class TestTheDemo:
    def test_every_product_and_every_script_is_identical(self, tmp_path):
        status, out = awe(tmp_path, "demo")
        assert status == 0, out
        code = (
            "context.set_project('DEMO')\n"
            "from awe.process import Product\n"
            "made = list(Product.select_all())\n"
            "assert len({type(p) for p in made}) == 12, {type(p).__name__ for p in made}\n"
            "for p in made: assert p.reproduce().identical, p.reproduce()\n"
            "firsts = {type(p).__name__: p for p in reversed(made)}\n"
            "for name, p in firsts.items(): p.script(f'again_{name}.py')\n"
            "print(len(made), 'made')\n"
        )
        again = (
            "import pathlib\n"
            "for path in sorted(pathlib.Path().glob('again_*.py')):\n"
            "    exec(compile(path.read_text(), path.name, 'exec'), {'__name__': '__main__'})\n"
        )
        folder = tmp_path / "scripts"
        folder.mkdir()
        before = Path.cwd()
        os.chdir(folder)
        try:
            status, out = awe(tmp_path, "-c", code)
            assert status == 0, out
            assert "34 made" in out
            status, out = awe(tmp_path, "-c", again)
            assert status == 0, out
            assert out.count("are identical.") == 12
        finally:
            os.chdir(before)


class TestSky:
    @pytest.mark.heavy
    def test_products_of_the_sky_and_of_tables_are_identical(self, sky, sky_night):
        from awe.recipes.FringeFlatTask import FringeFlatTask
        from awe.recipes.IlluminationCorrectionTask import IlluminationCorrectionTask
        from awe.recipes.NightSkyFlatTask import NightSkyFlatTask

        common = {"instrument": "OMEGACAM", "commit": True, "folder": None}
        NightSkyFlatTask(**common, chip="ESO_CCD_#65").execute()
        FringeFlatTask(**common, chip="ESO_CCD_#65").execute()
        IlluminationCorrectionTask(**common, catalog=sky_night.standard_file).execute()
        wanted = {"NightSkyFlatFrame", "FringeFrame", "IlluminationCorrection",
                  "IlluminationCorrectionFrame"}  # fmt: skip
        made = [p for p in Product.select_all() if type(p).__name__ in wanted]
        assert {type(p).__name__ for p in made} == wanted
        for product in made:
            again = product.reproduce()
            assert again.identical, again
        correction = next(p for p in made if type(p).__name__ == "IlluminationCorrectionFrame")
        run_here(correction.script())
        fit = correction.illumination_correction
        assert set(array_digests(fit)) >= {"chip", "x", "y", "residual", "kept", "fit_residual"}
        from awe.fits import read_record

        assert "StandardCatalog" in str(read_record(fit.path()))
