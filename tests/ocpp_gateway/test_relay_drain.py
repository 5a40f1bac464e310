"""From the spool into a real PostgreSQL: once, in order, wherever it is cut off, and nothing of it lost to another worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson
import pytest

from ocpp_gateway.observation import (
    Condition,
    SpoolDrained,
    StatusReported,
    TransactionBegun,
    TransactionReported,
    UpstreamMet,
)
from ocpp_gateway.recorder.batch import Committed, Entry, belongs_elsewhere
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.relay import store, upstreams
from ocpp_gateway.relay.drain import Drain
from ocpp_gateway.relay.gaps import FULL
from ocpp_gateway.relay.journal import Journal
from ocpp_gateway.relay.passed import REFUSED, SAID, TOLD, UPSTREAM, Passed
from ocpp_gateway.relay.recording import latest
from ocpp_gateway.relay.spool.reading import spools_in
from ocpp_gateway.relay.spool.writing import RESERVE_BYTES, SpoolWriter, new_spool
from ocpp_gateway.relay.witness import DOUBTS_A_CONNECTION, Witness
from ocpp_gateway.stations import store as stations
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.store import Opening
from tests.ocpp_gateway.test_recorder import Desk
from tests.suite import eventually
from youguan.auth import Scope
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import SiteRelayChanged, UpstreamAway

NOW = datetime.now(UTC).replace(microsecond=0)
MOST = 64 * 1024 * 1024


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        await Ownership(pool, 0, ManualClock(NOW)).start()
        yield pool


def status(number: int, station: str = "s1") -> Passed:
    """The n-th status of a station, each another one than the one before."""
    at = (NOW + timedelta(milliseconds=number)).isoformat()
    payload = {
        "connectorId": 1, "errorCode": "NoError", "status": ("Available", "Preparing")[number % 2], "timestamp": at,
    }  # fmt: skip
    frame = orjson.dumps([2, str(number), "StatusNotification", payload]).decode()
    return Passed(SAID, station, 1, "1.6", "192.0.2.1", NOW + timedelta(milliseconds=number), frame)


class Worker:
    """A spool, and what drains it with its recorder."""

    def __init__(self, dsn: str, pool: asyncpg.Pool, folder: Path, most: int = MOST) -> None:
        self.spool = new_spool(folder, most)
        self.journal = Journal(self.spool)
        self.recorder = DirectRecorder(dsn, 0, on_lost=lambda _: None, alone=False)
        self.stop = asyncio.Event()
        drain = Drain(pool, self.recorder, Witness(timedelta(minutes=5)), ManualClock(NOW), folder)
        self.draining = asyncio.create_task(drain.run(self.stop))
        self.writing = asyncio.create_task(self.spool.run())
        self._tasks = [self.draining, self.writing, asyncio.create_task(self.recorder.run())]

    async def die(self) -> None:
        """End at once, with whatever is under way."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self.recorder._committer.terminate()
        self.spool.close()


async def count(pool: asyncpg.Pool, table: str) -> int:
    return int(await pool.fetchval(f"SELECT count(*) FROM {table}"))


