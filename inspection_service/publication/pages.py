"""The pages of published decisions: /penalties for everybody, /publications for whoever checks them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from inspection_service.publication import store
from inspection_service.publication.api import PENALTIES, with_draft
from inspection_service.publication.desk import PublicationDesk, shown
from inspection_service.publication.rules import rules
from youguan.auth import OFFICIALS, REGULATOR, REVIEWER, Principal
from youguan.errors import NotFound, Reason, YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require
from youguan.web.templates import Templates

PAGE = 50
STATES = {
    "to_check": ("warn", "待核对公开"),
    "exempt": ("", "依规则不公开"),
    "withheld": ("", "决定不公开"),
    "published": ("good", "已公开"),
    "withdrawn": ("bad", "已撤回"),
    "ended": ("", "公开已终止"),
}
ACTS = {"publish": "公开", "withdraw": "撤回公开"}
Grounds = Annotated[str, Form(max_length=2000)]


def publication_pages(desk: PublicationDesk, templates: Templates) -> APIRouter:
    """Return /penalties and /publications."""
    router = Router()
    _add_public(router, desk, templates)
    _add_official(router, desk, templates)
    return router


def _add_public(router: APIRouter, desk: PublicationDesk, templates: Templates) -> None:
    @router.get(PENALTIES)
    async def penalties(request: Request, q: str = "", cursor: Cursor = None) -> Response:
        key, words = decode_cursor(cursor, datetime, str), q[:100].replace("\0", "")
        async with desk.pool.acquire() as connection:
            rows = await store.list_public(
                connection, desk.today(), words=words or None, before=(key[0], key[1]) if key else None, limit=PAGE
            )
        return templates.render(
            request, "penalties.html", rows=[shown(row) for row in rows], q=words,
            next=next_cursor(rows, PAGE, "published_at", "id"), organ=desk.catalogue.own,
        )  # fmt: skip

    @router.get(f"{PENALTIES}/{{publication_id}}")
    async def penalty(request: Request, publication_id: str) -> Response:
        async with desk.pool.acquire() as connection:
            row = await store.get_public(connection, desk.today(), publication_id)
        return templates.render(request, "penalty.html", row=shown(row))


def _add_official(router: APIRouter, desk: PublicationDesk, templates: Templates) -> None:
    checker = require(REGULATOR, REVIEWER)

    async def show(
        request: Request, who: Principal, publication_id: str, names: str = "", error: YouguanError | None = None
    ) -> Response:
        found = await with_draft(desk, who, publication_id)
        return templates.render(
            request, "publication.html", status_code=error.status if error else 200, found=found, states=STATES,
            rule=rules()[found.rule], names=names, error=error, today=desk.today(),
            checks=who.has(REGULATOR, REVIEWER),
        )  # fmt: skip

    @router.get("/publications")
    async def publications(
        request: Request,
        who: Annotated[Principal, Depends(require(*OFFICIALS))],
        state: str = "to_check",
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, datetime, str)
        wanted = [state] if state in STATES else []
        async with desk.pool.acquire() as connection:
            rows = await store.list_for_officials(
                connection, states=wanted, overdue_on=None, before=(key[0], key[1]) if key else None, limit=PAGE, scope=who.scope
            )  # fmt: skip
        return templates.render(
            request, "publications.html", rows=rows, state=state if wanted else "all", states=STATES, today=desk.today(),
            next=next_cursor(rows, PAGE, "changed_at", "id"), items=desk.catalogue.items,
        )  # fmt: skip

    @router.get("/publications/due")
    async def due(
        request: Request,
        who: Annotated[Principal, Depends(checker)],
        first: Annotated[int, Query(ge=0, le=100)] = 0,
    ) -> Response:
        """`first`: no more of what is due now than so many, as other pages show it; 0: all of it."""
        today, found = desk.today(), await desk.due(who)
        now = [each for each in found if each.due_on <= today]
        return templates.render(
            request, "publications_due.html", state="due", now=now, later=found[len(now) :], first=first, acts=ACTS,
            today=today, states=STATES, items=desk.catalogue.items,
        )  # fmt: skip

    @router.get("/publications/{publication_id}")
    async def publication(
        request: Request, publication_id: str, who: Annotated[Principal, Depends(require(*OFFICIALS))]
    ) -> Response:
        return await show(request, who, publication_id)

    @router.post("/publications/{publication_id}/{action}")
    async def act(
        request: Request,
        publication_id: str,
        action: str,
        who: Annotated[Principal, Depends(checker)],
        names: Annotated[str, Form(max_length=5000)] = "",
        reason: Grounds = "",
    ) -> Response:
        try:
            await _act(desk, who, publication_id, action, names_in(names), reason.strip())
        except NotFound:
            raise
        except YouguanError as error:
            return await show(request, who, publication_id, names, error)
        return RedirectResponse(f"/publications/{publication_id}", 303)


async def _act(
    desk: PublicationDesk, who: Principal, publication_id: str, action: str, names: Sequence[str], reason: str
) -> Any:
    match action:
        case "publish":
            return await desk.publish(who, publication_id, names, reason)
        case "withhold":
            return await desk.withhold(who, publication_id, reason)
        case "withdraw":
            return await desk.withdraw(who, publication_id, reason)
    raise NotFound(Reason("action {name}", name=action))


def names_in(text: str) -> list[str]:
    """Return the names that somebody has written, one a line."""
    return [line.strip().replace("\0", "")[:50] for line in text.splitlines() if line.strip()][:100]
