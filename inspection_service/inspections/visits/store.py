"""The statements about visits: what is noted at them, what belongs to them, their records."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from inspection_service.inspections.checklists import Point
from inspection_service.inspections.visits.machine import Position, Seen
from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.errors import NotFound, Reason
from youguan.quota import Brought

UPLOADED = ("photo", "still")  # what people bring; the others are frozen of what is here

VISITS = """
SELECT v.*, p.number AS plan_number, p.kind AS plan_kind, r.number AS record_number
FROM inspection.visit v LEFT JOIN inspection.plan p ON p.id = v.plan_id
LEFT JOIN inspection.visit_record r ON r.visit_id = v.id
"""


async def insert_visits(
    connection: asyncpg.Connection, visits: Sequence[Sequence[Any]], points: Iterable[tuple[str, Sequence[Point]]]
) -> None:
    """Keep (id, code, plan, channel, site, name, address, division, departments, officers, reason, planned for, at, by), and
    what is looked at at each."""
    await connection.executemany(
        """
        INSERT INTO inspection.visit (id, code, plan_id, channel, state, site_id, premises_name, premises_address,
            division_code, departments, officers, reason, planned_for, planned_at, planned_by, moved_at)
        VALUES ($1, $2, $3, $4, 'planned', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $13)
        """,
        visits,
    )
    await connection.executemany(
        "INSERT INTO inspection.visit_point VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (visit_id, place, point.department, point.id, point.item, point.text, point.text_en)
            for visit_id, looked_at in points
            for place, point in enumerate(looked_at, 1)
        ],
    )


async def replace_officer(connection: asyncpg.Connection, visit_id: str, said: Sequence[Any]) -> None:
    """Let one officer take the place of another: (leaves, comes, reason, at, by, passed over); both stay on record."""
    await connection.execute(
        """
        INSERT INTO inspection.visit_replacement
        SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7 FROM inspection.visit_replacement WHERE visit_id = $1
        """,
        visit_id,
        *said,
    )
    await connection.execute(
        "UPDATE inspection.visit SET officers = array_replace(officers, $2, $3), moved_at = $4 WHERE id = $1",
        visit_id,
        said[0],
        said[1],
        said[3],
    )


async def replacements(connection: asyncpg.Connection, visit_id: str) -> list[asyncpg.Record]:
    """Return who was replaced by whom, in order, named with their certificates as `left_name`, `came_name`."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT r.*, coalesce(a.name || '（' || a.certificate || '）', leaves) AS left_name,
               coalesce(b.name || '（' || b.certificate || '）', comes) AS came_name
        FROM inspection.visit_replacement r
        LEFT JOIN inspection.officer a ON a.subject = leaves LEFT JOIN inspection.officer b ON b.subject = comes
        WHERE r.visit_id = $1 ORDER BY r.number
        """,
        visit_id,
    )
    return rows


async def get_visit(connection: asyncpg.Connection, visit_id: str, *, hold: bool = False) -> asyncpg.Record:
    """Return a visit; `hold` keeps others from moving it until commit; NotFound."""
    if hold:
        await connection.execute("SELECT FROM inspection.visit WHERE id = $1 FOR UPDATE", visit_id)
    row = await connection.fetchrow(f"{VISITS} WHERE v.id = $1", visit_id)
    if row is None:
        raise NotFound(Reason("visit {id}", id=visit_id))
    return row


async def by_code(connection: asyncpg.Connection, code: str) -> asyncpg.Record:
    """Return a visit by its code; NotFound."""
    row = await connection.fetchrow(f"{VISITS} WHERE v.code = $1", code)
    if row is None:
        raise NotFound(Reason("no check has the code {code}", code=code))
    return row


def seen_by(first: int) -> str:
    """Return the condition that somebody sees the visit `v`: an official in his divisions, a site's party what is finished."""
    return f"""(${first}::bool OR v.division_code ^@ ANY (${first + 1}::text[])
        OR (v.state = 'finished' AND {site_within("v.site_id", first)}))"""


