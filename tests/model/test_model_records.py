"""Records, vocabulary, names and defaults of the model."""

import datetime

import numpy as np
import pytest

import awe.model as model
from awe.base.errors import AweError, AweLookupError, AwePermissionError, AweValueError
from awe.fits import read_headers, write_image
from awe.model import (
    Amplifier,
    BiasFrame,
    Chip,
    Exposure,
    Filter,
    Instrument,
    RawBiasFrame,
    RawDomeFlatFrame,
    RawFrame,
    RawScienceFrame,
    ReadNoise,
    Readout,
    Target,
    Template,
)
from awe.model.base import LazyImage, mjd_of, product_name
from awe.model.defaults import defaults_for
from awe.model.quality import subwindow_medians
from awe.model.raw import frame_class
from awe.model.records import OverscanStat, amplifier_of_header, imstat_of
from awe.model.stacks import check_alike, noise_of, pair_noise
from awe.model.validity import interval_of
from awe.pixels import imstat
from awe.process import ProcessParameters, decode, resolve
from awe.process.choice import FOREVER_END, FOREVER_START
from awe.process.flags import disqualifying_bits
from awe.process.parameters import parameters_class
from awe.store import registry

VALUES = {
    "name": "A", "hdu": 3, "data": (0, 100, 8, 208), "prescan_x": (0, 100, 0, 8),
    "overscan_x": (0, 100, 208, 220), "prescan_y": None, "overscan_y": None, "flip_x": True,
    "flip_y": False, "x": 4, "y": 5, "gain": 2.0, "read_noise": 6.0, "saturation": 65535.0,
}  # fmt: skip


class TestRecords:
    def test_amplifier_goes_to_the_pixels_and_back(self):
        record = amplifier_of_header(VALUES, 1)
        assert record.hdu == 1
        assert tuple(record.prescan_y) == ()
        pixel = record.for_pixels(0)
        assert pixel.hdu == 0
        assert pixel.data == VALUES["data"]
        assert pixel.prescan_y is None
        assert (pixel.flip_x, pixel.x, pixel.y, pixel.gain) == (True, 4, 5, 2.0)

    def test_statistics_become_plain_numbers(self):
        image = np.arange(12, dtype=np.uint16).reshape(3, 4)
        record = imstat_of(imstat(image))
        assert (record.min, record.max, record.mean, record.npix) == (0.0, 11.0, 5.5, 12)
        assert (record.maxx, record.maxy) == (3, 2)
        assert type(record.npix) is int
        assert type(record.mean) is float
        assert imstat_of(imstat(image), OverscanStat).median == 5.5

    def test_every_class_of_products_has_parameters_of_its_own(self):
        seen = {}
        for cls in registry.all_classes():
            if not cls.__module__.startswith("awe.model"):
                continue
            record = parameters_class(cls)
            if record is None:
                continue
            assert issubclass(record, ProcessParameters)
            for name, attribute in record._attributes.items():
                assert attribute.doc, name
                attribute.check(attribute.default, name)
            if cls.__name__ != "WeightFrame":
                # The weight is made together with the reduced frame.
                assert seen.setdefault(record, cls) is cls
                assert record.__name__ == f"{cls.__name__}Parameters"
        assert len(seen) >= 8

    def test_names_of_astro_wise(self):
        for cls, names in {
            RawScienceFrame: "AIRMEND AIRMSTRT DATE DATE_OBS EXPTIME LST MJD_OBS OBJECT OBSERVER "
            "UTC astrom chip extension filename filter globalname imstat instrument is_valid "
            "observing_block overscan_x_stat prescan_y_stat quality_flags raw_fits template "
            "NAXIS1 NAXIS2 OVSCX OVSCXPRE OVSCXPST OVSCY PRSCX PRSCYPST",
            BiasFrame: "chip creation_date filename globalname imstat instrument is_valid prev "
            "process_params quality_flags raw_bias_frames read_noise timestamp_end "
            "timestamp_start code_version content_key",
            ReadNoise: "read_noise mean_diff median_diff raw_bias_frames",
            model.ReducedScienceFrame: "raw bias flat weight astrom OBJECT DATE_OBS template",
            model.MasterFlatFrame: "domeflat twilightflat",
            Exposure: "instrument observation_time target frames",
        }.items():  # fmt: skip
            assert set(names.split()) <= set(cls.get_persistent_properties()), cls


