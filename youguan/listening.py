"""Being rung by PostgreSQL: a notification says that it is time to look; looking now and then does without it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

Wanted = Callable[[str], bool]
"""Says by a notification's payload whether it is time to look."""


class Rung:
    """Whether somebody has been rung since he looked last."""

    def __init__(self, wanted: Wanted = lambda payload: True) -> None:
        self._wanted = wanted
        self._rung = asyncio.Event()
        self._lost = False
        self.look_after: Callable[[], object] = lambda: None
        """Looks whether anybody can ring still; set by the bell."""

    def ring(self) -> None:
        """Say that it is time to look."""
        self._rung.set()

    def hear(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        """Take a notification."""
        if self._wanted(payload):
            self._rung.set()

    def lose(self) -> None:
        """Say that nobody rings any more."""
        self._lost = True
        self._rung.set()

    def clear(self) -> None:
        """Forget that it rang: what it rang for is looked at now."""
        self._rung.clear()

    async def within(self, seconds: float) -> None:
        """Wait until it rings, no longer than so many seconds; ConnectionError when nobody rings any more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self.look_after()
        if self._lost:
            raise ConnectionError("the connection that listened is lost")


class Bell:
    """The connection of a pool that listens, for everybody who shares the pool; there is one while somebody wants to be rung.

    At each commit that notifies PostgreSQL wakes whoever listens to anything: the six of one worker cost it 0.2 ms a commit
    when each listened for itself, and a suite has as many consumers as all its workers have of these (docs/performance.md).
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._turn = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self._hung: set[Rung] = set()

    async def hang(self, channel: str, rung: Rung) -> None:
        """Ring somebody from now on."""
        async with self._turn:
            self.look_after()
            if self._connection is None:
                # One that was lost on its way here takes no listener, and nobody would ever say that it is lost.
                connection = await self._pool.acquire()
                connection.add_termination_listener(self._lose)
                self._connection = connection
            self._hung.add(rung)
            rung.look_after = self.look_after
            await self._connection.add_listener(channel, rung.hear)

    async def take_down(self, channel: str, rung: Rung) -> None:
        """Ring somebody no longer."""
        async with self._turn:
            self.look_after()
            if self._connection is None or rung not in self._hung:
                return
            self._hung.remove(rung)
            await self._connection.remove_listener(channel, rung.hear)
            if self._connection is not None and not self._hung:  # it may be lost by now
                connection, self._connection = self._connection, None
                connection.remove_termination_listener(self._lose)
                await self._pool.release(connection)

    def look_after(self) -> None:
        """Give up a connection that has ended without a word, as one does whose request to cancel a statement failed."""
        connection = self._connection
        if connection is not None and connection.is_closed():
            connection.remove_termination_listener(self._lose)
            self._lose(connection)
            connection.terminate()  # the pool waits for it at its own end otherwise

    def _lose(self, _: Any) -> None:
        for rung in self._hung:
            rung.lose()
        self._connection, self._hung = None, set()


@asynccontextmanager
async def listening(pool: asyncpg.Pool, channel: str, rung: Rung) -> AsyncIterator[None]:
    """Ring somebody while the block lasts, at what is notified on a channel."""
    try:
        await pool.bell.hang(channel, rung)
        yield
    finally:
        # A connection that is being lost is taken down by that; to raise here would swallow a cancellation.
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await pool.bell.take_down(channel, rung)
