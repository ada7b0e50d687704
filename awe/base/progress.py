"""Progress as a callback: lower rooms report, a higher room draws the bar."""

__all__ = ["STILL", "set_reporter", "track"]

# Among the items of work for which one waits: nothing is done since, and it goes on.
STILL = object()
_reporter = None


def set_reporter(reporter):
    """Say who draws the progress of long work.

    Parameters
    ----------
    reporter : callable or None
        Called as ``reporter(iterable, total, what)``, gives an iterable of the
        same items. None switches progress off.
    """
    global _reporter
    _reporter = reporter


def track(iterable, what, total=None):
    """Iterate over long work and report how far it is.

    Parameters
    ----------
    iterable : iterable
        The items of the work.
    what : str
        What is being done, for the person who waits.
    total : int, optional
        The number of items; by default the length of the iterable, where it
        has one.

    Returns
    -------
    iterable
        The same items.
    """
    if total is None and hasattr(iterable, "__len__"):
        total = len(iterable)
    if _reporter is None:
        return iterable
    return _reporter(iterable, total, what)
