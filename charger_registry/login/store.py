"""The statements about logins, and what they begin with: links to set a password, and who a provider vouches for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from youguan.errors import Conflict

SESSIONS_KEPT = "90 days"


async def add_link(connection: asyncpg.Connection, link: Sequence[Any]) -> None:
    """Keep (digest, username, by, at, until); a person's older links hold no longer."""
    await connection.execute(
        "UPDATE registry.password_link SET until = $2 WHERE username = $1 AND until > $2", link[1], link[3]
    )
    await connection.execute(
        "INSERT INTO registry.password_link (digest, username, made_by, made_at, until) VALUES ($1, $2, $3, $4, $5)",
        *link,
    )


async def find_link(connection: asyncpg.Connection, digest: str, now: datetime) -> asyncpg.Record | None:
    """Return a link that holds, held until commit."""
    return await connection.fetchrow(
        """
        SELECT l.* FROM registry.password_link l JOIN registry.person p ON p.username = l.username
        WHERE l.digest = $1 AND l.used_at IS NULL AND l.until > $2 AND p.active FOR UPDATE OF l
        """,
        digest,
        now,
    )


async def use_link(connection: asyncpg.Connection, digest: str, now: datetime) -> None:
    await connection.execute("UPDATE registry.password_link SET used_at = $2 WHERE digest = $1", digest, now)


async def begin_session(connection: asyncpg.Connection, session: Sequence[Any]) -> None:
    """Note (token, username, acting for, began, expires, remote, browser); what is long past is forgotten."""
    await connection.execute("INSERT INTO registry.session VALUES ($1, $2, $3, $4, $5, $6, $7)", *session)
    await connection.execute(
        f"DELETE FROM registry.session WHERE username = $1 AND expires_at < $2::timestamptz - interval '{SESSIONS_KEPT}'",
        session[1],
        session[3],
    )


async def end_sessions(
    connection: asyncpg.Connection, username: str, now: datetime, token_id: str | None = None
) -> list[str]:
    """Note that a login, or all logins of somebody, those of whoever acts for him included, end; return their tokens."""
    rows = await connection.fetch(
        """
        UPDATE registry.session SET ended_at = $2
        WHERE (username = $1 OR acting_for = $1) AND ended_at IS NULL AND expires_at > $2
          AND ($3::text IS NULL OR token_id = $3) RETURNING token_id
        """,
        username,
        now,
        token_id,
    )
    return [row["token_id"] for row in rows]


async def list_sessions(connection: asyncpg.Connection, username: str, now: datetime) -> list[asyncpg.Record]:
    """Return somebody's logins that hold, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.session WHERE username = $1 AND ended_at IS NULL AND expires_at > $2
        ORDER BY began_at DESC, token_id LIMIT 200
        """,
        username,
        now,
    )
    return rows


async def find_identity(connection: asyncpg.Connection, provider: str, subject: str) -> str | None:
    """Return whose account is linked with somebody at a provider."""
    found: str | None = await connection.fetchval(
        "SELECT username FROM registry.identity WHERE provider = $1 AND subject = $2", provider, subject
    )
    return found


async def add_identity(connection: asyncpg.Connection, identity: Sequence[Any]) -> None:
    """Link (provider, subject, username, at); Conflict where either is linked already."""
    done = await connection.execute(
        "INSERT INTO registry.identity VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", *identity
    )
    if done == "INSERT 0 0":
        raise Conflict("this account, or that login, is linked already")


async def list_identities(connection: asyncpg.Connection, username: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM registry.identity WHERE username = $1 ORDER BY provider", username
    )
    return rows


async def remove_identities(connection: asyncpg.Connection, username: str) -> list[str]:
    """Forget every link of somebody; return with which providers."""
    rows = await connection.fetch("DELETE FROM registry.identity WHERE username = $1 RETURNING provider", username)
    return sorted(row["provider"] for row in rows)


async def remove_identity(connection: asyncpg.Connection, provider: str, username: str) -> bool:
    """Forget a link; say whether there was one."""
    done = await connection.execute(
        "DELETE FROM registry.identity WHERE provider = $1 AND username = $2", provider, username
    )
    return bool(done == "DELETE 1")
