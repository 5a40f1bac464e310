"""The heartbeat interval that a booting station is told: its own, else its site's, else the setting."""

import asyncio
import logging
from collections.abc import Callable
from typing import Literal

import asyncpg

from ocpp_gateway.heartbeats import store
from youguan.database import patiently
from youguan.eventlog import follow
from youguan.events import HeartbeatIntervalSet

log = logging.getLogger(__name__)

Scope = Literal["station", "site"]


class Intervals:
    """Every interval that differs from the setting, in the memory of a worker: a boot waits for no query."""

    def __init__(self, pool: asyncpg.Pool, default_s: int, site_of: Callable[[str], str | None]) -> None:
        self._pool = pool
        self._default_s = default_s
        self._site_of = site_of
        self._set: dict[tuple[str, str], int] = {}

    def of(self, station_id: str) -> int:
        """Return a station's interval in seconds."""
        own = self._set.get(("station", station_id))
        return own or self._set.get(("site", self._site_of(station_id) or "")) or self._default_s

    async def keep(self, loaded: asyncio.Event) -> None:
        """Load what is set, say so, then follow the changes from that very point."""
        self._set, positions = await patiently(self._pool, store.load)
        loaded.set()
        log.info("heartbeats: %d intervals of their own", len(self._set))
        async for batch in follow(self._pool, (HeartbeatIntervalSet,), positions):
            for stored in batch:
                if isinstance(stored.event, HeartbeatIntervalSet):
                    self.apply(stored.event)

    def apply(self, event: HeartbeatIntervalSet) -> None:
        """Take in one change."""
        if event.interval_s is None:
            self._set.pop((event.scope, event.subject_id), None)
        else:
            self._set[event.scope, event.subject_id] = event.interval_s
