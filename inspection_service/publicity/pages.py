"""The public page of enforcement: a check's code, draws, officers' certificates, and the ways to the law, penalties and roots."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from inspection_service.cases import store as cases
from inspection_service.inspections.plans import store as plans
from youguan.clock import Clock, county_day
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.templates import Templates

PAGE = 50


def publicity_pages(pool: asyncpg.Pool, clock: Clock, templates: Templates) -> APIRouter:
    """Return /publicity, for which nobody needs to log in."""
    router = Router()

    @router.get("/publicity")
    async def publicity(
        request: Request, code: Annotated[str, Query(max_length=100)] = "", cursor: Cursor = None
    ) -> Response:
        if code.strip():
            return RedirectResponse(f"/inspections/codes/{quote(code.strip(), safe='')}", 303)
        key = decode_cursor(cursor, datetime, str)
        today = county_day(clock.now())
        async with pool.acquire() as connection:
            draws = await plans.list_draws(connection, (key[0], key[1]) if key else None, PAGE)
            officers = [officer for officer in await cases.officers(connection) if officer.may_act(today)]
        following = next_cursor(draws, PAGE, "made_at", "id")
        return templates.render(request, "publicity.html", draws=draws, next=following, officers=officers)

    return router
