"""Tasks: whose they are, their terms, and their life on a real PostgreSQL, told event by event."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from inspection_service.tasks.assignment import Assignee, Duty, Team, assignee, team_of
from inspection_service.tasks.deadlines import due_at
from inspection_service.tasks.desk import TaskDesk, machine
from inspection_service.tasks.intake import Intake
from inspection_service.tasks.machine import Command, Role
from inspection_service.tasks.opening import Opening, Origin
from inspection_service.tasks.rules import rules
from inspection_service.tasks.store import Filter, count_urged, list_tasks, next_moment
from inspection_service.tasks.watch import TaskWatch
from youguan.auth import EVERYTHING
from youguan.clock import ManualClock, county_day
from youguan.database import create_pool
from youguan.errors import Conflict
from youguan.eventlog import publish
from youguan.events import (
    AlertAmended,
    AlertRaised,
    AlertResolved,
    AlertWorsened,
    ConnectorStatusChanged,
    Event,
    ResponsibilitiesChanged,
    ResponsibilityEntry,
    SiteFiled,
    SiteRetired,
    StationConnected,
    StationDisconnected,
    StationFile,
    StationOffline,
    StationOnline,
    TransactionEnded,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
NOBODY = Assignee("team-330226001", "跃龙街道执法队", "team")


def duty(role: str, who: str, since: int = 0, until: int | None = None, station: str | None = None) -> Duty:
    start = NOW - timedelta(days=100)
    return Duty(
        role, who, who, station, start + timedelta(days=since), start + timedelta(days=until) if until else None
    )


@pytest.mark.parametrize(
    ("duties", "who", "role"),
    [
        ([duty("builder", "b"), duty("owner", "o"), duty("manager", "m")], "m", "manager"),
        ([duty("manager", "old", 0, 100), duty("manager", "new", 100)], "new", "manager"),
        ([duty("manager", "old", 0, 101), duty("manager", "new", 101)], "old", "manager"),
        ([duty("builder", "b"), duty("owner", "o")], "o", "owner"),
        ([duty("builder", "b"), duty("manager", "m", 0, 50)], "b", "builder"),
        ([duty("maintainer", "x")], "team-330226001", "team"),
        ([duty("manager", "m"), duty("manager", "own", station="a")], "own", "manager"),
        ([duty("manager", "m"), duty("manager", "other", station="z")], "m", "manager"),
    ],
)
def test_whose_task_it_is(duties: list[Duty], who: str, role: str) -> None:
    found = assignee(duties, NOW, station_id="a", otherwise=NOBODY)
    assert (found.id, found.role) == (who, role)


def test_the_team_is_the_one_in_whose_district_it_lies() -> None:
    teams = (Team("north", "北片", ("330226001", "3302261")), Team("all", "全县", ("330226",)))
    assert team_of(teams, "330226001", "跃龙街道").id == "north"
    assert team_of(teams, "330226002", "桃源街道").id == "all"
    assert team_of((), "330226001", "跃龙街道") == NOBODY
    assert team_of(teams, None, None).id == "team-county"
    assert team_of(teams, "999", None).id == "team-999"


def test_days_are_the_countys() -> None:
    assert county_day(due_at(datetime(2026, 5, 4, 17, tzinfo=UTC), rules().terms["major"])) == date(2026, 5, 8)


def test_danger_waits_for_no_holiday_to_end() -> None:
    opened = datetime(2026, 9, 30, 2, tzinfo=UTC)
    assert county_day(due_at(opened, rules().terms["major"])) == date(2026, 10, 10)
    assert county_day(due_at(opened, rules().terms["critical"])) == date(2026, 10, 1)


SITE = SiteFiled(
    site_id="s", name="场站", address="", division_code="330226001", division_name="跃龙街道",
    longitude=121.0, latitude=29.0, stations=(),
)  # fmt: skip


def ledger(*entries: tuple[str, str, int]) -> ResponsibilitiesChanged:
    """Return a ledger of (role, organisation, days ago since when)."""
    return ResponsibilitiesChanged(
        site_id="s",
        entries=tuple(
            ResponsibilityEntry(
                role=role,
                organisation_id=who,
                organisation_name=who,
                station_id=None,
                since=NOW - timedelta(days=ago),
                until=None,
            )
            for role, who, ago in entries
        ),
    )


def raised(rule: str = "connector_fault", since: datetime = NOW, connector: int | None = 1) -> AlertRaised:
    return AlertRaised(
        alert_id="x", rule=rule, severity="major", site_id="s", station_id=None if rule == "unmanaged_site" else "a",
        connector=connector, since=since, at=NOW, details={},
    )  # fmt: skip


def resolved(rule: str = "connector_fault", connector: int | None = 1) -> AlertResolved:
    station = None if rule == "unmanaged_site" else "a"
    return AlertResolved(alert_id="x", rule=rule, site_id="s", station_id=station, connector=connector, at=NOW)


class World:
    """The desk with a clock of its own, fed event by event."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.clock = ManualClock(NOW)
        self.lot = 0.99
        self.desk = TaskDesk(self.clock, timedelta(seconds=30), draw=lambda: self.lot)
        self.intake = Intake(pool, self.desk)
        self.watch = TaskWatch(pool, self.desk)

    async def tell(self, *events: Event) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await publish(connection, "test", events)
        await self.intake.consumer().catch_up()

    async def do(self, command: Command) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            task = await connection.fetchrow("SELECT * FROM inspection.task FOR UPDATE")
            await publish(connection, "test", await self.desk.move(connection, task, command, machine("")))

    async def tell_by_hand(self, cause: str) -> None:
        """Let somebody say by hand what is the matter with the connector."""
        opening = Opening(
            origin=Origin.HAND, cause=cause, severity="major", subject="a#1", occurred_at=NOW, actor="i",
            role=Role.TEAM, reason="", site_id="s", station_id="a", connector=1,
        )  # fmt: skip
        async with self.pool.acquire() as connection, connection.transaction():
            await publish(connection, "test", (await self.desk.take_in(connection, opening)).events)

    async def mend(self) -> None:
        await self.do(Command.MEND)

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        async with self.pool.acquire() as connection, connection.transaction():
            await self.watch.pass_time(connection)

    async def tasks(self) -> list[tuple[Any, ...]]:
        rows = await self.pool.fetch("SELECT number, state, assignee_id FROM inspection.task ORDER BY number")
        return [tuple(row) for row in rows]

    async def task(self) -> dict[str, Any]:
        return dict(await self.pool.fetchrow("SELECT * FROM inspection.task ORDER BY number DESC LIMIT 1"))

    async def state(self) -> str:
        return str((await self.task())["state"])

    async def moves(self) -> list[tuple[str, str]]:
        rows = await self.pool.fetch("SELECT command, state FROM inspection.task_history ORDER BY task_id, place")
        return [(row["command"], row["state"]) for row in rows]

    async def told(self, name: str) -> list[dict[str, Any]]:
        rows = await self.pool.fetch(
            "SELECT payload FROM eventlog.event WHERE type = $1 ORDER BY serial, sequence", name
        )
        return [row["payload"] for row in rows]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with await create_pool(database_url) as pool:
        world = World(pool)
        await world.tell(SITE, ledger(("builder", "b", 90), ("manager", "m", 80)))
        yield world


