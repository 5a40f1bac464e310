"""Which worker holds a station: a newer connection wins, and only after the older one's last commit.

Taking a station waits for the commit that its old worker has under way; every later commit of that worker sees that it has
lost the station and stores nothing more of it. So what a station says on its new connection comes after what it said on the old.
"""

import asyncio
import logging
from collections.abc import Callable

import asyncpg

from ocpp_gateway.stations import store
from ocpp_gateway.stations.store import Opening
from youguan.clock import Clock
from youguan.eventlog import publish
from youguan.events import Event, StationConnected, StationDisconnected, StationOnline

log = logging.getLogger(__name__)

LARGEST_BATCH = 1000


class Ownership:
    """Claims stations for one worker, many in one transaction."""

    def __init__(self, pool: asyncpg.Pool, slot: int, clock: Clock) -> None:
        self._pool = pool
        self._slot = slot
        self._clock = clock
        self._waiting: dict[str, tuple[Opening, Callable[[int], None]]] = {}
        self._rung = asyncio.Event()

    async def start(self) -> None:
        """Let go of what a predecessor in this slot held when it ended."""
        async with self._pool.acquire() as connection, connection.transaction():
            now = self._clock.now()
            gone = await store.start_worker(connection, self._slot, now)
            events = [StationDisconnected(station_id=s, reason="gateway restarted", at=now) for s in gone]
            await publish(connection, f"gateway/{self._slot}", events)

    def claim(self, opening: Opening, granted: Callable[[int], None]) -> None:
        """Ask for a station; `granted` is called with the epoch of the connection. A later request replaces it."""
        self._waiting[opening.station_id] = (opening, granted)
        self._rung.set()

    async def run(self) -> None:
        """Grant what is asked for, until cancelled."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            while self._waiting:
                batch = {s: self._waiting.pop(s) for s in list(self._waiting)[:LARGEST_BATCH]}
                await self._grant(batch)

    async def _grant(self, batch: dict[str, tuple[Opening, Callable[[int], None]]]) -> None:
        while True:
            try:
                epochs = await self._commit({station_id: opening for station_id, (opening, _) in batch.items()})
                break
            except asyncpg.DeadlockDetectedError as error:
                log.warning("ownership %d: rolled back, trying again at once: %s", self._slot, error)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("ownership %d: %s", self._slot, error)
                await asyncio.sleep(0.2)
        for station_id, (_, granted) in batch.items():
            granted(epochs[station_id])

    async def _commit(self, openings: dict[str, Opening]) -> dict[str, int]:
        async with self._pool.acquire() as connection, connection.transaction():
            await store.take_from_others(connection, self._slot, list(openings))
            claimed = await store.claim(connection, self._slot, openings)
            events: list[Event] = []
            for station_id, (_, back) in claimed.items():
                opening = openings[station_id]
                events.append(
                    StationConnected(
                        station_id=station_id, ocpp_version=opening.ocpp_version, remote=opening.remote, at=opening.at
                    )
                )
                if back:
                    events.append(StationOnline(station_id=station_id, at=opening.at))
            await publish(connection, f"gateway/{self._slot}", events)
        return {station_id: epoch for station_id, (epoch, _) in claimed.items()}
