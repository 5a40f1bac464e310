"""The statements about how much there is to do."""

from datetime import datetime

import asyncpg

from inspection_service.tasks.urging import Stage
from youguan.auth import Scope

COUNTS = f"""
    count(*) AS open,
    count(*) FILTER (WHERE t.due_at < $4) AS overdue,
    count(*) FILTER (WHERE t.awaiting = 'inspector' OR t.urged >= {int(Stage.TEAM)}) AS to_visit,
    count(*) FILTER (WHERE t.urged = {int(Stage.CENTRE)}) AS escalated,
    count(*) FILTER (WHERE t.request IS NOT NULL) AS requests,
    min(t.opened_at) AS oldest_opened_at
"""
WITHIN = "t.state <> 'closed' AND ($1::bool OR t.division_code ^@ ANY ($2::text[]) OR t.assignee_id = $3::text)"


async def team_loads(connection: asyncpg.Connection, scope: Scope, now: datetime) -> list[asyncpg.Record]:
    """Return what each team has to see to, the most overdue first; teams without anything last."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        WITH load AS (
            SELECT t.team_id AS id, max(t.team_name) AS name, {COUNTS} FROM inspection.task t WHERE {WITHIN} GROUP BY t.team_id
        )
        SELECT * FROM load
        UNION ALL
        SELECT id, name, 0, 0, 0, 0, 0, NULL FROM inspection.team
        WHERE id NOT IN (SELECT id FROM load)
            AND ($1 OR EXISTS (SELECT FROM unnest(divisions) AS d (code), unnest($2::text[]) AS b (code)
                               WHERE d.code ^@ b.code OR b.code ^@ d.code))
        ORDER BY overdue DESC, open DESC, id
        """,
        *scope.parameters,
        now,
    )
    return rows


async def party_loads(connection: asyncpg.Connection, scope: Scope, now: datetime, limit: int) -> list[asyncpg.Record]:
    """Return what parties have to do, the most overdue first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT t.assignee_id AS id, max(t.assignee_name) AS name, {COUNTS} FROM inspection.task t
        WHERE {WITHIN} AND t.assignee_role <> 'team' GROUP BY t.assignee_id
        ORDER BY overdue DESC, open DESC, id LIMIT $5
        """,
        *scope.parameters,
        now,
        limit,
    )
    return rows
