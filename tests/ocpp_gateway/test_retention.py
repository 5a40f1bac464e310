"""What is past keeping goes, and nothing else; whoever reads keeps nobody from writing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ocpp_gateway.observation import Announced
from ocpp_gateway.recorder.batch import Entry, gather
from ocpp_gateway.recorder.connectivity.store import note_unfiled
from ocpp_gateway.retention import store
from ocpp_gateway.retention.job import Retention
from ocpp_gateway.retention.terms import SERIES, Series
from youguan.clock import ManualClock
from youguan.database import create_pool, storage_mode
from youguan.eventlog import Consumer, StoredEvent, publish
from youguan.events import SiteManaged, StationOnline
from youguan.settings import Settings

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


async def forget(pool: asyncpg.Pool, *, now: datetime = NOW, **settings: int) -> bool:
    retention = Retention(pool, ManualClock(now), Settings(**settings))  # type: ignore[arg-type]
    async with pool.acquire() as connection:
        return await retention.forget(connection)


async def test_refused_input_goes_by_age_and_by_how_much_of_it_a_station_has(pool: asyncpg.Pool) -> None:
    await pool.executemany(
        "INSERT INTO gateway.refused_input (station_id, received_at, code, reason, frame) VALUES ($1, $2, '', '', '')",
        [("a", NOW - timedelta(days=days)) for days in (0, 1, 2, 40)] + [("b", NOW - timedelta(days=29))],
    )
    await forget(pool, refused_input_a_station=2)
    rows = await pool.fetch("SELECT station_id, received_at FROM gateway.refused_input ORDER BY 1, 2 DESC")
    assert [tuple(row) for row in rows] == [
        ("a", NOW),
        ("a", NOW - timedelta(days=1)),
        ("b", NOW - timedelta(days=29)),
    ]


async def announce(connection: asyncpg.Connection, *stations: str, at: datetime = NOW) -> tuple[set[str], set[str]]:
    """Let stations that nobody knows speak from one address, of which two are shown."""
    entries = [
        Entry(station, at, "", [Announced(station, "v", "m", at)], remote="1.2.3.4", fact=False) for station in stations
    ]
    return await note_unfiled(connection, gather(entries), 2)


async def test_unfiled_stations_that_are_not_seen_any_more_make_room_for_others(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        assert await announce(connection, "a", "b", "c") == ({"a", "b"}, {"1.2.3.4"})
        later = NOW + timedelta(days=31)
        assert await announce(connection, "b", at=later) == (set(), set())
        await forget(pool, now=later)
        assert await announce(connection, "c", "d", at=later) == ({"c"}, {"1.2.3.4"})


async def test_events_of_the_gateways_go_when_everybody_has_handled_them(pool: asyncpg.Pool) -> None:
    async def handle(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Take it in."""

    async def kept() -> list[str]:
        return [row[0] for row in await pool.fetch("SELECT stream FROM eventlog.event ORDER BY 1")]

    first, second = [Consumer(pool, name, handle, types=[StationOnline]) for name in ("first", "second")]
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, "gateway/0", [StationOnline(station_id="a", at=NOW)])
        await publish(connection, "registry", [SiteManaged(site_id="s", organisation_id="o", at=NOW)])
    now = datetime.now(UTC)
    assert await first.catch_up() == 1
    async with pool.acquire() as connection:
        await connection.execute("INSERT INTO eventlog.consumer (name) VALUES ('second')")
    await forget(pool, now=now + timedelta(days=401))
    assert await kept() == ["gateway/0", "registry"]
    assert await second.catch_up() == 1
    await forget(pool, now=now + timedelta(days=399))
    assert await kept() == ["gateway/0", "registry"]
    await forget(pool, now=now + timedelta(days=401))
    assert await kept() == ["registry"]


