"""Keeps what is published in step with what is filed and what stations say."""

from collections.abc import Collection
from datetime import datetime

import asyncpg

from charger_registry.open_data.published import (
    Condition,
    EvseKey,
    evse_changes,
    evse_condition,
    prices_of,
    to_the_millisecond,
)
from charger_registry.open_data.publishing import store
from charger_registry.public.store import refresh_sites
from youguan.clock import Clock
from youguan.repeating import repeat

WATCH_S = 60.0
SITES_AT_ONCE = 50


async def publish_changes(
    connection: asyncpg.Connection, site_ids: Collection[str], station_ids: Collection[str], clock: Clock
) -> set[str]:
    """Publish what is filed of sites and what stations said, in the caller's transaction; return the sites that changed.

    What did not change keeps its time.
    """
    if not site_ids and not station_ids:
        return set()
    await store.hold(connection)
    now = to_the_millisecond(clock.now())
    changed = await _take_files(connection, sorted(site_ids), now) if site_ids else set()
    changed |= await _take_conditions(connection, sorted(site_ids), sorted(station_ids), now)
    if changed:
        await store.touch(connection, changed, now)
    return changed


async def _take_files(connection: asyncpg.Connection, site_ids: list[str], now: datetime) -> set[str]:
    filed, known = await store.filed_sites(connection, site_ids, now), await store.known_sites(connection, site_ids)
    sites = {site_id: site for site_id, site in filed.items() if known.get(site_id) != site}
    retired = sorted(known.keys() - filed.keys())
    standing = await store.filed_evses(connection, site_ids, now)
    evses = evse_changes(await store.known_evses(connection, site_ids), standing, now)
    await store.write_prices(connection, site_ids, prices_of(filed, standing), now)
    if sites:
        await store.write_sites(connection, sites, now)
    if retired:
        await store.retire_sites(connection, retired, now)
    if evses.written or evses.removed:
        await store.write_evses(connection, evses, now)
        await store.count_evses(connection, evses.site_ids)
    return {*sites, *retired, *evses.site_ids}


async def _take_conditions(
    connection: asyncpg.Connection, site_ids: list[str], station_ids: list[str], now: datetime
) -> set[str]:
    changes: dict[EvseKey, tuple[Condition, datetime | None]] = {}
    for row in await store.evses_with_what_was_said(connection, site_ids, station_ids):
        condition = evse_condition(row["online"], row["told"], row["numbers"], closed=row["closed"])
        if condition != row["condition"]:
            changes[row["site_id"], row["station_id"], row["evse"]] = condition, row["told_since"]
    if changes:
        await store.write_conditions(connection, changes, now)
    return {key[0] for key in changes}


async def keep_published(pool: asyncpg.Pool, clock: Clock) -> None:
    """Look at every site once, so that what is published is what this version publishes; then at what time alone changes."""
    looked_at: datetime | None = None

    async def look() -> None:
        nonlocal looked_at
        now = clock.now()
        async with pool.acquire() as connection:
            due = await (
                store.every_site(connection) if looked_at is None else store.sites_due(connection, looked_at, now)
            )
        for start in range(0, len(due), SITES_AT_ONCE):
            async with pool.acquire() as connection, connection.transaction():
                changed = await publish_changes(connection, due[start : start + SITES_AT_ONCE], (), clock)
                await refresh_sites(connection, changed)
        looked_at = now

    await repeat(look, WATCH_S)
