"""Reporting to a province: what the event log tells is put into its queue, and goes up in order, however long that takes.

One report is under way at a time for each province, and one whose content it refuses makes way for the next. A province that is
slow, wrong or away holds up nobody but itself.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from ocpp_gateway.cec102 import store
from ocpp_gateway.cec102.calling import Callers
from ocpp_gateway.cec102.client import Away, Caller, Refusing
from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.cec102.envelope import Ret
from ocpp_gateway.cec102.profiles import Profile
from ocpp_gateway.cec102.reports import OFFLINE, coded, is_confirmed, number_of, order_of, status_of
from youguan.clock import Clock
from youguan.database import AWAY
from youguan.errors import Unavailable
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import ConnectorStatusChanged, Event, StationOffline, StationOnline, TransactionEnded

log = logging.getLogger(__name__)

LOOK_S = 1.0
A_ROUND = 200  # reports to one province between two looks
OF_US = (Ret.SIGNATURE, Ret.TOKEN, Ret.ENVELOPE)  # what is wrong is how we speak, not what is told: it keeps
KEPT = timedelta(days=7)  # what a province has taken, to be looked at


class Report(NamedTuple):
    """Something to be told: its kind, what it is about, and the message."""

    kind: str
    subject: str
    content: dict[str, Any]


class Upward:
    """Fills the queues and empties them."""

    def __init__(self, desk: PlatformDesk, callers: Callers, clock: Clock) -> None:
        self._desk = desk
        self._callers = callers
        self._clock = clock

    def consumer(self) -> Consumer:
        """Return what fills the queues: in the transaction that moves its place in the event log, so each event once."""
        types: list[type[Event]] = [ConnectorStatusChanged, StationOffline, StationOnline, TransactionEnded]
        return Consumer(self._desk.pool, "gateway.upward", self.handle, types=types)

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Queue what every province is to be told of a batch."""
        provinces = await store.provinces(connection)
        if not provinces:
            return
        now = self._clock.now()
        for stored in batch:
            station_id = getattr(stored.event, "station_id", "")
            found = {row["connector"]: row for row in await store.codes_of(connection, station_id)}
            for province in provinces if found else ():
                reports = reports_of(stored.event, found, self._desk.profile_of(province))
                await store.queue(connection, province["operator_id"], reports, now)

    async def run(self) -> None:
        """Send what is due, again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except (*AWAY, Unavailable) as error:
                log.warning("reporting upward: %s", error)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Send what is due to every province, side by side."""
        await asyncio.gather(*(self._send_all(caller) for caller in await self._callers.of("province")))
        async with self._desk.pool.acquire() as connection:
            await store.forget_reports(connection, self._clock.now() - KEPT)

    async def _send_all(self, caller: Caller) -> None:
        for _ in range(A_ROUND):
            async with self._desk.pool.acquire() as connection:
                report = await store.next_report(connection, caller.peer.operator_id)
            if report is None or report["due_at"] > self._clock.now():
                return
            if not await self._send(caller, report):
                return

    async def _send(self, caller: Caller, report: asyncpg.Record) -> bool:
        """Send one report; False where it must be tried again, and so all that come after it must wait."""
        profile, state, error = caller.peer.profile, "taken", None
        try:
            answer = await caller.ask(report["kind"], report["content"])
            if not is_confirmed(report["kind"], report["content"], answer, profile):
                state, error = "waiting", "not confirmed"
        except Away as away:
            state, error = "waiting", str(away)
        except Refusing as refusing:
            if refusing.ret != profile.held_already:
                state, error = "waiting" if refusing.ret in OF_US else "refused", str(refusing)
        now, tries = self._clock.now(), report["tries"] + 1
        due_at = now + timedelta(seconds=profile.pause_s(tries))
        async with self._desk.pool.acquire() as connection:
            await store.note_try(connection, report["id"], state, now, due_at, error)
        if error is not None:
            log.warning("report %d to %s: %s", report["id"], caller.peer.operator_id, error)
        return state != "waiting"


def reports_of(event: Event, found: Mapping[int, asyncpg.Record], profile: Profile) -> list[Report]:
    """Return what an event is for a province; `found`: the station's connectors by number, with what they are now."""
    match event:
        case ConnectorStatusChanged(connector=number) if number in found:
            return [_status(found[number], number_of(event.condition), event.effective_at, profile)]
        case StationOffline():
            return [_status(row, OFFLINE, event.at, profile) for row in found.values()]
        case StationOnline():
            known = [row for row in found.values() if row["condition"] is not None]
            return [_status(row, number_of(row["condition"]), event.at, profile) for row in known]
        case TransactionEnded(connector=number) if number in found and event.started_at and event.energy_wh is not None:
            place = coded(found[number])
            content = order_of(
                place, event.transaction_id, event.started_at, event.effective_at, event.energy_wh, profile
            )
            return [Report("order", place.cec_connector_id, content)]
    return []


def _status(row: asyncpg.Record, number: int, at: datetime, profile: Profile) -> Report:
    place = coded(row)
    return Report("status", place.cec_connector_id, status_of(place, number, at, profile))
