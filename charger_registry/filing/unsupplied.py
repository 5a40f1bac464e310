"""Filings count as withdrawn that are not supplemented: so long after the day for it, by the rules of the submission's day."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import asyncpg

from charger_registry.filing import store
from charger_registry.filing.by_time import move_by_time
from charger_registry.filing.machine import Command, State
from charger_registry.filing.rules import store as rule_store
from youguan.auth import EVERYTHING
from youguan.clock import Clock, county_day
from youguan.database import whole
from youguan.working_days import add_working_days

REASON = "逾期未补正，视为撤回 (not supplemented in time: counts as withdrawn)"


async def last_day(connection: asyncpg.Connection, filing: Mapping[str, Any]) -> date | None:
    """Return the last day on which a supplement may still come; None where none was asked for."""
    if filing["state"] != State.SUPPLEMENT_REQUIRED:
        return None
    terms = await rule_store.terms(connection, county_day(filing["submitted_at"]))
    return add_working_days(filing["due_on"], terms.unsupplied)


async def _is_over(connection: asyncpg.Connection, filing: Mapping[str, Any], now: datetime) -> bool:
    last = await last_day(connection, filing)
    return last is not None and county_day(now) > last


class Unsupplied:
    """Lets filings count as withdrawn, each in a transaction of its own."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def withdraw_due(self) -> int:
        """Let the filings count as withdrawn whose supplement has not come by its last day; return how many."""
        now = self._clock.now()
        async with self._pool.acquire() as connection:
            late = await store.without_supplement(connection, county_day(now))
            over = [filing["id"] for filing in late if await _is_over(connection, filing, now)]
        return sum([await self._withdraw(filing_id, now) for filing_id in over])

    @whole
    async def _withdraw(self, filing_id: str, now: datetime) -> bool:
        """Withdraw one, if it still waits now that it is held."""
        async with self._pool.acquire() as connection, connection.transaction():
            filing = await store.hold(connection, filing_id, EVERYTHING)
            if not await _is_over(connection, filing, now):
                return False
            await move_by_time(
                connection, filing, Command.WITHDRAW, REASON, now, {"due_on": filing["due_on"].isoformat()}
            )
        return True
