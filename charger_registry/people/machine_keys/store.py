"""The statements about machine clients' keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg


async def add_key(connection: asyncpg.Connection, key: Sequence[Any]) -> None:
    """Keep (id, name, digest, role, scopes, organisation, division, expires, by, at, reason)."""
    await connection.execute(
        """
        INSERT INTO registry.machine_key (id, name, digest, role, scopes, organisation_id, division, expires_at, issued_by,
            issued_at, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        *key,
    )


async def list_keys(connection: asyncpg.Connection, organisation_id: str | None) -> list[asyncpg.Record]:
    """Return the keys of machine clients, of an organisation or (None) of everybody, the latest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.machine_key WHERE $1::text IS NULL OR organisation_id = $1
        ORDER BY issued_at DESC, id LIMIT 1000
        """,
        organisation_id,
    )
    return rows


async def keys_holding(
    connection: asyncpg.Connection, now: datetime, *, issuer: str | None = None, organisation_id: str | None = None
) -> list[asyncpg.Record]:
    """Return the keys that hold, of an issuer or an organisation, held until commit."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.machine_key
        WHERE expires_at > $1 AND (revoked_at IS NULL OR revoked_at > $1)
          AND ($2::text IS NULL OR issued_by = $2) AND ($3::text IS NULL OR organisation_id = $3)
        ORDER BY issued_at, id FOR UPDATE
        """,
        now,
        issuer,
        organisation_id,
    )
    return rows


async def get_key(connection: asyncpg.Connection, key_id: str) -> asyncpg.Record | None:
    return await connection.fetchrow("SELECT * FROM registry.machine_key WHERE id = $1 FOR UPDATE", key_id)


async def revoke_key(connection: asyncpg.Connection, key_id: str, by: str, at: datetime, reason: str) -> None:
    await connection.execute(
        "UPDATE registry.machine_key SET revoked_by = $2, revoked_at = $3, revoked_reason = $4 WHERE id = $1",
        key_id,
        by,
        at,
        reason,
    )


async def keys_revoked_because(
    connection: asyncpg.Connection, organisation_id: str, reason: str, now: datetime
) -> list[asyncpg.Record]:
    """Return the keys of an organisation that would hold had they not been revoked for a reason, held until commit."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.machine_key
        WHERE organisation_id = $1 AND revoked_reason = $2 AND expires_at > $3 ORDER BY issued_at, id FOR UPDATE
        """,
        organisation_id,
        reason,
        now,
    )
    return rows


async def restore_key(connection: asyncpg.Connection, key_id: str) -> None:
    await connection.execute(
        "UPDATE registry.machine_key SET revoked_by = NULL, revoked_at = NULL, revoked_reason = NULL WHERE id = $1",
        key_id,
    )


async def note_key_use(connection: asyncpg.Connection, key_id: str, at: datetime) -> None:
    await connection.execute(
        "UPDATE registry.machine_key SET last_used_at = greatest(last_used_at, $2) WHERE id = $1", key_id, at
    )
