"""What lists of 100,000 tasks cost: pages of the list as everybody asks for them, and the county centre's figures."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg

from inspection_service.command_centre import store as loads
from inspection_service.tasks import store
from inspection_service.tasks.store import Filter
from youguan.auth import EVERYTHING, Scope
from youguan.database import connect

TASKS, OPEN_SHARE, PARTIES, DIVISIONS, SITES = 100_000, 10, 40, 18, 1587
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROUNDS = 5
PAGE = 50

SITE_ROWS = """
INSERT INTO inspection.site SELECT 's' || n, '场站' || n, '', '3302260' || lpad((n % $2)::text, 2, '0'), '街道' || n % $2, 121, 29
FROM generate_series(0, $1 - 1) n
"""
# One of ten is open; of the open ones every fifth waits for an inspector, every seventh was passed up to the centre.
TASK_ROWS = """
INSERT INTO inspection.task (id, number, origin, cause, subject, severity, state, fires, site_id, station_id, connector,
    division_code, assignee_id, assignee_name, assignee_role, team_id, team_name, occurred_at, opened_at, moved_at, due_at,
    urged, awaiting, closed_at, details)
SELECT gen_random_uuid()::text, 'GD-2026-' || lpad(n::text, 6, '0'), 'alert',
       (ARRAY['connector_fault', 'station_offline'])[1 + n % 2], 'st' || n,
       'major', CASE WHEN n % $2 <> 0 THEN 'closed' ELSE 'open' END, false, 's' || n % $5, 'st' || n % 23441, 1,
       '3302260' || lpad((n % $4)::text, 2, '0'), 'party' || n % $3, '单位' || n % $3, 'manager', 'team' || n % $4,
       '队' || n % $4, at, at, at, at + interval '3 d', CASE WHEN n % 7 = 0 THEN 4 ELSE 0 END,
       CASE WHEN n % 5 = 0 THEN 'inspector' END, CASE WHEN n % $2 <> 0 THEN at END, '{"error_code": "GroundFailure"}'
FROM generate_series(1, $1) n, LATERAL (SELECT $6::timestamptz - make_interval(secs => n * 120)) AS t (at)
"""


async def measure(dsn: str) -> dict[str, Any]:
    """Return the slowest of some rounds in milliseconds, by what is asked for."""
    connection = await connect(dsn)
    try:
        await connection.execute(SITE_ROWS, SITES, DIVISIONS)
        await connection.execute(TASK_ROWS, TASKS, OPEN_SHARE, PARTIES, DIVISIONS, SITES, NOW)
        await connection.execute("ANALYZE inspection.task, inspection.site")
        found = {name: await _slowest_ms(ask, connection) for name, ask in _questions().items()}
        return {"tasks": TASKS, "pages_of": PAGE, "slowest_ms": found}
    finally:
        await connection.close()


Ask = Callable[[asyncpg.Connection], Awaitable[int]]


def _questions() -> dict[str, Ask]:
    town, operator = Scope(divisions=("330226003",)), Scope(organisation_id="party7")
    return {
        "everything, newest": _page(Filter(), EVERYTHING),
        "open": _page(Filter(status="open"), EVERYTHING),
        "overdue": _page(Filter(status="open", overdue_at=NOW), EVERYTHING),
        "to visit": _page(Filter(to_visit=True), EVERYTHING),
        "escalated": _page(Filter(escalated=True), EVERYTHING),
        "requests, of which there are none": _page(Filter(requests=True), EVERYTHING),
        "closed of one cause": _page(Filter(status="closed", cause="station_offline"), EVERYTHING),
        "of one station": _page(Filter(station_id="st77"), EVERYTHING),
        "of one team": _page(Filter(status="open", team_id="team5"), EVERYTHING),
        "a town's": _page(Filter(status="open"), town),
        "a town's, of which there are none": _page(Filter(status="open"), Scope(divisions=("999",))),
        "an operator's": _page(Filter(), operator),
        "an operator's, of which there are none": _page(Filter(), Scope(organisation_id="nobody")),
        "the thousandth page": _page(Filter(), EVERYTHING, TASKS // 2),
        "loads of teams and parties": _loads,
    }


def _page(wanted: Filter, scope: Scope, behind: int = 0) -> Ask:
    async def ask(connection: asyncpg.Connection) -> int:
        before = None
        if behind:
            row = await connection.fetchrow(
                "SELECT opened_at, id FROM inspection.task ORDER BY opened_at DESC, id DESC OFFSET $1 LIMIT 1", behind
            )
            before = (row["opened_at"], row["id"])
        began = time.perf_counter_ns()
        await store.list_tasks(connection, wanted, scope, before=before, limit=PAGE)
        return time.perf_counter_ns() - began

    return ask


async def _loads(connection: asyncpg.Connection) -> int:
    began = time.perf_counter_ns()
    await loads.team_loads(connection, EVERYTHING, NOW)
    await loads.party_loads(connection, EVERYTHING, NOW, PAGE)
    return time.perf_counter_ns() - began


async def _slowest_ms(ask: Ask, connection: asyncpg.Connection) -> float:
    return round(max([await ask(connection) for _ in range(ROUNDS)]) / 1e6, 1)
