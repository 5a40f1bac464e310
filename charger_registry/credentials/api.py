"""Stations' keys over HTTP."""

from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel, Field

from charger_registry.credentials import store
from charger_registry.credentials.desk import KeyDesk
from charger_registry.credentials.quarantine import Quarantine
from youguan.auth import REGULATOR, Principal
from youguan.clock import Clock
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require_county, require_station
from youguan.web.times import UtcTime

Reason = Annotated[str, Field(min_length=1, max_length=500)]


class KeyWish(BaseModel):
    """Why a station gets a key; `key`: the one that it has already, where a site is taken over."""

    reason: Reason
    key: str | None = Field(default=None, min_length=16, max_length=40)


class KeyOut(BaseModel):
    """A new key, shown this once; older keys of the station hold until `others_until`."""

    id: int
    station_id: str
    key: str
    issued_at: UtcTime
    others_until: UtcTime


class CredentialOut(BaseModel):
    """What is known of a key. `offered`: sent to the station, which has not said yes; `ending`: replaced, still held."""

    id: int
    state: Literal["offered", "holding", "ending", "ended"]
    origin: Literal["issued", "taken over", "rotation"]
    issued_at: UtcTime
    issued_by: str
    reason: str
    until: UtcTime | None
    ended_by: str | None
    first_used_at: UtcTime | None


class Revocation(BaseModel):
    """Why keys are revoked."""

    reason: Reason


class UnfiledOut(BaseModel):
    """A station that asked to be accepted and that no site lists."""

    station_id: str
    remote: str
    ocpp_version: str
    vendor: str | None
    model: str | None
    first_seen_at: UtcTime
    rejected_at: UtcTime | None
    rejected_by: str | None
    rejected_reason: str | None


class Rejection(BaseModel):
    """Why a station is not wanted."""

    reason: Reason


def add_credentials(app: FastAPI, pool: asyncpg.Pool, keys: KeyDesk, clock: Clock) -> None:
    """Add stations' keys to /api/registry."""
    regulator = require_station(pool, REGULATOR)

    @app.get("/stations/{station_id}/credentials")
    async def credentials(station_id: str, _: Annotated[Principal, Depends(regulator)]) -> Page[CredentialOut]:
        """List a station's keys, newest first; the keys themselves nobody has."""
        now = clock.now()
        async with pool.acquire() as connection:
            rows = await store.of_station(connection, station_id)
        return Page(items=[CredentialOut(**dict(row), state=store.state_of(row, now)) for row in rows])

    @app.post("/stations/{station_id}/credentials", status_code=201)
    async def issue(
        station_id: str,
        wish: KeyWish,
        request: Request,
        response: Response,
        who: Annotated[Principal, Depends(regulator)],
    ) -> KeyOut:
        """Issue a key; it is shown in this answer and never again. To have a connected station take a new key, use the
        gateway's `POST /api/gateway/stations/{id}/key-rotation`."""
        issued = await keys.issue(who, station_id, wish.reason, key=wish.key, remote=remote_of(request))
        response.headers["Cache-Control"] = "no-store"
        return KeyOut(
            id=issued.credential_id, station_id=station_id, key=issued.key, issued_at=issued.issued_at,
            others_until=issued.others_until,
        )  # fmt: skip

    @app.post("/stations/{station_id}/credentials/revoke")
    async def revoke_all(
        station_id: str, why: Revocation, request: Request, who: Annotated[Principal, Depends(regulator)]
    ) -> Page[CredentialOut]:
        """Revoke every key of a station; its connection is closed."""
        await keys.revoke(who, station_id, None, why.reason, remote_of(request))
        return await credentials(station_id, who)

    @app.post("/stations/{station_id}/credentials/{credential_id}/revoke")
    async def revoke(
        station_id: str,
        credential_id: int,
        why: Revocation,
        request: Request,
        who: Annotated[Principal, Depends(regulator)],
    ) -> Page[CredentialOut]:
        """Revoke one key; a connection that came in with it is closed."""
        await keys.revoke(who, station_id, credential_id, why.reason, remote_of(request))
        return await credentials(station_id, who)


def add_quarantine(app: FastAPI, pool: asyncpg.Pool, quarantine: Quarantine) -> None:
    """Add unfiled stations to /api/registry."""
    regulator = require_county(REGULATOR)

    @app.get("/unfiled-stations")
    async def unfiled(
        _: Annotated[Principal, Depends(regulator)], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[UnfiledOut]:
        """List stations in quarantine, by id: they connected, and no site lists them."""
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_unfiled(connection, key[0] if key else None, limit)
        following = next_cursor(rows, limit, "station_id")
        return Page(items=[UnfiledOut(**dict(row)) for row in rows], next=following)

    @app.post("/unfiled-stations/{station_id}/reject")
    async def reject(
        station_id: str, why: Rejection, request: Request, who: Annotated[Principal, Depends(regulator)]
    ) -> UnfiledOut:
        """Decide against a station: its BootNotification is answered Rejected until it is readmitted or filed."""
        row = await quarantine.reject(who, station_id, why.reason, remote=remote_of(request))
        return UnfiledOut(**dict(row))

    @app.delete("/unfiled-stations/{station_id}/rejection", status_code=204)
    async def readmit(station_id: str, request: Request, who: Annotated[Principal, Depends(regulator)]) -> None:
        """Let a rejected station ask again."""
        await quarantine.readmit(who, station_id, remote=remote_of(request))
