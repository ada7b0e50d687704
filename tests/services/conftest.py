"""Fixtures: an AWE_HOME with a DPU and its page, a client and a browser."""

import contextlib
import dataclasses
import http.client
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from server_lab import Watch

from awe.dpu.processor import Processor
from awe.services.desk import PageDesk

AWE = Path(sys.executable).parent / "awe"
RECIPES = '''
"""Recipes that do what a test wants."""

import time
import uuid
from pathlib import Path

import numpy as np

from awe.base.errors import AweValueError
from awe.process import Argument, Making, ProcessTarget, Product, Task, Unit, register_flag
from awe.store import persistent
from awe.store.files import DataObject

register_flag("TEST_PALE", 1 << 60, "it is <pale>", disqualifies=True)


class Plate(DataObject, ProcessTarget):
    """Something with pixels that was not made from anything."""

    abstract = False
    number = persistent("Which unit", int)

    @property
    def data(self):
        return np.load(self.path())


class Enlargement(DataObject, Product):
    """Something that is made from a plate."""

    abstract = False
    inputs = ("plate",)
    plate = persistent("What it is made from", Plate)

    @property
    def data(self):
        return np.load(self.path())

    def make(self):
        file = self.plate.path().parent / f"enlargement-{uuid.uuid4().hex}.npy"
        np.save(file, np.repeat(self.plate.data, 2, axis=0))
        self.attach(file)

    def verify(self):
        return 1 << 60


class TrialTask(Task):
    """Make enlargements, each in its own way."""

    arguments = (
        Argument("how", "what each unit does", required=True),
        Argument("gate", "a file for which some wait"),
    )

    def units(self):
        return [Unit(f"unit<{i}>", {"number": i, "how": how}) for i, how in enumerate(self.how)]

    def make(self, unit, folder):
        how = unit.inputs["how"]
        if how == "refuse":
            raise AweValueError("This one is <b>bad</b>.\\n  Mend it.", cause="it is <b>bad</b>")
        if how == "wait":
            while not Path(self.gate).exists():
                time.sleep(0.02)
        elif how != "well":
            print(how)
        file = Path(folder) / f"plate-{uuid.uuid4().hex}.npy"
        np.save(file, np.random.default_rng(1).normal(100, 3, (60, 40)).astype("float32"))
        plate = Plate(number=unit.inputs["number"])
        plate.attach(file)
        enlargement = Enlargement(plate=plate)
        return [Making(enlargement).run()]
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory, dpu_home):
    """Give a fresh AWE_HOME with recipes, whose DPU has one worker and ends with the tests."""
    top = tmp_path_factory.mktemp("services")
    with dpu_home(top, {"page_trials.py": RECIPES}, workers=1) as folder:
        yield folder


def awe_command(*arguments, **more):
    """Run the `awe` command and give what it printed."""
    done = subprocess.run(
        [AWE, *arguments], env={**os.environ, **more}, capture_output=True, text=True, timeout=90
    )
    # The status of a DPU that does not run is 1.
    assert done.returncode == 0 or arguments == ("dpu", "status"), done.stderr
    return done.stdout + done.stderr


@pytest.fixture(name="awe_command")
def _awe_command(home):
    return awe_command


@pytest.fixture(scope="module")
def context(home, session_of):
    """Give the context of the fresh AWE_HOME with its recipes loaded."""
    with session_of() as opened:
        yield opened


@pytest.fixture
def dpu(context):
    """Give the `dpu` of a prompt."""
    return Processor("awe.prompt.namespace:open_session")


@pytest.fixture
def link(home):
    """Give the link that `awe dpu start` prints."""
    return PageDesk().link() or link_in(awe_command("dpu", "start"))


def link_in(text):
    """Find the link in what a command printed."""
    return re.search(r"^Its page: (http://127\.0\.0\.1:\d+/\?token=\S+)$", text, re.M)[1]


@dataclasses.dataclass
class Answer:
    """What the page answered."""

    status: int
    headers: object
    body: bytes

    @property
    def text(self):
        """The body as text."""
        return self.body.decode()


class Client:
    """Somebody who sends requests to the page.

    Parameters
    ----------
    link : str
        As `awe dpu start` prints it.
    """

    def __init__(self, link):
        self.port = urlsplit(link).port
        self.host = f"127.0.0.1:{self.port}"
        self.token = link.rpartition("=")[2]
        self.cookie = {}

    @contextlib.contextmanager
    def opened(self, path, method="GET", **headers):
        """Send a request and give the response while it is being read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"Host": self.host, **self.cookie, **headers}
        connection.putrequest(method, path, skip_host=True)
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            yield connection.getresponse()
        finally:
            connection.close()

    def ask(self, path, method="GET", **headers):
        """Send a request and give the whole answer."""
        with self.opened(path, method, **headers) as response:
            return Answer(response.status, response.headers, response.read())

    def post(self, path):
        """Press a button."""
        return self.ask(path, "POST", Origin=f"http://{self.host}")

    def enter(self):
        """Use the link, and keep the cookie."""
        answer = self.ask(f"/?token={self.token}")
        self.cookie = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
        return answer


@pytest.fixture
def stranger(link):
    """Give a client that has not used the link."""
    return Client(link)


@pytest.fixture
def client(link):
    """Give a client that has used the link."""
    client = Client(link)
    client.enter()
    return client


@pytest.fixture
def gate(tmp_path):
    """Give the file for which units wait; it comes at the latest when the test ends."""
    file = tmp_path / "gate"
    yield file
    file.touch()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Give headless Chromium."""
    programs = [shutil.which("chromium"), shutil.which("chromedriver")]
    if None in programs:
        pytest.skip("chromium and chromedriver are not installed")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    profile = tmp_path_factory.mktemp("chromium")
    for argument in (
        "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1240,1400",
        f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(argument)
    if os.getuid() == 0:
        # Chromium refuses its sandbox to root, as whom tests run in a container.
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # A group of their own, which ends as one where the tests are killed.
    service = webdriver.ChromeService(programs[1], popen_kw={"start_new_session": True})
    driver = webdriver.Chrome(options, service)
    watch = Watch("kill", "-9", "--", -service.process.pid)
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()
    watch.call_off()
