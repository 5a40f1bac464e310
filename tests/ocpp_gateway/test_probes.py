"""Stations asked for another service how they are: who can be asked, and what is told of it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from ocpp_gateway.commands import store
from ocpp_gateway.commands.probes import Probes, worst
from ocpp_gateway.observation import CommandOutcome
from tests.ocpp_gateway.fakes import NOW
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import StationProbeWanted


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ([], None),
        (["available"], "available"),
        (["available", "faulted"], "faulted"),
        (["charging", "unavailable"], "unavailable"),
    ],
)
def test_the_worst_of_several_stands_for_the_station(conditions: list[str], found: str | None) -> None:
    assert worst(conditions) == found


class World:
    """Probes with a clock of their own, and stations as the gateway knows them."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.clock = ManualClock(NOW)
        self.probes = Probes(pool, self.clock)

    async def want(self, station_id: str, connector: int | None = 1) -> None:
        wanted = StationProbeWanted(probe_id="p", station_id=station_id, connector=connector, reason="task 7", at=NOW)
        async with self.pool.acquire() as connection, connection.transaction():
            await publish(connection, "test", [wanted])
        await self.probes.consumer().catch_up()

    async def end(self, state: str, answer: dict[str, Any] | None) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            outcome = CommandOutcome("a", "p", "TriggerMessage", state, self.clock.now(), answer=answer)
            await store.end_commands(connection, [outcome])

    async def tell(self) -> int:
        async with self.pool.acquire() as connection, connection.transaction():
            return await self.probes.tell(connection)

    async def told(self) -> list[tuple[str, str | None]]:
        rows = await self.pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'StationProbed' ORDER BY serial")
        return [(row["payload"]["outcome"], row["payload"]["condition"]) for row in rows]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with await create_pool(database_url) as pool:
        await pool.execute(
            """
            INSERT INTO gateway.station_now (station_id, epoch, slot, connected, state, ocpp_version, remote,
                connected_at, last_seen_at) VALUES ('a', 1, 0, true, 'online', '1.6', '', $1, $1)
            """,
            NOW,
        )
        for connector, condition in ((1, "available"), (2, "faulted")):
            await pool.execute(
                "INSERT INTO gateway.connector_now VALUES ('a', $1, 'x', $2, NULL, NULL, NULL, $3, $3, $3)",
                connector, condition, NOW,
            )  # fmt: skip
        yield World(pool)


@pytest.mark.parametrize(("connector", "condition"), [(1, "available"), (2, "faulted"), (None, "faulted")])
async def test_a_station_that_answers_is_looked_at_a_little_later(
    world: World, connector: int | None, condition: str
) -> None:
    await world.want("a", connector)
    command = await world.pool.fetchrow("SELECT * FROM gateway.command")
    assert (command["id"], command["action"], command["requested_by"]) == ("p", "TriggerMessage", "system")
    assert command["payload"]["requestedMessage"] == "StatusNotification"
    assert command["payload"].get("connectorId") == connector
    await world.end("answered", {"status": "Accepted"})
    assert await world.tell() == 0
    world.clock.advance(timedelta(seconds=5))
    assert await world.tell() == 1
    assert await world.tell() == 0
    assert await world.told() == [("answered", condition)]
    assert await world.pool.fetchval("SELECT actor FROM audit.trail") == "system"


@pytest.mark.parametrize(
    ("state", "answer"),
    [("answered", {"status": "Rejected"}), ("answered", {"status": "NotImplemented"}), ("answered", None), ("refused", None),
     ("timed_out", None)],
)  # fmt: skip
async def test_who_does_not_say_it_has_said_nothing(world: World, state: str, answer: dict[str, Any] | None) -> None:
    await world.want("a")
    await world.end(state, answer)
    world.clock.advance(timedelta(seconds=5))
    assert await world.tell() == 1
    assert await world.told() == [("unanswered", None)]


async def test_who_is_away_or_unknown_cannot_be_asked(world: World) -> None:
    await world.want("nowhere")
    await world.pool.execute("UPDATE gateway.station_now SET connected = false")
    await world.want("a")
    assert await world.told() == [("unreachable", None)] * 2
    assert await world.pool.fetchval("SELECT count(*) FROM gateway.command") == 0


async def test_who_is_relayed_without_our_commands_cannot_be_asked(world: World) -> None:
    await world.pool.execute(
        "INSERT INTO gateway.station_directory (station_id, site_id, connectors) VALUES ('a', 's', 1)"
    )
    await world.pool.execute("INSERT INTO gateway.relay_site VALUES ('s', 'ws://x', 'ours', false, NULL, $1)", NOW)
    await world.want("a")
    assert await world.told() == [("unreachable", None)]
