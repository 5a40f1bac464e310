"""A part ends when its supervisor is gone, even when that one was killed and could say nothing."""

import os
import signal
import threading
import time

VARIABLE = "YOUGUAN_LIFELINE_FD"
GRACE_S = 15.0


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
