"""Users' own recipes, classes and instruments: what lies in AWE_HOME."""

import hashlib
import importlib
import sys
import types
from pathlib import Path

from awe.base.environment import home
from awe.process.own_code import PACKAGE

__all__ = ["FOLDERS", "PACKAGE", "load_user_files", "user_modules"]

FOLDERS = ("recipes", "instruments")
_told = set()


def user_modules():
    """Give the modules of the user that were loaded.

    Returns
    -------
    list of module
        In the order of their names.
    """
    prefix = PACKAGE + "."
    return [module for name, module in sorted(sys.modules.items()) if name.startswith(prefix)]


def load_user_files(report):
    """Import the files of AWE_HOME/recipes and AWE_HOME/instruments as ``awe_user.<file>``.

    Parameters
    ----------
    report : callable
        Called with one line of text for each file that cannot be used; the file is skipped.
        The same is not told twice in a process.
    """
    folders = [home() / name for name in FOLDERS]
    _make_package([str(folder) for folder in folders])
    seen = {}
    for folder in folders:
        for file in sorted(folder.glob("*.py")):
            if file.stem in seen:
                _tell(report, file, f"{seen[file.stem]} has the same name.")
            elif not file.stem.startswith("_"):
                seen[file.stem] = file
                _load_module(file, report)
    _note_helpers()
    if any(folders[1].glob("*.yaml")):
        _load_instruments(folders[1], report)


def _make_package(paths):
    package = sys.modules.get(PACKAGE)
    if package is None:
        package = types.ModuleType(PACKAGE, "Recipes, classes and instruments of the user.")
        sys.modules[PACKAGE] = package
    package.__path__ = paths


def _load_module(file, report):
    try:
        module = importlib.import_module(f"{PACKAGE}.{file.stem}")
        # What a recipe of the user's own makes remembers by which file it was made.
        module.__awe_checksum__ = hashlib.sha256(file.read_bytes()).hexdigest()
    # A user's file may raise anything whatever, and the session must start all the same.
    except (Exception, SystemExit) as err:  # noqa: BLE001
        _tell(report, file, _one_line(err))


def _note_helpers():
    """Let modules that only others import remember what stood in their files, as recipes do."""
    for module in user_modules():
        if not hasattr(module, "__awe_checksum__") and getattr(module, "__file__", None):
            module.__awe_checksum__ = hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()


def _load_instruments(folder, report):
    from awe.instruments import load_folder

    for file, reason in load_folder(folder):
        _tell(report, file, reason)


def _tell(report, file, reason):
    line = f"{file} was skipped: {reason}"
    if line not in _told:
        _told.add(line)
        report(line)


def _one_line(err):
    text = " ".join(str(err).split())
    return f"{type(err).__name__}: {text}" if text else type(err).__name__
