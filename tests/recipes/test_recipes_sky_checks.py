"""What sky stacks and illumination corrections refuse, prefer and flag."""

import numpy as np
import pytest
from astropy.table import Table
from awe.recipes.BiasTask import BiasTask
from awe.recipes.FringeFlatTask import FringeFlatTask
from awe.recipes.IlluminationCorrectionTask import IlluminationCorrectionTask
from awe.recipes.IngestTask import IngestTask
from awe.recipes.NightSkyFlatTask import NightSkyFlatTask
from awe.recipes.ReduceTask import ReduceTask

from awe.base.errors import AweValueError
from awe.model import (
    Filter,
    FringeFrame,
    IlluminationCorrection,
    IlluminationCorrectionFrame,
    NightSkyFlatFrame,
    ReducedScienceFrame,
    ResidualTable,
)
from awe.process import TaskError
from awe.simulate import simulate_night

CHIP = {"instrument": "OMEGACAM", "chip": "ESO_CCD_#65", "folder": None}
SKY = {**CHIP, "object": "KIDS*"}
STANDARD = {"instrument": "OMEGACAM", "object": "STD*", "folder": None}
_METHOD = {"BiasFrame.process_params.OVERSCAN_CORRECTION": 5}
_METHOD_OF_RED = {"ReducedScienceFrame.process_params.OVERSCAN_CORRECTION": 5}
_FIT = "IlluminationCorrection.process_params."
_IMAGE = "IlluminationCorrectionFrame.process_params."


def of_sky(pattern="KIDS*"):
    """Give the reduced frames of a CCD, the oldest reductions first."""
    frames = ReducedScienceFrame.select(chip="ESO_CCD_#65", object=pattern)
    return sorted(frames, key=lambda f: (f.creation_date, f.DATE_OBS))


def again(frame, **arguments):
    """Reduce the raw frame of a reduced frame once more."""
    return ReduceTask(
        **CHIP, raw_filenames=[frame.raw.filename], commit=True, **arguments
    ).execute()[0]


def other_overscan(frame):
    """Reduce the raw frame of a reduced frame with another overscan method."""
    BiasTask(**CHIP, pars=_METHOD, commit=True).execute()
    return again(frame, pars=_METHOD_OF_RED)


def refused(task, capsys, *words):
    """Check that a task makes nothing, and that its messages have some words."""
    with pytest.raises(TaskError) as caught:
        task.execute()
    told = capsys.readouterr().out + str(caught.value)
    for word in words:
        assert word in told


@pytest.mark.parametrize(
    ("task", "product"), [(NightSkyFlatTask, NightSkyFlatFrame), (FringeFlatTask, FringeFrame)]
)
class TestStacks:
    def test_one_frame_is_refused(self, sky, capsys, task, product):
        (name, *_) = [f.filename for f in of_sky()]
        words = ("MINIMUM_FRAMES = 3 reduced frames", "ESO_CCD_#65 has 1")
        refused(task(**SKY, red_filenames=[name], commit=True), capsys, *words)
        assert len(product.select_all()) == 0

    def test_mixed_overscan_methods_are_refused(self, sky, capsys, task, product):
        frame = other_overscan(of_sky()[1])
        words = ("OVERSCAN_CORRECTION 5", "OVERSCAN_CORRECTION 6", "has 6", "has 5")
        with pytest.raises(TaskError):
            task(**SKY, commit=True).execute()
        told = capsys.readouterr().out
        assert f"{frame!r} has {words[0]}, the first frame" in told
        assert words[2] in told
        assert len(product.select_all()) == 0


