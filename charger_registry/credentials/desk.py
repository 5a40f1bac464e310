"""Where keys are issued and revoked, and where the gateway's word about them is taken in. A key is shown once and never kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from charger_registry.credentials import store
from charger_registry.store import STREAM
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.errors import Conflict, Invalid, NotFound, Reason, Unavailable
from youguan.eventlog import Consumer, StoredEvent, publish
from youguan.events import (
    Event,
    SiteFiled,
    StationKeyAnswered,
    StationKeyOffered,
    StationKeyUsed,
    UnfiledStationSeen,
)
from youguan.station_keys import digest, is_key, new_key

TYPES = (SiteFiled, StationKeyAnswered, StationKeyOffered, StationKeyUsed, UnfiledStationSeen)
GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key: this is the only time that anybody sees it."""

    credential_id: int
    station_id: str
    key: str
    issued_at: datetime
    others_until: datetime


class KeyDesk:
    """Issues and revokes stations' keys."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, secret: str | None, grace: timedelta) -> None:
        self._pool = pool
        self._clock = clock
        self._secret = secret
        self._grace = grace

    def consumer(self) -> Consumer:
        """Return the consumer of what the gateway says about keys and unfiled stations."""
        return Consumer(self._pool, "registry.station_keys", self.handle, types=TYPES)

    @whole
    async def issue(
        self, who: Principal, station_id: str, reason: str, *, key: str | None = None, remote: str | None = None
    ) -> Issued:
        """Give a station a new key, or take over the one it has; older ones hold for the grace time.

        NotFound, Invalid, Conflict where it has that key, Unavailable without a secret.
        """
        if self._secret is None:
            raise Unavailable("no secret to make keys with is configured (YOUGUAN_STATION_KEY_SECRET)")
        if key is not None and not is_key(key):
            raise Invalid.about("key", "16 to 40 letters, digits or *-_=:+|@.")
        given = key or new_key()
        now = self._clock.now()
        kept = digest(self._secret, station_id, given.encode())
        origin = "issued" if key is None else "taken over"
        async with self._pool.acquire() as connection, connection.transaction():
            await store.hold_station(connection, station_id)
            line = (station_id, kept, origin, True, now, who.subject, reason, None)
            credential_id = await store.insert(connection, line)
            if credential_id is None:
                raise Conflict(Reason("station {station_id} has or had this key already", station_id=station_id))
            await store.end_others(connection, station_id, kept, now + self._grace, who.subject)
            await audit.record(
                connection, at=now, actor=who.subject, action="issue station key", subject=f"station {station_id}",
                after={"credential": credential_id, "origin": origin, "reason": reason}, remote=remote,
            )  # fmt: skip
            await publish(connection, STREAM, [await store.changed(connection, station_id, now)])
        return Issued(credential_id, station_id, given, now, now + self._grace)

    @whole
    async def revoke(
        self, who: Principal, station_id: str, credential_id: int | None, reason: str, remote: str | None = None
    ) -> int:
        """Let a key, or all keys of a station, hold no longer; return how many ended. NotFound."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            known = {row["id"] for row in await store.of_station(connection, station_id)}
            if not known or (credential_id is not None and credential_id not in known):
                raise NotFound(Reason("a key of station {station_id}", station_id=station_id))
            count = await store.end(connection, station_id, credential_id, now, who.subject)
            await audit.record(
                connection, at=now, actor=who.subject, action="revoke station key", subject=f"station {station_id}",
                after={"credential": credential_id, "ended": count, "reason": reason}, remote=remote,
            )  # fmt: skip
            await publish(connection, STREAM, [await store.changed(connection, station_id, now)])
        return count

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Take in what the gateway says."""
        touched: dict[str, None] = {}
        for stored in batch:
            station_id = await self._take(connection, stored.event)
            if station_id is not None:
                touched[station_id] = None
        now = self._clock.now()
        news: list[Event] = [await store.changed(connection, station_id, now) for station_id in touched]
        await publish(connection, STREAM, news)

    async def _take(self, connection: asyncpg.Connection, event: Event) -> str | None:
        """Take in one event; return the station whose keys it has changed."""
        match event:
            case StationKeyOffered(station_id=station_id):
                line = (
                    station_id,
                    event.digest,
                    "rotation",
                    False,
                    event.at,
                    event.offered_by,
                    event.reason,
                    event.until,
                )
                return station_id if await store.insert(connection, line) is not None else None
            case StationKeyAnswered(station_id=station_id, verdict="accepted"):
                return station_id if await self._accepted(connection, station_id, event.digest, event.at) else None
            case StationKeyAnswered(station_id=station_id, verdict="declined"):
                declined = await store.decline(connection, station_id, event.digest, event.at)
                return station_id if declined else None
            case StationKeyUsed(station_id=station_id):
                return station_id if await self._used(connection, event) else None
            case UnfiledStationSeen():
                await store.note_unfiled(connection, event)
            case SiteFiled():
                await store.forget_unfiled(connection, [station.station_id for station in event.stations])
        return None

    async def _accepted(self, connection: asyncpg.Connection, station_id: str, key: str, at: datetime) -> bool:
        """The station has the new key; the old ones hold until it has come back with it, or for the grace time."""
        if not await store.accept(connection, station_id, key):
            return False
        await store.end_others(connection, station_id, key, at + self._grace, GATEWAY)
        return True

    async def _used(self, connection: asyncpg.Connection, event: StationKeyUsed) -> bool:
        """A station that comes in with a key has it, whatever became of its answer, and needs no older one."""
        accepted = await store.accept(connection, event.station_id, event.digest)
        await store.note_use(connection, event.station_id, event.digest, event.at)
        ended = await store.end_others(connection, event.station_id, event.digest, event.at, GATEWAY)
        return accepted or ended > 0
