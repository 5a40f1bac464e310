"""The list of stations, and of each: its state, its transactions, its variables, its files."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, Response

from ocpp_gateway import store as stations
from ocpp_gateway.authorisation import store as authorisation
from ocpp_gateway.files import store as files
from ocpp_gateway.files.depot import Depot
from ocpp_gateway.heartbeats import store as heartbeats
from ocpp_gateway.pages import store
from ocpp_gateway.pages.curve import Measured, curves
from ocpp_gateway.pages.frames import set_out
from ocpp_gateway.pages.history import add_history
from ocpp_gateway.pages.place import CONDITIONS, PAGE, STATES, Place
from ocpp_gateway.pages.timeline import Piece, line, totals
from ocpp_gateway.relay import store as relay
from ocpp_gateway.sensors import store as sensors
from ocpp_gateway.timeseries import store as timeseries
from ocpp_gateway.timeseries.rollup import day_of
from ocpp_gateway.timeseries.uptime import by_connector, percents
from ocpp_gateway.transactions import store as transactions
from ocpp_gateway.transactions.api import MOST_MISSING, MOST_SAMPLES, missing
from youguan.auth import INSPECTOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import NotFound, Reason
from youguan.web.paging import Cursor, decode_cursor, encode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import remote_of, require, require_station
from youguan.web.templates import Templates

MOST_VARIABLES, MOST_OPEN, MOST_EVENTS = 500, 20, 500
A_DAY, A_MONTH = timedelta(days=1), timedelta(days=30)
MEETINGS = {
    "connected": ("good", "中央系统正常"),
    "away": ("bad", "中央系统不可达"),
    "refused": ("warn", "中央系统拒绝"),
    "closed": ("warn", "中央系统关闭连接"),
}
PROFILES = {0: "0：不出示凭证", 1: "1：密码", 2: "2：TLS 加密码", 3: "3：双向证书"}
SENSORS = {"smoke": "烟雾", "water": "积水", "temperature": "温度", "bay": "车位"}
RESERVATIONS = {
    "held": ("warn", "有效"),
    "used": ("good", "已使用"),
    "cancelled": ("", "已取消"),
    "expired": ("", "已到期"),
    "removed": ("", "已移除"),
}


def station_pages(pool: asyncpg.Pool, templates: Templates, clock: Clock, depot: Depot) -> APIRouter:
    """Return /gateway/stations/…."""
    router = Router(prefix="/gateway/stations")
    place = Place(pool, templates, clock)
    _add_list(router, place)
    _add_state(router, place)
    add_history(router, place)
    _add_transactions(router, place)
    _add_charging(router, place)
    _add_files(router, place, depot)
    return router


def _add_list(router: APIRouter, place: Place) -> None:
    @router.get("")
    async def listed(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        q: str = "",
        state: Literal["", "faulted", "online", "offline", "never_connected"] = "",
        connected: bool = False,
        version: Literal["", "1.6", "2.0.1", "2.1"] = "",
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, str)
        chosen = store.StationFilter(q.strip() or None, state or None, True if connected else None, version or None)
        async with place.pool.acquire() as connection:
            rows = await store.find_stations(connection, who.scope, chosen, key[0] if key else None, PAGE)
            counts = None if is_refresh(request) else await store.count_stations(connection, who.scope)
        following = encode_cursor(rows[-1]["id"]) if len(rows) == PAGE else None
        wanted = {"q": q, "state": state, "connected": str(connected).lower(), "version": version}
        return place.templates.render(
            request, "stations.html", rows=rows, next=following, wanted=wanted, states=STATES, cursor=cursor,
            conditions=CONDITIONS, counts=counts,
        )  # fmt: skip


def _add_state(router: APIRouter, place: Place) -> None:
    @router.get("/{station_id}")
    async def state(
        request: Request, station_id: str, _: Annotated[Principal, Depends(require_station(place.pool))]
    ) -> Response:
        async with place.pool.acquire() as connection:
            station = await stations.get_station(connection, station_id)
            past = NO_PAST if is_refresh(request) else await _past(connection, station, place.clock.now())
            return await place.show(
                request, connection, station_id, "state", now=place.clock.now(),
                connectors=await stations.connectors(connection, station_id),
                relayed=await relay.meeting_of(connection, station_id), meetings=MEETINGS,
                paces=await heartbeats.intervals_of(connection, station_id, station["site_id"]),
                profiles=PROFILES, kinds=SENSORS, lasting=lasting, **past,
            )  # fmt: skip


NO_PAST: Mapping[str, Any] = {"lines": {}, "uptime": [], "sensors": []}


async def _past(connection: asyncpg.Connection, station: asyncpg.Record, now: datetime) -> dict[str, Any]:
    """Return what is shown of a station beside what it is now: it is not read again whenever that is."""
    station_id, site_id, today = station["id"], station["site_id"], day_of(now)
    said = await store.said_in(connection, station_id, now - A_DAY, now)
    links = await store.links_in(connection, station_id, now - A_DAY, now)
    month = await timeseries.sum_days(
        connection, today - A_MONTH, today + A_DAY, "connector", site_id=None, station_id=station_id
    )
    lines = {
        number: line((one for one in said if one.connector == number), links, now - A_DAY, now)
        for number in sorted({row["connector"] for row in await stations.connectors(connection, station_id)} - {0})
    }
    return {
        "lines": {number: (bars(pieces), pieces, totals(pieces)) for number, pieces in lines.items()},
        "uptime": [(number, percents(seconds)) for number, seconds in sorted(by_connector(month).items())],
        "sensors": await sensors.sensors(connection, site_id) if site_id else [],
    }


def is_refresh(request: Request) -> bool:
    """Say whether a page that is open asks for what has changed, of which it takes no more than a part."""
    return request.headers.get("HX-Request") == "true"


def bars(pieces: list[Piece]) -> list[tuple[float, float, str]]:
    """Return (x, width, condition) of each piece, in thousandths of the whole."""
    whole = sum(piece.seconds for piece in pieces) or 1.0
    found, x = [], 0.0
    for piece in pieces:
        width = 1000 * piece.seconds / whole
        found.append((round(x, 2), round(width, 2), piece.condition))
        x += width
    return found


LONG_H = 72  # from here on in days


def lasting(seconds: float | None) -> str:
    """Return a time in days, hours, minutes and seconds, as far as they matter."""
    if seconds is None:
        return "—"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= LONG_H:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _add_transactions(router: APIRouter, place: Place) -> None:
    @router.get("/{station_id}/transactions")
    async def charged(
        request: Request,
        station_id: str,
        who: Annotated[Principal, Depends(require_station(place.pool))],
        open: bool = False,
        cursor: Cursor = None,
    ) -> Response:
        """Show those under way first, then those that have ended; `open`: all that are under way, ends that never came too."""
        key = decode_cursor(cursor, int)
        async with place.pool.acquire() as connection:
            under_way = transactions.TransactionFilter(station_id, open=True)
            chosen = transactions.TransactionFilter(station_id, open=open)
            rows = await transactions.transactions(connection, chosen, before=key[0] if key else None, limit=PAGE)
            following = encode_cursor(rows[-1]["id"]) if len(rows) == PAGE else None
            first = (
                []
                if cursor or open
                else await transactions.transactions(connection, under_way, before=None, limit=MOST_OPEN)
            )
            return await place.show(
                request, connection, station_id, "transactions", rows=[*first, *rows], next=following, cursor=cursor,
                tokens=who.has(REGULATOR, INSPECTOR), lasting=lasting, open=open,
            )  # fmt: skip

    @router.get("/{station_id}/transactions/{transaction_id}")
    async def one_charged(
        request: Request,
        station_id: str,
        transaction_id: str,
        who: Annotated[Principal, Depends(require_station(place.pool))],
        cursor: Cursor = None,
    ) -> Response:
        """Show a transaction with its curves, its events and the numbers of those that never came."""
        key = decode_cursor(cursor, int)
        async with place.pool.acquire() as connection:
            row = await transactions.get_transaction(connection, station_id, transaction_id)
            events = await transactions.transaction_events(
                connection, station_id, transaction_id, after=key[0] if key else None, limit=MOST_EVENTS
            )
            samples = await transactions.transaction_samples(connection, row, MOST_SAMPLES)
            never_came = missing(await transactions.gaps(connection, row, MOST_MISSING))
            return await place.show(
                request, connection, station_id, "transaction", row=row, events=events, never_came=never_came,
                next=next_cursor(events, MOST_EVENTS, "seq_no"), curves=curves(measured(sample) for sample in samples),
                tokens=who.has(REGULATOR, INSPECTOR), lasting=lasting,
            )  # fmt: skip

    @router.get("/{station_id}/variables")
    async def variables(
        request: Request, station_id: str, _: Annotated[Principal, Depends(require_station(place.pool))], q: str = ""
    ) -> Response:
        async with place.pool.acquire() as connection:
            rows = await store.find_variables(connection, station_id, q.strip() or None, MOST_VARIABLES)
            return await place.show(request, connection, station_id, "variables", rows=rows, q=q, most=MOST_VARIABLES)


def measured(sample: asyncpg.Record) -> Measured:
    """Return a sample with what it is of in one name."""
    parts = (sample["measurand"], sample["phase"], sample["location"] if sample["location"] != "Outlet" else "")
    return Measured(" ".join(filter(None, parts)), sample["unit"], sample["occurred_at"], sample["value"])


def _add_charging(router: APIRouter, place: Place) -> None:
    @router.get("/{station_id}/charging")
    async def charging(
        request: Request,
        station_id: str,
        _: Annotated[Principal, Depends(require_station(place.pool, REGULATOR, INSPECTOR))],
    ) -> Response:
        async with place.pool.acquire() as connection:
            held = await authorisation.list_reservations(
                connection, station_id=station_id, state=None, before=None, limit=PAGE
            )
            profiles = await authorisation.list_profiles(
                connection, station_id, cleared_too=False, before=None, limit=PAGE
            )
            local_list = await authorisation.get_local_list(connection, station_id)
            return await place.show(
                request, connection, station_id, "charging", reservations=held, profiles=profiles, known=local_list,
                wording=RESERVATIONS, set_out=set_out,
            )  # fmt: skip


def _add_files(router: APIRouter, place: Place, depot: Depot) -> None:
    @router.get("/{station_id}/files")
    async def brought(
        request: Request,
        station_id: str,
        _: Annotated[Principal, Depends(require_station(place.pool, REGULATOR, INSPECTOR))],
    ) -> Response:
        async with place.pool.acquire() as connection:
            rows = await files.files(connection, station_id, None, PAGE)
            said = await files.firmware_said(connection, station_id, PAGE)
            return await place.show(
                request, connection, station_id, "files", rows=rows, said=said, now=place.clock.now()
            )

    @router.get("/{station_id}/files/{file_id}")
    async def download(
        request: Request,
        station_id: str,
        file_id: str,
        who: Annotated[Principal, Depends(require_station(place.pool, REGULATOR, INSPECTOR))],
    ) -> Response:
        row, path = await depot.open_evidence(who, file_id, remote=remote_of(request))
        if row["station_id"] != station_id:
            raise NotFound(Reason("file {id} of station {station_id}", id=file_id, station_id=station_id))
        name = row["name"] or f"{station_id}-{file_id}"
        return FileResponse(path, media_type="application/octet-stream", filename=name)
