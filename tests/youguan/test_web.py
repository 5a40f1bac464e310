"""The web side of all services in one application, on a real PostgreSQL: errors, login, CSRF, languages, readiness."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from charger_registry import store
from charger_registry.drafts import Filing, OrganisationDraft, SiteDraft
from charger_registry.people import Passwords
from deploy.suite import COMPOSES
from youguan import audit
from youguan.auth import Principal, TokenIssuer, TokenVerifier, generate_keys
from youguan.clock import ManualClock
from youguan.database import connect, create_pool
from youguan.errors import Unauthenticated
from youguan.settings import Settings
from youguan.web.application import LONGEST_PAUSE_S, SHORTEST_PAUSE_S, application, next_pause

NOW = datetime.now(UTC)
PRIVATE, PUBLIC = generate_keys()


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole web side, with one site and people of three roles; the password is their name."""
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
        transport = httpx.ASGITransport(application(parts, settings, pool), raise_app_exceptions=False)
        base = "http://suite.example"
        yield await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=base))


async def file_samples(connection: Any) -> None:
    site = SiteDraft("s", "一号场站", 121.4, 29.3)
    filing = Filing(sites=(site,), organisations=(OrganisationDraft("o", "甲公司"), OrganisationDraft("p", "乙公司")))
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
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
    ],
)
async def test_errors_are_problems(client: httpx.AsyncClient, method: str, path: str, status: int, code: str) -> None:
    answer = await client.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (status, status, code)
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("api", ["registry", "gateway", "alerts", "inspection"])
async def test_every_api_describes_itself(client: httpx.AsyncClient, api: str) -> None:
    described = (await client.get(f"/api/{api}/openapi.json")).json()
    assert described["paths"]
    assert described["servers"] == [{"url": f"/api/{api}"}]


@pytest.mark.parametrize("path", ["/api/alerts", "/api/alerts/"])
async def test_an_apis_own_address_needs_no_redirect(client: httpx.AsyncClient, path: str) -> None:
    items = (await client.get(path, headers=await bearer(client, "regulator"))).json()["items"]
    assert [item["rule"] for item in items] == ["unmanaged_site"]


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


async def test_pages_lead_to_the_login_and_back(client: httpx.AsyncClient) -> None:
    html = {"accept": "text/html"}
    answer = await client.get("/tasks", headers=html)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/tasks")
    assert (await page_login(client, "inspector", next="/tasks")).headers["location"] == "/tasks"
    assert (await client.get("/tasks", headers=html)).status_code == 200
    assert (await client.get("/dashboard", headers=html)).status_code == 403


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_the_login_leads_to_no_other_site(client: httpx.AsyncClient, target: str) -> None:
    assert (await page_login(client, "regulator", next=target)).headers["location"] == "/dashboard"


async def test_a_change_by_cookie_needs_its_csrf_token(client: httpx.AsyncClient) -> None:
    await page_login(client, "regulator")
    address, form = "/registry/sites/s/manager", {"organisation_id": "o", "reason": "文号 1"}
    assert (await client.post(address, data=form)).status_code == 403
    page = (await client.get("/registry/sites/s")).text
    token = page.split('name="csrf" value="')[1].split('"')[0]
    assert (await client.post(address, data={**form, "csrf": "x" + token})).status_code == 403
    assert (await client.post(address, data={**form, "csrf": token})).status_code == 303
    items = (await client.get("/api/registry/sites/s/responsibilities")).json()["items"]
    assert [(item["role"], item["organisation"]["name"], item["until"]) for item in items] == [
        ("manager", "甲公司", None)
    ]


async def test_another_sites_form_is_refused(client: httpx.AsyncClient) -> None:
    form = {"username": "regulator", "password": "regulator"}
    answer = await client.post("/login", data=form, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    answer = await client.post("/login", data=form, headers={"Origin": "http://suite.example"})
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
async def test_two_languages(client: httpx.AsyncClient, headers: dict[str, str], query: str, expected: str) -> None:
    page = (await client.get(f"/{query}", headers=headers)).text
    assert expected in page
    assert ("演示数据" in page) or ("Sample data" in page)


async def test_pages_may_load_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers={"accept": "application/json"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text
    assert "https://" not in answer.text


@pytest.mark.parametrize("name", ["../settings.py", "..%2f..%2fsettings.py", "nothing.js"])
async def test_only_static_files_are_served(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/static/{name}")).status_code == 404


@pytest.mark.parametrize(
    ("role", "path", "body", "status"),
    [
        (
            "regulator",
            "/api/registry/sites/s/responsibilities",
            {"role": "manager", "organisation_id": "o", "reason": "x"},
            201,
        ),
        (
            "operator",
            "/api/registry/sites/s/responsibilities",
            {"role": "manager", "organisation_id": "o", "reason": "x"},
            403,
        ),
        (
            "inspector",
            "/api/registry/sites/s/responsibilities",
            {"role": "manager", "organisation_id": "o", "reason": "x"},
            403,
        ),
        (
            "regulator",
            "/api/registry/sites/x/responsibilities",
            {"role": "manager", "organisation_id": "o", "reason": "x"},
            404,
        ),
        (
            "regulator",
            "/api/registry/sites/s/responsibilities",
            {"role": "king", "organisation_id": "o", "reason": "x"},
            422,
        ),
        (
            "regulator",
            "/api/registry/sites/s/responsibilities",
            {"role": "manager", "organisation_id": "o", "reason": ""},
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


async def test_the_audit_trail_holds_and_shows_tampering(client: httpx.AsyncClient, database_url: str) -> None:
    await bearer(client, "regulator")
    await bearer(client, "operator")
    connection = await connect(database_url)
    assert await audit.verify(connection) is None
    await connection.execute("ALTER TABLE audit.trail DISABLE TRIGGER ALL")
    await connection.execute("UPDATE audit.trail SET actor = 'somebody else' WHERE number = 2")
    assert await audit.verify(connection) == 2
    await connection.close()


def test_a_job_that_keeps_failing_waits_longer_and_one_that_ran_well_does_not() -> None:
    pauses: list[float] = []
    for _ in range(8):
        pauses.append(next_pause(pauses[-1] if pauses else None, 0.1))
    assert pauses == [SHORTEST_PAUSE_S * 2**n for n in range(6)] + [LONGEST_PAUSE_S] * 2
    assert next_pause(LONGEST_PAUSE_S, LONGEST_PAUSE_S + 1) == SHORTEST_PAUSE_S
