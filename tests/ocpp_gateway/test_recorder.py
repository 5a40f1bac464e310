"""Group commit on a real PostgreSQL: once, in order, whatever is wrong with one row."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from ocpp_gateway.observation import (
    Booted,
    ClockMeasured,
    Condition,
    MeterKind,
    MeterSampled,
    StatusReported,
    TransactionBegun,
    TransactionReported,
    TransactionStopped,
    Variable,
    VariableKey,
    VariablesReported,
)
from ocpp_gateway.recorder.batch import Committed, Entry, Lost, Refused, Settlement
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.store import Opening
from tests.suite import eventually
from youguan.clock import ManualClock
from youguan.database import create_pool

NOW = datetime.now(UTC).replace(microsecond=0)
KIND = MeterKind("Energy.Active.Import.Register", "", "Outlet", "Sample.Periodic", "Wh")


class Desk:
    """A recorder at work, and what became of each entry."""

    def __init__(self, dsn: str, slot: int = 0) -> None:
        self.lost: set[str] = set()
        self.recorder = DirectRecorder(dsn, slot, on_lost=self.lost.update)
        self.running = asyncio.create_task(self.recorder.run())

    async def put(self, *observations: Any, station: str = "s1", frame: str = "[]") -> Settlement:
        """Submit one entry and wait until it is settled."""
        done: asyncio.Future[Settlement] = asyncio.get_running_loop().create_future()
        self.recorder.submit(Entry(station, NOW, frame, observations, settle=done.set_result))
        return await done

    async def stop(self) -> None:
        self.recorder.stop()
        await self.running


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


@pytest.fixture
async def desk(database_url: str, pool: asyncpg.Pool) -> AsyncIterator[Desk]:
    await Ownership(pool, 0, ManualClock(NOW)).start()
    desk = Desk(database_url)
    yield desk
    await desk.stop()


def status(
    word: str = "Available", *, at: datetime = NOW, station: str = "s1", info: str | None = None
) -> StatusReported:
    condition = Condition.FAULTED if word == "Faulted" else Condition.AVAILABLE
    return StatusReported(station, 1, at, NOW, at, word, condition, None, info, None)


async def events(pool: asyncpg.Pool, kind: str) -> list[Any]:
    rows = await pool.fetch("SELECT payload FROM eventlog.event WHERE type = $1 ORDER BY stream, sequence", kind)
    return [row["payload"] for row in rows]


async def count(pool: asyncpg.Pool, table: str) -> int:
    found: int = await pool.fetchval(f"SELECT count(*) FROM {table}")
    return found


async def test_a_change_is_told_once_and_every_report_is_stored(desk: Desk, pool: asyncpg.Pool) -> None:
    for minute, word in enumerate(["Available", "Faulted", "Faulted", "Available"]):
        assert await desk.put(status(word, at=NOW + timedelta(minutes=minute))) == Committed()
    told = await events(pool, "ConnectorStatusChanged")
    assert [(e["previous_condition"], e["condition"]) for e in told] == [
        (None, "available"),
        ("available", "faulted"),
        ("faulted", "available"),
    ]
    assert await count(pool, "telemetry.status_change") == 4


async def test_a_repeat_changes_nothing_even_when_it_comes_late(desk: Desk, pool: asyncpg.Pool) -> None:
    await desk.put(status("Faulted"))
    await desk.put(status("Available", at=NOW + timedelta(minutes=1)))
    assert await desk.put(status("Faulted")) == Committed()
    assert await pool.fetchval("SELECT status FROM gateway.connector_now") == "Available"
    assert await count(pool, "telemetry.status_change") == 2
    assert len(await events(pool, "ConnectorStatusChanged")) == 2


async def test_repeats_within_one_batch_and_beside_news(desk: Desk, pool: asyncpg.Pool) -> None:
    await desk.put(status("Available"))
    sample = MeterSampled("s1", 1, KIND, NOW, NOW, 5.0, None)
    settled = await asyncio.gather(
        desk.put(status("Available")),
        desk.put(sample),
        desk.put(sample),
        desk.put(status("Faulted", at=NOW + timedelta(1))),
    )
    assert list(settled) == [Committed()] * 4
    assert await count(pool, "telemetry.status_change") == 2
    assert await count(pool, "telemetry.meter_sample") == 1


@pytest.mark.parametrize("year", [1970, 2016, 2099])
async def test_a_charger_with_a_wrong_clock_loses_nothing(desk: Desk, pool: asyncpg.Pool, year: int) -> None:
    at = datetime(year, 1, 1, 0, 0, 1, tzinfo=UTC)
    await desk.put(status("Faulted", at=at), MeterSampled("s1", 1, KIND, at, NOW, 1.0, None))
    assert await pool.fetchval("SELECT occurred_at FROM telemetry.status_change") == at
    assert await pool.fetchval("SELECT occurred_at FROM telemetry.meter_value") == at


async def test_a_day_that_a_wrong_clock_had_reached_before_gets_its_partition(desk: Desk, pool: asyncpg.Pool) -> None:
    if await pool.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"):
        pytest.skip("plain storage only")
    ahead = NOW + timedelta(days=400)
    await desk.put(status(at=ahead))
    await pool.execute("SELECT telemetry.ensure_day('status_change', $1)", ahead.date())
    assert await count(pool, f"telemetry.status_change_{ahead:%Y%m%d}") == 1


@pytest.mark.parametrize("spoil", [lambda: status(info="a\x00b"), lambda: status()._replace(connector=2**40)])
async def test_a_row_that_the_database_refuses_is_isolated(
    desk: Desk, pool: asyncpg.Pool, spoil: Callable[[], StatusReported]
) -> None:
    good = [desk.put(status(station=f"g{n}"), station=f"g{n}") for n in range(6)]
    settled = await asyncio.gather(*good[:3], desk.put(spoil(), frame="the frame"), *good[3:])
    assert isinstance(settled[3], Refused)
    assert [s for n, s in enumerate(settled) if n != 3] == [Committed()] * 6
    assert await pool.fetchval("SELECT frame FROM gateway.refused_input") == "the frame"
    assert await count(pool, "telemetry.status_change") == 6


async def test_the_same_start_is_the_same_transaction(desk: Desk, pool: asyncpg.Pool) -> None:
    begun = TransactionBegun("s1", 1, "A", NOW, NOW, 100.0)
    first, again = await desk.put(begun), await desk.put(begun)
    other = await desk.put(TransactionBegun("s1", 1, "A", NOW + timedelta(hours=1), NOW, 100.0))
    assert isinstance(first, Committed)
    assert first == again != other
    stop = TransactionStopped("s1", str(first.transaction_id), NOW, NOW, 1600.0, "Local", "A")
    await desk.put(stop)
    await desk.put(stop)
    assert [e["energy_wh"] for e in await events(pool, "TransactionEnded")] == [1500.0]


@pytest.mark.parametrize("clock_s", [-3600, 200])
async def test_an_end_tells_when_it_began_but_never_later_than_it_was_known(
    desk: Desk, pool: asyncpg.Pool, clock_s: int
) -> None:
    began = NOW + timedelta(seconds=clock_s)
    for station, kind in (("s1", "Started"), ("s1", "Ended")):
        await desk.put(
            TransactionReported(station, "t", 1 + (kind == "Ended"), kind, 1, None, began, began, NOW, 5.0, None, False)
        )
    first = await desk.put(TransactionBegun("s1", 1, "A", began, began, 0.0))
    assert isinstance(first, Committed)
    await desk.put(TransactionStopped("s1", str(first.transaction_id), began, began, 1.0, "Local", "A"))
    known = await pool.fetch("SELECT least($1, recorded_at) AS at FROM telemetry.transaction ORDER BY id", began)
    told = [datetime.fromisoformat(e["started_at"]) for e in await events(pool, "TransactionEnded")]
    assert told == [row["at"] for row in known]


async def test_who_is_heard_is_seen_though_nothing_is_stored(desk: Desk, pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO gateway.station_now (station_id, epoch, state) VALUES ('s1', 1, 'offline')")
    desk.recorder.submit(Entry("s1", NOW, "", heard=True))

    async def seen() -> bool:
        return bool(await pool.fetchval("SELECT state = 'online' AND last_seen_at = $1 FROM gateway.station_now", NOW))

    await eventually(seen)
    assert await count(pool, "telemetry.raw_frame") == 0


async def test_a_stop_whose_start_was_never_seen_is_kept(desk: Desk, pool: asyncpg.Pool) -> None:
    await desk.put(TransactionStopped("s1", "42", NOW, NOW, 9.0, "PowerLoss", None))
    assert await pool.fetchval("SELECT reason FROM telemetry.transaction WHERE transaction_id = '42'") == "PowerLoss"


async def test_a_lost_connection_to_the_database_loses_and_doubles_nothing(desk: Desk, pool: asyncpg.Pool) -> None:
    for round_ in range(5):
        waiting = [
            asyncio.create_task(desk.put(status(at=NOW + timedelta(seconds=n + 100 * round_)))) for n in range(20)
        ]
        await asyncio.sleep(0)
        await pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert await asyncio.gather(*waiting) == [Committed()] * 20
    assert await count(pool, "telemetry.status_change") == 100


async def test_a_station_that_moves_is_written_by_its_new_worker_only(
    desk: Desk, pool: asyncpg.Pool, database_url: str
) -> None:
    clock = ManualClock(NOW)
    owners = [Ownership(pool, slot, clock) for slot in (0, 1)]
    await owners[1].start()
    running = [asyncio.create_task(owner.run()) for owner in owners]
    epochs: list[int] = []
    for owner in owners:
        granted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        owner.claim(Opening("s1", "1.6", "x", NOW), granted.set_result)
        epochs.append(await granted)
        if owner is owners[0]:
            await desk.put(status("Faulted"))
    assert epochs == [1, 2]
    assert await desk.put(status("Available", at=NOW + timedelta(seconds=1))) == Lost()
    assert desk.lost == {"s1"}
    other = Desk(database_url, 1)
    assert await other.put(status("Available", at=NOW + timedelta(seconds=2))) == Committed()
    await other.stop()
    assert [e["condition"] for e in await events(pool, "ConnectorStatusChanged")] == ["faulted", "available"]
    for task in running:
        task.cancel()


async def test_stop_data_belongs_to_the_connector_on_which_its_transaction_began(
    desk: Desk, pool: asyncpg.Pool
) -> None:
    begun = await desk.put(TransactionBegun("s1", 3, "A", NOW, NOW, 100.0))
    assert isinstance(begun, Committed)
    for number, connector in ((str(begun.transaction_id), 3), ("unseen", 0)):
        sample = MeterSampled("s1", 0, KIND, NOW + timedelta(seconds=connector), NOW, 1600.0, number)
        stop = TransactionStopped("s1", number, NOW, NOW, 1600.0, "Local", "A", (sample,))
        await desk.put(stop)
        await desk.put(stop)
        row = await pool.fetchrow("SELECT connector FROM telemetry.meter_value WHERE transaction_id = $1", number)
        assert row is not None
        assert row["connector"] == connector
    assert await count(pool, "telemetry.meter_sample") == 2


def reported(seq_no: int, kind: str, *, at: datetime = NOW, wh: float | None = None) -> TransactionReported:
    return TransactionReported("s1", "t1", seq_no, kind, 1, "A", at, at, NOW, wh, None, False)


async def test_events_in_any_order_make_one_transaction(desk: Desk, pool: asyncpg.Pool) -> None:
    hour = timedelta(hours=1)
    await desk.put(reported(3, "Ended", at=NOW + 3 * hour, wh=900.0))
    await desk.put(reported(1, "Updated", at=NOW + hour, wh=300.0))
    await desk.put(reported(0, "Started", wh=100.0))
    row = await pool.fetchrow("SELECT *, meter_stop_wh - meter_start_wh AS wh FROM telemetry.transaction")
    assert row is not None
    assert (row["started_at"], row["stopped_at"], row["wh"]) == (NOW, NOW + 3 * hour, 800.0)


async def test_an_id_that_a_station_uses_again_is_another_transaction(desk: Desk, pool: asyncpg.Pool) -> None:
    later = NOW + timedelta(hours=1)
    await desk.put(reported(0, "Started", wh=1.0))
    await desk.put(reported(1, "Ended", at=NOW + timedelta(minutes=1), wh=5.0))
    await desk.put(reported(0, "Started", at=later, wh=5.0))
    await desk.put(reported(0, "Started", wh=1.0))  # the first one told again changes nothing
    await desk.put(reported(0, "Started", at=later, wh=5.0))
    rows = await pool.fetch("SELECT transaction_id, started_at FROM telemetry.transaction ORDER BY id")
    assert [tuple(row) for row in rows] == [(f"t1@{round(NOW.timestamp() * 1000)}", NOW), ("t1", later)]
    assert await count(pool, "telemetry.transaction_event") == 3
    assert len(await events(pool, "TransactionStarted")) == 2


def variables(value: str | None, *, at: datetime = NOW, mutability: str | None = None) -> VariablesReported:
    key = VariableKey("OCPPCommCtrlr", "", 0, 0, "HeartbeatInterval", "", "Actual")
    return VariablesReported("s1", at, (Variable(key, value, mutability, "integer" if mutability else None),))


async def test_the_latest_value_of_a_variable_stays_with_what_else_is_known_of_it(
    desk: Desk, pool: asyncpg.Pool
) -> None:
    await desk.put(variables("60", mutability="ReadWrite"))
    await desk.put(variables("300", at=NOW + timedelta(seconds=2)), variables("90", at=NOW + timedelta(seconds=1)))
    await desk.put(variables("0", at=NOW - timedelta(days=1)))
    rows = await pool.fetch("SELECT value, mutability, data_type FROM gateway.variable")
    assert [tuple(row) for row in rows] == [("300", "ReadWrite", "integer")]


async def test_a_clock_is_told_when_it_goes_wrong_and_when_it_is_right_again(desk: Desk, pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO gateway.station_now (station_id) VALUES ('s1')")
    for skew_s, skewed in ((1.0, False), (600.0, True), (700.0, True), (2.0, False)):
        await desk.put(ClockMeasured("s1", skew_s, skewed, NOW))
    assert [e["skew_s"] for e in await events(pool, "StationClockSkewed")] == [600.0]
    assert len(await events(pool, "StationClockRight")) == 1
    assert await pool.fetchval("SELECT clock_skew_s FROM gateway.station_now") == 2.0


async def test_why_a_station_booted_is_kept(desk: Desk, pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO gateway.station_now (station_id) VALUES ('s1')")
    await desk.put(Booted("s1", "v", "m", None, "3", NOW, "Watchdog"))
    assert await pool.fetchval("SELECT boot_reason FROM gateway.station_now") == "Watchdog"
    assert [e["reason"] for e in await events(pool, "StationBooted")] == ["Watchdog"]
