"""The names that are there at the prompt, in scripts and in notebooks."""

import datetime
import importlib
import os
import pkgutil
import re
import sys

import numpy as np

from awe.base.environment import home
from awe.base.errors import AweLookupError, did_you_mean
from awe.prompt import users
from awe.store import current, open_context, registry

__all__ = [
    "build",
    "find_named",
    "ingest",
    "lazy_names",
    "load_all",
    "load_classes",
    "load_named",
    "open_session",
    "report",
]

# What makes the names that are imported when a line or a script first speaks of them.
_lazy = {}


def report(line):
    """Tell the user something at the start of a session.

    Parameters
    ----------
    line : str
        One line of text, printed on stderr.
    """
    print(f"awe: {line}", file=sys.stderr)


def ingest(*paths, instrument=None, purpose=None, commit=False, **options):
    """Read FITS files into the store.

    Parameters
    ----------
    *paths : str or os.PathLike
        Files and folders.
    instrument : str, optional
        The instrument's name; by default the headers tell.
    purpose : str, optional
        The kind of frames: bias, dark, dome, twilight, science ... By default the headers tell.
    commit : bool, optional
        Whether to store what was read. The default is False: print what would be done.
    **options
        Further arguments of the task: `IngestTask`, or what the instrument's description names.

    Returns
    -------
    list
        The new objects.
    """
    from awe.recipes.ingest_choice import ingest_task

    task = ingest_task(paths, instrument=instrument, purpose=purpose, commit=commit, **options)
    return task.execute()


def open_session():
    """Open the store of the user's settings with all classes and hooks in place.

    Returns
    -------
    Context
        The context of this process; one that is open already stays.
    """
    load_classes()
    if current.has_context():
        return current.context()
    if os.path.expanduser("~") == "~":
        # As in some containers; libraries that keep their settings there would refuse to work.
        os.environ["HOME"] = str(home())
    return open_context()


def load_classes():
    """Have all classes and hooks in place, the user's own too, without opening a store."""
    from awe import view

    view.enter()
    importlib.import_module("awe.model")
    importlib.import_module("awe.dpu.jobs")
    importlib.import_module("awe.recipes")
    users.load_user_files(report)


def build():
    """Open the session and give the names that are preloaded.

    Returns
    -------
    dict of str to object
        Every persistent class and owned record, the user's own Tasks, and the helpers. Our Tasks
        come with `load_named`, so that a command which needs none does not wait for them.
    """
    context = open_session()
    from awe.model.looking import inspect

    names = {
        "context": context, "datetime": datetime, "ingest": ingest, "inspect": inspect, "np": np,
    }  # fmt: skip
    names.update(_classes())
    for module in users.user_modules():
        names.update(_public(module))
    _lazy.clear()
    _lazy.update({n: m for n, m in _find_lazy().items() if n not in names})
    return names


def lazy_names():
    """Give the names that are imported on first use.

    Returns
    -------
    list of str
        Sorted.
    """
    return sorted(_lazy)


def load_all():
    """Import all that is not loaded yet.

    Returns
    -------
    dict of str to object
        The new names.
    """
    return load_named(" ".join(_lazy))


def load_named(source):
    """Import what a text speaks of and what is not loaded yet.

    Parameters
    ----------
    source : str
        A line, a cell or a whole script. Words are looked at, not the syntax: so names inside
        functions, in ``eval`` and in ``help(...)`` all count.

    Returns
    -------
    dict of str to object
        The new names.
    """
    found = {}
    for word in set(re.findall(r"\w+", source)) & set(_lazy):
        make = _lazy.pop(word)
        found[word] = make(word)
    return found


def find_named(name):
    """Give what a name stands for when the prompt starts.

    Parameters
    ----------
    name : str
        Of a class, Task or helper, or of a recipe: 'Reduce' is `ReduceTask`.

    Returns
    -------
    object

    Raises
    ------
    AweLookupError
        There is nothing of this name.
    """
    makers = _find_lazy()
    for word in (name, f"{name}Task"):
        if registry.known_class(word) is not None:
            return registry.known_class(word)
        if word in makers:
            return makers[word](word)
    known = [*makers, *(cls.__name__ for cls in registry.all_classes())]
    raise AweLookupError(f"There is no class, Task or helper {name!r}.{did_you_mean(name, known)}")


def _find_lazy():
    """Give what makes each name that is not loaded at once: our Tasks and the helpers."""
    import awe.recipes

    tasks = {
        info.name: _task
        for info in pkgutil.iter_modules(awe.recipes.__path__)
        if info.name.endswith("Task")
    }
    helpers = {"Pars": _pars, "calendar": _calendar, "dpu": _dpu, "lpu": _lpu, "help": _help}
    asked = {"missing": _asked, "remake": _asked, "uptodate": _asked}
    exchange = {"export": _export, "import_folder": _import, "read_record": _read_record}
    return {**tasks, **helpers, **exchange, **asked}


def _task(name):
    return getattr(importlib.import_module(f"awe.recipes.{name}"), name)


def _pars(name):
    from awe.process.pars import Pars

    return Pars


def _calendar(name):
    from awe.view.calendar import calendar

    return calendar


def _export(name):
    from awe.process.exchange import export

    return export


def _import(name):
    from awe.process.importing import import_folder

    return import_folder


def _read_record(name):
    from awe.fits import read_record

    return read_record


def _dpu(name):
    from awe.dpu.processor import Processor

    return Processor(f"{__name__}:open_session")


def _lpu(name):
    from awe.dpu.local import LocalProcessor

    return LocalProcessor()


def _asked(name):
    module = "targets" if name == "remake" else "uptodate"
    return getattr(importlib.import_module(f"awe.process.{module}"), name)


def _help(name):
    from awe.prompt.helptext import help_

    return help_


def _classes():
    """Give the persistent classes and owned records by name; what failed to load is left out."""
    from awe.store.objects import OwnedRecord

    model = sys.modules["awe.model"]
    found = {
        name: value
        for name, value in vars(model).items()
        if isinstance(value, type) and issubclass(value, OwnedRecord) and value is not OwnedRecord
    }
    for cls in registry.all_classes():
        if cls.__module__ in sys.modules and not cls.__name__.startswith("_"):
            found[cls.__name__] = cls
    found["OwnedRecord"] = OwnedRecord
    return found


def _public(module):
    """Give what a user's module offers: its ``__all__``, else its own classes."""
    if hasattr(module, "__all__"):
        return {name: getattr(module, name) for name in module.__all__}
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
