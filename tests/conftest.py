"""Fixtures that every test may use."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent
# What stands beside the tests until their end of the pipe closes, however they end.
_STOP = """
import os, sys
sys.stdin.read()
folder = sys.argv[1]
if os.path.isdir(folder):
    from awe.dpu.control import DpuHome
    from awe.services.desk import PageDesk
    PageDesk(folder).stop()
    DpuHome(folder).stop()
"""


@pytest.fixture(scope="session")
def shared_data():
    """Give the folder of real frames, or skip the test where it is absent."""
    candidates = [Path(os.environ.get("AWE_TEST_DATA", "")), _HERE.parents[1] / "shared" / "data"]
    for folder in candidates:
        if (folder / "reference_stats.json").is_file():
            return folder
    pytest.skip("the folder of real frames (../shared/data or AWE_TEST_DATA) is absent")


@pytest.fixture(scope="session")
def dpu_that_ends():
    """Give a context manager: the DPU of an AWE_HOME and its page end with it.

    They outlive whoever started them, so they are stopped also where the tests are killed.
    """
    return _dpu_that_ends


@contextlib.contextmanager
def _dpu_that_ends(home):
    from awe.dpu.control import DpuHome
    from awe.services.desk import PageDesk

    folder = home / "dpu"
    watcher = subprocess.Popen(
        [sys.executable, "-c", _STOP, str(folder)], stdin=subprocess.PIPE, cwd="/",
        start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        PageDesk(folder).stop()
        DpuHome(folder).stop()
        watcher.kill()
        watcher.communicate()
