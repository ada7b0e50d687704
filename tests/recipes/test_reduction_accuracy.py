"""Reduced frames against the truth of simulated nights, at three levels of the sky."""

import numpy as np
import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.ColdPixelsTask import ColdPixelsTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.HotPixelsTask import HotPixelsTask
from awe.recipes.IngestTask import IngestTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.ReduceTask import ReduceTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask

from awe.simulate import simulate_night

TASKS = (
    BiasTask, HotPixelsTask, DomeFlatTask, ColdPixelsTask, TwilightFlatTask, MasterFlatTask,
    ReduceTask,
)  # fmt: skip
EXPTIME = 100.0


@pytest.fixture
def reduced(request, context, tmp_path):
    """Give a night with rows and a level of the sky in electrons, and its reduced frames."""
    rows, sky = request.param
    night = simulate_night(
        tmp_path / "night", ccds=1, shape=(rows, 2048), exposures=3, biases=10, domes=8,
        twilights=8, exptime=EXPTIME, sky=sky / EXPTIME, seeing=0.9, stars=1.5 * rows,
    )  # fmt: skip
    IngestTask(paths=[night.folder], commit=True).execute()
    for task in TASKS:
        made = task(instrument="OMEGACAM", commit=True, folder=None).execute()
    return night, made


def pulls(frame, truth):
    """Give (reduced - truth) x sqrt(weight), and which pixels are good."""
    weight = frame.weight.data
    # What fell below every threshold of detection is no error of the noise model.
    missed = (truth.cosmic_electrons > 0) | truth.trail | truth.hot | truth.cold
    good = (weight > 0) & ~missed
    return (frame.data - truth.scene_adu) * np.sqrt(weight), good, weight


def fluxes(image, stars, radius, bad):
    """Measure stars in apertures on the mean of the good pixels around."""
    from photutils.aperture import ApertureStats, CircularAnnulus, CircularAperture

    positions = np.column_stack([stars["x"], stars["y"]])
    # The mean, not the median: that of other stars is the same with noise and without.
    ring = CircularAnnulus(positions, radius + 2, radius + 8)
    background = ApertureStats(image, ring, mask=bad).mean
    return ApertureStats(image, CircularAperture(positions, radius), local_bkg=background).sum


def isolated(stars, shape, distance):
    """Give the stars that no other one of a tenth of their flux is near."""
    inside = (
        (stars["x"] > distance) & (stars["x"] < shape[1] - distance)
        & (stars["y"] > distance) & (stars["y"] < shape[0] - distance)
    )  # fmt: skip
    good = []
    for i in np.flatnonzero(inside & ~stars["saturated"]):
        near = np.hypot(stars["x"] - stars["x"][i], stars["y"] - stars["y"][i]) < distance
        rivals = near & (stars["flux"] > 0.1 * stars["flux"][i])
        if rivals.sum() == 1:
            good.append(i)
    return stars[good]


# A whole CCD: the mean follows the level of the frame, which the overscan tells as well as it has
# pixels. Of a faint sky that is 0.003 with 4100 rows and 0.006 with 600, where it may be 0.01 off.
@pytest.mark.heavy
@pytest.mark.parametrize("reduced", [(4100, 50), (4100, 500), (4100, 5000)], indirect=True)
def test_residuals_are_those_of_the_weights_and_fluxes_are_right(reduced):
    night, frames = reduced
    ratios, peaks = [], []
    for frame in frames:
        truth = night.truth(frame.chip.name, frame.DATE_OBS)
        pull, good, weight = pulls(frame, truth)
        print(f"pull {pull[good].mean(dtype=float):+.4f} {pull[good].std(dtype=float):.4f}")
        assert good.mean() > 0.95
        assert abs(pull[good].mean()) <= 0.01
        assert pull[good].std() == pytest.approx(1, abs=0.02)
        assert truth.sky == pytest.approx(frame.sky * truth.gain, rel=0.02)
        bright = good & (truth.scene > 2 * truth.sky + 500)
        assert bright.sum() > 500
        peaks.append(pull[bright])
        stars = isolated(truth.stars, frame.data.shape, 16)
        bright = stars[stars["flux"] > 30_000]
        mine = fluxes(frame.data, bright, 8, weight == 0)
        true = fluxes(truth.scene_adu, bright, 8, weight == 0)
        clean = fluxes((weight == 0).astype(float), bright, 8, weight == 0) == 0
        ratios += list((mine / true)[clean])
    print(len(ratios), np.median(ratios), np.std(ratios), np.concatenate(peaks).std(dtype=float))
    assert np.concatenate(peaks).std() == pytest.approx(1, abs=0.05)
    assert len(ratios) > 100
    assert np.median(ratios) == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize("reduced", [(600, 500)], indirect=True)
@pytest.mark.heavy
def test_every_bad_pixel_has_no_weight_and_a_cause(reduced):
    night, frames = reduced
    for frame in frames:
        truth = night.truth(frame.chip.name, frame.DATE_OBS)
        weight, mask = frame.weight.data, frame.mask
        assert ((mask != 0) == (weight == 0)).all()
        assert frame.weight.bad_count == np.count_nonzero(mask)
        assert not ((weight > 0) & (truth.saturated | truth.bled)).any()
        for bit, true in ((1, truth.hot), (2, truth.cold), (4, truth.saturated | truth.bled)):
            assert (mask[true] & bit != 0).mean() >= 0.99
        assert frame.psf_radius == pytest.approx(0.9, rel=0.03)
        assert frame.weight.saturated.count == np.count_nonzero(mask & 4)
        assert frame.weight.cosmic.cosmic_count > 0
