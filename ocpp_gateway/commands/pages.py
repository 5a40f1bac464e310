"""What people set in motion from a page: a new key for a station."""

from typing import Annotated
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from ocpp_gateway.commands.desk import Desk
from youguan.auth import REGULATOR, Principal
from youguan.web.routes import Router
from youguan.web.security import remote_of, require_station

WAIT_S = 10.0


def command_pages(pool: asyncpg.Pool, desk: Desk) -> APIRouter:
    """Return /gateway/stations/{id}/key-rotation."""
    router = Router(prefix="/gateway")

    @router.post("/stations/{station_id}/key-rotation")
    async def rotate_key(
        request: Request,
        station_id: str,
        who: Annotated[Principal, Depends(require_station(pool, REGULATOR))],
        reason: str = Form(min_length=1, max_length=500),
    ) -> Response:
        remote = remote_of(request)
        await desk.rotate_key(who, station_id, reason, wait_s=WAIT_S, remote=remote)
        return RedirectResponse(f"/registry/credentials/{quote(station_id, safe='')}", 303)

    return router
