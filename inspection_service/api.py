"""/api/inspection and the pages of tasks."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import APIRouter, Depends, FastAPI, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from inspection_service import store
from inspection_service.desk import STREAM, Desk
from inspection_service.task import Command, State, may
from youguan import audit
from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.errors import Forbidden, NotFound, YouguanError
from youguan.eventlog import publish
from youguan.web.application import api
from youguan.web.paging import Cursor, Limit, Page, UtcTime, decode_cursor, next_cursor
from youguan.web.security import require
from youguan.web.templates import Templates

Status = Literal["open", "accepted", "mended", "verifying", "closed"]
CAUSES = {
    "connector_fault": "充电枪故障",
    "station_offline": "充电桩离线",
    "unmanaged_site": "明确管理单位",
    "unfiled_charger": "未备案充电桩",
    "clock_skew": "充电桩时钟偏差",
    "smoke": "烟雾报警",
    "water": "积水报警",
    "overheating": "温度过高",
    "bay_blocked": "油车占位",
    "access_attempts": "反复尝试接入",
    "document_expiring": "备案材料将到期",
    "document_expired": "备案材料已过期",
    "filing_promise_overdue": "承诺补交材料逾期",
    "upstream_away": "运营商中央系统不可达",
    "relay_gap": "转接报文未能留存",
    "platform_silent": "运营商平台失联",
}
STATES = {
    "open": ("bad", "待接单"),
    "accepted": ("warn", "已接单"),
    "mended": ("warn", "已报修复"),
    "verifying": ("busy", "核验中"),
    "closed": ("good", "已办结"),
}
ROLES = {
    "manager": "当时的运营管理单位",
    "owner": "产权单位（当时无管理单位）",
    "builder": "建设单位（当时无管理、产权单位）",
    "maintainer": "运维单位（当时无管理单位）",
    "property_manager": "物业（当时无管理单位）",
    "team": "属地执法队",
}
ACTORS = {"system": "系统", "charger": "充电桩自报"}
MOVES = {
    "open": "告警触发，派给责任单位",
    "accept": "接单",
    "mend": "报告已修复",
    "recover": "充电桩报告恢复正常",
    "fail": "故障再次出现",
    "worsen": "故障加重",
    "hold": "观察期内一直正常",
    "succeed": "成功充电",
    "settle": "事由已消除",
}
# Which supervised item a case about a task is most likely about.
ITEMS_OF = {
    "connector_fault": "repair-overdue",
    "station_offline": "repair-overdue",
    "unfiled_charger": "charger-unfiled",
    "smoke": "fire-equipment",
    "overheating": "safety-equipment",
    "bay_blocked": "bay-blocked",
}
HANDLERS = (OPERATOR, INSPECTOR, REGULATOR)
COMMANDS = {"accept": "接单", "mend": "报告已修复"}


class TaskOut(BaseModel):
    """A task; `cause` is the rule that opened it, `assignee_role` what the assignee was when it happened."""

    id: str
    number: str
    cause: str
    state: Status
    severity: str
    site_id: str | None
    site_name: str | None
    station_id: str | None
    connector: int | None
    assignee_id: str
    assignee_name: str
    assignee_role: str
    occurred_at: UtcTime
    opened_at: UtcTime
    due_on: date | None
    closed_at: UtcTime | None
    details: dict[str, Any]


class HistoryLine(BaseModel):
    """One move of a task."""

    at: UtcTime
    actor: str
    command: str
    previous: str | None
    state: str
    reason: str


class TaskWithHistory(TaskOut):
    """A task and everything that happened to it."""

    history: list[HistoryLine]


class Said(BaseModel):
    """What somebody says about it."""

    reason: str = Field(default="", max_length=500)


def may_see(who: Principal, task: asyncpg.Record) -> bool:
    """Say whether a task lies within somebody's bounds: an operator's are those that are his organisation's to do."""
    return who.scope.covers(task["division_code"], task["assignee_id"])


class Counter:
    """What people do with tasks, checked and written down."""

    def __init__(self, pool: asyncpg.Pool, desk: Desk, clock: Clock) -> None:
        self.pool = pool
        self._desk = desk
        self._clock = clock

    def today(self) -> date:
        """Return the county's date."""
        return county_day(self._clock.now())

    async def read(self, who: Principal, task_id: str) -> tuple[asyncpg.Record, list[asyncpg.Record]]:
        """Return a task and its history; NotFound beyond one's bounds too."""
        async with self.pool.acquire() as connection:
            task = await store.get_task(connection, task_id)
            if not may_see(who, task):
                raise NotFound(f"task {task_id}")
            return task, await store.history(connection, task_id)

    async def do(self, who: Principal, task_id: str, command: Command, reason: str) -> None:
        """Let somebody move a task; NotFound, Forbidden, Conflict."""
        if not who.has(*HANDLERS):
            raise Forbidden("this needs one of the roles: operator, inspector, regulator")
        async with self.pool.acquire() as connection, connection.transaction():
            task = await store.get_task(connection, task_id, hold=True)
            if not may_see(who, task):
                raise NotFound(f"task {task_id}")
            moved = await self._desk.move(connection, task, command, who.subject, reason)
            await audit.record(
                connection,
                at=self._clock.now(),
                actor=who.subject,
                action=f"task {command}",
                subject=f"task {task['number']}",
                before={"state": task["state"]},
                after={"state": moved.state, "reason": reason},
            )
            await publish(connection, STREAM, [moved])


