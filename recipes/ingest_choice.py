"""Which task reads the files of an instrument, as the instrument's description says."""

import importlib
import pkgutil
import sys

from awe.base.errors import AweLookupError, did_you_mean
from awe.instruments import ingest_task_of

__all__ = ["ingest_task"]

_USERS = "awe_user."


def ingest_task(paths, instrument=None, **arguments):
    """Make the task that `awe ingest` runs.

    Parameters
    ----------
    paths : iterable of str or os.PathLike
        Files and folders.
    instrument : str, optional
        The instrument's name. By default the headers of each file tell, and `IngestTask` reads it.
    **arguments
        Those of the task.

    Returns
    -------
    Task
        Made by the task's ``from_paths``.

    Raises
    ------
    AweLookupError
        The description of the instrument names a task that is not there.
    """
    name = "IngestTask" if instrument is None else ingest_task_of(str(instrument))
    cls = _task_class(name, instrument)
    return cls.from_paths([str(p) for p in paths], instrument=instrument, **arguments)


def _task_class(name, instrument):
    import awe.recipes

    ours = {info.name for info in pkgutil.iter_modules(awe.recipes.__path__)}
    if name in ours:
        return getattr(importlib.import_module(f"awe.recipes.{name}"), name)
    for module in [m for n, m in sorted(sys.modules.items()) if n.startswith(_USERS)]:
        if hasattr(module, name):
            return getattr(module, name)
    known = [n for n in ours if n.endswith("IngestTask")]
    msg = (
        f"The description of {instrument} says that {name} reads its files, and there is no such "
        f"task.{did_you_mean(name, known)}"
    )
    raise AweLookupError(msg, remedy="Put its file into AWE_HOME/recipes, or mend `ingest:`.")
