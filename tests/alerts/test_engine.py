"""Alerts on a real PostgreSQL: raised once, resolved when it is over, whatever is told twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from alerts.engine import Engine
from alerts.store import forget_resolved
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import (
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
    StationFile,
    StationOffline,
    StationOnline,
    StationRejected,
    UnfiledStationSeen,
    UpstreamAway,
    UpstreamBack,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
STATION = StationFile(station_id="a", connectors=2, power_w=7000, current_type="AC")
FILED = SiteFiled(
    site_id="s",
    name="s",
    address="",
    division_code=None,
    division_name=None,
    longitude=1,
    latitude=1,
    stations=(STATION,),
)


def status(condition: str, *, connector: int = 1, error: str | None = None) -> ConnectorStatusChanged:
    return ConnectorStatusChanged(
        station_id="a", connector=connector, status=condition.title(), condition=condition, previous_condition=None,
        error_code=error, error_info=None, vendor_error_code=None, occurred_at=NOW, received_at=NOW, effective_at=NOW,
    )  # fmt: skip


OFFLINE = StationOffline(station_id="a", last_seen_at=NOW, at=NOW)
ONLINE = StationOnline(station_id="a", at=NOW)
UNMANAGED = SiteUnmanaged(site_id="s", reason="no_manager", since=NOW, at=NOW)
MANAGED = SiteManaged(site_id="s", organisation_id="o", at=NOW)
UNFILED = UnfiledStationSeen(station_id="a", remote="1.2.3.4", ocpp_version="1.6", vendor=None, model=None, at=NOW)
SKEWED = StationClockSkewed(station_id="a", skew_s=600.0, at=NOW)
RIGHT = StationClockRight(station_id="a", at=NOW)
SENSOR: dict[str, Any] = {
    "site_id": "s", "sensor": "x", "kind": "k", "station_id": None, "connector": None, "effective_at": NOW,
}  # fmt: skip


def alarmed(alarm: str) -> SensorAlarmed:
    return SensorAlarmed(alarm=alarm, value=1, unit="", **SENSOR)


def cleared(alarm: str) -> SensorCleared:
    return SensorCleared(alarm=alarm, **SENSOR)


def endangered(alarm: str, said: str = "TamperDetectionActivated") -> SecurityAlarmed:
    return SecurityAlarmed(alarm=alarm, station_id="a", said=said, info=None, effective_at=NOW)


BACKWARDS = MeterRanBackwards(
    station_id="a", connector=2, transaction_id="t", meter_start_wh=9, meter_stop_wh=1, effective_at=NOW
)
RETIRED = SiteRetired(site_id="s", station_ids=("a",))
REJECTED = StationRejected(station_id="a", reason="x", at=NOW)


PAPER: dict[str, Any] = {
    "document_id": "d", "document_type": "insurance", "number": "1", "site_id": "s", "filing_id": "f",
    "valid_until": NOW.date(), "at": NOW,
}  # fmt: skip
EXPIRING, EXPIRED = (DocumentExpiring(expired=expired, **PAPER) for expired in (False, True))
RENEWED = DocumentRenewed(document_id="d", site_id="s", at=NOW)
PROMISE: dict[str, Any] = {"filing_id": "f", "site_id": "s", "document_type": "insurance", "at": NOW}
BROKEN, KEPT = FilingPromiseOverdue(promised_for=NOW.date(), **PROMISE), FilingPromiseKept(**PROMISE)

ENDING = GracePeriodEnding(site_id="s", until=NOW.date(), at=NOW)


class World:
    """The engine with a clock of its own, fed event by event."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.clock = ManualClock(NOW)
        self.engine = Engine(pool, self.clock)

    async def tell(self, *events: Event) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await publish(connection, "test", events)
        await self.engine.consumer().catch_up()

    async def states(self) -> list[tuple[str, str]]:
        rows = await self.pool.fetch("SELECT rule, state FROM alerts.alert ORDER BY recorded_at, id")
        return [tuple(row) for row in rows]

    async def said(self) -> list[Any]:
        rows = await self.pool.fetch("SELECT type FROM eventlog.event WHERE stream = 'alerts' ORDER BY sequence")
        return [row["type"] for row in rows]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with await create_pool(database_url) as pool:
        yield World(pool)


