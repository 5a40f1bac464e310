"""Group commit on a real PostgreSQL: once, in order, whatever is wrong with one row."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import asyncpg
import pytest

from ocpp_gateway.adapters import ocpp16
from ocpp_gateway.adapters.outcome import Context
from ocpp_gateway.devices import store as devices
from ocpp_gateway.observation import (
    Booted,
    ClockMeasured,
    Condition,
    MeterKind,
    MeterSampled,
    Monitor,
    MonitorsReported,
    Notified,
    StatusReported,
    StreamBound,
    TransactionBegun,
    TransactionReported,
    TransactionStopped,
    Variable,
    VariableKey,
    VariablesReported,
    mark_of,
)
from ocpp_gateway.pages.store import said_in
from ocpp_gateway.recorder import store
from ocpp_gateway.recorder.batch import (
    KINDS_A_STATION,
    Committed,
    Disconnected,
    Doubt,
    Entry,
    Lost,
    Refused,
    Settlement,
)
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.registration import Registration
from ocpp_gateway.stations.store import Grant, Opening
from ocpp_gateway.timeseries import store as timeseries
from ocpp_gateway.timeseries.rollup import Rollup, bounds, days_between
from tests.ocpp_gateway.fakes import knowing
from tests.suite import eventually
from youguan.clock import ManualClock, county_day, effective_time
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
    word: str = "Available",
    *,
    at: datetime = NOW,
    station: str = "s1",
    info: str | None = None,
    code: str | None = None,
    received_at: datetime = NOW,
) -> StatusReported:
    condition = Condition.FAULTED if word == "Faulted" else Condition.AVAILABLE
    effective_at = effective_time(at, received_at)
    return StatusReported(
        station, 1, at, received_at, effective_at, word, condition, code, info, None, mark_of(0, code)
    )


async def events(pool: asyncpg.Pool, kind: str) -> list[Any]:
    rows = await pool.fetch("SELECT payload FROM eventlog.event WHERE type = $1 ORDER BY stream, sequence", kind)
    return [row["payload"] for row in rows]


async def plain_only(pool: asyncpg.Pool) -> None:
    if await pool.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"):
        pytest.skip("plain storage only")


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


WRONG = (
    datetime(1, 1, 2, 0, 0, 0, 1, tzinfo=UTC),
    datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
    datetime(2016, 1, 1, 0, 0, 1, tzinfo=UTC),
    datetime(2099, 1, 1, 0, 0, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_990, tzinfo=UTC),
)


@pytest.mark.parametrize("at", WRONG, ids=lambda at: str(at.year))
async def test_a_charger_with_a_wrong_clock_loses_nothing(desk: Desk, pool: asyncpg.Pool, at: datetime) -> None:
    """Neither where a commit is one statement nor where it is several, as it is beside a boot."""
    await desk.put(status("Faulted", at=at), MeterSampled("s1", 1, KIND, at, NOW, 1.0, None))
    await desk.put(status("Faulted", at=at, station="s2"), Booted("s2", "v", "m", None, None, NOW), station="s2")
    for table in ("telemetry.status_change", "gateway.connector_now", "telemetry.meter_value"):
        assert {row["occurred_at"] for row in await pool.fetch(f"SELECT occurred_at FROM {table}")} == {at}
    assert {row[0] for row in await pool.fetch("SELECT received_at FROM telemetry.status_by_receipt")} == {NOW}


async def test_a_day_that_a_wrong_clock_had_reached_before_gets_its_partition(desk: Desk, pool: asyncpg.Pool) -> None:
    await plain_only(pool)
    ahead = NOW + timedelta(days=400)
    await desk.put(status(at=ahead))
    await pool.execute("SELECT telemetry.ensure_day('status_change', $1)", ahead.date())
    assert await count(pool, f"telemetry.status_change_{ahead:%Y%m}") == 1


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


async def test_a_meter_that_runs_backwards_tells_no_energy_and_is_told_of_once(desk: Desk, pool: asyncpg.Pool) -> None:
    begun = await desk.put(TransactionBegun("s1", 3, "A", NOW, NOW, 500_000.0))
    assert isinstance(begun, Committed)
    stop = TransactionStopped("s1", str(begun.transaction_id), NOW, NOW, 20.0, "Local", "A")
    await desk.put(stop)
    await desk.put(stop)
    assert [e["energy_wh"] for e in await events(pool, "TransactionEnded")] == [None]
    (ran,) = await events(pool, "MeterRanBackwards")
    assert (ran["connector"], ran["meter_start_wh"], ran["meter_stop_wh"]) == (3, 500_000, 20)
    assert await count(pool, "gateway.refused_input WHERE reason LIKE 'meterStop: 20 Wh%'") == 1


async def test_a_stop_whose_start_was_never_seen_is_kept(desk: Desk, pool: asyncpg.Pool) -> None:
    await desk.put(TransactionStopped("s1", "42", NOW, NOW, 9.0, "PowerLoss", None))
    assert await pool.fetchval("SELECT reason FROM telemetry.transaction WHERE transaction_id = '42'") == "PowerLoss"


@pytest.mark.parametrize("together", [False, True])
async def test_a_number_that_stands_for_every_unseen_start_loses_no_stop(
    desk: Desk, pool: asyncpg.Pool, together: bool
) -> None:
    stops = [
        TransactionStopped("s1", "0", at := NOW + timedelta(hours=n), at, 1000.0 * n, "Local", "A") for n in (1, 2, 3)
    ]
    if together:
        await asyncio.gather(*(desk.put(stop) for stop in [*stops, *stops]))
    else:
        for stop in [*stops, *stops]:
            await desk.put(stop)
    rows = await pool.fetch("SELECT stopped_at, meter_stop_wh FROM telemetry.transaction ORDER BY id")
    assert [tuple(row) for row in rows] == [(stop.stopped_at, stop.meter_stop_wh) for stop in stops]
    assert [e["effective_at"] for e in await events(pool, "TransactionEnded")] == [
        stop.stopped_at.isoformat().replace("+00:00", "Z") for stop in stops
    ]


async def test_a_number_that_its_station_has_stopped_already_is_not_given_out(desk: Desk, pool: asyncpg.Pool) -> None:
    first = await desk.put(TransactionBegun("s1", 1, "A", NOW, NOW, 0.0))
    assert isinstance(first, Committed)
    assert first.transaction_id is not None
    ahead = [str(first.transaction_id + n) for n in range(21, 41)]  # the stops themselves use up twenty numbers
    for number in ahead:
        await desk.put(TransactionStopped("s1", number, NOW, NOW, 9.0, "PowerLoss", None))
    begun = [TransactionBegun("s1", connector, "B", NOW, NOW, 0.0) for connector in (1, 2, 3)]
    given = await asyncio.gather(*(desk.put(b) for b in begun))
    numbers = {str(g.transaction_id) for g in given if isinstance(g, Committed)}
    assert len(numbers - set(ahead)) == 3
    assert [await desk.put(b) for b in begun] == given
    assert await count(pool, "telemetry.transaction WHERE stopped_at IS NULL") == 4


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
        granted: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        owner.claim(Opening("s1", "1.6", "x", NOW), granted.set_result)
        epochs.append((await granted).epoch)
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
    row = await pool.fetchrow("SELECT *, telemetry.energy_wh(t) AS wh FROM telemetry.transaction t")
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


def told(action: str, payload: dict[str, Any], connection: int, received_at: datetime = NOW) -> Any:
    """Return what a charge point's message becomes on one of its connections."""
    context = Context("s1", received_at, Registration.ACCEPTED, lambda _: 60, knowing(), connection=connection)
    return ocpp16.HANDLERS[action](payload, context).observations


