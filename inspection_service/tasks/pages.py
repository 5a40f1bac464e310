"""The pages of tasks: the list, and one task with what may be done about it."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from inspection_service.tasks import store
from inspection_service.tasks.api import HANDLERS, Counter, Status
from inspection_service.tasks.machine import Command, State, may
from youguan.auth import Principal
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.security import require
from youguan.web.templates import Templates

PAGE = 50
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
COMMANDS = {"accept": "接单", "mend": "报告已修复"}


def task_pages(counter: Counter, templates: Templates) -> APIRouter:
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
