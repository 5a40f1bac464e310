"""The audit trail: append-only, each line chained to the one before by SHA-256."""

import hashlib
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from youguan.clock import utc_text

# One line at a time: each needs the hash of the one before.
LOCK = 0x61756469


async def record(
    connection: asyncpg.Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    before: Any = None,
    after: Any = None,
    remote: str | None = None,
) -> None:
    """Write one line in the caller's transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    last = await connection.fetchrow("SELECT number, hash FROM audit.trail ORDER BY number DESC LIMIT 1")
    number, previous = (last["number"] + 1, last["hash"]) if last else (1, b"")
    line = (number, at, actor, action, subject, before, after, remote)
    await connection.execute(
        "INSERT INTO audit.trail VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        *line,
        previous,
        digest(previous, line),
    )


def digest(previous: bytes, line: tuple[Any, ...]) -> bytes:
    """Return the hash of a line: of the one before and of every member, times as text."""
    members = [utc_text(member) if isinstance(member, datetime) else member for member in line]
    return hashlib.sha256(previous + orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest()


async def verify(connection: asyncpg.Connection) -> int | None:
    """Return the number of the first line that does not fit the chain, or None."""
    previous, expected = b"", 1
    async with connection.transaction(readonly=True):
        async for row in connection.cursor("SELECT * FROM audit.trail ORDER BY number"):
            line = tuple(row)[:8]
            if row["number"] != expected or row["previous_hash"] != previous or row["hash"] != digest(previous, line):
                return int(row["number"])
            previous, expected = row["hash"], expected + 1
    return None
