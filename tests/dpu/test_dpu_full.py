"""A disk that is really full, with everything of AWE_HOME on it."""

import collections
import os
import shutil
import subprocess

import pytest

from awe.dpu.control import DpuError, DpuHome
from awe.dpu.jobs import find_job, units_of
from awe.store.storage import StoreError

pytestmark = pytest.mark.heavy


def _mount(folder, size, *more):
    options = f"{','.join(more)},size={size}" if more else f"size={size}"
    return subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False
    )


@pytest.fixture(scope="module")
def home(home):
    """Give the fresh AWE_HOME on a disk of its own, of 8 MB."""
    kept = home.with_name("kept")
    shutil.copytree(home, kept)
    if os.getuid() != 0 or shutil.which("mount") is None or _mount(home, "8m").returncode:
        pytest.skip("only root can mount a small disk, and not everywhere")
    try:
        shutil.copytree(kept, home, dirs_exist_ok=True)
        yield home
        DpuHome().stop()
    finally:
        subprocess.run(["umount", "-l", home], check=True)


def test_disk_that_is_full_loses_nothing(dpu, context, home, sheets, no_trace):
    """The DPU ends and says why; with more room the job goes on, and nothing is stored twice."""
    job = dpu.run("Trial", how=["well"] * 70, commit=True)
    with pytest.raises(DpuError, match="is full"):
        dpu.wait(job)
    with pytest.raises(StoreError, match="Is the disk full"):
        dpu.run("Trial", how=["well"] * 50)
    context.refresh()
    units = units_of(context, find_job(context, job))
    done = sum(unit.state == "done" for unit in units)
    assert 0 < done == len(sheets()) < 70
    assert _mount(home, "64m", "remount").returncode == 0
    assert dpu.wait(job).state in ("done", "failed")
    failed = [unit for unit in units if unit.state != "done"]
    for unit in failed:
        assert "Make room" in unit.error or "Is the disk full" in unit.error
    if failed:
        assert dpu.wait(dpu.rerun_failed(job)).state == "done"
    assert collections.Counter(sheets()) == dict.fromkeys(range(70), 1)
    no_trace(context)