def a_life(connection: int, day: str) -> list[Any]:
    """Return what a charge point says whose clock reads the same at every start, but for its stop."""
    fault = {"connectorId": 1, "status": "Faulted", "errorCode": "GroundFailure", "timestamp": f"{day}T00:00:30Z"}
    free = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": f"{day}T00:00:40Z"}
    values = [{"timestamp": f"{day}T00:00:15Z", "sampledValue": [{"value": str(connection)}]}]
    start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": f"{day}T00:00:10Z"}
    said = [
        ("StartTransaction", start),
        ("MeterValues", {"connectorId": 1, "meterValue": values}),
        ("StatusNotification", fault),
        ("StatusNotification", free),
    ]
    return [told(action, payload, connection, NOW + timedelta(minutes=connection)) for action, payload in said]


@pytest.mark.parametrize("day", ["1970-01-01", "2016-01-01", "2099-01-01"])
async def test_a_clock_that_starts_again_tells_no_repeats(desk: Desk, pool: asyncpg.Pool, day: str) -> None:
    numbers = []
    for connection in (1, 2):
        for observations in a_life(connection, day):
            settled = await desk.put(*observations)
            assert isinstance(settled, Committed)
            if settled.transaction_id:
                numbers.append(str(settled.transaction_id))
        await desk.put(TransactionStopped("s1", numbers[-1], NOW, NOW, 100.0 * connection, "Local", "A"))
    assert [e["energy_wh"] for e in await events(pool, "TransactionEnded")] == [100.0, 200.0]
    assert len(set(numbers)) == 2
    conditions = [e["condition"] for e in await events(pool, "ConnectorStatusChanged")]
    assert conditions == ["faulted", "available", "faulted", "available"]
    assert await count(pool, "telemetry.status_change") == 4
    assert [row["value"] for row in await pool.fetch("SELECT value FROM telemetry.meter_value")] == [1.0, 2.0]


