"""What the recipes leave: products, files, records, and what fails on one CCD alone."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from awe.recipes.BiasTask import BiasTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.IngestTask import IngestTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.ReduceTask import ReduceTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask
from recipe_lab import damaged

from awe.base.errors import AweError, AwePermissionError
from awe.model import (
    BiasFrame,
    CosmicMap,
    DomeFlatFrame,
    MasterFlatFrame,
    RawBiasFrame,
    RawFrame,
    RawScienceFrame,
    ReadNoise,
    ReducedScienceFrame,
    SatelliteMap,
    SaturatedPixelMap,
    TwilightFlatFrame,
    WeightFrame,
)
from awe.process import TaskError
from awe.store.files import FileStoreError
from awe.store.verify import verify
from awe.view.information import information

OMEGACAM = {"instrument": "OMEGACAM"}


class TestWholeNight:
    def test_everything_is_made_stored_and_linked(self, reduced_night):
        classes = (
            ReadNoise, BiasFrame, DomeFlatFrame, TwilightFlatFrame, MasterFlatFrame,
            ReducedScienceFrame, WeightFrame, SaturatedPixelMap, CosmicMap, SatelliteMap,
        )  # fmt: skip
        assert [len(c.select_all()) for c in classes] == [2, 2, 2, 2, 2, 4, 4, 4, 4, 4]
        for red in ReducedScienceFrame.select_all():
            assert {red.bias.chip, red.flat.chip, red.weight.chip} == {red.chip}
            assert red.flat.filter is red.filter is red.raw.filter
            assert red.flat.domeflat.bias is red.bias
            assert red.weight.frame is red.weight.cosmic.frame is red.weight.satellite.frame is red
            assert red.weight.saturated is red.saturated is red.weight.cosmic.saturated
            assert len(red.bias.raw_bias_frames) == 3
            assert red.bias.read_noise.chip is red.chip
            roots = red.lineage().roots()
            assert all(isinstance(r, RawFrame) for r in roots)
            assert len(roots) == 1 + 3 + 2 + 2
            assert red.saturated.raw is red.raw
        assert verify(reduced_night) == []
        assert os.listdir(".") == []

    def test_lineage_tells_parameters_versions_and_origins(self, nickel):
        red = (ReducedScienceFrame.OBJECT == "UGC_9837")[0]
        text = str(red.lineage())
        assert f"code {red.code_version}, awe {red.package_version}, {red.kernel}" in text
        assert "MAXIMUM_ABS_MEAN=50.0 (instrument)" in text
        assert "not done: dark current: no DarkFrame serves" in text
        assert "`-- and 7 more raw_bias_frames" in text
        assert text.count("RawScienceFrame") == 2

    def test_dependents_of_a_raw_bias(self, reduced_night):
        raw = (RawBiasFrame.chip.name == "ESO_CCD_#65")[0]
        made = raw.dependents()
        counts = {c.__name__: sum(type(m) is c for m in made) for c in {type(m) for m in made}}
        assert counts == {
            "ReadNoise": 1, "BiasFrame": 1, "DomeFlatFrame": 1, "TwilightFlatFrame": 1,
            "MasterFlatFrame": 1, "ReducedScienceFrame": 2, "WeightFrame": 2, "CosmicMap": 2,
            "SatelliteMap": 2,
        }  # fmt: skip
        weight = WeightFrame.select_all()[0]
        assert weight.dependents() == []

    def test_record_of_the_making(self, reduced_night):
        for cls in (ReadNoise, BiasFrame, DomeFlatFrame, MasterFlatFrame, ReducedScienceFrame):
            product = cls.select_all()[0]
            assert len(product.content_key) == 64
            assert product.made_by == "me"
            assert product.made_in > 0
            assert product.kernel in ("numba", "numpy")
            libraries = {v.split()[0] for v in product.dependency_versions}
            assert {"python", "numpy", "astropy"} <= libraries
            names = set(product.process_params._attributes)
            assert {o.split(": ")[0] for o in product.parameter_origins} == names
            assert type(product.process_params).__name__ == f"{cls.__name__}Parameters"
            assert product.compute_content_key() == product.content_key

    def test_product_does_not_change(self, reduced_night):
        red = ReducedScienceFrame.select_all()[0]
        with pytest.raises(AwePermissionError):
            red.sky = 0.0
        reduced_night.update_is_valid(red, 0, "clouds")
        assert red.is_valid == 0

    def test_raw_frame_without_file_is_refused(self, context):
        raw = RawBiasFrame(DATE_OBS="2012-01-01T00:00:00")
        with pytest.raises(AweError, match="has no file: a frame without pixels is not stored"):
            context.commit(raw)
        assert len(RawBiasFrame.select_all()) == 0


class TestFiles:
    def test_are_fits_with_checksums_and_tell_what_they_are(self, reduced_night):
        red = ReducedScienceFrame.select_all()[0]
        for product in (red, red.weight, red.bias, red.flat, red.flat.domeflat):
            with fits.open(product.path(), checksum=True) as hdus:
                hdus.verify("exception")
                header = hdus[0].header
                assert hdus[0].data.dtype == np.dtype(">f4")
                assert header["AWECLASS"] == type(product).__name__
                assert header["AWEID"] == product.object_id
                assert header["AWEKEY"] == product.content_key
                assert header["CHIP"] == product.chip.name
                assert hdus[-1].name == "LINEAGE"
            assert product.path().stat().st_mode & 0o222 == 0
        for pixel_map in (red.saturated, red.weight.cosmic, red.weight.satellite):
            with fits.open(pixel_map.path(), checksum=True) as hdus:
                assert hdus[1].header["AWEID"] == pixel_map.object_id
                assert hdus[1].compression_type == "PLIO_1"
                assert np.count_nonzero(hdus[1].data == 0) == pixel_map.count
                assert set(np.unique(hdus[1].data)) <= {0, 1}
        assert fits.getheader(red.path())["RAWFILE"] == red.raw.filename
        with fits.open(red.bias.path()) as hdus:
            assert hdus["ERROR"].data.shape == hdus[0].data.shape

    def test_names_are_those_of_astro_wise(self, reduced_night):
        red = ReducedScienceFrame.select_all()[0]
        start = "Sci-ME-OMEGACAM-------OCAM_r_SDSS-ESO_CCD_#65-Red---Sci-"
        assert red.filename.startswith(start)
        mjd, digits = red.filename.removeprefix(start).removesuffix(".fits").split("-")
        assert float(mjd) > 60000
        assert digits == red.content_key[:40]
        assert red.bias.filename.startswith("Cal-ME-OMEGACAM-------ESO_CCD_#65-Bias---Cal-")

    def test_retrieve_gives_a_copy_that_is_the_users(self, reduced_night):
        red = ReducedScienceFrame.select_all()[0]
        path = red.retrieve()
        assert str(path) == red.filename
        assert path.read_bytes() == red.path().read_bytes()
        assert path.stat().st_mode & 0o200
        assert np.array_equal(fits.getdata(path), red.data)
        assert red.header["AWEID"] == red.object_id
        assert red.data.dtype == np.float32
        assert red.retrieve(folder="else/where").parent.name == "where"

    def test_missing_file_is_told(self, reduced_night):
        red = ReducedScienceFrame.select_all()[0]
        path = red.path()
        path.parent.chmod(0o700)
        path.unlink()
        with pytest.raises(FileStoreError, match="is missing"):
            _ = red.data


class TestWithoutCommit:
    def test_chain_is_complete_and_is_stored_later(self, raw_night):
        chip = {"chip": "ESO_CCD_#65", **OMEGACAM, "folder": None}
        noise, bias = BiasTask(**chip).execute()
        (dome,) = DomeFlatTask(**chip, bias=bias).execute()
        (twilight,) = TwilightFlatTask(**chip, bias=bias).execute()
        (flat,) = MasterFlatTask(**chip, domeflat=dome, twilightflat=twilight).execute()
        first, second = ReduceTask(**chip, bias=bias, flat=flat).execute()
        assert not any(p.is_committed for p in (noise, bias, dome, flat, first, second))
        assert first.data.shape == first.weight.data.shape == bias.data.shape
        assert first.imstat.median == pytest.approx(np.median(first.data), rel=0.01)
        assert "uncommitted" in repr(first)
        assert len(first.lineage().roots()) == 8
        assert "not committed" in information(first)
        assert len(BiasFrame.select_all()) == len(WeightFrame.select_all()) == 0
        raw_night.commit()
        assert len(BiasFrame.select_all()) == 0
        first.commit()
        for cls in (ReadNoise, BiasFrame, DomeFlatFrame, MasterFlatFrame, WeightFrame):
            assert len(cls.select_all()) == 1, cls
        assert not second.is_committed
        assert first.overridden_inputs == ("bias", "flat")
        assert flat.overridden_inputs == ("domeflat", "twilightflat")
        assert verify(raw_night) == []
        assert os.listdir(".") == []
        stored = (ReducedScienceFrame.raw == first.raw)[0]
        assert np.array_equal(stored.data, first.data)

    def test_files_are_left_where_one_works(self, raw_night):
        products = BiasTask(**OMEGACAM, chip="*65").execute()
        (bias,) = [p for p in products if isinstance(p, BiasFrame)]
        assert os.listdir(".") == [bias.filename]
        assert np.array_equal(fits.getdata(bias.filename), bias.data)
        bias.commit()
        assert bias.path().read_bytes() == Path(bias.filename).read_bytes()
        assert ReadNoise.select_all()[0] is bias.read_noise

    def test_committed_ones_leave_a_copy_too(self, raw_night):
        BiasTask(**OMEGACAM, chip="*65", commit=True, folder="made").execute()
        assert os.listdir("made") == [BiasFrame.select_all()[0].filename]


class TestFailures:
    def test_one_ccd_does_not_stop_the_others(self, raw_night, capsys):
        for raw in (RawBiasFrame.chip.name == "ESO_CCD_#65")[:2]:
            raw_night.update_is_valid(raw, 0)
        task = BiasTask(**OMEGACAM, commit=True, folder=None)
        products = task.execute()
        assert {p.chip.name for p in products} == {"ESO_CCD_#66"}
        told = capsys.readouterr().out
        assert "BiasTask: 1 of 2 done, 2 products committed" in told
        assert "1 failed (ESO_CCD_#65 2012-05-31): fewer" in told
        assert "2 left out: is_valid is 0" in told

    def test_causes_are_grouped(self, raw_night, capsys):
        task = ReduceTask(**OMEGACAM, folder=None)
        with pytest.raises(TaskError):
            task.execute()
        told = capsys.readouterr().out
        assert "4 failed" in told
        assert told.count("no BiasFrame serves as bias") == 1
        assert len(task.failures) == 4

    def test_bug_is_raised_after_the_rest(self, reduced_night, monkeypatch):
        real = ReducedScienceFrame.make
        bad = RawScienceFrame.select_all()[0]

        def make(self):
            if self.raw is bad:
                raise IndexError("a bug")
            real(self)

        monkeypatch.setattr(ReducedScienceFrame, "make", make)
        task = ReduceTask(**OMEGACAM, commit=True)
        with pytest.raises(IndexError, match="a bug"):
            task.execute()
        assert len(task.products) == 3
        assert len(ReducedScienceFrame.select_all()) == 7
        assert len(os.listdir(".")) == 3 * 5

    def test_damaged_raw_file_is_one_failure(self, reduced_night):
        path = damaged(RawScienceFrame.select_all()[0].path())
        path.write_bytes(path.read_bytes()[:4000])
        task = ReduceTask(**OMEGACAM, folder=None)
        assert len(task.execute()) == 3
        assert "is damaged: its checksum is wrong" in str(task.failures[0].error)

    def test_raw_flat_that_is_not_lit(self, raw_night, night, capsys):
        raw_night.create_project("DARK")
        raw_night.set_project("DARK")
        IngestTask(paths=night.biases[:2], purpose="dome", commit=True).execute()
        raw_night.set_project("me's project")
        BiasTask(**OMEGACAM, commit=True, folder=None).execute()
        raw_night.set_project("DARK")
        names = [f.filename for f in (RawFrame.kind == "dome") if f.project.name == "DARK"]
        with pytest.raises(TaskError):
            DomeFlatTask(**OMEGACAM, raw_filenames=names).execute()
        assert "it is not lit" in capsys.readouterr().out

    def test_same_raw_file_in_two_projects_is_used_once(self, raw_night, night):
        raw_night.create_project("SECOND")
        raw_night.set_project("SECOND")
        IngestTask(paths=night.biases, commit=True).execute()
        assert len(RawBiasFrame.chip.name == "ESO_CCD_#65") == 6
        products = BiasTask(**OMEGACAM, chip="*65", folder=None).execute()
        (bias,) = [p for p in products if isinstance(p, BiasFrame)]
        assert len(bias.raw_bias_frames) == 3
        assert {f.project.name for f in bias.raw_bias_frames} == {"SECOND"}
