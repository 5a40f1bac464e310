"""People and organisations: who may manage whom, on a real PostgreSQL and over HTTP."""

import asyncio
import base64
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from argon2 import PasswordHasher

from charger_registry import store as registry
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft
from charger_registry.login.api import login_api
from charger_registry.login.desk import Login
from charger_registry.login.pages import login_pages
from charger_registry.pages import TEMPLATES
from charger_registry.people import authority
from charger_registry.people.account_api import add_delegations, add_second_factor
from charger_registry.people.account_pages import Account as OwnAccount
from charger_registry.people.account_pages import account_pages
from charger_registry.people.api import add_people, add_trail
from charger_registry.people.authority import Account, may_manage
from charger_registry.people.closing import close_accounts_of_ceased
from charger_registry.people.delegations.desk import Delegations, wrong_with
from charger_registry.people.desk import PeopleDesk
from charger_registry.people.machine_keys.desk import KeyWish, MachineKeyDesk
from charger_registry.people.organisations.api import add_organisations
from charger_registry.people.organisations.desk import OrganisationDesk
from charger_registry.people.organisations.pages import organisation_pages
from charger_registry.people.pages import people_pages
from charger_registry.people.passwords import Passwords, wrong_password
from charger_registry.people.second_factors import totp
from charger_registry.people.second_factors.desk import SecondFactors
from charger_registry.people.second_factors.totp import code_of, matching_step, plain, secret_text, step_at
from youguan.auth import Principal, TokenIssuer, TokenVerifier, generate_keys
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import TooManyRequests, Unauthenticated
from youguan.parts import Parts
from youguan.settings import Settings
from youguan.web.application import Revocations, api, application
from youguan.web.templates import Templates

NOW = datetime.now(UTC).replace(microsecond=0)
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PRIVATE, PUBLIC = generate_keys()
PASSWORD = "county of eighteen"
WHY = {"reason": "文号 1"}
LATER = (NOW + timedelta(days=30)).isoformat()


def principal(*roles: str, **members: Any) -> Principal:
    return Principal("x", "x", frozenset(roles), **{"organisation_id": None, "division": None, **members}, token_id="t",
                     csrf="c", issued_at=NOW)  # fmt: skip


REGULATOR, TOWN = principal("regulator"), principal("regulator", division="330226001")
ADMINISTRATOR = principal("operator", organisation_id="one", administrator=True)
OPERATOR_OF_ONE = Account("a1", "A", frozenset({"operator"}), "one")
OPERATOR_OF_TWO = Account("a2", "A", frozenset({"operator"}), "two")
INSPECTOR_OF_TOWN = Account("a3", "A", frozenset({"inspector"}), division="330226001")
INSPECTOR_OF_COUNTY = Account("a4", "A", frozenset({"inspector"}))
INSPECTOR_OF_TEAM = Account("a5", "A", frozenset({"inspector"}), division="330226001", team_id="team")
REGULATOR_OF_VILLAGE = Account("a6", "A", frozenset({"regulator"}), division="330226001002")
EVERY = (
    OPERATOR_OF_ONE, OPERATOR_OF_TWO, INSPECTOR_OF_TOWN, INSPECTOR_OF_COUNTY, INSPECTOR_OF_TEAM, REGULATOR_OF_VILLAGE,
)  # fmt: skip


@pytest.mark.parametrize(
    ("who", "managed"),
    [
        (REGULATOR, set(EVERY)),
        (TOWN, {INSPECTOR_OF_TOWN, REGULATOR_OF_VILLAGE}),
        (ADMINISTRATOR, {OPERATOR_OF_ONE}),
        (principal("operator", organisation_id="one"), set()),
        (principal("operator", administrator=True), set()),
        (principal("inspector", administrator=True), set()),
        (principal("regulator", acting_for="somebody"), set()),
        (principal("reviewer", level=4), set()),
        (principal(), set()),
    ],
)
def test_who_manages_whom(who: Principal, managed: set[Account]) -> None:
    assert {account for account in EVERY if may_manage(who, account)} == managed


@pytest.mark.parametrize(
    ("account", "fields"),
    [
        *((account, []) for account in EVERY),
        (Account("a b", " ", frozenset()), ["username", "name", "roles"]),
        (Account("ab", "A", frozenset({"king"})), ["roles"]),
        (Account("ab", "A", frozenset({"operator"})), ["organisation_id"]),
        (Account("ab", "A", frozenset({"operator"}), "gone"), ["organisation_id"]),
        (Account("ab", "A", frozenset({"operator", "regulator"}), "one"), ["roles", "organisation_id"]),
        (Account("ab", "A", frozenset({"operator"}), "one", "330226"), ["division"]),
        (Account("ab", "A", frozenset({"inspector"}), administrator=True), ["administrator"]),
        (Account("ab", "A", frozenset({"inspector"}), division="33022"), ["division"]),
        (Account("ab", "A", frozenset({"inspector"}), team_id="none"), ["team_id"]),
        (Account("ab", "A", frozenset({"regulator"}), team_id="team"), ["team_id"]),
        (Account("ab", "A", frozenset({"reviewer"})), ["level"]),
        (Account("ab", "A", frozenset({"reviewer"}), level=5), ["level"]),
        (Account("ab", "A", frozenset({"inspector"}), level=1), ["level"]),
        (Account("ab", "A", frozenset({"reviewer"}), level=1), []),
    ],
)
def test_what_an_account_must_be(account: Account, fields: list[str]) -> None:
    assert [error.field for error in authority.wrong_with(account, {"one", "two"}, {"team"})] == fields


@pytest.mark.parametrize(
    ("password", "good"),
    [(PASSWORD, True), ("short", False), ("aaaaaaaaaaaa", False), ("Wang.Xiaoming", False), ("x" * 1001, False)],
)
def test_which_passwords_are_good(password: str, good: bool) -> None:
    assert (wrong_password("wang.xiaoming", password) is None) is good