async def test_on_a_good_clock_what_is_said_again_on_another_connection_is_a_repeat(
    desk: Desk, pool: asyncpg.Pool
) -> None:
    day = f"{NOW:%Y-%m-%d}"
    first = [await desk.put(*observations) for observations in a_life(1, day)]
    assert [await desk.put(*observations) for observations in a_life(2, day)] == first
    assert await count(pool, "telemetry.status_change") == 2
    assert await count(pool, "telemetry.meter_sample") == 1
    assert await count(pool, "telemetry.transaction") == 1


@pytest.mark.parametrize("codes", [("OtherError", "GroundFailure"), ("OtherError", "OtherError")])
@pytest.mark.parametrize("together", [False, True])
async def test_a_fault_that_is_gone_and_back_within_a_second_is_the_latest(
    desk: Desk, pool: asyncpg.Pool, codes: tuple[str, str], together: bool
) -> None:
    said = [
        status("Faulted", code=codes[0]),
        status("Available", received_at=NOW + timedelta(milliseconds=300)),
        status("Faulted", code=codes[1], received_at=NOW + timedelta(milliseconds=600)),
    ]
    if together:
        await asyncio.gather(*(desk.put(report) for report in said))
    else:
        for report in said:
            await desk.put(report)
    now = await pool.fetchrow("SELECT status, error_code FROM gateway.connector_now")
    assert tuple(now or ()) == ("Faulted", codes[1])
    assert [e["condition"] for e in await events(pool, "ConnectorStatusChanged")] == ["faulted", "available", "faulted"]
    assert await count(pool, "telemetry.status_change") == 3


@pytest.mark.parametrize("together", [False, True])
async def test_a_status_that_comes_after_a_newer_one_is_past(desk: Desk, pool: asyncpg.Pool, together: bool) -> None:
    said = [status("Available"), status("Faulted", at=NOW - timedelta(hours=1), received_at=NOW + timedelta(seconds=1))]
    if together:
        await asyncio.gather(*(desk.put(report) for report in said))
    else:
        for report in said:
            await desk.put(report)
    assert await pool.fetchval("SELECT status FROM gateway.connector_now") == "Available"
    assert [e["condition"] for e in await events(pool, "ConnectorStatusChanged")] == ["available"]
    assert await count(pool, "telemetry.status_change") == 2


async def test_a_fault_on_a_clock_that_fell_back_is_a_fault_now(desk: Desk, pool: asyncpg.Pool) -> None:
    def fallen(word: str, second: int) -> StatusReported:
        received = NOW + timedelta(seconds=second)
        return status(word, at=received - timedelta(hours=8), received_at=received)

    await desk.put(status("Available"))
    await desk.put(fallen("Available", 5))
    await desk.put(fallen("Faulted", 35))
    await desk.put(fallen("Faulted", 35))  # the same message once more: no news
    await desk.put(fallen("Available", 37))
    told = await events(pool, "ConnectorStatusChanged")
    assert [e["condition"] for e in told] == ["available", "faulted", "available"]
    assert [datetime.fromisoformat(e["effective_at"]) for e in told[1:]] == [
        NOW + timedelta(seconds=35), NOW + timedelta(seconds=37),
    ]  # fmt: skip
    assert await count(pool, "telemetry.status_change") == 4


