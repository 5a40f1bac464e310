"""/api/inspection: evidence of cases, their bundles, and the roots that are published."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import Depends, FastAPI, File, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from inspection_service.cases.api import require_case, require_signer
from inspection_service.cases.desk import CaseDesk
from inspection_service.evidence import lookup, store
from inspection_service.evidence.chain import Link
from inspection_service.evidence.desk import EvidenceDesk, Wish
from inspection_service.evidence.reviewing import QUALITIES, Finding, Findings
from youguan.auth import INSPECTOR, OFFICIALS, REVIEWER, Principal
from youguan.clock import Clock
from youguan.documents import Document
from youguan.errors import Invalid
from youguan.web.documents import INERT, give, take
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.times import GivenTime, UtcTime

Title = Annotated[str, Field(min_length=1, max_length=200)]
Kind = Literal["documentary", "physical", "audiovisual", "electronic", "witness", "statement", "expert", "record"]
Origin = Literal["inspector", "party", "public", "organ", "monitoring"]


class LinkOut(BaseModel):
    """A link of a chain; `hash` is of the hash before and of `record` in canonical JSON, `signature` (Ed25519) of that."""

    record: dict[str, Any]
    hash: str
    signature: str


class RootOut(LinkOut):
    """The root of all chains at the end of a day, chained to the day before."""

    day: date


class KeyOut(BaseModel):
    """The key with which evidence is signed, raw, in hexadecimal."""

    algorithm: str
    public_key: str


class TextWish(BaseModel):
    """A statement; or a record, of a case about no site: at a site the record is its visit's."""

    kind: Literal["record", "statement", "witness"]
    origin: Literal["inspector", "party", "public"] = "inspector"
    title: Title
    text: str = Field(min_length=1, max_length=100_000)


class TelemetryWish(BaseModel):
    """What was told of a station within a time, to be frozen."""

    model_config = {"populate_by_name": True}
    station_id: str = Field(min_length=1, max_length=100)
    start: GivenTime = Field(alias="from")
    end: GivenTime = Field(alias="to")
    title: Title


class FindingIn(BaseModel):
    """Whether a recording has a quality, and why."""

    holds: bool
    reason: str = Field(min_length=1, max_length=1000)


class ReviewIn(BaseModel):
    """What the review of a recording found (Penalty Law Art. 41): only where all four hold may it be evidence."""

    model_config = ConfigDict(extra="forbid")
    real: FindingIn
    clear: FindingIn
    whole: FindingIn
    exact: FindingIn

    @property
    def findings(self) -> Findings:
        return {name: Finding(**getattr(self, name).model_dump()) for name in QUALITIES}


class RecordingOut(BaseModel):
    """What monitoring equipment recorded and its review found in order, as the party may look it up (Penalty Law Art. 41)."""

    place: int
    title: str
    equipment: str
    taken_at: UtcTime


def link_out(link: Link) -> LinkOut:
    return LinkOut(record=dict(link.record), hash=link.hash, signature=link.signature)


