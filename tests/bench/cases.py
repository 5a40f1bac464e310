"""What lists over a year of 3,500 cases cost: pages as they are asked for, what is due to be published, the annual report."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import asyncpg

from deploy.demo.annual.load import load_year
from deploy.demo.annual.totals import Totals
from inspection_service.annual_report import store as report
from inspection_service.cases import store
from inspection_service.cases.machine import State
from inspection_service.file_review import store as file_reviews
from inspection_service.publication import store as publications
from inspection_service.publication.due import due
from youguan.auth import EVERYTHING, Scope, generate_keys
from youguan.clock import ManualClock
from youguan.database import connect

NOW = datetime(2024, 1, 3, 2, tzinfo=UTC)
TODAY, YEAR = date(2024, 1, 3), 2023
FIRST, LAST = date(YEAR, 1, 1), date(YEAR, 12, 31)
ROUNDS = 20
PAGE = 50
# Every decision waits to be checked, every third of them is shown.
PUBLICATION_ROWS = """
INSERT INTO inspection.publication (id, case_id, version, number, state, rule, decided_on, due_on, notice, names, published_at,
    shown_until, reason, changed_at)
SELECT c.id, c.id, 1, c.number, CASE WHEN n % 3 = 0 THEN 'published' ELSE 'to_check' END, 'organisation',
       (c.facts->>'decided_on')::date, (c.facts->>'decided_on')::date + 9, '{"party": "x", "item": "y"}', '[]',
       c.moved_at, (c.facts->>'decided_on')::date + 365, '', c.moved_at
FROM (SELECT *, row_number() OVER (ORDER BY opened_at, id) AS n FROM inspection.case_file) c
"""
Ask = Callable[[asyncpg.Connection], Awaitable[Any]]


async def measure(dsn: str) -> dict[str, Any]:
    """Return the slowest of some rounds in milliseconds, by what is asked for."""
    connection = await connect(dsn)
    try:
        private, _ = generate_keys()
        figures = await load_year(connection, ManualClock(NOW), private, Totals())
        await connection.execute(PUBLICATION_ROWS)
        await connection.execute("ANALYZE inspection.case_file, inspection.case_history, inspection.publication")
        found = {name: await _slowest_ms(ask, connection) for name, ask in _questions().items()}
        return {"cases": figures["penalty_cases"], "pages_of": PAGE, "slowest_ms": found}
    finally:
        await connection.close()


def _questions() -> dict[str, Ask]:
    town = Scope(divisions=("330226003",))
    return {
        "everything, newest": _page(),
        "of a state": _page(states=[State.CLOSED]),
        "of states of which there are none": _page(states=[State.LEAD, State.FILED]),
        "with words": _page(words="0042"),
        "with words that none has": _page(words="nowhere"),
        "of an item": _page(item="car-park-stopped"),
        "overdue": _page(overdue_on=TODAY),
        "an officer's": _page(mine="sample-officer-1"),
        "a town's": _page(scope=town),
        "a party's, of which there are none": _page(scope=Scope(organisation_id="nobody")),
        "in the middle": _middle,
        "decisions to check": lambda c: publications.list_for_officials(
            c, states=["to_check"], overdue_on=None, before=None, limit=PAGE, scope=EVERYTHING
        ),
        "decisions due to be shown or taken back": _due,
        "decisions shown to everybody": lambda c: publications.list_public(
            c, TODAY, words=None, before=None, limit=PAGE
        ),
        "who had part in which files": lambda c: file_reviews.parts_of(c, FIRST, TODAY),
        "the annual report's figures": lambda c: report.figures(c, YEAR, EVERYTHING),
        "records of a figure": lambda c: report.records(c, "penalty_cases", YEAR, EVERYTHING, None, PAGE),
    }


def _page(**wanted: Any) -> Ask:
    asked = {
        "states": [], "words": None, "item": None, "overdue_on": None, "mine": None, "before": None, "limit": PAGE,
        "scope": EVERYTHING, **wanted,
    }  # fmt: skip
    return lambda connection: store.list_cases(connection, **asked)


async def _middle(connection: asyncpg.Connection) -> None:
    row = await connection.fetchrow(
        "SELECT opened_at, id FROM inspection.case_file ORDER BY opened_at DESC, id DESC OFFSET 1750 LIMIT 1"
    )
    await _page(before=(row["opened_at"], row["id"]))(connection)


async def _due(connection: asyncpg.Connection) -> None:
    due(await publications.list_waiting(connection, "somebody", EVERYTHING))


async def _slowest_ms(ask: Ask, connection: asyncpg.Connection) -> float:
    slowest = 0.0
    for _ in range(ROUNDS):
        began = time.perf_counter_ns()
        await ask(connection)
        slowest = max(slowest, (time.perf_counter_ns() - began) / 1e6)
    return round(slowest, 1)
