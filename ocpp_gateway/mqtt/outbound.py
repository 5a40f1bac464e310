"""Each filed connector's status, retained, for whoever subscribes; but for what is somebody's own.

Topic: youguan/v1/sites/{site}/connectors/{station}-{connector}/status. Where a connector is filed no longer, or is
somebody's own now, its topic is emptied: which topics the broker may hold is kept, so that this survives a restart.
A topic that the broker refuses is noted with its reason and tried again; the others go on.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import asyncpg
import orjson

from ocpp_gateway.mqtt import store
from ocpp_gateway.mqtt.connection import Caller, Dialer, Link, PublishRefused
from ocpp_gateway.mqtt.connection import broker as broker_of
from youguan.clock import utc_text
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import ConnectorStatusChanged
from youguan.repeating import repeat
from youguan.settings import Settings

log = logging.getLogger(__name__)

WINDOW = 200  # published without waiting for the broker's word for each
LOOK_S = 10.0  # how soon it is noticed that a station was moved, retired or made private: that is told of no connector
STATE_TOPIC = "youguan/v1/bridges/out/state"


class StatusPublisher:
    """Publishes with QoS 1; a batch of events counts as handled only when the broker has acknowledged all of it.

    While the broker is away events wait in the log. What is published is always what is now, so a broker that lost its
    data is given everything anew, and events told late turn nothing back.
    """

    def __init__(self, pool: asyncpg.Pool, settings: Settings) -> None:
        self._pool = pool
        self._dialer = Dialer(broker_of(settings), Caller(f"{settings.mqtt_client_id}-out", STATE_TOPIC))

    async def run(self) -> None:
        """Publish until cancelled; survive a broker that goes away."""
        await self._dialer.stay(self._publish)

    async def _publish(self, link: Link) -> None:
        outlet = Outlet(self._pool, link)
        await outlet.tell()

        async def handle(_: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
            await outlet.tell(
                {
                    (stored.event.station_id, stored.event.connector)
                    for stored in batch
                    if isinstance(stored.event, ConnectorStatusChanged)
                }
            )

        consumer = Consumer(self._pool, "gateway.mqtt", handle, types=(ConnectorStatusChanged,))
        consuming = asyncio.create_task(consumer.run())
        try:
            await repeat(outlet.follow_files, LOOK_S)
        finally:
            consuming.cancel()
            await asyncio.gather(consuming, return_exceptions=True)


async def republish(pool: asyncpg.Pool, settings: Settings) -> int:
    """Publish everything once more; return how many connectors that are. BrokerAway."""
    link = await Dialer(
        broker_of(settings),
        Caller(f"{settings.mqtt_client_id}-republish", "youguan/v1/bridges/republish/state"),
    ).open()
    try:
        outlet = Outlet(pool, link)
        count = await outlet.tell()
        await outlet.follow_files()
        return count
    finally:
        await link.close()


@dataclass(slots=True)
class Outlet:
    """A way to the broker; what is older never comes after what is newer, since one at a time reads and publishes."""

    pool: asyncpg.Pool
    link: Link
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def tell(self, places: Collection[tuple[str, int]] | None = None) -> int:
        """Publish what connectors are now, (station, number), all of them where none are named; return how many."""
        async with self._turn, self.pool.acquire() as connection:
            rows = await store.connectors(connection, places)
            await store.note_retained(connection, rows)  # before the broker has it, or nobody would ever take it back
            refused = await self._publish(rows, message)
            await store.note_refused(connection, rows, [refused.get(topic(row)) for row in rows])
        if refused and places is None:
            log.warning(
                "MQTT: the broker refuses %d of %d topics; first %s", len(refused), len(rows), next(iter(refused))
            )
        return len(rows) - len(refused)

    async def follow_files(self) -> None:
        """Publish where stations have been moved to, then empty the topics that are no public connector's any more."""
        async with self.pool.acquire() as connection:
            unpublished = await store.unpublished(connection)
        if unpublished:
            await self.tell(unpublished)
        async with self._turn, self.pool.acquire() as connection:
            left = await store.left(connection)
            refused = await self._publish(left, lambda _: b"")
            await store.note_refused(connection, left, [refused.get(topic(row)) for row in left])
            await store.forget_retained(connection, [row for row in left if topic(row) not in refused])

    async def _publish(
        self, rows: Sequence[asyncpg.Record], payload: Callable[[asyncpg.Record], bytes]
    ) -> dict[str, str]:
        """Publish at each row's topic what is to be there; return the topics that the broker refuses, each with its reason."""
        refused: dict[str, str] = {}
        for start in range(0, len(rows), WINDOW):
            part = [(topic(row), payload(row)) for row in rows[start : start + WINDOW]]
            reasons = await asyncio.gather(*(self._offer(*each) for each in part))
            refused |= {name: reason for (name, _), reason in zip(part, reasons, strict=True) if reason is not None}
        return refused

    async def _offer(self, name: str, payload: bytes) -> str | None:
        try:
            await self.link.publish(name, payload, retain=True)
        except PublishRefused as refusal:
            return str(refusal)
        return None


def topic(row: asyncpg.Record) -> str:
    """Return where a connector's status is published."""
    site, station = topic_level(row["site_id"]), topic_level(row["station_id"])
    return f"youguan/v1/sites/{site}/connectors/{station}-{row['connector']}/status"


def topic_level(text: str) -> str:
    """Return a text that can stand as a part of a topic: MQTT's own signs are replaced."""
    return "".join("_" if letter in "/+#$" else letter for letter in text)


def message(row: asyncpg.Record) -> bytes:
    """Return what is published."""
    return orjson.dumps(
        {
            "station_id": row["station_id"],
            "connector": row["connector"],
            "status": row["status"],
            "condition": row["condition"],
            "error_code": row["error_code"],
            "since": utc_text(row["effective_at"]),
        }
    )
