"""/api/inspection: visits, what is noted at them, and their codes."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

import asyncpg
from fastapi import Depends, FastAPI, File, Form, Request, Response, UploadFile
from pydantic import BaseModel, Field

from inspection_service.inspections import store as office_store
from inspection_service.inspections.api import Departments, Grounds, Id
from inspection_service.inspections.visits import store
from inspection_service.inspections.visits.desk import Noted, Piece, Replacement, Said, VisitDesk, VisitWish
from inspection_service.inspections.visits.gateway import GatewayOverHttp
from inspection_service.inspections.visits.machine import Command, Position
from inspection_service.inspections.visits.proof import ProofDesk
from inspection_service.inspections.visits.remote import RemoteDesk, Window
from youguan.auth import INSPECTOR, OFFICIALS, REGULATOR, Principal
from youguan.clock import county_day
from youguan.documents import Document, Shelf
from youguan.errors import NotFound, Reason
from youguan.web.documents import INERT, give, take
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require, require_person, shown_again
from youguan.web.times import GivenTime, UtcTime

Words = Annotated[str, Field(max_length=2000)]
Key = Annotated[str, Field(min_length=8, max_length=100, pattern=r"^[A-Za-z0-9-]+$")]
Latitude = Annotated[float | None, Field(ge=-90, le=90)]
Longitude = Annotated[float | None, Field(ge=-180, le=180)]
Channel = Literal["on_site", "remote"]
State = Literal["planned", "under_way", "finished", "cancelled"]
Kind = Literal["photo", "still"]


class VisitOut(BaseModel):
    """A check at one premises; `code` is that of the act, without gaps in a year."""

    id: str
    code: str
    plan_id: str | None
    plan_number: str | None
    channel: Channel
    state: State
    site_id: str | None
    premises_name: str
    premises_address: str
    division_code: str | None
    departments: list[str]
    officers: list[str]
    reason: str
    planned_for: date
    planned_at: UtcTime
    began_at: UtcTime | None
    finished_at: UtcTime | None
    confirmed_at: UtcTime | None
    record_number: str | None


class VisitPointOut(BaseModel):
    """What is looked at, with what was noted last; null: nothing yet."""

    place: int
    department: str
    point: str
    item_id: str
    text: str
    text_en: str
    result: str | None
    note: str | None
    at: UtcTime | None
    noted_by: str | None
    latitude: float | None
    longitude: float | None


class PieceOut(BaseModel):
    """What belongs to a visit; `place` null: to the whole of it."""

    number: int
    place: int | None
    kind: str
    title: str
    source: dict[str, Any]
    sha256: str
    size_bytes: int
    media_type: str
    at: UtcTime
    added_by: str


class ReplacementOut(BaseModel):
    """An officer who left a visit before its end, and who came for him, each with the number of the certificate."""

    left_name: str
    came_name: str
    reason: str
    at: UtcTime


class ReplacementIn(BaseModel):
    """Who leaves, who comes for him, and why; what was drawn names itself who comes."""

    leaves: Id
    comes: Id | None = None
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class WholeVisit(VisitOut):
    """A visit with its list, its pieces, the record's content, who was replaced, and the cases that it led to."""

    points: list[VisitPointOut]
    pieces: list[PieceOut]
    record: dict[str, Any] | None
    record_sha256: str | None
    replacements: list[ReplacementOut]
    cases: list[str]


class VisitIn(BaseModel):
    """A visit of one's own; a remote one looks only at what equipment tells."""

    site_id: Id
    departments: Departments
    second_officer: Id
    reason: Grounds
    planned_for: date
    channel: Channel = "on_site"


class CommandIn(BaseModel):
    """What is said with a command, and where whoever says it stands; `rights_told`, with `begin`: certificates were shown, and the
    party was told its rights. The record says so only then."""

    reason: Words = ""
    rights_told: bool = False
    latitude: Latitude = None
    longitude: Longitude = None

    def said(self) -> Said:
        return Said(self.reason, Position(self.latitude, self.longitude), self.rights_told)


class ResultIn(BaseModel):
    """What was seen at a point; `key` is the sender's own: sent again, it is the same note."""

    place: Annotated[int, Field(ge=1, le=1000)]
    result: Literal["passed", "failed", "not_applicable"]
    key: Key
    note: Words = ""
    latitude: Latitude = None
    longitude: Longitude = None

    def noted(self) -> Noted:
        return Noted(self.place, self.result, self.key, self.note, Position(self.latitude, self.longitude))


class ExtractIn(BaseModel):
    """What was told of a station within a time, to be frozen."""

    model_config = {"populate_by_name": True}
    station_id: Id
    start: GivenTime = Field(alias="from")
    end: GivenTime = Field(alias="to")
    key: Key

    def window(self) -> Window:
        return Window(self.station_id, self.start, self.end, self.key)


class ProbeIn(BaseModel):
    """A station to be asked; `key` is the sender's own: sent again, it is asked once."""

    station_id: Id
    key: Key


class CodeOut(BaseModel):
    """What anybody may know of a check by its code."""

    code: str
    organ: str
    departments: list[str]
    channel: Channel
    state: State
    planned_for: date
    finished_on: date | None
    officers: list[str]


