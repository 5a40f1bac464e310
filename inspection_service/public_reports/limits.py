"""How often anybody may report, and look after receipts: counted for the whole suite, whichever process is asked.

An address is known by a hash of it, and only for as long as it counts.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil

import asyncpg

from inspection_service.public_reports import store
from youguan.errors import Reason, TooManyRequests

WINDOW = timedelta(minutes=10)
# Within ten minutes: from one address, of one station, and of all; and how often one address may look after receipts.
FROM_ONE, OF_ONE, OF_ALL, LOOKS = 10, 20, 300, 120
TOO_MANY = "too many at once; try again in {wait_s} s"


async def count(pool: asyncpg.Pool, limits: Mapping[str, int], now: datetime) -> None:
    """Count once for each key before it costs anything; TooManyRequests counts nothing."""
    keys = {_known_by(key): limit for key, limit in limits.items()}
    async with pool.acquire() as connection, connection.transaction():
        for key in sorted(keys):  # always in this order, so that no two wait for each other
            await store.hold_tries(connection, key, now - WINDOW)
        for key, limit in keys.items():
            first = await store.nth_last_try(connection, key, limit)
            if first is not None:
                wait_s = max(ceil((first + WINDOW - now).total_seconds()), 1)
                raise TooManyRequests(Reason(TOO_MANY, wait_s=wait_s), headers={"Retry-After": str(wait_s)})
        await store.add_tries(connection, list(keys), now)


def _known_by(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
