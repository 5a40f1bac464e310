"""Keys of machine clients: scopes, expiry, revocation, and what is told of their use, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from charger_registry import store
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft
from charger_registry.people.machine_keys.desk import KeyWish, wrong_with_key
from deploy.suite import COMPOSES
from tests.suite import eventually
from youguan.auth import TokenIssuer, generate_keys
from youguan.clock import ManualClock, SystemClock
from youguan.database import create_pool
from youguan.errors import Forbidden, Unauthenticated
from youguan.machine_keys import SCOPES, KeyRing, MachineKey, digest, needed_scope, new_key, refuse_beyond_scopes
from youguan.parts import Parts
from youguan.settings import Settings
from youguan.web.application import MachineKeys, application

NOW = datetime.now(UTC)
PRIVATE, PUBLIC = generate_keys()
LATER = NOW + timedelta(days=30)
KEY = new_key()


def machine_key(*scopes: str, **members: Any) -> MachineKey:
    given = {"role": "regulator", "organisation_id": None, "division": None, "expires_at": LATER, **members}
    return MachineKey("k1", "billing", digest(KEY), scopes=frozenset(scopes), **given)


# --- pure -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/gateway/stations", "gateway:read"),
        ("HEAD", "/api/alerts", "alerts:read"),
        ("POST", "/api/registry/sites/1/responsibilities", "registry:write"),
        ("DELETE", "/api/inspection/x", "inspection:write"),
        ("POST", "/api/auth/login", None),
        ("GET", "/tasks", None),
        ("GET", "/", None),
        ("GET", "/metrics", None),
    ],
)
def test_which_scope_a_request_needs(method: str, path: str, scope: str | None) -> None:
    assert needed_scope(method, path) == scope
    ring = KeyRing(ManualClock(NOW))
    for given in SCOPES:
        ring.put([machine_key(given)])
        refused = False
        try:
            refuse_beyond_scopes(ring.verify(KEY), method, path)
        except Forbidden:
            refused = True
        assert refused is (given != scope), given


def test_a_key_holds_until_its_end_or_its_revocation() -> None:
    clock = ManualClock(NOW)
    ring = KeyRing(clock)
    ring.put([machine_key("gateway:read")])
    who = ring.verify(KEY)
    assert (who.subject, who.name, who.scopes) == ("key k1", "billing", frozenset({"gateway:read"}))
    for wrong in (KEY + "x", new_key(), "ygk_"):
        with pytest.raises(Unauthenticated):
            ring.verify(wrong)
    clock.advance(timedelta(days=30))
    with pytest.raises(Unauthenticated):
        ring.verify(KEY)
    ring.put([machine_key("gateway:read", expires_at=LATER + timedelta(days=9))])
    ring.verify(KEY)
    ring.end("k1", clock.now() + timedelta(days=1))
    ring.verify(KEY)
    clock.advance(timedelta(days=1))
    with pytest.raises(Unauthenticated):
        ring.verify(KEY)
    ring.put([machine_key("gateway:read", expires_at=LATER + timedelta(days=9))])
    ring.end("k1", clock.now())
    with pytest.raises(Unauthenticated):
        ring.verify(KEY)


def test_use_is_told_now_and_then() -> None:
    clock = ManualClock(NOW)
    ring = KeyRing(clock)
    ring.put([machine_key("gateway:read")])
    assert ring.uses_to_tell() == {}
    ring.verify(KEY)
    assert ring.uses_to_tell() == {"k1": NOW}
    clock.advance(timedelta(minutes=9))
    ring.verify(KEY)
    assert ring.uses_to_tell() == {}
    clock.advance(timedelta(minutes=1))
    ring.verify(KEY)
    assert ring.uses_to_tell() == {"k1": NOW + timedelta(minutes=10)}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"role": "reviewer"}, ["role", "level"]),
        ({"scopes": ()}, ["scopes"]),
        ({"scopes": ("gateway:admin",)}, ["scopes"]),
        ({"expires_at": NOW}, ["expires_at"]),
        ({"expires_at": NOW + timedelta(days=732)}, ["expires_at"]),
        ({"name": " "}, ["name"]),
        ({"role": "operator"}, ["organisation_id"]),
        ({"role": "operator", "organisation_id": "one"}, []),
    ],
)
def test_what_a_key_must_be(changes: dict[str, Any], fields: list[str]) -> None:
    given: dict[str, Any] = {
        "name": "x", "role": "regulator", "scopes": ("gateway:read",), "organisation_id": None, "division": None,
        "expires_at": LATER, **changes,
    }  # fmt: skip
    assert [error.field for error in wrong_with_key(KeyWish(**given), {"one"}, NOW)] == fields


# --- on the suite -----------------------------------------------------------------------------------------------


class Machines:
    """The suite's APIs, and whoever asks them."""

    def __init__(
        self, client: httpx.AsyncClient, pool: asyncpg.Pool, parts: Sequence[Parts], known: MachineKeys
    ) -> None:
        self.client = client
        self.pool = pool
        self.known = known
        self._parts = parts

    def bearer(self, role: str, **members: Any) -> dict[str, str]:
        given = {"organisation_id": None, "division": None, **members}
        token = TokenIssuer(PRIVATE, timedelta(hours=1)).issue(
            subject=role, name=role, roles=frozenset({role}), now=NOW, **given
        )
        return {"Authorization": f"Bearer {token}"}

    async def issue(self, who: dict[str, str], *scopes: str, role: str = "regulator", **members: Any) -> httpx.Response:
        body = {
            "name": "billing",
            "role": role,
            "scopes": scopes,
            "expires_at": LATER.isoformat(),
            "reason": "x",
            **members,
        }
        return await self.client.post("/api/registry/keys", json=body, headers=who)

    async def ask(self, key: str, path: str, method: str = "GET") -> int:
        answer = await self.client.request(
            method, path, headers={"Authorization": f"Bearer {key}"}, json=None if method == "GET" else {}
        )
        return answer.status_code

    async def answers(self, key: str, path: str, status: int) -> None:
        """Wait until a key is answered so: what is issued or revoked comes by event."""

        async def answered() -> bool:
            return await self.ask(key, path) == status

        await eventually(answered)

    async def catch_up(self) -> None:
        for consumer in (consumer for part in self._parts for consumer in part.consumers):
            await consumer.catch_up()


