"""Sites that nobody manages on a real PostgreSQL: found, counted, told to whoever is accountable, and settled."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from alerts.engine import Engine
from charger_registry import store as registry
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft, StationDraft
from charger_registry.ledger import store as ledger_store
from charger_registry.ledger.desk import LedgerDesk
from charger_registry.ledger.responsibility import holder
from charger_registry.ledger.unmanaged import projection, store
from charger_registry.ledger.unmanaged.desk import UnmanagedDesk
from charger_registry.people.organisations.ceasing import deregister
from charger_registry.service import judge_what_has_changed
from inspection_service.tasks.desk import TaskDesk
from inspection_service.tasks.intake import Intake
from youguan import bounds
from youguan.auth import EVERYTHING, Principal, Scope
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Conflict, Invalid
from youguan.eventlog import publish
from youguan.events import Event, TaskMoved, TaskOpened

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)
REGULATOR = Principal("r", "r", frozenset({"regulator"}), None, None, "t", "c", START)
ROLES = (("builder", "b"), ("owner", "o"), ("manager", "m"))


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Two sites in two towns, managed by m; somebody of m may answer tasks."""
    async with await create_pool(database_url) as pool:
        filing = Filing(
            sites=tuple(
                SiteDraft(n, n, 121.4, 29.3, division_code=f"33022600{n}", stations=(StationDraft(f"s{n}"),))
                for n in "12"
            ),
            organisations=tuple(OrganisationDraft(name, name) for name in "bomn"),
            roles=tuple(RoleDraft(n, role, who, START) for n in "12" for role, who in ROLES),
        )
        async with pool.acquire() as connection, connection.transaction():
            await registry.file_all(connection, filing, START)
            await registry.save_person(connection, ("mei", "梅", "x", ["operator"], "m", None, False))
        yield pool


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


async def watch(pool: asyncpg.Pool, now: datetime) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await judge_what_has_changed(connection, now)


async def tell(pool: asyncpg.Pool, *events: Event) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, "inspection", events)
    await projection.consumer(pool).catch_up()


async def heard(pool: asyncpg.Pool, state: str, since: datetime, station: str = "s1") -> None:
    await pool.execute(
        """
        INSERT INTO registry.live_station VALUES ($1, $2, $3)
        ON CONFLICT (station_id) DO UPDATE SET state = excluded.state, since = excluded.since
        """,
        station,
        state,
        since,
    )


async def findings(pool: asyncpg.Pool, *, settled: bool = False, scope: Scope = EVERYTHING) -> list[tuple[Any, ...]]:
    async with pool.acquire() as connection:
        rows = await store.list_findings(
            connection, scope=scope, settled=settled, reason=None, division=None, organisation_id=None, site_id=None,
            after=0, limit=100,
        )  # fmt: skip
    ended = ("ended_because",) if settled else ()
    return [tuple(row[n] for n in ("site_id", "reason", "organisation_id", "accountable_id", *ended)) for row in rows]


def opened(number: int, site: str = "1", who: str = "m", due: date = date(2026, 5, 20)) -> TaskOpened:
    return TaskOpened(
        task_id=str(number), number=f"GD-{number}", cause="connector_fault", site_id=site, station_id=f"s{site}",
        connector=1, assignee_id=who, assignee_name=who, due_on=due, at=NOW - timedelta(days=20),
    )  # fmt: skip


def moved(number: int, state: str, actor: str) -> TaskMoved:
    return TaskMoved(task_id=str(number), previous="open", state=state, reason="", at=NOW, actor=actor)


async def test_who_does_not_answer_its_tasks_is_silent(pool: asyncpg.Pool) -> None:
    await tell(pool, *(opened(n) for n in range(2)), opened(2, due=date(2026, 6, 1)), opened(3, who="o"))
    await watch(pool, NOW)
    assert await findings(pool) == [], "the third is not overdue yet"
    later = NOW + timedelta(days=1)
    await watch(pool, later)
    await watch(pool, later)
    assert await findings(pool) == [("1", "silent", "m", "o")]
    told = await pool.fetch("SELECT type, payload FROM eventlog.event WHERE type LIKE 'Site%anaged' ORDER BY serial")
    assert [row["type"] for row in told] == ["SiteUnmanaged"]
    assert told[0]["payload"]["accountable_role"] == "owner"
    await tell(pool, moved(0, "accepted", "inspector of the county"))
    await watch(pool, later)
    assert len(await findings(pool)) == 1, "what somebody else says is no answer of the manager's"
    await tell(pool, moved(1, "accepted", "mei"))
    await watch(pool, later)
    assert await findings(pool) == []
    assert await findings(pool, settled=True) == [("1", "silent", "m", "o", "managed")]


