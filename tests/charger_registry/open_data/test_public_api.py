"""The public API: lists, filters, answers that are not sent twice, and readable from every page."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from charger_registry.drafts import Filing, SiteDraft, StationDraft
from tests.charger_registry.open_data.world import World

ADDRESSES = pytest.mark.parametrize("path", ["/sites", "/sites?limit=1", "/sites/a", "/evses", "/evses?site=a&limit=1"])


async def get(world: World, path: str, **headers: str) -> httpx.Response:
    return await world.client.get(f"/api/public{path}", headers={k.replace("_", "-"): v for k, v in headers.items()})


async def every(world: World, path: str, **query: Any) -> list[dict[str, Any]]:
    """Return the items of all pages."""
    found: list[dict[str, Any]] = []
    while True:
        answer = await world.client.get(f"/api/public{path}", params=query)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next"] is None:
            return found
        query["cursor"] = answer.json()["next"]


async def test_sites_with_what_holds_there(world: World) -> None:
    await world.say("a1", "available")
    a, b, third = await every(world, "/sites")
    assert (a["id"], a["evses"], a["statuses"]) == ("a", 3, {"available": 1, "unknown": 2})
    assert (a["operator"]["name"], a["help_phone"], a["price"]["currency"]) == ("甲充运营公司", "400-000-1234", "CNY")
    assert (b["id"], b["statuses"]) == ("b", {"unknown": 1})
    assert (third["id"], third["operator"], third["price"]) == ("丙", None, None)


async def test_pages_add_up(shared_world: World) -> None:
    for limit in (1, 2, 3, 1000):
        assert [site["id"] for site in await every(shared_world, "/sites", limit=limit)] == ["a", "b", "丙"]
        assert [(e["station_id"], e["evse"]) for e in await every(shared_world, "/evses", limit=limit)] == [
            ("a1", 1), ("a1", 2), ("a2", 1), ("b1", 1), ("桩/1", 1),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "sites", "evses"),
    [
        ({"division": "330226"}, {"a", "b"}, {"a1", "a2", "b1"}),
        ({"division": "330226002"}, {"b"}, {"b1"}),
        ({"q": "甲"}, {"a"}, {"a1", "a2"}),
        ({"q": "示例路2"}, {"b"}, {"b1"}),
        ({"connector_type": "GBT_AC"}, {"a"}, {"a2"}),
        ({"current_type": "DC"}, {"a", "丙"}, {"a1", "桩/1"}),
        ({"power_w": 60_000}, {"a", "丙"}, {"a1", "桩/1"}),
        ({"power_w": 60_001}, {"a"}, {"a1"}),
        ({"status": "charging"}, {"a"}, {"a2"}),
        ({"status": "charging", "current_type": "DC"}, set(), set()),  # one EVSE must fit in everything
    ],
)
async def test_filters(world: World, query: dict[str, Any], sites: set[str], evses: set[str]) -> None:
    await world.say("a2", "charging")
    assert {site["id"] for site in await every(world, "/sites", **query)} == sites
    assert {evse["station_id"] for evse in await every(world, "/evses", **query)} == evses


@pytest.mark.parametrize(
    "query", ["?power_w=-1", "?power_w=x", "?current_type=XC", "?status=broken", "?nothing=1", "?q=%00"]
)
async def test_what_cannot_be_asked_is_named(shared_world: World, query: str) -> None:
    for path in ("/sites", "/evses"):
        answer = await get(shared_world, path + query)
        assert answer.status_code == 422
        assert answer.json()["fields"]


async def test_one_site_with_all_of_its_evses(shared_world: World) -> None:
    found = (await get(shared_world, "/sites/a")).json()
    assert [evse["uid"] for evse in found["evses"]] == ["a1*1", "a1*2", "a2*1"]
    (connector,) = found["evses"][2]["connectors"]
    assert (connector["type"], connector["format"], connector["voltage_v"], connector["power_w"]) == (
        "GBT_AC", "SOCKET", 380, 40_000,
    )  # fmt: skip
    assert connector["price_id"] == found["price"]["id"]
    assert (await get(shared_world, "/sites/nowhere")).status_code == 404


@ADDRESSES
async def test_what_has_not_changed_is_not_sent_again(world: World, path: str) -> None:
    world.clock.advance(timedelta(minutes=1))
    first = await get(world, path)
    assert first.status_code == 200
    for condition in (
        {"if_none_match": first.headers["etag"]},
        {"if_none_match": f'"other", {first.headers["etag"].removeprefix("W/")}'},
        {"if_modified_since": first.headers["last-modified"]},
    ):
        again = await get(world, path, **condition)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    await world.say("a1", "available")
    world.clock.advance(timedelta(minutes=1))
    for condition in (
        {"if_none_match": first.headers["etag"]},
        {"if_modified_since": first.headers["last-modified"]},
        {"if_none_match": first.headers["etag"], "if_modified_since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ):
        assert (await get(world, path, **condition)).status_code == 200


@ADDRESSES
async def test_within_the_second_of_a_change_no_time_of_it_is_told(world: World, path: str) -> None:
    await world.say("a1", "available")
    assert "last-modified" not in (await get(world, path)).headers
    assert (await get(world, path, if_modified_since="Fri, 01 Jan 2100 00:00:00 GMT")).status_code == 200


async def test_what_is_recognised_is_the_answer_to_one_question(shared_world: World) -> None:
    etags = {
        (await get(shared_world, path)).headers["etag"] for path in ("/sites", "/sites?limit=1", "/sites/a", "/evses")
    }
    assert len(etags) == 4


@pytest.mark.parametrize("path", ["/sites", "/sites.csv", "/sites.geojson", "/sites/nowhere"])
async def test_pages_of_other_places_may_read_it(shared_world: World, path: str) -> None:
    answer = await get(shared_world, path, origin="https://maps.example")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    asked = {"Origin": "https://maps.example", "Access-Control-Request-Method": "GET",
             "Access-Control-Request-Headers": "if-none-match"}  # fmt: skip
    before = await shared_world.client.options(f"/api/public{path}", headers=asked)
    assert (before.status_code, before.headers["access-control-allow-origin"]) == (200, "*")
    refused = await shared_world.client.options(
        f"/api/public{path}", headers=asked | {"Access-Control-Request-Method": "DELETE"}
    )
    assert refused.status_code == 400


async def test_nothing_else_may_be_read_from_other_places(shared_world: World) -> None:
    for path in ("/api/registry/sites", "/api/ocpi/versions"):
        answer = await shared_world.client.get(path, headers={"Origin": "https://maps.example"})
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("language", "word"), [("zh", "开放数据"), ("en", "Open data")])
async def test_the_page_leads_to_every_file(shared_world: World, language: str, word: str) -> None:
    page = (await shared_world.client.get("/open-data", headers={"Accept-Language": language})).text
    assert f"<h1>{word}</h1>" in page
    for name in ("sites.csv", "connectors.csv", "open-data.xlsx", "open-data.geojson"):
        assert f'href="/api/public/{name}"' in page
    assert "CC BY 4.0" in page
    described = json.loads((await get(shared_world, "/openapi.json")).content)["paths"]
    assert {"/sites", "/sites/{site_id}", "/evses", "/open-data.xlsx"} <= described.keys()


async def test_a_site_without_connectors_is_not_listed(world: World) -> None:
    await world.file(Filing(sites=(SiteDraft("y", "空站", 121, 29),)))
    assert [site["id"] for site in await every(world, "/sites")] == ["a", "b", "丙"]
    await world.file(Filing(sites=(SiteDraft("y", "空站", 121, 29, stations=(StationDraft("y1"),)),)))
    assert "y" in [site["id"] for site in await every(world, "/sites")]
