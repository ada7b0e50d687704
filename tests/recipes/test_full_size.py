"""A set of full-size exposures of the whole mosaic, from raw to reduced."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from recipe_lab import open_store

from awe.model import (
    BiasFrame,
    ColdPixelMap,
    DomeFlatFrame,
    HotPixelMap,
    MasterFlatFrame,
    RawFrame,
    ReducedScienceFrame,
    TwilightFlatFrame,
    WeightFrame,
)
from awe.simulate import open_night
from awe.store.verify import verify

CCDS = 32
GIGABYTES = 20
CHIP = "ESO_CCD_#65"
_BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "night.py"


@pytest.fixture
def scratch(tmp_path):
    """Give an empty folder with room for the night, which does not outlive the test.

    The environment variable AWE_TEST_SCRATCH tells where; by default pytest does.
    """
    folder = Path(os.environ.get("AWE_TEST_SCRATCH") or tmp_path)
    free = shutil.disk_usage(folder).free / 1e9
    if free < GIGABYTES:
        pytest.skip(f"{folder} has {free:.0f} GB, {GIGABYTES} are needed: set AWE_TEST_SCRATCH")
    folder = folder / f"full_size_{os.getpid()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.mark.heavy
def test_full_size_exposures(scratch, tmp_path):
    figures = tmp_path / "figures.json"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWE_")}
    environment["AWE_HOME"] = str(tmp_path / "home")
    begin = time.perf_counter()
    subprocess.run(
        [
            sys.executable, str(_BENCHMARK), "--ccds", str(CCDS), "--biases", "3", "--flats", "2",
            "--exposures", "1", "--folder", str(scratch), "--keep", "--json", str(figures),
        ], env=environment, check=True,
    )  # fmt: skip
    print(f"{time.perf_counter() - begin:.0f} s")
    told = json.loads(figures.read_text())
    # More is needed only while a raw exposure is on its way into the store.
    assert told["disk"] < GIGABYTES
    assert told["more"] < 600
    folder = Path(told["folder"])
    night = open_night(folder / "night")
    assert not any(file.exists() for file in night.files)
    context = open_store(folder, "benchmark")
    try:
        check_counts()
        assert verify(context) == []
        check_truth(night)
    finally:
        context.close()


def check_counts():
    """Every CCD has every product, of full size."""
    for cls in (
        BiasFrame, HotPixelMap, DomeFlatFrame, ColdPixelMap, TwilightFlatFrame, MasterFlatFrame,
        ReducedScienceFrame, WeightFrame,
    ):  # fmt: skip
        products = cls.select_all()
        assert len({p.chip.name for p in products}) == len(products) == CCDS, cls
        assert {(p.NAXIS2, p.NAXIS1) for p in products} == {(4100, 2048)}, cls
        assert not any(p.quality_flags for p in products), cls
    assert len(RawFrame.select_all()) == CCDS * (3 + 2 + 2 + 1)
    for frame in ReducedScienceFrame.select_all():
        assert frame.psf_radius == pytest.approx(0.8, rel=0.05)
        assert frame.star_count > 20
        assert len(frame.lineage().roots()) == 8


def check_truth(night):
    """The residuals of one CCD are noise, and what is bad was found."""
    from scipy.ndimage import binary_dilation

    (frame,) = ReducedScienceFrame.select(chip=CHIP)
    truth = night.truth(CHIP, frame.DATE_OBS)
    weight, mask = frame.weight.data, frame.mask
    missed = (truth.cosmic_electrons > 0) | truth.trail | truth.hot | truth.cold
    good = (weight > 0) & ~missed
    pull = ((frame.data - truth.scene_adu)[good] * np.sqrt(weight[good])).astype(np.float64)
    print(f"pull {pull.mean():+.4f} +- {pull.std():.4f} of {good.mean():.3f} of the pixels")
    assert good.mean() > 0.95
    assert pull.mean() == pytest.approx(0, abs=0.01)
    assert pull.std() == pytest.approx(1, abs=0.02)
    assert frame.sky * truth.gain == pytest.approx(truth.sky, rel=0.01)
    assert frame.read_noise * truth.gain == pytest.approx(
        np.hypot(truth.read_noise, truth.gain / 12**0.5), rel=0.01
    )
    full = truth.saturated | truth.bled
    for bit, true in ((1, truth.hot), (2, truth.cold), (4, full)):
        assert (mask[true] & bit > 0).mean() >= 0.99
    assert ((weight == 0) == (mask > 0)).all()
    noise = np.sqrt(truth.scene + truth.read_noise**2)
    found = frame.weight.cosmic.bad & ~full & ~truth.trail
    strong = (truth.cosmic_electrons > 5 * noise) & (mask & 7 == 0) & ~truth.trail
    near = binary_dilation(truth.cosmic_electrons > noise, np.ones((3, 3)))
    recall, precision = found[strong].mean(), near[found].mean()
    trail = frame.weight.satellite.bad
    assert truth.trail.any()
    print(f"cosmic rays: recall {recall:.3f}, precision {precision:.3f}")
    assert recall >= 0.85
    assert precision >= 0.95
    assert trail[truth.trail].mean() >= 0.95
    assert truth.trail_electrons[trail].astype(bool).mean() > 0.9
