"""Which platforms have fallen silent, and what is past keeping of all of them."""

import asyncio
from datetime import timedelta

import asyncpg

from ocpp_gateway.cec102 import store
from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.cec102.intake import store as intake
from ocpp_gateway.cec102.quality import freshness_of
from ocpp_gateway.heartbeats.watch import STREAM
from youguan.clock import Clock
from youguan.eventlog import publish
from youguan.events import Event, PlatformSilent

LOOK_S = 10.0
TRAFFIC_KEPT = timedelta(days=400)


class PlatformWatch:
    """Looks again and again."""

    def __init__(self, desk: PlatformDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            async with self._desk.pool.acquire() as connection:
                await self.look(connection)
            await asyncio.sleep(LOOK_S)

    async def look(self, connection: asyncpg.Connection) -> int:
        """Tell of who is silent now and was not before; return how many."""
        now = self._clock.now()
        async with connection.transaction():
            await intake.forget_envelopes(connection, now)
            await intake.forget_traffic(connection, now - TRAFFIC_KEPT)
            silent: list[Event] = []
            for row in await store.speaking(connection):
                operator_id, heard_at = row["operator_id"], row["last_heard_at"]
                is_silent = freshness_of(heard_at, now, self._desk.profile_of(row)) == "silent"
                if is_silent and await store.mark_silent(connection, operator_id, heard_at, now):
                    silent.append(
                        PlatformSilent(operator_id=operator_id, name=row["name"], last_heard_at=heard_at, at=now)
                    )
            await publish(connection, STREAM, silent)
        return len(silent)
