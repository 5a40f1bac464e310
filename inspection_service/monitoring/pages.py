"""The public page of reviewed monitoring equipment, on which the county's regulator keeps the register."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from inspection_service.monitoring import store
from inspection_service.monitoring.desk import RegisterDesk
from inspection_service.monitoring.register import Equipment, counts_on
from inspection_service.monitoring.words import EQUIPMENT_KINDS
from youguan.auth import REGULATOR, Principal
from youguan.errors import NotFound, YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require_county
from youguan.web.templates import Templates

PAGE = 50
ADDRESS = "/law/evidence/equipment"
Text = Annotated[str, Form(max_length=300)]


def monitoring_pages(desk: RegisterDesk, templates: Templates) -> APIRouter:
    """Return /law/evidence/equipment, which everybody may read."""
    router, county = Router(prefix=ADDRESS), require_county(REGULATOR)

    async def page(request: Request, cursor: str | None = None, error: YouguanError | None = None) -> Response:
        key = decode_cursor(cursor, datetime, str)
        async with desk.pool.acquire() as connection:
            rows = await store.entries(connection, (key[0], key[1]) if key else None, PAGE)
        today = desk.today()
        standing = {r["id"] for r in rows if counts_on(today, r["valid_from"], r["valid_until"], r["ended_on"])}
        return templates.render(
            request, "monitoring_equipment.html", status_code=error.status if error else 200, rows=rows, standing=standing,
            next=next_cursor(rows, PAGE, "entered_at", "id"), kinds=EQUIPMENT_KINDS, today=today, error=error,
        )  # fmt: skip

    @router.get("")
    async def equipment(request: Request, cursor: Cursor = None) -> Response:
        return await page(request, cursor)

    @router.post("")
    async def enter(
        request: Request,
        who: Annotated[Principal, Depends(county)],
        number: Annotated[str, Form(max_length=100)],
        kind: Annotated[Literal["camera", "meter", "sensor"], Form()],
        place: Text,
        legal_review: Text,
        technical_review: Text,
        published_in: Text,
        published_on: Annotated[date, Form()],
        valid_from: Annotated[date, Form()],
        valid_until: Annotated[date, Form()],
        site_id: Annotated[str, Form(max_length=100)] = "",
    ) -> Response:
        wish = Equipment(
            number, kind, place, site_id or None, legal_review, technical_review, published_in, published_on, valid_from,
            valid_until,
        )  # fmt: skip
        try:
            await desk.enter(who, wish)
        except YouguanError as error:
            return await page(request, None, error)
        return RedirectResponse(ADDRESS, 303)

    @router.post("/{entry_id}/end")
    async def end(
        request: Request,
        entry_id: str,
        who: Annotated[Principal, Depends(county)],
        on: Annotated[date, Form()],
        reason: Annotated[str, Form(min_length=1, max_length=2000)],
    ) -> Response:
        try:
            await desk.end(who, entry_id, on, reason)
        except NotFound:
            raise
        except YouguanError as error:
            return await page(request, None, error)
        return RedirectResponse(ADDRESS, 303)

    return router