async def test_what_closed_in_time_was_left_unanswered_by_nobody(pool: asyncpg.Pool) -> None:
    late = opened(0)
    closed = replace(moved(1, "closed", "system"), at=datetime(2026, 5, 20, 15, 59, tzinfo=UTC))
    await tell(pool, *(opened(n) for n in range(3)), closed, replace(closed, task_id="2", at=NOW))
    async with pool.acquire() as connection:
        rows = await store.unanswered(connection, "1", "m", NOW.date())
        assert [row["task_id"] for row in rows] == [late.task_id, "2"], "one closed on its last day, one later"
        assert await store.sites_to_judge(connection, NOW, START, NOW.date(), 3) == []
        assert await store.sites_to_judge(connection, NOW, START, NOW.date(), 2) == ["1"]


async def test_what_a_managers_machine_answers_is_its_answer(pool: asyncpg.Pool) -> None:
    await pool.executemany(
        """
        INSERT INTO registry.machine_key VALUES ($1, $1, $1, 'operator', '{inspection:write}', $2, NULL, $3, 'r', $3, 'x')
        """,
        [("k-m", "m", NOW), ("k-o", "o", NOW)],
    )
    await tell(pool, *(opened(n) for n in range(3)))
    await watch(pool, NOW)
    assert await findings(pool) == [("1", "silent", "m", "o")]
    await tell(pool, moved(0, "accepted", "key k-o"))
    await watch(pool, NOW)
    assert len(await findings(pool)) == 1, "another's machine is not the manager's"
    await tell(pool, moved(0, "accepted", "key k-m"))
    await watch(pool, NOW)
    assert await findings(pool) == []


async def test_who_is_accountable_is_found_anew_when_it_is_another(pool: asyncpg.Pool, clock: ManualClock) -> None:
    ledger = LedgerDesk(pool, clock)
    await ledger.end(REGULATOR, "1", "manager", reason="x", document_number="1")
    assert await findings(pool) == [("1", "contract_ended", "m", "o")]
    await ledger.order(REGULATOR, "1", "owner", "n", reason="sold", document_number="2")
    assert await findings(pool) == [("1", "contract_ended", "m", "n")]
    gone = NOW + timedelta(days=3)
    async with pool.acquire() as connection, connection.transaction():
        await deregister(connection, "n", gone, NOW)
    await watch(pool, gone - timedelta(seconds=1))
    assert await findings(pool) == [("1", "contract_ended", "m", "n")]
    for _ in range(2):
        await watch(pool, gone)
    assert await findings(pool) == [("1", "contract_ended", "m", "b")]
    settled = await findings(pool, settled=True)
    assert settled == [("1", "contract_ended", "m", who, "changed") for who in "on"]
    told = await pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'SiteUnmanaged' ORDER BY serial")
    assert [row["payload"]["accountable_id"] for row in told] == ["o", "n", "b"]


async def test_who_is_no_more_has_no_role_and_what_was_known_stays_known(pool: asyncpg.Pool) -> None:
    gone = NOW - timedelta(days=30)
    async with pool.acquire() as connection, connection.transaction():
        await deregister(connection, "m", gone, NOW)
        now = await ledger_store.lines(connection, "1")
        then = await ledger_store.lines(connection, "1", NOW - timedelta(days=1))
    found = [holder(lines, "manager", at) for lines in (now, then) for at in (gone - timedelta(days=1), NOW)]
    assert [line.organisation_id if line else None for line in found] == ["m", None, "m", "m"]
    assert await findings(pool) == [(n, "deregistered", "m", "o") for n in "12"]


