"""An interactive environment for astronomers who reduce and judge CCD data."""

__version__ = "0.1.0"


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
