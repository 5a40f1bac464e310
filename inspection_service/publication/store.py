"""The statements about what is published of decisions."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from inspection_service.publication.due import FALLS
from youguan.auth import Scope
from youguan.errors import NotFound, Reason

# `p.*` with what the lists show of its case.
LIST = """
    SELECT p.*, c.number AS case_number, c.item_id, c.party_name, c.party_kind, c.site_id, c.station_id, c.division_code
    FROM inspection.publication p JOIN inspection.case_file c ON c.id = p.case_id
"""
# When a decision stood no more as it was: a version stands until so many falls as its number have befallen its case.
FELL = """
    (SELECT coalesce((h.said->>'on')::date, (h.at AT TIME ZONE 'Asia/Shanghai')::date) FROM inspection.case_history h
     WHERE h.case_id = p.case_id AND h.previous <> 'revoked'
       AND (h.command = 'revoke' OR (h.command = 'end_appeal' AND h.said->>'outcome' = ANY ({outcomes}::text[])))
     ORDER BY h.place OFFSET p.version - 1 LIMIT 1)
"""
DUE_AT_ONCE = 500
PUBLIC = "(p.state = 'published' OR (p.state = 'withdrawn' AND p.published_at IS NOT NULL)) AND p.shown_until >= $1"


async def add(connection: asyncpg.Connection, row: Sequence[Any]) -> None:
    """Keep (id, case, version, number, state, rule, decided on, due on, reason, at), unless the version is there."""
    await connection.execute(
        """
        INSERT INTO inspection.publication (id, case_id, version, number, state, rule, decided_on, due_on, reason, changed_at,
            names)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '[]') ON CONFLICT (case_id, version) DO NOTHING
        """,
        *row,
    )


async def get(connection: asyncpg.Connection, publication_id: str, *, hold: bool = False) -> asyncpg.Record:
    """Return one with its case; `hold` keeps others from changing it until commit; NotFound."""
    row = await connection.fetchrow(f"{LIST} WHERE p.id = $1 {'FOR UPDATE OF p' if hold else ''}", publication_id)
    if row is None:
        raise NotFound(Reason("publication {id}", id=publication_id))
    return row


async def of_case(connection: asyncpg.Connection, case_id: str) -> list[asyncpg.Record]:
    """Return all versions of a case's, held, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"{LIST} WHERE p.case_id = $1 ORDER BY p.version DESC FOR UPDATE OF p", case_id
    )
    return rows


async def publish(connection: asyncpg.Connection, publication_id: str, values: Sequence[Any]) -> None:
    """Show (notice, names, checked by, at, shown until, reason)."""
    await connection.execute(
        """
        UPDATE inspection.publication SET state = 'published', notice = $2, names = $3, checked_by = $4, published_at = $5,
            changed_at = $5, shown_until = $6, reason = $7
        WHERE id = $1
        """,
        publication_id,
        *values,
    )


async def set_state(connection: asyncpg.Connection, publication_id: str, state: str, reason: str, at: datetime) -> None:
    """Let one stand at a state; what is shown no more is kept no longer than its number and the reason."""
    await connection.execute(
        """
        UPDATE inspection.publication SET state = $2, reason = $3, changed_at = $4,
            notice = CASE WHEN $2 = 'published' THEN notice END
        WHERE id = $1
        """,
        publication_id,
        state,
        reason,
        at,
    )


async def list_for_officials(
    connection: asyncpg.Connection,
    *,
    states: Sequence[str],
    overdue_on: date | None,
    before: tuple[datetime, str] | None,
    limit: int,
    scope: Scope,
) -> list[asyncpg.Record]:
    """Return them within bounds, newest first; of no states: of all."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {LIST}
        WHERE (cardinality($1::text[]) = 0 OR p.state = ANY ($1))
          AND ($2::date IS NULL OR (p.state = 'to_check' AND p.due_on < $2))
          AND ($3::bool OR c.division_code ^@ ANY ($4::text[]))
          AND ($5::timestamptz IS NULL OR (p.changed_at, p.id) < ($5, $6))
        ORDER BY p.changed_at DESC, p.id DESC LIMIT $7
        """,
        list(states),
        overdue_on,
        scope.everything,
        list(scope.divisions),
        *(before or (None, None)),
        limit,
    )
    return rows


async def fell_on(connection: asyncpg.Connection, publication_id: str) -> date | None:
    """Return when the decision behind one stood no more; None: it stands."""
    found: date | None = await connection.fetchval(
        f"SELECT {FELL.format(outcomes='$2')} FROM inspection.publication p WHERE p.id = $1",
        publication_id,
        list(FALLS),
    )
    return found


async def list_waiting(connection: asyncpg.Connection, subject: str, scope: Scope) -> list[asyncpg.Record]:
    """Return within bounds what waits to be shown and what is shown of decisions that fell, the former with `due_on`, the latter
    with `fell_on`; without what is about this person's own cases; the first 500 by day."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT * FROM (
            SELECT p.*, c.number AS case_number, c.item_id, c.party_name, c.site_id, c.station_id,
                   {FELL.format(outcomes="$1")} AS fell_on
            FROM inspection.publication p JOIN inspection.case_file c ON c.id = p.case_id
            WHERE p.state IN ('to_check', 'published') AND NOT coalesce(c.facts->'investigators' ? $2, false)
              AND ($3::bool OR c.division_code ^@ ANY ($4::text[]))
        ) found
        WHERE state = 'to_check' OR fell_on IS NOT NULL ORDER BY coalesce(fell_on, due_on), id LIMIT {DUE_AT_ONCE}
        """,
        list(FALLS),
        subject,
        scope.everything,
        list(scope.divisions),
    )
    return rows


async def list_public(
    connection: asyncpg.Connection, day: date, *, words: str | None, before: tuple[datetime, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return what is shown to everybody on a day, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {LIST}
        WHERE {PUBLIC}
          AND ($2::text IS NULL OR strpos(p.number || coalesce(p.notice->>'party', '') || coalesce(p.notice->>'item', ''), $2) > 0)
          AND ($3::timestamptz IS NULL OR (p.published_at, p.id) < ($3, $4))
        ORDER BY p.published_at DESC, p.id DESC LIMIT $5
        """,
        day,
        words,
        *(before or (None, None)),
        limit,
    )
    return rows


async def get_public(connection: asyncpg.Connection, day: date, publication_id: str) -> asyncpg.Record:
    """Return one that is shown to everybody; NotFound."""
    row = await connection.fetchrow(f"{LIST} WHERE {PUBLIC} AND p.id = $2", day, publication_id)
    if row is None:
        raise NotFound(Reason("penalty {id}", id=publication_id))
    return row
