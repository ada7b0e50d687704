"""Night-sky flats, fringes and illumination corrections of a simulated night with all three."""

import numpy as np
import pytest
from astropy.table import Table
from awe.recipes.FringeFlatTask import FringeFlatTask
from awe.recipes.IlluminationCorrectionTask import IlluminationCorrectionTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.NightSkyFlatTask import NightSkyFlatTask
from awe.recipes.ReduceTask import ReduceTask

from awe.base.errors import AweError, AweTypeError
from awe.model import (
    FringeFrame,
    IlluminationCorrection,
    IlluminationCorrectionFrame,
    NightSkyFlatFrame,
    RawScienceFrame,
    ReducedScienceFrame,
    ResidualTable,
    StandardCatalog,
)
from awe.process import TaskError
from awe.store.verify import verify

SKY = {"instrument": "OMEGACAM", "object": "KIDS*", "folder": None}
STANDARD = {"instrument": "OMEGACAM", "object": "STD*", "folder": None}
_FIT = "IlluminationCorrection.process_params."


def _true_illumination(night, chip):
    image = 1 / night.chip(chip).illumination
    return image / image.mean()


class TestNightSkyFlat:
    def test_is_made_of_reduced_frames_and_linked(self, sky):
        flats = NightSkyFlatTask(**SKY, commit=True).execute()
        assert len(flats) == len(NightSkyFlatFrame.select_all()) == 2
        for flat in flats:
            assert len(flat.reduced_frames) == len(flat.sky) == 4
            assert {f.chip for f in flat.reduced_frames} == {flat.chip}
            assert flat.raw_science_frames == tuple(f.raw for f in flat.reduced_frames)
            assert flat.flat is flat.reduced_frames[0].flat
            assert flat.bias is flat.reduced_frames[0].bias
            assert flat.imstat.mean == pytest.approx(1, abs=0.01)
            assert flat.quality() == []
            assert flat.timestamp_start < flat.reduced_frames[0].DATE_OBS < flat.timestamp_end
            assert flat.extra_image("ERROR").shape == flat.data.shape
            assert not any(f.raw.OBJECT.startswith("STD") for f in flat.reduced_frames)
        raw = (RawScienceFrame.OBJECT.like("KIDS*"))[0]
        assert NightSkyFlatFrame in {type(m) for m in raw.dependents()}
        assert verify(sky) == []

    def test_previous_one_is_compared(self, sky):
        NightSkyFlatTask(**SKY, chip="ESO_CCD_#65", commit=True).execute()
        (second,) = NightSkyFlatTask(**SKY, chip="ESO_CCD_#65").execute()
        assert second.prev is NightSkyFlatFrame.select_all()[0]
        assert second.subwin_diff == pytest.approx(0, abs=1e-6)

    def test_too_few_frames_and_frames_of_other_flats_are_refused(self, sky, capsys):
        frames = list(ReducedScienceFrame.select(chip="ESO_CCD_#65", object="KIDS*"))
        with pytest.raises(TaskError):
            NightSkyFlatTask(**SKY, red_filenames=frames[:2]).execute()
        assert "MINIMUM_FRAMES" in capsys.readouterr().out
        with pytest.raises(AweError, match="no good reduced frame nonsense"):
            NightSkyFlatTask(**SKY, red_filenames=["nonsense.fits"]).execute()
        (other,) = MasterFlatTask(
            instrument="OMEGACAM", chip="ESO_CCD_#65", combine=2, commit=True, folder=None
        ).execute()
        name = frames[0].raw.filename
        (again,) = ReduceTask(
            instrument="OMEGACAM", raw_filenames=[name], flat=other, commit=True, folder=None
        ).execute()
        chosen = [again, *frames[1:]]
        with pytest.raises(TaskError):
            NightSkyFlatTask(**SKY, red_filenames=[f.filename for f in chosen]).execute()
        assert "has flat" in capsys.readouterr().out

    def test_takes_part_in_the_master_flat(self, sky, sky_night):
        (night_sky,) = NightSkyFlatTask(**SKY, chip="ESO_CCD_#65", commit=True).execute()
        master = {"instrument": "OMEGACAM", "chip": "ESO_CCD_#65", "folder": None}
        (flat,) = MasterFlatTask(**master, nightskyflat=night_sky).execute()
        assert [n for n, _ in flat.input_objects()] == ["domeflat", "twilightflat", "nightskyflat"]
        assert flat.process_params.COMBINE_TYPE == 6
        assert flat.overridden_inputs == ("nightskyflat",)
        (without,) = MasterFlatTask(**master).execute()
        assert flat.data == pytest.approx(without.data, abs=0.01)
        (dome,) = MasterFlatTask(**master, combine=4).execute()
        assert [n for n, _ in dome.input_objects()] == ["domeflat", "nightskyflat"]
        truth = sky_night.chip("ESO_CCD_#65")
        lit = truth.flat * truth.illumination
        good = ~(truth.hot | truth.cold)
        assert np.std((dome.data / lit)[good]) < 0.012

    def test_master_flat_without_one_says_so(self, sky):
        flat = MasterFlatTask(
            instrument="OMEGACAM", chip="ESO_CCD_#65", combine=6, folder=None
        ).execute()[0]
        assert flat.nightskyflat is None
        assert flat.steps_not_done == ("largest scales: there is no nightsky flat",)


