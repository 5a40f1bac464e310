"""Orders and corrections on a real PostgreSQL: what was believed is kept, by the table itself; two at once are told apart."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from charger_registry import store as registry
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft, StationDraft
from charger_registry.ledger import store
from charger_registry.ledger.desk import LedgerDesk
from charger_registry.ledger.export import csv_lines, header
from charger_registry.ledger.handovers.desk import HandoverDesk
from charger_registry.ledger.history import changes
from charger_registry.ledger.responsibility import Evidence, Line, holder
from charger_registry.service import judge_what_has_changed
from youguan import audit
from youguan.auth import EVERYTHING, NOTHING, Principal, Scope
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Conflict, NotFound

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def operator(organisation: str) -> Principal:
    return Principal(organisation, "x", frozenset({"operator"}), organisation, None, "t", "c", START)


REGULATOR = Principal("r", "r", frozenset({"regulator"}), None, None, "t", "c", START)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A site with a builder and a manager, and two organisations more."""
    async with await create_pool(database_url) as pool:
        filing = Filing(
            sites=(SiteDraft("s", "场站", 121.4, 29.3, stations=(StationDraft("s-1"),)),),
            organisations=tuple(OrganisationDraft(name, name) for name in "abcd"),
            roles=(
                RoleDraft("s", "builder", "a", START),
                RoleDraft(
                    "s", "manager", "b", START, evidence="说明", evidence_kind="contract", evidence_number="合 1"
                ),
            ),
        )
        async with pool.acquire() as connection, connection.transaction():
            await registry.file_all(connection, filing, START)
        yield pool


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def desk(pool: asyncpg.Pool, clock: ManualClock) -> LedgerDesk:
    return LedgerDesk(pool, clock)


async def managers(pool: asyncpg.Pool, at: datetime, as_known_at: datetime | None = None) -> str | None:
    async with pool.acquire() as connection:
        found = holder(await store.lines(connection, "s", as_known_at), "manager", at)
    return found.organisation_id if found else None


async def lines_of(pool: asyncpg.Pool) -> list[Line]:
    async with pool.acquire() as connection:
        return await store.lines(connection, "s")


async def line_of(pool: asyncpg.Pool, role: str) -> Line:
    return next(line for line in await lines_of(pool) if line.role == role)


async def test_an_order_gives_a_role_with_its_document(
    pool: asyncpg.Pool, desk: LedgerDesk, clock: ManualClock
) -> None:
    line = await desk.order(REGULATOR, "s", "manager", "c", reason="无人管", document_number="宁发改 1")
    assert (line.origin, line.evidence) == ("order", Evidence("decision", "宁发改 1", "无人管"))
    assert [await managers(pool, at) for at in (START, NOW - timedelta(seconds=1), NOW)] == ["b", "b", "c"]
    async with pool.acquire() as connection:
        trail = await connection.fetchrow("SELECT * FROM audit.trail")
        assert (trail["actor"], trail["action"], trail["after"]["reason"]) == ("r", "assign", "无人管")
        assert [line["organisation_id"] for line in trail["before"]] == ["b"]
        assert await audit.verify(connection) is None


async def test_an_order_ends_a_role_and_leaves_the_site_unmanaged(pool: asyncpg.Pool, desk: LedgerDesk) -> None:
    await desk.end(REGULATOR, "s", "manager", reason="违约", document_number="宁发改 2")
    async with pool.acquire() as connection:
        assert (await registry.get_site(connection, "s"))["unmanaged_reason"] == "contract_ended"
        last = await connection.fetchval("SELECT type FROM eventlog.event ORDER BY serial DESC, sequence DESC LIMIT 1")
    assert last == "SiteUnmanaged"
    with pytest.raises(Conflict):
        await desk.end(REGULATOR, "s", "manager", reason="again", document_number="宁发改 2")


