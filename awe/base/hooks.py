"""Hooks by name: a lower room asks, a higher room has entered what answers."""

from awe.base.errors import AweLookupError

__all__ = ["call", "is_known", "register"]

_hooks = {}


def register(name, function):
    """Enter the function that answers a hook.

    Parameters
    ----------
    name : str
        The hook's name, such as ``'inspect'``.
    function : callable
        What answers it; the last one entered counts.
    """
    _hooks[name] = function


def is_known(name):
    """Tell whether a function was entered for a hook.

    Parameters
    ----------
    name : str
        The hook's name.

    Returns
    -------
    bool
        False where `call` would raise.
    """
    return name in _hooks


def call(name, *args, **kwargs):
    """Call what was entered for a hook.

    Parameters
    ----------
    name : str
        The hook's name.
    *args, **kwargs
        Handed to the function.

    Returns
    -------
    object
        What the function returns.

    Raises
    ------
    AweLookupError
        No room has entered a function of this name.
    """
    if name not in _hooks:
        msg = f"Nothing is loaded that answers {name!r}."
        remedy = (
            "Run the script with `awe SCRIPT.py`, or begin it with: import awe.recipes, awe.view; "
            "awe.view.enter()"
        )
        raise AweLookupError(msg, remedy=remedy)
    return _hooks[name](*args, **kwargs)
