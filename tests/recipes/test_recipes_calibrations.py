"""Choice of calibrations by the recipes, their validity, quality and comparison."""

import datetime

import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.ReduceTask import ReduceTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask

from awe.base.errors import AweAttributeError, AweTypeError, AweValueError
from awe.instruments import description, load_folder, night_interval
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
)
from awe.pixels import imstat
from awe.process import TaskError
from awe.process.pars import Pars

CHIP = {"instrument": "OMEGACAM", "chip": "ESO_CCD_#65", "folder": None}
NIGHT = datetime.datetime(2012, 5, 31)
DAY = datetime.timedelta(days=1)


def remake(task=BiasTask, cls=BiasFrame, **arguments):
    """Make something again and store it; give it."""
    products = task(**{**CHIP, "commit": True, **arguments}).execute()
    return next(p for p in products if isinstance(p, cls))


@pytest.fixture
def raw(reduced_night):
    """Give a raw science frame of the reduced night."""
    return (RawScienceFrame.chip.name == "ESO_CCD_#65")[0]


def reduce(raw, **arguments):
    """Reduce a frame and give the result, uncommitted."""
    (red,) = ReduceTask(**{**CHIP, "raw_filenames": raw.filename, **arguments}).execute()
    return red


class TestValidity:
    def test_nonsense_is_refused_and_nothing_staged(self, reduced_night):
        bias = BiasFrame.select(chip="ESO_CCD_#65")
        start, end = bias.timestamp_start, bias.timestamp_end
        with pytest.raises(AweValueError, match=r"timestamp_end .* timestamp_start"):
            reduced_night.update_timestamp_end(bias, start)
        with pytest.raises(AweValueError, match=r"timestamp_end .* timestamp_start"):
            reduced_night.update_timestamp_start(bias, end)
        with pytest.raises(AweValueError, match="is_valid is 0"):
            reduced_night.update_is_valid(bias, 7)
        assert not bias.is_edited
        assert bias.history() == []

    def test_default_is_the_night_widened_by_the_parameters(self, reduced_night):
        begin, end = night_interval(NIGHT, -70.4032)
        for cls, days in ((BiasFrame, 7), (DomeFlatFrame, 15), (MasterFlatFrame, 15),
                          (ReadNoise, 90)):  # fmt: skip
            made = cls.select_all()[0]
            assert made.night == NIGHT
            assert made.timestamp_start == begin - days * DAY
            assert made.timestamp_end == end + days * DAY

    def test_parameters_widen_it(self, raw):
        pars = {"BiasFrame.process_params.VALID_NIGHTS_BEFORE": 0}
        made = remake(pars=pars)
        assert made.timestamp_start == night_interval(NIGHT, -70.4032)[0]
        assert "VALID_NIGHTS_BEFORE: user" in made.parameter_origins

    def test_argument_overrides_it(self, raw):
        made = remake(validity=("2012-01-01", datetime.datetime(2013, 1, 1)))
        assert made.timestamp_start == datetime.datetime(2012, 1, 1)
        assert made.timestamp_end == datetime.datetime(2013, 1, 1)

    def test_forever_serves_only_where_nothing_else_does(self, raw):
        finite = ReducedScienceFrame.select_all()[0].bias
        forever = remake(validity="forever")
        assert raw.explain("bias").chosen is finite
        for bias in BiasFrame.chip.name == "ESO_CCD_#65":
            if bias is not forever:
                bias.is_valid = 0
                bias.commit()
        assert raw.explain("bias").chosen is forever
        assert reduce(raw).bias is forever


CAMERA = """
name: OMEGACAM
extends: OMEGACAM
parameters:
  BiasFrame: {SIGMA_CLIP: 3.5, MAXIMUM_STDEV: 11.0}
  DomeFlatFrame: {SIGMA_CLIP: 6.0}
  filter:
    OCAM_r_SDSS: {DomeFlatFrame: {SIGMA_CLIP: 4.5}}
  chip:
    'ESO_CCD_#65': {BiasFrame: {MAXIMUM_STDEV: 12.0}}
"""


