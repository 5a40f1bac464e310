"""The statements of the MQTT bridge."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg

from ocpp_gateway.observation import MqttDelivered
from ocpp_gateway.stations.store import take_from_others


async def take_over(
    connection: asyncpg.Connection, slot: int, heard: Mapping[str, datetime], way: str = "mqtt"
) -> tuple[set[str], list[str]]:
    """Let the bridge write what stations say over MQTT (or another way), unless they speak OCPP for themselves right now.

    Return the stations that it may write now, and those of them that had not been online before.
    """
    ids = sorted(heard)
    held = await connection.fetch(
        "SELECT station_id FROM gateway.station_now WHERE station_id = ANY($1) AND connected AND slot <> $2", ids, slot
    )
    speaking = {row["station_id"] for row in held}
    ids = [station_id for station_id in ids if station_id not in speaking]
    await take_from_others(connection, slot, ids)
    rows = await connection.fetch(
        """
        WITH before AS (
            SELECT station_id, state FROM gateway.station_now
            WHERE station_id = ANY($2::text[]) ORDER BY station_id FOR UPDATE
        ), taken AS (
            INSERT INTO gateway.station_now AS n (station_id, epoch, slot, connected, state, last_seen_at)
            SELECT h.station_id, 1, $1, false, 'online', h.at
            FROM unnest($2::text[], $3::timestamptz[]) AS h (station_id, at) ORDER BY h.station_id
            ON CONFLICT (station_id) DO UPDATE SET epoch = n.epoch + 1, slot = excluded.slot, state = 'online',
                last_seen_at = greatest(n.last_seen_at, excluded.last_seen_at)
            WHERE NOT (n.connected AND n.slot <> excluded.slot)
            RETURNING station_id
        )
        SELECT t.station_id, b.state IS DISTINCT FROM 'online' AS back FROM taken t LEFT JOIN before b USING (station_id)
        """,
        slot,
        ids,
        [heard[station_id] for station_id in ids],
    )
    back = [row["station_id"] for row in rows if row["back"]]
    await connection.execute(
        """
        INSERT INTO telemetry.connectivity_change (station_id, occurred_at, change, reason)
        SELECT station_id, at, 'online', $3 FROM unnest($1::text[], $2::timestamptz[]) AS b (station_id, at)
        """,
        back,
        [heard[station_id] for station_id in back],
        way,
    )
    return {row["station_id"] for row in rows}, back


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