def inspection_api(counter: Counter) -> FastAPI:
    """Return /api/inspection."""
    app = api("Youguan inspection")

    @app.get("/tasks")
    async def tasks(
        who: Annotated[Principal, Depends(require())],
        status: Annotated[Status | None, Query(description="`open`: every task that is not closed")] = None,
        station: str | None = None,
        site: str | None = None,
        cause: str | None = None,
        overdue: bool = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[TaskOut]:
        """List tasks within one's bounds, newest first."""
        key = decode_cursor(cursor, datetime, str)
        async with counter.pool.acquire() as connection:
            rows = await store.list_tasks(
                connection,
                status=status,
                station_id=station,
                site_id=site,
                cause=cause,
                overdue_on=counter.today() if overdue else None,
                before=(key[0], key[1]) if key else None,
                limit=limit,
                scope=who.scope,
            )
        following = next_cursor(rows, limit, "opened_at", "id")
        return Page(items=[TaskOut(**dict(row)) for row in rows], next=following)

    @app.get("/tasks/{task_id}")
    async def task(task_id: str, who: Annotated[Principal, Depends(require())]) -> TaskWithHistory:
        """Return one task with its history."""
        row, history = await counter.read(who, task_id)
        return TaskWithHistory(**dict(row), history=[HistoryLine(**dict(line)) for line in history])

    @app.post("/tasks/{task_id}/accept")
    async def accept(task_id: str, said: Said, who: Annotated[Principal, Depends(require())]) -> TaskWithHistory:
        """Take a task on."""
        await counter.do(who, task_id, Command.ACCEPT, said.reason)
        return await task(task_id, who)

    @app.post("/tasks/{task_id}/mend")
    async def mend(task_id: str, said: Said, who: Annotated[Principal, Depends(require())]) -> TaskWithHistory:
        """Say that it is mended; the charger's own word must confirm it."""
        await counter.do(who, task_id, Command.MEND, said.reason)
        return await task(task_id, who)

    return app


def inspection_pages(counter: Counter, templates: Templates) -> APIRouter:
    """Return /tasks and /tasks/{id}."""
    router = APIRouter()

    @router.get("/tasks")
    async def tasks(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        status: Status = "open",
        cause: str | None = None,
        overdue: bool = False,
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, datetime, str)
        async with counter.pool.acquire() as connection:
            rows = await store.list_tasks(
                connection,
                status=status,
                station_id=None,
                site_id=None,
                cause=cause or None,
                overdue_on=counter.today() if overdue else None,
                before=(key[0], key[1]) if key else None,
                limit=PAGE,
                scope=who.scope,
            )
        following = next_cursor(rows, PAGE, "opened_at", "id")
        return templates.render(
            request, "tasks.html", rows=rows, next=following, status=status, cause=cause or "", overdue=overdue,
            cursor=cursor, causes=CAUSES, states=STATES, today=counter.today(),
        )  # fmt: skip

    async def show(request: Request, who: Principal, task_id: str, error: str = "", code: int = 200) -> Response:
        row, history = await counter.read(who, task_id)
        state = State(row["state"])
        commands = {name: label for name, label in COMMANDS.items() if who.has(*HANDLERS) and may(state, Command(name))}
        return templates.render(
            request, "task.html", status_code=code, task=row, history=history, commands=commands, error=error,
            causes=CAUSES, states=STATES, roles=ROLES, actors=ACTORS, moves=MOVES, items_of=ITEMS_OF,
        )  # fmt: skip

    @router.get("/tasks/{task_id}")
    async def task(request: Request, task_id: str, who: Annotated[Principal, Depends(require())]) -> Response:
        return await show(request, who, task_id)

    @router.post("/tasks/{task_id}/{command}")
    async def do(
        request: Request,
        task_id: str,
        command: Literal["accept", "mend"],
        who: Annotated[Principal, Depends(require())],
        reason: str = Form(""),
    ) -> Response:
        try:
            await counter.do(who, task_id, Command(command), reason)
        except YouguanError as error:
            return await show(request, who, task_id, error.detail, error.status)
        return RedirectResponse(f"/tasks/{task_id}", 303)

    return router


PAGE = 50
