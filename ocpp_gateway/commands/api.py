"""Commands over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ocpp_gateway import store as stations
from ocpp_gateway.commands import store
from ocpp_gateway.commands.desk import ANSWER_WITHIN_S, Desk, Wish
from youguan.auth import INSPECTOR, REGULATOR, Principal
from youguan.bounds import stations_within
from youguan.errors import NotFound, Reason
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require, require_station
from youguan.web.times import UtcTime

LONGEST_WAIT_S = 120
ENDED = {"answered", "refused", "invalid", "timed_out", "undeliverable"}
Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT_S, description="seconds to wait for the station's answer")]


class CommandIn(BaseModel):
    """What a station is to do: an action of its OCPP version and the payload that its schema describes."""

    model_config = ConfigDict(extra="forbid")

    action: str = Field(min_length=1, max_length=50)
    payload: dict[str, Any] = Field(default_factory=dict)
    reason: str = Field(default="", max_length=500, description="may be left out for what only looks, else 422")
    timeout_s: int = Field(default=ANSWER_WITHIN_S, ge=1, le=600, description="how long the station has to answer")


class RotationIn(BaseModel):
    """Why a station gets a new key."""

    reason: str = Field(min_length=1, max_length=500)


class CommandOut(BaseModel):
    """A command and what became of it; `answer` is the station's payload."""

    id: str
    station_id: str
    ocpp_version: str
    action: str
    payload: dict[str, Any]
    requested_by: str
    reason: str
    requested_at: UtcTime
    state: Literal["queued", "sent", "answered", "refused", "invalid", "timed_out", "undeliverable"]
    sent_at: UtcTime | None
    answer: dict[str, Any] | None
    error_code: str | None
    error_description: str | None
    ended_at: UtcTime | None


def tell_ended(response: Response, *commands: asyncpg.Record) -> None:
    """Let an answer say 200 where every command has ended by now; else 202 stands: they are dispatched."""
    if all(command["state"] in ENDED for command in commands):
        response.status_code = 200


def add_commands(app: FastAPI, pool: asyncpg.Pool, desk: Desk) -> None:
    """Add the commands to /api/gateway."""
    looks, rules = require_station(pool, REGULATOR, INSPECTOR), require_station(pool, REGULATOR)

    @app.post("/stations/{station_id}/commands", status_code=202)
    async def ask(
        station_id: str,
        command: CommandIn,
        request: Request,
        response: Response,
        who: Annotated[Principal, Depends(looks)],
        wait: Wait = 0,
    ) -> CommandOut:
        """Send a command; 202 when it is dispatched, 200 when its end was waited for."""
        wish = Wish(station_id, command.action, command.payload, command.reason, command.timeout_s)
        remote = remote_of(request)
        row = await desk.ask(who, wish, wait_s=wait, remote=remote)
        tell_ended(response, row)
        return CommandOut(**dict(row))

    @app.post("/stations/{station_id}/key-rotation", status_code=202)
    async def rotate_key(
        station_id: str,
        rotation: RotationIn,
        request: Request,
        response: Response,
        who: Annotated[Principal, Depends(rules)],
        wait: Wait = 0,
    ) -> CommandOut:
        """Have a station take a new key, which nobody sees; the old one holds until it has come back with the new one."""
        remote = remote_of(request)
        row = await desk.rotate_key(who, station_id, rotation.reason, wait_s=wait, remote=remote)
        tell_ended(response, row)
        return CommandOut(**dict(row))

    @app.get("/stations/{station_id}/commands")
    async def commands(
        station_id: str, _: Annotated[Principal, Depends(looks)], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[CommandOut]:
        """List a station's commands, newest first."""
        key = decode_cursor(cursor, datetime, str)
        async with pool.acquire() as connection:
            await stations.get_station(connection, station_id)
            before = (key[0], key[1]) if key else None
            rows = await store.list_commands(connection, station_id, before, limit)
        following = next_cursor(rows, limit, "requested_at", "id")
        return Page(items=[CommandOut(**dict(row)) for row in rows], next=following)

    @app.get("/commands/{command_id}")
    async def command(command_id: str, who: Annotated[Principal, Depends(require(REGULATOR, INSPECTOR))]) -> CommandOut:
        """Return a command and what became of it; NotFound beyond one's bounds too."""
        row = await desk.read(command_id)
        async with pool.acquire() as connection:
            if not await stations_within(connection, who.scope, [row["station_id"]]):
                raise NotFound(Reason("command {id}", id=command_id))
        return CommandOut(**dict(row))
