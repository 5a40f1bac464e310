"""The statements that plans and visits have in common: where officers may go, who may not, and what they are called."""

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg

from youguan.auth import Scope


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


async def names_of(connection: asyncpg.Connection, subjects: Collection[str]) -> dict[str, str]:
    """Return officers as they are named: with the number of the certificate."""
    rows = await connection.fetch("SELECT * FROM inspection.officer WHERE subject = ANY ($1)", list(subjects))
    known = {row["subject"]: f"{row['name']}（{row['certificate']}）" for row in rows}
    return {subject: known.get(subject, subject) for subject in subjects}
