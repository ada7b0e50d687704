"""The choice between the compiled kernels and the NumPy definitions."""

import contextlib
import importlib

from awe.base.compiled import can_compile
from awe.base.errors import AweValueError

__all__ = ["kernel_name", "kernels", "use_kernel"]

_NAMES = ("numba", "numpy")
_forced = None


def kernel_name():
    """Give the name of what runs the pixel steps.

    Returns
    -------
    str
        ``'numba'`` for the compiled kernels, ``'numpy'`` for the definitions.
    """
    if _forced is not None:
        return _forced
    return "numba" if can_compile() else "numpy"


def kernels(kind="stacks"):
    """Import the compiled kernels.

    Parameters
    ----------
    kind : str, optional
        Which of the modules: what follows `kernels_` in its name. The default
        is those of the combination.

    Returns
    -------
    module or None
        None where the NumPy definitions are to run.
    """
    if kernel_name() == "numpy":
        return None
    return importlib.import_module(f"awe.pixels.kernels_{kind}")


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
    if name not in _NAMES or (name == "numba" and not can_compile()):
        msg = f"The pixel steps cannot run by {name!r}: expected 'numpy', or 'numba' if installed."
        raise AweValueError(msg)
    before, _forced = _forced, name
    try:
        yield
    finally:
        _forced = before
