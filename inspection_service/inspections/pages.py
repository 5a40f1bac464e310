"""The pages of inspections: plans and draws, visits on a phone, remote inspections, officers' interests."""

import secrets
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from inspection_service.cases import store as cases
from inspection_service.inspections import store
from inspection_service.inspections.api import (
    give_piece,
    give_record,
    photo,
    read_code,
    read_draw,
    read_plan,
    read_visit,
)
from inspection_service.inspections.desk import InspectionDesk, Noted, PlanWish, Position, VisitWish
from inspection_service.inspections.remote import RemoteDesk
from inspection_service.inspections.visit import Command
from youguan.auth import INSPECTOR, OFFICIALS, REGULATOR, Principal
from youguan.bounds import stations_of
from youguan.clock import COUNTY, Clock
from youguan.documents import Shelf
from youguan.errors import NotFound, YouguanError
from youguan.web.documents import take
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.security import require, require_county, require_person
from youguan.web.templates import Templates

PAGE = 50
STATES = {
    "planned": ("off", "待检查"),
    "under_way": ("busy", "检查中"),
    "finished": ("good", "已完成"),
    "cancelled": ("off", "已取消"),
}
CHANNELS = {"on_site": "现场检查", "remote": "非现场检查"}
RESULTS = {"passed": ("good", "合格"), "failed": ("bad", "不合格"), "not_applicable": ("off", "不适用")}
KINDS = {"random": "双随机抽查", "joint": "综合查一次"}
PIECES = {"photo": "照片", "still": "监控截图", "telemetry": "监测数据", "frames": "原始报文", "probe": "远程探测"}
WORDS: dict[str, Any] = {
    "states": STATES, "channels": CHANNELS, "results": RESULTS, "kinds": KINDS, "piece_names": PIECES,
}  # fmt: skip


def inspection_pages(
    desk: InspectionDesk, remote: RemoteDesk, shelf: Shelf, templates: Templates, clock: Clock
) -> APIRouter:
    """Return /inspections."""
    router = APIRouter(prefix="/inspections")
    words = {**WORDS, "organs": desk.catalogue.organs, "items": desk.catalogue.items}
    _add_list(router, desk, templates, words)
    _add_plans(router, desk, templates, words)
    _add_new_visit(router, desk, templates, words)
    _add_visit(router, desk, templates, words)
    _add_notes(router, desk, remote, shelf, clock)
    _add_interests(router, desk, templates, words)
    _add_public(router, desk, templates, words)
    return router


def _add_list(router: APIRouter, desk: InspectionDesk, templates: Templates, words: Mapping[str, Any]) -> None:
    @router.get("")
    async def visits(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        state: Literal["open", "finished", "all"] = "open",
        mine: bool = False,
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, datetime, str)
        chosen = {"open": ["planned", "under_way"], "finished": ["finished"], "all": []}[state]
        async with desk.pool.acquire() as connection:
            rows = await store.list_visits(
                connection, scope=who.scope, states=chosen, plan_id=None, site_id=None, channel=None,
                officer=who.subject if mine else None, before=(key[0], key[1]) if key else None, limit=PAGE,
            )  # fmt: skip
        following = next_cursor(rows, PAGE, "planned_at", "id")
        return templates.render(request, "visits.html", rows=rows, next=following, state=state, mine=mine, **words)


