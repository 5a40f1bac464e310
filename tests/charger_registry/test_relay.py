"""Who decides where a site's stations are passed on to, what may be an address, and what is told and kept of it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from charger_registry import store
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft, StationDraft
from charger_registry.relay.address import check
from charger_registry.service import compose, own_places
from tests.ocpp_gateway.fakes import NOW
from youguan import bounds
from youguan.auth import TokenIssuer, generate_keys
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Invalid
from youguan.settings import Settings
from youguan.web.application import application

PRIVATE, PUBLIC = generate_keys()
URL = "wss://csms.example.com/ocpp"
OURS = own_places(Settings(ocpp_host="10.0.0.5", ocpp_port=9000, public_url="https://youguan.example.gov"))


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "ws://10.1.2.3:8080",
        "wss://csms.example.com/a/b?tenant=7",
        "ws://[2001:db8::1]:9000/x",
        "wss://10.0.0.5/ocpp",
    ],
)
def test_an_address_that_may_be(url: str) -> None:
    check(url, OURS, loopback=False)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://csms.example.com", "must begin with"),
        ("csms.example.com", "must begin with"),
        ("wss://", "no host"),
        ("wss://user:secret@csms.example.com", "no name and no password"),
        ("wss://user@csms.example.com", "no name and no password"),
        (f"{URL}#x", "no fragment"),
        (f"{URL}#", "no fragment"),
        ("ws://10.0.0.5:9000/ocpp", "this suite itself"),
        ("ws://YOUGUAN.example.gov:9000", "this suite itself"),
        ("ws://localhost:7000", "the machine that would"),
        ("ws://127.0.0.9:7000", "the machine that would"),
        ("ws://[::1]:7000", "the machine that would"),
        ("ws://[::ffff:127.0.0.1]:7000", "the machine that would"),
        ("ws://0.0.0.0:7000", "the machine that would"),
        ("ws://169.254.169.254/latest", "the machine that would"),
        ("wss://csms.example.com:99999", "Port"),
        ("wss://[::1", "IPv6"),
        ("wss://场站.example.com", "not an address"),
        ("wss://a b", "not an address"),
        ("wss://a\r\nb", "not an address"),
        ("wss://" + "a" * 500, "not an address"),
    ],
)
def test_an_address_that_may_not_be(url: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(url, OURS, loopback=False)
    assert why in refused.value.fields[0].reason


def test_this_machine_may_be_named_in_a_demo_but_not_this_suite() -> None:
    check("ws://127.0.0.1:7000", OURS, loopback=True)
    with pytest.raises(Invalid):
        check("ws://127.0.0.1:9000", OURS, loopback=True)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Two sites: `a` manages x, `b` manages y."""
    async with await create_pool(database_url) as pool:
        sites = tuple(SiteDraft(s, s.upper(), 121.4, 29.3, stations=(StationDraft(f"{s}1"),)) for s in "xy")
        organisations = tuple(OrganisationDraft(name, name.upper()) for name in "ab")
        roles = tuple(RoleDraft(s, "manager", o, NOW) for s, o in (("x", "a"), ("y", "b")))
        roles += (RoleDraft("x", "owner", "b", NOW),)
        async with pool.acquire() as connection, connection.transaction():
            await store.file_all(connection, Filing(sites=sites, organisations=organisations, roles=roles), NOW)
        await bounds.consumer(pool).catch_up()
        yield pool


@pytest.fixture
async def client(database_url: str, pool: asyncpg.Pool) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(database_url=database_url, role_secret=None, token_private_key=PRIVATE, token_public_key=PUBLIC)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(compose(settings, ManualClock(datetime.now(UTC))))
        transport = httpx.ASGITransport(application([parts], settings, pool=pool))
        yield await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))


def login(role: str, organisation_id: str | None = None) -> dict[str, str]:
    token = TokenIssuer(PRIVATE, timedelta(hours=1)).issue(
        subject=f"{role}-{organisation_id}", name=role, roles=frozenset({role}), organisation_id=organisation_id,
        division=None, now=datetime.now(UTC),
    )  # fmt: skip
    return {"Authorization": f"Bearer {token}"}


REGULATOR, A, B = login("regulator"), login("operator", "a"), login("operator", "b")


async def told(pool: asyncpg.Pool) -> list[dict[str, Any]]:
    rows = await pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'SiteRelayChanged' ORDER BY sequence")
    return [row["payload"] for row in rows]


