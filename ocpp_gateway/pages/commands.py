"""What people have a station do: the usual in plain words, and any action of its version with its payload."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any, Literal, get_args

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from ocpp_gateway import store as stations
from ocpp_gateway.authorisation.desk import TokenDesk
from ocpp_gateway.commands import store as commands
from ocpp_gateway.commands.catalogue import ACTIONS, ONLY_LOOKS
from ocpp_gateway.commands.desk import Desk, Wish, may_ask
from ocpp_gateway.commands.usual import DANGEROUS, Usual, put
from ocpp_gateway.files.addresses import Way
from ocpp_gateway.files.depot import Depot, FirmwareWish, LogWish
from ocpp_gateway.files.store import next_request
from ocpp_gateway.pages import store
from ocpp_gateway.pages.frames import FRAME_KINDS, set_out, shown
from ocpp_gateway.pages.place import Place, address_of
from ocpp_gateway.protocol.versions import named
from youguan.auth import INSPECTOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import Invalid, Reason, YouguanError
from youguan.web.routes import Router
from youguan.web.security import remote_of, require_station
from youguan.web.templates import Templates

Allowed = Callable[..., Awaitable[Principal]]
"""Says who asks, where he may."""

LISTED, BESIDE = 20, 12
WAIT_S = 10.0
FILE_LIFETIME = timedelta(hours=1)
LOOKING = {
    "probe": "远程探测：请桩立即上报状态",
    "report": "请桩上报全部配置",
    "diagnostics": "请桩上传诊断文件",
    "security_log": "请桩上传安全日志",
}
TOUCHING = {
    "out_of_service": "停止使用",
    "in_service": "恢复使用",
    "unlock": "解锁充电枪",
    "soft_reset": "软重启（不中断充电）",
    "hard_reset": "硬重启（立即）",
    "local_list": "更新本地授权列表",
    "rotate_key": "轮换接入密钥",
}
CONFIRMED = {"out_of_service", "unlock", "soft_reset", "hard_reset", "rotate_key"}
COMMAND_STATES = {
    "queued": ("warn", "等待发出"),
    "sent": ("busy", "已发出，等待应答"),
    "answered": ("good", "已应答"),
    "refused": ("bad", "桩报错"),
    "invalid": ("bad", "应答不合规"),
    "timed_out": ("bad", "超时未应答"),
    "undeliverable": ("bad", "无法送达"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody has filled in, so that a refusal gives it back."""

    form: str = ""
    act: str = ""
    connector: int = 0
    action: str = ""
    payload: str = "{}"
    reason: str = ""
    over: Way | None = None
    error: YouguanError | None = None


@dataclass(frozen=True, slots=True)
class Errands:
    """Where a page's wishes are carried out."""

    desk: Desk
    tokens: TokenDesk
    depot: Depot
    clock: Clock

    async def usual(
        self,
        who: Principal,
        station_id: str,
        act: str,
        connector: int,
        reason: str,
        remote: str | None,
        over: Way | None = None,
    ) -> None:
        """Carry out one of the usual wishes."""
        match act:
            case "diagnostics" | "security_log":
                kind = "diagnostics" if act == "diagnostics" else "security"
                log = LogWish(station_id, kind, None, None, reason, FILE_LIFETIME, over)  # type: ignore[arg-type]
                await self.depot.ask_for(who, log, wait_s=0, remote=remote)
            case "local_list":
                await self.tokens.send_list(
                    who, station_id, whole=False, reason=reason, entries_a_message=None, wait_s=WAIT_S, remote=remote
                )
            case "rotate_key":
                await self.desk.rotate_key(who, station_id, reason, remote=remote)
            case _ if act in get_args(Usual):
                await self._put(who, station_id, act, connector, reason, remote)  # type: ignore[arg-type]
            case _:
                raise Invalid.about("act", "is none of ours")

    async def _put(
        self, who: Principal, station_id: str, act: Usual, connector: int, reason: str, remote: str | None
    ) -> None:
        async with self.depot.pool.acquire() as connection:
            station = await stations.get_station(connection, station_id)
            number = await next_request(connection)
        action, payload = put(named(station["ocpp_version"] or "1.6"), act, connector, number)
        await self.desk.ask(who, Wish(station_id, action, payload, reason), remote=remote)


def payload_of(text: str) -> dict[str, Any]:
    """Return the JSON object that somebody has written; Invalid says where it goes wrong."""
    try:
        said = orjson.loads(text or "{}")
    except orjson.JSONDecodeError as error:
        where = Reason("line {line}, column {column}: {what}", line=error.lineno, column=error.colno, what=error.msg)
        raise Invalid.about("payload", where) from None
    if not isinstance(said, dict):
        raise Invalid.about("payload", "is no JSON object")
    return said


def check_words(*, looks_only: bool, dangerous: bool, reason: str, confirmed: bool) -> None:
    """Ask for a reason where drivers or supply are touched, and for a second word where it is dangerous. Invalid."""
    if not looks_only and not reason.strip():
        raise Invalid.about("reason", "say why")
    if dangerous and not confirmed:
        raise Invalid.about("confirmed", "is not confirmed")


