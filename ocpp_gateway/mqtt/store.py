"""The statements of the MQTT bridge."""

from collections.abc import Collection, Sequence

import asyncpg

from ocpp_gateway.observation import MqttDelivered

# A filed connector that anybody may know of.
PUBLIC = """gateway.connector_now n JOIN gateway.station_directory d ON d.station_id = n.station_id
  AND NOT EXISTS (SELECT FROM gateway.private_station p WHERE p.station_id = n.station_id)"""
# What the broker refused it is offered again after a while: its access list may have been mended.
DUE = "(r.refused_at IS NULL OR r.refused_at < now() - interval '10 minutes')"


async def connectors(
    connection: asyncpg.Connection, places: Collection[tuple[str, int]] | None
) -> Sequence[asyncpg.Record]:
    """Return what filed connectors are now, with their sites, but for what is somebody's own; None: all of them."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT n.*, d.site_id FROM {PUBLIC}
        WHERE $3 OR (n.station_id, n.connector) IN (SELECT * FROM unnest($1::text[], $2::int[]))
        ORDER BY n.station_id, n.connector
        """,
        [station_id for station_id, _ in places or ()],
        [number for _, number in places or ()],
        places is None,
    )
    return rows


async def unpublished(connection: asyncpg.Connection) -> list[tuple[str, int]]:
    """Return the (station, number) of connectors to publish of which nothing is published at their site, refused ones when due."""
    rows = await connection.fetch(
        f"""
        SELECT n.station_id, n.connector FROM {PUBLIC}
        LEFT JOIN gateway.mqtt_retained r
          ON r.station_id = n.station_id AND r.connector = n.connector AND r.site_id = d.site_id
        WHERE r.site_id IS NULL OR (r.refused_at IS NOT NULL AND {DUE})
        """
    )
    return [(row["station_id"], row["connector"]) for row in rows]


async def left(connection: asyncpg.Connection) -> Sequence[asyncpg.Record]:
    """Return what was published at sites where its station is filed no longer, or that are somebody's own by now."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT r.* FROM gateway.mqtt_retained r LEFT JOIN gateway.station_directory d USING (station_id, site_id)
        WHERE {DUE} AND (
            d.station_id IS NULL OR EXISTS (SELECT FROM gateway.private_station p WHERE p.station_id = r.station_id)
        )
        """
    )
    return rows


async def note_retained(connection: asyncpg.Connection, rows: Collection[asyncpg.Record]) -> None:
    """Note of what connectors, each at its site, the broker may hold a message."""
    await connection.execute(
        """
        INSERT INTO gateway.mqtt_retained (station_id, connector, site_id)
        SELECT * FROM unnest($1::text[], $2::int[], $3::text[]) ON CONFLICT DO NOTHING
        """,
        *_places(rows),
    )


async def note_refused(
    connection: asyncpg.Connection, rows: Collection[asyncpg.Record], reasons: Sequence[str | None]
) -> None:
    """Note why the broker refused what was offered at each of these places; None: it was taken."""
    await connection.execute(
        """
        UPDATE gateway.mqtt_retained r SET refused_reason = n.reason, refused_at = CASE WHEN n.reason IS NOT NULL THEN now() END
        FROM unnest($1::text[], $2::int[], $3::text[], $4::text[]) n (station_id, connector, site_id, reason)
        WHERE (r.station_id, r.connector, r.site_id) = (n.station_id, n.connector, n.site_id)
          AND (n.reason IS NOT NULL OR r.refused_reason IS NOT NULL)
        """,
        *_places(rows),
        list(reasons),
    )


async def refused(connection: asyncpg.Connection, limit: int) -> list[asyncpg.Record]:
    """Return the connectors whose topics the broker refuses, the latest first, each with `total`: how many there are."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT *, count(*) OVER () AS total FROM gateway.mqtt_retained WHERE refused_at IS NOT NULL
        ORDER BY refused_at DESC, station_id, connector LIMIT $1
        """,
        limit,
    )
    return rows


async def forget_retained(connection: asyncpg.Connection, rows: Collection[asyncpg.Record]) -> None:
    """Note that the broker holds none of these any more."""
    await connection.execute(
        """
        DELETE FROM gateway.mqtt_retained WHERE (station_id, connector, site_id) IN (
            SELECT * FROM unnest($1::text[], $2::int[], $3::text[])
        )
        """,
        *_places(rows),
    )


def _places(rows: Collection[asyncpg.Record]) -> tuple[list[str], list[int], list[str]]:
    return (
        [row["station_id"] for row in rows],
        [row["connector"] for row in rows],
        [row["site_id"] for row in rows],
    )


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
