"""Remote inspection (非接触): what machines told is frozen as it is, and nobody goes there. It is a lead."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from inspection_service.evidence import store as told
from inspection_service.evidence.desk import LONGEST_EXTRACT, MOST_EVENTS
from inspection_service.inspections.visits import store
from inspection_service.inspections.visits.desk import Piece, VisitDesk
from inspection_service.inspections.visits.gateway import Gateway
from inspection_service.inspections.visits.probe import said
from youguan.auth import Principal
from youguan.bounds import stations_of
from youguan.clock import Clock, utc_text
from youguan.errors import Invalid, NotFound, Reason

JSON = "application/json"
PROBES = ("CommandEnded", "StationProbed")


@dataclass(frozen=True, slots=True)
class Window:
    """A station and a time of it; `key` is the sender's own: sent again, it is the same."""

    station_id: str
    start: datetime
    end: datetime
    key: str


class RemoteDesk:
    """Freezes what was told of the stations of a visit's site, and asks them."""

    def __init__(self, desk: VisitDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    async def freeze(self, who: Principal, visit_id: str, window: Window, gateway: Gateway) -> None:
        """Freeze what was told of a station within a time: events, answers to probes, and the messages themselves.

        Nothing is kept unless all of it can be. Invalid, NotFound, Unavailable.
        """
        if not window.start < window.end <= self._clock.now() or window.end - window.start > LONGEST_EXTRACT:
            raise Invalid.about(
                "from, to", Reason("a time in the past of {days} days at the most", days=LONGEST_EXTRACT.days)
            )
        await self._check(who, visit_id, window.station_id)
        events = await self._events(window)
        frames = await gateway.frames(window.station_id, window.start, window.end)
        kinds: tuple[tuple[str, list[dict[str, Any]]], ...] = (
            ("telemetry", [event for event in events if event["type"] not in PROBES]),
            ("probe", [event for event in events if event["type"] in PROBES]),
            ("frames", frames),
        )
        span = {"station_id": window.station_id, "from": utc_text(window.start), "to": utc_text(window.end)}
        for kind, chosen in kinds:
            if chosen or kind == "telemetry":
                source = {**span, "events": len(chosen)}
                await self._bring(who, visit_id, f"{window.key}-{kind}", kind, source, chosen)

    async def probe(self, who: Principal, visit_id: str, station_id: str, key: str, gateway: Gateway) -> None:
        """Ask a station how it is now, and keep the question, the answer and what it said; NotFound, Unavailable."""
        visit = await self._check(who, visit_id, station_id)
        async with self._desk.office.pool.acquire() as connection:
            if await store.has_piece(connection, visit_id, key):
                return
        at = self._clock.now()
        found = await gateway.probe(station_id, visit["code"])
        source = {
            "station_id": station_id, "at": utc_text(at), "outcome": found.outcome, "said": said(found.frames),
        }  # fmt: skip
        content = {"command": found.command, "frames": list(found.frames)}
        await self._bring(who, visit_id, key, "probe", source, content)

    async def _check(self, who: Principal, visit_id: str, station_id: str) -> asyncpg.Record:
        """Return the visit to which somebody may bring something of a station of its site."""
        await self._desk.may_bring(who, visit_id)
        async with self._desk.office.pool.acquire() as connection:
            visit = await store.get_visit(connection, visit_id)
            if visit["site_id"] is None or station_id not in await stations_of(connection, visit["site_id"]):
                raise NotFound(Reason("station {station} at this site", station=station_id))
        return visit

    async def _events(self, window: Window) -> list[dict[str, Any]]:
        span = (window.station_id, window.start, window.end)
        async with self._desk.office.pool.acquire() as connection:
            count = await told.count_told_of(connection, *span)
            if count > MOST_EVENTS:
                too_many = Reason(
                    "{count} events, {most} at the most: freeze a shorter time", count=count, most=MOST_EVENTS
                )
                raise Invalid.about("from, to", too_many)
            return [dict(event) for event in await told.told_of(connection, *span)]

    async def _bring(
        self, who: Principal, visit_id: str, key: str, kind: str, source: Mapping[str, Any], content: object
    ) -> None:
        body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
        sha256, station_id = hashlib.sha256(body).hexdigest(), str(source["station_id"])
        piece = Piece(key, kind, station_id, sha256, len(body), JSON, f"{station_id}.json", body, None, source)
        await self._desk.bring(who, visit_id, piece)
