"""Fixtures that every test may use."""

import contextlib
import fcntl
import gc
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from server_lab import Watch

_HERE = Path(__file__).resolve().parent
_STOP = """
import os, sys
folder = sys.argv[1]
if os.path.isdir(folder):
    from awe.dpu.control import DpuHome
    from awe.services.desk import PageDesk
    PageDesk(folder).stop()
    DpuHome(folder).stop()
"""


def pytest_configure():
    """Let Ctrl-C be heard: what a shell runs in the background ignores it, with all it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def no_search_for_old_garbage():
    """Let the collector of garbage pass over what there is before the tests of a file.

    Packing a store calls it many times, and among all modules, tests and caches each call took
    as long as the pack itself.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish():
    """Let plugins that look for what refers to an object find it."""
    gc.unfreeze()
    return (yield)


@pytest.fixture(scope="session", autouse=True)
def waits_for_the_disk():
    """Leave them out in this process, and give what does them: a function, and SQLite's setting.

    Nobody pulls the plug in a test; tests that commit would wait half of their time.
    """
    from awe.store import storage

    with pytest.MonkeyPatch.context() as patch:
        given = os.fsync, storage._PRAGMAS["synchronous"]
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setitem(storage._PRAGMAS, "synchronous", "OFF")
        yield given


@pytest.fixture(scope="session")
def shared_data():
    """Give the folder of real frames, or skip the test where it is absent."""
    candidates = [Path(os.environ.get("AWE_TEST_DATA", "")), _HERE.parents[1] / "shared" / "data"]
    for folder in candidates:
        if (folder / "reference_stats.json").is_file():
            return folder
    pytest.skip("the folder of real frames (../shared/data or AWE_TEST_DATA) is absent")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Give a function that gives a filled folder: all processes of a run of tests share it.

    Its arguments are a name, and a function that fills an empty folder. Nothing in it may be
    changed.
    """
    top = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        top = top.parent

    def folder_of(name, fill):
        folder, done = top / f"once-{name}", top / f"once-{name}.done"
        with open(top / f"once-{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def default_night(made_once):
    """Give the night of the tutorial: 32 small CCDs."""
    from awe.simulate import open_night, simulate_night

    return open_night(made_once("night", lambda folder: simulate_night(folder, standards=1)))


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
    watch = Watch(sys.executable, "-c", _STOP, folder)
    try:
        yield
    finally:
        PageDesk(folder).stop()
        DpuHome(folder).stop()
        watch.call_off()


@pytest.fixture(scope="session")
def dpu_home(dpu_that_ends):
    """Give a context manager: an AWE_HOME with recipes, in which this process works.

    Its arguments are a folder, the recipes by the names of their files, and how many workers its
    DPU has, which ends with it.
    """

    @contextlib.contextmanager
    def opened(top, recipes, workers):
        home = top / "home"
        (home / "recipes").mkdir(parents=True)
        for name, text in recipes.items():
            (home / "recipes" / name).write_text(text)
        (top / "work").mkdir()
        with pytest.MonkeyPatch.context() as patch:
            for name in [n for n in os.environ if n.startswith("AWE_") and n != "AWE_TEST_DATA"]:
                patch.delenv(name)
            patch.chdir(top / "work")
            patch.setenv("AWE_HOME", str(home))
            patch.setenv("AWE_USER", "ada")
            patch.setenv("AWE_DPU_WORKERS", str(workers))
            patch.setenv("MPLBACKEND", "agg")
            with dpu_that_ends(home):
                yield home

    return opened


@pytest.fixture(scope="session")
def session_of():
    """Give what opens the session of a prompt, with the recipes of its AWE_HOME loaded."""
    return _session


@contextlib.contextmanager
def _session():
    from awe.prompt import namespace
    from awe.store import current

    _forget_recipes()
    opened = namespace.open_session()
    yield opened
    if current.has_context():
        current.context().close()
    _forget_recipes()


def _forget_recipes():
    from awe.prompt import users

    for name in [n for n in sys.modules if n.split(".")[0] == users.PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def until():
    """Give a function that waits until a test is true, and gives what it gave."""
    return _until


def _until(test, timeout=30.0):
    """Wait until a test is true, and give what it gave."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        # What it looks into may not be there yet.
        with contextlib.suppress(FileNotFoundError):
            if found := test():
                return found
        time.sleep(0.02)
    raise AssertionError("it took too long")