async def test_from_fault_to_closed(world: World) -> None:
    await world.tell(raised())
    assert await world.tasks() == [("GD-2026-000001", "open", "m")]
    await world.tell(resolved())
    assert await world.state() == "verifying"
    await world.pass_time(29)
    assert await world.state() == "verifying"
    await world.pass_time(1)
    assert await world.state() == "closed"
    lines = await world.pool.fetch("SELECT command, state FROM inspection.task_history ORDER BY place")
    assert [tuple(line) for line in lines] == [("open", "open"), ("recover", "verifying"), ("hold", "closed")]


async def test_an_alert_that_is_nobodys_work_opens_no_task(world: World) -> None:
    await world.tell(replace(raised(rule="clock_skew", connector=None), opens_task=False))
    await world.tell(resolved(rule="clock_skew", connector=None))
    assert await world.tasks() == []


async def test_two_sensors_of_one_rule_at_a_site_are_two_tasks(world: World) -> None:
    def smoke(sensor: str) -> AlertRaised:
        alarm = replace(raised(rule="smoke", connector=None), station_id=None, alert_id=sensor)
        return replace(alarm, subject=f"s/smoke/{sensor}")

    await world.tell(smoke("x"), smoke("y"), smoke("x"))
    assert [state for _, state, _ in await world.tasks()] == ["open", "open"]
    over = replace(resolved(rule="smoke", connector=None), station_id=None, subject="s/smoke/x")
    await world.tell(over)
    assert [state for _, state, _ in await world.tasks()] == ["closed", "open"]


@pytest.mark.parametrize("rule", ["tampering", "meter_backwards"])
async def test_what_is_not_heard_of_again_is_not_mended_by_that(world: World, rule: str) -> None:
    await world.tell(raised(rule), resolved(rule))
    assert [state for _, state, _ in await world.tasks()] == ["open"]
    assert await world.pool.fetchval("SELECT fires FROM inspection.task") is False


