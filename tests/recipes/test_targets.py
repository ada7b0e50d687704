"""Targets: what exists and is up to date is given; only what must be is made."""

import collections
import datetime
import os
import subprocess
import sys
import textwrap

import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.ColdPixelsTask import ColdPixelsTask
from awe.recipes.IngestTask import IngestTask
from awe.recipes.ReduceTask import ReduceTask

from awe import view
from awe.base.errors import AweError, AweTypeError, AweValueError
from awe.model import (
    BiasFrame,
    DomeFlatFrame,
    MasterFlatFrame,
    RawBiasFrame,
    RawDomeFlatFrame,
    RawScienceFrame,
    ReadNoise,
    ReducedScienceFrame,
    TwilightFlatFrame,
    WeightFrame,
)
from awe.process import Product
from awe.process.maker import Maker
from awe.process.pars import Pars
from awe.process.targets import remake
from awe.process.uptodate import missing, uptodate
from awe.simulate import simulate_night

SIGMA = {"DomeFlatFrame.process_params.SIGMA_CLIP": 4.0}


def count():
    """Count the products of each class."""
    return collections.Counter(type(p).__name__ for p in Product.select_all())


def new_since(before):
    """Give how many products of each class are new."""
    return dict(count() - before)


def one_raw():
    """Give one raw science frame."""
    return RawScienceFrame.select_all().min("DATE_OBS")


class TestFromNothing:
    def test_makes_each_calibration_below_once_and_nothing_twice(self, raw_night):
        raw = one_raw()
        red = ReducedScienceFrame.target(raw=raw, commit=True)
        assert red.raw is raw
        assert red.is_committed
        made = {"ReadNoise": 1, "BiasFrame": 1, "DomeFlatFrame": 1, "TwilightFlatFrame": 1,
                "MasterFlatFrame": 1, "SaturatedPixelMap": 1, "CosmicMap": 1, "SatelliteMap": 1,
                "WeightFrame": 1, "ReducedScienceFrame": 1}  # fmt: skip
        assert dict(count()) == made
        assert ReducedScienceFrame.target(raw=raw, commit=True) is red
        assert WeightFrame.target(raw=raw, commit=True) is red.weight
        assert dict(count()) == made
        assert red.is_uptodate()

    @pytest.mark.heavy
    def test_the_same_pixels_as_the_recipes_one_after_the_other(self, raw_night, reduced_keys):
        found = ReducedScienceFrame.targets(RawScienceFrame.select_all(), commit=True)
        assert sorted(p.content_key for p in found) == reduced_keys

    def test_nothing_is_stored_without_commit(self, raw_night):
        red = ReducedScienceFrame.target(raw=one_raw())
        assert not count()
        assert not red.is_committed
        assert red.lineage().roots()
        red.commit()
        assert count()["BiasFrame"] == 1
        assert ReducedScienceFrame.target(raw=red.raw) is red

    @pytest.mark.heavy
    def test_depth_limits_how_far_down_it_goes(self, raw_night):
        raw = one_raw()
        for depth in (0, 1):
            with pytest.raises(AweError, match=r"No BiasFrame|depth=0 makes none"):
                MasterFlatFrame.target(
                    instrument="OMEGACAM", chip=raw.chip.name, filter=raw.filter.name,
                    date=raw.night, depth=depth, commit=True,
                )  # fmt: skip
        assert not count()
        flat = MasterFlatFrame.target(
            instrument="OMEGACAM", chip=raw.chip.name, filter=raw.filter.name, date=raw.night,
            depth=2, commit=True,
        )  # fmt: skip
        assert count()["BiasFrame"] == 1
        assert flat.is_uptodate()

    @pytest.mark.heavy
    def test_a_flat_by_its_names(self, raw_night):
        raw = one_raw()
        names = {"instrument": "OMEGACAM", "chip": raw.chip.name, "filter": raw.filter.name,
                 "date": raw.night}  # fmt: skip
        flat = MasterFlatFrame.target(**names, commit=True)
        assert flat.night == raw.night
        assert MasterFlatFrame.target(**names, commit=True) is flat
        assert "ReducedScienceFrame" not in count()