@pytest.fixture
async def machines(database_url: str) -> AsyncIterator[Machines]:
    """Two sites in two towns, each with its manager."""
    settings = Settings(database_url=database_url, token_private_key=PRIVATE, token_public_key=PUBLIC)
    filing = Filing(
        sites=tuple(SiteDraft(n, n, 121, 29, division_code=f"33022600{n}") for n in "12"),
        organisations=(OrganisationDraft("one", "one"), OrganisationDraft("two", "two")),
        roles=tuple(RoleDraft(n, "manager", name, NOW - timedelta(days=9)) for n, name in (("1", "one"), ("2", "two"))),
    )
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(await create_pool(database_url))
        async with pool.acquire() as connection, connection.transaction():
            await store.file_all(connection, filing, NOW - timedelta(days=9))
        parts = [await stack.enter_async_context(compose(settings, SystemClock())) for compose in COMPOSES]
        app = application(parts, settings, pool)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://suite.example")
        )
        known: MachineKeys = app.state.machine_keys
        await known.load()
        following = asyncio.create_task(known.keep())
        machines = Machines(client, pool, parts, known)
        await machines.catch_up()
        yield machines
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_key_does_what_its_scopes_say_until_it_is_revoked(machines: Machines) -> None:
    regulator = machines.bearer("regulator")
    issued = await machines.issue(regulator, "alerts:read", "registry:write")
    assert (issued.status_code, issued.headers["cache-control"]) == (201, "no-store")
    key, key_id = issued.json()["key"], issued.json()["id"]
    await machines.answers(key, "/api/alerts", 200)
    refused = [
        await machines.ask(key, path) for path in ("/api/gateway/transactions", "/api/registry/persons", "/tasks")
    ]
    assert refused == [403, 403, 403]
    assert (
        await machines.ask(key, "/api/registry/organisations", "POST") == 403
    )  # people and organisations are for people
    assert await machines.ask(key, "/api/registry/keys", "POST") == 403
    assert await machines.ask(key, "/api/registry/sites/1/responsibilities", "POST") == 422
    assert await machines.ask("ygk_x", "/api/alerts") == 401
    kept = await machines.pool.fetchrow("SELECT * FROM registry.machine_key")
    assert key not in str(tuple(kept))
    assert kept["digest"] == digest(key)
    revoke = f"/api/registry/keys/{key_id}/revoke"
    assert (await machines.client.post(revoke, json={"reason": "gone"}, headers=regulator)).status_code == 204
    await machines.answers(key, "/api/alerts", 401)
    assert (await machines.client.post(revoke, json={"reason": "gone"}, headers=regulator)).status_code == 409
    actions = await machines.pool.fetch(
        "SELECT action FROM audit.trail WHERE subject = $1 ORDER BY number", f"key {key_id}"
    )
    assert [row["action"] for row in actions] == ["issue machine key", "revoke machine key"]