class TestDefaultsOfAnInstrument:
    def test_those_of_instrument_filter_and_chip_are_recorded(self, raw, tmp_path, monkeypatch):
        monkeypatch.setattr(description, "_users", {})
        (tmp_path / "instruments").mkdir()
        (tmp_path / "instruments" / "omegacam.yaml").write_text(CAMERA)
        assert load_folder(tmp_path / "instruments") == []
        p = Pars("Bias", instrument="OMEGACAM")
        p.BiasFrame.process_params.MINIMUM_FRAMES = 2
        bias = remake(pars=p)
        values, origins = bias.process_params, dict(o.split(": ") for o in bias.parameter_origins)
        assert (values.SIGMA_CLIP, origins["SIGMA_CLIP"]) == (3.5, "instrument")
        assert (values.MAXIMUM_STDEV, origins["MAXIMUM_STDEV"]) == (12.0, "chip")
        assert (values.MINIMUM_FRAMES, origins["MINIMUM_FRAMES"]) == (2, "user")
        assert origins["VALID_NIGHTS_AFTER"] == "class"
        dome = remake(DomeFlatTask, DomeFlatFrame)
        assert dome.process_params.SIGMA_CLIP == 4.5
        assert "SIGMA_CLIP: filter" in dome.parameter_origins
        shown = Pars("DomeFlat", instrument="OMEGACAM", filter="OCAM_r_SDSS", chip=raw.chip)
        assert shown.DomeFlatFrame.process_params.SIGMA_CLIP == 4.5


class TestChoice:
    def test_remake_is_taken_and_updates_change_it(self, raw, reduced_night):
        old = raw.explain("bias").chosen
        new = remake()
        assert reduce(raw).bias is new
        reduced_night.update_timestamp_start(new, raw.DATE_OBS + DAY)
        assert reduce(raw).bias is old
        reduced_night.update_timestamp_start(new, raw.DATE_OBS)
        assert reduce(raw).bias is new
        reduced_night.update_is_valid(new, 0, "ridge")
        assert reduce(raw).bias is old

    def test_other_overscan_method_is_refused(self, raw, reduced_night):
        pars = {"ReducedScienceFrame.process_params.OVERSCAN_CORRECTION": 5}
        with pytest.raises(TaskError):
            reduce(raw, pars=pars)
        made = remake(pars={"BiasFrame.process_params.OVERSCAN_CORRECTION": 5})
        red = reduce(raw, pars=pars)
        assert red.bias is made
        assert red.explain("bias").chosen is made
        assert raw.explain("bias").chosen is not made

    def test_explanation_has_every_candidate_and_verdict(self, raw):
        told = str(raw.explain("bias")).splitlines()
        assert "2 candidates (BiasFrame)" in " ".join(told)
        (head,) = [line.split() for line in told if line.startswith("  calibration")]
        assert head == ["calibration", "nights", "chip", "mode", "interval", "is_valid", "flags",
                        "overscan", "visible"]  # fmt: skip
        (chosen,) = [line.split() for line in told if line.startswith("> ")]
        assert chosen[2:] == ["0", *["yes"] * 7]
        (other,) = [line.split() for line in told if line.startswith("- ")]
        assert other[2:] == ["0", "NO", *["yes"] * 6]
        assert "      chip is ESO_CCD_#66" in told
        assert max(map(len, told)) <= 80
        assert "MasterFlatFrame" in str(raw.explain("flat"))
        with pytest.raises(
            AweAttributeError, match=r"no calibration 'flaat'\. Did you mean 'flat'"
        ):
            raw.explain("flaat")

    def test_of_a_product_what_was_used_beside_what_is_chosen_now(self, raw):
        red = ReducedScienceFrame.select(chip="*65")[0]
        told = red.explain("bias")
        assert told.used is told.chosen is red.bias
        assert f"used: {red.bias!r}\n  would be chosen now: the same" in str(told)
        new = remake()
        told = red.explain("bias")
        assert (told.used, told.chosen) == (red.bias, new)
        assert f"would be chosen now: {new!r}" in str(told)
        assert f"+*{red.bias.object_id[-8:]}" in str(told)
        assert "  used: none" in str(red.explain("fringe"))
        given = reduce(raw, bias=red.bias)
        assert f"used: {red.bias!r} (given by the user)" in str(given.explain("bias"))

    def test_nearest_miss_is_told_with_the_criterion(self, raw, reduced_night, capsys):
        chosen = raw.explain("bias").chosen
        reduced_night.update_is_valid(chosen, 0)
        with pytest.raises(TaskError):
            reduce(raw)
        told = capsys.readouterr().out
        assert f"nearest: {chosen!r} fails only by is_valid is 0" in told
        assert "calibration nights chip mode interval is_valid flags overscan visible" in told

    def test_given_ones_override_and_are_recorded(self, raw, reduced_night):
        chosen = raw.explain("bias").chosen
        reduced_night.update_is_valid(chosen, 0)
        red = reduce(raw, bias=chosen)
        assert red.bias is chosen
        assert red.overridden_inputs == ("bias",)
        assert "given by the user: bias" in str(red.lineage())
        assert red.weight.overridden_inputs == ()
        again = reduce(raw, bias=chosen, flat=red.flat)
        assert again.weight.overridden_inputs == ("flat",)

    def test_given_one_of_another_ccd_is_refused(self, raw, capsys):
        other = (BiasFrame.chip.name == "ESO_CCD_#66")[0]
        with pytest.raises(TaskError):
            reduce(raw, bias=other)
        assert "its chip is ESO_CCD_#66, needed is ESO_CCD_#65" in capsys.readouterr().out
        both = list(BiasFrame.select_all())
        assert reduce(raw, bias=both).bias.chip is raw.chip

    def test_given_one_of_another_class_is_refused(self, raw, reduced_night, capsys):
        with pytest.raises(AweTypeError, match=r"bias is a calibration, .* not RawScienceFrame"):
            reduce(raw, bias=raw)
        with pytest.raises(TaskError):
            reduce(raw, bias=raw.explain("flat").chosen)
        assert "bias is a BiasFrame object, not MasterFlatFrame" in capsys.readouterr().out


