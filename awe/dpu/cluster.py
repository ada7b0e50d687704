"""The pool on a cluster: the same units, sent to dask.distributed."""

import ipaddress
import multiprocessing
import os
import threading
import time
import uuid
from concurrent.futures import Executor, Future
from urllib.parse import urlsplit

from awe.base.errors import AweError, AweValueError
from awe.dpu.pool import CallStopped, WorkerPool

__all__ = ["DaskPool", "check_address"]

# How often a call on the cluster asks whether it is to stop, in seconds.
_POLL = 0.3
_SIZE_KEPT = 2.0
# The pool of child processes of this worker of dask.
_children = None
_children_lock = threading.Lock()


def check_address(address):
    """Refuse the address of a scheduler to which a connection would not be encrypted.

    Parameters
    ----------
    address : str
        As of `distributed.Client`.

    Raises
    ------
    AweValueError
        It is neither encrypted nor on this machine.
    """
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme in ("tls", "inproc", "wss") or _is_loopback(parts.hostname or ""):
        return
    msg = (
        f"dpu_scheduler = {address} is on another machine and not encrypted: whoever listens on "
        "the way could run code as you."
    )
    remedy = "Use tls://... with dask's settings distributed.comm.tls, or a tunnel to 127.0.0.1."
    raise AweValueError(msg, remedy=remedy)


def _is_loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class DaskPool(Executor):
    """Workers of dask.distributed with the interface of `WorkerPool`.

    Each call runs in a child process of the dask worker, so that it can be stopped there.

    Parameters
    ----------
    address : str
        The scheduler; empty for a cluster of processes on this machine.
    workers : int
        How many workers such a cluster has.
    opener : callable
        Called in each child before its first call.
    arguments : tuple
        What the opener is called with.
    guard : callable
        Called with the last of the arguments; gives a context manager in which a child is killed.
    """

    def __init__(self, address, workers, opener, arguments, guard):
        try:
            import distributed
        except ImportError as err:
            msg = "dpu_executor = dask needs dask.distributed, which is not installed."
            raise AweError(msg, remedy="Type in a shell: pip install 'awe[dask]'") from err
        self._opening = (opener, arguments, guard)
        self._cluster = None
        if address:
            check_address(address)
            self._client = distributed.Client(address)
        else:
            import dask

            # A daemon may have no children of its own.
            with dask.config.set({"distributed.worker.daemon": False}):
                self._cluster = distributed.LocalCluster(
                    workers, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
                )
            self._client = distributed.Client(self._cluster)
        self._lock = threading.Lock()
        self._running = {}
        self._size = (0, 0.0)

    @property
    def size(self):
        """How many calls run at the same time: the cluster may grow and shrink."""
        size, until = self._size
        if time.monotonic() > until:
            size = max(sum(self._client.nthreads().values()), 1)
            self._size = (size, time.monotonic() + _SIZE_KEPT)
        return size

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
            What it will give; its exception is `TimeLimitReached` where it took longer.
        """
        key = f"awe-{uuid.uuid4().hex}"
        call = self._client.submit(
            _in_child, key, self._opening, limit, fn, args, kwargs, key=key, pure=False
        )
        future = Future()
        with self._lock:
            self._running[future] = call
        call.add_done_callback(lambda done: self._settle(future, done))
        return future

    def _settle(self, future, call):
        with self._lock:
            self._running.pop(future, None)
        if not future.set_running_or_notify_cancel():
            return
        if call.status == "finished":
            future.set_result(call.result())
        elif call.status == "cancelled":
            future.set_exception(CallStopped("stopped"))
        else:
            future.set_exception(call.exception())

    def stop(self, future):
        """Stop a call, whether it waits or runs; the other calls go on.

        Parameters
        ----------
        future : concurrent.futures.Future
            What `submit` gave; its exception is then `CallStopped`.
        """
        import distributed

        with self._lock:
            call = self._running.get(future)
        if call is not None:
            # The child hears it; what waits ends at once when its turn comes.
            distributed.Event(call.key, client=self._client).set()

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Let go of the cluster; one of this machine ends.

        Parameters
        ----------
        wait : bool, optional
            Whether to wait until what runs has ended. The default is True.
        cancel_futures : bool, optional
            Whether to stop what waits and what runs. The default is False.
        """
        with self._lock:
            running = list(self._running)
        if cancel_futures:
            for future in running:
                self.stop(future)
        end = time.monotonic() + 5.0
        while wait and self._running and (not cancel_futures or time.monotonic() < end):
            time.sleep(0.02)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


# --- in the worker of dask ---


def _in_child(key, opening, limit, fn, args, kwargs):
    """Let a child process of this worker call a function, until somebody wants it to stop."""
    import distributed

    stop = distributed.Event(key)
    if stop.is_set():
        msg = "stopped"
        raise CallStopped(msg)
    pool = _pool(opening)
    future = pool.submit_limited(limit, fn, *args, **kwargs)
    # Asked only when it takes some time: an empty call should not wait for the scheduler.
    while not future.done():
        try:
            future.exception(timeout=_POLL)
        except TimeoutError:
            if stop.is_set():
                pool.stop(future)
    return future.result()


def _pool(opening):
    global _children
    import distributed

    if multiprocessing.current_process().daemon:
        msg = "This worker of dask may have no child processes, in which units run."
        raise AweError(
            msg, remedy="Start it with --no-nanny, or with DASK_DISTRIBUTED__WORKER__DAEMON=False."
        )
    with _children_lock:
        if _children is None or _children[0] != (os.getpid(), opening):
            if _children is not None:
                _children[1].shutdown(wait=False, cancel_futures=True)
            opener, arguments, guard = opening
            size = distributed.get_worker().state.nthreads
            pool = WorkerPool(
                size, opener, arguments, preload=("awe.dpu.work", "awe.model"),
                guard=lambda: guard(*arguments),
            )  # fmt: skip
            _children = ((os.getpid(), opening), pool)
        return _children[1]
