"""Handovers on a real PostgreSQL: until one is accepted the manager stays; of two answers one wins and the other is told."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any

import asyncpg
import pytest
from pydantic import TypeAdapter

from charger_registry import store as registry
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft, StationDraft
from charger_registry.ledger import store as ledger
from charger_registry.ledger.desk import LedgerDesk
from charger_registry.ledger.handovers import store
from charger_registry.ledger.handovers.desk import HandoverDesk
from charger_registry.ledger.handovers.handover import (
    Command,
    Handover,
    State,
    answer_by,
    ended,
    may_propose,
)
from charger_registry.ledger.responsibility import Evidence, Line, holder
from charger_registry.ledger.unmanaged.desk import UnmanagedDesk
from charger_registry.people.organisations.ceasing import deregister
from charger_registry.people.organisations.desk import Mandate, OrganisationDesk
from youguan.auth import Principal
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Conflict, Forbidden, Invalid, NotFound
from youguan.eventlog import publish
from youguan.events import OrganisationFiled

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)  # a Monday
CONTRACT = Evidence("contract", "合 1")
REGULATOR = Principal("r", "r", frozenset({"regulator"}), None, None, "t", "c", START)
ENDS = {
    Command.ACCEPT: State.ACCEPTED, Command.DECLINE: State.DECLINED, Command.WITHDRAW: State.WITHDRAWN,
    Command.LAPSE: State.LAPSED, Command.OVERTAKE: State.OVERTAKEN,
}  # fmt: skip


def operator(organisation: str | None) -> Principal:
    return Principal(f"of {organisation}", "x", frozenset({"operator"}), organisation, None, "t", "c", START)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A site built by a, owned by o, managed by m; n and p are to take it over."""
    async with await create_pool(database_url) as pool:
        filing = Filing(
            sites=(SiteDraft("s", "场站", 121.4, 29.3, stations=(StationDraft("s-1"),)),),
            organisations=tuple(OrganisationDraft(name, name) for name in "aomnp"),
            roles=tuple(RoleDraft("s", r, o, START) for r, o in (("builder", "a"), ("owner", "o"), ("manager", "m"))),
        )
        async with pool.acquire() as connection, connection.transaction():
            await registry.file_all(connection, filing, START)
        yield pool


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def desk(pool: asyncpg.Pool, clock: ManualClock) -> HandoverDesk:
    return HandoverDesk(pool, clock)


async def manager(pool: asyncpg.Pool, at: datetime) -> str | None:
    async with pool.acquire() as connection:
        found = holder(await ledger.lines(connection, "s"), "manager", at)
    return found.organisation_id if found else None


async def told(pool: asyncpg.Pool) -> list[Any]:
    rows = await pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'HandoverEnded' ORDER BY serial, sequence")
    return [row["payload"]["outcome"] for row in rows]


async def propose(desk: HandoverDesk, who: str = "m", to: str = "n", **more: Any) -> str:
    return await desk.propose(operator(who), "s", to, evidence=CONTRACT, **more)


def handover(state: State = State.PROPOSED, takes_over_at: datetime | None = None) -> Handover:
    return Handover("h", "s", "", "m", "n", "o", CONTRACT, takes_over_at, date(2026, 6, 8), state, NOW)


@pytest.mark.parametrize(("state", "command"), list(itertools.product(State, Command)))
def test_every_command_in_every_state(state: State, command: Command) -> None:
    if state == State.PROPOSED:
        assert ended(handover(state), command, NOW) == ENDS[command]
    else:
        with pytest.raises(Conflict, match=state):
            ended(handover(state), command, NOW)


def test_nobody_answers_when_the_time_is_over() -> None:
    late = NOW + timedelta(days=8)
    for command in (Command.ACCEPT, Command.DECLINE):
        with pytest.raises(Conflict, match="2026-06-08"):
            ended(handover(), command, late)
    assert ended(handover(), Command.LAPSE, late) == State.LAPSED
    last_minute = datetime(2026, 6, 8, 15, 59, tzinfo=UTC)
    assert not handover().has_lapsed(last_minute)
    assert handover().has_lapsed(last_minute + timedelta(minutes=1)), "midnight is the county's"


def test_by_when_there_must_be_an_answer() -> None:
    assert answer_by(None, date(2026, 6, 1), 5) == date(2026, 6, 8)
    assert answer_by(date(2026, 6, 1), date(2026, 6, 1), 5) == date(2026, 6, 1)
    for wrong in (date(2026, 5, 31), date(2027, 6, 1)):
        with pytest.raises(Invalid):
            answer_by(wrong, date(2026, 6, 1), 5)