async def test_a_decision_is_told_audited_and_never_overwritten(client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    first = {"upstream_url": URL, "admission": "upstream", "reason": "doc 7"}
    assert (await client.put("/api/registry/sites/x/relay", json=first, headers=REGULATOR)).status_code == 200
    last = {"upstream_url": None, "reason": "doc 8"}
    answer = (await client.put("/api/registry/sites/x/relay", json=last, headers=REGULATOR)).json()
    assert answer["upstream_url"] is None
    assert [(d["upstream_url"], d["reason"]) for d in answer["decisions"]] == [(None, "doc 8"), (URL, "doc 7")]
    events = await told(pool)
    assert [(e["upstream_url"], e["admission"], e["may_send"]) for e in events] == [
        (URL, "upstream", False), (None, "ours", False),
    ]  # fmt: skip
    lines = await pool.fetch("SELECT actor, before, after FROM audit.trail WHERE action = 'relay site' ORDER BY number")
    assert [line["actor"] for line in lines] == ["regulator-None"] * 2
    assert (lines[1]["before"]["upstream_url"], lines[1]["after"]["reason"]) == (URL, "doc 8")


async def test_only_the_manager_proposes_and_only_the_regulator_decides(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    proposal = {"upstream_url": URL, "reason": "ours"}
    address = "/api/registry/sites/x/relay"
    assert (await client.post(f"{address}/proposals", json=proposal, headers=B)).status_code == 403, "owns it only"
    assert (await client.post("/api/registry/sites/y/relay/proposals", json=proposal, headers=A)).status_code == 404
    assert (await client.post(f"{address}/proposals", json=proposal, headers=REGULATOR)).status_code == 403
    made = (await client.post(f"{address}/proposals", json=proposal, headers=A)).json()
    number = made["proposals"][0]["id"]
    assert await told(pool) == []
    accept = {"reason": "good", "may_send": True}
    assert (
        await client.post(f"/api/registry/relay-proposals/{number}/accept", json=accept, headers=A)
    ).status_code == 403
    assert (await client.put(address, json={**proposal}, headers=A)).status_code == 403
    done = await client.post(f"/api/registry/relay-proposals/{number}/accept", json=accept, headers=REGULATOR)
    assert (done.json()["upstream_url"], done.json()["proposals"][0]["state"]) == (URL, "accepted")
    assert [(e["upstream_url"], e["may_send"]) for e in await told(pool)] == [(URL, True)]
    again = await client.post(f"/api/registry/relay-proposals/{number}/accept", json=accept, headers=REGULATOR)
    assert again.status_code == 409


async def test_a_proposal_is_declined_withdrawn_or_replaced(client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    async def propose(url: str | None) -> int:
        body = {"upstream_url": url, "reason": "x"}
        made = await client.post("/api/registry/sites/x/relay/proposals", json=body, headers=A)
        return int(made.raise_for_status().json()["proposals"][0]["id"])

    first, second = await propose(URL), await propose(None)
    why = {"reason": "no"}
    assert (
        await client.post(f"/api/registry/relay-proposals/{first}/decline", json=why, headers=REGULATOR)
    ).status_code == 409
    assert (
        await client.post(f"/api/registry/relay-proposals/{second}/withdraw", json=why, headers=B)
    ).status_code == 404
    done = await client.post(f"/api/registry/relay-proposals/{second}/withdraw", json=why, headers=A)
    assert [p["state"] for p in done.json()["proposals"]] == ["withdrawn", "withdrawn"]
    third = await propose(URL)
    done = await client.post(f"/api/registry/relay-proposals/{third}/decline", json=why, headers=REGULATOR)
    assert (done.json()["proposals"][0]["state"], done.json()["proposals"][0]["decision_reason"]) == ("declined", "no")
    assert await told(pool) == []


async def test_what_is_refused_is_named(client: httpx.AsyncClient) -> None:
    async def fields(**wanted: Any) -> list[str]:
        body = {"upstream_url": URL, "reason": "x", **wanted}
        answer = await client.put("/api/registry/sites/x/relay", json=body, headers=REGULATOR)
        assert answer.status_code == 422, answer.text
        return [field["field"] for field in answer.json()["fields"]]

    assert await fields(upstream_url="ws://me:secret@x") == ["upstream_url"]
    assert await fields(authority="nonsense") == ["authority"]
    assert await fields(authority="-----BEGIN PRIVATE KEY-----") == ["authority"]
    assert await fields(reason="") == ["reason"]
    assert await fields(admission="nobody") == ["admission"]
    missing = await client.put(
        "/api/registry/sites/z/relay", json={"upstream_url": URL, "reason": "x"}, headers=REGULATOR
    )
    assert missing.status_code == 404


async def test_everybody_sees_his_own(client: httpx.AsyncClient) -> None:
    for site in "xy":
        body = {"upstream_url": f"{URL}/{site}", "reason": "x"}
        (await client.put(f"/api/registry/sites/{site}/relay", json=body, headers=REGULATOR)).raise_for_status()

    async def listed(who: dict[str, str]) -> list[str]:
        items = (await client.get("/api/registry/relays", headers=who)).json()["items"]
        return [item["site_id"] for item in items]

    assert (await listed(REGULATOR), await listed(A), await listed(B)) == (["x", "y"], ["x"], ["x", "y"])
    assert (await client.get("/api/registry/sites/y/relay", headers=A)).status_code == 404
    assert (await client.get("/api/registry/relays", headers=login("inspector"))).status_code == 403
    assert (await client.get("/api/registry/relays")).status_code == 401


async def test_the_pages(client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    """What the forms send, with the login of the API: no CSRF token is needed with it."""
    page = "/registry/relays/x"
    form = {"upstream_url": URL, "reason": "<我们的平台>"}
    assert (await client.post(f"{page}/proposals", data=form, headers=A)).status_code == 303
    seen = await client.get(page, headers=REGULATOR)
    assert "&lt;我们的平台&gt;" in seen.text
    (number,) = [row["id"] for row in await pool.fetch("SELECT id FROM registry.relay_proposal")]
    assert (await client.post(f"{page}/proposals/{number}/accept", data={"reason": "x"}, headers=A)).status_code == 403
    done = await client.post(f"{page}/proposals/{number}/accept", data={"reason": "批"}, headers=REGULATOR)
    assert done.status_code == 303
    assert URL in (await client.get("/registry/relays", headers=A)).text
    wrong = await client.post(page, data={"upstream_url": "http://x", "reason": "y"}, headers=REGULATOR)
    assert wrong.status_code == 422
    assert 'value="http://x"' in wrong.text
    assert (await client.post(page, data={"upstream_url": "", "reason": "完"}, headers=REGULATOR)).status_code == 303
    assert [event["upstream_url"] for event in await told(pool)] == [URL, None]
    assert (await client.post(page, data=form, headers=A)).status_code == 403
    assert (await client.get("/registry/relays/y", headers=A)).status_code == 404
