"""The statements about cases that go out and come in."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from inspection_service.cases.store import LIST
from youguan.auth import Scope


async def opened_between(
    connection: asyncpg.Connection, first: date, end: date, scope: Scope, limit: int
) -> list[asyncpg.Record]:
    """Return cases within bounds that were opened from a county's day on and before another, oldest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {LIST}
        WHERE c.opened_at >= $1::date::timestamp AT TIME ZONE 'Asia/Shanghai'
          AND c.opened_at < $2::date::timestamp AT TIME ZONE 'Asia/Shanghai'
          AND ($3::bool OR c.division_code ^@ ANY ($4::text[]))
        ORDER BY c.opened_at, c.id LIMIT $5
        """,
        first,
        end,
        scope.everything,
        list(scope.divisions),
        limit,
    )
    return rows


async def decisions(connection: asyncpg.Connection, case_ids: Sequence[str]) -> dict[str, str]:
    """Return the numbers of the cases' decisions."""
    rows = await connection.fetch(
        """
        SELECT case_id, number FROM inspection.case_document
        WHERE case_id = ANY ($1) AND kind IN ('decision', 'spot_decision')
        """,
        list(case_ids),
    )
    return {row["case_id"]: row["number"] for row in rows}


async def received(connection: asyncpg.Connection, organ: str, number: str) -> asyncpg.Record | None:
    """Return what was made of a case that another organ sent."""
    return await connection.fetchrow(
        """
        SELECT r.*, c.number AS case_number FROM inspection.received_case r JOIN inspection.case_file c ON c.id = r.case_id
        WHERE r.organ = $1 AND r.number = $2
        """,
        organ,
        number,
    )


async def keep(
    connection: asyncpg.Connection, organ: str, number: str, case_id: str, at: datetime, content: dict[str, Any]
) -> None:
    await connection.execute(
        "INSERT INTO inspection.received_case VALUES ($1, $2, $3, $4, $5)", organ, number, case_id, at, content
    )


async def organisations_named(connection: asyncpg.Connection, name: str) -> list[str]:
    """Return the ids of the organisations that answer or answered for a site under a name."""
    rows = await connection.fetch(
        "SELECT DISTINCT organisation_id FROM inspection.responsibility WHERE organisation_name = $1", name
    )
    return [row["organisation_id"] for row in rows]
