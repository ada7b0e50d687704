"""Asking for results: `target=` at dpu and lpu."""

import hashlib

import pytest

from awe.base.errors import AweError
from awe.dpu.control import DpuHome
from awe.dpu.local import LocalProcessor
from awe.model import (
    BiasFrame,
    MasterFlatFrame,
    RawBiasFrame,
    RawScienceFrame,
    ReducedScienceFrame,
)
from awe.process.pars import Pars


def test_recipe_of_the_users_own_travels_with_targets(night, dpu, home, capsys):
    """So do what it imports, parameters as Pars, and what failed is asked for again."""
    folder = home / "recipes"
    files = [folder / "levels.py", folder / "_scale.py"]
    good = [file.read_bytes() for file in files]
    noted = {
        f"awe_user.{f.stem} {hashlib.sha256(b).hexdigest()}"
        for f, b in zip(files, good, strict=True)
    }
    raws = RawBiasFrame.select_all()
    DpuHome().stop()
    dpu._start = lambda desk: None
    pars = Pars("Level")
    pars.Level.process_params.OFFSET = 1.0
    job = dpu.run("Level", target=raws, commit=True, pars=pars)
    pars.Level.process_params.LIMIT = 0.0
    bad = dpu.run("Level", target=list(raws), pars=pars)
    del dpu._start
    try:
        # What was submitted runs, not what lies there when it runs.
        files[1].write_text("SCALE = 5.0\n")
        assert dpu.wait(job).state == "done"
    finally:
        files[1].write_bytes(good[1])
    made = dpu.get_job_result(job)
    assert [level.level for level in made] == [7.0, 7.0]
    assert all(noted <= set(level.dependency_versions) for level in made)
    lpu = LocalProcessor()
    (here,) = lpu.get_job_result(
        lpu.run("Level", instrument="OMEGACAM", chip="ESO_CCD_#65", pars=_parameters(OFFSET=1.0))
    )
    (twin,) = [level for level in made if level.chip is here.chip]
    assert (here.level, here.content_key) == (7.0, twin.content_key)
    assert noted <= set(here.dependency_versions)
    assert dpu.wait(bad).counts == {"failed": len(raws)}
    again = dpu.rerun_failed(bad)
    assert dpu.wait(again).counts == {"failed": len(raws)}
    assert "the level is 7.0" in capsys.readouterr().out


def test_failed_targets_are_asked_for_again_in_this_process(night, capsys):
    """Only those."""
    (one, *_), (other, *_) = (
        list(RawBiasFrame.chip.name == chip) for chip in ("ESO_CCD_#65", "ESO_CCD_#66")
    )
    lpu = LocalProcessor()
    given = _parameters(OFFSET=3.0)
    assert lpu.wait(lpu.run("Level", target=[one, other], pars=given)).state == "done"
    night.update_is_valid(other, 0)
    try:
        rest = [r for r in RawBiasFrame.select_all() if r.chip is other.chip and r is not other]
        for raw in rest:
            night.update_is_valid(raw, 0)
        job = lpu.run("Level", target=[one, other], pars=given)
        assert lpu.get_status(job)[0].counts == {"done": 1, "failed": 1}
        again = lpu.rerun_failed(job)
        assert lpu.get_status(again)[0].counts == {"done": 0, "failed": 1}
    finally:
        for raw in [other, *rest]:
            night.update_is_valid(raw, 1)
    last = lpu.rerun_failed(again)
    assert lpu.wait(last).state == "done"
    (made,) = lpu.get_job_result(last)
    assert made.chip is other.chip
    assert made.process_params.OFFSET == 3.0


def _parameters(**given):
    pars = Pars("Level")
    for name, value in given.items():
        setattr(pars.Level.process_params, name, value)
    return pars


def test_bad_targets_are_refused(night, dpu):
    """Before anything is queued."""
    raws = list(RawBiasFrame.select_all())
    before = dpu.get_jobids()
    for arguments, words in (
        ({"target": "all"}, "frames or products"),
        ({"target": [3]}, "in it is 3"),
        ({"target": []}, "no frames"),
        ({"target": raws, "depht": 1}, "Did you mean 'depth'"),
        ({"target": [night.find_project()]}, "raw frame"),
        ({"target": raws, "instrument": "NICKEL"}, "is of OMEGACAM, not of 'NICKEL'"),
    ):
        with pytest.raises(AweError, match=words):
            dpu.run("Reduce", **arguments)
    with pytest.raises(AweError, match="one recipe"):
        dpu.run("Bias>Reduce", target=raws)
    assert dpu.get_jobids() == before


@pytest.mark.heavy
def test_targets_on_the_pool_make_what_is_missing_and_nothing_twice(night, dpu, same, capsys):
    """Calibrations are made once for each CCD, committed or not; a second call makes nothing."""
    raws = list(RawScienceFrame.select_all())
    plan = dpu.run("Reduce", instrument="OMEGACAM", target=raws, plan=True)
    assert {planned.action for planned in plan} == {"make"}
    dry = dpu.run("Reduce", target=raws)
    assert dpu.wait(dry).state == "done"
    uncommitted = dpu.get_job_result(dry)
    assert len(ReducedScienceFrame.select_all()) == 0
    job = dpu.run("Reduce", target=raws, commit=True)
    assert dpu.wait(job).state == "done"
    made = dpu.get_job_result(job)
    assert {type(p) for p in made} == {ReducedScienceFrame}
    assert len(made) == len(raws) == len(ReducedScienceFrame.select_all())
    assert len(BiasFrame.select_all()) == len(MasterFlatFrame.select_all()) == 2
    same(made, uncommitted)
    here = ReducedScienceFrame.targets(raws)
    assert {p.object_id for p in here} == {p.object_id for p in made}
    again = dpu.run("Reduce", target=ReducedScienceFrame.select_all(), commit=True)
    capsys.readouterr()
    assert dpu.wait(again).state == "done"
    assert "0 products committed, 2 were there already" in capsys.readouterr().out
    assert {p.object_id for p in dpu.get_job_result(again)} == {p.object_id for p in made}
    assert len(ReducedScienceFrame.select_all()) == len(raws)
    lpu = LocalProcessor()
    local = lpu.get_job_result(lpu.run("Reduce", target=raws[0], commit=True))
    assert [p.object_id for p in local] == [p.object_id for p in made if p.raw is raws[0]]
    pars = Pars("Reduce")
    pars.ReducedScienceFrame.process_params.IMAGE_THRESHOLD = 6.0
    for given in (pars, pars.get()):
        job = dpu.run("Reduce", instrument="OMEGACAM", chip="ESO_CCD_#65", pars=given)
        assert dpu.wait(job).state == "done"
        (reduced,) = [p for p in dpu.get_job_result(job) if type(p) is ReducedScienceFrame]
        assert reduced.process_params.IMAGE_THRESHOLD == 6.0
