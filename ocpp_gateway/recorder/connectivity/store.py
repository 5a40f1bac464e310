"""The statements about connectivity."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg

from ocpp_gateway.recorder.batch import Batch, Disconnected
from ocpp_gateway.recorder.store import columns


async def hold_stations(connection: asyncpg.Connection, station_ids: Collection[str]) -> None:
    """Hold the rows of all stations that a commit changes, in the order in which everybody takes them."""
    if station_ids:
        await connection.execute(
            "SELECT FROM gateway.station_now WHERE station_id = ANY($1) ORDER BY station_id FOR UPDATE",
            sorted(station_ids),
        )


async def note_seen(connection: asyncpg.Connection, seen: Mapping[str, datetime]) -> list[str]:
    """Note when stations were last heard; return those that had been offline. The stations are held."""
    rows = await connection.fetch(
        """
        WITH seen AS (SELECT * FROM unnest($1::text[], $2::timestamptz[]) AS s (station_id, at)),
        before AS (
            SELECT station_id, state FROM gateway.station_now WHERE station_id = ANY($1)
        ), noted AS (
            UPDATE gateway.station_now n SET last_seen_at = greatest(n.last_seen_at, seen.at), state = 'online'
            FROM seen JOIN before USING (station_id)
            WHERE n.station_id = seen.station_id
            RETURNING n.station_id, before.state, seen.at
        ), back AS (
            INSERT INTO telemetry.connectivity_change (station_id, occurred_at, change)
            SELECT station_id, at, 'online' FROM noted WHERE state <> 'online'
        )
        SELECT station_id, state FROM noted
        """,
        *columns(sorted(seen.items()), 2),
    )
    return [row["station_id"] for row in rows if row["state"] != "online"]


async def note_out_of_reach(
    connection: asyncpg.Connection, out_of_reach: Mapping[str, datetime]
) -> list[tuple[str, datetime | None]]:
    """Mark stations offline of whose connectors their platform reaches none; return them with when they were last seen."""
    if not out_of_reach:
        return []
    rows = await connection.fetch(
        """
        WITH gone AS (
            UPDATE gateway.station_now n SET state = 'offline'
            FROM unnest($1::text[], $2::timestamptz[]) AS o (station_id, at)
            WHERE n.station_id = o.station_id AND n.state = 'online' AND NOT EXISTS (
                SELECT FROM gateway.connector_now c WHERE c.station_id = n.station_id AND c.status <> 'Offline'
            )
            RETURNING n.station_id, o.at, n.last_seen_at
        ), noted AS (
            INSERT INTO telemetry.connectivity_change (station_id, occurred_at, change, reason)
            SELECT station_id, at, 'offline', 'platform' FROM gone
        )
        SELECT station_id, last_seen_at FROM gone
        """,
        *columns(sorted(out_of_reach.items()), 2),
    )
    return [(row["station_id"], row["last_seen_at"]) for row in rows]


async def note_boots(connection: asyncpg.Connection, batch: Batch) -> None:
    if not batch.booted:
        return
    await connection.execute(
        """
        UPDATE gateway.station_now n SET vendor = b.vendor, model = b.model, serial_number = b.serial_number,
            firmware_version = b.firmware_version, booted_at = b.at, boot_reason = b.reason
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[])
            AS b (station_id, vendor, model, serial_number, firmware_version, at, reason)
        WHERE n.station_id = b.station_id
        """,
        *columns(
            [
                (b.station_id, b.vendor, b.model, b.serial_number, b.firmware_version, b.at, b.reason)
                for b in batch.booted.values()
            ],
            7,
        ),
    )


async def note_unfiled(connection: asyncpg.Connection, batch: Batch, a_source: int) -> tuple[set[str], set[str]]:
    """Note stations that the registry does not know, at most so many from one source.

    Return the stations that are new, and the sources of which there are more than are noted.
    """
    fresh, full = set(), set()
    for announced, entry in batch.announced.values():
        new = await connection.fetchval(
            """
            INSERT INTO gateway.quarantine AS q
                (station_id, remote, ocpp_version, vendor, model, first_seen_at, last_seen_at)
            SELECT $1, $2, $3, $4, $5, $6, $6
            WHERE (SELECT count(*) FROM gateway.quarantine WHERE remote = $2) < $7
               OR EXISTS (SELECT FROM gateway.quarantine WHERE station_id = $1)
            ON CONFLICT (station_id) DO UPDATE SET last_seen_at = excluded.last_seen_at
            RETURNING q.xmax = 0
            """,
            announced.station_id,
            entry.remote,
            entry.ocpp_version,
            announced.vendor,
            announced.model,
            announced.at,
            a_source,
        )
        if new:
            fresh.add(announced.station_id)
        elif new is None:
            full.add(entry.remote)
    return fresh, full


async def note_ends(connection: asyncpg.Connection, ended: Sequence[Disconnected]) -> set[str]:
    """Note connections that ended; return the stations now disconnected: those that no newer connection speaks for."""
    if not ended:
        return set()
    rows = await connection.fetch(
        """
        WITH gone AS (
            UPDATE gateway.station_now n SET connected = false
            FROM unnest($1::text[], $2::bigint[]) AS e (station_id, epoch)
            WHERE n.station_id = e.station_id AND n.epoch = e.epoch AND n.connected
            RETURNING n.station_id
        ), noted AS (
            INSERT INTO telemetry.connectivity_change (station_id, occurred_at, change, reason)
            SELECT e.station_id, e.at, 'disconnected', e.reason
            FROM unnest($1::text[], $3::timestamptz[], $4::text[]) AS e (station_id, at, reason)
            WHERE NOT EXISTS (
                SELECT FROM telemetry.connectivity_change c WHERE c.station_id = e.station_id
                AND c.occurred_at = e.at AND c.change = 'disconnected' AND c.reason = e.reason
            )
        )
        SELECT station_id FROM gone
        """,
        [e.station_id for e in ended],
        [e.epoch for e in ended],
        [e.at for e in ended],
        [e.reason for e in ended],
    )
    return {row["station_id"] for row in rows}