async def test_the_manager_at_the_faults_time_gets_it(world: World) -> None:
    await world.tell(ledger(("builder", "b", 90), ("manager", "new", 10)))
    await world.tell(raised(since=NOW - timedelta(days=20)))
    assert await world.tasks() == [("GD-2026-000001", "open", "b")]


async def test_a_flapping_charger_keeps_one_task(world: World) -> None:
    for _ in range(5):
        await world.tell(raised(), resolved())
        await world.pass_time(10)
    assert await world.tasks() == [("GD-2026-000001", "verifying", "m")]
    await world.pass_time(30)
    await world.tell(raised())
    assert await world.tasks() == [("GD-2026-000001", "open", "m")]
    await world.tell(resolved())
    await world.pass_time(30)
    await world.pass_time(3 * 86400 + 1)
    await world.tell(raised())
    assert [number for number, _, _ in await world.tasks()] == ["GD-2026-000001", "GD-2026-000002"]


@pytest.mark.parametrize("said", ["mended", "verifying"])
@pytest.mark.parametrize(
    ("energy", "began_s", "reason", "proves"),
    [
        (1500.0, 0, None, True),
        (1500.0, 60, "Local", True),
        (100.0, 60, "EVDisconnected", True),
        (1500.0, -1, None, False),
        (1500.0, None, None, False),
        (99.0, 1, None, False),
        (0.0, 1, None, False),
        (None, 1, None, False),
        (1500.0, 1, "GroundFault", False),
        (1500.0, 1, "EmergencyStop", False),
        (1500.0, 1, "cec102 3", False),
        (1500.0, 1, "cec102 2", True),
    ],
)
async def test_only_a_transaction_that_began_later_and_delivered_proves_the_connector(
    world: World, said: str, energy: float | None, began_s: int | None, reason: str | None, proves: bool
) -> None:
    ended = charged(energy, began_s, reason)
    await world.tell_by_hand("cannot_charge")
    await world.tell(ended)
    assert await world.state() == "open"
    await (world.mend() if said == "mended" else world.do(Command.RECOVER))
    await world.tell(ended)
    assert await world.state() == ("closed" if proves else said)


async def test_a_transaction_proves_nothing_while_the_alert_fires(world: World) -> None:
    await world.tell(raised())
    await world.mend()
    await world.tell(charged())
    assert await world.state() == "mended"
    await world.tell(resolved(), charged())
    assert await world.state() == "closed"


def charged(energy_wh: float | None = 1500, began_s: int | None = 60, reason: str | None = None) -> TransactionEnded:
    return TransactionEnded(
        station_id="a", connector=1, transaction_id="t", energy_wh=energy_wh, reason=reason, effective_at=NOW,
        started_at=None if began_s is None else NOW + timedelta(seconds=began_s),
    )  # fmt: skip


CONNECTED = StationConnected(station_id="a", ocpp_version="1.6", remote="", at=NOW)
DISCONNECTED = StationDisconnected(station_id="a", reason="closed", at=NOW + timedelta(seconds=10))
OFFLINE = StationOffline(station_id="a", last_seen_at=NOW, at=NOW + timedelta(seconds=10))


@pytest.mark.parametrize("lost", [DISCONNECTED, OFFLINE])
async def test_time_in_which_a_station_cannot_be_heard_is_no_time_in_order(world: World, lost: Event) -> None:
    await world.tell(raised(), resolved())
    await world.pass_time(10)
    await world.tell(lost)
    await world.pass_time(3600)
    assert await world.state() == "verifying"
    await world.tell(StationOnline(station_id="a", at=world.clock.now()))
    await world.pass_time(19)
    assert await world.state() == "verifying"
    await world.pass_time(1)
    assert await world.state() == "closed"


def told(condition: str, before: str | None, connector: int, at: datetime) -> ConnectorStatusChanged:
    return ConnectorStatusChanged(
        station_id="a", connector=connector, status=condition.title(), condition=condition, previous_condition=before,
        error_code=None, error_info=None, vendor_error_code=None, occurred_at=at, received_at=at, effective_at=at,
    )  # fmt: skip


@pytest.mark.parametrize(("connector", "stops"), [(1, True), (0, True), (2, False)])
async def test_time_in_which_a_connector_is_out_of_service_is_no_time_in_order(
    world: World, connector: int, stops: bool
) -> None:
    await world.tell(raised(), resolved())
    await world.pass_time(10)
    await world.tell(told("unavailable", "available", connector, world.clock.now()))
    await world.pass_time(3600)
    assert await world.state() == ("verifying" if stops else "closed")
    if stops:
        await world.tell(told("available", "unavailable", connector, world.clock.now()))
        await world.pass_time(19)
        assert await world.state() == "verifying"
        await world.pass_time(1)
        assert await world.state() == "closed"


