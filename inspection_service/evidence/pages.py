"""The pages of evidence: what is added to a case, what was collected, and the roots that are published."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from inspection_service.cases.api import require_case
from inspection_service.cases.desk import CaseDesk
from inspection_service.cases.forms import text_in
from inspection_service.evidence import store
from inspection_service.evidence.api import (
    Kind,
    Origin,
    give_bundle,
    give_content,
    give_recording,
    position,
    recorded_at,
)
from inspection_service.evidence.desk import EvidenceDesk, Wish
from inspection_service.evidence.reviewing import QUALITIES, Finding, Findings
from inspection_service.law.evidence import MONITORING
from youguan.auth import INSPECTOR, OFFICIALS, REVIEWER, Principal
from youguan.clock import COUNTY, Clock, county_day
from youguan.errors import FieldError, Invalid
from youguan.web.documents import take
from youguan.web.routes import Router
from youguan.web.templates import Templates
from youguan.web.times import local_moment

Title = Annotated[str, Form(min_length=1, max_length=200)]
ROOTS = 60


def evidence_pages(desk: EvidenceDesk, cases: CaseDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return what belongs to evidence under /cases, and /law/evidence/roots."""
    router = Router()
    inspector, official = require_case(cases, INSPECTOR), require_case(cases, *OFFICIALS)
    reviewer, near = require_case(cases, REVIEWER), require_case(cases)

    @router.post("/cases/{case_id}/evidence")
    async def file(
        case_id: str,
        who: Annotated[Principal, Depends(inspector)],
        file: Annotated[UploadFile, File()],
        kind: Annotated[Kind, Form()],
        title: Title,
        origin: Annotated[Origin, Form()] = "inspector",
        latitude: Annotated[str, Form(max_length=20)] = "",
        longitude: Annotated[str, Form(max_length=20)] = "",
        reviewed: Annotated[bool, Form()] = False,
        equipment: Annotated[str, Form(max_length=100)] = "",
        taken_at: Annotated[str, Form(max_length=30)] = "",
    ) -> Response:
        at = recorded_at(clock, equipment or None, local_moment("taken_at", taken_at))
        where = position(_degrees(latitude), _degrees(longitude))
        wish = Wish(kind, MONITORING if equipment else origin, title, at, where, reviewed, equipment or None)
        await desk.collect_file(who, case_id, wish, lambda: take(desk.shelf, file), file.size or 0)
        return _back(case_id)

    @router.post("/cases/{case_id}/evidence/texts")
    async def text(
        case_id: str,
        who: Annotated[Principal, Depends(inspector)],
        title: Title,
        text: Annotated[str, Form(min_length=1, max_length=100_000)],
        kind: Annotated[Literal["statement", "witness", "record"], Form()] = "statement",
    ) -> Response:
        await desk.collect_text(who, case_id, Wish(kind, SAID_BY[kind], title, clock.now(), {}), text)
        return _back(case_id)

    @router.post("/cases/{case_id}/evidence/telemetry")
    async def telemetry(
        case_id: str,
        who: Annotated[Principal, Depends(inspector)],
        title: Title,
        station_id: Annotated[str, Form(min_length=1, max_length=100)],
        first: Annotated[date, Form()],
        last: Annotated[date, Form()],
    ) -> Response:
        end = datetime.combine(min(last, county_day(clock.now())) + timedelta(days=1), time(), COUNTY)
        start = datetime.combine(first, time(), COUNTY)
        await desk.collect_telemetry(who, case_id, station_id, start, min(end, clock.now()), title)
        return _back(case_id)

    @router.post("/cases/{case_id}/evidence/{place}/confirm")
    async def confirm(case_id: str, place: int, who: Annotated[Principal, Depends(inspector)]) -> Response:
        await desk.confirm(who, case_id, place)
        return _back(case_id)

    @router.post("/cases/{case_id}/evidence/{place}/review")
    async def review(
        request: Request, case_id: str, place: int, who: Annotated[Principal, Depends(reviewer)]
    ) -> Response:
        await desk.review(who, case_id, place, _findings(await request.form()))
        return _back(case_id)

    @router.get("/cases/{case_id}/recordings/{place}/content")
    async def recorded(case_id: str, place: int, _: Annotated[Principal, Depends(near)]) -> Response:
        return await give_recording(desk, cases, case_id, place)

    @router.get("/cases/{case_id}/evidence/{place}/content")
    async def content(case_id: str, place: int, _: Annotated[Principal, Depends(official)]) -> Response:
        return await give_content(desk, case_id, place)

    @router.get("/cases/{case_id}/bundle")
    async def pack(case_id: str, who: Annotated[Principal, Depends(official)]) -> Response:
        return await give_bundle(desk, cases, who, case_id)

    @router.get("/law/evidence/roots")
    async def roots(request: Request) -> Response:
        async with desk.pool.acquire() as connection:
            rows = await store.roots(connection, None, ROOTS)
        return templates.render(request, "evidence_roots.html", rows=rows, key=desk.signer.public_key)

    return router


SAID_BY = {"statement": "party", "witness": "public", "record": "inspector"}


def _findings(given: FormData) -> Findings:
    """Return what a form found of a recording; Invalid where a question has no answer."""
    if lost := [FieldError(name, "is needed") for name in QUALITIES if given.get(name) not in ("yes", "no")]:
        raise Invalid.of(*lost)
    return {name: Finding(given.get(name) == "yes", text_in(given, f"{name}_reason")[:1000]) for name in QUALITIES}


def _degrees(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _back(case_id: str) -> Response:
    return RedirectResponse(f"/cases/{case_id}#evidence", 303)
