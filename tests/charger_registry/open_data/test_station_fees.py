"""A station with fees of its own: they precede its site's everywhere the public looks, and what was posted stays on record."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from charger_registry.drafts import Filing, SiteDraft, StationDraft
from tests.charger_registry.open_data.world import SITES, World, bearer

OWN = "/api/registry/sites/a/stations/a1/prices"
DEAR = {"bands": [{"begin": "00:00", "end": "24:00", "energy_per_kwh": "1.5", "service_per_kwh": "0.8"}]}


async def post(world: World, price: dict[str, Any], address: str = OWN) -> None:
    answer = await world.client.post(address, json=price, headers=bearer("regulator"))
    assert answer.status_code == 201, answer.text
    await world.consumer.catch_up()


async def energy(world: World, address: str, **query: str) -> list[tuple[str | None, str]]:
    found = (await world.client.get(address, params=query)).json()["items"]
    return [(one["station_id"], one["bands"][-1]["energy_per_kwh"]) for one in found]


async def test_its_own_fees_precede_the_sites(world: World) -> None:
    before = world.clock.now()
    assert await energy(world, OWN) == [(None, "0.9000")]
    world.clock.advance(timedelta(hours=1))
    await post(world, DEAR)
    assert await energy(world, OWN) == [("a1", "1.5000")]
    assert await energy(world, OWN, at=before.isoformat()) == [(None, "0.9000")], "history is kept"
    assert await energy(world, "/api/registry/sites/a/stations/a2/prices") == [(None, "0.9000")]
    assert await energy(world, "/api/registry/sites/a/prices") == [(None, "0.9000")], "the site's stay"


async def test_the_public_is_shown_them(world: World) -> None:
    await post(world, DEAR)
    assert "电费 1.50，服务费 0.80" in (await world.client.get("/stations/a1")).text
    page = (await world.client.get("/sites/a")).text
    assert "现在 2.30 元/度" in page and "有的充电桩费用不同" in page
    table = (await world.client.get("/api/public/connectors.csv")).text
    assert ["1.5" in line for line in table.splitlines() if ",a1," in line] == [True, True]
    assert ["1.5" in line for line in table.splitlines() if ",a2," in line] == [False]
    token = await world.token()
    location = (await world.ocpi("/2.2.1/locations/a", token)).json()["data"]
    tariffs = {evse["physical_reference"]: evse["connectors"][0]["tariff_ids"] for evse in location["evses"]}
    told = {one["id"]: one for one in (await world.ocpi("/2.2.1/tariffs", token)).json()["data"]}
    prices = {
        station: [told[n]["elements"][0]["price_components"][0]["price"] for n in numbers]
        for station, numbers in tariffs.items()
    }
    assert prices == {"a1": [2.3], "a2": [0.55]}


async def test_they_end_and_stay_on_record(world: World) -> None:
    await post(world, DEAR)
    world.clock.advance(timedelta(hours=1))
    for _ in range(2):
        assert (await world.client.delete(OWN, headers=bearer("regulator"))).status_code == 204
    assert await energy(world, OWN) == [(None, "0.9000")]
    await post(world, DEAR)
    record = "/api/registry/sites/a/price-postings"
    postings = (await world.client.get(record, params={"station_id": "a1"})).json()["items"]
    assert [one["valid_until"] is None for one in postings] == [True, False]
    assert await energy(world, record) == [(None, "0.9000")]
    actions = await world.pool.fetch("SELECT before, after FROM audit.trail WHERE action = 'post fees' ORDER BY number")
    assert [(row["before"]["price"] is None, row["after"]["price"] is None) for row in actions] == [
        (True, False), (False, True), (True, False),
    ]  # fmt: skip


async def test_they_go_with_the_station(world: World) -> None:
    await post(world, DEAR)
    moved = SiteDraft("b", None, 121.43, 29.31, stations=(StationDraft("a1"),), whole=False)
    await world.file(Filing(sites=(replace(SITES[0], stations=SITES[0].stations and SITES[0].stations[1:]), moved)))
    assert await energy(world, "/api/registry/sites/b/stations/a1/prices") == [("a1", "1.5000")]
    assert (await world.client.get(OWN)).status_code == 404
    await post(world, {**DEAR, "idle_text": "占位费"}, "/api/registry/sites/b/stations/a1/prices")
    assert await world.pool.fetchval("SELECT count(*) FROM registry.price_posting WHERE station_id = 'a1'") == 2


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"bands": "08:00-24:00 1 0.5"}, "08:00"),
        ({"bands": "24:00"}, "没有写费用"),
        ({"bands": ""}, "没有写费用"),
        ({"bands": "00:00-24:00 one"}, "bands"),
    ],
)
async def test_a_form_that_says_no_fees_is_told_why(shared_world: World, form: dict[str, str], reason: str) -> None:
    address = "/registry/sites/a/stations/a1/fees"
    answer = await shared_world.client.post(
        address, data=form, headers={**bearer("regulator"), "Accept-Language": "zh"}
    )
    assert answer.status_code == 422
    assert reason in answer.text
    assert form["bands"] in answer.text, "what was typed stays"


async def test_a_person_posts_and_ends_them(world: World) -> None:
    address, regulator = "/registry/sites/a/stations/a1/fees", bearer("regulator")
    form = {"bands": "00:00-08:00 0.5 0.2；08:00－24:00 1.1 0.4", "parking_text": "免费"}
    assert (await world.client.post(address, data=form, headers=regulator)).status_code == 303
    page = (await world.client.get(address, headers={**regulator, "Accept-Language": "zh"})).text
    assert "本桩单独定价" in page and "1.1000" in page and "免费" in page
    assert (await world.client.post(f"{address}/end", headers=regulator)).status_code == 303
    assert "按场站费用" in (await world.client.get(address, headers={**regulator, "Accept-Language": "zh"})).text