WEEK_S = 7 * 86400


async def heard(world: World) -> tuple[list[str], bool]:
    """Return who has heard of the task, and whether it is on the list of those that an inspector has to look at."""
    async with world.pool.acquire() as connection:
        listed = await list_tasks(connection, Filter(to_visit=True), EVERYTHING, limit=10)
    return [told["stage"] for told in await world.told("TaskUrged")], bool(listed)


async def test_a_task_whose_holding_time_stands_still_is_not_parked_where_nobody_hears_of_it(world: World) -> None:
    await world.tell(raised(), resolved(), told("unavailable", "available", 1, NOW))
    due = (await world.task())["due_at"]
    await world.pass_time((due - NOW).total_seconds())
    assert await heard(world) == (["fall_due"], False)
    async with world.pool.acquire() as connection:
        assert await count_urged(connection, "m") == 1
    await world.pass_time(WEEK_S)
    assert await heard(world) == (["fall_due", "to_centre"], True)
    assert await world.state() == "verifying"
    await world.tell(told("available", "unavailable", 1, world.clock.now()))
    await world.pass_time(30)
    assert (await world.state(), await heard(world)) == ("closed", (["fall_due", "to_centre"], False))


async def test_nobody_hears_of_a_task_while_its_holding_time_runs(world: World) -> None:
    await world.tell(raised())
    world.clock.advance(timedelta(seconds=WEEK_S))
    await world.tell(resolved())
    await world.pass_time(29)
    assert (await world.state(), await heard(world)) == ("verifying", ([], False))
    async with world.pool.acquire() as connection:
        following = await next_moment(connection)
    assert following == world.clock.now() + timedelta(seconds=1), "what nobody hears of wakes nobody"


async def test_what_only_an_alerts_end_could_prove_keeps_its_term(world: World) -> None:
    await world.tell(raised("meter_verification_overdue"))
    await world.mend()
    await world.pass_time(3600)
    assert (await world.state(), (await heard(world))[0]) == ("mended", [])
    await world.pass_time(2 * WEEK_S)
    assert (await world.state(), await heard(world)) == ("mended", (["to_centre"], True))


async def test_of_a_station_and_its_connector_both_must_be_well_for_time_in_order(world: World) -> None:
    out = told("unavailable", "available", 1, NOW)
    await world.tell(raised(), out, resolved(), DISCONNECTED)
    await world.tell(replace(CONNECTED, at=world.clock.now()))
    await world.pass_time(3600)
    assert await world.state() == "verifying"
    await world.tell(replace(DISCONNECTED, at=world.clock.now()))
    await world.tell(told("charging", "unavailable", 1, world.clock.now()))
    await world.pass_time(3600)
    assert await world.state() == "verifying"
    await world.tell(replace(CONNECTED, at=world.clock.now()))
    await world.pass_time(30)
    assert await world.state() == "closed"


async def test_what_recovers_while_its_station_is_away_waits_for_it(world: World) -> None:
    await world.tell(raised(), DISCONNECTED, resolved())
    await world.pass_time(3600)
    assert await world.state() == "verifying"
    await world.tell(replace(CONNECTED, at=world.clock.now()))
    await world.pass_time(30)
    assert await world.state() == "closed"


def worsened(severity: str = "critical") -> AlertWorsened:
    return AlertWorsened(
        alert_id="x", rule="connector_fault", severity=severity, site_id="s", station_id="a", connector=1, at=NOW,
        details={"error_code": "GroundFailure"},
    )  # fmt: skip


@pytest.mark.parametrize(("command", "state"), [(None, "open"), (Command.ACCEPT, "accepted"), (Command.MEND, "open")])
@pytest.mark.parametrize("news", [worsened(), replace(raised(), severity="critical")])
async def test_a_task_follows_what_becomes_worse(
    world: World, command: Command | None, state: str, news: AlertRaised | AlertWorsened
) -> None:
    await world.tell(raised())
    before = await world.task()
    if command:
        await world.do(command)
    await world.tell(news, news, worsened("minor"))
    task = await world.task()
    assert (before["severity"], county_day(before["due_at"])) == ("major", date(2026, 5, 8))
    assert (task["state"], task["severity"], county_day(task["due_at"])) == (state, "critical", date(2026, 5, 5))
    lines = await world.pool.fetch("SELECT reason FROM inspection.task_history WHERE command = 'worsen'")
    assert [line["reason"] for line in lines] == ["major → critical; due on 2026-05-05"]


