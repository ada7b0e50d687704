"""The pool on a cluster: the same units, sent to dask.distributed."""

import ipaddress
import logging
import multiprocessing
import os
import threading
import time
import uuid
from concurrent.futures import BrokenExecutor, CancelledError, Future
from multiprocessing.util import Finalize
from urllib.parse import urlsplit

from awe.base.errors import AweError, AweValueError
from awe.dpu.executor import CallStopped, StoppableExecutor, WorkerDied
from awe.dpu.pool import WorkerPool

__all__ = ["DaskPool", "check_address"]

# How often a call on the cluster asks whether it is to stop, in seconds.
_POLL = 0.3
_SIZE_KEPT = 2.0
# How long is waited for the scheduler, and for what a call has given, in seconds.
_ANSWER = 10.0
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


class DaskPool(StoppableExecutor):
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
        _say_only_what_matters()
        self._opening = (opener, arguments, guard)
        self._cluster = None
        self._closing = False
        if address:
            check_address(address)
            self._client = _connect(address)
        else:
            import dask

            # A daemon may have no children of its own. Nobody looks at the profile that workers
            # take of themselves, a third of their time while they wait for a child.
            settings = {
                "distributed.worker.daemon": False,
                "distributed.worker.profile.enabled": False,
            }
            with dask.config.set(settings):
                self._cluster = distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address=None,
                    host="127.0.0.1",
                    scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                )
            self._client = distributed.Client(self._cluster, timeout=_ANSWER)
        self._lost = f"The scheduler {address or 'of this machine'} was lost."
        self._lock = threading.Lock()
        self._running = {}
        self._size = (0, 0.0)

    @property
    def size(self):
        """How many calls run at the same time: the cluster may grow and shrink."""
        size, until = self._size
        if time.monotonic() > until:
            try:
                size = max(sum(self._client.nthreads().values()), 1)
            except (OSError, RuntimeError) as err:
                raise BrokenExecutor(self._lost) from err
            self._size = (size, time.monotonic() + _SIZE_KEPT)
        return size

    def submit_limited(self, limit, fn, /, *args, **kwargs):
        if self._client.status != "running":
            raise BrokenExecutor(self._lost)
        key = f"awe-{uuid.uuid4().hex}"
        # Attempts are counted by whoever submits: dask tries nothing again that has failed.
        call = self._client.submit(
            _in_child, key, self._opening, limit, fn, args, kwargs, key=key, pure=False, retries=0
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
            try:
                future.set_result(call.result(_ANSWER))
            except (OSError, CancelledError):
                # The worker has ended before it could hand over what it had.
                future.set_exception(WorkerDied(None))
        elif call.status == "error":
            future.set_exception(self._meant(call.exception()))
        else:
            # Only who loses the scheduler finds its calls cancelled: we never cancel one there.
            error = CallStopped("stopped") if self._closing else BrokenExecutor(self._lost)
            future.set_exception(error)

    def _meant(self, error):
        """Give an error of dask in our own terms."""
        import distributed

        if isinstance(error, distributed.scheduler.KilledWorker):
            return WorkerDied(None)
        return error

    def stop(self, future):
        import distributed

        with self._lock:
            call = self._running.get(future)
        if call is not None and self._client.status == "running":
            # The child hears it; what waits ends at once when its turn comes.
            distributed.Event(call.key, client=self._client).set()

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._closing = True
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


def _say_only_what_matters():
    """Keep tracebacks of lost connections out of the DPU's log: it says itself what was lost."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _connect(address):
    import distributed

    try:
        return distributed.Client(address, timeout=_ANSWER)
    except OSError as err:
        msg = f"The scheduler {address} does not answer: {err}."
        raise AweError(msg, remedy="Is it up, and is `dpu_scheduler` right?") from err


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
    try:
        # Asked only when it takes some time: an empty call should not wait for the scheduler.
        while not future.done():
            try:
                future.exception(timeout=_POLL)
            except TimeoutError:
                if stop.is_set():
                    pool.stop(future)
        return future.result()
    except CancelledError as err:
        # It was stopped before a child had begun with it.
        msg = "stopped"
        raise CallStopped(msg) from err


def _pool(opening):
    global _children
    import distributed

    if multiprocessing.current_process().daemon:
        msg = "This worker of dask may have no child processes, in which units run."
        raise AweError(
            msg, remedy="Start it with --no-nanny, or with DASK_DISTRIBUTED__WORKER__DAEMON=False."
        )
    with _children_lock:
        known = _children is not None and _children[0] == (os.getpid(), opening)
        if not known or _children[1].is_broken:
            if _children is not None:
                _children[1].shutdown(wait=False, cancel_futures=True)
            opener, arguments, guard = opening
            size = distributed.get_worker().state.nthreads
            pool = WorkerPool(
                size, opener, arguments, preload=("awe.dpu.work", "awe.model"),
                guard=lambda: guard(*arguments),
            )  # fmt: skip
            # Before the interpreter ends: it stops the children and waits for them, and the pool
            # would put others in their place.
            Finalize(None, pool.shutdown, kwargs={"cancel_futures": True}, exitpriority=100)
            _children = ((os.getpid(), opening), pool)
        return _children[1]
