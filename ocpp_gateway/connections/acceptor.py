"""Taking connections from a listening socket that other workers take from too.

The kernel wakes every worker for a connection, and the same one tends to be first: with three workers one was given ten
times as many as another. So each waits a moment drawn by lot before it takes, the longer the more it holds, and one
whose files run out leaves the rest to the others.
"""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)

AT_ONCE = 16  # connections taken in one turn
SHORTEST_DRAW_MS = 4
HELD_A_MS = 500  # so many connections held lengthen the draw by a millisecond
SPARE_FILES = 256  # for the database, logs and whatever else a worker opens
FULL_PAUSE_S = 0.25

Receive = Callable[[socket.socket], Coroutine[Any, Any, object]]
"""Makes a connection of an accepted socket."""


class Acceptor:
    """Takes connections, fairly, for as long as there are files for them."""

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        held: Callable[[], int],
        most_files: int,
        receive: Receive | None = None,
    ) -> None:
        self._listening = listening
        self._protocol = protocol
        self._receive = receive or self._plain
        self._held = held
        self._most_files = most_files
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[object]] = set()
        self._full = False

    def start(self) -> None:
        """Begin to take connections."""
        self._loop.add_reader(self._listening, self._woken)

    def stop(self) -> None:
        """Take no more; others may go on."""
        self._loop.remove_reader(self._listening)
        if self._waiting is not None:
            self._waiting.cancel()
        self._listening.close()

    def _woken(self) -> None:
        self._loop.remove_reader(self._listening)
        self._waiting = self._loop.call_later(secrets.randbelow(longest_draw_ms(self._held()) + 1) / 1000, self._turn)

    def _turn(self) -> None:
        for _ in range(AT_ONCE):
            if self._is_full():
                self._waiting = self._loop.call_later(FULL_PAUSE_S, self._turn)
                return
            try:
                connection, _ = self._listening.accept()
            except OSError:  # nobody is there any more: another worker was first, or the caller hung up
                break
            self._open(connection)
        self.start()

    def _open(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        opening = self._loop.create_task(self._receive(connection))
        self._opening.add(opening)
        opening.add_done_callback(self._opened)

    async def _plain(self, connection: socket.socket) -> object:
        return await self._loop.connect_accepted_socket(self._protocol, connection)

    def _opened(self, opening: asyncio.Task[object]) -> None:
        self._opening.discard(opening)
        if not opening.cancelled() and (error := opening.exception()) is not None:
            log.info("a connection ended before it began: %s", error)

    def _is_full(self) -> bool:
        full = lowest_free_file(self._listening) >= self._most_files - SPARE_FILES
        if full and not self._full:
            log.warning("%d connections: no files are left for more; other workers take them", self._held())
        self._full = full
        return full


def longest_draw_ms(held: int) -> int:
    """Return how long at most a worker that holds so many connections waits before it takes more."""
    return SHORTEST_DRAW_MS + held // HELD_A_MS


def lowest_free_file(any_file: socket.socket) -> int:
    """Return the number the next file gets: all numbers below are taken, so it says when a process is full."""
    try:
        number = os.dup(any_file.fileno())
    except OSError:
        return 1 << 31
    os.close(number)
    return number