@pytest.mark.parametrize(
    ("begins", "ends", "rule"),
    [
        (status("faulted"), status("available"), "connector_fault"),
        (status("faulted"), status("charging"), "connector_fault"),
        (OFFLINE, ONLINE, "station_offline"),
        (UNMANAGED, MANAGED, "unmanaged_site"),
        (UNFILED, FILED, "unfiled_charger"),
        (UNFILED, REJECTED, "unfiled_charger"),
        (SKEWED, RIGHT, "clock_skew"),
        (status("faulted"), RETIRED, "connector_fault"),
        (UNMANAGED, RETIRED, "unmanaged_site"),
        (alarmed("smoke"), cleared("smoke"), "smoke"),
        (alarmed("water"), cleared("water"), "water"),
        (alarmed("overheating"), RETIRED, "overheating"),
        (endangered("tampering"), RETIRED, "tampering"),
        (endangered("firmware_signature"), FirmwareVerified(station_id="a", at=NOW), "firmware_signature"),
        (endangered("security_event"), RETIRED, "security_event"),
        (BACKWARDS, RETIRED, "meter_backwards"),
        (EXPIRING, RENEWED, "document_expiring"),
        (EXPIRED, RENEWED, "document_expired"),
        (EXPIRED, RETIRED, "document_expired"),
        (BROKEN, KEPT, "filing_promise_overdue"),
        (BROKEN, RETIRED, "filing_promise_overdue"),
        (ENDING, GracePeriodEnded(site_id="s", at=NOW), "grace_period_ending"),
        (ENDING, RETIRED, "grace_period_ending"),
    ],
)
async def test_raised_once_and_resolved_when_over(world: World, begins: Event, ends: Event, rule: str) -> None:
    if begins is not UNFILED:
        await world.tell(FILED)
    await world.tell(begins, begins)
    await world.tell(begins)
    assert await world.states() == [(rule, "firing")]
    await world.tell(ends, ends)
    assert await world.states() == [(rule, "resolved")]
    if ends is RETIRED:
        await world.tell(FILED)
    await world.tell(begins)
    assert await world.states() == [(rule, "resolved"), (rule, "firing")]
    assert await world.said() == ["AlertRaised", "AlertResolved", "AlertRaised"]


async def test_connectors_are_subjects_of_their_own(world: World) -> None:
    await world.tell(FILED, status("faulted"), status("faulted", connector=2), status("available", connector=2))
    assert await world.states() == [("connector_fault", "firing"), ("connector_fault", "resolved")]
    assert await world.pool.fetchval("SELECT DISTINCT site_id FROM alerts.alert") == "s"


async def test_a_fault_beyond_the_file_contradicts_it_until_it_is_amended(world: World) -> None:
    beyond = status("faulted", connector=3, error="GroundFailure")
    await world.tell(FILED, beyond, beyond)
    assert await world.states() == [("file_contradicted", "firing")]
    (raised,) = await world.pool.fetch("SELECT payload FROM eventlog.event WHERE stream = 'alerts'")
    assert (raised["payload"]["severity"], raised["payload"]["connector"]) == ("critical", 3)
    assert raised["payload"]["opens_task"] is False
    await world.tell(FILED)
    assert await world.states() == [("file_contradicted", "firing")], "the file says what it said"
    await world.tell(replace(FILED, stations=(replace(STATION, connectors=3),)), beyond)
    assert await world.states() == [("file_contradicted", "resolved"), ("connector_fault", "firing")]


async def test_a_fault_stays_when_its_connector_is_taken_out_of_use(world: World) -> None:
    await world.tell(FILED, status("faulted"), status("unavailable"))
    assert await world.states() == [("connector_fault", "firing")]
    await world.tell(status("available"))
    assert await world.states() == [("connector_fault", "resolved")]


