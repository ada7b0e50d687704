"""Fixtures: an AWE_HOME with recipes that do what a test wants, and a DPU that ends with it."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from awe.recipes.IngestTask import IngestTask

from awe.dpu.processor import Processor
from awe.model import ReadNoise
from awe.simulate import simulate_night
from awe.store.registry import find_class
from awe.store.staging import DESK_LOCK

OPENER = "awe.prompt.namespace:open_session"
RECIPES = '''
"""Recipes that do what a test wants."""

import os
import resource
import shutil
import signal
import tempfile
import time
import uuid
from pathlib import Path

from awe.base.errors import AweValueError
from awe.process import Argument, Task, Unit
from awe.store import persistent
from awe.store.files import DataObject
from awe_user._words import HELLO


class Sheet(DataObject):
    """A product with a file."""

    abstract = False
    number = persistent("Which unit", int)


class Print(DataObject):
    """What a second step makes of Sheets."""

    abstract = False
    number = persistent("Which unit", int)
    sheets = persistent("What it was made from", [Sheet])


class TrialTask(Task):
    """Make Sheets, each in its own way."""

    product_names = ("Sheet",)
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
        print(HELLO, number)
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

    def _sleep_and_die(self, number, begun):
        if begun == 1:
            time.sleep(1000)
        elif begun == 2:
            os.kill(os.getpid(), signal.SIGKILL)

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

    def _bar(self, number, begun):
        shutil.rmtree(self.marks)
        Path(self.marks).write_text("no folder any more")

    def _full(self, number, begun):
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.getrlimit(1)[1]))

    def _full_store(self, number, begun):
        import sqlite3

        from awe.store.session import Session

        def fail(session):
            Session.commit_transaction = real
            raise sqlite3.OperationalError("database or disk is full")

        real, Session.commit_transaction = Session.commit_transaction, fail

    def _die_storing(self, number, begun):
        # As the kernel does to the process with the most memory, at the worst moment.
        from awe.store.commit import Writer

        def finish(writer):
            real(writer)
            if any("Sheet" in type(obj).__name__ for obj, _ in writer._bound) and begun == 1:
                os.kill(os.getpid(), signal.SIGKILL)

        real, Writer.finish = Writer.finish, finish

    def _die_staging(self, number, begun):
        if begun == 1:
            os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)


class PrintTask(Task):
    """Make Prints of all Sheets there are: once, or of each by itself."""

    arguments = (
        Argument("how", "what each unit of the step before does"),
        Argument("together", "whether to make one of all", False),
        Argument("spoil", "a file that makes it fail as long as it is there"),
    )
    product_names = ("Print",)

    def selected_classes(self):
        return [Sheet]

    def units(self):
        new = [sheet for sheet in Sheet.select_all() if not sheet.is_committed]
        sheets = sorted(new, key=lambda sheet: sheet.number)
        groups = [sheets] if self.together else [[sheet] for sheet in sheets]
        return [Unit(f"print{i}", {"sheets": group}) for i, group in enumerate(groups) if group]

    def make(self, unit, folder):
        if self.spoil and Path(self.spoil).exists():
            raise AweValueError("it is spoilt")
        sheets = unit.inputs["sheets"]
        path = Path(folder) / "print.txt"
        path.write_text("".join(sheet.path().read_text()[:1] for sheet in sheets))
        made = Print(number=sheets[0].number, sheets=sheets)
        made.attach(path)
        return [made]


class EmptyTask(Task):
    """Do nothing at all."""

    arguments = (Argument("count", "how many units", 1),)

    def units(self):
        return [Unit(str(i), {"number": i}) for i in range(self.count)]

    def make(self, unit, folder):
        return []
'''

LEVELS = '''
"""A product of the user's own, and what makes it of raw biases."""

from awe.recipes.common import CombineTask

from awe.model import RawBiasFrame
from awe.model.validity import Calibration, valid_nights
from awe.process import ProcessParameters, parameter
from awe.store import persistent
from awe_user._scale import SCALE


class LevelParameters(ProcessParameters):
    """How it is made."""

    OFFSET = parameter("What is added", float, 0.0)
    LIMIT = parameter("What is too much", float, 1e9)
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(7)


class Level(Calibration):
    """The level of some biases."""

    abstract = False
    inputs = ("raw_bias_frames",)
    raw_bias_frames = persistent("The biases", [RawBiasFrame])
    process_params = persistent("Parameters", LevelParameters)
    level = persistent("The level", float, unit="adu")

    def names(self):
        return {"instrument": self.instrument.name, "chip": self.chip.name}

    def make(self):
        parameters = self.process_params
        self.level = len(self.raw_bias_frames) * SCALE + parameters.OFFSET
        if self.level > parameters.LIMIT:
            raise ValueError(f"the level is {self.level}")
        self.set_validity(None)

    def verify(self):
        return 0


class LevelTask(CombineTask):
    """Make Levels of raw biases."""

    product_names = ("Level",)
    without = ("filter", "object")
    raw_class = RawBiasFrame
    group_by = ("chip", "readout")
    filter = None
    object = None

    def prepare(self, unit):
        frames = unit.inputs["frames"]
        level = Level(raw_bias_frames=frames)
        level.take_from(frames)
        return [self.making(level)]
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory, dpu_home):
    """Give a fresh AWE_HOME with recipes; this process works in an empty folder beside it."""
    recipes = {
        "trials.py": RECIPES, "levels.py": LEVELS, "_scale.py": "SCALE = 2.0\n",
        "_words.py": 'HELLO = "hello from"\n',
    }  # fmt: skip
    with dpu_home(tmp_path_factory.mktemp("dpu"), recipes, workers=2) as folder:
        yield folder


@pytest.fixture(scope="module")
def context(home, session_of):
    """Give the context of the fresh AWE_HOME with its recipes loaded."""
    with session_of() as opened:
        yield opened


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
        assert {p.name for p in waiting} <= {DESK_LOCK}
        from awe.store.verify import verify

        assert verify(context) == []

    return check


@pytest.fixture(scope="module")
def night(context, tmp_path_factory):
    """Give the store with the raw frames of a night of two small CCDs."""
    folder = tmp_path_factory.mktemp("night")
    simulate_night(folder, ccds=2, biases=3, domes=2, twilights=2, exposures=1)
    IngestTask(paths=[folder], commit=True).execute()
    return context


def _told(product):
    """Give what must not depend on where a product was made."""
    return {
        "key": product.content_key,
        "kernel": product.kernel,
        "origins": product.parameter_origins,
        "overridden": product.overridden_inputs,
        "not done": product.steps_not_done,
        "flags": product.quality_flags,
        "chip": product.chip.name,
        "lineage": sorted(
            (type(o).__name__, getattr(o, "content_key", None) or getattr(o, "sha256", ""))
            for o in product.lineage().objects()
        ),
    }


def _same(first, *others):
    # A read noise that is there already serves, and is not made again.
    first, *others = [
        [p for p in made if not isinstance(p, ReadNoise)] for made in (first, *others)
    ]
    for other in others:
        assert len(first) == len(other) > 0
        for one in first:
            (twin,) = [o for o in other if type(o) is type(one) and o.chip is one.chip]
            assert _told(one) == _told(twin)
            np.testing.assert_array_equal(one.data, twin.data)


@pytest.fixture
def same():
    """Give a function that checks that products are the same, wherever they were made."""
    return _same