def test_nobody_takes_over_what_is_past() -> None:
    assert handover(takes_over_at=START).line(NOW).since == NOW
    later = NOW + timedelta(days=30)
    assert handover(takes_over_at=later).line(NOW).since == later


def test_who_may_propose() -> None:
    lines = [Line(role, who, "", START, None) for role, who in (("builder", "a"), ("owner", "o"), ("manager", "m"))]
    assert [may_propose(lines, who, "", NOW) for who in ("a", "o", "m", "n", None)] == [False, True, True, False, False]
    assert may_propose([*lines, Line("manager", "n", "s-1", START, None)], "n", "s-1", NOW)


@pytest.mark.parametrize("who", ["m", "o"])
async def test_until_it_is_accepted_the_manager_stays(pool: asyncpg.Pool, desk: HandoverDesk, who: str) -> None:
    proposed = await propose(desk, who)
    assert await manager(pool, NOW + timedelta(days=1)) == "m"
    await desk.answer(operator("n"), proposed, Command.ACCEPT)
    assert [await manager(pool, at) for at in (NOW - timedelta(seconds=1), NOW)] == ["m", "n"]
    async with pool.acquire() as connection:
        line = next(line for line in await ledger.lines(connection, "s") if line.organisation_id == "n")
        trail = await connection.fetch("SELECT action FROM audit.trail ORDER BY number")
    assert (line.origin, line.evidence) == ("handover", CONTRACT)
    assert [row["action"] for row in trail] == ["propose handover", "take over", "accept handover"]
    assert await told(pool) == ["accepted"]


async def test_a_contract_that_ends_ends_the_management(pool: asyncpg.Pool, desk: HandoverDesk) -> None:
    later, until = NOW + timedelta(days=30), NOW + timedelta(days=60)
    for wrong in (NOW, later):
        with pytest.raises(Invalid, match="until"):
            await propose(desk, takes_over_at=later, until=wrong)
    proposed = await propose(desk, takes_over_at=later, until=until)
    await desk.answer(operator("n"), proposed, Command.ACCEPT)
    assert [await manager(pool, at) for at in (NOW, later, until)] == ["m", "n", None]


async def test_nobody_takes_over_for_a_time_that_is_over(
    pool: asyncpg.Pool, desk: HandoverDesk, clock: ManualClock
) -> None:
    proposed = await propose(desk, until=NOW + timedelta(days=1))
    clock.advance(timedelta(days=1))
    with pytest.raises(Invalid, match="until"):
        await desk.answer(operator("n"), proposed, Command.ACCEPT)
    assert await manager(pool, clock.now()) == "m"


async def test_a_rule_may_ask_for_a_verified_representative(
    pool: asyncpg.Pool, desk: HandoverDesk, clock: ManualClock
) -> None:
    rules, organisations = UnmanagedDesk(pool, clock), OrganisationDesk(pool, clock)
    await rules.change_rules(REGULATOR, {}, None, "试行", ["accept"])
    proposed = await propose(desk)
    assert await desk.waiting(operator("n")) == 1
    assert not await desk.speaks(operator("n"), Command.ACCEPT)
    assert await desk.speaks(operator("n"), Command.DECLINE)
    with pytest.raises(Forbidden, match="representative"):
        await desk.answer(operator("n"), proposed, Command.ACCEPT)
    async with pool.acquire() as connection:
        await registry.save_person(connection, ("of n", "n", "x", ["operator"], "n", None, False))
        await registry.save_person(connection, ("of m", "m", "x", ["operator"], "m", None, False))
    mandate = Mandate("王", None, "agent", "授权委托书", "7", date(2026, 6, 1), "of n")
    with pytest.raises(Invalid, match="username"):
        await organisations.verify(REGULATOR, "n", replace(mandate, username="of m"))
    number = await organisations.verify(REGULATOR, "n", mandate)
    clock.advance(timedelta(days=1))
    with pytest.raises(Forbidden, match="representative"):  # his mandate ended yesterday
        await desk.answer(operator("n"), proposed, Command.ACCEPT)
    await organisations.verify(REGULATOR, "n", replace(mandate, valid_until=None))
    await organisations.end_mandate(REGULATOR, "n", number, "x")
    await desk.answer(operator("n"), proposed, Command.ACCEPT)
    assert await manager(pool, clock.now()) == "n"
    assert await desk.waiting(operator("n")) == 0


