"""An executor whose calls can be stopped one by one, and what it says of calls that ended badly."""

import signal
import socket
from concurrent.futures import Executor

__all__ = [
    "CallStopped",
    "StoppableExecutor",
    "TimeLimitReached",
    "WorkerDied",
    "how_it_ended",
    "name_of_worker",
]


class CallStopped(Exception):
    """A call was stopped because somebody wanted it."""


class TimeLimitReached(CallStopped):
    """A call took longer than it may."""


class WorkerDied(Exception):
    """The process that worked on a call ended.

    Parameters
    ----------
    exitcode : int or None
        As of `multiprocessing.Process`.
    worker : str, optional
        Which process it was. By default that is not known.
    """

    def __init__(self, exitcode, worker=""):
        self.exitcode = exitcode
        self.worker = worker
        super().__init__(f"the worker process {how_it_ended(exitcode)}")

    def __reduce__(self):
        return (WorkerDied, (self.exitcode, self.worker))


class StoppableExecutor(Executor):
    """An executor of which a single call can be stopped, also while it runs."""

    def submit(self, fn, /, *args, **kwargs):
        """Let a worker call a function.

        Parameters
        ----------
        fn : callable
            A function that can be imported.
        *args, **kwargs
            Its arguments.

        Returns
        -------
        concurrent.futures.Future
            What it will give.
        """
        return self.submit_limited(None, fn, *args, **kwargs)

    def submit_limited(self, limit, fn, /, *args, **kwargs):
        """Let a worker call a function that may not take longer than some time.

        Parameters
        ----------
        limit : float or None
            Seconds.
        fn : callable
            A function that can be imported.
        *args, **kwargs
            Its arguments.

        Returns
        -------
        concurrent.futures.Future
            What it will give; its exception is `TimeLimitReached` where it took longer,
            `WorkerDied` where its process ended, and `concurrent.futures.BrokenExecutor` where
            nobody can do it.

        Raises
        ------
        concurrent.futures.BrokenExecutor
            There are no workers any more; the message says why.
        """
        raise NotImplementedError

    def stop(self, future):
        """Stop a call, whether it waits or runs; the other calls go on.

        Parameters
        ----------
        future : concurrent.futures.Future
            What `submit` gave; its exception is then `CallStopped`.
        """
        raise NotImplementedError

    def shutdown(self, wait=True, *, cancel_futures=False):
        """End the workers, or let go of those of a cluster.

        Parameters
        ----------
        wait : bool, optional
            Whether to wait until they have ended. The default is True.
        cancel_futures : bool, optional
            Whether to stop what waits and what runs. The default is False.
        """
        raise NotImplementedError


def how_it_ended(exitcode):
    """Give in words how a process ended.

    Parameters
    ----------
    exitcode : int or None
        As of `multiprocessing.Process`.

    Returns
    -------
    str
        Such as 'was killed by SIGKILL'.
    """
    if exitcode is None:
        return "was lost"
    if exitcode >= 0:
        return f"ended with status {exitcode}"
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = f"signal {-exitcode}"
    return f"was killed by {name}"


def name_of_worker(pid):
    """Give the name of a worker process of this machine.

    Parameters
    ----------
    pid : int
        Its process.

    Returns
    -------
    str
        Machine and process.
    """
    return f"{socket.gethostname()}:{pid}"