def _add_plans(router: APIRouter, desk: InspectionDesk, templates: Templates, words: Mapping[str, Any]) -> None:
    async def page(
        request: Request, who: Principal, cursor: str | None = None, error: YouguanError | None = None
    ) -> Response:
        key = decode_cursor(cursor, datetime, str)
        async with desk.pool.acquire() as connection:
            rows = await store.list_plans(connection, who.scope, None, (key[0], key[1]) if key else None, PAGE)
            counters = await store.counters(connection, desk.today().year)
        return templates.render(
            request, "plans.html", status_code=error.status if error else 200, rows=rows, counters=counters,
            next=next_cursor(rows, PAGE, "made_at", "id"), today=desk.today(), month_on=desk.today() + timedelta(days=30),
            departments=desk.checklists.departments, division=who.division or "", error=error.detail if error else "",
            **words,
        )  # fmt: skip

    @router.get("/plans")
    async def plans(
        request: Request, who: Annotated[Principal, Depends(require(*OFFICIALS))], cursor: Cursor = None
    ) -> Response:
        return await page(request, who, cursor)

    @router.post("/plans")
    async def make(
        request: Request,
        who: Annotated[Principal, Depends(require_person(REGULATOR))],
        kind: Annotated[Literal["random", "joint"], Form()],
        title: Annotated[str, Form(min_length=1, max_length=200)],
        starts_on: Annotated[date, Form()],
        ends_on: Annotated[date, Form()],
        reason: Annotated[str, Form(min_length=1, max_length=2000)],
        department: Annotated[list[str] | None, Form()] = None,
        division: Annotated[str, Form(max_length=20)] = "",
        count: Annotated[int, Form(ge=0, le=1000)] = 0,
    ) -> Response:
        wish = PlanWish(title, tuple(department or ()), starts_on, ends_on, reason, division or None, (), count)
        try:
            plan_id = await (desk.plan_random if kind == "random" else desk.plan_joint)(who, wish)
        except YouguanError as error:
            return await page(request, who, error=error)
        return RedirectResponse(f"/inspections/plans/{plan_id}", 303)

    @router.get("/plans/{plan_id}")
    async def plan(request: Request, plan_id: str, who: Annotated[Principal, Depends(require(*OFFICIALS))]) -> Response:
        found = await read_plan(desk, who, plan_id)
        async with desk.pool.acquire() as connection:
            covered = await store.plan_items(connection, plan_id)
            rows = await store.list_visits(
                connection, scope=who.scope, states=[], plan_id=plan_id, site_id=None, channel=None, officer=None,
                before=None, limit=1000,
            )  # fmt: skip
        texts = {point.id: point for each in desk.checklists.lists for v in each.versions for point in v.points}
        return templates.render(request, "plan.html", plan=found, covered=covered, rows=rows, texts=texts, **words)

    @router.post("/plans/{plan_id}/draw")
    async def draw(plan_id: str, who: Annotated[Principal, Depends(require_person(REGULATOR))]) -> Response:
        await desk.draw(who, plan_id)
        return RedirectResponse(f"/inspections/plans/{plan_id}", 303)


