"""Stations' keys over HTTP and on the pages: shown once, never kept, ended in the right order; and who is in quarantine."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from charger_registry import store
from charger_registry.credentials.desk import KeyDesk
from charger_registry.drafts import Filing, SiteDraft, StationDraft
from charger_registry.service import compose
from tests.ocpp_gateway.house import REGULATOR_A
from youguan.auth import TokenIssuer, generate_keys
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Conflict, Invalid, NotFound, Unavailable
from youguan.eventlog import publish
from youguan.events import Event, StationKeyAnswered, StationKeyOffered, StationKeyUsed, UnfiledStationSeen
from youguan.settings import Settings
from youguan.station_keys import digest
from youguan.web.application import application

NOW = datetime.now(UTC)
SECRET = "x" * 32
GRACE = timedelta(hours=1)
PRIVATE, PUBLIC = generate_keys()


class World:
    """The desk with a clock of its own, one station filed."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.clock = ManualClock(NOW)
        self.desk = KeyDesk(pool, self.clock, SECRET, GRACE)

    async def tell(self, *events: Event) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await publish(connection, "gateway/0", events)
        await self.desk.consumer().catch_up()

    async def issue(self, key: str | None = None) -> str:
        return (await self.desk.issue(REGULATOR_A, "s1", "because", key=key)).key

    async def told(self) -> dict[str, datetime | None]:
        """Return what the gateway was told last: digest → until."""
        payload = await self.pool.fetchval(
            "SELECT payload FROM eventlog.event WHERE type = 'StationCredentialsChanged' ORDER BY sequence DESC LIMIT 1"
        )
        moments = {c["digest"]: c["until"] for c in payload["credentials"]}
        return {known: datetime.fromisoformat(until) if until else None for known, until in moments.items()}


def kept(key: str) -> str:
    return digest(SECRET, "s1", key.encode())


@asynccontextmanager
async def world_at(database_url: str) -> AsyncIterator[World]:
    async with await create_pool(database_url) as pool:
        async with pool.acquire() as connection, connection.transaction():
            site = SiteDraft("x", "X", 121.4, 29.3, stations=(StationDraft("s1"),))
            await store.file_all(connection, Filing(sites=(site,)), NOW)
        yield World(pool)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with world_at(database_url) as made:
        yield made


