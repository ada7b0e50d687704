"""Calibrations of the detector: read noise, gain, darks, maps of hot and cold pixels, flats."""

import datetime
import json
from pathlib import Path

import numpy as np
import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.ColdPixelsTask import ColdPixelsTask
from awe.recipes.DarkTask import DarkTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.GainTask import GainTask
from awe.recipes.HotPixelsTask import HotPixelsTask
from awe.recipes.IngestTask import IngestTask
from awe.recipes.ReadNoiseTask import ReadNoiseTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask
from recipe_lab import plain_gains

from awe.base.errors import AweTypeError, AweValueError
from awe.instruments import description, night_interval
from awe.model import (
    BiasFrame,
    ColdPixelMap,
    DarkFrame,
    DomeFlatFrame,
    GainLinearity,
    HotPixelMap,
    RawBiasFrame,
    RawDarkFrame,
    RawDomeFlatFrame,
    RawScienceFrame,
    ReadNoise,
    TwilightFlatFrame,
)
from awe.process import Making, TaskError
from awe.store.context import Context
from awe.store.verify import verify

EVERY = {"instrument": "OMEGACAM", "folder": None}
CHIP = {**EVERY, "chip": "ESO_CCD_#65"}
NIGHT = datetime.datetime(2012, 5, 31)
DAY = datetime.timedelta(days=1)
GAIN_PAIRS = (2.0, 8.0, 20.0, 40.0, 80.0)
DARK_CURRENT, DARK_EXPTIME = 0.05, 600.0


@pytest.fixture(scope="session")
def simulated(detector_night):
    """Give the night of two CCDs with darks and pairs of flats for the gain."""
    return detector_night


@pytest.fixture
def raw(raw_detector):
    """Give the context of a copy of the store with the raw frames."""
    return raw_detector


@pytest.fixture
def made(made_detector):
    """Give the context of a copy of the store with all calibrations."""
    return made_detector


def shares(found, true):
    """Give recall and precision."""
    both = np.count_nonzero(found & true)
    return both / np.count_nonzero(true), both / np.count_nonzero(found)


def flags(product):
    return [f.name for f in product.quality()]


def saturated_flats(context):
    """Give the names of flats that are saturated, whose level is not called bad."""
    flats = [f for f in RawDomeFlatFrame.chip.name == "ESO_CCD_#65" if f.EXPTIME == 80]
    for flat in flats:
        context.update(flat, "quality_flags", 0)
    return [f.filename for f in flats]


