"""OCPI as a client meets it: every answer by the specification's tables, pages that add up, times that move with the data."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from charger_registry.drafts import Filing, PriceBand, PriceDraft, SiteDraft, StationDraft
from charger_registry.open_data.published import public_id
from tests.charger_registry.open_data.schemas import DETAILS, VERSIONS, envelope, faults, location, several, tariff
from tests.charger_registry.open_data.world import SITES, World, shown
from youguan.clock import utc_text
from youguan.events import FilingMoved

BOTH = pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
LATER = timedelta(minutes=5)


def data_of(answer: httpx.Response) -> Any:
    assert (answer.status_code, answer.json()["status_code"]) == (200, 1000), answer.text
    return answer.json()["data"]


async def by_id(world: World, token: str, version: str = "2.2.1", **query: str) -> dict[str, dict[str, Any]]:
    found = data_of(await world.ocpi(f"/{version}/locations", token, **query))
    return {one["id"]: one for one in found}


async def test_versions_lead_to_the_locations(shared_world: World) -> None:
    token = await shared_world.token()
    answer = await shared_world.ocpi("/versions", token)
    assert faults(envelope(VERSIONS), answer.json()) == []
    assert {one["version"] for one in data_of(answer)} == {"2.2.1", "2.3.0"}
    for one in data_of(answer):
        details = await shared_world.client.get(one["url"], headers=shown(token))
        assert faults(envelope(DETAILS), details.json()) == []
        assert data_of(details)["version"] == one["version"]
        (locations,) = [e for e in data_of(details)["endpoints"] if e["identifier"] == "locations"]
        assert locations["role"] == "SENDER"
        assert len(data_of(await shared_world.client.get(locations["url"], headers=shown(token)))) == 3


@BOTH
async def test_every_member_is_the_specifications(world: World, version: str) -> None:
    await world.say("a1", "charging")
    answer = await world.ocpi(f"/{version}/locations", await world.token())
    assert faults(envelope(several(location(version))), answer.json()) == []
    a, _, third = data_of(answer)
    assert {name: a[name] for name in ("country_code", "party_id", "id", "name", "city", "operator", "owner")} == {
        "country_code": "CN", "party_id": "YGN", "id": "a", "name": "甲站", "city": "跃龙街道",
        "operator": {"name": "甲充运营公司"}, "owner": {"name": "国资公司"},
    }  # fmt: skip
    assert a["coordinates"] == {"latitude": "29.288100", "longitude": "121.425679"}
    assert [(e["uid"], e["status"]) for e in a["evses"]] == [
        ("a1*1", "CHARGING"), ("a1*2", "UNKNOWN"), ("a2*1", "UNKNOWN"),
    ]  # fmt: skip
    assert "operator" not in third  # nobody manages it
    assert third["id"] != "丙"  # which no CiString can hold
    assert third["evses"][0]["uid"].isascii()


@pytest.mark.parametrize(
    ("condition", "status"),
    [("available", "AVAILABLE"), ("occupied", "CHARGING"), ("charging", "CHARGING"), ("reserved", "RESERVED"),
     ("unavailable", "INOPERATIVE"), ("faulted", "OUTOFORDER")],
)  # fmt: skip
async def test_what_a_connector_says_is_the_status_until_its_station_falls_silent(
    world: World, condition: str, status: str
) -> None:
    token = await world.token()
    await world.say("b1", condition)
    assert (await by_id(world, token))["b"]["evses"][0]["status"] == status
    await world.fall_silent("b1")
    assert (await by_id(world, token))["b"]["evses"][0]["status"] == "UNKNOWN"


@pytest.mark.parametrize("state", ["accepted", "suspended"])
async def test_where_nothing_is_in_operation_nobody_can_charge(world: World, state: str) -> None:
    token = await world.token()
    await world.say("b1", "available")
    await world.pool.execute(
        """
        INSERT INTO registry.filing (id, channel, organisation_id, site_id, state, name, division_code, content, created_at,
                                     created_by, moved_at)
        VALUES ('f', 'online', 'm', 'b', $1, '乙站', '330226002', '{}', now(), 'x', now())
        """,
        state,
    )
    at, moved = world.clock.now(), "in_operation"
    told: dict[str, Any] = {"filing_id": "f", "number": None, "site_id": "b", "organisation_id": "m", "at": at}
    await world.tell(FilingMoved(previous=moved, state=state, **told))
    assert (await by_id(world, token))["b"]["evses"][0]["status"] == "INOPERATIVE"
    counts = await world.pool.fetchrow("SELECT available, unavailable FROM registry.live_site WHERE site_id = 'b'")
    assert tuple(counts) == (0, 1)
    page = (await world.client.get("/sites/b")).text
    assert ("这个场站目前未在运营" in page, "停用" in page) == (True, True)
    await world.pool.execute("UPDATE registry.filing SET state = 'in_operation'")
    await world.tell(FilingMoved(previous=state, state=moved, **told))
    assert (await by_id(world, token))["b"]["evses"][0]["status"] == "AVAILABLE"
    assert "这个场站目前未在运营" not in (await world.client.get("/sites/b")).text


async def test_times_move_with_what_changes_and_with_nothing_else(world: World) -> None:
    token = await world.token()
    before = await by_id(world, token)
    world.clock.advance(LATER)
    await world.say("a1", "available", connector=2)
    after, now = await by_id(world, token), utc_text(world.clock.now())
    assert (after["a"]["last_updated"], after["b"]) == (now, before["b"])
    first, second, other = after["a"]["evses"]
    assert [first, other] == [before["a"]["evses"][0], before["a"]["evses"][2]]
    assert second["last_updated"] == now
    assert second["connectors"] == before["a"]["evses"][1]["connectors"]  # its own data did not change
    world.clock.advance(LATER)
    await world.say("a1", "available", connector=2)  # says the same again
    assert await by_id(world, token) == after


async def test_a_change_of_a_connector_reaches_its_evse_and_location(world: World) -> None:
    token = await world.token()
    before = (await by_id(world, token))["a"]
    world.clock.advance(LATER)
    stronger = replace(SITES[0], stations=(StationDraft("a1", 2, 120_000, "DC"), StationDraft("a2", None, 42_000)))
    await world.file(Filing(sites=(stronger,)))
    after, now = (await by_id(world, token))["a"], utc_text(world.clock.now())
    assert [after["evses"][n]["last_updated"] for n in range(3)] == [before["last_updated"]] * 2 + [now]
    changed = after["evses"][2]["connectors"][0]
    assert (changed["last_updated"], changed["max_electric_power"], after["last_updated"]) == (now, 42_000, now)


async def test_a_site_with_all_that_can_be_filed(world: World) -> None:
    token = await world.token()
    older, newer = [(await by_id(world, token, version))["a"] for version in ("2.2.1", "2.3.0")]
    (price,) = data_of(await world.ocpi("/2.3.0/tariffs", token))
    for found in (older, newer):
        assert found["opening_times"] == {"twentyfourseven": True}
        assert found["energy_mix"] == {"is_green_energy": True}
        assert found["parking_type"] == "ON_STREET"
        assert found["directions"] == [{"language": "zh", "text": "从东门进，地下一层"}]
        evse = found["evses"][2]
        assert (evse["evse_id"], evse["physical_reference"]) == ("CN*ABC*E1", "a2")
        assert {name: evse["connectors"][0][name] for name in evse["connectors"][0] if name != "last_updated"} == {
            "id": "1", "standard": "GBT_AC", "format": "SOCKET", "power_type": "AC_3_PHASE", "max_voltage": 220,
            "max_amperage": 63, "max_electric_power": 40_000, "tariff_ids": [price["id"]],
        }  # fmt: skip
    assert newer["help_phone"] == "400-000-1234"
    assert [(p["id"], p["vehicle_types"]) for p in newer["parking_places"]] == [
        ("A1", ["DISABLED"]), ("A2", ["DISABLED"]), ("P1", ["PERSONAL_VEHICLE"]), ("P2", ["PERSONAL_VEHICLE"]),
        ("P3", ["PERSONAL_VEHICLE"]),
    ]  # fmt: skip
    other = (await by_id(world, token, "2.3.0"))["b"]
    assert other["energy_mix"] == {"is_green_energy": False}
    assert other["opening_times"]["regular_hours"] == [
        {"weekday": day, "period_begin": "08:00", "period_end": "23:59"} for day in range(1, 6)
    ]
    assert "tariff_ids" not in other["evses"][0]["connectors"][0]  # words alone are no tariff


@BOTH
async def test_a_price_is_a_tariff_until_another_takes_its_place(world: World, version: str) -> None:
    token = await world.token()
    answer = await world.ocpi(f"/{version}/tariffs", token)
    assert faults(envelope(several(tariff(version))), answer.json()) == []
    assert (answer.headers["x-total-count"], "link" in answer.headers) == ("1", False)
    (first,) = data_of(answer)
    assert first["elements"] == [
        {"price_components": [{"type": "ENERGY", "price": 0.55, "step_size": 1}],
         "restrictions": {"start_time": "00:00", "end_time": "08:00"}},
        {"price_components": [{"type": "ENERGY", "price": 1.2, "step_size": 1}],
         "restrictions": {"start_time": "08:00", "end_time": "00:00"}},
    ]  # fmt: skip
    assert first["tariff_alt_text"] == [{"language": "zh", "text": "前两小时免费；充满后每分钟0.5元"}]
    assert (first["currency"], first.get("tax_included")) == ("CNY", "YES" if version == "2.3.0" else None)
    before = (await by_id(world, token, version))["a"]
    world.clock.advance(LATER)
    dearer = PriceDraft(bands=(PriceBand("00:00", "24:00", "1.5000"),))
    await world.file(Filing(sites=(replace(SITES[0], price=dearer),)))
    now = utc_text(world.clock.now())
    (second,) = data_of(await world.ocpi(f"/{version}/tariffs", token))
    assert second["elements"] == [{"price_components": [{"type": "ENERGY", "price": 1.5, "step_size": 1}]}]
    changes = data_of(await world.ocpi(f"/{version}/tariffs", token, date_from=now))
    assert {one["id"]: one.get("end_date_time") for one in changes} == {first["id"]: now, second["id"]: None}
    after = (await by_id(world, token, version))["a"]
    assert (after["last_updated"], before["evses"][0]["connectors"][0]["last_updated"] < now) == (now, True)
    evse = after["evses"][0]
    connector = evse["connectors"][0]
    assert (connector["tariff_ids"], connector["last_updated"], evse["last_updated"]) == ([second["id"]], now, now)


@pytest.mark.parametrize("usage", ["private", "unit"])
async def test_what_is_not_for_the_public_is_not_published(world: World, usage: str) -> None:
    token = await world.token()
    world.clock.advance(LATER)
    await world.file(Filing(sites=(replace(SITES[0], usage=usage), SiteDraft("z", "自家", 121, 29, usage=usage))))
    assert set(await by_id(world, token)) == {"b", public_id("丙")}
    (gone,) = (await by_id(world, token, date_from=utc_text(world.clock.now()))).values()
    assert {evse["status"] for evse in gone["evses"]} == {"REMOVED"}


async def test_what_was_removed_is_told_to_whoever_asks_for_changes(world: World) -> None:
    token = await world.token()
    world.clock.advance(LATER)
    fewer = replace(SITES[0], stations=(StationDraft("a1", 1, 120_000, "DC"),))
    await world.file(Filing(sites=(fewer,), retired_site_ids=("b",)))
    changes = await by_id(world, token, date_from=utc_text(world.clock.now()))
    assert {(s, e["uid"]): e["status"] for s, site in changes.items() for e in site["evses"]} == {
        ("a", "a1*1"): "UNKNOWN", ("a", "a1*2"): "REMOVED", ("a", "a2*1"): "REMOVED", ("b", "b1*1"): "REMOVED",
    }  # fmt: skip
    everything = await by_id(world, token)
    assert "b" not in everything
    assert [e["uid"] for e in everything["a"]["evses"]] == ["a1*1"]
    assert data_of(await world.ocpi("/2.2.1/locations/b", token))["evses"][0]["status"] == "REMOVED"


async def test_a_station_that_moves_gets_another_identifier(world: World) -> None:
    token = await world.token()
    world.clock.advance(LATER)
    moved = StationDraft("b1", 1, 22_000, "AC")
    await world.file(Filing(sites=(replace(SITES[0], stations=(moved,)), replace(SITES[1], stations=()))))
    changes = await by_id(world, token, date_from=utc_text(world.clock.now()))
    told = {e["uid"]: e["status"] for site in changes.values() for e in site["evses"]}
    assert told.pop("b1*1") == "REMOVED"
    assert told["a*b1*1"] == "UNKNOWN"


async def test_pages_add_up(shared_world: World) -> None:
    token = await shared_world.token()
    address, seen = "https://suite.example/api/ocpi/2.2.1/locations?limit=2", []
    while address:
        page = await shared_world.client.get(address, headers=shown(token))
        assert (page.headers["x-total-count"], page.headers["x-limit"]) == ("3", "50")
        seen.append([one["name"] for one in data_of(page)])
        address = page.links.get("next", {}).get("url", "")
    assert seen == [["甲站", "乙站"], ["=丙站"]]


async def test_the_next_page_keeps_the_filters(shared_world: World) -> None:
    since = utc_text(shared_world.clock.now())
    page = await shared_world.ocpi("/2.2.1/locations", await shared_world.token(), date_from=since, limit=1, offset=1)
    following = httpx.URL(page.links["next"]["url"])
    assert dict(following.params) == {"date_from": since, "offset": "2", "limit": "1"}
    assert following.path == "/api/ocpi/2.2.1/locations"


async def test_a_period_takes_its_beginning_in_and_leaves_its_end_out(world: World) -> None:
    token, first = await world.token(), world.clock.now()
    world.clock.advance(LATER)
    await world.say("b1", "available")
    second = world.clock.now()

    async def names(**query: str) -> set[str]:
        return set(await by_id(world, token, **query))

    assert "b" in await names(date_from=utc_text(second))
    assert "b" not in await names(date_from=utc_text(second + timedelta(milliseconds=1)))
    assert "b" not in await names(date_to=utc_text(second))
    assert "b" in await names(date_to=utc_text(second + timedelta(milliseconds=1)))
    assert "a" in await names(date_from=utc_text(first).removesuffix("Z"), date_to=utc_text(second))


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "-1"), ("limit", "many"), ("limit", "9" * 30), ("limit", "٣"), ("offset", "-1"),
     ("offset", "1.5"), ("date_from", "yesterday"), ("date_from", "2026-02-30T00:00:00Z"),
     ("date_from", "2026-01-01T00:00:00+08:00"), ("date_to", "2026-01-01"), ("date_to", "")],
)  # fmt: skip
async def test_what_is_no_page_is_named(shared_world: World, name: str, value: str) -> None:
    answer = await shared_world.ocpi("/2.2.1/locations", await shared_world.token(), **{name: value})
    assert faults(envelope(None), answer.json()) == []
    assert (answer.status_code, answer.json()["status_code"]) == (200, 2001)
    assert answer.json()["status_message"].startswith(name)


@BOTH
async def test_one_thing_alone_is_what_the_list_says(shared_world: World, version: str) -> None:
    token = await shared_world.token()
    for one in (await by_id(shared_world, token, version)).values():
        alone = f"/{version}/locations/{one['id']}"
        assert data_of(await shared_world.ocpi(alone, token)) == one
        for evse in one["evses"]:
            assert data_of(await shared_world.ocpi(f"{alone}/{evse['uid']}", token)) == evse
            (connector,) = evse["connectors"]
            assert data_of(await shared_world.ocpi(f"{alone}/{evse['uid']}/{connector['id']}", token)) == connector
    assert (
        data_of(await shared_world.ocpi(f"/{version}/locations/A/A1*1", token))["uid"] == "a1*1"
    )  # capitals do not matter


@pytest.mark.parametrize(
    ("path", "code"),
    [("/2.2.1/locations/nowhere", 2003), ("/2.2.1/locations/a/nothing", 2003), ("/2.2.1/locations/a/a1*1/9", 2003),
     ("/2.2.1/locations/%00", 2003), ("/2.1.1", 2000), ("/2.1.1/locations", 2000), ("/2.2.1/sessions", 2000)],
)  # fmt: skip
async def test_what_is_not_there(shared_world: World, path: str, code: int) -> None:
    answer = await shared_world.ocpi(path, await shared_world.token())
    assert faults(envelope(None), answer.json()) == []
    assert (answer.status_code, answer.json()["status_code"]) == (404, code)


async def test_another_method_is_refused_in_the_envelope(shared_world: World) -> None:
    answer = await shared_world.client.put(
        "/api/ocpi/2.2.1/locations/a", headers=shown(await shared_world.token()), json={}
    )
    assert answer.status_code == 405
    assert faults(envelope(None), answer.json()) == []


async def test_what_a_request_is_recognised_by_comes_back(shared_world: World) -> None:
    sent = {"X-Request-ID": "r1", "X-Correlation-ID": "c1", "OCPI-from-party-id": "MAP", "OCPI-from-country-code": "CN",
            "OCPI-to-party-id": "YGN", "OCPI-to-country-code": "CN"}  # fmt: skip
    answer = await shared_world.client.get(
        "/api/ocpi/2.2.1/locations", headers=sent | shown(await shared_world.token())
    )
    assert {name: answer.headers.get(name) for name in sent} == sent | {
        "OCPI-from-party-id": "YGN", "OCPI-to-party-id": "MAP",
    }  # fmt: skip
    for name in ("OCPI-to-party-id", "OCPI-to-country-code"):
        del sent[name]
    found = await shared_world.client.get("/api/ocpi/2.2.1/locations", headers=sent | shown(await shared_world.token()))
    routed = {name: text for name, text in found.headers.items() if name.startswith("ocpi-")}
    assert routed == {
        "ocpi-from-party-id": "YGN", "ocpi-from-country-code": "CN", "ocpi-to-party-id": "MAP", "ocpi-to-country-code": "CN",
    }, "who was not addressed says who it is"  # fmt: skip
    configuration = await shared_world.client.get(
        "/api/ocpi/versions", headers=sent | shown(await shared_world.token())
    )
    assert "ocpi-to-party-id" not in configuration.headers
