"""The regulator's page of id tokens."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from ocpp_gateway.authorisation import store
from ocpp_gateway.authorisation.desk import Token, TokenDesk
from youguan.auth import REGULATOR, Principal
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require_county
from youguan.web.templates import LOCAL_TIME, Templates
from youguan.web.times import local_moment

HERE = "/gateway/id-tokens"
PAGE, MOST_GROUPS = 50, 1000
TYPES = {
    "": "任何类型",
    "ISO14443": "感应卡 ISO 14443",
    "ISO15693": "感应卡 ISO 15693",
    "eMAID": "合同号 eMAID",
    "KeyCode": "数字密码",
    "MacAddress": "车辆 MAC 地址",
    "Central": "后台发起",
    "Local": "本地发起",
}
regulator = require_county(REGULATOR)


@dataclass(frozen=True, slots=True)
class Seen:
    """What of the list is looked at: words in it, a status, and the place at which the page begins."""

    words: str = ""
    status: str = ""
    cursor: str | None = None


class IdTokenPage:
    """The list of id tokens with its forms."""

    def __init__(self, desk: TokenDesk, templates: Templates) -> None:
        self.desk = desk
        self._templates = templates

    async def show(
        self,
        request: Request,
        seen: Seen | None = None,
        entered: Token | None = None,
        error: YouguanError | None = None,
    ) -> Response:
        """Return the page; `entered` in vain, because of an error, is given back."""
        seen = seen or Seen()
        key = decode_cursor(seen.cursor, str)
        async with self.desk.pool.acquire() as connection:
            groups = await store.list_groups(connection, after=None, limit=MOST_GROUPS)
            rows = await store.list_tokens(
                connection, status=seen.status or None, group_id=None, words=seen.words or None,
                after=key[0] if key else None, limit=PAGE,
            )  # fmt: skip
        return self._templates.render(
            request, "id_tokens.html", status_code=error.status if error else 200, rows=rows,
            next=next_cursor(rows, PAGE, "key"), groups=groups, types=TYPES, q=seen.words, status=seen.status,
            entered=entered or Token(""), error=error, local_minute=local_minute, now=self.desk.now(),
        )  # fmt: skip


def id_token_pages(desk: TokenDesk, templates: Templates) -> APIRouter:
    """Return /gateway/id-tokens."""
    router = Router(prefix="/gateway")
    page = IdTokenPage(desk, templates)

    @router.get("/id-tokens")
    async def tokens(
        request: Request,
        _: Annotated[Principal, Depends(regulator)],
        q: str = "",
        status: Literal["", "accepted", "blocked"] = "",
        cursor: Cursor = None,
    ) -> Response:
        return await page.show(request, Seen(q, status, cursor))

    _add_adding(router, page)
    _add_changing(router, page)
    _add_groups(router, page)
    return router


def _add_adding(router: APIRouter, page: IdTokenPage) -> None:
    @router.post("/id-tokens")
    async def add(
        request: Request,
        who: Annotated[Principal, Depends(regulator)],
        id_token: str = Form(max_length=255),
        kind: str = Form("", alias="type", max_length=20),
        group_id: str = Form(""),
        expires_at: str = Form(""),
        concurrent: bool = Form(False),
        note: str = Form("", max_length=500),
    ) -> Response:
        entered = Token(id_token.strip(), kind or None, group_id or None, concurrent=concurrent, note=note)
        try:
            await page.desk.add(who, replace(entered, expires_at=local_moment("expires_at", expires_at)))
        except YouguanError as error:
            return await page.show(request, entered=entered, error=error)
        return RedirectResponse(HERE, 303)


def _add_changing(router: APIRouter, page: IdTokenPage) -> None:
    @router.post("/id-tokens/change")
    async def change(
        request: Request,
        who: Annotated[Principal, Depends(regulator)],
        id_token: str = Form(),
        act: Literal["block", "unblock", "edit", "remove"] = Form(),
        group_id: str = Form(""),
        expires_at: str = Form(""),
        concurrent: bool = Form(False),
    ) -> Response:
        try:
            match act:
                case "block" | "unblock":
                    await page.desk.change(who, id_token, {"status": "blocked" if act == "block" else "accepted"})
                case "remove":
                    await page.desk.remove(who, id_token)
                case "edit":
                    until = local_moment("expires_at", expires_at)
                    members = {"group_id": group_id or None, "expires_at": until, "concurrent": concurrent}
                    await page.desk.change(who, id_token, members)
        except YouguanError as error:
            return await page.show(request, error=error)
        return RedirectResponse(HERE, 303)


def _add_groups(router: APIRouter, page: IdTokenPage) -> None:
    @router.post("/id-token-groups")
    async def put_group(
        who: Annotated[Principal, Depends(regulator)],
        group_id: str = Form(min_length=1, max_length=255),
        name: str = Form("", max_length=200),
        master_pass: bool = Form(False),
    ) -> Response:
        await page.desk.put_group(who, group_id.strip(), name, master_pass)
        return RedirectResponse(HERE, 303)


def local_minute(moment: datetime | None, between: str = "T") -> str:
    """Return a time as `datetime-local` wants it: in the county's time, to the minute."""
    return moment.astimezone(LOCAL_TIME).strftime(f"%Y-%m-%d{between}%H:%M") if moment else ""
