"""What the pool makes is planned, changed, judged and made again as what is made here."""

import sys

import pytest
from awe.recipes.IngestTask import IngestTask

from awe.model import (
    BiasFrame,
    DomeFlatFrame,
    RawScienceFrame,
    ReducedScienceFrame,
    WeightFrame,
)
from awe.process import Product
from awe.process.pars import Pars
from awe.process.uptodate import missing, uptodate
from awe.simulate import simulate_night

pytestmark = pytest.mark.heavy


def run_here(text):
    """Run the text of a script in this process."""
    before, sys.argv = sys.argv, ["script.py"]
    try:
        exec(compile(text, "script.py", "exec"), {"__name__": "__main__"})
    finally:
        sys.argv = before


def by_pool(dpu, frames, **more):
    """Give what the pool makes of some frames."""
    job = dpu.run("Reduce", target=frames, commit=True, **more)
    assert dpu.wait(job).state == "done"
    return dpu.get_job_result(job)


def count():
    """Count the stored products."""
    return len(Product.select_all())


@pytest.fixture(scope="module")
def frames(context, tmp_path_factory):
    """Give the store with the raw frames of a night of three small CCDs, one for each change."""
    folder = tmp_path_factory.mktemp("night")
    simulate_night(folder, ccds=3, biases=4, domes=2, twilights=2, exposures=1)
    IngestTask(paths=[folder], commit=True).execute()
    return context


@pytest.fixture
def made(frames, dpu):
    """Give what the pool makes of all; what is there already it only gives."""
    raws = RawScienceFrame.select_all()
    stored = count()
    plan = dpu.run("Reduce", target=raws, plan=True)
    assert not plan.of("missing")
    assert count() == stored
    products = by_pool(dpu, raws)
    frames.refresh()
    keys = {p.content_key for p in Product.select_all()}
    assert {unit.product.content_key for unit in plan} <= keys
    assert not dpu.run("Reduce", target=raws, plan=True).of("make")
    return products


@pytest.fixture
def red(made):
    """Give a function that gives the reduced frame of a CCD, counted from 0."""
    return lambda at: sorted(made, key=lambda p: p.chip.name)[at]


def test_what_was_made_is_up_to_date_and_not_made_twice(frames, dpu, made):
    """In this process as on the pool, asked for as raw frames or as products."""
    raws = RawScienceFrame.select_all()
    before = count()
    assert uptodate(made).all()
    assert missing(ReducedScienceFrame, raws) == []
    assert set(ReducedScienceFrame.targets(raws, commit=True)) == set(made)
    assert set(by_pool(dpu, made)) == set(made)
    assert count() == before


def test_a_parameter_of_the_flat_leaves_the_bias_alone(frames, dpu, red):
    """The flat is made again and what hangs on it; parameters travel as Pars and as dict."""
    old = red(0)
    pars = Pars("DomeFlat>Reduce", instrument="OMEGACAM")
    pars.DomeFlatFrame.process_params.SIGMA_CLIP = 4.0
    biases, flats = len(BiasFrame.select_all()), len(DomeFlatFrame.select_all())
    plan = dpu.run("Reduce", target=old.raw, plan=True, pars=pars)
    assert [u.class_name for u in plan.of("make")] == [
        "DomeFlatFrame", "MasterFlatFrame", "ReducedScienceFrame"
    ]  # fmt: skip
    (new,) = by_pool(dpu, old.raw, pars=pars)
    frames.refresh()
    assert (len(BiasFrame.select_all()), len(DomeFlatFrame.select_all())) == (biases, flats + 1)
    assert new.bias is old.bias
    assert new.flat.domeflat.process_params.SIGMA_CLIP == 4.0
    assert "SIGMA_CLIP: user" in new.flat.domeflat.parameter_origins
    assert new.content_key == plan[-1].product.content_key
    assert new.is_uptodate()
    assert old.why_outdated() == [f"there is a better flat: {new.flat!r}"]
    assert by_pool(dpu, old.raw, pars=pars.get()) == [new]
    # So that the other tests find what they expect, in any order.
    for product in (new, new.flat, new.flat.domeflat):
        frames.update_is_valid(product, 0, "only a test")
    assert old.is_uptodate()


def test_a_verdict_travels_and_the_pool_makes_it_again_without(frames, dpu, red):
    """Suspect is what was made on the pool; a raw frame that is bad is left out there."""
    old = red(1)
    bad = old.bias.raw_bias_frames[0]
    frames.update_is_valid(bad, 0, "light leak")
    try:
        assert old.why_suspect() == [bad]
        assert old not in list(ReducedScienceFrame.select_all().not_suspect())
        assert old.weight not in list(WeightFrame.select_all().not_suspect())
        assert missing(ReducedScienceFrame, RawScienceFrame.select_all()) == [old.raw]
        (new,) = by_pool(dpu, old)
        frames.refresh()
        assert new.raw is old.raw
        assert bad not in new.bias.raw_bias_frames
        assert len(new.bias.raw_bias_frames) == 3
        assert new.flat.domeflat.bias is new.bias
        assert not new.is_suspect()
        assert new.is_uptodate()
        before = count()
        assert old.remake(commit=True) is new
        assert count() == before
    finally:
        frames.update_is_valid(bad, 1, "it was none")
    assert not old.is_suspect()


def test_what_the_pool_made_comes_out_identical_here(made, red, tmp_path, monkeypatch):
    """Each product, with its maps; and by a script from raw frames."""
    old = red(2)
    chain = [o for o in old.weight.lineage().objects() if isinstance(o, Product)]
    assert {type(o).__name__ for o in chain} >= {
        "BiasFrame", "DomeFlatFrame", "TwilightFlatFrame", "MasterFlatFrame", "CosmicMap",
        "SaturatedPixelMap", "SatelliteMap", "ReducedScienceFrame", "WeightFrame",
    }  # fmt: skip
    for product in chain:
        assert product.reproduce().identical, product
    monkeypatch.chdir(tmp_path)
    run_here(old.script())
    assert [path.suffix for path in tmp_path.iterdir()] == [".fits"]
    assert old.flat.domeflat.explain("bias").chosen is old.bias