class TestAccuracy:
    def test_gain_and_read_noise_to_a_per_cent(self, made, simulated):
        for gain in GainLinearity.select_all():
            truth = simulated.truth(gain.chip.name, 0)
            assert gain.gain == pytest.approx(truth.gain, rel=0.01)
            # What digitisation adds belongs to the noise of a frame.
            noise = np.sqrt((truth.read_noise / truth.gain) ** 2 + 1 / 12)
            assert gain.read_noise == pytest.approx(noise, rel=0.01)
            measured = ReadNoise.select(chip=gain.chip.name).read_noise
            assert measured == pytest.approx(noise, rel=0.01)
            full = truth.saturation - truth.level
            assert gain.saturation_level == pytest.approx(full, rel=0.02)

    def test_linearity_and_levels(self, made):
        gain = GainLinearity.select(chip="*65")
        assert sorted(set(gain.exptimes)) == sorted(GAIN_PAIRS)
        assert len(gain.explevels) == len(gain.exptimes) == len(gain.rms_diff) == len(GAIN_PAIRS)
        assert len(gain.linearity_curve) == len(GAIN_PAIRS)
        assert np.allclose(np.array(gain.median_sum) / 2, gain.explevels, rtol=0.03)
        assert np.isnan(gain.linearity_curve[-1])
        # Twice the scatter of the lamp at most.
        assert 0 < gain.linearity < 0.05
        assert len(gain.raw_domeflat_frames) == 2 * len(GAIN_PAIRS)
        assert len(gain.raw_bias_frames) == 4
        assert gain.filter is None

    def test_maps_of_hot_pixels(self, made, simulated):
        found, true = [], []
        for hot in HotPixelMap.select_all():
            truth = simulated.truth(hot.chip.name, 0)
            found.append(hot.bad)
            true.append(truth.hot | truth.warm)
            assert hot.count == hot.bad.sum() > 10
            assert hot.data.dtype == np.uint8
            assert hot.dark.chip is hot.bias.chip is hot.chip
        recall, precision = shares(np.array(found), np.array(true))
        assert recall >= 0.99
        assert precision >= 0.99

    def test_maps_of_cold_pixels(self, made, simulated):
        for cold in ColdPixelMap.select_all():
            recall, precision = shares(cold.bad, simulated.truth(cold.chip.name, 0).cold)
            assert recall >= 0.99
            assert precision >= 0.99
            assert isinstance(cold.flat, DomeFlatFrame)

    def test_darks(self, made, simulated):
        for dark in DarkFrame.select_all():
            truth = simulated.truth(dark.chip.name, 0)
            error = dark.extra_image("ERROR")
            good = ~(truth.hot | truth.warm)
            mean = dark.data[good].mean(dtype=float)
            assert mean == pytest.approx(DARK_CURRENT / truth.gain, abs=5e-4)
            assert dark.dark_level == pytest.approx(DARK_CURRENT / truth.gain, abs=1e-3)
            pull = (dark.data - np.median(dark.data[good])) / error
            assert 0.95 < np.std(np.clip(pull[good], -4, 4)) < 1.15
            assert dark.exptimes == (DARK_EXPTIME,) * 3
            assert dark.unit == "adu/s"

    def test_flats_have_the_noise_that_gain_and_level_predict(self, made, simulated):
        for flat in DomeFlatFrame.select_all():
            truth = simulated.truth(flat.chip.name, 0)
            assert flat.gain_linearity.chip is flat.hot.chip is flat.chip
            assert {f.EXPTIME for f in flat.raw_domeflat_frames} == {10.0}
            assert len(flat.raw_domeflat_frames) == 3
            error = flat.extra_image("ERROR")
            expected = np.sqrt(1 / (flat.level * truth.gain * 3))
            assert np.median(error) == pytest.approx(expected, rel=0.03)

    def test_stars_of_twilight_are_left_out(self, made):
        flat = TwilightFlatFrame.select(chip="*65")
        assert flat.outliers > 100
        assert not any("stars" in step for step in flat.steps_not_done)


class TestProducts:
    def test_lineage_store_and_files(self, made):
        assert verify(made) == []
        hot = HotPixelMap.select(chip="*65")
        assert [n for n, _ in hot.input_objects()] == ["bias", "dark"]
        assert "not done" not in str(hot.lineage()).splitlines()[1]
        gain = GainLinearity.select(chip="*65")
        assert gain.bias is BiasFrame.select(chip="*65")
        assert len(GainLinearity.gain > 1.0) == 2
        assert "e-/ADU" in repr(gain)

    def test_validity(self, made):
        begin, end = night_interval(NIGHT, -70.4032)
        for cls, days in ((HotPixelMap, 15), (ColdPixelMap, 15), (GainLinearity, 90),
                          (DarkFrame, 7)):  # fmt: skip
            product = cls.select_all()[0]
            assert product.timestamp_start == begin - days * DAY
            assert product.timestamp_end == end + days * DAY
        forever = HotPixelsTask(**CHIP, validity="forever").execute()[0]
        assert forever.timestamp_start < datetime.datetime(1950, 1, 1)

    def test_they_serve_science_frames(self, made):
        raw = (RawScienceFrame.chip.name == "ESO_CCD_#65")[0]
        assert raw.explain("hot").chosen is HotPixelMap.select(chip="*65")
        assert raw.explain("cold").chosen is ColdPixelMap.select(chip="*65")
        assert raw.explain("gain_linearity").chosen is GainLinearity.select(chip="*65")
        assert raw.explain("dark").chosen is DarkFrame.select(chip="*65")

    def test_given_inputs_are_recorded(self, made):
        bias = BiasFrame.select(chip="*66")
        (hot,) = HotPixelsTask(**EVERY, bias=bias, dark=DarkFrame.select(chip="*66")).execute()
        assert hot.overridden_inputs == ("bias", "dark")
        flat = TwilightFlatFrame.select(chip="*66")
        (cold,) = ColdPixelsTask(**EVERY, flat=flat).execute()
        assert cold.flat is flat
        assert cold.overridden_inputs == ("flat",)

    def test_nothing_is_stored_without_commit(self, made):
        before = len(HotPixelMap.select_all())
        (hot,) = HotPixelsTask(**CHIP).execute()
        assert len(HotPixelMap.select_all()) == before
        assert hot.path().exists()

    def test_dark_of_another_overscan_method_is_not_taken(self, made):
        pars = {"BiasFrame.process_params.OVERSCAN_CORRECTION": 5}
        BiasTask(**CHIP, pars=pars, commit=True).execute()
        (hot,) = HotPixelsTask(**CHIP).execute()
        assert hot.bias.process_params.OVERSCAN_CORRECTION == 5
        assert hot.dark is None
        assert "there is no dark" in hot.steps_not_done[0]


