"""The statements about plans, draws, visits and officers' interests."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from inspection_service.inspections.checklists import Point
from inspection_service.inspections.plans.joint import Counters, Premises
from inspection_service.inspections.visits.machine import Seen
from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.errors import NotFound, Reason

COUNTY_DAY = "(v.finished_at AT TIME ZONE 'Asia/Shanghai')::date"


async def take_numbers(connection: asyncpg.Connection, kind: str, year: int, count: int) -> int:
    """Return the first of so many next numbers of a series; the series is held until commit, so it has no gaps."""
    last: int = await connection.fetchval(
        """
        INSERT INTO inspection.document_series AS s VALUES ($1, $2, $3)
        ON CONFLICT (kind, year) DO UPDATE SET last = s.last + $3 RETURNING last
        """,
        kind,
        year,
        count,
    )
    return last - count + 1


# --- where visits may go ---


async def sites(
    connection: asyncpg.Connection, scope: Scope, division: str | None, constructions: Sequence[str] = ()
) -> list[asyncpg.Record]:
    """Return the sites of the county within somebody's divisions, and within one; of no constructions: of any."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.site
        WHERE NOT retired AND ($1::bool OR division_code ^@ ANY ($2::text[]))
          AND ($3::text IS NULL OR division_code ^@ $3) AND (cardinality($4::text[]) = 0 OR construction = ANY ($4))
        ORDER BY id
        """,
        scope.everything,
        list(scope.divisions),
        division,
        list(constructions),
    )
    return rows


async def premises(connection: asyncpg.Connection, found: Sequence[asyncpg.Record]) -> list[Premises]:
    """Return sites with when each department was there last, or saw them from afar."""
    rows = await connection.fetch(
        f"""
        SELECT v.site_id, department, max({COUNTY_DAY}) AS last
        FROM inspection.visit v, unnest(v.departments) AS department
        WHERE v.site_id = ANY ($1) AND v.state = 'finished' GROUP BY 1, 2
        """,
        [site["id"] for site in found],
    )
    last: dict[str, dict[str, date]] = {}
    for row in rows:
        last.setdefault(row["site_id"], {})[row["department"]] = row["last"]
    return [Premises(site["id"], site["construction"], last.get(site["id"], {})) for site in found]


async def conflicts(
    connection: asyncpg.Connection, site_ids: Sequence[str], officers: Sequence[str], now: datetime
) -> list[tuple[str, str]]:
    """Return which officer has declared an interest in an organisation that has a role at which site now, or will have."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT i.subject, r.site_id
        FROM inspection.officer_interest i JOIN inspection.responsibility r USING (organisation_id)
        WHERE i.ended_at IS NULL AND i.subject = ANY ($2) AND r.site_id = ANY ($1) AND (r.until IS NULL OR r.until > $3)
        ORDER BY 1, 2
        """,
        list(site_ids),
        list(officers),
        now,
    )
    return [(row["subject"], row["site_id"]) for row in rows]


# --- interests ---


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


# --- plans and draws ---

PLANS = """
SELECT p.*, d.pool_sha256, n.drawn_at,
       (SELECT count(*) FROM inspection.plan_item i WHERE i.plan_id = p.id)::int AS items,
       (SELECT count(*) FROM inspection.visit v WHERE v.plan_id = p.id)::int AS visits,
       (SELECT count(*) FROM inspection.visit v WHERE v.plan_id = p.id AND v.state = 'finished')::int AS finished,
       (SELECT coalesce(sum(cardinality(v.departments) - 1), 0) FROM inspection.visit v
        WHERE v.plan_id = p.id AND v.state = 'finished')::int AS visits_saved
FROM inspection.plan p LEFT JOIN inspection.draw d ON d.plan_id = p.id LEFT JOIN inspection.drawn n ON n.plan_id = p.id
"""


async def insert_plan(connection: asyncpg.Connection, plan: Sequence[Any], points: Sequence[Point]) -> None:
    """Keep (id, number, kind, title, departments, division, starts on, ends on, reason, at, by) and what it covers."""
    await connection.execute("INSERT INTO inspection.plan VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", *plan)
    await connection.executemany(
        "INSERT INTO inspection.plan_item VALUES ($1, $2, $3, $4, $5)",
        [(plan[0], place, point.department, point.id, point.item) for place, point in enumerate(points, 1)],
    )


async def get_plan(connection: asyncpg.Connection, plan_id: str) -> asyncpg.Record:
    """Return a plan; NotFound."""
    row = await connection.fetchrow(f"{PLANS} WHERE p.id = $1", plan_id)
    if row is None:
        raise NotFound(Reason("plan {id}", id=plan_id))
    return row


async def list_plans(
    connection: asyncpg.Connection, scope: Scope, kind: str | None, before: tuple[datetime, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return the plans of somebody's divisions, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {PLANS}
        WHERE ($1::bool OR p.division_code ^@ ANY ($2::text[])) AND ($3::text IS NULL OR p.kind = $3)
          AND ($4::timestamptz IS NULL OR (p.made_at, p.id) < ($4, $5))
        ORDER BY p.made_at DESC, p.id DESC LIMIT $6
        """,
        scope.everything,
        list(scope.divisions),
        kind,
        *(before or (None, None)),
        limit,
    )
    return rows


