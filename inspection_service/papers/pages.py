"""What is sent from a case's page about papers: brought by the party, accepted or not by an officer of the case."""

from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, UploadFile
from fastapi.responses import RedirectResponse, Response

from inspection_service.cases.api import require_case
from inspection_service.papers.api import About, Note, Title
from inspection_service.papers.desk import Brings, PaperDesk
from youguan.auth import INSPECTOR, OPERATOR, Principal
from youguan.documents import Shelf
from youguan.web.documents import give, take
from youguan.web.routes import Router


def paper_pages(desk: PaperDesk, shelf: Shelf) -> APIRouter:
    """Return what belongs to papers under /cases."""
    router = Router(prefix="/cases/{case_id}/papers")
    near, party, inspector = (require_case(desk.cases, *roles) for roles in ((), (OPERATOR,), (INSPECTOR,)))

    @router.post("")
    async def bring(
        case_id: str,
        who: Annotated[Principal, Depends(party)],
        file: Annotated[UploadFile, File()],
        about: Annotated[About, Form()],
        title: Title,
        note: Note = "",
    ) -> Response:
        await desk.bring(who, case_id, Brings(about, title, note), file.size or 0, lambda: take(shelf, file))
        return _back(case_id)

    @router.get("/{paper_id}/content")
    async def content(case_id: str, paper_id: str, who: Annotated[Principal, Depends(near)]) -> Response:
        return give(shelf, await desk.paper(who, case_id, paper_id))

    @router.post("/{paper_id}/accept")
    async def accept(case_id: str, paper_id: str, who: Annotated[Principal, Depends(inspector)]) -> Response:
        await desk.accept(who, case_id, paper_id)
        return _back(case_id)

    @router.post("/{paper_id}/refuse")
    async def refuse(
        case_id: str,
        paper_id: str,
        who: Annotated[Principal, Depends(inspector)],
        reason: Annotated[str, Form(min_length=1, max_length=2000)],
    ) -> Response:
        await desk.refuse(who, case_id, paper_id, reason)
        return _back(case_id)

    return router


def _back(case_id: str) -> Response:
    return RedirectResponse(f"/cases/{case_id}#papers", 303)
