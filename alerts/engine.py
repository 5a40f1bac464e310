"""Raises and resolves: applies what events say about the rules to what is open."""

import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg

from alerts import store
from alerts.lifecycle import (
    FILE_CONTRADICTED,
    Finding,
    Gone,
    Holds,
    Over,
    as_filed,
    findings,
    is_worse,
    severity,
)
from youguan.clock import Clock
from youguan.eventlog import Consumer, StoredEvent, publish
from youguan.events import (
    AlertAmended,
    AlertRaised,
    AlertResolved,
    AlertWorsened,
    ConnectorStatusChanged,
    DocumentExpiring,
    DocumentRenewed,
    Event,
    FilingPromiseKept,
    FilingPromiseOverdue,
    FirmwareVerified,
    GracePeriodEnded,
    GracePeriodEnding,
    MeterRanBackwards,
    MeterVerificationDue,
    MeterVerified,
    PlatformHeard,
    PlatformOrdersSettled,
    PlatformOrdersUntold,
    PlatformSilent,
    RelayRecordsLost,
    SecurityAlarmed,
    SensorAlarmed,
    SensorCleared,
    SiteFiled,
    SiteManaged,
    SiteRetired,
    SiteUnmanaged,
    StationAccessRefused,
    StationClockRight,
    StationClockSkewed,
    StationOffline,
    StationOnline,
    StationRejected,
    UnfiledStationSeen,
    UpstreamAway,
    UpstreamBack,
)
from youguan.repeating import repeat_in_transaction

STREAM = "alerts"
TYPES = (
    ConnectorStatusChanged,
    DocumentExpiring,
    DocumentRenewed,
    FilingPromiseKept,
    FilingPromiseOverdue,
    FirmwareVerified,
    GracePeriodEnded,
    GracePeriodEnding,
    MeterRanBackwards,
    MeterVerificationDue,
    MeterVerified,
    RelayRecordsLost,
    PlatformHeard,
    PlatformOrdersSettled,
    PlatformOrdersUntold,
    PlatformSilent,
    SecurityAlarmed,
    SensorAlarmed,
    SensorCleared,
    SiteFiled,
    SiteManaged,
    SiteRetired,
    SiteUnmanaged,
    StationClockRight,
    StationClockSkewed,
    StationAccessRefused,
    StationOffline,
    StationOnline,
    StationRejected,
    UnfiledStationSeen,
    UpstreamAway,
    UpstreamBack,
)
PENDING_WATCH_S = 1.0


