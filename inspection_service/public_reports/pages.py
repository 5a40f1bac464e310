"""The pages of public reports: the form behind the code on a charger, and what came of a report."""

import uuid
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from inspection_service import store as sites
from inspection_service.public_reports import store
from inspection_service.public_reports.api import ReportNumber, give_photo, outcome_of, read_form, report_of
from inspection_service.public_reports.desk import ReportDesk
from inspection_service.public_reports.report import LONGEST_TEXT, as_receipt
from inspection_service.tasks.api import require_task
from inspection_service.tasks.counter import Counter
from inspection_service.tasks.pages import said_against
from inspection_service.tasks.words import CAUSES
from youguan.auth import OFFICIALS, Principal
from youguan.bounds import site_of
from youguan.errors import NotFound, TooLarge, TooManyRequests, YouguanError
from youguan.web.routes import Router
from youguan.web.security import remote_of
from youguan.web.storable import has_no_place_in_text
from youguan.web.templates import Templates

STATES = {
    "open": ("warn", "已受理，等待处理"),
    "accepted": ("busy", "处理中"),
    "mended": ("busy", "责任单位报告已修复，正在核实"),
    "verifying": ("busy", "已恢复，观察中"),
    "closed": ("good", "已办结"),
}
STEPS = {
    "open": "已受理并派给责任单位",
    "accept": "责任单位已接单",
    "answer": "责任单位已答复",
    "mend": "责任单位报告已修复，等待核实",
    "reassign": "改由其他单位办理",
    "grant_transfer": "改由其他单位办理",
    "grant_time": "同意延期办理",
    "confirm": "执法队员现场核查：已修复",
    "refute": "执法队员现场核查：未修复，继续办理",
    "cancel": "经核实不属实或重复，已撤销",
    "recover": "充电桩已恢复，正在观察",
    "fail": "问题再次出现，重新办理",
    "hold": "观察期内一直正常，已办结",
    "succeed": "已有车辆成功充电，已办结",
    "settle": "事由已消除，已办结",
    "lapse": "设备已不在册，已办结",
    "sample": "已办结（抽查未抽中）",
    "visit": "将由执法队员现场核查",
    "fall_due": "责任单位逾期未办",
    "to_team": "已升级至属地执法队",
    "to_centre": "已升级至县指挥中心",
}
MATTERS = {
    "cannot_charge": "插上充不了、充一半断电、启动失败",
    "connector_damaged": "枪头、线缆破损或插不上",
    "screen_dead": "黑屏、扫码没反应、没通电",
    "danger": "冒烟、打火、漏电、烧焦味（紧急请先拨 119）",
    "bay_occupied": "油车、杂物占了充电车位",
    "overcharged": "价格与公示不符、多收停车费等",
    "price_unposted": "现场没有电费、服务费公示",
    "sign_missing": "找不到、没有指引",
    "nobody_answers": "没人管、客服不接",
    "other": "请写清楚",
}
AGAINST = {
    "matter": "请选择出了什么问题",
    "station_id": "请填写桩号",
    "text": "请写清楚问题（不超过 500 字）",
    "photo": "照片应为 JPEG、PNG 或 WebP，不超过 10 MB",
    "connector": "枪号应为数字",
}


def report_pages(desk: ReportDesk, counter: Counter, templates: Templates) -> APIRouter:
    """Return /reports: for everybody."""
    router = Router()
    _add_form(router, desk, templates)
    _add_outcome(router, desk, templates)

    @router.get("/tasks/{task_id}/reports")
    async def of_task(
        request: Request, task_id: str, who: Annotated[Principal, Depends(require_task(counter))]
    ) -> Response:
        async with desk.pool.acquire() as connection:
            rows = await store.of_task(connection, task_id)
        return templates.render(
            request, "task_reports.html", task_id=task_id, reports=rows, causes=CAUSES, official=who.has(*OFFICIALS)
        )

    @router.get("/tasks/{task_id}/reports/{number}/photo")
    async def photo(
        task_id: str,
        number: ReportNumber,
        _: Annotated[Principal, Depends(require_task(counter, *OFFICIALS))],
    ) -> Response:
        return await give_photo(desk, task_id, number)

    return router


def _add_form(router: APIRouter, desk: ReportDesk, templates: Templates) -> None:
    async def form(request: Request, given: Mapping[str, str], error: YouguanError | None = None) -> Response:
        station, site = given.get("station", ""), given.get("site", "")
        place = await _place(desk, station, site)
        return templates.render(
            request, "report_new.html", status_code=error.status if error else 200, station=station, site=site, place=place,
            matters={name: MATTERS[name] for name in desk.matters}, causes=CAUSES, longest=LONGEST_TEXT,
            token=given.get("token") or str(uuid.uuid4()), given=given, errors=_against(error),
        )  # fmt: skip

    @router.get("/reports/new")
    async def new(request: Request) -> Response:
        return await form(request, _place_in(request))

    @router.post("/reports/new")
    async def send(request: Request) -> Response:
        given: dict[str, str] = {}
        try:
            await desk.admit(remote_of(request))
            given, photo = await read_form(request)
            received = await desk.take(report_of(given), photo)
        except YouguanError as error:
            return await form(request, {**given, **_place_in(request)}, error)
        return RedirectResponse(f"/reports/{received.receipt}", 303)


def _place_in(request: Request) -> dict[str, str]:
    found = {name: request.query_params.get(name, "").strip()[:100] for name in ("station", "site")}
    return {name: "" if has_no_place_in_text(value) else value for name, value in found.items()}


async def _place(desk: ReportDesk, station_id: str, site_id: str) -> Mapping[str, Any] | None:
    """Return the site that a report is about; None where there is no such place."""
    async with desk.pool.acquire() as connection:
        found = await site_of(connection, station_id) if station_id else site_id
        return await sites.get_site(connection, found) if found else None


def _against(error: YouguanError | None) -> list[str]:
    match error:
        case None:
            return []
        case TooManyRequests():
            return ["提交得太频繁，请稍后再试"]
        case TooLarge():
            return [AGAINST["photo"]]
        case NotFound():
            return ["没有这个充电桩或场站，请核对编号"]
    known = [AGAINST[field.field] for field in error.fields if field.field in AGAINST]
    return known or said_against(error)


def _add_outcome(router: APIRouter, desk: ReportDesk, templates: Templates) -> None:
    @router.get("/reports")
    async def look(request: Request, receipt: str = "") -> Response:
        known = as_receipt(receipt)
        if known is not None:
            return RedirectResponse(f"/reports/{quote(known, safe='')}", 303)
        return templates.render(request, "reports.html", receipt=receipt[:40], found=not receipt)

    @router.get("/reports/{receipt}")
    async def outcome(request: Request, receipt: str) -> Response:
        try:
            found = await outcome_of(desk, request, receipt)
        except NotFound as error:
            return templates.render(
                request, "reports.html", status_code=error.status, receipt=receipt[:40], found=False
            )
        return templates.render(request, "report.html", report=found, states=STATES, step_names=STEPS, causes=CAUSES)
