"""The statements about public reports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from youguan.errors import NotFound


async def insert(connection: asyncpg.Connection, report: Sequence[Any]) -> None:
    """Insert (receipt, token, task, matter, text, received at, media type of the photo, photo)."""
    await connection.execute("INSERT INTO inspection.public_report VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", *report)


async def receipt_for(connection: asyncpg.Connection, token: str) -> str | None:
    """Return the receipt of the report that a form was sent with."""
    found: str | None = await connection.fetchval(
        "SELECT receipt FROM inspection.public_report WHERE token = $1", token
    )
    return found


async def get(connection: asyncpg.Connection, receipt: str) -> asyncpg.Record:
    """Return a report without its photo, with the task that goes on with it; NotFound."""
    row = await connection.fetchrow(
        """
        SELECT r.receipt, r.matter, r.received_at, t.id AS task_id, t.state, t.assignee_name, t.station_id, t.merged_into,
               s.name AS site_name,
               (SELECT count(*) FROM inspection.public_report o WHERE o.task_id = r.task_id) AS reports
        FROM inspection.public_report r
        JOIN inspection.task own ON own.id = r.task_id
        JOIN inspection.task t ON t.id = coalesce(own.merged_into, own.id)
        LEFT JOIN inspection.site s ON s.id = t.site_id WHERE r.receipt = $1
        """,
        receipt,
    )
    if row is None:
        raise NotFound(f"report {receipt}")
    return row


async def of_task(connection: asyncpg.Connection, task_id: str) -> list[asyncpg.Record]:
    """Return what was reported of a task and of those that became part of it, newest first, numbered from the oldest."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT row_number() OVER (ORDER BY r.received_at, r.receipt) AS number, r.matter, r.said, r.received_at,
               r.photo_type, r.erased_at
        FROM inspection.public_report r JOIN inspection.task t ON t.id = r.task_id
        WHERE t.id = $1 OR t.merged_into = $1 ORDER BY 1 DESC LIMIT 100
        """,
        task_id,
    )
    return rows


async def photo(connection: asyncpg.Connection, task_id: str, number: int) -> tuple[str, bytes]:
    """Return the media type and the content of the photo of a task's report; NotFound."""
    row = await connection.fetchrow(
        """
        SELECT r.photo_type, r.photo FROM inspection.public_report r JOIN inspection.task t ON t.id = r.task_id
        WHERE t.id = $1 OR t.merged_into = $1 ORDER BY r.received_at, r.receipt OFFSET $2 LIMIT 1
        """,
        task_id,
        number - 1,
    )
    if row is None or row["photo"] is None:
        raise NotFound(f"photo of report {number}")
    return row["photo_type"], row["photo"]


async def erase(connection: asyncpg.Connection, closed_before: datetime, now: datetime) -> int:
    """Erase words and photos of reports whose task was closed before then; return of how many."""
    rows = await connection.fetch(
        """
        UPDATE inspection.public_report r SET said = '', photo = NULL, photo_type = NULL, token = NULL, erased_at = $2
        FROM inspection.task own JOIN inspection.task t ON t.id = coalesce(own.merged_into, own.id)
        WHERE own.id = r.task_id AND r.erased_at IS NULL AND t.state = 'closed' AND t.closed_at < $1 RETURNING 1
        """,
        closed_before,
        now,
    )
    return len(rows)


# --- how often ---


async def hold_tries(connection: asyncpg.Connection, key: str, until: datetime) -> None:
    """Let nobody else count under a key until commit, and forget what counts no longer."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"inspection.public_try {key}")
    await connection.execute("DELETE FROM inspection.public_try WHERE key = $1 AND at <= $2", key, until)


async def nth_last_try(connection: asyncpg.Connection, key: str, nth: int) -> datetime | None:
    """Return when the nth last try under a key was; None where there were fewer."""
    found: datetime | None = await connection.fetchval(
        "SELECT at FROM inspection.public_try WHERE key = $1 ORDER BY at DESC OFFSET $2 LIMIT 1", key, nth - 1
    )
    return found


async def add_tries(connection: asyncpg.Connection, keys: Sequence[str], at: datetime) -> None:
    await connection.executemany(
        "INSERT INTO inspection.public_try (key, at) VALUES ($1, $2)", [(key, at) for key in keys]
    )


async def forget_tries(connection: asyncpg.Connection, until: datetime) -> None:
    """Forget the tries of those who did not come back."""
    await connection.execute("DELETE FROM inspection.public_try WHERE at <= $1", until)
