"""The ledger on a real PostgreSQL: at most one manager, the past is kept, two at once are told apart; imports."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from charger_registry import store
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft, StationDraft
from charger_registry.imports.desk import import_sites, read_file
from charger_registry.ledger import store as ledger
from charger_registry.ledger.desk import LedgerDesk
from charger_registry.ledger.responsibility import holder
from charger_registry.ledger.unmanaged.judging import sites_to_judge
from charger_registry.people.organisations.ceasing import deregister, undo_deregistration
from charger_registry.service import judge_what_has_changed
from youguan.auth import Principal
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Conflict, Invalid
from youguan.eventlog import publish

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
REGULATOR = Principal("r", "r", frozenset({"regulator"}), None, None, "t", "c", START)
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "urbanev_stations.csv"
IS_THERE = REAL.exists()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A registry with one site, three organisations and a builder."""
    async with await create_pool(database_url) as pool:
        filing = Filing(
            sites=(SiteDraft("s", "场站", 121.4, 29.3, stations=(StationDraft("s-1"),)),),
            organisations=tuple(OrganisationDraft(name, name) for name in "abc"),
            roles=(RoleDraft("s", "builder", "a", START),),
        )
        async with pool.acquire() as connection, connection.transaction():
            await store.file_all(connection, filing, START)
        yield pool


async def assign(pool: asyncpg.Pool, who: str, since: datetime, now: datetime = NOW) -> None:
    await LedgerDesk(pool, ManualClock(now)).order(
        REGULATOR, "s", "manager", who, since=since, reason="x", document_number="1"
    )


async def manager(pool: asyncpg.Pool, at: datetime, as_known_at: datetime) -> str | None:
    async with pool.acquire() as connection:
        found = holder(await ledger.lines(connection, "s", as_known_at), "manager", at)
    return found.organisation_id if found else None


async def told(pool: asyncpg.Pool) -> list[str]:
    rows = await pool.fetch("SELECT type FROM eventlog.event WHERE type LIKE 'Site%anaged' ORDER BY sequence")
    return [row["type"] for row in rows]


async def test_who_managed_and_who_was_believed_to(pool: asyncpg.Pool) -> None:
    await assign(pool, "b", START, NOW)
    await assign(pool, "c", NOW - timedelta(days=10), NOW + timedelta(days=1))
    later = NOW + timedelta(days=2)
    assert await manager(pool, NOW - timedelta(days=20), later) == "b"
    assert await manager(pool, NOW - timedelta(days=5), later) == "c"
    assert await manager(pool, NOW - timedelta(days=5), NOW) == "b"  # what was believed then
    assert await manager(pool, NOW, NOW - timedelta(seconds=1)) is None
    assert await told(pool) == ["SiteUnmanaged", "SiteManaged"]


async def test_of_two_assignments_at_once_one_is_told(pool: asyncpg.Pool) -> None:
    results = await asyncio.gather(assign(pool, "b", NOW), assign(pool, "c", NOW), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "NoneType"]
    (conflict,) = [result for result in results if isinstance(result, Conflict)]
    assert conflict.detail.split()[0] in ("b", "c")


async def test_the_table_itself_refuses_a_second_manager(pool: asyncpg.Pool) -> None:
    insert = """
        INSERT INTO registry.responsibility (site_id, role, organisation_id, during, origin, evidence)
        VALUES ('s', 'manager', $1, tstzrange($2, NULL), 'order', 'x')
    """
    await pool.execute(insert, "b", START)
    with pytest.raises(asyncpg.ExclusionViolationError):
        await pool.execute(insert, "c", NOW)