class TestVocabulary:
    def test_is_made_once(self, context):
        camera = Instrument.get_or_create(name="CAM")
        other = Instrument.get_or_create(name="OTHER")
        when = datetime.datetime(2020, 1, 1)
        for cls, values in (
            (Chip, {"name": "A"}), (Filter, {"name": "V"}), (Template, {"start": when}),
        ):  # fmt: skip
            first = cls.get_or_create(instrument=camera, **values)
            context.commit(first, cls.get_or_create(instrument=other, **values))
            assert cls.get_or_create(instrument=camera, **values) is first
            assert len(cls.select_all()) == 2
            with pytest.raises(AweError, match="unique"):
                context.commit(cls(instrument=camera, **values))
        with pytest.raises(AweLookupError, match="Did you mean 'OTHER'"):
            Instrument.get(name="OTHRE")

    def test_readout_knows_the_overscan_methods(self, context):
        chip = Chip(name="A", instrument=Instrument(name="CAM"))
        readout = Readout(chip=chip, mode="m", amplifiers=[amplifier_of_header(VALUES, 1)])
        assert {0, 1, 2, 5, 6} <= set(readout.overscan_methods())
        assert not {3, 4, 7, 8} & set(readout.overscan_methods())


class TestDefaults:
    def test_readout_without_overscan_takes_what_it_has(self):
        assert defaults_for("BiasFrame", {"overscan_methods": (0, 1, 2, 5, 6)}) == []
        for possible, best in (((0, 1, 5), 5), ((0, 3, 7), 7), ((0,), 0)):
            values, origins = resolve(BiasFrame, {"overscan_methods": possible})
            assert best == values.OVERSCAN_CORRECTION
            assert origins["OVERSCAN_CORRECTION"] == "readout"

    def test_instrument_has_its_own(self):
        values, origins = resolve(BiasFrame, {"instrument": "NICKEL"})
        assert values.MAXIMUM_ABS_MEAN == 50.0
        assert origins["MAXIMUM_ABS_MEAN"] == "instrument"
        values, origins = resolve(BiasFrame, {"instrument": "OMEGACAM"})
        assert values.MAXIMUM_ABS_MEAN == 10.0
        assert set(origins.values()) == {"class"}

    def test_user_comes_last(self):
        pars = {"BiasFrame.process_params.MAXIMUM_ABS_MEAN": 3.0}
        values, origins = resolve(BiasFrame, {"instrument": "NICKEL"}, pars)
        assert values.MAXIMUM_ABS_MEAN == 3.0
        assert origins["MAXIMUM_ABS_MEAN"] == "user"


class TestQuality:
    def test_bits_are_documented_and_differ(self):
        bits = [getattr(model.quality, n) for n in model.quality.__all__ if n.isupper()]
        assert len(set(bits)) == len(bits)
        flags = decode(sum(bits))
        assert {f.name for f in flags} == {n for n in model.quality.__all__ if n.isupper()}
        assert all(f.description for f in flags)
        warn = {f.name for f in flags if not f.disqualifies}
        # That something has changed does not tell which of the two is bad.
        changes = {f.name for f in flags if f.name.endswith("_DIFFERENCE")}
        assert len(changes) >= 7
        assert warn == changes | {"SATURATED", "SATELLITE_TRAIL", "WEIGHT_ZEROS"}
        assert disqualifying_bits() & sum(bits) == sum(f.bit for f in flags if f.disqualifies)

    def test_sub_windows(self):
        image = np.repeat(np.arange(8.0), 5)[:, None] + np.zeros(12)
        medians = subwindow_medians(image)
        assert medians.shape == (32,)
        assert medians.tolist() == sorted(np.repeat(np.arange(8.0), 4))
        image[0, 0] = np.nan
        assert subwindow_medians(image)[0] == 0.0


