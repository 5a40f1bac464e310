"""Which worker holds a station: a newer connection wins, and only after the older one's last commit.

Taking a station waits for the commit that its old worker has under way; every later commit of that worker sees that it has
lost the station and stores nothing more of it. So what a station says on its new connection comes after what it said on the old.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import asyncpg

from ocpp_gateway.devices.store import streams_known
from ocpp_gateway.protocol.streams import NOTHING_KNOWN
from ocpp_gateway.protocol.versions import V21
from ocpp_gateway.stations import store
from ocpp_gateway.stations.store import Grant, Opening
from youguan.clock import Clock
from youguan.database import AWAY
from youguan.eventlog import publish
from youguan.events import Event, StationConnected, StationDisconnected, StationOnline

log = logging.getLogger(__name__)

LARGEST_BATCH = 1000
WATCH_S, SLOT_WATCH_S = 1.0, 3.0
# How long nobody may have held a slot before what was connected there is let go: a worker that lost its connection to the
# database, or is being restarted, holds it again sooner.
UNHELD = timedelta(seconds=10)
# A worker that could not look for so long has noted nothing of what was said to it meanwhile.
BREAK = timedelta(seconds=5)


class Ownership:
    """Claims stations for one worker, many in one transaction."""

    def __init__(self, pool: asyncpg.Pool, slot: int, clock: Clock) -> None:
        self._pool = pool
        self._slot = slot
        self._clock = clock
        self._waiting: dict[str, tuple[Opening, Callable[[Grant], None]]] = {}
        self._rung = asyncio.Event()
        self._looked_at: datetime | None = None

    async def start(self) -> None:
        """Let go of what a predecessor in this slot held when it ended."""
        async with self._pool.acquire() as connection, connection.transaction():
            now = self._clock.now()
            await store.start_worker(connection, self._slot, now)
            await publish(connection, f"gateway/{self._slot}", await _let_go(connection, self._slot, now))

    def claim(self, opening: Opening, granted: Callable[[Grant], None]) -> None:
        """Ask for a station; `granted` is called with the grant of the connection. A later request replaces it."""
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

    async def watch(self, on_lost: Callable[[Mapping[str, int]], None]) -> None:
        """Hold our slot, and tell of stations that others have taken, until cancelled: an idle worker commits nothing."""
        known: int | None = None
        while True:
            try:
                async with self._pool.acquire() as connection, store.slot_held(connection, self._slot):
                    while True:
                        known = await self._look(connection, known, on_lost)
                        await asyncio.sleep(WATCH_S)
            except AWAY as error:
                log.warning("ownership %d: database away: %s", self._slot, error)
                await asyncio.sleep(WATCH_S)

    async def _look(
        self, connection: asyncpg.Connection, known: int | None, on_lost: Callable[[Mapping[str, int]], None]
    ) -> int:
        now = self._clock.now()
        if self._looked_at and now - self._looked_at > BREAK:
            await store.start_worker(connection, self._slot, now)
        self._looked_at = now
        count = await store.count_losses(connection, self._slot)
        if known is not None and count != known:
            on_lost(await store.held_by_others(connection, self._slot, known))
        return count

    async def _grant(self, batch: dict[str, tuple[Opening, Callable[[Grant], None]]]) -> None:
        while True:
            try:
                grants = await self._commit({station_id: opening for station_id, (opening, _) in batch.items()})
                break
            except asyncpg.DeadlockDetectedError as error:
                log.warning("ownership %d: rolled back, trying again at once: %s", self._slot, error)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("ownership %d: %s", self._slot, error)
                await asyncio.sleep(0.2)
        for station_id, (_, granted) in batch.items():
            granted(grants[station_id])

    async def _commit(self, openings: dict[str, Opening]) -> dict[str, Grant]:
        async with self._pool.acquire() as connection, connection.transaction():
            await store.take_from_others(connection, self._slot, list(openings))
            claimed = await store.claim(connection, self._slot, openings)
            streaming = [station_id for station_id, opening in openings.items() if opening.ocpp_version == V21.name]
            known = await streams_known(connection, streaming) if streaming else {}
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
        return {
            station_id: Grant(epoch, known.get(station_id, NOTHING_KNOWN)) for station_id, (epoch, _) in claimed.items()
        }


class SlotWatch:
    """Lets go of what was connected to workers that are gone and do not come back."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, stream: str) -> None:
        self._pool = pool
        self._clock = clock
        self._stream = stream
        self._unheld_since: dict[int, datetime] = {}

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self.look(connection)
            except AWAY:
                self._unheld_since.clear()  # the workers have lost theirs as well: give them time
                raise
            await asyncio.sleep(SLOT_WATCH_S)

    async def look(self, connection: asyncpg.Connection) -> None:
        """Let go of the slots that nobody has held for long enough."""
        now = self._clock.now()
        unheld = await store.unheld_slots(connection)
        self._unheld_since = {slot: self._unheld_since.get(slot, now) for slot in unheld}
        for slot in [slot for slot, since in self._unheld_since.items() if now - since >= UNHELD]:
            async with connection.transaction():
                if await store.is_unheld(connection, slot):
                    await publish(connection, self._stream, await _let_go(connection, slot, now))


async def _let_go(connection: asyncpg.Connection, slot: int, at: datetime) -> list[StationDisconnected]:
    """Let go of what a worker that has ended still held; return what is to be told of it."""
    gone = await store.let_go(connection, slot, at)
    return [StationDisconnected(station_id=station_id, reason="gateway restarted", at=at) for station_id in gone]
