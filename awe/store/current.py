"""The context of this process: who works, in which project, on which store."""

from awe.base.errors import AweError

__all__ = ["context", "has_context", "session", "set_context"]

_context = None
_opener = None


def set_context(context=None, opener=None):
    """Say what the context of this process is, or how to open it when it is first needed.

    Parameters
    ----------
    context : Context, optional
        The context; None where there is none any more.
    opener : callable, optional
        Called without arguments, gives the context.
    """
    global _context, _opener
    _context = context
    _opener = opener


def has_context():
    """Tell whether a context is open.

    Returns
    -------
    bool
        False before the first use of the store.
    """
    return _context is not None


def context():
    """Give the context, opening it where that was put off.

    Returns
    -------
    Context
        The context.

    Raises
    ------
    AweError
        No store is open.
    """
    global _context
    if _context is None:
        if _opener is None:
            msg = "No store is open in this process."
            raise AweError(msg, remedy="Type: from awe.store import open_context; open_context()")
        _context = _opener()
    return _context


def session():
    """Give the session of the context.

    Returns
    -------
    Session
        The session.
    """
    return context().session
