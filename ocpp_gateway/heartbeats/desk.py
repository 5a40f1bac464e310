"""Where a heartbeat interval is set: for a site or for one of its stations, with a reason."""

from dataclasses import dataclass

import asyncpg

from ocpp_gateway.heartbeats import store
from ocpp_gateway.heartbeats.policy import Scope
from ocpp_gateway.stations.store import sites_of
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.errors import NotFound, Reason
from youguan.eventlog import publish
from youguan.events import HeartbeatIntervalSet

SUBJECTS = {"station": "station {station_id}", "site": "site {site_id}"}
STREAM = "gateway/heartbeats"


@dataclass(frozen=True, slots=True)
class IntervalDesk:
    """Sets intervals and tells every worker."""

    pool: asyncpg.Pool
    clock: Clock

    async def site_of(self, station_id: str) -> str | None:
        """Return the site at which a station is filed."""
        async with self.pool.acquire() as connection:
            return (await sites_of(connection, [station_id])).get(station_id)

    async def set(
        self, who: Principal, scope: Scope, subject_id: str, interval_s: int | None, reason: str, remote: str
    ) -> None:
        """Let an interval hold from the next boot on, None: the site's or the setting's again. NotFound."""
        now = self.clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            if not await store.is_filed(connection, scope, subject_id):
                raise NotFound(Reason(SUBJECTS[scope], **{f"{scope}_id": subject_id}))
            before = await store.hold_interval(connection, scope, subject_id)
            if interval_s is None:
                await store.drop_interval(connection, scope, subject_id)
            else:
                await store.put_interval(connection, scope, subject_id, interval_s, who.subject, reason, now)
            await audit.record(
                connection, at=now, actor=who.subject, action="set heartbeat interval", subject=f"{scope} {subject_id}",
                before={"interval_s": before}, after={"interval_s": interval_s, "reason": reason}, remote=remote,
            )  # fmt: skip
            await publish(
                connection, STREAM,
                [HeartbeatIntervalSet(scope=scope, subject_id=subject_id, interval_s=interval_s, at=now)],
            )  # fmt: skip
