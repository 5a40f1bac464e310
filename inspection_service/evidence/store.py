"""The statements about evidence, and about what machines told of a station."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from inspection_service.evidence.chain import Link
from youguan.errors import NotFound
from youguan.quota import Brought


async def links(connection: asyncpg.Connection, case_id: str) -> list[Link]:
    """Return a case's chain."""
    rows = await connection.fetch(
        "SELECT record, hash, signature FROM inspection.evidence WHERE case_id = $1 ORDER BY place", case_id
    )
    return [Link(row["record"], row["hash"], row["signature"]) for row in rows]


async def add(connection: asyncpg.Connection, case_id: str, at: datetime, link: Link, content: bytes | None) -> None:
    await connection.execute(
        "INSERT INTO inspection.evidence VALUES ($1, $2, $3, $4, $5, $6, $7)",
        case_id,
        link.record["place"],
        at,
        dict(link.record),
        content,
        link.hash,
        link.signature,
    )


async def collected_since(connection: asyncpg.Connection, by: str, since: datetime) -> Brought:
    """Return the evidence that somebody collected in cases since an instant; what was generated of an earlier time is none."""
    row = await connection.fetchrow(
        """
        SELECT count(*)::int, coalesce(sum((record->>'size_bytes')::bigint), 0)::bigint, min(collected_at)
        FROM inspection.evidence
        WHERE collected_at > $2 AND (record->>'collected_at')::timestamptz > $2 AND record->>'type' = 'evidence'
          AND record->>'by' = $1
        """,
        by,
        since,
    )
    return Brought(*row)


async def content(connection: asyncpg.Connection, case_id: str, place: int) -> tuple[dict[str, Any], bytes | None]:
    """Return a record and what is kept with it; NotFound."""
    row = await connection.fetchrow(
        "SELECT record, content FROM inspection.evidence WHERE case_id = $1 AND place = $2", case_id, place
    )
    if row is None or row["record"]["type"] != "evidence":
        raise NotFound(f"evidence {place}")
    return row["record"], row["content"]


async def registered(connection: asyncpg.Connection, case_id: str) -> set[int]:
    """Return the places of what equipment recorded on a day on which it stood in the register, as the register is now."""
    rows = await connection.fetch(
        """
        SELECT e.place
        FROM inspection.evidence e
        JOIN inspection.monitoring_equipment q ON q.id = e.record->'source'->>'equipment_id'
        CROSS JOIN LATERAL (SELECT (timezone('Asia/Shanghai', (e.record->>'taken_at')::timestamptz))::date AS day) taken
        WHERE e.case_id = $1 AND taken.day BETWEEN q.valid_from AND q.valid_until
          AND (q.ended_on IS NULL OR taken.day < q.ended_on)
        """,
        case_id,
    )
    return {row["place"] for row in rows}


async def told_of(
    connection: asyncpg.Connection, station_id: str, start: datetime, end: datetime
) -> list[asyncpg.Record]:
    """Return everything that was told of a station within a time, in order, with its place in the event log."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"SELECT stream, sequence, type, version, recorded_at, payload {TOLD_OF} ORDER BY serial, sequence",
        station_id,
        start,
        end,
    )
    return rows


async def count_told_of(connection: asyncpg.Connection, station_id: str, start: datetime, end: datetime) -> int:
    found: int = await connection.fetchval(f"SELECT count(*) {TOLD_OF}", station_id, start, end)
    return found


TOLD_OF = "FROM eventlog.event WHERE recorded_at >= $2 AND recorded_at < $3 AND payload->>'station_id' = $1"


async def heads(connection: asyncpg.Connection, end: datetime) -> list[asyncpg.Record]:
    """Return the last link of every case before an instant, by the case's number."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT DISTINCT ON (c.number) c.id, c.number, e.place, e.hash
        FROM inspection.evidence e JOIN inspection.case_file c ON c.id = e.case_id
        WHERE e.collected_at < $1 ORDER BY c.number, e.place DESC
        """,
        end,
    )
    return rows


async def roots(connection: asyncpg.Connection, before: date | None, limit: int) -> list[asyncpg.Record]:
    """Return published roots, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.evidence_root WHERE $1::date IS NULL OR day < $1 ORDER BY day DESC LIMIT $2
        """,
        before,
        limit,
    )
    return rows


async def first_day(connection: asyncpg.Connection) -> datetime | None:
    found: datetime | None = await connection.fetchval("SELECT min(collected_at) FROM inspection.evidence")
    return found


async def add_root(connection: asyncpg.Connection, day: date, link: Link) -> None:
    await connection.execute(
        "INSERT INTO inspection.evidence_root VALUES ($1, $2, $3, $4)",
        day,
        dict(link.record),
        link.hash,
        link.signature,
    )


async def hold_roots(connection: asyncpg.Connection) -> Sequence[asyncpg.Record]:
    """Return the last root and let nobody publish another until commit."""
    await connection.execute("LOCK TABLE inspection.evidence_root IN SHARE ROW EXCLUSIVE MODE")
    return await roots(connection, None, 1)
