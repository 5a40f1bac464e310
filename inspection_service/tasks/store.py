"""The statements about tasks."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from inspection_service.tasks.machine import Holding
from youguan.auth import Scope
from youguan.errors import NotFound


async def policies(connection: asyncpg.Connection) -> tuple[dict[str, int], dict[str, int]]:
    """Return days to mend by severity, and seconds within which a fault opens its old task again by cause."""
    periods = await connection.fetch("SELECT * FROM inspection.mending_period")
    reopening = await connection.fetch("SELECT * FROM inspection.reopening")
    return {r["severity"]: r["days"] for r in periods}, {r["cause"]: r["within_s"] for r in reopening}


async def next_number(connection: asyncpg.Connection, year: int) -> str:
    """Return the next number of the year's series; the series is held until commit, so it has no gaps."""
    last = await connection.fetchval(
        """
        INSERT INTO inspection.series AS s VALUES ($1, 1)
        ON CONFLICT (year) DO UPDATE SET last = s.last + 1 RETURNING last
        """,
        year,
    )
    return f"GD-{year}-{last:06d}"


async def unclosed(connection: asyncpg.Connection, cause: str, subject: str) -> asyncpg.Record | None:
    return await connection.fetchrow(
        "SELECT * FROM inspection.task WHERE cause = $1 AND subject = $2 AND state <> 'closed' FOR UPDATE",
        cause,
        subject,
    )


async def closed_since(
    connection: asyncpg.Connection, cause: str, subject: str, since: datetime
) -> asyncpg.Record | None:
    return await connection.fetchrow(
        """
        SELECT * FROM inspection.task WHERE cause = $1 AND subject = $2 AND state = 'closed' AND closed_at > $3
        ORDER BY closed_at DESC LIMIT 1 FOR UPDATE
        """,
        cause,
        subject,
        since,
    )


async def waiting_for_proof(connection: asyncpg.Connection, station_id: str, connector: int) -> list[asyncpg.Record]:
    """Return the tasks about a station and its connector that somebody, or the charger, says are mended."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.task WHERE station_id = $1 AND state IN ('mended', 'verifying')
          AND (connector = $2 OR connector IS NULL) FOR UPDATE
        """,
        station_id,
        connector,
    )
    return rows


async def unclosed_at(
    connection: asyncpg.Connection, site_id: str, *, without: Sequence[str] = ()
) -> list[asyncpg.Record]:
    """Return the tasks about stations of a site, but for the stations named."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.task
        WHERE site_id = $1 AND state <> 'closed' AND station_id <> ALL($2::text[]) ORDER BY id FOR UPDATE
        """,
        site_id,
        list(without),
    )
    return rows


async def worsen_task(
    connection: asyncpg.Connection, task_id: str, severity: str, due: date, details: dict[str, Any]
) -> None:
    """Let a task be as bad as its cause has become; its deadline is never put off."""
    await connection.execute(
        "UPDATE inspection.task SET severity = $2, due_on = least(due_on, $3), details = $4 WHERE id = $1",
        task_id,
        severity,
        due,
        details,
    )


async def is_unheard(connection: asyncpg.Connection, station_id: str | None) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM inspection.unheard_station WHERE station_id = $1)", station_id
    )
    return found


async def lose_stations(connection: asyncpg.Connection, lost: Mapping[str, datetime]) -> None:
    """Note stations that cannot be heard, and stop the holding time of what they are to confirm."""
    rows = await connection.fetch(
        """
        INSERT INTO inspection.unheard_station SELECT * FROM unnest($1::text[], $2::timestamptz[])
        ON CONFLICT DO NOTHING RETURNING station_id, since
        """,
        list(lost),
        list(lost.values()),
    )
    await connection.execute(
        """
        UPDATE inspection.task t
        SET holding_left = greatest(t.verify_until - l.since, interval '0'), verify_until = NULL
        FROM unnest($1::text[], $2::timestamptz[]) AS l (station_id, since)
        WHERE t.station_id = l.station_id AND t.state = 'verifying' AND t.verify_until IS NOT NULL
        """,
        [row["station_id"] for row in rows],
        [row["since"] for row in rows],
    )


