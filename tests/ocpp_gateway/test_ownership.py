"""Who holds a station, who has fallen silent, and what becomes of what a worker held that is gone."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from ocpp_gateway.heartbeats.watch import HeartbeatWatch
from ocpp_gateway.stations import store
from ocpp_gateway.stations.ownership import UNHELD, Ownership, SlotWatch
from ocpp_gateway.stations.store import Grant, Opening
from tests.suite import eventually
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.events import SiteFiled, StationFile

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


class Worker:
    """The side of a worker that holds stations."""

    def __init__(self, pool: asyncpg.Pool, slot: int, clock: ManualClock) -> None:
        self.lost: dict[str, int] = {}
        self._ownership = Ownership(pool, slot, clock)
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> "Worker":
        await self._ownership.start()
        self._tasks = [asyncio.create_task(run) for run in (self._ownership.run(), self._ownership.watch(self._lose))]
        return self

    def _lose(self, epochs: Mapping[str, int]) -> None:
        self.lost.update(epochs)

    async def claim(self, station_id: str) -> int:
        granted: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        self._ownership.claim(Opening(station_id, "1.6", "x", self._clock.now()), granted.set_result)
        return (await granted).epoch

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def holders(pool: asyncpg.Pool) -> set[int]:
    rows = await pool.fetch("SELECT objid::int FROM pg_locks WHERE locktype = 'advisory' AND classid = $1", store.SLOTS)
    return {row[0] for row in rows}


async def connected(pool: asyncpg.Pool) -> list[str]:
    rows = await pool.fetch("SELECT station_id FROM gateway.station_now WHERE connected ORDER BY 1")
    return [row[0] for row in rows]


async def told(pool: asyncpg.Pool, kind: str) -> list[Any]:
    rows = await pool.fetch("SELECT payload ->> 'station_id' FROM eventlog.event WHERE type = $1 ORDER BY serial", kind)
    return [row[0] for row in rows]


async def test_a_worker_that_commits_nothing_learns_of_what_it_has_lost(pool: asyncpg.Pool) -> None:
    clock = ManualClock(NOW)
    idle, other = [await Worker(pool, slot, clock).start() for slot in (0, 1)]
    assert await idle.claim("a") == 1
    assert await other.claim("a") == 2

    async def learnt() -> bool:
        return idle.lost == {"a": 2}

    await eventually(learnt)
    assert other.lost == {}
    await idle.end()
    await other.end()


async def test_what_a_worker_held_that_is_gone_for_good_is_let_go(pool: asyncpg.Pool) -> None:
    clock = ManualClock(NOW)
    stays, goes = [await Worker(pool, slot, clock).start() for slot in (0, 2)]
    await stays.claim("a")
    await goes.claim("b")

    async def held_by(*slots: int) -> bool:
        return await holders(pool) == set(slots)

    await eventually(lambda: held_by(0, 2))
    watch = SlotWatch(pool, clock, "gateway/jobs")
    await goes.end()
    await eventually(lambda: held_by(0))
    async with pool.acquire() as connection:
        await watch.look(connection)
        clock.advance(UNHELD - timedelta(seconds=1))
        await watch.look(connection)
        assert await connected(pool) == ["a", "b"]
        clock.advance(timedelta(seconds=1))
        await watch.look(connection)
    assert await connected(pool) == ["a"]
    assert await told(pool, "StationDisconnected") == ["b"]
    await stays.end()


async def test_only_what_is_filed_can_be_offline(pool: asyncpg.Pool) -> None:
    clock = ManualClock(NOW)
    worker = await Worker(pool, 0, clock).start()
    for station_id in ("filed", "retired"):
        await worker.claim(station_id)
    station = StationFile(station_id="filed", connectors=1, power_w=7000, current_type="AC")
    filed = SiteFiled(
        site_id="s", name="s", address="", division_code=None, division_name=None, longitude=1, latitude=1,
        stations=(station,),
    )  # fmt: skip
    async with pool.acquire() as connection:
        await store.file_site(connection, filed, clock.now())
        clock.advance(timedelta(minutes=4))
        assert await HeartbeatWatch(pool, clock, 60, 3).look(connection) == 1
    assert await told(pool, "StationOffline") == ["filed"]
    await worker.end()
