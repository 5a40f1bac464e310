"""The annual report on a real PostgreSQL: a year of generated records is counted exactly, and every record of it opens."""

import csv
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson
import pytest
from docx import Document
from pypdf import PdfReader

from deploy.demo.annual.load import load_year
from deploy.demo.annual.totals import Totals
from inspection_service.annual_report import store
from inspection_service.annual_report.api import read_uptime
from inspection_service.annual_report.desk import AnnualDesk, EntryWish, Observed
from inspection_service.annual_report.formats import FORMATS
from inspection_service.annual_report.indicators import INDICATORS, Report, Uptime
from inspection_service.annual_report.managed import Span
from inspection_service.cases.desk import CaseDesk
from inspection_service.cases.machine import Command
from inspection_service.cases.store import documents, list_cases
from inspection_service.evidence import bundle
from inspection_service.evidence import store as evidence
from inspection_service.evidence.chain import Signer, broken, root
from inspection_service.evidence.desk import EvidenceDesk
from inspection_service.inspections.plans import store as plans_store
from inspection_service.inspections.visits import store as visits_store
from inspection_service.law.catalogue import catalogue
from inspection_service.printing.press import Press
from inspection_service.publication.desk import PublicationDesk
from inspection_service.store import file_site, retire_site
from tests.inspection_service.world import HEAD, PARTY, TODAY, A, World, to_notified
from youguan import audit
from youguan.auth import EVERYTHING, Principal, Scope, generate_keys
from youguan.clock import COUNTY, ManualClock, county_day
from youguan.database import create_pool
from youguan.documents import Shelf
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from youguan.events import SiteFiled
from youguan.settings import Settings

NOW = datetime(2026, 9, 16, 2, tzinfo=UTC)
PRIVATE, _ = generate_keys()
PRESS = Press()
SMALL = Totals().part(50)
COUNTED = (
    "penalty_cases", "simple_procedure", "fast_track", "non_contact", "joint_inspections", "premises_inspected", "items_covered",
    "visits_saved",
)  # fmt: skip


class Nowhere:
    """A gateway that cannot be asked."""

    async def of(self, first: date, after: date) -> list[Observed] | None:
        return None

    async def of_spans(self, spans: Sequence[Span]) -> list[tuple[Span, Observed]] | None:
        return None

    async def of_site(self, site_id: str, first: date, after: date) -> list[Observed] | None:
        return None


class Two:
    """A gateway that knows two sites, and of each span as many seconds in order as it has days."""

    async def of(self, first: date, after: date) -> list[Observed] | None:
        assert (first, after) == (date(2023, 1, 1), date(2024, 1, 1))
        return [Observed("1", 75, 100), Observed("2", 25, 100), Observed("3", 1, 1)]

    async def of_spans(self, spans: Sequence[Span]) -> list[tuple[Span, Observed]] | None:
        self.spans = list(spans)
        days = [(span, (span.after - span.first).days) for span in spans]
        in_order = {"1": 75, "2": 25}
        return [
            (span, Observed(span.site_id, in_order[span.site_id], 100) if n == 365 else Observed(span.site_id, n, 1000))
            for span, n in days
        ]

    async def of_site(self, site_id: str, first: date, after: date) -> list[Observed] | None:
        self.asked = (first, after)
        return [Observed(site_id, 75, 100, "a", 1)]


def somebody(role: str, division: str | None = None) -> Principal:
    return Principal("x", "x", frozenset({role}), None, division, "", "", NOW)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


@pytest.fixture
def desk(pool: asyncpg.Pool) -> AnnualDesk:
    return AnnualDesk(pool, ManualClock(NOW), "某局")


async def everything(pool: asyncpg.Pool, indicator: str, scope: Scope = EVERYTHING) -> list[asyncpg.Record]:
    """Return all records of a figure, page by page."""
    found: list[asyncpg.Record] = []
    before = None
    async with pool.acquire() as connection:
        while rows := await store.records(connection, indicator, 2023, scope, before, 7):
            found += rows
            before = (rows[-1]["day_text"], rows[-1]["id"])
    return found


