"""The statements about tokens of those who read over OCPI."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import asyncpg


async def insert_token(connection: asyncpg.Connection, token: Sequence[Any]) -> int:
    """Keep (party, country code, party id, digest, purpose, registered, at, by, reason)."""
    found: int = await connection.fetchval(
        """
        INSERT INTO registry.ocpi_token
            (party, country_code, party_id, digest, purpose, registered, issued_at, issued_by, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id
        """,
        *token,
    )
    return found


async def find_token(connection: asyncpg.Connection, digests: Collection[str]) -> asyncpg.Record | None:
    """Return the token that has one of these digests and has not ended."""
    return await connection.fetchrow(
        "SELECT * FROM registry.ocpi_token WHERE digest = ANY($1) AND ended_at IS NULL", list(digests)
    )


async def hold_token(connection: asyncpg.Connection, token_id: int) -> asyncpg.Record | None:
    """Return a token that has not ended and hold it, so that of two who would end or replace it one comes too late."""
    return await connection.fetchrow(
        "SELECT * FROM registry.ocpi_token WHERE id = $1 AND ended_at IS NULL FOR UPDATE", token_id
    )


async def note_token_use(connection: asyncpg.Connection, token_id: int, at: datetime, not_since: datetime) -> None:
    """Note that a token was used, unless that was noted lately."""
    await connection.execute(
        "UPDATE registry.ocpi_token SET used_at = $2 WHERE id = $1 AND (used_at IS NULL OR used_at < $3)",
        token_id,
        at,
        not_since,
    )


async def end_token(connection: asyncpg.Connection, token_id: int, at: datetime, by: str) -> None:
    await connection.execute(
        "UPDATE registry.ocpi_token SET ended_at = $2, ended_by = $3 WHERE id = $1", token_id, at, by
    )


async def list_tokens(connection: asyncpg.Connection, before: int | None, limit: int) -> list[asyncpg.Record]:
    """Return tokens, newest first, without their digests."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT id, party, country_code, party_id, purpose, registered, issued_at, issued_by, reason, used_at, ended_at,
               ended_by
        FROM registry.ocpi_token WHERE $1::bigint IS NULL OR id < $1 ORDER BY id DESC LIMIT $2
        """,
        before,
        limit,
    )
    return rows