async def test_the_past_of_a_retired_site_is_read_by_who_might_read_it_then(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await registry.file_all(connection, Filing(retired_site_ids=("1",)), NOW)
    await bounds.consumer(pool).catch_up()
    seen = {}
    async with pool.acquire() as connection:
        for scope in (
            EVERYTHING, Scope(divisions=("330226001",)), Scope(divisions=("330226002",)), Scope(organisation_id="m"),
            Scope(organisation_id="b"), Scope(),
        ):  # fmt: skip
            rows = await registry.list_sites(
                connection,
                unmanaged_only=None,
                division=None,
                words=None,
                after=None,
                limit=9,
                scope=scope,
                retired=True,
            )
            sees = await ledger_store.sees_ledger(connection, scope, "1")
            assert [row["id"] for row in rows] == (["1"] if sees else [])
            seen[scope] = sees
        exported = await ledger_store.export(
            connection,
            site_id="1",
            scope=Scope(divisions=("330226001",)),
            as_known_at=None,
            ever=True,
            after=0,
            limit=9,
        )
    assert list(seen.values()) == [True, True, False, True, False, False]
    assert len(exported) == 3


async def test_that_nobody_will_manage_is_said_before(pool: asyncpg.Pool) -> None:
    soon, later, over = (NOW + timedelta(days=n) for n in (20, 40, 60))
    desk = LedgerDesk(pool, ManualClock(NOW))

    async def coming(scope: Scope = EVERYTHING) -> list[tuple[Any, ...]]:
        async with pool.acquire() as connection:
            rows = await store.list_coming(connection, scope, NOW, over, None, 9)
        return [tuple(row[n] for n in ("site_id", "organisation_id", "reason", "ends_at")) for row in rows]

    assert await coming() == []
    await desk.end(REGULATOR, "1", "manager", at=soon, reason="x", document_number="1")
    assert await coming() == [("1", "m", "contract_ended", soon)]
    await desk.order(REGULATOR, "1", "manager", "n", reason="x", document_number="1", since=soon, until=later)
    assert await coming() == [("1", "n", "contract_ended", later)], "somebody follows, but not for good"
    async with pool.acquire() as connection, connection.transaction():
        await deregister(connection, "m", over, NOW)
    assert [found[:3] for found in await coming()] == [("1", "n", "contract_ended"), ("2", "m", "deregistered")]
    await bounds.consumer(pool).catch_up()
    assert [found[0] for found in await coming(Scope(divisions=("330226002",)))] == ["2"]
    await desk.order(REGULATOR, "2", "manager", "n", reason="x", document_number="1", since=soon)
    assert [found[0] for found in await coming()] == ["1"]


async def test_a_site_out_of_contact_is_found_and_one_never_heard_of_is_not(pool: asyncpg.Pool) -> None:
    await heard(pool, "offline", NOW - timedelta(days=29))
    await watch(pool, NOW)
    assert await findings(pool) == []
    await watch(pool, NOW + timedelta(days=1))
    assert [found[:2] for found in await findings(pool)] == [("1", "silent")]
    await heard(pool, "online", NOW + timedelta(days=1))
    await watch(pool, NOW + timedelta(days=1))
    assert await findings(pool) == []


async def test_the_regulator_notes_that_the_manager_answers(pool: asyncpg.Pool, clock: ManualClock) -> None:
    desk = UnmanagedDesk(pool, clock)
    await heard(pool, "offline", NOW - timedelta(days=31))
    await watch(pool, NOW)
    assert [found[1] for found in await findings(pool)] == ["silent"]
    await desk.note_contact(REGULATOR, "1", "电话联系")
    assert await findings(pool) == []
    await watch(pool, NOW + timedelta(days=29))
    assert await findings(pool) == []
    await watch(pool, NOW + timedelta(days=30))
    assert [found[1] for found in await findings(pool)] == ["silent"]
    trail = await pool.fetchrow("SELECT actor, action, after FROM audit.trail")
    assert (trail["actor"], trail["action"], trail["after"]["reason"]) == ("r", "note contact", "电话联系")


async def test_an_order_settles_a_silent_site(pool: asyncpg.Pool, clock: ManualClock) -> None:
    await heard(pool, "offline", NOW - timedelta(days=31))
    await watch(pool, NOW)
    ledger = LedgerDesk(pool, clock)
    await ledger.end(REGULATOR, "1", "manager", reason="失联", document_number="1")
    assert await findings(pool) == [("1", "contract_ended", "m", "o")]
    assert await findings(pool, settled=True) == [("1", "silent", "m", "o", "changed")]
    with pytest.raises(Conflict):
        await UnmanagedDesk(pool, clock).note_contact(REGULATOR, "1", "x")
    await ledger.order(REGULATOR, "1", "manager", "n", reason="x", document_number="2")
    assert await findings(pool) == []


async def test_a_silent_manager_whose_contract_ends_or_who_ceases_is_no_longer_silent(
    pool: asyncpg.Pool, clock: ManualClock
) -> None:
    ends = NOW + timedelta(days=5)
    await tell(pool, *(opened(n, site) for n, site in ((0, "1"), (1, "1"), (2, "1"), (3, "2"), (4, "2"), (5, "2"))))
    await watch(pool, NOW)
    assert await findings(pool) == [(n, "silent", "m", "o") for n in "12"]
    await LedgerDesk(pool, clock).end(REGULATOR, "1", "manager", reason="x", document_number="1", at=ends)
    assert [found[1] for found in await findings(pool)] == ["silent", "silent"]
    await watch(pool, ends)
    assert sorted(await findings(pool)) == [("1", "contract_ended", "m", "o"), ("2", "silent", "m", "o")]
    gone = ends + timedelta(days=1)
    async with pool.acquire() as connection, connection.transaction():
        await deregister(connection, "m", gone, NOW)
    await watch(pool, gone)
    assert sorted(await findings(pool)) == [("1", "contract_ended", "m", "o"), ("2", "deregistered", "m", "o")]


async def test_a_retired_site_is_settled_and_found_anew_when_it_is_filed_again(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, registry.STREAM, await deregister(connection, "m", NOW, NOW))
    assert await findings(pool) == [("1", "deregistered", "m", "o"), ("2", "deregistered", "m", "o")]
    async with pool.acquire() as connection, connection.transaction():
        await registry.file_all(connection, Filing(retired_site_ids=("1",)), NOW)
    assert await findings(pool, settled=True) == [("1", "deregistered", "m", "o", "retired")]
    async with pool.acquire() as connection, connection.transaction():
        await registry.file_all(connection, Filing(sites=(SiteDraft("1", "1", 121.4, 29.3),)), NOW)
    assert [found[0] for found in await findings(pool)] == ["2", "1"]


async def test_counts_by_township_manager_and_reason(pool: asyncpg.Pool, clock: ManualClock) -> None:
    await heard(pool, "offline", NOW - timedelta(days=31))
    await watch(pool, NOW)
    await LedgerDesk(pool, clock).end(REGULATOR, "2", "manager", reason="x", document_number="x")
    wanted: dict[store.By, list[tuple[str, int, int, int]]] = {
        "division": [("330226001", 1, 1, 0), ("330226002", 1, 0, 1)],
        "organisation": [("m", 2, 1, 1)],
        "reason": [("contract_ended", 1, 0, 1), ("silent", 1, 1, 0)],
    }
    async with pool.acquire() as connection:
        for by, expected in wanted.items():
            rows = await store.count_findings(connection, EVERYTHING, by)
            assert [(r["key"], r["sites"], r["silent"], r["contract_ended"]) for r in rows] == expected
        assert await store.count_findings(connection, Scope(organisation_id="stranger"), "reason") == []


async def test_the_task_to_settle_goes_to_whoever_the_rules_name(pool: asyncpg.Pool, clock: ManualClock) -> None:
    """A silent manager is not asked to settle its own silence."""
    await UnmanagedDesk(pool, clock).change_rules(REGULATOR, {}, ["builder", "owner"], "试行")
    await heard(pool, "offline", NOW - timedelta(days=31))
    await watch(pool, NOW)
    consumers: Sequence[Any] = (
        Engine(pool, clock).consumer(), Intake(pool, TaskDesk(clock, timedelta(0))).consumer(), projection.consumer(pool)
    )  # fmt: skip
    for consumer in consumers:
        await consumer.catch_up()
    task = await pool.fetchrow("SELECT * FROM inspection.task WHERE cause = 'unmanaged_site'")
    assert (task["assignee_id"], task["assignee_role"], task["details"]["reason"]) == ("b", "builder", "silent")
    assert await pool.fetchval("SELECT count(*) FROM registry.asked_task") == 0
    await heard(pool, "online", NOW)
    await watch(pool, NOW)
    for consumer in consumers:
        await consumer.catch_up()
    assert await pool.fetchval("SELECT state FROM inspection.task WHERE id = $1", task["id"]) == "closed"


@pytest.mark.parametrize(
    ("thresholds", "roles"),
    [({"silent_unanswered_tasks": 0}, None), ({"no such": 3}, None), ({}, []), ({}, ["manager"]), ({}, ["owner"] * 2)],
)
async def test_rules_that_cannot_be(
    pool: asyncpg.Pool, clock: ManualClock, thresholds: dict[str, int], roles: list[str] | None
) -> None:
    with pytest.raises(Invalid):
        await UnmanagedDesk(pool, clock).change_rules(REGULATOR, thresholds, roles, "x")


async def test_rules_are_data_and_a_change_is_on_record(pool: asyncpg.Pool, clock: ManualClock) -> None:
    await heard(pool, "offline", NOW - timedelta(days=10))
    await watch(pool, NOW)
    assert await findings(pool) == []
    await UnmanagedDesk(pool, clock).change_rules(REGULATOR, {"silent_days_without_contact": 10}, None, "专项行动")
    await watch(pool, NOW)
    assert [found[1] for found in await findings(pool)] == ["silent"]
    trail = await pool.fetchrow("SELECT before, after FROM audit.trail")
    assert trail["before"]["thresholds"]["silent_days_without_contact"] == 30
    assert (trail["after"]["thresholds"]["silent_days_without_contact"], trail["after"]["reason"]) == (10, "专项行动")
