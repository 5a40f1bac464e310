"""What time alone changes about filings: papers that run out, promises whose day has passed, grace periods that end."""

from datetime import datetime

import asyncpg

from charger_registry.filing import store
from charger_registry.filing.papers import store as paper_store
from charger_registry.filing.papers.lapsing import last_day
from charger_registry.filing.step import keepers
from charger_registry.filing.unsupplied import last_day as last_day_to_supplement
from charger_registry.store import STREAM
from youguan.auth import EVERYTHING
from youguan.clock import Clock, county_day
from youguan.eventlog import publish
from youguan.events import (
    DocumentExpiring,
    Event,
    FilingOverdue,
    FilingPromiseOverdue,
    GracePeriodEnded,
    GracePeriodEnding,
)

GRACE_WARNING_DAYS = 30


async def tell_what_ran_out(pool: asyncpg.Pool, clock: Clock) -> None:
    """Publish what is about to end or has ended, and what was promised or due on a day that has passed.

    Each look is a transaction of its own: an acceptance holds its filing, then the papers of the file before it; whoever held those
    and waited for the filing would let one of the two give way.
    """
    now = clock.now()
    for look in (_papers_over, _promises_overdue, _filings_overdue, _grace_over):
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, STREAM, await look(connection, now))


async def _papers_over(connection: asyncpg.Connection, now: datetime) -> list[Event]:
    """Return the papers that run out soon or have run out."""
    return [
        DocumentExpiring(
            document_id=row["id"],
            document_type=row["type"],
            number=row["number"],
            site_id=row["site_id"],
            filing_id=row["filing_id"],
            valid_until=row["valid_until"],
            expired=row["told"] == "expired",
            at=now,
        )
        for row in await paper_store.expiring(connection, county_day(now))
    ]


async def _grace_over(connection: asyncpg.Connection, now: datetime) -> list[Event]:
    """Return the grace periods that end soon or have ended."""
    return [
        GracePeriodEnded(site_id=row["site_id"], at=now)
        if row["told"] == "ended"
        else GracePeriodEnding(site_id=row["site_id"], until=row["until"], at=now)
        for row in await store.grace_news(connection, county_day(now), GRACE_WARNING_DAYS)
    ]


async def _promises_overdue(connection: asyncpg.Connection, now: datetime) -> list[Event]:
    """Return the promises whose day has passed, each with whose file it is now."""
    events: list[Event] = []
    for row in await paper_store.broken_promises(connection, county_day(now), now):
        filing = await store.get(connection, row["filing_id"], EVERYTHING)
        events.append(
            FilingPromiseOverdue(
                filing_id=row["filing_id"],
                filing_number=filing["number"],
                site_id=row["site_id"],
                document_type=row["type"],
                name=row["type_name"],
                name_en=row["type_name_en"],
                promised_for=row["due_on"],
                lapses_on=await last_day(connection, row),
                at=now,
                keeper_ids=keepers(filing),
            )
        )
    return events


async def _filings_overdue(connection: asyncpg.Connection, now: datetime) -> list[Event]:
    """Return the filings whose day has passed on which the applicant's or the authority's word was due."""
    return [
        FilingOverdue(
            filing_id=row["id"],
            number=row["number"],
            site_id=row["site_id"],
            organisation_id=row["organisation_id"],
            state=row["state"],
            due_on=row["due_on"],
            withdrawn_after=await last_day_to_supplement(connection, row),
            at=now,
        )
        for row in await store.overdue(connection, county_day(now))
    ]
