"""Sensors over HTTP."""

from datetime import datetime
from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel

from ocpp_gateway.sensors import store
from youguan.auth import Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require_site
from youguan.web.times import GivenTime, UtcTime


class SensorOut(BaseModel):
    """The latest of a sensor; `alarm` names the rule that holds. A switch's value is 1 or 0."""

    site_id: str
    kind: str
    sensor: str
    station_id: str | None
    connector: int | None
    occurred_at: UtcTime
    received_at: UtcTime
    value: float
    unit: str
    alarm: Literal["smoke", "water", "overheating", "bay_blocked"] | None
    alarm_since: UtcTime | None


class ReadingOut(BaseModel):
    """A sensor's value at one time."""

    kind: str
    sensor: str
    occurred_at: UtcTime
    received_at: UtcTime
    value: float
    unit: str


def add_sensors(app: FastAPI, pool: asyncpg.Pool) -> None:
    """Add the sensors to /api/gateway."""

    @app.get("/sites/{site_id}/sensors")
    async def sensors(site_id: str, _: Annotated[Principal, Depends(require_site(pool))]) -> Page[SensorOut]:
        """List a site's sensors with what they said last."""
        async with pool.acquire() as connection:
            rows = await store.sensors(connection, site_id)
        return Page(items=[SensorOut(**dict(row)) for row in rows])

    @app.get("/sites/{site_id}/sensor-readings")
    async def readings(
        site_id: str,
        _: Annotated[Principal, Depends(require_site(pool))],
        kind: str | None = None,
        sensor: str | None = None,
        since: Annotated[GivenTime | None, Query(alias="from", description="from this time on")] = None,
        until: Annotated[GivenTime | None, Query(alias="to", description="before this time")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[ReadingOut]:
        """List what a site's sensors said, newest first."""
        key = decode_cursor(cursor, datetime, str, str)
        async with pool.acquire() as connection:
            rows = await store.readings(
                connection,
                site_id,
                kind=kind,
                sensor=sensor,
                since=since,
                until=until,
                before=(key[0], key[1], key[2]) if key else None,
                limit=limit,
            )
        following = next_cursor(rows, limit, "occurred_at", "kind", "sensor")
        return Page(items=[ReadingOut(**dict(row)) for row in rows], next=following)