class TestSelect:
    def test_newest_valid_one(self, raw, reduced_night):
        old = BiasFrame.select(instrument="OMEGACAM", chip="ESO_CCD_#65")
        new = remake()
        assert BiasFrame.select(instrument="OMEGACAM", chip="ESO_CCD_#65") is new
        reduced_night.update_is_valid(new, 0)
        assert BiasFrame.select(chip="*65") is old
        assert BiasFrame.select(chip="ESO_CCD_#99") is None
        assert ReadNoise.select(chip="*65").chip is raw.chip

    @pytest.mark.parametrize("date", ["2012-05-31", NIGHT.date(), NIGHT])
    def test_of_a_night(self, raw, date):
        own = BiasFrame.select(chip="*65", date=date)
        remake(validity="forever")
        assert BiasFrame.select(chip="*65", date=date) is own
        assert BiasFrame.select(chip="*65", date="2012-06-05") is own
        assert BiasFrame.select(chip="*65", date="2012-09-05").night == NIGHT
        assert ReadNoise.select(chip="*65", date=date) is not None
        assert DomeFlatFrame.select(chip="*65", filter="OCAM_r_SDSS", date=date) is not None

    def test_raw_and_reduced_frames_give_a_query(self, reduced_night):
        for cls in (RawScienceFrame, ReducedScienceFrame):
            assert len(cls.select(instrument="OMEGACAM", date="2012-05-31")) == 4
            assert len(cls.select(template="2012-06-01T08:51:44", chip="*#66")) == 2
            assert len(cls.select(object="KIDS_*", filter="OCAM_r_SDSS")) == 4
            assert len(cls.select(date=NIGHT + DAY)) == 0


