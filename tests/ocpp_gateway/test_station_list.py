"""The list of stations as whoever runs hundreds reads it: which of mine are broken, and where."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from ocpp_gateway import store as stations
from ocpp_gateway.cec102.filed import directory as files
from ocpp_gateway.observation import Condition, StatusReported
from ocpp_gateway.pages.store import StationFilter, count_stations, find_stations
from ocpp_gateway.recorder.batch import Entry
from ocpp_gateway.stations import directory
from tests.ocpp_gateway.test_recorder import Desk
from youguan.auth import Scope
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import SiteFiled, StationFile

NOW = datetime.now(UTC).replace(microsecond=0)
EVERYTHING, NOTHING = Scope(everything=True), Scope(organisation_id="another")
STATES = {"s1": "online", "s2": "online", "s3": "offline"}  # s4 was never heard of
WORDS = {
    ("s1", 1): Condition.AVAILABLE,
    ("s1", 2): Condition.FAULTED,
    ("s2", 1): Condition.CHARGING,
    ("s3", 1): Condition.FAULTED,
}


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Four stations at one site: s2 charges, s1 is faulted at its second connector, s3 was when it was heard of last."""
    async with await create_pool(database_url) as pool:
        filed = SiteFiled(
            site_id="S", name="南门站", address="", division_code=None, division_name=None, longitude=121.4, latitude=29.3,
            stations=tuple(StationFile(station_id=f"s{n}", connectors=2, power_w=7000, current_type="AC") for n in range(1, 5)),
        )  # fmt: skip
        async with pool.acquire() as connection:
            async with connection.transaction():
                await publish(connection, "registry", [filed])
            await directory.consumer(pool).catch_up()
            await files.sites_consumer(pool).catch_up()
            await connection.execute("INSERT INTO gateway.worker VALUES (0, now())")
            await connection.executemany(
                "INSERT INTO gateway.station_now (station_id, state) VALUES ($1, $2)", list(STATES.items())
            )
            desk = Desk(database_url)
            for (station, connector), condition in WORDS.items():
                said = StatusReported(station, connector, NOW, NOW, NOW, condition.title(), condition, None, None, None)
                await desk.put(said, station=station)
            await connection.executemany(
                "UPDATE gateway.station_now SET state = $2 WHERE station_id = $1", list(STATES.items())
            )
            yield connection
            await desk.stop()


async def found(connection: asyncpg.Connection, **chosen: str) -> list[str]:
    rows = await find_stations(connection, EVERYTHING, StationFilter(**chosen), None, 10)  # type: ignore[arg-type]
    return [row["id"] for row in rows]


async def test_what_is_broken_is_found_and_said(connection: asyncpg.Connection) -> None:
    assert await found(connection, state="faulted") == ["s1"], "of who is offline nobody knows"
    assert await found(connection, state="offline") == ["s3"]
    assert await found(connection, words="南门") == ["s1", "s2", "s3", "s4"]
    row, *_ = await find_stations(connection, EVERYTHING, StationFilter(), None, 10)
    assert (row["site_name"], row["connectors"]) == ("南门站", [[1, "available"], [2, "faulted"]])


async def test_how_many_are_in_each_state(connection: asyncpg.Connection) -> None:
    counted = dict(await count_stations(connection, EVERYTHING))
    assert counted == {"whole": 4, "online": 2, "offline": 1, "never_connected": 1, "faulted": 1}
    assert set(dict(await count_stations(connection, NOTHING)).values()) == {0}, "of others one learns nothing"


async def test_frames_are_found_by_what_they_say(database_url: str, connection: asyncpg.Connection) -> None:
    desk = Desk(database_url)
    for frame in (
        '[2,"1","Heartbeat",{}]',
        '[2,"2","StatusNotification",{"status":"Faulted"}]',
        '[2,"3","Heartbeat",{}]',
    ):
        desk.recorder.submit(Entry("s1", NOW, frame))
    await desk.recorder.settled()
    for words, count in ((None, 4), ("faulted", 1), ("heartbeat", 2), ("100%", 0)):
        rows = await stations.frames(connection, "s1", stations.Span(None, None), None, 10, words=words)
        assert len({row["frame"] for row in rows}) == count
    await desk.stop()
