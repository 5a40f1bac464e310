"""The registry's pages: sites, and the ledger of each."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry import store
from charger_registry.responsibility import holder
from youguan import audit
from youguan.auth import REGULATOR, Principal
from youguan.bounds import sites_within
from youguan.clock import Clock
from youguan.errors import NotFound, YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.security import require, require_site
from youguan.web.templates import Templates

PAGE = 50
REASONS = {
    "no_manager": "从未有管理单位",
    "deregistered": "管理单位已注销",
    "contract_ended": "管理合同已到期",
    "silent": "管理单位失联",
}
ROLES = {
    "builder": "建设单位",
    "owner": "产权单位",
    "manager": "运营管理单位",
    "maintainer": "运维单位",
    "property_manager": "物业",
}


def registry_pages(pool: asyncpg.Pool, templates: Templates, clock: Clock) -> APIRouter:
    """Return /registry/…."""
    router = APIRouter(prefix="/registry")

    @router.get("/sites")
    async def sites(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        q: str = "",
        unmanaged: bool = False,
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_sites(
                connection,
                unmanaged_only=True if unmanaged else None,
                division=None,
                words=q or None,
                after=key[0] if key else None,
                limit=PAGE,
                scope=who.scope,
            )
        following = next_cursor(rows, PAGE, "id")
        return templates.render(
            request, "sites.html", rows=rows, next=following, q=q, unmanaged=unmanaged, reasons=REASONS
        )

    async def ledger_page(request: Request, site_id: str, error: str = "", status: int = 200) -> Response:
        now = clock.now()
        async with pool.acquire() as connection:
            site = await store.get_site(connection, site_id)
            rows = await store.ledger(connection, site_id, now)
            organisations = await store.list_organisations(connection, None, 1000)
        lines = {store.line_of(row): row for row in rows}
        current = {role: lines.get(line) if (line := holder(lines, role, now)) else None for role in ROLES}
        return templates.render(
            request,
            "ledger.html",
            status_code=status,
            site=site,
            rows=rows,
            now=current,
            roles=ROLES,
            reasons=REASONS,
            organisations=organisations,
            error=error,
        )

    @router.get("/sites/{site_id}")
    async def ledger(request: Request, site_id: str, who: Annotated[Principal, Depends(require())]) -> Response:
        async with pool.acquire() as connection:
            if site_id not in await sites_within(connection, who.scope, [site_id]):
                raise NotFound(f"site {site_id}")
        return await ledger_page(request, site_id)

    @router.post("/sites/{site_id}/manager")
    async def assign_manager(
        request: Request,
        site_id: str,
        who: Annotated[Principal, Depends(require_site(pool, REGULATOR))],
        organisation_id: str = Form(),
        reason: str = Form(),
    ) -> Response:
        now = clock.now()
        try:
            async with pool.acquire() as connection, connection.transaction():
                await audit.record(
                    connection,
                    at=now,
                    actor=who.subject,
                    action="assign",
                    subject=f"site {site_id}",
                    after={"role": "manager", "organisation_id": organisation_id, "reason": reason},
                )
                await store.assign(
                    connection,
                    site_id=site_id,
                    role="manager",
                    organisation_id=organisation_id,
                    since=now,
                    origin="order",
                    evidence=reason,
                    now=now,
                )
        except YouguanError as error:
            return await ledger_page(request, site_id, error.detail, error.status)
        return RedirectResponse(f"/registry/sites/{site_id}", 303)

    return router
