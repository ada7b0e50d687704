"""The lease: whoever does not hold it any more stores nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from awe.dpu import work
from awe.dpu.jobs import find_job, units_of
from awe.dpu.specs import spec_of

_TAKE = """
from awe.dpu.jobs import DpuJob, DpuUnit
unit = DpuUnit[{unit!r}]
unit.attempt = 2
unit.commit()
"""
_CANCEL = "dpu.cancel_job({job})"


@pytest.fixture
def begun(dpu, context, home, monkeypatch):
    """Give job and unit as a worker finds them that has just begun."""
    monkeypatch.setattr(dpu, "_start", lambda desk: None)
    job = find_job(context, dpu.run("Trial", how=["well"], commit=True))
    (unit,) = units_of(context, job)
    unit.state, unit.attempt = "running", 1
    unit.commit()
    return job, unit, spec_of(job, unit, home / "dpu")


def test_holder_of_the_lease_stores_product_and_state_at_once(begun, context, sheets):
    """One transaction: both have the same store time."""
    _, unit, spec = begun
    assert work.run_unit(spec)["state"] == "done"
    context.refresh()
    assert unit.state == "done"
    assert sheets() == [0]
    (sheet,) = work.products_of(unit)
    assert sheet.committed_at == unit.history()[-1].when
    assert work.run_unit(spec)["state"] == "lost"
    assert sheets() == [0]


@pytest.mark.parametrize("code", [_TAKE, _CANCEL])
def test_lease_that_is_lost_while_the_unit_is_made_stores_nothing(
    begun, context, sheets, monkeypatch, no_trace, code
):  # fmt: skip
    """Another process takes the unit, or cancels the job, when the product is ready."""
    job, unit, spec = begun
    finish = work._finish

    def finish_late(record, results):
        finish(record, results)
        awe = Path(sys.executable).parent / "awe"
        code_now = code.format(unit=unit.object_id, job=job.number)
        subprocess.run([awe, "-c", code_now], check=True, env=os.environ, timeout=60)

    monkeypatch.setattr(work, "_finish", finish_late)
    assert work.run_unit(spec)["state"] == "lost"
    context.refresh()
    assert unit.state == "running"
    assert not unit.is_edited
    assert sheets() == []
    no_trace(context)
