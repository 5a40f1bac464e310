"""Writes a generated year into the inspection service's tables, all of it or nothing."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from random import Random
from typing import Any

import asyncpg

from deploy.demo.annual.cases import Bureau, Walk, plain, year_of
from deploy.demo.annual.totals import Totals
from deploy.demo.annual.visits import Numbers, Place, Run, Visited, remote_of, runs_of
from inspection_service.annual_report import store as report
from inspection_service.cases import documents
from inspection_service.cases import store as cases
from inspection_service.cases.persons import Officer
from inspection_service.evidence.chain import Signer
from inspection_service.inspections import store
from inspection_service.inspections.checklists import checklists
from inspection_service.law.catalogue import catalogue
from youguan import audit
from youguan.auth import EVERYTHING
from youguan.clock import Clock
from youguan.errors import Conflict

SEED = 2023
ACTOR = "command line"
FEWEST_PLACES = 30
OFFICERS = (
    Officer("sample-officer-1", "示例执法员甲", "示例-0001", date(2035, 12, 31)),
    Officer("sample-officer-2", "示例执法员乙", "示例-0002", date(2035, 12, 31)),
)
ENTRIES = (
    ("training", date(2023, 3, 14), "行政处罚法、行政强制法业务培训", 12, "示例：培训签到册"),
    ("publicity", date(2023, 6, 20), "充电安全宣传折页", 5000, "示例：印制合同"),
    ("exemplary_case", date(2023, 11, 2), "充电基础设施监管典型案例", 2, "示例：省厅通报"),
)


async def load_year(connection: asyncpg.Connection, clock: Clock, private_key: str, totals: Totals) -> dict[str, int]:
    """Write the year; return what its report says now. Conflict where the year holds something already."""
    async with connection.transaction():
        before = await report.figures(connection, totals.year, EVERYTHING)
        if before["penalty_cases"] or before["joint_inspections"]:
            raise Conflict(f"{totals.year} holds cases or inspections already: nothing was added")
        bureau = await _bureau(connection, private_key)
        places = await _places(connection, bureau.catalogue.county)
        runs, visits, walks = await asyncio.to_thread(_made, totals, bureau, places)
        await _write_runs(connection, runs)
        await _write_visits(connection, visits)
        await _write_cases(connection, walks, totals.year, clock.now())
        for entry in ENTRIES:
            await report.add_entry(connection, (*entry, clock.now(), ACTOR))
        found = await report.figures(connection, totals.year, EVERYTHING)
        await audit.record(
            connection, at=clock.now(), actor=ACTOR, action="test-data load", subject=f"year {totals.year}",
            after={"cases": len(walks), "visits": len(visits), "runs": len(runs)},
        )  # fmt: skip
    return found


async def _bureau(connection: asyncpg.Connection, private_key: str) -> Bureau:
    """Return two officers who hold certificates; where there are none, two are registered that say what they are."""
    known = (await cases.officers(connection))[:2]
    if len(known) < len(OFFICERS):
        for officer in OFFICERS:
            await cases.save_officer(connection, officer)
        known = list(OFFICERS)
    names = {officer.subject: f"{officer.name}（{officer.certificate}）" for officer in known}
    return Bureau(catalogue(), Signer(private_key), (known[0].subject, known[1].subject), names)


async def _places(connection: asyncpg.Connection, county: str) -> list[Place]:
    """Return the county's sites; where there are hardly any, premises that are none."""
    rows = await store.sites(connection, EVERYTHING, None)
    found = [
        Place(row["id"], row["name"], row["address"], row["division_code"] or county, row["construction"])
        for row in rows
    ]
    missing = range(len(found) + 1, FEWEST_PLACES + 1)
    return found + [Place(None, f"示例场所{n:02d}", f"示例路{n}号", county, None) for n in missing]


def _made(totals: Totals, bureau: Bureau, places: Sequence[Place]) -> tuple[list[Run], list[Visited], list[Walk]]:
    random, numbers = Random(SEED), Numbers()
    runs, joint = runs_of(totals, bureau, checklists(), places, numbers, random)
    remote, leads = remote_of(totals, bureau, checklists(), places, numbers, random)
    walks = year_of(totals, bureau, leads, random)
    _number(walks, totals.year)
    return runs, [*joint, *remote], walks


def _number(walks: Sequence[Walk], year: int) -> None:
    """Give every document its number, in the order in which they were issued."""
    last: Counter[str] = Counter()
    issued = [document for walk in walks for document in walk.documents]
    for document in sorted(issued, key=lambda each: each.at):
        last[document.kind] += 1
        document.number = documents.number(document.kind, year, last[document.kind])