def add_evidence(app: FastAPI, desk: EvidenceDesk, cases: CaseDesk, clock: Clock) -> None:
    """Add evidence to /api/inspection."""
    official, inspector = require_case(cases, *OFFICIALS), require_signer(cases, INSPECTOR)
    near, reviewer = require_case(cases), require_signer(cases, REVIEWER)

    @app.get("/cases/{case_id}/evidence")
    async def chain(case_id: str, _: Annotated[Principal, Depends(official)]) -> Page[LinkOut]:
        """Return a case's chain of evidence, first link first."""
        async with desk.pool.acquire() as connection:
            return Page(items=[link_out(link) for link in await store.links(connection, case_id)])

    @app.post("/cases/{case_id}/evidence", status_code=201)
    async def file(
        case_id: str,
        who: Annotated[Principal, Depends(inspector)],
        file: Annotated[UploadFile, File(description="PDF, JPEG, PNG or WebP")],
        kind: Annotated[Kind, Form()],
        title: Annotated[str, Form(min_length=1, max_length=200)],
        origin: Annotated[Origin, Form()] = "inspector",
        latitude: Annotated[float | None, Form(ge=-90, le=90)] = None,
        longitude: Annotated[float | None, Form(ge=-180, le=180)] = None,
        reviewed: Annotated[bool, Form()] = False,
        equipment: Annotated[str | None, Form(max_length=100)] = None,
        taken_at: Annotated[GivenTime | None, Form()] = None,
    ) -> LinkOut:
        """Add a photo or a paper; 409: a record of what was seen at a site.

        `equipment`: the entry of the register of what recorded it (Art. 41), at `taken_at`.
        `reviewed`: other equipment that was reviewed.
        """
        where = position(latitude, longitude)
        wish = Wish(kind, origin, title, recorded_at(clock, equipment, taken_at), where, reviewed, equipment)
        kept = await desk.collect_file(who, case_id, wish, lambda: take(desk.shelf, file), file.size or 0)
        return link_out(kept)

    @app.post("/cases/{case_id}/evidence/texts", status_code=201)
    async def text(case_id: str, wish: TextWish, who: Annotated[Principal, Depends(inspector)]) -> LinkOut:
        """Add a statement, or the record of a case about no site; 409: at a site the record is its visit's."""
        found = Wish(wish.kind, wish.origin, wish.title, clock.now(), {})
        return link_out(await desk.collect_text(who, case_id, found, wish.text))

    @app.post("/cases/{case_id}/evidence/telemetry", status_code=201)
    async def telemetry(case_id: str, wish: TelemetryWish, who: Annotated[Principal, Depends(inspector)]) -> LinkOut:
        """Freeze what was told of a station within a time (31 days at the most): a lead, not a proof by itself."""
        return link_out(await desk.collect_telemetry(who, case_id, wish.station_id, wish.start, wish.end, wish.title))

    @app.post("/cases/{case_id}/evidence/{place}/confirm", status_code=201)
    async def confirm(case_id: str, place: int, who: Annotated[Principal, Depends(inspector)]) -> LinkOut:
        """Let the second officer stand for a piece of evidence."""
        return link_out(await desk.confirm(who, case_id, place))

    @app.post("/cases/{case_id}/evidence/{place}/review", status_code=201)
    async def review(case_id: str, place: int, wish: ReviewIn, who: Annotated[Principal, Depends(reviewer)]) -> LinkOut:
        """Review what monitoring equipment recorded (Art. 41), as a legal reviewer who never was an officer of the case."""
        return link_out(await desk.review(who, case_id, place, wish.findings))

    @app.get("/cases/{case_id}/recordings")
    async def recordings(case_id: str, _: Annotated[Principal, Depends(near)]) -> Page[RecordingOut]:
        """List what monitoring equipment recorded and its review found in order: also for the party, once it knows of the case."""
        async with desk.pool.acquire() as connection:
            found = await lookup.of_case(connection, cases, case_id)
        return Page(items=[RecordingOut.model_validate(piece, from_attributes=True) for piece in found])

    @app.get("/cases/{case_id}/recordings/{place}/content", response_class=Response)
    async def recorded(case_id: str, place: int, _: Annotated[Principal, Depends(near)]) -> Response:
        """Return such a recording, byte by byte; 404 for whatever else is in the chain."""
        return await give_recording(desk, cases, case_id, place)

    @app.get("/cases/{case_id}/evidence/{place}/content", response_class=Response)
    async def content(case_id: str, place: int, _: Annotated[Principal, Depends(official)]) -> Response:
        """Return what was collected, byte by byte."""
        return await give_content(desk, case_id, place)

    @app.get("/cases/{case_id}/bundle", response_class=Response)
    async def pack(case_id: str, who: Annotated[Principal, Depends(official)]) -> Response:
        """Return a case's evidence as one ZIP, which `youguan evidence verify` checks without the suite (audited)."""
        return await give_bundle(desk, cases, who, case_id)

    @app.get("/evidence-roots")
    async def roots(limit: Limit = 100, cursor: Cursor = None) -> Page[RootOut]:
        """List the published roots of all chains, newest first."""
        key = decode_cursor(cursor, str)
        async with desk.pool.acquire() as connection:
            rows = await store.roots(connection, _day(key[0]) if key else None, limit)
        items = [RootOut(**dict(row)) for row in rows]
        shown = [{"day": row["day"].isoformat()} for row in rows]
        return Page(items=items, next=next_cursor(shown, limit, "day"))

    @app.get("/evidence-key")
    async def key() -> KeyOut:
        """Return the key with which evidence is signed."""
        return KeyOut(algorithm="Ed25519", public_key=desk.signer.public_key)


def recorded_at(clock: Clock, equipment: str | None, taken_at: datetime | None) -> datetime:
    """Return when a piece came to be; Invalid where equipment recorded it and nobody says when, or it is still to come."""
    if equipment is not None and taken_at is None:
        raise Invalid.about("taken_at", "is needed where equipment is named: when it recorded this")
    if taken_at is not None and taken_at > clock.now():
        raise Invalid.about("taken_at", "lies in the future")
    return taken_at or clock.now()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid.about("cursor", "is not of this list") from None


def position(latitude: float | None, longitude: float | None) -> dict[str, str]:
    """Return where somebody stood, as text: numbers are spelled differently by whoever reads them again. What is no place on Earth
    is not known."""
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return {}
    return {"latitude": f"{latitude:.6f}", "longitude": f"{longitude:.6f}", "crs": "wgs84"}


async def give_content(desk: EvidenceDesk, case_id: str, place: int) -> Response:
    """Return a piece of evidence as a download that nothing runs."""
    async with desk.pool.acquire() as connection:
        record, body = await store.content(connection, case_id, place)
    if body is None:
        members = {name: record[name] for name in ("sha256", "size_bytes", "media_type", "name")}
        return give(desk.shelf, Document(**members))
    return Response(body, media_type=record["media_type"], headers=_safe(f"{record['case']}-{place}.txt"))


async def give_recording(desk: EvidenceDesk, cases: CaseDesk, case_id: str, place: int) -> Response:
    """Return a recording that its party may look up; NotFound for anything else."""
    async with desk.pool.acquire() as connection:
        await lookup.check(connection, cases, case_id, place)
    return await give_content(desk, case_id, place)


async def give_bundle(desk: EvidenceDesk, cases: CaseDesk, who: Principal, case_id: str) -> Response:
    """Return a bundle, with everything that was issued in it, as a download."""
    await cases.print_all(case_id)
    number, body = await desk.pack(who, case_id)
    return Response(body, media_type="application/zip", headers=_safe(f"{number}.zip"))


def _safe(name: str) -> dict[str, str]:
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": INERT,
        "Cache-Control": "no-store",
    }
