"""Stations' keys as the registry told them: in the memory of every worker, since a handshake cannot wait for a query."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import asyncpg

from ocpp_gateway.stations import store
from ocpp_gateway.stations.admission import Keys
from youguan.database import patiently
from youguan.eventlog import Consumer, StoredEvent, follow
from youguan.events import Event, StationCredentialsChanged, StationKeyOffered

log = logging.getLogger(__name__)

TYPES = (StationCredentialsChanged, StationKeyOffered)
CONSUMER = "gateway.credentials"


class Credentials:
    """What is stored of every station's keys."""

    def __init__(self, pool: asyncpg.Pool, on_change: Callable[[str], None] = lambda station_id: None) -> None:
        self._pool = pool
        self._on_change = on_change
        self._keys: dict[str, dict[str, datetime | None]] = {}

    def of(self, station_id: str) -> Keys | None:
        """Return a station's keys; None where it never had any."""
        return self._keys.get(station_id)

    async def keep(self, loaded: asyncio.Event) -> None:
        """Load what the projection holds, say so, then follow from that very point."""
        self._keys, positions = await patiently(self._pool, lambda c: store.load_credentials(c, CONSUMER))
        loaded.set()
        log.info("credentials: %d stations have keys", len(self._keys))
        async for batch in follow(self._pool, TYPES, positions):
            for stored in batch:
                self.apply(stored.event)

    def restore(self, keys: Mapping[str, Keys]) -> None:
        """Take keys as they were known last, until what holds now is loaded."""
        self._keys = {station_id: dict(known) for station_id, known in keys.items()}

    def apply(self, event: Event) -> None:
        """Take in one event. An offered key counts from now on: only the station can come back with it."""
        match event:
            case StationCredentialsChanged(station_id=station_id):
                self._keys[station_id] = {known.digest: known.until for known in event.credentials}
                self._on_change(station_id)
            case StationKeyOffered(station_id=station_id):
                self._keys[station_id] = {**self._keys.get(station_id, {}), event.digest: event.until}


async def project(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
    """Bring the credentials' table up to date."""
    for stored in batch:
        match stored.event:
            case StationCredentialsChanged() as changed:
                await store.replace_credentials(connection, changed)
            case StationKeyOffered() as offered:
                await store.add_credential(connection, offered.station_id, offered.digest, offered.until)


def consumer(pool: asyncpg.Pool) -> Consumer:
    """Return the projection of the registry's credentials."""
    return Consumer(pool, CONSUMER, project, types=TYPES)
