"""The tutorial's lines with inspect(), typed at a real prompt, with real windows on a screen."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from server_lab import Watch

_AWE = str(Path(sys.executable).parent / "awe")
_PROJECT = "context.set_project('TUTORIAL2015')"
_MISSING = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
try:
    import tkinter  # noqa: F401
except ImportError:
    _MISSING.append("tkinter")

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
]


@pytest.fixture(scope="module")
def display():
    """Give the name of a screen without glass."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"],
        pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    watch = Watch("kill", server.pid)
    os.close(writer)
    with os.fdopen(reader) as told:
        yield f":{told.readline().strip()}"
    server.terminate()
    server.wait(timeout=10)
    watch.call_off()


@pytest.fixture(scope="module")
def night_home(tmp_path_factory):
    """Give an AWE_HOME with a small reduced night."""
    from awe.simulate import simulate_night

    folder = tmp_path_factory.mktemp("night")
    (folder / "home").mkdir()
    simulate_night(folder / "raw", ccds=1, biases=3, domes=2, twilights=2)
    code = (
        "context.create_project('TUTORIAL2015', 'The tutorial')\n"
        "context.set_project('TUTORIAL2015')\n"
        f"ingest({str(folder / 'raw')!r}, commit=True)\n"
        "for task in (BiasTask, DomeFlatTask, TwilightFlatTask, MasterFlatTask, ReduceTask):\n"
        "    task(instrument='OMEGACAM', commit=True, folder=None).execute()\n"
    )
    done = run(folder / "home", folder, code, MPLBACKEND="agg")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "home"


@pytest.fixture
def awe_home(night_home):
    """Give the AWE_HOME that the prompt is opened with."""
    return night_home


def environment(home, **more):
    """Give an environment without a screen and without a choice of matplotlib's backend."""
    left_out = ("MPLBACKEND", "DISPLAY", "WAYLAND_DISPLAY")
    env = {k: v for k, v in os.environ.items() if k not in left_out and k[:4] != "AWE_"}
    return {**env, "AWE_HOME": str(home), "AWE_USER": "ada", **more}


def run(home, folder, code, **more):
    """Run code with the command."""
    return subprocess.run([_AWE, "-c", code], env=environment(home, **more), cwd=folder,
                          capture_output=True, text=True, timeout=300, check=False)  # fmt: skip


class Mouse:
    """The pointer and the keyboard of a screen, by xdotool."""

    def __init__(self, display):
        self.env = {**os.environ, "DISPLAY": display}

    def run(self, *words):
        """Run xdotool and give what it prints."""
        done = subprocess.run(["xdotool", *words], env=self.env, capture_output=True, text=True,
                              timeout=30, check=False)  # fmt: skip
        return done.stdout.strip()

    def window(self, name, seconds=30):
        """Wait for a window by the beginning of its name; give its number."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.run("search", "--onlyvisible", "--name", f"^{re.escape(name)}")
            if found:
                return found.splitlines()[-1]
            time.sleep(0.1)
        raise AssertionError(f"no window {name}")

    def key(self, window, across, up, key):
        """Move the pointer into a window, by parts of its size, and type a key."""
        shape = dict(re.findall(r"(WIDTH|HEIGHT)=(\d+)", self.run(
            "getwindowgeometry", "--shell", window)))  # fmt: skip
        if not shape:
            return  # it is closed
        x, y = int(across * int(shape["WIDTH"])), int((1 - up) * int(shape["HEIGHT"]))
        self.run("mousemove", "--window", window, str(x), str(y))
        self.run("windowfocus", window)
        self.run("key", key)


def answer(prompt, line):
    """Type a line and give what is printed."""
    prompt.child.send(line + "\r")
    text = prompt.read(timeout=60)
    assert "Traceback" not in text, text
    assert "Error" not in text, text
    return text


def wait_for(prompt, expression, value, seconds=20):
    """Ask the prompt until an expression has a value: the window works while the prompt waits."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        text = answer(prompt, f"print('it is', {expression})")
        found = re.findall(r"^it is (.*)$", text, re.MULTILINE)
        if found and found[-1].strip() == value:
            return
        time.sleep(0.3)
    raise AssertionError(f"{expression}: {found}")


