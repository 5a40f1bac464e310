"""The statements of the MQTT bridge."""

from collections.abc import Collection, Sequence

import asyncpg

from ocpp_gateway.observation import MqttDelivered


async def connectors(
    connection: asyncpg.Connection, places: Collection[tuple[str, int]] | None
) -> Sequence[asyncpg.Record]:
    """Return what connectors are now, with their sites; None: all of them."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT n.*, d.site_id FROM gateway.connector_now n LEFT JOIN gateway.station_directory d USING (station_id)
        WHERE $3 OR (n.station_id, n.connector) IN (SELECT * FROM unnest($1::text[], $2::int[]))
        ORDER BY n.station_id, n.connector
        """,
        [station_id for station_id, _ in places or ()],
        [number for _, number in places or ()],
        places is None,
    )
    return rows


async def note_delivered(connection: asyncpg.Connection, delivered: Collection[MqttDelivered]) -> None:
    """Note which deliveries are stored; of each slot and number one."""
    await connection.executemany(
        """
        INSERT INTO gateway.mqtt_delivered VALUES ($1, $2, $3, $4)
        ON CONFLICT (slot, number) DO UPDATE SET digest = excluded.digest, received_at = excluded.received_at
        """,
        [(each.slot, each.number, each.digest, each.received_at) for each in delivered],
    )


async def delivered(connection: asyncpg.Connection, slot: int) -> dict[int, bytes]:
    """Return what is stored of a slot's deliveries: number → hash, the oldest first."""
    rows = await connection.fetch(
        "SELECT number, digest FROM gateway.mqtt_delivered WHERE slot = $1 ORDER BY received_at", slot
    )
    return {row["number"]: row["digest"] for row in rows}