async def test_a_process_that_begins_later_knows_the_keys_that_hold(machines: Machines) -> None:
    regulator = machines.bearer("regulator")
    held, revoked = [(await machines.issue(regulator, "alerts:read")).json() for _ in range(2)]
    await machines.client.post(f"/api/registry/keys/{revoked['id']}/revoke", json={"reason": "x"}, headers=regulator)
    await machines.catch_up()
    late = MachineKeys(machines.pool, KeyRing(SystemClock()))
    await late.load()
    assert late.ring.verify(held["key"]).name == "billing"
    with pytest.raises(Unauthenticated):
        late.ring.verify(revoked["key"])


async def test_a_key_sees_what_its_bounds_say(machines: Machines) -> None:
    issued = await machines.issue(machines.bearer("regulator"), "registry:read", role="operator", organisation_id="one")
    key = issued.json()["key"]
    await machines.answers(key, "/api/registry/organisations/one", 200)
    assert await machines.ask(key, "/api/registry/organisations/two") == 404


@pytest.mark.parametrize(
    ("who", "members", "status"),
    [
        (("regulator", {"division": "330226001"}), {"role": "inspector"}, 403),
        (("regulator", {"division": "330226001"}), {"role": "inspector", "division": "330226001"}, 201),
        (("operator", {"organisation_id": "one"}), {"role": "operator", "organisation_id": "one"}, 403),
        (
            ("operator", {"organisation_id": "one", "administrator": True}),
            {"role": "operator", "organisation_id": "one"},
            201,
        ),
        (
            ("operator", {"organisation_id": "one", "administrator": True}),
            {"role": "operator", "organisation_id": "two"},
            403,
        ),
        (("inspector", {}), {"role": "inspector"}, 403),
    ],
)
async def test_nobody_gives_a_key_more_than_he_has(
    machines: Machines, who: tuple[str, dict[str, Any]], members: dict[str, Any], status: int
) -> None:
    own = machines.bearer(who[0], **who[1])
    issued = await machines.issue(own, "registry:read", **members)
    assert issued.status_code == status
    listed = await machines.client.get("/api/registry/keys", headers=machines.bearer("regulator"))
    assert len(listed.json()["items"]) == (status == 201)


async def test_a_key_ends_with_its_organisation(machines: Machines) -> None:
    regulator = machines.bearer("regulator")
    own, others = [
        (await machines.issue(regulator, "registry:read", role="operator", organisation_id=name)).json()["key"]
        for name in ("one", "two")
    ]
    for key in (own, others):
        await machines.answers(key, "/api/registry/filings", 200)
    body = {"reason": "x"}
    gone = await machines.client.post("/api/registry/organisations/one/deregister", json=body, headers=regulator)
    assert gone.status_code == 200, gone.text
    await machines.answers(own, "/api/registry/filings", 401)
    assert await machines.ask(others, "/api/registry/filings") == 200
    await machines.catch_up()
    kept = await machines.pool.fetch("SELECT organisation_id FROM bounds.machine_key")
    assert [row["organisation_id"] for row in kept] == ["two"]


