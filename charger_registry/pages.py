"""The registry's list of sites."""

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from charger_registry import store
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require
from youguan.web.templates import Templates

TEMPLATES = Path(__file__).parent / "templates"
PAGE, LONGEST = 50, 200
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

FIELDS = ("organisation_id", *ROLES)


def registry_pages(pool: asyncpg.Pool, templates: Templates, clock: Clock) -> APIRouter:
    """Return /registry/sites and /registry/organisation-names."""
    router = Router(prefix="/registry")
    _add_sites(router, pool, templates)
    _add_organisation_names(router, pool, templates, clock)
    return router


def _add_organisation_names(router: APIRouter, pool: asyncpg.Pool, templates: Templates, clock: Clock) -> None:
    @router.get("/organisation-names")
    async def names(request: Request, _: Annotated[Principal, Depends(require())], every: bool = False) -> Response:
        """Return what a field may suggest for what is typed in it: `?organisation_id=…`, or of a role `?manager=…`."""
        words = next((said for field in FIELDS if (said := request.query_params.get(field))), "")
        async with pool.acquire() as connection:
            rows = await store.organisations_to_choose(connection, words[:LONGEST], clock.now(), every=every)
        return templates.render(request, "organisation_names.html", rows=rows, called=store.called)


def _add_sites(router: APIRouter, pool: asyncpg.Pool, templates: Templates) -> None:

    @router.get("/sites")
    async def sites(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        q: str = "",
        unmanaged: bool = False,
        retired: bool = False,
        organisation: Annotated[str, Query(max_length=LONGEST)] = "",
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
                retired=retired,
                organisation_id=organisation or None,
            )
            answering = await store.get_organisation(connection, organisation) if organisation else None
        following = next_cursor(rows, PAGE, "id")
        return templates.render(
            request, "sites.html", rows=rows, next=following, q=q, unmanaged=unmanaged, retired=retired, reasons=REASONS,
            answering=answering,
        )  # fmt: skip


async def organisation_meant(pool: asyncpg.Pool, text: str) -> str:
    """Return the id of the one organisation that a form's text names; Invalid."""
    async with pool.acquire() as connection:
        return await store.organisation_meant(connection, text)


async def typed(request: Request, error: YouguanError | None) -> defaultdict[str, str]:
    """Return what somebody has typed into a form that is shown to him again as something is wrong, by field; '' for the others."""
    said = (await request.form()).items() if error else ()
    return defaultdict(str, {name: str(value) for name, value in said if name != "csrf"})
