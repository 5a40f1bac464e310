"""Sites that may be one, side by side."""

from typing import Annotated
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.duplicates import store
from charger_registry.duplicates.desk import DuplicateDesk
from youguan.auth import REGULATOR, Principal
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import remote_of, require
from youguan.web.templates import Templates

PAGE = 50
WHY = {
    "distance_m": "相距",
    "name": "名称相近",
    "address": "地址相同",
    "equipment": "相同设备",
    "code": "充电站编码相同",
}


def duplicate_pages(pool: asyncpg.Pool, desk: DuplicateDesk, templates: Templates) -> APIRouter:
    """Return /registry/duplicates."""
    router = Router(prefix="/registry/duplicates")
    regulator = require(REGULATOR)

    async def pair_page(
        request: Request, who: Principal, first: str, second: str, error: YouguanError | None = None
    ) -> Response:
        async with pool.acquire() as connection:
            pair = await store.get_pair(connection, first, second, who.scope)
            sites = await store.side_by_side(connection, (first, second))
        return templates.render(
            request, "duplicate.html", status_code=error.status if error else 200, pair=pair, why=WHY,
            sites=[sites[first], sites[second]], error=error,
        )  # fmt: skip

    @router.get("")
    async def duplicates(
        request: Request, who: Annotated[Principal, Depends(regulator)], cursor: Cursor = None
    ) -> Response:
        key = decode_cursor(cursor, int, str, str)
        async with pool.acquire() as connection:
            rows = await store.proposed(connection, who.scope, (key[0], key[1], key[2]) if key else None, PAGE)
        following = next_cursor(rows, PAGE, "score", "first", "second")
        return templates.render(request, "duplicates.html", rows=rows, next=following, why=WHY)

    @router.get("/{first}/{second}")
    async def pair(
        request: Request, first: str, second: str, who: Annotated[Principal, Depends(regulator)]
    ) -> Response:
        return await pair_page(request, who, first, second)

    @router.post("/{first}/{second}")
    async def decide(
        request: Request,
        first: str,
        second: str,
        who: Annotated[Principal, Depends(regulator)],
        decision: str = Form(pattern="^(merge|different)$"),
        keep: str = Form(""),
        stations: str = Form("same", pattern="^(same|move)$"),
        reason: str = Form(min_length=1, max_length=500),
    ) -> Response:
        remote = remote_of(request)
        try:
            if decision == "different":
                await desk.tell_apart(who, (first, second), reason, remote=remote)
                return RedirectResponse("/registry/duplicates", 303)
            moves = stations == "move"
            await desk.merge(who, (first, second), keep, "move" if moves else "same", reason, remote=remote)
        except YouguanError as error:
            return await pair_page(request, who, first, second, error)
        return RedirectResponse(f"/registry/sites/{quote(keep, safe='')}/equipment", 303)

    return router
