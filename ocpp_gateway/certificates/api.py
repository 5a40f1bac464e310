"""Certificates that stations ask for, over HTTP."""

from datetime import datetime
from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, Field

from ocpp_gateway.certificates import store
from ocpp_gateway.certificates.desk import CertificateDesk
from youguan.auth import REGULATOR, Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require_county
from youguan.web.times import UtcTime

State = Literal["pending", "approved", "rejected", "superseded"]


class CertificateRequestOut(BaseModel):
    """What a station asks to have signed, and what was decided; `command_id`: the command that brought it the certificate.

    Superseded: the station has asked for another one before anybody decided.
    """

    id: str
    station_id: str
    request: str
    received_at: UtcTime
    state: State
    decided_by: str | None
    decided_at: UtcTime | None
    reason: str | None
    serial: str | None
    command_id: str | None


class Decision(BaseModel):
    """Why."""

    reason: str = Field(min_length=1, max_length=500)


def add_certificates(app: FastAPI, pool: asyncpg.Pool, desk: CertificateDesk) -> None:
    """Add them to /api/gateway."""
    regulator = require_county(REGULATOR)

    @app.get("/certificate-requests")
    async def requests(
        _: Annotated[Principal, Depends(regulator)],
        state: State | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[CertificateRequestOut]:
        """List what stations ask to have signed, newest first."""
        key = decode_cursor(cursor, datetime, str)
        async with pool.acquire() as connection:
            before = (key[0], key[1]) if key else None
            rows = await store.list_requests(connection, state, before, limit)
        following = next_cursor(rows, limit, "received_at", "id")
        return Page(items=[CertificateRequestOut(**dict(row)) for row in rows], next=following)

    @app.post("/certificate-requests/{request_id}/approve")
    async def approve(
        request_id: str, decision: Decision, request: Request, who: Annotated[Principal, Depends(regulator)]
    ) -> CertificateRequestOut:
        """Sign a request; the station, which must be connected, is sent its certificate."""
        remote = remote_of(request)
        return CertificateRequestOut(**dict(await desk.approve(who, request_id, decision.reason, remote)))

    @app.post("/certificate-requests/{request_id}/reject")
    async def reject(
        request_id: str, decision: Decision, request: Request, who: Annotated[Principal, Depends(regulator)]
    ) -> CertificateRequestOut:
        """Sign nothing."""
        remote = remote_of(request)
        return CertificateRequestOut(**dict(await desk.reject(who, request_id, decision.reason, remote)))
