"""Where somebody decides against stations that no site lists, and takes that back. Filing a station decides for it."""

import asyncpg

from charger_registry.credentials import store
from charger_registry.store import STREAM
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.errors import Conflict, Reason
from youguan.eventlog import publish
from youguan.events import StationReadmitted, StationRejected


class Quarantine:
    """Rejects unfiled stations and readmits them."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    @whole
    async def reject(
        self, who: Principal, station_id: str, reason: str, *, remote: str | None = None
    ) -> asyncpg.Record:
        """Let the gateway answer a station that it is rejected. NotFound, Conflict where it is already."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            if (await store.hold_unfiled(connection, station_id))["rejected_at"] is not None:
                raise Conflict(Reason("station {station_id} is rejected already", station_id=station_id))
            row = await store.decide_unfiled(connection, station_id, now, who.subject, reason)
            await audit.record(
                connection, at=now, actor=who.subject, action="reject station", subject=f"station {station_id}",
                after={"reason": reason}, remote=remote,
            )  # fmt: skip
            await publish(connection, STREAM, [StationRejected(station_id=station_id, reason=reason, at=now)])
        return row

    @whole
    async def readmit(self, who: Principal, station_id: str, *, remote: str | None = None) -> None:
        """Let a rejected station ask again. NotFound, Conflict where it is not rejected."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            before = await store.hold_unfiled(connection, station_id)
            if before["rejected_at"] is None:
                raise Conflict(Reason("station {station_id} is not rejected", station_id=station_id))
            await store.decide_unfiled(connection, station_id, None, None, None)
            await audit.record(
                connection, at=now, actor=who.subject, action="readmit station", subject=f"station {station_id}",
                before={"reason": before["rejected_reason"], "by": before["rejected_by"]}, remote=remote,
            )  # fmt: skip
            await publish(connection, STREAM, [StationReadmitted(station_id=station_id, at=now)])
