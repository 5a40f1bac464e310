"""What only TimescaleDB does: days that are compressed take rows that come late, and old frames go by chunks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ocpp_gateway.observation import Condition, MeterKind, MeterSampled, SensorRead, StatusReported
from ocpp_gateway.recorder.batch import Committed, Entry
from ocpp_gateway.recorder.committer import LARGEST_STATEMENT
from ocpp_gateway.retention.job import Retention
from ocpp_gateway.stations.ownership import Ownership
from tests.ocpp_gateway.test_recorder import Desk
from youguan.clock import ManualClock
from youguan.database import create_pool, storage_mode
from youguan.settings import Settings

NOW = datetime.now(UTC).replace(microsecond=0)
LATE = NOW - timedelta(days=20)
KIND = MeterKind("Power.Active.Import", "", "Outlet", "Sample.Periodic", "W")
COMPRESS = "SELECT compress_chunk(c) FROM show_chunks($1::regclass) c"
SERIES = ("status_change", "meter_sample", "sensor_reading", "raw_frame")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool, pool.acquire() as connection:
        if await storage_mode(connection) != "timescale":
            pytest.skip("needs TimescaleDB: name a server in YOUGUAN_TEST_DATABASE_URL")
        yield pool


@pytest.fixture
async def desk(pool: asyncpg.Pool, database_url: str) -> AsyncIterator[Desk]:
    await Ownership(pool, 0, ManualClock(NOW)).start()
    desk = Desk(database_url)
    yield desk
    await desk.stop()


def said(second: int, station: str = "s1") -> list[StatusReported | MeterSampled]:
    at = LATE + timedelta(seconds=second)
    return [
        StatusReported(station, 1, at, NOW, at, "Charging", Condition.CHARGING, None, None, None),
        MeterSampled(station, 1, KIND, at, NOW, 7000.0, None),
    ]


def measured(second: int) -> SensorRead:
    at = LATE + timedelta(seconds=second)
    return SensorRead(
        site_id="x", sensor="hall", kind="temperature", station_id=None, connector=None, occurred_at=at, received_at=NOW,
        effective_at=at, value=20.0, unit="Celsius", alarm=None, above=None, clear_below=None,
    )  # fmt: skip


async def compress(pool: asyncpg.Pool) -> None:
    for table in SERIES:
        assert await pool.fetch(COMPRESS, f"telemetry.{table}"), table


async def counts(pool: asyncpg.Pool) -> list[int]:
    return [await pool.fetchval(f"SELECT count(*) FROM telemetry.{table}") for table in SERIES]


async def test_late_rows_and_repeats_go_into_compressed_days(desk: Desk, pool: asyncpg.Pool) -> None:
    for second in range(3):
        await desk.put(*said(second))
    await desk.put(measured(0))
    await compress(pool)
    assert await counts(pool) == [3, 3, 1, 4]
    assert await desk.put(*said(3)) == Committed(), "in one statement"
    assert await desk.put(*said(0)) == Committed(), "a repeat"
    assert await desk.put(measured(0), measured(1)) == Committed()
    assert await counts(pool) == [4, 4, 2, 7]


async def test_many_late_rows_at_once(desk: Desk, pool: asyncpg.Pool) -> None:
    await desk.put(*said(0))
    await desk.put(measured(0))
    await compress(pool)
    many = range(2 * LARGEST_STATEMENT)
    settled = await asyncio.gather(*(desk.put(*said(n, f"s{n}"), station=f"s{n}") for n in many))
    assert set(settled) == {Committed()}, "copied"
    again = await asyncio.gather(*(desk.put(*said(n, f"s{n}"), station=f"s{n}") for n in many))
    assert set(again) == {Committed()}, "repeats among them are taken out"
    assert (await counts(pool))[:2] == [len(many) + 1, len(many) + 1]


async def test_old_frames_go_and_the_others_stay(desk: Desk, pool: asyncpg.Pool) -> None:
    for days in (200, 179, 0):
        await _keep_frame(desk, NOW - timedelta(days=days))
    assert await pool.fetch(COMPRESS, "telemetry.raw_frame")
    async with pool.acquire() as connection:
        assert await Retention(pool, ManualClock(NOW), Settings()).forget(connection)
    kept = await pool.fetch("SELECT received_at FROM telemetry.raw_frame ORDER BY 1")
    assert [row["received_at"] for row in kept] == [NOW - timedelta(days=179), NOW]


async def _keep_frame(desk: Desk, received_at: datetime) -> None:
    done = asyncio.Event()
    desk.recorder.submit(Entry("s1", received_at, "[]", settle=lambda _: done.set()))
    await done.wait()