class CommandPage:
    """A station's page of commands; `pool`: for reading what it shows."""

    def __init__(self, errands: Errands, pool: asyncpg.Pool, templates: Templates) -> None:
        self.errands = errands
        self._pool = pool
        self._place = Place(pool, templates, errands.clock)

    async def show(self, request: Request, station_id: str, who: Principal, asked: Asked | None = None) -> Response:
        """Return the page, with what was asked in vain as it was filled in."""
        async with self._pool.acquire() as connection:
            station = await stations.get_station(connection, station_id)
            content = await self._content(connection, station, who)
            response = await self._place.show(
                request, connection, station_id, "commands", asked=asked or Asked(), **content
            )
        if asked is not None and asked.error is not None:
            response.status_code = asked.error.status
        return response

    async def _content(
        self, connection: asyncpg.Connection, station: asyncpg.Record, who: Principal
    ) -> dict[str, object]:
        station_id, version = station["id"], station["ocpp_version"]
        everything, is_regulator = stations.Span(None, None), who.has(REGULATOR)
        frames = await stations.frames(connection, station_id, everything, None, BESIDE) if is_regulator else []
        connectors = await stations.connectors(connection, station_id)
        return {
            "rows": await commands.list_commands(connection, station_id, None, LISTED),
            "wording": COMMAND_STATES,
            "set_out": set_out,
            "looking": LOOKING,
            "touching": TOUCHING if is_regulator else {},
            "dangerous": DANGEROUS,
            "actions": sorted(action for action in ACTIONS[named(version)] if may_ask(who, action)) if version else [],
            "numbers": [row["connector"] for row in connectors if row["connector"]],
            "firmware": await store.firmware_for(connection, station["vendor"], station["model"]),
            "frames": [shown(row) for row in frames],
            "kinds": FRAME_KINDS,
            "ftp": self.errands.depot.settings.ftp_port is not None,
        }

    async def carry_out(
        self, request: Request, who: Principal, station_id: str, asked: Asked, errand: Awaitable[object]
    ) -> Response:
        """Do what was asked; what is refused leads back to the page, with the reason."""
        try:
            await errand
        except YouguanError as error:
            return await self.show(request, station_id, who, replace(asked, error=error))
        return RedirectResponse(f"{address_of(station_id)}/commands#commands", 303)


def station_command_pages(errands: Errands, pool: asyncpg.Pool, templates: Templates) -> APIRouter:
    """Return /gateway/stations/{id}/commands."""
    router = Router(prefix="/gateway/stations")
    page = CommandPage(errands, pool, templates)
    looks = require_station(pool, REGULATOR, INSPECTOR)

    @router.get("/{station_id}/commands")
    async def show(request: Request, station_id: str, who: Annotated[Principal, Depends(looks)]) -> Response:
        return await page.show(request, station_id, who)

    _add_usual(router, page, looks)
    _add_any_action(router, page, looks)
    _add_firmware(router, page, require_station(pool, REGULATOR))
    return router


def _add_usual(router: APIRouter, page: CommandPage, looks: Allowed) -> None:
    @router.post("/{station_id}/usual")
    async def usual(
        request: Request,
        station_id: str,
        who: Annotated[Principal, Depends(looks)],
        act: str = Form(max_length=30),
        connector: int = Form(0, ge=0),
        reason: str = Form("", max_length=500),
        confirmed: bool = Form(False),
        over: Literal["", "http", "ftp"] = Form(""),
    ) -> Response:
        async def errand() -> None:
            check_words(looks_only=act in LOOKING, dangerous=act in CONFIRMED, reason=reason, confirmed=confirmed)
            await page.errands.usual(who, station_id, act, connector, reason.strip(), remote_of(request), over or None)

        asked = Asked("usual", act, connector, reason=reason, over=over or None)
        return await page.carry_out(request, who, station_id, asked, errand())


def _add_any_action(router: APIRouter, page: CommandPage, looks: Allowed) -> None:
    @router.post("/{station_id}/commands")
    async def any_action(
        request: Request,
        station_id: str,
        who: Annotated[Principal, Depends(looks)],
        action: str = Form(max_length=50),
        payload: str = Form("{}", max_length=100_000),
        reason: str = Form("", max_length=500),
        confirmed: bool = Form(False),
    ) -> Response:
        async def errand() -> None:
            said = payload_of(payload)
            looks_only, dangerous = action in ONLY_LOOKS, action in DANGEROUS
            check_words(looks_only=looks_only, dangerous=dangerous, reason=reason, confirmed=confirmed)
            await page.errands.desk.ask(who, Wish(station_id, action, said, reason.strip()), remote=remote_of(request))

        asked = Asked("any", action=action, payload=payload, reason=reason)
        return await page.carry_out(request, who, station_id, asked, errand())


def _add_firmware(router: APIRouter, page: CommandPage, regulator: Allowed) -> None:
    @router.post("/{station_id}/firmware")
    async def install(
        request: Request,
        station_id: str,
        who: Annotated[Principal, Depends(regulator)],
        firmware_id: str = Form(),
        reason: str = Form("", max_length=500),
        confirmed: bool = Form(False),
        over: Literal["", "http", "ftp"] = Form(""),
    ) -> Response:
        async def errand() -> None:
            check_words(looks_only=False, dangerous=True, reason=reason, confirmed=confirmed)
            wish = FirmwareWish(station_id, None, firmware_id, None, None, reason.strip(), over or None)
            await page.errands.depot.give(who, wish, wait_s=0, remote=remote_of(request))

        asked = Asked("firmware", reason=reason, over=over or None)
        return await page.carry_out(request, who, station_id, asked, errand())
