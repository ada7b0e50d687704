"""MUSE exposures collected and processed by the DPU, and by processes that are killed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from awe.recipes.MuseIngestTask import MuseIngestTask

from awe.dpu.processor import Processor
from awe.model import Exposure, ExternalFile, ProcessedExposure
from awe.prompt import namespace
from awe.simulate.muse import FLAWS, MuseSize, simulate_muse
from awe.store.context import Context
from awe.store.verify import verify

pytestmark = pytest.mark.heavy
_SIZE = MuseSize(2, 2, 2, 50, 3)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Give a fresh AWE_HOME."""
    folder = tmp_path / "home"
    for name in [n for n in os.environ if n.startswith("AWE_") and n != "AWE_TEST_DATA"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWE_HOME", str(folder))
    monkeypatch.setenv("AWE_USER", "ada")
    monkeypatch.setenv("AWE_DPU_WORKERS", "2")
    monkeypatch.chdir(tmp_path)
    return folder


def test_on_the_pool(home, tmp_path, dpu_that_ends, capsys):
    """The same exposures as in this process; one that fails is told, the rest are stored."""
    flaws = dict(enumerate(FLAWS[::4], 1))
    tree = simulate_muse(tmp_path / "tree", exposures=12, flaws=flaws, size=_SIZE)
    nameless = tree.exposures[5]
    for kind in ("raw", "single"):
        path = nameless.files[kind]
        path.write_bytes(path.read_bytes().replace(b"OBJECT  =", b"XBJECT  ="))
    own = Context(tmp_path / "own" / "store", tmp_path / "own" / "data", "ada")
    MuseIngestTask(root=str(tree.root), commit=True).execute()
    here = {e.observation_time: _told(e) for e in Exposure.select_all()}
    assert len(here) == 11
    own.close()
    context = namespace.open_session()
    assert not Exposure.select_all().exists()
    with dpu_that_ends(home):
        try:
            _collect_on_the_pool(context, tree, nameless, here)
        finally:
            context.close()
    told = capsys.readouterr().out
    assert f"1 failed ({nameless.observation_time.isoformat()})" in told
    assert "OBJECT" in told


def _collect_on_the_pool(context, tree, nameless, here):
    dpu = Processor("awe.prompt.namespace:open_session")
    run = {"root": str(tree.root), "commit": True}
    status = dpu.wait(dpu.run("MuseIngest", **run))
    assert (status.state, status.counts["failed"]) == ("failed", 1)
    context.refresh()
    assert {e.observation_time: _told(e) for e in Exposure.select_all()} == here
    # A file that came late completes its exposure there too; checksums are added in the background.
    path = nameless.files["raw"]
    path.write_bytes(path.read_bytes().replace(b"XBJECT  =", b"OBJECT  ="))
    assert dpu.wait(dpu.run("MuseIngest", checksum=True, **run)).state == "done"
    context.refresh()
    assert len(Exposure.select_all()) == 12
    known = [f for f in ExternalFile.select_all() if f.sha256 is not None]
    assert len(known) == len(ExternalFile.select_all()) == len(tree.files())
    assert dpu.wait(dpu.run("ProcessExposure", commit=True)).state == "done"
    context.refresh()
    assert len(ProcessedExposure.select_all()) == 12
    assert Exposure.select_all()[0].processed_exposure.airmass == pytest.approx(1.2)
    assert verify(context) == []


def _told(exposure):
    """Give what the pool must find as this process does."""
    return (
        exposure.target.target_name, exposure.ins_mode, exposure.problems, exposure.seeing,
        exposure.sky_condition_start, [f.path for f in exposure.files], exposure.content_key,
    )  # fmt: skip


def test_killed_in_the_middle_of_collecting(home, tmp_path):
    """What is stored is whole, and another run goes on with the rest."""
    tree = simulate_muse(tmp_path / "tree", exposures=60, size=_SIZE)
    awe = Path(sys.executable).with_name("awe")
    command = [awe, "ingest", tree.root, "--instrument", "MUSE", "--commit"]
    context = namespace.open_session()
    stored = [0]
    try:
        for _ in range(3):
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
                while process.poll() is None and _count(context) < stored[-1] + 10:
                    time.sleep(0.01)
                process.kill()
            stored.append(_count(context))
            _check_whole(context)
        assert 0 < stored[1] < stored[-1] < 60
        subprocess.run(command, check=True, capture_output=True)
        assert _count(context) == 60
        _check_whole(context)
    finally:
        context.close()


def _count(context):
    context.refresh()
    return len(Exposure.select_all())


def _check_whole(context):
    linked = set()
    for exposure in Exposure.select_all():
        assert exposure.problems == ()
        assert exposure.target is not None
        linked |= {f.path for f in exposure.files}
    assert linked == {f.path for f in ExternalFile.select_all()}
    assert verify(context) == []
