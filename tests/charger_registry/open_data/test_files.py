"""The files for everybody, read by others' readers: the same facts in each, nothing that a spreadsheet would run."""

import csv
import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from charger_registry.drafts import Filing
from charger_registry.equipment.opening_hours import OpeningHours, Period
from charger_registry.open_data.columns import DANGEROUS, bands_text, harmless, hours_text
from charger_registry.open_data.downloads import KINDS
from charger_registry.open_data.published import Band
from tests.charger_registry.open_data.world import SITES, World
from youguan.clock import utc_text

NAMES = pytest.mark.parametrize("name", list(KINDS))


def table(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def sheet(answer: httpx.Response, number: int) -> list[dict[str, str]]:
    """Return a sheet of a workbook as Excel's format has it."""
    space = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        page = ElementTree.fromstring(packed.read(f"xl/worksheets/sheet{number}.xml"))
    assert page.find(".//x:f", space) is None  # a formula
    rows: list[dict[str, str]] = []
    for row in page.iterfind(".//x:row", space):
        cells = {}
        for cell in row.iterfind("x:c", space):
            column = cell.get("r", "").rstrip("0123456789")
            cells[column] = "".join(cell.itertext())
        rows.append(cells)
    names = rows[0]
    return [{name: row.get(column, "") for column, name in names.items()} for row in rows[1:]]


async def get(world: World, name: str, **headers: str) -> httpx.Response:
    return await world.client.get(f"/api/public/{name}", headers={k.replace("_", "-"): v for k, v in headers.items()})


async def test_a_row_for_each_connector(world: World) -> None:
    await world.say("a2", "charging")
    answer = await get(world, "connectors.csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.headers["content-disposition"] == 'attachment; filename="youguan-connectors.csv"'
    rows = {(row["station_id"], row["connector"]): row for row in table(answer)}
    assert list(rows) == [("a1", "1"), ("a1", "2"), ("a2", "1"), ("b1", "1"), ("桩/1", "1")]
    row = rows["a2", "1"]
    now = utc_text(world.clock.now())
    expected = {
        "site_id": "a", "site_name": "甲站", "address": "跃龙街道示例路1号", "division_code": "330226001",
        "division_name": "跃龙街道", "longitude": "121.425679", "latitude": "29.2881", "position": "unverified", "usage": "public",
        "construction": "roadside", "operator_name": "甲充运营公司", "operator_uscc": "91330226MA2AAAAA0X",
        "operator_code": "395815801", "owner_name": "国资公司", "owner_uscc": "91330226MA2BBBBB0X",
        "help_phone": "400-000-1234", "opening_hours": "24/7", "bays": "5", "accessible_bays": "2", "parking": "free",
        "parking_rules": "燃油车勿停", "guide": "从东门进，地下一层", "renewable": "true", "station_id": "a2",
        "station_power_w": "40000", "evse": "1", "evse_uid": "a2*1", "evse_id": "CN*ABC*E1", "bay": "B1", "connector": "1",
        "connector_type": "GBT_AC", "format": "SOCKET", "current_type": "AC", "power_w": "40000", "voltage_v": "380",
        "current_a": "63", "currency": "CNY", "energy_per_kwh": "00:00-08:00 0.3000; 08:00-24:00 0.9000",
        "service_per_kwh": "00:00-08:00 0.2500; 08:00-24:00 0.3000", "fees_in_words": "前两小时免费; 充满后每分钟0.5元",
        "status": "charging", "status_since": now, "updated_at": now,
    }  # fmt: skip
    assert row == expected
    assert rows["b1", "1"]["opening_hours"] == "Mo-Fr 08:00-24:00; Sa-Su off"
    assert rows["桩/1", "1"]["operator_name"] == ""


async def test_a_row_for_each_site(world: World) -> None:
    await world.say("a1", "available")
    first, second, third = table(await get(world, "sites.csv"))
    counted = ("stations", "evses", "connectors", "connector_types", "current_types", "power_w", "available", "unknown")
    assert [first[name] for name in counted] == ["2", "3", "3", "GBT_AC", "AC DC", "120000", "1", "2"]
    assert second["fees_in_words"] == "1.2元/度; 见现场公示"
    assert third["site_name"] == "'=丙站"  # what a spreadsheet would take for a formula


async def test_the_workbook_says_what_the_tables_say(world: World) -> None:
    await world.say("a1", "faulted")
    book = await get(world, "open-data.xlsx")
    for number, name in ((2, "sites.csv"), (3, "connectors.csv")):
        told, plain = sheet(book, number), table(await get(world, name))
        assert len(told) == len(plain) > 0
        for row, other in zip(told, plain, strict=True):
            expected = {name: value.removeprefix("'") for name, value in other.items()}
            assert row == expected | {"renewable": {"true": "1", "false": "0", "": ""}[other["renewable"]]}
    about = {row["publisher"]: row for row in sheet(book, 1)}
    assert "licence" in about


async def test_a_feature_for_each_site(world: World) -> None:
    answer = await get(world, "open-data.geojson")
    found = json.loads(answer.content)
    assert answer.headers["content-type"] == "application/geo+json"
    assert [feature["id"] for feature in found["features"]] == ["a", "b", "丙"]
    first = found["features"][0]
    assert first["geometry"] == {"type": "Point", "coordinates": [121.425679, 29.2881]}
    assert first["properties"] == (await world.client.get("/api/public/sites/a")).json()


@NAMES
async def test_a_file_that_did_not_change_is_not_sent_again(world: World, name: str) -> None:
    first = await get(world, name)
    assert first.headers["cache-control"] == "public, max-age=60"
    world.clock.advance(timedelta(minutes=5))
    for condition in ({"if_none_match": first.headers["etag"]}, {"if_modified_since": first.headers["last-modified"]}):
        again = await get(world, name, **condition)
        assert (again.status_code, again.content) == (304, b"")
    await world.say("b1", "available")
    changed = await get(world, name, if_none_match=first.headers["etag"])
    assert (changed.status_code, changed.content != first.content) == (200, True)
    assert changed.headers["etag"] != first.headers["etag"]
    assert parsedate_to_datetime(changed.headers["last-modified"]) > parsedate_to_datetime(
        first.headers["last-modified"]
    )


@NAMES
async def test_a_file_is_made_at_most_once_a_minute(world: World, name: str) -> None:
    first = await get(world, name)
    world.clock.advance(timedelta(seconds=59))
    await world.say("b1", "available")
    assert (await get(world, name)).content == first.content
    world.clock.advance(timedelta(seconds=1))
    assert (await get(world, name)).content != first.content


async def test_what_is_gone_is_in_no_file(world: World) -> None:
    await world.file(
        Filing(
            sites=(replace(SITES[0], stations=SITES[0].stations and SITES[0].stations[:1]),), retired_site_ids=("b",)
        )
    )
    assert {row["station_id"] for row in table(await get(world, "connectors.csv"))} == {"a1", "桩/1"}
    assert {row["site_id"] for row in table(await get(world, "sites.csv"))} == {"a", "丙"}


@pytest.mark.parametrize("first", DANGEROUS)
def test_no_text_is_a_formula(first: str) -> None:
    assert harmless(f"{first}1+1") == f"'{first}1+1"


@pytest.mark.parametrize("value", ["1=1", "", "甲", -1, 1.5, None])
def test_what_is_harmless_stays(value: Any) -> None:
    assert harmless(value) == value


def test_hours_as_openstreetmap_writes_them() -> None:
    def hours(*periods: tuple[int, str, str]) -> OpeningHours:
        return OpeningHours(text="自己看", periods=tuple(Period(*period) for period in periods))

    weekdays = [(day, "08:00", "22:00") for day in range(1, 6)]
    assert hours_text(hours(*weekdays, (6, "09:00", "12:00"), (6, "13:00", "18:00"))) == (
        "Mo-Fr 08:00-22:00; Sa 09:00-12:00,13:00-18:00; Su off"
    )
    assert (
        hours_text(hours((1, "08:00", "12:00"), (3, "08:00", "12:00")))
        == "Mo 08:00-12:00; Tu off; We 08:00-12:00; Th-Su off"
    )
    assert hours_text(hours()) == "自己看"
    assert hours_text(None) is None


def test_bands_say_only_what_is_known() -> None:
    bands = [Band(begin="00:00", end="24:00", energy_per_kwh="1.0", service_per_kwh=None)]
    assert bands_text(bands, lambda band: band.energy_per_kwh) == "00:00-24:00 1.0"
    assert bands_text(bands, lambda band: band.service_per_kwh) is None
