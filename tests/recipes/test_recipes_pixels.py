"""Pixels of the recipes: against ccdproc and NumPy on real frames, against the truth of a night."""

import numpy as np
import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.IngestTask import IngestTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.ReduceTask import ReduceTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask

from awe.model import RawBiasFrame, RawTwilightFlatFrame, ReducedScienceFrame
from awe.simulate import simulate_night

FLOAT32 = 2.0**-23


@pytest.fixture
def ccd():
    """Give a function that reads a Nickel frame with ccdproc: overscan by row, trim."""
    ccdproc = pytest.importorskip("ccdproc")
    from astropy.nddata import CCDData

    def read(frame):
        image = CCDData(frame.data.astype(np.float64), unit="adu")
        image = ccdproc.subtract_overscan(
            image, overscan=image[:, 1024:1056], overscan_axis=1, median=True
        )
        return ccdproc.trim_image(image[:, :1024])

    return read


def combined(images, scale=None):
    """Combine with ccdproc: the plain mean."""
    from ccdproc import Combiner

    combiner = Combiner(images)
    if scale is not None:
        combiner.scaling = 1 / np.asarray(scale)
    return combiner.average_combine().data


def difference(mine, theirs, bias=0.0, flat=1.0):
    """Give the difference in units of float32 rounding of what was added up."""
    # The raw values lie above the overscan at 990 ADU, and above the bias where it is high.
    scale = np.maximum(np.abs(theirs), (990.0 + np.abs(bias)) / flat)
    return np.abs(mine - theirs) / scale / FLOAT32


class TestAgainstCcdproc:
    """The same steps done with ccdproc agree to float32 rounding, pixel by pixel."""

    @pytest.mark.heavy
    def test_bias_flat_and_reduced_frame(self, nickel, ccd):
        common = {"instrument": "NICKEL", "commit": True, "folder": None}
        # ccdproc clips by the scatter of few values; so the steps are compared without a clip.
        pars = {
            "BiasFrame.process_params.SIGMA_CLIP": 1e6,
            "TwilightFlatFrame.process_params.SIGMA_CLIP": 1e6,
            "TwilightFlatFrame.process_params.STAR_REJECTION": False,
        }
        (bias,) = BiasTask(**common, pars={"BiasFrame.process_params.SIGMA_CLIP": 1e6}).execute()
        theirs = combined([ccd(raw) for raw in RawBiasFrame.select_all()])
        assert bias.data.dtype == np.float32
        assert difference(bias.data, theirs).max() < 2

        (twilight,) = TwilightFlatTask(
            **common, hot=False, pars={k: v for k, v in pars.items() if k.startswith("Twi")}
        ).execute()
        flats = [ccd(raw) for raw in RawTwilightFlatFrame.select_all()]
        flats = [flat.subtract(ccd_like(theirs)) for flat in flats]
        # Ours are medians of a sample of the pixels.
        assert twilight.levels == pytest.approx([np.median(f.data) for f in flats], rel=1e-3)
        raw_flat = combined(flats, twilight.levels)
        good = twilight.data > 0
        expected = raw_flat / raw_flat[good].mean()
        assert good.mean() > 0.995
        # Raw values lie above overscan and bias: a dark pixel is rounded as one of that height.
        height = expected + (1000 + np.abs(theirs)) / min(twilight.levels)
        assert (np.abs(twilight.data - expected) / height / FLOAT32)[good].max() < 4
        assert twilight.data[good].mean(dtype=float) == pytest.approx(1, abs=1e-6)

        (flat,) = MasterFlatTask(**common).execute()
        assert np.array_equal(flat.data, twilight.data)
        (red,) = ReduceTask(**common, object="UGC_9837", fringe=False).execute()
        from ccdproc import flat_correct, subtract_bias

        reduced = subtract_bias(ccd(red.raw), ccd_like(theirs))
        divisor = ccd_like(np.where(good, flat.data.astype(float), 1.0))
        reduced = flat_correct(reduced, divisor, norm_value=1.0).data
        assert difference(red.data, reduced, theirs, divisor.data)[good].max() < 2


def ccd_like(array):
    """Give an image of ccdproc."""
    from astropy.nddata import CCDData

    return CCDData(array, unit="adu")


class TestSaturated:
    def test_saturated_column_has_no_weight(self, nickel):
        for red in ReducedScienceFrame.select_all():
            assert (red.weight.data[:, 256] == 0).all()
            assert red.saturated.count >= 1024
            assert red.weight.bad_count == (red.weight.data == 0).sum()


def test_ccd_that_is_too_small_for_a_trail_is_not_searched(context, tmp_path):
    tiny = simulate_night(
        tmp_path / "night", ccds=1, shape=(60, 90), exposures=1, biases=3, domes=2, twilights=0
    )
    IngestTask(paths=[tiny.folder], commit=True).execute()
    common = {"instrument": "OMEGACAM", "commit": True, "folder": None}
    for task in (BiasTask, DomeFlatTask):
        task(**common).execute()
    MasterFlatTask(**common, combine=2).execute()
    (red,) = ReduceTask(**common).execute()
    small = "satellite trails: the CCD has fewer than 64 pixels to a side"
    assert small in red.weight.satellite.steps_not_done
    assert red.weight.satellite.trail_count == 0


class TestAgainstTheTruth:
    """Residuals in units of the noise that the weights tell are normal."""

    def test_residuals_over_the_noise(self, context, tmp_path):
        large = simulate_night(
            tmp_path / "night", ccds=2, shape=(400, 300), exposures=2, biases=10, domes=6,
            twilights=6,
        )  # fmt: skip
        IngestTask(paths=[large.folder], commit=True).execute()
        common = {"instrument": "OMEGACAM", "commit": True, "folder": None}
        for task in (BiasTask, DomeFlatTask, TwilightFlatTask, MasterFlatTask):
            task(**common).execute()
        for red in ReduceTask(**common).execute():
            truth = large.truth(red.chip.name, red.DATE_OBS)
            weight = red.weight.data
            good = (weight > 0) & ~truth.bad
            pulls = ((red.data - truth.scene_adu) * np.sqrt(weight))[good]
            assert good.mean() > 0.9
            assert abs(pulls.mean()) < 0.03
            assert pulls.std() == pytest.approx(1, abs=0.05)
            assert red.gain == pytest.approx(truth.gain, rel=1e-3)
            measured = red.read_noise * red.gain
            assert measured == pytest.approx(truth.read_noise, rel=0.05)
            assert np.count_nonzero((weight > 0) & truth.saturated) == 0
            flat = red.flat.data
            assert (flat / truth.flat)[good].std() < 0.005
            assert abs((red.bias.data - truth.structure)[good].mean()) < 0.5
            assert red.sky == pytest.approx(truth.sky / truth.gain, rel=0.02)
            print(f"{red.chip.name} mean {pulls.mean():+.4f} stdev {pulls.std():.4f}")
