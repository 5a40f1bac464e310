"""The generated year's inspections: joint runs with their visits, and remote inspections that lead to cases. Pure."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from deploy.demo.annual.cases import DAYS, FIRST_DAY, Bureau, Lead
from deploy.demo.annual.totals import Totals, shares
from inspection_service.evidence.chain import canonical
from inspection_service.inspections.checklists import Checklists, Point
from inspection_service.inspections.office import check_code
from inspection_service.inspections.visits import record
from inspection_service.inspections.visits.machine import FAILED, ON_SITE, PASSED, REMOTE
from youguan.clock import COUNTY
from youguan.working_days import next_working_day

# Which two departments go together, by how many points their lists have at any kind of site.
PAIRS = {6: ("bureau", "emergency"), 7: ("fire", "market")}
REMOTE_POINT = "management.filed"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visit goes; `site_id` None: premises that are no charging site."""

    site_id: str | None
    name: str
    address: str
    division_code: str
    construction: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """A joint inspection: rows of its plan, and what that covers."""

    plan: tuple[Any, ...]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Visited:
    """A finished visit: its row, its points with their results, its record."""

    id: str
    row: tuple[Any, ...]
    points: tuple[Point, ...]
    failed: frozenset[int]
    at: datetime
    officer: str
    record: tuple[str, str, dict[str, Any], str, datetime]


@dataclass(slots=True)
class Numbers:
    """The last number given in each series."""

    code: int = 0
    plan: int = 0
    on_site: int = 0
    remote: int = 0

    def next(self, series: str) -> int:
        found: int = getattr(self, series) + 1
        setattr(self, series, found)
        return found


def runs_of(
    totals: Totals, bureau: Bureau, checklists: Checklists, places: Sequence[Place], numbers: Numbers, random: Random
) -> tuple[list[Run], list[Visited]]:
    """Return the joint inspections and their visits, which come to the totals exactly."""
    sizes = shares(totals.premises_inspected, totals.joint_inspections)
    more_items = totals.items_covered - 6 * totals.joint_inspections
    items = [7] * more_items + [6] * (totals.joint_inspections - more_items)
    both = [True] * totals.visits_saved + [False] * (totals.premises_inspected - totals.visits_saved)
    random.shuffle(items)
    random.shuffle(both)
    runs: list[Run] = []
    visits: list[Visited] = []
    for n, (size, covered) in enumerate(zip(sizes, items, strict=True)):
        departments = PAIRS[covered]
        begins = next_working_day(
            date(totals.year, 1, FIRST_DAY) + timedelta(days=n * DAYS // totals.joint_inspections)
        )
        run = _run(totals, bureau, checklists, departments, begins, numbers.next("plan"))
        if len(run.points) != covered:
            raise ValueError(f"{departments} cover {len(run.points)} points, not {covered}")
        runs.append(run)
        for m in range(size):
            place = places[(n * size + m) % len(places)]
            going = departments if both[len(visits)] else (departments[m % 2],)
            at = datetime.combine(begins + timedelta(days=m % 10), time(9, 30), COUNTY) + timedelta(minutes=7 * m)
            points = tuple(point for point in run.points if point.department in going)
            failed = frozenset({1 + m % len(points)} if m % 17 == 0 else ())
            visits.append(_visit(bureau, place, going, points, failed, at, numbers, run.plan[0], ON_SITE))
    return runs, visits


def _run(
    totals: Totals, bureau: Bureau, checklists: Checklists, departments: tuple[str, ...], begins: date, number: int
) -> Run:
    points = tuple(checklists.points(departments, [None], begins))
    names = "、".join(bureau.catalogue.organs[department].name for department in departments)
    plan = (
        str(uuid.uuid4()), f"JH-{totals.year}-{number:06d}", "joint", f"综合查一次第{number}次（{names}）", list(departments), None,
        begins, begins + timedelta(days=13), "年度检查计划", datetime.combine(begins, time(8, 30), COUNTY), "sample-head",
    )  # fmt: skip
    return Run(plan, points)


def remote_of(
    totals: Totals, bureau: Bureau, checklists: Checklists, places: Sequence[Place], numbers: Numbers, random: Random
) -> tuple[list[Visited], list[Lead]]:
    """Return the remote inspections, each of which led to a case."""
    visits, leads = [], []
    for n in range(totals.non_contact):
        day = next_working_day(date(totals.year, 1, FIRST_DAY) + timedelta(days=random.randrange(DAYS)))
        place = places[n % len(places)]
        points = tuple(checklists.points(("bureau",), [None], day, remote=True))
        failed = frozenset(place for place, point in enumerate(points, 1) if point.id == REMOTE_POINT)
        at = datetime.combine(day, time(8, 30), COUNTY)
        visit = _visit(bureau, place, ("bureau",), points, failed, at, numbers, None, REMOTE)
        visits.append(visit)
        leads.append(Lead(visit.id, place.site_id, place.division_code, day))
    return visits, leads


def _visit(
    bureau: Bureau, place: Place, departments: tuple[str, ...], points: tuple[Point, ...], failed: frozenset[int],
    began_at: datetime, numbers: Numbers, plan_id: str | None, channel: str,
) -> Visited:  # fmt: skip
    visit_id, year = str(uuid.uuid4()), began_at.year
    code = check_code(bureau.catalogue.county, year, numbers.next("code"))
    first, second = bureau.officers
    finished_at = began_at + timedelta(minutes=25)
    row = (
        visit_id, code, plan_id, channel, "finished", place.site_id, place.name, place.address, place.division_code,
        list(departments), [first, second], "年度检查计划", began_at.date(), began_at - timedelta(minutes=40), "sample-head",
        finished_at, began_at, finished_at, first, finished_at, second, channel != REMOTE,
    )  # fmt: skip
    organs = bureau.catalogue.organs
    lines = [
        record.Line(organs[point.department].name, point.text, FAILED if n in failed else PASSED, "")
        for n, point in enumerate(points, 1)
    ]
    said = record.Visited(
        bureau.catalogue.own.name, code, channel, place.name, place.address, tuple(organs[d].name for d in departments),
        (bureau.names[first], bureau.names[second]), began_at, finished_at, {}, channel != REMOTE,
    )  # fmt: skip
    content = record.content(said, lines)
    number = record.number(channel, year, numbers.next(channel))
    sha256 = hashlib.sha256(canonical(content)).hexdigest()
    return Visited(visit_id, row, points, failed, finished_at, first, (visit_id, number, content, sha256, finished_at))
