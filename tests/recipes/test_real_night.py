"""Real nights from raw to reduced, with every step that their frames allow."""

import json

import numpy as np
import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.ColdPixelsTask import ColdPixelsTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.GainTask import GainTask
from awe.recipes.HotPixelsTask import HotPixelsTask
from awe.recipes.IngestTask import IngestTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.ReadNoiseTask import ReadNoiseTask
from awe.recipes.ReduceTask import ReduceTask
from recipe_lab import open_store, plain_gains

from awe.model import (
    BiasFrame,
    ColdPixelMap,
    FringeFrame,
    GainLinearity,
    HotPixelMap,
    MasterFlatFrame,
    NightSkyFlatFrame,
    RawBiasFrame,
    RawDomeFlatFrame,
    RawTwilightFlatFrame,
    ReadNoise,
    ReducedScienceFrame,
    TwilightFlatFrame,
)
from awe.model.stacks import RawStack
from awe.pixels import MASK_BITS, measure_pair, photon_transfer
from awe.process import TaskError
from awe.store.verify import verify

NICKEL = {"instrument": "NICKEL", "commit": True, "folder": None}
KAST = {"instrument": "KAST", "commit": True, "folder": None}
# The file of each object, by which the figures of the independent reduction go.
FILES = {
    "PG1323-085": "d1047", "NGC_4147": "d1048", "NGC_3982": "d1052", "NGC_6205": "d1059",
    "UGC_9837": "d1074", "PG1530+057": "d1083",
}  # fmt: skip
FLOAT32 = 2.0**-23
_OVERSCAN = slice(1024, 1056)
_NO_DARK = "there is no dark"


@pytest.fixture(scope="module")
def told(shared_data):
    """Give the figures of the independent reduction."""
    return json.loads((shared_data / "reference_stats.json").read_text())["nickel"]


def with_ccdproc(raw):
    """Subtract the overscan of a Nickel frame row by row and trim it with ccdproc."""
    ccdproc = pytest.importorskip("ccdproc")
    from astropy.nddata import CCDData

    image = CCDData(raw.data.astype(np.float64), unit="adu")
    image = ccdproc.subtract_overscan(
        image, overscan=image[:, _OVERSCAN], overscan_axis=1, median=True
    )
    return ccdproc.trim_image(image[:, : _OVERSCAN.start])


def box_scatter(image):
    """Give the scatter in per cent of the medians of boxes of 256 x 256 pixels."""
    boxes = image.reshape(4, 256, 4, 256).swapaxes(1, 2).reshape(16, -1)
    medians = np.median(boxes, axis=1)
    return 100 * np.std(medians) / np.median(medians)