async def test_a_generated_year_is_counted_exactly_and_every_record_opens(pool: asyncpg.Pool, desk: AnnualDesk) -> None:
    async with pool.acquire() as connection:
        figures = await load_year(connection, ManualClock(NOW), PRIVATE, SMALL)
        with pytest.raises(Conflict):
            await load_year(connection, ManualClock(NOW), PRIVATE, SMALL)
        assert await audit.verify(connection) is None
    report = await desk.report(2023, Nowhere())
    assert report.figures == figures
    assert {name: figures[name] for name in COUNTED} == {name: getattr(SMALL, name) for name in COUNTED}
    assert {name: report.as_json()[name] for name in COUNTED} == {name: figures[name] for name in COUNTED}
    cases, who, public = (
        CaseDesk(pool, ManualClock(NOW), catalogue(), PRESS),
        somebody("regulator"),
        Signer(PRIVATE).public_key,
    )
    for indicator in INDICATORS:
        records = await everything(pool, indicator.id)
        assert sum(record["weight"] for record in records) == figures[indicator.id], indicator.id
        assert len({record["id"] for record in records}) == len(records)
        async with pool.acquire() as connection:
            for record in records:
                if record["kind"] == "case":
                    row = await cases.see(connection, who, record["id"])
                    assert row["state"] == "closed"
                    assert broken(await evidence.links(connection, record["id"]), public) is None
                    kept, body = await evidence.content(connection, record["id"], 1)
                    assert body is not None
                    assert hashlib.sha256(body).hexdigest() == kept["sha256"]
                elif record["kind"] == "visit":
                    assert (await visits_store.get_record(connection, record["id"]))["content"]["organ"]
                elif record["kind"] == "plan":
                    assert len(await plans_store.plan_items(connection, record["id"])) in (6, 7)
    later = await desk.report(2024, Nowhere())
    assert {later.figures[name] for name in COUNTED} == {0}


