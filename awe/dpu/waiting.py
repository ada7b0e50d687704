"""When it is worth asking the store again how far a job is."""

import time

__all__ = ["EVERY", "Waiting"]

# How often the sign that something has changed is looked at, in seconds.
_LOOK = 0.05
# Asking takes at most this part of the time of one processor.
_SHARE = 0.1
# How often the store is asked although nothing seems to have changed, in seconds.
EVERY = 5.0


class Waiting:
    """Somebody who waits for changes in the store, without asking it all the time.

    Parameters
    ----------
    desk : DpuHome
        Where the DPU leaves the sign that something has changed.
    """

    def __init__(self, desk):
        self._desk = desk
        self._seen = None
        self._soonest = self._latest = 0.0
        self._used = time.thread_time()

    def is_due(self):
        """Tell whether to ask the store now.

        Returns
        -------
        bool
            True where something may have changed since this was True the last time, or where that
            was long ago. What the caller has computed since then counts as the cost of asking.
        """
        now = time.monotonic()
        if self._used is not None:
            cost, self._used = time.thread_time() - self._used, None
            self._soonest = now + cost / _SHARE if self._latest else now
        news = self._desk.news_at()
        changed = news != self._seen or self._desk.running() is None
        if now < self._soonest or not (changed or now >= self._latest):
            return False
        self._seen, self._latest = news, now + EVERY
        self._used = time.thread_time()
        return True

    def pause(self):
        """Sleep until it is time to ask the store."""
        while not self.is_due():
            time.sleep(_LOOK)

    def nap(self):
        """Sleep for the time after which it may be due."""
        time.sleep(_LOOK)
