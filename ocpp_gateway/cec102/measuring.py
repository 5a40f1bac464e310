"""What it costs much to know of a large platform: measured at most once a minute, and beside the event loop."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from ocpp_gateway.cec102.comparing import Compared, Comparing
from ocpp_gateway.cec102.filed import store as registry
from ocpp_gateway.cec102.profiles import Profile
from ocpp_gateway.cec102.quality import Quality, Traffic, quality_of
from ocpp_gateway.cec102.upward.kept import store as upward
from youguan.clock import Clock

AT_MOST_EVERY = timedelta(minutes=1)
COSTLY = 5_000  # so many connectors or reports: fewer are counted whenever somebody looks


class Measuring:
    """Remembers of each platform what it came to when it was measured last."""

    def __init__(self, clock: Clock, costly: int = COSTLY) -> None:
        self._clock = clock
        self._costly = costly
        self._comparing = Comparing()
        self._qualities: dict[str, Quality] = {}
        self._taken: dict[str, tuple[datetime, int]] = {}

    async def quality_of(self, connection: asyncpg.Connection, operator_id: str, profile: Profile) -> Quality:
        """Return how good the data of its connectors and files are; how fresh and usable they are is not measured here."""
        now = self._clock.now()
        known = self._qualities.get(operator_id)
        if known is not None and known.filed >= self._costly and now - known.measured_at < AT_MOST_EVERY:
            return known
        filed = await registry.connector_times(connection, operator_id)
        compared = await self._comparing.of(connection, operator_id)
        found = await asyncio.to_thread(_measured, profile, now, filed, compared)
        self._qualities[operator_id] = found
        return found

    async def taken_by(self, connection: asyncpg.Connection, operator_id: str) -> int:
        """Return how much of what a province was told within the last days it took."""
        now = self._clock.now()
        measured_at, count = self._taken.get(operator_id, (None, 0))
        if measured_at is None or count < self._costly or now - measured_at >= AT_MOST_EVERY:
            count = await upward.taken_by(connection, operator_id)
            self._taken[operator_id] = now, count
        return count


def _measured(profile: Profile, now: datetime, filed: Sequence[asyncpg.Record], compared: Compared) -> Quality:
    times = {row["cec_connector_id"]: row["received_at"] for row in filed}
    return quality_of(profile, now, None, times, compared.connector_ids, Traffic(), compared.consistency)
