"""An interactive environment for astronomers who reduce and judge CCD data."""

from awe.base.version import __version__

__all__ = ["__version__", "load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell):
    """Bring every class, Task and helper into an IPython or Jupyter: ``%load_ext awe``.

    Parameters
    ----------
    shell : InteractiveShell
        The shell.
    """
    from awe.prompt.extension import load

    load(shell)


def unload_ipython_extension(shell):
    """Take them out again: ``%unload_ext awe``.

    Parameters
    ----------
    shell : InteractiveShell
        The shell.
    """
    from awe.prompt.extension import unload

    unload(shell)
