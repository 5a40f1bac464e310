"""The statements about plans, draws, and what joint inspections came to."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from inspection_service.inspections.checklists import Point
from inspection_service.inspections.plans.joint import Counters, Premises
from youguan.auth import Scope
from youguan.errors import NotFound, Reason

COUNTY_DAY = "(v.finished_at AT TIME ZONE 'Asia/Shanghai')::date"


async def premises(
    connection: asyncpg.Connection, found: Sequence[asyncpg.Record], today: date, until: date
) -> list[Premises]:
    """Return sites with when each department was there last, or saw them from afar, and which are to go there until a day anyway.

    A visit whose day has passed without anybody going keeps nobody else away.
    """
    rows = await connection.fetch(
        f"""
        SELECT v.site_id, department, max({COUNTY_DAY}) FILTER (WHERE v.state = 'finished') AS last,
               coalesce(bool_or(v.state = 'under_way' OR (v.state = 'planned' AND v.planned_for BETWEEN $2 AND $3)), false) AS going
        FROM inspection.visit v, unnest(v.departments) AS department
        WHERE v.site_id = ANY ($1) AND v.state <> 'cancelled' GROUP BY 1, 2
        """,
        [site["id"] for site in found],
        today,
        until,
    )
    last: dict[str, dict[str, date]] = {}
    going: dict[str, set[str]] = {}
    for row in rows:
        if row["last"] is not None:
            last.setdefault(row["site_id"], {})[row["department"]] = row["last"]
        if row["going"]:
            going.setdefault(row["site_id"], set()).add(row["department"])
    return [
        Premises(site["id"], site["construction"], last.get(site["id"], {}), frozenset(going.get(site["id"], ())))
        for site in found
    ]


async def visits_besides(connection: asyncpg.Connection, plan_id: str) -> list[asyncpg.Record]:
    """Return the visits that a joint plan left to others: of its departments, in its division, to be made in its window."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT v.id, v.code, v.state, v.premises_name, v.planned_for,
               ARRAY(SELECT unnest(v.departments) INTERSECT SELECT unnest(p.departments) ORDER BY 1) AS departments
        FROM inspection.plan p JOIN inspection.visit v ON v.plan_id IS DISTINCT FROM p.id AND v.departments && p.departments
        WHERE p.id = $1 AND v.planned_at <= p.made_at AND (v.state = 'under_way' OR (v.state = 'planned'
              AND v.planned_for BETWEEN (p.made_at AT TIME ZONE 'Asia/Shanghai')::date AND p.ends_on))
          AND (p.division_code IS NULL OR v.division_code ^@ p.division_code)
        ORDER BY v.planned_for, v.code LIMIT 200
        """,
        plan_id,
    )
    return rows


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


async def insert_draw(connection: asyncpg.Connection, draw: Sequence[Any]) -> None:
    """Keep (plan, pool, sha256, people)."""
    await connection.execute("INSERT INTO inspection.draw VALUES ($1, $2, $3, $4)", *draw)


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


async def drawn_replacements(connection: asyncpg.Connection, plan_id: str) -> list[asyncpg.Record]:
    """Return who was replaced at the visits of a plan, in order, each with the number of the certificate held now."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT v.site_id, r.leaves, r.comes, r.passed_over, r.at, b.certificate
        FROM inspection.visit v JOIN inspection.visit_replacement r ON r.visit_id = v.id
        LEFT JOIN inspection.officer b ON b.subject = r.comes
        WHERE v.plan_id = $1 ORDER BY r.at, v.site_id, r.number
        """,
        plan_id,
    )
    return rows


async def list_draws(
    connection: asyncpg.Connection, before: tuple[datetime, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return the draws that were published, the newest first; `before`: (made at, id) of the last one seen."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT p.id, p.number, p.title, p.starts_on, p.ends_on, p.made_at, d.pool_sha256, n.drawn_at
        FROM inspection.draw d JOIN inspection.plan p ON p.id = d.plan_id LEFT JOIN inspection.drawn n ON n.plan_id = p.id
        WHERE $1::timestamptz IS NULL OR (p.made_at, p.id) < ($1, $2) ORDER BY p.made_at DESC, p.id DESC LIMIT $3
        """,
        *(before or (None, None)),
        limit,
    )
    return rows


async def counters(connection: asyncpg.Connection, year: int, scope: Scope) -> Counters:
    """Return what joint inspections within bounds came to that ended in a year; those of which nothing was done do not count."""
    row = await connection.fetchrow(
        """
        WITH run AS (
            SELECT p.id, count(v.id) AS premises, sum(cardinality(v.departments) - 1) AS saved
            FROM inspection.plan p JOIN inspection.visit v ON v.plan_id = p.id AND v.state = 'finished'
            WHERE p.kind = 'joint' AND p.ends_on BETWEEN $1 AND $2 AND ($3::bool OR p.division_code ^@ ANY ($4::text[]))
            GROUP BY p.id
        )
        SELECT count(*) AS runs, coalesce(sum(premises), 0)::bigint AS premises, coalesce(sum(saved), 0)::bigint AS saved,
               (SELECT count(*) FROM inspection.plan_item i JOIN run ON run.id = i.plan_id) AS items
        FROM run
        """,
        date(year, 1, 1),
        date(year, 12, 31),
        scope.everything,
        list(scope.divisions),
    )
    return Counters(row["runs"], row["premises"], row["items"], row["saved"])
