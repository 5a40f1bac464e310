"""The desk where tasks are opened, moved and closed."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from inspection_service import store as sites
from inspection_service.tasks import store
from inspection_service.tasks.assignment import assignee, settler, team
from inspection_service.tasks.deadlines import due_on
from inspection_service.tasks.machine import CONFIRMED_BY_CHARGER, Command, Holding, State, is_worse, may, move, proves
from youguan.clock import Clock, county_day
from youguan.eventlog import Consumer, StoredEvent, publish
from youguan.events import (
    AlertRaised,
    AlertResolved,
    AlertWorsened,
    Event,
    ResponsibilitiesChanged,
    SiteFiled,
    SiteRetired,
    StationConnected,
    StationDisconnected,
    StationOffline,
    StationOnline,
    TaskMoved,
    TaskOpened,
    TransactionEnded,
)

STREAM = "inspection"
# One consumer for all of them: who is responsible and what has happened are taken in in one order.
TYPES = (
    AlertRaised,
    AlertResolved,
    AlertWorsened,
    ResponsibilitiesChanged,
    SiteFiled,
    SiteRetired,
    StationConnected,
    StationDisconnected,
    StationOffline,
    StationOnline,
    TransactionEnded,
)
HEARD, UNHEARD = (StationConnected, StationOnline), (StationDisconnected, StationOffline)
SYSTEM, CHARGER = "system", "charger"
UNMANAGED = "unmanaged_site"
LONGEST_WATCH_S = 1.0


class Desk:
    """Opens, moves and closes tasks."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, holding_time: timedelta) -> None:
        self._pool = pool
        self._clock = clock
        self._holding_time = holding_time

    def consumer(self) -> Consumer:
        """Return the consumer that feeds the desk."""
        return Consumer(self._pool, "inspection.tasks", self.handle, types=TYPES)

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Take in a batch of events and publish what came of it."""
        await self._hear(connection, [stored.event for stored in batch])
        news: list[Event] = []
        for stored in batch:
            match stored.event:
                case SiteFiled() as filed:
                    await sites.file_site(connection, filed)
                    ids = [station.station_id for station in filed.stations]
                    news += await self._gone(connection, filed.site_id, ids)
                case SiteRetired() as retired:
                    news += await self._gone(connection, retired.site_id)
                case ResponsibilitiesChanged() as changed:
                    await sites.replace_duties(connection, changed)
                case AlertRaised() as alert:
                    news += await self._raised(connection, alert)
                case AlertWorsened() as alert:
                    news += await self._worsened(connection, alert)
                case AlertResolved() as alert:
                    news += await self._resolved(connection, alert)
                case TransactionEnded() as ended:
                    news += await self._charged(connection, ended)
        await publish(connection, STREAM, news)

    async def _hear(self, connection: asyncpg.Connection, events: Sequence[Event]) -> None:
        """Note who can be heard and who cannot: first, and many at once, for thousands may come back together."""
        last: dict[str, tuple[bool, datetime]] = {}
        for event in events:
            if isinstance(event, (*HEARD, *UNHEARD)):
                last[event.station_id] = (isinstance(event, HEARD), event.at)
        for ways, note in ((True, store.hear_stations), (False, store.lose_stations)):
            stations = {station_id: at for station_id, (heard, at) in last.items() if heard is ways}
            if stations:
                await note(connection, stations)

    async def _gone(self, connection: asyncpg.Connection, site_id: str, still_filed: Sequence[str] = ()) -> list[Event]:
        """Close what is about stations that are filed no longer: nobody will confirm it."""
        events: list[Event] = []
        for task in await store.unclosed_at(connection, site_id, without=still_filed):
            events += await self._move(connection, task, Command.SETTLE, SYSTEM, "the station is filed no longer")
        return events

    async def _raised(self, connection: asyncpg.Connection, alert: AlertRaised) -> list[Event]:
        """Open a task, or go on with the one that is about the same thing; some alerts are nobody's work."""
        if not alert.opens_task:
            return []
        subject = subject_of(alert)
        task = await store.unclosed(connection, alert.rule, subject)
        if task is None:
            _, reopening = await store.policies(connection)
            since = self._clock.now() - timedelta(seconds=reopening.get(alert.rule, 0))
            task = await store.closed_since(connection, alert.rule, subject, since)
        if task is None:
            return [await self._open(connection, alert, subject)]
        moved = await self._move(connection, task, Command.FAIL, CHARGER, "the condition is back")
        return moved + await self._worsen(connection, task["id"], alert)

    async def _worsened(self, connection: asyncpg.Connection, alert: AlertWorsened) -> list[Event]:
        task = await store.unclosed(connection, alert.rule, subject_of(alert))
        return await self._worsen(connection, task["id"], alert) if task else []

    async def _worsen(
        self, connection: asyncpg.Connection, task_id: str, alert: AlertRaised | AlertWorsened
    ) -> list[Event]:
        """Let a task follow an alert that is worse than the task has been so far."""
        task = await store.get_task(connection, task_id, hold=True)
        if not is_worse(alert.severity, task["severity"]):
            return []
        periods, _ = await store.policies(connection)
        due = due_on(self._clock.now(), periods[alert.severity], alert.severity)
        await store.worsen_task(connection, task_id, alert.severity, due, alert.details)
        reason = f"{task['severity']} → {alert.severity}; due on {min(due, task['due_on'] or due)}"
        return await self._move(connection, task, Command.WORSEN, CHARGER, reason)

    async def _open(self, connection: asyncpg.Connection, alert: AlertRaised, subject: str) -> TaskOpened:
        now = self._clock.now()
        site = await sites.get_site(connection, alert.site_id) if alert.site_id else None
        division = (site["division_code"], site["division_name"]) if site else (None, None)
        who = team(*division)
        if alert.site_id:
            who = assignee(
                await sites.duties(connection, alert.site_id),
                alert.since,
                station_id=alert.station_id,
                division_code=division[0],
                division_name=division[1],
            )
        if alert.rule == UNMANAGED:
            who = settler(alert.details, who, team(*division))
        periods, _ = await store.policies(connection)
        task_id = str(uuid.uuid4())
        number = await store.next_number(connection, county_day(now).year)
        due = due_on(now, periods[alert.severity], alert.severity)
        task = (
            task_id, number, alert.rule, subject, alert.alert_id, alert.severity, alert.site_id, alert.station_id,
            alert.connector, division[0], who.id, who.name, who.role, alert.since, now, due, alert.details,
        )  # fmt: skip
        await store.insert_task(connection, task)
        reason = f"{alert.rule}: {who.role} at {alert.since.isoformat()}"
        await store.add_history(connection, task_id, (now, SYSTEM, "open", None, State.OPEN, reason))
        return TaskOpened(
            task_id=task_id,
            number=number,
            cause=alert.rule,
            site_id=alert.site_id,
            station_id=alert.station_id,
            connector=alert.connector,
            assignee_id=who.id,
            assignee_name=who.name,
            due_on=due,
            at=now,
        )

    async def _resolved(self, connection: asyncpg.Connection, alert: AlertResolved) -> list[Event]:
        task = await store.unclosed(connection, alert.rule, subject_of(alert))
        if task is None:
            return []
        if alert.rule in CONFIRMED_BY_CHARGER and alert.because != "gone":
            return await self._move(
                connection, task, Command.RECOVER, CHARGER, "the charger reports that it is in order"
            )
        return await self._move(connection, task, Command.SETTLE, SYSTEM, "the cause is over")

    async def _charged(self, connection: asyncpg.Connection, ended: TransactionEnded) -> list[Event]:
        """A transaction proves the connector that began after it was said to be mended; the one that broke off does not."""
        events: list[Event] = []
        for task in await store.waiting_for_proof(connection, ended.station_id, ended.connector):
            if proves(ended.started_at, ended.energy_wh, task["moved_at"]):
                reason = f"transaction {ended.transaction_id} delivered {ended.energy_wh:g} Wh"
                events += await self._move(connection, task, Command.SUCCEED, CHARGER, reason)
        return events

    async def _move(
        self, connection: asyncpg.Connection, task: asyncpg.Record, command: Command, actor: str, reason: str
    ) -> list[Event]:
        state = State(task["state"])
        if not may(state, command):
            return []
        return [await self.move(connection, task, command, actor, reason)]

    async def move(
        self, connection: asyncpg.Connection, task: asyncpg.Record, command: Command, actor: str, reason: str
    ) -> TaskMoved:
        """Move a task and write its history; Conflict where the command has no place."""
        now = self._clock.now()
        state = move(State(task["state"]), command)
        holding = None
        if state == State.VERIFYING:
            heard = not await store.is_unheard(connection, task["station_id"])
            holding = Holding.begun(now, self._holding_time, heard=heard)
        await store.set_state(
            connection,
            task["id"],
            state,
            at=now,
            holding=holding,
            closed_at=now if state == State.CLOSED else None,
        )
        await store.add_history(connection, task["id"], (now, actor, command, task["state"], state, reason))
        return TaskMoved(task_id=task["id"], previous=task["state"], state=state, reason=reason, at=now, actor=actor)

    async def watch_verifications(self) -> None:
        """Close tasks whose connector has stayed in order for the holding time."""
        while True:
            async with self._pool.acquire() as connection:
                async with connection.transaction():
                    await self.close_due(connection)
                following = await store.next_verification(connection)
            pause = (following - self._clock.now()).total_seconds() if following else LONGEST_WATCH_S
            await asyncio.sleep(min(max(pause, 0.05), LONGEST_WATCH_S))

    async def close_due(self, connection: asyncpg.Connection) -> int:
        """Close what is due now; return how many."""
        due = await store.due_verifications(connection, self._clock.now())
        reason = f"in order for {self._holding_time.total_seconds():g} s"
        news: list[Event] = [await self.move(connection, task, Command.HOLD, SYSTEM, reason) for task in due]
        await publish(connection, STREAM, news)
        return len(due)


def subject_of(alert: AlertRaised | AlertResolved | AlertWorsened) -> str:
    """Return what an alert is about: what it says itself, else a connector, a station or a site, or the alert itself."""
    if alert.subject:
        return alert.subject
    if alert.station_id is None:
        return alert.site_id or alert.alert_id
    return alert.station_id if alert.connector is None else f"{alert.station_id}#{alert.connector}"
