"""The page of officers' interests."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from inspection_service.cases import store as cases
from inspection_service.inspections.interests import store
from inspection_service.inspections.interests.desk import InterestDesk
from inspection_service.inspections.words import words_of
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.errors import YouguanError
from youguan.web.routes import Router
from youguan.web.security import require, require_county, require_person
from youguan.web.templates import Templates

PAGE = 50


def interest_pages(desk: InterestDesk, templates: Templates) -> APIRouter:
    """Return /inspections/interests."""
    router, words = Router(prefix="/inspections"), words_of(desk.office.catalogue)

    async def page(request: Request, error: YouguanError | None = None) -> Response:
        async with desk.office.pool.acquire() as connection:
            rows = await store.interests(connection)
            officers = await cases.officers(connection)
            organisations = await store.organisations(connection)
        return templates.render(
            request, "interests.html", status_code=error.status if error else 200, rows=rows, officers=officers,
            organisations=organisations, error=error, **words,
        )  # fmt: skip

    @router.get("/interests")
    async def interests(request: Request, _: Annotated[Principal, Depends(require(*OFFICIALS))]) -> Response:
        return await page(request)

    @router.post("/interests")
    async def declare(
        request: Request,
        who: Annotated[Principal, Depends(require_person(*OFFICIALS))],
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
        await desk.end(who, interest_id)
        return RedirectResponse("/inspections/interests", 303)

    return router
