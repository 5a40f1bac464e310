"""Any sequence of handovers, orders and corrections, on a real PostgreSQL: never two managers, no gap unfound, the past stays."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charger_registry import store as registry
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft
from charger_registry.ledger import store
from charger_registry.ledger.amendment import two_managers
from charger_registry.ledger.desk import LedgerDesk
from charger_registry.ledger.handovers import store as handovers
from charger_registry.ledger.handovers.desk import HandoverDesk
from charger_registry.ledger.handovers.handover import Command
from charger_registry.ledger.responsibility import Evidence, Line, holder
from charger_registry.service import judge_what_has_changed
from youguan.auth import Principal
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import YouguanError

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)
REGULATOR = Principal("r", "r", frozenset({"regulator"}), None, None, "t", "c", START)
ORGANISATIONS = "omnp"

who, days = st.sampled_from(ORGANISATIONS), st.integers(-9, 9)
steps = st.one_of(
    st.tuples(st.just("propose"), who, who),
    st.tuples(st.just("answer"), who, st.sampled_from([Command.ACCEPT, Command.DECLINE, Command.WITHDRAW])),
    st.tuples(st.just("order"), who, days),
    st.tuples(st.just("end"), days),
    st.tuples(st.just("correct"), st.integers(0, 9), who, days, st.none() | days),
    st.tuples(st.just("strike"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.integers(1, 9)),
)


def operator(organisation: str) -> Principal:
    return Principal(organisation, "x", frozenset({"operator"}), organisation, None, "t", "c", START)


class Site:
    """A site of its own, and everything that was believed of it so far."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.id = f"s-{uuid.uuid4()}"
        self.clock = ManualClock(NOW)
        self._pool = pool
        self._ledger = LedgerDesk(pool, self.clock)
        self._handovers = HandoverDesk(pool, self.clock)
        self._past: list[tuple[datetime, list[Line]]] = []

    async def file(self) -> None:
        roles = tuple(RoleDraft(self.id, role, who, START) for role, who in (("owner", "o"), ("manager", "m")))
        async with self._pool.acquire() as connection, connection.transaction():
            await registry.file_all(connection, Filing(sites=(SiteDraft(self.id, "x", 121, 29),), roles=roles), START)

    async def believed(self, as_known_at: datetime | None = None) -> list[Line]:
        async with self._pool.acquire() as connection:
            return await store.lines(connection, self.id, as_known_at)

    async def step(self, given_step: tuple[Any, ...]) -> None:
        self.clock.advance(timedelta(seconds=1))
        now, lines = self.clock.now(), await self.believed()
        match given_step:
            case ("propose", proposer, to):
                await self._handovers.propose(operator(proposer), self.id, to, evidence=Evidence())
            case ("answer", answering, command):
                async with self._pool.acquire() as connection:
                    open_ones = await handovers.open_at(connection, [self.id])
                for handover in open_ones:
                    await self._handovers.answer(operator(answering), handover.id, command, reason="x")
            case ("order", organisation, offset):
                since = now + timedelta(days=offset)
                await self._ledger.order(REGULATOR, self.id, "manager", organisation, since=since, reason="x")
            case ("end", offset):
                at = now + timedelta(days=offset)
                await self._ledger.end(REGULATOR, self.id, "manager", at=at, reason="x", document_number="x")
            case ("correct", which, organisation, since, until) if lines:
                wrong = lines[which % len(lines)]
                ends = None if until is None else now + timedelta(days=until)
                true = replace(wrong, organisation_id=organisation, since=now + timedelta(days=since), until=ends)
                await self._ledger.correct(REGULATOR, self.id, wrong.id, true, reason="x")
            case ("strike", which) if lines:
                await self._ledger.correct(REGULATOR, self.id, lines[which % len(lines)].id, None, reason="x")
            case ("wait", count):
                self.clock.advance(timedelta(days=count))
                await self._handovers.lapse_due()

    async def check(self) -> None:
        now, lines = self.clock.now(), await self.believed()
        assert two_managers(lines) is None
        for known_at, then in self._past:
            assert await self.believed(known_at) == then, "what was believed is what was believed"
        self._past.append((now, await self.believed(now)))
        async with self._pool.acquire() as connection, connection.transaction():
            await judge_what_has_changed(connection, now)
        reason = await self._pool.fetchval("SELECT unmanaged_reason FROM registry.site WHERE id = $1", self.id)
        found = await self._pool.fetchval(
            "SELECT reason FROM registry.finding WHERE site_id = $1 AND ended_at IS NULL", self.id
        )
        assert reason == found
        assert (found is None) == (holder(lines, "manager", now) is not None), "no gap without a finding"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url, max_size=2) as pool:
        filing = Filing(organisations=tuple(OrganisationDraft(name, name) for name in ORGANISATIONS))
        async with pool.acquire() as connection, connection.transaction():
            await registry.file_all(connection, filing, START)
        yield pool


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(given_steps=st.lists(steps, min_size=1, max_size=8))
async def test_whatever_happens_to_a_site(pool: asyncpg.Pool, given_steps: list[tuple[Any, ...]]) -> None:
    site = Site(pool)
    await site.file()
    await site.check()
    for given_step in given_steps:
        try:
            await site.step(given_step)
        except YouguanError:
            continue
        await site.check()