async def plan_items(connection: asyncpg.Connection, plan_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM inspection.plan_item WHERE plan_id = $1 ORDER BY place", plan_id
    )
    return rows


async def insert_draw(connection: asyncpg.Connection, plan_id: str, pool: Mapping[str, Any], sha256: str) -> None:
    await connection.execute("INSERT INTO inspection.draw VALUES ($1, $2, $3)", plan_id, pool, sha256)


async def get_draw(connection: asyncpg.Connection, plan_id: str, *, hold: bool = False) -> asyncpg.Record:
    """Return a plan's pool, and what was drawn where that is so; `hold`: nobody else draws until commit. NotFound."""
    if hold:
        await connection.execute("SELECT FROM inspection.draw WHERE plan_id = $1 FOR UPDATE", plan_id)
    row = await connection.fetchrow(
        """
        SELECT d.*, n.seed, n.drawn, n.drawn_at, n.drawn_by, p.number, p.title, p.division_code
        FROM inspection.draw d JOIN inspection.plan p ON p.id = d.plan_id LEFT JOIN inspection.drawn n USING (plan_id)
        WHERE d.plan_id = $1
        """,
        plan_id,
    )
    if row is None:
        raise NotFound(Reason("draw of plan {id}", id=plan_id))
    return row


async def insert_drawn(connection: asyncpg.Connection, drawn: Sequence[Any]) -> None:
    """Keep (plan, seed, drawn, at, by)."""
    await connection.execute("INSERT INTO inspection.drawn VALUES ($1, $2, $3, $4, $5)", *drawn)


# --- visits ---

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


async def add_piece(connection: asyncpg.Connection, visit_id: str, piece: Sequence[Any]) -> None:
    """Keep (key, place, kind, title, source, sha256, size, type, name, content, at, by, latitude, longitude), once."""
    await connection.execute(
        """
        INSERT INTO inspection.visit_piece
        SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15
        FROM inspection.visit_piece WHERE visit_id = $1 ON CONFLICT (visit_id, key) DO NOTHING
        """,
        visit_id,
        *piece,
    )


async def set_state(connection: asyncpg.Connection, visit_id: str, state: str, at: datetime) -> None:
    await connection.execute("UPDATE inspection.visit SET state = $2, moved_at = $3 WHERE id = $1", visit_id, state, at)


async def set_begun(
    connection: asyncpg.Connection, visit_id: str, at: datetime, latitude: float | None, longitude: float | None
) -> None:
    await connection.execute(
        "UPDATE inspection.visit SET began_at = $2, latitude = $3, longitude = $4 WHERE id = $1",
        visit_id,
        at,
        latitude,
        longitude,
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


async def names_of(connection: asyncpg.Connection, subjects: Collection[str]) -> dict[str, str]:
    """Return officers as they are named: with the number of the certificate."""
    rows = await connection.fetch("SELECT * FROM inspection.officer WHERE subject = ANY ($1)", list(subjects))
    known = {row["subject"]: f"{row['name']}（{row['certificate']}）" for row in rows}
    return {subject: known.get(subject, subject) for subject in subjects}


async def planned_sites(connection: asyncpg.Connection, site_ids: Sequence[str]) -> set[str]:
    """Return those of the sites to which somebody is to go already."""
    rows = await connection.fetch(
        "SELECT DISTINCT site_id FROM inspection.visit WHERE site_id = ANY ($1) AND state IN ('planned', 'under_way')",
        list(site_ids),
    )
    return {row["site_id"] for row in rows}


async def has_place(connection: asyncpg.Connection, visit_id: str, place: int) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM inspection.visit_point WHERE visit_id = $1 AND place = $2)", visit_id, place
    )
    return found


async def counters(connection: asyncpg.Connection, year: int) -> Counters:
    """Return what joint inspections came to whose last day lies in a year; those of which nothing was done do not count."""
    row = await connection.fetchrow(
        """
        WITH run AS (
            SELECT p.id, count(v.id) AS premises, sum(cardinality(v.departments) - 1) AS saved
            FROM inspection.plan p JOIN inspection.visit v ON v.plan_id = p.id AND v.state = 'finished'
            WHERE p.kind = 'joint' AND p.ends_on BETWEEN $1 AND $2 GROUP BY p.id
        )
        SELECT count(*) AS runs, coalesce(sum(premises), 0)::bigint AS premises, coalesce(sum(saved), 0)::bigint AS saved,
               (SELECT count(*) FROM inspection.plan_item i JOIN run ON run.id = i.plan_id) AS items
        FROM run
        """,
        date(year, 1, 1),
        date(year, 12, 31),
    )
    return Counters(row["runs"], row["premises"], row["items"], row["saved"])
