"""/api/inspection: checklists, plans and draws."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, Field

from inspection_service.inspections.api import Departments, Grounds, Id
from inspection_service.inspections.checklists import Point
from inspection_service.inspections.plans import store
from inspection_service.inspections.plans.desk import PlanDesk, PlanWish, pool_of
from inspection_service.inspections.plans.joint import Counters
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.errors import NotFound, Reason
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require, require_person
from youguan.web.times import UtcTime


class PointOut(BaseModel):
    """Something to look at; `item`: the supervised item that a failure is about; `remote`: needs no visit."""

    id: str
    department: str
    item: str
    text: str
    text_en: str
    remote: bool


class ChecklistOut(BaseModel):
    """A department's checklist, as it stands on a day; of no `sites`: for every kind of site."""

    id: str
    department: str
    sites: list[str]
    every_months: int
    name: str
    name_en: str
    in_force: date
    until: date | None
    source: str
    points: list[PointOut]


class PlanIn(BaseModel):
    """A plan: `random` draws `count` sites of those of its division and kinds, `joint` takes what is due by `ends_on`."""

    kind: Literal["random", "joint"]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    departments: Departments
    division: Id | None = None
    constructions: Annotated[list[Id], Field(max_length=20)] = []
    starts_on: date
    ends_on: date
    count: Annotated[int, Field(ge=0, le=1000)] = 0
    reason: Grounds

    def wish(self) -> PlanWish:
        members = self.model_dump(exclude={"kind", "departments", "constructions"})
        return PlanWish(**members, departments=tuple(self.departments), constructions=tuple(self.constructions))


class PlanOut(BaseModel):
    """A plan; `items`: points that it covers; `visits_saved`: at finished visits, departments − 1, summed."""

    id: str
    number: str
    kind: str
    title: str
    departments: list[str]
    division_code: str | None
    starts_on: date
    ends_on: date
    reason: str
    made_at: UtcTime
    made_by: str
    pool_sha256: str | None
    drawn_at: UtcTime | None
    items: int
    visits: int
    finished: int
    visits_saved: int


class StopOut(BaseModel):
    """Where departments owe a look; `left_out`: those that are to go there by then anyway, so that a run leaves them out."""

    site_id: str
    departments: list[str]
    points: list[str]
    left_out: list[str]


class PublishedOut(BaseModel):
    """A draw as it is announced; `drawn_at` null: it is still to come."""

    id: str
    number: str
    title: str
    starts_on: date
    ends_on: date
    pool_sha256: str
    drawn_at: UtcTime | None


class ReplacedOut(BaseModel):
    """Who could not go to a drawn site, and who came: the next of the draw but for `passed_over`, who could not either.

    `passed_over` null: chosen by hand, before replacements were held to the draw.
    """

    site: str
    leaves: str
    comes: str
    passed_over: list[str] | None
    at: UtcTime


class DrawOut(BaseModel):
    """A draw that anybody can repeat: `youguan draw verify FILE`. `pool_sha256` was published before `seed` was made.

    Officers are named by the numbers of their certificates.
    """

    plan: str
    title: str
    pool: dict[str, Any]
    pool_sha256: str
    seed: str | None
    drawn: list[dict[str, Any]] | None
    replacements: list[ReplacedOut]
    drawn_at: UtcTime | None


class CountersOut(BaseModel):
    """Joint inspections of a year: runs, premises visited, items covered, visits saved."""

    joint_inspections: int
    premises_inspected: int
    items_covered: int
    visits_saved: int


def add_plans(app: FastAPI, desk: PlanDesk) -> None:
    """Add checklists, plans and draws to /api/inspection."""
    _add_lists(app, desk)
    _add_plans(app, desk)
    _add_joint(app, desk)
    _add_draws(app, desk)


def _add_lists(app: FastAPI, desk: PlanDesk) -> None:
    @app.get("/checklists")
    async def checklists(
        department: str | None = None,
        construction: str | None = None,
        on: Annotated[date | None, Query(description="as they stand on this day; default: today")] = None,
    ) -> Page[ChecklistOut]:
        """List what departments look at, by what a site stands at."""
        day = on or desk.office.today()
        found = [
            (each, version)
            for each in desk.office.checklists.lists
            if department in (None, each.department) and (construction is None or each.meets(construction))
            for version in [each.version_on(day)]
            if version is not None
        ]
        return Page(
            items=[
                ChecklistOut(
                    id=each.id, department=each.department, sites=sorted(each.sites), every_months=each.every_months,
                    name=each.name, name_en=each.name_en, in_force=version.in_force, until=version.until,
                    source=version.source, points=[point_out(point) for point in version.points],
                )
                for each, version in found
            ]
        )  # fmt: skip


