"""What a station said, day by day: its statuses, its notifications, its frames."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from ocpp_gateway import store as stations
from ocpp_gateway.notifications import store as notifications
from ocpp_gateway.notifications.api import notification
from ocpp_gateway.notifications.kinds import Kind
from ocpp_gateway.pages import store
from ocpp_gateway.pages.days import Days, days_of
from ocpp_gateway.pages.frames import FRAME_KINDS, shown
from ocpp_gateway.pages.place import PAGE, Place
from youguan.auth import REGULATOR, Principal
from youguan.clock import county_day
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.security import require_station

LIVE_FRAMES = 25
Chosen = Annotated[Days, Depends(days_of)]
KINDS: dict[Kind, str] = {
    "security": "安全事件",
    "firmware": "固件升级",
    "logs": "日志上传",
    "component": "部件事件",
    "certificate": "车辆证书",
    "charging": "充电与限功率",
    "grid": "电网互动",
    "payment": "支付结算",
    "vendor": "厂商报文",
    "other": "其他通知",
}


def add_history(router: APIRouter, place: Place) -> None:
    """Add what a station said to its pages."""
    _add_statuses(router, place)
    _add_notifications(router, place)
    _add_frames(router, place)


def _add_statuses(router: APIRouter, place: Place) -> None:
    @router.get("/{station_id}/status-changes")
    async def statuses(
        request: Request,
        station_id: str,
        _: Annotated[Principal, Depends(require_station(place.pool))],
        days: Chosen,
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, datetime, int, str, int)
        before = (key[0], key[1], key[2], key[3]) if key else None
        async with place.pool.acquire() as connection:
            rows = await store.latest_statuses(connection, station_id, days.span, before, PAGE)
            following = next_cursor(rows, PAGE, "occurred_at", "connector", "status", "mark")
            return await place.show(
                request, connection, station_id, "statuses", rows=rows, next=following, live=not (cursor or days), days=days
            )  # fmt: skip


def _add_notifications(router: APIRouter, place: Place) -> None:
    @router.get("/{station_id}/notifications")
    async def notified(
        request: Request,
        station_id: str,
        _: Annotated[Principal, Depends(require_station(place.pool))],
        days: Chosen,
        kind: Kind | Literal[""] = "",
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, datetime, str)
        before = (key[0], key[1]) if key else None
        async with place.pool.acquire() as connection:
            rows = await notifications.notifications(connection, station_id, days.span, kind or None, before, PAGE)
            return await place.show(
                request, connection, station_id, "notifications", rows=[notification(row) for row in rows],
                next=next_cursor(rows, PAGE, "received_at", "mark"), live=not (cursor or days), kind=kind, kinds=KINDS, days=days,
            )  # fmt: skip


def _add_frames(router: APIRouter, place: Place) -> None:
    @router.get("/{station_id}/frames")
    async def frames(
        request: Request,
        station_id: str,
        _: Annotated[Principal, Depends(require_station(place.pool, REGULATOR))],
        days: Chosen,
        paused: Annotated[bool, Query()] = False,
        q: Annotated[str, Query(max_length=100)] = "",
        cursor: Cursor = None,
    ) -> Response:
        """Show frames, each second anew; those of some days, or with some words in them, once, and of so many days at a time."""
        words = q.strip()
        key = decode_cursor(cursor, datetime, str)
        before = (key[0], key[1]) if key else None
        looked = days.searched(place.clock.now()) if words else days
        async with place.pool.acquire() as connection:
            rows = await stations.frames(connection, station_id, looked.span, before, LIVE_FRAMES, words=words or None)
            following = next_cursor(rows, LIVE_FRAMES, "received_at", "mark")
            earlier = None
            if words and following is None:
                oldest = (await store.storage(connection))[1]
                earlier = days.before(looked, county_day(oldest) if oldest else None)
            return await place.show(
                request, connection, station_id, "frames", frames=[shown(row) for row in rows], kinds=FRAME_KINDS, days=days,
                next=following, live=not (paused or cursor or words or days), q=words, looked=looked, earlier=earlier,
            )  # fmt: skip
