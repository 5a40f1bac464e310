"""The pages of tasks: the list, one task with what may be done about it, and a new one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from inspection_service import store as sites
from inspection_service.inspections.checklists import checklists
from inspection_service.tasks import store
from inspection_service.tasks.api import PeoplesCommand, Status, give_paper, take_papers
from inspection_service.tasks.conditions import NEEDS_REASON, Said
from inspection_service.tasks.counter import HANDLERS, Counter, Finding
from inspection_service.tasks.deadlines import latest_due_at
from inspection_service.tasks.machine import ON_THE_SPOT, Command
from inspection_service.tasks.sayings import found_in_english, recognised
from inspection_service.tasks.store import Filter
from inspection_service.tasks.urging import COMMANDS, Stage, waits_for_party
from inspection_service.tasks.words import CAUSES, SEVERITIES
from youguan.auth import INSPECTOR, OFFICIALS, OPERATOR, REGULATOR, Principal
from youguan.clock import COUNTY, county_day
from youguan.documents import Shelf
from youguan.errors import NotFound, YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require
from youguan.web.storable import UNSTORABLE, refuse, unstorable_fields
from youguan.web.templates import Templates
from youguan.web.translations import language_of
from youguan.working_days import working_days

PAGE = 50
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
ACTORS = {"system": "系统", "charger": "充电桩自报", "public": "群众"}
MOVES = {
    "open": "派给责任单位",
    "accept": "接单",
    "answer": "答复",
    "mend": "报告已修复",
    "ask_time": "申请延期",
    "ask_transfer": "申请转办",
    "grant_time": "同意延期",
    "grant_transfer": "同意转办",
    "refuse": "不同意申请",
    "reassign": "改派责任单位",
    "dispatch": "改派执法队",
    "confirm": "现场核查：已修复",
    "refute": "现场核查：未修复",
    "cancel": "撤销工单",
    "recover": "充电桩报告恢复正常",
    "fail": "故障再次出现",
    "worsen": "故障加重",
    "entrust": "责任单位变更",
    "hold": "观察期内一直正常",
    "succeed": "成功充电",
    "settle": "事由已消除",
    "lapse": "设备已不在册，办结",
    "sample": "抽查未抽中，办结",
    "merge": "并入同一事项的工单",
    "join": "又有人反映同一问题",
    "visit": "无法远程核验，需现场核查",
    "remind": "即将到期，提醒责任单位",
    "fall_due": "已逾期",
    "to_team": "逾期未办，升级至属地执法队",
    "to_centre": "升级至县指挥中心",
}
ORIGINS = {
    "alert": "监测告警", "inspection": "检查发现", "public": "群众反映", "department": "部门抄告", "hand": "人工登记",
}  # fmt: skip
AWAITING = {
    "source": "等待充电桩或登记信息自行确认",
    "probe": "正在远程询问充电桩",
    "inspector": "需要执法队员现场核查",
    "sampling": "未抽中现场核查，期满无异议即办结",
}
ESCALATIONS = {
    Stage.REMINDED: ("warn", "已提醒"),
    Stage.OVERDUE: ("bad", "已逾期"),
    Stage.TEAM: ("bad", "已升级至执法队"),
    Stage.CENTRE: ("bad", "已升级至县指挥中心"),
}
# What whoever is waited for reads on the task itself.
URGINGS = {
    Stage.REMINDED: "提醒：期限将到，请在期限前办结。",
    Stage.OVERDUE: "催办：已经逾期，请立即办理；仍未办结的将升级至属地执法队。",
    Stage.TEAM: "催办：逾期未办，已升级至属地执法队；仍未办结的将升级至县指挥中心。",
    Stage.CENTRE: "催办：逾期未办，已升级至县指挥中心。",
}
REFUSED = {
    "reason": "请说明情况或理由",
    "already_asked": "只能申请延期一次，已经申请过",
    "request_waits": "已有申请在等待答复",
    "no_request": "没有可以答复的申请",
    "until": "新的期限应当晚于原期限，且延长不超过原办理时长",
    "still_so": "充电桩或登记信息仍显示未修复，不能人工办结",
    "oneself": "报告修复的人不能自己核查",
    "too_late": "办结已久，请另开工单",
    "to": "请选择可以接办的单位或队伍",
    "site_id": "请填写场站编号或桩号",
    "station_id": "桩号与场站不符",
    "occurred_at": "发生时间不能晚于现在，也不能早于两年前",
    "another": "同一事项已有未办结的工单",
    "files": "文件应为 PDF 或照片，大小在限额之内",
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
BRINGS_PAPERS = (Command.ANSWER, Command.MEND, Command.CONFIRM, Command.REFUTE)
GIVES = (Command.REASSIGN, Command.DISPATCH, Command.ASK_TRANSFER)
WORDS: dict[str, Any] = {
    "causes": CAUSES, "states": STATES, "roles": ROLES, "actors": ACTORS, "moves": MOVES, "origins": ORIGINS,
    "awaiting": AWAITING, "escalations": ESCALATIONS, "urgings": URGINGS, "waits_for_party": waits_for_party,
    "severities": SEVERITIES, "items_of": ITEMS_OF, "recognised": recognised,
}  # fmt: skip
VIEWS = {
    "open": ("未办结", Filter(status="open")),
    "visit": ("待现场核查", Filter(to_visit=True)),
    "requests": ("申请待答复", Filter(requests=True)),
    "urged": ("被催办", Filter(urged=True)),
    "escalated": ("已升级", Filter(escalated=True)),
    "verifying": ("核验中", Filter(status="verifying")),
    "closed": ("已办结", Filter(status="closed")),
}


def task_pages(counter: Counter, shelf: Shelf, templates: Templates) -> APIRouter:
    """Return /tasks."""
    router = Router()
    _add_list(router, counter, templates)
    _add_new(router, counter, templates)
    _add_task(router, counter, shelf, templates)
    return router


def _add_list(router: APIRouter, counter: Counter, templates: Templates) -> None:
    @router.get("/tasks")
    async def tasks(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        status: Status = "open",
        view: str = "",
        cause: str | None = None,
        station: str | None = None,
        team: str | None = None,
        assignee: str | None = None,
        overdue: bool = False,
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, datetime, str)
        chosen = VIEWS[view][1] if view in VIEWS else Filter(status=status)
        late = counter.now() if overdue else None
        wanted = replace(
            chosen, cause=cause or None, station_id=station or None, team_id=team or None, assignee_id=assignee or None,
            overdue_at=late,
        )  # fmt: skip
        async with counter.pool.acquire() as connection:
            before = (key[0], key[1]) if key else None
            rows = await store.list_tasks(connection, wanted, who.scope, team_id=who.team_id, before=before, limit=PAGE)
            told = (
                await sites.grace_to_tell(connection, who.scope, county_day(counter.now())) if who.has(OPERATOR) else []
            )
            urged = await store.count_urged(connection, who.organisation_id) if who.organisation_id else 0
        kept = {"status": status, "view": view, "cause": cause, "station": station, "team": team, "assignee": assignee}
        query = urlencode(
            {name: value for name, value in kept.items() if value} | ({"overdue": "true"} if overdue else {})
        )
        return templates.render(
            request, "tasks.html", rows=rows, next=next_cursor(rows, PAGE, "opened_at", "id"), status=status, view=view,
            query=query, station=station or "", overdue=overdue, cursor=cursor, now=counter.now(),
            official=who.has(INSPECTOR, REGULATOR), grace=told, urged=urged, **WORDS,
        )  # fmt: skip


def _add_new(router: APIRouter, counter: Counter, templates: Templates) -> None:
    opens = require(INSPECTOR, REGULATOR)

    def form(request: Request, given: Any, error: YouguanError | None = None) -> Response:
        matters = {name: CAUSES[name] for name in counter.desk.rules.matters}
        return templates.render(
            request, "task_new.html", status_code=error.status if error else 200, given=given, matters=matters,
            errors=said_against(error), **WORDS,
        )  # fmt: skip

    @router.get("/tasks/new")
    async def new(request: Request, _: Annotated[Principal, Depends(opens)]) -> Response:
        return form(request, request.query_params)

    @router.post("/tasks/new")
    async def open_task(request: Request, who: Annotated[Principal, Depends(opens)]) -> Response:
        given = await request.form()
        try:
            opened = await counter.open(who, _finding(given))
        except YouguanError as error:
            return form(request, given, error)
        return RedirectResponse(f"/tasks/{opened.task_id}", 303)


def _finding(given: FormData) -> Finding:
    """Return what a form opens a task about."""
    connector = _text(given, "connector")
    return Finding(
        cause=_text(given, "cause"), reason=_text(given, "reason") or "—", severity=_choice(given, "severity", SEVERITIES),
        site_id=_text(given, "site_id") or None, station_id=_text(given, "station_id") or None,
        connector=int(connector) if connector.isascii() and connector.isdigit() and len(connector) < 6 else None,
        occurred_at=_moment(_text(given, "occurred_at")), department=_text(given, "department") or None,
        document=_text(given, "document") or None,
    )  # fmt: skip


def _add_task(router: APIRouter, counter: Counter, shelf: Shelf, templates: Templates) -> None:
    async def show(request: Request, who: Principal, task_id: str, error: YouguanError | None = None) -> Response:
        async with counter.pool.acquire() as connection:
            read = await counter.read(connection, who, task_id)
            task, history = read.task, read.history
            offers = [] if read.former else counter.offers(who, task)
            targets = {c: await counter.targets(connection, task, c) for c in GIVES if c in offers}
            merged = await store.number_of(connection, task["merged_into"]) if task["merged_into"] else None
        latest = latest_due_at(task["due_at"], counter.desk.rules.terms[task["severity"]])
        return templates.render(
            request, "task.html", status_code=error.status if error else 200, task=task, history=history,
            papers=read.papers, former=read.former, offers=offers, targets=targets,
            reported=not read.former and any(map(_is_report, history)), urged_at=_urged_at(history),
            errors=said_against(error), now=counter.now(), merged=merged,
            brings=BRINGS_PAPERS, on_the_spot=ON_THE_SPOT, gives=GIVES, needs_reason=NEEDS_REASON,
            said_by_people=_people_in(language_of(request)),
            first_day=county_day(task["due_at"]), last_day=county_day(latest), official=who.has(*OFFICIALS), **WORDS,
        )  # fmt: skip

    @router.get("/tasks/{task_id}")
    async def task(request: Request, task_id: str, who: Annotated[Principal, Depends(require())]) -> Response:
        return await show(request, who, task_id)

    @router.get("/tasks/{task_id}/papers/{place}/{number}")
    async def paper(task_id: str, place: int, number: int, who: Annotated[Principal, Depends(require())]) -> Response:
        return await give_paper(counter, shelf, who, task_id, place, number)

    @router.post("/tasks/{task_id}/{command}")
    async def do(
        request: Request, task_id: str, command: PeoplesCommand, who: Annotated[Principal, Depends(require(*HANDLERS))]
    ) -> Response:
        given = await request.form()
        refuse(unstorable_fields(given.multi_items()))
        files = [file for file in given.getlist("files") if isinstance(file, UploadFile) and file.filename]
        try:
            papers = await take_papers(counter, shelf, who, task_id, Command(command), files)
            await counter.do(who, task_id, Command(command), _said(given), papers)
        except NotFound:
            raise
        except YouguanError as error:
            return await show(request, who, task_id, error)
        return RedirectResponse(f"/tasks/{quote(task_id, safe='')}", 303)


def _people_in(language: str) -> Callable[[str], str]:
    """Return how a reader is told what people say: as they say it, but for the points of a checklist."""
    return str if language == "zh" else partial(found_in_english, english=checklists().english())


def _urged_at(history: Sequence[Mapping[str, Any]]) -> datetime | None:
    """Return when the party heard last that it is waited for."""
    urgings = set(COMMANDS.values())
    return next((line["at"] for line in reversed(history) if line["command"] in urgings), None)


def _is_report(line: Mapping[str, Any]) -> bool:
    """Say whether somebody's report opened a task, or joined it."""
    return (line["command"], line["role"]) == ("open", "public") or line["command"] == Command.JOIN.value


