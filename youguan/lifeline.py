"""When a part ends: when it is told to, and when its supervisor is gone, even one that was killed and could say nothing."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable
from typing import TypeVar

VARIABLE = "YOUGUAN_LIFELINE_FD"
GRACE_S = 15.0
Done = TypeVar("Done")


def told_to_stop() -> asyncio.Event:
    """Return what SIGTERM and Ctrl-C set from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def unless(stop: asyncio.Event, work: Awaitable[Done]) -> Done | None:
    """Do something that may take long; give it up and return None when told to stop first."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()


def end_with_supervisor() -> None:
    """Watch the pipe whose other end only the supervisor holds; its end is told to ourselves as SIGTERM."""
    descriptor = os.environ.get(VARIABLE)
    if descriptor is not None:
        threading.Thread(target=_watch, args=(int(descriptor),), daemon=True).start()


def _watch(descriptor: int) -> None:
    os.read(descriptor, 1)  # returns at end of file: nobody writes to it
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)  # as the supervisor would have done: the database may be gone too, and goodbyes wait for it