@pytest.fixture(scope="module")
def reduced_keys(made_night):
    """Give the content keys of the reduced frames that the recipes make one after the other."""
    code = """
    from pathlib import Path
    import awe.model
    from awe.model import ReducedScienceFrame
    from awe.store.context import Context
    with_store = Context(Path({folder!r}) / "store", Path({folder!r}) / "data", "me")
    print(*sorted(p.content_key for p in ReducedScienceFrame.select_all()))
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code).format(folder=str(made_night))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return run.stdout.split()


class TestWhatExists:
    def test_everything_is_up_to_date_after_the_recipes(self, reduced_night):
        for cls in (BiasFrame, DomeFlatFrame, MasterFlatFrame, ReducedScienceFrame, WeightFrame):
            query = cls.select_all()
            assert uptodate(query).all(), cls
            assert not any(p.why_outdated() for p in list(query)[:1])
        before = count()
        found = ReducedScienceFrame.targets(RawScienceFrame.select_all(), commit=True)
        assert set(found) == set(ReducedScienceFrame.select_all())
        assert not found.failures
        assert not new_since(before)
        assert missing(ReducedScienceFrame, RawScienceFrame.select_all()) == []

    def test_a_parameter_of_the_flat_leaves_the_bias_alone(self, reduced_night):
        red = ReducedScienceFrame.select_all()[0]
        before = count()
        assert not red.flat.domeflat.is_uptodate(pars=SIGMA)
        assert red.why_outdated(pars=SIGMA) == [
            "flat is out of date: domeflat is out of date: SIGMA_CLIP is 4.0 now, it was made with "
            "5.0"
        ]
        new = ReducedScienceFrame.target(raw=red.raw, pars=SIGMA, commit=True)
        assert new_since(before) == {
            "DomeFlatFrame": 1, "MasterFlatFrame": 1, "SaturatedPixelMap": 1, "CosmicMap": 1,
            "SatelliteMap": 1, "WeightFrame": 1, "ReducedScienceFrame": 1,
        }  # fmt: skip
        assert new.bias is red.bias
        assert new.flat.twilightflat is red.flat.twilightflat
        assert new.flat.domeflat.process_params.SIGMA_CLIP == 4.0
        # A remake eclipses its own night: so the old frame is out of date, the new one is not.
        assert new.is_uptodate()
        assert red.why_outdated() == [f"there is a better flat: {new.flat!r}"]
        before = count()
        assert ReducedScienceFrame.target(raw=red.raw, pars=SIGMA, commit=True) is new
        assert ReducedScienceFrame.target(raw=red.raw, commit=True) is new
        back = {"DomeFlatFrame.process_params.SIGMA_CLIP": 5.0}
        assert ReducedScienceFrame.target(raw=red.raw, pars=back, commit=True) is red
        assert not new_since(before)

    @pytest.mark.heavy
    def test_a_parameter_of_a_map_makes_the_frame_again(self, reduced_night):
        red = ReducedScienceFrame.select_all()[0]
        pars = {"CosmicMap.process_params.DETECTION_THRESHOLD": 6.0}
        assert not red.is_uptodate(pars=pars)
        new = ReducedScienceFrame.target(raw=red.raw, pars=pars, commit=True)
        assert new is not red
        assert new.weight.cosmic.process_params.DETECTION_THRESHOLD == 6.0
        assert ReducedScienceFrame.target(raw=red.raw, pars=pars, commit=True) is new

    @pytest.mark.heavy
    def test_another_code_version(self, reduced_night, monkeypatch):
        red = ReducedScienceFrame.select_all()[0]
        monkeypatch.setattr(TwilightFlatFrame, "pixel_version", "9.9")
        assert "the code of TwilightFlatFrame has version 9.9 now" in red.why_outdated()[0]
        before = count()
        new = ReducedScienceFrame.target(raw=red.raw, commit=True)
        made = new_since(before)
        assert made["TwilightFlatFrame"] == made["MasterFlatFrame"] == 1
        assert "BiasFrame" not in made
        assert "DomeFlatFrame" not in made
        assert new.flat.twilightflat.code_version == "9.9"
        assert new.is_uptodate()

    @pytest.mark.heavy
    def test_a_geometry_that_was_corrected(self, reduced_night):
        red = ReducedScienceFrame.select_all()[0]
        assert red.is_uptodate()
        readout = red.raw.readout
        readout.amplifiers = [a.replace(gain=a.gain * 2) for a in readout.amplifiers]
        readout.commit(why="measured")
        assert "what is known of its raw frames was corrected since" in red.bias.why_outdated()[0]
        assert not red.is_uptodate()
        before = count()
        new = ReducedScienceFrame.target(raw=red.raw, commit=True)
        assert new_since(before)["BiasFrame"] == 1
        assert new.is_uptodate()


@pytest.fixture
def two_nights(reduced_night, tmp_path):
    """Give the small night with everything made, and the raw frames of the next one."""
    folder = tmp_path / "next"
    folder.mkdir()
    simulate_night(folder, ccds=2, biases=3, domes=2, twilights=2, exposures=1,
                   start=datetime.datetime(2012, 6, 2, 8, 51, 44))  # fmt: skip
    IngestTask(paths=[folder], commit=True).execute()
    return reduced_night


class TestMoreNights:
    def test_adding_a_night_changes_nothing_for_the_others(self, two_nights):
        reduced = ReducedScienceFrame.select_all()
        assert uptodate(reduced).all()
        before = count()
        BiasTask(instrument="OMEGACAM", date="2012-06-01", commit=True, folder=None).execute()
        assert new_since(before)["BiasFrame"] == 2
        assert uptodate(reduced).all()
        todo = missing(ReducedScienceFrame, RawScienceFrame.select_all())
        assert {f"{raw.night:%Y-%m-%d}" for raw in todo} == {"2012-06-01"}
        before = count()
        new = ReducedScienceFrame.targets(todo, commit=True)
        made = new_since(before)
        assert made["ReducedScienceFrame"] == len(todo) == len(new)
        # Flats of the night before serve as well: what serves is not made.
        assert "MasterFlatFrame" not in made
        assert uptodate(reduced).all()


class TestVerdicts:
    def test_travel_to_all_that_hangs_on_it_and_remake_does_without(self, reduced_night):
        context = reduced_night
        reduced = ReducedScienceFrame.select_all()
        red = reduced[0]
        others = [r for r in reduced if r.chip is not red.chip]
        bias = red.bias
        assert not red.is_suspect()
        context.update_is_valid(bias, 0, "light leak")
        assert red.is_suspect()
        assert red.why_suspect() == [bias]
        assert list(reduced.not_suspect()) == others
        assert len(reduced) > len(others)
        assert red.flat not in MasterFlatFrame.select_all().not_suspect()
        assert any("bias is judged bad" in reason for reason in red.why_outdated())
        # Nothing is stored on what hangs on it.
        assert red.is_valid == 1
        assert red.history() == []
        with pytest.raises(AweError, match="the same content is judged bad"):
            red.remake(commit=True)
        context.update_is_valid(bias, 1, "it was a bird")
        assert not red.is_suspect()
        assert red.is_uptodate()
        raw_bias = bias.raw_bias_frames[0]
        context.update_is_valid(raw_bias, 0, "light leak")
        assert red.why_suspect() == [raw_bias]
        pars = {"BiasFrame.process_params.MINIMUM_FRAMES": 2}
        new = remake(red, commit=True, pars=pars)
        assert raw_bias not in new.bias.raw_bias_frames
        assert len(new.bias.raw_bias_frames) == 2
        assert new.flat.domeflat.bias is new.bias
        assert not new.is_suspect()
        assert new.is_uptodate()
        assert remake([red, new], commit=True, pars=pars) == [new, new]

    def test_are_told_by_info(self, reduced_night, capsys):
        view.enter()
        red = ReducedScienceFrame.select_all()[0]
        red.info()
        assert "SUSPECT" not in capsys.readouterr().out
        reduced_night.update_is_valid(red.flat.domeflat, 0, "a lamp was off")
        red.info()
        told = capsys.readouterr().out
        assert "SUSPECT: it was made from what is judged bad:" in told
        assert "DomeFlatFrame" in told.split("SUSPECT")[1]

    def test_a_raw_frame_that_is_bad_is_not_reduced(self, reduced_night):
        raw = one_raw()
        reduced_night.update_is_valid(raw, 0, "clouds")
        with pytest.raises(AweError, match="it is left out, is_valid is 0"):
            ReducedScienceFrame.target(raw=raw)


class TestMissing:
    def test_is_what_targets_would_make(self, raw_night, tmp_path):
        """A frame with a user's parameters or calibrations is good, but not what is asked for."""
        raw, other = RawScienceFrame.select_all()[:2]
        pars = {"CosmicMap.process_params.DETECTION_THRESHOLD": 6.0}
        mine = ReducedScienceFrame.target(raw=raw, pars=pars, commit=True)
        assert mine.is_uptodate()
        assert missing(ReducedScienceFrame, [raw, other]) == [raw, other]
        assert missing(ReducedScienceFrame, [raw, other], pars=pars) == [other]
        plan = ReducedScienceFrame.target(raw=raw, plan=True)
        assert [u.class_name for u in plan.of("make")] == ["ReducedScienceFrame"]
        red = ReducedScienceFrame.target(raw=raw, commit=True)
        assert missing(ReducedScienceFrame, [raw, other]) == [other]
        assert ReducedScienceFrame.target(raw=raw) is red
        assert ReducedScienceFrame.target(raw=raw, pars=pars) is mine
        assert mine.is_uptodate()

    def test_raw_frames_that_come_later_do_not_outdate_but_are_missing(self, raw_night):
        raws = [f for f in RawBiasFrame.select_all() if f.chip.name == "ESO_CCD_#65"]
        pars = {"BiasFrame.process_params.MINIMUM_FRAMES": 2}
        # As if it were not there yet.
        raw_night.update_is_valid(raws[0], 0, "later")
        bias = BiasFrame.target(raw=raws[1], pars=pars, commit=True)
        raw_night.update_is_valid(raws[0], 1, "now")
        assert bias.is_uptodate()
        assert missing(BiasFrame, raws, pars=pars) == [raws[0]]
        new = BiasFrame.target(raw=raws[1], pars=pars, commit=True)
        assert set(new.raw_bias_frames) == set(raws)
        assert missing(BiasFrame, raws, pars=pars) == []
        assert bias.is_uptodate()

    @pytest.mark.heavy
    def test_a_calibration_left_out_by_the_user(self, reduced_night):
        red = ReducedScienceFrame.select_all()[0]
        ColdPixelsTask(instrument="OMEGACAM", commit=True, folder=None).execute()
        common = {"instrument": "OMEGACAM", "raw_filenames": [red.raw.filename], "folder": None}
        (mine,) = [p for p in ReduceTask(**common, cold=False, commit=True).execute()
                   if isinstance(p, ReducedScienceFrame)]  # fmt: skip
        assert mine.is_uptodate()
        assert not red.is_uptodate()
        assert red.raw in missing(ReducedScienceFrame, RawScienceFrame.select_all())
        new = ReducedScienceFrame.target(raw=red.raw, commit=True)
        assert new.cold is not None
        assert red.raw not in missing(ReducedScienceFrame, RawScienceFrame.select_all())


