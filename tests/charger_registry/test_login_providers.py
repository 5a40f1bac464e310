"""Logging in with another's word: a real provider on a socket, a browser between, a real PostgreSQL."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import rsa

from charger_registry import store
from charger_registry.login.desk import Login
from charger_registry.login.pages import login_pages
from charger_registry.pages import TEMPLATES
from charger_registry.people.account_pages import Account, account_pages
from charger_registry.people.delegations.desk import Delegations
from charger_registry.people.desk import PeopleDesk
from charger_registry.people.passwords import Passwords
from charger_registry.people.provider_pages import provider_pages
from charger_registry.people.providers import Provider, ProviderClient, read_providers
from charger_registry.people.second_factors.desk import SecondFactors
from charger_registry.people.second_factors.totp import code_of, step_at
from tests.charger_registry.login_provider import CLIENT, SECRET, LoginProvider, login_provider
from youguan.auth import Principal, TokenVerifier, generate_keys
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Invalid
from youguan.parts import Parts
from youguan.settings import Settings
from youguan.web.application import application
from youguan.web.security import SESSION_COOKIE
from youguan.web.templates import Templates

PRIVATE, PUBLIC = generate_keys()
PASSWORD = "county of eighteen"
CHIEF = Principal("chief", "chief", frozenset({"regulator"}), None, None, "t", "c", datetime.now(UTC))


class Browser:
    """A browser that goes where it is sent, at us and at the provider."""

    def __init__(self, ours: httpx.AsyncClient, provider: LoginProvider, clock: ManualClock, desk: PeopleDesk) -> None:
        self.desk = desk
        self.ours = ours
        self.provider = provider
        self.clock = clock

    async def log_in(self) -> None:
        done = await self.ours.post("/login", data={"username": "li", "password": PASSWORD})
        assert done.status_code in (200, 303)  # 200: asks for a code

    async def come_back(self, path: str) -> str:
        """Go to the provider by an address of ours; return where it sends the browser back to."""
        sent = await self.ours.get(path)
        assert sent.status_code == 303, sent.text
        async with httpx.AsyncClient(trust_env=False) as theirs:
            return (await theirs.get(sent.headers["location"])).headers["location"]

    async def through(self, path: str) -> httpx.Response:
        """Go to the provider and come back."""
        return await self.ours.get(await self.come_back(path))

    async def link(self, path: str) -> str:
        """Return where the button of one's account page leads, that links the account with a provider."""
        page = unescape((await self.ours.get("/account")).text)
        return next(part.split('"')[0] for part in page.split('href="') if part.startswith(f"{path}?link="))

    async def linked(self) -> None:
        """Link the account of li with whom the provider knows, and log out."""
        await self.log_in()
        done = await self.through(await self.link("/login/with/oidc"))
        assert (done.status_code, done.headers["location"]) == (303, "/account?done=linked"), done.text
        self.ours.cookies.clear()

    def code(self, secret: str) -> str:
        """Return the next code of a second factor."""
        self.clock.advance(timedelta(seconds=30))
        return code_of(base64.b32decode(secret), step_at(self.clock.now()))

    def who(self) -> str | None:
        token = self.ours.cookies.get(SESSION_COOKIE)
        return TokenVerifier(PUBLIC).verify(token).subject if token else None