async def is_seen(connection: asyncpg.Connection, visit_id: str, scope: Scope) -> bool:
    found: bool = await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM inspection.visit v WHERE v.id = $1 AND {seen_by(2)})", visit_id, *scope.parameters
    )
    return found


async def list_visits(
    connection: asyncpg.Connection,
    *,
    scope: Scope,
    states: Sequence[str],
    plan_id: str | None,
    site_id: str | None,
    channel: str | None,
    officer: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return visits that somebody sees, those planned last first; of no states: of all."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {VISITS}
        WHERE {seen_by(1)} AND (cardinality($4::text[]) = 0 OR v.state = ANY ($4))
          AND ($5::text IS NULL OR v.plan_id = $5) AND ($6::text IS NULL OR v.site_id = $6)
          AND ($7::text IS NULL OR v.channel = $7) AND ($8::text IS NULL OR v.officers @> ARRAY[$8])
          AND ($9::timestamptz IS NULL OR (v.planned_at, v.id) < ($9, $10))
        ORDER BY v.planned_at DESC, v.id DESC LIMIT $11
        """,
        *scope.parameters,
        list(states),
        plan_id,
        site_id,
        channel,
        officer,
        *(before or (None, None)),
        limit,
    )
    return rows


async def visit_points(connection: asyncpg.Connection, visit_id: str) -> list[asyncpg.Record]:
    """Return what is looked at, each with what was noted last."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT p.*, r.result, r.note, r.at, r.noted_by, r.latitude, r.longitude
        FROM inspection.visit_point p LEFT JOIN LATERAL (
            SELECT * FROM inspection.visit_result WHERE visit_id = p.visit_id AND place = p.place ORDER BY number DESC LIMIT 1
        ) r ON true
        WHERE p.visit_id = $1 ORDER BY p.place
        """,
        visit_id,
    )
    return rows


def seen_in(points: Iterable[asyncpg.Record]) -> dict[int, Seen]:
    """Return what was noted, by place."""
    return {row["place"]: Seen(row["result"], row["note"]) for row in points if row["result"] is not None}


async def add_result(connection: asyncpg.Connection, visit_id: str, result: Sequence[Any]) -> None:
    """Keep (place, key, result, note, at, by, latitude, longitude); what was sent before is kept once."""
    await connection.execute(
        """
        INSERT INTO inspection.visit_result
        SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9 FROM inspection.visit_result WHERE visit_id = $1
        ON CONFLICT (visit_id, key) DO NOTHING
        """,
        visit_id,
        *result,
    )


async def pieces_since(connection: asyncpg.Connection, by: str, since: datetime) -> Brought:
    """Return the photos and stills that somebody brought to visits since an instant."""
    row = await connection.fetchrow(
        """
        SELECT count(*)::int, coalesce(sum(size_bytes), 0)::bigint, min(at) FROM inspection.visit_piece
        WHERE added_by = $1 AND at > $2 AND kind = ANY ($3)
        """,
        by,
        since,
        UPLOADED,
    )
    return Brought(*row)


async def pieces(connection: asyncpg.Connection, visit_id: str) -> list[asyncpg.Record]:
    """Return what belongs to a visit, without contents."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT number, place, kind, title, source, sha256, size_bytes, media_type, name, at, added_by, latitude, longitude
        FROM inspection.visit_piece WHERE visit_id = $1 ORDER BY number
        """,
        visit_id,
    )
    return rows


async def piece(connection: asyncpg.Connection, visit_id: str, number: int) -> asyncpg.Record:
    """Return a piece with its content, where that is no file; NotFound."""
    row = await connection.fetchrow(
        "SELECT * FROM inspection.visit_piece WHERE visit_id = $1 AND number = $2", visit_id, number
    )
    if row is None:
        raise NotFound(Reason("piece {number} of visit {id}", number=number, id=visit_id))
    return row


async def has_piece(connection: asyncpg.Connection, visit_id: str, key: str) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM inspection.visit_piece WHERE visit_id = $1 AND key = $2)", visit_id, key
    )
    return found


async def add_piece(connection: asyncpg.Connection, visit_id: str, piece: Sequence[Any]) -> bool:
    """Keep (key, place, kind, title, source, sha256, size, type, name, content, at, by, latitude, longitude), once; False: it is
    there already."""
    done: str = await connection.execute(
        """
        INSERT INTO inspection.visit_piece
        SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15
        FROM inspection.visit_piece WHERE visit_id = $1 ON CONFLICT (visit_id, key) DO NOTHING
        """,
        visit_id,
        *piece,
    )
    return done == "INSERT 0 1"


async def set_state(connection: asyncpg.Connection, visit_id: str, state: str, at: datetime) -> None:
    await connection.execute("UPDATE inspection.visit SET state = $2, moved_at = $3 WHERE id = $1", visit_id, state, at)


async def set_begun(
    connection: asyncpg.Connection, visit_id: str, at: datetime, position: Position, *, rights_told: bool
) -> None:
    await connection.execute(
        "UPDATE inspection.visit SET began_at = $2, latitude = $3, longitude = $4, rights_told = $5 WHERE id = $1",
        visit_id,
        at,
        position.latitude,
        position.longitude,
        rights_told,
    )


async def set_finished(connection: asyncpg.Connection, visit_id: str, at: datetime, by: str) -> None:
    await connection.execute(
        "UPDATE inspection.visit SET finished_at = $2, finished_by = $3 WHERE id = $1", visit_id, at, by
    )


async def set_confirmed(connection: asyncpg.Connection, visit_id: str, at: datetime, by: str) -> None:
    await connection.execute(
        "UPDATE inspection.visit SET confirmed_at = $2, confirmed_by = $3 WHERE id = $1", visit_id, at, by
    )


async def insert_record(connection: asyncpg.Connection, record: Sequence[Any]) -> None:
    """Keep (visit, number, content, sha256, at)."""
    await connection.execute("INSERT INTO inspection.visit_record VALUES ($1, $2, $3, $4, $5)", *record)


async def get_record(connection: asyncpg.Connection, visit_id: str) -> asyncpg.Record:
    """Return the record of a visit; NotFound where it is not finished."""
    row = await connection.fetchrow("SELECT * FROM inspection.visit_record WHERE visit_id = $1", visit_id)
    if row is None:
        raise NotFound(Reason("record of visit {id}", id=visit_id))
    return row


async def cases_of(connection: asyncpg.Connection, visit_id: str) -> list[asyncpg.Record]:
    """Return the cases that a visit has led to."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT id, number, item_id, state FROM inspection.case_file WHERE visit_id = $1 ORDER BY number", visit_id
    )
    return rows