async def test_a_fault_stays_when_its_station_goes_silent(world: World) -> None:
    await world.tell(FILED, status("faulted"), OFFLINE, ONLINE)
    assert await world.states() == [("connector_fault", "firing"), ("station_offline", "resolved")]


@pytest.mark.parametrize(
    ("error", "severity"), [("GroundFailure", "critical"), ("ReaderFailure", "major"), (None, "major")]
)
async def test_what_endangers_people_is_critical(world: World, error: str | None, severity: str) -> None:
    await world.tell(FILED, status("faulted", error=error))
    assert await world.pool.fetchval("SELECT severity FROM alerts.alert") == severity


async def test_a_rule_that_waits_fires_only_when_its_condition_has_held(world: World) -> None:
    await world.pool.execute("UPDATE alerts.rule SET for_s = 60 WHERE name = 'connector_fault'")
    await world.tell(FILED, status("faulted"))
    async with world.pool.acquire() as connection, connection.transaction():
        await world.engine.fire_due(connection)
        assert await world.states() == [("connector_fault", "pending")]
        world.clock.advance(timedelta(seconds=60))
        await world.engine.fire_due(connection)
    assert await world.states() == [("connector_fault", "firing")]


async def test_a_petrol_car_in_a_bay_has_ten_minutes_to_leave(world: World) -> None:
    await world.tell(alarmed("bay_blocked"), alarmed("noise"))
    async with world.pool.acquire() as connection, connection.transaction():
        world.clock.advance(timedelta(minutes=9, seconds=59))
        await world.engine.fire_due(connection)
        assert await world.states() == [("bay_blocked", "pending")]
        world.clock.advance(timedelta(seconds=1))
        await world.engine.fire_due(connection)
    assert await world.states() == [("bay_blocked", "firing")]
    assert await world.pool.fetchval("SELECT severity FROM alerts.alert") == "minor"


async def test_what_was_pending_and_is_over_was_never_told(world: World) -> None:
    await world.pool.execute("UPDATE alerts.rule SET for_s = 60")
    await world.tell(FILED, status("faulted"), status("faulted", error="GroundFailure"), status("available"))
    assert await world.said() == []


async def test_a_rule_that_is_switched_off_raises_nothing(world: World) -> None:
    await world.pool.execute("UPDATE alerts.rule SET enabled = false")
    await world.tell(FILED, status("faulted"))
    assert await world.states() == []


async def test_a_rule_says_whether_its_alerts_are_work(world: World) -> None:
    await world.pool.execute("UPDATE alerts.rule SET for_s = 60 WHERE name = 'clock_skew'")
    await world.tell(FILED, status("faulted"), SKEWED)
    world.clock.advance(timedelta(seconds=60))
    async with world.pool.acquire() as connection, connection.transaction():
        await world.engine.fire_due(connection)
    rows = await world.pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'AlertRaised' ORDER BY sequence")
    told = [(row["payload"]["rule"], row["payload"]["severity"], row["payload"]["opens_task"]) for row in rows]
    assert told == [("connector_fault", "major", True), ("clock_skew", "minor", False)]


def refused(tries: int = 10, source: str | None = "192.0.2.1", station_id: str | None = None) -> StationAccessRefused:
    return StationAccessRefused(source=source, station_id=station_id, tries=tries, reason="password", since=NOW, at=NOW)


async def test_repeated_attempts_to_connect_are_one_alert_that_ends_when_it_is_quiet(world: World) -> None:
    await world.tell(refused(10), refused(7))
    assert await world.states() == [("access_attempts", "firing")]
    row = await world.pool.fetchrow("SELECT severity, subject, details FROM alerts.alert")
    assert (row["severity"], row["subject"], row["details"]["tries"]) == ("major", "source 192.0.2.1", 17)
    world.clock.advance(timedelta(minutes=14))
    await world.tell(refused(1))
    world.clock.advance(timedelta(minutes=14))
    async with world.pool.acquire() as connection, connection.transaction():
        await world.engine.end_quiet(connection)
        assert await world.states() == [("access_attempts", "firing")]
        world.clock.advance(timedelta(minutes=1))
        await world.engine.end_quiet(connection)
    assert await world.states() == [("access_attempts", "resolved")]
    assert await world.said() == ["AlertRaised", "AlertResolved"]


