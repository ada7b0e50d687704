"""What the calibrations of the detector record, and which arguments they refuse."""

import types

import numpy as np
import pytest
from awe.recipes.ColdPixelsTask import ColdPixelsTask
from awe.recipes.DarkTask import DarkTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.GainTask import GainTask
from awe.recipes.HotPixelsTask import HotPixelsTask
from awe.recipes.ReadNoiseTask import ReadNoiseTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask

from awe.base.errors import AweTypeError, AweValueError
from awe.model import (
    BiasFrame,
    DarkFrame,
    DomeFlatFrame,
    GainLinearity,
    HotPixelMap,
    RawBiasFrame,
    RawDomeFlatFrame,
    RawFrame,
    RawScienceFrame,
    ReadNoise,
    SaturatedPixelMap,
    TwilightFlatFrame,
)
from awe.pixels import Amplifier, grow_mask
from awe.process import Making

EVERY = {"instrument": "OMEGACAM", "folder": None}
NAME = "ESO_CCD_#65"
CHIP = {**EVERY, "chip": NAME}
HIGH, LOW, FRACTION, GROW = (
    f"SaturatedPixelMap.process_params.{name}"
    for name in (
        "THRESHOLD_HIGH", "THRESHOLD_LOW", "MAXIMUM_SATURATED_FRACTION", "SATURATION_GROW"
    )
)  # fmt: skip


def saturated_map(raw, gain, pars=None):
    """Make the map of the saturated pixels of a raw frame."""
    found = SaturatedPixelMap(raw=raw, gain_linearity=gain)
    found.take_from(raw)
    return Making(found, raw.names(), pars or {}).run()


