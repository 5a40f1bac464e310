"""The statements behind the report's figures: each indicator is a set of records with weights, and its figure their sum."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import asyncpg

from inspection_service.annual_report.indicators import BY_ID, INDICATORS, REPAIR_HOURS
from inspection_service.tasks.machine import SETTLING, Command
from youguan.auth import Scope
from youguan.clock import COUNTY

# Each gives id, kind (what opens it), number, about, day and weight. $1, $2: first and last day; $3, $4: the same as instants,
# the second one not included; $5, $6: the bounds.
IN_BOUNDS = "($5::bool OR {table}.division_code ^@ ANY ($6::text[]))"
CASE = f"""
SELECT c.id, 'case' AS kind, c.number, c.party_name AS about, (c.facts->>'decided_on')::date AS day, 1 AS weight
FROM inspection.case_file c LEFT JOIN inspection.visit v ON v.id = c.visit_id
WHERE c.facts->>'decided_on' BETWEEN $1::date::text AND $2::date::text AND {IN_BOUNDS.format(table="c")}
"""
PENALTY = f"{CASE} AND c.facts->>'sanction' IS NOT NULL AND c.state <> 'revoked'"
MOVED = f"""
SELECT c.id, 'case' AS kind, c.number, c.party_name AS about, (h.at AT TIME ZONE 'Asia/Shanghai')::date AS day, 1 AS weight
FROM inspection.case_history h JOIN inspection.case_file c ON c.id = h.case_id
WHERE h.at >= $3 AND h.at < $4 AND {IN_BOUNDS.format(table="c")}
"""
# A review or a suit after which the decision does not stand as it was; which of the two ended, the appeal before it says.
LOST = f"""
{MOVED} AND h.command = 'end_appeal' AND h.said->>'outcome' IN ('changed', 'revoked', 'illegal') AND '{{remedy}}' = (
    SELECT a.said->>'remedy' FROM inspection.case_history a
    WHERE a.case_id = h.case_id AND a.command = 'appeal' AND a.place < h.place ORDER BY a.place DESC LIMIT 1)
"""
RUN = f"""
SELECT p.id, 'plan' AS kind, p.number, p.title AS about, p.ends_on AS day, {{weight}} AS weight
FROM inspection.plan p
WHERE p.kind = 'joint' AND p.ends_on BETWEEN $1 AND $2 AND {IN_BOUNDS.format(table="p")}
  AND EXISTS (SELECT FROM inspection.visit v WHERE v.plan_id = p.id AND v.state = 'finished')
"""
STOP = f"""
SELECT v.id, 'visit' AS kind, v.code AS number, v.premises_name AS about,
       (v.finished_at AT TIME ZONE 'Asia/Shanghai')::date AS day, {{weight}} AS weight
FROM inspection.visit v JOIN inspection.plan p ON p.id = v.plan_id
WHERE v.state = 'finished' AND p.kind = 'joint' AND p.ends_on BETWEEN $1 AND $2 AND {IN_BOUNDS.format(table="p")}
"""
VISIT = f"""
SELECT v.id, 'visit' AS kind, v.code AS number, v.premises_name AS about,
       (v.finished_at AT TIME ZONE 'Asia/Shanghai')::date AS day, 1 AS weight
FROM inspection.visit v LEFT JOIN inspection.plan p ON p.id = v.plan_id
WHERE v.state = 'finished' AND v.finished_at >= $3 AND v.finished_at < $4 AND {IN_BOUNDS.format(table="v")}
"""
ENTRY = """
SELECT e.id::text, 'entry' AS kind, e.source AS number, e.title AS about, e."on" AS day, e.count AS weight
FROM inspection.report_entry e WHERE e."on" BETWEEN $1 AND $2 AND e.withdrawn_at IS NULL AND e.kind = '{kind}'
"""
TASK = f"""
SELECT t.id, 'task' AS kind, t.number, coalesce(s.name, t.site_id, t.station_id) AS about,
       (t.{{moment}} AT TIME ZONE 'Asia/Shanghai')::date AS day, {{weight}} AS weight