async def test_of_a_generated_year_nothing_is_due_and_everything_is_in_a_bundle(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    clock, who, signer = ManualClock(NOW), somebody("regulator"), Signer(PRIVATE)
    async with pool.acquire() as connection:
        yesterday = county_day(NOW) - timedelta(days=1)
        published = {"day": yesterday.isoformat(), "cases": 0, "root": root([]), "previous": ""}
        await evidence.add_root(connection, yesterday, signer.link("", published))
        await load_year(connection, clock, PRIVATE, Totals().part(500))
    publications = PublicationDesk(pool, clock, catalogue())
    await publications.consumer().catch_up()
    assert await publications.due(who) == []
    cases = CaseDesk(pool, clock, catalogue(), PRESS)
    async with pool.acquire() as connection:
        late = await list_cases(
            connection, states=[], words=None, item=None, overdue_on=cases.today(), mine=None, before=None, limit=9,
            scope=EVERYTHING,
        )  # fmt: skip
        found = await everything(pool, "penalty_cases")
        issued = await documents(connection, found[0]["id"])
        officer = (await evidence.links(connection, found[0]["id"]))[0].record["by"]
        today = await evidence.collected_since(connection, officer, clock.now() - timedelta(days=1))
    assert (late, today.files) == ([], 0)
    evidence_desk = EvidenceDesk(pool, clock, Shelf(Settings(data_dir=tmp_path), "inspection"), PRIVATE)
    await cases.print_all(found[0]["id"])
    number, packed = await evidence_desk.pack(who, found[0]["id"])
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        assert {bundle.print_name(document["place"]) for document in issued} <= set(file.namelist())
    assert (bundle.verify(packed).case, bundle.verify(packed).faults) == (number, ())
    clock.advance(timedelta(days=1))
    assert await evidence_desk.publish_roots() == 1
    _, packed = await evidence_desk.pack(who, found[0]["id"])
    assert (bundle.verify(packed).faults, bundle.verify(packed).day) == ((), county_day(NOW).isoformat())
    assert len(issued) > 1
    again = [await cases.printed(document) for document in issued]
    assert all(body.startswith(b"%PDF") for body in again)


@pytest.mark.timeout(900)  # some 50,000 rows, on a machine that may be busy
async def test_the_programmes_year_comes_to_the_figures_of_its_report(pool: asyncpg.Pool, desk: AnnualDesk) -> None:
    async with pool.acquire() as connection:
        await load_year(connection, ManualClock(NOW), PRIVATE, Totals())
    printed = orjson.loads(FORMATS["json"].make(await desk.report(2023, Nowhere()), PRESS))
    assert {name: printed[name] for name in COUNTED if name != "fast_track"} == {
        "penalty_cases": 3500, "simple_procedure": 2988, "non_contact": 90, "joint_inspections": 373,
        "premises_inspected": 9156, "items_covered": 2524, "visits_saved": 4765,
    }  # fmt: skip


async def test_a_year_is_counted_within_bounds(pool: asyncpg.Pool, desk: AnnualDesk) -> None:
    async with pool.acquire() as connection:
        await load_year(connection, ManualClock(NOW), PRIVATE, Totals().part(200))
    elsewhere = await desk.report(2023, Nowhere(), Scope(divisions=("330227",)))
    assert {elsewhere.figures[name] for name in COUNTED} == {0}
    here = await desk.report(2023, Nowhere(), Scope(divisions=("3302",)))
    assert here.figures["penalty_cases"] == Totals().part(200).penalty_cases


async def test_what_review_and_courts_left_of_decisions_is_told(world: World) -> None:
    case_id = await to_notified(world)
    await world.do(PARTY, case_id, Command.DEFEND, reason="请求从轻")
    await world.do(HEAD, case_id, Command.DECIDE, reason="充分考虑", sanction="fine", fine_fen=20_000_00)
    await world.serve(case_id)
    for remedy, outcome, fen in (("review", "changed", 10_000_00), ("litigation", "upheld", 0)):
        await world.do(A, case_id, Command.APPEAL, remedy=remedy, on=TODAY)
        await world.do(A, case_id, Command.END_APPEAL, reason="r", outcome=outcome, fine_fen=fen, on=TODAY)
    figures = (await AnnualDesk(world.pool, world.clock, "某局").report(2026, Nowhere())).figures
    assert [figures[name] for name in ("reviews", "reviews_lost", "suits", "suits_lost", "revoked")] == [1, 1, 1, 0, 0]


async def test_what_is_entered_by_hand_counts_until_it_is_withdrawn(desk: AnnualDesk) -> None:
    wish = EntryWish("publicity", date(2023, 6, 1), "折页", 500, "印制合同")
    entry = await desk.enter(somebody("regulator"), wish)
    assert (await desk.report(2023, Nowhere())).figures["publicity_materials"] == 500
    for who in (somebody("inspector"), somebody("regulator", "330226001")):
        with pytest.raises(Forbidden):
            await desk.enter(who, wish)
        with pytest.raises(Forbidden):
            await desk.withdraw(who, entry)
    await desk.withdraw(somebody("regulator"), entry)
    assert (await desk.report(2023, Nowhere())).figures["publicity_materials"] == 0
    with pytest.raises(NotFound):
        await desk.withdraw(somebody("regulator"), entry)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (EntryWish("party", date(2023, 1, 1), "x", 1, "x"), "kind"), (EntryWish("training", date(2027, 1, 1), "x", 1, "x"), "on"),
        (EntryWish("training", date(2023, 1, 1), " ", 1, "x"), "title"),
        (EntryWish("training", date(2023, 1, 1), "x", 0, "x"), "count"),
        (EntryWish("training", date(2023, 1, 1), "x", 1, ""), "source"),
    ],
)  # fmt: skip
async def test_an_entry_that_cannot_be_is_refused(desk: AnnualDesk, wish: EntryWish, field: str) -> None:
    with pytest.raises(Invalid) as error:
        await desk.enter(somebody("regulator"), wish)
    assert [wrong.field for wrong in error.value.fields] == [field]


