"""The statements about meters whose verification is due."""

from datetime import date

import asyncpg

from youguan.auth import Scope
from youguan.bounds import site_within


async def meters_due(
    connection: asyncpg.Connection, before: date, scope: Scope, after: tuple[date, str, int] | None, limit: int
) -> list[asyncpg.Record]:
    """Return meters whose verification is due before a day, the longest overdue first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT m.*, t.site_id, s.name AS site_name FROM registry.meter m JOIN registry.station t ON t.id = m.station_id
        JOIN registry.site s ON s.id = t.site_id
        WHERE m.verification_due_on < $1 AND t.retired_at IS NULL AND s.retired_at IS NULL
          AND ($2::date IS NULL OR (m.verification_due_on, m.station_id, m.connector) > ($2, $3::text, $4::int))
          AND {site_within("s.id", 6)}
        ORDER BY m.verification_due_on, m.station_id, m.connector LIMIT $5
        """,
        before,
        *(after or (None, None, None)),
        limit,
        *scope.parameters,
    )
    return rows


# Meters that are due at $1 or soon; how soon is the paper's own matter.
DUE_METERS = """
SELECT m.station_id, m.connector, t.site_id, m.serial_number, m.verification_due_on, m.verification_due_on < $1 AS overdue
FROM registry.meter m JOIN registry.station t ON t.id = m.station_id AND t.retired_at IS NULL
JOIN registry.site s ON s.id = t.site_id AND s.retired_at IS NULL
WHERE m.verification_due_on - (
    SELECT r.warning_days FROM registry.document_rule r WHERE r.code = 'metering_verification' AND r.valid_from <= $1
    ORDER BY r.valid_from DESC LIMIT 1
) <= $1
"""


async def meters_in_order(connection: asyncpg.Connection, today: date) -> list[asyncpg.Record]:
    """Note and return the meters about which something was told that holds no longer."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        DELETE FROM registry.meter_notice n WHERE NOT EXISTS (
            SELECT FROM ({DUE_METERS}) d
            WHERE d.station_id = n.station_id AND d.connector = n.connector AND d.site_id = n.site_id
        ) RETURNING *
        """,
        today,
    )
    return rows


async def meters_come_due(connection: asyncpg.Connection, today: date) -> list[asyncpg.Record]:
    """Note and return the meters about whose verification something new is to be told."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        WITH due AS (
            SELECT * FROM ({DUE_METERS}) d WHERE NOT EXISTS (
                SELECT FROM registry.meter_notice n
                WHERE n.station_id = d.station_id AND n.connector = d.connector AND n.overdue = d.overdue
            )
        ), noted AS (
            INSERT INTO registry.meter_notice SELECT station_id, connector, site_id, overdue FROM due
            ON CONFLICT (station_id, connector) DO UPDATE SET overdue = excluded.overdue, site_id = excluded.site_id
        )
        SELECT * FROM due ORDER BY station_id, connector
        """,
        today,
    )
    return rows
