"""The pages of visits: on a phone, and from afar."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from inspection_service.cases import store as cases
from inspection_service.inspections import store as office_store
from inspection_service.inspections.visits import store
from inspection_service.inspections.visits.api import give_piece, give_record, photo, read_code, read_visit
from inspection_service.inspections.visits.desk import Noted, Replacement, Said, VisitDesk, VisitWish
from inspection_service.inspections.visits.gateway import GatewayOverHttp
from inspection_service.inspections.visits.machine import Command, Position
from inspection_service.inspections.visits.proof import ProofDesk
from inspection_service.inspections.visits.remote import RemoteDesk, Window
from inspection_service.inspections.words import words_of
from youguan.auth import INSPECTOR, OFFICIALS, REGULATOR, Principal
from youguan.bounds import stations_of
from youguan.clock import COUNTY, Clock
from youguan.documents import Shelf
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable, YouguanError
from youguan.web.documents import take
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require, require_person, shown_again
from youguan.web.templates import Templates

PAGE = 50
Failed = Callable[[Request, Principal, str, YouguanError], Awaitable[Response]]


def visit_pages(
    desk: VisitDesk,
    remote: RemoteDesk,
    proof: ProofDesk,
    shelf: Shelf,
    templates: Templates,
    clock: Clock,
    base_url: str,
) -> APIRouter:
    """Return /inspections, and what is under it of visits."""
    router, words = Router(prefix="/inspections"), words_of(desk.office.catalogue)
    _add_list(router, desk, templates, words)
    _add_new_visit(router, desk, templates, words)
    failed = _add_visit(router, desk, templates, words)
    _add_notes(router, desk, shelf)
    _add_remote(router, remote, base_url, clock, failed)

    @router.post("/visits/{visit_id}/cases/{case_id}/record")
    async def prove(
        request: Request, visit_id: str, case_id: str, who: Annotated[Principal, Depends(require_person(INSPECTOR))]
    ) -> Response:
        try:
            await proof.take(who, visit_id, case_id)
        except (Forbidden, Conflict) as error:
            return await failed(request, who, visit_id, error)
        return RedirectResponse(f"/cases/{case_id}#evidence", 303)

    @router.get("/codes/{code}")
    async def check_code(request: Request, code: str) -> Response:
        return templates.render(request, "check_code.html", check=await read_code(desk, code), **words)

    return router


def _add_list(router: APIRouter, desk: VisitDesk, templates: Templates, words: Mapping[str, Any]) -> None:
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
        async with desk.office.pool.acquire() as connection:
            rows = await store.list_visits(
                connection, scope=who.scope, states=chosen, plan_id=None, site_id=None, channel=None,
                officer=who.subject if mine else None, before=(key[0], key[1]) if key else None, limit=PAGE,
            )  # fmt: skip
        following = next_cursor(rows, PAGE, "planned_at", "id")
        return templates.render(
            request,
            "visits.html",
            rows=rows,
            next=following,
            state=state,
            mine=mine,
            today=desk.office.today(),
            **words,
        )


def _add_new_visit(router: APIRouter, desk: VisitDesk, templates: Templates, words: Mapping[str, Any]) -> None:
    inspector = require_person(INSPECTOR)

    async def form(
        request: Request, who: Principal, given: Mapping[str, Any], error: YouguanError | None = None
    ) -> Response:
        async with desk.office.pool.acquire() as connection:
            officers = [each for each in await cases.officers(connection) if each.may_act(desk.office.today())]
            sites = await office_store.sites(connection, who.scope, None)
        return templates.render(
            request, "visit_new.html", status_code=error.status if error else 200, given=given, sites=sites,
            officers=[officer for officer in officers if officer.subject != who.subject], today=desk.office.today(),
            departments=desk.office.checklists.departments, error=error, **words,
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


def _add_visit(router: APIRouter, desk: VisitDesk, templates: Templates, words: Mapping[str, Any]) -> Failed:
    """Add the page of a visit; return what shows it with an error."""

    async def show(request: Request, who: Principal, visit_id: str, error: YouguanError | None = None) -> Response:
        visit = await read_visit(desk, who, visit_id)
        async with desk.office.pool.acquire() as connection:
            row = await store.get_visit(connection, visit_id)
            names = await office_store.names_of(connection, visit.officers)
            stations = await stations_of(connection, visit.site_id) if visit.site_id else []
            led_to = await store.cases_of(connection, visit_id) if who.has(*OFFICIALS) else []
            known = await cases.officers(connection)
        open_places = [point.place for point in visit.points if point.result is None]
        return templates.render(
            request, "visit.html", status_code=error.status if error else 200, visit=visit, row=row, names=names,
            stations=stations, led_to=led_to, open_places=open_places, today=desk.office.today(),
            acts=who.has(INSPECTOR) and who.subject in visit.officers, error=error,
            replaces=who.has(REGULATOR) or (visit.plan_id is None and who.subject in visit.officers),
            others=[o for o in known if o.may_act(desk.office.today()) and o.subject not in visit.officers],
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
        rights_told: Annotated[bool, Form()] = False,
    ) -> Response:
        try:
            await desk.do(who, visit_id, Command(command), Said(reason, position(latitude, longitude), rights_told))
        except NotFound:
            raise
        except YouguanError as error:
            return await show(request, who, visit_id, error)
        return RedirectResponse(f"/inspections/visits/{visit_id}", 303)

    @router.post("/visits/{visit_id}/replacements")
    async def replace(
        request: Request,
        visit_id: str,
        who: Annotated[Principal, Depends(require_person(INSPECTOR, REGULATOR))],
        leaves: Annotated[str, Form(min_length=1, max_length=100)],
        reason: Annotated[str, Form(min_length=1, max_length=2000)],
        comes: Annotated[str, Form(max_length=100)] = "",
    ) -> Response:
        try:
            await desk.replace_officer(who, visit_id, Replacement(leaves, comes or None, reason))
        except (Conflict, Forbidden, Invalid) as error:
            return await show(request, who, visit_id, error)
        return RedirectResponse(f"/inspections/visits/{visit_id}", 303)

    return show


def _add_notes(router: APIRouter, desk: VisitDesk, shelf: Shelf) -> None:
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
            await desk.may_bring(who, visit_id, file.size or 0)
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
        await desk.may_bring(who, visit_id, file.size or 0)
        document = await take(shelf, file)
        await desk.bring(who, visit_id, photo(document, key, kind, title, None, Position()))
        return RedirectResponse(f"/inspections/visits/{visit_id}#pieces", 303)

    @router.get("/visits/{visit_id}/pieces/{number}/content")
    async def content(visit_id: str, number: int, who: Annotated[Principal, Depends(require())]) -> Response:
        return await give_piece(desk, shelf, who, visit_id, number)


def _add_remote(router: APIRouter, remote: RemoteDesk, base_url: str, clock: Clock, failed: Failed) -> None:
    inspector = require_person(INSPECTOR)

    @router.post("/visits/{visit_id}/telemetry")
    async def telemetry(
        request: Request,
        visit_id: str,
        who: Annotated[Principal, Depends(inspector)],
        station_id: Annotated[str, Form(min_length=1, max_length=100)],
        first: Annotated[date, Form()],
        last: Annotated[date, Form()],
        key: Annotated[str, Form(min_length=8, max_length=100)],
    ) -> Response:
        end = min(datetime.combine(last + timedelta(days=1), time(), COUNTY), clock.now())
        window = Window(station_id, datetime.combine(first, time(), COUNTY), end, key)
        try:
            await remote.freeze(who, visit_id, window, GatewayOverHttp(base_url, shown_again(request)))
        except (Invalid, Unavailable) as error:
            return await failed(request, who, visit_id, error)
        return RedirectResponse(f"/inspections/visits/{visit_id}#pieces", 303)

    @router.post("/visits/{visit_id}/probes")
    async def probe(
        request: Request,
        visit_id: str,
        who: Annotated[Principal, Depends(inspector)],
        station_id: Annotated[str, Form(min_length=1, max_length=100)],
        key: Annotated[str, Form(min_length=8, max_length=100)],
    ) -> Response:
        try:
            await remote.probe(who, visit_id, station_id, key, GatewayOverHttp(base_url, shown_again(request)))
        except Unavailable as error:
            return await failed(request, who, visit_id, error)
        return RedirectResponse(f"/inspections/visits/{visit_id}#pieces", 303)


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
