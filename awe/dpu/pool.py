"""A pool of worker processes of which one can be stopped without touching the others."""

import collections
import contextlib
import itertools
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from concurrent.futures import BrokenExecutor, Future
from multiprocessing import connection

from awe.dpu.executor import (
    CallStopped,
    StoppableExecutor,
    TimeLimitReached,
    WorkerDied,
    how_it_ended,
    name_of_worker,
)

__all__ = ["WorkerPool", "end_under"]

# Names of the variables by which numerical libraries are told how many threads to use.
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
# How often workers may fail to start, one after the other, before the pool gives up.
_MOST_BAD_STARTS = 3
_GRACE = 0.8
_NEVER_READY = "the last one {} while it loaded its modules and opened the store"


class _Item:
    """A call that waits or runs."""

    def __init__(self, number, call, limit):
        self.number = number
        self.call = call
        self.limit = limit
        self.future = Future()
        self.reason = None


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, pool):
        self.pipe, theirs = pool.methods.Pipe()
        self.process = pool.methods.Process(
            target=_serve, args=(theirs, *pool.opener), name="awe-worker", daemon=True
        )
        self.process.start()
        theirs.close()
        self.item = None
        self.is_ready = False
        self.why_not = None
        self.ends = None
        self.kill_at = None

    def give(self, item):
        """Send a call; it has begun from then on."""
        self.item = item
        self.ends = None if item.limit is None else time.monotonic() + item.limit
        self.kill_at = None
        self.pipe.send((item.number, *item.call))

    def free(self):
        """Forget the call that has ended, and give it."""
        item, self.item = self.item, None
        self.ends = self.kill_at = None
        return item


class WorkerPool(StoppableExecutor):
    """Worker processes with the interface of `concurrent.futures.Executor`.

    Parameters
    ----------
    workers : int
        How many.
    opener : callable, optional
        Called in each worker before its first call. By default nothing is.
    arguments : tuple, optional
        What the opener is called with. By default nothing.
    preload : tuple of str, optional
        Modules that are imported once for all workers. By default none.
    guard : callable, optional
        Gives a context manager in which a worker is killed, such as one that keeps it from being
        killed in the middle of a commit. By default there is none.
    grace : float, optional
        Seconds that a call has to end by itself when it is stopped. The default is 0.8.
    """

    def __init__(
        self, workers, opener=None, arguments=(), *, preload=(), guard=None, grace=_GRACE
    ):  # fmt: skip
        self.size = workers
        self.opener = (opener, arguments)
        self.guard = guard or contextlib.nullcontext
        self.grace = grace
        self.methods = multiprocessing.get_context("forkserver")
        self.methods.set_forkserver_preload([__name__, *preload])
        self._lock = threading.Lock()
        self._waiting = collections.deque()
        self._numbers = itertools.count(1)
        self._stops = []
        self._closing = False
        self._cancelling = False
        self._broken = None
        self._bad_starts = 0
        self._alarm_in, self._alarm_out = os.pipe()
        os.set_blocking(self._alarm_out, False)
        self._workers = []
        self._manager = threading.Thread(target=self._manage, name="awe-pool", daemon=True)
        self._manager.start()

    # --- the interface ---

    @property
    def is_broken(self):
        """Whether there are no workers any more."""
        return self._broken is not None

    def submit_limited(self, limit, fn, /, *args, **kwargs):
        with self._lock:
            if self._broken is not None:
                raise BrokenExecutor(self._broken)
            if self._closing:
                msg = "The pool was shut down."
                raise RuntimeError(msg)
            item = _Item(next(self._numbers), (fn, args, kwargs), limit)
            self._waiting.append(item)
        self._alarm()
        return item.future

    def stop(self, future):
        if future.cancel():
            return
        with self._lock:
            self._stops.append(future)
        self._alarm()

    def shutdown(self, wait=True, *, cancel_futures=False):
        with self._lock:
            self._closing = True
            self._cancelling = self._cancelling or cancel_futures
            if cancel_futures:
                while self._waiting:
                    self._waiting.popleft().future.cancel()
        self._alarm()
        if wait:
            self._manager.join()

    # --- the thread that looks after the workers ---

    def _alarm(self):
        # A full pipe wakes as well.
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._alarm_out, b"x")

    def _manage(self):
        try:
            # Here, since a start waits until the modules are loaded.
            with single_threaded():
                self._workers = [_Worker(self) for _ in range(self.size)]
            self._look_after()
        except BaseException:
            # Nobody may wait for ever for what nobody does.
            self._break(traceback.format_exc())
            raise

    def _look_after(self):
        while True:
            self._hand_out()
            if self._closing and not self._waiting and all(w.item is None for w in self._workers):
                break
            pipes = {w.pipe: w for w in self._workers}
            for ready in connection.wait([*pipes, self._alarm_in], self._patience()):
                if ready == self._alarm_in:
                    os.read(self._alarm_in, 4096)
                else:
                    self._hear(pipes[ready])
            self._stop_wanted()
            self._look_at_clock()
        for worker in self._workers:
            worker.pipe.close()
        end = time.monotonic() + self.grace
        for worker in self._workers:
            worker.process.join(max(end - time.monotonic(), 0.0))
        self._kill(self._workers)

    def _hand_out(self):
        for worker in self._workers:
            while worker.item is None and worker.is_ready:
                with self._lock:
                    if not self._waiting:
                        return
                    item = self._waiting.popleft()
                if not item.future.set_running_or_notify_cancel():
                    continue
                try:
                    worker.give(item)
                except OSError:
                    # It has died; `_hear` finds that out and tells the future.
                    worker.item = item
                except (TypeError, AttributeError, ValueError, pickle.PicklingError) as err:
                    worker.free().future.set_exception(err)

    def _patience(self):
        """Give how many seconds there are until somebody has to be stopped."""
        times = [t for w in self._workers for t in (w.ends, w.kill_at) if t is not None]
        return max(min(times) - time.monotonic(), 0.0) if times else None

    def _hear(self, worker):
        try:
            what, number, value = worker.pipe.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if what == "ready":
            worker.is_ready = True
            self._bad_starts = 0
            return
        if what == "broken":
            # It ends now, and is heard of once more.
            worker.why_not = value
            return
        if worker.item is None or worker.item.number != number:
            return
        item = worker.free()
        if what == "done":
            item.future.set_result(value)
        elif what == "stopped":
            item.future.set_exception(item.reason or CallStopped("interrupted"))
        else:
            item.future.set_exception(value)

    def _replace(self, worker):
        """Put another worker in the place of one that has died."""
        worker.pipe.close()
        worker.process.join(self.grace)
        item = worker.free()
        at = self._workers.index(worker)
        exitcode, pid = worker.process.exitcode, worker.process.pid
        worker.process.close() if exitcode is not None else None
        if not worker.is_ready and not self._closing:
            self._note_bad_start(worker.why_not or _NEVER_READY.format(how_it_ended(exitcode)))
        if self._broken is None:
            with single_threaded():
                self._workers[at] = _Worker(self)
        else:
            del self._workers[at]
        if item is not None:
            item.future.set_exception(item.reason or WorkerDied(exitcode, name_of_worker(pid)))

    def _note_bad_start(self, why):
        self._bad_starts += 1
        if self._bad_starts >= _MOST_BAD_STARTS:
            self._break(f"{self._bad_starts} workers one after the other could not start: {why}")

    def _break(self, why):
        with self._lock:
            self._broken = why
            waiting, self._waiting = self._waiting, collections.deque()
        items = [*waiting, *(w.free() for w in self._workers if w.item is not None)]
        for item in items:
            if item.future.running() or item.future.set_running_or_notify_cancel():
                item.future.set_exception(BrokenExecutor(why))

    def _stop_wanted(self):
        with self._lock:
            stops, self._stops = self._stops, []
        for worker in self._workers:
            if worker.item is not None and (self._cancelling or worker.item.future in stops):
                self._interrupt(worker, CallStopped("stopped"))

    def _look_at_clock(self):
        now = time.monotonic()
        deaf = [w for w in self._workers if w.kill_at is not None and now >= w.kill_at]
        for worker in deaf:
            worker.kill_at = None
        self._kill(deaf)
        for worker in self._workers:
            if worker.ends is not None and now >= worker.ends:
                limit = worker.item.limit
                self._interrupt(worker, TimeLimitReached(f"took longer than {limit:g} s"))

    def _interrupt(self, worker, reason):
        """Ask a call to end; what does not hear is killed after the grace."""
        if worker.kill_at is None:
            worker.item.reason = reason
            worker.ends = None
            worker.kill_at = time.monotonic() + self.grace
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.process.pid, signal.SIGINT)

    def _kill(self, workers):
        alive = [worker for worker in workers if worker.process.is_alive()]
        if alive:
            # Once for all of them: the guard may have to be waited for.
            with self.guard():
                for worker in alive:
                    worker.process.kill()


