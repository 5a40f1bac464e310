"""The statements about file reviews."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from youguan.clock import COUNTY
from youguan.errors import NotFound, Reason

FILES = """
    SELECT f.*, c.number, c.party_name, c.item_id, c.procedure, c.facts,
           ARRAY(SELECT reviewer FROM inspection.file_score s
                 WHERE s.review_id = f.review_id AND s.case_id = f.case_id) AS scored_by
    FROM inspection.reviewed_file f JOIN inspection.case_file c ON c.id = f.case_id
"""

# Who may not review a file: whoever moved the case, investigated it, stood for its evidence or reviewed a recording of it, and
# whoever has declared an interest in its party, or in whoever had a role at its site since the act, as in the case itself
# (Penalty Law Art. 43).
KEPT_OFF = f"""
    SELECT case_id, actor AS subject FROM inspection.case_history WHERE case_id = {{files}}
    UNION
    SELECT id, jsonb_array_elements_text(facts->'investigators') FROM inspection.case_file WHERE id = {{files}}
    UNION
    SELECT case_id, record->>'by' FROM inspection.evidence WHERE case_id = {{files}}
    UNION
    SELECT c.id, i.subject FROM inspection.case_file c JOIN inspection.officer_interest i
        ON i.organisation_id = c.party_id OR EXISTS (
            SELECT FROM inspection.responsibility r WHERE r.organisation_id = i.organisation_id AND r.site_id = c.site_id
            AND (r.until IS NULL OR r.until > (c.act_on + time '12:00') AT TIME ZONE '{COUNTY}'))
    WHERE i.ended_at IS NULL AND c.id = {{files}}
"""


async def archived(connection: asyncpg.Connection, first: date, last: date) -> list[asyncpg.Record]:
    """Return the files that were archived within a time and have a decision, by number."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT id, number, facts FROM inspection.case_file
        WHERE facts->>'archived_on' BETWEEN $1 AND $2 AND facts->>'decided_on' IS NOT NULL ORDER BY number
        """,
        first.isoformat(),
        last.isoformat(),
    )
    return rows


async def kept_off(connection: asyncpg.Connection, case_ids: Sequence[str]) -> dict[str, set[str]]:
    """Return who is kept off each of the cases: by what he did in it, or by an interest that he has declared."""
    rows = await connection.fetch(KEPT_OFF.format(files="ANY ($1)"), list(case_ids))
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["case_id"], set()).add(row["subject"])
    return found


async def parts_of(connection: asyncpg.Connection, first: date, last: date) -> tuple[int, dict[str, int]]:
    """Return how many files can be drawn of a time, and how many of them each person is kept off."""
    rows = await connection.fetch(
        f"""
        WITH file AS (
            SELECT id FROM inspection.case_file
            WHERE facts->>'archived_on' BETWEEN $1 AND $2 AND facts->>'decided_on' IS NOT NULL
        ), part AS ({KEPT_OFF.format(files="ANY (SELECT id FROM file)")})
        SELECT NULL AS subject, count(*)::int AS files FROM file
        UNION ALL SELECT subject, count(*)::int FROM part GROUP BY subject
        """,
        first.isoformat(),
        last.isoformat(),
    )
    counts = {row["subject"]: row["files"] for row in rows}
    return counts.pop(None), counts


async def add(connection: asyncpg.Connection, review: Sequence[Any], files: Sequence[Sequence[Any]]) -> None:
    """Keep a review (id, name, first, last, seed, numbers, fingerprint, people, by, at) and its files (review, case, place,
    reviewers, until)."""
    await connection.execute(
        "INSERT INTO inspection.file_review VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", *review
    )
    await connection.executemany(
        """
        INSERT INTO inspection.reviewed_file (review_id, case_id, place, reviewers, score_until, reason, replaced)
        VALUES ($1, $2, $3, $4, $5, '', '[]')
        """,
        files,
    )


async def reviews(
    connection: asyncpg.Connection,
    before: tuple[datetime, str] | None,
    limit: int,
    reader: str,
    *,
    own: bool = False,
) -> list[asyncpg.Record]:
    """Return reviews, newest first, with how many files each has, how many are graded, closed without a grade, excellent, and to be
    scored by the `reader`; `own`: those in which he reviews."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT r.*, count(f.case_id) AS files, count(*) FILTER (WHERE f.grade <> 'ungraded') AS graded,
            count(*) FILTER (WHERE f.grade = 'ungraded') AS ungraded, count(*) FILTER (WHERE f.grade = 'excellent') AS excellent,
            count(*) FILTER (WHERE f.grade IS NULL AND f.reviewers ? $4 AND NOT EXISTS (
                SELECT FROM inspection.file_score s
                WHERE s.review_id = f.review_id AND s.case_id = f.case_id AND s.reviewer = $4)) AS to_score
        FROM inspection.file_review r LEFT JOIN inspection.reviewed_file f ON f.review_id = r.id
        WHERE ($1::timestamptz IS NULL OR (r.ordered_at, r.id) < ($1, $2))
          AND (NOT $5 OR r.people ? $4 OR EXISTS (
              SELECT FROM inspection.reviewed_file o WHERE o.review_id = r.id AND o.reviewers ? $4))
        GROUP BY r.id ORDER BY r.ordered_at DESC, r.id DESC LIMIT $3
        """,
        *(before or (None, None)),
        limit,
        reader,
        own,
    )
    return rows


async def reviews_in(connection: asyncpg.Connection, review_id: str, subject: str) -> bool:
    """Say whether somebody was drawn for a file of a review."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM inspection.reviewed_file WHERE review_id = $1 AND reviewers ? $2)",
        review_id,
        subject,
    )
    return found