class TestWrongOnPurpose:
    def test_is_refused_with_reasons(self, reduced_night):
        raw, bias = one_raw(), RawBiasFrame.select_all()[0]
        with pytest.raises(AweTypeError, match="needs either raw="):
            ReducedScienceFrame.target()
        with pytest.raises(AweTypeError, match="works on RawScienceFrame, not on"):
            ReducedScienceFrame.target(raw=bias)
        with pytest.raises(AweTypeError, match="takes a raw frame, not 'x'"):
            ReducedScienceFrame.target(raw="x")
        with pytest.raises(AweTypeError, match=r"no argument 'chips'.*chip"):
            MasterFlatFrame.target(instrument="OMEGACAM", chips="A")
        with pytest.raises(AweValueError, match="tells 2 MasterFlatFrame"):
            MasterFlatFrame.target(instrument="OMEGACAM", date=raw.night)
        with pytest.raises(AweError, match="there are no raw frames"):
            MasterFlatFrame.target(instrument="OMEGACAM", date="2001-01-01")
        with pytest.raises(AweValueError, match="depth is 0 or more"):
            ReducedScienceFrame.target(raw=raw, depth=-1)
        with pytest.raises(AweTypeError, match="depth is a whole number"):
            ReducedScienceFrame.target(raw=raw, depth=1.5)
        with pytest.raises(AweError, match="There is no parameter"):
            ReducedScienceFrame.target(raw=raw, pars={"Nothing.process_params.X": 1})
        with pytest.raises(AweTypeError, match="missing takes a class of products"):
            missing(RawBiasFrame, RawScienceFrame.select_all())
        with pytest.raises(AweTypeError, match="is made of RawScienceFrame, not of"):
            missing(ReducedScienceFrame, [bias])
        with pytest.raises(AweTypeError, match="remake takes products"):
            remake([bias])
        with pytest.raises(AweTypeError, match="remake takes products"):
            remake(bias)
        for ask in (uptodate, remake, ReducedScienceFrame.targets):
            with pytest.raises(AweTypeError, match=r"For all of them: ReducedScienceFrame.select"):
                ask(ReducedScienceFrame)
            with pytest.raises(AweTypeError, match="a query or a list of objects, not 5"):
                ask(5)
        with pytest.raises(AweTypeError, match="in it is 'x'"):
            missing(ReducedScienceFrame, ["x"])
        with pytest.raises(AweTypeError, match="a RawScienceFrame is made of nothing"):
            uptodate(RawScienceFrame.select_all())

    def test_one_object_stands_for_a_list_of_one(self, reduced_night):
        red = ReducedScienceFrame.select_all()[0]
        assert uptodate(red).tolist() == [True]
        assert missing(ReducedScienceFrame, red.raw) == []
        assert ReducedScienceFrame.targets(red.raw) == [red]
        assert ReducedScienceFrame.target(red.raw) is red

    @pytest.mark.heavy
    def test_one_failure_does_not_stop_the_others(self, raw_night):
        domes = RawDomeFlatFrame.select_all()
        chip = domes[0].chip
        for frame in domes & (RawDomeFlatFrame.chip == chip):
            raw_night.update_is_valid(frame, 0, "dark")
        found = DomeFlatFrame.targets(domes, commit=True)
        chips = {dome.chip for dome in domes} - {chip}
        assert {flat.chip for flat in found} == chips
        assert len(found.failures) == 1
        assert chip.name in found.failures[0].label
        raw = (RawBiasFrame.chip == chips.pop())[0]
        assert raw in BiasFrame.target(raw=raw).raw_bias_frames