def _add_plans(app: FastAPI, desk: PlanDesk) -> None:
    regulator = require_person(REGULATOR)

    @app.get("/plans")
    async def plans(
        who: Annotated[Principal, Depends(require(*OFFICIALS))],
        kind: Literal["random", "joint"] | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[PlanOut]:
        """List the plans of one's divisions, newest first."""
        key = decode_cursor(cursor, datetime, str)
        async with desk.office.pool.acquire() as connection:
            rows = await store.list_plans(connection, who.scope, kind, (key[0], key[1]) if key else None, limit)
        return Page(items=[PlanOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, "made_at", "id"))

    @app.post("/plans", status_code=201)
    async def make_plan(plan: PlanIn, who: Annotated[Principal, Depends(regulator)]) -> PlanOut:
        """Publish a plan: a random one with its pool frozen, or a joint one with a visit at each premises that is due."""
        make = desk.plan_random if plan.kind == "random" else desk.plan_joint
        return await read_plan(desk, who, await make(who, plan.wish()))

    @app.get("/plans/{plan_id}")
    async def one_plan(plan_id: str, who: Annotated[Principal, Depends(require(*OFFICIALS))]) -> PlanOut:
        """Return a plan."""
        return await read_plan(desk, who, plan_id)


def _add_draws(app: FastAPI, desk: PlanDesk) -> None:
    @app.post("/plans/{plan_id}/draw")
    async def draw(plan_id: str, who: Annotated[Principal, Depends(require_person(REGULATOR))]) -> DrawOut:
        """Draw sites and officers by a seed that is made now; once only."""
        await desk.draw(who, plan_id)
        return await read_draw(desk, plan_id)

    @app.get("/draws")
    async def draws(limit: Limit = 100, cursor: Cursor = None) -> Page[PublishedOut]:
        """List the draws that were published, the newest first."""
        key = decode_cursor(cursor, datetime, str)
        async with desk.office.pool.acquire() as connection:
            rows = await store.list_draws(connection, (key[0], key[1]) if key else None, limit)
        items = [PublishedOut(**{name: row[name] for name in PublishedOut.model_fields}) for row in rows]
        return Page(items=items, next=next_cursor(rows, limit, "made_at", "id"))

    @app.get("/draws/{plan_id}")
    async def one_draw(plan_id: str) -> DrawOut:
        """Return the published draw of a plan: anybody can repeat it."""
        return await read_draw(desk, plan_id)


def _add_joint(app: FastAPI, desk: PlanDesk) -> None:
    @app.get("/joint-inspections/due")
    async def due(
        who: Annotated[Principal, Depends(require_person(REGULATOR))],
        until: date,
        division: str | None = None,
        department: Annotated[list[str] | None, Query(description="of these; default: of all")] = None,
    ) -> Page[StopOut]:
        """List the premises where departments owe a look by a day."""
        departments = tuple(department or desk.office.checklists.departments)
        wish = PlanWish("", departments, until, until, "", division)
        async with desk.office.pool.acquire() as connection:
            stops = await desk.due(connection, who.scope, wish)
        return Page(
            items=[
                StopOut(
                    site_id=s.site_id, departments=list(s.departments), points=[p.id for p in s.points],
                    left_out=list(s.left_out),
                )
                for s in stops
            ]
        )  # fmt: skip

    @app.get("/joint-inspections/counters")
    async def joint_counters(
        who: Annotated[Principal, Depends(require(*OFFICIALS))],
        year: Annotated[int, Query(ge=2000, le=2200)],
    ) -> CountersOut:
        """Count the joint inspections of one's divisions that ended in a year."""
        async with desk.office.pool.acquire() as connection:
            return counters_out(await store.counters(connection, year, who.scope))


# --- what is read the same way by pages ---


async def read_plan(desk: PlanDesk, who: Principal, plan_id: str) -> PlanOut:
    """Return a plan; NotFound beyond one's bounds."""
    async with desk.office.pool.acquire() as connection:
        row = await store.get_plan(connection, plan_id)
    if not who.scope.covers(row["division_code"], None):
        raise NotFound(Reason("plan {id}", id=plan_id))
    return PlanOut(**dict(row))


async def read_draw(desk: PlanDesk, plan_id: str) -> DrawOut:
    """Return a draw as it is published."""
    async with desk.office.pool.acquire() as connection:
        row = await store.get_draw(connection, plan_id)
        replaced = await store.drawn_replacements(connection, plan_id)
    members = {name: row[name] for name in ("pool", "pool_sha256", "seed", "drawn", "drawn_at", "title")}
    assert pool_of(row["pool"])
    return DrawOut(plan=row["number"], replacements=_replacements(row["people"], replaced), **members)


def _replacements(people: Mapping[str, str], rows: Sequence[asyncpg.Record]) -> list[ReplacedOut]:
    """Return replacements as everybody may read them: whoever is not of the pool by the certificate held now."""
    numbers = {subject: number for number, subject in people.items()}
    return [
        ReplacedOut(
            site=row["site_id"] or "",
            leaves=numbers.get(row["leaves"], "?"),
            comes=numbers.get(row["comes"], row["certificate"] or "?"),
            passed_over=row["passed_over"],
            at=row["at"],
        )
        for row in rows
    ]


def point_out(point: Point) -> PointOut:
    return PointOut(
        id=point.id, department=point.department, item=point.item, text=point.text, text_en=point.text_en,
        remote=point.remote,
    )  # fmt: skip


def counters_out(found: Counters) -> CountersOut:
    return CountersOut(
        joint_inspections=found.runs,
        premises_inspected=found.premises,
        items_covered=found.items,
        visits_saved=found.visits_saved,
    )
