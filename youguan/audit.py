"""The audit trail: append-only, each line chained to the one before by SHA-256."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from youguan.clock import utc_text

# One line at a time: each needs the hash of the one before.
LOCK = 0x61756469


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the request that is being answered comes from; `acting_for`: on whose behalf `actor` sent it."""

    remote: str | None = None
    actor: str | None = None
    acting_for: str | None = None

    def named(self, actor: str) -> str:
        """Return an actor as the trail names him: with whom he acts for."""
        return f"{actor} for {self.acting_for}" if self.acting_for and actor == self.actor else actor


@dataclass(frozen=True, slots=True)
class Head:
    """The last line of the trail at some time: whoever keeps it notices when lines go missing at the end."""

    number: int
    hash: bytes


NOWHERE = Origin()
_origin: ContextVar[Origin] = ContextVar("youguan_audit_origin")


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Let every line written within say where the request came from, also where the code that writes it does not know."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


async def take_turn(connection: asyncpg.Connection) -> None:
    """Hold the trail until commit, before anything that others may hold who have written their line already."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)


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
    await take_turn(connection)
    last = await connection.fetchrow("SELECT number, hash FROM audit.trail ORDER BY number DESC LIMIT 1")
    number, previous = (last["number"] + 1, last["hash"]) if last else (1, b"")
    origin = _origin.get(NOWHERE)
    said = (*await _as_kept(connection, before, after), remote or origin.remote)
    line = (number, at, origin.named(actor), action, subject, *said)
    await connection.execute(
        "INSERT INTO audit.trail VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        *line,
        previous,
        digest(previous, line),
    )


async def _as_kept(connection: asyncpg.Connection, before: Any, after: Any) -> tuple[Any, Any]:
    """Return documents as they are read again, so that their hash is the same then: jsonb writes 1e16 out."""
    said = [None if it is None else orjson.loads(orjson.dumps(it, option=orjson.OPT_UTC_Z)) for it in (before, after)]
    row = await connection.fetchrow("SELECT $1::jsonb, $2::jsonb", *said)
    return row[0], row[1]


def digest(previous: bytes, line: tuple[Any, ...]) -> bytes:
    """Return the hash of a line: of the one before and of every member, times as text."""
    members = [utc_text(member) if isinstance(member, datetime) else member for member in line]
    return hashlib.sha256(previous + orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest()


async def head(connection: asyncpg.Connection) -> Head | None:
    """Return the last line, or None where there is none yet."""
    last = await connection.fetchrow("SELECT number, hash FROM audit.trail ORDER BY number DESC LIMIT 1")
    return Head(last["number"], last["hash"]) if last else None


async def verify(connection: asyncpg.Connection, heads: Iterable[Head] = ()) -> int | None:
    """Return the number of the first line that does not fit the chain or is not there any more, or None.

    `heads`: what was kept of the trail elsewhere; without them lines may go missing at the end unnoticed.
    """
    kept = {head.number: head.hash for head in heads}
    previous, expected = b"", 1
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        async for row in connection.cursor("SELECT * FROM audit.trail ORDER BY number"):
            line = tuple(row)[:8]
            fits = (
                row["number"] == expected and row["previous_hash"] == previous and row["hash"] == digest(previous, line)
            )
            if not fits or kept.get(expected, row["hash"]) != row["hash"]:
                return expected
            previous, expected = row["hash"], expected + 1
    return expected if any(number >= expected for number in kept) else None