class TestSaturation:
    def test_full_pixels_lie_above_the_level_and_good_ones_below(self, made_detector):
        for gain in GainLinearity.select_all():
            flats = [f for f in RawDomeFlatFrame.chip == gain.chip if f.EXPTIME >= 40]
            for flat in flats:
                amplifier = flat.pixel_amplifiers()[0]
                y0, y1, x0, x1 = amplifier.data
                zero = np.median(flat.arrays()[0][slice(*amplifier.overscan_x[:2]),
                                                  slice(*amplifier.overscan_x[2:])])  # fmt: skip
                pixels = flat.arrays()[0][y0:y1, x0:x1] - zero
                share = (pixels >= gain.saturation_level).mean()
                if flat.EXPTIME == 80:
                    # Cold pixels are not full.
                    assert share > 0.998
                else:
                    assert share < 0.001

    def test_map_of_a_frame(self, made_detector, detector_night):
        raw = (RawScienceFrame.chip.name == NAME)[0]
        gain = GainLinearity.select(chip=NAME)
        truth = detector_night.truth(NAME, raw.DATE_OBS)
        full = truth.saturated | truth.bled
        assert np.count_nonzero(full) > 100
        assert saturated_map(raw, gain).bad[full].mean() >= 0.99
        bare = saturated_map(raw, gain, {GROW: 0})
        assert bare.bad[truth.saturated].mean() >= 0.99
        assert grow_mask(full, 1)[bare.bad].mean() >= 0.99
        level = gain.saturation_level + raw.overscan_x_stat.median
        assert bare.levels == pytest.approx((min(level, raw.amplifiers[0].saturation),), abs=2)

    def test_greatest_number_of_the_converter_is_always_full(self, made_detector, monkeypatch):
        raw = (RawScienceFrame.chip.name == NAME)[0]
        image = np.full(raw.arrays()[0].shape, 300, dtype=np.uint16)
        image[200, 200] = 65535
        monkeypatch.setattr(RawFrame, "arrays", lambda self: [image])
        gain = GainLinearity(amplifier_saturation_levels=[65500.0])
        found = saturated_map(raw, gain, {GROW: 0})
        assert found.levels == (65535.0,)
        assert found.count == 1

    def test_amplifiers_have_thresholds_of_their_own(self, made_detector, monkeypatch):
        raw = (RawScienceFrame.chip.name == NAME)[0]
        amplifiers = [
            Amplifier(0, (0, 40, 0, 25), overscan_x=(0, 40, 25, 30)),
            Amplifier(0, (0, 40, 30, 55), overscan_x=(0, 40, 55, 60), x=25),
        ]
        image = np.full((40, 60), 300, dtype=np.uint16)
        image[:, 30:] = 500
        image[5, 5], image[6, 6], image[5, 35], image[6, 36] = 30299, 30300, 20499, 20500
        image[20, 20] = image[20, 50] = 25000
        headers = [types.SimpleNamespace(saturation=65535.0) for _ in amplifiers]
        monkeypatch.setattr(RawFrame, "arrays", lambda self: [image])
        monkeypatch.setattr(RawFrame, "pixel_amplifiers", lambda self: amplifiers)
        monkeypatch.setattr(RawFrame, "amplifiers", property(lambda self: headers))
        gain = GainLinearity(amplifier_saturation_levels=[30000.0, 20000.0])
        found = saturated_map(raw, gain, {GROW: 0})
        assert found.levels == (30300.0, 20500.0)
        assert np.argwhere(found.bad).tolist() == [[6, 6], [6, 31], [20, 45]]
        headers[0].saturation = 25000.0
        assert saturated_map(raw, gain).levels == (25000.0, 20500.0)
        headers[1].saturation = None
        unknown = GainLinearity(amplifier_saturation_levels=[30000.0, np.nan])
        some = saturated_map(raw, unknown)
        assert np.isnan(some.levels).tolist() == [False, True]
        assert some.steps_not_done == (
            "saturated pixels of 1 of 2 amplifiers: the saturation level is not known",
        )

    def test_numbers_of_each_amplifier(self, made_detector):
        gain = GainLinearity.select(chip=NAME)
        assert gain.amplifier_saturation_levels == (gain.saturation_level,)
        assert gain.amplifier_linearity == (gain.linearity,)

    def test_thresholds_out_of_order_or_range(self, made_detector):
        raw = (RawScienceFrame.chip.name == NAME)[0]
        with pytest.raises(AweValueError, match=r"THRESHOLD_LOW = 500 ADU is not below"):
            saturated_map(raw, None, {LOW: 500.0, HIGH: 400.0})
        for name in (LOW, HIGH):
            with pytest.raises(AweValueError, match="is out of range: 0 to"):
                saturated_map(raw, None, {name: -1.0})
        dead = saturated_map(raw, None, {LOW: 250.0, HIGH: 60000.0})
        assert dead.levels == (60000.0,)

    def test_flag_where_most_pixels_are_saturated(self, made_detector):
        raw = (RawScienceFrame.chip.name == NAME)[0]
        assert saturated_map(raw, None, {HIGH: 60000.0}).quality_flags == 0
        found = saturated_map(raw, None, {HIGH: 1.0})
        assert [f.name for f in found.quality()] == ["SATURATED"]
        assert saturated_map(raw, None, {HIGH: 1.0, FRACTION: 1.0}).quality_flags == 0


class TestGivenInputs:
    def test_of_another_type(self):
        for task, name in ((ColdPixelsTask, "flat"), (HotPixelsTask, "bias")):
            with pytest.raises(AweTypeError, match=f"{name} is a .* object, not str 'x'"):
                task(**EVERY, **{name: "x"})
            with pytest.raises(AweValueError, match=f"{name} is empty"):
                task(**EVERY, **{name: []})
        with pytest.raises(AweTypeError, match="dark is a calibration"):
            HotPixelsTask(**EVERY, dark="x")
        for task in (DomeFlatTask, DarkTask, GainTask):
            with pytest.raises(AweTypeError, match="bias is a calibration"):
                task(**EVERY, bias="x")

    def test_of_another_class(self, made_detector):
        with pytest.raises(AweTypeError, match="flat is a DomeFlatFrame or TwilightFlatFrame"):
            ColdPixelsTask(**EVERY, flat=BiasFrame.select(chip=NAME))

    @pytest.mark.parametrize(
        ("name", "value", "has"),
        [
            ("chip", "ESO_CCD_#66", "ESO_CCD_#65"),
            ("instrument", "WFI", "OMEGACAM"),
            ("filter", "OCAM_g*", "OCAM_r_SDSS"),
            ("date", "2012-06-07", "2012-05-31"),
        ],
    )
    def test_that_contradict_other_arguments(self, made_detector, name, value, has):
        flat = DomeFlatFrame.select(chip=NAME)
        with pytest.raises(AweValueError, match=f"has the {name} {has}; {name}='"):
            ColdPixelsTask(**{**EVERY, name: value}, flat=[flat])
        fitting = {"chip": "*65", "filter": "OCAM_r*", "date": "2012-05-31"}
        assert len(ColdPixelsTask(**EVERY, **fitting, flat=flat).units()) == 1

    def test_dark_of_each_ccd_or_none(self, made_detector):
        darks = list(DarkFrame.select_all())
        for hot in HotPixelsTask(**EVERY, dark=darks).execute():
            assert hot.dark.chip is hot.chip
            assert "dark" in hot.overridden_inputs
        (hot,) = HotPixelsTask(**CHIP, dark=False).execute()
        assert hot.dark is None
        assert hot.overridden_inputs == ("dark",)


