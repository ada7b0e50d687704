"""A process that is killed while it commits leaves nothing half done."""

import contextlib
import random
import signal
import time

import pytest
from store_lab import LabFrame, open_lab, start

from awe.store.files import sha256_of
from awe.store.verify import verify


def _kill_at_a_random_moment(tmp_path, name, rng):
    """Give the lines that a committing process could say before it was killed."""
    process = start("until_killed", "-", tmp_path, name)
    first = process.stdout.readline()
    assert first, process.stderr.read()
    time.sleep(rng.uniform(0.0, 0.12))
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate(timeout=30)
    return [line.split() for line in (first + out).splitlines() if line.count(" ") == 1]


def _check_batches(context, said):
    """Compare the store with what was acknowledged."""
    context.refresh()
    stored = {}
    for frame in LabFrame.select_all():
        stored.setdefault(frame.batch, []).append(frame)
        assert sha256_of(frame.path())[0] == frame.sha256
    assert all(len(frames) == 3 for frames in stored.values())
    made = {batch for word, batch in said if word == "made"}
    perhaps_gone = {batch for word, batch in said if word == "deleting"}
    gone = {batch for word, batch in said if word == "deleted"}
    assert made - perhaps_gone <= set(stored)
    assert not gone & set(stored)
    for batch, frames in stored.items():
        comments = {frame.comment for frame in frames}
        assert len(comments) == 1, batch
        if ["edited", batch] in said:
            assert comments == {batch}


@pytest.mark.parametrize(
    "times", [4, pytest.param(100, marks=pytest.mark.heavy)], ids=["few", "hundred"]
)
def test_killed_while_committing(tmp_path, times):
    rng = random.Random(7)
    said = []
    for number in range(times):
        said += _kill_at_a_random_moment(tmp_path, f"k{number}", rng)
        if number % 10 == 3 or number == times - 1:
            with contextlib.closing(open_lab(tmp_path)) as context:
                _check_batches(context, said)
    assert len(said) > times
    with contextlib.closing(open_lab(tmp_path)) as context:
        for problem in verify(context, repair=True):
            assert problem.startswith("Moved "), problem
        assert verify(context) == []
        _check_batches(context, said)