async def _write_runs(connection: asyncpg.Connection, runs: Sequence[Run]) -> None:
    await _copy(connection, "plan", [run.plan for run in runs])
    rows = [(run.plan[0], n, p.department, p.id, p.item) for run in runs for n, p in enumerate(run.points, 1)]
    await _copy(connection, "plan_item", rows)
    if runs:
        await store.take_numbers(connection, "plan", runs[0].plan[6].year, len(runs))


VISIT = (
    "id", "code", "plan_id", "channel", "state", "site_id", "premises_name", "premises_address", "division_code", "departments",
    "officers", "reason", "planned_for", "planned_at", "planned_by", "moved_at", "began_at", "finished_at", "finished_by",
    "confirmed_at", "confirmed_by", "rights_told",
)  # fmt: skip


async def _write_visits(connection: asyncpg.Connection, visits: Sequence[Visited]) -> None:
    await _copy(connection, "visit", [visit.row for visit in visits], VISIT)
    points = [
        (visit.id, n, p.department, p.id, p.item, p.text, p.text_en)
        for visit in visits for n, p in enumerate(visit.points, 1)
    ]  # fmt: skip
    await _copy(connection, "visit_point", points)
    results = [
        (visit.id, n, n, f"sample-{n:04d}", "failed" if n in visit.failed else "passed", "", visit.at, visit.officer, None, None)
        for visit in visits for n in range(1, len(visit.points) + 1)
    ]  # fmt: skip
    await _copy(connection, "visit_result", results)
    await connection.executemany(
        "INSERT INTO inspection.visit_record VALUES ($1, $2, $3, $4, $5)", [visit.record for visit in visits]
    )
    for series, count in Counter(visit.row[3] for visit in visits).items():
        await store.take_numbers(connection, f"visit_record_{series}", visits[0].at.year, count)
    await store.take_numbers(connection, "check_code", visits[0].at.year, len(visits))


async def _write_cases(connection: asyncpg.Connection, walks: Sequence[Walk], year: int, now: datetime) -> None:
    await connection.executemany(CASE, [_case_row(walk) for walk in walks])
    fined = [(walk.id, walk.case.facts.decided_on) for walk in walks if walk.case.facts.fine_fen]
    await connection.executemany("INSERT INTO inspection.fined_act (case_id, decided_on) VALUES ($1, $2)", fined)
    await connection.executemany(HISTORY, _history_rows(walks))
    await connection.executemany(
        "INSERT INTO inspection.case_document VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (d.number, walk.id, d.place, d.kind, d.at, d.by, d.content, d.sha256)
            for walk in walks
            for d in walk.documents
        ],
    )
    # Whenever it says that it was collected, it is here since now: the roots of days before stay what they are.
    links = [
        (walk.id, place, now, dict(link.record), walk.contents.get(place), link.hash, link.signature)
        for walk in walks for place, link in enumerate(walk.links, 1)
    ]  # fmt: skip
    await connection.executemany("INSERT INTO inspection.evidence VALUES ($1, $2, $3, $4, $5, $6, $7)", links)
    await store.take_numbers(connection, "case", year, len(walks))
    for kind, count in Counter(document.kind for walk in walks for document in walk.documents).items():
        await store.take_numbers(connection, kind, year, count)


CASE = """
INSERT INTO inspection.case_file (id, number, state, procedure, item_id, party_kind, party_name, site_id, division_code, act_on,
    found_on, opened_at, opened_by, moved_at, due_on, period, facts, visit_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
"""
HISTORY = "INSERT INTO inspection.case_history VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"


def _case_row(walk: Walk) -> tuple[Any, ...]:
    case = walk.case
    return (
        walk.id, case.number, case.state, case.procedure, case.item.id, case.party_kind, walk.party, walk.site_id,
        walk.division_code, case.act_on, case.found_on, walk.opened_at, case.facts.officers[0], walk.now, walk.due_on,
        walk.period, plain(case.facts), walk.visit_id,
    )  # fmt: skip


def _history_rows(walks: Sequence[Walk]) -> Iterable[tuple[Any, ...]]:
    for walk in walks:
        for place, (at, who, name, role, command, previous, state, reason, said, document) in enumerate(
            walk.history, 1
        ):
            number = document.number if document else None
            yield walk.id, place, at, who, name, role, command, previous, state, reason, said, number


async def _copy(
    connection: asyncpg.Connection, table: str, rows: Sequence[Sequence[Any]], columns: Sequence[str] | None = None
) -> None:
    await connection.copy_records_to_table(table, schema_name="inspection", records=rows, columns=columns)