async def test_sites_are_counted_as_they_were_at_the_years_end(pool: asyncpg.Pool, desk: AnnualDesk) -> None:
    def at(year: int, month: int = 1, day: int = 1) -> datetime:
        return datetime(year, month, day, tzinfo=COUNTY)

    async with pool.acquire() as connection:
        # filed late though its ledger begins early; without a ledger; retired within a year; filed at a year's first instant
        for name, filed in (("early", at(2025)), ("bare", at(2022, 6)), ("gone", at(2021)), ("new", at(2024))):
            site = SiteFiled(
                site_id=name, name=name, address="", division_code="330226001", division_name="", longitude=121.0,
                latitude=29.0, stations=(),
            )  # fmt: skip
            await file_site(connection, site, filed)
        await connection.execute(
            "INSERT INTO inspection.responsibility VALUES ('early', 0, NULL, 'owner', 'x', 'x', $1, $2)",
            at(2020),
            at(2021),
        )
        await retire_site(connection, "gone", at(2023, 3, 1))
    counted = {year: (await desk.report(year, Nowhere())).figures["charging_sites"] for year in range(2019, 2026)}
    assert counted == {2019: 0, 2020: 1, 2021: 2, 2022: 3, 2023: 2, 2024: 3, 2025: 3}


async def test_uptime_is_summed_by_who_managed_then(pool: asyncpg.Pool, desk: AnnualDesk) -> None:
    async with pool.acquire() as connection:
        for site, name in (("1", "甲"), ("2", "甲")):
            await connection.execute(
                "INSERT INTO inspection.responsibility VALUES ($1, 0, NULL, 'manager', $2, $2, '2020-01-01', '2025-01-01')",
                site,
                name,
            )
    report = await desk.report(2023, Two())
    assert report.uptime == [Uptime("甲", 100, 200, "甲")]
    assert report.as_json()["uptime_by_operator"] == [
        {"organisation": "甲", "organisation_id": "甲", "uptime_percent": 50.0}
    ]
    behind = await read_uptime(desk, Two(), 2023, "甲", None)
    assert [(row.site_id, row.available_s, row.observed_s, row.percent) for row in behind] == [
        ("1", 75, 100, 75.0), ("2", 25, 100, 25.0),
    ]  # fmt: skip
    assert [(row.station_id, row.connector) for row in await read_uptime(desk, Two(), 2023, None, "1")] == [("a", 1)]
    two = Two()
    await read_uptime(desk, two, 2023, None, "1", (date(2022, 5, 1), date(2023, 3, 31)))
    assert two.asked == (date(2023, 1, 1), date(2023, 4, 1))
    for neither in ((None, None), ("甲", "1")):
        with pytest.raises(Invalid):
            await read_uptime(desk, Two(), 2023, *neither)
    with pytest.raises(Unavailable):
        await read_uptime(desk, Nowhere(), 2023, "甲", None)


async def test_a_site_that_changed_hands_counts_for_each_on_his_days(pool: asyncpg.Pool, desk: AnnualDesk) -> None:
    ledger = [
        ("h", "甲", datetime(2020, 1, 1, tzinfo=COUNTY), datetime(2023, 12, 1, 9, tzinfo=COUNTY)),
        ("h", "乙", datetime(2023, 12, 1, 9, tzinfo=COUNTY), None),
        ("left", "甲", datetime(2022, 1, 1, tzinfo=COUNTY), datetime(2023, 3, 2, 13, tzinfo=COUNTY)),
        ("1", "甲", datetime(2020, 1, 1, tzinfo=COUNTY), datetime(2023, 6, 1, tzinfo=COUNTY)),
        ("1", "甲", datetime(2023, 6, 1, tzinfo=COUNTY), None),
    ]
    for site, who, since, until in ledger:
        await pool.execute(
            """
            INSERT INTO inspection.responsibility
            SELECT $1, count(*), NULL, 'manager', $2, $2, $3, $4 FROM inspection.responsibility
            """,
            site, who, since, until,
        )  # fmt: skip
    report = await desk.report(2023, Two())
    # 甲: 75 of the site that it had all year, 334 days of the one that was handed over, 61 of the one it left on a second of March
    assert report.uptime == [Uptime("乙", 31, 1000, "乙"), Uptime("甲", 75 + 334 + 61, 2100, "甲")]
    two = Two()
    behind = [(row.site_id, row.first_day, row.last_day) for row in await read_uptime(desk, two, 2023, "甲", None)]
    assert {span.organisation_id for span in two.spans} == {"甲"}, "nobody else's sites are asked about"
    assert behind == [
        ("1", date(2023, 1, 1), date(2023, 12, 31)), ("h", date(2023, 1, 1), date(2023, 11, 30)),
        ("left", date(2023, 1, 1), date(2023, 3, 2)),
    ]  # fmt: skip


