"""/api/inspection: tasks."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, Field

from inspection_service.tasks import store
from inspection_service.tasks.desk import STREAM, Desk
from inspection_service.tasks.machine import Command
from youguan import audit
from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.errors import Forbidden, NotFound
from youguan.eventlog import publish
from youguan.web.paging import Cursor, Limit, Page, UtcTime, decode_cursor, next_cursor
from youguan.web.security import require

Status = Literal["open", "accepted", "mended", "verifying", "closed"]
HANDLERS = (OPERATOR, INSPECTOR, REGULATOR)


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


def add_tasks(app: FastAPI, counter: Counter) -> None:
    """Add tasks to /api/inspection."""

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
