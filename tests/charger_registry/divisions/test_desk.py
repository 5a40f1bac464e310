"""Divisions over HTTP, in the browser and from the command line, on a real PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import orjson
import pytest

from charger_registry import store
from charger_registry.drafts import Filing, SiteDraft, StationDraft
from charger_registry.service import compose
from tests.suite import COMMAND, ROOT
from youguan import audit
from youguan.auth import TokenIssuer, generate_keys
from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.settings import Settings
from youguan.web.application import application

PRIVATE, PUBLIC = generate_keys()
NOW = datetime.now(UTC)
TABLE = "code,name,name_en\n330226,宁海县,Ninghai\n330226001,跃龙街道,Yuelong\n33022,x,x\n".encode()
SQUARE = {"type": "Polygon", "coordinates": [[[121.3, 29.2], [121.45, 29.2], [121.45, 29.4], [121.3, 29.2]]]}


def headers(role: str = "regulator", division: str | None = None) -> dict[str, str]:
    token = TokenIssuer(PRIVATE, timedelta(hours=1)).issue(
        subject=role, name=role, roles=frozenset({role}), organisation_id=None, division=division, now=NOW
    )
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """One site, of a town that nobody has filed yet."""
    async with await create_pool(database_url) as pool:
        async with pool.acquire() as connection, connection.transaction():
            site = SiteDraft("1", "一", 121.4, 29.3, division_code="330226001", stations=(StationDraft("s1"),))
            await store.file_all(connection, Filing((site,)), NOW)
        yield pool


@pytest.fixture
async def client(pool: asyncpg.Pool, database_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(database_url=database_url, token_public_key=PUBLIC, data_dir=tmp_path)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(compose(settings, SystemClock()))
        transport = httpx.ASGITransport(application([parts], settings, pool), raise_app_exceptions=False)
        yield await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://suite.example"))


async def test_a_table_is_filed_and_a_new_name_reaches_the_files_of_sites(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    answer = await client.post("/api/registry/divisions", files={"file": ("d.csv", TABLE)}, headers=headers())
    found = answer.json()
    assert (found["added"], found["changed"], found["unchanged"]) == (["330226", "330226001"], [], 0)
    assert [(line["row"], line["field"]) for line in found["refused"]] == [(4, "code")]
    listed = (await client.get("/api/registry/divisions")).json()["items"]
    assert [(d["code"], d["kind"], d["boundary"], d["longitude"]) for d in listed] == [
        ("330226", "county", False, None), ("330226001", "street", False, None),
    ]  # fmt: skip
    again = b"code,name\n330226,\xe5\xae\x81\xe6\xb5\xb7\xe5\x8e\xbf\n330226001,\xe8\xb7\x83\xe9\xbe\x99\n"
    found = (await client.post("/api/registry/divisions", files={"file": ("d", again)}, headers=headers())).json()
    assert (found["changed"], found["unchanged"]) == (["330226001"], 1)
    told = await pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'SiteFiled' ORDER BY serial, sequence")
    assert [row["payload"]["division_name"] for row in told] == [None, "跃龙"]
    async with pool.acquire() as connection:
        assert await audit.verify(connection) is None
        line = await connection.fetchrow(
            "SELECT * FROM audit.trail WHERE subject = 'division 330226001' AND before IS NOT NULL"
        )
    assert line is not None
    assert (line["actor"], line["before"]["name"], line["after"]["name"]) == ("regulator", "跃龙街道", "跃龙")


async def test_who_may_file_which_divisions(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/registry/divisions", files={"file": ("d", TABLE)}, headers=headers(division="330226001")
    )
    found = answer.json()
    assert (found["added"], [line["reason"] for line in found["refused"]]) == (
        ["330226001"], ["lies beyond your bounds", "33022 is no division code of 2, 4, 6, 9 or 12 digits"],
    )  # fmt: skip
    for role in ("operator", "inspector", "reviewer"):
        answer = await client.post("/api/registry/divisions", files={"file": ("d", TABLE)}, headers=headers(role))
        assert answer.status_code == 403
    chinese = {**headers(), "Accept-Language": "zh-CN"}
    answer = await client.post("/api/registry/divisions", files={"file": ("d", b"a,b\n1,2\n")}, headers=chinese)
    assert (answer.status_code, answer.json()["fields"][0]) == (
        422, {"field": "code", "reason": "没有名为 code / division_code / adcode / 区划代码 / 代码 的列"},
    )  # fmt: skip


async def test_a_regulator_does_it_in_the_browser(client: httpx.AsyncClient) -> None:
    assert "先导入区划表" in (await client.get("/registry/divisions", headers=headers())).text
    page = (await client.post("/registry/divisions", files={"file": ("d", TABLE)}, headers=headers())).text
    assert "新增 2 个，变更 0 个，无变化 0 个，拒绝 1 个" in page
    assert "33022 不是区划代码（2、4、6、9 或 12 位数字）" in page
    one = {"code": "330226002", "name": "桃源街道"}
    assert "桃源街道" in (await client.post("/registry/divisions/one", data=one, headers=headers())).text
    wrong = await client.post("/registry/divisions", files={"file": ("d", b"x\n")}, headers=headers())
    assert (wrong.status_code, "没有名为" in wrong.text) == (422, True)


def command(database_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "divisions", *arguments], text=True, capture_output=True, check=False, cwd=ROOT,
        env={**os.environ, "YOUGUAN_DATABASE_URL": database_url, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


async def test_from_the_command_line(database_url: str, pool: asyncpg.Pool, tmp_path: Path) -> None:
    table, outlines = tmp_path / "towns.csv", tmp_path / "towns.geojson"
    table.write_bytes(TABLE)
    done = command(database_url, "import", str(table))
    assert (done.returncode, done.stdout) == (1, "2 added, 0 changed, 0 unchanged, 1 refused\n"), done.stderr
    assert done.stderr == "towns.csv:4: code: 33022 is no division code of 2, 4, 6, 9 or 12 digits\n"
    feature = {"type": "Feature", "properties": {"code": "330226"}, "geometry": SQUARE}
    outlines.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": [feature]}))
    done = command(database_url, "boundaries", str(outlines))
    assert (done.returncode, done.stdout) == (0, "1 boundaries loaded, 0 refused, 0 sites outside\n"), done.stderr
    await pool.execute("UPDATE registry.site SET longitude = 121.5 WHERE id = '1'")
    done = command(database_url, "boundaries", str(outlines))
    assert "site 1 lies 4848 m outside of division 330226" in done.stderr
    assert command(database_url, "boundaries", str(table)).returncode == 2
    assert await pool.fetchval("SELECT count(*) FROM audit.trail WHERE actor = 'command line'") == 4