class Engine:
    """The rules at work."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def consumer(self) -> Consumer:
        """Return the consumer that feeds the rules."""
        return Consumer(self._pool, "alerts.rules", self.handle, types=TYPES)

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Apply a batch of events and publish what came of it."""
        rules = await store.rules(connection)
        dangerous = await store.dangerous_errors(connection)
        news: list[Event] = []
        for stored in batch:
            over = await self._project(connection, stored.event)
            for finding in [*over, *findings(stored.event, self._clock.now())]:
                news += await self._apply(connection, finding, rules, dangerous)
        await publish(connection, STREAM, news)

    async def _project(self, connection: asyncpg.Connection, event: Event) -> Sequence[Finding]:
        """Keep what is filed; return what is over since stations are filed no longer, or with more connectors."""
        match event:
            case SiteFiled():
                grown = await store.filed_with_fewer(connection, event)
                dropped = await store.file_site(connection, event)
                amended = [Over(FILE_CONTRADICTED, station_id, self._clock.now()) for station_id in grown]
                return [*amended, Gone(tuple(dropped))] if dropped else amended
            case SiteRetired():
                await store.retire_site(connection, event.site_id)
        return []

    async def _apply(
        self,
        connection: asyncpg.Connection,
        finding: Finding,
        rules: dict[str, asyncpg.Record],
        dangerous: frozenset[str],
    ) -> list[Event]:
        match finding:
            case Holds():
                return await self._raise(connection, finding, rules, dangerous)
            case Over():
                return await self._resolve(connection, finding)
            case Gone():
                now = self._clock.now()
                events: list[Event] = []
                for row in await store.open_about(connection, finding.site_id, finding.station_ids):
                    events += await self._resolve(connection, Over(row["rule"], row["subject"], now, "gone"))
                return events

    async def _raise(
        self, connection: asyncpg.Connection, told: Holds, rules: dict[str, asyncpg.Record], dangerous: frozenset[str]
    ) -> list[Event]:
        now = self._clock.now()
        filed = await store.filed(connection, told.station_id) if told.station_id else None
        holds = as_filed(told, filed["connectors"] if filed else None)
        if holds is None or not rules[holds.rule]["enabled"]:
            return []
        rule = rules[holds.rule]
        site_id = holds.site_id or (filed["site_id"] if filed else None)
        bad = severity(rule["severity"], holds.details, dangerous)
        before = await store.open_alert(connection, holds.rule, holds.subject)
        if before is not None:
            if rule["quiet_s"] is not None:
                await store.hear_again(connection, holds.rule, holds.subject, now, holds.details.get("tries", 0))
            return await self._follow(connection, before, bad, holds)
        firing = rule["for_s"] == 0
        alert_id = str(uuid.uuid4())
        alert = (
            alert_id,
            holds.rule,
            holds.subject,
            "firing" if firing else "pending",
            bad,
            site_id,
            holds.station_id,
            holds.connector,
            holds.since,
            now if firing else None,
            holds.details,
        )
        await store.raise_alert(connection, alert)
        if rule["quiet_s"] is not None:
            await store.hear_again(connection, holds.rule, holds.subject, now, 0)
        if not firing:
            return []
        return [
            AlertRaised(
                alert_id=alert_id,
                rule=holds.rule,
                severity=bad,
                site_id=site_id,
                station_id=holds.station_id,
                connector=holds.connector,
                since=holds.since,
                at=now,
                details=holds.details,
                opens_task=rule["opens_task"],
                subject=holds.subject,
            )
        ]

    async def _follow(
        self, connection: asyncpg.Connection, alert: asyncpg.Record, bad: str, holds: Holds
    ) -> list[Event]:
        """Let an open alert follow what has become worse; what has become less bad leaves it as it is until it is over."""
        if not is_worse(bad, alert["severity"]):
            return await self._amend(connection, alert, holds)
        await store.restate_alert(connection, alert["id"], bad, holds.details)
        if alert["state"] == "pending":
            return []
        return [
            AlertWorsened(
                **_which(alert),
                severity=bad,
                at=self._clock.now(),
                details=holds.details,
            )
        ]

    async def _amend(self, connection: asyncpg.Connection, alert: asyncpg.Record, holds: Holds) -> list[Event]:
        """Let an open alert say what is the matter now, where what holds says it anew."""
        if not holds.amends or holds.details == alert["details"]:
            return []
        await store.restate_alert(connection, alert["id"], alert["severity"], holds.details)
        if alert["state"] == "pending":
            return []
        return [
            AlertAmended(
                **_which(alert),
                at=self._clock.now(),
                details=holds.details,
            )
        ]

    async def _resolve(self, connection: asyncpg.Connection, over: Over) -> list[Event]:
        now = self._clock.now()
        was = await store.resolve_alert(connection, over.rule, over.subject, now)
        if was is None or was["state"] == "pending":
            return []
        return [
            AlertResolved(
                **_which(was),
                at=now,
                because=over.because,
            )
        ]

    async def watch_pending(self) -> None:
        """Let pending alerts fire when their time has come, and those end that nothing more is heard of."""

        async def look(connection: asyncpg.Connection) -> None:
            await self.fire_due(connection)
            await self.end_quiet(connection)

        await repeat_in_transaction(self._pool, look, PENDING_WATCH_S)

    async def fire_due(self, connection: asyncpg.Connection) -> None:
        """Fire what is due now."""
        rows = await store.fire_due(connection, self._clock.now())
        await publish(connection, STREAM, [_raised(row) for row in rows])

    async def end_quiet(self, connection: asyncpg.Connection) -> None:
        """Resolve what has been quiet for long enough."""
        now = self._clock.now()
        news: list[Event] = []
        for row in await store.quiet(connection, now):
            news += await self._resolve(connection, Over(row["rule"], row["subject"], now))
        await publish(connection, STREAM, news)


def _raised(row: asyncpg.Record) -> AlertRaised:
    return AlertRaised(
        **_which(row),
        severity=row["severity"],
        since=row["since"],
        at=row["raised_at"],
        details=row["details"],
        opens_task=row["opens_task"],
    )


def _which(alert: asyncpg.Record) -> dict[str, Any]:
    """Return what every event of an alert says of it: which it is, and about what."""
    members = ("rule", "subject", "site_id", "station_id", "connector")
    return {"alert_id": alert["id"], **{name: alert[name] for name in members}}