class TestFrames:
    def test_class_of_a_kind(self):
        assert frame_class("bias") is RawBiasFrame
        assert frame_class("dome") is RawDomeFlatFrame
        assert frame_class("arc") is RawFrame

    def test_mjd_and_names_of_files(self, context):
        assert mjd_of(datetime.datetime(2012, 6, 1, 12)) == 56079.5
        camera = Instrument(name="CAM")
        bias = BiasFrame(instrument=camera, chip=Chip(name="A/1 x", instrument=camera))
        bias.creation_date = datetime.datetime(2012, 6, 1, 12)
        assert product_name(("Cal", "Bias"), bias, "0123" * 16) == (
            "Cal-ME-CAM-------A_1_x-Bias---Cal-56079.5000000-" + "0123" * 10 + ".fits"
        )

    @pytest.mark.parametrize("compress", [None, "RICE_1"])
    def test_lazy_image_reads_what_is_sliced(self, tmp_path, compress):
        image = np.arange(600, dtype=np.uint16).reshape(30, 20)
        write_image(tmp_path / "a.fits", image, compress=compress)
        hdu = read_headers(tmp_path / "a.fits")[-1]
        lazy = LazyImage(tmp_path / "a.fits", hdu)
        assert lazy.shape == (30, 20)
        assert lazy.dtype == np.uint16
        for key in (
            np.s_[:], np.s_[3:7], np.s_[3:7, 5:9], np.s_[-4:], np.s_[::2], np.s_[5:2],
            np.s_[4], np.s_[4, 3], np.s_[10:20, ::-1], np.s_[..., 2], np.s_[-3:, 1:],
        ):  # fmt: skip
            assert np.array_equal(lazy[key], image[key]), key
        assert np.array_equal(np.asarray(lazy), image)
        assert np.asarray(lazy, dtype=np.float32).dtype == np.float32


class TestValidity:
    def test_forms(self):
        assert interval_of("forever") == (FOREVER_START, FOREVER_END)
        first, last = datetime.datetime(2012, 1, 1), datetime.datetime(2012, 1, 2)
        assert interval_of(("2012-01-01", last.date())) == (first, last)
        assert interval_of([first, "2012-01-02"]) == (first, last)

    @pytest.mark.parametrize("wrong", ["never", (1,), ("2012-01-02", "2012-01-01"), None, 3])
    def test_wrong_ones(self, wrong):
        with pytest.raises(AweValueError):
            interval_of(wrong)


