"""The page of the open data for everybody, and the regulator's page of those who read it over OCPI."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.open_data import store
from charger_registry.open_data.tokens import store as token_store
from charger_registry.open_data.tokens.desk import IssuedToken, Purpose, TokenDesk
from youguan.auth import REGULATOR, Principal
from youguan.errors import YouguanError
from youguan.settings import Settings
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import remote_of, require_county
from youguan.web.templates import Templates

PAGE = 50
PURPOSES = {"access": "直接读取", "registration": "注册（由对方平台换取读取令牌）"}
TOKENS = "/registry/ocpi-tokens"


FILES = (
    ("sites.csv", "CSV", "场站清单，每行一个场站"),
    ("connectors.csv", "CSV", "充电枪清单，每行一个充电枪"),
    ("open-data.xlsx", "Excel", "场站和充电枪两张表"),
    ("open-data.geojson", "GeoJSON", "每个场站一个要素，含全部充电枪"),
)
# Addresses, what one asks there, and whether a login or token is needed.
ADDRESSES = (
    ("/api/public/sites", "?division=&q=&connector_type=&current_type=&power_w=&status=", "场站；各状态的充电位数"),
    ("/api/public/sites/{id}", "", "一个场站及其充电位和充电枪"),
    ("/api/public/evses", "?site=&connector_type=&current_type=&power_w=&status=", "充电位及其充电枪和实时状态"),
    ("/api/public/sites.geojson", "", "地图用的场站要素"),
    ("/api/public/changes", "", "场站状态变化（SSE 推送）"),
    ("/api/ocpi/versions", "", "OCPI 2.2.1、2.3.0：Locations 和 Tariffs，需要令牌"),
)


def open_data_pages(pool: asyncpg.Pool, templates: Templates, settings: Settings) -> APIRouter:
    """Return /open-data."""
    router = Router()

    @router.get("/open-data")
    async def open_data(request: Request) -> Response:
        async with pool.acquire() as connection:
            latest, count = await store.latest(connection), await store.count_sites(connection, store.Asked())
        return templates.render(
            request, "open_data.html", files=FILES, addresses=ADDRESSES, latest=latest, count=count,
            publisher=settings.publisher, licence=settings.licence, licence_url=settings.licence_url, tokens=TOKENS,
        )  # fmt: skip

    return router


def token_pages(pool: asyncpg.Pool, desk: TokenDesk, templates: Templates) -> APIRouter:
    """Return /registry/ocpi-tokens."""
    router = Router(prefix=TOKENS)
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
            rows = await token_store.list_tokens(connection, key[0] if key else None, PAGE)
        return templates.render(
            request, "ocpi_tokens.html", status_code=error.status if error else 200, rows=rows, issued=issued,
            next=next_cursor(rows, PAGE, "id"), purposes=PURPOSES, error=error,
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
