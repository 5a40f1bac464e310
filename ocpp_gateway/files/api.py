"""Files over HTTP: `/files` for stations, and what people do with files under /api/gateway."""

import base64
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from ocpp_gateway import store as stations
from ocpp_gateway.commands.api import CommandOut, Wait, tell_ended
from ocpp_gateway.files import store
from ocpp_gateway.files.addresses import Way
from ocpp_gateway.files.depot import Depot, FirmwareDraft, FirmwareWish, LogWish, Upload
from youguan.auth import INSPECTOR, REGULATOR, Principal
from youguan.disk import Interrupted
from youguan.errors import YouguanError
from youguan.repeating import repeat
from youguan.web import problems
from youguan.web.application import api
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require, require_county, require_station
from youguan.web.times import GivenTime, UtcTime

SWEEP_S = 3600.0
Over = Annotated[
    Way | None, Field(description="HTTP(S) or FTP; left out: FTP where the station says it knows only that")
]


class LogIn(BaseModel, extra="forbid"):
    """Which log a station is to bring."""

    log: Literal["diagnostics", "security"] = "diagnostics"
    oldest: GivenTime | None = None
    latest: GivenTime | None = None
    reason: str = Field(default="", max_length=500)
    lifetime_s: int = Field(default=3600, ge=60, le=7 * 86400, description="how long the address holds")
    over: Over = None


class LogOut(BaseModel):
    """What a station was asked: the file is there when it has brought it."""

    file_id: str
    command: CommandOut


class FileOut(BaseModel):
    """A file that a station was asked for; `station_status` is what it said of its upload.

    `remote` is the address that brought it, `station_connected` says whether the station was connected then, from `station_remote`.
    """

    id: str
    station_id: str
    kind: Literal["diagnostics", "security"]
    state: Literal["expected", "expired", "received"]
    requested_by: str
    requested_at: UtcTime
    expires_at: UtcTime
    command_id: str | None
    received_at: UtcTime | None
    remote: str | None
    station_connected: bool | None
    station_remote: str | None
    name: str | None
    content_type: str | None
    size_bytes: int | None
    sha256: str | None
    station_status: str | None
    station_status_at: UtcTime | None


class FirmwareIn(BaseModel, extra="forbid"):
    """Firmware for stations of one make; signed firmware carries its manufacturer's certificate (PEM) and signature (Base64)."""

    vendor: str = Field(min_length=1, max_length=50)
    model: str = Field(min_length=1, max_length=50)
    version: str = Field(min_length=1, max_length=50)
    name: str = Field(default="firmware.bin", min_length=1, max_length=100)
    signing_certificate: str | None = Field(default=None, max_length=5500)
    signature: str | None = Field(default=None, max_length=800)


class FirmwareOut(BaseModel):
    """Firmware; with `received_at` its content is there and stations can be sent to it, until it is withdrawn."""

    id: str
    vendor: str
    model: str
    version: str
    name: str
    signed: bool
    announced_by: str
    announced_at: UtcTime
    received_at: UtcTime | None
    size_bytes: int | None
    sha256: str | None
    withdrawn_at: UtcTime | None
    withdrawn_by: str | None
    withdrawn_reason: str | None


class InstallIn(BaseModel, extra="forbid"):
    """Which firmware a station is to install: of its make by version, or by id."""

    version: str | None = Field(default=None, max_length=50)
    firmware_id: str | None = None
    retrieve_at: GivenTime | None = None
    install_at: GivenTime | None = None
    reason: str = Field(min_length=1, max_length=500)
    over: Over = None


class FirmwareStatusOut(BaseModel):
    """What a station said about an update of its firmware."""

    status: str
    received_at: UtcTime


class StationFirmware(BaseModel):
    """The firmware of a station as it named it at its last boot, and what it said of updates, newest first."""

    firmware_version: str | None
    statuses: list[FirmwareStatusOut]


