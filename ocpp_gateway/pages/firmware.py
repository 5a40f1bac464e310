"""The county regulator's page of firmware: bring it, see what stations are given, withdraw what is bad."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from ocpp_gateway.files import store
from ocpp_gateway.files.api import FirmwareIn
from ocpp_gateway.files.depot import Depot, FirmwareDraft, Upload
from youguan.auth import REGULATOR, Principal
from youguan.errors import Invalid, LengthRequired, Reason, TooLarge, YouguanError
from youguan.web.documents import pieces
from youguan.web.edge import PARTS_OF_A_FORM
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.problems import checked
from youguan.web.routes import Router
from youguan.web.security import remote_of, require_county
from youguan.web.templates import Templates

PAGE = 20
HERE = "/gateway/firmware"
# Bodies may be long at this address, and at none beside it: the form is read once it is known who sends it and how long it is.
UPLOAD = "/gateway/firmware-upload"
FIELDS = ("vendor", "model", "version", "signing_certificate", "signature")


class FirmwarePage:
    """The list of firmware with its forms."""

    def __init__(self, depot: Depot, pool: asyncpg.Pool, templates: Templates) -> None:
        self.depot = depot
        self._pool = pool
        self._templates = templates

    async def show(
        self,
        request: Request,
        cursor: str | None = None,
        entered: Mapping[str, str] | None = None,
        error: YouguanError | None = None,
    ) -> Response:
        """Return the page; what was `entered` in vain is given back."""
        key = decode_cursor(cursor, datetime, str)
        async with self._pool.acquire() as connection:
            rows = await store.newest_firmware(connection, (key[0], key[1]) if key else None, PAGE)
        return self._templates.render(
            request, "firmware.html", status_code=error.status if error else 200, rows=rows, error=error,
            entered={**dict.fromkeys(FIELDS, ""), **(entered or {})},
            opened=bool(entered), next=next_cursor(rows, PAGE, "announced_at", "id"),
        )  # fmt: skip

    async def take(self, request: Request, who: Principal) -> Response:
        """Take firmware from its form; what is refused leads back to it."""
        entered: dict[str, str] = {}
        try:
            check_length(request.headers.get("content-length", ""), self.depot.settings.largest_firmware_bytes)
            async with request.form(max_files=1, max_fields=len(FIELDS) + 1) as form:
                entered = {name: said(form, name) for name in FIELDS}
                draft, file = read_form(form, entered)
                upload = Upload(pieces(file.file), file.size, remote_of(request), file.filename, file.content_type)
                await self.depot.bring(who, draft, upload)
        except YouguanError as error:
            return await self.show(request, entered=entered, error=error)
        return RedirectResponse(HERE, 303)


def check_length(announced: str, largest_bytes: int) -> None:
    """Refuse a form before anything of it is read; LengthRequired, TooLarge."""
    if not (announced.isascii() and announced.isdigit()):
        raise LengthRequired("a form that brings firmware says how long it is (Content-Length)")
    if int(announced) > largest_bytes + PARTS_OF_A_FORM:
        raise TooLarge(Reason("larger than {largest} bytes", largest=largest_bytes))


def said(form: FormData, name: str) -> str:
    """Return what was typed into a field, its lines as they are on our side."""
    value = form.get(name)
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def read_form(form: FormData, entered: Mapping[str, str]) -> tuple[FirmwareDraft, UploadFile]:
    """Return what a form says of firmware, and its content; Invalid names the field."""
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid.about("file", "choose a file")
    members = {name: value for name, value in entered.items() if value or name in ("vendor", "model", "version")}
    firmware = checked(FirmwareIn, {**members, "name": file.filename[-100:]})
    return FirmwareDraft(**firmware.model_dump()), file


def firmware_pages(depot: Depot, pool: asyncpg.Pool, templates: Templates) -> APIRouter:
    """Return /gateway/firmware."""
    router = Router(prefix="/gateway")
    page = FirmwarePage(depot, pool, templates)
    regulator = require_county(REGULATOR)

    @router.get("/firmware")
    async def firmware(
        request: Request, _: Annotated[Principal, Depends(regulator)], cursor: Cursor = None
    ) -> Response:
        return await page.show(request, cursor)

    @router.post("/firmware-upload")
    async def bring(request: Request, who: Annotated[Principal, Depends(regulator)]) -> Response:
        return await page.take(request, who)

    @router.post("/firmware/{firmware_id}/withdraw")
    async def withdraw(
        request: Request,
        firmware_id: str,
        who: Annotated[Principal, Depends(regulator)],
        reason: str = Form("", max_length=500),
    ) -> Response:
        try:
            await depot.withdraw(who, firmware_id, reason, remote=remote_of(request))
        except YouguanError as error:
            return await page.show(request, error=error)
        return RedirectResponse(HERE, 303)

    return router
