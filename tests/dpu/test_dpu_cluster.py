"""The same prompt on dask.distributed, with the store on PostgreSQL."""

import contextlib
import re
import subprocess
import sys
import time

import numpy as np
import pytest
from awe.recipes.IngestTask import IngestTask
from server_lab import Postgres, Watch

from awe.base.errors import AweValueError
from awe.dpu import work
from awe.dpu.cluster import DaskPool, check_address
from awe.dpu.control import DpuHome
from awe.dpu.jobs import find_job, units_of
from awe.dpu.local import LocalProcessor
from awe.simulate import simulate_night
from awe.store.lock import AdvisoryLock
from awe.store.storage import StoreError, connect_postgresql
from awe.store.verify import verify

CHAIN = "Bias>DomeFlat>TwilightFlat>MasterFlat>Reduce"


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "localhost:8786", "tls://10.0.0.1:8786"]
)
def test_addresses_that_are_safe(address):
    """On this machine, or encrypted."""
    check_address(address)


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "cluster.example.org:8786"])
def test_addresses_that_are_not_encrypted_are_refused(address):
    """Whoever listens could run code as the user."""
    with pytest.raises(AweValueError, match="not encrypted"):
        check_address(address)


@contextlib.contextmanager
def _postgresql():
    """Run a server in a folder of its own; give the address of an empty database."""
    server = Postgres()
    try:
        server.start()
        with contextlib.closing(connect_postgresql(server.url("postgres"))) as connection:
            connection.cursor().execute("CREATE DATABASE team")
        yield server.url("team")
    finally:
        server.remove()


@contextlib.contextmanager
def _dask_cluster(folder):
    """Run a scheduler and two workers, each a process of its own; give the address."""
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    dask = [sys.executable, "-m", "dask"]
    address_file = folder / "scheduler.json"
    log = open(folder / "dask.log", "ab")  # noqa: SIM115  it is theirs until they end
    options = {"stdout": log, "stderr": log, "cwd": folder}
    started = [
        subprocess.Popen(
            [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
             "--scheduler-file", address_file], **options,
        )
    ]  # fmt: skip
    watches = [Watch("kill", "-9", started[0].pid)]
    try:
        started += [
            subprocess.Popen(
                [*dask, "worker", "--scheduler-file", address_file, "--nthreads", "1",
                 "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"], **options,
            )
            for _ in range(2)
        ]  # fmt: skip
        watches += [Watch("kill", "-9", process.pid) for process in started[1:]]
        end = time.monotonic() + 60
        while not address_file.exists():
            assert time.monotonic() < end, (folder / "dask.log").read_text()
            time.sleep(0.05)
        yield re.search(r"tcp://[\d.]+:\d+", address_file.read_text()).group()
    finally:
        for process in reversed(started):
            process.terminate()
        try:
            # Workers too, although they have children of their own.
            for process in started:
                process.wait(20)
        finally:
            for process in started:
                process.kill()
                process.wait()
            for watch in watches:
                watch.call_off()
            log.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Give the address of a store on PostgreSQL, and that of a scheduler."""
    with _postgresql() as url, _dask_cluster(tmp_path_factory.mktemp("dask")) as address:
        yield url, address


@pytest.fixture(scope="module")
def settings(cluster, home):
    """Set store and executor before the prompt opens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWE_STORE", cluster[0])
        patch.setenv("AWE_DPU_EXECUTOR", "dask")
        patch.setenv("AWE_DPU_SCHEDULER", cluster[1])
        yield
        # Before its cluster and its store.
        DpuHome(home / "dpu").stop()


@pytest.fixture(scope="module")
def context(settings, session_of):
    """Give the context of a prompt on the cluster."""
    with session_of() as opened:
        yield opened


@pytest.mark.heavy
def test_nobody_waits_for_the_lock_of_the_database_for_ever(cluster, context):
    """A commit says who holds it; a worker that is to be killed is killed all the same."""
    url = cluster[0]
    with AdvisoryLock(url).held():
        began = time.monotonic()
        with (
            pytest.raises(StoreError, match=r"for 0\.3 s; nothing was stored"),
            AdvisoryLock(url, 0.3).held(),
        ):
            pytest.fail("it was held")
        assert 0.3 <= time.monotonic() - began < 3
        began = time.monotonic()
        with work.outside_of_commits("", {"AWE_STORE": url}):
            assert time.monotonic() - began < 2
    with AdvisoryLock(url, 0.3).held():
        pass


@pytest.mark.heavy
def test_cluster_on_this_machine_has_as_many_workers_as_are_wanted(home):
    """Not as many as there are processors."""
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    pool = DaskPool("", 3, abs, (1,), contextlib.nullcontext)
    try:
        assert pool.size == 3
        assert pool.submit(abs, -1).result(30) == 1
    finally:
        pool.shutdown()


@pytest.mark.heavy
def test_units_stop_on_the_cluster_too(dpu, context, marks, sheets, until):
    """Cancel and time limit hold there; a worker that dies takes nothing with it."""
    job = dpu.run("Trial", how=["well", "die_first", "well"], marks=str(marks), commit=True)
    assert dpu.wait(job).state == "done"
    assert sheets() == [0, 1, 2]
    job = dpu.run("Trial", how=["stuck", "well"], commit=True, dpu_time=1.5)
    assert dpu.wait(job).state == "failed"
    states = [u.state for u in units_of(context, find_job(context, job))]
    assert states == ["failed", "done"]
    more = marks / "more"
    more.mkdir()
    job = dpu.run("Trial", how=["sleep", "stuck", "well"], marks=str(more), commit=True)
    until(lambda: (more / "0").read_text() and (more / "1").read_text())
    began = time.monotonic()
    dpu.cancel_job(job)
    assert dpu.wait(job).counts == {"cancelled": 3}
    assert time.monotonic() - began < 3
    assert sheets() == [0, 1, 1, 2]
    assert verify(context) == []


@pytest.mark.heavy
def test_chain_on_the_cluster_gives_the_local_products(dpu, context, tmp_path):
    """From raw to reduced: the same pixels and keys as in this process."""
    simulate_night(tmp_path / "night", ccds=2, biases=3, domes=2, twilights=2, exposures=1)
    IngestTask(paths=[tmp_path / "night"], commit=True).execute()
    lpu = LocalProcessor()
    here = lpu.get_job_result(lpu.run(CHAIN, instrument="OMEGACAM", folder=None))
    job = dpu.run(CHAIN, instrument="OMEGACAM", commit=True)
    assert dpu.wait(job).state == "done"
    there = {(type(p), p.chip): p for p in dpu.get_job_result(job) if hasattr(p, "data")}
    assert len(there) == 10
    for product in here:
        if hasattr(product, "data"):
            twin = there[type(product), product.chip]
            assert twin.content_key == product.content_key
            np.testing.assert_array_equal(twin.data, product.data)
    assert verify(context) == []
