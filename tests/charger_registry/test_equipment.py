"""What stands at a site, on a real PostgreSQL: what a draft does not say stays, and each field remembers who said it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from charger_registry import store
from charger_registry.drafts import (
    ConnectorDraft,
    Filing,
    MeterDraft,
    PriceBand,
    PriceDraft,
    SiteDraft,
    SourceDraft,
    StationDraft,
)
from charger_registry.equipment.opening_hours import OpeningHours, Period, as_osm, from_json, read
from charger_registry.equipment.rereading import read_again
from charger_registry.equipment.taking_in.store import write_station
from charger_registry.fees.store import price_of, prices
from charger_registry.provenance.store import provenance
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Invalid

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
PRICE = PriceDraft(bands=(PriceBand("00:00", "24:00", "0.6500", "0.3000"),), idle_text="充满后收占位费")
GUNS = (
    ConnectorDraft(
        1, 1, type="GBT_DC", power_w=120_000, cec_connector_id="00000000000000000000000101", evse_id="CN*A*E1"
    ),
    ConnectorDraft(101, 1, type="CHAOJI", power_w=240_000),
)
SITE = SiteDraft(
    "s", "场站", 121.4, 29.3, address="某路 1 号", help_phone="400-1", operator_code="395815801", cec_station_id="001",
    stations=(
        StationDraft("s-1", power_w=240_000, current_type="DC", model="M1", connector_files=GUNS,
                     meters=(MeterDraft(0, "0012", verification_due_on=date(2027, 1, 1)),)),
        StationDraft("s-2", connectors=2),
    ),
    price=PRICE,
)  # fmt: skip


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


async def file(pool: asyncpg.Pool, site: SiteDraft, source: str, at: datetime = NOW) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await store.file_all(connection, Filing(sites=(site,), source=SourceDraft("import", source, "me")), at)


async def connectors(pool: asyncpg.Pool) -> dict[str, list[tuple[int, int, str | None]]]:
    async with pool.acquire() as connection:
        rows = await store.list_stations(connection, managed=None, site_id="s", after=None, limit=10)
    return {
        row["id"]: [(c["connector"], c["evse"], c["cec_connector_id"]) for c in row["connector_files"]] for row in rows
    }


async def test_a_station_has_the_connectors_that_are_told_or_counted(pool: asyncpg.Pool) -> None:
    await file(pool, SITE, "a.csv")
    assert await connectors(pool) == {
        "s-1": [(1, 1, "00000000000000000000000101"), (101, 1, None)],
        "s-2": [(1, 1, None), (2, 2, None)],
    }
    assert await pool.fetch("SELECT * FROM registry.evse ORDER BY 1, 2") == [
        ("s-1", 1, "CN*A*E1", None), ("s-2", 1, None, None), ("s-2", 2, None, None),
    ]  # fmt: skip
    fewer = (StationDraft("s-1", connector_files=GUNS[:1]), StationDraft("s-2", connectors=1))
    await file(pool, replace(SITE, stations=fewer), "b.csv")
    assert await connectors(pool) == {"s-1": [(1, 1, "00000000000000000000000101")], "s-2": [(1, 1, None)]}
    assert await pool.fetchval("SELECT count(*) FROM registry.evse") == 2


async def test_what_a_draft_does_not_say_stays(pool: asyncpg.Pool) -> None:
    await file(pool, SITE, "a.csv")
    await file(pool, SiteDraft("s", None, 121.4, 29.3, stations=(StationDraft("s-1"),), whole=False), "b.csv", LATER)
    site = await pool.fetchrow("SELECT * FROM registry.site")
    assert (site["name"], site["address"], site["help_phone"]) == ("场站", "某路 1 号", "400-1")
    station = await pool.fetchrow("SELECT * FROM registry.station WHERE id = 's-1'")
    assert (station["power_w"], station["model"], station["connectors"]) == (240_000, "M1", 2)
    assert await pool.fetchval("SELECT count(*) FROM registry.station WHERE retired_at IS NULL") == 2
    assert await pool.fetchrow("SELECT serial_number, verification_due_on FROM registry.meter") == (
        "0012",
        date(2027, 1, 1),
    )


async def test_each_field_remembers_who_said_it_last(pool: asyncpg.Pool) -> None:
    await file(pool, SITE, "a.csv")
    await file(pool, replace(SITE, help_phone="400-2"), "b.csv", LATER)
    async with pool.acquire() as connection:
        told = await provenance(connection, "s")
    site, gun, evse, meter = (
        {row["field"]: row["name"] for row in told if (row["kind"], row["subject"]) == thing}
        for thing in (("site", "s"), ("connector", "s-1/1"), ("evse", "s-1/1"), ("meter", "s-1/0"))
    )
    assert (site["help_phone"], site["name"], site["longitude"]) == ("b.csv", "a.csv", "a.csv")
    assert (gun["type"], gun["cec_connector_id"]) == ("a.csv", "a.csv")
    assert "guide" not in site, "nobody said it"
    assert (evse, meter) == ({"evse_id": "a.csv"}, {"serial_number": "a.csv", "verification_due_on": "a.csv"})
    assert site["price"] == "a.csv", "the second file says the same fees"


async def test_what_a_person_writes_of_a_station_is_remembered_and_what_he_clears(pool: asyncpg.Pool) -> None:
    await file(pool, SITE, "a.csv")
    gun = replace(GUNS[0], evse_id=None, bay="B1")
    meter = MeterDraft(0, "0013", verification_due_on=date(2027, 1, 1))
    draft = StationDraft("s-1", 1, 240_000, "DC", model="M1", connector_files=(gun,), meters=(meter,))
    who = SourceDraft("person", "王工", "w")
    async with pool.acquire() as connection, connection.transaction():
        await write_station(connection, "s", draft, who, LATER)
        told = await provenance(connection, "s", "s-1")
    by = {(row["kind"], row["subject"], row["field"]): row["name"] for row in told}
    assert {thing for thing, name in by.items() if name == "王工"} == {
        ("station", "s-1", "connectors"), ("evse", "s-1/1", "evse_id"), ("evse", "s-1/1", "bay"),
        ("meter", "s-1/0", "serial_number"),
    }  # fmt: skip
    assert by["meter", "s-1/0", "verification_due_on"] == by["connector", "s-1/1", "type"] == "a.csv"


async def test_fees_are_posted_once_and_the_older_end(pool: asyncpg.Pool) -> None:
    await file(pool, SITE, "a.csv")
    await file(pool, SITE, "a.csv", LATER)
    dearer = replace(PRICE, bands=(PriceBand("00:00", "24:00", "0.9500", "0.3000"),))
    await file(pool, replace(SITE, price=dearer), "b.csv", LATER)
    async with pool.acquire() as connection:
        found = [price_of(row) for at in (NOW, LATER) for row in await prices(connection, ["s"], at)]
    assert found == [PRICE, dearer]
    assert await pool.fetchval("SELECT count(*) FROM registry.price_posting") == 2


async def test_the_codes_are_told_to_the_other_services(pool: asyncpg.Pool) -> None:
    await file(pool, SITE, "a.csv")
    told: dict[str, Any] = await pool.fetchval("SELECT payload FROM eventlog.event WHERE type = 'SiteFiled'")
    assert (told["operator_code"], told["cec_station_id"]) == ("395815801", "001")
    first = told["stations"][0]
    assert first["connector_files"] == [{"connector": 1, "cec_connector_id": "00000000000000000000000101"}]


async def test_what_a_site_is_and_asks_is_told_to_the_other_services(pool: asyncpg.Pool) -> None:
    known = replace(SITE, usage="taxi", construction="residential", bays=12, opening_hours=OpeningHours(always=True))
    bands = (PriceBand("08:00", "24:00", "0.6500"), PriceBand("00:00", "08:00", "0.6500"))
    posted = replace(PRICE, bands=bands, service_text="含在电费内", parking_text="免费")
    await file(pool, replace(known, price=posted), "a.csv")
    await file(pool, replace(SITE, id="t", cec_station_id="002", stations=(), price=None), "a.csv")
    told: dict[str, Any] = await pool.fetchval(
        "SELECT payload FROM eventlog.event WHERE type = 'SiteFiled' ORDER BY serial LIMIT 1"
    )
    names = (
        "usage",
        "construction",
        "standing",
        "bays",
        "opening_hours",
        "help_phone",
        "energy_fee",
        "service_fee",
        "parking_fee",
    )
    assert [told[name] for name in names] == [
        "taxi", "residential", None, 12, "24/7", "400-1", "00:00-24:00 0.6500 CNY/kWh", "含在电费内", "免费",
    ]  # fmt: skip
    told_bands = [(band["begin"], band["end"], band["energy_per_kwh"]) for band in told["fee_bands"]]
    assert told_bands == [("00:00", "08:00", "0.6500"), ("08:00", "24:00", "0.6500")]
    other = await pool.fetchval("SELECT payload FROM eventlog.event WHERE payload ->> 'site_id' = 't'")
    assert [other.get(name) for name in names] == [None] * 5 + ["400-1"] + [None] * 3


async def test_two_sites_cannot_bear_one_code_of_an_operator(pool: asyncpg.Pool) -> None:
    await file(pool, SITE, "a.csv")
    with pytest.raises(asyncpg.UniqueViolationError):
        await file(pool, replace(SITE, id="t", stations=()), "a.csv")


async def test_hours_that_an_older_version_did_not_understand_are_read_again(pool: asyncpg.Pool) -> None:
    texts = {"s": "工作日 8点至22点，周末全天", "t": "问门卫", "u": ""}
    structured = OpeningHours(periods=(Period(1, "08:00", "12:00"),))
    for site_id, text in texts.items():
        hours = OpeningHours(text=text) if text else structured
        await file(pool, SiteDraft(site_id, site_id, 121.4, 29.3, opening_hours=hours), "a.csv")
    assert await read_again(pool, ManualClock(LATER)) == ["s"]
    filed = {row["id"]: from_json(row["opening_hours"]) for row in await pool.fetch("SELECT * FROM registry.site")}
    assert filed == {"s": read(texts["s"]), "t": OpeningHours(text="问门卫"), "u": structured}
    assert filed["s"] is not None and as_osm(filed["s"]) == "Mo-Fr 08:00-22:00; Sa-Su 00:00-24:00"
    async with pool.acquire() as connection:
        said = {row["field"]: row["name"] for row in await provenance(connection, "s")}
    assert said["opening_hours"] == "a.csv", "who wrote it stays"
    assert await read_again(pool, ManualClock(LATER)) == []


async def test_a_code_of_an_operator_is_one_connectors(pool: asyncpg.Pool) -> None:
    await file(pool, SITE, "a.csv")
    twin = StationDraft("t-1", 1, 7000, "AC", connector_files=(replace(GUNS[0], evse_id=None),))
    other = SiteDraft("t", "别家", 121.5, 29.3, operator_code="123456789", stations=(twin,))
    await file(pool, other, "b.csv")
    with pytest.raises(Invalid, match="at operator 395815801, connector 1 of station s-1"):
        await file(pool, replace(other, operator_code="395815801"), "c.csv")
    second = StationDraft("s-2", 1, 7000, "AC", connector_files=(replace(GUNS[0], evse_id=None),))
    who = SourceDraft("person", "王工", "w")
    async with pool.acquire() as connection:
        with pytest.raises(Invalid, match="connector 1 at station s-2"):
            async with connection.transaction():
                await write_station(connection, "s", second, who, LATER)
        async with connection.transaction():
            await write_station(connection, "s", replace(second, connector_files=(ConnectorDraft(1, 1),)), who, LATER)