async def hear_stations(connection: asyncpg.Connection, heard: Mapping[str, datetime]) -> None:
    """Note stations that are heard again, and let the holding time of what they are to confirm run on."""
    rows = await connection.fetch(
        "DELETE FROM inspection.unheard_station WHERE station_id = ANY($1) RETURNING station_id", list(heard)
    )
    back = [row["station_id"] for row in rows]
    await connection.execute(
        """
        UPDATE inspection.task t SET verify_until = h.at + t.holding_left, holding_left = NULL
        FROM unnest($1::text[], $2::timestamptz[]) AS h (station_id, at)
        WHERE t.station_id = h.station_id AND t.state = 'verifying' AND t.holding_left IS NOT NULL
        """,
        back,
        [heard[station_id] for station_id in back],
    )


async def due_verifications(connection: asyncpg.Connection, now: datetime) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.task WHERE state = 'verifying' AND verify_until <= $1
        ORDER BY verify_until LIMIT 500 FOR UPDATE SKIP LOCKED
        """,
        now,
    )
    return rows


async def next_verification(connection: asyncpg.Connection) -> datetime | None:
    found: datetime | None = await connection.fetchval(
        "SELECT min(verify_until) FROM inspection.task WHERE state = 'verifying'"
    )
    return found


async def insert_task(connection: asyncpg.Connection, task: Sequence[Any]) -> None:
    await connection.execute(
        """
        INSERT INTO inspection.task (id, number, cause, subject, alert_id, severity, state, site_id, station_id, connector,
            division_code, assignee_id, assignee_name, assignee_role, occurred_at, opened_at, moved_at, due_on, details)
        VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16, $17)
        """,
        *task,
    )


async def set_state(
    connection: asyncpg.Connection,
    task_id: str,
    state: str,
    *,
    at: datetime,
    holding: Holding | None,
    closed_at: datetime | None,
) -> None:
    await connection.execute(
        """
        UPDATE inspection.task SET state = $2, moved_at = $3, verify_until = $4, holding_left = $5, closed_at = $6
        WHERE id = $1
        """,
        task_id,
        state,
        at,
        holding.until if holding else None,
        holding.left if holding else None,
        closed_at,
    )


async def add_history(connection: asyncpg.Connection, task_id: str, line: Sequence[Any]) -> None:
    """Add (at, actor, command, previous, state, reason)."""
    await connection.execute(
        """
        INSERT INTO inspection.task_history
        SELECT $1, coalesce(max(place), 0) + 1, $2, $3, $4, $5, $6, $7 FROM inspection.task_history WHERE task_id = $1
        """,
        task_id,
        *line,
    )


LIST = """
SELECT t.*, s.name AS site_name, s.division_name, s.address, s.longitude, s.latitude
FROM inspection.task t LEFT JOIN inspection.site s ON s.id = t.site_id
"""


async def list_tasks(
    connection: asyncpg.Connection,
    *,
    status: str | None,
    station_id: str | None,
    site_id: str | None,
    cause: str | None,
    scope: Scope,
    overdue_on: date | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return tasks, newest first; status `open`: every task that is not closed; `overdue_on`: only those late by then."""
    rows: list[asyncpg.Record] = await connection.fetch(
        LIST
        + """
        WHERE ($1::text IS NULL OR ($1 = 'open' AND t.state <> 'closed') OR t.state = $1)
          AND ($2::text IS NULL OR t.station_id = $2) AND ($3::text IS NULL OR t.site_id = $3)
          AND ($4::text IS NULL OR t.cause = $4)
          AND ($5::bool OR t.division_code ^@ ANY ($6::text[]) OR t.assignee_id = $7::text)
          AND ($8::date IS NULL OR (t.state <> 'closed' AND t.due_on < $8))
          AND ($9::timestamptz IS NULL OR (t.opened_at, t.id) < ($9, $10))
        ORDER BY t.opened_at DESC, t.id DESC LIMIT $11
        """,
        status,
        station_id,
        site_id,
        cause,
        *scope.parameters,
        overdue_on,
        *(before or (None, None)),
        limit,
    )
    return rows


async def get_task(connection: asyncpg.Connection, task_id: str, *, hold: bool = False) -> asyncpg.Record:
    """Return a task; `hold` keeps others from moving it until commit."""
    row = await connection.fetchrow(LIST + " WHERE t.id = $1" + (" FOR UPDATE OF t" if hold else ""), task_id)
    if row is None:
        raise NotFound(f"task {task_id}")
    return row


async def history(connection: asyncpg.Connection, task_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM inspection.task_history WHERE task_id = $1 ORDER BY place", task_id
    )
    return rows
