"""Notifications over HTTP."""

from datetime import datetime
from typing import Annotated

import asyncpg
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, Field

from ocpp_gateway.api import From, To
from ocpp_gateway.notifications import store
from ocpp_gateway.notifications.kinds import Kind, kind_of
from ocpp_gateway.notifications.security import alarm_of, is_critical
from ocpp_gateway.store import Span, get_station
from youguan.auth import Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require_station
from youguan.web.times import UtcTime


class NotificationOut(BaseModel):
    """Something that a station told beside charging: what it names of itself is masked as in frames."""

    kind: Kind = Field(description="what it is about, by its action")
    action: str = Field(description="OCPP's word")
    said: str = Field(
        description="the status, the security event, or what its members say in short: "
        "of NotifyEvent Component/instance[EVSE.connector].Variable/instance=value, and cleared where a problem is over"
    )
    info: str | None = Field(description="the station's own explanation (techInfo), of DataTransfer its messageId")
    critical: bool = Field(description="a security event that OCPP calls critical, or firmware with a wrong signature")
    alarm: str | None = Field(description="the rule of alerts that it raises")
    occurred_at: UtcTime
    received_at: UtcTime


def add_notifications(app: FastAPI, pool: asyncpg.Pool) -> None:
    """Add what stations tell beside charging to /api/gateway."""

    @app.get("/stations/{station_id}/notifications")
    async def notifications(
        station_id: str,
        _: Annotated[Principal, Depends(require_station(pool))],
        since: From = None,
        until: To = None,
        kind: Annotated[Kind | None, Query(description="what it is about")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[NotificationOut]:
        """List what a station told beside charging, the last received first: security, firmware, its components, payment …"""
        key = decode_cursor(cursor, datetime, str)
        before = (key[0], key[1]) if key else None
        async with pool.acquire() as connection:
            await get_station(connection, station_id)
            rows = await store.notifications(connection, station_id, Span(since, until), kind, before, limit)
        following = next_cursor(rows, limit, "received_at", "mark")
        return Page(items=[notification(row) for row in rows], next=following)


def notification(row: asyncpg.Record) -> NotificationOut:
    """Return a stored notification as it is shown."""
    action, said = row["action"], row["status"]
    return NotificationOut(
        kind=kind_of(action), action=action, said=said, info=row["info"], critical=is_critical(action, said),
        alarm=alarm_of(action, said),
        occurred_at=row["occurred_at"], received_at=row["received_at"],
    )  # fmt: skip