async def test_a_correction_keeps_what_was_believed(pool: asyncpg.Pool, desk: LedgerDesk, clock: ManualClock) -> None:
    wrong = await line_of(pool, "manager")
    true = replace(wrong, organisation_id="c", since=START + timedelta(days=10))
    corrected = await desk.correct(REGULATOR, "s", wrong.id, true, reason="合同写错")
    assert corrected is not None
    assert (corrected.origin, corrected.evidence.number) == ("import", "合 1")
    early, late = START + timedelta(days=5), START + timedelta(days=15)
    assert (await managers(pool, early), await managers(pool, late)) == (None, "c")
    before = NOW - timedelta(seconds=1)
    assert (await managers(pool, early, before), await managers(pool, late, before)) == ("b", "b")
    clock.advance(timedelta(days=1))
    assert await desk.correct(REGULATOR, "s", corrected.id, None, reason="从来没有") is None
    assert (await managers(pool, late), await managers(pool, late, NOW)) == (None, "c")
    async with pool.acquire() as connection:
        told = changes(await store.ever_recorded(connection, "s"))
        assert (await registry.get_site(connection, "s"))["unmanaged_reason"] == "no_manager"
    assert [change.reason for change in told] == ["从来没有", "合同写错", ""]
    with pytest.raises(NotFound):
        await desk.correct(REGULATOR, "s", corrected.id, None, reason="twice")


