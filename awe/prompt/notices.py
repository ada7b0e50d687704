"""How our warnings look: one line of text, without the place in the code."""

import contextlib
import sys
import warnings

from awe.base.errors import AweWarning

__all__ = ["plain_warnings", "warning_shower"]


def warning_shower(otherwise):
    """Give what shows warnings: ours as one line, others as before.

    Parameters
    ----------
    otherwise : callable
        Shows the others, as `warnings.showwarning`.

    Returns
    -------
    callable
        To stand in for `warnings.showwarning`.
    """

    def show(message, category, filename, lineno, file=None, line=None):
        if issubclass(category, AweWarning):
            text = " ".join(str(message).split())
            print(f"{category.__name__}: {text}", file=file or sys.stderr)
        else:
            otherwise(message, category, filename, lineno, file, line)

    return show


@contextlib.contextmanager
def plain_warnings():
    """Show our warnings as one line while the block runs."""
    before = warnings.showwarning
    warnings.showwarning = warning_shower(before)
    try:
        yield
    finally:
        warnings.showwarning = before
