"""The pages of plans and draws."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from inspection_service.inspections.plans import store
from inspection_service.inspections.plans.api import read_draw, read_plan
from inspection_service.inspections.plans.desk import JOINT, PlanDesk, PlanWish
from inspection_service.inspections.visits import store as visits_store
from inspection_service.inspections.words import words_of
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require, require_person
from youguan.web.templates import Templates

PAGE = 50


def plan_pages(desk: PlanDesk, templates: Templates) -> APIRouter:
    """Return /inspections/plans and /inspections/draws."""
    router, words = Router(prefix="/inspections"), words_of(desk.office.catalogue)
    _add_plans(router, desk, templates, words)

    @router.get("/draws/{plan_id}")
    async def published(request: Request, plan_id: str) -> Response:
        return templates.render(request, "draw.html", draw=await read_draw(desk, plan_id), plan_id=plan_id, **words)

    return router


def _add_plans(router: APIRouter, desk: PlanDesk, templates: Templates, words: Mapping[str, Any]) -> None:
    async def page(
        request: Request, who: Principal, cursor: str | None = None, error: YouguanError | None = None
    ) -> Response:
        key = decode_cursor(cursor, datetime, str)
        async with desk.office.pool.acquire() as connection:
            rows = await store.list_plans(connection, who.scope, None, (key[0], key[1]) if key else None, PAGE)
            counters = await store.counters(connection, desk.office.today().year, who.scope)
        return templates.render(
            request, "plans.html", status_code=error.status if error else 200, rows=rows, counters=counters,
            next=next_cursor(rows, PAGE, "made_at", "id"), today=desk.office.today(),
            month_on=desk.office.today() + timedelta(days=30),
            departments=desk.office.checklists.departments, division=who.division or "", error=error,
            **words,
        )  # fmt: skip

    @router.get("/plans")
    async def plans(
        request: Request, who: Annotated[Principal, Depends(require(*OFFICIALS))], cursor: Cursor = None
    ) -> Response:
        return await page(request, who, cursor)

    @router.post("/plans")
    async def make(
        request: Request,
        who: Annotated[Principal, Depends(require_person(REGULATOR))],
        kind: Annotated[Literal["random", "joint"], Form()],
        title: Annotated[str, Form(min_length=1, max_length=200)],
        starts_on: Annotated[date, Form()],
        ends_on: Annotated[date, Form()],
        reason: Annotated[str, Form(min_length=1, max_length=2000)],
        department: Annotated[list[str] | None, Form()] = None,
        division: Annotated[str, Form(max_length=20)] = "",
        count: Annotated[int, Form(ge=0, le=1000)] = 0,
    ) -> Response:
        wish = PlanWish(title, tuple(department or ()), starts_on, ends_on, reason, division or None, (), count)
        try:
            plan_id = await (desk.plan_random if kind == "random" else desk.plan_joint)(who, wish)
        except YouguanError as error:
            return await page(request, who, error=error)
        return RedirectResponse(f"/inspections/plans/{plan_id}", 303)

    @router.get("/plans/{plan_id}")
    async def plan(request: Request, plan_id: str, who: Annotated[Principal, Depends(require(*OFFICIALS))]) -> Response:
        found = await read_plan(desk, who, plan_id)
        async with desk.office.pool.acquire() as connection:
            covered = await store.plan_items(connection, plan_id)
            rows = await visits_store.list_visits(
                connection, scope=who.scope, states=[], plan_id=plan_id, site_id=None, channel=None, officer=None,
                before=None, limit=1000,
            )  # fmt: skip
            others = await store.visits_besides(connection, plan_id) if found.kind == JOINT else []
        texts = {point.id: point for each in desk.office.checklists.lists for v in each.versions for point in v.points}
        return templates.render(
            request, "plan.html", plan=found, covered=covered, rows=rows, others=others, texts=texts, **words
        )

    @router.post("/plans/{plan_id}/draw")
    async def draw(plan_id: str, who: Annotated[Principal, Depends(require_person(REGULATOR))]) -> Response:
        await desk.draw(who, plan_id)
        return RedirectResponse(f"/inspections/plans/{plan_id}", 303)