class TestAgreement:
    @pytest.mark.heavy
    def test_what_is_judged_is_what_a_target_would_do(self, reduced_night, monkeypatch):
        """After each of several changes both mechanisms say the same of every product."""
        context = reduced_night
        common = {"instrument": "OMEGACAM", "folder": None, "commit": True}
        chips = sorted({red.chip.name for red in ReducedScienceFrame.select_all()})
        told = [self._verdicts()]
        pars = {"BiasFrame.process_params.SIGMA_CLIP": 4.0}
        BiasTask(**common, chip=chips[0], pars=pars).execute()
        told.append(self._verdicts())
        dome = (RawDomeFlatFrame.chip.name == chips[1])[0]
        context.update_is_valid(dome, 0, "saturated")
        told.append(self._verdicts())
        context.update_is_valid(dome, 1, "it is not")
        monkeypatch.setattr(MasterFlatFrame, "pixel_version", "7.0")
        told.append(self._verdicts())
        assert all(told[0].values())
        assert len({tuple(verdicts.values()) for verdicts in told}) == 4
        assert not any(good for p, good in told[3].items() if isinstance(p, ReducedScienceFrame))

    def _verdicts(self):
        """Give for each product of some classes whether it is up to date, by both mechanisms."""
        found = {}
        for cls in (BiasFrame, DomeFlatFrame, TwilightFlatFrame, MasterFlatFrame,
                    ReducedScienceFrame):  # fmt: skip
            products = list(cls.select_all())
            judged = uptodate(products).tolist()
            for product, good in zip(products, judged, strict=True):
                with Maker(dry=True) as maker:
                    assert (maker.again(product) is product) == good, product.why_outdated()
                found[product] = good
        return found


