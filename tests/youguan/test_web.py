"""The web side of all services in one application, on a real PostgreSQL: errors, login, CSRF, languages, readiness."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute

from charger_registry import store
from charger_registry.drafts import Filing, OrganisationDraft, SiteDraft
from charger_registry.login.api import login_api
from charger_registry.login.desk import Login
from charger_registry.people.desk import PeopleDesk
from charger_registry.people.passwords import Passwords
from deploy.suite import COMPOSES
from youguan import audit
from youguan.auth import Principal, TokenIssuer, TokenVerifier, generate_keys
from youguan.clock import ManualClock, utc_text
from youguan.database import connect, create_pool
from youguan.errors import Invalid, Unauthenticated
from youguan.eventlog import Consumer, StoredEvent, publish
from youguan.events import AccessRevoked
from youguan.parts import Job, Parts
from youguan.settings import Settings
from youguan.web.application import (
    LONGEST_PAUSE_S,
    SHORTEST_PAUSE_S,
    Readiness,
    Revocations,
    api,
    application,
    keep_running,
    next_pause,
)
from youguan.web.edge import BoundedBodies
from youguan.web.paging import decode_cursor, encode_cursor
from youguan.web.routes import PageRoute
from youguan.web.templates import local_minute, local_time
from youguan.web.times import local_moment

NOW = datetime.now(UTC)
PRIVATE, PUBLIC = generate_keys()
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@asynccontextmanager
async def served(database_url: str) -> AsyncIterator[FastAPI]:
    """Serve the whole web side, with one site and people of three roles; the password is their name."""
    settings = Settings(
        database_url=database_url, role_secret=None, token_private_key=PRIVATE, token_public_key=PUBLIC, demo=True
    )
    connection = await connect(database_url)
    await file_samples(connection)
    await connection.close()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(await create_pool(database_url))
        parts = [await stack.enter_async_context(compose(settings, ManualClock(NOW))) for compose in COMPOSES]
        for part in parts:
            for consumer in part.consumers:
                await consumer.catch_up()
        yield application(parts, settings, pool)


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a web side that is the test's alone."""
    async with served(database_url) as app, browse(app) as client:
        yield client


@pytest.fixture(scope="module")
async def shared_app(shared_database_url: str) -> AsyncIterator[FastAPI]:
    async with served(shared_database_url) as app:
        yield app


@pytest.fixture
async def reader(shared_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client, with cookies of its own, of a web side that nobody changes."""
    async with browse(shared_app) as client:
        yield client


def browse(app: FastAPI, remote: str = "127.0.0.1") -> httpx.AsyncClient:
    """Return a client that comes from an address."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(remote, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://suite.example")


async def file_samples(connection: Any) -> None:
    site = SiteDraft("s", "一号场站", 121.4, 29.3)
    filing = Filing(sites=(site,), organisations=(OrganisationDraft("o", "甲公司"), OrganisationDraft("p", "乙公司")))
    passwords = Passwords(CHEAP)
    async with connection.transaction():
        await store.file_all(connection, filing, NOW - timedelta(days=1))
        for role in ("regulator", "operator", "inspector"):
            organisation = "o" if role == "operator" else None
            await store.save_person(connection, (role, role, passwords.hash(role), [role], organisation, None, False))


