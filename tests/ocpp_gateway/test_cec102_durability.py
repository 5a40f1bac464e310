"""No success before the commit: the database is held up, and its connections are cut, while platforms report."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from ocpp_gateway.cec102.envelope import sealed_request
from ocpp_gateway.cec102.filed.directory import profiles_of
from ocpp_gateway.cec102.intake.feed import Feed
from ocpp_gateway.cec102.intake.server import Door
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.privacy import marker
from tests.independent.cec102_platform import Party
from tests.ocpp_gateway.platforms import OPERATOR_ID, SAMPLE, SECRET, file_all, gateway_of, let_in
from tests.suite import eventually
from youguan.clock import SystemClock
from youguan.database import connect, create_pool
from youguan.settings import Settings

STATUS = "notification_stationStatus"


@asynccontextmanager
async def door_of(database_url: str, patience_s: float) -> AsyncIterator[tuple[Door, asyncpg.Pool]]:
    """A door whose feed waits no longer than told."""
    async with await create_pool(database_url) as pool:
        await file_all(pool)
        await let_in(pool)
        clock = SystemClock()
        feed = Feed(pool, database_url, 2000, clock, patience_s)
        door = Door(feed, profiles_of(Settings()), Sealer(SECRET), SECRET, marker(SECRET), clock)
        running = asyncio.create_task(feed.run())
        try:
            await eventually(lambda: pool.fetchval("SELECT EXISTS (SELECT FROM gateway.worker WHERE slot = 2000)"))
            yield door, pool
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def log_in(door: Door) -> str:
    wanted = {"OperatorID": OPERATOR_ID, "OperatorSecret": SAMPLE.operator_secret}
    answer = await door.answer("query_token", "", json.dumps(Party().seal(wanted)).encode())
    return str(Party().open(answer)["AccessToken"])


async def test_while_the_database_is_held_up_nothing_is_acknowledged_and_then_all_is_there(database_url: str) -> None:
    async with door_of(database_url, patience_s=1) as (door, pool):
        bearer = await eventually(lambda: _token(door))
        holding = await connect(database_url)
        transaction = holding.transaction()
        await transaction.start()
        await holding.execute("LOCK TABLE telemetry.raw_frame IN ACCESS EXCLUSIVE MODE")
        body = json.dumps(Party().seal({"ConnectorStatusInfo": {"ConnectorID": "P1-1", "Status": 255}})).encode()
        answer = await door.answer(STATUS, bearer, body)
        assert answer["Ret"] == -1
        Party().open(answer)  # signed all the same
        assert await pool.fetchval("SELECT count(*) FROM telemetry.status_change") == 0
        await transaction.rollback()
        await holding.close()
        again = sealed_request(
            OPERATOR_ID, {"ConnectorStatusInfo": {"ConnectorID": "P1-1", "Status": 255}}, SystemClock().now(), 9, SAMPLE
        )

        async def taken() -> bool:
            ret: int = (await door.answer(STATUS, bearer, json.dumps(again).encode()))["Ret"]
            return ret == 0

        await eventually(taken)
        faults = await pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'ConnectorStatusChanged'")
        assert len(faults) == 1  # told twice, and one piece of news


async def test_more_than_can_wait_are_told_to_come_again(database_url: str) -> None:
    async with door_of(database_url, patience_s=30) as (door, _pool):
        bearer = await eventually(lambda: _token(door))
        door.feed.most_under_way = 3
        holding = await connect(database_url)
        transaction = holding.transaction()
        await transaction.start()
        await holding.execute("LOCK TABLE telemetry.raw_frame IN ACCESS EXCLUSIVE MODE")
        party = Party()
        bodies = [
            json.dumps(party.seal({"ConnectorStatusInfo": {"ConnectorID": f"P{n % 3 + 1}-1", "Status": 1}})).encode()
            for n in range(8)
        ]
        answering = [asyncio.create_task(door.answer(STATUS, bearer, body)) for body in bodies]

        async def five_are_told() -> bool:
            return sum(task.done() for task in answering) == 5

        await eventually(five_are_told)
        await transaction.rollback()
        await holding.close()
        assert sorted([(await task)["Ret"] for task in answering]) == [-1] * 5 + [0] * 3


async def _token(door: Door) -> str | None:
    with suppress(KeyError):
        return await log_in(door)
    return None


async def test_what_was_answered_is_there_though_the_recorders_connection_is_cut_again_and_again(
    database_url: str,
) -> None:
    async with gateway_of(database_url) as gateway:
        platform = await gateway.platform()
        cutting = asyncio.create_task(_cut(database_url))
        words = (1, 2, 3, 255)
        told: dict[tuple[str, int], int] = {}

        async def say(number: int) -> int:
            station, connector = number % 3 + 1, number % 2 + 1
            status: dict[str, Any] = {"ConnectorID": f"P{station}-{connector}", "Status": words[number % 4]}
            answer = await platform.post(STATUS, platform.party.seal({"ConnectorStatusInfo": status}))
            ret: int = answer["Ret"]
            if ret == 0:
                told[f"P{station}", connector] = told.get((f"P{station}", connector), 0) + 1
            return ret

        rets: list[int] = []
        for begins in range(0, 200, 20):
            rets += await asyncio.gather(*(say(number) for number in range(begins, begins + 20)))
        cutting.cancel()
        await asyncio.gather(cutting, return_exceptions=True)
        assert set(rets) <= {0, -1}
        assert rets.count(0) > 100
        frames = await gateway.pool.fetch("SELECT station_id, frame FROM telemetry.raw_frame")
        stored: dict[tuple[str, int], int] = {}
        for row in frames:
            key = (row["station_id"], int(row["frame"].split('"ConnectorID":"')[1][3]))
            stored[key] = stored.get(key, 0) + 1
        assert all(stored[key] >= count for key, count in told.items())
        assert sum(stored.values()) <= len(rets)  # and none twice


async def _cut(database_url: str) -> None:
    """Cut every connection that writes, some times a second."""
    cutter = await connect(database_url)
    try:
        while True:
            await cutter.execute(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%gateway.worker%'
                """
            )
            await asyncio.sleep(0.3)
    finally:
        await cutter.close()
