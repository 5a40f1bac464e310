"""Each connector's status, retained, for whoever subscribes.

Topic: youguan/v1/sites/{site}/connectors/{station}-{connector}/status.
"""

import asyncio
from collections.abc import Sequence

import asyncpg
import orjson

from ocpp_gateway.mqtt import store
from ocpp_gateway.mqtt.connection import Caller, Dialer, Link
from ocpp_gateway.mqtt.connection import broker as broker_of
from youguan.clock import utc_text
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import ConnectorStatusChanged
from youguan.settings import Settings

UNFILED = "unfiled"
WINDOW = 200  # published without waiting for the broker's word for each
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
        async with self._pool.acquire() as connection:
            await publish_all(connection, link)

        async def handle(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
            places = {
                (stored.event.station_id, stored.event.connector)
                for stored in batch
                if isinstance(stored.event, ConnectorStatusChanged)
            }
            await _tell(link, await store.connectors(connection, places))

        await Consumer(self._pool, "gateway.mqtt", handle, types=(ConnectorStatusChanged,)).run()


async def republish(pool: asyncpg.Pool, settings: Settings) -> int:
    """Publish everything once more; return how many connectors that are. BrokerAway."""
    link = await Dialer(
        broker_of(settings),
        Caller(f"{settings.mqtt_client_id}-republish", "youguan/v1/bridges/republish/state"),
    ).open()
    try:
        async with pool.acquire() as connection:
            return await publish_all(connection, link)
    finally:
        await link.close()


async def publish_all(connection: asyncpg.Connection, link: Link) -> int:
    """Publish what every connector is now."""
    rows = await store.connectors(connection, None)
    await _tell(link, rows)
    return len(rows)


async def _tell(link: Link, rows: Sequence[asyncpg.Record]) -> None:
    for start in range(0, len(rows), WINDOW):
        await asyncio.gather(
            *(link.publish(topic(row), message(row), retain=True) for row in rows[start : start + WINDOW])
        )


def topic(row: asyncpg.Record) -> str:
    """Return where a connector's status is published."""
    site, station = topic_level(row["site_id"] or UNFILED), topic_level(row["station_id"])
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
