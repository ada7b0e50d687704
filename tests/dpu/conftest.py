"""Fixtures: an AWE_HOME with recipes that do what a test wants, and a DPU that ends with it."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from awe.dpu.control import DpuHome
from awe.dpu.processor import Processor
from awe.prompt import namespace, users
from awe.store import current
from awe.store.registry import find_class

OPENER = "awe.prompt.namespace:open_session"
RECIPES = '''
"""Recipes that do what a test wants."""

import os
import resource
import signal
import tempfile
import time
import uuid
from pathlib import Path

from awe.base.errors import AweValueError
from awe.process import Argument, Task, Unit
from awe.store import persistent
from awe.store.files import DataObject


class Sheet(DataObject):
    """A product with a file."""

    abstract = False
    number = persistent("Which unit", int)


class TrialTask(Task):
    """Make Sheets, each in its own way."""

    arguments = (
        Argument("how", "what each unit does", required=True),
        Argument("marks", "folder in which each unit leaves a mark when it begins"),
    )

    def units(self):
        return [Unit(f"unit{i}", {"number": i, "how": how}) for i, how in enumerate(self.how)]

    def make(self, unit, folder):
        number, how = unit.inputs["number"], unit.inputs["how"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, resource.getrlimit(1)[1]))
        if self.marks:
            mark = Path(self.marks) / f"{number}"
            with open(mark, "a") as stream:
                stream.write(f"{os.getpid()}\\n")
            begun = len(mark.read_text().split())
        print("hello from", number)
        path = Path(folder) / f"sheet{number}-{uuid.uuid4().hex}.txt"
        path.write_text(f"{number}" * 100_000)
        Path(tempfile.mkstemp(prefix="mine")[1]).write_text("scratch")
        getattr(self, "_" + how)(number, begun if self.marks else 1)
        sheet = Sheet(number=number)
        sheet.attach(path)
        return [sheet]

    def _well(self, number, begun):
        pass

    def _nap(self, number, begun):
        time.sleep(0.3)

    def _sleep(self, number, begun):
        time.sleep(1000)

    def _stuck(self, number, begun):
        while True:
            try:
                time.sleep(1000)
            except KeyboardInterrupt:
                continue

    def _sleep_first(self, number, begun):
        time.sleep(1000 if begun == 1 else 0)

    def _die(self, number, begun):
        os.kill(os.getpid(), signal.SIGKILL)

    def _die_first(self, number, begun):
        if begun == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def _refuse(self, number, begun):
        raise AweValueError(f"unit {number} is not good", remedy="Mend it.", cause="not good")

    def _bug(self, number, begun):
        return {}["absent"]

    def _full(self, number, begun):
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.getrlimit(1)[1]))


class EmptyTask(Task):
    """Do nothing at all."""

    arguments = (Argument("count", "how many units", 1),)

    def units(self):
        return [Unit(str(i), {"number": i}) for i in range(self.count)]

    def make(self, unit, folder):
        return []
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Give a fresh AWE_HOME with recipes; this process works in an empty folder beside it."""
    top = tmp_path_factory.mktemp("dpu")
    folder = top / "home"
    (folder / "recipes").mkdir(parents=True)
    (folder / "recipes" / "trials.py").write_text(RECIPES)
    (top / "work").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("AWE_") and n != "AWE_TEST_DATA"]:
            patch.delenv(name)
        patch.chdir(top / "work")
        patch.setenv("AWE_HOME", str(folder))
        patch.setenv("AWE_USER", "ada")
        patch.setenv("AWE_DPU_WORKERS", "2")
        patch.setenv("MPLBACKEND", "agg")
        yield folder
        DpuHome(folder / "dpu").stop()


@contextlib.contextmanager
def _session():
    _forget_recipes()
    opened = namespace.open_session()
    yield opened
    if current.has_context():
        current.context().close()
    _forget_recipes()


@pytest.fixture(scope="module")
def session_of():
    """Give what opens the session of a prompt, with the recipes loaded."""
    return _session


@pytest.fixture(scope="module")
def context(home):
    """Give the context of the fresh AWE_HOME with its recipes loaded."""
    with _session() as opened:
        yield opened


def _forget_recipes():
    for name in [n for n in sys.modules if n.split(".")[0] == users.PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def dpu(context):
    """Give the `dpu` of a prompt."""
    return Processor(OPENER)


@pytest.fixture
def marks(tmp_path):
    """Give the folder for marks of units."""
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


@pytest.fixture
def sheets(context):
    """Give a function that gives the numbers of the Sheets that were stored since."""
    cls = find_class("Sheet")
    context.refresh()
    before = len(cls.select_all())

    def numbers():
        context.refresh()
        return sorted(sheet.number for sheet in cls.select_all()[before:])

    return numbers


def until(test, timeout=20.0):
    """Wait until a test is true, and give what it gave."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError):
            if found := test():
                return found
        time.sleep(0.02)
    raise AssertionError("it took too long")


@pytest.fixture(name="until")
def _until():
    return until


@pytest.fixture
def is_alive():
    """Give a function that tells whether a process is alive, and no zombie."""

    def alive(pid):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state != "Z"

    return alive


@pytest.fixture
def kill():
    """Give a function that kills a process without warning."""
    return lambda pid: os.kill(int(pid), signal.SIGKILL)


@pytest.fixture
def no_trace(home):
    """Give a function that checks that no file was left but what is stored."""

    def check(context):
        left = [p for p in home.glob("dpu/jobs/*/scratch/**/*") if p.is_file()]
        assert not left
        waiting = [p for p in (home / "data" / "incoming").glob("*/*") if p.is_file()]
        assert not waiting
        from awe.store.verify import verify

        assert verify(context) == []

    return check