def _said(given: FormData) -> Said:
    """Return what a form says with a command; a day asked for ends when the office closes on it."""
    return Said(
        reason=_text(given, "reason"), until=_end_of(_text(given, "until")), to=_text(given, "to") or None,
        latitude=_degrees(given, "latitude", 90), longitude=_degrees(given, "longitude", 180),
    )  # fmt: skip


def said_against(error: YouguanError | None) -> list[str]:
    """Return what a page says about an error: its own words for the reasons it knows, else the error's."""
    if error is None:
        return []
    known = [REFUSED.get(field.field.partition("[")[0]) for field in error.fields]
    return [text for text in known if text] or [field.reason for field in error.fields] or [error.detail]


def _text(given: FormData, name: str) -> str:
    return UNSTORABLE.sub("", str(given.get(name, ""))).strip()[:2000]


def _choice(given: FormData, name: str, known: Any) -> str | None:
    found = _text(given, name)
    return found if found in known else None


def _degrees(given: FormData, name: str, most: float) -> float | None:
    try:
        found = float(_text(given, name))
    except ValueError:
        return None
    return found if -most <= found <= most else None


def _moment(text: str) -> datetime | None:
    """Return the instant that a form names by the county's clock."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=COUNTY)
    except ValueError:
        return None


def _end_of(text: str) -> datetime | None:
    day = _moment(text)
    return datetime.combine(day.date(), working_days().hours[-1][1], COUNTY) if day else None
