"""Where a window opens: Qt, Tk, a page in the browser, a notebook, or a file."""

import ctypes
import os
import sys
from pathlib import Path

from awe.base.errors import AweTypeError, AweValueError
from awe.base.paths import typed_path

__all__ = ["new_figure", "picture_file", "place_for", "screen", "show", "write_picture"]

_GUIS = ("qtagg", "tkagg")
# Loses a reference to None with each call, and so ends the process after some thousands.
_BROKEN = (("PySide6", "6.12.0"),)


def screen():
    """Tell where pictures go, and choose matplotlib's backend where nobody has.

    Returns
    -------
    str
        'window', 'browser', 'notebook' or 'file'.
    """
    import matplotlib

    chosen = matplotlib.get_backend(auto_select=False)
    kind = None if chosen is None else _kind_of(chosen)
    if kind == "notebook" or (_kernel() is not None and kind in (None, "file")):
        return "notebook" if _kernel() is not None else "file"
    if kind is not None:
        return kind
    if not _has_display():
        return "file"
    return _choose()


def place_for(save):
    """Tell where a picture goes that may have been given a file.

    Parameters
    ----------
    save : str, os.PathLike or None
        The file; a wrong one is refused before the work, which would be lost.

    Returns
    -------
    str
        As `screen` says; 'file' where there is one.

    Raises
    ------
    AweTypeError
        It is no path.
    AweValueError
        It is a folder, or lies in none.
    """
    if save is None:
        return screen()
    picture_file(save)
    return "file"


def _kind_of(backend):
    name = backend.lower()
    if name.endswith("webagg"):
        return "browser"
    if any(word in name for word in ("inline", "ipympl", "widget", "nbagg")):
        return "notebook"
    from matplotlib.backends import BackendFilter, backend_registry

    if backend.lower() in backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE):
        return "file"
    return "window"


def _choose():
    """Take the first of Qt, Tk and the browser that works."""
    from matplotlib import pyplot as plt

    for name in _GUIS:
        if name == "qtagg" and not _qt_has_its_libraries():
            continue
        try:
            plt.switch_backend(name)
        except ImportError as err:
            if "headless" in str(err):
                # DISPLAY names a screen that does not answer.
                return "file"
            continue
        return "window"
    try:
        plt.switch_backend("webagg")
    except (ImportError, RuntimeError):
        # Without tornado there is no page either.
        return "file"
    return "browser"


def _qt_has_its_libraries():
    """Tell whether Qt works: it ends the process where X libraries are missing."""
    try:
        from matplotlib.backends.qt_compat import QT_API, QtCore
    except ImportError:
        return False
    if (QT_API, getattr(QtCore, "__version__", "")) in _BROKEN:
        return False
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return True
    if os.environ.get("WAYLAND_DISPLAY") and not os.environ.get("DISPLAY"):
        return True
    info = QtCore.QLibraryInfo
    ask = info.path if hasattr(info, "path") else info.location
    kind = getattr(info, "LibraryPath", info).PluginsPath
    try:
        ctypes.CDLL(str(Path(ask(kind)) / "platforms" / "libqxcb.so"))
    except OSError:
        return False
    return True


def _has_display():
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _shell():
    """Give the IPython shell that runs us, or None; IPython is not imported for this."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def _kernel():
    shell = _shell()
    return shell if shell is not None and hasattr(shell, "kernel") else None


def new_figure(where, size, title):
    """Give an empty figure.

    Parameters
    ----------
    where : str
        As `screen` says.
    size : tuple of float
        Width and height in inches.
    title : str
        Of the window.

    Returns
    -------
    matplotlib.figure.Figure
        In a window that is not shown yet, or of its own.
    """
    if where not in ("window", "browser"):
        from matplotlib.figure import Figure

        return Figure(figsize=size)
    from matplotlib import pyplot as plt

    # Otherwise each step of the drawing would be shown, and the window before it is complete.
    with plt.ioff():
        figure = plt.figure(figsize=size)
    figure.canvas.manager.set_window_title(title)
    return figure


def show(figure, where, block):
    """Open the window of a figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        From `new_figure`.
    where : str
        'window', 'browser' or 'notebook'.
    block : bool or None
        Whether to wait until all windows are closed; None for scripts only.
    """
    if where == "notebook":
        _show_in_notebook(figure)
        return
    shell = _shell()
    if block is None:
        block = shell is None and not hasattr(sys, "ps1")
    if where == "browser":
        from awe.view.inspect_browser import show_in_browser

        show_in_browser(figure, block, shell)
        return
    from matplotlib import pyplot as plt

    if not block and shell is not None:
        _share_loop(shell)
    figure.canvas.manager.show()
    if block:
        plt.show(block=True)
    else:
        # The picture is there at once, also where the prompt has no loop for windows.
        figure.canvas.flush_events()


def _share_loop(shell):
    """Let the prompt run the windows while it waits for a line."""
    from matplotlib import pyplot as plt

    loop = type(plt.get_current_fig_manager().canvas).required_interactive_framework
    if loop is not None and getattr(shell, "active_eventloop", None) != loop:
        shell.enable_gui(loop)


def _show_in_notebook(figure):
    """Show a figure as a widget where ipympl is installed, else as a picture."""
    from IPython.display import Image, display

    try:
        from ipympl.backend_nbagg import Canvas, FigureManager
    except ImportError:
        display(Image(_png(figure)))
        return
    canvas = Canvas(figure)
    # The widget is alive as long as its manager is.
    figure.awe_manager = FigureManager(canvas, 0)
    if hasattr(figure, "awe_window"):
        figure.awe_window.connect()
    display(canvas)


def _png(figure):
    import io

    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=100)
    return held.getvalue()


def picture_file(path):
    """Give the file that a picture is written to.

    Parameters
    ----------
    path : str or os.PathLike
        As the user named it; ``.png`` is added where it has no ending.

    Returns
    -------
    pathlib.Path
        Absolute.

    Raises
    ------
    AweTypeError
        It is no path.
    AweValueError
        It is a folder, or lies in none.
    """
    remedy = "Name a file: save='x.png'."
    if not isinstance(path, (str, os.PathLike)):
        msg = f"A picture is written to a file, which {path!r} does not name."
        raise AweTypeError(msg, remedy=remedy)
    file = typed_path(path).absolute()
    if file.is_dir():
        msg = f"The picture cannot be written to {file}: it is a folder."
        raise AweValueError(msg, remedy=remedy)
    if not file.parent.is_dir():
        msg = f"The picture cannot be written to {file}: there is no folder {file.parent}."
        raise AweValueError(msg, remedy=remedy)
    return file if file.suffix else file.with_name(f"{file.name}.png")


def write_picture(figure, path, dpi=120):
    """Write a figure to a file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    path : str or os.PathLike
        Its ending decides the format; by default PNG.
    dpi : float, optional
        Dots per inch. The default is 120.

    Returns
    -------
    pathlib.Path
        The file, absolute.

    Raises
    ------
    AweValueError
        It cannot be written there, or the format is not known.
    """
    file = picture_file(path)
    try:
        figure.savefig(file, dpi=dpi)
    except OSError as err:
        msg = f"The picture cannot be written to {file}: {err.strerror or err}."
        raise AweValueError(msg, remedy="Name another file: save='x.png'.") from err
    except ValueError as err:
        msg = f"The picture cannot be written to {file}: {err}."
        raise AweValueError(msg, remedy="Let its name end with .png, .pdf or .svg.") from err
    return file