@pytest.mark.parametrize("gone", [SiteRetired(site_id="s", station_ids=("a",)), SITE])
@pytest.mark.parametrize("recovered", [True, False])
async def test_what_is_about_a_station_that_is_filed_no_longer_is_settled(
    world: World, gone: Event, recovered: bool
) -> None:
    station = StationFile(station_id="a", connectors=1, power_w=7000, current_type="AC")
    await world.tell(replace(SITE, stations=(station,)), raised(), *([resolved()] if recovered else []), DISCONNECTED)
    await world.tell(replace(SITE, stations=(station,)))
    assert await world.state() != "closed"
    await world.tell(gone)
    assert ((await world.task())["state"], (await world.task())["closed_by"]) == ("closed", "lapse")


async def test_an_alert_that_ends_since_its_station_is_gone_settles_its_task(world: World) -> None:
    await world.tell(raised(), replace(resolved(), because="gone"))
    assert ((await world.task())["state"], (await world.task())["closed_by"]) == ("closed", "lapse")


async def test_overdue_is_by_the_instant_that_is_given(world: World) -> None:
    await world.tell(raised())
    due = (await world.task())["due_at"]
    async with world.pool.acquire() as connection:
        late = [
            await list_tasks(connection, Filter(overdue_at=due + timedelta(seconds=s)), EVERYTHING, limit=10)
            for s in (0, 1)
        ]
    assert [len(found) for found in late] == [0, 1]


async def test_people_do_not_close(world: World) -> None:
    await world.tell(raised())
    async with world.pool.acquire() as connection:
        task = await connection.fetchrow("SELECT * FROM inspection.task")
        for command in (Command.HOLD, Command.SUCCEED):
            with pytest.raises(Conflict):
                await world.desk.move(connection, task, command, machine(""))
        await world.desk.move(connection, task, Command.MEND, machine("done", "m"))
    await world.pass_time(3600)
    assert await world.state() == "mended"
    await world.tell(resolved())
    assert await world.state() == "verifying"


async def test_nobody_manages_and_then_somebody_does(world: World) -> None:
    await world.tell(raised("unmanaged_site", connector=None))
    await world.tell(resolved("unmanaged_site", connector=None))
    assert await world.state() == "closed"


def accountable(id_: str) -> dict[str, Any]:
    return {"reason": "deregistered", "accountable": {"id": id_, "name": f"{id_}公司", "role": "owner"}}


def amended(id_: str) -> AlertAmended:
    return AlertAmended(
        alert_id="x",
        rule="unmanaged_site",
        site_id="s",
        station_id=None,
        connector=None,
        at=NOW,
        details=accountable(id_),
    )


async def test_who_is_to_settle_who_manages_a_site_is_whom_the_registry_names_now(world: World) -> None:
    await world.tell(replace(raised("unmanaged_site", connector=None), details=accountable("w")))
    await world.do(Command.ACCEPT)
    world.clock.advance(timedelta(days=3))
    await world.tell(amended("w"), amended("b"), amended("b"))
    assert [task[1:] for task in await world.tasks()] == [("open", "b")], (
        "the same task, another party's, and told once"
    )
    lines = await world.pool.fetch("SELECT reason FROM inspection.task_history WHERE command = 'entrust'")
    assert [line["reason"] for line in lines] == ["w公司 → b公司"]
    task = await world.task()
    assert (task["details"]["accountable"]["id"], task["due_at"] > world.clock.now()) == ("b", True), (
        "as long as anybody"
    )
    told = await world.pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'TaskChanged'")
    assert [row["payload"]["assignee_id"] for row in told] == ["b"]


async def test_whom_people_have_chosen_to_settle_it_keeps_it(world: World) -> None:
    await world.tell(replace(raised("unmanaged_site", connector=None), details=accountable("w")))
    await world.do(Command.REASSIGN)
    await world.tell(amended("b"))
    assert [task[1:] for task in await world.tasks()] == [("open", "w")]
    assert (await world.task())["details"]["accountable"]["id"] == "b"


async def test_numbers_have_no_gaps_and_history_does_not_change(world: World) -> None:
    await world.tell(*(raised(connector=n) for n in range(1, 6)))
    assert [number for number, _, _ in await world.tasks()] == [f"GD-2026-{n:06d}" for n in range(1, 6)]
    with pytest.raises(asyncpg.RaiseError):
        await world.pool.execute("UPDATE inspection.task_history SET reason = 'other'")
    with pytest.raises(asyncpg.RaiseError):
        await world.pool.execute("DELETE FROM inspection.task_history")
