"""Which platforms have fallen silent, which provinces deal with nothing, and what is past keeping of all of them."""

import asyncio
from datetime import datetime, timedelta

import asyncpg

from ocpp_gateway.cec102 import store
from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.cec102.intake import store as intake
from ocpp_gateway.cec102.quality import A_DAY, freshness_of
from ocpp_gateway.cec102.upward import store as upward
from ocpp_gateway.cec102.upward.kept import store as kept
from ocpp_gateway.heartbeats.watch import STREAM
from youguan.clock import Clock
from youguan.eventlog import publish
from youguan.events import Event, PlatformHeard, PlatformOrdersSettled, PlatformOrdersUntold, PlatformSilent

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
        """Tell of who is silent or deaf now, or has orders that he was not told, and was so not before, and the other way round."""
        now = self._clock.now()
        async with connection.transaction():
            await intake.forget_envelopes(connection, now)
            await intake.forget_traffic(connection, now - TRAFFIC_KEPT)
            news = [
                *await self._silent(connection, now),
                *await self._deaf(connection, now),
                *await _untold(connection, now),
            ]
            await publish(connection, STREAM, news)
        return len(news)

    async def _silent(self, connection: asyncpg.Connection, now: datetime) -> list[Event]:
        silent: list[Event] = []
        for row in await store.speaking(connection):
            operator_id, heard_at = row["operator_id"], row["last_heard_at"]
            since = heard_at or row["changed_at"]  # one that was let in and never spoke is silent, too
            is_silent = freshness_of(since, now, self._desk.profile_of(row)) == "silent"
            if is_silent and await store.mark_silent(connection, operator_id, heard_at, now):
                told = PlatformSilent(
                    operator_id=operator_id,
                    name=row["name"],
                    last_heard_at=since,
                    ever_heard=heard_at is not None,
                    at=now,
                )
                silent.append(told)
        return silent

    async def _deaf(self, connection: asyncpg.Connection, now: datetime) -> list[Event]:
        """A province that has dealt with nothing since long ago is as one that is silent; `last_heard_at`: since when."""
        again = [PlatformHeard(operator_id=id, at=now) for id in await upward.hearing_again(connection)]
        deaf: list[Event] = []
        for row in await upward.unheard(connection):
            since = row["waits_since"]
            if freshness_of(since, now, self._desk.profile_of(row)) == "silent":
                await upward.mark_deaf(connection, row["operator_id"], since)
                deaf.append(
                    PlatformSilent(operator_id=row["operator_id"], name=row["name"], last_heard_at=since, at=now)
                )
        return [*again, *deaf]


async def _untold(connection: asyncpg.Connection, now: datetime) -> list[Event]:
    """Orders that a province refused, or that still lack something after a day, wait for somebody: what he does ends it."""
    settled = await kept.no_longer_untold(connection, now - A_DAY)
    return [
        *(PlatformOrdersSettled(operator_id=operator_id, at=now) for operator_id in settled),
        *(
            PlatformOrdersUntold(operator_id=row["operator_id"], name=row["name"], since=row["untold_since"], at=now)
            for row in await kept.newly_untold(connection, now - A_DAY)
        ),
    ]
