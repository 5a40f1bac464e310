"""What every worker remembers of the registry: loaded from the projection, then followed; both ways say the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest

from ocpp_gateway.stations import directory
from ocpp_gateway.stations.directory import Directory
from ocpp_gateway.stations.registration import Registration
from tests.suite import eventually
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import Event, SiteFiled, SiteRetired, StationFile, StationReadmitted, StationRejected

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
REJECTED = StationRejected(station_id="a", reason="x", at=NOW)
READMITTED = StationReadmitted(station_id="a", at=NOW)
RETIRED = SiteRetired(site_id="s", station_ids=("a",))


def filed(*station_ids: str) -> SiteFiled:
    stations = tuple(StationFile(station_id=i, connectors=1, power_w=7000, current_type="AC") for i in station_ids)
    return SiteFiled(
        site_id="s", name="s", address="", division_code=None, division_name=None, longitude=1, latitude=1,
        stations=stations,
    )  # fmt: skip


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


@pytest.mark.parametrize("loads", [True, False], ids=["loaded", "followed"])
@pytest.mark.parametrize(
    ("events", "knows", "unfiled"),
    [
        ([], False, "Pending"),
        ([REJECTED], False, "Rejected"),
        ([REJECTED, READMITTED], False, "Pending"),
        ([REJECTED, filed("a")], True, "Pending"),
        ([REJECTED, filed("b")], False, "Rejected"),
        ([REJECTED, filed("a"), RETIRED], False, "Pending"),
        ([filed("a"), filed("b")], False, "Pending"),
        ([filed("a"), replace(filed("a"), site_id="other"), RETIRED], True, "Pending"),
    ],
)
async def test_what_is_remembered(
    pool: asyncpg.Pool, events: list[Event], knows: bool, unfiled: str, loads: bool
) -> None:
    async def tell() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", [*events, replace(filed("last"), site_id="another")])

    if loads:
        await tell()
        await directory.consumer(pool).catch_up()
    remembers, loaded = Directory(pool), asyncio.Event()
    keeping = asyncio.create_task(remembers.keep(loaded))
    await loaded.wait()
    if not loads:
        await tell()

    async def taken_in() -> bool:
        return remembers.knows("last")

    await eventually(taken_in)
    assert (remembers.knows("a"), remembers.unfiled("a")) == (knows, Registration(unfiled))
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping


async def test_of_a_station_that_is_filed_anew_it_is_told_how_it_is(pool: asyncpg.Pool) -> None:
    await pool.execute(
        "INSERT INTO gateway.connector_now VALUES ('a', 1, 'Faulted', 'faulted', 'GroundFailure', NULL, NULL, $1, $1, $1)",
        NOW,
    )
    await pool.execute(
        "INSERT INTO gateway.station_now (station_id, epoch, connected, state, last_seen_at) VALUES ('a', 1, false, 'offline', $1)",
        NOW,
    )

    async def tell(*events: Event) -> list[str]:
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", events)
        await directory.consumer(pool).catch_up()
        rows = await pool.fetch("SELECT type FROM eventlog.event WHERE stream = 'gateway/jobs' ORDER BY sequence")
        return [row["type"] for row in rows]

    told = ["ConnectorStatusChanged", "StationOffline"]
    assert await tell(filed("a", "b")) == told
    assert await tell(filed("a", "b", "c")) == told, "it was filed before"
    assert await tell(RETIRED, filed("a")) == told * 2
    more = replace(filed("a"), stations=(replace(filed("a").stations[0], connectors=2),))
    assert await tell(more) == told * 3, "it may have said something of the second before"
    assert await tell(filed("a")) == told * 3


def test_who_holds_a_station_learns_that_it_is_filed_elsewhere(pool: asyncpg.Pool) -> None:
    moves: list[tuple[str, str | None, str | None]] = []
    remembers = Directory(pool, on_move=lambda *move: moves.append(move))
    remembers.restore({"a": "s", "b": "s"})
    remembers.apply(filed("a", "c"))
    remembers.apply(filed("a", "c"))  # again, and nothing has moved
    remembers.apply(replace(filed("a"), site_id="other"))
    assert (list(remembers.stations_of("s")), list(remembers.stations_of("other"))) == (["c"], ["a"])
    remembers.apply(RETIRED)
    assert sorted(moves[:2]) == [("a", None, "s"), ("b", None, "s")]
    assert sorted(moves[2:4]) == [("b", "s", None), ("c", None, "s")]
    assert moves[4:] == [("a", "s", "other"), ("c", "s", None)]