async def has_place(connection: asyncpg.Connection, visit_id: str, place: int) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM inspection.visit_point WHERE visit_id = $1 AND place = $2)", visit_id, place
    )
    return found


PROVES = """
(v.id = c.visit_id OR (v.site_id = c.site_id AND v.state = 'finished' AND v.officers && ARRAY(
    SELECT jsonb_array_elements_text(c.facts->'officers'))
  AND (v.finished_at AT TIME ZONE 'Asia/Shanghai')::date >= c.act_on))
"""


async def may_prove(connection: asyncpg.Connection, visit_id: str, case_id: str) -> bool:
    """Say whether a visit's record is about a case: it led to it, or an officer of the case looked at its site since the act."""
    found: bool = await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM inspection.visit v, inspection.case_file c WHERE v.id = $1 AND c.id = $2 AND {PROVES})",
        visit_id,
        case_id,
    )
    return found


async def proving(connection: asyncpg.Connection, case_id: str) -> list[asyncpg.Record]:
    """Return the records of visits that may become evidence of a case and have not yet, the newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT v.id, v.code, v.channel, v.finished_at, r.number
        FROM inspection.case_file c JOIN inspection.visit v ON {PROVES} JOIN inspection.visit_record r ON r.visit_id = v.id
        WHERE c.id = $1 AND NOT EXISTS (
            SELECT FROM inspection.evidence e WHERE e.case_id = c.id AND e.record->'source'->>'record' = r.number)
        ORDER BY v.finished_at DESC LIMIT 20
        """,
        case_id,
    )
    return rows
