"""Serving the DPU's page on 127.0.0.1 until the DPU has ended."""

import asyncio
import os
import signal
import socket
import sys
import time

import uvicorn

from awe.dpu.control import DpuHome
from awe.services.desk import PageDesk, ServedPage
from awe.services.guard import Guard
from awe.services.pages import Pages
from awe.services.stored import StoreThread

__all__ = ["serve"]

# How long the page waits for a DPU that was killed, which the next prompt starts again.
_PATIENCE = 60.0
_LOOK_EVERY = 2.0
_END = 1


def serve(folder, opener, port):
    """Be the page until the DPU has ended or somebody stops it.

    Parameters
    ----------
    folder : str
        The folder of the DPU.
    opener : str
        What opens the store with all classes, as 'module:function'.
    port : int
        Where to listen on 127.0.0.1; 0 for a port that is free.
    """
    desk = PageDesk(folder)
    lock = desk.take()
    if lock is None:
        return
    # uvicorn ends in good order on SIGTERM, and then raises it again.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        listener = _listen(port)
    except OSError as err:
        print(f"127.0.0.1:{port} cannot be used: {err.strerror}.", file=sys.stderr)
        return
    store = StoreThread(opener)
    try:
        _run(desk, lock, store, opener, listener)
    finally:
        store.close()


def _listen(port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # A page that was stopped a moment ago does not keep its port.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


def _run(desk, lock, store, opener, listener):
    port = listener.getsockname()[1]
    pages = Pages(store, opener, desk.pictures, lambda: server.should_exit)
    guard = Guard(pages.application(), desk.token(), port)
    config = uvicorn.Config(
        guard, http="h11", loop="asyncio", ws="none", lifespan="off", access_log=False,
        log_level="warning", server_header=False, timeout_graceful_shutdown=_END,
    )  # fmt: skip
    server = uvicorn.Server(config)
    where, user = str(store.context.session.where), store.context.user_name
    desk.tell(lock, ServedPage(os.getpid(), port, where, user))
    asyncio.run(_serve(server, listener, DpuHome(desk.folder)))


async def _serve(server, listener, dpu):
    watching = asyncio.create_task(_end_with(dpu, server))
    try:
        await server.serve(sockets=[listener])
    finally:
        watching.cancel()


async def _end_with(dpu, server):
    """Let the page end when its DPU has been gone for a while."""
    seen = time.monotonic()
    while time.monotonic() - seen < _PATIENCE:
        await asyncio.sleep(_LOOK_EVERY)
        if dpu.running() is not None:
            seen = time.monotonic()
    server.should_exit = True
