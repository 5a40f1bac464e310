"""What time alone changes about filings: papers that run out, and promises whose day has passed."""

import asyncpg

from charger_registry.filing import store
from charger_registry.store import STREAM
from youguan.clock import Clock, county_day
from youguan.eventlog import publish
from youguan.events import DocumentExpiring, Event, FilingPromiseOverdue


async def tell_what_ran_out(connection: asyncpg.Connection, clock: Clock) -> None:
    """Publish what is about to expire, has expired, or was promised for a day that has passed."""
    now = clock.now()
    today = county_day(now)
    news: list[Event] = [
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
        for row in await store.expiring(connection, today)
    ]
    news += [
        FilingPromiseOverdue(
            filing_id=row["filing_id"],
            site_id=row["site_id"],
            document_type=row["type"],
            promised_for=row["due_on"],
            at=now,
        )
        for row in await store.broken_promises(connection, today, now)
    ]
    await publish(connection, STREAM, news)
