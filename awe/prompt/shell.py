"""The awe> application: IPython with our names, our banner and our way to leave."""

import sys
from importlib.resources import files

from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.terminal.ipapp import TerminalIPythonApp
from traitlets.config.loader import PyFileConfigLoader

import awe
from awe.base.environment import home
from awe.prompt import namespace
from awe.prompt.extension import unsaved_text
from awe.store import current
from awe.store.people import level_text

__all__ = ["AweShell", "banner", "run_shell", "settings"]


class AweShell(TerminalInteractiveShell):
    """The shell of the prompt; it warns once before staged edits are lost."""

    _warned_of = None

    def ask_exit(self):
        """Leave, unless there are staged edits that the user was not told of yet."""
        staged = set(current.context().session.staged) if current.has_context() else set()
        if staged and staged != self._warned_of:
            self._warned_of = staged
            print(unsaved_text(current.context()), file=sys.stderr)
            print("  Type context.commit() to store them, or leave again.", file=sys.stderr)
            return
        super().ask_exit()


def banner(context):
    """Give the text at the start of a session.

    Parameters
    ----------
    context : Context
        The context.

    Returns
    -------
    str
        User, project, privileges, store, and how many objects it holds.
    """
    project = "-" if context.project is None else context.project.name
    return (
        f"awe {awe.__version__}: an environment for astronomers\n"
        f"  User:        {context.user_name}\n"
        f"  Project:     {project}\n"
        f"  Privileges:  {level_text(context.privileges)}\n"
        f"  Store:       {context.session.where} ({_count_text(context)})\n"
        "Type help() for help, and a name with a dot and TAB for what belongs to it.\n"
    )


def _count_text(context):
    """Give the number of objects in the store as text."""
    session = context.session
    session.ensure()
    count = sum(extent.count for extent in session.root.extents.values())
    return f"{count:,} objects" if count != 1 else "1 object"


def settings(folder, text):
    """Give the settings of the prompt: those of the profile, and where its files lie.

    Parameters
    ----------
    folder : pathlib.Path
        AWE_HOME. A user's own settings go into ``ipython/profile_default/ipython_config.py``
        there.
    text : str
        What is shown at the start.

    Returns
    -------
    traitlets.config.Config
        For `IPython.terminal.ipapp.TerminalIPythonApp`.
    """
    profile = str(files("awe.profiles"))
    config = PyFileConfigLoader("awe_profile.py", path=profile).load_config()
    config.BaseIPythonApplication.ipython_dir = str(folder / "ipython")
    config.HistoryManager.hist_file = str(folder / "history.sqlite")
    config.TerminalInteractiveShell.banner1 = text
    return config


def run_shell():
    """Open the prompt, and close the store when the user leaves.

    Returns
    -------
    int
        0.
    """
    context = namespace.open_session()
    text = banner(context)
    context.session.end()
    (home() / "ipython").mkdir(mode=0o700, exist_ok=True)
    app = TerminalIPythonApp.instance(
        config=settings(home(), text), interactive_shell_class=AweShell
    )
    app.initialize([])
    app.start()
    if current.has_context():
        current.context().close()
    return 0