async def test_a_fault_that_is_told_once_by_a_clock_that_fell_back_waits_for_no_second(
    desk: Desk, pool: asyncpg.Pool
) -> None:
    await desk.put(status("Available"))
    received = NOW + timedelta(minutes=30)
    await desk.put(status("Faulted", at=received - timedelta(hours=8), received_at=received))
    assert [e["condition"] for e in await events(pool, "ConnectorStatusChanged")] == ["available", "faulted"]


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(
    "behind", [timedelta(0), timedelta(hours=8), timedelta(days=30), timedelta(days=365 * 6), timedelta(days=365 * 56)]
)
async def test_a_clock_that_falls_back_gains_and_loses_no_uptime(
    desk: Desk, pool: asyncpg.Pool, behind: timedelta, again: bool
) -> None:
    """A fault of two hours, told by a right clock that is wrong from then on; yesterday stays what it was."""
    low, _ = bounds(county_day(NOW))
    await pool.execute("INSERT INTO gateway.station_directory VALUES ('s1', 'S', 1)")
    await pool.execute(
        "INSERT INTO telemetry.connectivity_change VALUES ('s1', $1, 'connected')", low - timedelta(days=9)
    )
    for hours, word, late in (
        (-40, "Available", False),
        (1, "Available", False),
        (2, "Faulted", True),
        (4, "Available", True),
    ):
        received = low + timedelta(hours=hours)
        report = status(word, at=received - behind * late, received_at=received)
        assert await desk.put(report) == Committed()
        if again:
            assert await desk.put(report) == Committed()
    faulted = {}
    async with pool.acquire() as connection:
        for day in days_between(low - timedelta(days=2), low + timedelta(days=1)):
            await timeseries.roll_day(connection, day, *bounds(day), None)
        for row in await connection.fetch("SELECT day, faulted_s FROM telemetry.connector_day"):
            faulted[row["day"]] = row["faulted_s"]
        said = await said_in(connection, "s1", low, low + timedelta(days=1))
    assert faulted.pop(county_day(NOW)) == 2 * 3600
    assert list(faulted.values()) == [0, 0]
    assert [one.at for one in said if one.condition == "faulted"] == [low + timedelta(hours=2)]


@pytest.mark.parametrize("version", ["1.6", "2.x"])
async def test_what_is_charged_by_a_wrong_clock_counts_today(desk: Desk, pool: asyncpg.Pool, version: str) -> None:
    never = datetime(1970, 1, 1, 1, tzinfo=UTC)
    await pool.execute("INSERT INTO gateway.station_directory VALUES ('s1', 'S', 1)")
    if version == "1.6":
        begun = await desk.put(TransactionBegun("s1", 1, "A", never, NOW, 100.0, 1))
        assert isinstance(begun, Committed)
        await desk.put(TransactionStopped("s1", str(begun.transaction_id), never, NOW, 1600.0, "Local", "A"))
    else:
        for number, kind in enumerate(("Started", "Ended")):
            wh = 100.0 + 1500 * number
            at = never + timedelta(hours=number)
            await desk.put(TransactionReported("s1", "t", number, kind, 1, "A", at, NOW, NOW, wh, None, False))
    async with pool.acquire() as connection:
        await timeseries.roll_day(connection, county_day(NOW), *bounds(county_day(NOW)), None)
        day = await connection.fetchrow("SELECT transactions, energy_wh FROM telemetry.connector_day")
    assert tuple(day or ()) == (1, 1500.0)


async def test_what_is_told_of_a_day_when_newer_is_known_has_that_day_counted_again(
    desk: Desk, pool: asyncpg.Pool
) -> None:
    yesterday = [NOW - timedelta(days=1, minutes=minute) for minute in range(2)]
    for report in (status(), *(status("Faulted", at=at, received_at=NOW + timedelta(seconds=1)) for at in yesterday)):
        await desk.put(report)
    rollup = Rollup(pool, ManualClock(NOW + timedelta(minutes=1)))
    await rollup.consumer().catch_up()
    due = await pool.fetch("SELECT station_id, day FROM gateway.day_due")
    assert {tuple(row) for row in due} == {("s1", county_day(at)) for at in yesterday}


async def test_a_clock_that_was_fast_and_is_set_right_is_not_late(desk: Desk, pool: asyncpg.Pool) -> None:
    await desk.put(status("Faulted", at=NOW + timedelta(minutes=4)))
    right = NOW + timedelta(minutes=1)
    await desk.put(status("Available", at=right, received_at=right))
    assert await pool.fetchval("SELECT status FROM gateway.connector_now") == "Available"


async def test_a_station_of_made_up_units_stops_nobody_else(desk: Desk, pool: asyncpg.Pool) -> None:
    first = await pool.fetchval("SELECT coalesce(max(id), 0) FROM telemetry.meter_kind")
    units = [MeterSampled("s1", 1, KIND._replace(unit=f"u{n}"), NOW, NOW, 1.0, None) for n in range(300)]
    usual = MeterSampled("s1", 1, KIND, NOW, NOW, 5.0, None)
    await desk.put(usual)
    assert await desk.put(*units, usual._replace(connector=2), frame="the frame") == Committed()
    other = [MeterSampled("s2", 1, KIND._replace(unit=f"v{n}"), NOW, NOW, 1.0, None) for n in range(3)]
    for _ in range(3):
        assert await desk.put(*units, *other, station="s2") == Committed()
    assert await count(pool, "telemetry.meter_value WHERE station_id = 's1' AND connector = 1") == KINDS_A_STATION
    assert await count(pool, "telemetry.meter_value WHERE station_id = 's1' AND connector = 2") == 1
    assert await count(pool, "telemetry.meter_value WHERE station_id = 's2'") == 3
    refused = await pool.fetchrow("SELECT code, reason, frame FROM gateway.refused_input ORDER BY id LIMIT 1")
    assert refused is not None
    assert (refused["code"], refused["frame"]) == ("PropertyConstraintViolation", "the frame")
    assert "101 kinds" in refused["reason"]
    last = await pool.fetchval("SELECT max(id) FROM telemetry.meter_kind")
    assert last - first == KINDS_A_STATION + 3, "numbers are used up by kinds that are there"


