"""Statements about what provinces are told."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from ocpp_gateway.cec102.upward.reports import Report, Tried

MOMENTARY = "('charging', 'power')"


async def energies(
    connection: asyncpg.Connection, operator_id: str | None, cec_station_id: str, since: datetime, until: datetime
) -> list[asyncpg.Record]:
    """Return the energy of the transactions of an operator's site that ended in [since, until), by connector."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.cec_equipment_id, c.cec_connector_id, coalesce(sum(t.meter_stop_wh - t.meter_start_wh), 0) AS energy_wh
        FROM gateway.connector_code c LEFT JOIN telemetry.transaction t
          ON (t.station_id, t.connector) = (c.station_id, c.connector) AND t.stopped_at >= $2 AND t.stopped_at < $3
        WHERE c.cec_station_id = $1 AND c.operator_code = $4 GROUP BY 1, 2 ORDER BY 1, 2
        """,
        cec_station_id,
        since,
        until,
        operator_id,
    )
    return rows


async def queue(connection: asyncpg.Connection, operator_id: str, reports: Sequence[Report], now: datetime) -> None:
    """Put reports at the end of a province's queue."""
    await connection.executemany(
        """
        INSERT INTO gateway.upward_report (operator_id, kind, subject, content, made_at, due_at) VALUES ($1, $2, $3, $4, $5, $5)
        """,
        [(operator_id, kind, subject, content, now) for kind, subject, content in reports],
    )


async def queue_moment(
    connection: asyncpg.Connection, operator_id: str, kind: str, reports: Sequence[Report], now: datetime
) -> None:
    """Put what is told of this moment in the place of what a province has not taken of the moments before."""
    async with connection.transaction():
        await connection.execute(
            "DELETE FROM gateway.upward_report WHERE operator_id = $1 AND kind = $2 AND state = 'waiting'",
            operator_id,
            kind,
        )
        await queue(connection, operator_id, reports, now)


async def next_report(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record | None:
    """Return the first that a province has not taken: what has happened before what is told of this moment."""
    return await connection.fetchrow(
        f"""
        (SELECT * FROM gateway.upward_report WHERE operator_id = $1 AND state = 'waiting' AND kind NOT IN {MOMENTARY}
         ORDER BY id LIMIT 1)
        UNION ALL
        (SELECT * FROM gateway.upward_report WHERE operator_id = $1 AND state = 'waiting' AND kind IN {MOMENTARY}
         ORDER BY id LIMIT 1)
        LIMIT 1
        """,
        operator_id,
    )


LATEST_VALUES = """
    LEFT JOIN LATERAL (
        SELECT max(occurred_at) AS at, jsonb_agg(jsonb_build_array(measurand, phase, value)) AS measured FROM (
            SELECT DISTINCT ON (measurand, phase) measurand, phase, value, occurred_at FROM telemetry.meter_value m
            WHERE m.station_id = c.station_id AND m.connector = c.connector AND m.occurred_at BETWEEN $1 AND $2
              AND m.location IN ('', 'Outlet') ORDER BY measurand, phase, occurred_at DESC
        ) latest
    ) v ON n.condition = 'charging'
"""


async def charging_now(connection: asyncpg.Connection, since: datetime, until: datetime) -> list[asyncpg.Record]:
    """Return the newest open transaction of each connector that has codes, with its latest values since then."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT c.*, n.condition, s.ocpp_version, t.transaction_id, t.started_at, t.meter_start_wh, v.at, v.measured
        FROM (
            SELECT DISTINCT ON (station_id, connector) * FROM telemetry.transaction
            WHERE stopped_at IS NULL AND started_at IS NOT NULL ORDER BY station_id, connector, id DESC
        ) t
        JOIN gateway.connector_code c USING (station_id, connector)
        JOIN gateway.connector_now n USING (station_id, connector)
        JOIN gateway.station_now s USING (station_id) {LATEST_VALUES}
        WHERE s.state = 'online' AND n.condition IN ('charging', 'occupied') ORDER BY c.station_id, c.connector
        """,
        since,
        until,
    )
    return rows