class TestReadNoise:
    def test_bias_takes_the_one_that_is_there(self, raw):
        (noise,) = ReadNoiseTask(**CHIP, commit=True).execute()
        products = BiasTask(**CHIP, commit=True).execute()
        assert [type(p) for p in products] == [BiasFrame]
        assert products[0].read_noise is noise
        # One that people or the user's own parameters do not want is not taken.
        raw.update_is_valid(noise, 0)
        assert len(BiasTask(**CHIP, commit=True).execute()) == 2
        pars = {"ReadNoise.process_params.REJECTION_THRESHOLD": 4.0}
        assert len(BiasTask(**CHIP, pars=pars).execute()) == 2
        names = [f.filename for f in RawBiasFrame.chip.name == "ESO_CCD_#65"]
        assert len(BiasTask(**CHIP, raw_filenames=names[:3]).execute()) == 2

    def test_one_bias_is_too_few(self, raw, capsys):
        name = (RawBiasFrame.chip.name == "ESO_CCD_#65")[0].filename
        with pytest.raises(TaskError):
            ReadNoiseTask(**CHIP, raw_filenames=[name], commit=True).execute()
        assert "needs at least 2 biases" in capsys.readouterr().out
        assert len(ReadNoise.select_all()) == 0


class TestLimits:
    @pytest.mark.parametrize(
        ("task", "limit", "value", "flag"),
        [
            (HotPixelsTask, "HotPixelMap.process_params.MAXIMUM_HOTPIXELCOUNT", 1,
             "HOT_PIXEL_COUNT"),
            (ColdPixelsTask, "ColdPixelMap.process_params.MAXIMUM_COLDPIXELCOUNT", 1,
             "COLD_PIXEL_COUNT"),
            (GainTask, "GainLinearity.process_params.MAXIMUM_GAIN", 1.0, "GAIN_RANGE"),
            (GainTask, "GainLinearity.process_params.MINIMUM_GAIN", 5.0, "GAIN_RANGE"),
            (DarkTask, "DarkFrame.process_params.MAXIMUM_DARK_LEVEL", 1e-4, "DARK_LEVEL"),
            (TwilightFlatTask, "TwilightFlatFrame.process_params.MAXIMUM_NUMBER_OF_OUTLIERS", 1e-5,
             "FLAT_OUTLIERS"),
        ],
    )  # fmt: skip
    def test_beyond_them_a_flag_is_set(self, made, task, limit, value, flag):
        (product,) = task(**CHIP, pars={limit: value}).execute()
        assert flags(product) == [flag]

    def test_comparison_with_the_one_before(self, made):
        for task, limit, change, flag in (
            (HotPixelsTask, {"HotPixelMap.process_params.MAXIMUM_HOTPIXELCOUNT_DIFFERENCE": 0},
             {"HotPixelMap.process_params.REJECTION_THRESHOLD": 3.0}, "HOT_PIXEL_DIFFERENCE"),
            (ColdPixelsTask, {"ColdPixelMap.process_params.MAXIMUM_COLDPIXELCOUNT_DIFFERENCE": 0},
             {"ColdPixelMap.process_params.THRESHOLD_LOW": 0.97}, "COLD_PIXEL_DIFFERENCE"),
            (GainTask, {"GainLinearity.process_params.MAXIMUM_GAIN_DIFFERENCE": 0.0},
             {"GainLinearity.process_params.REJECTION_THRESHOLD": 3.0}, "GAIN_DIFFERENCE"),
        ):  # fmt: skip
            (same,) = task(**CHIP, pars=limit).execute()
            assert same.prev is type(same).select(chip="*65")
            assert flags(same) == []
            (other,) = task(**CHIP, pars={**limit, **change}).execute()
            assert flags(other) == [flag]

    def test_dark_is_compared_with_the_one_before(self, made):
        first = DarkFrame.select(chip="*65")
        names = [f.filename for f in first.raw_dark_frames]
        pars = {
            "DarkFrame.process_params.MAXIMUM_DARK_DIFFERENCE": 0.0,
            "DarkFrame.process_params.MINIMUM_FRAMES": 1,
        }
        (other,) = DarkTask(**CHIP, pars=pars, raw_filenames=names[:1]).execute()
        assert other.prev is first
        assert other.dark_diff == abs(other.dark_level - first.dark_level) > 0
        assert flags(other) == ["DARK_DIFFERENCE"]

    def test_uneven_raw_bias(self, raw):
        bias = (RawBiasFrame.chip.name == "ESO_CCD_#65")[0]
        assert 0 < bias.subwin_flatness < 20
        assert bias.verify() == 0
        bias = RawBiasFrame(
            process_params=bias.process_params.replace(MAX_BIAS_FLATNESS=0.1),
            imstat=bias.imstat, subwin_flatness=bias.subwin_flatness, DATE_OBS=bias.DATE_OBS,
        )  # fmt: skip
        bias.quality_flags = bias.verify()
        assert flags(bias) == ["BIAS_FLATNESS"]


