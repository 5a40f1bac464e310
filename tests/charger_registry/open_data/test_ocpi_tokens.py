"""Who may read over OCPI: tokens are shown once, kept as a hash, exchanged by registration, and end when somebody ends them."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from charger_registry.open_data.tokens.desk import tokens_in
from tests.charger_registry.open_data.schemas import CREDENTIALS, envelope, faults
from tests.charger_registry.open_data.world import World, bearer, shown

ADDRESS = "/api/registry/ocpi-tokens"
INTRODUCTION = {
    "token": "theirs-for-us", "url": "https://maps.example/ocpi/versions", "extra": True,
    "roles": [{"role": "NSP", "business_details": {"name": "Maps"}, "party_id": "map", "country_code": "cn"}],
}  # fmt: skip
READ = "/2.2.1/locations"


async def credentials(world: World, method: str, token: str, body: Any = INTRODUCTION) -> httpx.Response:
    return await world.client.request(
        method, "/api/ocpi/2.2.1/credentials", headers=shown(token), json=body if method in ("POST", "PUT") else None
    )


async def tokens(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await world.client.get(ADDRESS, headers=bearer("regulator"))).json()["items"]
    return found


async def trail(world: World) -> list[tuple[str, str]]:
    rows = await world.pool.fetch("SELECT action, actor FROM audit.trail ORDER BY number")
    return [(row["action"], row["actor"]) for row in rows]


def test_what_a_header_can_mean() -> None:
    assert tokens_in("Token ZXhhbXBsZS10b2tlbgo=") == [
        "example-token",
        "ZXhhbXBsZS10b2tlbgo=",
    ]  # the specification's own
    assert tokens_in("token not-base-64") == ["not-base-64"]
    assert tokens_in("Token /w==") == ["/w=="]  # Base64 of what is no text
    assert tokens_in("Bearer x") == tokens_in("Token ") == tokens_in("") == []


async def test_a_token_is_shown_once_and_nowhere_kept(world: World) -> None:
    token = await world.token()
    (listed,) = await tokens(world)
    assert (listed["party"], listed["purpose"], listed["reason"]) == ("地图公司", "access", "同意开放数据")
    assert token not in str(listed)
    for table in ("registry.ocpi_token", "audit.trail", "eventlog.event"):
        assert not await world.pool.fetchval(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0", token)
    assert await trail(world) == [("issue OCPI token", "p")]


@pytest.mark.parametrize("header", [None, "", "Token ", "Token ZXhhbXBsZS10b2tlbgo=", "Bearer x", "Token \u00e9"])
async def test_without_a_token_that_holds_nothing_is_read(shared_world: World, header: str | None) -> None:
    headers = httpx.Headers() if header is None else httpx.Headers({"Authorization": header}, encoding="latin-1")
    for path in ("/versions", "/2.2.1", READ, "/2.2.1/locations/a", "/2.3.0/credentials"):
        answer = await shared_world.client.get(f"/api/ocpi{path}", headers=headers)
        assert answer.status_code == 401, path
        if header != "Bearer x":  # which is refused at the door, before anybody knows that OCPI is meant
            assert faults(envelope(None), answer.json()) == []
            assert answer.json()["status_code"] == 2000


async def test_a_name_that_is_no_text_is_refused(world: World) -> None:
    role = {"role": "NSP", "business_details": {"name": "Ma\x00ps"}, "party_id": "map", "country_code": "cn"}
    answer = await credentials(world, "POST", await world.token(), {**INTRODUCTION, "roles": [role]})
    assert (answer.status_code, answer.json()["status_code"]) == (200, 2001)


async def test_older_clients_show_the_token_itself(shared_world: World) -> None:
    answer = await shared_world.client.get(
        f"/api/ocpi{READ}", headers={"Authorization": f"Token {await shared_world.token()}"}
    )
    assert answer.json()["status_code"] == 1000


async def test_a_revoked_token_reads_no_more(world: World) -> None:
    token, other = await world.token(), await world.token()
    listed = await tokens(world)
    revoke = f"{ADDRESS}/{listed[1]['id']}/revoke"
    done = await world.client.post(revoke, json={"reason": "abused"}, headers=bearer("regulator"))
    assert done.status_code == 204
    assert (await world.ocpi(READ, token)).status_code == 401
    assert (await world.ocpi(READ, other)).status_code == 200
    again = await world.client.post(revoke, json={"reason": "abused"}, headers=bearer("regulator"))
    assert again.status_code == 404
    assert (await tokens(world))[1]["ended_by"] == "p"
    assert (await trail(world))[-1] == ("revoke OCPI token", "p")


async def test_when_it_was_used_last_is_noted_once_a_minute(world: World) -> None:
    token, used = await world.token(), []
    for seconds in (0, 30, 31):
        world.clock.advance(timedelta(seconds=seconds))
        assert (await world.ocpi(READ, token)).status_code == 200
        used.append((await tokens(world))[0]["used_at"])
    assert used[0] == used[1] != used[2]


async def test_a_registration_ends_in_a_token_that_reads(world: World) -> None:
    first = await world.token("registration")
    assert (await world.ocpi("/versions", first)).status_code == 200
    assert (await world.ocpi(READ, first)).status_code == 401  # it leads to another token and no further
    assert (await credentials(world, "PUT", first)).status_code == 405
    assert (await credentials(world, "DELETE", first)).status_code == 405
    made = await credentials(world, "POST", first)
    assert faults(envelope(CREDENTIALS), made.json()) == []
    second = made.json()["data"]["token"]
    assert (await world.ocpi("/versions", first)).status_code == 401
    assert (await world.ocpi(READ, second)).status_code == 200
    assert (await credentials(world, "POST", second)).status_code == 405
    shown_again = (await credentials(world, "GET", second)).json()
    assert faults(envelope(CREDENTIALS), shown_again) == []
    assert shown_again["data"]["token"] == second
    third = (await credentials(world, "PUT", second)).json()["data"]["token"]
    assert (await world.ocpi(READ, second)).status_code == 401
    assert (await credentials(world, "DELETE", third)).json()["status_code"] == 1000
    assert (await world.ocpi(READ, third)).status_code == 401
    newest = (await tokens(world))[0]
    assert (newest["party"], newest["country_code"], newest["party_id"]) == ("Maps", "CN", "MAP")
    assert await trail(world) == [
        ("issue OCPI token", "p"), ("exchange OCPI token", "ocpi:地图公司"), ("exchange OCPI token", "ocpi:Maps"),
        ("unregister from OCPI", "ocpi:Maps"),
    ]  # fmt: skip
    for table in ("registry.ocpi_token", "audit.trail"):  # what they would be asked with is not ours to keep
        assert not await world.pool.fetchval(
            f"SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0", INTRODUCTION["token"]
        )


async def test_of_two_who_exchange_a_token_at_once_one_wins(world: World) -> None:
    token = await world.token("registration")
    answers = await asyncio.gather(*(credentials(world, "POST", token) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    assert len([one for one in await tokens(world) if one["ended_at"] is None]) == 1


@pytest.mark.parametrize(
    ("body", "http", "named"),
    [(b"{", 400, "not JSON"), (b"[]", 200, ""), (b"{}", 200, "token"),
     (b'{"token": "t", "url": "https://x.example", "roles": []}', 200, "roles")],
)  # fmt: skip
async def test_an_introduction_that_is_none_changes_nothing(
    shared_world: World, body: bytes, http: int, named: str
) -> None:
    token = await shared_world.token("registration")
    answer = await shared_world.client.post("/api/ocpi/2.2.1/credentials", headers=shown(token), content=body)
    assert (answer.status_code, answer.json()["status_code"]) == (http, 2001)
    assert named in answer.json()["status_message"]
    assert (await shared_world.ocpi("/versions", token)).status_code == 200


@pytest.mark.parametrize("role", ["operator", "inspector", "reviewer"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ADDRESS), ("POST", ADDRESS), ("POST", f"{ADDRESS}/1/revoke"), ("GET", "/registry/ocpi-tokens"),
     ("POST", "/registry/ocpi-tokens"), ("POST", "/registry/ocpi-tokens/1/revoke")],
)  # fmt: skip
async def test_tokens_are_the_regulators(shared_world: World, role: str, method: str, path: str) -> None:
    answer = await shared_world.client.request(
        method, path, json={"reason": "x"} if method == "POST" else None, headers=bearer(role)
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("language", "once", "revoked"),
    [("zh", "令牌只显示这一次", "已终止"), ("en", "The token is shown this once", "ended")],
)
async def test_the_page(world: World, language: str, once: str, revoked: str) -> None:
    headers, address = bearer("regulator") | {"Accept-Language": language}, "/registry/ocpi-tokens"
    form = {"party": "<b>Maps", "purpose": "access", "reason": "because"}
    made = await world.client.post(address, data=form, headers=headers)
    assert once in made.text
    assert "&lt;b&gt;Maps" in made.text
    token = made.text.partition('<code id="token">')[2].partition("<")[0]
    assert (await world.ocpi(READ, token)).status_code == 200
    assert token not in (await world.client.get(address, headers=headers)).text
    (listed,) = await tokens(world)
    done = await world.client.post(f"{address}/{listed['id']}/revoke", data={"reason": "abused"}, headers=headers)
    assert (done.status_code, done.headers["location"]) == (303, address)
    assert revoked in (await world.client.get(address, headers=headers)).text
    again = await world.client.post(f"{address}/{listed['id']}/revoke", data={"reason": "abused"}, headers=headers)
    assert (again.status_code, 'role="alert"' in again.text) == (404, True)