async def review(connection: asyncpg.Connection, review_id: str) -> asyncpg.Record:
    row = await connection.fetchrow("SELECT * FROM inspection.file_review WHERE id = $1", review_id)
    if row is None:
        raise NotFound(Reason("file review {id}", id=review_id))
    return row


async def files(connection: asyncpg.Connection, review_id: str) -> list[asyncpg.Record]:
    """Return a review's files in the order in which they were drawn."""
    rows: list[asyncpg.Record] = await connection.fetch(f"{FILES} WHERE f.review_id = $1 ORDER BY f.place", review_id)
    return rows


async def file(connection: asyncpg.Connection, review_id: str, case_id: str, *, hold: bool = False) -> asyncpg.Record:
    """Return a file of a review; `hold` keeps others from grading it until commit; NotFound."""
    lock = "FOR UPDATE OF f" if hold else ""
    row = await connection.fetchrow(f"{FILES} WHERE f.review_id = $1 AND f.case_id = $2 {lock}", review_id, case_id)
    if row is None:
        raise NotFound(Reason("file {case} of review {id}", case=case_id, id=review_id))
    return row


async def scores(connection: asyncpg.Connection, review_id: str, case_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM inspection.file_score WHERE review_id = $1 AND case_id = $2 ORDER BY at", review_id, case_id
    )
    return rows


async def add_score(connection: asyncpg.Connection, row: Sequence[Any]) -> None:
    """Keep (review, case, reviewer, marks, remarks, total, vetoed, at)."""
    await connection.execute("INSERT INTO inspection.file_score VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", *row)


async def set_grade(connection: asyncpg.Connection, review_id: str, case_id: str, values: Sequence[Any]) -> None:
    """Let a file be (total, grade, rule, at)."""
    await connection.execute(
        """
        UPDATE inspection.reviewed_file SET total = $3, grade = $4, rule = $5, graded_at = $6
        WHERE review_id = $1 AND case_id = $2
        """,
        review_id,
        case_id,
        *values,
    )


async def set_third(
    connection: asyncpg.Connection, review_id: str, case_id: str, third: str, drawn_from: Sequence[str], until: date
) -> None:
    """Let somebody score a file as the third, until a day, of which he is told."""
    await connection.execute(
        """
        UPDATE inspection.reviewed_file
        SET reviewers = reviewers || to_jsonb($3::text), third_from = $4, third_until = $5, told = 'drawn'
        WHERE review_id = $1 AND case_id = $2
        """,
        review_id,
        case_id,
        third,
        list(drawn_from),
        until,
    )


async def set_reviewers(connection: asyncpg.Connection, review_id: str, case_id: str, values: Sequence[Any]) -> None:
    """Let a file be scored by (reviewers, in the place of whom, until), of which they are to be told."""
    await connection.execute(
        """
        UPDATE inspection.reviewed_file SET reviewers = $3, replaced = $4, score_until = $5, told = NULL
        WHERE review_id = $1 AND case_id = $2
        """,
        review_id,
        case_id,
        *values,
    )


async def take_untold(connection: asyncpg.Connection, soon: date, review_id: str | None) -> list[asyncpg.Record]:
    """Return the files, of one review or of all, whose reviewers are still to be told of their time, or that it ends by the day
    `soon`, as told: review, its name, reviewers, who has scored, `told` as what, until when. Those just being scored wait."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        WITH open AS (
            SELECT review_id, case_id, s.until, s.told
            FROM inspection.reviewed_file f,
                 LATERAL (SELECT coalesce(third_until, score_until) AS until,
                                 CASE WHEN coalesce(third_until, score_until) <= $1 THEN 'soon' ELSE 'drawn' END AS told) s
            WHERE f.grade IS NULL AND f.told IS DISTINCT FROM s.told AND ($2::text IS NULL OR f.review_id = $2)
            FOR UPDATE OF f SKIP LOCKED
        )
        UPDATE inspection.reviewed_file f SET told = o.told FROM open o, inspection.file_review r
        WHERE f.review_id = o.review_id AND f.case_id = o.case_id AND r.id = f.review_id
        RETURNING f.review_id, r.name, f.reviewers, o.told, o.until,
            ARRAY(SELECT reviewer FROM inspection.file_score s
                  WHERE s.review_id = f.review_id AND s.case_id = f.case_id) AS scored_by
        """,
        soon,
        review_id,
    )
    return rows


async def undecided(connection: asyncpg.Connection, today: date) -> list[tuple[str, str]]:
    """Return (review, case) of the files that wait for nobody: two scores lie apart and no third was drawn, or the time is over."""
    rows = await connection.fetch(
        """
        SELECT f.review_id, f.case_id FROM inspection.reviewed_file f
        WHERE f.grade IS NULL AND (coalesce(f.third_until, f.score_until) < $1 OR (f.third_until IS NULL AND 1 < (
            SELECT count(*) FROM inspection.file_score s WHERE s.review_id = f.review_id AND s.case_id = f.case_id)))
        ORDER BY f.review_id, f.place
        """,
        today,
    )
    return [(row["review_id"], row["case_id"]) for row in rows]


async def officials(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return everybody who works for the county now: username, roles, level of a legal reviewer."""
    rows: list[asyncpg.Record] = await connection.fetch("SELECT username, roles, level FROM inspection.official")
    return rows