NAMED = """
INSERT INTO gateway.variable
SELECT 's1', 'C', '', 0, 0, 'v' || n, '', 'Actual', 'old', NULL, NULL, NULL, $2 FROM generate_series(2, $1::int) n
"""
WATCHED = "INSERT INTO gateway.monitor SELECT 's1', n, 'C', '', 0, 0, 'v', '' FROM generate_series(2, $1::int) n"
BOUND = "INSERT INTO gateway.event_stream SELECT 's1', n, 1 FROM generate_series(2, $1::int) n"


def made_up(number: int) -> VariableKey:
    return VariableKey("C", "", 0, 0, f"v{number}", "", "Actual")


async def refusals(pool: asyncpg.Pool) -> list[tuple[str, str, str]]:
    rows = await pool.fetch("SELECT station_id, reason, frame FROM gateway.refused_input ORDER BY id")
    return [tuple(row) for row in rows]


async def test_a_station_of_made_up_variables_fills_nothing_and_what_it_has_is_kept_up_to_date(
    desk: Desk, pool: asyncpg.Pool
) -> None:
    most = devices.VARIABLES_A_STATION
    await pool.execute(NAMED, most, NOW)
    names = [made_up(number) for number in (2, 1, most + 1, most + 2)]
    told = [VariablesReported(station, NOW, tuple(Variable(key, "new") for key in names)) for station in ("s1", "s2")]
    assert await desk.put(VariablesReported("s1", NOW, ()), *told, frame="the frame") == Committed()
    kept = await pool.fetch("SELECT station_id, variable FROM gateway.variable WHERE value = 'new' ORDER BY 1, 2")
    of_other = [("s2", name) for name in sorted(key.variable for key in names)]
    assert [tuple(row) for row in kept] == [("s1", "v1"), ("s1", "v2"), *of_other]
    reason = f"variable: 2 beyond the {most} that a station may have are not kept, C.v{most + 1} for one"
    assert await refusals(pool) == [("s1", reason, "the frame")]


async def test_a_station_of_made_up_monitors_and_streams_fills_nothing(desk: Desk, pool: asyncpg.Pool) -> None:
    monitors, streams = devices.MONITORS_A_STATION, devices.STREAMS_A_STATION
    await pool.execute(WATCHED, monitors)
    await pool.execute(BOUND, streams)
    numbers = (2, 1, monitors + 1)
    await desk.put(MonitorsReported("s1", tuple(Monitor(number, made_up(7)) for number in numbers)))
    rows = await pool.fetch("SELECT number FROM gateway.monitor WHERE variable = 'v7' ORDER BY 1")
    assert [row["number"] for row in rows] == [1, 2]
    await desk.put(MonitorsReported("s1", (Monitor(3, None), Monitor(monitors + 2, made_up(7)))))
    rows = await pool.fetch("SELECT number FROM gateway.monitor WHERE number IN (3, $1)", monitors + 2)
    assert [row["number"] for row in rows] == [monitors + 2], "one that is cleared makes room"
    bound = [StreamBound("s1", number, 9) for number in (2, 1, streams + 1)]
    await desk.put(*bound)
    await desk.put(StreamBound("s1", 3, None), StreamBound("s1", 4, None), StreamBound("s1", streams + 2, 9))
    rows = await pool.fetch("SELECT number FROM gateway.event_stream WHERE monitor = 9 ORDER BY 1")
    assert [row["number"] for row in rows] == [1, 2, streams + 2], "closed ones make room"
    assert await count(pool, "gateway.event_stream") == streams - 1
    assert [reason for _, reason, _ in await refusals(pool)] == [
        f"variableMonitoring: 1 beyond the {monitors} that a station may have are not kept, {monitors + 1} for one",
        f"constantStreamData: 1 beyond the {streams} that a station may have are not kept, {streams + 1} for one",
    ]


