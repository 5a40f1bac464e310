"""/api/inspection: public reports, for everybody; what was reported of a task, for those who have to do with it."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Request, Response
from pydantic import BaseModel
from starlette.datastructures import UploadFile

from inspection_service.public_reports import store
from inspection_service.public_reports.desk import LARGEST_PHOTO_BYTES, ReportDesk
from inspection_service.public_reports.report import Report, as_receipt, steps
from inspection_service.tasks import store as tasks
from inspection_service.tasks.api import require_task
from inspection_service.tasks.counter import Counter
from youguan.auth import OFFICIALS, Principal
from youguan.errors import Invalid, NotFound
from youguan.web.documents import INERT
from youguan.web.paging import Page
from youguan.web.security import remote_of
from youguan.web.storable import has_no_place_in_text
from youguan.web.times import UtcTime

FIELDS = ("matter", "text", "site_id", "station_id", "connector", "token")
LONGEST_NAME = 100
ReportNumber = Annotated[int, Path(ge=1, le=1_000_000, description="of a task's reports, the oldest first")]
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["matter"],
                    "properties": {
                        "matter": {"type": "string", "description": "one of `/report-matters`"},
                        "text": {"type": "string", "maxLength": 500},
                        "station_id": {"type": "string"},
                        "site_id": {"type": "string", "description": "where no station is meant"},
                        "connector": {"type": "integer", "minimum": 1},
                        "token": {"type": "string", "description": "any; what is sent again with it is one report"},
                        "photo": {"type": "string", "format": "binary", "description": "JPEG, PNG or WebP"},
                    },
                }
            }
        },
    }
}


class ReceiptOut(BaseModel):
    """The receipt, with which everybody sees what came of it; `joined`: it is known already."""

    receipt: str
    joined: bool


class StepOut(BaseModel):
    """One thing that came of a report: what was done (`command`) and how the task stands since."""

    at: UtcTime
    command: str
    state: str


class OutcomeOut(BaseModel):
    """How a report stands: `state` of its task, whose it is to do, how many have reported it, and what has happened."""

    receipt: str
    matter: str
    received_at: UtcTime
    state: str
    assignee_name: str
    reports: int
    steps: list[StepOut]


class ReportOut(BaseModel):
    """What was reported of a task; its words and photo are erased some time after it was closed."""

    number: int
    matter: str
    said: str
    received_at: UtcTime
    has_photo: bool
    erased: bool


def add_reports(app: FastAPI, desk: ReportDesk, counter: Counter) -> None:
    """Add public reports to /api/inspection."""
    near, official = require_task(counter), require_task(counter, *OFFICIALS)

    @app.get("/report-matters")
    async def matters() -> Page[str]:
        """Return what everybody may report."""
        return Page(items=desk.matters)

    @app.post("/reports", status_code=201, openapi_extra=FORM)
    async def report(request: Request) -> ReceiptOut:
        """Report something, without a login: a form of the type multipart/form-data."""
        await desk.admit(remote_of(request))
        given, photo = await read_form(request)
        received = await desk.take(report_of(given), photo)
        return ReceiptOut(receipt=received.receipt, joined=received.joined)

    @app.get("/reports/{receipt}")
    async def outcome(receipt: str, request: Request) -> OutcomeOut:
        """Return what came of a report."""
        return OutcomeOut(**await outcome_of(desk, request, receipt))

    @app.get("/tasks/{task_id}/reports")
    async def of_task(task_id: str, _: Annotated[Principal, Depends(near)]) -> Page[ReportOut]:
        """Return what was reported of a task, the newest hundred."""
        async with desk.pool.acquire() as connection:
            rows = await store.of_task(connection, task_id)
        return Page(
            items=[
                ReportOut(**dict(row), has_photo=row["photo_type"] is not None, erased=row["erased_at"] is not None)
                for row in rows
            ]
        )

    @app.get("/tasks/{task_id}/reports/{number}/photo")
    async def photo(task_id: str, number: ReportNumber, _: Annotated[Principal, Depends(official)]) -> Response:
        """Return the photo that came with a report."""
        return await give_photo(desk, task_id, number)


async def give_photo(desk: ReportDesk, task_id: str, number: int) -> Response:
    """Return a report's photo so that nothing in it is run; NotFound. Ask before whether he may have it."""
    async with desk.pool.acquire() as connection:
        kind, content = await store.photo(connection, task_id, number)
    headers = {
        "Content-Security-Policy": INERT,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=kind, headers=headers)


async def outcome_of(desk: ReportDesk, request: Request, receipt: str) -> dict[str, Any]:
    """Return what everybody is told of a report; NotFound, TooManyRequests."""
    await desk.admit_look(remote_of(request))
    known = as_receipt(receipt)
    if known is None:
        raise NotFound(f"report {receipt[:30]}")
    async with desk.pool.acquire() as connection:
        row = await store.get(connection, known)
        history = await tasks.history(connection, row["task_id"])
    return {**dict(row), "steps": [{"at": s.at, "command": s.command, "state": s.state} for s in steps(history)]}


async def read_form(request: Request) -> tuple[dict[str, str], bytes | None]:
    """Return what a report's form says and its photo, of which no more is read than may be kept. Count it before."""
    async with request.form(max_files=1, max_fields=20, max_part_size=64 * 1024) as form:
        photo = form.get("photo")
        content = None
        if isinstance(photo, UploadFile) and photo.filename:
            content = await photo.read(LARGEST_PHOTO_BYTES + 1)
        return {name: str(form.get(name, "")) for name in FIELDS}, content


def report_of(given: Mapping[str, str]) -> Report:
    """Return the report that a form makes; Invalid."""
    if wrong := [name for name, value in given.items() if has_no_place_in_text(value)]:
        raise Invalid.about(wrong[0], "holds a character that no text can hold")
    if wrong := [name for name, value in given.items() if name != "text" and len(value) > LONGEST_NAME]:
        raise Invalid.about(wrong[0], f"at most {LONGEST_NAME} characters")
    connector = given["connector"].strip()
    if connector and not (connector.isascii() and connector.isdigit() and 0 < int(connector) < 1000):
        raise Invalid.about("connector", "is no number of a connector")
    return Report(
        matter=given["matter"], text=given["text"], site_id=given["site_id"].strip() or None,
        station_id=given["station_id"].strip() or None, connector=int(connector) if connector else None,
        token=given["token"] or None,
    )  # fmt: skip