FROM inspection.task t LEFT JOIN inspection.site s ON s.id = t.site_id
WHERE t.cause = '{{cause}}' AND t.{{moment}} >= $3 AND t.{{moment}} < $4 AND {IN_BOUNDS.format(table="t")}
"""
# What was opened in error was none; what was cancelled, merged or is filed no longer was not mended.
FOUND = f"{TASK.replace('{weight}', '1')} AND t.closed_by IS DISTINCT FROM '{Command.CANCEL}'"
SETTLED = f"{TASK} AND t.closed_by IN ({', '.join(repr(str(command)) for command in SETTLING)})"
TOOK_H = "extract(epoch FROM t.closed_at - t.occurred_at) / 3600"
SOURCES = {
    "penalty_cases": PENALTY,
    "simple_procedure": f"{PENALTY} AND c.procedure = 'simple'",
    "fast_track": f"{PENALTY} AND c.procedure = 'fast'",
    "non_contact": f"{PENALTY} AND v.channel = 'remote'",
    "unpunished": f"{MOVED} AND h.state = 'unpunished' AND h.previous <> 'unpunished'",
    "reviews": f"{MOVED} AND h.command = 'appeal' AND h.said->>'remedy' = 'review'",
    "reviews_lost": LOST.format(remedy="review"),
    "suits": f"{MOVED} AND h.command = 'appeal' AND h.said->>'remedy' = 'litigation'",
    "suits_lost": LOST.format(remedy="litigation"),
    "revoked": f"{MOVED} AND h.command = 'revoke'",
    "excellent_files": f"""
        SELECT DISTINCT ON (c.id) c.id, 'case' AS kind, c.number, c.party_name AS about,
               (f.graded_at AT TIME ZONE 'Asia/Shanghai')::date AS day, 1 AS weight
        FROM inspection.reviewed_file f JOIN inspection.case_file c ON c.id = f.case_id
        WHERE f.grade = 'excellent' AND f.graded_at >= $3 AND f.graded_at < $4 AND {IN_BOUNDS.format(table="c")}
        ORDER BY c.id, f.graded_at
    """,
    "joint_inspections": RUN.format(weight="1"),
    "premises_inspected": STOP.format(weight="1"),
    "items_covered": RUN.format(weight="(SELECT count(*)::int FROM inspection.plan_item i WHERE i.plan_id = p.id)"),
    "visits_saved": STOP.format(weight="cardinality(v.departments) - 1") + " AND cardinality(v.departments) > 1",
    "random_draws": f"""
        SELECT p.id, 'plan' AS kind, p.number, p.title AS about, p.ends_on AS day, 1 AS weight
        FROM inspection.plan p JOIN inspection.drawn n ON n.plan_id = p.id
        WHERE p.kind = 'random' AND n.drawn_at >= $3 AND n.drawn_at < $4 AND {IN_BOUNDS.format(table="p")}
    """,
    "random_visits": f"{VISIT} AND p.kind = 'random'",
    "remote_inspections": f"{VISIT} AND v.channel = 'remote'",
    "training_sessions": ENTRY.format(kind="training"),
    "publicity_materials": ENTRY.format(kind="publicity"),
    "exemplary_cases": ENTRY.format(kind="exemplary_case"),
    # As the ledger has it at the year's end: who was first responsible for a site, or its first file, says since when it is there.
    "charging_sites": f"""
        SELECT s.id, 'site' AS kind, s.id AS number, s.name AS about, $2::date AS day, 1 AS weight
        FROM inspection.site s
        WHERE coalesce(least(s.filed_at, (SELECT min(since) FROM inspection.responsibility r WHERE r.site_id = s.id)) < $4, true)
          AND (s.retired_at IS NULL OR s.retired_at >= $4) AND {IN_BOUNDS.format(table="s")}
    """,
    "unmanaged_found": FOUND.format(moment="opened_at", cause="unmanaged_site"),
    "unmanaged_settled": SETTLED.format(moment="closed_at", cause="unmanaged_site", weight="1"),
    "faults": FOUND.format(moment="occurred_at", cause="connector_fault"),
    "faults_mended": SETTLED.format(moment="closed_at", cause="connector_fault", weight="1"),
    REPAIR_HOURS.id: SETTLED.format(moment="closed_at", cause="connector_fault", weight=f"round({TOOK_H}, 1)::float8"),
}
SUMS = [indicator.id for indicator in INDICATORS]
assert SOURCES.keys() == BY_ID.keys()
# Every parameter is named once, so that a source that needs fewer takes the same ones.
ALL = "SELECT $1::date, $2::date, $3::timestamptz, $4::timestamptz, $5::bool, $6::text[]"


def within(year: int, scope: Scope) -> tuple[Any, ...]:
    """Return what the statements take for a year of the county and somebody's bounds."""
    return date(year, 1, 1), date(year, 12, 31), *_instants(year), scope.everything, list(scope.divisions)