def files_api(depot: Depot) -> FastAPI:
    """Return /files: no login, the address is the permission."""
    app = api("Youguan files", strict=False)  # a station adds to the address what it likes; none of that is stored

    @app.put("/upload/{token}", status_code=201)
    @app.post("/upload/{token}", status_code=201)
    @app.put("/upload/{token}/{name:path}", status_code=201)
    @app.post("/upload/{token}/{name:path}", status_code=201)
    async def upload(token: str, request: Request, name: str | None = None) -> Response:
        """Take a file from a station: the body as it is. 201 when it is durable."""
        try:
            return JSONResponse({"sha256": await depot.receive(token, _upload(request, name))}, 201)
        except YouguanError as error:
            return _close(request, error)

    @app.get("/firmware/{firmware_id}/{name}")
    async def firmware(firmware_id: str, name: str) -> Response:
        """Give firmware to a station; it may go on where it was cut off (Range, ETag)."""
        row, path = await depot.open_firmware(firmware_id)
        return FileResponse(path, media_type="application/octet-stream", headers=_headers(row))

    return app


def add_files(app: FastAPI, pool: asyncpg.Pool, depot: Depot) -> None:
    """Add files and firmware to /api/gateway."""
    _add_evidence(app, pool, depot)
    _add_firmware(app, pool, depot)
    _add_installation(app, pool, depot)