async def test_a_key_is_told_as_its_hash_and_is_nowhere_kept(world: World) -> None:
    key = await world.issue()
    assert await world.told() == {kept(key): None}
    for table in ("registry.station_credential", "eventlog.event", "audit.trail"):
        assert not await world.pool.fetchval(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0", key)
    assert await world.pool.fetchval("SELECT action FROM audit.trail") == "issue station key"


async def test_older_keys_hold_for_the_grace_time(world: World) -> None:
    first = await world.issue()
    world.clock.advance(timedelta(minutes=1))
    second = await world.issue()
    assert await world.told() == {kept(first): NOW + timedelta(minutes=1) + GRACE, kept(second): None}
    world.clock.advance(timedelta(minutes=1))
    await world.tell(StationKeyUsed(station_id="s1", digest=kept(second), at=world.clock.now()))
    assert await world.told() == {kept(first): world.clock.now(), kept(second): None}


async def test_coming_with_an_old_key_ends_no_newer_one(world: World) -> None:
    first, second = await world.issue(), await world.issue()
    await world.tell(StationKeyUsed(station_id="s1", digest=kept(first), at=NOW))
    assert await world.told() == {kept(first): NOW + GRACE, kept(second): None}


async def test_what_cannot_be_issued(world: World) -> None:
    await world.issue(key="of-the-old-operator")
    with pytest.raises(Conflict):
        await world.issue(key="of-the-old-operator")
    with pytest.raises(Invalid) as caught:
        await world.issue(key="with some spaces in it")
    assert [error.field for error in caught.value.fields] == ["key"]
    with pytest.raises(NotFound):
        await world.desk.issue(REGULATOR_A, "nobody", "because")
    with pytest.raises(Unavailable):
        await KeyDesk(world.pool, world.clock, None, GRACE).issue(REGULATOR_A, "s1", "because")


async def test_one_key_or_all_are_revoked(world: World) -> None:
    first, second = await world.issue(), await world.issue()
    number = await world.pool.fetchval("SELECT id FROM registry.station_credential WHERE digest = $1", kept(first))
    assert await world.desk.revoke(REGULATOR_A, "s1", number, "lost") == 1
    assert await world.told() == {kept(first): NOW, kept(second): None}
    assert await world.desk.revoke(REGULATOR_A, "s1", None, "stolen") == 1
    assert await world.told() == {kept(first): NOW, kept(second): NOW}
    with pytest.raises(NotFound):
        await world.desk.revoke(REGULATOR_A, "s1", 10**6, "lost")
    with pytest.raises(NotFound):
        await world.desk.revoke(REGULATOR_A, "nobody", None, "lost")


def offered(key: str) -> StationKeyOffered:
    return StationKeyOffered(
        station_id="s1", digest=kept(key), command_id="c", offered_by="a", reason="yearly", until=NOW + GRACE, at=NOW
    )


def answered(key: str, verdict: str) -> StationKeyAnswered:
    return StationKeyAnswered(station_id="s1", digest=kept(key), verdict=verdict, at=NOW)


@pytest.mark.parametrize(
    ("verdict", "old_until", "new_until"),
    [("accepted", NOW + GRACE, None), ("declined", None, NOW), ("unknown", None, NOW + GRACE)],
)
async def test_a_rotation(world: World, verdict: str, old_until: datetime | None, new_until: datetime | None) -> None:
    old, new = await world.issue(), "N" * 20
    await world.tell(offered(new))
    assert await world.told() == {kept(old): None, kept(new): NOW + GRACE}
    await world.tell(answered(new, verdict), answered(new, verdict))
    assert await world.told() == {kept(old): old_until, kept(new): new_until}


async def test_an_answer_that_was_lost_does_not_lock_the_station_out(world: World) -> None:
    old, new = await world.issue(), "N" * 20
    await world.tell(offered(new), answered(new, "unknown"))
    await world.tell(StationKeyUsed(station_id="s1", digest=kept(new), at=NOW))
    assert await world.told() == {kept(old): NOW, kept(new): None}


async def test_a_key_that_was_declined_ends_no_other_though_the_station_has_come_in_with_it(world: World) -> None:
    old, new = await world.issue(), "N" * 20
    await world.tell(offered(new), answered(new, "declined"))
    await world.tell(StationKeyUsed(station_id="s1", digest=kept(new), at=NOW))
    assert await world.told() == {kept(old): None, kept(new): NOW}


async def test_whoever_connects_unfiled_is_listed_until_a_site_lists_it(world: World) -> None:
    seen = UnfiledStationSeen(station_id="u1", remote="192.0.2.1", ocpp_version="1.6", vendor="v", model=None, at=NOW)
    await world.tell(seen, seen)
    assert await world.pool.fetchval("SELECT count(*) FROM registry.unfiled_station") == 1
    async with world.pool.acquire() as connection, connection.transaction():
        site = SiteDraft("y", "Y", 121.4, 29.3, stations=(StationDraft("u1"),))
        await store.file_all(connection, Filing(sites=(site,)), NOW)
    await world.desk.consumer().catch_up()
    assert await world.pool.fetchval("SELECT count(*) FROM registry.unfiled_station") == 0


# --- over HTTP ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def browse(world: World, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        database_url=database_url, token_private_key=PRIVATE, token_public_key=PUBLIC, station_key_secret=SECRET
    )
    async with compose(settings, world.clock) as part:
        transport = httpx.ASGITransport(application([part], settings, world.pool), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://suite.example") as client:
            yield client


@pytest.fixture
async def client(world: World, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(world, database_url) as client:
        yield client


@pytest.fixture(scope="module")
async def shared_client(shared_database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client for those to whom nothing is allowed."""
    async with world_at(shared_database_url) as world, browse(world, shared_database_url) as client:
        yield client


def bearer(role: str) -> dict[str, str]:
    token = TokenIssuer(PRIVATE, timedelta(hours=1)).issue(
        subject="p", name="P", roles=frozenset({role}), organisation_id=None, division=None, now=NOW
    )
    return {"Authorization": f"Bearer {token}"}


async def test_the_whole_life_of_a_key_over_http(client: httpx.AsyncClient) -> None:
    address, headers = "/api/registry/stations/s1/credentials", bearer("regulator")
    made = await client.post(address, json={"reason": "because"}, headers=headers)
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    assert len(made.json()["key"]) == 40
    listed = (await client.get(address, headers=headers)).json()["items"]
    assert [(line["id"], line["state"]) for line in listed] == [(made.json()["id"], "holding")]
    assert made.json()["key"] not in str(listed)
    revoked = await client.post(f"{address}/{listed[0]['id']}/revoke", json={"reason": "lost"}, headers=headers)
    assert [line["state"] for line in revoked.json()["items"]] == ["ended"]
    assert (await client.post(f"{address}/revoke", json={"reason": "lost"}, headers=headers)).status_code == 200
    wrong = await client.post(address, json={"reason": "because", "key": "with some spaces in it"}, headers=headers)
    assert [error["field"] for error in wrong.json()["fields"]] == ["key"]


@pytest.mark.parametrize("role", ["operator", "inspector", "reviewer"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/registry/stations/s1/credentials"),
        ("POST", "/api/registry/stations/s1/credentials"),
        ("POST", "/api/registry/stations/s1/credentials/revoke"),
        ("GET", "/api/registry/unfiled-stations"),
        ("POST", "/api/registry/unfiled-stations/u1/reject"),
        ("DELETE", "/api/registry/unfiled-stations/u1/rejection"),
        ("GET", "/registry/credentials"),
        ("GET", "/registry/credentials/s1"),
        ("POST", "/registry/credentials/s1"),
        ("GET", "/registry/unfiled-stations"),
        ("POST", "/registry/unfiled-stations/u1/reject"),
        ("POST", "/registry/unfiled-stations/u1/readmit"),
    ],
)
async def test_keys_are_the_regulators(shared_client: httpx.AsyncClient, role: str, method: str, path: str) -> None:
    answer = await shared_client.request(
        method, path, json={"reason": "x"} if method == "POST" else None, headers=bearer(role)
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("language", "words", "wrong"),
    [
        ("zh", ("新密钥只显示这一次", "有效"), "密钥：须为 16 至 40 个字母"),
        ("en", ("The new key is shown this once", "valid"), "key: 16 to 40 letters"),
    ],
)
async def test_the_pages(
    client: httpx.AsyncClient, world: World, language: str, words: tuple[str, ...], wrong: str
) -> None:
    headers = bearer("regulator") | {"Accept-Language": language}
    shown = await client.post("/registry/credentials/s1", data={"reason": "because"}, headers=headers)
    assert shown.status_code == 200
    assert all(word in shown.text for word in words)
    key = shown.text.partition('<code id="key">')[2].partition("<")[0]
    assert kept(key) in await world.told()
    again = await client.get("/registry/credentials/s1", headers=headers)
    assert key not in again.text
    unusable = await client.post(
        "/registry/credentials/s1", data={"reason": "because", "key": "short"}, headers=headers
    )
    assert (unusable.status_code, wrong in unusable.text) == (422, True)
    assert "s1" in (await client.get("/registry/credentials?q=s1", headers=headers)).text
    done = await client.post("/registry/credentials/s1/revoke", data={"reason": "lost"}, headers=headers)
    assert (done.status_code, done.headers["location"]) == (303, "/registry/credentials/s1")
    assert list((await world.told()).values()) == [NOW]


async def test_the_page_of_the_quarantine(client: httpx.AsyncClient, world: World) -> None:
    seen: Any = UnfiledStationSeen(
        station_id="<u1>", remote="192.0.2.1", ocpp_version="1.6", vendor=None, model="m", at=NOW
    )
    await world.tell(seen)
    page = await client.get("/registry/unfiled-stations", headers=bearer("regulator"))
    assert "&lt;u1&gt;" in page.text
    listed = await client.get("/api/registry/unfiled-stations", headers=bearer("regulator"))
    assert [line["station_id"] for line in listed.json()["items"]] == ["<u1>"]


def seen(station_id: str) -> UnfiledStationSeen:
    return UnfiledStationSeen(
        station_id=station_id, remote="192.0.2.1", ocpp_version="1.6", vendor=None, model="m", at=NOW
    )


async def decisions(world: World) -> list[str]:
    rows = await world.pool.fetch(
        "SELECT type FROM eventlog.event WHERE type IN ('StationRejected', 'StationReadmitted') ORDER BY sequence"
    )
    return [row["type"] for row in rows]


async def test_a_rejection_is_told_and_taken_back(client: httpx.AsyncClient, world: World) -> None:
    await world.tell(seen("u1"))
    headers, address = bearer("regulator"), "/api/registry/unfiled-stations"
    made = await client.post(f"{address}/u1/reject", json={"reason": "stolen"}, headers=headers)
    assert made.status_code == 200
    assert (made.json()["rejected_by"], made.json()["rejected_reason"]) == ("p", "stolen")
    again = await client.post(f"{address}/u1/reject", json={"reason": "stolen"}, headers=headers)
    assert again.status_code == 409
    await world.tell(seen("u1"))  # asks again, and stays rejected
    (listed,) = (await client.get(address, headers=headers)).json()["items"]
    assert listed["rejected_at"] is not None
    assert (await client.delete(f"{address}/u1/rejection", headers=headers)).status_code == 204
    assert (await client.delete(f"{address}/u1/rejection", headers=headers)).status_code == 409
    (listed,) = (await client.get(address, headers=headers)).json()["items"]
    assert (listed["rejected_at"], listed["rejected_reason"]) == (None, None)
    assert await decisions(world) == ["StationRejected", "StationReadmitted"]
    trail = await world.pool.fetch("SELECT action, subject, after, before FROM audit.trail ORDER BY number")
    assert [tuple(line) for line in trail] == [
        ("reject station", "station u1", {"reason": "stolen"}, None),
        ("readmit station", "station u1", None, {"reason": "stolen", "by": "p"}),
    ]


async def test_only_what_stands_in_quarantine_is_rejected(client: httpx.AsyncClient, world: World) -> None:
    await world.tell(seen("s1"))  # it is filed: the gateway had not heard of that yet
    for station_id in ("nobody", "s1"):
        answer = await client.post(
            f"/api/registry/unfiled-stations/{station_id}/reject", json={"reason": "x"}, headers=bearer("regulator")
        )
        assert answer.status_code == 404
    assert await decisions(world) == []


async def test_filing_a_station_ends_its_rejection(client: httpx.AsyncClient, world: World) -> None:
    await world.tell(seen("u1"))
    address = "/api/registry/unfiled-stations"
    await client.post(f"{address}/u1/reject", json={"reason": "x"}, headers=bearer("regulator"))
    async with world.pool.acquire() as connection, connection.transaction():
        site = SiteDraft("y", "Y", 121.4, 29.3, stations=(StationDraft("u1"),))
        await store.file_all(connection, Filing(sites=(site,)), NOW)
    await world.desk.consumer().catch_up()
    assert (await client.get(address, headers=bearer("regulator"))).json()["items"] == []


@pytest.mark.parametrize(
    ("language", "rejected", "take_back"),
    [("zh", "已拒绝接入", "撤回拒绝"), ("en", "rejected", "Take the rejection back")],
)
async def test_the_quarantine_is_decided_on_its_page(
    client: httpx.AsyncClient, world: World, language: str, rejected: str, take_back: str
) -> None:
    await world.tell(seen("桩:1"))
    headers, address = bearer("regulator") | {"Accept-Language": language}, "/registry/unfiled-stations"
    page = (await client.get(address, headers=headers)).text
    assert take_back not in page
    (form,) = re.findall(r'action="(/registry/unfiled-stations/[^"]+)"', page)
    done = await client.post(form, data={"reason": "no papers"}, headers=headers)
    assert (done.status_code, done.headers["location"]) == (303, address)
    page = (await client.get(address, headers=headers)).text
    assert all(word in page for word in (rejected, "no papers", take_back))
    (form,) = re.findall(r'action="(/registry/unfiled-stations/[^"]+)"', page)
    assert (await client.post(form, headers=headers)).status_code == 303
    again = await client.post(form, headers=headers)
    assert (again.status_code, 'role="alert"' in again.text) == (409, True)
    assert await decisions(world) == ["StationRejected", "StationReadmitted"]