async def test_only_what_was_mended_counts_as_mended_and_its_hours_open(pool: asyncpg.Pool, desk: AnnualDesk) -> None:
    endings = {"hold": 2, "succeed": 4, "confirm": 9, "cancel": 50, "merge": 60, "lapse": 70}
    began = datetime(2023, 3, 1, tzinfo=COUNTY)
    for ending, hours in endings.items():
        await pool.execute(
            """
            INSERT INTO inspection.task (id, number, origin, cause, subject, severity, state, fires, assignee_id, assignee_name,
                assignee_role, team_id, team_name, occurred_at, opened_at, due_at, urged, moved_at, time_asked, reopened,
                details, closed_at, closed_by)
            VALUES ($1, $1, 'alert', 'connector_fault', $1, 'major', 'closed', false, '', '', '', '', '', $2, $2, $2, 0, $2, false,
                0, '{}', $3, $1)
            """,
            ending,
            began,
            began + timedelta(hours=hours),
        )
    report = await desk.report(2023, Nowhere())
    assert (report.figures["faults"], report.figures["faults_mended"]) == (5, 3), "what was opened in error was none"
    assert report.repair_hours == 4.0
    took = {record["id"]: record["weight"] for record in await everything(pool, "repair_hours")}
    assert took == {"hold": 2.0, "succeed": 4.0, "confirm": 9.0}


def test_seconds_become_uptime() -> None:
    names = ("available_s", "occupied_s", "charging_s", "reserved_s", "unavailable_s", "faulted_s", "offline_s")
    seconds = {**dict.fromkeys(names, 10), "excluded_s": 12, "site_id": "1"}
    assert Observed.of(seconds) == Observed("1", 52, 70)


def whole() -> Report:
    figures = {indicator.id: 1000 + n for n, indicator in enumerate(INDICATORS)}
    return Report(2023, "某局", figures, 4.5, [Uptime("甲公司", 1, 3), Uptime("乙公司", 0, 0)], date(2024, 1, 5))


def text_of(name: str, body: bytes) -> str:
    if name == "pdf":
        return "".join(page.extract_text() for page in PdfReader(io.BytesIO(body)).pages)
    if name == "docx":
        paper = Document(io.BytesIO(body))
        cells = [cell.text for table in paper.tables for row in table.rows for cell in row.cells]
        return " ".join([paragraph.text for paragraph in paper.paragraphs] + cells)
    return body.decode("utf-8-sig")


def test_a_table_is_harmless_in_a_spreadsheet() -> None:
    report = replace(whole(), uptime=[Uptime("=1+1", 1, 2)])
    assert "'=1+1" in text_of("csv", FORMATS["csv"].make(report, PRESS))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_the_same(name: str) -> None:
    body = FORMATS[name].make(whole(), PRESS)
    text = text_of(name, body)
    for words in (*map(str, whole().figures.values()), "4.5", "33.33", "甲公司"):
        assert words in text, words
    assert FORMATS[name].make(whole(), PRESS) == body or name == "docx"  # a ZIP tells the time
    if name == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {row["id"]: row["value"] for row in rows}["visits_saved"] == str(whole().figures["visits_saved"])