async def test_who_is_guessed_at_and_each_security_event_is_a_subject_of_its_own(world: World) -> None:
    await world.tell(FILED, refused(), refused(source=None, station_id="a"))
    await world.tell(*(endangered("security_event", said) for said in ("MemoryExhaustion", "SecurityLogWasCleared")))
    rows = await world.pool.fetch("SELECT subject, site_id FROM alerts.alert ORDER BY subject")
    subjects = [
        ("a/MemoryExhaustion", "s"),
        ("a/SecurityLogWasCleared", "s"),
        ("source 192.0.2.1", None),
        ("station a", "s"),
    ]
    assert [tuple(row) for row in rows] == subjects


async def test_what_something_says_to_be_over_does_not_end_by_being_quiet(world: World) -> None:
    await world.tell(FILED, status("faulted"))
    world.clock.advance(timedelta(days=30))
    async with world.pool.acquire() as connection, connection.transaction():
        await world.engine.end_quiet(connection)
    assert await world.states() == [("connector_fault", "firing")]


async def test_who_answers_for_an_unmanaged_site_is_told_anew_by_the_same_alert(world: World) -> None:
    def unmanaged(by: str) -> SiteUnmanaged:
        return SiteUnmanaged(
            site_id="s", reason="deregistered", since=NOW, at=NOW, organisation_id="m", accountable_id=by,
            accountable_name=by, accountable_role="owner",
        )  # fmt: skip

    await world.tell(FILED, unmanaged("w"), unmanaged("w"), unmanaged("b"))
    assert await world.said() == ["AlertRaised", "AlertAmended"]
    row = await world.pool.fetchrow("SELECT state, details -> 'accountable' ->> 'id' FROM alerts.alert")
    assert tuple(row) == ("firing", "b")


async def test_what_becomes_worse_is_told_once_and_never_becomes_less(world: World) -> None:
    await world.tell(FILED, status("faulted", error="WeakSignal"))
    await world.tell(status("faulted", error="GroundFailure"), status("faulted", error="GroundFailure"))
    await world.tell(status("faulted", error="WeakSignal"))
    assert await world.said() == ["AlertRaised", "AlertWorsened"]
    row = await world.pool.fetchrow("SELECT state, severity, details ->> 'error_code' FROM alerts.alert")
    assert tuple(row) == ("firing", "critical", "GroundFailure")


@pytest.mark.parametrize(
    ("connector", "filed"),
    [
        (0, True), (1, True), (2, True), (101, True),
        (3, False), (100, False), (102, False), (201, False), (-5, False), (44000, False),
    ],
)  # fmt: skip
async def test_only_connectors_that_are_filed_have_faults(world: World, connector: int, filed: bool) -> None:
    await world.tell(FILED, status("faulted", connector=connector))
    assert await world.states() == [("connector_fault" if filed else "file_contradicted", "firing")]


@pytest.mark.parametrize(
    ("begins", "ends", "subject", "because"),
    [
        (status("faulted"), status("available"), "a#1", "recovered"),
        (OFFLINE, ONLINE, "a", "recovered"),
        (UNMANAGED, MANAGED, "s", "recovered"),
        (UNFILED, REJECTED, "a", "decided"),
        (alarmed("smoke"), cleared("smoke"), "s/k/x", "recovered"),
        (alarmed("bay_blocked"), cleared("bay_blocked"), "s/k/x", "recovered"),
        (status("faulted"), RETIRED, "a#1", "gone"),
    ],
)
async def test_an_alert_says_what_it_is_about_and_why_it_ends(
    world: World, begins: Event, ends: Event, subject: str, because: str
) -> None:
    if begins is not UNFILED:
        await world.tell(FILED)
    await world.tell(begins)
    world.clock.advance(timedelta(hours=1))  # bay_blocked waits
    async with world.pool.acquire() as connection, connection.transaction():
        await world.engine.fire_due(connection)
    await world.tell(ends)
    rows = await world.pool.fetch(
        """
        SELECT payload ->> 'subject', payload ->> 'because' FROM eventlog.event WHERE stream = 'alerts'
        ORDER BY sequence
        """
    )
    assert [tuple(row) for row in rows] == [(subject, None), (subject, because)]


