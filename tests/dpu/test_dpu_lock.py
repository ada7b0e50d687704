"""The lock by which there is one DPU of a folder."""

import fcntl
import os
import threading

from awe.dpu.control import take_lock


def _hold(path, how):
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, how)
    return descriptor


def test_who_only_looks_does_not_keep_the_lock_from_anybody(tmp_path):
    looking = _hold(tmp_path / "lock", fcntl.LOCK_SH)
    threading.Timer(0.1, os.close, [looking]).start()
    taken = take_lock(tmp_path / "lock")
    assert taken is not None
    os.close(taken)


def test_who_holds_it_keeps_it(tmp_path):
    held = _hold(tmp_path / "lock", fcntl.LOCK_EX)
    assert take_lock(tmp_path / "lock") is None
    os.close(held)
