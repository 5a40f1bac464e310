"""Each connector's status, retained, for whoever subscribes.

Topic: youguan/v1/sites/{site}/connectors/{station}-{connector}/status.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

import aiomqtt
import asyncpg
import orjson

from ocpp_gateway.stations import store
from youguan.clock import utc_text
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import ConnectorStatusChanged

UNFILED = "unfiled"


class StatusPublisher:
    """Publishes with QoS 1; a batch of events counts as handled only when the broker has acknowledged all of it."""

    def __init__(self, pool: asyncpg.Pool, url: str) -> None:
        self._pool = pool
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 1883
        self._user, self._password = parts.username, parts.password

    def consumer(self) -> Consumer:
        """Return the consumer that publishes."""
        return Consumer(self._pool, "gateway.mqtt", self.handle, types=(ConnectorStatusChanged,))

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Publish the latest of each connector in the batch."""
        latest = {
            (stored.event.station_id, stored.event.connector): stored.event
            for stored in batch
            if isinstance(stored.event, ConnectorStatusChanged)
        }
        sites = await store.sites_of(connection, [station_id for station_id, _ in latest])
        async with aiomqtt.Client(self._host, self._port, username=self._user, password=self._password) as client:
            for (station_id, number), event in latest.items():
                site = sites.get(station_id, UNFILED)
                topic = f"youguan/v1/sites/{site}/connectors/{topic_level(station_id)}-{number}/status"
                await client.publish(topic, message(event), qos=1, retain=True)


def topic_level(text: str) -> str:
    """Return a text that can stand as a part of a topic: MQTT's own signs are replaced."""
    return "".join("_" if letter in "/+#$" else letter for letter in text)


def message(event: ConnectorStatusChanged) -> bytes:
    """Return what is published."""
    return orjson.dumps(
        {
            "station_id": event.station_id,
            "connector": event.connector,
            "status": event.status,
            "condition": event.condition,
            "error_code": event.error_code,
            "since": utc_text(event.effective_at),
        }
    )
