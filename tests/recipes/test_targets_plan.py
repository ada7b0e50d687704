"""Plans: what they foresee is what then happens, and nothing is computed or stored."""

import collections

import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.ColdPixelsTask import ColdPixelsTask
from awe.recipes.DarkTask import DarkTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.FringeFlatTask import FringeFlatTask
from awe.recipes.GainTask import GainTask
from awe.recipes.HotPixelsTask import HotPixelsTask
from awe.recipes.IlluminationCorrectionTask import IlluminationCorrectionTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.NightSkyFlatTask import NightSkyFlatTask
from awe.recipes.ReadNoiseTask import ReadNoiseTask
from awe.recipes.ReduceTask import ReduceTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask

from awe.base.errors import AweValueError
from awe.model import BiasFrame, RawScienceFrame, ReducedScienceFrame
from awe.process import CalibrationNotFound, Product, TaskError
from awe.process.plan import Plan, plan_tasks
from awe.store.at_hand import at_hand

COMMON = {"instrument": "OMEGACAM", "folder": None}
CHAIN = (BiasTask, HotPixelsTask, DomeFlatTask, TwilightFlatTask, ColdPixelsTask, MasterFlatTask,
         ReduceTask)  # fmt: skip


def keys(products):
    """Give the content keys of products."""
    return sorted(p.content_key for p in products)


@pytest.fixture
def no_pixels(monkeypatch):
    """Let every computation of pixels fail."""

    def refuse(self):
        msg = "a plan computes nothing"
        raise AssertionError(msg)

    for cls in Product.__subclasses__():
        for each in _all_below(cls):
            if "make" in vars(each):
                monkeypatch.setattr(each, "make", refuse)


def _all_below(cls):
    yield cls
    for each in cls.__subclasses__():
        yield from _all_below(each)


class TestOneTask:
    @pytest.mark.parametrize("task", [ReadNoiseTask, BiasTask])
    def test_foresees_what_is_made_of_raw_frames(self, raw_night, task):
        plan = task(**COMMON).plan()
        assert not len(Product.select_all())
        made = task(**COMMON, commit=True).execute()
        assert keys(p for u in plan for p in u.products) == keys(made)
        assert [u.same for u in plan] == [None] * len(plan)

    @pytest.mark.heavy
    @pytest.mark.parametrize("task", CHAIN[2:])
    def test_foresees_what_is_made_with_calibrations(self, reduced_night, task):
        plan = task(**COMMON).plan()
        made = task(**COMMON, commit=True).execute()
        assert keys(u.product for u in plan) == keys(made)
        for unit, product in zip(plan, made, strict=True):
            assert unit.action == "make"
            used = {used.name: used.calibration for used in unit.used}
            for name, calibration in used.items():
                assert getattr(product, name) is calibration
                assert abs((calibration.night - unit.product.night).days) == 0
            if task is not ColdPixelsTask:
                assert unit.same.content_key == product.content_key

    def test_tells_what_is_missing_and_why(self, raw_night):
        plan = ReduceTask(**COMMON).plan()
        assert len(plan.of("missing")) == len(plan) == len(RawScienceFrame.select_all())
        assert all(isinstance(u.error, CalibrationNotFound) for u in plan)
        assert "cannot be made" in str(plan)
        assert "no BiasFrame serves as bias" in str(plan)
        with pytest.raises(TaskError):
            ReduceTask(**COMMON).execute()

    def test_time_and_size_are_those_of_earlier_runs(self, raw_night):
        task = BiasTask(**COMMON, commit=True)
        plan = task.plan()
        assert plan.seconds is None
        assert plan.bytes is None
        assert "time unknown, files unknown" in str(plan)
        biases = [p for p in task.execute() if isinstance(p, BiasFrame)]
        plan = BiasTask(**COMMON).plan()
        assert plan.seconds == pytest.approx(sum(b.made_in for b in biases))
        # The read noise has no file and is there already.
        assert plan.bytes == sum(b.size for b in biases)
        assert "time about" in str(plan)

    @pytest.mark.heavy
    def test_nothing_is_computed_or_stored(self, reduced_night, no_pixels, work):
        before = len(Product.select_all())
        for task in CHAIN:
            assert len(task(**COMMON).plan().of("make"))
        ReducedScienceFrame.targets(RawScienceFrame.select_all(), plan=True)
        pars = {"BiasFrame.process_params.SIGMA_CLIP": 4.0}
        assert ReducedScienceFrame.targets(RawScienceFrame.select_all(), plan=True, pars=pars).of(
            "make"
        )
        assert len(Product.select_all()) == before
        assert not list(work.iterdir())

    def test_nothing_selected(self, raw_night):
        with pytest.raises(TaskError, match="no RawBiasFrame"):
            BiasTask(**COMMON, date="2001-01-01").plan()


