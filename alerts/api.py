"""/api/alerts: what is wrong now, and what was."""

from datetime import datetime
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel

from alerts import store
from youguan import audit
from youguan.auth import INSPECTOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.web.application import api
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require
from youguan.web.templates import Templates
from youguan.web.times import UtcTime
from youguan.web.words import ALERTS

State = Literal["pending", "firing", "resolved"]
REASONS = {
    "no_manager": "从未有管理单位",
    "deregistered": "管理单位已注销",
    "contract_ended": "管理合同已到期",
    "silent": "管理单位失联",
}
SEVERITIES = {"critical": ("bad", "危险"), "major": ("bad", "严重"), "minor": ("warn", "一般"), "info": ("", "提示")}


class AlertOut(BaseModel):
    """An alert; `since` is when the condition began."""

    id: str
    rule: str
    state: State
    severity: str
    site_id: str | None
    station_id: str | None
    connector: int | None
    since: UtcTime
    raised_at: UtcTime | None
    resolved_at: UtcTime | None
    acknowledged_at: UtcTime | None
    acknowledged_by: str | None
    details: dict[str, Any]


class RuleOut(BaseModel):
    """A rule; it fires when its condition has held for `for_s` seconds; some end when not heard of for `quiet_s`."""

    name: str
    severity: str
    for_s: int
    enabled: bool
    version: int
    opens_task: bool
    quiet_s: int | None


def alerts_api(pool: asyncpg.Pool, clock: Clock) -> FastAPI:
    """Return /api/alerts."""
    app = api("Youguan alerts")

    async def list_alerts(
        who: Annotated[Principal, Depends(require())],
        state: State | None = None,
        rule: str | None = None,
        station: str | None = None,
        site: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[AlertOut]:
        """List alerts within one's bounds, newest first."""
        key = decode_cursor(cursor, datetime, str)
        async with pool.acquire() as connection:
            rows = await store.list_alerts(
                connection,
                state=state,
                rule=rule,
                station_id=station,
                site_id=site,
                before=(key[0], key[1]) if key else None,
                limit=limit,
                scope=who.scope,
            )
        following = next_cursor(rows, limit, "recorded_at", "id")
        return Page(items=[AlertOut(**dict(row)) for row in rows], next=following)

    app.add_api_route("", list_alerts, methods=["GET"])
    app.add_api_route("/", list_alerts, methods=["GET"], include_in_schema=False)

    @app.get("/rules")
    async def rules(_: Annotated[Principal, Depends(require())]) -> Page[RuleOut]:
        """List the rules."""
        async with pool.acquire() as connection:
            return Page(items=[RuleOut(**dict(row)) for row in (await store.rules(connection)).values()])

    @app.get("/{alert_id}")
    async def alert(alert_id: str, who: Annotated[Principal, Depends(require())]) -> AlertOut:
        """Return one alert."""
        async with pool.acquire() as connection:
            return AlertOut(**dict(await store.get_alert(connection, alert_id, who.scope)))

    @app.post("/{alert_id}/acknowledge")
    async def acknowledge(alert_id: str, who: Annotated[Principal, Depends(require(REGULATOR, INSPECTOR))]) -> AlertOut:
        """Say that somebody has seen it; the alert goes on."""
        now = clock.now()
        async with pool.acquire() as connection, connection.transaction():
            await store.get_alert(connection, alert_id, who.scope)
            row = await store.acknowledge(connection, alert_id, who.subject, now)
            await audit.record(connection, at=now, actor=who.subject, action="acknowledge", subject=f"alert {alert_id}")
        return AlertOut(**dict(row))

    return app


def alerts_pages(pool: asyncpg.Pool, templates: Templates) -> APIRouter:
    """Return /alerts."""
    router = Router()

    @router.get("/alerts")
    async def page(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        rule: str | None = None,
        station: str | None = None,
    ) -> Response:
        async with pool.acquire() as connection:
            rows = await store.list_alerts(
                connection,
                state="firing",
                rule=rule or None,
                station_id=station or None,
                site_id=None,
                before=None,
                limit=200,
                scope=who.scope,
            )
        return templates.render(
            request, "alerts.html", rows=rows, rule=rule or "", station=station or "", rules=ALERTS, reasons=REASONS,
            severities=SEVERITIES,
        )  # fmt: skip

    return router