def add_visits(
    app: FastAPI, desk: VisitDesk, remote: RemoteDesk, proof: ProofDesk, shelf: Shelf, base_url: str
) -> None:
    """Add visits to /api/inspection; `base_url`: where the gateway is asked."""
    _add_visits(app, desk)
    _add_notes(app, desk, shelf)
    _add_remote(app, desk, remote, base_url)

    @app.post("/visits/{visit_id}/cases/{case_id}/record", status_code=201)
    async def prove(
        visit_id: str, case_id: str, who: Annotated[Principal, Depends(require_person(INSPECTOR))]
    ) -> WholeVisit:
        """Take the record of a visit into the evidence of a case that it led to; done before, it stays so."""
        await proof.take(who, visit_id, case_id)
        return await read_visit(desk, who, visit_id)

    @app.get("/check-codes/{code}")
    async def check_code(code: str) -> CodeOut:
        """Say whether a check is genuine: whoever is inspected reads its code."""
        return await read_code(desk, code)


def _add_visits(app: FastAPI, desk: VisitDesk) -> None:
    @app.get("/visits")
    async def visits(
        who: Annotated[Principal, Depends(require())],
        state: State | None = None,
        plan: str | None = None,
        site: str | None = None,
        channel: Channel | None = None,
        mine: bool = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[VisitOut]:
        """List visits within one's bounds, those planned last first; of its own sites a party sees what is finished."""
        key = decode_cursor(cursor, datetime, str)
        async with desk.office.pool.acquire() as connection:
            rows = await store.list_visits(
                connection, scope=who.scope, states=[state] if state else [], plan_id=plan, site_id=site, channel=channel,
                officer=who.subject if mine else None, before=(key[0], key[1]) if key else None, limit=limit,
            )  # fmt: skip
        items = [VisitOut(**_members(row)) for row in rows]
        return Page(items=items, next=next_cursor(rows, limit, "planned_at", "id"))

    @app.post("/visits", status_code=201)
    async def plan_visit(visit: VisitIn, who: Annotated[Principal, Depends(require_person(INSPECTOR))]) -> WholeVisit:
        """Plan a visit, or a remote inspection, with a second officer; it gets its code at once."""
        wish = VisitWish(**{**visit.model_dump(), "departments": tuple(visit.departments)})
        return await read_visit(desk, who, await desk.plan_visit(who, wish))

    @app.get("/visits/{visit_id}")
    async def one_visit(visit_id: str, who: Annotated[Principal, Depends(require())]) -> WholeVisit:
        """Return a visit with its list, what was noted, its pieces and its record."""
        return await read_visit(desk, who, visit_id)

    @app.post("/visits/{visit_id}/commands/{command}")
    async def do(
        visit_id: str,
        command: Literal["begin", "finish", "confirm", "cancel"],
        said: CommandIn,
        who: Annotated[Principal, Depends(require_person())],
    ) -> WholeVisit:
        """Begin, finish, confirm (the other officer) or cancel (a regulator); sent again, it is done already."""
        await desk.do(who, visit_id, Command(command), said.said())
        return await read_visit(desk, who, visit_id)

    @app.post("/visits/{visit_id}/replacements", status_code=201)
    async def replace(
        visit_id: str, said: ReplacementIn, who: Annotated[Principal, Depends(require_person(INSPECTOR, REGULATOR))]
    ) -> WholeVisit:
        """Let an officer take the place of another who cannot go, or go on, with the reason; both stay on record."""
        await desk.replace_officer(who, visit_id, Replacement(said.leaves, said.comes, said.reason))
        return await read_visit(desk, who, visit_id)

    @app.get("/visits/{visit_id}/record/pdf", response_class=Response)
    async def record_pdf(visit_id: str, who: Annotated[Principal, Depends(require())]) -> Response:
        """Return the record of a finished visit as PDF."""
        return await give_record(desk, who, visit_id)


def _add_notes(app: FastAPI, desk: VisitDesk, shelf: Shelf) -> None:
    inspector = require_person(INSPECTOR)

    @app.post("/visits/{visit_id}/results", status_code=201)
    async def note(visit_id: str, result: ResultIn, who: Annotated[Principal, Depends(inspector)]) -> WholeVisit:
        """Note what was seen at a point; the newest note counts, all of them are kept."""
        await desk.note(who, visit_id, result.noted())
        return await read_visit(desk, who, visit_id)

    @app.post("/visits/{visit_id}/pieces", status_code=201)
    async def bring(
        visit_id: str,
        who: Annotated[Principal, Depends(inspector)],
        file: Annotated[UploadFile, File(description="JPEG, PNG, WebP or PDF")],
        key: Annotated[str, Form(min_length=8, max_length=100, pattern=r"^[A-Za-z0-9-]+$")],
        kind: Annotated[Kind, Form()] = "photo",
        title: Annotated[str, Form(max_length=200)] = "",
        place: Annotated[int | None, Form(ge=1, le=1000)] = None,
        latitude: Annotated[float | None, Form(ge=-90, le=90)] = None,
        longitude: Annotated[float | None, Form(ge=-180, le=180)] = None,
    ) -> WholeVisit:
        """Bring a photo, or a still of a camera."""
        await desk.may_bring(who, visit_id, file.size or 0)
        document = await take(shelf, file)
        await desk.bring(who, visit_id, photo(document, key, kind, title, place, Position(latitude, longitude)))
        return await read_visit(desk, who, visit_id)

    @app.get("/visits/{visit_id}/pieces/{number}/content", response_class=Response)
    async def content(visit_id: str, number: int, who: Annotated[Principal, Depends(require())]) -> Response:
        """Return a photo, a still or an extract, byte by byte."""
        return await give_piece(desk, shelf, who, visit_id, number)


def _add_remote(app: FastAPI, desk: VisitDesk, remote: RemoteDesk, base_url: str) -> None:
    inspector = require_person(INSPECTOR)

    @app.post("/visits/{visit_id}/telemetry", status_code=201)
    async def telemetry(
        visit_id: str, wish: ExtractIn, request: Request, who: Annotated[Principal, Depends(inspector)]
    ) -> WholeVisit:
        """Freeze what was told of a station of this site within a time (31 days at the most), and its messages."""
        await remote.freeze(who, visit_id, wish.window(), GatewayOverHttp(base_url, shown_again(request)))
        return await read_visit(desk, who, visit_id)

    @app.post("/visits/{visit_id}/probes", status_code=201)
    async def probe(
        visit_id: str, wish: ProbeIn, request: Request, who: Annotated[Principal, Depends(inspector)]
    ) -> WholeVisit:
        """Ask a station of this site how it is now; what came of it is kept."""
        gateway = GatewayOverHttp(base_url, shown_again(request))
        await remote.probe(who, visit_id, wish.station_id, wish.key, gateway)
        return await read_visit(desk, who, visit_id)


# --- what is read the same way by pages ---


async def read_visit(desk: VisitDesk, who: Principal, visit_id: str) -> WholeVisit:
    """Return a visit as somebody may see it; NotFound."""
    async with desk.office.pool.acquire() as connection:
        row = await desk.see(connection, who, visit_id)
        points = await store.visit_points(connection, visit_id)
        pieces = await store.pieces(connection, visit_id)
        record = await store.get_record(connection, visit_id) if row["record_number"] else None
        cases = await store.cases_of(connection, visit_id) if who.has(*OFFICIALS) else []
        replaced = await store.replacements(connection, visit_id)
    return WholeVisit(
        **_members(row), points=[VisitPointOut(**dict(point)) for point in points],
        pieces=[PieceOut(**dict(piece)) for piece in pieces], record=record and record["content"],
        record_sha256=record and record["sha256"],
        replacements=[ReplacementOut(**dict(row)) for row in replaced], cases=[case["id"] for case in cases],
    )  # fmt: skip


async def read_code(desk: VisitDesk, code: str) -> CodeOut:
    """Return what anybody may know of a check; what is planned is not told beforehand. NotFound."""
    async with desk.office.pool.acquire() as connection:
        row = await store.by_code(connection, code)
        if row["state"] == "planned":
            raise NotFound(Reason("no check has the code {code}", code=code))
        names = await office_store.names_of(connection, row["officers"])
    finished = row["finished_at"]
    return CodeOut(
        code=row["code"], organ=desk.office.catalogue.own.name, channel=row["channel"], state=row["state"],
        departments=[desk.office.catalogue.organs[department].name for department in row["departments"]],
        planned_for=row["planned_for"], finished_on=finished and county_day(finished),
        officers=[names[subject] for subject in row["officers"]],
    )  # fmt: skip


async def give_record(desk: VisitDesk, who: Principal, visit_id: str) -> Response:
    """Return a record's PDF as a download that nothing runs."""
    async with desk.office.pool.acquire() as connection:
        await desk.see(connection, who, visit_id)
    number, body = await desk.pdf(visit_id)
    return Response(body, media_type="application/pdf", headers=_safe(f"{number}.pdf"))


async def give_piece(desk: VisitDesk, shelf: Shelf, who: Principal, visit_id: str, number: int) -> Response:
    """Return a piece of a visit; photos are shown, the rest is saved."""
    async with desk.office.pool.acquire() as connection:
        await desk.see(connection, who, visit_id)
        row = await store.piece(connection, visit_id, number)
    if row["content"] is None:
        return give(shelf, Document(row["sha256"], row["size_bytes"], row["media_type"], row["name"]))
    return Response(row["content"], media_type=row["media_type"], headers=_safe(f"{row['kind']}-{number}.json"))


def photo(document: Document, key: str, kind: str, title: str, place: int | None, position: Position) -> Piece:
    """Return a document on the shelf as a piece of a visit."""
    return Piece(
        key, kind, title, document.sha256, document.size_bytes, document.media_type, document.name, None, place, {}, position
    )  # fmt: skip


def _members(row: asyncpg.Record) -> dict[str, Any]:
    return {name: row[name] for name in VisitOut.model_fields}


def _safe(name: str) -> dict[str, str]:
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": INERT,
        "Cache-Control": "no-store",
    }