async def test_whoever_dies_in_the_middle_has_lost_and_doubled_nothing(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    total, said = 3000, 0
    for life in range(4):
        worker = Worker(database_url, pool, tmp_path)
        for _ in range(total // 4):
            worker.journal.note(status(said))
            said += 1

        async def some(spool: SpoolWriter = worker.spool) -> bool:
            return spool.durable == spool._accepted and await count(pool, "telemetry.raw_frame") > 0

        await eventually(some)
        if life < 3:
            await worker.die()

    async def all_there() -> bool:
        return await count(pool, "telemetry.raw_frame") >= total

    await eventually(all_there)
    await eventually(lambda: _empty(worker.spool))
    await worker.die()
    assert await count(pool, "telemetry.raw_frame") == total
    assert await count(pool, "telemetry.status_change") == total
    rows = await pool.fetch(
        "SELECT payload->>'occurred_at' AS at FROM eventlog.event WHERE type = 'ConnectorStatusChanged' ORDER BY sequence"
    )
    assert len(rows) == total
    assert await gaps(pool) == [("killed", None, None)] * 3
    told = [datetime.fromisoformat(row["at"]) for row in rows]
    assert told == sorted(told)
    left = [path.name for path in spools_in(tmp_path)]
    assert left == [worker.spool.id], "what was left behind before is taken over and gone"


async def _empty(spool: SpoolWriter) -> bool:
    return spool.size == 0


async def test_what_a_moved_station_said_here_is_stored_in_its_turn(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    """Its place is stored in the commit of those beside it: were it left for later, a crash would pass it over."""
    await Ownership(pool, 1, ManualClock(NOW)).start()
    worker = Worker(database_url, pool, tmp_path)
    worker.journal.note(status(1))
    await eventually(lambda: _empty(worker.spool))
    async with pool.acquire() as connection, connection.transaction():
        await stations.claim(connection, 0, {"s1": Opening("s1", "1.6", "", NOW)})
    async with pool.acquire() as connection, connection.transaction():
        await stations.take_from_others(connection, 1, ["s1"])
        await stations.claim(connection, 1, {"s1": Opening("s1", "1.6", "", NOW)})
    for number in range(2, 12):
        worker.journal.note(status(number, ("s1", "s2")[number % 2]))
    await eventually(lambda: _empty(worker.spool))
    assert await count(pool, "telemetry.status_change") == 11
    assert await count(pool, "telemetry.raw_frame") == 11
    await worker.die()


async def test_an_entry_of_a_spool_belongs_nowhere_else() -> None:
    drained = SpoolDrained("p", 1, NOW)
    assert belongs_elsewhere(Entry("s1", NOW, ""), {"s1"})
    assert not belongs_elsewhere(Entry("s1", NOW, "", drained=drained), {"s1"})


async def test_a_place_is_stored_with_what_the_database_refuses(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    worker = Worker(database_url, pool, tmp_path)
    poison = orjson.dumps(
        [2, "1", "StatusNotification", {"connectorId": 2**31, "errorCode": "NoError", "status": "Faulted"}]
    )
    worker.journal.note(status(1)._replace(frame=poison.decode()))
    await eventually(lambda: _empty(worker.spool))
    assert await pool.fetchval("SELECT place FROM gateway.relay_spool") == worker.spool.durable
    assert await count(pool, "gateway.refused_input") == 1
    await worker.die()


async def gaps(pool: asyncpg.Pool) -> list[tuple[str, str | None, int | None]]:
    rows = await pool.fetch(
        "SELECT reason, station_id, records FROM gateway.relay_gap WHERE records IS DISTINCT FROM 0 ORDER BY id"
    )
    return [(row["reason"], row["station_id"], row["records"]) for row in rows]


async def test_what_a_crash_or_a_bad_disk_took_is_a_gap(database_url: str, pool: asyncpg.Pool, tmp_path: Path) -> None:
    writing = new_spool(tmp_path, MOST)
    running = asyncio.create_task(writing.run())
    journal = Journal(writing)
    for number in range(20):
        journal.note(status(number))
    writing.append(b"no record of ours")
    writing.stop()
    await running
    (file,) = writing.folder.glob("*.log")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content + b"\0\0\1\0torn")
    worker = Worker(database_url, pool, tmp_path)

    async def told() -> bool:
        return len(await gaps(pool)) == 3

    await eventually(told)
    assert sorted(reason for reason, *_ in await gaps(pool)) == ["damaged", "torn", "unreadable"]
    assert await count(pool, "telemetry.raw_frame") == 19, "what is before and after it is there"
    assert await pool.fetchval("SELECT lost_bytes FROM gateway.relay_gap WHERE reason = 'torn'") == 8
    assert await pool.fetchval("SELECT since FROM gateway.relay_gap WHERE reason = 'damaged'") > NOW
    await worker.die()


@pytest.mark.parametrize("clean", [True, False], ids=["as it should", "killed"])
async def test_how_a_process_ended_is_known(database_url: str, pool: asyncpg.Pool, tmp_path: Path, clean: bool) -> None:
    first = Worker(database_url, pool, tmp_path)
    first.journal.note(status(1))
    await eventually(lambda: _empty(first.spool))
    if clean:
        first.spool.stop()
        await first.writing
    await first.die()
    second = Worker(database_url, pool, tmp_path)

    async def taken_over() -> bool:
        return not first.spool.folder.exists()

    await eventually(taken_over)
    assert await gaps(pool) == ([] if clean else [("killed", None, None)])
    await second.die()


async def test_whoever_is_told_to_stop_first_drains_what_is_left_behind(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    worker = Worker(database_url, pool, tmp_path)
    for number in range(500):
        worker.journal.note(status(number))
    worker.spool.stop()
    await worker.writing
    worker.stop.set()
    await asyncio.wait_for(worker.draining, 30)
    assert await count(pool, "telemetry.status_change") == 500
    assert spools_in(tmp_path) == []
    await worker.die()


async def test_what_a_station_said_to_us_alone_in_between_counts(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    """Its connectors are written by others while it is not passed on: what was known of them before is out of date."""
    await Ownership(pool, 1, ManualClock(NOW)).start()
    worker = Worker(database_url, pool, tmp_path)
    worker.journal.note(status(0))
    await eventually(lambda: _empty(worker.spool))
    desk = Desk(database_url, slot=1)
    at = NOW + timedelta(milliseconds=1)
    await desk.put(StatusReported("s1", 1, at, at, at, "Preparing", Condition.OCCUPIED, None, None, None))
    worker.journal.note(status(2))
    await eventually(lambda: _empty(worker.spool))
    rows = await pool.fetch("""
        SELECT payload->>'status' AS status FROM eventlog.event
        WHERE type = 'ConnectorStatusChanged' ORDER BY (payload->>'occurred_at')::timestamptz
    """)
    assert [row["status"] for row in rows] == ["Available", "Preparing", "Available"]
    await desk.stop()
    await worker.die()


async def test_one_alone_drains(database_url: str, pool: asyncpg.Pool, tmp_path: Path) -> None:
    first, second = (Worker(database_url, pool, tmp_path) for _ in range(2))
    second.journal.note(status(1))
    await eventually(lambda: _empty(second.spool))
    assert await count(pool, "telemetry.status_change") == 1
    assert not second.draining.done()
    await second.die()
    await first.die()


async def test_a_gap_is_told_whose_it_is_and_how_long_it_took(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    worker = Worker(database_url, pool, tmp_path, most=RESERVE_BYTES + 2000)
    for number in range(30):
        worker.journal.note(status(number, f"s{number % 2}"))
    lost = worker.journal.lost
    assert 0 < lost < 30
    await eventually(lambda: _empty(worker.spool))
    assert await gaps(pool) == [(FULL, None, None)], "that there is one is known before it is known what it took"
    worker.journal.tell()
    await eventually(lambda: _empty(worker.spool))
    told = await gaps(pool)
    assert {(reason, station) for reason, station, _ in told} == {(FULL, "s0"), (FULL, "s1")}
    assert sum(records or 0 for *_, records in told) == lost
    await worker.die()


async def test_messages_that_cannot_be_kept_beyond_what_is_shown_of_them_are_counted(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    worker = Worker(database_url, pool, tmp_path)
    for _ in range(DOUBTS_A_CONNECTION + 5):
        worker.journal.note(Passed(REFUSED, "s1", 1, "1.6", "", NOW, "", "binary"))
    await eventually(lambda: _empty(worker.spool))
    assert await count(pool, "gateway.refused_input") == DOUBTS_A_CONNECTION
    assert await gaps(pool) == [("unrecordable", "s1", 5)]
    await worker.die()


async def test_what_was_not_kept_is_told_once(database_url: str, pool: asyncpg.Pool, tmp_path: Path) -> None:
    worker = Worker(database_url, pool, tmp_path)
    worker.journal._count(FULL, status(0), 7)
    worker.journal.tell()

    async def told() -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await pool.fetch(
            "SELECT payload FROM eventlog.event WHERE type = 'RelayRecordsLost'"
        )
        return rows

    rows = await eventually(told)
    assert [(row["payload"]["records"], row["payload"]["spool_id"]) for row in rows if row["payload"]["records"]] == [
        (7, worker.spool.id)
    ]
    async with pool.acquire() as connection:
        assert await store.lost_records(connection, Scope(everything=True)) == 7
        (gap,) = await store.list_gaps(connection, Scope(everything=True), None, None, 10)
        assert (gap["station_id"], gap["records"], gap["since"], gap["until"]) == ("s1", 7, NOW, NOW)
        assert await store.list_gaps(connection, Scope(organisation_id="another"), None, None, 10) == []
    await worker.die()


def met(state: str, seconds: int = 0, station: str = "s1") -> Passed:
    at = NOW + timedelta(seconds=seconds)
    return Passed(UPSTREAM, station, 1, "1.6", "", at, "x", "because", state)


async def test_an_upstream_is_away_and_back_once_for_its_site(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    consumer = upstreams.consumer(pool)

    async def decide(url: str | None) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", [SiteRelayChanged(site_id="x", upstream_url=url, at=NOW)])
        await consumer.catch_up()

    async def told() -> list[str]:
        rows = await pool.fetch("SELECT type FROM eventlog.event WHERE type LIKE 'Upstream%' ORDER BY serial, sequence")
        return [row["type"] for row in rows]

    async def becomes(*events: str) -> None:
        async def so() -> bool:
            return await told() == [*events] and worker.spool.size == 0

        await eventually(so)

    worker = Worker(database_url, pool, tmp_path)
    worker.journal.note(met("away"))
    await becomes()
    await decide("wss://a.example/")
    worker.journal.note(met("connected", 1))
    await becomes()
    for second, station in ((2, "s1"), (3, "s2")):
        worker.journal.note(met("away", second, station))
    await becomes("UpstreamAway")
    worker.journal.note(met("refused", 4, "s2"))
    await becomes("UpstreamAway")
    worker.journal.note(met("connected", 5, "s2"))
    await becomes("UpstreamAway", "UpstreamBack")
    worker.journal.note(met("away", 6))
    await becomes("UpstreamAway", "UpstreamBack", "UpstreamAway")
    await decide("wss://b.example/")
    await becomes("UpstreamAway", "UpstreamBack", "UpstreamAway", "UpstreamBack")
    async with pool.acquire() as connection:
        assert await store.list_stations(connection, "x") == []
    await decide(None)
    assert await pool.fetchval("SELECT count(*) FROM gateway.relay_site") == 0
    payload = await pool.fetchval("SELECT payload FROM eventlog.event WHERE type = $1 LIMIT 1", UpstreamAway.__name__)
    assert (payload["site_id"], payload["reason"]) == ("x", "because")
    await worker.die()


def test_the_latest_meeting_keeps_the_interval_that_was_told_before() -> None:
    first, last = (UpstreamMet("s1", "x", "connected", "", NOW, interval) for interval in (900, None))
    assert [each.heartbeat_interval_s for each in latest([first, last])] == [900]


async def test_a_start_and_its_stop_in_one_commit(database_url: str, pool: asyncpg.Pool, tmp_path: Path) -> None:
    start = {"connectorId": 1, "idTag": "T", "meterStart": 100, "timestamp": NOW.isoformat()}
    stop = {"transactionId": 5, "meterStop": 900, "timestamp": NOW.isoformat()}
    answer = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
    texts = [orjson.dumps(frame).decode() for frame in (
        [2, "1", "StartTransaction", start], [3, "1", answer], [2, "2", "StopTransaction", stop],
    )]  # fmt: skip
    worker = Worker(database_url, pool, tmp_path)
    for kind, frame, about in ((SAID, texts[0], ""), (TOLD, texts[1], texts[0]), (SAID, texts[2], "")):
        worker.journal.note(Passed(kind, "s1", 1, "1.6", "", NOW, frame, about))

    async def told() -> list[float]:
        rows = await pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'TransactionEnded'")
        return [row["payload"]["energy_wh"] for row in rows]

    assert await eventually(told) == [800.0]
    await worker.die()


async def test_a_number_of_the_upstreams_that_was_one_of_ours_is_another_transaction(
    database_url: str, pool: asyncpg.Pool
) -> None:
    desk = Desk(database_url)
    ours = await desk.put(TransactionBegun("s1", 1, "A", NOW, NOW, 10.0))
    assert isinstance(ours, Committed)
    number, later = str(ours.transaction_id), NOW + timedelta(hours=1)
    for _ in range(2):
        await desk.put(TransactionReported("s1", number, 0, "Started", 1, "B", later, later, later, 50.0, None, False))
    rows = await pool.fetch(
        "SELECT transaction_id, id_token, meter_start_wh FROM telemetry.transaction ORDER BY started_at"
    )
    assert [(row["id_token"], row["meter_start_wh"]) for row in rows] == [("A", 10.0), ("B", 50.0)]
    assert rows[1]["transaction_id"] == number
    assert rows[0]["transaction_id"].startswith(f"{number}@")
    await desk.stop()
