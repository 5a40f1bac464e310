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

State = Literal["pending", "firing", "resolved"]
RULES = {
    "connector_fault": "充电枪故障",
    "station_offline": "充电桩离线",
    "unmanaged_site": "场站无人管理",
    "unfiled_charger": "未备案充电桩",
    "file_contradicted": "备案与实际充电枪不符",
    "clock_skew": "充电桩时钟偏差",
    "smoke": "烟雾报警",
    "water": "积水报警",
    "overheating": "温度过高",
    "bay_blocked": "油车占位",
    "access_attempts": "反复尝试接入",
    "tampering": "充电桩被拆动",
    "firmware_signature": "固件签名无效",
    "security_event": "充电桩安全事件",
    "document_expiring": "备案材料将到期",
    "document_expired": "备案材料已过期",
    "meter_backwards": "电能表倒走",
    "meter_verification_due": "电能表检定将到期",
    "meter_verification_overdue": "电能表检定已过期",
    "filing_promise_overdue": "承诺补交材料逾期",
    "grace_period_ending": "包容期将届满",
    "upstream_away": "运营商中央系统不可达",
    "relay_gap": "转接报文未能留存",
    "platform_silent": "平台失联",
    "orders_untold": "充电订单未能上报",
}
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
            request, "alerts.html", rows=rows, rule=rule or "", station=station or "", rules=RULES, reasons=REASONS,
            severities=SEVERITIES,
        )  # fmt: skip

    return router
