"""Frames reduced again: what is compared, how their files go into the store, what explains them."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from awe.recipes.BiasTask import BiasTask
from awe.recipes.IlluminationCorrectionTask import IlluminationCorrectionTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.ReduceTask import ReduceTask

from awe.base.errors import AweError
from awe.model import BiasFrame, IlluminationCorrectionFrame, RawScienceFrame, ReducedScienceFrame
from awe.process import TaskError
from awe.store.commit import Writer
from awe.store.files import FileStore
from awe.store.staging import DESK_LOCK
from awe.store.verify import verify

CHIP = {"instrument": "OMEGACAM", "chip": "ESO_CCD_#65", "folder": None}
NICKEL = {"instrument": "NICKEL", "commit": True, "folder": None}


def again(**arguments):
    """Reduce one frame that is reduced already; give both."""
    before = ReducedScienceFrame.select(chip="ESO_CCD_#65")[0]
    (made,) = ReduceTask(**CHIP, raw_filenames=[before.raw], **arguments).execute()
    return before, made


def waiting(context):
    """List the files that wait for a commit."""
    found = context.files.incoming.rglob("*")
    return [path for path in found if path.is_file() and path.name != DESK_LOCK]


class TestComparison:
    def test_the_same_again_has_no_flag(self, reduced_night):
        before, made = again()
        assert made.prev is before
        assert made.sky_change == made.noise_change == 0
        assert made.weight.prev is before.weight
        assert made.weight.weight_diff == made.weight.count_diff == 0
        names = {flag.name for product in (made, made.weight) for flag in product.quality()}
        assert not names & {"REDUCTION_DIFFERENCE", "WEIGHT_DIFFERENCE"}

    def test_another_background_is_flagged(self, reduced_night):
        before, made = again()
        for name, limit in (("sky", 0.02), ("sky_noise", 0.05)):
            value = getattr(before, name)
            for sign in (-1, 1):
                setattr(made, name, value * (1 + 0.9 * sign * limit))
                assert not made.compare()
                setattr(made, name, value * (1 + 1.1 * sign * limit))
                made.quality_flags = made.compare()
                assert [flag.name for flag in made.quality()] == ["REDUCTION_DIFFERENCE"]
                assert not made.quality()[0].disqualifies
            setattr(made, name, value)
        # Of a faint background a share means nothing: a tenth of its noise is accepted.
        made.process_params = made.process_params.replace(MAXIMUM_SKY_DIFFERENCE=0.0)
        made.sky = before.sky + 0.09 * before.sky_noise
        assert not made.compare()
        made.sky = before.sky + 0.11 * before.sky_noise
        assert made.compare()

    def test_other_weights_are_flagged(self, reduced_night):
        level = "SaturatedPixelMap.process_params.THRESHOLD_HIGH"
        limit = "WeightFrame.process_params.MAXIMUM_COUNT_DIFFERENCE"
        raw = (RawScienceFrame.chip.name == "ESO_CCD_#65")[0]
        before, made = again(pars={level: raw.imstat.median + 5 * raw.imstat.stdev, limit: 20})
        assert made.weight.count_diff > 20
        assert made.weight.bad_count - before.weight.bad_count == made.weight.count_diff
        assert [flag.name for flag in made.weight.quality()] == ["WEIGHT_DIFFERENCE"]


class TestWeights:
    def test_many_pixels_without_weight_are_flagged(self, reduced_night):
        weight = ReducedScienceFrame.select(chip="ESO_CCD_#65")[0].weight
        assert not weight.verify()
        share = weight.bad_count / weight.data.size
        for limit, name in ((1.01 * share, []), (0.99 * share, ["WEIGHT_ZEROS"])):
            pars = {"WeightFrame.process_params.MAXIMUM_BAD_FRACTION": limit}
            _, made = again(pars=pars)
            assert [flag.name for flag in made.weight.quality()] == name
            assert made.weight.is_valid


class TestFullWells:
    def test_level_that_nobody_has_measured_is_told(self, reduced_night):
        saturated = ReducedScienceFrame.select(chip="ESO_CCD_#65")[0].saturated
        (step,) = saturated.steps_not_done
        assert step.startswith("measured saturation level: no pair of flats was saturated")
        assert "measured saturation level" in str(saturated.lineage())
        _, made = again(pars={"SaturatedPixelMap.process_params.THRESHOLD_HIGH": 60000.0})
        assert made.saturated.steps_not_done == ()


class TestFiles:
    def test_files_of_nobody_else_are_moved(self, raw_night, monkeypatch):
        def copied(*arguments):
            raise AssertionError("a file was copied")

        monkeypatch.setattr(FileStore, "stage", copied)
        _, bias = BiasTask(**CHIP, commit=True).execute()
        assert bias.path().is_relative_to(raw_night.files.folder)
        assert bias.path().stat().st_mode & 0o222 == 0
        assert not waiting(raw_night)
        assert verify(raw_night) == []

    def test_files_of_another_file_system_are_copied(self, raw_night, monkeypatch):
        move = os.rename

        def rename(source, target):
            if raw_night.files.folder not in Path(source).parents:
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            move(source, target)

        (_, bias) = BiasTask(**CHIP).execute()
        place = bias.path()
        monkeypatch.setattr(os, "rename", rename)
        assert bias.commit().is_committed
        assert place.exists()
        assert bias.path() != place
        assert verify(raw_night) == []

    def test_failed_commit_gives_the_file_back(self, raw_night, monkeypatch):
        (_, bias) = BiasTask(**CHIP).execute()
        place, pixels = bias.path(), bias.data.copy()

        def fail(*arguments, **options):
            raise AweError("The disk is full.")

        monkeypatch.setattr(Writer, "finish", fail)
        with pytest.raises(AweError, match="disk is full"):
            bias.commit()
        assert bias.path() == place
        assert place.exists()
        assert not waiting(raw_night)
        assert np.array_equal(bias.data, pixels)
        monkeypatch.undo()
        assert bias.commit().is_committed
        assert not place.exists()
        assert np.array_equal(bias.data, pixels)
        assert verify(raw_night) == []

    def test_failed_commit_of_a_task_leaves_nothing(self, raw_night, monkeypatch, capsys):
        def fail(*arguments, **options):
            raise AweError("The disk is full.")

        monkeypatch.setattr(Writer, "add", fail)
        with pytest.raises(TaskError):
            BiasTask(**CHIP, commit=True).execute()
        assert "disk is full" in capsys.readouterr().out
        monkeypatch.undo()
        assert not waiting(raw_night)
        assert verify(raw_night) == []
        assert len(BiasFrame.select_all()) == 0

    def test_changed_file_is_refused(self, raw_night):
        (_, bias) = BiasTask(**CHIP).execute()
        with open(bias.path(), "ab") as file:
            file.write(bytes(2880))
        with pytest.raises(AweError, match="has changed since it was attached"):
            bias.commit()
        assert not waiting(raw_night)


def residuals(chips, shape):
    """Give a table of stars without residuals, all over the CCDs."""
    rng = np.random.default_rng(8)
    number = 60 * len(chips)
    return Table({
        "chip": np.repeat(chips, 60), "x": rng.uniform(0, shape[1] - 1, number),
        "y": rng.uniform(0, shape[0] - 1, number), "residual": rng.normal(0, 0.01, number),
    })  # fmt: skip


class TestIllumination:
    def test_flat_decides_which_correction_serves(self, reduced_night):
        before = ReducedScienceFrame.select(chip="ESO_CCD_#65")[0]
        table = residuals(["ESO_CCD_#65"], (before.NAXIS2, before.NAXIS1))
        IlluminationCorrectionTask(**CHIP, table=table, commit=True).execute()
        (correction,) = IlluminationCorrectionFrame.select_all()
        assert correction.large_scales == before.flat.large_scales == "sky"
        assert before.raw.explain("illumination").chosen is correction
        _, made = again()
        assert made.illumination is correction
        (flat,) = MasterFlatTask(**CHIP, combine=2, commit=True).execute()
        assert flat.large_scales == "screen"
        _, made = again()
        assert made.flat is flat
        assert made.illumination is None
        assert any(step.startswith("illumination") for step in made.steps_not_done)
        told = before.raw.explain("illumination")
        assert told.chosen is None
        (candidate,) = told.candidates
        assert candidate.fails == ["large_scales"]
        assert "large_scales" in str(told)

    @pytest.mark.heavy
    def test_residuals_on_real_frames(self, nickel):
        before = (ReducedScienceFrame.OBJECT == "UGC_9837")[0]
        table = residuals(["NICKEL_1"], (1024, 1024))
        table["residual"] += 0.05 * table["x"] / 1024
        pars = {"IlluminationCorrection.process_params.WHOLE_FIELD": False,
                "IlluminationCorrection.process_params.ORDER": 1}  # fmt: skip
        IlluminationCorrectionTask(**NICKEL, table=table, filter="V", pars=pars).execute()
        (correction,) = IlluminationCorrectionFrame.select_all()
        (made,) = ReduceTask(**NICKEL, raw_filenames=[before.raw], fringe=False).execute()
        assert made.illumination is correction
        good = (made.weight.data > 0) & (before.weight.data > 0)
        ratio = (before.data[good] / made.data[good]).astype(float)
        assert ratio == pytest.approx(correction.data[good], rel=1e-4)
        slope = 2.5 * np.log10(correction.data[:, -1] / correction.data[:, 0])
        assert abs(slope.mean()) == pytest.approx(0.05, abs=0.01)
        assert verify(nickel) == []
