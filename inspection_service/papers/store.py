"""The statements about what parties bring to cases."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from youguan.errors import NotFound, Reason
from youguan.quota import Brought

PAPERS = """
SELECT p.*, a.place, a.reason, a.answered_at, a.answered_by, a.answered_by_name
FROM inspection.case_paper p LEFT JOIN inspection.case_paper_answer a ON a.paper_id = p.id
"""


async def add(connection: asyncpg.Connection, paper: Sequence[Any]) -> None:
    """Keep (id, case, about, title, note, sha256, size, type, name, at, by, name)."""
    await connection.execute(
        "INSERT INTO inspection.case_paper VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", *paper
    )


async def answer(connection: asyncpg.Connection, said: Sequence[Any]) -> None:
    """Keep (paper, place in the chain or None, reason, at, by, name)."""
    await connection.execute("INSERT INTO inspection.case_paper_answer VALUES ($1, $2, $3, $4, $5, $6)", *said)


async def papers(connection: asyncpg.Connection, case_id: str) -> list[asyncpg.Record]:
    """Return what was brought to a case, each with its answer where there is one, the first first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"{PAPERS} WHERE p.case_id = $1 ORDER BY p.brought_at, p.id", case_id
    )
    return rows


async def get(connection: asyncpg.Connection, case_id: str, paper_id: str) -> asyncpg.Record:
    """Return a paper of a case; NotFound."""
    row = await connection.fetchrow(f"{PAPERS} WHERE p.case_id = $1 AND p.id = $2", case_id, paper_id)
    if row is None:
        raise NotFound(Reason("paper {paper} of case {id}", paper=paper_id, id=case_id))
    return row


async def brought_since(connection: asyncpg.Connection, subject: str, since: datetime) -> Brought:
    """Return what somebody brought to cases since an instant."""
    row = await connection.fetchrow(
        """
        SELECT count(*)::int, coalesce(sum(size_bytes), 0)::bigint, min(brought_at) FROM inspection.case_paper
        WHERE brought_by = $1 AND brought_at > $2
        """,
        subject,
        since,
    )
    return Brought(*row)