def _add_new_visit(router: APIRouter, desk: InspectionDesk, templates: Templates, words: Mapping[str, Any]) -> None:
    inspector = require_person(INSPECTOR)

    async def form(
        request: Request, who: Principal, given: Mapping[str, Any], error: YouguanError | None = None
    ) -> Response:
        async with desk.pool.acquire() as connection:
            officers = [each for each in await cases.officers(connection) if each.may_act(desk.today())]
            sites = await store.sites(connection, who.scope, None)
        return templates.render(
            request, "visit_new.html", status_code=error.status if error else 200, given=given, sites=sites,
            officers=[officer for officer in officers if officer.subject != who.subject], today=desk.today(),
            departments=desk.checklists.departments, error=error.detail if error else "", **words,
        )  # fmt: skip

    @router.get("/new")
    async def new(request: Request, who: Annotated[Principal, Depends(inspector)]) -> Response:
        return await form(request, who, request.query_params)

    @router.post("/new")
    async def plan_visit(
        request: Request,
        who: Annotated[Principal, Depends(inspector)],
        site_id: Annotated[str, Form(min_length=1, max_length=100)],
        second_officer: Annotated[str, Form(max_length=100)],
        reason: Annotated[str, Form(min_length=1, max_length=2000)],
        planned_for: Annotated[date, Form()],
        channel: Annotated[Literal["on_site", "remote"], Form()] = "on_site",
        department: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        wish = VisitWish(site_id, tuple(department or ()), second_officer, reason, planned_for, channel)
        try:
            visit_id = await desk.plan_visit(who, wish)
        except YouguanError as error:
            return await form(request, who, await request.form(), error)
        return RedirectResponse(f"/inspections/visits/{visit_id}", 303)


def _add_visit(router: APIRouter, desk: InspectionDesk, templates: Templates, words: Mapping[str, Any]) -> None:
    async def show(request: Request, who: Principal, visit_id: str, error: YouguanError | None = None) -> Response:
        visit = await read_visit(desk, who, visit_id)
        async with desk.pool.acquire() as connection:
            row = await store.get_visit(connection, visit_id)
            names = await store.names_of(connection, visit.officers)
            stations = await stations_of(connection, visit.site_id) if visit.site_id else []
            led_to = await store.cases_of(connection, visit_id) if who.has(*OFFICIALS) else []
        open_places = [point.place for point in visit.points if point.result is None]
        return templates.render(
            request, "visit.html", status_code=error.status if error else 200, visit=visit, row=row, names=names,
            stations=stations, led_to=led_to, open_places=open_places, today=desk.today(),
            acts=who.has(INSPECTOR) and who.subject in visit.officers, error=error.detail if error else "",
            key=secrets.token_hex(16), **words,
        )  # fmt: skip

    @router.get("/visits/{visit_id}")
    async def visit(request: Request, visit_id: str, who: Annotated[Principal, Depends(require())]) -> Response:
        return await show(request, who, visit_id)

    @router.get("/visits/{visit_id}/record/pdf")
    async def record(visit_id: str, who: Annotated[Principal, Depends(require())]) -> Response:
        return await give_record(desk, who, visit_id)

    @router.post("/visits/{visit_id}/commands/{command}")
    async def do(
        request: Request,
        visit_id: str,
        command: Literal["begin", "finish", "confirm", "cancel"],
        who: Annotated[Principal, Depends(require_person())],
        reason: Annotated[str, Form(max_length=2000)] = "",
        latitude: Annotated[str, Form(max_length=20)] = "",
        longitude: Annotated[str, Form(max_length=20)] = "",
    ) -> Response:
        try:
            await desk.do(who, visit_id, Command(command), reason, position(latitude, longitude))
        except NotFound:
            raise
        except YouguanError as error:
            return await show(request, who, visit_id, error)
        return RedirectResponse(f"/inspections/visits/{visit_id}", 303)


def _add_notes(router: APIRouter, desk: InspectionDesk, remote: RemoteDesk, shelf: Shelf, clock: Clock) -> None:
    inspector = require_person(INSPECTOR)

    @router.post("/visits/{visit_id}/results")
    async def note(
        visit_id: str,
        who: Annotated[Principal, Depends(inspector)],
        place: Annotated[int, Form(ge=1, le=1000)],
        result: Annotated[Literal["passed", "failed", "not_applicable"], Form()],
        key: Annotated[str, Form(min_length=8, max_length=100)],
        note: Annotated[str, Form(max_length=2000)] = "",
        latitude: Annotated[str, Form(max_length=20)] = "",
        longitude: Annotated[str, Form(max_length=20)] = "",
        file: Annotated[UploadFile | None, File()] = None,
    ) -> Response:
        stood = position(latitude, longitude)
        await desk.note(who, visit_id, Noted(place, result, key, note.strip(), stood))
        if file is not None and file.filename:
            document = await take(shelf, file)
            await desk.bring(who, visit_id, photo(document, f"{key}-photo", "photo", note[:100], place, stood))
        return RedirectResponse(f"/inspections/visits/{visit_id}#point-{place}", 303)

    @router.post("/visits/{visit_id}/pieces")
    async def bring(
        visit_id: str,
        who: Annotated[Principal, Depends(inspector)],
        file: Annotated[UploadFile, File()],
        key: Annotated[str, Form(min_length=8, max_length=100)],
        kind: Annotated[Literal["photo", "still"], Form()] = "photo",
        title: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        await desk.may_bring(who, visit_id)
        document = await take(shelf, file)
        await desk.bring(who, visit_id, photo(document, key, kind, title, None, Position()))
        return RedirectResponse(f"/inspections/visits/{visit_id}#pieces", 303)

    @router.post("/visits/{visit_id}/telemetry")
    async def telemetry(
        visit_id: str,
        who: Annotated[Principal, Depends(inspector)],
        station_id: Annotated[str, Form(min_length=1, max_length=100)],
        first: Annotated[date, Form()],
        last: Annotated[date, Form()],
        key: Annotated[str, Form(min_length=8, max_length=100)],
    ) -> Response:
        end = datetime.combine(last + timedelta(days=1), time(), COUNTY)
        start = datetime.combine(first, time(), COUNTY)
        await remote.freeze(who, visit_id, station_id, start, min(end, clock.now()), key)
        return RedirectResponse(f"/inspections/visits/{visit_id}#pieces", 303)

    @router.get("/visits/{visit_id}/pieces/{number}/content")
    async def content(visit_id: str, number: int, who: Annotated[Principal, Depends(require())]) -> Response:
        return await give_piece(desk, shelf, who, visit_id, number)


def _add_interests(router: APIRouter, desk: InspectionDesk, templates: Templates, words: Mapping[str, Any]) -> None:
    async def page(request: Request, error: YouguanError | None = None) -> Response:
        async with desk.pool.acquire() as connection:
            rows = await store.interests(connection)
            officers = await cases.officers(connection)
            organisations = await store.organisations(connection)
        return templates.render(
            request, "interests.html", status_code=error.status if error else 200, rows=rows, officers=officers,
            organisations=organisations, error=error.detail if error else "", **words,
        )  # fmt: skip

    @router.get("/interests")
    async def interests(request: Request, _: Annotated[Principal, Depends(require(*OFFICIALS))]) -> Response:
        return await page(request)

    @router.post("/interests")
    async def declare(
        request: Request,
        who: Annotated[Principal, Depends(require_person(INSPECTOR, REGULATOR))],
        subject: Annotated[str, Form(min_length=1, max_length=100)],
        organisation_id: Annotated[str, Form(min_length=1, max_length=100)],
        reason: Annotated[str, Form(min_length=1, max_length=2000)],
    ) -> Response:
        try:
            await desk.declare(who, subject, organisation_id, reason)
        except YouguanError as error:
            return await page(request, error)
        return RedirectResponse("/inspections/interests", 303)

    @router.post("/interests/{interest_id}/end")
    async def end(interest_id: int, who: Annotated[Principal, Depends(require_county(REGULATOR))]) -> Response:
        await desk.end_interest(who, interest_id)
        return RedirectResponse("/inspections/interests", 303)


def _add_public(router: APIRouter, desk: InspectionDesk, templates: Templates, words: Mapping[str, Any]) -> None:
    @router.get("/draws/{plan_id}")
    async def published(request: Request, plan_id: str) -> Response:
        return templates.render(request, "draw.html", draw=await read_draw(desk, plan_id), plan_id=plan_id, **words)

    @router.get("/codes/{code}")
    async def check_code(request: Request, code: str) -> Response:
        return templates.render(request, "check_code.html", check=await read_code(desk, code), **words)


def position(latitude: str, longitude: str) -> Position:
    """Return where a form says that somebody stood; what is no place on Earth is not known."""
    try:
        found = Position(float(latitude), float(longitude))
    except ValueError:
        return Position()
    assert found.latitude is not None
    assert found.longitude is not None
    on_earth = -90 <= found.latitude <= 90 and -180 <= found.longitude <= 180
    return found if on_earth else Position()
