"""Reporting to a province: what the event log tells is put into its queue, and goes up in order, however long that takes.

A report whose content a province refuses, or at which it stumbles again and again, makes way for the next. A province that is slow,
wrong or away holds up nobody but itself.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg

from ocpp_gateway.adapters.cec102 import SOURCE
from ocpp_gateway.cec102 import store as platforms
from ocpp_gateway.cec102.calling import Callers, Rounds
from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.cec102.filed import store as registry
from ocpp_gateway.cec102.intake import store as intake
from ocpp_gateway.cec102.upward import store
from ocpp_gateway.cec102.upward.kept import store as kept
from ocpp_gateway.cec102.upward.reports import (
    OFFLINE,
    Coded,
    Report,
    coded,
    number_of,
    order_as_told,
    order_of,
    order_withheld,
    station_of,
    status_of,
)
from ocpp_gateway.cec102.upward.sending import Sender
from ocpp_gateway.cec102.upward.sites import Standing, codes_in, lost_codes, site_reports
from ocpp_gateway.recorder.transactions.recording import began_at
from youguan.clock import Clock
from youguan.database import AWAY
from youguan.errors import Unavailable
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import (
    ConnectorStatusChanged,
    Event,
    PlatformOrderKept,
    SiteFiled,
    SiteRetired,
    StationOffline,
    StationOnline,
    TransactionEnded,
)

log = logging.getLogger(__name__)

LOOK_S = 1.0
KEPT = timedelta(days=7)  # what has ended, to be looked at
MOMENTS_KEPT = timedelta(hours=1)
TIDY_EVERY = timedelta(minutes=1)
NOT_STARTED, NOT_MEASURED = "nobody told when it began", "nobody told how much was charged"
NOWHERE = "nobody told at which connector it was"

TOLD_OF: tuple[type[Event], ...] = (
    ConnectorStatusChanged,
    StationOffline,
    StationOnline,
    TransactionEnded,
    PlatformOrderKept,
    SiteFiled,
    SiteRetired,
)


class Upward:
    """Fills the queues and empties them."""

    def __init__(self, desk: PlatformDesk, callers: Callers, clock: Clock) -> None:
        self._desk = desk
        self._callers = callers
        self._clock = clock
        self._rounds = Rounds(Sender(desk.pool, clock).visit)
        self._tidied_at: datetime | None = None

    def consumer(self) -> Consumer:
        """Return what fills the queues: in the transaction that moves its place in the event log, so each event once."""
        return Consumer(self._desk.pool, "gateway.upward", self.handle, types=TOLD_OF)

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Queue what every province is to be told of a batch."""
        provinces = await platforms.called(connection, "province")
        now = self._clock.now()
        for stored in batch:
            if not provinces:
                await self._keep_file(connection, stored.event)
                continue
            reports = await self._reports(connection, stored.event)
            for province in provinces if reports else ():
                await store.queue(connection, province["operator_id"], reports, now)

    async def _keep_file(self, connection: asyncpg.Connection, event: Event) -> None:
        """Take in what a site's file is while nobody is told of it: a province that comes later hears what changes from then on."""
        match event:
            case SiteFiled():
                await store.site_until_now(connection, event)
            case SiteRetired(site_id=site_id):
                await store.forget_site(connection, site_id)

    async def _reports(self, connection: asyncpg.Connection, event: Event) -> Sequence[Report]:
        match event:
            case SiteFiled():
                return await self._site(connection, event)
            case SiteRetired(site_id=site_id):
                before = await store.forget_site(connection, site_id)
                return _only(station_of(before, retired=True) if before else None)
            case PlatformOrderKept(state="transaction", station_id=str(station_id)):
                return _only(await self._order(connection, event, station_id))
        station_id = getattr(event, "station_id", "")
        found = {row["connector"]: row for row in await registry.codes_of(connection, station_id)}
        return reports_of(event, found, self._clock.now()) if found else ()

    async def _site(self, connection: asyncpg.Connection, filed: SiteFiled) -> Sequence[Report]:
        before = await store.site_until_now(connection, filed)
        rows = await store.standing(connection, {station_id for station_id, _ in codes_in(filed)})
        now = {(row["station_id"], row["connector"]): Standing(row["condition"], row["effective_at"]) for row in rows}
        lost = lost_codes(before, filed)
        elsewhere = await store.borne_elsewhere(connection, filed, [code.cec_connector_id for code in lost])
        gone = [code for code in lost if code.cec_connector_id not in elsewhere]
        return site_reports(before, filed, now, gone, self._clock.now())

    async def _order(self, connection: asyncpg.Connection, event: PlatformOrderKept, station_id: str) -> Report | None:
        """Return a platform's order as it came; None where its connector bears its code no longer."""
        order = await intake.find_order(connection, event.operator_id, event.order_no)
        sender = await platforms.find_platform(connection, event.operator_id)
        codes = {row["connector"]: row for row in await registry.codes_of(connection, station_id)}
        if order is None or sender is None or event.connector not in codes:
            return None
        place = coded(codes[event.connector])
        return order_as_told(place, order, self._desk.profile_of(sender), self._clock.now())

    async def run(self) -> None:
        """Send what is due, again and again, until cancelled."""
        try:
            while True:
                try:
                    await self.look()
                except (*AWAY, Unavailable) as error:
                    log.warning("reporting upward: %s", error)
                await asyncio.sleep(LOOK_S)
        finally:
            await self._rounds.end()

    async def look(self) -> None:
        """Begin to send what is due to every province that is not being told something."""
        now = self._clock.now()
        if self._tidied_at is None or now - self._tidied_at >= TIDY_EVERY:
            async with self._desk.pool.acquire() as connection, connection.transaction():
                await kept.forget_reports(connection, now - KEPT, now - MOMENTS_KEPT)
                await release(connection, now)
            self._tidied_at = now
        self._rounds.begin(await self._callers.of("province"))

    async def told(self) -> None:
        """Wait until what is being sent is sent."""
        await self._rounds.over()