class FakeStack:
    """A stack of arrays."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def frame(self, k):
        """Give one frame."""
        return self.images[k]


class TestStacks:
    def test_read_noise_of_pairs(self):
        rng = np.random.default_rng(1)
        drift = 5 * np.sin(np.arange(300) / 30)[:, None]
        images = [
            (rng.normal(0, 4.0, (300, 400)) + drift * k + 2 * k).astype(np.float32)
            for k in range(4)
        ]
        images[0][5, 5] = 60000
        noise, mean, median = pair_noise(FakeStack(images), 5.0, 5)
        assert noise == pytest.approx(4.0, rel=0.01)
        expected = images[2].astype(float) - images[3]
        assert mean == pytest.approx(expected.mean())
        assert median == pytest.approx(np.median(expected))

    def test_frames_must_be_alike(self, context):
        with pytest.raises(AweValueError, match="no frame to combine"):
            check_alike([])
        camera = Instrument(name="CAM")
        chips = [Chip(name=n, instrument=camera) for n in "AB"]
        frames = [RawFrame(instrument=camera, chip=c) for c in chips]
        with pytest.raises(AweValueError, match="different kinds cannot be combined"):
            check_alike(frames)
        with pytest.raises(AweValueError, match="has no amplifiers"):
            check_alike(frames[:1])

    @pytest.mark.parametrize(
        ("gains", "noises", "expected"),
        [
            ([2.0], [6.0], (3.0, 2.0)), ([None], [6.0], (None, None)),
            ([2.0], [None], (None, 2.0)),
        ],
    )  # fmt: skip
    def test_noise_of_the_headers(self, context, gains, noises, expected):
        frame = self.frame(gains, noises)
        assert noise_of(frame) == expected
        assert noise_of(frame, 7.0)[0] == 7.0

    def test_noise_of_two_amplifiers_is_a_map(self, context):
        noise, gain = noise_of(self.frame([2.0, 4.0], [6.0, 6.0]))
        assert noise.shape == gain.shape == (10, 40)
        assert (noise[0, 0], noise[0, -1], gain[0, 0], gain[0, -1]) == (3.0, 1.5, 2.0, 4.0)

    def frame(self, gains, noises):
        """Give a frame with amplifiers side by side."""
        amplifiers = [
            Amplifier(hdu=0, data=[0, 10, 20 * n, 20 * n + 20], x=20 * n, gain=g, read_noise=r)
            for n, (g, r) in enumerate(zip(gains, noises, strict=True))
        ]
        chip = Chip(name="A", instrument=Instrument(name="CAM"))
        return RawFrame(chip=chip, readout=Readout(chip=chip, mode="m", amplifiers=amplifiers))


class TestWhatMayChange:
    def test_name_of_a_target_and_facts_of_an_exposure(self, context):
        camera = Instrument(name="CAM")
        filter_ = Filter(name="r", instrument=camera)
        when = datetime.datetime(2012, 6, 1, 12)
        template = Template(instrument=camera, start=when)
        target = Target(target_name="M13")
        exposure = Exposure(instrument=camera, observation_time=when, target=target)
        context.commit(exposure, filter_, template)
        target.target_name = "M 13"
        exposure.kind, exposure.EXPTIME = "science", 30.0
        exposure.filter, exposure.template = filter_, template
        context.commit()
        (change,) = target.history()
        assert (change.attribute, change.old, change.new) == ("target_name", "M13", "M 13")
        assert {c.attribute for c in exposure.history()} == {
            "kind", "EXPTIME", "filter", "template",
        }  # fmt: skip
        assert Target.get(target_name="M 13") is target
        assert Target.get_or_create(target_name="M13") is not target
        with pytest.raises(AwePermissionError):
            exposure.observation_time = when + datetime.timedelta(days=1)


class TestNonsense:
    @pytest.mark.parametrize("wrong", [-1, 3, 7, None])
    def test_is_valid_has_three_values(self, wrong):
        with pytest.raises(AweValueError, match=r"BiasFrame\.is_valid is 0 \(bad\), 1"):
            BiasFrame(is_valid=wrong)
        bias = BiasFrame(is_valid=2)
        with pytest.raises(AweValueError, match=f"not {wrong}"):
            bias.is_valid = wrong
        assert bias.is_valid == 2

    def test_interval_that_ends_before_it_starts(self):
        start, end = datetime.datetime(2012, 1, 1), datetime.datetime(2012, 1, 2)
        with pytest.raises(AweValueError, match=r"2012-01-01 .* is not after .* 2012-01-02"):
            BiasFrame(timestamp_start=end, timestamp_end=start)
        bias = BiasFrame(timestamp_start=start, timestamp_end=end)
        for name, value in {"timestamp_start": end, "timestamp_end": start}.items():
            with pytest.raises(AweValueError, match=r"timestamp_end .* timestamp_start"):
                setattr(bias, name, value)
        assert (bias.timestamp_start, bias.timestamp_end) == (start, end)

    @pytest.mark.parametrize("year", [2011, 2012, 2013])
    def test_whole_interval_moves_either_way(self, year):
        bias = BiasFrame(timestamp_start="2012-01-01", timestamp_end="2012-01-02")
        bias.set_validity((f"{year}-06-01", f"{year}-06-02"))
        assert (bias.timestamp_start.year, bias.timestamp_end.day) == (year, 2)
