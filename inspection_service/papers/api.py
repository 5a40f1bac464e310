"""/api/inspection: what parties bring to their cases."""

from typing import Annotated, Literal

from fastapi import Depends, FastAPI, File, Form, Response, UploadFile
from pydantic import BaseModel, Field

from inspection_service.cases.api import require_case, require_signer
from inspection_service.evidence.api import Kind, LinkOut, link_out
from inspection_service.papers import store
from inspection_service.papers.desk import Brings, PaperDesk
from youguan.auth import INSPECTOR, OPERATOR, Principal
from youguan.documents import Shelf
from youguan.web.documents import give, take
from youguan.web.paging import Page
from youguan.web.times import UtcTime

About = Literal["statement", "mended", "payment", "other"]
Title = Annotated[str, Form(min_length=1, max_length=200)]
Note = Annotated[str, Form(max_length=2000)]


class PaperOut(BaseModel):
    """A paper of the party; `place` in the chain once it is evidence; `reason`: why it did not become any."""

    id: str
    about: About
    title: str
    note: str
    sha256: str
    size_bytes: int
    media_type: str
    name: str
    brought_at: UtcTime
    brought_by_name: str
    answered_at: UtcTime | None
    place: int | None
    reason: str | None


class AcceptIn(BaseModel):
    """Which kind of evidence a paper becomes; by itself: what it looks like."""

    kind: Kind | None = None


class RefuseIn(BaseModel):
    """Why it does not."""

    reason: str = Field(min_length=1, max_length=2000)


def add_papers(app: FastAPI, desk: PaperDesk, shelf: Shelf) -> None:
    """Add papers to /api/inspection."""
    near, inspector = require_case(desk.cases), require_signer(desk.cases, INSPECTOR)
    party = require_signer(desk.cases, OPERATOR)

    @app.get("/cases/{case_id}/papers")
    async def papers(case_id: str, _: Annotated[Principal, Depends(near)]) -> Page[PaperOut]:
        """List what was brought to a case, with what became of it."""
        async with desk.cases.pool.acquire() as connection:
            return Page(items=[PaperOut(**dict(row)) for row in await store.papers(connection, case_id)])

    @app.post("/cases/{case_id}/papers", status_code=201)
    async def bring(
        case_id: str,
        who: Annotated[Principal, Depends(party)],
        file: Annotated[UploadFile, File(description="PDF, JPEG, PNG or WebP")],
        about: Annotated[About, Form()],
        title: Title,
        note: Note = "",
    ) -> PaperOut:
        """Bring a paper to one's case: it becomes evidence when an officer of the case accepts it."""
        brings = Brings(about, title, note)
        paper_id = await desk.bring(who, case_id, brings, file.size or 0, lambda: take(shelf, file))
        return await _told(desk, case_id, paper_id)

    @app.get("/cases/{case_id}/papers/{paper_id}/content", response_class=Response)
    async def content(case_id: str, paper_id: str, who: Annotated[Principal, Depends(near)]) -> Response:
        """Return what was brought, byte by byte."""
        return give(shelf, await desk.paper(who, case_id, paper_id))

    @app.post("/cases/{case_id}/papers/{paper_id}/accept", status_code=201)
    async def accept(
        case_id: str, paper_id: str, said: AcceptIn, who: Annotated[Principal, Depends(inspector)]
    ) -> LinkOut:
        """Make a paper evidence; the other officer confirms it like any other piece."""
        return link_out(await desk.accept(who, case_id, paper_id, said.kind))

    @app.post("/cases/{case_id}/papers/{paper_id}/refuse")
    async def refuse(
        case_id: str, paper_id: str, said: RefuseIn, who: Annotated[Principal, Depends(inspector)]
    ) -> PaperOut:
        """Say why a paper becomes no evidence; its party reads that."""
        await desk.refuse(who, case_id, paper_id, said.reason)
        return await _told(desk, case_id, paper_id)


async def _told(desk: PaperDesk, case_id: str, paper_id: str) -> PaperOut:
    async with desk.cases.pool.acquire() as connection:
        return PaperOut(**dict(await store.get(connection, case_id, paper_id)))
