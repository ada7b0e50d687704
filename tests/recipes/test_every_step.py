"""A simulated night with every step of the calibration, against its truth."""

import numpy as np
import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.ColdPixelsTask import ColdPixelsTask
from awe.recipes.DarkTask import DarkTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.FringeFlatTask import FringeFlatTask
from awe.recipes.GainTask import GainTask
from awe.recipes.HotPixelsTask import HotPixelsTask
from awe.recipes.IlluminationCorrectionTask import IlluminationCorrectionTask
from awe.recipes.IngestTask import IngestTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.NightSkyFlatTask import NightSkyFlatTask
from awe.recipes.ReadNoiseTask import ReadNoiseTask
from awe.recipes.ReduceTask import ReduceTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask

from awe.model import (
    BiasFrame,
    ColdPixelMap,
    CosmicMap,
    DarkFrame,
    DomeFlatFrame,
    FringeFrame,
    GainLinearity,
    HotPixelMap,
    IlluminationCorrection,
    IlluminationCorrectionFrame,
    MasterFlatFrame,
    NightSkyFlatFrame,
    RawFrame,
    ReadNoise,
    ReducedScienceFrame,
    SatelliteMap,
    SaturatedPixelMap,
    StandardCatalog,
    TwilightFlatFrame,
    WeightFrame,
)
from awe.simulate import simulate_night
from awe.store.verify import verify

EVERY = {"instrument": "OMEGACAM", "commit": True, "folder": None}
SKY = {**EVERY, "object": "KIDS*"}
STANDARD = {**EVERY, "object": "STD*"}
DETECTOR = (
    ReadNoiseTask, BiasTask, DarkTask, HotPixelsTask, GainTask, DomeFlatTask, ColdPixelsTask,
    TwilightFlatTask, MasterFlatTask,
)  # fmt: skip
NO_FRINGE = "fringes: no FringeFrame serves"
NO_ILLUMINATION = "illumination correction: no IlluminationCorrectionFrame serves"
SEEING = 0.9
# Fringes of small CCDs are as small: what varies over more than this is none.
FRINGES = {"FringeFrame.process_params.BACKGROUND_SIZE": 128}
ORDER = "IlluminationCorrection.process_params.ORDER"


def simulate(folder, ccds):
    """Simulate a night that has something of everything."""
    # The last pair of flats is saturated: that tells where a CCD is full, which no header does.
    return simulate_night(
        folder, ccds=ccds, shape=(288, 256), biases=5, domes=3, twilights=3, exposures=3,
        standards=1 if ccds > 4 else 2, darks=3, dark_exptime=600.0, dark_current=0.05,
        gain_pairs=(10.0, 25.0, 40.0, 80.0), fringes=0.04, illumination=0.08, stars=120,
        twilight_stars=6, seeing=SEEING, truth=False,
    )  # fmt: skip


def make_everything(night, order):
    """Run every step; give the products of the last, the frames reduced with all the others."""
    IngestTask(paths=[night.folder], commit=True).execute()
    for task in DETECTOR:
        task(**EVERY).execute()
    for frame in ReduceTask(**STANDARD).execute():
        assert set(frame.steps_not_done) == {NO_FRINGE, NO_ILLUMINATION}
    IlluminationCorrectionTask(
        **STANDARD, catalog=night.standard_file, pars={ORDER: order}
    ).execute()
    for frame in ReduceTask(**SKY).execute():
        assert frame.steps_not_done == (NO_FRINGE,)
    NightSkyFlatTask(**SKY).execute()
    FringeFlatTask(**SKY, pars=FRINGES).execute()
    MasterFlatTask(**EVERY, combine=6).execute()
    crossed = night.science[1].stem.replace("OMEGA.", "OMEGACAM.")
    chips = range(1, 1 + night.settings.ccds)
    names = [f"{crossed}_{extension}.fits" for extension in chips]
    return ReduceTask(**EVERY, raw_filenames=names).execute()


