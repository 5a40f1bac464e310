"""The page of the open data for everybody, and the regulator's page of those who read it over OCPI."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.open_data import store
from charger_registry.open_data.tokens import IssuedToken, Purpose, TokenDesk
from youguan.auth import REGULATOR, Principal
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.security import remote_of, require_county
from youguan.web.templates import Templates

PAGE = 50
PURPOSES = {"access": "直接读取", "registration": "注册（由对方平台换取读取令牌）"}
TOKENS = "/registry/ocpi-tokens"


def token_pages(pool: asyncpg.Pool, desk: TokenDesk, templates: Templates) -> APIRouter:
    """Return /registry/ocpi-tokens."""
    router = APIRouter(prefix=TOKENS)
    regulator = require_county(REGULATOR)

    async def page(
        request: Request,
        cursor: str | None = None,
        *,
        issued: IssuedToken | None = None,
        error: YouguanError | None = None,
    ) -> Response:
        key = decode_cursor(cursor, int)
        async with pool.acquire() as connection:
            rows = await store.list_tokens(connection, key[0] if key else None, PAGE)
        return templates.render(
            request, "ocpi_tokens.html", status_code=error.status if error else 200, rows=rows, issued=issued,
            next=next_cursor(rows, PAGE, "id"), purposes=PURPOSES, error=error.detail if error else "",
        )  # fmt: skip

    @router.get("")
    async def tokens(request: Request, _: Annotated[Principal, Depends(regulator)], cursor: Cursor = None) -> Response:
        return await page(request, cursor)

    @router.post("")
    async def issue(
        request: Request,
        who: Annotated[Principal, Depends(regulator)],
        party: str = Form(min_length=1, max_length=100),
        purpose: Annotated[Purpose, Form()] = "access",
        reason: str = Form(min_length=1, max_length=500),
    ) -> Response:
        return await page(request, issued=await desk.issue(who, party, purpose, reason, remote_of(request)))

    @router.post("/{token_id}/revoke")
    async def revoke(
        request: Request,
        token_id: int,
        who: Annotated[Principal, Depends(regulator)],
        reason: str = Form(min_length=1, max_length=500),
    ) -> Response:
        try:
            await desk.revoke(who, token_id, reason, remote_of(request))
        except YouguanError as error:
            return await page(request, error=error)
        return RedirectResponse(TOKENS, 303)

    return router