def test_inspect_lines_of_the_tutorial_open_windows_and_the_prompt_goes_on(open_prompt, display):
    command = ("env", "-u", "MPLBACKEND", f"DISPLAY={display}", _AWE)
    prompt, mouse = open_prompt(command), Mouse(display)
    answer(prompt, "context.set_project('TUTORIAL2015')")
    answer(prompt, "query = (RawScienceFrame.chip.name == 'ESO_CCD_#65')")
    answer(prompt, "raw = query.max('DATE_OBS')")
    answer(prompt, "raw.inspect()")
    window = mouse.window("RawScienceFrame")
    assert "42" in answer(prompt, "6 * 7")

    # "Hover your mouse over an object in the window and hit 'w'", then 'q'.
    answer(prompt, "import matplotlib.pyplot as plt; w = plt.gcf().awe_window")
    mouse.key(window, 0.3, 0.5, "w")
    wait_for(prompt, "w.panel_axes[0].name", "3d")
    mouse.key(window, 0.8, 0.5, "q")
    wait_for(prompt, "w.panel_axes[0].name", "rectilinear")
    mouse.key(window, 0.3, 0.5, "q")
    wait_for(prompt, "plt.get_fignums()", "[]")

    answer(prompt, "qred = [(ReducedScienceFrame.raw==raw).project_only().user_only()"
                   ".max('creation_date') for raw in query]")  # fmt: skip
    answer(prompt, "qred[0].inspect()")
    window = mouse.window("ReducedScienceFrame")
    answer(prompt, "w = plt.gcf().awe_window")
    for key in ("v", "0", "Return", "h", "a", "z", "e", "Return"):
        mouse.key(window, 0.3, 0.5, key)
    wait_for(prompt, "qred[0].is_valid, [c.why for c in qred[0].history()]", "0 ['haze']")
    assert "haze" in answer(prompt, "print(qred[0].history()[-1])")

    answer(prompt, "red = qred[0]")
    answer(prompt, "red.bias.raw_bias_frames[0].inspect()")
    mouse.window("RawBiasFrame")
    answer(prompt, "red.weight.inspect()")
    mouse.window("WeightFrame")
    answer(prompt, "red.bias.inspect()")
    mouse.window("BiasFrame")
    answer(prompt, "inspect(query)")
    mouse.window("5 frames")
    answer(prompt, "raw.exposure.inspect()")
    mouse.window("<Exposure")
    wait_for(prompt, "len(plt.get_fignums())", "6")
    assert prompt.leave() == 0


