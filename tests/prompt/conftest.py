"""Fixtures: a fresh AWE_HOME, the `awe` command, and the prompt in a pseudo-terminal."""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from awe import view
from awe.base.environment import Environment
from awe.dpu.control import DpuHome
from awe.store import current, open_context

AWE = Path(sys.executable).parent / "awe"
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>78])")

OWN_CLASSES = '''
"""Classes of a user."""
from awe.store import DBObject, persistent


class Observer(DBObject):
    """Somebody at a telescope."""

    abstract = False
    vocabulary = True
    name = persistent("Full name", str, unique=True)


class Note(DBObject):
    """A note of the night."""

    abstract = False
    name = persistent("Title of the note", str, unique=True, mutable=True)
    seeing = persistent("Seeing when it was written", float, unit="arcsec", mutable=True)
    observer = persistent("Who wrote it", Observer)
'''


def environment_of(home, **more):
    """Give the environment of a process that works in a folder as AWE_HOME."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWE_")}
    return {**env, "AWE_HOME": str(home), "AWE_USER": "ada", "MPLBACKEND": "agg", **more}


def make_home(folder):
    """Make an AWE_HOME with a user's own classes."""
    home = folder / "home"
    (home / "recipes").mkdir(parents=True)
    (home / "recipes" / "notes.py").write_text(OWN_CLASSES)
    return home


@pytest.fixture
def awe_home(tmp_path):
    """Give a fresh AWE_HOME with a user's own classes."""
    return make_home(tmp_path)


@pytest.fixture
def environment(awe_home):
    """Give the environment of a process that works in the fresh AWE_HOME."""
    return environment_of(awe_home)


@pytest.fixture
def run(awe_home, tmp_path):
    """Give a function that runs `awe` and gives what it wrote and its exit status."""
    return runner(awe_home, tmp_path)


def runner(home, folder):
    """Give a function that runs `awe` in a folder with an AWE_HOME."""

    def run_awe(*arguments, stdin="", pipe="", timeout=60, **more):
        command = [str(AWE), *map(str, arguments)]
        return subprocess.run(
            ["sh", "-c", f"{shlex.join(command)} {pipe}"],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment_of(home, **more),
            timeout=timeout,
            check=False,
        )

    return run_awe


@pytest.fixture
def context(tmp_path):
    """Give a context on a fresh store in this process."""
    settings = Environment(tmp_path, str(tmp_path / "store"), str(tmp_path / "data"), "ada")
    view.enter()
    opened = open_context(settings)
    yield opened
    if current.has_context():
        current.context().close()


class Prompt:
    """The awe> prompt in a pseudo-terminal."""

    def __init__(self, home, folder, command=(str(AWE),), ends="awe>"):
        self.ends = ends
        self.child = pexpect.spawn(
            command[0],
            list(command[1:]),
            env=environment_of(home, TERM="xterm", PROMPT_TOOLKIT_NO_CPR="1", PAGER="cat"),
            cwd=str(folder),
            encoding="utf-8",
            dimensions=(60, 120),
            timeout=20,
        )
        self.start = self.read()

    def read(self, ready=None, timeout=20):
        """Read until the screen says that it is ready, then until it is quiet."""
        ready = ready or (lambda text: text.rstrip().endswith(self.ends))
        out, end = "", time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                out += self.child.read_nonblocking(65536, timeout=0.06)
            except pexpect.TIMEOUT:
                if ready(_ESCAPES.sub("", out)):
                    break
            except pexpect.EOF:
                break
        else:
            raise AssertionError(f"the prompt did not answer: {_ESCAPES.sub('', out)!r}")
        return _ESCAPES.sub("", out).replace("\r", "")

    def type(self, keys):
        """Type keys without a return, and give what changed on the screen."""
        self.child.send(keys)
        return self.read(ready=bool)

    def enter(self, line):
        """Type a line, and give what is printed up to the next prompt."""
        self.child.send(line + "\r")
        return self.read()

    def leave(self):
        """Leave with Ctrl-D, and give the exit status."""
        self.child.send("\x04")
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus


@pytest.fixture
def open_prompt(awe_home, tmp_path):
    """Give a function that opens a prompt; all are closed at the end."""
    opened = []

    def open_one(*arguments, **more):
        opened.append(Prompt(awe_home, tmp_path, *arguments, **more))
        return opened[-1]

    yield open_one
    for one in opened:
        one.child.close(force=True)


@pytest.fixture
def prompt(open_prompt):
    """Give an open awe> prompt."""
    return open_prompt()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Give a prompt, and `awe` beside it on the same store, for tests that leave it open."""
    folder = tmp_path_factory.mktemp("shared")
    home = make_home(folder)
    prompt = Prompt(home, folder)
    yield prompt, runner(home, folder)
    prompt.child.close(force=True)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Give a prompt on a home with the night of `awe demo`."""
    folder = tmp_path_factory.mktemp("demo")
    home = make_home(folder)
    done = subprocess.run(
        [str(AWE), "demo"], env=environment_of(home), cwd=folder, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    prompt = Prompt(home, folder)
    prompt.enter("context.set_project('DEMO')")
    prompt.enter("raw = (RawScienceFrame.OBJECT == 'DEMO_FIELD').max('DATE_OBS')")
    prompt.enter("red = (ReducedScienceFrame.raw == raw).max('creation_date')")
    yield prompt
    prompt.child.close(force=True)
    DpuHome(home / "dpu").stop()


@pytest.fixture
def awe_path():
    """Give the path of the `awe` command."""
    return AWE