@pytest.fixture
async def browser(database_url: str) -> AsyncIterator[Browser]:
    settings = Settings(
        database_url=database_url, token_private_key=PRIVATE, token_public_key=PUBLIC, login_secret="s" * 32
    )
    clock, templates = ManualClock(datetime.now(UTC) - timedelta(minutes=20)), Templates(TEMPLATES)
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    async with login_provider() as provider, await create_pool(database_url) as pool:
        provider.clock = clock
        async with pool.acquire() as connection:
            person = ("li", "李", passwords.hash(PASSWORD), ["inspector"], None, None, False)
            await store.save_person(connection, person)
        given: dict[str, Any] = {"client_id": CLIENT, "client_secret": SECRET}
        addresses = {f"{name}_url": f"{provider.issuer}/{path}" for name, path in (
            ("authorize", "authorize"), ("token", "token"), ("userinfo", "userinfo"),
        )}  # fmt: skip
        client = ProviderClient(
            (
                Provider(id="oidc", name="县统一身份", issuer=provider.issuer, **given),
                Provider(id="oauth", name="政务登录", subject="accountId", **addresses, **given),
                Provider(id="strong", name="政务强认证", issuer=provider.issuer, strong=True, **given),
                Provider(id="away", name="Away", issuer="http://127.0.0.1:9", **given),
            )
        )
        factors, delegations = SecondFactors(pool, clock, settings.login_secret), Delegations(pool, clock)
        login, desk = Login(pool, settings, clock, passwords, factors), PeopleDesk(pool, passwords, clock)
        providers = tuple(client.providers.values())
        pages = [
            login_pages(login, desk, templates, settings, providers),
            account_pages(Account(login, factors, delegations, templates, providers), settings),
            provider_pages(login, client, templates, settings, clock),
        ]
        transport = httpx.ASGITransport(application([Parts("login", pages=pages)], settings, pool))
        async with httpx.AsyncClient(transport=transport, base_url="http://suite.example") as ours:
            yield Browser(ours, provider, clock, desk)


async def test_who_is_linked_logs_in_with_the_providers_word(browser: Browser) -> None:
    assert "县统一身份" in (await browser.ours.get("/login")).text
    stranger = await browser.through("/login/with/oidc")
    assert (stranger.status_code, browser.who()) == (401, None)
    await browser.linked()
    done = await browser.through("/login/with/oidc?next=/tasks")
    assert (done.status_code, done.headers["location"], browser.who()) == (303, "/tasks", "li")
    assert "已关联" in (await browser.ours.get("/account")).text
    browser.ours.cookies.delete(SESSION_COOKIE)
    browser.provider.who = "u-2"
    assert (await browser.through("/login/with/oidc")).status_code == 401


async def with_factor(browser: Browser) -> str:
    """Turn a second factor of li on; return its secret."""
    await browser.log_in()
    csrf = {"csrf": TokenVerifier(PUBLIC).verify(browser.ours.cookies[SESSION_COOKIE]).csrf}
    setup = await browser.ours.post("/account/second-factor", data=csrf)
    secret = setup.text.split('<code id="secret">')[1].split("<")[0]
    confirmed = await browser.ours.post("/account/second-factor/confirm", data={**csrf, "code": browser.code(secret)})
    assert confirmed.status_code == 200, confirmed.text
    browser.ours.cookies.clear()
    return secret


async def test_a_providers_word_is_no_second_factor_unless_it_is_declared_strong(browser: Browser) -> None:
    await browser.linked()
    secret = await with_factor(browser)
    asked = await browser.through("/login/with/oidc?next=/tasks")
    assert (asked.status_code, browser.who(), "验证码" in asked.text) == (200, None, True)
    ticket = asked.text.split('name="ticket" value="')[1].split('"')[0]
    form = {"ticket": ticket, "next": "/tasks"}
    assert (await browser.ours.post("/login/code", data={**form, "code": "000000"})).status_code == 401
    done = await browser.ours.post("/login/code", data={**form, "code": browser.code(secret)})
    assert (done.status_code, done.headers["location"], browser.who()) == (303, "/tasks", "li")
    browser.ours.cookies.clear()
    await browser.log_in()
    second = await browser.ours.post("/login/code", data={**form, "code": browser.code(secret)})
    assert second.status_code == 303
    assert (await browser.through(await browser.link("/login/with/strong"))).headers[
        "location"
    ] == "/account?done=linked"
    browser.ours.cookies.clear()
    assert ((await browser.through("/login/with/strong")).status_code, browser.who()) == (303, "li")


