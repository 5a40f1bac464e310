"""The regulator's page of certificates that stations ask to have signed."""

from datetime import datetime
from typing import Annotated, Literal

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from ocpp_gateway.certificates import store
from ocpp_gateway.certificates.desk import CertificateDesk
from youguan.auth import REGULATOR, Principal
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, encode_cursor
from youguan.web.routes import Router
from youguan.web.security import remote_of, require_county
from youguan.web.templates import Templates

PAGE = 20
STATES = {
    "pending": ("warn", "待审批"),
    "approved": ("good", "已签发"),
    "rejected": ("bad", "已拒绝"),
    "superseded": ("", "已被新申请取代"),
}


def certificate_pages(pool: asyncpg.Pool, templates: Templates, desk: CertificateDesk) -> APIRouter:
    """Return /gateway/certificates."""
    router = Router(prefix="/gateway")
    regulator = require_county(REGULATOR)

    async def show(
        request: Request, state: str, cursor: str | None = None, error: YouguanError | None = None
    ) -> Response:
        key = decode_cursor(cursor, datetime, str)
        before = (key[0], key[1]) if key else None
        async with pool.acquire() as connection:
            rows = await store.list_requests(connection, state or None, before, PAGE)
        last = rows[-1] if len(rows) == PAGE else None
        return templates.render(
            request, "certificates.html", status_code=error.status if error else 200, rows=rows, state=state,
            states=STATES, error=error,
            next=encode_cursor(last["received_at"], last["id"]) if last else None,
        )  # fmt: skip

    @router.get("/certificates")
    async def page(
        request: Request,
        _: Annotated[Principal, Depends(regulator)],
        state: Literal["", "pending", "approved", "rejected"] = "pending",
        cursor: Cursor = None,
    ) -> Response:
        return await show(request, state, cursor)

    @router.post("/certificates/{request_id}")
    async def decide(
        request: Request,
        request_id: str,
        who: Annotated[Principal, Depends(regulator)],
        decision: Literal["approve", "reject"] = Form(),
        reason: str = Form(min_length=1, max_length=500),
    ) -> Response:
        act = desk.approve if decision == "approve" else desk.reject
        try:
            await act(who, request_id, reason, remote_of(request))
        except YouguanError as error:
            return await show(request, "pending", error=error)
        return RedirectResponse("/gateway/certificates", 303)

    return router
