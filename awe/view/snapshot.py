"""A snapshot of the store for what happens in a window, as a line of the prompt has one."""

import contextlib

from awe.store import current

__all__ = ["snapshot"]


@contextlib.contextmanager
def snapshot():
    """Hold a snapshot of the store while an event of a window is worked on.

    Yields
    ------
    None
        Where a line of the prompt holds one already, it stays.
    """
    session = current.context().session if current.has_context() else None
    held = session is None or session.in_snapshot
    if not held:
        session.begin()
    try:
        yield
    finally:
        if not held:
            session.end()