async def test_a_key_ends_when_its_organisation_will_cease_to_be(machines: Machines) -> None:
    regulator = machines.bearer("regulator")
    await machines.issue(regulator, "registry:read", role="operator", organisation_id="one")
    since = NOW + timedelta(days=3)
    body = {"reason": "x", "since": since.isoformat()}
    await machines.client.post("/api/registry/organisations/one/deregister", json=body, headers=regulator)
    await machines.catch_up()
    assert await machines.pool.fetchval("SELECT expires_at FROM bounds.machine_key") == since
    (line,) = (await machines.client.get("/api/registry/keys", headers=regulator)).json()["items"]
    assert line["state"] == "holding"
    revoke = f"/api/registry/keys/{line['id']}/revoke"
    assert (await machines.client.post(revoke, json={"reason": "now"}, headers=regulator)).status_code == 204
    await machines.catch_up()
    assert await machines.pool.fetchval("SELECT count(*) FROM bounds.machine_key") == 0


async def test_a_key_ends_when_who_issued_it_may_give_it_no_longer(machines: Machines) -> None:
    regulator = machines.bearer("regulator")
    person = {"username": "li", "name": "li", "roles": ["regulator"], "reason": "x"}
    assert (await machines.client.post("/api/registry/persons", json=person, headers=regulator)).status_code == 201
    li = {"Authorization": "Bearer " + TokenIssuer(PRIVATE, timedelta(hours=1)).issue(
        subject="li", name="li", roles=frozenset({"regulator"}), organisation_id=None, division=None, now=NOW
    )}  # fmt: skip
    county, town = [
        (await machines.issue(li, "alerts:read", role="inspector", division=division)).json()["key"]
        for division in (None, "330226001")
    ]
    for key in (county, town):
        await machines.answers(key, "/api/alerts", 200)
    narrower = {"division": "330226001", "reason": "moved"}
    changed = await machines.client.patch("/api/registry/persons/li", json=narrower, headers=regulator)
    assert changed.status_code == 200, changed.text
    await machines.answers(county, "/api/alerts", 401)
    assert await machines.ask(town, "/api/alerts") == 200
    closed = await machines.client.post("/api/registry/persons/li/close", json={"reason": "left"}, headers=regulator)
    assert closed.status_code == 204
    await machines.answers(town, "/api/alerts", 401)


async def test_a_key_signs_nothing_in_a_case(machines: Machines) -> None:
    regulator = machines.bearer("regulator")
    issued = await machines.issue(regulator, "inspection:read", "inspection:write", role="inspector")
    key = issued.json()["key"]
    await machines.answers(key, "/api/inspection/cases", 200)
    signed = [
        await machines.ask(key, f"/api/inspection/cases{path}", "POST")
        for path in ("", "/x/commands/file", "/x/evidence/texts", "/x/evidence/1/confirm")
    ]
    assert signed == [403] * 4
    assert await machines.ask(key, "/api/inspection/cases/x") == 404


async def test_when_a_key_was_used_is_on_file(machines: Machines) -> None:
    regulator = machines.bearer("regulator")
    key = (await machines.issue(regulator, "alerts:read")).json()["key"]
    await machines.answers(key, "/api/alerts", 200)
    await machines.known.tell_once()
    await machines.catch_up()
    (line,) = (await machines.client.get("/api/registry/keys", headers=regulator)).json()["items"]
    assert line["last_used_at"] is not None
    assert "key" not in line


async def test_keys_are_issued_and_revoked_in_the_browser(machines: Machines) -> None:
    regulator = machines.bearer("regulator")
    form = {"name": "billing", "role": "inspector", "scopes": ["alerts:read"], "days": "30", "reason": "x"}
    page = await machines.client.post("/people/keys", data=form, headers=regulator)
    assert page.status_code == 200
    key = page.text.split('<code id="key">')[1].split("<")[0]
    await machines.answers(key, "/api/alerts", 200)
    assert (
        await machines.client.post("/people/keys", data={**form, "scopes": []}, headers=regulator)
    ).status_code == 422
    key_id = await machines.pool.fetchval("SELECT id FROM registry.machine_key")
    address = f"/people/keys/{key_id}/revoke"
    assert (await machines.client.post(address, data={"reason": "x"}, headers=regulator)).status_code == 303
    await machines.answers(key, "/api/alerts", 401)
    assert "已吊销" in (await machines.client.get("/people/keys", headers=regulator)).text