class TestBadInput:
    def nothing_stored(self, cls):
        return len(cls.select_all()) == 0

    def test_gain_without_pairs_or_levels(self, raw, capsys):
        names = [f.filename for f in RawDomeFlatFrame.chip.name == "ESO_CCD_#65" if f.EXPTIME == 2]
        with pytest.raises(TaskError):
            GainTask(**CHIP, raw_filenames=names[:1], commit=True).execute()
        assert "has 0 pairs of 1 flats" in capsys.readouterr().out
        pars = {"GainLinearity.process_params.MINIMUM_LEVELS": 3}
        with pytest.raises(TaskError):
            GainTask(**CHIP, raw_filenames=names, pars=pars, commit=True).execute()
        assert "MINIMUM_LEVELS = 3" in capsys.readouterr().out
        assert self.nothing_stored(GainLinearity)

    def test_all_pixels_saturated(self, made, capsys):
        names = saturated_flats(made)
        before = len(DomeFlatFrame.select_all()), len(GainLinearity.select_all())
        with pytest.raises(TaskError):
            DomeFlatTask(**CHIP, raw_filenames=names, commit=True).execute()
        assert "is saturated: its median" in capsys.readouterr().out
        with pytest.raises(TaskError):
            GainTask(**CHIP, raw_filenames=names, commit=True).execute()
        assert "all pixels are saturated" in capsys.readouterr().out
        assert (len(DomeFlatFrame.select_all()), len(GainLinearity.select_all())) == before

    @pytest.mark.parametrize("cls", [DomeFlatFrame, GainLinearity, DarkFrame, ReadNoise])
    def test_frames_of_different_ccds(self, made, cls):
        link = cls.inputs[0]
        own = cls.select(chip="*65")
        frames = [*getattr(own, link), *getattr(cls.select(chip="*66"), link)]
        mixed = cls(**{link: frames})
        if "bias" in cls.inputs:
            mixed.bias = own.bias
        mixed.take_from(frames)
        with pytest.raises(AweValueError, match="frames of different kinds cannot be combined"):
            Making(mixed, mixed.names()).run()

    def test_too_few_darks(self, made, capsys):
        before = len(DarkFrame.select_all())
        names = [f.filename for f in RawDarkFrame.chip.name == "ESO_CCD_#65"]
        with pytest.raises(TaskError):
            DarkTask(**CHIP, raw_filenames=names[:2], commit=True).execute()
        assert "needs at least MINIMUM_FRAMES = 3 raw darks" in capsys.readouterr().out
        assert len(DarkFrame.select_all()) == before

    def test_parameter_out_of_range(self, raw):
        with pytest.raises(AweValueError, match="out of range"):
            ColdPixelsTask(**CHIP, pars={"ColdPixelMap.process_params.THRESHOLD_LOW": 1.5})

    def test_no_calibration_to_make_a_map_of(self, raw):
        with pytest.raises(TaskError, match="no BiasFrame of OMEGACAM"):
            HotPixelsTask(**CHIP).execute()
        with pytest.raises(TaskError, match="no DomeFlatFrame or TwilightFlatFrame"):
            ColdPixelsTask(**CHIP).execute()

    def test_dark_before_the_first_bias(self, raw, capsys):
        with pytest.raises(TaskError):
            DarkTask(**CHIP, commit=True).execute()
        assert "No BiasFrame serves as bias" in capsys.readouterr().out
        assert self.nothing_stored(DarkFrame)


