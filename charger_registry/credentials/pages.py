"""The pages of stations' keys, and of stations that are not filed."""

from typing import Annotated
from urllib.parse import quote, urlsplit

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.credentials import store
from charger_registry.credentials.desk import Issued, KeyDesk
from charger_registry.credentials.quarantine import Quarantine
from youguan.auth import REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import YouguanError
from youguan.settings import Settings
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import remote_of, require, require_county, require_station
from youguan.web.templates import Templates

PAGE = 50
STATES = {
    "offered": ("warn", "待桩确认"),
    "holding": ("good", "有效"),
    "ending": ("warn", "宽限期内"),
    "ended": ("", "已失效"),
}
ORIGINS = {"issued": "签发", "taken over": "接管原有密钥", "rotation": "协议轮换"}


def credential_pages(
    pool: asyncpg.Pool, keys: KeyDesk, templates: Templates, settings: Settings, clock: Clock
) -> APIRouter:
    """Return /registry/credentials."""
    router = Router(prefix="/registry/credentials")
    _add_list(router, pool, templates, clock)
    _add_station(router, pool, keys, templates, settings, clock)
    return router


def addresses(settings: Settings, host: str, station_id: str) -> list[str]:
    """Return what may be written into a station as its central system, the safest first; `host`: by which a browser came here."""
    host = urlsplit(settings.public_url).hostname or host if settings.public_url else host
    ways = (("wss", settings.ocpp_tls_port), ("ws", settings.ocpp_port))
    return [f"{scheme}://{host}:{port}/ocpp/{quote(station_id, safe='')}" for scheme, port in ways if port is not None]


def _add_list(router: APIRouter, pool: asyncpg.Pool, templates: Templates, clock: Clock) -> None:
    @router.get("")
    async def stations(
        request: Request, who: Annotated[Principal, Depends(require(REGULATOR))], q: str = "", cursor: Cursor = None
    ) -> Response:
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_stations(
                connection, q or None, key[0] if key else None, PAGE, clock.now(), who.scope
            )
        following = next_cursor(rows, PAGE, "id")
        return templates.render(request, "credentials.html", rows=rows, next=following, q=q)


def _add_station(
    router: APIRouter, pool: asyncpg.Pool, keys: KeyDesk, templates: Templates, settings: Settings, clock: Clock
) -> None:
    regulator = require_station(pool, REGULATOR)

    async def station_page(
        request: Request, station_id: str, *, issued: Issued | None = None, error: YouguanError | None = None
    ) -> Response:
        now = clock.now()
        async with pool.acquire() as connection:
            rows = await store.of_station(connection, station_id)
        lines = [(row, store.state_of(row, now)) for row in rows]
        return templates.render(
            request, "station_keys.html", status_code=error.status if error else 200, station_id=station_id,
            lines=lines, issued=issued, error=error, states=STATES, origins=ORIGINS,
            addresses=addresses(settings, request.url.hostname or "", station_id),
        )  # fmt: skip

    @router.get("/{station_id}")
    async def station(request: Request, station_id: str, _: Annotated[Principal, Depends(regulator)]) -> Response:
        return await station_page(request, station_id)

    @router.post("/{station_id}")
    async def issue(
        request: Request,
        station_id: str,
        who: Annotated[Principal, Depends(regulator)],
        reason: str = Form(min_length=1, max_length=500),
        key: str = Form(""),
    ) -> Response:
        remote = remote_of(request)
        try:
            issued = await keys.issue(who, station_id, reason, key=key.strip() or None, remote=remote)
        except YouguanError as error:
            return await station_page(request, station_id, error=error)
        return await station_page(request, station_id, issued=issued)

    @router.post("/{station_id}/revoke")
    async def revoke(
        request: Request,
        station_id: str,
        who: Annotated[Principal, Depends(regulator)],
        reason: str = Form(min_length=1, max_length=500),
        credential_id: int | None = Form(None),
    ) -> Response:
        remote = remote_of(request)
        try:
            await keys.revoke(who, station_id, credential_id, reason, remote)
        except YouguanError as error:
            return await station_page(request, station_id, error=error)
        return RedirectResponse(f"/registry/credentials/{quote(station_id, safe='')}", 303)


def quarantine_pages(pool: asyncpg.Pool, quarantine: Quarantine, templates: Templates) -> APIRouter:
    """Return /registry/unfiled-stations."""
    router = Router(prefix="/registry/unfiled-stations")
    regulator = require_county(REGULATOR)

    async def page(request: Request, cursor: str | None = None, error: YouguanError | None = None) -> Response:
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_unfiled(connection, key[0] if key else None, PAGE)
        following = next_cursor(rows, PAGE, "station_id")
        return templates.render(
            request, "unfiled_stations.html", status_code=error.status if error else 200, rows=rows, next=following,
            error=error,
        )  # fmt: skip

    @router.get("")
    async def unfiled(request: Request, _: Annotated[Principal, Depends(regulator)], cursor: Cursor = None) -> Response:
        return await page(request, cursor)

    @router.post("/{station_id}/reject")
    async def reject(
        request: Request,
        station_id: str,
        who: Annotated[Principal, Depends(regulator)],
        reason: str = Form(min_length=1, max_length=500),
    ) -> Response:
        try:
            await quarantine.reject(who, station_id, reason, remote=remote_of(request))
        except YouguanError as error:
            return await page(request, error=error)
        return RedirectResponse("/registry/unfiled-stations", 303)

    @router.post("/{station_id}/readmit")
    async def readmit(request: Request, station_id: str, who: Annotated[Principal, Depends(regulator)]) -> Response:
        try:
            await quarantine.readmit(who, station_id, remote=remote_of(request))
        except YouguanError as error:
            return await page(request, error=error)
        return RedirectResponse("/registry/unfiled-stations", 303)

    return router
