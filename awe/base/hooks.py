"""Hooks by name: a lower room asks, a higher room has entered what answers."""

from awe.base.errors import AweLookupError, did_you_mean

__all__ = ["call", "register"]

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
        msg = f"Nothing is entered for the hook {name!r}.{did_you_mean(name, _hooks)}"
        raise AweLookupError(msg)
    return _hooks[name](*args, **kwargs)