async def bearer(client: httpx.AsyncClient, name: str) -> dict[str, str]:
    answer = await client.post("/api/auth/login", json={"username": name, "password": name})
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def page_login(client: httpx.AsyncClient, name: str, **form: str) -> httpx.Response:
    return await client.post("/login", data={"username": name, "password": name, **form})


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/registry/nowhere", 404, "not_found"),
        ("GET", "/api/nowhere", 404, "not_found"),
        ("PUT", "/api/registry/sites", 405, "method_not_allowed"),
        ("GET", "/api/registry/sites/x", 404, "not_found"),
        ("GET", "/api/registry/sites?limit=1001", 422, "invalid"),
        ("GET", "/api/registry/sites?cursor=rubbish", 422, "invalid"),
        ("GET", "/api/registry/sites/s/responsibilities?at=yesterday", 422, "invalid"),
        ("GET", "/api/gateway/stations/x", 404, "not_found"),
        ("GET", "/api/alerts", 401, "unauthenticated"),
        ("GET", "/api/inspection/tasks", 401, "unauthenticated"),
        ("POST", "/api/auth/login", 422, "invalid"),
        ("GET", "/api/registry/stations?platfrom=1", 422, "invalid"),
        ("GET", "/api/registry/sites?q=%00", 422, "invalid"),
        ("GET", "/api/registry/sites/%00", 422, "invalid"),
        ("GET", "/api/gateway/stations/x%00y", 422, "invalid"),
        ("GET", "/api/registry/sites/s/responsibilities?at=9999-12-31T23:59:59-23:00", 422, "invalid"),
        ("GET", "/api/registry/sites/s/responsibilities?at=0001-01-01T00:00:00%2B10:00", 422, "invalid"),
        ("GET", "/api/gateway/stations/s-1/status-changes?from=0001-01-01T00:00:00%2B10:00", 422, "invalid"),
        ("GET", f"/api/gateway/stations/s-1/status-changes?cursor={encode_cursor('x', 1, 'y')}", 422, "invalid"),
        ("GET", f"/api/registry/sites?cursor={encode_cursor(chr(0))}", 422, "invalid"),
    ],
)
async def test_errors_are_problems(reader: httpx.AsyncClient, method: str, path: str, status: int, code: str) -> None:
    answer = await reader.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (status, status, code)
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("api", ["registry", "gateway", "alerts", "inspection"])
async def test_every_api_describes_itself(reader: httpx.AsyncClient, api: str) -> None:
    described = (await reader.get(f"/api/{api}/openapi.json")).json()
    assert described["paths"]
    assert described["servers"] == [{"url": f"/api/{api}"}]


@pytest.mark.parametrize("path", ["/api/alerts", "/api/alerts/"])
async def test_an_apis_own_address_needs_no_redirect(reader: httpx.AsyncClient, path: str) -> None:
    items = (await reader.get(path, headers=await bearer(reader, "regulator"))).json()["items"]
    assert [item["rule"] for item in items] == ["unmanaged_site"]