def _instants(year: int) -> tuple[datetime, datetime]:
    """Return when a year begins in the county, and when the next one does."""
    begins, ends = (datetime.combine(date(y, 1, 1), time(), COUNTY).astimezone(UTC) for y in (year, year + 1))
    return begins, ends


async def figures(connection: asyncpg.Connection, year: int, scope: Scope) -> dict[str, int]:
    """Return every figure of a year."""
    sums = ", ".join(f"(SELECT coalesce(sum(weight), 0) FROM ({SOURCES[name]}) s)::bigint AS {name}" for name in SUMS)
    row = await connection.fetchrow(f"WITH given AS ({ALL}) SELECT {sums} FROM given", *within(year, scope))
    return dict(row)


async def records(
    connection: asyncpg.Connection,
    indicator: str,
    year: int,
    scope: Scope,
    before: tuple[str, str] | None,
    limit: int,
) -> Sequence[asyncpg.Record]:
    """Return the records of a figure, the latest first; `before`: (day, id) of the last one seen."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        f"""
        WITH given AS ({ALL}) SELECT s.*, s.day::text AS day_text FROM given, LATERAL ({SOURCES[indicator]}) s
        WHERE $7::text IS NULL OR (s.day::text, s.id) < ($7, $8) ORDER BY s.day DESC, s.id DESC LIMIT $9
        """,
        *within(year, scope),
        *(before or (None, None)),
        limit,
    )
    return rows


async def repair_hours(connection: asyncpg.Connection, year: int, scope: Scope) -> float | None:
    """Return how long faults took that were mended in a year, half of them less; None where none was."""
    found: float | None = await connection.fetchval(
        f"""
        WITH given AS ({ALL})
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s.weight)
        FROM given, LATERAL ({SOURCES[REPAIR_HOURS.id]}) s
        """,
        *within(year, scope),
    )
    return None if found is None else round(float(found), 1)


async def managers(
    connection: asyncpg.Connection, year: int, organisation_id: str | None = None
) -> list[asyncpg.Record]:
    """Return who managed each site in a year, by site and since when; of one organisation alone where it is named."""
    begins, ends = _instants(year)
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT site_id, organisation_id, organisation_name, since, until FROM inspection.responsibility
        WHERE role = 'manager' AND station_id IS NULL AND since < $2 AND (until IS NULL OR until > $1)
          AND ($3::text IS NULL OR organisation_id = $3)
        ORDER BY site_id, since
        """,
        begins,
        ends,
        organisation_id,
    )
    return rows


async def site_names(connection: asyncpg.Connection, site_ids: Collection[str]) -> dict[str, str]:
    """Return what sites are called."""
    rows = await connection.fetch("SELECT id, name FROM inspection.site WHERE id = ANY ($1)", list(site_ids))
    return {row["id"]: row["name"] for row in rows}


# --- what is entered by hand ---


async def entries(connection: asyncpg.Connection, year: int) -> list[asyncpg.Record]:
    """Return what was entered for a year, what was withdrawn included."""
    rows: list[asyncpg.Record] = await connection.fetch(
        'SELECT * FROM inspection.report_entry WHERE "on" BETWEEN $1 AND $2 ORDER BY "on" DESC, id DESC',
        date(year, 1, 1),
        date(year, 12, 31),
    )
    return rows


async def add_entry(connection: asyncpg.Connection, entry: Sequence[Any]) -> int:
    """Keep (kind, on, title, count, source, at, by); return its id."""
    found: int = await connection.fetchval(
        """
        INSERT INTO inspection.report_entry (kind, "on", title, count, source, noted_at, noted_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
        """,
        *entry,
    )
    return found


async def withdraw_entry(connection: asyncpg.Connection, entry_id: int, at: datetime, by: str) -> asyncpg.Record | None:
    """Let an entry count no longer; None where there is none that counts."""
    return await connection.fetchrow(
        """
        UPDATE inspection.report_entry SET withdrawn_at = $2, withdrawn_by = $3 WHERE id = $1 AND withdrawn_at IS NULL
        RETURNING *
        """,
        entry_id,
        at,
        by,
    )