def test_twilight_flat_serves_where_there_is_no_dome_flat(made):
    for flat in DomeFlatFrame.chip.name == "ESO_CCD_#65":
        made.update_is_valid(flat, 0)
    (cold,) = ColdPixelsTask(**CHIP).execute()
    assert isinstance(cold.flat, TwilightFlatFrame)


def test_gain_of_the_flats_of_one_template(made, capsys):
    GainTask(**CHIP).execute()
    told = capsys.readouterr().out
    assert "3 left out: another template than the pairs of rising level" in told
    names = [f.filename for f in RawDomeFlatFrame.chip.name == "ESO_CCD_#65" if f.EXPTIME == 10]
    (gain,) = GainTask(**CHIP, raw_filenames=names).execute()
    assert gain.exptimes == (10.0,)
    assert gain.gain == pytest.approx(GainLinearity.select(chip="*65").gain, rel=0.02)


def test_dome_flats_of_one_exposure_time_only(made, capsys):
    saturated_flats(made)
    DomeFlatTask(**CHIP).execute()
    told = capsys.readouterr().out
    assert "2 left out: saturated" in told
    assert "8 left out: another exposure time than most flats" in told
    names = [f.filename for f in RawDomeFlatFrame.chip.name == "ESO_CCD_#65" if f.EXPTIME < 30]
    (flat,) = DomeFlatTask(**CHIP, raw_filenames=names).execute()
    assert len(flat.raw_domeflat_frames) == len(names) == 9


def test_kast(tmp_path, work, shared_data, monkeypatch):
    """Two amplifiers, one exposure time: the biases are the other level."""
    monkeypatch.setattr(description, "_users", {})
    text = (Path(description.__file__).parent / "kast.yaml").read_text()
    # Flats through a slit tell the gain as well as any.
    (tmp_path / "kast.yaml").write_text(text.replace("kind: slit flat", "kind: dome"))
    description.load_folder(tmp_path)
    context = Context(tmp_path / "store", tmp_path / "data", "me")
    IngestTask(paths=[shared_data / "kast_blue_2015" / "raw"], commit=True).execute()
    (gain,) = GainTask(instrument="KAST", commit=True, folder=None).execute()
    reference = json.loads((shared_data / "reference_stats.json").read_text())["kast"]
    noises = [reference[name]["ron_ADU"] for name in ("amp1", "amp2")]
    assert gain.amplifier_read_noises == pytest.approx(noises, rel=0.02)
    flats, biases = RawDomeFlatFrame.select_all(), RawBiasFrame.select_all()
    assert gain.amplifier_gains == pytest.approx(plain_gains(flats, biases), rel=0.05)
    assert gain.linearity_curve == (0.0,)
    assert gain.steps_not_done == ("bias: there is none",)
    assert gain.amplifier_linearity == (0.0, 0.0)
    assert np.isnan(gain.amplifier_saturation_levels).tolist() == [True, True]
    assert gain.saturation_level is None
    context.close()


def test_nickel(nickel, shared_data):
    """The columns that are known to be bad are found; a twilight flat serves for the cold ones."""
    hot, cold = HotPixelMap.select(), ColdPixelMap.select()
    assert isinstance(cold.flat, TwilightFlatFrame)
    assert cold.flat.hot is hot
    share = (hot.bad | cold.bad).mean(axis=0)
    assert (share[[256, 1002, 1023]] > 0.99).all()
    assert (share > 0.5).sum() < 20
    assert hot.quality_flags == cold.quality_flags == 0
    reference = json.loads((shared_data / "reference_stats.json").read_text())["nickel"]
    assert hot.bias.read_noise.read_noise == pytest.approx(reference["ron_ADU"], rel=0.02)


@pytest.mark.parametrize(
    ("task", "absent"),
    [
        (HotPixelsTask, ("filter", "object", "raw_filenames", "template")),
        (ColdPixelsTask, ("object", "raw_filenames", "template")),
        (DomeFlatTask, ("object",)),
        (ReadNoiseTask, ("object", "filter")),
    ],
)
def test_arguments_without_meaning_are_refused(task, absent):
    for name in absent:
        with pytest.raises(AweTypeError, match=f"has no argument '{name}'"):
            task(instrument="OMEGACAM", **{name: "x"})