class House:
    """The room alone, with the county's regulator and a clock that stands still."""

    def __init__(self, pool: asyncpg.Pool, client: httpx.AsyncClient, clock: ManualClock) -> None:
        self.pool = pool
        self.client = client
        self.clock = clock

    def bearer(self, username: str, *roles: str, **members: Any) -> dict[str, str]:
        given = {"organisation_id": None, "division": None, **members}
        issuer = TokenIssuer(PRIVATE, timedelta(hours=12))
        token = issuer.issue(subject=username, name=username, roles=frozenset(roles), now=self.clock.now(), **given)
        return {"Authorization": f"Bearer {token}"}

    @property
    def regulator(self) -> dict[str, str]:
        return self.bearer("chief", "regulator")

    async def made(self, username: str, **members: Any) -> str:
        """Make an account as the regulator and set its password by the link; return the token of a login."""
        given = {"username": username, "name": username, "roles": ["inspector"], **members}
        answer = await self.post("/persons", self.regulator, **given)
        assert answer.status_code == 201, answer.text
        await self.use(answer.json()["path"])
        return await self.log_in(username)

    async def use(self, path: str, password: str = PASSWORD, status: int = 204) -> None:
        given = {"link": path.removeprefix("/password/"), "password": password}
        answer = await self.client.post("/api/auth/password-links/use", json=given)
        assert answer.status_code == status, answer.text

    async def log_in(self, username: str, password: str = PASSWORD, status: int = 200) -> str:
        self.clock.advance(timedelta(seconds=1))
        answer = await self.client.post("/api/auth/login", json={"username": username, "password": password})
        assert answer.status_code == status, answer.text
        return str(answer.json().get("token"))

    async def holds(self, token: str) -> bool:
        """Say whether a token holds for whoever knows every revocation."""
        verifier = TokenVerifier(PUBLIC)
        await Revocations(self.pool, verifier, self.clock).load()
        try:
            verifier.verify(token)
        except Unauthenticated:
            return False
        return True

    async def post(self, path: str, headers: dict[str, str], **body: Any) -> httpx.Response:
        self.clock.advance(timedelta(seconds=1))
        return await self.client.post(f"/api/registry{path}", json={**WHY, **body}, headers=headers)

    async def auth(self, token: str, path: str, method: str = "POST", **body: Any) -> httpx.Response:
        self.clock.advance(timedelta(seconds=1))
        return await self.client.request(
            method, f"/api/auth{path}", json=body or None, headers={"Authorization": f"Bearer {token}"}
        )

    async def trail(self, subject: str) -> list[str]:
        rows = await self.pool.fetch("SELECT action FROM audit.trail WHERE subject = $1 ORDER BY number", subject)
        return [row["action"] for row in rows]


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    settings = Settings(
        database_url=database_url, token_private_key=PRIVATE, token_public_key=PUBLIC, login_secret="s" * 32
    )
    clock, passwords, templates = ManualClock(NOW - timedelta(hours=1)), Passwords(CHEAP), Templates(TEMPLATES)
    filing = Filing(
        sites=(SiteDraft("s1", "Site", 121, 29, division_code="330226001"),),
        organisations=tuple(OrganisationDraft(name, name.title()) for name in ("one", "two", "built", "before")),
        roles=(
            RoleDraft("s1", "manager", "before", NOW - timedelta(days=90), NOW - timedelta(days=9)),
            RoleDraft("s1", "manager", "one", NOW - timedelta(days=9)),
            RoleDraft("s1", "builder", "built", NOW - timedelta(days=90)),
        ),
    )
    async with await create_pool(database_url) as pool:
        async with pool.acquire() as connection, connection.transaction():
            await registry.file_all(connection, filing, NOW - timedelta(days=9))
        desk, organisations = PeopleDesk(pool, passwords, clock), OrganisationDesk(pool, clock)
        factors, delegations = SecondFactors(pool, clock, settings.login_secret), Delegations(pool, clock)
        login = Login(pool, settings, clock, passwords, factors)
        entrance = login_api(login, desk)
        add_second_factor(entrance, factors)
        add_delegations(entrance, delegations, login)
        served = api("registry")
        add_people(served, desk)
        add_organisations(served, organisations)
        add_trail(served, desk)
        pages = [
            login_pages(login, desk, templates, settings),
            account_pages(OwnAccount(login, factors, delegations, templates), settings),
            people_pages(desk, templates, "https://county.example/"),
            organisation_pages(organisations, templates, clock),
        ]
        parts = Parts("registry", {"/api/registry": served, "/api/auth": entrance}, pages)
        transport = httpx.ASGITransport(application([parts], settings, pool), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://suite.example") as client:
            yield House(pool, client, clock)


# --- people -----------------------------------------------------------------------------------------------------


async def test_a_new_person_sets_his_own_password_by_a_link_that_works_once(house: House) -> None:
    given = {"username": "li", "name": "李", "roles": ["reviewer"], "level": 2}
    path = (await house.post("/persons", house.regulator, **given)).json()["path"]
    upgrade = importlib.import_module("charger_registry.migrations.versions.0042_officials_told")
    await house.pool.execute(upgrade.SCRIPT)
    told = await house.pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'PersonChanged' ORDER BY sequence")
    assert len(told) == 2
    assert told[0]["payload"] == told[1]["payload"], "an upgrade tells of officials as their making does"
    await house.log_in("li", "", 401)
    await house.use(path, "short", 422)
    await house.use(path)
    await house.use(path, status=404)
    who = TokenVerifier(PUBLIC).verify(await house.log_in("li"))
    assert (who.name, who.roles, who.level) == ("李", frozenset({"reviewer"}), 2)
    assert (await house.post("/persons", house.regulator, **given)).status_code == 409
    assert await house.trail("person li") == ["create account", "set password by link"]
    kept = await house.pool.fetchval("SELECT digest FROM registry.password_link")
    assert kept not in path


async def test_a_link_ends_by_time_and_by_the_next(house: House) -> None:
    await house.made("li")
    first = (await house.post("/persons/li/password-link", house.regulator)).json()["path"]
    second = (await house.post("/persons/li/password-link", house.regulator)).json()["path"]
    await house.use(first, status=404)
    house.clock.advance(timedelta(hours=49))
    await house.use(second, status=404)
    await house.log_in("li")  # the old password holds until a new one is set


async def test_a_new_password_ends_what_was_issued_before(house: House) -> None:
    token = await house.made("li")
    path = (await house.post("/persons/li/password-link", house.regulator)).json()["path"]
    assert await house.holds(token)
    await house.use(path, PASSWORD + "!")
    assert not await house.holds(token)
    await house.log_in("li", PASSWORD, 401)
    assert await house.holds(await house.log_in("li", PASSWORD + "!"))


async def test_changed_bounds_end_logins_and_a_changed_name_does_not(house: House) -> None:
    token = await house.made("li", division="330226001")

    async def change(**changes: Any) -> httpx.Response:
        house.clock.advance(timedelta(seconds=1))
        return await house.client.patch("/api/registry/persons/li", json={**WHY, **changes}, headers=house.regulator)

    assert (await change(name="Li")).json()["name"] == "Li"
    assert await house.holds(token)
    assert (await change(division="330226002")).json()["division"] == "330226002"
    assert not await house.holds(token)
    assert (await change(level=3)).status_code == 422
    line = await house.pool.fetchrow("SELECT before, after FROM audit.trail ORDER BY number DESC LIMIT 1")
    assert (line["before"]["division"], line["after"]["division"], line["after"]["reason"]) == (
        "330226001", "330226002", "文号 1",
    )  # fmt: skip


async def test_who_is_closed_out_is_out_until_let_in_again(house: House) -> None:
    token = await house.made("li")
    assert (await house.post("/persons/li/close", house.regulator)).status_code == 204
    assert not await house.holds(token)
    await house.log_in("li", status=401)
    assert (await house.post("/persons/li/close", house.regulator)).status_code == 409
    assert (await house.post("/persons/li/password-link", house.regulator)).status_code == 409
    assert (await house.post("/persons/li/open", house.regulator)).status_code == 204
    await house.log_in("li")


class Slow(Passwords):
    """Something happens while a password is checked."""

    def __init__(self, meanwhile: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(CHEAP)
        self._meanwhile = meanwhile

    async def fit(self, stored: str | None, password: str) -> bool:
        fits = await super().fit(stored, password)
        await self._meanwhile()
        return fits


async def test_who_is_closed_out_while_he_logs_in_is_out(house: House) -> None:
    await house.made("li")
    path = (await house.post("/persons/li/password-link", house.regulator)).json()["path"]
    settings = Settings(token_private_key=PRIVATE, login_secret="s" * 32)
    recovered = Login(house.pool, settings, house.clock, Slow(lambda: house.use(path, PASSWORD + "!")))
    with pytest.raises(Unauthenticated):  # with the password of whoever has taken the account over
        await recovered.log_in("li", PASSWORD, "")
    closed = Login(house.pool, settings, house.clock, Slow(lambda: house.post("/persons/li/close", house.regulator)))
    with pytest.raises(Unauthenticated):
        await closed.log_in("li", PASSWORD + "!", "")
    assert (await house.trail("person li"))[-1] == "close account"


async def test_nobody_changes_his_own_account(house: House) -> None:
    token = await house.made("wang", roles=["regulator"])
    own = {"Authorization": f"Bearer {token}"}
    for command in ("close", "password-link"):
        assert (await house.post(f"/persons/wang/{command}", own)).status_code == 409
    answer = await house.client.patch("/api/registry/persons/wang", json={**WHY, "roles": ["inspector"]}, headers=own)
    assert answer.status_code == 409


async def test_nobody_gives_more_than_he_has(house: House) -> None:
    town = house.bearer("town", "regulator", division="330226001")
    admin = house.bearer("admin", "operator", organisation_id="one", administrator=True)
    plain = house.bearer("plain", "operator", organisation_id="one")
    wider = {"username": "li", "name": "李", "roles": ["regulator"]}
    theirs = {"username": "zhao", "name": "赵", "roles": ["operator"], "organisation_id": "two"}
    own = {"username": "zhao", "name": "赵", "roles": ["operator"], "organisation_id": "one"}
    for who, account, status in (
        (town, wider, 403), (town, {**wider, "division": "330226002"}, 403), (town, {**wider, "division": "330226001"}, 201),
        (town, theirs, 403), (admin, theirs, 403), (admin, {**own, "roles": ["regulator"], "organisation_id": None}, 403),
        (plain, own, 403), (admin, own, 201),
    ):  # fmt: skip
        assert (await house.post("/persons", who, **account)).status_code == status, account
    listed = {
        name: [p["username"] for p in (await house.client.get("/api/registry/persons", headers=who)).json()["items"]]
        for name, who in (("town", town), ("admin", admin), ("chief", house.regulator))
    }
    assert listed == {"town": ["li"], "admin": ["zhao"], "chief": ["li", "zhao"]}
    assert (await house.client.get("/api/registry/persons", headers=plain)).status_code == 403
    assert (await house.post("/persons/zhao/close", town)).status_code == 404
    change = {**WHY, "division": None}
    answer = await house.client.patch("/api/registry/persons/li", json=change, headers=town)
    assert answer.status_code == 403


async def test_a_team_gives_its_inspectors_their_district(house: House) -> None:
    async def put(*divisions: str) -> httpx.Response:
        house.clock.advance(timedelta(seconds=1))
        body = {**WHY, "name": "一队", "divisions": list(divisions)}
        return await house.client.put("/api/registry/teams/first", json=body, headers=house.regulator)

    assert (await put("x")).status_code == 422
    assert (await put("330226001", "330226002")).json()["members"] == []
    token = await house.made("li", team_id="first")
    assert TokenVerifier(PUBLIC).verify(token).scope.divisions == ("330226001", "330226002")
    assert (await put("330226002", "330226001")).status_code == 200
    assert await house.holds(token)
    assert (await put("330226003")).json()["members"] == ["li"]
    assert not await house.holds(token)
    assert TokenVerifier(PUBLIC).verify(await house.log_in("li")).scope.divisions == ("330226003",)


# --- one's own account ------------------------------------------------------------------------------------------


async def test_ones_own_password_and_logins(house: House) -> None:
    first, second = await house.made("li"), await house.log_in("li")
    own = {"Authorization": f"Bearer {second}"}
    sessions = (await house.client.get("/api/auth/sessions", headers=own)).json()["items"]
    assert [session["this"] for session in sessions] == [True, False]
    answer = await house.client.delete(f"/api/auth/sessions/{sessions[1]['id']}", headers=own)
    assert answer.status_code == 204
    assert [await house.holds(token) for token in (first, second)] == [False, True]
    assert (await house.client.delete(f"/api/auth/sessions/{sessions[1]['id']}", headers=own)).status_code == 404
    for old, new, field in (("wrong", PASSWORD, "old_password"), (PASSWORD, "short", "new_password")):
        given = {"old_password": old, "new_password": new}
        refused = await house.client.post("/api/auth/password", json=given, headers=own)
        assert [wrong["field"] for wrong in refused.json()["fields"]] == [field]
    given = {"old_password": PASSWORD, "new_password": PASSWORD + "!"}
    house.clock.advance(timedelta(seconds=1))
    changed = (await house.client.post("/api/auth/password", json=given, headers=own)).json()["token"]
    assert [await house.holds(token) for token in (second, changed)] == [False, True]
    own = {"Authorization": f"Bearer {changed}"}
    house.clock.advance(timedelta(seconds=1))
    assert (await house.client.delete("/api/auth/sessions", headers=own)).status_code == 204
    assert not await house.holds(changed)
    await house.log_in("li", PASSWORD, 401)
    assert await house.holds(await house.log_in("li", PASSWORD + "!"))


# --- second factors ---------------------------------------------------------------------------------------------

RFC_SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
        (2000000000, "69279037"), (20000000000, "65353130"),
    ],
)  # fmt: skip
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    assert code_of(RFC_SECRET, step_at(datetime.fromtimestamp(seconds, UTC)), digits=8) == code