@pytest.mark.parametrize("gone", [RETIRED, replace(FILED, stations=())])
async def test_what_is_filed_no_longer_has_no_alerts(world: World, gone: Event) -> None:
    await world.tell(FILED, status("faulted"), OFFLINE, gone)
    assert await world.states() == [("connector_fault", "resolved"), ("station_offline", "resolved")]
    because = await world.pool.fetch("SELECT payload ->> 'because' FROM eventlog.event WHERE type = 'AlertResolved'")
    assert [row[0] for row in because] == ["gone", "gone"]
    await world.tell(status("faulted"), OFFLINE)
    assert {state for _, state in await world.states()} == {"resolved"}


async def test_alerts_that_ended_long_ago_are_forgotten(world: World) -> None:
    await world.tell(FILED, status("faulted"), status("available"), OFFLINE)
    async with world.pool.acquire() as connection:
        await forget_resolved(connection, NOW)
        assert len(await world.states()) == 2
        await forget_resolved(connection, NOW + timedelta(days=1))
    assert await world.states() == [("station_offline", "firing")]


async def test_a_paper_that_expires_is_no_longer_about_to(world: World) -> None:
    await world.tell(FILED, EXPIRING, EXPIRED)
    assert await world.states() == [("document_expiring", "resolved"), ("document_expired", "firing")]


async def test_a_central_system_that_stays_away_is_its_managers_task_and_one_that_blinks_is_nothing(
    world: World,
) -> None:
    away = UpstreamAway(site_id="s", station_id="a", reason="connection refused", at=NOW)
    await world.tell(FILED, away, UpstreamBack(site_id="s", at=NOW))
    assert await world.said() == []
    await world.tell(away)
    world.clock.advance(timedelta(seconds=60))
    async with world.pool.acquire() as connection, connection.transaction():
        await world.engine.fire_due(connection)
    row = await world.pool.fetchrow("SELECT site_id, details FROM alerts.alert WHERE state = 'firing'")
    assert (row["site_id"], row["details"]["reason"]) == ("s", "connection refused")
    await world.tell(UpstreamBack(site_id="s", at=NOW))
    assert await world.said() == ["AlertRaised", "AlertResolved"]


async def test_what_could_not_be_kept_is_one_alert_that_counts_and_nobodys_task(world: World) -> None:
    await world.tell(*(RelayRecordsLost(spool_id="p", records=n, since=NOW) for n in (5, 7)))
    row = await world.pool.fetchrow("SELECT state, details FROM alerts.alert")
    assert (row["state"], row["details"]["tries"]) == ("firing", 12)
    opens = await world.pool.fetchval("SELECT payload->>'opens_task' FROM eventlog.event WHERE type = 'AlertRaised'")
    assert opens == "false"


async def test_a_platform_that_is_silent_is_nobodys_task_until_it_is_heard(world: World) -> None:
    silent = PlatformSilent(operator_id="395815801", name="甲平台", last_heard_at=NOW, at=NOW, ever_heard=False)
    await world.tell(silent, silent)
    assert await world.states() == [("platform_silent", "firing")]
    payload = await world.pool.fetchval("SELECT payload FROM eventlog.event WHERE type = 'AlertRaised'")
    assert (payload["subject"], payload["opens_task"]) == ("395815801", False)
    assert payload["details"] == {"operator_id": "395815801", "name": "甲平台", "last_heard_at": None}, "never"
    await world.tell(PlatformHeard(operator_id="395815801", at=NOW))
    assert await world.states() == [("platform_silent", "resolved")]
    await world.tell(PlatformOrdersUntold(operator_id="395815801", name="省平台", since=NOW, at=NOW))
    assert ("orders_untold", "firing") in await world.states()
    await world.tell(PlatformOrdersSettled(operator_id="395815801", at=NOW))
    assert ("orders_untold", "resolved") in await world.states()