@pytest.mark.parametrize(
    ("ccds", "order"), [(2, 1), (32, 2)]
)  # fmt: skip
@pytest.mark.heavy
def test_every_step(context, tmp_path, ccds, order):
    night = simulate(tmp_path / "night", ccds)
    frames = make_everything(night, order)
    check_counts(ccds)
    assert verify(context) == []
    truths = [night.truth(frame.chip.name, frame.DATE_OBS) for frame in frames]
    pairs = list(zip(frames, truths, strict=True))
    for frame, truth in pairs:
        check_lineage(frame)
        check_detector(frame, truth)
        check_sky(frame, truth)
        check_residuals(frame, truth)
        check_trail(frame.weight.satellite.bad, truth)
    check_maps(pairs)
    check_cosmic_rays(pairs)
    check_illumination(pairs)


def check_counts(ccds):
    """Every product is there for each CCD."""
    for cls in (
        ReadNoise, BiasFrame, DarkFrame, HotPixelMap, GainLinearity, DomeFlatFrame, ColdPixelMap,
        TwilightFlatFrame, NightSkyFlatFrame, FringeFrame, IlluminationCorrectionFrame,
    ):  # fmt: skip
        products = cls.select_all()
        assert len({p.chip.name for p in products}) == len(products) == ccds, cls
        assert not any(p.quality_flags for p in products), cls
    assert len(IlluminationCorrection.select_all()) == 1
    assert len(MasterFlatFrame.select_all()) == 2 * ccds
    reduced = len(ReducedScienceFrame.select_all())
    for cls in (WeightFrame, SaturatedPixelMap, CosmicMap, SatelliteMap):
        assert len(cls.select_all()) == reduced, cls


def check_lineage(frame):
    """Everything took part, and comes from raw frames and the standard stars."""
    assert frame.steps_not_done == ()
    for name in ("bias", "flat", "hot", "cold", "dark", "illumination", "fringe",
                 "gain_linearity", "weight"):  # fmt: skip
        assert getattr(frame, name).chip is frame.chip, name
        assert getattr(frame, name).steps_not_done == (), name
    assert frame.flat.nightskyflat is not None
    roots = frame.lineage().roots()
    kinds = {type(root) for root in roots if not isinstance(root, RawFrame)}
    assert kinds == {StandardCatalog}
    # 5 biases, 3 darks, 3 + 6 dome flats, 3 twilight flats, 3 frames of the sky; and of every
    # CCD the standards with their calibrations.
    assert len({r.filename for r in roots if getattr(r, "chip", None) is frame.chip}) >= 23


def check_detector(frame, truth):
    """Gain and read noise are right to a per cent, the dark current to a tenth of itself."""
    noise = np.hypot(truth.read_noise / truth.gain, 12**-0.5)
    gain = frame.gain_linearity
    assert gain.gain == pytest.approx(truth.gain, rel=0.01)
    assert gain.read_noise == pytest.approx(noise, rel=0.01)
    assert frame.read_noise == pytest.approx(noise, rel=0.01)
    assert frame.gain == pytest.approx(gain.gain, rel=1e-6)
    assert frame.dark.dark_level * truth.gain == pytest.approx(0.05, abs=0.003)
    lit = truth.flat * truth.illumination
    good = ~(truth.hot | truth.cold)
    assert np.std((frame.flat.data / lit)[good]) < 0.005
    assert frame.bias.data[good].mean() == pytest.approx(truth.structure[good].mean(), abs=0.1)


def check_sky(frame, truth):
    """Level of the sky, seeing, and strength and shape of the fringes are right."""
    assert frame.sky * truth.gain == pytest.approx(truth.sky, rel=0.015)
    assert frame.psf_radius == pytest.approx(SEEING, rel=0.05)
    assert frame.star_count >= 3
    assert frame.scale_factor == pytest.approx(frame.sky, rel=0.05)
    pattern, seen = frame.fringe.data, frame.fringe.data != 0
    slope = np.sum((pattern * truth.fringe)[seen]) / np.sum((truth.fringe**2)[seen])
    assert slope == pytest.approx(1, abs=0.12)


