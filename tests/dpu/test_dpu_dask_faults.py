"""What goes wrong on dask.distributed, with the embedded store: as on our own pool."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from server_lab import Watch

from awe.dpu.control import DpuHome
from awe.dpu.jobs import find_job, units_of

pytestmark = pytest.mark.heavy


class Cluster:
    """A scheduler at a fixed address and workers of one thread, without nannies."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.log = open(folder / "dask.log", "ab")  # noqa: SIM115  it is theirs until they end
        self.started = []
        self.watches = []
        self.workers = []
        self.scheduler = None

    def _start(self, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments], stdout=self.log, stderr=self.log
        )
        self.started.append(process)
        self.watches.append(Watch("kill", "-9", process.pid))
        return process

    def start(self):
        """Start the scheduler and two workers."""
        options = ("--host", "127.0.0.1", "--no-dashboard")
        self.scheduler = self._start("scheduler", "--port", str(self.port), *options)
        end = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < end
            time.sleep(0.1)
        self.workers = []
        self.add_worker()
        self.add_worker()

    def _answers(self):
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", self.port)) == 0

    def add_worker(self):
        """Start a worker."""
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        self.workers.append(self._start("worker", self.address, *options))

    def stop(self):
        """End all processes."""
        for process in reversed(self.started):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        for process in self.started:
            process.wait()
        for watch in self.watches:
            watch.call_off()
        self.log.close()


@pytest.fixture(scope="module")
def cluster(home, tmp_path_factory):
    """Give a cluster to which the DPU of this home sends its units."""
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    found = Cluster(tmp_path_factory.mktemp("dask"))
    found.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWE_DPU_EXECUTOR", "dask")
        patch.setenv("AWE_DPU_SCHEDULER", found.address)
        yield found
        DpuHome(home / "dpu").stop()
    found.stop()


def _ancestors(pid):
    """Give the processes above one."""
    found = []
    while pid > 1:
        with open(f"/proc/{pid}/stat") as stream:
            pid = int(stream.read().rsplit(")", 1)[1].split()[1])
        found.append(pid)
    return found


def test_worker_of_dask_that_is_killed_costs_one_attempt(
    cluster, dpu, context, marks, sheets, until, no_trace
):  # fmt: skip
    """Its unit is run once more by another one, under a new lease."""
    job = dpu.run("Trial", how=["sleep_first", "well"], marks=str(marks), commit=True)
    child = int(until(lambda: (marks / "0").read_text(), 60))
    (worker,) = [w for w in cluster.workers if w.pid in _ancestors(child)]
    os.kill(worker.pid, signal.SIGKILL)
    cluster.add_worker()
    assert dpu.wait(job).state == "done"
    assert sheets() == [0, 1]
    units = units_of(context, find_job(context, job))
    assert [unit.attempt for unit in units] == [2, 1]
    assert units[0].losses == 1
    no_trace(context)


def test_cancel_is_a_cancel_whenever_it_comes(cluster, dpu, context, marks, sheets):
    """Also while a child of the worker is still starting."""
    for pause in (0.0, 0.3, 1.0):
        job = dpu.run("Trial", how=["sleep", "sleep", "sleep"], commit=True)
        time.sleep(pause)
        dpu.cancel_job(job)
        assert dpu.wait(job).counts == {"cancelled": 3}
        assert all(unit.cause is None for unit in units_of(context, find_job(context, job)))
    assert sheets() == []


def test_scheduler_that_is_lost_ends_the_dpu_and_keeps_the_job(
    cluster, dpu, context, marks, sheets, until, no_trace
):  # fmt: skip
    """Nothing fails for it; with a new scheduler the job goes on."""
    job = dpu.run("Trial", how=["sleep_first", "well"], marks=str(marks), commit=True)
    until(lambda: (marks / "0").read_text(), 60)
    for process in (cluster.scheduler, *cluster.workers):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    until(lambda: DpuHome().running() is None, 60)
    assert f"{cluster.address} was lost" in DpuHome().log.read_text()
    context.refresh()
    assert "failed" not in [unit.state for unit in units_of(context, find_job(context, job))]
    cluster.start()
    assert dpu.wait(job).state == "done"
    assert sheets() == [0, 1]
    no_trace(context)
