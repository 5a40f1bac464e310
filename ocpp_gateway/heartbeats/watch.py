"""Who has fallen silent: heard before, and nothing for longer than so many of its heartbeat intervals."""

import asyncio

import asyncpg

from ocpp_gateway.heartbeats import store
from youguan.clock import Clock
from youguan.eventlog import publish
from youguan.events import StationOffline

STREAM = "gateway/jobs"
LONGEST_PAUSE_S = 10.0


class HeartbeatWatch:
    """Marks silent stations offline and says so; `interval_s`: of those that have none of their own."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, interval_s: int, heartbeats: int) -> None:
        self._pool = pool
        self._clock = clock
        self._interval_s = interval_s
        self._heartbeats = heartbeats

    async def run(self) -> None:
        """Look again and again, often enough for the silence that is tolerated."""
        pause = min(self._interval_s * self._heartbeats / 10, LONGEST_PAUSE_S)
        while True:
            async with self._pool.acquire() as connection:
                await self.look(connection)
            await asyncio.sleep(pause)

    async def look(self, connection: asyncpg.Connection) -> int:
        """Mark who is silent now; return how many."""
        now = self._clock.now()
        async with connection.transaction():
            silent = await store.mark_silent(connection, now, self._interval_s, self._heartbeats)
            events = [StationOffline(station_id=s, last_seen_at=seen, at=now) for s, seen in silent]
            await publish(connection, STREAM, events)
        return len(silent)
