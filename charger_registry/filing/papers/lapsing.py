"""Filings lapse whose promised papers do not come: their holder is told, then has a term, by the rules of the submission's day.

Then an official decides, unless the rule of the paper lets time alone do it; within a term an official may take that back.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from charger_registry.filing import store
from charger_registry.filing.by_time import move_by_time
from charger_registry.filing.deadlines import lapses_on
from charger_registry.filing.machine import Command
from charger_registry.filing.papers import store as paper_store
from charger_registry.filing.rules import store as rule_store
from charger_registry.store import STREAM
from youguan.auth import EVERYTHING
from youguan.clock import Clock, county_day
from youguan.database import whole
from youguan.eventlog import publish
from youguan.events import FilingLapseDue
from youguan.working_days import add_working_days


async def last_day(connection: asyncpg.Connection, promise: Mapping[str, Any]) -> date | None:
    """Return the last day on which a promised paper may still come before its file lapses; None where the rule lets it stand."""
    if not promise["lapses"]:
        return None
    terms = await rule_store.terms(connection, county_day(promise["submitted_at"]))
    told_on = county_day(promise["told_at"]) if promise["told_at"] else None
    looked_at = [(county_day(added), county_day(judged)) for added, judged in promise["refused"]]
    return lapses_on(promise["due_on"], told_on, terms, looked_at)


async def last_days(connection: asyncpg.Connection, promises: Iterable[asyncpg.Record]) -> dict[str, date]:
    """Return the same of all that have not been kept, by the kind of paper."""
    found = {p["type"]: await last_day(connection, p) for p in promises if p["kept_at"] is None}
    return {kind: day for kind, day in found.items() if day is not None}


async def last_day_to_restore(connection: asyncpg.Connection, filing: Mapping[str, Any]) -> date | None:
    """Return the last day on which a lapsed file may be restored; None of any other, and where one has come in its place."""
    lapsed_at = await store.lapsed_at(connection, filing["id"])
    if lapsed_at is None:
        return None
    terms = await rule_store.terms(connection, county_day(filing["submitted_at"]))
    return add_working_days(county_day(lapsed_at), terms.restore)


class Lapsing:
    """Puts files before an official whose promises stay broken, or lets them lapse, each in a transaction of its own."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def lapse_due(self) -> int:
        """Let files lapse, or put them before an official, whose promised papers have not come by their last day; return how many
        have lapsed.
        """
        now = self._clock.now()
        async with self._pool.acquire() as connection:
            promises = await broken(connection, now)
            by_itself = dict.fromkeys(p["filing_id"] for p in promises if p["lapses_by_itself"])
            to_decide = dict.fromkeys(p["filing_id"] for p in promises if p["filing_id"] not in by_itself)
            await self._put_before_officials(connection, list(to_decide), now)
        return sum([await self._lapse(filing_id, now) for filing_id in by_itself])

    async def _put_before_officials(
        self, connection: asyncpg.Connection, filing_ids: Sequence[str], now: datetime
    ) -> None:
        async with connection.transaction():
            found = await paper_store.note_lapse_due(connection, filing_ids, county_day(now))
            news = [
                FilingLapseDue(filing_id=row["id"], filing_number=row["number"], site_id=row["site_id"], at=now)
                for row in found
            ]
            await publish(connection, STREAM, news)

    @whole
    async def _lapse(self, filing_id: str, now: datetime) -> bool:
        """Let one lapse, if it is so still now that it is held."""
        async with self._pool.acquire() as connection, connection.transaction():
            filing = await store.hold(connection, filing_id, EVERYTHING)
            promises = await broken(connection, now, filing_id)
            if not any(promise["lapses_by_itself"] for promise in promises):
                return False
            reason = "；".join(f"{p['type_name']} ({p['type_name_en']}, {p['due_on']})" for p in promises)
            not_brought = [promise["type"] for promise in promises]
            await move_by_time(connection, filing, Command.LAPSE, reason, now, {"not_brought": not_brought})
        return True


async def broken(connection: asyncpg.Connection, now: datetime, filing_id: str | None = None) -> list[asyncpg.Record]:
    """Return the promises, of a file or of all, whose papers have not come by the last day on which they might."""
    today = county_day(now)
    last = [
        (promise, await last_day(connection, promise))
        for promise in await paper_store.told_promises(connection, filing_id)
        if not promise["brought"]
    ]
    return [promise for promise, day in last if day is not None and day < today]
