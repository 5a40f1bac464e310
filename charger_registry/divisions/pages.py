"""Divisions in the browser: which there are, from a table or one by one; and the boundaries that points are held against."""

import csv
import io
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import Response

from charger_registry.divisions import store
from charger_registry.divisions.border_desk import BorderDesk, Loading
from charger_registry.divisions.desk import DivisionDesk, Taken
from charger_registry.identifiers import division_kind
from youguan.auth import REGULATOR, Principal
from youguan.coordinates import CRS_NAMES
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import remote_of, require
from youguan.web.templates import Templates

PAGE = 50
KINDS = {"province": "省", "city": "市", "county": "县（市、区）", "street": "街道", "town": "镇", "township": "乡"}


def division_pages(pool: asyncpg.Pool, desk: DivisionDesk, borders: BorderDesk, templates: Templates) -> APIRouter:
    """Return /registry/divisions and /registry/boundaries."""
    router = Router(prefix="/registry")
    _add_divisions(router, pool, desk, templates)
    _add_boundaries(router, pool, borders, templates)
    return router


def _add_divisions(router: APIRouter, pool: asyncpg.Pool, desk: DivisionDesk, templates: Templates) -> None:
    regulator = require(REGULATOR)

    async def page(
        request: Request, who: Principal, taken: Taken | None = None, error: YouguanError | None = None
    ) -> Response:
        async with pool.acquire() as connection:
            rows = await store.shown(connection, None if who.scope.everything else list(who.scope.divisions))
        return templates.render(
            request, "divisions.html", status_code=error.status if error else 200, rows=rows, taken=taken, error=error,
            kinds=KINDS, kind_of=division_kind,
        )  # fmt: skip

    async def filed(request: Request, who: Principal, data: bytes) -> Response:
        try:
            taken = await desk.take(who, data, remote=remote_of(request))
        except YouguanError as error:
            return await page(request, who, error=error)
        return await page(request, who, taken)

    @router.get("/divisions")
    async def divisions(request: Request, who: Annotated[Principal, Depends(regulator)]) -> Response:
        return await page(request, who)

    @router.post("/divisions")
    async def take(request: Request, who: Annotated[Principal, Depends(regulator)], file: UploadFile) -> Response:
        return await filed(request, who, await file.read())

    @router.post("/divisions/one")
    async def one(
        request: Request,
        who: Annotated[Principal, Depends(regulator)],
        code: str = Form("", max_length=200),
        name: str = Form("", max_length=200),
        name_en: str = Form("", max_length=200),
    ) -> Response:
        """File one as a table of one row: the rules are the same."""
        table = io.StringIO()
        csv.writer(table).writerows([("code", "name", "name_en"), (code, name, name_en)])
        return await filed(request, who, table.getvalue().encode())


def _add_boundaries(router: APIRouter, pool: asyncpg.Pool, borders: BorderDesk, templates: Templates) -> None:
    regulator = require(REGULATOR)

    async def page(
        request: Request,
        who: Principal,
        cursor: str | None = None,
        found: Loading | None = None,
        error: YouguanError | None = None,
    ) -> Response:
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_boundaries(connection)
            outside = await store.list_outside(connection, who.scope, key[0] if key else None, PAGE)
        return templates.render(
            request, "boundaries.html", status_code=error.status if error else 200, rows=rows, found=found, error=error,
            crs=CRS_NAMES, outside=outside, next=next_cursor(outside, PAGE, "site_id"),
        )  # fmt: skip

    @router.get("/boundaries")
    async def boundaries(
        request: Request, who: Annotated[Principal, Depends(regulator)], cursor: Cursor = None
    ) -> Response:
        return await page(request, who, cursor)

    @router.post("/boundaries")
    async def load(
        request: Request, who: Annotated[Principal, Depends(regulator)], file: UploadFile, crs: str = Form("wgs84")
    ) -> Response:
        try:
            found = await borders.load(
                who, await file.read(), crs if crs in CRS_NAMES else "wgs84", remote=remote_of(request)
            )
        except YouguanError as error:
            return await page(request, who, error=error)
        return await page(request, who, found=found)
