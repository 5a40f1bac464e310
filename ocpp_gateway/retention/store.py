"""Statements that forget."""

from datetime import date, datetime
from typing import NamedTuple

import asyncpg

from ocpp_gateway.retention.terms import Series

LOCK_MS = 200
# So many go with one statement: a transaction has hundreds of events, no two of them beside each other on a disk that nobody has
# read for years, and a statement that takes longer than any may would keep all that is forgotten after it.
AT_ONCE = 500

# Partitions by day (eight digits) and by month (six); of the default one nothing is said here.
PARTITIONS = """
SELECT format('telemetry.%I', name) AS name, format('DROP TABLE telemetry.%I', name) AS drop FROM (
    SELECT c.relname AS name, right(c.relname, -length($1::text) - 1) AS digits
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = format('telemetry.%I', $1::text)::regclass AND c.relname ~ '_([0-9]{6}|[0-9]{8})$'
) p
WHERE CASE length(digits)
      WHEN 8 THEN to_date(digits, 'YYYYMMDD') + 1
      ELSE (to_date(digits, 'YYYYMM') + interval '1 month')::date
      END <= ($2::timestamptz AT TIME ZONE 'UTC')::date
ORDER BY name
"""
CHUNKS = """
SELECT format('%I.%I', chunk_schema, chunk_name) AS name,
       format('SELECT drop_chunks(%L, older_than => %L::timestamptz, newer_than => %L::timestamptz)',
              format('telemetry.%I', $1::text), range_end, range_start) AS drop
FROM timescaledb_information.chunks
WHERE hypertable_schema = 'telemetry' AND hypertable_name = $1::text AND range_end <= $2 ORDER BY range_end
"""


class Part(NamedTuple):
    """A partition or chunk: as SQL names it, and the statement that drops it."""

    name: str
    drop: str


async def past_keeping(connection: asyncpg.Connection, series: Series, before: datetime, mode: str) -> list[Part]:
    """Return the partitions or chunks all of whose time lies before an instant, the oldest first."""
    rows = await connection.fetch(CHUNKS if mode == "timescale" else PARTITIONS, series.name, before)
    return [Part(row["name"], row["drop"]) for row in rows]


async def holds_later(connection: asyncpg.Connection, part: Part, since: datetime) -> bool:
    """Say whether something in a part was received since an instant: a charger's clock had put it so far back."""
    found: bool = await connection.fetchval(f"SELECT EXISTS (SELECT FROM {part.name} WHERE received_at >= $1)", since)
    return found


async def forget_received(connection: asyncpg.Connection, table: str, before: datetime) -> None:
    await connection.execute(f"DELETE FROM {table} WHERE received_at < $1", before)


async def drop(connection: asyncpg.Connection, part: Part) -> bool:
    """Drop a part; False where somebody reads for longer than those who write may be kept waiting."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
            await connection.execute(part.drop)
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def forget_transactions(connection: asyncpg.Connection, before: datetime) -> int:
    """Forget some transactions that ended before an instant, with their events, the oldest first; return how many.

    One that goes on is never among them, nor one of which we have heard only since.
    """
    forgotten: int = await connection.fetchval(
        """
        WITH gone AS (
            DELETE FROM telemetry.transaction WHERE id IN (
                SELECT id FROM telemetry.transaction
                WHERE ended_at < $1 AND stopped_at IS NOT NULL AND recorded_at < $1 ORDER BY ended_at LIMIT $2
            ) RETURNING station_id, transaction_id
        ), events AS (
            DELETE FROM telemetry.transaction_event e USING gone g
            WHERE (e.station_id, e.transaction_id) = (g.station_id, g.transaction_id)
        )
        SELECT count(*) FROM gone
        """,
        before,
        AT_ONCE,
    )
    return forgotten


async def forget_orders(connection: asyncpg.Connection, before: datetime) -> int:
    """Forget some of platforms' orders that ended before an instant and were not told since; return how many."""
    forgotten: int = await connection.fetchval(
        """
        WITH gone AS (
            DELETE FROM gateway.platform_order WHERE (operator_id, order_no) IN (
                SELECT operator_id, order_no FROM gateway.platform_order
                WHERE ended_at < $1 AND received_at < $1 ORDER BY ended_at LIMIT $2
            ) RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        before,
        AT_ONCE,
    )
    return forgotten


async def forget_days(connection: asyncpg.Connection, before: date) -> None:
    """Forget the days of connectors, as far as their months are summed."""
    await connection.execute(
        """
        DELETE FROM telemetry.connector_day
        WHERE day < $1 AND day < (SELECT max(month) + interval '1 month' FROM telemetry.connector_month)
        """,
        before,
    )


async def forget_refused(connection: asyncpg.Connection, before: datetime, a_station: int) -> None:
    """Forget refused input that is old, and of each station's all but the newest."""
    await connection.execute(
        """
        DELETE FROM gateway.refused_input WHERE received_at < $1 OR id IN (
            SELECT id FROM (
                SELECT id, row_number() OVER (PARTITION BY station_id ORDER BY received_at DESC, id DESC) AS place
                FROM gateway.refused_input
            ) r WHERE place > $2
        )
        """,
        before,
        a_station,
    )


async def forget_quarantine(connection: asyncpg.Connection, before: datetime) -> None:
    """Forget unfiled stations that have not been seen for long: their source has room for others again."""
    await connection.execute("DELETE FROM gateway.quarantine WHERE last_seen_at < $1", before)
