"""The statements about who acts for whom."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg


async def add_delegation(connection: asyncpg.Connection, delegation: Sequence[Any]) -> int:
    """Add (giver, receiver, since, until, reason)."""
    number: int = await connection.fetchval(
        """
        INSERT INTO registry.delegation (giver, receiver, since, until, reason) VALUES ($1, $2, $3, $4, $5) RETURNING id
        """,
        *delegation,
    )
    return number


async def list_delegations(connection: asyncpg.Connection, username: str, now: datetime) -> list[asyncpg.Record]:
    """Return the delegations that somebody has given or received and that hold, the latest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.delegation WHERE (giver = $1 OR receiver = $1) AND ended_at IS NULL AND until > $2
        ORDER BY id DESC LIMIT 200
        """,
        username,
        now,
    )
    return rows


async def get_delegation(
    connection: asyncpg.Connection, number: int, receiver: str, now: datetime, *, hold: bool = False
) -> asyncpg.Record | None:
    """Return a delegation that somebody has received and that holds; `hold`: until commit, whose accounts are held before it."""
    return await connection.fetchrow(
        "SELECT * FROM registry.delegation WHERE id = $1 AND receiver = $2 AND ended_at IS NULL AND until > $3"
        + (" FOR UPDATE" if hold else ""),
        number,
        receiver,
        now,
    )


async def end_delegation(connection: asyncpg.Connection, number: int, by: str, now: datetime) -> asyncpg.Record | None:
    """End a delegation that somebody has given or received; None where there is none that holds."""
    return await connection.fetchrow(
        """
        UPDATE registry.delegation SET ended_at = $3, ended_by = $2
        WHERE id = $1 AND (giver = $2 OR receiver = $2) AND ended_at IS NULL RETURNING *
        """,
        number,
        by,
        now,
    )


async def end_delegations(connection: asyncpg.Connection, username: str, by: str, now: datetime) -> list[int]:
    """End what somebody has given or received and what holds still; return the numbers."""
    rows = await connection.fetch(
        """
        UPDATE registry.delegation SET ended_at = $3, ended_by = $2
        WHERE (giver = $1 OR receiver = $1) AND ended_at IS NULL AND until > $3 RETURNING id
        """,
        username,
        by,
        now,
    )
    return sorted(row["id"] for row in rows)


async def end_acting(connection: asyncpg.Connection, receiver: str, giver: str, now: datetime) -> list[str]:
    """Note that the logins in which one acts for the other end; return their tokens."""
    rows = await connection.fetch(
        """
        UPDATE registry.session SET ended_at = $3
        WHERE username = $1 AND acting_for = $2 AND ended_at IS NULL AND expires_at > $3 RETURNING token_id
        """,
        receiver,
        giver,
        now,
    )
    return [row["token_id"] for row in rows]
