"""Relayed sites over HTTP: how their upstreams are."""

from datetime import datetime
from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

from ocpp_gateway.relay import store
from youguan.auth import Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require, require_site
from youguan.web.times import UtcTime


class UpstreamOut(BaseModel):
    """A site that is passed on. `state` null: none of its stations has come yet."""

    site_id: str
    upstream_url: str
    admission: Literal["ours", "upstream"]
    may_send: bool
    state: Literal["connected", "away"] | None
    detail: str | None
    since: UtcTime | None
    stations: int
    connected: int = Field(description="stations that are connected through us now")


class MeetingOut(BaseModel):
    """How a station met its upstream last; null: it has not come yet."""

    station_id: str
    connected: bool
    state: Literal["connected", "refused", "closed", "away"] | None
    detail: str | None
    since: UtcTime | None
    seen_at: UtcTime | None


class GapOut(BaseModel):
    """What was passed on and could not be kept. `station_id` null: nobody knows whose; only who sees everything is told of it."""

    id: int
    station_id: str | None
    site_id: str | None
    reason: Literal["full", "disk", "torn", "damaged", "unreadable", "unrecordable", "killed"]
    since: UtcTime
    until: UtcTime | None = Field(description="null: it goes on, or nobody can say")
    records: int | None = Field(description="messages; null: nobody knows how many")
    lost_bytes: int
    spool_id: str


def add_relay(app: FastAPI, pool: asyncpg.Pool) -> None:
    """Add upstreams to /api/gateway."""
    _add_upstreams(app, pool)
    _add_gaps(app, pool)


def _add_upstreams(app: FastAPI, pool: asyncpg.Pool) -> None:
    @app.get("/relay")
    async def upstreams(
        who: Annotated[Principal, Depends(require())], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[UpstreamOut]:
        """List the relayed sites within one's bounds, by id."""
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_sites(connection, who.scope, key[0] if key else None, limit)
        following = next_cursor(rows, limit, "site_id")
        return Page(items=[UpstreamOut(**dict(row)) for row in rows], next=following)

    @app.get("/sites/{site_id}/relay")
    async def stations(site_id: str, _: Annotated[Principal, Depends(require_site(pool))]) -> Page[MeetingOut]:
        """List how the stations of a site met their upstream last."""
        async with pool.acquire() as connection:
            rows = await store.list_stations(connection, site_id)
        return Page(items=[MeetingOut(**dict(row)) for row in rows], next=None)


def _add_gaps(app: FastAPI, pool: asyncpg.Pool) -> None:
    @app.get("/relay/gaps")
    async def gaps(
        who: Annotated[Principal, Depends(require())],
        station: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[GapOut]:
        """List what was passed on and could not be kept, newest first, within one's bounds."""
        key = decode_cursor(cursor, datetime, int)
        async with pool.acquire() as connection:
            before = (key[0], key[1]) if key else None
            rows = await store.list_gaps(connection, who.scope, station, before, limit)
        following = next_cursor(rows, limit, "since", "id")
        return Page(items=[GapOut(**dict(row)) for row in rows], next=following)