class TestNickel:
    def test_every_step_that_the_frames_allow(self, nickel, capsys):
        classes = (
            ReadNoise, BiasFrame, HotPixelMap, TwilightFlatFrame, ColdPixelMap, MasterFlatFrame,
            NightSkyFlatFrame, FringeFrame,
        )  # fmt: skip
        assert [len(c.select_all()) for c in classes] == [1] * len(classes)
        assert not any(c.select_all()[0].quality_flags for c in classes)
        frames = ReducedScienceFrame.select_all()
        assert {red.OBJECT for red in frames} == set(FILES)
        assert HotPixelMap.select().steps_not_done == (f"hot pixels of the dark: {_NO_DARK}",)
        for red in frames:
            words = [step.split(":")[0] for step in red.steps_not_done]
            assert words == [
                "dark current", "illumination correction", "fringes", "measured gain",
                "measured saturation level",
            ]  # fmt: skip
            assert red.hot is HotPixelMap.select()
            assert red.cold is ColdPixelMap.select()
            mask = red.mask
            assert (mask[red.hot.bad] & MASK_BITS["hot"] > 0).all()
            assert (mask[red.cold.bad] & MASK_BITS["cold"] > 0).all()
            assert ((red.weight.data == 0) == (mask > 0)).all()
            assert 1.9 < red.psf_radius < 3.1
            roots = red.lineage().roots()
            assert len(roots) == 10 + 3 + 1
        # There are no dome flats, and no two flats of one exposure time.
        for task in (DomeFlatTask, GainTask):
            with pytest.raises(TaskError, match="no RawDomeFlatFrame of NICKEL"):
                task(**NICKEL).execute()
        assert verify(nickel) == []

    def test_levels_and_flatness(self, nickel, told):
        for red in ReducedScienceFrame.select_all():
            figures = told["science"][FILES[red.OBJECT]]
            # The flats are normalised in different ways.
            scale = told["masterflat_p1_p50_p99"][1] / np.median(red.flat.data)
            level = np.median(red.data) / (figures["sky_after"] * scale)
            flatness = box_scatter(red.data)
            print(
                f"{red.OBJECT:12s} level {level - 1:+.2%} flatness {flatness:.3f} % "
                f"({flatness / figures['after_pct']:.3f} of theirs) sky {red.sky:.1f} ADU "
                f"seeing {red.psf_radius:.2f} arcsec, {red.weight.cosmic.cosmic_count} cosmic rays"
            )
            assert level == pytest.approx(1, abs=0.005)
            assert flatness <= 1.05 * figures["after_pct"]
            if red.OBJECT != "NGC_6205":
                # M 13 fills its frame: there the mode of the pixels is not their median.
                assert red.sky == pytest.approx(np.median(red.data), rel=0.01)

    def test_read_noise_and_gain(self, nickel, told):
        bias = BiasFrame.select()
        assert bias.read_noise.read_noise == pytest.approx(told["ron_ADU"], rel=0.02)
        median = told["masterbias_median_after_overscan"]
        assert np.median(bias.data) == pytest.approx(median, abs=0.5)
        raws = RawBiasFrame.select_all()
        biases = RawStack(list(raws), 6, bias.data)
        flats = RawStack(list(RawTwilightFlatFrame.select_all()), 6, bias.data)
        bad = HotPixelMap.select().bad | ColdPixelMap.select().bad
        zeros = [
            measure_pair(biases.frame(k), biases.frame(k + 1), lit=False, mask=bad)
            for k in range(0, len(raws), 2)
        ]
        for first, second in ((0, 1), (1, 2)):
            pair = measure_pair(flats.frame(first), flats.frame(second), mask=bad)
            found = photon_transfer([pair], zeros)
            print(f"gain of flats {first} and {second}: {found.gain:.4f}")
            assert found.gain == pytest.approx(told["gain_e_per_ADU"], rel=0.05)
        # That of the header is a number of the controller: instruments have their own.
        for red in ReducedScienceFrame.select_all():
            assert red.gain == pytest.approx(told["gain_e_per_ADU"], rel=0.05)

    def test_bias_is_that_of_ccdproc_where_nothing_was_clipped(self, nickel):
        pytest.importorskip("ccdproc")
        bias = BiasFrame.select()
        theirs = np.mean([with_ccdproc(raw).data for raw in RawBiasFrame.select_all()], axis=0)
        same = np.abs(bias.data - theirs) < 2 * np.maximum(1000, theirs) * FLOAT32
        # Of 10 frames at 3 sigma of the read noise, few pixels lose a value.
        assert 0.92 < same.mean() < 0.99
        # What was clipped are cosmic rays, which only raise a mean.
        change = (bias.data - theirs)[~(HotPixelMap.select().bad | ColdPixelMap.select().bad)]
        assert change.min() < -50
        assert change.max() < 10

    def test_every_frame_is_that_of_ccdproc(self, nickel):
        ccdproc = pytest.importorskip("ccdproc")
        from astropy.nddata import CCDData

        for red in ReducedScienceFrame.select_all():
            good = red.flat.data > 0
            divisor = np.where(good, red.flat.data.astype(np.float64), 1.0)
            bias = red.bias.data.astype(np.float64)
            image = ccdproc.subtract_bias(with_ccdproc(red.raw), CCDData(bias, unit="adu"))
            image = ccdproc.flat_correct(image, CCDData(divisor, unit="adu"), norm_value=1.0).data
            # Of what was added up: raw values lie above the overscan, at 990 ADU.
            scale = np.maximum(np.abs(image), (990 + np.abs(bias)) / divisor) * FLOAT32
            assert (np.abs(red.data - image) / scale)[good].max() < 2

    def test_no_trail_and_few_cosmic_rays(self, nickel):
        for red in ReducedScienceFrame.select_all():
            assert not red.weight.satellite.bad.any()
            assert 50 < red.weight.cosmic.cosmic_count < 300
            assert red.weight.cosmic.bad.mean() < 2e-3
            # In the vignetted corners the noise, divided by the flat, is many times the sky's.
            corners = (red.flat.data > 0) & (red.flat.data < 0.3)
            assert np.count_nonzero(red.weight.cosmic.bad & corners) < 5e-3 * corners.sum()


