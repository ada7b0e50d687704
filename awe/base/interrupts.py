"""Ctrl-C that comes while an object is thrown away, where Python cannot raise it."""

import _thread
import sys
import threading

__all__ = ["press_again"]

# By then what threw the object away goes on, and can be interrupted.
_SOON = 0.01


def press_again(unraisable):
    """Press Ctrl-C once more where the first one was lost, as a hook for what cannot be raised.

    A session keeps weak references, so that Python code runs whenever an object dies. Of an
    interrupt that comes there Python only prints that it was ignored.

    Parameters
    ----------
    unraisable : sys.UnraisableHookArgs
        What Python could not raise; all but Ctrl-C is printed as ever.
    """
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        timer = threading.Timer(_SOON, _thread.interrupt_main)
        timer.daemon = True
        timer.start()
    else:
        sys.__unraisablehook__(unraisable)