class TestSteps:
    def test_night_sky_needs_frames_with_the_same_steps(self, sky, capsys):
        FringeFlatTask(**SKY, commit=True).execute()
        frame = again(of_sky()[1])
        assert frame.fringe is not None
        words = (f"{frame!r} has fringe 'done'", "has 'not done'", "red_filenames=")
        refused(NightSkyFlatTask(**SKY, commit=True), capsys, *words)
        assert len(NightSkyFlatFrame.select_all()) == 0
        again(frame, fringe=False)
        assert len(NightSkyFlatTask(**SKY).execute()) == 1

    def test_fringes_prefer_frames_that_still_have_them(self, sky, capsys):
        before = of_sky()
        FringeFlatTask(**SKY, commit=True).execute()
        ReduceTask(**SKY, commit=True).execute()
        after = [f for f in of_sky() if f not in before]
        assert all(f.fringe is not None for f in after)
        (second,) = FringeFlatTask(**SKY).execute()
        assert set(second.reduced_frames) == set(before)
        names = [f.filename for f in after]
        refused(FringeFlatTask(**SKY, red_filenames=names), capsys, "fringe=False")
        for frame in before:
            sky.update_is_valid(frame, 0)
        words = ("4 left out: their fringes were subtracted", "ReduceTask(..., fringe=False)")
        refused(FringeFlatTask(**SKY), capsys, *words)
        ReduceTask(**SKY, fringe=False, commit=True).execute()
        (third,) = FringeFlatTask(**SKY).execute()
        assert len(third.reduced_frames) == 4
        assert not set(third.reduced_frames) & {*before, *after}


def test_night_sky_flat_is_judged_as_the_flats(sky):
    NightSkyFlatTask(**SKY, commit=True).execute()
    limit = "NightSkyFlatFrame.process_params.MAXIMUM_SUBWIN_"
    noisy = "NightSkyFlatFrame.process_params.SIGMA_CLIP"
    pars = {f"{limit}FLATNESS": 0.0, f"{limit}DIFF": 0.0, noisy: 1.5}
    (flat,) = NightSkyFlatTask(**SKY, pars=pars).execute()
    assert [f.name for f in flat.quality()] == ["FLAT_FLATNESS", "FLAT_DIFFERENCE"]
    assert 0 < flat.subwin_diff < 0.01
    assert flat.prev is NightSkyFlatFrame.select_all()[0]


@pytest.mark.parametrize(("name", "fringes"), [("OCAM_i_SDSS", True), ("OCAM_g_SDSS", None)])
def test_ingest_tells_which_filters_have_fringes(context, tmp_path, name, fringes):
    night = simulate_night(
        tmp_path / "night", ccds=1, shape=(40, 40), biases=0, domes=1, twilights=0, exposures=0,
        filter=name, truth=False,
    )  # fmt: skip
    IngestTask(paths=[night.folder], commit=True).execute()
    assert (Filter.name == name)[0].has_fringes is fringes


def residuals(chips=("ESO_CCD_#65", "ESO_CCD_#66"), number=200, scatter=0.005):
    """Give a table of residuals that slope over each CCD."""
    rng = np.random.default_rng(7)
    x, y = rng.uniform(0, 287, number), rng.uniform(0, 319, number)
    chip = np.array(chips)[rng.integers(0, len(chips), number)]
    slope = 0.03 * (x / 287 - 0.5) + rng.normal(0, scatter, number)
    return Table({"chip": chip, "x": x, "y": y, "residual": slope, "error": np.full(number, 0.01)})