async def test_the_gateways_own_address_leads_to_its_stations(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/gateway", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/gateway")
    answer = await reader.get("/gateway", headers=await bearer(reader, "inspector"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/gateway/stations")


async def test_login_out_and_revocation(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/auth/login", json={"username": "regulator", "password": "no"})).status_code == 401
    token = await bearer(client, "regulator")
    assert (await client.get("/api/inspection/tasks", headers=token)).status_code == 200
    assert (await client.get("/api/inspection/tasks", headers={"Authorization": "Bearer x"})).status_code == 401


async def test_tokens_expire_and_are_revoked() -> None:
    def issue(at: datetime) -> str:
        issuer = TokenIssuer(PRIVATE, timedelta(hours=1))
        return issuer.issue(
            subject="x", name="X", roles=frozenset({"operator"}), organisation_id="o", division=None, now=at
        )

    verifier = TokenVerifier(PUBLIC)
    principal: Principal = verifier.verify(issue(NOW))
    assert (principal.subject, principal.organisation_id) == ("x", "o")
    for bad in (issue(NOW - timedelta(hours=2)), issue(NOW)[:-4] + "AAAA"):
        with pytest.raises(Unauthenticated):
            verifier.verify(bad)
    with pytest.raises(Unauthenticated):
        TokenVerifier(generate_keys()[1]).verify(issue(NOW))
    token = issue(NOW - timedelta(minutes=5))
    verifier.revoke("x", None, NOW - timedelta(minutes=1))
    with pytest.raises(Unauthenticated):
        verifier.verify(token)


async def test_pages_lead_to_the_login_and_back(reader: httpx.AsyncClient) -> None:
    html = {"accept": "text/html"}
    answer = await reader.get("/tasks", headers=html)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/tasks")
    assert (await page_login(reader, "inspector", next="/tasks")).headers["location"] == "/tasks"
    assert (await reader.get("/tasks", headers=html)).status_code == 200
    assert (await reader.get("/dashboard", headers=html)).status_code == 403


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_the_login_leads_to_no_other_site(reader: httpx.AsyncClient, target: str) -> None:
    assert (await page_login(reader, "regulator", next=target)).headers["location"] == "/dashboard"


async def test_a_change_by_cookie_needs_its_csrf_token(client: httpx.AsyncClient) -> None:
    await page_login(client, "regulator")
    address = "/registry/sites/s/order"
    form = {"organisation_id": "o", "reason": "没有管理单位", "document_number": "文号 1"}
    assert (await client.post(address, data=form)).status_code == 403
    page = (await client.get("/registry/sites/s")).text
    token = page.split('name="csrf" value="')[1].split('"')[0]
    assert (await client.post(address, data={**form, "csrf": "x" + token})).status_code == 403
    assert (await client.post(address, data={**form, "csrf": token})).status_code == 303
    items = (await client.get("/api/registry/sites/s/responsibilities")).json()["items"]
    assert [(item["role"], item["organisation"]["name"], item["until"]) for item in items] == [
        ("manager", "甲公司", None)
    ]


async def test_what_the_end_of_an_order_brings_is_said_before(client: httpx.AsyncClient) -> None:
    headers, until = await bearer(client, "regulator"), "2030-01-01T00:00"

    async def outlook(**order: str) -> str:
        return (await client.get("/registry/sites/s/order/outlook", params=order, headers=headers)).text

    assert "届时记为“合同到期”" in await outlook(until=until)
    assert "不填终止时间" in await outlook()
    assert 'class="error"' in await outlook(until="2020-01-01T00:00", since="2020-01-02T00:00")
    order = {"role": "manager", "organisation_id": "o", "reason": "x", "document_number": "1"}
    assert (await client.post("/api/registry/sites/s/responsibilities", json=order, headers=headers)).status_code == 201
    later = await outlook(since="2029-01-01T00:00", until=until)
    assert "2030-01-01 00:00 期满后由 甲公司 恢复承担" in later


async def test_another_sites_form_is_refused(reader: httpx.AsyncClient) -> None:
    form = {"username": "regulator", "password": "regulator"}
    answer = await reader.post("/login", data=form, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    answer = await reader.post("/login", data=form, headers={"Origin": "http://suite.example"})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({}, "", "哪里能充电"),
        ({"accept-language": "en-GB,en;q=0.8"}, "", "Where can I charge"),
        ({"accept-language": "fr, zh-CN;q=0.5"}, "", "哪里能充电"),
        ({"accept-language": "en"}, "?lang=zh", "哪里能充电"),
    ],
)
async def test_two_languages(reader: httpx.AsyncClient, headers: dict[str, str], query: str, expected: str) -> None:
    page = (await reader.get(f"/{query}", headers=headers)).text
    assert expected in page
    assert ("演示数据" in page) or ("Sample data" in page)


async def test_pages_may_load_nothing_from_elsewhere(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/", headers={"accept": "application/json"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text
    assert "https://" not in answer.text


def test_a_form_says_a_time_by_the_county_s_clock() -> None:
    assert local_moment("at", "2026-09-01T08:30") == datetime(2026, 9, 1, 0, 30, tzinfo=UTC)
    assert local_moment("at", " ") is None
    for text in ("yesterday", "0001-01-01T00:00", "0026-09-01T08:30"):
        with pytest.raises(Invalid, match="at"):
            local_moment("at", text)


@pytest.mark.parametrize("name", ["../settings.py", "..%2f..%2fsettings.py", "nothing.js", "map%00.js", "x" * 300])
async def test_only_static_files_are_served(reader: httpx.AsyncClient, name: str) -> None:
    assert (await reader.get(f"/static/{name}")).status_code == 404


@pytest.mark.parametrize(
    ("role", "path", "body", "status"),
    [
        (
            "regulator",
            "/api/registry/sites/s/responsibilities",
            {"role": "manager", "organisation_id": "o", "document_number": "1", "reason": "x"},
            201,
        ),
        (
            "operator",
            "/api/registry/sites/s/responsibilities",
            {"role": "manager", "organisation_id": "o", "document_number": "1", "reason": "x"},
            403,
        ),
        (
            "inspector",
            "/api/registry/sites/s/responsibilities",
            {"role": "manager", "organisation_id": "o", "document_number": "1", "reason": "x"},
            403,
        ),
        (
            "regulator",
            "/api/registry/sites/x/responsibilities",
            {"role": "manager", "organisation_id": "o", "document_number": "1", "reason": "x"},
            404,
        ),
        (
            "regulator",
            "/api/registry/sites/s/responsibilities",
            {"role": "king", "organisation_id": "o", "document_number": "1", "reason": "x"},
            422,
        ),
        (
            "regulator",
            "/api/registry/sites/s/responsibilities",
            {"role": "manager", "organisation_id": "o", "document_number": "1", "reason": ""},
            422,
        ),
        (
            "regulator",
            "/api/registry/sites/s/responsibilities",
            {"role": "manager", "organisation_id": "o", "reason": "x"},
            422,
        ),
        ("regulator", "/api/inspection/tasks/x/accept", {}, 404),
        ("operator", "/api/alerts/x/acknowledge", {}, 403),
        ("inspector", "/api/alerts/x/acknowledge", {}, 404),
    ],
)
async def test_who_may_do_what(
    client: httpx.AsyncClient, role: str, path: str, body: dict[str, Any], status: int
) -> None:
    assert (await client.post(path, json=body, headers=await bearer(client, role))).status_code == status


async def test_ready_and_metrics(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json()["status"] == "ok"
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")  # no process keeps the map here
    assert "youguan_http_requests_total" in (await client.get("/metrics")).text


async def test_nobody_makes_up_what_is_counted(reader: httpx.AsyncClient) -> None:
    await reader.get("/api/made-up/sites")
    await reader.request("MADEUP", "/healthz")
    await reader.get("/api/registry/sites")
    counted = (await reader.get("/metrics")).text
    assert 'service="registry"' in counted
    assert "made-up" not in counted
    assert "MADEUP" not in counted


async def test_the_audit_trail_holds_and_shows_tampering(client: httpx.AsyncClient, database_url: str) -> None:
    await bearer(client, "regulator")
    await bearer(client, "operator")
    connection = await connect(database_url)
    assert await audit.verify(connection) is None
    await connection.execute("ALTER TABLE audit.trail DISABLE TRIGGER ALL")
    await connection.execute("UPDATE audit.trail SET actor = 'somebody else' WHERE number = 2")
    assert await audit.verify(connection) == 2
    await connection.close()


async def test_an_unknown_member_of_a_query_is_named(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/api/registry/stations?plattform=395815801")
    assert [field["field"] for field in answer.json()["fields"]] == ["plattform"]


@pytest.mark.parametrize("kind", ["alerts", "inspection/tasks", "gateway/exclusions", "gateway/stations/s-1/commands"])
@pytest.mark.parametrize("key", [("x", "y"), ("2026-01-01", "y"), ("0001-01-01T00:00:00+10:00", "y"), (2**70, "y")])
async def test_a_cursor_of_another_list_is_refused(reader: httpx.AsyncClient, kind: str, key: tuple[Any, ...]) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(key).encode()).decode()
    headers = await bearer(reader, "regulator")
    answer = await reader.get(f"/api/{kind}", params={"cursor": cursor}, headers=headers)
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "cursor")


def test_a_cursor_keeps_its_time() -> None:
    moment = datetime(2026, 3, 1, 8, 30, 0, 123456, tzinfo=UTC)
    assert decode_cursor(encode_cursor(moment, "x", 7), datetime, str, int) == (moment, "x", 7)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"username": "a\\u0000b", "password": "x"}', "username"),
        (b'{"username": "a", "password": "\\ud800"}', "password"),
        (b'{"username": "a", "password": "x", "more": [{"\\u0000": 1}]}', "more[0].?"),
        (b'{"username": "a", "password": "x", "more": [18446744073709551616]}', "more[0]"),
        (b'{"username": ', "body"),
        (b"[" * 900 + b'"\\u0000"' + b"]" * 900, "[0]" * 900),
    ],
)
async def test_a_body_that_cannot_be_stored_is_named(reader: httpx.AsyncClient, body: bytes, field: str) -> None:
    answer = await reader.post("/api/auth/login", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, [f["field"] for f in answer.json()["fields"]]) == (422, [field])


