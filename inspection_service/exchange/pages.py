"""The page of the exchange: the province's table to fetch, and cases that another organ has sent to take in."""

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from inspection_service.cases import store
from inspection_service.exchange.desk import ExchangeDesk, Receipt
from youguan.auth import INSPECTOR, OFFICIALS, Principal
from youguan.errors import Invalid, Reason, YouguanError
from youguan.web.routes import Router
from youguan.web.security import require
from youguan.web.templates import Templates

LARGEST = 1_000_000


def exchange_pages(desk: ExchangeDesk, templates: Templates) -> APIRouter:
    """Return /case-exchange."""
    router = Router(prefix="/case-exchange")

    async def page(
        request: Request,
        who: Principal,
        receipts: Sequence[Receipt] = (),
        error: YouguanError | None = None,
        text: str = "",
    ) -> Response:
        today = desk.cases.today()
        async with desk.cases.pool.acquire() as connection:
            known = await store.officers(connection)
        others = [officer for officer in known if officer.subject != who.subject and officer.may_act(today)]
        return templates.render(
            request, "case_exchange.html", status_code=error.status if error else 200, receipts=receipts, officers=others,
            first=today.replace(day=1), today=today, takes=who.has(INSPECTOR), error=error, text=text,
        )  # fmt: skip

    @router.get("")
    async def exchange(request: Request, who: Annotated[Principal, Depends(require(*OFFICIALS))]) -> Response:
        return await page(request, who)

    @router.post("")
    async def take(
        request: Request,
        who: Annotated[Principal, Depends(require(INSPECTOR))],
        second_officer: Annotated[str, Form(min_length=1, max_length=100)],
        text: Annotated[str, Form(min_length=1, max_length=LARGEST)],
    ) -> Response:
        try:
            receipts = await desk.take(who, second_officer, sent_in(text))
        except YouguanError as error:
            return await page(request, who, error=error, text=text)
        return await page(request, who, receipts)

    return router


def sent_in(text: str) -> list[Any]:
    """Return the cases of a text: one, or several in a list; Invalid where it is no JSON."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        said = Reason("is not JSON: {error}, at character {at}", error=error.msg, at=error.pos + 1)
        raise Invalid.about("text", said) from None
    return found if isinstance(found, list) else [found]
