"""Statements about operators' platforms and provinces: who they are, and who has fallen silent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from youguan.auth import Scope
from youguan.errors import NotFound

PLATFORM = """
SELECT p.*, o.name AS organisation_name, o.uscc AS organisation_uscc,
       n.last_heard_at, n.last_pulled_at, n.pull_error, n.last_taken_at,
       coalesce(n.silent_since, n.deaf_since) AS silent_since,
       (SELECT uscc FROM gateway.platform_operator WHERE operator_id = p.operator_id) AS told_uscc,
       (SELECT made_at FROM gateway.upward_report WHERE operator_id = p.operator_id AND state = 'waiting' ORDER BY id LIMIT 1)
           AS waits_since
FROM gateway.platform p LEFT JOIN gateway.organisation o USING (organisation_id)
LEFT JOIN gateway.platform_now n USING (operator_id)
"""

# $1 to $3: `Scope.parameters`. A platform lies where sites lie that are filed under its OperatorID, and is its organisation's.
WITHIN = """(
    $1::bool OR p.organisation_id = $3::text OR EXISTS (
        SELECT FROM gateway.connector_code c JOIN bounds.site s USING (site_id)
        WHERE c.operator_code = p.operator_id AND s.division_code ^@ ANY ($2::text[])
    )
)"""


async def list_platforms(
    connection: asyncpg.Connection, scope: Scope, after: str | None, limit: int
) -> list[asyncpg.Record]:
    """Return the platforms within somebody's bounds, by id."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {PLATFORM} WHERE {WITHIN} AND ($4::text IS NULL OR p.operator_id > $4) ORDER BY p.operator_id LIMIT $5
        """,
        *scope.parameters,
        after,
        limit,
    )
    return rows


async def see_platform(connection: asyncpg.Connection, scope: Scope, operator_id: str) -> asyncpg.Record:
    """Return a platform within somebody's bounds; NotFound beyond them."""
    row = await connection.fetchrow(f"{PLATFORM} WHERE {WITHIN} AND p.operator_id = $4", *scope.parameters, operator_id)
    if row is None:
        raise NotFound(f"platform {operator_id}")
    return row


async def find_platform(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record | None:
    """Return a platform, or None."""
    return await connection.fetchrow(f"{PLATFORM} WHERE p.operator_id = $1", operator_id)


async def get_platform(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record:
    """Return a platform; NotFound."""
    row = await find_platform(connection, operator_id)
    if row is None:
        raise NotFound(f"platform {operator_id}")
    return row


async def put_platform(connection: asyncpg.Connection, row: Sequence[Any]) -> None:
    """Store a platform and how it is spoken with: a row in the order of the table's columns."""
    await connection.execute(
        """
        INSERT INTO gateway.platform VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (operator_id) DO UPDATE SET name = excluded.name, organisation_id = excluded.organisation_id,
            role = excluded.role, profile = excluded.profile, enabled = excluded.enabled, address = excluded.address,
            our_operator_id = excluded.our_operator_id, sealed = excluded.sealed, changed_at = excluded.changed_at,
            changed_by = excluded.changed_by
        """,
        *row,
    )


async def shut_out(connection: asyncpg.Connection, operator_id: str, changed_by: str) -> None:
    """Let a platform in no longer, if this was the last to let it in."""
    await connection.execute(
        "UPDATE gateway.platform SET enabled = false WHERE operator_id = $1 AND changed_by = $2",
        operator_id,
        changed_by,
    )


async def called(connection: asyncpg.Connection, role: str) -> list[asyncpg.Record]:
    """Return the platforms of a role that are called: what is to be told to one that is not would wait for ever."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"{PLATFORM} WHERE p.role = $1 AND p.enabled AND p.address IS NOT NULL ORDER BY p.operator_id", role
    )
    return rows


async def who_calls(connection: asyncpg.Connection, operator_id: str, digest: bytes) -> asyncpg.Record | None:
    """Return how a platform is spoken with, and whether this very envelope was taken before; None: unknown, or shut out."""
    return await connection.fetchrow(
        """
        SELECT profile, sealed, role, EXISTS (SELECT FROM gateway.platform_envelope WHERE digest = $2) AS seen
        FROM gateway.platform WHERE operator_id = $1 AND enabled
        """,
        operator_id,
        digest,
    )


async def speaking(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return the operators' platforms that are not known to be silent, be it that they never spoke."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {PLATFORM} WHERE p.role = 'operator' AND p.enabled AND n.silent_since IS NULL
        ORDER BY p.operator_id
        """
    )
    return rows


async def mark_silent(
    connection: asyncpg.Connection, operator_id: str, last_heard_at: datetime | None, at: datetime
) -> bool:
    """Note that a platform is silent (None: always was); False where it was heard meanwhile, or somebody else has noted it."""
    noted = await connection.fetchval(
        """
        INSERT INTO gateway.platform_now AS n (operator_id, silent_since) VALUES ($1, $3)
        ON CONFLICT (operator_id) DO UPDATE SET silent_since = excluded.silent_since
        WHERE n.silent_since IS NULL AND n.last_heard_at IS NOT DISTINCT FROM $2 RETURNING true
        """,
        operator_id,
        last_heard_at,
        at,
    )
    return bool(noted)


async def end_silence(connection: asyncpg.Connection, operator_id: str) -> bool:
    """Let a platform be silent or deaf no longer, to which nobody listens or speaks any more; say whether it was."""
    ended = await connection.fetchval(
        """
        UPDATE gateway.platform_now SET silent_since = NULL, deaf_since = NULL
        WHERE operator_id = $1 AND num_nonnulls(silent_since, deaf_since) > 0 RETURNING true
        """,
        operator_id,
    )
    return bool(ended)
