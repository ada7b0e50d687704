"""Homes that are not known or not writable, terminals that know few letters, other systems."""

import os
import pwd
import types
from pathlib import Path

import pytest

from awe.base import compiled
from awe.base.environment import home, read_environment
from awe.base.errors import AweValueError
from awe.base.paths import typed_path
from awe.process.task import check_folder
from awe.prompt import namespace
from awe.view import table_files
from awe.view.inspect_screen import write_picture


@pytest.fixture
def homeless(tmp_path, monkeypatch):
    """Be a user whom the system does not know, as in a container; give the AWE_HOME."""

    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setenv("AWE_HOME", str(tmp_path / "awe"))
    return tmp_path / "awe"


def where_numba_keeps(monkeypatch):
    """Give where numba is told to keep what it compiles."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    config = types.SimpleNamespace(CACHE_DIR=None)
    compiled._keep_compiled_code(config)
    return Path(config.CACHE_DIR)


def test_the_default_needs_a_home_and_says_what_to_set(homeless, monkeypatch):
    monkeypatch.delenv("AWE_HOME")
    with pytest.raises(AweValueError, match="Set HOME, or AWE_HOME"):
        home()


def test_without_a_home_compiled_code_lies_in_awe_home(homeless, monkeypatch):
    assert where_numba_keeps(monkeypatch) == homeless / "cache" / "numba"


def test_with_a_home_that_cannot_be_written_too(homeless, monkeypatch, tmp_path):
    # A file, since root may write into any folder.
    (tmp_path / "home").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert where_numba_keeps(monkeypatch) == homeless / "cache" / "numba"


def test_else_in_the_cache_of_the_user(homeless, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert where_numba_keeps(monkeypatch) == tmp_path / ".cache" / "awe" / "numba"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert where_numba_keeps(monkeypatch) == tmp_path / "xdg" / "awe" / "numba"


def test_libraries_find_a_home_in_a_session(homeless, monkeypatch):
    from astropy.config import get_config_dir_path

    with pytest.raises(RuntimeError):
        get_config_dir_path()
    monkeypatch.setattr(namespace.current, "has_context", lambda: False)
    monkeypatch.setattr(namespace, "open_context", lambda: None)
    # What is set by hand is taken back at the end only where it was set here first.
    monkeypatch.setenv("HOME", "to be removed")
    monkeypatch.delenv("HOME")
    namespace.open_session()
    assert get_config_dir_path().is_relative_to(homeless)


@pytest.mark.parametrize(
    "use",
    [
        typed_path,
        check_folder,
        lambda path: write_picture(None, path),
        lambda path: table_files.write_table(None, path),
    ],
)
def test_the_home_of_nobody_is_told(use):
    with pytest.raises(AweValueError, match=r"~nobody_at_all/x: .* not known"):
        use("~nobody_at_all/x")


def test_a_folder_that_no_system_can_name_is_told():
    with pytest.raises(AweValueError, match="null"):
        check_folder("a\0b")


def test_where_the_system_does_not_tell_our_cores(tmp_path, monkeypatch):
    """As on macOS."""
    monkeypatch.setenv("AWE_HOME", str(tmp_path))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert read_environment().dpu_workers == os.cpu_count()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_a_terminal_cannot_show_is_printed_as_an_escape(run, encoding):
    done = run("-c", "print(chr(0x2192), chr(0xDCE9))", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    arrow = "\u2192" if encoding == "utf-8" else "\\u2192"
    assert done.stdout == f"{arrow} \\udce9\n"
