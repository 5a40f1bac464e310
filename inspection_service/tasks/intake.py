"""What tasks learn from the others: who is responsible, what alerts say, what chargers prove, what a probe has found."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import asyncpg

from inspection_service import store as sites
from inspection_service.tasks import sayings, store
from inspection_service.tasks.assignment import Assignee, assignee, settler, team_of
from inspection_service.tasks.availability import store as availability
from inspection_service.tasks.desk import CHARGER, STREAM, SYSTEM, TaskDesk, machine
from inspection_service.tasks.effects import given
from inspection_service.tasks.machine import Command, Role
from inspection_service.tasks.opening import Opening, Origin, subject_of
from inspection_service.tasks.rules import Way, is_worse
from inspection_service.tasks.verification import proves
from youguan.eventlog import Consumer, StoredEvent, publish
from youguan.events import (
    AlertAmended,
    AlertRaised,
    AlertResolved,
    AlertWorsened,
    ConnectorStatusChanged,
    Event,
    GracePeriodBegan,
    ResponsibilitiesChanged,
    SiteFiled,
    SiteRetired,
    StationConnected,
    StationDisconnected,
    StationOffline,
    StationOnline,
    StationProbed,
    TeamChanged,
    TransactionEnded,
)

# One consumer for all of them: who is responsible and what has happened are taken in in one order.
TYPES = (
    AlertAmended,
    AlertRaised,
    AlertResolved,
    AlertWorsened,
    ConnectorStatusChanged,
    GracePeriodBegan,
    ResponsibilitiesChanged,
    SiteFiled,
    SiteRetired,
    StationConnected,
    StationDisconnected,
    StationOffline,
    StationOnline,
    StationProbed,
    TeamChanged,
    TransactionEnded,
)
UNAVAILABLE = "unavailable"
Key = TypeVar("Key", str, tuple[str, int])
UNMANAGED = "unmanaged_site"
IN_ORDER = ("available", "occupied", "charging", "reserved")


class Intake:
    """Feeds the desk."""

    def __init__(self, pool: asyncpg.Pool, desk: TaskDesk) -> None:
        self._pool = pool
        self._desk = desk

    def consumer(self) -> Consumer:
        """Return the consumer of all that concerns tasks."""
        return Consumer(self._pool, "inspection.tasks", self.handle, types=TYPES)

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Take in a batch of events and publish what came of it."""
        await self._hear(connection, [stored.event for stored in batch])
        news: list[Event] = []
        for stored in batch:
            match stored.event:
                case SiteFiled() as filed:
                    await sites.file_site(connection, filed, stored.recorded_at)
                    ids = [station.station_id for station in filed.stations]
                    await store.follow_stations(connection, filed.site_id, filed.division_code, ids)
                    news += await self._gone(connection, filed.site_id, ids)
                case GracePeriodBegan() as began:
                    await sites.begin_grace(connection, began)
                case SiteRetired() as retired:
                    await sites.retire_site(connection, retired.site_id, stored.recorded_at)
                    news += await self._gone(connection, retired.site_id)
                case ResponsibilitiesChanged() as changed:
                    await sites.replace_duties(connection, changed)
                case TeamChanged() as team:
                    await store.save_team(connection, team)
                case AlertRaised() as alert:
                    news += await self._raised(connection, alert)
                case AlertAmended() as alert:
                    news += await self._amended(connection, alert)
                case AlertWorsened() as alert:
                    news += await self._worsened(connection, alert)
                case AlertResolved() as alert:
                    news += await self._resolved(connection, alert)
                case TransactionEnded() as ended:
                    news += await self._charged(connection, ended)
                case StationProbed() as probed:
                    news += await self._probed(connection, probed)
        await publish(connection, STREAM, news)

    async def _hear(self, connection: asyncpg.Connection, events: Sequence[Event]) -> None:
        """Note what can be heard and is in service: first, and many at once, for thousands may come back together."""
        stations: dict[str, tuple[bool, datetime]] = {}
        connectors: dict[tuple[str, int], tuple[bool, datetime]] = {}
        for event in events:
            match event:
                case StationConnected() | StationOnline():
                    stations[event.station_id] = (True, event.at)
                case StationDisconnected() | StationOffline():
                    stations[event.station_id] = (False, event.at)
                case ConnectorStatusChanged() if UNAVAILABLE in (event.condition, event.previous_condition):
                    in_service = event.condition != UNAVAILABLE
                    connectors[event.station_id, event.connector] = (in_service, event.effective_at)
        changed: dict[str, datetime] = {}
        if stations:
            told = {station_id: at for station_id, (_, at) in stations.items()}
            back = await availability.hear_stations(connection, _those(stations, True))
            lost = await availability.lose_stations(connection, _those(stations, False))
            changed |= {station_id: told[station_id] for station_id in back | lost}
        if connectors:
            await availability.restore_connectors(connection, _those(connectors, True))
            await availability.withdraw_connectors(connection, _those(connectors, False))
            for (station_id, _), (_, at) in connectors.items():
                changed[station_id] = max(at, changed.get(station_id, at))
        if changed:
            await availability.hold(connection, changed)

    async def _gone(self, connection: asyncpg.Connection, site_id: str, still_filed: Sequence[str] = ()) -> list[Event]:
        """Close what is about stations that are filed no longer: nobody will confirm it."""
        events: list[Event] = []
        reason = machine(sayings.UNFILED)
        for task in await store.unclosed_at(connection, site_id, without=still_filed):
            events += await self._desk.try_to_move(connection, task, Command.LAPSE, reason, also={"fires": False})
        return events

    async def _raised(self, connection: asyncpg.Connection, alert: AlertRaised) -> list[Event]:
        """Open a task, or go on with the one that is about the same thing; some alerts are nobody's work."""
        if not alert.opens_task:
            return []
        opening = await self._opening(connection, alert)
        task = await store.unclosed(connection, alert.rule, opening.subject)
        task = task or await self._desk.closed_lately(connection, opening)
        if task is None:
            return (await self._desk.open(connection, opening)).events
        back = machine(sayings.BACK, CHARGER)
        events = await self._desk.try_to_move(connection, task, Command.FAIL, back, also={"fires": True})
        return events + await self._follow(connection, task["id"], alert)

    async def _opening(self, connection: asyncpg.Connection, alert: AlertRaised) -> Opening:
        settles = await self._settler(connection, alert, alert.since) if alert.rule == UNMANAGED else None
        return Opening(
            origin=Origin.ALERT, cause=alert.rule, severity=alert.severity, subject=_subject(alert),
            occurred_at=alert.since, actor=SYSTEM, role=Role.MACHINE, reason=alert.rule, site_id=alert.site_id,
            station_id=alert.station_id, connector=alert.connector, details=alert.details, alert_id=alert.alert_id,
            fires=True, assignee=settles,
        )  # fmt: skip

    async def _settler(
        self, connection: asyncpg.Connection, alert: AlertRaised | AlertAmended, since: datetime
    ) -> Assignee:
        """Return who is to settle who manages a site."""
        site = await sites.get_site(connection, alert.site_id) if alert.site_id else None
        division = (site["division_code"], site["division_name"]) if site else (None, None)
        team = team_of(await store.teams(connection), *division)
        duties = await sites.duties(connection, alert.site_id) if alert.site_id else []
        return settler(alert.details, assignee(duties, since, station_id=None, otherwise=team), team)

    async def _amended(self, connection: asyncpg.Connection, alert: AlertAmended) -> list[Event]:
        """Let a task say what is the matter now; who is to settle it is whom the registry names, unless people chose."""
        task = await store.unclosed(connection, alert.rule, _subject(alert))
        if task is None:
            return []
        news = {"details": {**task["details"], **alert.details}}
        who = await self._settler(connection, alert, task["occurred_at"])
        if task["assignee_id"] == who.id or await store.was_given(connection, task["id"]):
            await store.change_task(connection, task["id"], news)
            return []
        due = given(task, who, self._desk.rules, self._desk.clock.now())
        word = machine(f"{task['assignee_name']} → {who.name}")
        return await self._desk.try_to_move(connection, task, Command.ENTRUST, word, also={**news, **due})

    async def _worsened(self, connection: asyncpg.Connection, alert: AlertWorsened) -> list[Event]:
        task = await store.unclosed(connection, alert.rule, _subject(alert))
        return await self._follow(connection, task["id"], alert) if task else []

    async def _follow(
        self, connection: asyncpg.Connection, task_id: str, alert: AlertRaised | AlertWorsened
    ) -> list[Event]:
        """Let a task follow an alert that is worse than the task has been so far."""
        task = await store.get_task(connection, task_id, hold=True)
        if not is_worse(alert.severity, task["severity"]):
            return []
        return await self._desk.worsen(connection, task, alert.severity, alert.details)

    async def _resolved(self, connection: asyncpg.Connection, alert: AlertResolved) -> list[Event]:
        task = await store.unclosed(connection, alert.rule, _subject(alert))
        if task is None:
            return []
        over = {"fires": False}
        if alert.because == "gone":
            word = machine(sayings.UNFILED)
            return await self._desk.try_to_move(connection, task, Command.LAPSE, word, also=over)
        cause = self._desk.rules.cause(alert.rule)
        if Way.SOURCE not in cause.ways:
            await store.change_task(connection, task["id"], over)
            return []
        if cause.holds:
            word = machine(sayings.IN_ORDER, CHARGER)
            return await self._desk.try_to_move(connection, task, Command.RECOVER, word, also=over)
        return await self._desk.try_to_move(connection, task, Command.SETTLE, machine(sayings.OVER), also=over)

    async def _charged(self, connection: asyncpg.Connection, ended: TransactionEnded) -> list[Event]:
        """Close what a transaction proves; what still fires is proved by none: the alert's end is waited for."""
        events: list[Event] = []
        for task in await store.waiting_for_proof(connection, ended.station_id, ended.connector):
            counts = Way.TRANSACTION in self._desk.rules.cause(task["cause"]).ways
            if counts and proves(ended, task["moved_at"], self._desk.rules.proof):
                reason = sayings.CHARGED.format(id=ended.transaction_id, energy_wh=f"{ended.energy_wh:g}")
                word = machine(reason, CHARGER)
                events += await self._desk.try_to_move(connection, task, Command.SUCCEED, word)
        return events

    async def _probed(self, connection: asyncpg.Connection, probed: StationProbed) -> list[Event]:
        """What a station says when it is asked: in order, still broken, or nothing, and then something else has to prove it."""
        task = await store.probed(connection, probed.probe_id)
        if task is None:
            return []
        if probed.condition == "faulted":
            word = machine(sayings.ASKED.format(condition=probed.condition), CHARGER)
            return await self._desk.try_to_move(connection, task, Command.FAIL, word)
        if probed.condition in IN_ORDER and not task["fires"]:
            word = machine(sayings.ASKED.format(condition=probed.condition), CHARGER)
            return await self._desk.try_to_move(connection, task, Command.RECOVER, word)
        return await self._desk.wait_on(connection, task, Way.PROBE)


def _subject(alert: AlertRaised | AlertResolved | AlertWorsened | AlertAmended) -> str:
    """Return what an alert is about: what it says itself, else its narrowest place, or the alert itself."""
    return alert.subject or subject_of(alert.site_id, alert.station_id, alert.connector) or alert.alert_id


def _those(told: Mapping[Key, tuple[bool, datetime]], well: bool) -> dict[Key, datetime]:
    """Return those of which it was last said that they are well, or that they are not, and when."""
    return {key: at for key, (said, at) in told.items() if said is well}
