"""The pool: the interface of an executor, and one worker that stops without the others."""

import os
import pickle
import time
from concurrent.futures import BrokenExecutor, CancelledError

import pytest

from awe.dpu.executor import CallStopped, TimeLimitReached, WorkerDied
from awe.dpu.pool import WorkerPool


@pytest.fixture(scope="module")
def pool():
    """Give a pool of two workers."""
    with WorkerPool(2) as opened:
        yield opened


def test_calls_give_results_and_errors(pool):
    """As `concurrent.futures` does, with the traceback of the worker as a note."""
    assert pool.submit(pow, 2, 10).result(20) == 1024
    assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]
    with pytest.raises(ZeroDivisionError) as caught:
        pool.submit(divmod, 1, 0).result(20)
    assert "Traceback" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="cannot be sent"):
        pool.submit(memoryview, b"x").result(20)
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        pool.submit(lambda: 1).result(20)


def test_threads_of_numerical_libraries_are_pinned_to_one(pool):
    """Two workers on two cores, not two times two threads."""
    assert pool.submit(os.getenv, "OMP_NUM_THREADS").result(20) == "1"
    assert pool.submit(os.getenv, "NUMBA_NUM_THREADS").result(20) == "1"
    assert "NUMBA_NUM_THREADS" not in os.environ


def test_one_call_is_stopped_and_the_other_goes_on(pool):
    """Also one that waits."""
    other = pool.submit(time.sleep, 1.0)
    call = pool.submit(time.sleep, 100)
    waiting = pool.submit(time.sleep, 100)
    while not call.running():
        time.sleep(0.01)
    pool.stop(waiting)
    began = time.monotonic()
    pool.stop(call)
    with pytest.raises(CallStopped):
        call.result(5)
    assert time.monotonic() - began < 1
    with pytest.raises(CancelledError):
        waiting.result(1)
    assert other.result(20) is None


def test_time_limit_is_of_the_call_not_of_its_waiting(pool):
    """A call that waits for its turn does not run out of time."""
    calls = [pool.submit_limited(1.0, time.sleep, 0.4) for _ in range(6)]
    assert [call.result(20) for call in calls] == [None] * 6
    with pytest.raises(TimeLimitReached, match=r"longer than 0\.2 s"):
        pool.submit_limited(0.2, time.sleep, 100).result(5)


def test_worker_that_dies_is_replaced(pool):
    """Its call says how it died; the pool goes on."""
    with pytest.raises(WorkerDied, match="status 3"):
        pool.submit(os._exit, 3).result(20)
    with pytest.raises(WorkerDied, match="SIGKILL"):
        pool.submit(_kill_self).result(20)
    pids = _both(pool)
    with pytest.raises(WorkerDied) as caught:
        pool.submit(os._exit, 3).result(20)
    pid = int(caught.value.worker.rpartition(":")[2])
    assert pid in pids
    # The other one is still there, and another has taken the place of the dead one.
    assert _both(pool) & pids == pids - {pid}


def _both(pool):
    """Give the processes of both workers."""
    found = set()
    while len(found) < 2:
        naps = [pool.submit(_nap) for _ in range(2)]
        found |= {nap.result(20) for nap in naps}
    return found


def _nap():
    time.sleep(0.1)
    return os.getpid()


def _kill_self():
    os.kill(os.getpid(), 9)


def test_workers_that_cannot_open_break_the_pool():
    """The reason reaches whoever submitted."""
    broken = WorkerPool(1, divmod, (1, 0))
    with pytest.raises(BrokenExecutor, match="ZeroDivisionError"):
        broken.submit(abs, 1).result(30)
    broken.shutdown()


def test_workers_that_are_killed_while_they_start_are_not_replaced_for_ever():
    """After three of them the pool says what happened."""
    broken = WorkerPool(2, _kill_self)
    with pytest.raises(BrokenExecutor, match=r"3 workers .* killed by SIGKILL while it loaded"):
        broken.submit(abs, 1).result(30)
    broken.shutdown()


def test_pool_that_is_shut_down_refuses(is_alive):
    """And its workers are gone."""
    pool = WorkerPool(2)
    pids = {pool.submit(os.getpid).result(20) for _ in range(4)}
    call = pool.submit(time.sleep, 100)
    pool.shutdown(cancel_futures=True)
    assert call.done()
    assert not any(is_alive(pid) for pid in pids)
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(abs, 1)