async def test_a_form_that_cannot_be_stored_is_no_error_of_ours(reader: httpx.AsyncClient) -> None:
    assert (await page_login(reader, "a\0b")).status_code in (401, 422)
    await page_login(reader, "regulator")
    for query in ("q=%00", "q=x&lang=en"):
        assert (await reader.get(f"/registry/sites?{query}")).status_code in (200, 422)


async def test_what_is_too_long_for_the_database_is_no_error_of_ours() -> None:
    app = api("x")

    @app.get("/")
    async def long() -> None:
        raise asyncpg.ProgramLimitExceededError("index row size 6016 exceeds btree version 4 maximum 2704")

    async with browse(app) as asking:
        answer = await asking.get("/")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_a_group_has_a_name_that_can_be_kept(client: httpx.AsyncClient) -> None:
    given = await bearer(client, "regulator")
    path = "/api/gateway/id-token-groups/"
    answers = [await client.put(path + "x" * length, json={}, headers=given) for length in (255, 256)]
    assert [answer.status_code for answer in answers] == [204, 422]


async def test_a_time_out_of_reach_is_refused_in_a_body(reader: httpx.AsyncClient) -> None:
    for since in ("9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+10:00", "0001-01-01T00:00:00Z"):
        body = {"role": "owner", "organisation_id": "o", "document_number": "1", "reason": "x", "since": since}
        address = "/api/registry/sites/s/responsibilities"
        answer = await reader.post(address, json=body, headers=await bearer(reader, "regulator"))
        assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "since")