@contextlib.contextmanager
def single_threaded():
    """Let processes that are started inside the ``with`` block compute with one thread each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# --- in the worker ---

_is_busy = False
_guard = contextlib.nullcontext


def end_under(guard):
    """Say in what a worker waits before it ends because its parent has ended.

    Parameters
    ----------
    guard : callable
        Gives a context manager, such as the lock of the store: no commit is cut in two.
    """
    global _guard
    _guard = guard


def _interrupted(number, frame):
    # An interrupt that comes when the call has ended already is nobody's.
    if _is_busy:
        raise KeyboardInterrupt


def _end_with(parent):
    """End this process when its parent has ended, whatever it is doing."""
    connection.wait([parent.sentinel])
    try:
        with _guard():
            os._exit(1)
    finally:
        # The guard may be gone as well, such as the folder of a lock.
        os._exit(1)


def _serve(pipe, opener, arguments):
    signal.signal(signal.SIGINT, _interrupted)
    parent = multiprocessing.parent_process()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if opener is not None:
        try:
            opener(*arguments)
        except BaseException:
            pipe.send(("broken", 0, traceback.format_exc()))
            raise
    try:
        pipe.send(("ready", 0, None))
    except BrokenPipeError:
        # The pool was closed meanwhile.
        return
    while True:
        try:
            number, function, args, kwargs = pipe.recv()
        except EOFError:
            return
        _send(pipe, *_answer(number, function, args, kwargs))


def _answer(number, function, args, kwargs):
    global _is_busy
    try:
        _is_busy = True
        try:
            return "done", number, function(*args, **kwargs)
        finally:
            _is_busy = False
    except KeyboardInterrupt:
        return "stopped", number, None
    except Exception as err:  # noqa: BLE001  the caller gets it from the future
        err.add_note("".join(traceback.format_exception(err)))
        return "error", number, err


def _send(pipe, what, number, value):
    try:
        pipe.send((what, number, value))
    except (TypeError, AttributeError, ValueError) as err:
        msg = f"what the call gave cannot be sent: {type(value).__name__} {value!r}: {err}"
        pipe.send(("error", number, RuntimeError(msg)))
