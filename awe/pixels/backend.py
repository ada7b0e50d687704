"""The choice between the compiled kernels and the NumPy definitions."""

import contextlib
import functools
import importlib
import importlib.util
import os
import warnings
from pathlib import Path

from awe.base.errors import AweValueError, AweWarning

__all__ = ["kernel_name", "kernels", "use_kernel"]

_NAMES = ("numba", "numpy")
_forced = None


@functools.cache
def _numba_works():
    """Tell whether numba can be imported, and say so once where it is there but broken."""
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
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        config.CACHE_DIR = str(Path(cache) / "awe" / "numba")


def kernel_name():
    """Give the name of what runs the pixel steps.

    Returns
    -------
    str
        ``'numba'`` for the compiled kernels, ``'numpy'`` for the definitions.
    """
    if _forced is not None:
        return _forced
    return "numba" if _numba_works() else "numpy"


def kernels():
    """Import the compiled kernels.

    Returns
    -------
    module or None
        None where the NumPy definitions are to run.
    """
    if kernel_name() == "numpy":
        return None
    return importlib.import_module("awe.pixels.kernels")


@contextlib.contextmanager
def use_kernel(name):
    """Run the pixel steps of a `with` block by one form.

    Parameters
    ----------
    name : str
        ``'numba'`` or ``'numpy'``.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    AweValueError
        The name is neither, or numba is not installed.
    """
    global _forced
    if name not in _NAMES or (name == "numba" and not _numba_works()):
        msg = f"The pixel steps cannot run by {name!r}: expected 'numpy', or 'numba' if installed."
        raise AweValueError(msg)
    before, _forced = _forced, name
    try:
        yield
    finally:
        _forced = before