def token_for(subject: str, at: datetime, roles: tuple[str, ...] = ("regulator",)) -> str:
    issuer = TokenIssuer(PRIVATE, timedelta(hours=12))
    return issuer.issue(
        subject=subject, name=subject, roles=frozenset(roles), organisation_id=None, division=None, now=at
    )


async def test_what_was_revoked_is_known_before_the_first_request(database_url: str) -> None:
    settings = Settings(database_url=database_url, token_public_key=PUBLIC)
    token = token_for("x", NOW - timedelta(minutes=1))
    async with await create_pool(database_url) as pool:
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", [AccessRevoked(subject="x", token_id=None, at=NOW)])
        app = application([], settings, pool)
        async with app.router.lifespan_context(app), browse(app) as client:
            answer = await client.get("/healthz", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["detail"]) == (401, "the token was revoked")


async def test_revocations_of_expired_tokens_are_neither_loaded_nor_kept(database_url: str) -> None:
    verifier = TokenVerifier(PUBLIC, timedelta(hours=1))
    verifier.revoke("y", "token", NOW - timedelta(hours=2))
    verifier.revoke("y", None, NOW - timedelta(hours=2))
    verifier.revoke("z", "other", NOW)
    verifier.forget(NOW)
    assert verifier.remembered == 1
    async with await create_pool(database_url) as pool:
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", [AccessRevoked(subject="x", token_id="t", at=NOW)])
        late = TokenVerifier(PUBLIC, timedelta(hours=1))
        await Revocations(pool, late, ManualClock(NOW + timedelta(hours=2))).load()
        assert late.remembered == 0
        soon = TokenVerifier(PUBLIC, timedelta(hours=1))
        await Revocations(pool, soon, ManualClock(NOW + timedelta(minutes=2))).load()
        assert soon.remembered == 1


@pytest.mark.parametrize(
    ("demo", "remote", "status"), [(True, "127.0.0.1", 200), (True, "10.0.0.7", 401), (False, "127.0.0.1", 401)]
)
async def test_demo_accounts_are_for_this_machine_and_the_demo(
    database_url: str, demo: bool, remote: str, status: int
) -> None:
    settings = Settings(database_url=database_url, token_private_key=PRIVATE, token_public_key=PUBLIC, demo=demo)
    connection = await connect(database_url)
    hashed = Passwords(CHEAP).hash("demo")
    await store.save_person(connection, ("demo-x", "x", hashed, ["regulator"], None, None, True))
    await connection.close()
    async with await create_pool(database_url) as pool:
        clock = ManualClock(NOW)
        entrance = login_api(Login(pool, settings, clock), PeopleDesk(pool, Passwords(CHEAP), clock))
        login = Parts("login", {"/api/auth": entrance})
        async with browse(application([login], settings, pool), remote) as client:
            answer = await client.post("/api/auth/login", json={"username": "demo-x", "password": "demo"})
    assert answer.status_code == status