async def test_whoever_reads_old_frames_keeps_nobody_from_writing_new_ones(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        if await storage_mode(connection) == "timescale":
            pytest.skip("plain storage only")
        old = NOW - timedelta(days=200)
        await connection.execute("SELECT telemetry.ensure_day('raw_frame', $1)", old.date())
    async with pool.acquire() as reader, pool.acquire() as connection:
        reading = reader.transaction()
        await reading.start()
        await reader.fetch("SELECT FROM telemetry.raw_frame")
        assert not await forget(pool)
        async with asyncio.timeout(30):
            await connection.execute("INSERT INTO telemetry.raw_frame VALUES ('a', $1, '')", NOW)
        await reading.rollback()
        assert await forget(pool)
        assert await store.past_keeping(connection, SERIES[0], NOW - timedelta(days=180), "plain") == []


async def test_what_cannot_be_forgotten_keeps_nothing_else(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        mode = await storage_mode(connection)
        if mode == "plain":
            await connection.execute("SELECT telemetry.ensure_day('raw_frame', $1)", (NOW - timedelta(days=200)).date())
        await connection.execute("INSERT INTO telemetry.raw_frame VALUES ('a', $1, '')", NOW - timedelta(days=200))
        await connection.execute("ALTER TABLE gateway.refused_input RENAME TO elsewhere")
        with pytest.raises(ExceptionGroup) as told:
            await forget(pool)
        assert [type(error) for error in told.value.exceptions] == [asyncpg.UndefinedTableError]
        assert await connection.fetchval("SELECT count(*) FROM telemetry.raw_frame") == 0
        await connection.execute("ALTER TABLE gateway.elsewhere RENAME TO refused_input")
        await forget(pool)


async def test_transactions_go_when_they_ended_long_ago_and_never_while_they_go_on(pool: asyncpg.Pool) -> None:
    old, young = NOW - timedelta(days=301), NOW - timedelta(days=299)
    given = [
        ("old", old, old, old),
        ("long", old - timedelta(days=400), young, old),
        ("young", young, young, young),
        ("open", old, None, old),
        ("of 1970", datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC), young),
    ]
    await pool.executemany(
        """
        INSERT INTO telemetry.transaction (station_id, transaction_id, started_at, stopped_at, ended_at, recorded_at)
        VALUES ('a', $1, $2, $3, $3, $4)
        """,
        given,
    )
    await pool.execute(
        """
        INSERT INTO telemetry.transaction_event
        SELECT station_id, transaction_id, n, 'Updated', $1, $1, NULL, false
        FROM telemetry.transaction, generate_series(0, 1) AS n
        """,
        old,
    )
    await pool.executemany(
        "INSERT INTO gateway.platform_order VALUES ('o', $1, 'c', NULL, NULL, 'unfiled', $2, $2, 0, '{}', $2, $3)",
        [("old", old, old), ("told since", old, young), ("young", young, young)],
    )
    assert await forget(pool, transaction_retention_days=300)

    async def left(table: str, name: str) -> set[str]:
        return {row[0] for row in await pool.fetch(f"SELECT {name} FROM {table}")}

    kept = {"long", "young", "open", "of 1970"}
    assert await left("telemetry.transaction", "transaction_id") == kept
    assert await left("telemetry.transaction_event", "transaction_id") == kept
    assert await left("gateway.platform_order", "order_no") == {"told since", "young"}


ROWS = {
    "raw_frame": "(station_id, received_at, frame) SELECT 'a', $2, ''",
    "notification": "(station_id, action, status, occurred_at, received_at) SELECT 'a', '', '', $1, $2",
    "connectivity_change": "(station_id, occurred_at, change) SELECT 'a', $1, 'connected'",
    "status_change": "SELECT 'a', 1, $1::timestamptz, $2::timestamptz, $2::timestamptz, '', 'available'",
    "meter_sample": "SELECT 'a', 1, 1, $1::timestamptz, $2::timestamptz, 1",
    "sensor_reading": "SELECT 'a', '1', 'smoke', $1::timestamptz, $2::timestamptz, $2::timestamptz, 1, ''",
}


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.name)
async def test_a_series_is_kept_for_its_term(pool: asyncpg.Pool, series: Series) -> None:
    days = 300
    old, young, long_ago = NOW - timedelta(days=days + 32), NOW - timedelta(days=days), datetime(1970, 1, 1, tzinfo=UTC)
    rows = {(old, old), (young, young)}
    late = {(old - timedelta(hours=1), NOW), (long_ago, NOW), (long_ago + timedelta(hours=1), old)}
    async with pool.acquire() as connection:
        if await storage_mode(connection) == "plain":
            await connection.execute("SELECT telemetry.ensure_day($1, $2)", series.name, old.date())
        given = sorted(rows | late if series.by_receipt else rows)
        columns = [[times[n] for times in given] for n in (0, 1)]
        row = ROWS[series.name].replace("$1", "o").replace("$2", "r")
        await connection.execute(
            f"INSERT INTO telemetry.{series.name} {row} FROM unnest($1::timestamptz[], $2::timestamptz[]) AS t (o, r)",
            *columns,
        )
    assert await forget(pool, now=NOW, **{f"{series.name}_retention_days": days})
    time = "received_at" if series.name in ("raw_frame", "notification") else "occurred_at"
    kept = {row[0] for row in await pool.fetch(f"SELECT {time} FROM telemetry.{series.name}")}
    assert kept == {young, *((old - timedelta(hours=1), long_ago) if series.by_receipt else ())}
