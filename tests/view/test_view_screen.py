"""Where a window opens, what helps at it, and what `.ccd` and `.show()` give elsewhere."""

import subprocess
import sys
import types

import matplotlib
import numpy as np
import pytest
from frames_made import raw_frame, reduced
from matplotlib import pyplot as plt

from awe import view
from awe.base.errors import AweLookupError
from awe.base.keys import KEYS, key_lines
from awe.model import BiasFrame, MasterFlatFrame, RawScienceFrame, ReducedScienceFrame
from awe.model.looking import inspect as inspect_function
from awe.view import inspect_screen

matplotlib.use("agg")


# --- help ---


def test_help_lists_the_same_keys_as_the_window():
    for function in (RawScienceFrame.inspect, BiasFrame.inspect, inspect_function):
        listed = [line.strip() for line in function.__doc__.splitlines()]
        assert [line for line in listed if line in key_lines()] == key_lines()
    assert len({each.key for each in KEYS}) == len(KEYS)
    assert "".join(each.key for each in KEYS) == "wqclrehmazx+-sbkovigp?"


def test_the_documentation_lists_the_same_keys(pytestconfig):
    text = (pytestconfig.rootpath / "docs" / "howto.md").read_text(encoding="utf-8")
    section = text.split("\n## Looking\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{each.key}` | {each.words} |" for each in KEYS]


# --- where the window opens ---


@pytest.mark.parametrize(
    ("backend", "kind"),
    [
        ("agg", "file"), ("pdf", "file"), ("TkAgg", "window"), ("qtagg", "window"),
        ("WebAgg", "browser"), ("module://matplotlib_inline.backend_inline", "notebook"),
        ("widget", "notebook"), ("module://ipympl.backend_nbagg", "notebook"),
    ],
)  # fmt: skip
def test_backends_are_known_by_what_they_show(backend, kind):
    assert inspect_screen._kind_of(backend) == kind


def test_qt_comes_first_then_tk_then_the_browser(monkeypatch):
    works, tried = set(), []

    def switch(name):
        tried.append(name)
        if name not in works:
            raise ImportError(name)

    monkeypatch.setattr(plt, "switch_backend", switch)
    monkeypatch.setattr(inspect_screen, "_qt_has_its_libraries", lambda: True)
    assert inspect_screen._choose() == "file"
    assert tried == ["qtagg", "tkagg", "webagg"]
    works.add("webagg")
    assert inspect_screen._choose() == "browser"
    works.add("tkagg")
    assert inspect_screen._choose() == "window"
    works.add("qtagg")
    tried.clear()
    assert inspect_screen._choose() == "window"
    assert tried == ["qtagg"]
    # Qt ends the process where libraries of X are missing, and is not even tried then.
    monkeypatch.setattr(inspect_screen, "_qt_has_its_libraries", lambda: False)
    tried.clear()
    assert inspect_screen._choose() == "window"
    assert tried == ["tkagg"]


@pytest.mark.parametrize(("version", "works"), [("6.11.3", True), ("6.12.0", False)])
def test_a_qt_that_ends_the_process_is_left_alone(monkeypatch, version, works):
    qt = types.SimpleNamespace(QT_API="PySide6", QtCore=types.SimpleNamespace(__version__=version))
    monkeypatch.setitem(sys.modules, "matplotlib.backends.qt_compat", qt)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert inspect_screen._qt_has_its_libraries() == works


def test_a_screen_that_does_not_answer_is_none(monkeypatch):
    def switch(name):
        raise ImportError("requires 'tk', as 'headless' is currently running")

    monkeypatch.setattr(plt, "switch_backend", switch)
    monkeypatch.setattr(inspect_screen, "_qt_has_its_libraries", lambda: False)
    assert inspect_screen._choose() == "file"


# --- CCDData and SAMP ---


def test_ccd_of_a_raw_frame_has_unit_mask_header_and_wcs(context, tmp_path):
    raw = raw_frame(tmp_path)
    ccd = raw.ccd
    assert str(ccd.unit) == "adu"
    np.testing.assert_array_equal(ccd.data, raw.data)
    np.testing.assert_array_equal(ccd.mask, raw.data >= 35000)
    assert ccd.uncertainty is None
    assert ccd.header["NAXIS1"] == 180
    sky = ccd.wcs.pixel_to_world(0, 0)
    assert (sky.ra.deg, sky.dec.deg) == pytest.approx((180, -30))


def test_ccd_of_products_has_weights_or_errors(context, tmp_path):
    from frames_made import product

    from awe.model import WeightFrame

    raw = raw_frame(tmp_path)
    red = reduced(raw)
    weights = np.full(red.data.shape, 0.04, dtype=np.float32)
    weights[3, 4] = 0
    red.weight = product(WeightFrame, weights)
    ccd = red.ccd
    assert type(ccd.uncertainty).__name__ == "InverseVariance"
    assert ccd.mask.sum() == 1
    assert ccd.mask[3, 4]
    assert ccd.uncertainty.array[0, 0] == np.float32(0.04)
    assert str(red.weight.ccd.unit) in ("1 / adu2", "adu-2")
    one = product(MasterFlatFrame, np.ones((5, 6), dtype=np.float32))
    object.__setattr__(one, "_pixels", (one.data, {"ERROR": np.full((5, 6), 0.1)}))
    assert type(one.ccd.uncertainty).__name__ == "StdDevUncertainty"
    assert isinstance(red, ReducedScienceFrame)


def test_show_says_so_when_no_program_runs(context, tmp_path, monkeypatch):
    view.enter()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://{tmp_path}/none")
    with pytest.raises(AweLookupError, match="no SAMP hub runs") as caught:
        raw_frame(tmp_path).show()
    assert "Start ds9" in str(caught.value)


def test_starting_the_prompt_does_not_import_matplotlib():
    code = "import sys; from awe import view; view.enter(); import awe.model; " \
        "sys.exit('matplotlib' in sys.modules or 'astropy' in sys.modules)"  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
