"""Reads opening hours again that stand as people wrote them: what an older version did not understand, this one may."""

import asyncio
from contextlib import suppress

import asyncpg

from charger_registry import store as registry
from charger_registry.equipment import opening_hours, store
from youguan import audit
from youguan.clock import Clock
from youguan.errors import NotFound
from youguan.eventlog import publish
from youguan.repeating import repeat

AGAIN_S = 24 * 3600.0
ACTOR = "youguan opening hours"


async def keep_hours_read(pool: asyncpg.Pool, clock: Clock) -> None:
    """Read hours again at the start of each version, and each day."""
    await repeat(lambda: read_again(pool, clock), AGAIN_S)


async def read_again(pool: asyncpg.Pool, clock: Clock) -> list[str]:
    """Let each site's hours be what its text says; return the sites where that is news."""
    async with pool.acquire() as connection:
        written = await store.written_hours(connection)
    stale = await asyncio.to_thread(lambda: [site_id for site_id, filed in written.items() if _read(filed) != filed])
    for site_id in stale:
        with suppress(NotFound):  # retired meanwhile
            await _file_again(pool, site_id, clock)
    return stale


def _read(filed: opening_hours.OpeningHours) -> opening_hours.OpeningHours:
    return opening_hours.read(filed.text)


async def _file_again(pool: asyncpg.Pool, site_id: str, clock: Clock) -> None:
    now = clock.now()
    async with pool.acquire() as connection, connection.transaction():
        site = await store.hold_site(connection, site_id)
        filed = opening_hours.from_json(site["opening_hours"])
        if filed is None or not filed.text or _read(filed) == filed:
            return
        read = _read(filed)
        await store.write_hours(connection, site_id, read, now)
        await audit.record(
            connection, at=now, actor=ACTOR, action="read opening hours again", subject=f"site {site_id}",
            before={"opening_hours": filed.as_json()}, after={"opening_hours": read.as_json()},
        )  # fmt: skip
        await publish(connection, registry.STREAM, await registry.site_files(connection, [site_id]))