@pytest.mark.heavy
class TestOtherRecipes:
    @pytest.mark.parametrize("task", [DarkTask, GainTask, HotPixelsTask])
    def test_of_the_detector(self, made_detector, task):
        plan = task(**COMMON).plan()
        made = task(**COMMON, commit=True).execute()
        assert keys(p for u in plan for p in u.products) == keys(made)

    @pytest.mark.parametrize("task", [NightSkyFlatTask, FringeFlatTask])
    def test_of_the_sky(self, sky, task):
        given = {} if task is NightSkyFlatTask else {"filter": "OCAM_r_SDSS"}
        plan = task(**COMMON, **given).plan()
        made = task(**COMMON, **given, commit=True).execute()
        assert keys(p for u in plan for p in u.products) == keys(made)

    def test_what_people_pick_is_not_made_again_on_the_way(self, sky):
        flat = NightSkyFlatTask(**COMMON, commit=True).execute()[0]
        red = flat.reduced_frames[0]
        assert red.is_uptodate()
        assert flat.is_uptodate()
        way = {"MasterFlatFrame.process_params.COMBINE_TYPE": 6}
        new = ReducedScienceFrame.target(raw=red.raw, commit=True, pars=way)
        assert new.flat.nightskyflat is flat
        assert new.is_uptodate()
        assert flat.is_uptodate()
        sky.update_is_valid(red.bias.raw_bias_frames[0], 0, "light leak")
        assert new.is_suspect()
        with pytest.raises(AweValueError, match="hang on what is judged bad"):
            flat.remake()

    def test_of_one_that_prepares_nothing(self, sky, sky_night):
        catalog = sky_night.standard_file
        plan = IlluminationCorrectionTask(**COMMON, catalog=catalog).plan()
        assert [u.action for u in plan] == ["make"]
        assert plan.seconds is None
        assert "IlluminationCorrection" in str(plan)


class TestChain:
    @pytest.mark.heavy
    def test_takes_what_earlier_steps_will_make_into_account(self, raw_night):
        plan = plan_tasks([task(**COMMON) for task in CHAIN])
        assert not plan.of("missing")
        assert not len(Product.select_all())
        coming = [used for u in plan if u.class_name == "ReducedScienceFrame" for used in u.used]
        assert {used.name for used in coming} == {"bias", "flat", "hot", "cold"}
        assert all(used.coming for used in coming)
        assert "BiasFrame to be made" in str(Plan(plan[-1:]))
        made = [p for task in CHAIN for p in task(**COMMON, commit=True).execute()]
        made = [p for p in made if type(p).__name__ != "ReadNoise"]
        assert keys(u.product for u in plan) == keys(made)

    def test_a_step_that_is_left_out_is_missed(self, raw_night):
        plan = plan_tasks([task(**COMMON) for task in (BiasTask, ReduceTask)])
        assert not any(u.class_name == "BiasFrame" for u in plan.of("missing"))
        assert len(plan.of("missing")) == len(RawScienceFrame.select_all())
        assert "no MasterFlatFrame serves as flat" in str(plan)


class TestTargets:
    def test_the_plan_of_a_target_is_what_is_made(self, raw_night):
        frames = RawScienceFrame.select_all()
        plan = ReducedScienceFrame.targets(frames, plan=True)
        assert not len(Product.select_all())
        assert not plan.of("missing")
        found = ReducedScienceFrame.targets(frames, commit=True)
        assert len(found) == len(frames)
        made = collections.Counter(type(p).__name__ for p in Product.select_all())
        planned = collections.Counter(u.class_name for u in plan.of("make"))
        assert {name: made[name] for name in planned} == dict(planned)
        by_key = {p.content_key for p in Product.select_all()}
        assert {u.product.content_key for u in plan.of("make")} <= by_key
        again = ReducedScienceFrame.targets(frames, plan=True)
        assert not again.of("make")
        assert {u.product for u in again.of("use") if u.class_name == "ReducedScienceFrame"} == set(
            found
        )

    def test_tells_what_cannot_be_made(self, raw_night):
        frames = RawScienceFrame.select_all()
        for frame in frames:
            raw_night.update_is_valid(frame, 0, "clouds")
        plan = ReducedScienceFrame.targets(frames, plan=True)
        assert not plan
        assert plan.left_out == [f"{len(frames)} left out: is_valid is 0"]

    def test_choosing_does_not_last(self, reduced_night):
        task = ReduceTask(**COMMON)
        before = task.chooser
        task.plan()
        assert task.chooser is before
        with at_hand([]):
            assert len(BiasFrame.select_all())


def test_a_plan_of_nothing_says_so():
    assert str(Plan()) == "Plan: nothing to do."
    assert Plan().seconds == 0
