"""From the spool into a real PostgreSQL: once, in order, wherever it is cut off, and nothing of it lost to another worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson
import pytest

from ocpp_gateway.observation import TransactionBegun, TransactionReported, UpstreamMet
from ocpp_gateway.recorder.batch import Committed, Lost
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.relay import store, upstreams
from ocpp_gateway.relay.drain import Drain, Journal
from ocpp_gateway.relay.passed import SAID, TOLD, UPSTREAM, Passed
from ocpp_gateway.relay.recording import latest
from ocpp_gateway.relay.spool import Spool, left_behind, new_spool
from ocpp_gateway.relay.witness import Witness
from ocpp_gateway.stations.ownership import Ownership
from tests.ocpp_gateway.fakes import FakeRecorder, knowing
from tests.ocpp_gateway.test_recorder import Desk
from tests.suite import eventually
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
    """A spool with its drain and its recorder, as a worker has them."""

    def __init__(self, dsn: str, pool: asyncpg.Pool, folder: Path) -> None:
        self.spool = new_spool(folder, MOST)
        self.journal = Journal(self.spool)
        self.recorder = DirectRecorder(dsn, 0, on_lost=lambda _: None)
        drain = Drain(pool, self.recorder, Witness(knowing(), lambda _: 60, timedelta(minutes=5)), ManualClock(NOW))
        self._left = left_behind(folder, MOST)
        runs = (self.spool.run(), self.recorder.run(), drain.run(self._left, self.spool))
        self._tasks = [asyncio.create_task(run) for run in runs]

    async def die(self) -> None:
        """End at once, with whatever is under way."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self.recorder._connection is not None:
            self.recorder._connection.terminate()
        for spool in (self.spool, *self._left):
            spool.close()


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

        async def some(spool: Spool = worker.spool) -> bool:
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
    rows = await pool.fetch("SELECT payload->>'occurred_at' AS at FROM eventlog.event ORDER BY sequence")
    assert len(rows) == total
    told = [datetime.fromisoformat(row["at"]) for row in rows]
    assert told == sorted(told)
    left = left_behind(tmp_path, MOST)
    assert [spool.id for spool in left] == [worker.spool.id], "what was left behind before is taken over and gone"
    left[0].close()


async def _empty(spool: Spool) -> bool:
    return spool.size == 0


async def test_what_a_moved_station_said_here_is_stored_all_the_same(tmp_path: Path, pool: asyncpg.Pool) -> None:
    spool = new_spool(tmp_path, MOST)
    recorder = FakeRecorder()
    drain = Drain(pool, recorder, Witness(knowing(), lambda _: 60, timedelta(minutes=5)), ManualClock(NOW))
    tasks = [asyncio.create_task(spool.run()), asyncio.create_task(drain.run([], spool))]
    Journal(spool).note(status(1))

    async def submitted() -> bool:
        return len(recorder.entries) == 1

    await eventually(submitted)
    recorder.settle(Lost())
    assert len(recorder.entries) == 1, "it is submitted again"
    assert spool.size > 0
    recorder.settle(Committed())
    assert spool.size == 0
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_was_not_kept_is_told_once(database_url: str, pool: asyncpg.Pool, tmp_path: Path) -> None:
    worker = Worker(database_url, pool, tmp_path)
    worker.journal._count(7, NOW)
    worker.journal.note(status(1))

    async def told() -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await pool.fetch(
            "SELECT payload FROM eventlog.event WHERE type = 'RelayRecordsLost'"
        )
        return rows

    rows = await eventually(told)
    assert [(row["payload"]["records"], row["payload"]["spool_id"]) for row in rows] == [(7, worker.spool.id)]
    async with pool.acquire() as connection:
        assert await store.lost_records(connection) == 7
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