class TestNumbers:
    def test_flats(self, made_detector):
        for flat in (DomeFlatFrame.select(chip=NAME), TwilightFlatFrame.select(chip=NAME)):
            assert len(flat.levels) == len(flat.input_objects()) - 3 == 3
            assert flat.level == pytest.approx(np.mean(flat.levels))
            assert flat.hot.count <= flat.unusable < flat.hot.count + 0.01 * flat.data.size

    def test_outliers_of_bias_and_dark(self, made_detector):
        for cls in (BiasFrame, DarkFrame):
            frame = cls.select(chip=NAME)
            values = frame.data.size * len(getattr(frame, cls.inputs[0]))
            assert 0 < frame.outliers < 0.02 * values

    def test_share_of_outliers_fits_every_ccd(self, made_detector):
        name = "TwilightFlatFrame.process_params.MAXIMUM_NUMBER_OF_OUTLIERS"
        flat = TwilightFlatFrame.select(chip=NAME)
        share = flat.outliers / (flat.data.size * len(flat.levels))
        for limit, flags in ((0.9 * share, ["FLAT_OUTLIERS"]), (1.1 * share, []), (0.0, [])):
            (made,) = TwilightFlatTask(**CHIP, pars={name: limit}).execute()
            assert [f.name for f in made.quality()] == flags

    def test_changes_since_the_one_before(self, made_detector):
        first = GainLinearity.select(chip=NAME)
        names = [f.filename for f in first.raw_domeflat_frames if f.EXPTIME < 30]
        (gain,) = GainTask(**CHIP, raw_filenames=names).execute()
        assert gain.prev is first
        assert gain.gain_diff == abs(gain.gain - first.gain) > 0
        assert gain.read_noise_diff == abs(gain.read_noise - first.read_noise)
        assert gain.saturation_level is None
        assert np.isnan(gain.amplifier_saturation_levels).all()
        first = ReadNoise.select(chip=NAME)
        names = [f.filename for f in RawBiasFrame.chip.name == NAME]
        (noise,) = ReadNoiseTask(**CHIP, raw_filenames=names[1:3]).execute()
        assert noise.read_noise_diff == abs(noise.read_noise - first.read_noise) > 0

    @pytest.mark.parametrize("order", [1, -1])
    def test_differences_have_no_sign(self, made_detector, order):
        frames = list(RawBiasFrame.chip.name == NAME)[:2][::order]
        noise = ReadNoise(raw_bias_frames=frames)
        noise.take_from(frames)
        Making(noise, noise.names()).run()
        assert noise.mean_diff > 0
        assert noise.median_diff >= 0

    def test_change_of_a_map_of_an_exposure(self, made_detector, work):
        raw = (RawScienceFrame.chip.name == NAME)[0]
        first = saturated_map(raw, None, {HIGH: 60000.0})
        assert first.count_diff is None
        first.write(work)
        first.commit()
        second = saturated_map(raw, None, {HIGH: 400.0})
        assert second.prev is first
        assert second.count_diff == abs(second.count - first.count) > 1000
        assert "MAP_DIFFERENCE" in [f.name for f in second.quality()]


def test_noise_gives_no_hot_pixels(made_detector):
    """The pixels that the default calls hot deviate: a higher threshold finds the same."""
    limit = {"HotPixelMap.process_params.REJECTION_THRESHOLD": 8.0}
    (higher,) = HotPixelsTask(**CHIP, pars=limit).execute()
    found = HotPixelMap.select(chip=NAME)
    assert (found.bad & ~higher.bad).sum() <= 0.01 * found.count
