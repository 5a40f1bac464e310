"""The statements about sensors."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from ocpp_gateway.observation import SensorRead

Key = tuple[str, str, str]
"""(site, kind, sensor)."""


def key_of(reading: SensorRead) -> Key:
    """Return which sensor a reading is of."""
    return reading.site_id, reading.kind, reading.sensor


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def insert_readings(connection: asyncpg.Connection, readings: Sequence[SensorRead]) -> list[SensorRead]:
    """Store readings; return those that are no repeats, in their order."""
    once = {(*key_of(r), r.occurred_at): r for r in reversed(readings)}
    rows = await connection.fetch(
        """
        INSERT INTO telemetry.sensor_reading
            (site_id, sensor, kind, occurred_at, received_at, effective_at, value, unit)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[],
                             $6::timestamptz[], $7::float8[], $8::text[])
        ON CONFLICT (site_id, occurred_at, kind, sensor) DO NOTHING RETURNING site_id, kind, sensor, occurred_at
        """,
        *_columns(
            [
                (r.site_id, r.sensor, r.kind, r.occurred_at, r.received_at, r.effective_at, r.value, r.unit)
                for r in once.values()
            ]
        ),
    )
    fresh = {tuple(row) for row in rows}
    return [reading for key, reading in reversed(once.items()) if key in fresh]


async def read_now(connection: asyncpg.Connection, readings: Sequence[SensorRead]) -> list[asyncpg.Record]:
    """Return the latest of the sensors that readings are of, held until the commit."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT n.* FROM gateway.sensor_now n
        JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (site_id, kind, sensor) USING (site_id, kind, sensor)
        ORDER BY n.site_id, n.kind, n.sensor FOR UPDATE OF n
        """,
        *(_columns(sorted({key_of(r) for r in readings})) or ([], [], [])),
    )
    return rows


async def write_now(
    connection: asyncpg.Connection, latest: Sequence[tuple[SensorRead, str | None, datetime | None]]
) -> None:
    """Note the latest of each sensor: (reading, alarm, since)."""
    if latest:
        await connection.execute(
            """
            INSERT INTO gateway.sensor_now (site_id, sensor, kind, station_id, connector, occurred_at, received_at,
                effective_at, value, unit, alarm, alarm_since)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::timestamptz[],
                $7::timestamptz[], $8::timestamptz[], $9::float8[], $10::text[], $11::text[], $12::timestamptz[])
            ON CONFLICT (site_id, kind, sensor) DO UPDATE SET
                station_id = excluded.station_id, connector = excluded.connector, occurred_at = excluded.occurred_at,
                received_at = excluded.received_at, effective_at = excluded.effective_at, value = excluded.value,
                unit = excluded.unit, alarm = excluded.alarm, alarm_since = excluded.alarm_since
            """,
            *_columns([(*reading[:10], alarm, since) for reading, alarm, since in latest]),
        )


async def sensors(connection: asyncpg.Connection, site_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM gateway.sensor_now WHERE site_id = $1 ORDER BY kind, sensor", site_id
    )
    return rows


async def readings(
    connection: asyncpg.Connection,
    site_id: str,
    *,
    kind: str | None,
    sensor: str | None,
    since: datetime | None,
    until: datetime | None,
    before: tuple[datetime, str, str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return a site's readings, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM telemetry.sensor_reading
        WHERE site_id = $1 AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR sensor = $3)
          AND ($4::timestamptz IS NULL OR occurred_at >= $4) AND ($5::timestamptz IS NULL OR occurred_at < $5)
          AND ($6::timestamptz IS NULL OR (occurred_at, kind, sensor) < ($6, $7, $8))
        ORDER BY occurred_at DESC, kind DESC, sensor DESC LIMIT $9
        """,
        site_id,
        kind,
        sensor,
        since,
        until,
        *(before or (None, None, None)),
        limit,
    )
    return rows
