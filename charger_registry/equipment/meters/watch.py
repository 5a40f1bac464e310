"""What time alone changes about meters: their verification comes due, and is overdue."""

import asyncpg

from charger_registry.equipment.meters import store
from charger_registry.store import STREAM
from youguan.clock import Clock, county_day
from youguan.eventlog import publish
from youguan.events import Event, MeterVerificationDue, MeterVerified


async def tell_what_is_due(connection: asyncpg.Connection, clock: Clock) -> None:
    """Publish which meters are about to be due or overdue, and which are so no longer: verified anew, or gone."""
    now = clock.now()
    news: list[Event] = [
        MeterVerified(station_id=row["station_id"], connector=row["connector"], site_id=row["site_id"], at=now)
        for row in await store.meters_in_order(connection, county_day(now))
    ]
    news += [
        MeterVerificationDue(
            station_id=row["station_id"],
            connector=row["connector"],
            site_id=row["site_id"],
            serial_number=row["serial_number"],
            due_on=row["verification_due_on"],
            overdue=row["overdue"],
            at=now,
        )
        for row in await store.meters_come_due(connection, county_day(now))
    ]
    await publish(connection, STREAM, news)
