"""Our names and manners in an IPython shell: the prompt, a notebook, any IPython."""

import sys
import warnings

from awe.base.errors import AweError
from awe.base.interrupts import press_again
from awe.prompt import namespace
from awe.prompt.completion import Completer
from awe.prompt.mistakes import mistake_text
from awe.prompt.notices import warning_shower
from awe.store import current

__all__ = ["load", "unload", "unsaved_text"]

# What `load` did to each shell, for `unload`.
_loaded = {}


class _Hooks:
    """The events of one shell.

    Parameters
    ----------
    shell : InteractiveShell
        The shell.
    """

    def __init__(self, shell):
        self.shell = shell
        self.names = {}
        self.completer = Completer(shell)
        self.old_custom = (shell.custom_exceptions, getattr(shell, "CustomTB", None))
        self.old_warning = warnings.showwarning
        self.old_unraisable = sys.unraisablehook
        self.new_module = shell.new_main_mod

    def before(self, info):
        """Begin a line: take a snapshot."""
        if current.has_context():
            current.context().session.begin()

    def after(self, result):
        """End a line: let go of the snapshot."""
        if current.has_context():
            current.context().session.end()

    def main_module(self, filename, modname):
        """Make the module in which ``%run`` runs a script, with our names in it."""
        module = self.new_module(filename, modname)
        # As they are in the session: %run copies them back there when the script has ended.
        here = self.shell.user_ns
        vars(module).update({name: here[name] for name in self.names if name in here})
        return module

    def push(self, names):
        """Bring names into the shell."""
        self.names.update(names)
        self.shell.push(names, interactive=False)


def load(shell):
    """Bring our names and manners into an IPython shell.

    Parameters
    ----------
    shell : InteractiveShell
        The shell; a second call brings the names anew.
    """
    unload(shell)
    hooks = _Hooks(shell)
    # The cell that loads us may go on to use a Task, and a script under %run is never seen here:
    # so the Tasks come at once, in less than a tenth of a second.
    hooks.push({**namespace.build(), **namespace.load_all()})
    if current.has_context():
        current.context().session.end()
    shell.events.register("pre_run_cell", hooks.before)
    shell.events.register("post_run_cell", hooks.after)
    shell.Completer.custom_matchers.append(hooks.completer.matcher)
    kinds = (AweError, KeyboardInterrupt, NameError, AttributeError, TypeError)
    shell.set_custom_exc(kinds, _show_error)
    warnings.showwarning = warning_shower(hooks.old_warning)
    sys.unraisablehook = press_again
    shell.new_main_mod = hooks.main_module
    _loaded[id(shell)] = hooks


def unload(shell):
    """Take our names and manners out of an IPython shell again.

    Parameters
    ----------
    shell : InteractiveShell
        The shell.
    """
    hooks = _loaded.pop(id(shell), None)
    if hooks is None:
        return
    shell.events.unregister("pre_run_cell", hooks.before)
    shell.events.unregister("post_run_cell", hooks.after)
    shell.Completer.custom_matchers.remove(hooks.completer.matcher)
    hooks.completer.leave()
    shell.custom_exceptions, shell.CustomTB = hooks.old_custom
    warnings.showwarning = hooks.old_warning
    sys.unraisablehook = hooks.old_unraisable
    del shell.new_main_mod
    shell.drop_by_id(hooks.names)


def unsaved_text(context):
    """Tell what edits are staged and not committed.

    Parameters
    ----------
    context : Context
        The context.

    Returns
    -------
    str
        One line.
    """
    staged = list(context.session.staged.values())
    shown = ", ".join(repr(obj) for obj in staged[:3]) + (" ..." if len(staged) > 3 else "")
    what = "1 object has" if len(staged) == 1 else f"{len(staged)} objects have"
    return f"{what} edits that are not committed: {shown}"


def _show_error(shell, kind, error, trace, tb_offset=None):
    """Print what the user can mend as a message, and an interrupt as one word."""
    if isinstance(error, KeyboardInterrupt):
        # A bar of progress or the echo of ^C may stand on the line.
        text = "\nInterrupted."
    elif isinstance(error, AweError):
        text = f"{kind.__name__}: {error}"
    else:
        told = mistake_text(error, trace, shell.user_ns)
        if told is None:
            shell.showtraceback((kind, error, trace), running_compiled_code=True)
            return
        text = f"{kind.__name__}: {told}"
    print(text, file=sys.stderr)
