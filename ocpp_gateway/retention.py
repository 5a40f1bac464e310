"""What the gateway keeps only for a time: raw frames, refused input, who stands in quarantine, events everybody has handled."""

import asyncio
from datetime import timedelta

import asyncpg

from ocpp_gateway import store
from ocpp_gateway.relay.store import forget_gaps, forget_spools
from youguan import eventlog
from youguan.clock import Clock
from youguan.database import storage_mode
from youguan.settings import Settings

EVERY_S = 3600.0
AGAIN_S = 30.0  # where somebody reads what is to be dropped
STREAMS = "gateway/"


class Retention:
    """Forgets what is past keeping."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, settings: Settings) -> None:
        self._pool = pool
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            async with self._pool.acquire() as connection:
                done = await self.forget(connection)
            await asyncio.sleep(EVERY_S if done else AGAIN_S)

    async def forget(self, connection: asyncpg.Connection) -> bool:
        """Forget what can be forgotten now; say whether that is all."""
        settings, now = self._settings, self._clock.now()
        await store.forget_refused(
            connection, now - timedelta(days=settings.refused_input_retention_days), settings.refused_input_a_station
        )
        frames_kept_since = now - timedelta(days=settings.raw_frame_retention_days)
        await forget_spools(connection, frames_kept_since)
        await forget_gaps(connection, frames_kept_since)
        await store.forget_quarantine(connection, now - timedelta(days=settings.quarantine_retention_days))
        while await eventlog.forget(connection, STREAMS, now - timedelta(days=settings.event_retention_days)):
            pass
        return await self._forget_frames(connection)

    async def _forget_frames(self, connection: asyncpg.Connection) -> bool:
        before = self._clock.now() - timedelta(days=self._settings.raw_frame_retention_days)
        if await storage_mode(connection) == "timescale":
            await store.drop_chunks(connection, before)
            return True
        return all([await store.drop_day(connection, day) for day in await store.old_days(connection, before)])
