"""/api/gateway: what stations are and said."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query, Request
from pydantic import BaseModel, Field

from ocpp_gateway import store
from youguan.auth import INSPECTOR, REGULATOR, Principal
from youguan.bounds import stations_within
from youguan.clock import Clock
from youguan.web.application import api
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import principal_of, require_station, scope_of
from youguan.web.times import GivenTime, UtcTime

StationState = Literal["never_connected", "online", "offline"]
From = Annotated[GivenTime | None, Query(alias="from", description="from this time on")]
FOR_EVERYBODY = timedelta(days=30)  # unless a time is named
To = Annotated[GivenTime | None, Query(alias="to", description="before this time")]


class ConnectorOut(BaseModel):
    """A connector's latest state; number 0 is the station itself."""

    connector: int
    status: str
    condition: str
    error_code: str | None
    occurred_at: UtcTime


class StationOut(BaseModel):
    """A station as everybody may know it. Never heard from is not offline."""

    id: str
    site_id: str | None
    connected: bool
    state: StationState
    ocpp_version: str | None
    last_seen_at: UtcTime | None


class StationFileOut(StationOut):
    """A station with what it said of itself, for those within whose bounds it lies."""

    connected_at: UtcTime | None
    vendor: str | None
    model: str | None
    serial_number: str | None
    firmware_version: str | None
    booted_at: UtcTime | None
    boot_reason: str | None = Field(description="as OCPP 2.x says it")
    security_profile: int | None = Field(
        description="by which of OCPP's it is connected: 0 nothing shown, 1 password, 2 password over TLS, 3 certificate"
    )
    clock_skew_s: float | None = Field(description="how far its clock is ahead of ours; negative: behind")
    clock_skewed: bool = Field(description="more than is tolerated")


class StationWithConnectors(StationOut):
    """A station with its connectors."""

    connectors: list[ConnectorOut]


class StationFileWithConnectors(StationFileOut):
    """A station with what it said of itself and its connectors."""

    connectors: list[ConnectorOut]


class StatusOut(BaseModel):
    """A status as it was reported: in the protocol's own word, at the charger's own time."""

    connector: int
    status: str
    condition: str
    occurred_at: UtcTime
    received_at: UtcTime
    effective_at: UtcTime
    error_code: str | None
    error_info: str | None
    vendor_error_code: str | None


class SampleOut(BaseModel):
    """A measured value in its base unit."""

    connector: int
    occurred_at: UtcTime
    measurand: str
    phase: str
    location: str
    context: str
    unit: str
    value: float
    transaction_id: str | None


class FrameOut(BaseModel):
    """A message exactly as it was received, or sent on our own account."""

    received_at: UtcTime
    frame: str = Field(description="OCPP-J text")
    sent: bool = Field(description="a call of ours to the station; else what the station said")


def gateway_api(pool: asyncpg.Pool, clock: Clock) -> FastAPI:
    """Return /api/gateway."""
    app = api("Youguan gateway")
    _add_stations(app, pool)
    _add_history(app, pool, clock)
    return app


def _add_stations(app: FastAPI, pool: asyncpg.Pool) -> None:
    @app.get("/stations")
    async def stations(
        request: Request,
        state: StationState | None = None,
        connected: bool | None = None,
        site: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[StationFileOut | StationOut]:
        """List stations, by id. No login needed; within one's bounds with what they said of themselves.

        Those that are somebody's own (usage `private`, `unit`) only within one's bounds.
        """
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_stations(
                connection,
                state=state,
                connected=connected,
                site_id=site,
                after=key[0] if key else None,
                limit=limit,
                shown_to=scope_of(request),
            )
            seen = await stations_within(connection, scope_of(request), [row["id"] for row in rows])
        following = next_cursor(rows, limit, "id")
        items = [(StationFileOut if row["id"] in seen else StationOut)(**dict(row)) for row in rows]
        return Page(items=items, next=following)

    @app.get("/stations/{station_id}")
    async def station(station_id: str, request: Request) -> StationFileWithConnectors | StationWithConnectors:
        """Return one station with its connectors. No login needed; within one's bounds with what it said of itself.

        What is somebody's own only within one's bounds.
        """
        async with pool.acquire() as connection:
            row = await store.shown_station(connection, station_id, scope_of(request))
            found = await store.connectors(connection, station_id)
            seen = await stations_within(connection, scope_of(request), [station_id])
        said = StationFileWithConnectors if seen else StationWithConnectors
        return said(**dict(row), connectors=[ConnectorOut(**dict(c)) for c in found])


async def _lately(connection: asyncpg.Connection, station_id: str, until: datetime) -> datetime | None:
    """Return since when everybody is told of a station; None, from the first on, where its clock was wrong meanwhile."""
    since = until - FOR_EVERYBODY
    return None if await store.told_by_receipt(connection, station_id, since) else since


def _add_history(app: FastAPI, pool: asyncpg.Pool, clock: Clock) -> None:
    @app.get("/stations/{station_id}/status-changes")
    async def status_changes(
        station_id: str,
        request: Request,
        since: From = None,
        until: To = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[StatusOut]:
        """List what a station reported, by the charger's own time. No login needed; what is somebody's own within bounds.

        Without `from`, whoever is not logged in is told of thirty days.
        """
        key = decode_cursor(cursor, datetime, int, str, int)
        async with pool.acquire() as connection:
            await store.shown_station(connection, station_id, scope_of(request))
            if since is None and principal_of(request) is None:
                since = await _lately(connection, station_id, until or clock.now())
            rows = await store.status_changes(
                connection,
                station_id,
                since=since,
                until=until,
                after=key,
                limit=limit,
            )
        following = next_cursor(rows, limit, "occurred_at", "connector", "status", "mark")
        return Page(items=[StatusOut(**dict(row)) for row in rows], next=following)

    @app.get("/stations/{station_id}/meter-samples")
    async def meter_samples(
        station_id: str,
        _: Annotated[Principal, Depends(require_station(pool))],
        since: From = None,
        until: To = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[SampleOut]:
        """List a station's measured values, newest first."""
        key = decode_cursor(cursor, datetime, int, int, int)
        async with pool.acquire() as connection:
            await store.get_station(connection, station_id)
            rows = await store.meter_samples(connection, station_id, store.Span(since, until), key, limit)
        following = next_cursor(rows, limit, "occurred_at", "connector", "kind", "mark")
        return Page(items=[SampleOut(**dict(row)) for row in rows], next=following)

    @app.get("/stations/{station_id}/frames")
    async def frames(
        station_id: str,
        _: Annotated[Principal, Depends(require_station(pool, REGULATOR, INSPECTOR))],
        since: From = None,
        until: To = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[FrameOut]:
        """List a station's messages as received, newest first: evidence."""
        key = decode_cursor(cursor, datetime, str)
        before = (key[0], key[1]) if key else None
        async with pool.acquire() as connection:
            await store.get_station(connection, station_id)
            rows = await store.frames(connection, station_id, store.Span(since, until), before, limit)
        following = next_cursor(rows, limit, "received_at", "mark")
        return Page(items=[FrameOut(**dict(row)) for row in rows], next=following)
