"""What is somebody's own: for each who may ask, whether he is shown it; the addresses are those that need no login."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft, StationDraft
from tests.charger_registry.open_data.world import LONG_AGO, PRICE, PRIVATE, World, world_at
from youguan import bounds
from youguan.auth import TokenIssuer

TOWN, ELSEWHERE = "330226001", "330226002"
SITE = SiteDraft(
    "own", "自用站", 121.425, 29.288, address="自家车库", division_code=TOWN, usage="private", price=PRICE,
    stations=(StationDraft("own-1", 1, 7_000, "AC"),),
)  # fmt: skip
ROLES = {"manager": "mine", "builder": "built", "property_manager": "house"}
ADDRESSES = (
    "/sites/own", "/api/public/sites/own", "/api/registry/sites/own", "/api/registry/sites/own/responsibilities",
    "/api/registry/sites/own/prices", "/api/registry/sites/own/price-postings",
    "/api/registry/sites/own/stations/own-1/prices", "/api/registry/site-photos/own",
)  # fmt: skip
WHO: dict[str, tuple[dict[str, Any] | None, bool]] = {
    "nobody": (None, False),
    "a stranger's operator": ({"roles": "operator", "organisation_id": "other"}, False),
    "its manager": ({"roles": "operator", "organisation_id": "mine"}, True),
    "its builder": ({"roles": "operator", "organisation_id": "built"}, True),
    "its property manager": ({"roles": "operator", "organisation_id": "house"}, True),
    "the county's regulator": ({"roles": "regulator"}, True),
    "the town's regulator": ({"roles": "regulator", "division": TOWN}, True),
    "another town's regulator": ({"roles": "regulator", "division": ELSEWHERE}, False),
    "the town's inspector": ({"roles": "inspector", "division": TOWN}, True),
    "another town's inspector": ({"roles": "inspector", "division": ELSEWHERE}, False),
}


@pytest.fixture(scope="module")
async def owned(shared_database_url: str) -> AsyncIterator[World]:
    async with world_at(shared_database_url) as world:
        organisations = tuple(OrganisationDraft(name, name) for name in (*ROLES.values(), "other"))
        roles = tuple(RoleDraft("own", role, who, LONG_AGO) for role, who in ROLES.items())
        await world.file(Filing(sites=(SITE,), organisations=organisations, roles=roles))
        await bounds.consumer(world.pool).catch_up()
        await world.say("own-1", "available")
        yield world


def asking(who: dict[str, Any] | None) -> dict[str, str]:
    if who is None:
        return {}
    members = {"organisation_id": None, "division": None, **who, "roles": frozenset({who["roles"]})}
    token = TokenIssuer(PRIVATE, timedelta(hours=1)).issue(subject="p", name="P", now=datetime.now(UTC), **members)
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("who", WHO)
async def test_who_is_shown_what_is_somebodys_own(owned: World, who: str) -> None:
    members, shown = WHO[who]
    told = {path: (await owned.client.get(path, headers=asking(members))).status_code for path in ADDRESSES}
    assert told == dict.fromkeys(ADDRESSES, 200 if shown else 404)
    station = (await owned.client.get("/stations/own-1", headers=asking(members))).text
    assert ("自家车库" in station, "自用站" in station, "报告问题" in station) == (shown, shown, True)
    listed = (await owned.client.get("/api/registry/sites", headers=asking(members))).json()["items"]
    assert ("own" in {site["id"] for site in listed}) == shown
    stands = (await owned.client.get("/api/registry/stations?site=own", headers=asking(members))).json()["items"]
    assert [station["id"] for station in stands] == (["own-1"] if shown else [])


async def test_those_who_are_shown_it_see_what_a_public_site_tells(owned: World) -> None:
    headers = asking({"roles": "operator", "organisation_id": "mine"})
    answer = await owned.client.get("/api/public/sites/own", headers=headers)
    assert answer.headers["cache-control"] == "private, no-store"
    site = answer.json()
    assert (site["name"], site["usage"], len(site["price"]["bands"])) == ("自用站", "private", 2)
    assert [(evse["station_id"], evse["status"]) for evse in site["evses"]] == [("own-1", "available")]
    assert "前两小时免费" in (await owned.client.get("/sites/own", headers=headers)).text


async def test_no_list_of_the_public_holds_it(owned: World) -> None:
    regulator = asking({"roles": "regulator"})
    for path in ("/api/public/sites", "/api/public/evses", "/api/public/sites.geojson", "/"):
        assert "自用站" not in (await owned.client.get(path, headers=regulator)).text, path
