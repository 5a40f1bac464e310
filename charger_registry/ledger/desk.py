"""Where the ledger is changed: by an order of the regulator, and by the correction of what was wrong."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.ledger import store
from charger_registry.ledger.amendment import Amendment, assign, correct, end
from charger_registry.ledger.handovers.ending import end_overtaken
from charger_registry.ledger.responsibility import ORDER, Evidence, Line
from charger_registry.store import STREAM, get_organisation
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock, utc_text
from youguan.database import whole
from youguan.errors import Conflict, NotFound, Reason
from youguan.eventlog import publish

Decide = Callable[[Sequence[Line]], Amendment]


class LedgerDesk:
    """Changes who is responsible; every change is on record with who made it and why."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    @whole
    async def order(
        self,
        who: Principal,
        site_id: str,
        role: str,
        organisation_id: str,
        *,
        reason: str,
        document_number: str,
        since: datetime | None = None,
        until: datetime | None = None,
        station_id: str = "",
        remote: str | None = None,
    ) -> Line:
        """Give a role by order from an instant on (default now); whoever had it ends there, and has it back when the order ends.

        NotFound, Invalid, Conflict where somebody has it from then or later, or the organisation is no more.
        """
        now = self._clock.now()
        evidence = Evidence("decision", document_number, reason)
        line = Line(role, organisation_id, station_id, since or now, until, ORDER, evidence)
        async with self._pool.acquire() as connection, connection.transaction():
            await self._check(connection, site_id, line, now)
            await self._change(connection, who, site_id, "assign", lambda b: assign(b, line), reason, remote)
            return await self._kept(connection, site_id, line)

    @whole
    async def end(
        self,
        who: Principal,
        site_id: str,
        role: str,
        *,
        reason: str,
        document_number: str,
        at: datetime | None = None,
        station_id: str = "",
        remote: str | None = None,
    ) -> None:
        """End a role by order at an instant (default now). NotFound, Conflict where nobody has it then."""
        instant = at or self._clock.now()
        why = f"{reason} ({document_number})"
        async with self._pool.acquire() as connection, connection.transaction():
            await store.hold_site(connection, site_id)
            decide: Decide = lambda b: end(b, role, station_id, instant)  # noqa: E731
            await self._change(connection, who, site_id, "end role", decide, why, remote)

    @whole
    async def correct(
        self,
        who: Principal,
        site_id: str,
        line_id: int,
        corrected: Line | None,
        *,
        reason: str,
        remote: str | None = None,
    ) -> Line | None:
        """Say instead of a line how it really was (None: it never was so); what was believed until now is kept.

        The past of a retired site can be wrong as well: notices and fines rest on it.
        NotFound, Invalid, Conflict where somebody else managed in the corrected period.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await store.hold_site(connection, site_id, even_retired=True)
            if corrected is not None:
                await get_organisation(connection, corrected.organisation_id)
            await self._change(
                connection, who, site_id, "correct ledger", lambda b: correct(b, line_id, corrected), reason, remote
            )
            return await self._kept(connection, site_id, corrected) if corrected is not None else None

    async def _check(self, connection: asyncpg.Connection, site_id: str, line: Line, now: datetime) -> None:
        await store.hold_site(connection, site_id)
        organisation = await get_organisation(connection, line.organisation_id)
        ceased = organisation["deregistered_at"]
        if ceased is not None and ceased <= max(line.since, now):
            raise Conflict(Reason("{name} has been deregistered", name=organisation["name"]))
        if line.station_id and not await store.has_station(connection, site_id, line.station_id):
            raise NotFound(
                Reason("station {station_id} of site {site_id}", station_id=line.station_id, site_id=site_id)
            )

    async def _change(
        self,
        connection: asyncpg.Connection,
        who: Principal,
        site_id: str,
        action: str,
        decide: Decide,
        reason: str,
        remote: str | None,
    ) -> None:
        now = self._clock.now()
        amendment = decide(await store.lines(connection, site_id))
        await audit.record(
            connection, at=now, actor=who.subject, action=action, subject=f"site {site_id}",
            before=[shown(line) for line in amendment.withdrawn],
            after={"reason": reason, "lines": [shown(line) for line in amendment.added]}, remote=remote,
        )  # fmt: skip
        await store.amend(connection, site_id, amendment, now=now, by=who.subject, reason=reason)
        overtaken = await end_overtaken(connection, [site_id], now)
        await publish(connection, STREAM, [*overtaken, *await store.ledger_events(connection, [site_id], now)])

    async def _kept(self, connection: asyncpg.Connection, site_id: str, line: Line) -> Line:
        """Return a line as it is kept now."""
        for found in await store.lines(connection, site_id):
            if replace(found, id=line.id, organisation_name=line.organisation_name) == line:
                return found
        raise NotFound(Reason("{role} of site {site_id}", role=line.role, site_id=site_id))


def shown(line: Line) -> dict[str, Any]:
    """Return a line as the audit trail tells it."""
    until = utc_text(line.until) if line.until else None
    return {**asdict(line), "since": utc_text(line.since), "until": until}