class TestKast:
    """Spectra of two amplifiers, with flats through a slit for want of others."""

    def test_every_step_that_the_frames_allow(self, tmp_path, work, shared_data):
        context = open_store(tmp_path)
        raw = shared_data / "kast_blue_2015" / "raw"
        IngestTask(paths=sorted(raw.glob("b2[123].fits.gz")), commit=True).execute()
        IngestTask(paths=sorted(raw.glob("b1[123].fits.gz")), purpose="dome", commit=True).execute()
        IngestTask(
            paths=[raw / "b24.fits.gz", raw / "b27.fits.gz"], purpose="science", commit=True
        ).execute()
        steps = (
            ReadNoiseTask, BiasTask, HotPixelsTask, GainTask, DomeFlatTask, ColdPixelsTask,
            MasterFlatTask, ReduceTask,
        )  # fmt: skip
        # The light of a spectrograph fills a band of the CCD, by nature.
        wide = {
            DomeFlatTask: "DomeFlatFrame.process_params.MAXIMUM_SUBWIN_FLATNESS",
            MasterFlatTask: "MasterFlatFrame.process_params.MAXIMUM_SUBWIN_FLATNESS",
        }
        for task in steps:
            pars = {wide[task]: 10.0} if task in wide else None
            made = task(**KAST, pars=pars).execute()
        told = json.loads((shared_data / "reference_stats.json").read_text())["kast"]
        gain, bias = GainLinearity.select(), BiasFrame.select()
        noises = [told[name]["ron_ADU"] for name in ("amp1", "amp2")]
        assert gain.amplifier_read_noises == pytest.approx(noises, rel=0.02)
        assert bias.read_noise.read_noise == pytest.approx(np.mean(noises), rel=0.05)
        flats, biases = RawDomeFlatFrame.select_all(), RawBiasFrame.select_all()
        assert gain.amplifier_gains == pytest.approx(plain_gains(flats, biases), rel=0.05)
        reduced = [p for p in made if isinstance(p, ReducedScienceFrame)]
        assert len(reduced) == 2
        for red in reduced:
            assert red.data.shape == (350, 2048)
            assert red.gain == pytest.approx(np.mean(gain.amplifier_gains), rel=1e-6)
            assert red.gain_linearity is gain
            levels = [np.median(a) for a in (red.raw.data[:, 2048:2080], red.raw.data[:, 2080:])]
            assert red.overscan_level == pytest.approx(levels, abs=1)
            words = [step.split(":")[0] for step in red.steps_not_done]
            assert words == [
                "dark current", "illumination correction", "fringes", "measured saturation level",
                "seeing",
            ]  # fmt: skip
            assert (red.weight.data > 0).mean() > 0.8
            check_two_amplifiers(red)
        assert verify(context) == []
        context.close()


def check_two_amplifiers(red):
    """Each half of a frame is what ccdproc makes of it."""
    ccdproc = pytest.importorskip("ccdproc")
    from astropy.nddata import CCDData

    image = CCDData(red.raw.data.astype(np.float64), unit="adu")
    for columns, overscan in (
        (slice(0, 1024), slice(2048, 2080)),
        (slice(1024, 2048), slice(2080, 2112)),
    ):
        half = ccdproc.subtract_overscan(
            image, overscan=image[:, overscan], overscan_axis=1, median=True
        )[:, columns]
        bias = red.bias.data[:, columns].astype(np.float64)
        flat = red.flat.data[:, columns].astype(np.float64)
        good = flat > 0
        divisor = CCDData(np.where(good, flat, 1.0), unit="adu")
        half = ccdproc.subtract_bias(half, CCDData(bias, unit="adu"))
        theirs = ccdproc.flat_correct(half, divisor, norm_value=1.0).data
        scale = np.maximum(np.abs(theirs), (965 + np.abs(bias)) / divisor.data) * FLOAT32
        assert (np.abs(red.data[:, columns] - theirs) / scale)[good].max() < 2
