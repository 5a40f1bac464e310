"""Remote inspection (非接触): what machines told is frozen as it is, and nobody goes there. It is a lead."""

import hashlib
from datetime import datetime

import orjson

from inspection_service.evidence import store as told
from inspection_service.evidence.desk import LONGEST_EXTRACT, MOST_EVENTS
from inspection_service.inspections import store
from inspection_service.inspections.visits.desk import Piece, VisitDesk
from youguan.auth import Principal
from youguan.bounds import stations_of
from youguan.clock import Clock, utc_text
from youguan.errors import FieldError, Invalid, NotFound

JSON = "application/json"
PROBES = ("CommandEnded",)


class RemoteDesk:
    """Freezes what was told of the stations of a visit's site."""

    def __init__(self, desk: VisitDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    async def freeze(
        self, who: Principal, visit_id: str, station_id: str, start: datetime, end: datetime, key: str
    ) -> None:
        """Freeze what was told of a station within a time, its answers to probes apart; Invalid, NotFound."""
        if not start < end <= self._clock.now() or end - start > LONGEST_EXTRACT:
            raise _invalid("from, to", f"a time in the past of {LONGEST_EXTRACT.days} days at the most")
        async with self._desk.office.pool.acquire() as connection:
            visit = await store.get_visit(connection, visit_id)
            if visit["site_id"] is None or station_id not in await stations_of(connection, visit["site_id"]):
                raise NotFound(f"station {station_id} at this site")
            count = await told.count_told_of(connection, station_id, start, end)
            if count > MOST_EVENTS:
                raise _invalid("from, to", f"{count} events, {MOST_EVENTS} at the most: freeze a shorter time")
            events = await told.told_of(connection, station_id, start, end)
        for kind, chosen in (
            ("telemetry", [dict(event) for event in events if event["type"] not in PROBES]),
            ("probe", [dict(event) for event in events if event["type"] in PROBES]),
        ):
            if chosen or kind == "telemetry":
                await self._bring(who, visit_id, f"{key}-{kind}", kind, station_id, start, end, chosen)

    async def _bring(
        self, who: Principal, visit_id: str, key: str, kind: str, station_id: str, start: datetime, end: datetime,
        events: list[dict[str, object]],
    ) -> None:  # fmt: skip
        body = orjson.dumps(events, option=orjson.OPT_UTC_Z)
        source = {"station_id": station_id, "from": utc_text(start), "to": utc_text(end), "events": len(events)}
        sha256 = hashlib.sha256(body).hexdigest()
        piece = Piece(key, kind, station_id, sha256, len(body), JSON, f"{station_id}.json", body, None, source)
        await self._desk.bring(who, visit_id, piece)


def _invalid(name: str, reason: str) -> Invalid:
    return Invalid(f"{name}: {reason}", fields=[FieldError(name, reason)])