async def test_days_without_end_make_few_partitions(desk: Desk, pool: asyncpg.Pool) -> None:
    await plain_only(pool)
    samples = [MeterSampled("s1", 1, KIND, NOW - timedelta(days=n), NOW, 1.0, None) for n in range(2100)]
    assert await desk.put(*samples) == Committed()
    assert await count(pool, "telemetry.meter_sample") == 2100
    inherits = "pg_inherits WHERE inhparent = 'telemetry.meter_sample'::regclass"
    assert await count(pool, inherits) <= 10


async def test_tomorrow_has_its_partitions_today(desk: Desk, pool: asyncpg.Pool) -> None:
    await plain_only(pool)
    await desk.put()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert await pool.fetchval("SELECT to_regclass($1)", f"telemetry.raw_frame_{tomorrow:%Y%m%d}")
    for table in ("status_change", "meter_sample", "connectivity_change", "notification", "sensor_reading"):
        assert await pool.fetchval("SELECT to_regclass($1)", f"telemetry.{table}_{tomorrow:%Y%m}")


async def test_a_month_that_has_days_goes_on_in_days(pool: asyncpg.Pool) -> None:
    await plain_only(pool)
    await pool.execute("CREATE TABLE telemetry.status_change_20260501 (LIKE telemetry.status_change INCLUDING ALL)")
    bounds_of = "FOR VALUES FROM ('2026-05-01T00:00Z') TO ('2026-05-02T00:00Z')"
    await pool.execute(
        f"ALTER TABLE telemetry.status_change ATTACH PARTITION telemetry.status_change_20260501 {bounds_of}"
    )
    async with pool.acquire() as connection:
        days = [("status_change", date(2026, month, day)) for month, day in ((5, 1), (5, 31), (6, 1), (6, 30))]
        assert await store.ensure_days(connection, days) == ()
    made = "SELECT relname FROM pg_class WHERE relname ~ '^status_change_2026[0-9]+$' ORDER BY 1"
    assert [row[0] for row in await pool.fetch(made)] == [
        "status_change_20260501",
        "status_change_20260531",
        "status_change_202606",
    ]


async def test_a_partition_waits_for_whoever_has_written_its_rows(desk: Desk, pool: asyncpg.Pool) -> None:
    await plain_only(pool)
    await desk.put()
    day = NOW + timedelta(days=40)
    wanted = [("status_change", day.date()), ("meter_sample", day.date())]
    async with pool.acquire() as writer, pool.acquire() as maker:
        async with writer.transaction():
            insert = "INSERT INTO telemetry.status_change VALUES ('s1', 1, $1, $1, $1, 'Available', 'available')"
            await writer.execute(insert, day)
            assert await store.ensure_days(maker, wanted) == wanted
        assert await store.ensure_days(maker, wanted) == ()
    assert await count(pool, f"telemetry.status_change_{day:%Y%m}") == 1


async def blocked(pool: asyncpg.Pool) -> bool:
    """Say whether somebody waits for a row."""
    found: bool = await pool.fetchval(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )
    return found


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
async def test_a_partition_that_somebody_else_makes_holds_up_no_other(pool: asyncpg.Pool, isolation: str) -> None:
    await plain_only(pool)
    await pool.execute("ALTER FUNCTION telemetry.ensure_day SET lock_timeout = '60s'")
    day = (NOW + timedelta(days=40)).date()
    async with pool.acquire() as other, pool.acquire() as maker:
        await maker.execute(f"SET default_transaction_isolation = '{isolation}'")
        async with other.transaction():
            await other.execute("SELECT telemetry.ensure_day('raw_frame', $1)", day)
            wanted = [("raw_frame", day), ("status_change", day)]
            making = asyncio.create_task(store.ensure_days(maker, wanted))
            await eventually(lambda: blocked(pool))
        assert await making == ()
    assert await pool.fetchval("SELECT to_regclass($1)", f"telemetry.status_change_{day:%Y%m}")


async def test_whoever_makes_a_partition_himself_is_told_that_it_is_there(pool: asyncpg.Pool) -> None:
    await plain_only(pool)
    await pool.execute("ALTER FUNCTION telemetry.ensure_day SET lock_timeout = '60s'")
    ensure, day = "SELECT telemetry.ensure_day('raw_frame', $1)", (NOW + timedelta(days=40)).date()
    async with pool.acquire() as other, pool.acquire() as maker:
        async with other.transaction():
            await other.execute(ensure, day)
            making = asyncio.create_task(maker.execute(ensure, day))
            await eventually(lambda: blocked(pool))
        await making


