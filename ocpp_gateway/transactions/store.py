"""The statements about transactions as they are read."""

from dataclasses import dataclass

import asyncpg

from ocpp_gateway.store import SAMPLE
from youguan.auth import EVERYTHING, Scope
from youguan.bounds import station_within
from youguan.errors import NotFound, Reason

# `missing_events`: how many numbers are missing between the first and the last that came, in 2.x; counting from 0 while
# the start is missing. The numbers of platforms' orders are of our making, and miss nothing.
TRANSACTION = """
SELECT t.*, telemetry.energy_wh(t) AS energy_wh,
       extract(epoch FROM t.stopped_at - t.started_at)::float8 AS duration_s, coalesce(e.missing, 0) AS missing_events
FROM telemetry.transaction t LEFT JOIN LATERAL (
    SELECT max(seq_no)::bigint + 1 - CASE WHEN bool_or(kind = 'Started') THEN min(seq_no) ELSE 0 END - count(*) AS missing
    FROM telemetry.transaction_event e WHERE e.station_id = t.station_id AND e.transaction_id = t.transaction_id
) e ON t.numbered
"""


@dataclass(frozen=True, slots=True)
class TransactionFilter:
    """Which transactions; None: any. `open` False: those that have ended. `scope`: those of stations within these bounds.

    `id_token`: with capitals or without, as id tokens are compared.
    """

    station_id: str | None = None
    open: bool | None = None
    id_token: str | None = None
    scope: Scope = EVERYTHING


CHOSEN = f"""
WHERE ($1::text IS NULL OR station_id = $1) AND ($2::text IS NULL OR lower(id_token) = lower($2))
  AND ($3::bool IS NULL OR (stopped_at IS NULL) = $3)
  AND {station_within("transaction.station_id", 4)}
"""


async def transactions(
    connection: asyncpg.Connection, chosen: TransactionFilter, *, before: int | None, limit: int
) -> list[asyncpg.Record]:
    """Return transactions, those first that we learnt of last."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {TRANSACTION} WHERE t.id IN (
            SELECT id FROM telemetry.transaction {CHOSEN} AND ($7::bigint IS NULL OR id < $7) ORDER BY id DESC LIMIT $8
        ) ORDER BY t.id DESC
        """,
        chosen.station_id,
        chosen.id_token,
        chosen.open,
        *chosen.scope.parameters,
        before,
        limit,
    )
    return rows


async def count_transactions(connection: asyncpg.Connection, chosen: TransactionFilter, most: int) -> int:
    """Return how many there are; of more than `most` only that they are more: most + 1."""
    count: int = await connection.fetchval(
        f"SELECT count(*) FROM (SELECT FROM telemetry.transaction {CHOSEN} LIMIT $7) counted",
        chosen.station_id,
        chosen.id_token,
        chosen.open,
        *chosen.scope.parameters,
        most + 1,
    )
    return count


async def get_transaction(connection: asyncpg.Connection, station_id: str, transaction_id: str) -> asyncpg.Record:
    """Return a transaction; NotFound."""
    row = await connection.fetchrow(
        f"{TRANSACTION} WHERE t.station_id = $1 AND t.transaction_id = $2", station_id, transaction_id
    )
    if row is None:
        raise NotFound(Reason("transaction {id} of station {station_id}", id=transaction_id, station_id=station_id))
    return row


async def transaction_events(
    connection: asyncpg.Connection, station_id: str, transaction_id: str, *, after: int | None, limit: int
) -> list[asyncpg.Record]:
    """Return the events of a 2.x transaction by their numbers."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM telemetry.transaction_event
        WHERE station_id = $1 AND transaction_id = $2 AND ($3::bigint IS NULL OR seq_no > $3) ORDER BY seq_no LIMIT $4
        """,
        station_id,
        transaction_id,
        after,
        limit,
    )
    return rows


async def gaps(connection: asyncpg.Connection, transaction: asyncpg.Record, limit: int) -> list[tuple[int, int]]:
    """Return where events of a 2.x transaction never came: (first number missing, next number that came), in order.

    They are numbered from 0, or from the first of them where the start is among them.
    """
    if not transaction["numbered"]:
        return []
    rows = await connection.fetch(
        """
        SELECT expected, seq_no FROM (
            SELECT seq_no, coalesce(
                lag(seq_no) OVER (ORDER BY seq_no) + 1::bigint,
                CASE WHEN bool_or(kind = 'Started') OVER () THEN seq_no ELSE 0 END
            ) AS expected
            FROM telemetry.transaction_event WHERE station_id = $1 AND transaction_id = $2
        ) numbered WHERE expected < seq_no ORDER BY seq_no LIMIT $3
        """,
        transaction["station_id"],
        transaction["transaction_id"],
        limit,
    )
    return [(row["expected"], row["seq_no"]) for row in rows]


def said_as(transaction: asyncpg.Record) -> str:
    """Return the id that the station used: one that was used again has the time of its start, else its end, added."""
    at, transaction_id = transaction["started_at"] or transaction["stopped_at"], str(transaction["transaction_id"])
    return transaction_id.removesuffix(f"@{round(at.timestamp() * 1000)}") if at else transaction_id


async def transaction_samples(
    connection: asyncpg.Connection, transaction: asyncpg.Record, limit: int
) -> list[asyncpg.Record]:
    """Return what was measured in a transaction, in order, with a minute of grace at both ends."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {SAMPLE} WHERE s.station_id = $1 AND s.transaction_id = $2
          AND ($3::timestamptz IS NULL OR s.occurred_at >= $3 - interval '1 minute')
          AND ($4::timestamptz IS NULL OR s.occurred_at <= $4 + interval '1 minute')
        ORDER BY s.occurred_at, s.connector, s.kind LIMIT $5
        """,
        transaction["station_id"],
        said_as(transaction),
        transaction["started_at"],
        transaction["stopped_at"],
        limit,
    )
    return rows