class TestFringes:
    def test_are_those_of_the_sky_and_are_subtracted(self, sky, sky_night):
        frames = FringeFlatTask(**SKY, commit=True).execute()
        assert len(frames) == len(FringeFrame.select_all()) == 2
        for frame in frames:
            true = sky_night.chip(frame.chip.name).fringe
            seen = frame.data != 0
            slope = np.sum((frame.data * true)[seen]) / np.sum((true**2)[seen])
            assert slope == pytest.approx(1, abs=0.03)
            assert frame.significance > 2
            assert frame.quality() == []
        before = ReducedScienceFrame.select(chip="ESO_CCD_#65", object="KIDS*")[0]
        (after,) = ReduceTask(
            instrument="OMEGACAM", raw_filenames=[before.raw], folder=None
        ).execute()
        assert after.fringe.chip is after.chip
        assert after.scale_factor == pytest.approx(before.sky, rel=0.05)
        true = sky_night.chip("ESO_CCD_#65").fringe
        good = before.weight.data > 0
        good &= np.abs(before.data - before.sky) < 5 * before.sky_noise
        strength = [
            np.polyfit(true[good], image.data[good], 1)[0] / before.sky for image in (before, after)
        ]
        assert strength[0] == pytest.approx(1, abs=0.1)
        assert strength[1] == pytest.approx(0, abs=0.06)
        with pytest.raises(AweError):
            FringeFlatTask(**SKY, red_filenames=[after.filename]).execute()

    def test_second_one_is_compared(self, sky):
        FringeFlatTask(**SKY, chip="ESO_CCD_#65", commit=True).execute()
        name = "FringeFrame.process_params.MAXIMUM_FRINGE_DIFFERENCE"
        (second,) = FringeFlatTask(**SKY, chip="ESO_CCD_#65", pars={name: 0.0}).execute()
        assert second.prev is FringeFrame.select_all()[0]
        assert abs(second.fringe_diff) < 0.15
        assert [f.name for f in second.quality()] == ["FRINGE_DIFFERENCE"]

    def test_frames_without_fringes_give_none(self, sky, capsys):
        name = "FringeFrame.process_params.MINIMUM_SIGNIFICANCE"
        with pytest.raises(TaskError):
            FringeFlatTask(**SKY, pars={name: 100.0}).execute()
        assert "show no fringes" in capsys.readouterr().out
        used = ReducedScienceFrame.select_all()[0].filter
        used.has_fringes = False
        used.commit()
        with pytest.raises(TaskError):
            FringeFlatTask(**SKY).execute()
        assert "has_fringes is False" in capsys.readouterr().out


