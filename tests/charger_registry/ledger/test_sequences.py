"""Any sequence of handovers, orders, corrections and deregistrations, of a site and its stations, on a real PostgreSQL: never two
managers, no gap unfound, the past stays."""

import itertools
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from charger_registry import store as registry
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft, StationDraft
from charger_registry.ledger import store
from charger_registry.ledger.desk import LedgerDesk
from charger_registry.ledger.handovers import store as handovers
from charger_registry.ledger.handovers.desk import HandoverDesk
from charger_registry.ledger.handovers.handover import Command
from charger_registry.ledger.responsibility import Evidence, Line, holder
from charger_registry.people.organisations.desk import OrganisationDesk
from charger_registry.service import judge_what_has_changed
from tests.charger_registry.ledger.double import two_managers
from youguan.auth import Principal
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import YouguanError

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)
REGULATOR = Principal("r", "r", frozenset({"regulator"}), None, None, "t", "c", START)
ORGANISATIONS = "omnp"

who, days, place = st.sampled_from(ORGANISATIONS), st.integers(-9, 9), st.sampled_from(["", "", "1", "2"])
ends = st.none() | days
steps = st.one_of(
    st.tuples(st.just("propose"), who, who, place, ends),
    st.tuples(st.just("answer"), who, st.sampled_from([Command.ACCEPT, Command.DECLINE, Command.WITHDRAW])),
    st.tuples(st.just("order"), who, place, days, ends),
    st.tuples(st.just("end"), place, days),
    st.tuples(st.just("correct"), st.integers(0, 9), who, days, ends),
    st.tuples(st.just("strike"), st.integers(0, 9)),
    st.tuples(st.just("deregister"), who, days),
    st.tuples(st.just("undo"), who),
    st.tuples(st.just("wait"), st.integers(1, 9)),
)


def operator(organisation: str) -> Principal:
    return Principal(organisation, "x", frozenset({"operator"}), organisation, None, "t", "c", START)


def managers_at(lines: list[Line], instant: datetime, station_id: str) -> set[str]:
    """Return who manages a site or a station, reckoned without the rules: own lines first, and only of who exists."""
    held = [
        line
        for line in lines
        if line.role == "manager" and line.since <= instant < (line.until or FAR) and instant < (line.ceased_at or FAR)
    ]
    own = {line.organisation_id for line in held if station_id and line.station_id == station_id}
    return own or {line.organisation_id for line in held if not line.station_id}


class Site:
    """A site of its own with its organisations, and everything that was believed of it so far."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.id = f"s-{uuid.uuid4()}"
        self.stations = {number: f"{self.id}-{number}" for number in "12"}
        self.clock = ManualClock(NOW)
        self._pool = pool
        self._ledger = LedgerDesk(pool, self.clock)
        self._handovers = HandoverDesk(pool, self.clock)
        self._organisations = OrganisationDesk(pool, self.clock)
        self._past: list[tuple[datetime, list[Line]]] = []

    async def file(self) -> None:
        first = (("owner", "o"), ("manager", "m"))
        filing = Filing(
            sites=(SiteDraft(self.id, "x", 121, 29, stations=tuple(map(StationDraft, self.stations.values()))),),
            organisations=tuple(OrganisationDraft(self.own(name), name) for name in ORGANISATIONS),
            roles=tuple(RoleDraft(self.id, role, self.own(name), START) for role, name in first),
        )
        async with self._pool.acquire() as connection, connection.transaction():
            await registry.file_all(connection, filing, START)

    def own(self, name: str) -> str:
        """Return an organisation that no other example deregisters."""
        return f"{name} of {self.id}"

    def at(self, place: str) -> str:
        return self.stations.get(place, "")

    async def believed(self, as_known_at: datetime | None = None) -> list[Line]:
        async with self._pool.acquire() as connection:
            return await store.lines(connection, self.id, as_known_at)

    async def step(self, given_step: tuple[Any, ...]) -> None:
        self.clock.advance(timedelta(seconds=1))
        now, lines = self.clock.now(), await self.believed()
        match given_step:
            case ("propose", proposer, to, place, until):
                await self._handovers.propose(
                    operator(self.own(proposer)), self.id, self.own(to), evidence=Evidence(), station_id=self.at(place),
                    until=None if until is None else now + timedelta(days=until),
                )  # fmt: skip
            case ("answer", answering, command):
                async with self._pool.acquire() as connection:
                    open_ones = await handovers.open_at(connection, [self.id])
                for handover in open_ones:
                    await self._handovers.answer(operator(self.own(answering)), handover.id, command, reason="x")
            case ("order", organisation, place, offset, until):
                since = now + timedelta(days=offset)
                await self._ledger.order(
                    REGULATOR, self.id, "manager", self.own(organisation), since=since, reason="x", document_number="1",
                    station_id=self.at(place), until=None if until is None else now + timedelta(days=until),
                )  # fmt: skip
            case ("end", place, offset):
                at, station = now + timedelta(days=offset), self.at(place)
                await self._ledger.end(
                    REGULATOR, self.id, "manager", at=at, reason="x", document_number="x", station_id=station
                )
            case ("deregister", organisation, offset):
                await self._organisations.deregister(
                    REGULATOR, self.own(organisation), now + timedelta(days=offset), "x"
                )
            case ("undo", organisation):
                await self._organisations.undo_deregistration(REGULATOR, self.own(organisation), "x", "1")
            case ("correct", which, organisation, since, until) if lines:
                wrong = lines[which % len(lines)]
                ends = None if until is None else now + timedelta(days=until)
                true = replace(
                    wrong, organisation_id=self.own(organisation), since=now + timedelta(days=since), until=ends
                )
                await self._ledger.correct(REGULATOR, self.id, wrong.id, true, reason="x")
            case ("end early", which):
                true = replace(lines[which], until=now)
                await self._ledger.correct(REGULATOR, self.id, lines[which].id, true, reason="x")
            case ("strike", which) if lines:
                await self._ledger.correct(REGULATOR, self.id, lines[which % len(lines)].id, None, reason="x")
            case ("wait", count):
                self.clock.advance(timedelta(days=count))
                await self._handovers.lapse_due()

    async def check(self) -> None:
        now, lines = self.clock.now(), await self.believed()
        assert two_managers(lines) is None
        for station, offset in itertools.product(("", *self.stations.values()), range(-10, 11)):
            instant = now + timedelta(days=offset)
            found, expected = holder(lines, "manager", instant, station), managers_at(lines, instant, station)
            assert len(expected) <= 1, "never two managers at an instant"
            assert {found.organisation_id} == expected if found else not expected
        for known_at, then in self._past:
            believed = await self.believed(known_at)
            assert believed == then, "what was believed is what was believed"
            assert [line.ceased_at for line in believed] == [line.ceased_at for line in then], "and who existed then"
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
        yield pool


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@example(given_steps=[("order", "n", "", -4, 9), ("order", "p", "", -2, 3), ("wait", 4), ("end", "", 0)])
@example(given_steps=[("order", "n", "", -4, 9), ("order", "p", "", -2, 3), ("wait", 4), ("end early", 4), ("wait", 1)])
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