async def test_a_contract_that_ends_is_found(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        ends = Filing(roles=(RoleDraft("s", "manager", "b", START, NOW),))
        await store.file_all(connection, ends, START)
        assert await sites_to_judge(connection, NOW - timedelta(seconds=1)) == []
        assert await sites_to_judge(connection, NOW) == ["s"]


async def test_a_manager_whose_period_begins_later_manages_then(pool: asyncpg.Pool) -> None:
    await assign(pool, "b", NOW + timedelta(days=1))
    for at, expected in ((NOW, ["SiteUnmanaged"]), (NOW + timedelta(days=1), ["SiteUnmanaged", "SiteManaged"])):
        async with pool.acquire() as connection, connection.transaction():
            await judge_what_has_changed(connection, at)
            await judge_what_has_changed(connection, at)
        assert await told(pool) == expected
    assert await pool.fetchval("SELECT unmanaged_reason FROM registry.site WHERE id = 's'") is None


async def test_a_deregistered_manager_manages_no_longer_from_its_instant_on(pool: asyncpg.Pool) -> None:
    await assign(pool, "b", START)
    ends = NOW + timedelta(days=1)
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, store.STREAM, await deregister(connection, "b", ends, NOW))
    assert await told(pool) == ["SiteUnmanaged", "SiteManaged"]
    async with pool.acquire() as connection, connection.transaction():
        await judge_what_has_changed(connection, ends)
    last = await pool.fetch("SELECT type, payload FROM eventlog.event ORDER BY sequence DESC LIMIT 2")
    assert (last[0]["type"], last[0]["payload"]["reason"]) == ("SiteUnmanaged", "deregistered")
    entries = {entry["organisation_id"]: entry["until"] for entry in last[1]["payload"]["entries"]}
    assert entries == {"a": None, "b": ends.isoformat().replace("+00:00", "Z")}
    with pytest.raises(Conflict):
        await assign(pool, "b", ends + timedelta(days=1), ends)
    await assign(pool, "c", ends + timedelta(days=1), ends + timedelta(days=1))
    assert (await told(pool))[-1] == "SiteManaged"


async def test_an_end_that_was_none_was_believed_until_it_was_undone(pool: asyncpg.Pool) -> None:
    await assign(pool, "b", START, NOW - timedelta(days=1))
    later, latest = NOW + timedelta(days=1), NOW + timedelta(days=2)
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, store.STREAM, await deregister(connection, "b", NOW, NOW))
        back = await undo_deregistration(connection, "b", later, "r", "登记错了", "文号 1")
        await publish(connection, store.STREAM, back)
    assert await told(pool) == ["SiteUnmanaged", "SiteManaged", "SiteUnmanaged", "SiteManaged"]
    assert [await manager(pool, NOW, known) for known in (later, NOW, NOW - timedelta(seconds=1))] == ["b", None, "b"]
    async with pool.acquire() as connection, connection.transaction():
        await deregister(connection, "b", latest, latest)
        with pytest.raises(Conflict):
            await deregister(connection, "b", latest, latest)
    assert [await manager(pool, latest, known) for known in (latest, later)] == [None, "b"]