class TestKeys:
    def test_are_equal_in_every_process(self, made_night, reduced_keys, tmp_path):
        code = """
        from pathlib import Path
        import awe.model, awe.recipes
        from awe.model import RawScienceFrame, ReducedScienceFrame
        from awe.store.context import Context
        Context(Path({folder!r}) / "store", Path({folder!r}) / "data", "me")
        plan = ReducedScienceFrame.targets(RawScienceFrame.select_all(), plan=True)
        assert not plan.of("make"), plan
        print(*sorted(u.product.compute_content_key() for u in plan
                      if u.class_name == "ReducedScienceFrame"))
        """
        for seed in ("1", "4711"):
            run = subprocess.run(
                [sys.executable, "-c", textwrap.dedent(code).format(folder=str(made_night))],
                capture_output=True, text=True, check=True,
                env={**os.environ, "PYTHONHASHSEED": seed},
            )  # fmt: skip
            assert run.stdout.split() == reduced_keys

    def test_parameters_come_as_pars_too(self, reduced_night):
        red = ReducedScienceFrame.select_all()[0]
        pars = Pars(ReducedScienceFrame, instrument="OMEGACAM")
        assert ReducedScienceFrame.target(raw=red.raw, pars=pars) is red
        pars.ReducedScienceFrame.process_params.IMAGE_THRESHOLD = 4.0
        plan = ReducedScienceFrame.target(raw=red.raw, pars=pars, plan=True)
        assert [u.class_name for u in plan.of("make")] == ["ReducedScienceFrame"]
        assert plan[-1].product.process_params.IMAGE_THRESHOLD == 4.0
        assert not red.is_uptodate(pars=pars)
        assert not red.is_uptodate(pars=pars.get())

    def test_read_noise_is_shared(self, reduced_night):
        assert len(ReadNoise.select_all()) == len(BiasFrame.select_all())


def test_in_plain_python_it_is_told_what_to_import(tmp_path):
    code = """
    from awe.base.errors import AweError
    from awe.process.pars import Pars
    try:
        Pars("Reduce")
    except AweError as err:
        print(err)
    import awe.recipes
    print(repr(Pars("Reduce")))
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True,
        cwd=tmp_path,
    )  # fmt: skip
    before, after = run.stdout.split("awe.view.enter()\n")
    assert "import awe.recipes" in before
    assert after.startswith("<Pars of Reduce: ")
