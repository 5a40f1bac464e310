"""Imports, boundaries, duplicates and public facts through the real application on a real PostgreSQL."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from fastapi import UploadFile

from charger_registry import store
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft, StationDraft
from charger_registry.equipment.photos.desk import PhotoDesk
from charger_registry.imports.confined import ConfinedReader
from charger_registry.imports.desk import A_DAYS_IMPORTS, MOST_WAITING, ImportDesk
from charger_registry.ledger.handovers.desk import HandoverDesk
from charger_registry.ledger.handovers.handover import Command as Handover
from charger_registry.ledger.responsibility import Evidence
from charger_registry.service import compose
from deploy.demo.county import sample_county
from deploy.suite import COMPOSES
from tests.charger_registry.imports import samples
from tests.charger_registry.imports.samples import packed, xlsx
from tests.conftest import Server
from youguan import audit
from youguan.auth import Principal, TokenIssuer, generate_keys
from youguan.clock import ManualClock, SystemClock
from youguan.database import create_pool
from youguan.documents import Document, Shelf
from youguan.errors import Conflict, TooManyRequests
from youguan.parts import Parts
from youguan.quota import DOCUMENTS
from youguan.settings import Settings
from youguan.web.application import application

NOW = datetime.now(UTC)
PRIVATE, PUBLIC = generate_keys()
ADDRESS = "http://suite.example"
REGULATOR, OPERATOR, INSPECTOR = ("regulator", None), ("operator", "one"), ("inspector", None)
SITES = (
    SiteDraft(
        "1",
        "东门超市充电站",
        121.4,
        29.3,
        division_code="330226001",
        stations=(StationDraft("s1"),),
        help_phone="400-1",
    ),
    SiteDraft("2", "西门公园充电站", 121.5, 29.3, division_code="330226002", stations=(StationDraft("s2"),)),
)


def headers(who: tuple[str, str | None]) -> dict[str, str]:
    role, organisation = who
    token = TokenIssuer(PRIVATE, timedelta(hours=1)).issue(
        subject=role, name=role, roles=frozenset({role}), organisation_id=organisation, division=None, now=NOW
    )
    return {"Authorization": f"Bearer {token}"}


def principal(subject: str, division: str | None = None, organisation: str | None = None) -> Principal:
    roles = frozenset({"operator" if organisation else "regulator"})
    return Principal(subject, subject, roles, organisation, division, "", "", NOW)


@pytest.fixture
def composes() -> Sequence[Any]:
    """The registry alone; some tests say otherwise."""
    return (compose,)


@pytest.fixture
async def parts(database_url: str, tmp_path: Path, composes: Sequence[Any]) -> AsyncIterator[Sequence[Parts]]:
    """Two sites, each with its manager."""
    settings = Settings(
        database_url=database_url,
        token_private_key=PRIVATE,
        token_public_key=PUBLIC,
        data_dir=tmp_path,
        public_url=ADDRESS,
    )
    since = NOW - timedelta(days=9)
    filing = Filing(
        sites=SITES,
        organisations=tuple(OrganisationDraft(name, name) for name in ("one", "two")),
        roles=tuple(RoleDraft(n, "manager", name, since) for n, name in (("1", "one"), ("2", "two"))),
    )
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(await create_pool(database_url))
        async with pool.acquire() as connection, connection.transaction():
            await store.file_all(connection, filing, since)
        found = [await stack.enter_async_context(compose(settings, SystemClock())) for compose in composes]
        await settle(found)
        yield found


async def settle(parts: Sequence[Parts]) -> None:
    for consumer in (consumer for part in parts for consumer in part.consumers):
        await consumer.catch_up()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


@pytest.fixture
async def client(pool: asyncpg.Pool, parts: Sequence[Parts]) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(token_public_key=PUBLIC)
    transport = httpx.ASGITransport(application(parts, settings, pool), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        yield client


Who = tuple[str, str | None]


async def bring(client: httpx.AsyncClient, data: bytes, who: Who = REGULATOR, **form: str) -> dict[str, Any]:
    answer = await client.post(
        "/api/registry/imports", files={"file": ("a.csv", data)}, data=form, headers=headers(who)
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def commit(
    client: httpx.AsyncClient, brought: dict[str, Any], rows: str = "all", who: Who = REGULATOR
) -> httpx.Response:
    wish = {"plan": brought["plan"], "rows": rows}
    return await client.post(f"/api/registry/imports/{brought['id']}/commit", json=wish, headers=headers(who))


FILE = "id,name,lng,lat,count\n1,东门超市充电站,121.4,29.3,2\n3,新站,121.6,29.4,1\n4,坏站,east,29,1\n".encode()


async def test_a_file_is_looked_at_then_filed_and_repeated_without_doubling(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    brought = await bring(client, FILE)
    assert brought["counts"] == {"added": 1, "changed": 1, "unchanged": 0, "refused": 1}
    assert await pool.fetchval("SELECT count(*) FROM registry.site") == 2, "nothing is filed yet"
    path = f"/api/registry/imports/{brought['id']}/lines"
    lines = (await client.get(path, headers=headers(REGULATOR))).json()["items"]
    assert lines[2]["reason"] == "'east' is not a number"
    chinese = await client.get(path, headers={**headers(REGULATOR), "Accept-Language": "zh-CN"})
    assert chinese.json()["items"][2]["reason"] == "'east' 不是数字"
    assert [(line["row"], line["outcome"], line["field"]) for line in lines] == [
        (2, "changed", ""), (3, "added", ""), (4, "refused", "lng"),
    ]  # fmt: skip
    assert lines[0]["changes"] == [{"field": "stations[1-001]", "before": None, "after": "added"}]
    refused = await client.get(f"{path}?outcome=refused&limit=1", headers=headers(REGULATOR))
    assert [line["row"] for line in refused.json()["items"]] == [4]

    assert (await commit(client, brought)).status_code == 409, "a row is refused, and all were wanted"
    done = await commit(client, brought, "good")
    assert (done.status_code, done.json()["state"]) == (200, "committed")
    assert (await commit(client, brought, "good")).status_code == 409, "it was decided already"
    ids = [
        row["id"] for row in await pool.fetch("SELECT id FROM registry.station WHERE retired_at IS NULL ORDER BY id")
    ]
    assert ids == ["1-001", "3-001", "s1", "s2"]
    again = await bring(client, FILE)
    assert again["counts"] == {"added": 0, "changed": 0, "unchanged": 2, "refused": 1}
    await pool.execute("UPDATE registry.site SET retired_at = now() WHERE id = '3'")
    retired = await bring(client, FILE)
    assert retired["counts"] == {"added": 0, "changed": 0, "unchanged": 1, "refused": 2}, "no file brings it back"
    await pool.execute("UPDATE registry.site SET retired_at = NULL WHERE id = '3'")

    async with pool.acquire() as connection:
        assert await audit.verify(connection) is None
        trail = await connection.fetchrow("SELECT * FROM audit.trail WHERE action = 'import sites'")
    assert (trail["actor"], trail["after"]["added"], trail["after"]["sites"]) == (
        "regulator",
        1,
        {"added": ["3"], "changed": ["1"]},
    )
    said = (await client.get("/api/registry/sites/3/provenance", headers=headers(REGULATOR))).json()["items"]
    assert {line["name"] for line in said} == {"a.csv"}
    assert (
        await pool.fetchval(
            "SELECT count(*) FROM eventlog.event WHERE type = 'SiteFiled' AND payload ->> 'site_id' = '3'"
        )
        == 1
    )


async def test_what_has_changed_since_the_preview_is_looked_at_again(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    brought = await bring(client, b"id,lng,lat,address,count\n1,121.4,29.3,new,70\n")
    await pool.execute("UPDATE registry.site SET address = 'meanwhile' WHERE id = '1'")
    refused = await commit(client, brought)
    assert (refused.status_code, "has changed since the preview" in refused.json()["detail"]) == (409, True)
    anew = (await client.get(f"/api/registry/imports/{brought['id']}", headers=headers(REGULATOR))).json()
    assert anew["plan"] != brought["plan"]
    lines = (await client.get(f"/api/registry/imports/{brought['id']}/lines", headers=headers(REGULATOR))).json()[
        "items"
    ]
    assert lines[0]["changes"][0] == {"field": "address", "before": "meanwhile", "after": "new"}
    assert (len(lines[0]["changes"]), lines[0]["more"]) == (50, 20), "of very many the first, and how many more"
    page = await client.get(f"/registry/imports/{brought['id']}", headers=headers(REGULATOR))
    assert "另有 20 处变更" in page.text
    assert (await commit(client, anew)).status_code == 200


EACH = (
    *map(packed, (samples.CEC, samples.OCPI, samples.OPEN_CHARGE_MAP, samples.GEOJSON)),
    xlsx([["id", "lng", "lat"], ["x", 121.4, 29.3]]),
)


@pytest.mark.parametrize(("data", "good"), [*zip(EACH, (1, 2, 2, 1, 1), strict=True)])
async def test_every_format_is_filed_and_found_again(
    client: httpx.AsyncClient, pool: asyncpg.Pool, data: bytes, good: int
) -> None:
    brought = await bring(client, data)
    assert brought["counts"]["added"] == good
    assert (await commit(client, brought, "good")).status_code == 200
    again = await bring(client, data)
    assert (again["counts"]["added"], again["counts"]["changed"], again["counts"]["unchanged"]) == (0, 0, good)


WHOLE = """id,name,lng,lat,crs,division_code,opening_hours,help_phone,parking,renewable,energy_per_kwh,service_per_kwh,\
idle_fee,operator_code,cec_station_id,builder,owner,owner_since,owner_until,owner_evidence_kind,owner_evidence,charger_id,\
charger_name,vendor,serial_number,made_on,power_kw,meter_serial_number,meter_due_on,connector,evse,connector_type,\
connector_power_kw,voltage_v,cec_connector_id,evse_id,bay
r,往返站,121.429,29.288,gcj02,330226001,周一至周五 08:00-22:00,+86-574-1,充电减免,是,00:00-08:00 0.3; 08:00-24:00 0.9,\
08:00-24:00 0.2,占位 1 元,395815801,000000000000009,one,two,2026-01-01,2099-12-31,合同,HT-1,r-1,=1+1,厂,001,\
2024-05-01,120,M1,2028-06-30,1,1,GBT_DC,120,750,01,CN*A*E1,A1
r,,,,,,,,,,,,,,,,,,,,,,r-1,,,,,,M2,2028-06-30,2,1,GBT_DC,120,750,02,,
r,,,,,,,,,,,,,,,,,,,,,,r-2,,,,,7,,,,,,,,,,
"""


@pytest.mark.parametrize("form", ["csv", "xlsx", "geojson"])
async def test_what_is_exported_can_be_imported_and_changes_nothing(
    client: httpx.AsyncClient, pool: asyncpg.Pool, parts: Sequence[Parts], form: str
) -> None:
    for data in (WHOLE.encode(), packed(samples.CEC), packed(samples.OCPI), packed(samples.OPEN_CHARGE_MAP)):
        assert (await commit(client, await bring(client, data), "good")).status_code == 200
    await settle(parts)
    roles = await pool.fetch(
        "SELECT role, organisation_id, evidence_kind, evidence_number, origin FROM registry.responsibility WHERE site_id = 'r'"
        " ORDER BY role"
    )
    assert [tuple(row) for row in roles] == [
        ("builder", "one", "other", "", "import"), ("owner", "two", "contract", "HT-1", "import"),
    ]  # fmt: skip
    address = f"/api/registry/exports/sites.{form}"
    file = (await client.get(address, headers=headers(REGULATOR))).content
    again = await bring(client, file)
    lines = (await client.get(f"/api/registry/imports/{again['id']}/lines", headers=headers(REGULATOR))).json()["items"]
    assert {(line["site_id"], line["outcome"], str(line["changes"])) for line in lines} == {
        (site_id, "unchanged", "[]")
        for site_id in ("1", "2", "r", "395815801-000000000000001", "CN-ABC-LOC1", "CN-ABC-LOC2", "ocm-148527", "ocm-5")
    }
    mine = await bring(client, (await client.get(address, headers=headers(OPERATOR))).content, OPERATOR)
    assert mine["counts"] == {"added": 0, "changed": 0, "unchanged": 1, "refused": 0}, "the one it manages"


async def test_an_operator_changes_its_own_and_no_more(client: httpx.AsyncClient) -> None:
    data = b"id,lng,lat,help_phone\n1,121.4,29.3,400-9\n2,121.5,29.3,400-9\n3,121.6,29.3,400-9\n"
    brought = await bring(client, data, OPERATOR)
    lines = (await client.get(f"/api/registry/imports/{brought['id']}/lines", headers=headers(OPERATOR))).json()[
        "items"
    ]
    assert [line["outcome"] for line in lines] == ["changed", "refused", "refused"]
    theirs = await bring(client, data)
    assert (await client.get(f"/api/registry/imports/{theirs['id']}", headers=headers(OPERATOR))).status_code == 404
    assert (await commit(client, theirs, who=OPERATOR)).status_code == 404
    assert (await commit(client, brought, "good", OPERATOR)).status_code == 200
    for method, path in (
        ("POST", "/api/registry/imports"), ("GET", "/api/registry/imports"), ("GET", "/api/registry/duplicates"),
        ("POST", "/api/registry/boundaries"), ("GET", "/registry/imports"), ("GET", "/registry/duplicates"),
        ("PATCH", "/api/registry/sites/1/facts"),
    ):  # fmt: skip
        assert (await client.request(method, path, headers=headers(INSPECTOR))).status_code == 403, path
        assert (await client.request(method, path)).status_code == 401, path
    for path in ("/api/registry/duplicates", "/registry/duplicates", "/registry/boundaries"):
        assert (await client.get(path, headers=headers(OPERATOR))).status_code == 403, path


async def test_files_that_are_none_are_refused_with_the_reason(client: httpx.AsyncClient) -> None:
    for data, status in ((b"\x00\x01", 422), (b"{}", 422), (b"id,lng,lat\n", 422), (b"x" * (21 * 1024 * 1024), 413)):
        answer = await client.post("/api/registry/imports", files={"file": ("a", data)}, headers=headers(REGULATOR))
        assert answer.status_code == status, answer.text
        assert answer.json()["detail"]


async def test_what_nobody_decides_about_is_dropped_and_only_so_much_waits(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    clock = ManualClock(NOW)
    desk, who = ImportDesk(pool, clock, ConfinedReader()), principal("somebody")
    table = b"id,lng,lat\nnew,121.4,29.3\n"
    numbers = [await desk.bring(who, "a.csv", table, None) for _ in range(MOST_WAITING)]
    with pytest.raises(Conflict, match="wait for a decision"):
        await desk.bring(who, "a.csv", table, None)
    await desk.discard(who, numbers[0])
    await desk.bring(who, "a.csv", table, None)
    clock.advance(timedelta(days=8))
    assert await desk.drop_old() == MOST_WAITING
    kept = "SELECT count(*), count(content) FROM registry.import_upload"
    assert tuple(await pool.fetchrow(kept)) == (MOST_WAITING + 1, 0)
    clock.advance(timedelta(days=31))
    assert await desk.drop_old() == 0
    assert tuple(await pool.fetchrow(kept)) == (0, 0)
    trail = await pool.fetch(
        "SELECT action, actor, count(*) FROM audit.trail WHERE action LIKE '%import' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert [tuple(line) for line in trail] == [
        ("bring import", "somebody", MOST_WAITING + 1),
        ("discard import", "somebody", 1),
        ("discard import", "youguan import sweep", MOST_WAITING),
    ]


async def test_a_person_brings_only_so_many_files_a_day(client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    clock, table = ManualClock(NOW), b"id,lng,lat\nnew,121.4,29.3\n"
    desk, who = ImportDesk(pool, clock, ConfinedReader()), principal("somebody")
    upload_id = await desk.bring(who, "a.csv", table, None)
    await desk.discard(who, upload_id)
    await pool.execute(
        """
        INSERT INTO registry.import_upload (name, sha256, format, brought_by, brought_at, plan, counts, notes, state)
        SELECT name, sha256, format, brought_by, brought_at, plan, counts, notes, state
        FROM registry.import_upload, generate_series(2, $1)
        """,
        A_DAYS_IMPORTS.files - 1,
    )
    # One more may come, of three that come at once.
    at_once = await asyncio.gather(*(desk.bring(who, "a.csv", table, None) for _ in range(3)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in at_once) == ["TooManyRequests", "TooManyRequests", "int"]
    with pytest.raises(TooManyRequests, match="0 files and 1023 MiB are left, more in 86400 s"):
        await desk.bring(who, "a.csv", table, None)
    assert await desk.bring(principal("another"), "a.csv", table, None)
    clock.advance(timedelta(days=1))
    assert await desk.bring(who, "a.csv", table, None)


class Meeting(Shelf):
    """Receives nothing before so many are to be received, each of whom was told that there is room."""

    def __init__(self, settings: Settings, many: int) -> None:
        super().__init__(settings, "registry")
        self._all_asked = asyncio.Barrier(many)

    async def keep(self, chunks: AsyncIterator[bytes], *given: Any, **named: Any) -> Document:
        await self._all_asked.wait()
        return await super().keep(chunks, *given, **named)


async def test_a_person_brings_only_so_large_photos_a_day(
    client: httpx.AsyncClient, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    own, address = headers(OPERATOR), "/api/registry/site-photos/1"
    (photo,) = (await client.post(address, files={"file": ("a.png", PNG)}, headers=own)).json()["items"]
    assert (await client.delete(photo["content"], headers=own)).status_code == 204
    # Room for one more is left, of three that come at once.
    await pool.execute("UPDATE registry.site_photo SET size_bytes = $1", DOCUMENTS.size_bytes - len(PNG))
    desk = PhotoDesk(pool, ManualClock(NOW), Meeting(Settings(data_dir=tmp_path), 3))
    at_once = [
        desk.bring(principal("operator", organisation="one"), "1", UploadFile(BytesIO(PNG)), "") for _ in range(3)
    ]
    done = await asyncio.gather(*at_once, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["TooManyRequests", "TooManyRequests", "int"]
    refused = await client.post(address, files={"file": ("a.png", PNG)}, headers=own)
    assert (refused.status_code, int(refused.headers["Retry-After"]) > 80_000) == (429, True), refused.text
    assert "0 MiB are left" in refused.json()["detail"], "what was taken down counts, too"
    other = await client.post(address, files={"file": ("a.png", PNG)}, headers=headers(REGULATOR))
    assert other.status_code == 201, "somebody else may"


async def test_in_the_browser(client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    who = headers(REGULATOR)
    sent = await client.post("/registry/imports", files={"file": ("站.csv", FILE)}, data={"crs": ""}, headers=who)
    assert sent.status_code == 303
    page = (await client.get(sent.headers["location"], headers=who)).text
    assert "放弃 1 行" in page
    assert "不是数字" in page
    plan = re.search(r'name="plan" value="(\w+)"', page)
    assert plan is not None
    wrong = await client.post(
        f"{sent.headers['location']}/commit", data={"plan": "0" * 64, "rows": "good"}, headers=who
    )
    assert wrong.status_code == 409
    done = await client.post(f"{sent.headers['location']}/commit", data={"plan": plan[1], "rows": "good"}, headers=who)
    assert done.status_code == 303
    assert "已导入" in (await client.get(sent.headers["location"], headers=who)).text
    assert await pool.fetchval("SELECT name FROM registry.site WHERE id = '3'") == "新站"
    bad = await client.post("/registry/imports", files={"file": ("x", b"{}")}, data={"crs": ""}, headers=who)
    assert (bad.status_code, "这个 JSON 不是 GeoJSON" in bad.text) == (422, True)
    other = await client.post("/registry/imports", files={"file": ("x.csv", FILE)}, data={"crs": "gcj02"}, headers=who)
    assert (await client.post(f"{other.headers['location']}/discard", headers=who)).status_code == 303
    listed = (await client.get("/registry/imports?lang=en", headers=who)).text
    assert "Discarded" in listed
    assert "Imported" in listed


SQUARE = {
    "type": "Polygon",
    "coordinates": [[[121.3, 29.2], [121.45, 29.2], [121.45, 29.4], [121.3, 29.4], [121.3, 29.2]]],
}


def outline(code: str, geometry: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"adcode": code, "name": "某镇"}, "geometry": geometry}


async def test_boundaries_hold_what_is_filed_and_what_comes(client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    features = [
        outline("330226001", SQUARE),
        outline("330226002", SQUARE),
        outline("x", SQUARE),
        outline("33", {"type": "Point"}),
    ]
    data = packed({"type": "FeatureCollection", "features": features})
    answer = await client.post("/api/registry/boundaries", files={"file": ("b", data)}, headers=headers(REGULATOR))
    found = answer.json()
    assert (found["loaded"], [line["feature"] for line in found["refused"]]) == (["330226001", "330226002"], [3, 4])
    (outside,) = found["outside"]
    assert (outside["site_id"], outside["division"], 4700 < outside["metres"] < 5000) == ("2", "330226002", True)
    positions = dict(await pool.fetch("SELECT id, position FROM registry.site"))
    assert positions == {"1": "verified", "2": "unverified"}
    brought = await bring(client, b"id,lng,lat,division\n5,121.46,29.3,330226001\n6,121.4,29.25,330226001\n")
    assert brought["counts"] == {"added": 1, "changed": 0, "unchanged": 0, "refused": 1}
    page = await client.post(
        "/registry/boundaries", files={"file": ("b", data)}, data={"crs": "gcj02"}, headers=headers(REGULATOR)
    )
    assert (page.status_code, "330226002" in page.text) == (200, True)
    listed = (await client.get("/api/registry/boundaries")).json()["items"]
    assert [(line["division_code"], line["verified"]) for line in listed] == [("330226001", 1), ("330226002", 0)]

    async def listed_outside(who: tuple[str, str | None]) -> list[str]:
        lines = await client.get("/api/registry/boundaries/outside", headers=headers(who))
        return [line["site_id"] for line in lines.json()["items"]]

    assert (await listed_outside(REGULATOR), await listed_outside(OPERATOR)) == (["2"], []), (
        "the operator's own lies within"
    )
    assert "界外" in (await client.get("/registry/sites/2/equipment", headers=headers(REGULATOR))).text
    mended = await bring(client, b"id,lng,lat\n2,121.4,29.25\n")
    assert (await commit(client, mended)).status_code == 200
    assert await listed_outside(REGULATOR) == []
    assert "没有已知在界外的场站" in (await client.get("/registry/boundaries", headers=headers(REGULATOR))).text


@pytest.mark.parametrize("composes", [COMPOSES])
async def test_a_site_that_is_filed_twice_is_proposed_and_merged_by_somebody(
    client: httpx.AsyncClient, pool: asyncpg.Pool, parts: Sequence[Parts]
) -> None:
    who = headers(REGULATOR)
    twice = "id,name,lng,lat,bays,count\n9,东门超市站,121.40002,29.3,8,1\n".encode()
    assert (await commit(client, await bring(client, twice))).status_code == 200
    await settle(parts)
    (pair,) = (await client.get("/api/registry/duplicates", headers=who)).json()["items"]
    assert (pair["first"], pair["second"], pair["score"]) == ("1", "9", 80)
    page = (await client.get("/registry/duplicates/1/9", headers=who)).text
    assert "东门超市站" in page
    wish = {"decision": "merge", "keep": "1", "stations": "move", "reason": "同一处"}
    assert (await client.post("/registry/duplicates/1/9", data=wish, headers=who)).status_code == 303
    again = await client.post("/registry/duplicates/1/9", data=wish, headers=who)
    assert again.status_code == 409
    await settle(parts)
    kept = await pool.fetchrow("SELECT bays, help_phone FROM registry.site WHERE id = '1'")
    assert tuple(kept) == (8, "400-1"), "what it lacked it took over, what it had stayed"
    assert await pool.fetchval("SELECT merged_into FROM registry.site WHERE id = '9' AND retired_at IS NOT NULL") == "1"
    assert await pool.fetchval("SELECT ended_because FROM registry.finding WHERE site_id = '9'") == "retired"
    directory = await pool.fetch("SELECT station_id, site_id FROM gateway.station_directory ORDER BY 1")
    assert dict(directory) == {"9-001": "1", "s1": "1", "s2": "2"}, "no station was lost on the way"
    trail = await pool.fetchrow("SELECT * FROM audit.trail WHERE action = 'merge sites'")
    assert (trail["after"]["merged_into"], trail["after"]["moved"], trail["after"]["taken_over"]) == (
        "1",
        ["9-001"],
        {"bays": 8},
    )
    (line,) = ((await bring(client, twice))["counts"]["refused"],)
    assert line == 1, "it does not come back by a file"


async def test_what_belongs_to_a_site_goes_with_it(
    client: httpx.AsyncClient, pool: asyncpg.Pool, parts: Sequence[Parts]
) -> None:
    who = headers(REGULATOR)
    table = "id,name,lng,lat,charger_id,manager,manager_since,owner,owner_since\n"
    table += "9,东门超市站,121.40002,29.3,s9,two,2026-01-01,two,2026-01-01\n"
    assert (await commit(client, await bring(client, table.encode()))).status_code == 200
    await settle(parts)
    photo = await client.post("/api/registry/site-photos/9", files={"file": ("a.png", PNG)}, headers=who)
    assert photo.status_code == 201, photo.text
    begun = [
        await client.post("/api/registry/filings", json={"site_id": site_id, "organisation_id": "two"}, headers=who)
        for site_id in ("9", "1")
    ]
    assert [answer.status_code for answer in begun] == [201, 201], [answer.text for answer in begun]
    wish = {"keep": "1", "stations": "move", "reason": "同一处"}
    merged = await client.post("/api/registry/duplicates/1/9/merge", json=wish, headers=who)
    assert merged.status_code == 204, merged.text
    assert [line["id"] for line in (await client.get("/api/registry/site-photos/1", headers=who)).json()["items"]]
    ledger = (await client.get("/api/registry/sites/1/responsibilities", headers=who)).json()["items"]
    assert {(line["role"], line["organisation"]["id"]) for line in ledger} == {("manager", "one"), ("owner", "two")}
    filings = await pool.fetch("SELECT site_id, state FROM registry.filing ORDER BY site_id")
    assert [tuple(row) for row in filings] == [("1", "draft"), ("9", "withdrawn")], "one on its way at a time"
    trail = await pool.fetchval("SELECT after FROM audit.trail WHERE action = 'merge sites'")
    assert (trail["photos"], trail["roles"]) == (1, [{"role": "owner", "organisation_id": "two"}])
    async with pool.acquire() as connection:
        assert await audit.verify(connection) is None


async def test_two_sites_that_are_two_are_not_proposed_again(client: httpx.AsyncClient) -> None:
    who = headers(REGULATOR)
    beside = "id,name,lng,lat,address\n9,东门超市站,121.40002,29.3,{}\n"
    assert (await commit(client, await bring(client, beside.format("a").encode()))).status_code == 200
    why = {"reason": "一期和二期"}
    assert (await client.post("/api/registry/duplicates/1/9/different", json=why, headers=who)).status_code == 204
    assert (await client.post("/api/registry/duplicates/1/9/different", json=why, headers=who)).status_code == 409
    assert (await commit(client, await bring(client, beside.format("b").encode()))).status_code == 200
    assert (await client.get("/api/registry/duplicates", headers=who)).json()["items"] == []
    assert (await client.post("/api/registry/duplicates/1/2/different", json=why, headers=who)).status_code == 404


async def test_merged_as_the_same_the_others_stations_are_retired(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    twice = "id,name,lng,lat\n9,东门超市站,121.40002,29.3\n".encode()
    await commit(client, await bring(client, twice))
    wish = {"keep": "9", "stations": "same", "reason": "重复"}
    answer = await client.post("/api/registry/duplicates/1/9/merge", json=wish, headers=headers(REGULATOR))
    assert answer.status_code == 204, answer.text
    left = await pool.fetch("SELECT id FROM registry.station WHERE retired_at IS NULL ORDER BY id")
    assert [row["id"] for row in left] == ["9-001", "s2"]


@pytest.mark.parametrize(
    ("plate", "connector"),
    [
        ({"cec_equipment_id": "000000001"}, {}),
        ({}, {"evse_id": "CN*ABC*E1"}),
        ({"vendor": "v", "serial_number": "7"}, {}),
    ],
)
async def test_the_same_equipment_is_proposed_however_far_apart_it_is_filed(
    client: httpx.AsyncClient, pool: asyncpg.Pool, plate: dict[str, str], connector: dict[str, str]
) -> None:
    """By its code within one operator, by the id of an EVSE, and by maker and serial number, whoever writes it into the file."""
    who = headers(REGULATOR)
    await pool.execute("UPDATE registry.site SET operator_code = '313744932'")
    file = {
        "power_w": 7000, "current_type": "AC", "connectors": [{"connector": 1, "evse": 1, **connector}], **plate
    }  # fmt: skip
    for site, station, proposed in (("1", "s1", 0), ("2", "s2", 1)):
        address = f"/api/registry/sites/{site}/stations/{station}/file"
        assert (await client.put(address, json=file, headers=who)).status_code == 204
        found = (await client.get("/api/registry/duplicates", headers=who)).json()["items"]
        assert [(pair["first"], pair["second"]) for pair in found] == [("1", "2")] * proposed


async def test_what_is_on_a_charger_leads_on_when_its_site_has_become_part_of_another(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    who = headers(REGULATOR)
    await commit(client, await bring(client, "id,name,lng,lat\n9,东门超市站,121.40002,29.3\n".encode()))
    wish = {"keep": "9", "stations": "same", "reason": "重复"}
    assert (await client.post("/api/registry/duplicates/1/9/merge", json=wish, headers=who)).status_code == 204
    label = await client.get("/stations/s1")
    assert (label.status_code, "东门超市站" in label.text, 'href="/sites/9"' in label.text) == (410, True, True)
    site = await client.get("/sites/1")
    assert (site.status_code, site.headers["location"]) == (307, "/sites/9")
    ledger = (await client.get("/registry/sites/1", headers=who)).text
    assert 'href="/registry/sites/9"' in ledger
    plate = "UPDATE registry.station SET vendor = 'v', serial_number = '7' WHERE id = ANY($1)"
    await pool.execute(plate, ["s1", "9-001"])
    same = await client.get("/stations/s1")
    assert (same.status_code, same.headers["location"]) == (307, "/stations/9-001"), "the same equipment, filed anew"
    await pool.execute(plate, ["s1", "9-001", "s2"])
    assert (await client.get("/stations/s1")).status_code == 410, "two that say to be it are none"
    await pool.execute("UPDATE registry.station SET serial_number = NULL")
    async with pool.acquire() as connection, connection.transaction():
        await store.file_all(connection, Filing(retired_site_ids=("9",)), NOW)
    assert (await client.get("/stations/9-001")).status_code == 410
    ended = await client.get("/sites/9")
    assert (ended.status_code, "已于" in ended.text) == (200, True)


PRICE = {
    "bands": [
        {"begin": "08:00", "end": "24:00", "energy_per_kwh": "1.05"},
        {"begin": "00:00", "end": "08:00", "energy_per_kwh": "0.3"},
    ]
}


async def test_public_facts_are_changed_by_whoever_manages_the_site(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    own = headers(OPERATOR)
    facts = {"opening_hours": "周一至周五 08:00-22:00", "help_phone": None, "bays": 3}
    assert (await client.patch("/api/registry/sites/1/facts", json=facts, headers=own)).status_code == 204
    assert (await client.patch("/api/registry/sites/2/facts", json=facts, headers=own)).status_code == 404
    wrong = await client.patch("/api/registry/sites/1/facts", json={"usage": "spaceships"}, headers=own)
    assert (wrong.status_code, wrong.json()["fields"][0]["field"]) == (422, "usage")
    posted = await client.post("/api/registry/sites/1/prices", json=PRICE, headers=own)
    assert [b["begin"] for b in posted.json()["items"][0]["bands"]] == ["00:00", "08:00"]
    gap = {"bands": [{"begin": "00:00", "end": "08:00"}]}
    assert (await client.post("/api/registry/sites/1/prices", json=gap, headers=own)).status_code == 422
    site = (await client.get("/api/registry/sites/1")).json()
    assert (site["bays"], site["help_phone"], len(site["opening_hours"]["periods"])) == (3, None, 5)
    said = (await client.get("/api/registry/sites/1/provenance", headers=own)).json()["items"]
    assert {(line["field"], line["source"], line["actor"]) for line in said} >= {("bays", "person", "operator")}
    trail = await pool.fetch("SELECT before, after FROM audit.trail WHERE action = 'change site' ORDER BY number")
    assert (trail[0]["before"]["help_phone"], trail[0]["after"]["help_phone"]) == ("400-1", None)
    assert (trail[1]["before"]["price"], trail[1]["after"]["price"]["bands"][0]["energy_per_kwh"]) == (None, "0.3000")


async def test_every_site_of_an_organisation_is_listed_from_its_page(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    who = headers(REGULATOR)
    ids = [f"m{number:02}" for number in range(60)]
    more = Filing(
        sites=tuple(SiteDraft(site_id, site_id, 121.4, 29.3) for site_id in ids),
        roles=tuple(RoleDraft(site_id, "manager", "one", NOW - timedelta(days=1)) for site_id in ids),
    )
    async with pool.acquire() as connection, connection.transaction():
        await store.file_all(connection, more, NOW)
    page = (await client.get("/people/organisations/one", headers=who)).text
    assert ("列出全部（61）" in page, page.count('href="/registry/sites/')) == (True, 50)
    address, listed = "/registry/sites?organisation=one", list[str]()
    while address:
        page = (await client.get(address, headers=who)).text
        listed += re.findall(r'class="row" href="/registry/sites/(\w+)"', page)
        (address, *_) = [*re.findall(r'href="(\?cursor=[^"]*organisation=one)"', page), ""]
        address = address and f"/registry/sites{address.replace('&amp;', '&')}"
    assert listed == ["1", *ids]


async def test_an_organisation_is_named_in_words_and_what_was_typed_is_given_back(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    who, typed = (
        headers(REGULATOR),
        {"reason": "因为如此", "document_number": "甬〔2026〕7 号", "until": "2030-01-02T03:04"},
    )
    others = (OrganisationDraft("c1", "丙公司"), OrganisationDraft("d1", "丁公司"), OrganisationDraft("d2", "丁公司"))
    async with pool.acquire() as connection, connection.transaction():
        await store.file_all(connection, Filing(organisations=others), NOW)

    async def refused(path: str, **form: str) -> str:
        answer = await client.post(path, data={**typed, **form}, headers=who)
        assert answer.status_code == 422
        fields = {
            name: re.search(rf'<(?:input|textarea)[^>]*name="{name}"[^>]*value="([^"]*)"', answer.text) for name in form
        }
        assert {name: found[1] if found else None for name, found in fields.items()} == form
        (said,) = re.findall(r'role="alert">(.*?)</p>', answer.text)
        return str(said)

    for said in ("丁公司", "戊公司"):
        assert "没有这个单位，或有多个同名单位" in await refused(
            "/registry/sites/1/order", organisation_id=said, **typed
        )
    assert (
        await refused("/registry/sites/1/order", organisation_id="丙公司", since="昨天", **typed)
        == "起始时间：不是时间"
    )
    given = {**typed, "organisation_id": "丙公司"}
    assert (await client.post("/registry/sites/1/order", data=given, headers=who)).status_code == 303
    line, manager = await pool.fetchrow(
        "SELECT id, organisation_id FROM registry.responsibility WHERE origin = 'order' AND upper_inf(believed)"
    )  # fmt: skip
    assert manager == "c1"
    known = {
        "since": "2026-01-01T00:00:00",
        "until": "明天",
        "number": "更 1",
        "reason": "笔误",
        "organisation_id": "d1",
    }
    said = await refused(f"/registry/sites/1/lines/{line}", **known)
    assert said == "终止时间：不是时间"
    new = {"organisation_id": "e1", "name": "戊公司", "uscc": "91330226MA2AGXXXX0", "reason": "新设"}
    assert await refused("/people/organisations", **new)


async def test_several_sites_are_handed_over_to_one_receiver_each_by_itself(
    client: httpx.AsyncClient, pool: asyncpg.Pool, parts: Sequence[Parts]
) -> None:
    own = headers(OPERATOR)
    more = Filing(
        sites=(SiteDraft("3", "三号站", 121.4, 29.3), SiteDraft("4", "四号站", 121.4, 29.3)),
        roles=tuple(RoleDraft(site_id, "manager", "one", NOW - timedelta(days=1)) for site_id in "34"),
    )
    async with pool.acquire() as connection, connection.transaction():
        await store.file_all(connection, more, NOW)
    await settle(parts)
    await HandoverDesk(pool, SystemClock()).propose(
        principal("o", organisation="one"), "3", "two", evidence=Evidence("contract", "1")
    )
    page = (await client.get("/registry/handovers/new?site_id=1&site_id=2&site_id=3", headers=own)).text
    assert re.findall(r'name="site_id" value="(\w)"', page) == ["1", "3"], "the second is another's"
    offer = {"to_organisation_id": "two", "evidence": {"kind": "contract", "number": "合同 8"}, "reason": "整体移交"}
    wish = {**offer, "site_ids": ["1", "3", "1", "?"]}
    several = (
        await client.post("/api/registry/handovers", json=wish, headers={**own, "Accept-Language": "zh"})
    ).json()["items"]
    assert [(one["id"], one["problem"] and one["problem"]["status"]) for one in several] == [
        ("1", None), ("3", 409), ("?", 404)
    ]  # fmt: skip
    assert "另有交接" in several[1]["problem"]["detail"]
    form = {"organisation_id": "two", "number": "合同 9", "site_id": ["1", "3", "4"]}
    wrong = (await client.post("/registry/handovers/new", data={**form, "organisation_id": "?"}, headers=own)).text
    assert ("没有这个单位" in wrong, 'value="合同 9"' in wrong) == (True, True)
    done = (await client.post("/registry/handovers/new", data=form, headers=own)).text
    assert ("已办理 1 件，未办理 2 件" in done, "三号站" in done) == (True, True)
    rows = await pool.fetch("SELECT site_id, evidence_number FROM registry.handover ORDER BY 1")
    assert [tuple(row) for row in rows] == [("1", "合同 8"), ("3", "1"), ("4", "合同 9")]


async def test_many_handovers_are_listed_to_the_last_and_answered_at_once(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    giver, own, contract = principal("g", organisation="two"), headers(OPERATOR), Evidence("contract", "1")
    ids = [f"m{number:02}" for number in range(60)]
    more = Filing(
        sites=tuple(SiteDraft(site_id, f"站{site_id}", 121.4, 29.3) for site_id in ids),
        roles=tuple(RoleDraft(site_id, "manager", "two", NOW - timedelta(days=1)) for site_id in ids),
    )
    async with pool.acquire() as connection, connection.transaction():
        await store.file_all(connection, more, NOW)
    desk = HandoverDesk(pool, SystemClock())
    proposed = [await desk.propose(giver, site_id, "one", evidence=contract) for site_id in ids]
    page = (await client.get("/registry/handovers", headers=own)).text
    shown = re.findall(r'name="handover_id" value="([^"]+)"', page)
    (following,) = re.findall(r'href="(\?list=waiting&[^"]+)"', page)
    rest = (await client.get(f"/registry/handovers{following}".replace("&amp;", "&"), headers=own)).text
    rest_shown = re.findall(r'name="handover_id" value="([^"]+)"', rest)
    assert (sorted(shown + rest_shown), len(shown), "等待我方答复 60" in page) == (sorted(proposed), 50, True)
    await desk.answer(giver, shown[0], Handover.WITHDRAW, reason="误发")
    wish = {"command": "accept", "handover_id": shown}
    done = (await client.post("/registry/handovers", data=wish, headers=own)).text
    assert "已办理 49 件，未办理 1 件" in done
    strange = await client.post("/registry/handovers", data={"command": "accept", "handover_id": ["?"]}, headers=own)
    assert (strange.status_code, "已办理 0 件，未办理 1 件" in strange.text) == (200, True)
    unsaid = await client.post(
        "/registry/handovers", data={"command": "decline", "handover_id": rest_shown}, headers=own
    )
    assert (unsaid.status_code, "未填写" in unsaid.text) == (422, True)
    nothing = await client.post("/registry/handovers", data={"command": "accept"}, headers=own)
    assert nothing.status_code == 422
    address, chosen = "/api/registry/handovers/answers", {"command": "decline", "handover_ids": [*rest_shown[:3], "?"]}
    unsaid = await client.post(address, json=chosen, headers=own)
    assert [wrong["field"] for wrong in unsaid.json()["fields"]] == ["reason"]
    said = (await client.post(address, json={**chosen, "reason": "不接"}, headers=own)).json()["items"]
    assert [one["handover_id"] for one in said] == [*rest_shown[:3], None]
    assert said[-1]["problem"]["status"] == 404
    wish = {"command": "decline", "handover_id": rest_shown[3:], "reason": "无力承接"}
    assert "已办理 7 件" in (await client.post("/registry/handovers", data=wish, headers=own)).text
    states = await pool.fetch("SELECT state, count(*) FROM registry.handover GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in states] == [("accepted", 49), ("declined", 10), ("withdrawn", 1)]


@asynccontextmanager
async def broken_off_at(server: Server, database_url: str, site_id: str, *, stays_away: bool) -> AsyncIterator[None]:
    """Let the database break off with whoever comes to wait for a site; with everybody, and let nobody in, where it stays away."""
    name = database_url.split("?", maxsplit=1)[0].rpartition("/")[2]
    waits = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"
    admin, holding = await asyncpg.connect(server.admin), await asyncpg.connect(database_url)

    async def break_off() -> None:
        while (pid := await admin.fetchval(waits, name)) is None:
            await asyncio.sleep(0.01)
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {not stays_away}')
        ended = "datname = $1 AND (pid = $2 OR $3) AND pid <> $4"
        await admin.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ended}",
            name, pid, stays_away, holding.get_server_pid(),
        )  # fmt: skip
        await holding.close()

    await holding.execute("BEGIN")
    await holding.execute("SELECT FROM registry.site WHERE id = $1 FOR UPDATE", site_id)
    try:
        async with asyncio.timeout(20), asyncio.TaskGroup() as beside:
            beside.create_task(break_off())
            yield
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await admin.close()


async def test_of_several_handovers_it_is_told_which_are_done_when_the_database_goes_away(
    client: httpx.AsyncClient, pool: asyncpg.Pool, parts: Sequence[Parts], server: Server, database_url: str
) -> None:
    own = {**headers(OPERATOR), "Accept-Language": "zh"}
    ids = ["3", "4", "5", "6"]
    more = Filing(
        sites=tuple(SiteDraft(site_id, f"{site_id}号站", 121.4, 29.3) for site_id in ids),
        roles=tuple(RoleDraft(site_id, "manager", "one", NOW - timedelta(days=1)) for site_id in ids),
    )
    async with pool.acquire() as connection, connection.transaction():
        await store.file_all(connection, more, NOW)
    await settle(parts)
    wish = {"to_organisation_id": "two", "evidence": {"kind": "contract", "number": "1"}, "site_ids": ids}
    async with broken_off_at(server, database_url, "4", stays_away=False):
        answer = await client.post("/api/registry/handovers", json=wish, headers=own)
    said = [(one["id"], one["problem"] and one["problem"]["detail"]) for one in answer.json()["items"]]
    lost, untried = "数据库断开：请先查看这一项是否已办理，再重试", "没有办理：暂时连不上数据库，请稍后再试"
    assert said == [("3", None), ("4", lost), ("5", untried), ("6", untried)]
    form = {"organisation_id": "two", "number": "1", "site_id": ids[1:]}
    async with broken_off_at(server, database_url, "5", stays_away=True):
        page = await client.post("/registry/handovers/new", data=form, headers=own)
    told = re.findall(r"<strong>(\w)</strong>.*>(\S+)</span></span>", page.text)
    assert (page.status_code, told) == (503, [("4", "已办理"), ("5", lost), ("6", untried)])


async def test_a_site_leaves_the_public_and_comes_to_it_by_the_authoritys_word_alone(client: httpx.AsyncClient) -> None:
    own, authority, facts = headers(OPERATOR), headers(REGULATOR), "/api/registry/sites/1/facts"
    for before, after in (("taxi", "private"), ("unit", "public"), ("private", None)):
        assert (await client.patch(facts, json={"usage": before}, headers=authority)).status_code == 204
        refused = await client.patch(facts, json={"usage": after, "bays": 9}, headers=own)
        assert (refused.status_code, refused.json()["detail"][:14]) == (403, "whether a site")
        offered = (await client.get("/registry/sites/1/equipment", headers=own)).text
        assert [f'value="{word}"' in offered for word in ("taxi", "unit")] == [before == "taxi", before != "taxi"]
    assert (await client.get("/api/registry/sites/1", headers=own)).json()["bays"] != 9
    assert (await client.patch(facts, json={"usage": "unit"}, headers=own)).status_code == 204
    assert (await client.patch(facts, json={"usage": "public"}, headers=authority)).status_code == 204
    assert (await client.patch(facts, json={"usage": "logistics"}, headers=own)).status_code == 204


async def test_the_page_of_equipment_and_the_code_on_a_station(client: httpx.AsyncClient) -> None:
    own = headers(OPERATOR)
    form = {
        "help_phone": "400-777",
        "opening_hours": "24小时",
        "bands": "00:00-24:00 0.65 0.35",
        "idle_text": "占位 0.2",
    }
    assert (await client.post("/registry/sites/1/equipment", data=form, headers=own)).status_code == 303
    page = (await client.get("/registry/sites/1/equipment", headers=own)).text
    assert "400-777" in page
    assert "0.6500" in page
    bad = {**form, "help_phone": "400-888", "bands": "08:00-24:00 1"}
    refused = await client.post("/registry/sites/1/equipment", data=bad, headers=own)
    assert (refused.status_code, "到 00:00 结束" in refused.text) == (422, True)
    assert ('value="400-888"' in refused.text, "08:00-24:00 1</textarea>" in refused.text) == (True, True), (
        "it stays typed"
    )
    assert (await client.get("/registry/sites/2/equipment", headers=own)).status_code == 404
    sheet = (await client.get("/registry/sites/1/labels", headers=own)).text
    assert f"{ADDRESS}/stations/s1" in sheet
    code = await client.get("/stations/s1/qr.svg")
    assert (code.status_code, code.headers["content-type"], b"<svg" in code.content) == (200, "image/svg+xml", True)
    picture = await client.get("/stations/s1/qr.png")
    assert picture.content.startswith(b"\x89PNG")
    public = (await client.get("/stations/s1")).text
    assert "400-777" in public
    assert "电费 0.65，服务费 0.35 元" in public
    assert (await client.get("/stations/nowhere")).status_code == 404
    assert (await client.get("/stations/nowhere/qr.svg")).status_code == 404


async def test_a_form_says_nothing_of_what_it_shows_unchanged(client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    """Whoever changes the telephone takes back neither hours that no text tells nor fees that were posted meanwhile."""
    own, path = headers(OPERATOR), "/registry/sites/1/equipment"
    told = {"always": False, "periods": [{"weekday": 1, "begin": "08:00", "end": "18:00"}], "text": ""}
    await pool.execute("UPDATE registry.site SET opening_hours = $1 WHERE id = '1'", told)
    for service in ("0.35", "0.45"):
        (fields,) = re.findall(r'name="shown" value="([^"]*)"', (await client.get(path, headers=own)).text)
        band = {"begin": "00:00", "end": "24:00", "service_per_kwh": service}
        assert (await client.post("/api/registry/sites/1/prices", json={"bands": [band]}, headers=own)).is_success
    form = {**orjson.loads(unescape(fields)), "shown": unescape(fields), "help_phone": "400-9"}
    assert (form["opening_hours"], form["bands"]) == ("Mo 08:00-18:00; Tu-Su off", "00:00-24:00 - 0.3500")
    assert (await client.post(path, data=form, headers=own)).status_code == 303
    kept = await pool.fetchrow("SELECT help_phone, opening_hours FROM registry.site WHERE id = '1'")
    assert tuple(kept) == ("400-9", told)
    prices = (await client.get("/api/registry/sites/1/prices")).json()["items"]
    assert [(b["energy_per_kwh"], b["service_per_kwh"]) for b in prices[0]["bands"]] == [(None, "0.4500")]


PNG = b"\x89PNG\r\n\x1a\n of a gate"


async def test_a_photo_is_shown_to_everybody_until_it_is_taken_down(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    own, address = headers(OPERATOR), "/api/registry/site-photos/1"
    sent = {"file": ("gate.png", PNG)}
    shown = await client.post(address, files=sent, data={"caption": "入口"}, headers=own)
    assert shown.status_code == 201, shown.text
    (photo,) = shown.json()["items"]
    given = await client.get(photo["content"])
    assert (given.content, given.headers["content-type"], "sandbox" in given.headers["content-security-policy"]) == (
        PNG, "image/png", True,
    )  # fmt: skip
    for page in ("/stations/s1", "/registry/sites/1/equipment"):
        assert photo["content"] in (await client.get(page, headers=own)).text, page
    paper = await client.post(address, files={"file": ("a.pdf", b"%PDF-1.7")}, headers=own)
    assert (paper.status_code, paper.json()["fields"][0]["field"]) == (422, "file")
    assert (await client.post("/api/registry/site-photos/2", files=sent, headers=own)).status_code == 404
    assert (
        await client.delete(f"/api/registry/site-photos/2/{photo['id']}", headers=headers(REGULATOR))
    ).status_code == 404
    assert (
        await client.post("/registry/site-photos/1", files=sent, data={"caption": "b"}, headers=own)
    ).status_code == 303
    assert (await client.post(f"/registry/site-photos/1/{photo['id']}/remove", headers=own)).status_code == 303
    assert (await client.get(photo["content"])).status_code == 404
    assert [line["caption"] for line in (await client.get(address)).json()["items"]] == ["b"]
    trail = await pool.fetch("SELECT action, actor FROM audit.trail WHERE action LIKE '%photo' ORDER BY number")
    assert [tuple(line) for line in trail] == [
        ("add photo", "operator"),
        ("add photo", "operator"),
        ("remove photo", "operator"),
    ]


async def test_meters_that_are_due(client: httpx.AsyncClient) -> None:
    table = "id,lng,lat,charger_id,meter_serial_number,meter_due_on\n1,121.4,29.3,s1,001,2024-01-31\n"
    table += "2,121.5,29.3,s2,002,2099-01-31\n"
    assert (await commit(client, await bring(client, table.encode()))).status_code == 200
    due = (await client.get("/api/registry/meters", headers=headers(OPERATOR))).json()["items"]
    assert [(line["station_id"], line["serial_number"]) for line in due] == [("s1", "001")]
    later = await client.get("/api/registry/meters?due_before=2100-01-01&limit=1", headers=headers(REGULATOR))
    following = await client.get(
        f"/api/registry/meters?due_before=2100-01-01&limit=1&cursor={later.json()['next']}", headers=headers(REGULATOR)
    )
    assert [line["station_id"] for line in following.json()["items"]] == ["s2"]
    assert "2024-01-31" in (await client.get("/registry/meters", headers=headers(REGULATOR))).text


async def test_a_city_is_filed_beside_a_county_in_one_transaction(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    """Fresh tables without statistics, thousands of stations: no statement goes through all of them for each of them."""
    async with pool.acquire() as connection, connection.transaction():
        await store.file_all(connection, sample_county(Random(1)), NOW)
    rows = [f"C{n},{113.8 + n % 40 / 100},{22.5 + n // 40 / 100},15" for n in range(1500)]
    brought = await bring(client, "\n".join(["id,lng,lat,count", *rows]).encode())
    done = await commit(client, brought)
    assert (done.status_code, done.json()["counts"]["added"]) == (200, 1500)
    connectors = await pool.fetchval("SELECT count(*) FROM registry.connector WHERE starts_with(station_id, 'C')")
    assert connectors == 1500 * 15
