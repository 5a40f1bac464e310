"""Where handovers are proposed, answered and lapse. A site is held first: of two answers at once one comes second, and is told."""

import uuid
from datetime import date, datetime

import asyncpg

from charger_registry.ledger import store as ledger
from charger_registry.ledger.amendment import give
from charger_registry.ledger.desk import shown
from charger_registry.ledger.handovers import store
from charger_registry.ledger.handovers.ending import OVERTAKEN, SYSTEM, end, is_overtaken
from charger_registry.ledger.handovers.handover import (
    Command,
    Handover,
    State,
    answer_by,
    ended,
    manager_of,
    refuse_period,
    refuse_proposal,
)
from charger_registry.ledger.responsibility import Evidence
from charger_registry.people.organisations.store import speakers
from charger_registry.store import STREAM, get_organisation
from youguan import audit
from youguan.auth import OPERATOR, Principal
from youguan.clock import Clock, county_day
from youguan.database import whole
from youguan.errors import Conflict, Forbidden, NotFound, Reason
from youguan.eventlog import publish
from youguan.events import Event, HandoverProposed, HandoverUrged


class HandoverDesk:
    """Proposes, accepts, declines and withdraws handovers, and lets them lapse."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    @whole
    async def propose(
        self,
        who: Principal,
        site_id: str,
        to_organisation_id: str,
        *,
        evidence: Evidence,
        reason: str = "",
        station_id: str = "",
        takes_over_at: datetime | None = None,
        until: datetime | None = None,
        last_day: date | None = None,
    ) -> str:
        """Propose who is to manage a site or one of its stations; return the handover's id.

        NotFound, Forbidden to who neither manages nor owns, Invalid, Conflict where another proposal is open.
        """
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await ledger.hold_site(connection, site_id)
            if station_id and not await ledger.has_station(connection, site_id, station_id):
                raise NotFound(Reason("station {station_id} of site {site_id}", station_id=station_id, site_id=site_id))
            own = await self._own(connection, who, now, "propose")
            receiver = await self._existing(connection, to_organisation_id, now)
            lines = await ledger.lines(connection, site_id)
            refuse_proposal(lines, own, receiver, station_id, now)
            refuse_period(takes_over_at, until, now)
            if any(other.station_id == station_id for other in await store.open_at(connection, [site_id])):
                raise Conflict("another handover of this site waits for its answer; withdraw that first")
            last = answer_by(last_day, county_day(now), await store.usual_working_days(connection))
            handover = Handover(
                str(uuid.uuid4()), site_id, station_id, manager_of(lines, station_id, now), receiver, own, evidence,
                takes_over_at, last, State.PROPOSED, now, until,
            )  # fmt: skip
            give(
                lines, handover.line(now)
            )  # who has the role later in his own right is named now, not when it is accepted
            await store.insert(connection, handover, who.subject, now, reason)
            await audit.record(
                connection, at=now, actor=who.subject, action="propose handover", subject=f"site {site_id}",
                after={"handover": handover.id, "to": receiver, "answer_by": last.isoformat(), "reason": reason},
            )  # fmt: skip
            await publish(connection, STREAM, [_proposed(handover, now)])
        return handover.id

    @whole
    async def answer(self, who: Principal, handover_id: str, command: Command, *, reason: str = "") -> None:
        """Accept, decline or withdraw. NotFound, Forbidden to who is not asked, Conflict where it has ended already."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            row = await store.get(connection, handover_id, who.scope)
            await ledger.hold_site(connection, row["site_id"])
            handover = store.handover_of(await store.get(connection, handover_id))
            if handover.answering(command) != await self._own(connection, who, now, command):
                raise Forbidden(Reason("this is not yours to {command}", command=command))
            ended(handover, command, now)
            events: list[Event] = []
            if command == Command.ACCEPT:
                await self._take_over(connection, who, handover, now)
                events = await ledger.ledger_events(connection, [handover.site_id], now)
            told = await end(connection, handover, command, by=who.subject, now=now, answer=reason)
            await publish(connection, STREAM, [told, *events])

    async def _take_over(
        self, connection: asyncpg.Connection, who: Principal, handover: Handover, now: datetime
    ) -> None:
        refuse_period(handover.takes_over_at, handover.until, now)
        lines = await ledger.lines(connection, handover.site_id)
        if await is_overtaken(connection, handover, lines, now):
            raise Conflict(OVERTAKEN)
        amendment = give(lines, handover.line(now))
        await audit.record(
            connection, at=now, actor=who.subject, action="take over", subject=f"site {handover.site_id}",
            before=[shown(line) for line in amendment.withdrawn], after=[shown(line) for line in amendment.added],
        )  # fmt: skip
        await ledger.amend(
            connection, handover.site_id, amendment, now=now, by=who.subject, reason=f"handover {handover.id}"
        )

    async def waiting(self, who: Principal) -> int:
        """Return how many handovers wait for the answer of somebody's organisation."""
        if not who.has(OPERATOR) or who.organisation_id is None:
            return 0
        async with self._pool.acquire() as connection:
            return await store.count_waiting(connection, who.organisation_id, county_day(self._clock.now()))

    async def speaks(self, who: Principal, command: str) -> bool:
        """Say whether somebody may say this for his organisation, as the rules about representatives are."""
        async with self._pool.acquire() as connection:
            return await self._speaks(connection, who, who.organisation_id or "", command, self._clock.now())

    async def lapse_due(self) -> int:
        """Let handovers lapse whose last day to answer is over; return how many."""
        now = self._clock.now()
        async with self._pool.acquire() as connection:
            due = await store.sites_with_lapsed(connection, county_day(now))
        return sum([await self._lapse_at(site_id, now) for site_id in due])

    async def urge_due(self) -> int:
        """Remind receivers the day before their last day to answer, each once; return of how many handovers."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            due = await store.take_to_urge(connection, county_day(now), now)
            await publish(connection, STREAM, [_urged(handover, now) for handover in due])
        return len(due)

    async def watch(self) -> None:
        """Remind, and let lapse, what is due."""
        await self.urge_due()
        await self.lapse_due()

    @whole
    async def _lapse_at(self, site_id: str, now: datetime) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            await ledger.hold_site(connection, site_id, even_retired=True)
            lapsed = [other for other in await store.open_at(connection, [site_id]) if other.has_lapsed(now)]
            events = [
                await end(connection, handover, Command.LAPSE, by=SYSTEM, now=now, answer="not answered in time")
                for handover in lapsed
            ]
            await publish(connection, STREAM, events)
        return len(lapsed)

    async def _own(self, connection: asyncpg.Connection, who: Principal, now: datetime, command: str) -> str:
        """Return for which organisation somebody speaks; Forbidden where it is none, or where he may not say this for it."""
        if not who.has(OPERATOR) or who.organisation_id is None:
            raise Forbidden("only an operator speaks for an organisation")
        own = await self._existing(connection, who.organisation_id, now)
        if not await self._speaks(connection, who, own, command, now):
            raise Forbidden("this needs a representative of the organisation whom a regulator has verified")
        return own

    async def _speaks(
        self, connection: asyncpg.Connection, who: Principal, organisation_id: str, command: str, now: datetime
    ) -> bool:
        if command not in await store.representatives_needed(connection):
            return True
        return (who.acting_for or who.subject) in await speakers(connection, organisation_id, county_day(now))

    async def _existing(self, connection: asyncpg.Connection, organisation_id: str, now: datetime) -> str:
        organisation = await get_organisation(connection, organisation_id)
        if organisation["deregistered_at"] is not None and organisation["deregistered_at"] <= now:
            raise Conflict(Reason("{name} has been deregistered", name=organisation["name"]))
        return organisation_id


def _urged(handover: Handover, now: datetime) -> HandoverUrged:
    return HandoverUrged(
        handover_id=handover.id,
        site_id=handover.site_id,
        station_id=handover.station_id or None,
        to_organisation_id=handover.to_organisation_id,
        answer_by=handover.answer_by,
        at=now,
    )


def _proposed(handover: Handover, now: datetime) -> HandoverProposed:
    return HandoverProposed(
        handover_id=handover.id,
        site_id=handover.site_id,
        station_id=handover.station_id or None,
        from_organisation_id=handover.from_organisation_id or None,
        to_organisation_id=handover.to_organisation_id,
        proposer_id=handover.proposer_id,
        takes_over_at=handover.takes_over_at,
        until=handover.until,
        answer_by=handover.answer_by,
        at=now,
    )
