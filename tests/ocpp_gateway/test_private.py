"""What is somebody's own: for each who may ask, whether the gateway tells of it; the addresses are those that need no login."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from ocpp_gateway.api import gateway_api
from ocpp_gateway.stations import directory
from youguan import bounds
from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, Principal
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import Event, ResponsibilitiesChanged, ResponsibilityEntry, SiteFiled, SiteRetired, StationFile

NOW = datetime.now(UTC).replace(microsecond=0)
TOWN, ELSEWHERE = "330226001", "330226002"
ADDRESSES = ("/stations/own", "/stations/own/status-changes")
WHO: dict[str, tuple[tuple[str, str | None, str | None] | None, bool]] = {
    "nobody": (None, False),
    "a stranger's operator": ((OPERATOR, "other", None), False),
    "its manager": ((OPERATOR, "mine", None), True),
    "the county's regulator": ((REGULATOR, None, None), True),
    "the town's inspector": ((INSPECTOR, None, TOWN), True),
    "another town's inspector": ((INSPECTOR, None, ELSEWHERE), False),
}


def filed(site_id: str, station_id: str | None, usage: str | None) -> SiteFiled:
    stations = [StationFile(station_id=station_id, connectors=1, power_w=7000, current_type="AC")] if station_id else ()
    return SiteFiled(
        site_id=site_id, name=site_id, address="", division_code=TOWN, division_name=None, longitude=121.4, latitude=29.3,
        stations=tuple(stations), usage=usage,
    )  # fmt: skip


async def tell(pool: asyncpg.Pool, *events: Event) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, "registry", events)
    for consumer in (bounds.consumer(pool), directory.consumer(pool)):
        await consumer.catch_up()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A garage's charger, `own`, and one for everybody."""
    async with await create_pool(database_url) as pool:
        manager = ResponsibilityEntry(
            role="manager",
            organisation_id="mine",
            organisation_name="M",
            station_id=None,
            since=NOW.replace(year=2020),
            until=None,
        )
        await tell(
            pool,
            filed("garage", "own", "private"),
            filed("square", "everybody's", "public"),
            ResponsibilitiesChanged(site_id="garage", entries=(manager,)),
        )
        yield pool


async def asked(pool: asyncpg.Pool, who: tuple[str, str | None, str | None] | None, path: str) -> httpx.Response:
    app = gateway_api(pool, ManualClock(NOW))

    async def as_who(scope: AsgiScope, receive: Receive, send: Send) -> None:
        if who is not None:
            role, organisation, division = who
            asking = Principal("p", "P", frozenset({role}), organisation, division, "t", "c", NOW)
            scope["state"] = {"principal": asking}
        await app(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=as_who), base_url="http://test") as client:
        return await client.get(path)


async def shown(pool: asyncpg.Pool, who: tuple[str, str | None, str | None] | None) -> set[str]:
    found: list[dict[str, Any]] = (await asked(pool, who, "/stations")).json()["items"]
    return {station["id"] for station in found}


async def test_who_is_told_of_what_is_somebodys_own(pool: asyncpg.Pool) -> None:
    for name, (who, told) in WHO.items():
        answers = {path: (await asked(pool, who, path)).status_code for path in ADDRESSES}
        assert answers == dict.fromkeys(ADDRESSES, 200 if told else 404), name
        assert await shown(pool, who) == ({"own", "everybody's"} if told else {"everybody's"}), name
        assert bool((await asked(pool, who, "/stations?site=garage")).json()["items"]) == told, name


async def test_to_strangers_it_is_as_a_station_that_there_is_not(pool: asyncpg.Pool) -> None:
    hidden, absent = [(await asked(pool, None, f"/stations/{station}")).json() for station in ("own", "none")]
    assert {**hidden, "detail": hidden["detail"].replace("own", "none"), "instance": None} == {
        **absent,
        "instance": None,
    }


@pytest.mark.parametrize(
    ("events", "known"),
    [
        ((filed("garage", "own", "public"),), True),
        ((filed("garage", "own", None),), True),
        ((filed("garage", "own", "unit"),), False),
        ((filed("garage", None, "private"), filed("square", "own", "public")), True),
        ((filed("garage", None, "private"),), False),
        ((SiteRetired(site_id="garage", station_ids=("own",)),), False),
    ],
    ids=["opened", "not said", "of one organisation", "moved to a public site", "filed no longer", "retired"],
)
async def test_it_is_somebodys_own_as_it_was_filed_last(
    pool: asyncpg.Pool, events: tuple[Event, ...], known: bool
) -> None:
    await pool.execute("INSERT INTO gateway.station_now (station_id) VALUES ('own')")
    await tell(pool, *events)
    assert ("own" in await shown(pool, None)) == known
    assert ((await asked(pool, None, "/stations/own/status-changes")).status_code == httpx.codes.OK) == known


async def test_everybody_is_told_of_thirty_days_unless_he_names_a_time(pool: asyncpg.Pool) -> None:
    said = "INSERT INTO telemetry.status_change VALUES ($1, 1, $2, $2, $2, 'Available', 'available')"
    days_ago = {days: NOW - timedelta(days=days) for days in (1, 29, 31, 400)}
    await pool.executemany(said, [("everybody's", at) for at in days_ago.values()])
    address = "/stations/everybody's/status-changes"

    async def told(who: tuple[str, str | None, str | None] | None, query: str = "") -> list[int]:
        items = (await asked(pool, who, address + query)).json()["items"]
        return [(NOW - datetime.fromisoformat(item["occurred_at"])).days for item in items]

    assert await told(None) == [29, 1]
    assert await told(None, "?from=2020-01-01T00:00:00Z") == await told((INSPECTOR, None, None)) == [400, 31, 29, 1]
    assert await told(None, f"?to={(NOW - timedelta(days=30)):%Y-%m-%dT%H:%M:%SZ}") == [31]
    await pool.execute("INSERT INTO telemetry.status_by_receipt VALUES ($1, 1, $2, 'available')", "everybody's", NOW)
    assert await told(None) == [400, 31, 29, 1], "by its own clock it may have been at any time"
