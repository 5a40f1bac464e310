"""Sites that nobody manages, in the browser: how many where, one settled after the other, and the rules of all that."""

from datetime import datetime, timedelta
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry import store as registry
from charger_registry.ledger import store as ledger
from charger_registry.ledger.handovers import store as handovers
from charger_registry.ledger.pages import Grounds
from charger_registry.ledger.responsibility import holder
from charger_registry.ledger.unmanaged import store
from charger_registry.ledger.unmanaged.api import AHEAD_DAYS
from charger_registry.ledger.unmanaged.desk import ACCOUNTABLE, UnmanagedDesk
from charger_registry.ledger.unmanaged.management import accountable
from charger_registry.pages import REASONS, ROLES, typed
from youguan.auth import REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require, require_county, require_site
from youguan.web.templates import Templates

PAGE = 50
THRESHOLDS = {
    "handover_answer_working_days": "交接答复期限（工作日）",
    "silent_unanswered_tasks": "连续多少件工单逾期不答复算失联",
    "silent_days_without_contact": "多少天联系不上算失联",
}
REPRESENTED = {"propose": "发起管理交接", "accept": "接受管理交接"}
SETTLED = {"managed": "已有管理单位", "changed": "原因变更", "retired": "场站已退出"}


def unmanaged_pages(pool: asyncpg.Pool, desk: UnmanagedDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return /registry/unmanaged, /registry/sites/{site_id}/settle and /registry/ledger-rules."""
    router = Router(prefix="/registry")
    _add_list(router, pool, templates)
    _add_coming(router, pool, templates, clock)
    _add_settling(router, pool, desk, templates, clock)
    _add_rules(router, pool, desk, templates)
    return router


def _add_list(router: APIRouter, pool: asyncpg.Pool, templates: Templates) -> None:
    @router.get("/unmanaged")
    async def unmanaged(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        reason: Annotated[str, Query(max_length=20)] = "",
        division: Annotated[str, Query(max_length=20)] = "",
        organisation: Annotated[str, Query(max_length=100)] = "",
        settled: bool = False,
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, int)
        async with pool.acquire() as connection:
            rows = await store.list_findings(
                connection, scope=who.scope, settled=settled, reason=reason or None, division=division or None,
                organisation_id=organisation or None, site_id=None, after=key[0] if key else 0, limit=PAGE,
            )  # fmt: skip
            towns = await store.count_findings(connection, who.scope, "division")
            operators = await store.count_findings(connection, who.scope, "organisation")
        chosen = {"reason": reason, "division": division, "organisation": organisation, "settled": settled or ""}
        return templates.render(
            request,
            "unmanaged.html",
            rows=rows,
            next=next_cursor(rows, PAGE, "id"),
            chosen={name: value for name, value in chosen.items() if value},
            settled=settled,
            towns=towns,
            operators=operators,
            total=sum(row["sites"] for row in towns),
            reasons=REASONS,
            roles=ROLES,
            ends=SETTLED,
        )


def _add_coming(router: APIRouter, pool: asyncpg.Pool, templates: Templates, clock: Clock) -> None:
    @router.get("/unmanaged/coming")
    async def coming(
        request: Request, who: Annotated[Principal, Depends(require())], cursor: Cursor = None
    ) -> Response:
        key, now = decode_cursor(cursor, datetime, str), clock.now()
        async with pool.acquire() as connection:
            rows = await store.list_coming(connection, who.scope, now, now + timedelta(days=AHEAD_DAYS), key, PAGE)
        return templates.render(
            request, "unmanaged_coming.html", rows=rows, next=next_cursor(rows, PAGE, "ends_at", "site_id"),
            reasons=REASONS, days=AHEAD_DAYS,
        )  # fmt: skip


def _add_settling(
    router: APIRouter, pool: asyncpg.Pool, desk: UnmanagedDesk, templates: Templates, clock: Clock
) -> None:
    regulator = Depends(require_site(pool, REGULATOR))

    async def page(request: Request, who: Principal, site_id: str, error: YouguanError | None = None) -> Response:
        now = clock.now()
        async with pool.acquire() as connection:
            site = await registry.get_site(connection, site_id)
            lines = await ledger.lines(connection, site_id)
            found = await store.list_findings(
                connection, scope=who.scope, settled=False, reason=None, division=None, organisation_id=None,
                site_id=site_id, after=0, limit=1,
            )  # fmt: skip
            manager = holder(lines, "manager", now)
            managing = {site_id: manager.organisation_id} if manager else {}
            contact = (await store.contacts(connection, managing, now)).get(site_id)
            last_id = found[0]["organisation_id"] if found else ""
            unanswered = await store.unanswered(connection, site_id, last_id, county_day(now))
            answering = accountable(lines, await store.rules(connection), now)
            task = await store.open_task(connection, site_id)
            waiting = await handovers.list_handovers(
                connection, scope=who.scope, state="proposed", site_id=site_id, before=None, limit=10
            )
            named = [last_id, answering.organisation_id if answering else ""]
            phones = await registry.phones_of(connection, named)
        return templates.render(
            request,
            "settle.html",
            status_code=error.status if error else 200,
            site=site,
            finding=found[0] if found else None,
            manager=manager,
            contact=contact,
            unanswered=unanswered,
            answering=answering,
            phones=phones,
            task=task,
            handovers=waiting,
            reasons=REASONS,
            roles=ROLES,
            error=error,
            given=await typed(request, error),
        )

    @router.get("/sites/{site_id}/settle")
    async def settle(request: Request, site_id: str, who: Annotated[Principal, regulator]) -> Response:
        return await page(request, who, site_id)

    @router.post("/sites/{site_id}/contact")
    async def contact(
        request: Request, site_id: str, who: Annotated[Principal, regulator], reason: Grounds
    ) -> Response:
        try:
            await desk.note_contact(who, site_id, reason)
        except YouguanError as error:
            return await page(request, who, site_id, error)
        return RedirectResponse(f"/registry/sites/{site_id}/settle", 303)


def _add_rules(router: APIRouter, pool: asyncpg.Pool, desk: UnmanagedDesk, templates: Templates) -> None:
    async def page(request: Request, error: YouguanError | None = None) -> Response:
        async with pool.acquire() as connection:
            numbers = await store.thresholds(connection)
            order = await store.accountable_roles(connection)
            needed = await handovers.representatives_needed(connection)
        return templates.render(
            request,
            "ledger_rules.html",
            status_code=error.status if error else 200,
            numbers=numbers,
            labels=THRESHOLDS,
            order=order,
            needed=needed,
            commands=REPRESENTED,
            accountable=ACCOUNTABLE,
            roles=ROLES,
            error=error,
        )

    @router.get("/ledger-rules")
    async def rules(request: Request, _: Annotated[Principal, Depends(require())]) -> Response:
        return await page(request)

    @router.post("/ledger-rules")
    async def change(
        request: Request,
        who: Annotated[Principal, Depends(require_county(REGULATOR))],
        handover_answer_working_days: Annotated[int, Form()],
        silent_unanswered_tasks: Annotated[int, Form()],
        silent_days_without_contact: Annotated[int, Form()],
        first: Annotated[str, Form()],
        reason: Grounds,
        second: Annotated[str, Form()] = "",
        third: Annotated[str, Form()] = "",
        represented: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        numbers = {
            "handover_answer_working_days": handover_answer_working_days,
            "silent_unanswered_tasks": silent_unanswered_tasks,
            "silent_days_without_contact": silent_days_without_contact,
        }
        try:
            roles = [role for role in (first, second, third) if role]
            await desk.change_rules(who, numbers, roles, reason, represented or [])
        except YouguanError as error:
            return await page(request, error)
        return RedirectResponse("/registry/ledger-rules", 303)