async def test_where_an_organisation_is_and_who_represents_it_is_told(pool: asyncpg.Pool, clock: ManualClock) -> None:
    """What inspection needs to name a party in a decision: at each change, and once to those who did not ask for it before."""
    organisations = OrganisationDesk(pool, clock)
    await organisations.change(REGULATOR, "n", {"address": "宁海县气象北路1号"}, "迁址")
    await organisations.verify(REGULATOR, "n", Mandate("李", None, "agent", "授权委托书", "7", None))
    number = await organisations.verify(
        REGULATOR, "n", Mandate("王", None, "legal_representative", "营业执照", "7", None)
    )
    async with pool.acquire() as connection:
        await connection.execute(import_module("charger_registry.migrations.versions.0037_organisations_told").SCRIPT)
    await organisations.end_mandate(REGULATOR, "n", number, "变更")
    async with pool.acquire() as connection:
        told = await connection.fetch(
            "SELECT payload FROM eventlog.event WHERE type = 'OrganisationFiled' ORDER BY sequence DESC LIMIT 5"
        )
    assert told[1]["payload"] == told[2]["payload"]
    files = [TypeAdapter(OrganisationFiled).validate_python(line["payload"]) for line in reversed(told)]
    assert [(file.address, file.representative) for file in files] == [
        ("宁海县气象北路1号", name) for name in (None, None, "王", "王", None)
    ]


async def test_a_later_day_is_kept_to(pool: asyncpg.Pool, desk: HandoverDesk) -> None:
    later = NOW + timedelta(days=30)
    proposed = await propose(desk, takes_over_at=later)
    await desk.answer(operator("n"), proposed, Command.ACCEPT)
    assert [await manager(pool, at) for at in (NOW, later - timedelta(seconds=1), later)] == ["m", "m", "n"]


@pytest.mark.parametrize(
    ("command", "who", "outcome"), [(Command.DECLINE, "n", "declined"), (Command.WITHDRAW, "m", "withdrawn")]
)
async def test_a_refusal_leaves_all_as_it_was(
    pool: asyncpg.Pool, desk: HandoverDesk, command: Command, who: str, outcome: str
) -> None:
    proposed = await propose(desk)
    await desk.answer(operator(who), proposed, command, reason="x")
    assert (await manager(pool, NOW), await told(pool)) == ("m", [outcome])
    with pytest.raises(Conflict, match=outcome):
        await desk.answer(operator("n"), proposed, Command.ACCEPT)
    await propose(desk, to="p")


async def test_whom_it_does_not_concern(pool: asyncpg.Pool, desk: HandoverDesk) -> None:
    proposed = await propose(desk)
    for who in (operator("p"), operator(None)):
        with pytest.raises(NotFound):
            await desk.answer(who, proposed, Command.ACCEPT)
    for command, organisation in ((Command.ACCEPT, "m"), (Command.DECLINE, "m"), (Command.WITHDRAW, "n")):
        with pytest.raises(Forbidden):
            await desk.answer(operator(organisation), proposed, command, reason="x")
    with pytest.raises(Forbidden):
        await desk.answer(REGULATOR, proposed, Command.ACCEPT)
    for organisation in ("a", "n", "p"):
        with pytest.raises(Forbidden):
            await propose(desk, organisation)
    with pytest.raises(Conflict, match="another handover"):
        await propose(desk, "o", "p")
    with pytest.raises(NotFound):
        await propose(desk, to="nobody")
    async with pool.acquire() as connection:
        for organisation, sees in (("m", 1), ("n", 1), ("p", 0)):
            rows = await store.list_handovers(
                connection, scope=operator(organisation).scope, state=None, site_id=None, before=None, limit=9
            )
            assert len(rows) == sees, organisation


async def test_a_proposal_to_who_manages_already_is_none(desk: HandoverDesk) -> None:
    with pytest.raises(Conflict, match="already"):
        await propose(desk, "o", "m")


async def test_its_receiver_is_reminded_the_day_before_once(
    pool: asyncpg.Pool, desk: HandoverDesk, clock: ManualClock
) -> None:
    proposed = await propose(desk)
    for days, urged in ((0, 0), (5, 0), (1, 1), (1, 0), (1, 0)):
        clock.advance(timedelta(days=days))
        assert (days, await desk.urge_due()) == (days, urged)
    rows = await pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'HandoverUrged'")
    said = [(row["payload"]["handover_id"], row["payload"]["to_organisation_id"]) for row in rows]
    assert said == [(proposed, "n")]


async def test_what_nobody_answers_lapses(pool: asyncpg.Pool, desk: HandoverDesk, clock: ManualClock) -> None:
    proposed = await propose(desk)
    clock.advance(timedelta(days=7, hours=11))
    assert await desk.lapse_due() == 0
    clock.advance(timedelta(hours=1))
    with pytest.raises(Conflict, match="2026-06-08"):
        await desk.answer(operator("n"), proposed, Command.ACCEPT)
    assert (await desk.lapse_due(), await desk.lapse_due()) == (1, 0)
    assert (await manager(pool, clock.now()), await told(pool)) == ("m", ["lapsed"])