async def test_what_is_written_while_its_partition_is_made_is_stored_in_it(desk: Desk, pool: asyncpg.Pool) -> None:
    await plain_only(pool)
    await desk.put()
    ahead = NOW + timedelta(days=40)
    async with pool.acquire() as other, other.transaction():
        await other.execute("SELECT telemetry.ensure_day('status_change', $1)", ahead.date())
        putting = asyncio.create_task(desk.put(status(at=ahead)))
        await eventually(lambda: blocked(pool))
    assert await putting == Committed()
    assert await count(pool, f"telemetry.status_change_{ahead:%Y%m}") == 1


async def test_what_finds_no_partition_however_often_is_refused(desk: Desk, pool: asyncpg.Pool) -> None:
    await pool.execute(
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE check_violation; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON telemetry.status_change
            FOR EACH ROW WHEN (NEW.connector = 1) EXECUTE FUNCTION refuse();
        """
    )
    refused, stored = await asyncio.gather(desk.put(status()), desk.put(status()._replace(connector=2)))
    assert isinstance(refused, Refused)
    assert stored == Committed()


async def stations(pool: asyncpg.Pool, *station_ids: str) -> None:
    for station_id in station_ids:
        insert = "INSERT INTO gateway.station_now (station_id, epoch, slot, connected) VALUES ($1, 1, 0, true)"
        await pool.execute(insert, station_id)


async def test_stations_are_held_in_one_order(desk: Desk, pool: asyncpg.Pool) -> None:
    await stations(pool, "a", "b")
    hold = "SELECT FROM gateway.station_now WHERE station_id = $1 FOR UPDATE"
    async with pool.acquire() as other, other.transaction():
        await other.execute(hold, "a")
        boot = Booted("b", "v", "m", None, None, NOW)
        ending = asyncio.gather(
            desk.put(boot, station="b"), desk.put(Disconnected("a", 1, NOW, "x"), station="a", frame="")
        )
        await eventually(lambda: blocked(pool))
        await other.execute(f"{hold} NOWAIT", "b")  # a deadlock, if the recorder held it
    assert list(await ending) == [Committed()] * 2


async def test_a_deadlock_is_no_database_that_is_away(
    desk: Desk, pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await stations(pool, "s1")
    async with pool.acquire() as other, other.transaction():
        await other.execute("SET LOCAL deadlock_timeout = '60s'")
        await other.execute("SELECT FROM gateway.station_now FOR UPDATE")
        putting = asyncio.create_task(desk.put(Booted("s1", "v", "m", None, None, NOW)))
        await eventually(lambda: blocked(pool))
        await other.execute("UPDATE gateway.worker SET losses = losses")
    assert await putting == Committed()
    assert "rolled back" in caplog.text
    assert "database away" not in caplog.text


async def test_tables_that_are_not_ours_end_the_recorder_and_acknowledge_nothing(
    database_url: str, pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await Ownership(pool, 0, ManualClock(NOW)).start()
    await pool.execute("ALTER TABLE gateway.connector_now RENAME COLUMN error_code TO failure")
    desk = Desk(database_url)
    putting = asyncio.create_task(desk.put(status()))
    with pytest.raises(asyncpg.UndefinedColumnError):
        await asyncio.wait_for(desk.running, 30)
    assert not putting.done()
    putting.cancel()
    assert caplog.records[-1].levelname == "CRITICAL"
    assert "error_code" in caplog.records[-1].getMessage()


async def test_who_was_heard_is_not_forgotten_with_a_commit_that_fails(desk: Desk, pool: asyncpg.Pool) -> None:
    await stations(pool, "s1", "s2")
    await desk.put(status())
    refused = await desk.put(Booted("s2", "v", "m", None, None, NOW), variables("a\x00b"), station="s2")
    assert isinstance(refused, Refused)

    async def heard() -> bool:
        found: bool = await pool.fetchval(
            "SELECT last_seen_at IS NOT NULL FROM gateway.station_now WHERE station_id = 's1'"
        )
        return found

    await eventually(heard, within_s=10)


class Line:
    """A line to the database that breaks when an answer passes that holds `ends_at`."""

    def __init__(self, dsn: str) -> None:
        self._parts = urlsplit(dsn)
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()
        self.ends_at: bytes | None = None

    async def __aenter__(self) -> str:
        """Return the DSN by which the database is reached over this line."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        account = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{account}@127.0.0.1:{port}", query=""))

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _serve(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        far, to_far = await self._open()
        pumps = [
            asyncio.create_task(self._pump(near, to_far, to_near, watch=False)),
            asyncio.create_task(self._pump(far, to_near, to_far, watch=True)),
        ]
        self._pumps.update(pumps)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = self._parts.port or 5432
        for folder in parse_qs(self._parts.query).get("host", []):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._parts.hostname, port)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, back: asyncio.StreamWriter, *, watch: bool
    ) -> None:
        try:
            while data := await source.read(65536):
                if watch and self.ends_at is not None and self.ends_at in data:
                    self.ends_at = None
                    return
                sink.write(data)
        finally:
            sink.close()
            back.close()


