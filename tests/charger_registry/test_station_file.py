"""The file of a station as a person writes it, over HTTP and in the browser; and meters whose verification is due."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from alerts.engine import Engine
from charger_registry import store
from charger_registry.drafts import (
    ConnectorDraft,
    Filing,
    MeterDraft,
    OrganisationDraft,
    RoleDraft,
    SiteDraft,
    StationDraft,
)
from charger_registry.equipment.meters.watch import tell_what_is_due
from charger_registry.equipment.station_file import StationFileIn, station_draft
from charger_registry.service import compose
from youguan import audit, bounds
from youguan.auth import TokenIssuer, generate_keys
from youguan.clock import ManualClock, county_day
from youguan.database import create_pool
from youguan.errors import Invalid
from youguan.settings import Settings
from youguan.web.application import application
from youguan.web.paging import encode_cursor

PRIVATE, PUBLIC = generate_keys()
NOW = datetime.now(UTC) + timedelta(hours=1)
TODAY, DAY = county_day(NOW), timedelta(days=1)
GUN = ConnectorDraft(1, 1, type="GBT_DC", cec_connector_id="0001", bay="B1", evse_id="CN*A*E1")
ADDRESS = "/api/registry/sites/1/stations/s1/file"
PAGE = "/registry/sites/1/stations/s1"
FORM = {
    "name": "东侧一号", "power_kw": "62.5", "current_type": "DC", "vendor": "ACME", "connectors[0].connector": "1",
    "connectors[0].evse": "1", "connectors[0].type": "GBT_DC", "connectors[0].power_kw": "60", "connectors[1].connector": "2",
    "connectors[1].evse": "2", "connectors[1].bay": "B2", "connectors[2].connector": "", "connectors[2].evse": "3",
    "meters[0].connector": "0", "meters[0].serial_number": "0012", "meters[0].verification_due_on": "2030-01-01",
    "meters[1].connector": "0",
}  # fmt: skip


def file(**changes: Any) -> StationFileIn:
    usual: dict[str, Any] = {"power_w": 7000, "current_type": "AC", "connectors": [{"connector": 1, "evse": 1}]}
    return StationFileIn.model_validate({**usual, **changes})


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"connectors": [{"connector": 1, "evse": 1}] * 2}, "connectors[1].connector", "is here twice"),
        ({"connectors": [{"connector": 1, "evse": 1, "type": "SCHUKO?"}]}, "connectors[0].type",
         "is no kind of connector that we know"),
        ({"connectors": [{"connector": n, "evse": n, "evse_id": "E"} for n in (1, 2)]}, "connectors[1].evse_id",
         "is another EVSE's"),
        ({"meters": [{"connector": 2}]}, "meters[0].connector", "is no connector of this station"),
        ({"meters": [{}, {}]}, "meters[1].connector", "is here twice"),
        ({"meters": [{"verified_on": "2026-01-02", "verification_due_on": "2026-01-02"}]}, "meters[0].verification_due_on",
         "must lie after the day of verification"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_named(changes: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        station_draft("s", file(**changes))
    assert [(wrong.field, wrong.reason) for wrong in refused.value.fields] == [(field, reason)]


def headers(role: str, organisation: str | None = None) -> dict[str, str]:
    token = TokenIssuer(PRIVATE, timedelta(days=300)).issue(
        subject=role, name=role, roles=frozenset({role}), organisation_id=organisation, division=None,
        now=datetime.now(UTC),
    )  # fmt: skip
    return {"Authorization": f"Bearer {token}"}


OWN, OTHER = headers("operator", "m"), headers("operator", "n")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A site with one station, one connector and a meter that is due in forty days."""
    meter = MeterDraft(0, "0012", verification_due_on=TODAY + 100 * DAY)
    station = StationDraft("s1", 1, 60_000, "DC", connector_files=(GUN,), meters=(meter,))
    site = SiteDraft("1", "一", 121.4, 29.3, division_code="330226001", stations=(station,))
    organisations = tuple(OrganisationDraft(name, name) for name in "mn")
    async with await create_pool(database_url) as pool:
        async with pool.acquire() as connection, connection.transaction():
            roles = (RoleDraft("1", "manager", "m", NOW - 9 * DAY),)
            await store.file_all(connection, Filing((site,), organisations, roles), NOW)
        await bounds.consumer(pool).catch_up()
        yield pool