async def test_an_order_overtakes_a_handover(pool: asyncpg.Pool, desk: HandoverDesk, clock: ManualClock) -> None:
    proposed = await propose(desk)
    await LedgerDesk(pool, clock).order(REGULATOR, "s", "manager", "p", reason="x", document_number="1")
    assert await told(pool) == ["overtaken"]
    with pytest.raises(Conflict, match="overtaken"):
        await desk.answer(operator("n"), proposed, Command.ACCEPT)
    assert await manager(pool, NOW) == "p"


async def test_whose_time_has_ended_is_followed_by_whoever_accepts(
    pool: asyncpg.Pool, desk: HandoverDesk, clock: ManualClock
) -> None:
    clock.advance(timedelta(days=1))
    await LedgerDesk(pool, clock).end(
        REGULATOR, "s", "manager", at=clock.now() + timedelta(hours=1), reason="合同到期", document_number="1"
    )
    clock.advance(timedelta(minutes=1))
    proposed = await propose(desk)
    clock.advance(timedelta(days=1))
    assert await manager(pool, clock.now()) is None
    await desk.answer(operator("n"), proposed, Command.ACCEPT)
    assert await manager(pool, clock.now()) == "n"


@pytest.mark.parametrize(("proposer", "role", "order"), [
    ("m", "manager", "end"), ("o", "owner", "end"), ("o", "owner", "give"),
])  # fmt: skip
async def test_who_loses_his_right_by_order_chooses_no_successor(
    pool: asyncpg.Pool, desk: HandoverDesk, clock: ManualClock, proposer: str, role: str, order: str
) -> None:
    proposed, orders = await propose(desk, proposer), LedgerDesk(pool, clock)
    before = await manager(pool, NOW)
    clock.advance(timedelta(minutes=1))
    later = clock.now() + timedelta(hours=1)
    if order == "end":
        await orders.end(REGULATOR, "s", role, at=later, reason="x", document_number="1")
    else:
        await orders.order(REGULATOR, "s", role, "p", since=later, reason="x", document_number="1")
    assert await told(pool) == [], "until then it is his"
    clock.advance(timedelta(hours=2))
    with pytest.raises(Conflict, match="no right to any more"):
        await desk.answer(operator("n"), proposed, Command.ACCEPT)
    await orders.order(REGULATOR, "s", "maintainer", "p", reason="x", document_number="2")
    assert await told(pool) == ["overtaken"]
    assert await manager(pool, clock.now()) == (None if role == "manager" else before)


async def test_an_organisation_that_is_no_more_takes_nothing_over(pool: asyncpg.Pool, desk: HandoverDesk) -> None:
    proposed = await propose(desk)
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, registry.STREAM, await deregister(connection, "n", NOW, NOW))
    with pytest.raises(Conflict, match="deregistered"):
        await desk.answer(operator("n"), proposed, Command.ACCEPT)


async def test_of_two_acceptances_at_once_one_wins_and_the_other_is_told(
    pool: asyncpg.Pool, desk: HandoverDesk
) -> None:
    proposed = await propose(desk)
    results = await asyncio.gather(
        *(desk.answer(operator("n"), proposed, Command.ACCEPT) for _ in range(2)), return_exceptions=True
    )
    (conflict,) = [result for result in results if result is not None]
    assert isinstance(conflict, Conflict)
    assert conflict.detail == "this handover has been accepted already"
    assert (await manager(pool, NOW), await told(pool)) == ("n", ["accepted"])
    assert await pool.fetchval("SELECT count(*) FROM registry.responsibility WHERE organisation_id = 'n'") == 1


async def test_acceptance_refusal_withdrawal_and_order_at_once(
    pool: asyncpg.Pool, desk: HandoverDesk, clock: ManualClock
) -> None:
    proposed = await propose(desk)
    results = await asyncio.gather(
        desk.answer(operator("n"), proposed, Command.ACCEPT),
        desk.answer(operator("n"), proposed, Command.DECLINE, reason="x"),
        desk.answer(operator("m"), proposed, Command.WITHDRAW, reason="x"),
        LedgerDesk(pool, clock).order(REGULATOR, "s", "manager", "p", reason="x", document_number="1"),
        return_exceptions=True,
    )
    failed = [result for result in results if isinstance(result, BaseException)]
    assert {type(result) for result in failed} == {Conflict}
    assert len(await told(pool)) == 1, "a handover ends once"
    now = await manager(pool, clock.now())
    assert now == ("n" if await told(pool) == ["accepted"] and isinstance(results[3], Conflict) else "p")


async def test_of_two_proposals_at_once_one_stands(desk: HandoverDesk) -> None:
    results = await asyncio.gather(propose(desk), propose(desk, "o", "p"), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "str"]