def test_a_code_holds_for_a_step_before_and_after_and_once() -> None:
    here = step_at(NOW)
    found = {n: matching_step(RFC_SECRET, code_of(RFC_SECRET, here + n), NOW, 0) for n in range(-2, 3)}
    assert found == {-2: None, -1: here - 1, 0: here, 1: here + 1, 2: None}
    assert matching_step(RFC_SECRET, code_of(RFC_SECRET, here), NOW, here) is None
    assert matching_step(RFC_SECRET, "", NOW, 0) is None
    assert plain(" ABcd-12 3 ") == "abcd123"
    assert plain("１２３ ４５６") == "123456"
    assert matching_step(RFC_SECRET, plain("验证码"), NOW, 0) is None
    assert secret_text(RFC_SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert totp.address(RFC_SECRET, "li@x").startswith("otpauth://totp/Youguan:li%40x?secret=GEZDGNBV")


def now_code(house: House, secret: str) -> str:
    house.clock.advance(timedelta(seconds=30))
    return code_of(base64.b32decode(secret), step_at(house.clock.now()))


async def with_factor(house: House, token: str) -> tuple[str, list[str]]:
    """Turn a second factor on; return its secret and the recovery codes."""
    secret = (await house.auth(token, "/second-factor")).json()["secret"]
    confirmed = await house.auth(token, "/second-factor/confirm", code=now_code(house, secret))
    assert confirmed.status_code == 200, confirmed.text
    return secret, confirmed.json()["recovery_codes"]


async def test_a_login_with_a_second_factor_needs_a_code_that_holds_once(house: House) -> None:
    token = await house.made("li")
    secret = (await house.auth(token, "/second-factor")).json()["secret"]
    await house.log_in("li")  # not confirmed: not asked for
    assert (await house.auth(token, "/second-factor/confirm", code="000000")).status_code == 422
    secret, recovery = await with_factor(house, token)
    assert (await house.auth(token, "/second-factor")).status_code == 409

    async def log_in(**code: str) -> httpx.Response:
        body = {"username": "li", "password": PASSWORD, **code}
        return await house.client.post("/api/auth/login", json=body)

    asked = await log_in()
    assert (asked.status_code, asked.json()["code"]) == (401, "code_needed")
    code = now_code(house, secret)
    assert (await log_in(code=code)).status_code == 200
    assert (await log_in(code=code)).status_code == 401
    assert (await log_in(code=recovery[0].upper())).status_code == 200
    assert (await log_in(code=recovery[0])).status_code == 401
    kept = await house.pool.fetchrow("SELECT * FROM registry.second_factor")
    assert base64.b32decode(secret) not in kept["sealed"]
    assert len(kept["recovery"]) == 9
    assert (await house.auth(token, "/second-factor/remove", code=now_code(house, secret))).status_code == 204
    assert (await log_in()).status_code == 200
    assert (await house.trail("person li"))[-2:] == ["second factor on", "second factor off"]


async def test_codes_cannot_be_tried_for_ever(house: House) -> None:
    token = await house.made("li")
    secret, _ = await with_factor(house, token)
    body = {"username": "li", "password": PASSWORD, "code": "000000"}
    found = [(await house.client.post("/api/auth/login", json=body)).status_code for _ in range(11)]
    assert found == [401] * 10 + [429]
    body["code"] = now_code(house, secret)
    assert (await house.client.post("/api/auth/login", json=body)).status_code == 429


async def test_codes_cannot_be_tried_for_ever_to_turn_the_second_factor_off(house: House) -> None:
    token = await house.made("li")
    secret, _ = await with_factor(house, token)
    found = [(await house.auth(token, "/second-factor/remove", code="000000")).status_code for _ in range(11)]
    assert found == [422] * 10 + [429]
    right = await house.auth(token, "/second-factor/remove", code=now_code(house, secret))
    assert right.status_code == 429
    house.clock.advance(timedelta(minutes=5))
    right = await house.auth(token, "/second-factor/remove", code=now_code(house, secret))
    assert right.status_code == 204


async def test_codes_that_somebody_tries_keep_nobody_else_out(house: House) -> None:
    """Twenty accounts and a source each: what fails for them counts against nobody else."""
    factors = SecondFactors(house.pool, house.clock, "s" * 32)
    for number in range(30):
        for _ in range(10):
            assert not await factors.fits(f"p{number}", "000000", f"192.0.2.{number}")
    assert not await factors.fits("li", "000000", "198.51.100.1")
    with pytest.raises(TooManyRequests):
        await factors.fits("p1", "000000", "192.0.2.1")
    for _ in range(10):
        await factors.fits("p1", "000000", "198.51.100.1")
    with pytest.raises(TooManyRequests):  # twenty for an account, from wherever they come
        await factors.fits("p1", "000000", "198.51.100.2")


async def test_a_lost_phone_is_the_managers_to_forget(house: House) -> None:
    token = await house.made("li")
    await with_factor(house, token)
    address = "/api/registry/persons/li/second-factor?reason=lost"
    house.clock.advance(timedelta(seconds=1))
    assert (await house.client.delete(address, headers=house.regulator)).status_code == 204
    assert not await house.holds(token)
    await house.log_in("li")
    assert (await house.client.delete(address, headers=house.regulator)).status_code == 404


async def test_a_second_step_in_the_browser(house: House) -> None:
    secret, recovery = await with_factor(house, await house.made("li"))
    form = {"username": "li", "password": PASSWORD, "next": "/account"}
    page = await house.client.post("/login", data=form)
    ticket = page.text.split('name="ticket" value="')[1].split('"')[0]
    second = {"ticket": ticket, "next": "/account"}
    wrong = await house.client.post("/login/code", data={**second, "code": "000000"})
    assert (wrong.status_code, "验证码不正确" in wrong.text) == (401, True)
    right = await house.client.post("/login/code", data={**second, "code": now_code(house, secret)})
    assert (right.status_code, right.headers["location"]) == (303, "/account")
    house.client.cookies.clear()
    house.clock.advance(timedelta(minutes=6))
    assert (await house.client.post("/login/code", data={**second, "code": recovery[0]})).status_code == 401
    forged = {**second, "ticket": "x", "code": recovery[0]}
    assert (await house.client.post("/login/code", data=forged)).status_code == 401


# --- delegation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("giver", "receiver", "days", "fields"),
    [
        (INSPECTOR_OF_COUNTY, INSPECTOR_OF_TOWN, 30, []),
        (REGULATOR_OF_VILLAGE, INSPECTOR_OF_TOWN, 92, []),
        (OPERATOR_OF_ONE, Account("b", "B", frozenset({"operator"}), "one"), 30, []),
        (OPERATOR_OF_ONE, OPERATOR_OF_TWO, 30, ["receiver"]),
        (OPERATOR_OF_ONE, INSPECTOR_OF_TOWN, 30, ["receiver"]),
        (INSPECTOR_OF_TOWN, OPERATOR_OF_ONE, 30, ["receiver"]),
        (INSPECTOR_OF_TOWN, INSPECTOR_OF_TOWN, 30, ["receiver"]),
        (INSPECTOR_OF_TOWN, None, 30, ["receiver"]),
        (INSPECTOR_OF_COUNTY, INSPECTOR_OF_TOWN, 0, ["until"]),
        (INSPECTOR_OF_COUNTY, INSPECTOR_OF_TOWN, 93, ["until"]),
    ],
)
def test_who_may_act_for_whom(giver: Account, receiver: Account | None, days: int, fields: list[str]) -> None:
    assert [error.field for error in wrong_with(giver, receiver, NOW + timedelta(days=days), NOW)] == fields


