"""Being rung by PostgreSQL: a notification says that it is time to look; looking now and then does without it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg


@asynccontextmanager
async def listening(pool: asyncpg.Pool, channel: str, ring: Callable[..., None]) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection; `ring` is called with (connection, pid, channel, payload) when somebody notifies meanwhile."""
    async with pool.acquire() as connection:
        await connection.add_listener(channel, ring)
        try:
            yield connection
        finally:
            # One that was lost has gone back to the pool already; to raise here would swallow a cancellation.
            with suppress(asyncpg.InterfaceError):
                await connection.remove_listener(channel, ring)


async def rung_within(rung: asyncio.Event, seconds: float) -> None:
    """Wait until it rings; no longer than so many seconds, since notifications die with their connection."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await rung.wait()
