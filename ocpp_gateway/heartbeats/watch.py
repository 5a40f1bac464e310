"""Who has fallen silent: heard before, and nothing for longer than so many of its heartbeat intervals."""

import asyncio
from datetime import datetime, timedelta

import asyncpg

from ocpp_gateway.heartbeats import store
from youguan.clock import Clock
from youguan.eventlog import publish
from youguan.events import StationOffline

STREAM = "gateway/jobs"
LONGEST_PAUSE_S = 10.0
MISSED_LOOKS = 3


class HeartbeatWatch:
    """Marks silent stations offline and says so; `interval_s`: of those that have none of their own.

    A watch that could not look for a while, the database being away, counts silence anew: what stations said meanwhile waits
    to be stored, and who was cut off has still to come back.
    """

    def __init__(self, pool: asyncpg.Pool, clock: Clock, interval_s: int, heartbeats: int) -> None:
        self._pool = pool
        self._clock = clock
        self._interval_s = interval_s
        self._heartbeats = heartbeats
        self._pause_s = min(interval_s * heartbeats / 10, LONGEST_PAUSE_S)
        self._since: datetime | None = None
        self._looked_at: datetime | None = None

    async def run(self) -> None:
        """Look again and again, often enough for the silence that is tolerated."""
        while True:
            async with self._pool.acquire() as connection:
                await self.look(connection)
            await asyncio.sleep(self._pause_s)

    async def look(self, connection: asyncpg.Connection) -> int:
        """Mark who is silent now; return how many."""
        now = self._clock.now()
        if self._looked_at and now - self._looked_at > MISSED_LOOKS * timedelta(seconds=self._pause_s):
            self._since = now
        self._looked_at = now
        async with connection.transaction():
            silent = await store.mark_silent(connection, now, self._since, self._interval_s, self._heartbeats)
            events = [StationOffline(station_id=s, last_seen_at=seen, at=now) for s, seen in silent]
            await publish(connection, STREAM, events)
        return len(silent)