async def test_a_password_set_by_a_link_undoes_what_was_linked(browser: Browser) -> None:
    await browser.linked()
    link = await browser.desk.link(CHIEF, "li", "taken over")
    await browser.desk.use_link(link.secret, "another county of eighteen")
    assert ((await browser.through("/login/with/oidc")).status_code, browser.who()) == (401, None)


async def test_plain_oauth_names_a_person_by_the_member_that_is_configured(browser: Browser) -> None:
    await browser.log_in()
    assert (await browser.through(await browser.link("/login/with/oauth"))).status_code == 303
    browser.ours.cookies.clear()
    done = await browser.through("/login/with/oauth")
    assert (done.status_code, browser.who()) == (303, "li")
    assert set(browser.provider.shown) == {"client_secret_post"}


@pytest.mark.parametrize(
    ("told", "way"),
    [(None, "basic"), (["client_secret_post", "client_secret_basic"], "basic"), (["client_secret_post"], "post")],
)
async def test_the_secret_is_shown_in_the_way_that_the_provider_takes(
    browser: Browser, told: list[str] | None, way: str
) -> None:
    browser.provider.configured = {"token_endpoint_auth_methods_supported": told}
    await browser.linked()
    assert browser.provider.shown == [f"client_secret_{way}"]


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody else"}, {"iss": "https://elsewhere.example"}, {"nonce": "another login's"},
        {"aud": ["youguan", "somebody else"]}, {"aud": []}, {"aud": None}, {"azp": "somebody else"}, {"at_hash": "x"},
        {"exp": 1_700_000_000}, {"exp": None}, {"exp": "soon"}, {"nbf": 9_000_000_000}, {"iat": 9_000_000_000},
        {"sub": ""}, {"sub": None}, {"sub": True}, {"nonce": None},
    ],
)  # fmt: skip
async def test_a_token_that_is_not_for_this_login_lets_nobody_in(browser: Browser, claims: dict[str, Any]) -> None:
    await browser.linked()
    browser.provider.claims = claims
    done = await browser.through("/login/with/oidc")
    assert (done.status_code, browser.who()) == (401, None)


async def test_a_token_that_somebody_else_signed_lets_nobody_in(browser: Browser) -> None:
    await browser.linked()
    browser.provider.signing_key = rsa.generate_private_key(65537, 2048)
    assert ((await browser.through("/login/with/oidc")).status_code, browser.who()) == (401, None)


@pytest.mark.parametrize(
    ("algorithm", "key", "header"),
    [
        ("HS256", SECRET, {}), ("none", None, {}), ("RS256", None, {"kid": "two"}), ("RS256", None, {"crit": ["x"], "x": 1}),
        ("RS384", None, {}),
    ],
)  # fmt: skip
async def test_a_token_is_signed_with_a_key_of_the_provider(
    browser: Browser, algorithm: str, key: str | None, header: dict[str, Any]
) -> None:
    await browser.linked()
    browser.provider.algorithm, browser.provider.signing_key, browser.provider.header = algorithm, key, header
    assert ((await browser.through("/login/with/oidc")).status_code, browser.who()) == (401, None)


async def test_a_token_that_says_more_than_it_must_lets_in(browser: Browser) -> None:
    await browser.linked()
    browser.provider.claims = {"at_hash": "", "azp": CLIENT, "aud": [CLIENT], "amr": ["otp"]}
    browser.provider.header = {"typ": "JWT", "x5t": "abc"}
    assert ((await browser.through("/login/with/oidc")).status_code, browser.who()) == (303, "li")


async def test_only_the_browser_that_began_comes_back_once_and_soon(browser: Browser) -> None:
    await browser.linked()
    back = await browser.come_back("/login/with/oidc")
    errand = browser.ours.cookies["youguan_errand"]
    browser.ours.cookies.clear()
    assert (await browser.ours.get(back)).status_code == 401  # another browser
    browser.ours.cookies.set("youguan_errand", errand, path="/login/with")
    assert (await browser.ours.get(back.replace("state=", "state=x"))).status_code == 401
    browser.ours.cookies.set("youguan_errand", errand, path="/login/with")
    assert (await browser.ours.get(back.replace("/oidc/", "/oauth/"))).status_code == 401
    again = await browser.come_back("/login/with/oidc")
    assert (await browser.ours.get(again)).status_code == 303
    assert (await browser.ours.get(again)).status_code == 401
    late = await browser.come_back("/login/with/oidc")
    browser.clock.advance(timedelta(minutes=11))
    assert (await browser.ours.get(late)).status_code == 401