async def test_the_past_of_a_retired_site_is_corrected_and_nothing_else_of_it(
    pool: asyncpg.Pool, desk: LedgerDesk
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await registry.file_all(connection, Filing(retired_site_ids=("s",)), NOW)
    wrong = await line_of(pool, "manager")
    await desk.correct(REGULATOR, "s", wrong.id, replace(wrong, organisation_id="c"), reason="合同写错")
    assert await managers(pool, START) == "c"
    told = await pool.fetchval("SELECT payload FROM eventlog.event ORDER BY serial DESC, sequence DESC LIMIT 1")
    assert [entry["organisation_id"] for entry in told["entries"] if entry["role"] == "manager"] == ["c"]
    with pytest.raises(NotFound):
        await desk.order(REGULATOR, "s", "manager", "d", reason="x", document_number="1")


async def test_an_order_for_a_time_interrupts_and_its_end_is_found(
    pool: asyncpg.Pool, desk: LedgerDesk, clock: ManualClock
) -> None:
    ends = NOW + timedelta(days=30)
    await desk.order(REGULATOR, "s", "manager", "c", reason="代管", document_number="1", until=ends)
    assert [await managers(pool, at) for at in (NOW, ends)] == ["c", "b"]
    clock.advance(timedelta(seconds=1))
    with pytest.raises(Conflict, match="b has this role"):  # it is not c's to give beyond its time
        await HandoverDesk(pool, clock).propose(operator("c"), "s", "d", evidence=Evidence("contract", "1"))
    kept = [line for line in await lines_of(pool) if line.since == ends]
    assert [(line.origin, line.evidence.number) for line in kept] == [("return", "合 1")]
    await desk.end(REGULATOR, "s", "manager", at=ends, reason="违约", document_number="2")
    for at, found in ((ends - timedelta(seconds=1), None), (ends, "contract_ended")):
        async with pool.acquire() as connection, connection.transaction():
            await judge_what_has_changed(connection, at)
            assert (await registry.get_site(connection, "s"))["unmanaged_reason"] == found


async def test_a_repeated_import_brings_nothing_back_that_was_corrected(pool: asyncpg.Pool, desk: LedgerDesk) -> None:
    wrong = await line_of(pool, "manager")
    await desk.correct(REGULATOR, "s", wrong.id, replace(wrong, organisation_id="c"), reason="x")
    again = Filing(roles=(RoleDraft("s", "manager", "b", START),))
    async with pool.acquire() as connection, connection.transaction():
        await registry.file_all(connection, again, NOW)
    assert await managers(pool, NOW) == "c"


async def test_a_filing_with_a_second_manager_is_told_so(pool: asyncpg.Pool) -> None:
    second = Filing(roles=(RoleDraft("s", "manager", "c", NOW),))
    async with pool.acquire() as connection:
        with pytest.raises(Conflict, match=r"site \S+ would have two managers at once"):
            async with connection.transaction():
                await registry.file_all(connection, second, NOW)


async def test_a_stations_own_manager_is_beside_the_sites(pool: asyncpg.Pool, desk: LedgerDesk) -> None:
    await desk.order(REGULATOR, "s", "manager", "c", reason="x", document_number="1", station_id="s-1")
    async with pool.acquire() as connection:
        lines = await store.lines(connection, "s")
    assert [getattr(holder(lines, "manager", NOW, station), "organisation_id", None) for station in ("", "s-1")] == [
        "b", "c",
    ]  # fmt: skip
    with pytest.raises(NotFound):
        await desk.order(REGULATOR, "s", "manager", "c", reason="x", document_number="1", station_id="elsewhere")


async def test_of_many_changes_at_once_each_is_done_or_told(pool: asyncpg.Pool, desk: LedgerDesk) -> None:
    wrong = await line_of(pool, "manager")
    results = await asyncio.gather(
        desk.order(REGULATOR, "s", "manager", "c", reason="x", document_number="1"),
        desk.order(REGULATOR, "s", "manager", "d", reason="x", document_number="1"),
        desk.correct(REGULATOR, "s", wrong.id, replace(wrong, organisation_id="d"), reason="x"),
        desk.end(REGULATOR, "s", "manager", reason="x", document_number="x"),
        return_exceptions=True,
    )
    failed = [result for result in results if isinstance(result, BaseException)]
    assert {type(result) for result in failed} <= {Conflict, NotFound}
    assert len(failed) < len(results)
    async with pool.acquire() as connection:
        recorded = await store.ever_recorded(connection, "s")
    assert len({change.at for change in changes(recorded)}) == 1 + len(results) - len(failed)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registry.responsibility SET organisation_id = 'd'",
        "UPDATE registry.responsibility SET during = tstzrange('2020-01-01', NULL)",
        "UPDATE registry.responsibility SET believed = tstzrange('2020-01-01', now())",
        "UPDATE registry.responsibility SET believed = 'empty'",
        "DELETE FROM registry.responsibility",
        "TRUNCATE registry.responsibility",
    ],
)
async def test_the_table_itself_keeps_what_was_written(pool: asyncpg.Pool, statement: str) -> None:
    with pytest.raises(asyncpg.RaiseError, match="never"):
        await pool.execute(statement)


async def test_what_is_believed_no_longer_cannot_be_believed_again(pool: asyncpg.Pool, desk: LedgerDesk) -> None:
    await desk.end(REGULATOR, "s", "manager", reason="x", document_number="x")
    with pytest.raises(asyncpg.RaiseError):
        await pool.execute(
            "UPDATE registry.responsibility SET believed = tstzrange(lower(believed), NULL) WHERE NOT upper_inf(believed)"
        )


async def test_the_export_holds_what_lies_within_the_bounds(pool: asyncpg.Pool, desk: LedgerDesk) -> None:
    await desk.order(REGULATOR, "s", "manager", "c", reason="=1+1", document_number="x")

    async def export(scope: Scope, *, ever: bool = False) -> list[str]:
        async with pool.acquire() as connection:
            rows = await store.export(
                connection, site_id=None, scope=scope, as_known_at=None, ever=ever, after=0, limit=100
            )
        return csv_lines(rows).splitlines()

    assert header().startswith("\ufeffsite_id,site_name")
    assert len(await export(EVERYTHING)) == 3
    assert len(await export(EVERYTHING, ever=True)) == 4
    assert await export(NOTHING) == []
    assert any(",'=1+1," in found for found in await export(EVERYTHING)), "no cell may be a formula"
