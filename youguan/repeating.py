"""What is looked at again and again, since time alone changes it."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg


async def repeat(look: Callable[[], Awaitable[object]], every_s: float) -> None:
    """Look, then rest for so many seconds, until cancelled."""
    while True:
        await look()
        await asyncio.sleep(every_s)


async def repeat_in_transaction(
    pool: asyncpg.Pool, look: Callable[[asyncpg.Connection], Awaitable[object]], every_s: float
) -> None:
    """Look, each time in a transaction of its own, then rest for so many seconds, until cancelled."""

    async def once() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await look(connection)

    await repeat(once, every_s)