@pytest.mark.parametrize("answer", [b"COMMIT\0", b"SELECT 1\0"])
async def test_a_commit_whose_answer_is_lost_is_not_done_again(
    pool: asyncpg.Pool, database_url: str, answer: bytes
) -> None:
    await Ownership(pool, 0, ManualClock(NOW)).start()
    line = Line(database_url)
    async with line as dsn:
        desk = Desk(dsn)
        await desk.put(status())
        said: list[Any] = [status("Faulted", at=NOW + timedelta(seconds=1))]
        if answer == b"COMMIT\0":
            said += [Notified("s1", "a", "b", NOW, NOW), TransactionBegun("s1", 1, "A", NOW, NOW, 1.0)]
        done: asyncio.Future[Settlement] = asyncio.get_running_loop().create_future()
        doubts = [Doubt("s1", NOW, "c", "r", "f")] if len(said) > 1 else []
        line.ends_at = answer
        desk.recorder.submit(Entry("s1", NOW, "second", said, doubts, settle=done.set_result))
        settled = await done
        assert line.ends_at is None, "the answer was never lost"
        again = await desk.put(status("Available", at=NOW + timedelta(seconds=2)))
        await desk.stop()
    assert again == Committed()
    assert await count(pool, "telemetry.raw_frame WHERE frame = 'second'") == 1
    assert await count(pool, "telemetry.status_change") == 3
    assert await count(pool, "telemetry.notification") == len(doubts)
    assert await count(pool, "gateway.refused_input") == len(doubts)
    assert settled == Committed(await pool.fetchval("SELECT id FROM telemetry.transaction"))
    assert [e["condition"] for e in await events(pool, "ConnectorStatusChanged")] == [
        "available",
        "faulted",
        "available",
    ]


@pytest.mark.parametrize("together", [False, True])
async def test_a_notification_that_is_told_again_is_stored_and_told_of_once(
    desk: Desk, pool: asyncpg.Pool, together: bool
) -> None:
    at, later = NOW - timedelta(seconds=9), NOW + timedelta(seconds=1)
    never = datetime(1970, 1, 1, tzinfo=UTC)
    security, tamper, firmware = "SecurityEventNotification", "TamperDetectionActivated", "FirmwareStatusNotification"
    said = [
        Notified("s1", security, tamper, at, NOW, "door"),
        Notified("s1", security, tamper, at, later, "door"),
        Notified("s1", security, tamper, at, later, "meter"),
        Notified("s1", security, "StartupOfTheDevice", at, later),
        Notified("s1", firmware, "Idle", NOW, NOW),
        Notified("s1", firmware, "Idle", later, later),
        Notified("s1", security, tamper, never, NOW),
        Notified("s1", security, tamper, never, later),
        Notified("s1", firmware, "InvalidSignature", later, later),
        Notified("s1", firmware, "SignatureVerified", later, later),
    ]
    if together:
        await asyncio.gather(*(desk.put(notified) for notified in said))
    else:
        for notified in said:
            await desk.put(notified)
    assert await count(pool, "telemetry.notification") == len(said) - 1
    told = [(e["alarm"], e["said"], e["info"]) for e in await events(pool, "SecurityAlarmed")]
    assert sorted(told, key=str) == [
        ("firmware_signature", "InvalidSignature", None),
        *[("tampering", tamper, info) for info in ("door", "meter", None, None)],
    ]
    assert len(await events(pool, "FirmwareVerified")) == 1


async def test_an_id_used_again_within_one_commit_is_another_transaction(desk: Desk, pool: asyncpg.Pool) -> None:
    later = NOW + timedelta(minutes=1)
    await asyncio.gather(
        desk.put(reported(0, "Started", wh=1.0)),
        desk.put(reported(1, "Ended", at=NOW + timedelta(seconds=30), wh=5.0)),
        desk.put(reported(0, "Started", at=later, wh=5.0)),
    )
    rows = await pool.fetch("SELECT started_at FROM telemetry.transaction ORDER BY started_at")
    assert [row["started_at"] for row in rows] == [NOW, later]
