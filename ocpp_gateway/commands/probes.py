"""Stations that another service wants asked how they are: asked by TriggerMessage, and what came of it told.

A station sends its status after it has answered the question, so what it says is looked at a little later.
"""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from ocpp_gateway.commands import store, usual
from ocpp_gateway.protocol.versions import named
from ocpp_gateway.relay.store import policy_of
from ocpp_gateway.store import get_station
from youguan import audit
from youguan.clock import Clock
from youguan.errors import NotFound
from youguan.eventlog import Consumer, StoredEvent, publish
from youguan.events import Event, StationProbed, StationProbeWanted
from youguan.repeating import repeat_in_transaction

STREAM = "gateway/jobs"
ACTOR = "system"
ANSWER_WITHIN_S = 30
SAYS_IT_WITHIN = timedelta(seconds=5)
WATCH_S = 1.0
# Of several connectors the first of these that one of them is in stands for the station.
WORST_FIRST = ("faulted", "unavailable", "reserved", "occupied", "charging", "available")


class Probes:
    """Asks stations, and tells what came of it."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def consumer(self) -> Consumer:
        """Return the consumer of what is wanted."""
        return Consumer(self._pool, "gateway.probes", self.handle, types=(StationProbeWanted,))

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Ask the stations that can be asked; tell at once of those that cannot."""
        news: list[Event] = []
        for stored in batch:
            wanted = stored.event
            if isinstance(wanted, StationProbeWanted) and not await self._ask(connection, wanted):
                news.append(self._told(wanted.probe_id, wanted.station_id, wanted.connector, "unreachable", None))
        await publish(connection, STREAM, news)

    async def _ask(self, connection: asyncpg.Connection, wanted: StationProbeWanted) -> bool:
        """Queue the question; False where the station is away or takes nothing of ours."""
        try:
            station = await get_station(connection, wanted.station_id)
        except NotFound:
            return False
        policy = await policy_of(connection, wanted.station_id)
        if not station["connected"] or (policy is not None and not policy["may_send"]):
            return False
        now, version = self._clock.now(), named(station["ocpp_version"])
        action, payload = usual.put(version, "probe", wanted.connector or 0, 0)
        command = (
            wanted.probe_id, wanted.station_id, version.name, action, payload, ACTOR, wanted.reason, now, ANSWER_WITHIN_S,
        )  # fmt: skip
        await store.insert_command(connection, command)
        await store.note_probe(connection, wanted.probe_id, wanted.connector)
        await audit.record(
            connection, at=now, actor=ACTOR, action=f"command {action}", subject=f"station {wanted.station_id}",
            after={"command": wanted.probe_id, "payload": payload, "reason": wanted.reason},
        )  # fmt: skip
        return True

    async def watch(self) -> None:
        """Tell what came of questions, again and again."""
        await repeat_in_transaction(self._pool, self.tell, WATCH_S)

    async def tell(self, connection: asyncpg.Connection) -> int:
        """Tell what came of the questions that have ended; return how many."""
        news: list[Event] = []
        for row in await store.take_ended_probes(connection, self._clock.now() - SAYS_IT_WITHIN):
            condition = worst(row["conditions"]) if row["said"] else None
            outcome = "answered" if row["said"] else "unanswered"
            news.append(self._told(row["command_id"], row["station_id"], row["connector"], outcome, condition))
        await publish(connection, STREAM, news)
        return len(news)

    def _told(
        self, probe_id: str, station_id: str, connector: int | None, outcome: str, condition: str | None
    ) -> StationProbed:
        return StationProbed(
            probe_id=probe_id, station_id=station_id, connector=connector, outcome=outcome, condition=condition,
            at=self._clock.now(),
        )  # fmt: skip


def worst(conditions: Sequence[str]) -> str | None:
    """Return what stands for several connectors; None where none of them has ever said anything."""
    return next((condition for condition in WORST_FIRST if condition in conditions), None)