class TestIlluminationCorrection:
    def test_standard_stars_tell_the_scattered_light(self, sky, sky_night):
        few, *_ = IlluminationCorrectionTask(
            **STANDARD, catalog=sky_night.standard_file, pars={f"{_FIT}ORDER": 4}
        ).execute()
        correction, *images = IlluminationCorrectionTask(
            **STANDARD, catalog=sky_night.standard_file, commit=True,
            pars={f"{_FIT}ORDER": 2, f"{_FIT}APERTURE_RADIUS": 1.5},
        ).execute()  # fmt: skip
        assert correction.number_of_stars > 30
        assert correction.rms < 0.05
        assert correction.quality() == []
        assert few.max_error > 0.05 > correction.max_error
        assert [f.name for f in few.quality()] == ["ILLUMINATION_RESIDUALS"]
        assert len(correction.records) == len(images) == 2
        assert isinstance(correction.catalog, StandardCatalog)
        for image in images:
            assert image.illumination_correction is correction
            assert image.data.mean(dtype=float) == pytest.approx(1, abs=1e-5)
            true = _true_illumination(sky_night, image.chip.name)
            assert np.std(image.data / true) < 0.02
            assert np.abs(image.data / true - 1).max() < 3 * correction.max_error
        table = correction.stars()
        assert np.count_nonzero(table["kept"]) == correction.number_of_stars
        roots = correction.lineage().roots()
        assert correction.catalog in roots
        assert verify(sky) == []

    def test_reduced_frames_are_divided_by_it(self, sky, sky_night):
        IlluminationCorrectionTask(
            **STANDARD, catalog=sky_night.standard_file, commit=True,
            pars={f"{_FIT}ORDER": 1},
        ).execute()  # fmt: skip
        before = ReducedScienceFrame.select(chip="ESO_CCD_#66", object="KIDS*")[0]
        (after,) = ReduceTask(
            instrument="OMEGACAM", raw_filenames=[before.raw], folder=None
        ).execute()
        image = after.illumination.data
        assert after.data * image == pytest.approx(before.data, rel=1e-5, abs=1e-3)

    def test_table_of_residuals_is_lineage(self, sky, sky_night, tmp_path):
        rng = np.random.default_rng(5)
        chips = np.array(sky_night.chips)[rng.integers(0, 2, 300)]
        x, y = rng.uniform(0, 287, 300), rng.uniform(0, 319, 300)
        scattered = {name: sky_night.chip(name).illumination for name in sky_night.chips}
        light = [scattered[c][round(b), round(a)] for c, a, b in zip(chips, x, y, strict=True)]
        residual = 2.5 * np.log10(light) + rng.normal(0, 0.005, 300)
        table = Table({"Chip": chips, "X": x, "y": y, "residual": residual})
        file = tmp_path / "residuals.csv"
        table.write(file, format="ascii.csv")
        correction, *images = IlluminationCorrectionTask(
            **STANDARD, table=file, commit=True
        ).execute()
        assert correction.table.origin == "residuals.csv"
        assert correction.table.rows == 300
        assert correction.table in correction.lineage().roots()
        assert correction.overridden_inputs == ("table",)
        assert correction.table.path().read_bytes() == file.read_bytes()
        for image in images:
            true = _true_illumination(sky_night, image.chip.name)
            assert np.abs(image.data / true - 1).max() < 0.01
        again, *_ = IlluminationCorrectionTask(
            **STANDARD, table=table, validity="forever",
            pars={f"{_FIT}WHOLE_FIELD": False, f"{_FIT}ORDER": 2,
                  f"{_FIT}MAXIMUM_DIFFERENCE": 0.0, f"{_FIT}MAXIMUM_RESIDUAL_RMS": 0.0},
        ).execute()  # fmt: skip
        assert again.prev is correction
        assert again.max_diff < 0.02
        names = [f.name for f in again.quality()]
        assert names == ["ILLUMINATION_RESIDUALS", "ILLUMINATION_DIFFERENCE"]
        assert again.timestamp_start.year == 1900
        third, *_ = IlluminationCorrectionTask(**STANDARD, table=correction.table).execute()
        assert third.content_key == correction.content_key
        assert len(ResidualTable.select_all()) == 1

    def test_wrong_tables_are_refused(self, sky, tmp_path):
        with pytest.raises(AweTypeError, match="either table"):
            IlluminationCorrectionTask(**STANDARD)
        good = {
            "chip": ["ESO_CCD_#65"] * 3,
            "x": [1.0, 2, 3],
            "y": [3.0, 4, 5],
            "residual": [0] * 3,
        }
        for change, message in (
            ({"x": ["a", "b", "c"]}, "no numbers"),
            ({"y": [1.0, np.nan, 2.0]}, "row 2"),
            ({"residual": None}, "no column 'residual'"),
        ):
            columns = {n: v for n, v in {**good, **change}.items() if v is not None}
            file = tmp_path / "t.ecsv"
            Table(columns).write(file, format="ascii.ecsv", overwrite=True)
            with pytest.raises(AweError, match=message):
                ResidualTable.of(file)
        with pytest.raises(AweError, match="no file"):
            ResidualTable.of(tmp_path / "absent.csv")
        with pytest.raises(AweError, match="expected one of"):
            ResidualTable.of(__file__)
        with pytest.raises(AweTypeError):
            ResidualTable.of(5)

    def test_nothing_is_stored_of_a_fit_that_fails(self, sky, capsys):
        columns = {"chip": ["ESO_CCD_#65"] * 3, "x": [1.0, 2, 3], "y": [3.0, 4, 5]}
        table = Table({**columns, "residual": [0.0, 0.1, 0.2]})
        with pytest.raises(TaskError):
            IlluminationCorrectionTask(**STANDARD, table=table, commit=True).execute()
        assert "stars cannot fix" in capsys.readouterr().out
        table["chip"] = "ESO_CCD_#99"
        with pytest.raises(TaskError):
            IlluminationCorrectionTask(**STANDARD, table=table, commit=True).execute()
        assert "ESO_CCD_#99" in capsys.readouterr().out
        for cls in (IlluminationCorrection, IlluminationCorrectionFrame, ResidualTable):
            assert len(cls.select_all()) == 0