async def test_other_peoples_failures_lock_nobody_out(client: httpx.AsyncClient) -> None:
    async def fail() -> httpx.Response:
        return await client.post("/api/auth/login", json={"username": "inspector", "password": "no"})

    answers = await asyncio.gather(*(fail() for _ in range(30)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 20
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    right = await client.post("/api/auth/login", json={"username": "regulator", "password": "regulator"})
    assert right.status_code == 200


async def test_a_long_name_or_password_is_refused(reader: httpx.AsyncClient) -> None:
    for body in ({"username": "x" * 201, "password": "x"}, {"username": "x", "password": "x" * 1001}):
        assert (await reader.post("/api/auth/login", json=body)).status_code == 422


async def test_ready_only_when_what_the_consumers_published_is_handled_too(database_url: str) -> None:
    async with await create_pool(database_url) as pool:

        async def cause(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
            await publish(connection, "second", [stored.event for stored in batch if stored.stream == "first"])

        async def effect(_: asyncpg.Connection, __: Sequence[StoredEvent]) -> None:
            """Handle it."""

        revoked = AccessRevoked(subject="x", token_id=None, at=NOW)
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "first", [revoked])
        causing = Consumer(pool, "causing", cause, types=[AccessRevoked])
        affected = Consumer(pool, "affected", effect, types=[AccessRevoked])
        readiness = Readiness([Parts("both", consumers=[causing, affected])], pool)
        await readiness.start()
        await affected.catch_up()
        assert await readiness.missing() == "causing has not handled everything yet"
        await causing.catch_up()
        assert await readiness.missing() == "affected has not handled everything yet"
        await affected.catch_up()
        await causing.catch_up()
        assert await readiness.missing() is None


async def test_an_organisation_is_deregistered_by_the_regulator(client: httpx.AsyncClient) -> None:
    address, body = "/api/registry/organisations/o/deregister", {"reason": "吊销"}
    regulator = await bearer(client, "regulator")
    given = {"role": "manager", "organisation_id": "o", "document_number": "1", "reason": "x"}
    await client.post("/api/registry/sites/s/responsibilities", json=given, headers=regulator)
    assert (await client.post(address, json=body, headers=await bearer(client, "operator"))).status_code == 403
    assert (await client.post(address.replace("/o/", "/x/"), json=body, headers=regulator)).status_code == 404
    answer = await client.post(address, json=body, headers=regulator)
    assert (answer.status_code, answer.json()["deregistered_at"]) == (200, utc_text(NOW))
    sites = (await client.get("/api/registry/sites?unmanaged=true")).json()["items"]
    assert [(site["id"], site["reason"]) for site in sites] == [("s", "deregistered")]
    assert (await client.post(address, json=body, headers=regulator)).status_code == 409


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api/registry/sites", "/api/public/sites.geojson", "/static/map.js"]
)
async def test_head_is_get_without_a_body(reader: httpx.AsyncClient, path: str) -> None:
    full, head = await reader.get(path), await reader.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == full.headers["content-type"]


async def test_a_stream_without_end_ends_at_its_head(reader: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        assert (await reader.head("/api/public/changes")).status_code == 200


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_refused(reader: httpx.AsyncClient, announced: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    body = b"x" * 2_000_000 if announced else pieces()
    answer = await reader.post("/api/auth/login", content=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    app = FastAPI()
    app.add_middleware(BoundedBodies, largest=1000, within_s=0.05)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with asyncio.timeout(30), browse(app) as client:
        answer = await client.post("/anything", content=pieces())
    assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")


async def test_an_upload_bounds_itself(database_url: str) -> None:
    app = api("files")

    @app.put("/upload/{name}")
    async def upload(name: str, request: Request) -> int:
        return sum([len(piece) async for piece in request.stream()])

    async with await create_pool(database_url) as pool:
        files = Parts("files", {"/files": app}, uploads=["/files/upload/"])
        async with browse(application([files], Settings(database_url=database_url), pool)) as client:
            answer = await client.put("/files/upload/x", content=b"x" * 2_000_000)
    assert answer.json() == 2_000_000


async def test_metrics_are_for_this_machine_a_token_or_a_login(database_url: str) -> None:
    settings = Settings(database_url=database_url, token_public_key=PUBLIC, metrics_token="geheim")
    async with await create_pool(database_url) as pool:
        app = application([], settings, pool)
        async with browse(app) as near, browse(app, "10.0.0.7") as far:
            given = [{}, *({"Authorization": f"Bearer {t}"} for t in ("geheim", "x", token_for("x", NOW)))]
            assert (await near.get("/metrics")).status_code == 200
            assert [(await far.get("/metrics", headers=h)).status_code for h in given] == [401, 200, 401, 200]


async def test_the_apis_say_how_to_log_in(reader: httpx.AsyncClient) -> None:
    described = (await reader.get("/api/inspection/openapi.json")).json()
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert described["paths"]["/tasks"]["get"]["security"]


async def test_zipped_and_plain_are_told_apart(reader: httpx.AsyncClient) -> None:
    address = "/api/public/sites.geojson"
    plain = await reader.get(address, headers={"accept-encoding": "identity"})
    zipped = await reader.get(address, headers={"accept-encoding": "gzip"})
    assert plain.headers["etag"] != zipped.headers["etag"]
    for answer, encoding in ((plain, "identity"), (zipped, "gzip")):
        known = {"accept-encoding": encoding, "if-none-match": answer.headers["etag"]}
        assert (await reader.get(address, headers=known)).status_code == 304
    crossed = {"accept-encoding": "identity", "if-none-match": zipped.headers["etag"]}
    assert (await reader.get(address, headers=crossed)).status_code == 200


def test_a_time_of_another_year_shows_its_year() -> None:
    moment = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
    assert local_time(moment, moment) == "12-31 23:59:59"
    assert local_time(moment, moment + timedelta(seconds=1)) == "2026-12-31 23:59:59"
    assert local_time(None, moment) == "—"
    last = datetime(
        9999, 12, 31, 23, 59, 59, tzinfo=UTC
    )  # as a charger's clock may say: the county's next year is in no calendar
    assert (local_time(last, moment), local_minute(last)) == ("9999-12-31 23:59:59", "9999-12-31 23:59")


@pytest.mark.parametrize(
    ("sites", "words"), [("generated", "本县场站、单位和充电桩均由固定种子生成"), ("file", "来自所给文件")]
)
async def test_the_banner_says_which_part_is_not_real(database_url: str, sites: Any, words: str) -> None:
    settings = Settings(database_url=database_url, demo=True, demo_sites=sites)
    async with await create_pool(database_url) as pool, browse(application([], settings, pool)) as client:
        page = await client.get("/nowhere", headers={"accept": "text/html"})
    assert words in page.text


def test_a_job_that_keeps_failing_waits_longer_and_one_that_ran_well_does_not() -> None:
    pauses: list[float] = []
    for _ in range(8):
        pauses.append(next_pause(pauses[-1] if pauses else None, 0.1))
    assert pauses == [SHORTEST_PAUSE_S * 2**n for n in range(6)] + [LONGEST_PAUSE_S] * 2
    assert next_pause(LONGEST_PAUSE_S, LONGEST_PAUSE_S + 1) == SHORTEST_PAUSE_S


@pytest.mark.parametrize(
    ("error", "traced"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), False),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 5, 0, 0), [Errno 111] Connect call failed"
            ),
            False,
        ),
        (asyncpg.CannotConnectNowError("the database system is starting up"), False),
        (asyncpg.InterfaceError("connection is closed"), False),
        (ExceptionGroup("two", [ConnectionResetError(), asyncpg.AdminShutdownError("x")]), False),
        (asyncpg.InterfaceError("cannot perform operation: another operation is in progress"), True),
        (FileNotFoundError(2, "No such file"), True),
        (ExceptionGroup("two", [ConnectionResetError(), ValueError("x")]), True),
        (TimeoutError(), True),
    ],
)
async def test_a_database_that_is_away_is_one_line_and_a_mistake_a_trace(
    caplog: pytest.LogCaptureFixture, error: Exception, traced: bool
) -> None:
    failed = asyncio.Event()

    async def run() -> None:
        failed.set()
        raise error

    job = asyncio.create_task(keep_running(Job("counting", run)))
    await failed.wait()
    await asyncio.sleep(0)
    job.cancel()
    (line,) = caplog.records
    assert (line.exc_info is not None, "counting" in line.getMessage()) == (traced, True)


def test_every_page_refuses_text_that_cannot_be_kept_and_gives_its_forms_back(shared_app: FastAPI) -> None:
    inner = {"/healthz", "/readyz", "/metrics", "/static/{name:path}"}
    pages = [route for route in shared_app.routes if isinstance(route, APIRoute) and route.path not in inner]
    assert len(pages) > 200
    assert [route.path for route in pages if not isinstance(route, PageRoute)] == []