class TestQuality:
    def test_limits_set_flags_that_disqualify(self, raw):
        limit = {"BiasFrame.process_params.MAXIMUM_STDEV": 0.01}
        bad = remake(pars=limit)
        assert [f.name for f in bad.quality()] == ["BIAS_NOISE"]
        assert raw.explain("bias").chosen is not bad
        level = {"BiasFrame.process_params.MAXIMUM_ABS_MEAN": 0.0}
        assert [f.name for f in remake(pars=level).quality()] == ["BIAS_LEVEL"]
        flat = {"BiasFrame.process_params.MAXIMUM_SUBWIN_STDEV": 0.0}
        assert [f.name for f in remake(pars=flat).quality()] == ["BIAS_FLATNESS"]
        noise = {"ReadNoise.process_params.MAXIMUM_READNOISE": 0.1}
        made = remake(cls=ReadNoise, pars=noise)
        assert [f.name for f in made.quality()] == ["READ_NOISE_HIGH"]

    def test_flats_that_are_not_flat(self, raw):
        pars = {"DomeFlatFrame.process_params.MAXIMUM_SUBWIN_FLATNESS": 0.0}
        made = remake(DomeFlatTask, DomeFlatFrame, pars=pars)
        assert [f.name for f in made.quality()] == ["FLAT_FLATNESS"]

    def test_comparison_with_the_one_before(self, raw):
        first = raw.explain("bias").chosen
        assert first.prev is None
        assert first.stdev_diff is None
        same = remake()
        assert same.prev is first
        assert same.stdev_diff == 0
        assert same.quality_flags == 0
        pars = {
            "BiasFrame.process_params.MAXIMUM_STDEV_DIFFERENCE": 0.01,
            "BiasFrame.process_params.MINIMUM_FRAMES": 1,
        }
        names = [f.filename for f in RawBiasFrame.chip == raw.chip]
        other = remake(pars=pars, raw_filenames=names[:1])
        assert other.prev is same
        assert other.stdev_diff == imstat(other.data - same.data).stdev > 1
        assert [f.name for f in other.quality()] == ["BIAS_DIFFERENCE"]
        # A difference does not tell which of the two is bad.
        assert raw.explain("bias").chosen is other
        assert other.dependents() == first.dependents()[:0]

    def test_flats_are_compared_by_sub_windows(self, raw):
        first = DomeFlatFrame.select(chip="*65")
        names = [f.filename for f in RawDomeFlatFrame.chip == raw.chip]
        pars = {
            "DomeFlatFrame.process_params.MINIMUM_FRAMES": 1,
            "DomeFlatFrame.process_params.MAXIMUM_SUBWIN_DIFF": 0.0,
        }
        made = remake(DomeFlatTask, DomeFlatFrame, pars=pars, raw_filenames=names[:1])
        assert made.prev is first
        assert 0 < made.subwin_diff < 0.01
        assert [f.name for f in made.quality()] == ["FLAT_DIFFERENCE"]
        assert remake(DomeFlatTask, DomeFlatFrame).quality_flags == 0

    def test_read_noise_is_compared(self, raw):
        pars = {
            "ReadNoise.process_params.MAXIMUM_READNOISE_DIFFERENCE": 0.0,
            "BiasFrame.process_params.MINIMUM_FRAMES": 2,
        }
        first = ReadNoise.select(chip="*65")
        names = [f.filename for f in RawBiasFrame.chip == raw.chip]
        made = remake(cls=ReadNoise, pars=pars, raw_filenames=names[1:])
        assert made.prev is first
        assert made.read_noise != first.read_noise
        assert [f.name for f in made.quality()] == ["READ_NOISE_DIFFERENCE"]

    def test_raw_frames_beyond_limits_are_left_out(self, reduced_night, capsys):
        raw = (RawBiasFrame.chip.name == "ESO_CCD_#65")[0]
        assert raw.quality_flags == 0
        assert raw.process_params.MAX_BIAS_LEVEL == 65535.0
        reduced_night.update(raw, "quality_flags", 1)
        made = remake(pars={"BiasFrame.process_params.MINIMUM_FRAMES": 2})
        assert len(made.raw_bias_frames) == 2
        assert "1 left out: quality flags BIAS_LEVEL" in capsys.readouterr().out


class TestMasterFlat:
    @pytest.mark.parametrize(("combine", "inputs"), [(1, 2), (2, 1), (3, 1)])
    def test_ways_to_combine(self, raw, combine, inputs):
        made = remake(MasterFlatTask, MasterFlatFrame, combine=combine)
        assert combine == made.process_params.COMBINE_TYPE
        assert len(made.input_objects()) == inputs
        assert (made.twilightflat is None) == (combine == 2)
        assert (made.domeflat is None) == (combine == 3)
        good = made.data[made.data > 0]
        assert good.mean(dtype=float) == pytest.approx(1, abs=2e-3)

    def test_flat_of_another_night_fills_in(self, raw, reduced_night):
        dome = DomeFlatFrame.select(chip="*65")
        for flat in TwilightFlatFrame.chip == raw.chip:
            reduced_night.update_is_valid(flat, 0)
        made = remake(MasterFlatTask, MasterFlatFrame)
        assert (made.domeflat, made.twilightflat) == (dome, None)
        assert "there is no twilight flat" in made.steps_not_done[0]
        assert made.night == dome.night

    def test_only_good_flats_are_used(self, raw, reduced_night, capsys):
        for flat in DomeFlatFrame.chip == raw.chip:
            reduced_night.update_is_valid(flat, 0)
        with pytest.raises(TaskError, match="1 left out: is_valid is 0"):
            MasterFlatTask(**CHIP, combine=2).execute()
        remake(TwilightFlatTask, TwilightFlatFrame)
        made = remake(MasterFlatTask, MasterFlatFrame)
        assert made.twilightflat is TwilightFlatFrame.select(chip="*65")

    def test_lamp_of_the_dome_flat(self, raw):
        flat = DomeFlatFrame.select(chip="*65")
        assert flat.lamp is flat.raw_domeflat_frames[0].lamp
