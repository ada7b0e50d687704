"""One recipe, three places: execute(), lpu.run and dpu.run give the same pixels and lineage."""

import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.ReduceTask import ReduceTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask

from awe.base.errors import AweError
from awe.dpu.jobs import find_job, units_of
from awe.dpu.local import LocalProcessor
from awe.model import (
    MasterFlatFrame,
    RawBiasFrame,
    ReducedScienceFrame,
)

CHAIN = "Bias>DomeFlat>TwilightFlat>MasterFlat>Reduce"
TASKS = (BiasTask, DomeFlatTask, TwilightFlatTask, MasterFlatTask, ReduceTask)


@pytest.mark.heavy
def test_bias_is_the_same_wherever_it_is_made(night, dpu, same):
    """Same arguments, same products: committed or not."""
    arguments = {"instrument": "OMEGACAM", "chip": "ESO_CCD_#65"}
    lpu = LocalProcessor()
    here = BiasTask(**arguments, commit=True, folder=None).execute()
    local = lpu.get_job_result(lpu.run("Bias", **arguments, commit=True, folder=None))
    job = dpu.run("Bias", **arguments, commit=True)
    dpu.wait(job)
    dry = dpu.run("Bias", **arguments)
    dpu.wait(dry)
    same(here, local, dpu.get_job_result(job), dpu.get_job_result(dry))
    names = [raw.filename for raw in RawBiasFrame.chip.name == "ESO_CCD_#65"]
    job = dpu.run("Bias", instrument="OMEGACAM", raw_filenames=names, validity="forever")
    dpu.wait(job)
    (bias,) = [p for p in dpu.get_job_result(job) if type(p).__name__ == "BiasFrame"]
    assert bias.timestamp_start.year == 1900


def test_missing_calibration_is_refused_unless_the_chain_makes_it(night, dpu):
    """The dry selection says which, and what is nearest."""
    before = dpu.get_jobids()
    with pytest.raises(AweError, match=r"none of 2 can be made: No (MasterFlat|Bias)Frame serves"):
        dpu.run("Reduce", instrument="OMEGACAM", date="2012-05-31")
    with pytest.raises(AweError, match=r"No (MasterFlat|Bias)Frame serves"):
        dpu.run("Bias>Reduce", instrument="OMEGACAM")
    assert dpu.get_jobids() == before


def test_plan_tells_what_a_chain_would_do_and_queues_nothing(night, dpu):
    """What earlier steps will make counts for later ones; the local twin says the same."""
    before = dpu.get_jobids()
    plan = dpu.run(CHAIN, instrument="OMEGACAM", plan=True)
    assert dpu.get_jobids() == before
    assert {planned.action for planned in plan} == {"make"}
    assert [p.task for p in plan].count("Reduce") == 2
    assert "to be made" in repr(plan)
    twin = LocalProcessor().run(CHAIN, instrument="OMEGACAM", plan=True)
    assert [(p.task, p.label, p.action) for p in twin] == [
        (p.task, p.label, p.action) for p in plan
    ]
    # Without the steps that make them the calibrations are missing, and that is told, not raised.
    alone = dpu.run("Reduce", instrument="OMEGACAM", plan=True)
    assert {planned.action for planned in alone} == {"missing"}


@pytest.mark.heavy
def test_chain_is_the_same_wherever_it_is_made(night, dpu, same):
    """From raw to reduced; without commit as well, and nothing is stored then."""
    here = [p for task in TASKS
            for p in task(instrument="OMEGACAM", commit=True, folder=None).execute()]  # fmt: skip
    arguments = {"instrument": "OMEGACAM", "commit": True}
    lpu = LocalProcessor()
    local = lpu.get_job_result(lpu.run(CHAIN, **arguments, folder=None))
    job = dpu.run(CHAIN, **arguments)
    assert dpu.wait(job).state == "done"
    made = dpu.get_job_result(job)
    same(here, local, made)
    count = len(ReducedScienceFrame.select_all()), len(MasterFlatFrame.select_all())
    dry = dpu.run(CHAIN, instrument="OMEGACAM")
    assert dpu.wait(dry).state == "done"
    night.refresh()
    assert (len(ReducedScienceFrame.select_all()), len(MasterFlatFrame.select_all())) == count
    uncommitted = dpu.get_job_result(dry)
    same(here, uncommitted)
    reduced = uncommitted[-1]
    assert reduced.flat in uncommitted
    assert reduced.flat.domeflat in uncommitted
    reduced.commit()
    assert reduced.flat.domeflat.bias.is_committed
    assert reduced.weight.is_committed


@pytest.mark.heavy
def test_failed_bias_blocks_its_own_ccd(night, dpu, capsys):
    """The other CCD goes on; what is blocked names its cause."""
    raws = list(RawBiasFrame.chip.name == "ESO_CCD_#66")
    for raw in raws[1:]:
        night.update_is_valid(raw, 0)
    path = raws[0].path()
    path.chmod(0o600)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    try:
        job = dpu.run(CHAIN, instrument="OMEGACAM")
        assert dpu.wait(job).state == "failed"
        units = units_of(night, find_job(night, job))
        assert {u.state for u in units if u.group == "ESO_CCD_#65"} == {"done"}
        other = [u.state for u in units if u.group == "ESO_CCD_#66"]
        assert other.count("failed") >= 1
        assert "blocked" in other
        assert "Bias ESO_CCD_#66 2012-05-31 failed, which it needs" in capsys.readouterr().out
    finally:
        path.write_bytes(good)