def _add_evidence(app: FastAPI, pool: asyncpg.Pool, depot: Depot) -> None:
    looks, near = require(REGULATOR, INSPECTOR), require_station(pool, REGULATOR, INSPECTOR)

    @app.post("/stations/{station_id}/diagnostics", status_code=202)
    async def ask_for(
        station_id: str,
        log: LogIn,
        request: Request,
        response: Response,
        who: Annotated[Principal, Depends(near)],
        wait: Wait = 0,
    ) -> LogOut:
        """Ask a station for its diagnostics or its security log."""
        lifetime = timedelta(seconds=log.lifetime_s)
        wish = LogWish(station_id, log.log, log.oldest, log.latest, log.reason, lifetime, log.over)
        file_id, command = await depot.ask_for(who, wish, wait_s=wait, remote=remote_of(request))
        tell_ended(response, command)
        return LogOut(file_id=file_id, command=CommandOut(**dict(command)))

    @app.get("/stations/{station_id}/files")
    async def files(
        station_id: str, _: Annotated[Principal, Depends(near)], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[FileOut]:
        """List the files that a station was asked for, newest first."""
        key = decode_cursor(cursor, datetime, str)
        async with pool.acquire() as connection:
            await stations.get_station(connection, station_id)
            before = (key[0], key[1]) if key else None
            rows = await store.files(connection, station_id, before, limit)
        now = depot.clock.now()
        following = next_cursor(rows, limit, "requested_at", "id")
        return Page(items=[FileOut(**dict(row), state=_state(row, now)) for row in rows], next=following)

    @app.get("/files/{file_id}", response_class=FileResponse)
    async def file(file_id: str, request: Request, who: Annotated[Principal, Depends(looks)]) -> Response:
        """Return a file that a station brought, as it brought it."""
        row, path = await depot.open_evidence(who, file_id, remote=remote_of(request))
        name = f"{file_id}-{row['name'] or 'file'}"
        return FileResponse(path, filename=name, media_type="application/octet-stream", headers=_headers(row))


def _add_firmware(app: FastAPI, pool: asyncpg.Pool, depot: Depot) -> None:
    looks, rules = require(REGULATOR, INSPECTOR), require_county(REGULATOR)

    @app.post("/firmware", status_code=201)
    async def announce(
        firmware: FirmwareIn, request: Request, who: Annotated[Principal, Depends(rules)]
    ) -> FirmwareOut:
        """Announce firmware; its content comes by PUT …/firmware/{id}/content."""
        draft = FirmwareDraft(**firmware.model_dump())
        return _firmware_out(await depot.announce(who, draft, remote=remote_of(request)))

    @app.put("/firmware/{firmware_id}/content", response_model=FirmwareOut)
    async def content(
        firmware_id: str, request: Request, who: Annotated[Principal, Depends(rules)]
    ) -> FirmwareOut | Response:
        """Take the content of announced firmware: the body as it is."""
        try:
            return _firmware_out(await depot.take_firmware(who, firmware_id, _upload(request, None)))
        except YouguanError as error:
            return _close(request, error)

    @app.delete("/firmware/{firmware_id}")
    async def withdraw(
        firmware_id: str,
        request: Request,
        who: Annotated[Principal, Depends(rules)],
        reason: Annotated[str, Query(min_length=1, max_length=500)],
    ) -> FirmwareOut:
        """Withdraw firmware: it stays on record, and no station is sent to it or given it any more."""
        return _firmware_out(await depot.withdraw(who, firmware_id, reason, remote=remote_of(request)))

    @app.get("/firmware")
    async def list_firmware(
        _: Annotated[Principal, Depends(looks)], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[FirmwareOut]:
        """List firmware, by id."""
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_firmware(connection, key[0] if key else None, limit)
        following = next_cursor(rows, limit, "id")
        return Page(items=[_firmware_out(row) for row in rows], next=following)


def _add_installation(app: FastAPI, pool: asyncpg.Pool, depot: Depot) -> None:
    near, rules = require_station(pool, REGULATOR, INSPECTOR), require_station(pool, REGULATOR)

    @app.post("/stations/{station_id}/firmware", status_code=202)
    async def install(
        station_id: str,
        wanted: InstallIn,
        request: Request,
        response: Response,
        who: Annotated[Principal, Depends(rules)],
        wait: Wait = 0,
    ) -> CommandOut:
        """Let a station install firmware."""
        wish = FirmwareWish(
            station_id, wanted.version, wanted.firmware_id, wanted.retrieve_at, wanted.install_at, wanted.reason,
            wanted.over,
        )  # fmt: skip
        row = await depot.give(who, wish, wait_s=wait, remote=remote_of(request))
        tell_ended(response, row)
        return CommandOut(**dict(row))

    @app.get("/stations/{station_id}/firmware")
    async def station_firmware(
        station_id: str,
        _: Annotated[Principal, Depends(near)],
        limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    ) -> StationFirmware:
        """Return the firmware of a station and what it said of updates."""
        async with pool.acquire() as connection:
            station = await stations.get_station(connection, station_id)
            rows = await store.firmware_said(connection, station_id, limit)
        said = [FirmwareStatusOut(**dict(row)) for row in rows]
        return StationFirmware(firmware_version=station["firmware_version"], statuses=said)


async def sweep(depot: Depot) -> None:
    """Remove what was left behind by uploads that ended with their process, again and again."""

    async def once() -> None:
        for folder in (depot.evidence, depot.firmware):
            await folder.sweep()

    await repeat(once, SWEEP_S)


def _upload(request: Request, name: str | None) -> Upload:
    length = request.headers.get("content-length", "")
    return Upload(
        _chunks(request),
        int(length) if length.isascii() and length.isdigit() else None,
        remote_of(request),
        name,
        request.headers.get("content-type"),
    )


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise Interrupted("the connection ended before the file did") from None


def _close(request: Request, error: YouguanError) -> Response:
    """Answer an upload that is refused, and read no more of it."""
    headers = {"Connection": "close"}
    return problems.answer(request, error.status, error.title, error.detail, error.code, error.fields, headers)


def _headers(row: asyncpg.Record) -> dict[str, str]:
    """Return what lets a file be resumed and proved; compressed it would be neither."""
    digest = base64.b64encode(bytes.fromhex(row["sha256"])).decode()
    return {
        "ETag": f'"{row["sha256"]}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "Content-Encoding": "identity",
        "Cache-Control": "no-store",
    }


def _state(row: asyncpg.Record, now: datetime) -> Literal["expected", "expired", "received"]:
    if row["received_at"] is not None:
        return "received"
    return "expected" if row["expires_at"] > now else "expired"


def _firmware_out(row: asyncpg.Record) -> FirmwareOut:
    return FirmwareOut(**dict(row), signed=row["signature"] is not None)
