"""Statements about what is kept of what provinces are told: looked at, sent again, set aside, forgotten."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from ocpp_gateway.cec102.upward.store import MOMENTARY, OLD, end_pause


async def retry(connection: asyncpg.Connection, operator_id: str, now: datetime) -> int:
    """Let what waits, and what was refused, be due now; return how many that are.

    A status or a file that was refused stays behind where a later one of the same was queued: old is not told after new. What was
    told of a moment stays behind, too: that has passed.
    """
    await end_pause(connection, operator_id)
    rows = await connection.fetch(
        f"""
        UPDATE gateway.upward_report r SET due_at = $2, ended_at = CASE WHEN s.state = 'overtaken' THEN r.ended_at END,
            tries = CASE WHEN r.state = 'waiting' THEN r.tries ELSE 0 END, stumbles = 0, state = s.state
        FROM (
            SELECT id, CASE WHEN state = 'refused' AND {OLD} THEN 'overtaken' ELSE 'waiting' END AS state
            FROM gateway.upward_report had WHERE operator_id = $1
              AND (state = 'waiting' OR state = 'refused' AND kind NOT IN {MOMENTARY})
        ) s WHERE s.id = r.id RETURNING s.state
        """,
        operator_id,
        now,
    )
    return sum(row["state"] == "waiting" for row in rows)


async def set_aside(
    connection: asyncpg.Connection, operator_id: str, report_ids: Sequence[int] | None, now: datetime
) -> int:
    """Let orders that were refused or withheld, some or all, be nobody's concern any more; return how many that are."""
    rows = await connection.fetch(
        """
        UPDATE gateway.upward_report SET state = 'set_aside', ended_at = $3
        WHERE operator_id = $1 AND kind = 'order' AND state IN ('refused', 'withheld') AND ($2::bigint[] IS NULL OR id = ANY($2))
        RETURNING id
        """,
        operator_id,
        report_ids,
        now,
    )
    return len(rows)


async def forget_reports(connection: asyncpg.Connection, before: datetime, moments_before: datetime) -> None:
    """Forget what has ended before a time; what was told of a moment, before another.

    An order that was refused or withheld stays until it is taken, or somebody sets it aside: a charge that was never told of leaves
    a trace.
    """
    await connection.execute(
        f"""
        DELETE FROM gateway.upward_report WHERE state <> 'waiting' AND NOT (kind = 'order' AND state IN ('refused', 'withheld'))
          AND (ended_at < $1 OR (kind IN {MOMENTARY} AND ended_at < $2))
        """,
        before,
        moments_before,
    )


# An order that was not told: it was refused, or it is withheld since before $1 and nothing has come of what it lacks.
UNTOLD = """r.state IN ('refused', 'withheld') AND r.kind = 'order' AND (r.state = 'refused' OR r.ended_at < $1)"""


async def newly_untold(connection: asyncpg.Connection, withheld_before: datetime) -> list[asyncpg.Record]:
    """Note which provinces have orders now that they were not told, and had none before; return them with since when."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        INSERT INTO gateway.platform_now AS n (operator_id, untold_since)
        SELECT p.operator_id, min(r.ended_at) FROM gateway.platform p JOIN gateway.upward_report r USING (operator_id)
        WHERE p.role = 'province' AND p.enabled AND {UNTOLD} GROUP BY 1 ORDER BY 1
        ON CONFLICT (operator_id) DO UPDATE SET untold_since = excluded.untold_since WHERE n.untold_since IS NULL
        RETURNING operator_id, untold_since, (SELECT name FROM gateway.platform p WHERE p.operator_id = n.operator_id) AS name
        """,
        withheld_before,
    )
    return rows


async def no_longer_untold(connection: asyncpg.Connection, withheld_before: datetime) -> list[str]:
    """Note which provinces have no orders any more that they were not told, or are told nothing any more; return them."""
    rows = await connection.fetch(
        f"""
        UPDATE gateway.platform_now n SET untold_since = NULL WHERE untold_since IS NOT NULL AND NOT EXISTS (
            SELECT FROM gateway.platform p JOIN gateway.upward_report r USING (operator_id)
            WHERE p.operator_id = n.operator_id AND p.role = 'province' AND p.enabled AND {UNTOLD}
        ) RETURNING operator_id
        """,
        withheld_before,
    )
    return sorted(row["operator_id"] for row in rows)


async def queue_of(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record:
    """Return how a province's queue is: how many wait and since when, how many it refused, and until when it is left alone."""
    row = await connection.fetchrow(
        """
        SELECT w.*, r.*, n.last_taken_at, n.tell_again_at FROM (
            SELECT count(*) AS waiting, min(made_at) AS oldest_at FROM gateway.upward_report
            WHERE operator_id = $1 AND state = 'waiting'
        ) w, (
            SELECT count(*) FILTER (WHERE state = 'refused') AS refused, count(*) FILTER (WHERE state = 'withheld') AS withheld
            FROM gateway.upward_report WHERE operator_id = $1 AND state IN ('refused', 'withheld')
        ) r LEFT JOIN gateway.platform_now n ON n.operator_id = $1
        """,
        operator_id,
    )
    assert row is not None
    return row


async def taken_by(connection: asyncpg.Connection, operator_id: str) -> int:
    """Return how many of the reports that are kept a province took: there may be millions."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM gateway.upward_report WHERE operator_id = $1 AND state = 'taken'", operator_id
    )
    return count


async def reports(
    connection: asyncpg.Connection,
    operator_id: str,
    state: str | None,
    kind: str | None,
    before: int | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return a province's reports, of a state and a kind or all, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM gateway.upward_report WHERE operator_id = $1 AND ($2::text IS NULL OR state = $2)
          AND ($3::text IS NULL OR kind = $3) AND ($4::bigint IS NULL OR id < $4) ORDER BY id DESC LIMIT $5
        """,
        operator_id,
        state,
        kind,
        before,
        limit,
    )
    return rows