async def delegated(house: House) -> tuple[str, str, int]:
    """Return the tokens of li, who lets wang act for him, and of wang, and the delegation's number."""
    li = await house.made("li", roles=["regulator"])
    wang = await house.made("wang", division="330226001")
    until = (house.clock.now() + timedelta(hours=2)).isoformat()
    given = await house.auth(li, "/delegations", receiver="wang", until=until, reason="休假")
    assert given.status_code == 201, given.text
    return li, wang, given.json()["items"][0]["id"]


async def test_who_acts_for_another_has_his_rights_and_the_trail_says_so(house: House) -> None:
    _, wang, number = await delegated(house)
    token = (await house.auth(wang, f"/delegations/{number}/act")).json()["token"]
    who = TokenVerifier(PUBLIC).verify(token)
    assert (who.subject, who.acting_for, who.scope.everything) == ("wang", "li", True)
    file = {**WHY, "id": "three", "name": "三"}
    acting = {"Authorization": f"Bearer {token}"}
    assert (await house.post("/organisations", acting, **file)).status_code == 201
    line = await house.pool.fetchrow("SELECT actor, remote FROM audit.trail ORDER BY number DESC LIMIT 1")
    assert tuple(line) == ("wang for li", "127.0.0.1")
    found = await house.client.get("/api/registry/audit?actor=li&action=file", headers=house.regulator)
    assert len(found.json()["items"]) == 1
    refused = [
        await house.auth(token, "/password", old_password=PASSWORD, new_password=PASSWORD + "!"),
        await house.auth(token, "/second-factor"),
        await house.auth(token, "/delegations", receiver="li", until=LATER, reason="x"),
        await house.auth(token, f"/delegations/{number}/act"),
        await house.client.get("/api/registry/persons", headers=acting),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5


async def test_a_delegation_ends_by_time_by_either_and_with_the_giver(house: House) -> None:
    li, wang, number = await delegated(house)
    assert (await house.auth(li, f"/delegations/{number}/act")).status_code == 404
    token = (await house.auth(wang, f"/delegations/{number}/act")).json()["token"]
    assert (await house.auth(li, f"/delegations/{number}", "DELETE")).status_code == 204
    assert [await house.holds(t) for t in (token, wang, li)] == [False, True, True]
    assert (await house.auth(li, f"/delegations/{number}", "DELETE")).status_code == 404
    assert (await house.auth(wang, f"/delegations/{number}/act")).status_code == 404
    until = (house.clock.now() + timedelta(minutes=90)).isoformat()
    items = (await house.auth(li, "/delegations", receiver="wang", until=until, reason="x")).json()["items"]
    token = (await house.auth(wang, f"/delegations/{items[0]['id']}/act")).json()["token"]
    assert await house.holds(token)
    assert (await house.post("/persons/li/close", house.regulator)).status_code == 204
    assert [await house.holds(t) for t in (token, wang)] == [False, True]
    assert (await house.auth(wang, f"/delegations/{items[0]['id']}/act")).status_code == 404
    assert (await house.post("/persons/li/open", house.regulator)).status_code == 204
    house.clock.advance(timedelta(minutes=91))
    assert (await house.auth(wang, f"/delegations/{items[0]['id']}/act")).status_code == 404


async def test_a_delegation_ends_with_the_rights_that_it_gave(house: House) -> None:
    _, wang, number = await delegated(house)
    change = {**WHY, "roles": ["inspector"]}
    house.clock.advance(timedelta(seconds=1))
    changed = await house.client.patch("/api/registry/persons/li", json=change, headers=house.regulator)
    assert changed.status_code == 200, changed.text
    assert (await house.auth(wang, f"/delegations/{number}/act")).status_code == 404
    assert (await house.trail("person li"))[-2:] == ["change account", "end delegation"]


async def test_a_delegation_does_not_come_back_with_the_account(house: House) -> None:
    _, wang, number = await delegated(house)
    for command in ("close", "open"):
        assert (await house.post(f"/persons/li/{command}", house.regulator)).status_code == 204
    assert (await house.auth(wang, f"/delegations/{number}/act")).status_code == 404
    assert (await house.auth(wang, "/delegations", "GET")).json()["items"] == []


async def test_a_delegation_holds_for_who_might_still_receive_it(house: House) -> None:
    """Also where the account was changed past the desk: what matters is what both are now."""
    _, wang, number = await delegated(house)
    await house.pool.execute(
        "UPDATE registry.person SET roles = '{operator}', organisation_id = 'one' WHERE username = 'li'"
    )
    assert (await house.auth(wang, f"/delegations/{number}/act")).status_code == 404


async def test_ones_own_account_in_the_browser(house: House) -> None:
    li, wang, number = await delegated(house)
    own = {"Authorization": f"Bearer {wang}"}
    page = await house.client.get("/account", headers=own)
    assert "wang 代 li" in page.text
    setup = await house.client.post("/account/second-factor", headers=own)
    assert "data:image/svg+xml" in setup.text
    secret = setup.text.split('<code id="secret">')[1].split("<")[0]
    wrong = await house.client.post("/account/second-factor/confirm", data={"code": "1"}, headers=own)
    assert (wrong.status_code, "验证码不正确" in wrong.text) == (422, True)
    assert f'<code id="secret">{secret}<' in wrong.text, (
        "a digit is typed wrong, and the phone knows the secret already"
    )
    other = await house.client.get("/people/persons/wang", headers=house.regulator)
    assert "取消二次验证" not in other.text, "not confirmed: none is on"
    confirmed = await house.client.post(
        "/account/second-factor/confirm", data={"code": now_code(house, secret)}, headers=own
    )
    assert confirmed.text.count("<code>") == 10
    removed = await house.client.post(
        "/account/second-factor/remove", data={"code": now_code(house, secret)}, headers=own
    )
    assert removed.status_code == 303
    acting = await house.client.post(f"/account/delegations/{number}/act", headers=own)
    assert (acting.status_code, acting.headers["location"]) == (303, "/dashboard")
    token = acting.cookies["youguan_session"]
    house.client.cookies.clear()
    acts = {"Authorization": f"Bearer {token}"}
    assert "恢复本人身份" in (await house.client.get("/account", headers=acts)).text
    back = await house.client.post("/account/myself", headers=acts)
    assert (back.status_code, TokenVerifier(PUBLIC).verify(back.cookies["youguan_session"]).acting_for) == (303, None)
    house.client.cookies.clear()
    mine = {"Authorization": f"Bearer {li}"}
    form = {"receiver": "nobody", "until": LATER[:10], "reason": "x"}
    refused = await house.client.post("/account/delegations", data=form, headers=mine)
    assert (refused.status_code, 'value="nobody"' in refused.text) == (422, True)
    assert (
        await house.client.post("/account/delegations", data={**form, "until": "x"}, headers=mine)
    ).status_code == 422
    assert (await house.client.post(f"/account/delegations/{number}/end", headers=mine)).status_code == 303


# --- organisations ----------------------------------------------------------------------------------------------

USCC = "91350100M000100Y43"


async def test_an_organisation_is_filed_changed_and_deregistered(house: House) -> None:
    given = {"id": "three", "name": "三", "uscc": USCC, "phone": "1"}
    assert (
        await house.post("/organisations", house.regulator, **{**given, "uscc": USCC[:-1] + "4"})
    ).status_code == 422
    assert (await house.post("/organisations", house.regulator, **given)).status_code == 201
    assert (await house.post("/organisations", house.regulator, **given)).status_code == 409

    async def change(organisation_id: str, who: dict[str, str], **changes: Any) -> int:
        address = f"/api/registry/organisations/{organisation_id}"
        return (await house.client.patch(address, json={**WHY, **changes}, headers=who)).status_code

    admin = house.bearer("admin", "operator", organisation_id="one", administrator=True)
    assert await change("one", house.regulator, uscc=USCC) == 409
    assert await change("one", house.regulator, name="One & Sons") == 200
    assert await change("one", admin, phone="2") == 200
    assert await change("one", admin, name="Mine") == 403
    assert await change("two", admin, phone="2") == 404
    entry = await house.pool.fetchval(
        "SELECT payload FROM eventlog.event WHERE type = 'ResponsibilitiesChanged' ORDER BY serial DESC LIMIT 1"
    )
    assert "One & Sons" in {line["organisation_name"] for line in entry["entries"]}
    assert (await house.post("/organisations/one/deregister", house.regulator)).status_code == 200
    assert await change("one", house.regulator, phone="3") == 409
    assert await house.pool.fetchval("SELECT unmanaged_reason FROM registry.site") == "deregistered"
    assert await house.trail("organisation one") == ["change organisation"] * 2 + ["deregister"]


async def test_with_an_organisation_end_the_accounts_of_its_people_until_a_regulator_lets_one_in_again(
    house: House,
) -> None:
    ours = {"roles": ["operator"], "organisation_id": "one"}
    held, others = await house.made("wang", **ours), await house.made("zhao", roles=["operator"], organisation_id="two")
    assert (await house.post("/organisations/one/deregister", house.regulator)).status_code == 200
    assert (await house.holds(held), await house.holds(others)) == (False, True)
    await house.log_in("wang", "not the password", status=401)
    await house.log_in("wang", status=403)
    form = {"username": "wang", "password": PASSWORD}
    page = await house.client.post("/login", data=form)
    assert (page.status_code, "One 已于" in page.text) == (403, True)
    listed = (await house.client.get("/people?q=one", headers=house.regulator)).text
    assert ("wang" in listed, "zhao" in listed, "单位已注销，账号停用" in listed) == (True, False, True)
    assert (await house.post("/persons/wang/open", house.regulator)).status_code == 204
    assert await house.holds(await house.log_in("wang"))
    await watched(house)
    await house.log_in("wang")
    assert await house.trail("person wang") == [
        "create account",
        "set password by link",
        "close account",
        "open account",
    ]


async def test_a_mistaken_deregistration_is_undone_with_all_that_ended_with_it(house: House) -> None:
    ours = {"roles": ["operator"], "organisation_id": "one"}
    await house.made("wang", **ours)
    await house.made("li", **ours)
    assert (await house.post("/persons/li/close", house.regulator)).status_code == 204
    expires = house.clock.now() + timedelta(days=9)
    wish = KeyWish("k", "operator", ("registry:read",), "one", None, expires)
    await MachineKeyDesk(house.pool, house.clock).issue(REGULATOR, wish, "x")
    undo, document = "/organisations/one/deregister/undo", {"document_number": "宁市监〔2026〕3号"}
    assert (await house.post(undo, house.regulator, **document)).status_code == 409, "there is nothing to undo"
    assert (await house.post("/organisations/one/deregister", house.regulator)).status_code == 200
    await house.log_in("wang", status=403)
    assert (await house.post(undo, house.regulator)).status_code == 422, "on what document?"
    page = "/people/organisations/one"
    assert "注销登记有误" in (await house.client.get(page, headers=house.regulator)).text
    answer = await house.client.post(f"{page}/deregister/undo", data={**WHY, **document}, headers=house.regulator)
    assert answer.status_code == 303, answer.text
    assert "宁市监〔2026〕3号" in (await house.client.get(page, headers=house.regulator)).text
    assert await house.pool.fetchval("SELECT unmanaged_reason FROM registry.site") is None
    assert await house.holds(await house.log_in("wang"))
    await house.log_in("li", status=401)
    assert await house.pool.fetchval("SELECT revoked_at FROM registry.machine_key") is None
    assert await house.pool.fetchval("SELECT count(*) FROM eventlog.event WHERE type = 'MachineKeyIssued'") == 2
    await watched(house)
    assert await house.holds(await house.log_in("wang"))
    assert await house.trail("organisation one") == ["deregister", "undo deregistration"]
    assert (await house.post("/organisations/one/deregister", house.regulator)).status_code == 200, (
        "and this time it is"
    )


async def test_an_organisation_that_is_to_cease_keeps_its_accounts_until_then(house: House) -> None:
    held = await house.made("wang", roles=["operator"], organisation_id="one")
    since = house.clock.now() + timedelta(hours=1)
    answer = await house.post("/organisations/one/deregister", house.regulator, since=since.isoformat())
    assert answer.status_code == 200, answer.text
    await watched(house)
    assert await house.holds(held)
    house.clock.advance(timedelta(hours=1))
    await watched(house)
    assert not await house.holds(held)
    await house.log_in("wang", status=403)


async def watched(house: House) -> None:
    async with house.pool.acquire() as connection, connection.transaction():
        await close_accounts_of_ceased(connection, house.clock)


async def test_a_code_that_the_upgrade_took_is_shown_until_there_is_another(house: House) -> None:
    upgrade = importlib.import_module("charger_registry.migrations.versions.0029_codes_are_unique")
    await house.pool.execute(
        """
        DROP TABLE registry.taken_code;
        DROP INDEX registry.organisation_operator_code;
        DROP INDEX registry.organisation_ocpi_party;
        UPDATE registry.organisation SET operator_code = '123456789', ocpi_country_code = 'CN', ocpi_party_id = 'ABC'
        WHERE id IN ('one', 'two');
        """
    )
    await house.pool.execute(upgrade.SCRIPT)
    rows = await house.pool.fetch(
        "SELECT id, operator_code, ocpi_party_id FROM registry.organisation WHERE id IN ('one', 'two') ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("one", "123456789", "ABC"), ("two", None, None)]
    told, two = ("运营商编码 123456789 与", "OCPI 国家和运营方 CN ABC 与"), "/api/registry/organisations/two"
    for page in ("/people/organisations/two", "/people/organisations"):
        shown = (await house.client.get(page, headers=house.regulator)).text
        assert [text in shown for text in told] == [True, True], page
    changed = await house.client.patch(two, json={**WHY, "operator_code": "987654321"}, headers=house.regulator)
    assert changed.status_code == 200, changed.text
    shown = (await house.client.get("/people/organisations", headers=house.regulator)).text
    assert [text in shown for text in told] == [False, True]


async def test_the_codes_under_which_others_know_an_organisation(house: House) -> None:
    address = "/api/registry/organisations/one"

    async def change(**changes: Any) -> tuple[int, list[str]]:
        answer = await house.client.patch(address, json={**WHY, **changes}, headers=house.regulator)
        return answer.status_code, [field["field"] for field in answer.json().get("fields", [])]

    assert await change(operator_code="39581580") == (422, ["operator_code"])
    assert await change(ocpi_country_code="cn", ocpi_party_id="AB") == (422, ["ocpi_country_code", "ocpi_party_id"])
    assert await change(ocpi_party_id="ABC") == (422, ["ocpi_country_code"])
    assert await change(operator_code="123456789", ocpi_country_code="CN", ocpi_party_id="ABC") == (200, [])
    file = (await house.client.get(address, headers=house.regulator)).json()
    assert (file["operator_code"], file["ocpi_country_code"], file["ocpi_party_id"]) == ("123456789", "CN", "ABC")
    taken = {"id": "x", "name": "x", "operator_code": "123456789"}
    assert (await house.post("/organisations", house.regulator, **taken)).status_code == 409
    at_once = [{"id": n, "name": n, "ocpi_country_code": "CN", "ocpi_party_id": "XYZ"} for n in "xyz"]
    answers = await asyncio.gather(*(house.post("/organisations", house.regulator, **given) for given in at_once))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert {"has this operator's code" in answer.text for answer in answers} == {True, False}
    page = (await house.client.get("/people/organisations/one", headers=house.regulator)).text
    assert "CN ABC" in page
    admin = house.bearer("admin", "operator", organisation_id="one", administrator=True)
    answer = await house.client.patch(address, json={**WHY, "operator_code": "987654321"}, headers=admin)
    assert answer.status_code == 403
    wish = {
        "name": "One",
        "uscc": "",
        "operator_code": "395815801",
        "ocpi_country_code": "",
        "ocpi_party_id": "",
        **WHY,
    }
    assert (
        await house.client.post("/people/organisations/one/change", data=wish, headers=house.regulator)
    ).status_code == 303
    file = (await house.client.get(address, headers=house.regulator)).json()
    assert (file["operator_code"], file["ocpi_party_id"]) == ("395815801", None)


async def test_who_reads_whose_file(house: House) -> None:
    async def reads(who: dict[str, str]) -> list[int]:
        return [
            (await house.client.get(f"/api/registry/organisations/{name}", headers=who)).status_code
            for name in ("one", "two", "built", "before")
        ]

    assert await reads(house.regulator) == [200, 200, 200, 200]
    assert await reads(house.bearer("town", "regulator", division="330226001")) == [200, 404, 200, 200]
    assert await reads(house.bearer("town", "regulator", division="330226002")) == [404, 404, 404, 404]
    assert await reads(house.bearer("own", "operator", organisation_id="two")) == [404, 200, 404, 404]
    assert await reads({}) == [401, 401, 401, 401]


async def test_who_speaks_for_an_organisation(house: House) -> None:
    given = {"name": "王", "kind": "agent", "evidence_kind": "授权委托书", "evidence_number": "7"}
    body = {**given, "valid_until": "2030-01-01"}
    answer = await house.client.post(
        "/api/registry/organisations/one/representatives", json=body, headers=house.regulator
    )
    (line,) = answer.json()["items"]
    assert (line["name"], line["verified_by"], line["ended_at"]) == ("王", "chief", None)
    own = house.bearer("own", "operator", organisation_id="one")
    address = f"/organisations/one/representatives/{line['id']}/end"
    assert (await house.post(address, own)).status_code == 403
    assert (await house.post(address, house.regulator)).json()["items"][0]["ended_by"] == "chief"
    assert (await house.post(address, house.regulator)).status_code == 404
    assert (
        len((await house.client.get("/api/registry/organisations/one/representatives", headers=own)).json()["items"])
        == 1
    )


async def test_an_administrator_sees_his_organisations_keys_however_many_others_there_are(house: House) -> None:
    await house.pool.execute(
        """
        INSERT INTO registry.machine_key (id, name, digest, role, scopes, organisation_id, expires_at, issued_by, issued_at, reason)
        SELECT n::text, n::text, n::text, 'operator', '{registry:read}', CASE n WHEN 0 THEN 'one' ELSE 'two' END, '2090-01-01', 'x',
               timestamptz '2026-01-01' + n * interval '1 second', 'x' FROM generate_series(0, 1000) n
        """
    )
    own = Principal(
        "own", "own", frozenset({"operator"}), "one", None, "t", "c", house.clock.now(), administrator=True
    )  # fmt: skip
    listed = await MachineKeyDesk(house.pool, house.clock).list_keys(own)
    assert [key["id"] for key in listed] == ["0"]


# --- pages ------------------------------------------------------------------------------------------------------


async def test_people_are_managed_in_the_browser(house: House) -> None:
    chief = house.regulator
    form = {"username": "li", "name": "李", "roles": ["inspector"], "division": "330226001", **WHY}
    page = await house.client.post("/people/new", data=form, headers=chief)
    path = page.text.split("https://county.example/password/")[1].split("<")[0]
    asked = await house.client.get(f"/password/{path}")
    assert "li" in asked.text
    assert (await house.client.post(f"/password/{path}", data={"password": "x"})).status_code == 422
    assert (await house.client.post(f"/password/{path}", data={"password": PASSWORD})).headers["location"] == "/login"
    assert (await house.client.get(f"/password/{path}")).status_code == 404
    for address in (
        "/people", "/people/new", "/people/persons/li", "/people/teams", "/people/audit?actor=chief", "/people/organisations",
        "/people/organisations/one", "/account",
    ):  # fmt: skip
        shown = await house.client.get(address, headers=chief)
        assert shown.status_code == 200, (address, shown.text)

    async def refused(address: str, data: dict[str, Any], *typed: str) -> None:
        """What is refused is shown again as it was typed."""
        answer = await house.client.post(address, data=data, headers=chief)
        assert answer.status_code == 422
        for text in typed:
            assert f'value="{text}"' in answer.text, (address, text)

    wrong = {**form, "name": "李四", "division": "x", "organisation_id": "无此单位", "reason": "调动"}
    await refused("/people/persons/li/change", wrong, "李四", "x", "无此单位", "调动")
    await refused("/people/new", {**wrong, "username": "li2"}, "li2", "李四", "无此单位", "调动")
    moved = {**form, "division": "330226002"}
    assert (await house.client.post("/people/persons/li/change", data=moved, headers=chief)).status_code == 303
    assert "330226002" in (await house.client.get("/people", headers=chief)).text
    team = {"team_id": "t1", "name": "一队", "divisions": ["330226001"], **WHY}
    await refused("/people/teams", {**team, "team_id": "?"}, "?", "一队", WHY["reason"])
    assert (await house.client.post("/people/teams", data=team, headers=chief)).status_code == 303
    await refused("/people/teams", {**team, "name": "二队", "divisions": []}, "二队")
    file = {"organisation_id": "four", "name": "四", "uscc": USCC, **WHY}
    assert (await house.client.post("/people/organisations", data=file, headers=chief)).status_code == 303
    change = {"name": "四号", "uscc": USCC, "phone": "5", "address": "路", **WHY}
    assert (await house.client.post("/people/organisations/four/change", data=change, headers=chief)).status_code == 303
    mandate = {"name": "王", "kind": "agent", "evidence_kind": "书", "evidence_number": "1", "valid_until": ""}
    address = "/people/organisations/four/representatives"
    assert (await house.client.post(address, data=mandate, headers=chief)).status_code == 303
    await refused(address, {**mandate, "name": "赵", "valid_until": "2030-02-30"}, "赵", "书", "2030-02-30")
    four = "/people/organisations/four"
    await refused(f"{four}/change", {**change, "uscc": "x" * 18, "address": "新路"}, "x" * 18, "新路", WHY["reason"])
    await refused(f"{four}/deregister", {"since": "31.12.2030", "reason": "注销公告"}, "31.12.2030", "注销公告")
    assert "已注销" not in (await house.client.get(four, headers=chief)).text
    ended = await house.client.post(f"{four}/deregister", data={"since": "", **WHY}, headers=chief)
    assert ended.status_code == 303
    assert "已注销" in (await house.client.get("/people/organisations/four", headers=chief)).text


async def test_the_trail_is_read_by_who_about_what_and_when(house: House) -> None:
    await house.made("li")

    async def lines(query: str) -> list[str]:
        answer = await house.client.get(f"/api/registry/audit{query}", headers=house.regulator)
        return [line["action"] for line in answer.json()["items"]]

    assert await lines("") == ["login", "set password by link", "create account"]
    assert await lines("?actor=chief") == ["create account"]
    assert await lines("?subject=person%20li&action=set") == ["set password by link"]
    assert await lines("?to=2020-01-01T00:00:00Z") == []
    first = (await house.client.get("/api/registry/audit?limit=1", headers=house.regulator)).json()
    assert await lines(f"?limit=1&cursor={first['next']}") == ["set password by link"]
    head = (await house.client.get("/api/registry/audit/head", headers=house.regulator)).json()
    assert head == {"number": 3, "hash": first["items"][0]["hash"]}