async def drawing_now(connection: asyncpg.Connection, since: datetime, until: datetime) -> list[asyncpg.Record]:
    """Return the connectors in reach that have codes, in the order of those, with their latest values since then."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT c.*, n.condition, v.at, v.measured FROM gateway.connector_code c
        JOIN gateway.connector_now n USING (station_id, connector)
        JOIN gateway.station_now s USING (station_id) {LATEST_VALUES}
        WHERE s.state = 'online' AND c.cec_station_id IS NOT NULL
        ORDER BY c.cec_station_id, c.cec_equipment_id, c.cec_connector_id
        """,
        since,
        until,
    )
    return rows


async def note_try(
    connection: asyncpg.Connection, report_id: int, tried: Tried, now: datetime, due_at: datetime, error: str | None
) -> None:
    """Note how a try went."""
    await connection.execute(
        """
        UPDATE gateway.upward_report SET state = $2, tries = tries + 1, stumbles = $3, due_at = $5, error = $6,
            ended_at = CASE WHEN $2 <> 'waiting' THEN $4::timestamptz END
        WHERE id = $1
        """,
        report_id,
        tried.state,
        tried.stumbles,
        now,
        due_at,
        error,
    )


async def retry(connection: asyncpg.Connection, operator_id: str, now: datetime) -> int:
    """Let what waits, and what was refused, be due now; return how many that are.

    A status or a file that was refused stays behind where a later one of the same was queued: old is not told after new.
    """
    rows = await connection.fetch(
        """
        UPDATE gateway.upward_report r SET due_at = $2, ended_at = CASE WHEN s.state = 'overtaken' THEN r.ended_at END,
            tries = CASE WHEN r.state = 'waiting' THEN r.tries ELSE 0 END, stumbles = 0, state = s.state
        FROM (
            SELECT id, CASE WHEN state = 'refused' AND kind <> 'order' AND EXISTS (
                SELECT FROM gateway.upward_report later WHERE (later.operator_id, later.kind, later.subject) =
                    (had.operator_id, had.kind, had.subject) AND later.id > had.id
            ) THEN 'overtaken' ELSE 'waiting' END AS state
            FROM gateway.upward_report had WHERE operator_id = $1 AND state IN ('waiting', 'refused')
        ) s WHERE s.id = r.id RETURNING s.state
        """,
        operator_id,
        now,
    )
    return sum(row["state"] == "waiting" for row in rows)


async def forget_reports(connection: asyncpg.Connection, before: datetime, moments_before: datetime) -> None:
    """Forget what was taken or refused before a time; of what was told of a moment, before another."""
    await connection.execute(
        f"""
        DELETE FROM gateway.upward_report WHERE state <> 'waiting'
          AND (ended_at < $1 OR (kind IN {MOMENTARY} AND ended_at < $2))
        """,
        before,
        moments_before,
    )


async def queue_of(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record:
    """Return how a province's queue is: how many wait and since when, what the first of them met."""
    row = await connection.fetchrow(
        """
        SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'taken') AS taken,
               count(*) FILTER (WHERE state = 'refused') AS refused, min(made_at) FILTER (WHERE state = 'waiting') AS oldest_at,
               max(ended_at) FILTER (WHERE state = 'taken') AS last_taken_at
        FROM gateway.upward_report WHERE operator_id = $1
        """,
        operator_id,
    )
    assert row is not None
    return row


async def reports(
    connection: asyncpg.Connection, operator_id: str, state: str | None, before: int | None, limit: int
) -> list[asyncpg.Record]:
    """Return a province's reports, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM gateway.upward_report WHERE operator_id = $1 AND ($2::text IS NULL OR state = $2)
          AND ($3::bigint IS NULL OR id < $3) ORDER BY id DESC LIMIT $4
        """,
        operator_id,
        state,
        before,
        limit,
    )
    return rows
