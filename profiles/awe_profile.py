"""The settings of the awe> prompt, as IPython reads the file of a profile."""

from IPython.terminal.prompts import Prompts
from pygments.token import Token

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


# `get_config` is given by IPython to the files of its profiles.
config = get_config()  # noqa: F821
_shell = config.TerminalInteractiveShell
_shell.confirm_exit = False
_shell.enable_tip = False
_shell.prompts_class = AwePrompts
_shell.separate_in = ""
_shell.term_title_format = "awe: {cwd}"
# Our own completer knows the classes; guessing by static analysis only makes TAB slow.
config.Completer.use_jedi = False
# The extension brings every class, Task and helper, and a snapshot for each line.
config.InteractiveShellApp.extensions = ["awe"]
config.InteractiveShellApp.reraise_ipython_extension_failures = True
