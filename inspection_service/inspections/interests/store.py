"""The statements about officers' interests."""

from datetime import datetime

import asyncpg

from youguan.errors import NotFound, Reason


async def interests(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT i.*, o.name,
               (SELECT max(organisation_name) FROM inspection.responsibility r WHERE r.organisation_id = i.organisation_id)
                   AS organisation_name
        FROM inspection.officer_interest i LEFT JOIN inspection.officer o USING (subject)
        ORDER BY i.ended_at IS NOT NULL, i.id DESC
        """
    )
    return rows


async def organisations(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return every organisation that has, or had, a role at a site, by name."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT organisation_id AS id, max(organisation_name) AS name FROM inspection.responsibility
        GROUP BY 1 ORDER BY 2, 1
        """
    )
    return rows


async def declare(
    connection: asyncpg.Connection, subject: str, organisation_id: str, reason: str, at: datetime, by: str
) -> int | None:
    """Keep an interest; None where the same is declared already."""
    found: int | None = await connection.fetchval(
        """
        INSERT INTO inspection.officer_interest (subject, organisation_id, reason, declared_at, declared_by)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (subject, organisation_id) WHERE ended_at IS NULL DO NOTHING RETURNING id
        """,
        subject,
        organisation_id,
        reason,
        at,
        by,
    )
    return found


async def end_interest(connection: asyncpg.Connection, interest_id: int, at: datetime) -> asyncpg.Record:
    """End an interest; NotFound where there is none that holds."""
    row = await connection.fetchrow(
        "UPDATE inspection.officer_interest SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL RETURNING *",
        interest_id,
        at,
    )
    if row is None:
        raise NotFound(Reason("interest {id}", id=interest_id))
    return row
