"""Counts the days of every connector: a day that ended, today so far, and days of which something was learnt late."""

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import asyncpg

from ocpp_gateway.timeseries import store
from youguan.clock import Clock
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import (
    ConnectorHistoryChanged,
    ConnectorStatusChanged,
    Event,
    PlatformOrderKept,
    StationOffline,
    TransactionEnded,
    TransactionSettled,
)

log = logging.getLogger(__name__)

COUNTY = ZoneInfo("Asia/Shanghai")
TYPES = (
    ConnectorHistoryChanged,
    ConnectorStatusChanged,
    PlatformOrderKept,
    StationOffline,
    TransactionEnded,
    TransactionSettled,
)
ROLL_EVERY_S = 900.0
LATE_EVERY_S = 20.0
A_DAY = timedelta(days=1)


def day_of(moment: datetime) -> date:
    """Return the county's date at an instant."""
    return moment.astimezone(COUNTY).date()


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return [beginning, end) of a day of the county."""
    return tuple(datetime.combine(day + n * A_DAY, time(), COUNTY) for n in (0, 1))  # type: ignore[return-value]


def days_between(since: datetime, until: datetime) -> Iterator[date]:
    """Yield every day of the county that [since, until) touches."""
    day = day_of(since)
    while bounds(day)[0] < until:
        yield day
        day += A_DAY


def touched(event: Event) -> set[tuple[str, date]]:
    """Return the stations and the days that an event bears upon: both, where it moves an end from one day to another."""
    match event:
        case ConnectorHistoryChanged():
            return {(event.station_id, day_of(event.at))}
        case ConnectorStatusChanged() | TransactionEnded():
            return {(event.station_id, day_of(event.effective_at))}
        case TransactionSettled():
            return {(event.station_id, day_of(moment)) for moment in (event.ended_before, event.effective_at)}
        case StationOffline():
            return {(event.station_id, day_of(event.last_seen_at))}
        case PlatformOrderKept(station_id=str(station_id), state="transaction"):
            return {(station_id, day_of(event.ended_at))}
    return set()


class Rollup:
    """Keeps the days up to date."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, countable: timedelta | None = None) -> None:
        """`countable`: older days stay as they are, for what they were counted from is no longer kept."""
        self._pool = pool
        self._clock = clock
        self._countable = countable

    def consumer(self) -> Consumer:
        """Return the consumer that notices what is learnt late."""
        return Consumer(self._pool, "gateway.rollup", self.notice, types=TYPES)

    async def notice(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Mark days before today that an event changes."""
        today = day_of(self._clock.now())
        pairs = (pair for stored in batch for pair in touched(stored.event))
        await store.mark_due(connection, (pair for pair in pairs if pair[1] < today))

    async def run(self) -> None:
        """Count again and again, until cancelled."""
        rolled = 0.0
        while True:
            now = asyncio.get_running_loop().time()
            async with self._pool.acquire() as connection:
                if not rolled or now - rolled >= ROLL_EVERY_S:
                    await self.roll(connection)
                    rolled = now
                await self.roll_late(connection)
            await asyncio.sleep(LATE_EVERY_S)

    async def roll(self, connection: asyncpg.Connection) -> None:
        """Count every day from the last one counted to now; what was the last of a month is whole by then."""
        now = self._clock.now()
        today = day_of(now)
        day = min(await store.newest_day(connection) or today, today)
        while day <= today:
            await self._count(connection, day, None)
            day += A_DAY
        await store.sum_months(connection, today.replace(day=1))

    async def roll_late(self, connection: asyncpg.Connection) -> None:
        """Count days again of which something was learnt late."""
        today = day_of(self._clock.now())
        if self._countable is not None:
            await store.forget_due(connection, today - self._countable)
        while True:
            async with connection.transaction():
                due = await store.take_due(connection, today)
                if due is None:
                    return
                await self._count(connection, *due)
                await store.sum_again(connection, *due)

    async def _count(self, connection: asyncpg.Connection, day: date, station_ids: Collection[str] | None) -> None:
        low, high = bounds(day)
        high = min(high, self._clock.now())
        if high <= low:
            return
        following = await store.roll_day(connection, day, low, high, station_ids)
        if following and day < day_of(self._clock.now()):
            await store.mark_due(connection, ((station_id, day + A_DAY) for station_id in following))