class TestIllumination:
    def make(self, table, **pars):
        pars = {f"{_FIT}ORDER": 1, **pars}
        return IlluminationCorrectionTask(**STANDARD, table=table, commit=True, pars=pars).execute()

    @pytest.mark.parametrize(
        ("column", "value", "told"),
        [
            ("x", 3800.0, "x of 2 of the 200 rows of ESO_CCD_#65 is outside the CCD: 3800 to 3800, "
                          "where x goes from 0 to 287"),
            ("y", -0.6, "y of 2 of the 200 rows of ESO_CCD_#65 is outside the CCD: -0.6 to -0.6, "
                        "where y goes from 0 to 319"),
        ],
    )  # fmt: skip
    def test_stars_outside_their_ccd(self, sky, capsys, column, value, told):
        table = residuals(("ESO_CCD_#65",))
        table[column][[3, 50]] = value
        with pytest.raises(TaskError):
            self.make(table)
        assert told in capsys.readouterr().out
        for cls in (IlluminationCorrection, IlluminationCorrectionFrame, ResidualTable):
            assert len(cls.select_all()) == 0
        table[column][[3, 50]] = -0.4
        assert len(self.make(table)) == 3

    @pytest.mark.parametrize("value", [0.0, -0.01])
    def test_errors_that_are_not_positive(self, sky, capsys, value):
        table = residuals()
        table["error"][4:6] = value
        with pytest.raises(
            AweValueError, match=f"error of 2 rows is not above 0; .* 5 is {value:g}"
        ):
            ResidualTable.of(table)

    def test_ccd_without_stars_is_flagged(self, sky):
        correction, *images = self.make(residuals(("ESO_CCD_#65",)))
        told = "ESO_CCD_#66: no star tells, it has the polynomial of the others"
        assert correction.steps_not_done == (told,)
        first, second = sorted(images, key=lambda i: i.chip.name)
        assert first.number_of_stars == correction.number_of_stars
        assert first.quality() == []
        assert first.steps_not_done == ()
        assert second.number_of_stars == 0
        assert [f.name for f in second.quality()] == ["ILLUMINATION_RESIDUALS"]
        assert "it has 0, MINIMUM_STARS is 1" in second.steps_not_done[0]
        frame = ReduceTask(**{**STANDARD, "chip": "ESO_CCD_#66"}).execute()[0]
        assert frame.illumination is None
        _, first, _ = self.make(residuals(), **{f"{_IMAGE}MINIMUM_STARS": 150})
        assert [f.name for f in first.quality()] == ["ILLUMINATION_RESIDUALS"]

    def test_error_of_each_ccd_counts_for_itself(self, sky):
        table = residuals(("ESO_CCD_#65",), scatter=0.02)
        few = residuals(("ESO_CCD_#66",), scatter=0.02)[:24]
        table = Table(np.concatenate([np.asarray(table), np.asarray(few)]))
        pars = {f"{_FIT}WHOLE_FIELD": False, f"{_FIT}ORDER": 3}
        correction, *images = self.make(table, **pars)
        first, second = sorted(images, key=lambda i: i.chip.name)
        limit = (first.max_error + second.max_error) / 2
        assert first.max_error < limit < second.max_error == correction.max_error
        pars |= {f"{_IMAGE}MAXIMUM_ERROR": limit}
        images = self.make(table, **pars)[1:]
        flags = {i.chip.name: [f.name for f in i.quality()] for i in images}
        assert flags == {"ESO_CCD_#65": [], "ESO_CCD_#66": ["ILLUMINATION_RESIDUALS"]}

    def test_frame_is_compared_with_the_one_before(self, sky):
        _, first, _ = self.make(residuals())
        table = residuals()
        # Ten per cent more from edge to edge, in one CCD.
        table["residual"] += 0.1 * (table["x"] / 287 - 0.5) * (table["chip"] == "ESO_CCD_#65")
        images = self.make(table, **{f"{_FIT}WHOLE_FIELD": False})[1:]
        flags = {i.chip.name: [f.name for f in i.quality()] for i in images}
        assert flags == {"ESO_CCD_#65": ["ILLUMINATION_DIFFERENCE"], "ESO_CCD_#66": []}
        second = next(i for i in images if i.chip is first.chip)
        assert second.prev is first
        change = {i.chip.name: i.max_diff for i in images}
        assert change["ESO_CCD_#65"] == pytest.approx(0.05, abs=0.01)
        assert change["ESO_CCD_#66"] < 0.01

    def test_standards_of_a_ccd_must_be_reduced_alike(self, sky, sky_night, capsys):
        frame = other_overscan(of_sky("STD*")[1])
        catalog = sky_night.standard_file
        task = IlluminationCorrectionTask(**STANDARD, catalog=catalog, commit=True)
        refused(task, capsys, f"{frame!r} has OVERSCAN_CORRECTION 5", "has 6")
        assert len(IlluminationCorrection.select_all()) == 0
