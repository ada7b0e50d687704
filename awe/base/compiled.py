"""Whether code can be compiled here, and where what is compiled is kept."""

import functools
import importlib
import importlib.util
import os
import warnings

from awe.base.environment import home
from awe.base.errors import AweWarning

__all__ = ["can_compile"]


@functools.cache
def can_compile():
    """Tell whether numba can be imported, and say so once where it is there but broken.

    Returns
    -------
    bool
        Whether it can; then it keeps what it compiles in the user's cache, or in AWE_HOME where
        the user has none that can be written.
    """
    if importlib.util.find_spec("numba") is None:
        return False
    try:
        _keep_compiled_code(importlib.import_module("numba").config)
    except ImportError as err:
        msg = f"numba cannot be imported ({err}); the slow NumPy form of the pixel steps is used."
        warnings.warn(msg, AweWarning, stacklevel=2)
        return False
    return True


def _keep_compiled_code(config):
    """Let numba keep what it compiles in the user's cache, unless the user says where.

    By default it would lie inside the installed package, where pip neither knows nor removes it:
    what stays behind after an uninstallation would hide the next installation.
    """
    if "NUMBA_CACHE_DIR" not in os.environ:
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        folder = os.path.join(cache, "awe", "numba")
        if not _can_be_written(folder):
            folder = home() / "cache" / "numba"
        config.CACHE_DIR = str(folder)


def _can_be_written(folder):
    # In a container a user may have no home at all, or / for one; numba would refuse to work.
    if not os.path.isabs(folder):
        return False
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