def _only(report: Report | None) -> Sequence[Report]:
    return () if report is None else (report,)


def reports_of(event: Event, found: Mapping[int, asyncpg.Record], now: datetime) -> Sequence[Report]:
    """Return what a station's event is for a province; `found`: its connectors by number, with what they are now.

    What a platform told of charging is left to its order, which is told as it came.
    """
    match event:
        case ConnectorStatusChanged(connector=number) if number in found:
            return [status_of(coded(found[number]), number_of(event.condition), event.effective_at)]
        case StationOffline():
            return [status_of(coded(row), OFFLINE, event.at) for row in found.values()]
        case StationOnline():
            known = [row for row in found.values() if row["condition"] is not None]
            return [status_of(coded(row), number_of(row["condition"]), event.at) for row in known]
        case TransactionEnded(connector=number) if (number in found or not number) and event.source != SOURCE:
            return [_order_of(event, coded(found[number]) if number else None, now)]
    return []


def _order_of(event: TransactionEnded, place: Coded | None, now: datetime) -> Report:
    """Return the order of a transaction that is over; `place` None: nobody knows where it was."""
    if place is None or event.started_at is None or event.energy_wh is None:
        lacks = NOWHERE if place is None else NOT_STARTED if event.started_at is None else NOT_MEASURED
        return order_withheld(event.station_id, place, event.transaction_id, event.effective_at, lacks)
    told = (event.transaction_id, event.started_at, event.effective_at, event.energy_wh, event.reason)
    return order_of(place, *told, now)


async def release(connection: asyncpg.Connection, now: datetime) -> None:
    """Let orders go up of which all is known by now that was not when they ended: what a station tells late."""
    for row in await store.completed(connection):
        ended_at = datetime.fromisoformat(row["ended_at"])
        started_at = began_at(row["started_at"], row["recorded_at"], ended_at)
        assert started_at is not None
        report = order_of(coded(row), row["transaction_id"], started_at, ended_at, row["energy_wh"], row["reason"], now)
        await store.release(connection, row["report_id"], report, now)