def check_residuals(frame, truth):
    """What differs from the truth is noise, as the weights tell."""
    weight = frame.weight.data
    good = (weight > 0) & ~truth.bad
    # The correction of few stars is judged by itself.
    data = frame.data * frame.illumination.data / true_correction(truth)
    pull = ((data - truth.scene_adu) * np.sqrt(weight))[good]
    assert good.mean() > 0.9
    assert pull.mean() == pytest.approx(0, abs=0.15)
    assert pull.std() == pytest.approx(1, abs=0.1)
    assert not weight[frame.hot.bad | frame.cold.bad | frame.saturated.bad].any()


def check_trail(found, truth):
    """The trail is found where it is; one that only cuts off a corner is too short."""
    if len(truth.trail_ends) and np.hypot(*np.diff(truth.trail_ends, axis=0)[0]) > 100:
        assert found[truth.trail].mean() > 0.95
        assert truth.trail_electrons[found].astype(bool).mean() > 0.75
    else:
        assert not found.any()


def check_maps(pairs):
    """Of all CCDs together 99 % of the hot, cold and full pixels are found, and few others."""
    from scipy.ndimage import median_filter

    hot = np.array([frame.hot.bad for frame, _ in pairs])
    true = np.array([truth.hot | truth.warm for _, truth in pairs])
    assert hot[true].mean() >= 0.99
    assert true[hot].mean() >= 0.99
    full = np.array([truth.saturated | truth.bled for _, truth in pairs])
    assert np.array([frame.weight.data == 0 for frame, _ in pairs])[full].mean() >= 0.99
    cold = np.array([frame.cold.bad for frame, _ in pairs])
    assert cold[np.array([truth.cold for _, truth in pairs])].mean() >= 0.99
    deviant = []
    for _, truth in pairs:
        # On small CCDs shadows of dust are as small as defects, and as deep.
        relative = truth.flat / median_filter(truth.flat, 31)
        deviant.append(truth.cold | (np.abs(relative - 1) > 0.05))
    assert np.array(deviant)[cold].mean() >= 0.99


def check_cosmic_rays(pairs):
    """Of all CCDs together most cosmic rays are found, and little else."""
    from scipy.ndimage import binary_dilation

    deep = caught = marked = right = 0
    for frame, truth in pairs:
        noise = np.sqrt(truth.scene + truth.read_noise**2)
        found = frame.weight.cosmic.bad
        known = frame.hot.bad | frame.cold.bad | frame.saturated.bad | truth.trail
        strong = (truth.cosmic_electrons > 5 * noise) & ~known
        near = binary_dilation(truth.cosmic_electrons > noise, np.ones((3, 3)))
        deep, caught = deep + strong.sum(), caught + (strong & found).sum()
        found = found & ~known
        marked, right = marked + found.sum(), right + (found & near).sum()
    print(f"cosmic rays: recall {caught / deep:.3f}, precision {right / marked:.3f}")
    # The bar, 0.95, is asked of 20 larger frames in the tests of the pixel steps. On these small
    # CCDs there are some tens of hits each, so that a few wrong pixels are per cents of them.
    assert caught >= 0.85 * deep
    assert right >= 0.9 * marked


def check_illumination(pairs):
    """The correction is what the scattered light of the flats asks for."""
    errors = []
    for frame, truth in pairs:
        errors.append(frame.illumination.data / true_correction(truth) - 1)
    print(f"illumination: {np.std(errors):.4f} rms, {np.abs(errors).max():.4f} at most")
    assert np.std(errors) < 0.02
    assert np.abs(errors).max() < 0.08


def true_correction(truth):
    """Give the illumination correction that the scattered light of the flats asks for."""
    correction = 1 / truth.illumination
    return correction / correction.mean()