def csv(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "sites.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


async def test_good_rows_go_in_and_bad_ones_are_named(pool: asyncpg.Pool, tmp_path: Path) -> None:
    file = csv(
        tmp_path, "station_id,longitude,latitude,charge_count,TAZID", "n1,121.4,29.3,3,1", "n2,east,29.3,1,1",
        "n3,121.4,95,1,1", "n1,121.4,29.3,1,1", "n/4,121.4,29.3,1,1", "n5,121.4,29.3,-1,1", "n6,121.5,29.4,2,1",
    )  # fmt: skip
    async with pool.acquire() as connection:
        outcome = await import_sites(connection, file, "gcj02", NOW)
        again = await import_sites(connection, file, "gcj02", NOW)
        stations = [row["id"] for row in await connection.fetch("SELECT id FROM registry.station ORDER BY id")]
    assert [(r.row, r.field) for r in outcome.refused] == [
        (3, "longitude"), (4, "latitude"), (5, "station_id"), (6, "station_id"), (7, "charge_count"),
    ]  # fmt: skip
    assert (outcome.added, outcome.unchanged, outcome.ignored_columns) == (2, 0, ["TAZID"])
    assert (again.added, again.changed, again.unchanged) == (0, 0, 2)
    assert stations == ["n1-001", "n1-002", "n1-003", "n6-001", "n6-002", "s-1"]


async def test_a_bad_row_is_named_and_takes_no_good_one_with_it(pool: asyncpg.Pool, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    rows = [
        "id,longitude,latitude,name,count", "n1,121,29,good,1", "n2,121,29,a\0b,1", f"n3,121,29,{'x' * 140_000},1",
        'n4,121,29,"never closed,1', "n5,121,29,good,2.7", "n6,121,29,good,1,more", 'n7,121,29,"two\nlines",3.0',
        "n8,121,29,a\u2028b,", 'n9,121,29,"never closed,1', "n10,121,29,good,2", "",
    ]  # fmt: skip
    file.write_bytes("\r\n".join(rows).encode())
    async with pool.acquire() as connection:
        outcome = await import_sites(connection, file, "wgs84", NOW)
        rows = await connection.fetch(
            """
            SELECT s.id, s.name, count(t.id) AS stations FROM registry.site s JOIN registry.station t ON t.site_id = s.id
            WHERE s.id <> 's' GROUP BY s.id
            """
        )
        names = {row["id"]: row["name"] for row in rows}
        counts = {row["id"]: row["stations"] for row in rows}
    assert [(r.row, r.field) for r in outcome.refused] == [
        (3, "name"), (4, "row"), (5, "row"), (6, "count"), (7, "row"), (11, "row"),
    ]  # fmt: skip
    assert names == {"n1": "good", "n7": "two\nlines", "n8": "a\u2028b", "n10": "good"}
    assert counts == {"n1": 1, "n7": 3, "n8": 1, "n10": 2}


@pytest.mark.parametrize(
    ("encoding", "taken"), [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("gb18030", "GB18030"), ("utf-16", "UTF-16")]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_files_as_people_send_them(tmp_path: Path, encoding: str, taken: str, delimiter: str) -> None:
    file = tmp_path / "sites.csv"
    rows = (("编号", "名称", "经度", "纬度"), ("n1", "跃龙街道充电站", "121.4", "29.3"))
    file.write_bytes("\n".join(delimiter.join(row) for row in rows).encode(encoding))
    reading = await read_file(file, "wgs84")
    assert [site.name for site in reading.sites.values()] == ["跃龙街道充电站"]
    assert (reading.encoding, reading.delimiter, reading.refused) == (taken, delimiter, [])


async def test_a_site_that_shrinks_loses_its_last_stations(pool: asyncpg.Pool, tmp_path: Path) -> None:
    async def take(*lines: str) -> tuple[int, int, int]:
        async with pool.acquire() as connection:
            outcome = await import_sites(connection, csv(tmp_path, *lines), "wgs84", NOW)
        return outcome.added, outcome.changed, outcome.unchanged

    with_count = "id,longitude,latitude,count"
    assert await take(with_count, "n1,121,29,3") == (1, 0, 0)
    assert await take(with_count, "n1,121,29,2") == (0, 1, 0)
    assert await take(with_count, "n1,121,29,2") == (0, 0, 1)
    filed = await pool.fetchval(
        "SELECT payload FROM eventlog.event WHERE type = 'SiteFiled' ORDER BY serial DESC LIMIT 1"
    )
    assert [station["station_id"] for station in filed["stations"]] == ["n1-001", "n1-002"]
    assert await take("id,longitude,latitude", "n1,121,29") == (0, 0, 1)  # says nothing of stations
    assert await take("id,longitude,latitude", "n1,122,29") == (0, 1, 0)
    assert await pool.fetchval("SELECT count(*) FROM registry.station WHERE site_id = 'n1' AND retired_at IS NULL") == 2
    assert await take(with_count, "n1,122,29,3") == (0, 1, 0)
    assert await pool.fetchval("SELECT count(*) FROM registry.station WHERE site_id = 'n1' AND retired_at IS NULL") == 3


async def test_an_import_invents_nothing(pool: asyncpg.Pool, tmp_path: Path) -> None:
    file = csv(tmp_path, "id,lng,lat", "n1,121.4,29.3")
    async with pool.acquire() as connection:
        await import_sites(connection, file, "wgs84", NOW)
        assert await ledger.lines(connection, "n1") == []
        assert (await store.get_site(connection, "n1"))["unmanaged_reason"] == "no_manager"


@pytest.mark.parametrize(
    ("header", "crs", "field"), [("id,latitude", "wgs84", "longitude"), ("id,longitude,latitude", "mars", "crs")]
)
async def test_a_file_that_cannot_be_read_says_why(
    pool: asyncpg.Pool, tmp_path: Path, header: str, crs: str, field: str
) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(Invalid) as error:
            await import_sites(connection, csv(tmp_path, header), crs, NOW)
    assert [f.field for f in error.value.fields] == [field]


async def test_a_city_is_imported_and_found_again(pool: asyncpg.Pool, tmp_path: Path) -> None:
    """As many sites as the real file of Shenzhen, and the file itself where it lies beside the checkout."""
    lines = [f"{n},{114 + n % 40 / 100},{22.5 + n // 40 / 100},{10 + n % 10}" for n in range(1587)]
    file = REAL if IS_THERE else csv(tmp_path, "station_id,longitude,latitude,charge_count", *lines)
    async with pool.acquire() as connection:
        outcome = await import_sites(connection, file, "gcj02", NOW)
        page = await store.list_stations(connection, managed=None, site_id=None, after=None, limit=1000)
        total = await connection.fetchval("SELECT count(*) FROM registry.station")
    assert (outcome.added, outcome.refused, len(page)) == (1587, [], 1000)
    assert total - 1 == (23441 if IS_THERE else sum(10 + n % 10 for n in range(1587)))
