"""The settings of the awe> prompt: its text, its banner and where its files lie."""

from IPython.terminal.prompts import Prompts
from pygments.token import Token
from traitlets.config import Config

__all__ = ["PROMPT", "AwePrompts", "settings"]

PROMPT = "awe> "
CONTINUATION = "...> "


class AwePrompts(Prompts):
    """The texts before a line; answers stand alone, as in the tutorial."""

    def in_prompt_tokens(self):
        """Give the prompt.

        Returns
        -------
        list of tuple of (Token, str)
            As prompt_toolkit takes them.
        """
        return [(Token.Prompt.Mode, self.vi_mode()), (Token.Prompt, PROMPT)]

    def continuation_prompt_tokens(self, width=None, **_):
        """Give the prompt of a line that goes on, aligned with the first.

        Parameters
        ----------
        width : int, optional
            The width of the prompt of the first line.
        **_
            What else IPython tells of the line; it does not matter here.

        Returns
        -------
        list of tuple of (Token, str)
            As prompt_toolkit takes them.
        """
        return [(Token.Prompt, CONTINUATION.rjust(width or len(PROMPT)))]

    def rewrite_prompt_tokens(self):
        """Give the prompt of a line that IPython rewrote.

        Returns
        -------
        list of tuple of (Token, str)
            As prompt_toolkit takes them.
        """
        return [(Token.Prompt, "----> ".rjust(len(PROMPT)))]

    def out_prompt_tokens(self):
        """Give the prompt of an answer: nothing.

        Returns
        -------
        list of tuple of (Token, str)
            As prompt_toolkit takes them.
        """
        return [(Token.OutPrompt, "")]


def settings(folder, banner):
    """Give the settings of IPython.

    Parameters
    ----------
    folder : pathlib.Path
        AWE_HOME. A user's own settings go into ``ipython/profile_default/ipython_config.py``
        there.
    banner : str
        What is shown at the start.

    Returns
    -------
    traitlets.config.Config
        For `IPython.terminal.ipapp.TerminalIPythonApp`.
    """
    config = Config()
    config.BaseIPythonApplication.ipython_dir = str(folder / "ipython")
    config.HistoryManager.hist_file = str(folder / "history.sqlite")
    shell = config.TerminalInteractiveShell
    shell.banner1 = banner
    shell.confirm_exit = False
    shell.enable_tip = False
    shell.prompts_class = AwePrompts
    shell.separate_in = ""
    shell.term_title_format = "awe: {cwd}"
    # Our own completer knows the classes; guessing by static analysis only makes TAB slow.
    config.Completer.use_jedi = False
    config.InteractiveShellApp.extensions = ["awe"]
    config.InteractiveShellApp.reraise_ipython_extension_failures = True
    return config
