"""Heartbeat intervals: which one a station is told, who may set it, and when silence counts as absence."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ocpp_gateway.heartbeats.desk import IntervalDesk
from ocpp_gateway.heartbeats.policy import Intervals
from ocpp_gateway.heartbeats.watch import HeartbeatWatch
from ocpp_gateway.stations import store as stations
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.store import Opening
from tests.suite import eventually
from youguan.auth import REGULATOR, Principal
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import NotFound
from youguan.events import HeartbeatIntervalSet, SiteFiled, StationFile

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WHO = Principal("p1", "P", frozenset({REGULATOR}), None, None, "t", "c", NOW)
FILED = SiteFiled(
    site_id="site", name="s", address="", division_code=None, division_name=None, longitude=1, latitude=1,
    stations=tuple(StationFile(station_id=s, connectors=1, power_w=7000, current_type="AC") for s in ("a", "b")),
)  # fmt: skip


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


def changed(scope: str, subject_id: str, interval_s: int | None) -> HeartbeatIntervalSet:
    return HeartbeatIntervalSet(scope=scope, subject_id=subject_id, interval_s=interval_s, at=NOW)


async def test_the_stations_own_goes_before_its_sites_and_that_before_the_setting(pool: asyncpg.Pool) -> None:
    intervals = Intervals(pool, 60, {"a": "site", "b": "site"}.get)
    assert [intervals.of(s) for s in ("a", "b", "elsewhere")] == [60, 60, 60]
    intervals.apply(changed("site", "site", 300))
    intervals.apply(changed("station", "a", 30))
    assert [intervals.of(s) for s in ("a", "b", "elsewhere")] == [30, 300, 60]
    intervals.apply(changed("station", "a", None))
    assert intervals.of("a") == 300


async def test_what_is_set_reaches_every_worker_and_the_audit_trail(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        await stations.file_site(connection, FILED, NOW)
    desk = IntervalDesk(pool, ManualClock(NOW))
    await desk.set(WHO, "station", "a", 20, "weak signal", "127.0.0.1")
    intervals, loaded = Intervals(pool, 60, lambda _: "site"), asyncio.Event()
    keeping = asyncio.create_task(intervals.keep(loaded))
    await loaded.wait()
    assert (intervals.of("a"), intervals.of("b")) == (20, 60)
    await desk.set(WHO, "site", "site", 600, "metered line", "127.0.0.1")

    async def told() -> bool:
        return intervals.of("b") == 600

    await eventually(told)
    keeping.cancel()
    rows = await pool.fetch("SELECT actor, before, after FROM audit.trail ORDER BY number")
    assert [(row["actor"], row["after"]["interval_s"]) for row in rows] == [("p1", 20), ("p1", 600)]
    with pytest.raises(NotFound):
        await desk.set(WHO, "site", "nowhere", 600, "x", "127.0.0.1")


async def test_silence_is_measured_by_each_stations_own_interval(pool: asyncpg.Pool) -> None:
    clock = ManualClock(NOW)
    desk, watch = IntervalDesk(pool, clock), HeartbeatWatch(pool, clock, 60, 3)
    async with pool.acquire() as connection:
        await stations.file_site(connection, FILED, NOW)
        await stations.start_worker(connection, 0, NOW)
        await stations.claim(connection, 0, {s: Opening(s, "1.6", "x", NOW, 2) for s in ("a", "b")})
        assert await connection.fetchval("SELECT max(security_profile) FROM gateway.station_now") == 2
        await desk.set(WHO, "site", "site", 600, "metered line", "127.0.0.1")
        await desk.set(WHO, "station", "a", 30, "to be watched", "127.0.0.1")
        clock.advance(timedelta(seconds=91))
        assert await watch.look(connection) == 1
        for _ in range(1700 // 20):
            clock.advance(timedelta(seconds=20))
            assert await watch.look(connection) == 0
        clock.advance(timedelta(seconds=10))
        assert await watch.look(connection) == 1


async def held(connection: asyncpg.Connection) -> None:
    """Let a worker hold a filed station that it has heard now."""
    await stations.file_site(connection, FILED, NOW)
    await stations.start_worker(connection, 0, NOW)
    await stations.claim(connection, 0, {"a": Opening("a", "1.6", "x", NOW)})


async def test_nobody_was_silent_while_the_database_was_away(pool: asyncpg.Pool) -> None:
    clock = ManualClock(NOW)
    watch = HeartbeatWatch(pool, clock, 60, 3)
    async with pool.acquire() as connection:
        await held(connection)
        assert await watch.look(connection) == 0
        clock.advance(timedelta(minutes=20))  # away, and what was said at its beginning is not even stored yet
        for _ in range(180 // 20):
            assert await watch.look(connection) == 0
            clock.advance(timedelta(seconds=20))
        clock.advance(timedelta(seconds=1))
        assert await watch.look(connection) == 1  # who says nothing after it is back is silent


async def test_nobody_was_silent_while_the_worker_could_note_nothing(pool: asyncpg.Pool) -> None:
    clock = ManualClock(NOW)
    ownership, watch = Ownership(pool, 0, clock), HeartbeatWatch(pool, clock, 60, 3)
    async with pool.acquire() as connection:
        await held(connection)
        watching = asyncio.create_task(ownership.watch(lambda _: None))

        async def since() -> datetime:
            found: datetime = await connection.fetchval("SELECT started_at FROM gateway.worker WHERE slot = 0")
            return found

        async def listens_anew() -> bool:
            if await since() == NOW:  # it may not have looked yet, so that it has not missed anything either
                clock.advance(timedelta(minutes=20))
            return NOW < await since() == clock.now()

        await eventually(listens_anew)
        assert await watch.look(connection) == 0
        watching.cancel()