@pytest.fixture
async def client(pool: asyncpg.Pool, database_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(database_url=database_url, token_public_key=PUBLIC, data_dir=tmp_path)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(compose(settings, ManualClock(NOW)))
        transport = httpx.ASGITransport(application([parts], settings, pool), raise_app_exceptions=False)
        yield await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://suite.example"))


async def test_the_file_is_read_and_written_whole(client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    said = (await client.get(ADDRESS, headers=OWN)).json()
    assert (said["id"], said["connectors"][0]["cec_connector_id"], said["meters"][0]["serial_number"]) == (
        "s1",
        "0001",
        "0012",
    )
    del said["id"]
    assert (await client.put(ADDRESS, json=said, headers=OWN)).status_code == 204
    assert await pool.fetchval("SELECT count(*) FROM audit.trail") == 0, "nothing has changed"
    said["connectors"][0]["bay"] = None
    said["connectors"].append({"connector": 2, "evse": 1, "type": "CHAOJI"})
    said |= {"meters": [], "vendor": "ACME"}
    assert (await client.put(ADDRESS, json=said, headers=OWN)).status_code == 204
    written = (await client.get(ADDRESS, headers=OWN)).json()
    assert [(c["connector"], c["evse"], c["evse_id"], c["bay"]) for c in written["connectors"]] == [
        (1, 1, "CN*A*E1", None), (2, 1, "CN*A*E1", None),
    ]  # fmt: skip
    assert (written["vendor"], written["meters"]) == ("ACME", [])
    told = await pool.fetchval(
        "SELECT payload FROM eventlog.event WHERE type = 'SiteFiled' ORDER BY serial DESC LIMIT 1"
    )
    assert told["stations"][0]["connectors"] == 2
    source = await pool.fetchval("SELECT kind FROM registry.source ORDER BY id DESC LIMIT 1")
    assert source == "person"
    async with pool.acquire() as connection:
        assert await audit.verify(connection) is None


async def test_who_may_and_what_is_refused(client: httpx.AsyncClient) -> None:
    body = file().model_dump(mode="json")
    assert (await client.put(ADDRESS, json=body, headers=OTHER)).status_code == 404
    assert (await client.put(ADDRESS, json=body, headers=headers("inspector"))).status_code == 403
    assert (await client.put(ADDRESS.replace("s1", "s9"), json=body, headers=OWN)).status_code == 404
    refused: tuple[dict[str, Any], ...] = (
        {"connectors": []},
        {"power_w": 0},
        {"made_on": "yesterday"},
        {"colour": "red"},
    )
    for wrong in refused:
        answer = await client.put(ADDRESS, json={**body, **wrong}, headers=OWN)
        assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, next(iter(wrong)))


async def test_an_operator_does_it_in_the_browser(client: httpx.AsyncClient) -> None:
    page = await client.get(PAGE, headers=OWN)
    assert (page.status_code, 'value="CN*A*E1"' in page.text) == (200, True)
    assert PAGE in (await client.get("/registry/sites/1/equipment", headers=OWN)).text
    assert (await client.post(PAGE, data=FORM, headers=OWN)).status_code == 303
    said = (await client.get(ADDRESS, headers=OWN)).json()
    assert (said["name"], said["power_w"]) == ("东侧一号", 62_500)
    assert [(c["connector"], c["power_w"], c["bay"]) for c in said["connectors"]] == [
        (1, 60_000, None),
        (2, None, "B2"),
    ]
    assert [(m["serial_number"], m["verification_due_on"]) for m in said["meters"]] == [("0012", "2030-01-01")]
    wrong = await client.post(PAGE, data={**FORM, "connectors[1].connector": "1", "name": "留着"}, headers=OWN)
    assert (wrong.status_code, "充电枪 2 枪号：重复" in wrong.text, "留着" in wrong.text) == (422, True, True)
    wrong = await client.post(PAGE, data={**FORM, "power_kw": "viel"}, headers=OWN)
    assert (wrong.status_code, "功率 kW：不是数字" in wrong.text) == (422, True)
    for beyond in ("1e999999", "1e300000", "NaN", "-1"):
        assert (await client.post(PAGE, data={**FORM, "power_kw": beyond}, headers=OWN)).status_code == 422
    cursor = encode_cursor("no day", "1", 1)
    assert (await client.get(f"/registry/meters?cursor={cursor}", headers=OWN)).status_code == 422


async def test_a_meter_that_is_due_is_told_once_and_is_over_when_it_was_verified(pool: asyncpg.Pool) -> None:
    clock, engine = ManualClock(NOW), Engine(pool, ManualClock(NOW))

    async def after(days: int) -> list[tuple[str, str]]:
        clock.advance(days * DAY)
        for _ in range(2):
            async with pool.acquire() as connection, connection.transaction():
                await tell_what_is_due(connection, clock)
        await engine.consumer().catch_up()
        rows = await pool.fetch("SELECT rule, state FROM alerts.alert WHERE rule ^@ 'meter' ORDER BY raised_at, rule")
        return [(row["rule"], row["state"]) for row in rows]

    due, overdue = "meter_verification_due", "meter_verification_overdue"
    assert await after(39) == []
    assert await after(1) == [(due, "firing")]
    assert sorted(await after(61)) == [(due, "resolved"), (overdue, "firing")]
    told = await pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'MeterVerificationDue' ORDER BY serial")
    assert [row["payload"]["overdue"] for row in told] == [False, True]
    await pool.execute("UPDATE registry.meter SET verification_due_on = $1", date(2099, 1, 1))
    assert sorted(await after(0)) == [(due, "resolved"), (overdue, "resolved")]
    await pool.execute("UPDATE registry.meter SET verification_due_on = $1", TODAY)
    assert sorted(await after(0))[1:] == [(overdue, "firing"), (overdue, "resolved")]
    await pool.execute("UPDATE registry.station SET retired_at = $1", NOW)
    assert sorted(await after(0))[1:] == [(overdue, "resolved"), (overdue, "resolved")]
