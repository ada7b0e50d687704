"""Running scripts and single commands with everything preloaded."""

import contextlib
import linecache
import os
import sys
import traceback
import types
from pathlib import Path

from awe.base.errors import AweError
from awe.prompt import namespace
from awe.store import current

__all__ = ["run_command", "run_script", "run_source", "session"]


@contextlib.contextmanager
def session():
    """Open the session, and close it at the end.

    Yields
    ------
    Context
        The context.
    """
    context = namespace.open_session()
    try:
        yield context
    finally:
        if current.has_context():
            current.context().close()


def run_script(path, arguments):
    """Run a script with everything preloaded.

    Parameters
    ----------
    path : str
        The file.
    arguments : list of str
        What the script finds in ``sys.argv[1:]``.

    Returns
    -------
    int
        0, or 1 after an error, whose traceback was printed.
    """
    source = Path(path).read_bytes()
    folder = os.path.dirname(os.path.abspath(path))
    return run_source(source, path, [path, *arguments], folder)


def run_command(code, arguments):
    """Run the code of ``awe -c``.

    Parameters
    ----------
    code : str
        Python code.
    arguments : list of str
        What the code finds in ``sys.argv[1:]``.

    Returns
    -------
    int
        0, or 1 after an error, whose traceback was printed.

    Raises
    ------
    AweError
        What the user can mend is left to the caller: a command of one line needs no traceback.
    """
    return run_source(code, "<command>", ["-c", *arguments], "", pass_on=(AweError,))


def run_source(source, name, argv, folder, pass_on=()):
    """Run code as the main module of the session.

    Parameters
    ----------
    source : str or bytes
        Python code.
    name : str
        Its file, or what stands for it in a traceback.
    argv : list of str
        The value of ``sys.argv``.
    folder : str
        What stands first in ``sys.path``.
    pass_on : tuple of type, optional
        Errors that are raised instead of printed. By default only that of a pipe whose reader
        went away.

    Returns
    -------
    int
        0, or 1 after an error.
    """
    main = types.ModuleType("__main__")
    sys.argv = argv
    sys.path.insert(0, folder)
    sys.modules["__main__"] = main
    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
    if name.startswith("<"):
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    else:
        main.__file__ = name
    vars(main).update(namespace.build())
    try:
        vars(main).update(namespace.load_named(text))
        exec(compile(source, name, "exec", dont_inherit=True), vars(main))
    except (BrokenPipeError, *pass_on):
        raise
    except Exception as err:  # noqa: BLE001
        # The frame of this function says nothing about the user's error.
        trace = err.__traceback__.tb_next
        traceback.print_exception(type(err), err, trace)
        return 1
    finally:
        _tell_unsaved()
        if current.has_context():
            current.context().close()
    return 0


def _tell_unsaved():
    """Say on stderr that edits were staged and never committed."""
    if current.has_context() and current.context().session.staged:
        from awe.prompt.extension import unsaved_text

        namespace.report(unsaved_text(current.context()))
