"""The registry's list of sites."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from charger_registry import store
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.security import require
from youguan.web.templates import Templates

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


def registry_pages(pool: asyncpg.Pool, templates: Templates, clock: Clock) -> APIRouter:
    """Return /registry/sites, /registry/organisation-options and /registry/organisation-names."""
    router = APIRouter(prefix="/registry")
    _add_sites(router, pool, templates)
    _add_organisation_options(router, pool, templates, clock)
    return router


def _add_organisation_options(router: APIRouter, pool: asyncpg.Pool, templates: Templates, clock: Clock) -> None:
    @router.get("/organisation-options")
    async def options(
        request: Request,
        _: Annotated[Principal, Depends(require())],
        q: Annotated[str, Query(max_length=100)] = "",
        every: bool = False,
    ) -> Response:
        async with pool.acquire() as connection:
            rows = await store.organisations_to_choose(connection, q, clock.now(), every=every)
        return templates.render(request, "organisation_options.html", rows=rows)

    @router.get("/organisation-names")
    async def names(request: Request, _: Annotated[Principal, Depends(require())]) -> Response:
        """Return what a field of one of the roles may suggest for what is typed in it: `?manager=…`."""
        words = next((said for role in ROLES if (said := request.query_params.get(role))), "")
        async with pool.acquire() as connection:
            rows = await store.organisations_to_choose(connection, words[:LONGEST], clock.now())
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
