"""A line that is typed in a window, and the verdict that needs one."""

from awe.base.errors import AweError

__all__ = ["Entry", "begin_verdict"]


class Entry:
    """A line that takes the keys of a window until it is done.

    Parameters
    ----------
    window : Window
        The window; its last line shows what is typed.
    question : str
        What is asked.
    done : callable
        Called with the text when Return is typed.
    """

    def __init__(self, window, question, done):
        self.window = window
        self.question = question
        self.done = done
        self.text = ""
        window.entry = self
        self._show()

    def type(self, key):
        """Take a key.

        Parameters
        ----------
        key : str
            As matplotlib names it.
        """
        if key in ("enter", "return"):
            self.window.entry = None
            self.window.message("")
            self.done(self.text.strip())
            return
        if key == "escape":
            self.window.entry = None
            self.window.message("Nothing was changed.")
            return
        if key == "backspace":
            self.text = self.text[:-1]
        elif key == "space" or len(key) == 1:
            self.text += " " if key == "space" else key
        self._show()

    def _show(self):
        self.window.message(f"{self.question} {self.text}_   (Return: go on, Escape: leave)")


def begin_verdict(window, obj):
    """Ask whether an object is good and why, and record it.

    Parameters
    ----------
    window : Window
        Where it is typed.
    obj : DBObject
        What is judged.
    """
    words = {"1": 1, "y": 1, "good": 1, "0": 0, "n": 0, "bad": 0}

    def judged(text):
        value = words.get(text.lower())
        if value is None:
            window.message(f"{text!r} is no verdict: type v again, then 1 for good or 0 for bad.")
            return
        Entry(window, f"Why is it {'good' if value else 'bad'}?", lambda why: _record(value, why))

    def _record(value, why):
        if not why:
            window.message("Nothing was changed: a verdict needs a reason. Type v again.")
            return
        from awe.store import current

        try:
            context = current.context()
            context.update_is_valid(obj, value, why)
        except AweError as err:
            window.message(" ".join(str(err).split()))
            return
        window.message(f"is_valid is {value} now: {why} ({context.user_name}).")

    now = getattr(obj, "is_valid", None)
    Entry(window, f"is_valid is {now}. Good (1) or bad (0)?", judged)
