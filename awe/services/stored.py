"""The store as the page reads it: in one thread, a fresh snapshot for each question."""

import asyncio
import importlib
from concurrent.futures import ThreadPoolExecutor

from awe.store import current

__all__ = ["StoreThread"]


class StoreThread:
    """The one thread of this process that uses the store.

    Parameters
    ----------
    opener : str
        What opens the store with all classes, as 'module:function'.
    """

    def __init__(self, opener):
        self._thread = ThreadPoolExecutor(1, "store")
        self.context = self._thread.submit(_open, opener).result()

    async def ask(self, function, *arguments):
        """Call a function in the thread, on the newest contents of the store.

        Parameters
        ----------
        function : callable
            Gets the context and the arguments. What it gives must need the store no more.
        *arguments : object
            Handed to it.

        Returns
        -------
        object
            What it gives.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._call, function, arguments)

    def _call(self, function, arguments):
        context = self.context
        context.refresh()
        try:
            return function(context, *arguments)
        finally:
            context.rollback()
            context.session.end()

    def close(self):
        """Let go of the store."""
        self._thread.submit(self.context.close).result()
        self._thread.shutdown()


def _open(opener):
    module, function = opener.split(":")
    getattr(importlib.import_module(module), function)()
    context = current.context()
    context.set_privileges(1)
    context.session.end()
    return context