def test_a_script_waits_for_the_window_and_then_ends(awe_home, display, tmp_path):
    code = f"{_PROJECT}; (RawScienceFrame.EXPTIME > 0)[0].inspect(); print('after')"
    with subprocess.Popen([_AWE, "-c", code], env=environment(awe_home, DISPLAY=display),
                          cwd=tmp_path, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as script:  # fmt: skip
        mouse = Mouse(display)
        window = mouse.window("RawScienceFrame")
        time.sleep(0.5)
        assert script.poll() is None
        for _ in range(50):
            mouse.key(window, 0.3, 0.5, "q")
            if script.poll() is not None:
                break
            time.sleep(0.3)
        out, _ = script.communicate(timeout=30)
    assert script.returncode == 0, out
    assert "after" in out
    assert "Error" not in out


@pytest.mark.parametrize("screen", [{}, {"DISPLAY": ":987"}])
def test_without_a_screen_the_picture_is_written(awe_home, tmp_path, screen):
    done = run(awe_home, tmp_path, f"{_PROJECT}; (BiasFrame.is_valid > 0)[0].inspect()", **screen)
    assert done.returncode == 0, done.stderr
    (where,) = re.findall(r"Picture: (.*\.png)", done.stdout)
    assert os.path.getsize(where) > 10_000


def test_the_browser_shows_the_window_while_the_prompt_goes_on(awe_home, open_prompt):
    pytest.importorskip("tornado")
    prompt = open_prompt(("env", "MPLBACKEND=webagg", _AWE))
    answer(prompt, "import matplotlib; matplotlib.rcParams['webagg.open_in_browser'] = False")
    answer(prompt, _PROJECT)
    text = answer(prompt, "(BiasFrame.is_valid > 0)[0].inspect()")
    (url,) = re.findall(r"http://127\.0\.0\.1:\d+/\d+", text)
    with urllib.request.urlopen(url, timeout=20) as page:
        assert b"mpl.js" in page.read()
    with urllib.request.urlopen(f"{url}/download.png", timeout=20) as one:
        assert one.read().startswith(b"\x89PNG")
    assert "42" in answer(prompt, "6 * 7")
    assert prompt.leave() == 0


# What the browser sends when the pointer moves over the widget and a key is typed.
_TYPED_IN_THE_WIDGET = """
import gc
from matplotlib.figure import Figure
figure = [f for f in gc.get_objects() if isinstance(f, Figure) and hasattr(f, "awe_manager")
          and f.get_suptitle().startswith("ReducedScienceFrame")][0]
canvas, window = figure.canvas, figure.awe_window
axes = window.views[0].axes
def send(x, y, key):
    across, up = x, figure.bbox.height - y
    common = {"buttons": 0, "modifiers": [], "guiEvent": {}}
    canvas._handle_message(canvas, {"type": "motion_notify", "x": across, "y": up, "button": 0,
                                    **common}, [])
    canvas._handle_message(canvas, {"type": "key_press", "key": f"k{key}", **common}, [])
ny, nx = window.views[0].shape
middle = axes.transData.transform((nx / 2, ny / 2))
send(*middle, "w")
print("3d", window.panel_axes[0].name == "3d")
send(0.8 * figure.bbox.width, 0.5 * figure.bbox.height, "q")
print("q closed 3d:", window.panel_axes[0].name != "3d")
before = axes.get_xlim()
send(*axes.transData.transform((nx / 2, ny / 2)), "z")
print("zoomed:", axes.get_xlim() != before)
send(*axes.transData.transform((nx / 2, ny / 2)), "q")
print("closed:", window.closed, canvas.comm is None)
"""


@pytest.mark.parametrize("widgets", [True, False])
def test_notebook_shows_a_widget_or_a_picture(awe_home, tmp_path, monkeypatch, widgets):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    if widgets:
        pytest.importorskip("ipympl")
    import nbformat

    for name, value in environment(awe_home).items():
        monkeypatch.setenv(name, value)
    for name in ("MPLBACKEND", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    hide = "" if widgets else "import sys; sys.modules['ipympl'] = None\n"
    cells = [
        f"{hide}%load_ext awe\n{_PROJECT}",
        "red = (ReducedScienceFrame.is_valid >= 0)[0]\nred.inspect()",
        "inspect([red, red.raw])",
        "red.raw.exposure.inspect()",
        "red.inspect(save='x.png')",
        "type(red.figure()).__name__",
    ]
    if widgets:
        cells.append(_TYPED_IN_THE_WIDGET)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3",
                            resources={"metadata": {"path": str(tmp_path)}}).execute()  # fmt: skip
    for cell in book.cells[1:4]:
        (shown,) = [o.data for o in cell.outputs if o.output_type == "display_data"]
        assert shown["image/png"]
        assert ("application/vnd.jupyter.widget-view+json" in shown) == widgets
    assert (tmp_path / "x.png").stat().st_size > 10_000
    assert book.cells[5].outputs[0].data["text/plain"] == "'Figure'"
    if widgets:
        words = "".join(o.text for o in book.cells[6].outputs if o.output_type == "stream")
        assert "3d True" in words
        assert "q closed 3d: True" in words
        assert "zoomed: True" in words
        assert "closed: True True" in words