async def test_linking_is_for_whoever_began_it(browser: Browser) -> None:
    browser.ours.headers["accept"] = "application/json"
    assert (await browser.ours.get("/login/with/oidc?link=x")).status_code == 401
    await browser.log_in()
    back = await browser.come_back(await browser.link("/login/with/oidc"))
    browser.ours.cookies.delete(SESSION_COOKIE)
    assert (await browser.ours.get(back)).status_code == 401
    assert (await browser.through("/login/with/oidc")).status_code == 401


async def test_no_other_page_begins_a_link(browser: Browser) -> None:
    """Who is lured to the address, and logged in at the provider as somebody else, links nothing."""
    browser.ours.headers["accept"] = "application/json"
    await browser.log_in()
    own = await browser.link("/login/with/oidc")
    for address in ("/login/with/oidc?link=true", "/login/with/oidc?link=x", own[:-4]):
        assert (await browser.ours.get(address)).status_code == 401
    browser.clock.advance(timedelta(minutes=11))
    assert (await browser.ours.get(own)).status_code == 401


async def test_a_link_is_taken_back_and_nothing_is_linked_twice(browser: Browser) -> None:
    await browser.linked()
    await browser.log_in()
    again = (await browser.link("/login/with/strong")).replace("strong", "oidc")
    assert (await browser.through(again)).status_code == 409
    csrf = TokenVerifier(PUBLIC).verify(browser.ours.cookies[SESSION_COOKIE]).csrf
    assert (await browser.ours.post("/account/unlink", data={"provider": "oidc", "csrf": csrf})).status_code == 303
    browser.ours.cookies.clear()
    assert (await browser.through("/login/with/oidc")).status_code == 401


async def test_a_provider_that_is_away_is_said(browser: Browser) -> None:
    browser.ours.headers["accept"] = "application/json"
    assert (await browser.ours.get("/login/with/away")).status_code == 503
    assert (await browser.ours.get("/login/with/nobody")).status_code == 404
    for wrong in (
        {"authorization_endpoint": None},
        {"token_endpoint": "http://elsewhere.example"},
        {"jwks_uri": 1},
        {"jwks_uri": "https://[x"},
    ):
        browser.provider.configured = wrong
        assert (await browser.ours.get("/login/with/oidc")).status_code == 503, wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", None),
        ('[[provider]]\nid="a"\nname="A"\nclient_id="c"\nclient_secret="s"\nissuer="https://x.example"', None),
        ('[[provider]]\nid="a"\nname="A"\nclient_id="c"\nclient_secret="s"\nissuer="http://x.example"', "not https"),
        ('[[provider]]\nid="a"\nname="A"\nclient_id="c"\nclient_secret="s"', "either issuer"),
        (
            '[[provider]]\nid="a"\nname="A"\nclient_id="c"\nclient_secret="s"\ntoken_url="https://x.example"',
            "either issuer",
        ),
        (
            '[[provider]]\nid="a"\nname="A"\nclient_id="c"\nclient_secret="s"\nissuer="https://x.example"\nmore=1',
            "more",
        ),
        ("[[provider", "providers.toml"),
    ],
)
def test_a_file_of_providers_is_read_or_refused(tmp_path: Path, text: str, wrong: str | None) -> None:
    file = tmp_path / "providers.toml"
    file.write_text(text)
    if wrong is None:
        assert len(read_providers(file)) == (1 if text else 0)
    else:
        with pytest.raises(Invalid, match=wrong):
            read_providers(file)
