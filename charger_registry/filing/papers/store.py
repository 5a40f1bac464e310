"""The statements about the papers of filings, and what was promised in their place."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from charger_registry.filing.content import Paper
from charger_registry.filing.rules.store import DOCUMENT_TYPES
from youguan.clock import COUNTY
from youguan.documents import Document
from youguan.errors import Conflict, NotFound, Reason
from youguan.quota import Brought

COUNTS, WAITING, REFUSED = "counts", "waiting", "refused"
# A paper of the kind of a promise `p` that waits for the authority.
BROUGHT = """EXISTS (
    SELECT FROM registry.filing_document w
    WHERE w.filing_id = p.filing_id AND w.type = p.type AND w.standing = 'waiting' AND w.ended_at IS NULL
)"""
# A promise `p` on the file `f` of a site that stands; with the file ends what was owed on it.
OWED = "p.filing_id = f.id AND p.kept_at IS NULL AND f.state IN ('accepted', 'in_operation', 'suspended')"
# Whether a broken promise `p` may end the file `f`, by the rules of the day of its submission.
RULE = f"""(
    SELECT r.{{what}} FROM registry.document_rule r
    WHERE r.code = p.type AND r.valid_from <= (f.submitted_at AT TIME ZONE '{COUNTY}')::date ORDER BY r.valid_from DESC LIMIT 1
)"""
LAPSES, BY_ITSELF = RULE.format(what="lapses"), RULE.format(what="lapses_by_itself")
PROMISES = f"""
SELECT p.*, t.name AS type_name, t.name_en AS type_name_en, f.site_id, f.submitted_at, {LAPSES} AS lapses,
       {BY_ITSELF} AS lapses_by_itself, {BROUGHT} AS brought,
       ARRAY(SELECT ARRAY[r.added_at, r.judged_at] FROM registry.filing_document r
             WHERE r.filing_id = p.filing_id AND r.type = p.type AND r.standing = 'refused' ORDER BY r.added_at) AS refused
FROM registry.filing_promise p JOIN registry.document_type t ON t.code = p.type JOIN registry.filing f ON f.id = p.filing_id
"""


async def add_document(connection: asyncpg.Connection, line: Sequence[Any], document: Document) -> None:
    """Add (id, filing, type, number, valid from, valid until, replaces, at, by, standing) and what was received."""
    await connection.execute(
        """
        INSERT INTO registry.filing_document
            (id, filing_id, type, number, valid_from, valid_until, replaces, added_at, added_by,
             standing, sha256, size_bytes, media_type, name)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """,
        *line,
        document.sha256,
        document.size_bytes,
        document.media_type,
        document.name,
    )


async def brought_since(connection: asyncpg.Connection, organisation_id: str, since: datetime) -> Brought:
    """Return what came of papers for the filings of an organisation since an instant."""
    row = await connection.fetchrow(
        """
        SELECT count(*)::int, coalesce(sum(d.size_bytes), 0)::bigint, min(d.added_at)
        FROM registry.filing_document d JOIN registry.filing f ON f.id = d.filing_id
        WHERE f.organisation_id = $1 AND d.added_at > $2
        """,
        organisation_id,
        since,
    )
    return Brought(*row)


async def copy_documents(connection: asyncpg.Connection, old_id: str, new_id: str) -> None:
    """Let a filing begin with the papers that another one has."""
    await connection.execute(
        """
        INSERT INTO registry.filing_document
            (id, filing_id, type, number, valid_from, valid_until, sha256, size_bytes, media_type, name, added_at, added_by)
        SELECT gen_random_uuid()::text, $2, type, number, valid_from, valid_until, sha256, size_bytes, media_type, name,
               added_at, added_by
        FROM registry.filing_document WHERE filing_id = $1 AND ended_at IS NULL AND standing <> 'refused'
        """,
        old_id,
        new_id,
    )


async def end_document(
    connection: asyncpg.Connection, filing_id: str, document_id: str, at: datetime, by: str
) -> asyncpg.Record:
    """Let a paper count no longer; it stays on record. NotFound."""
    row = await connection.fetchrow(
        """
        UPDATE registry.filing_document SET ended_at = $3, ended_by = $4
        WHERE id = $2 AND filing_id = $1 AND ended_at IS NULL RETURNING *
        """,
        filing_id,
        document_id,
        at,
        by,
    )
    if row is None:
        raise NotFound(Reason("document {id}", id=document_id))
    return row


async def judge_document(
    connection: asyncpg.Connection, filing_id: str, document_id: str, standing: str, at: datetime, by: str, why: str
) -> asyncpg.Record:
    """Note what the authority says of a paper that waits for it; NotFound, Conflict where none waits."""
    await get_document(connection, filing_id, document_id)
    row = await connection.fetchrow(
        """
        UPDATE registry.filing_document SET standing = $3, judged_at = $4, judged_by = $5, judged_why = $6
        WHERE id = $2 AND filing_id = $1 AND standing = 'waiting' AND ended_at IS NULL RETURNING *
        """,
        filing_id,
        document_id,
        standing,
        at,
        by,
        why or None,
    )
    if row is None:
        raise Conflict("this paper waits for no answer")
    return row


async def end_waiting(
    connection: asyncpg.Connection, filing_id: str, code: str, replaces: str | None, at: datetime, by: str
) -> None:
    """Let a paper wait no longer in whose place another one is brought now."""
    await connection.execute(
        """
        UPDATE registry.filing_document SET ended_at = $4, ended_by = $5
        WHERE filing_id = $1 AND type = $2 AND replaces IS NOT DISTINCT FROM $3 AND standing = 'waiting' AND ended_at IS NULL
          AND ($3 IS NOT NULL OR EXISTS (
              SELECT FROM registry.filing_promise p WHERE p.filing_id = $1 AND p.type = $2 AND p.kept_at IS NULL))
        """,
        filing_id,
        code,
        replaces,
        at,
        by,
    )


async def owes(connection: asyncpg.Connection, filing_id: str, code: str) -> bool:
    """Say whether a paper of a kind was promised on a filing and has not come yet."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM registry.filing_promise WHERE filing_id = $1 AND type = $2 AND kept_at IS NULL)",
        filing_id,
        code,
    )
    return found


async def documents(connection: asyncpg.Connection, filing_id: str) -> list[asyncpg.Record]:
    """Return every paper of a filing, those that count no longer included, by type."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT d.*, t.name AS type_name, t.name_en AS type_name_en
        FROM registry.filing_document d JOIN registry.document_type t ON t.code = d.type
        WHERE d.filing_id = $1 ORDER BY t.place, d.added_at, d.id
        """,
        filing_id,
    )
    return rows


async def is_in_place(connection: asyncpg.Connection, document_id: str) -> bool:
    """Say whether a paper still counts or waits."""
    found: bool = await connection.fetchval(
        "SELECT ended_at IS NULL FROM registry.filing_document WHERE id = $1", document_id
    )
    return found


async def get_document(connection: asyncpg.Connection, filing_id: str, document_id: str) -> asyncpg.Record:
    row = await connection.fetchrow(
        "SELECT * FROM registry.filing_document WHERE id = $2 AND filing_id = $1", filing_id, document_id
    )
    if row is None:
        raise NotFound(Reason("document {id}", id=document_id))
    return row


def papers(rows: Sequence[asyncpg.Record], asked_at: datetime | None) -> list[Paper]:
    """Return the papers that count, as the rules read them."""
    return [paper_of(row, asked_at) for row in rows if row["ended_at"] is None and row["standing"] == COUNTS]


def paper_of(row: asyncpg.Record, asked_at: datetime | None = None) -> Paper:
    """Return a paper as the rules read it."""
    fresh = asked_at is not None and row["added_at"] > asked_at
    return Paper(row["type"], row["valid_until"], fresh, row["valid_from"])


async def promise(connection: asyncpg.Connection, filing_id: str, owed: Mapping[str, date], at: datetime) -> None:
    await connection.executemany(
        "INSERT INTO registry.filing_promise (filing_id, type, due_on, promised_at) VALUES ($1, $2, $3, $4)",
        [(filing_id, code, due_on, at) for code, due_on in owed.items()],
    )


async def keep_promise(
    connection: asyncpg.Connection, filing_id: str, code: str, at: datetime
) -> asyncpg.Record | None:
    """Note that a promised paper has come; return the promise as it was, None where nothing was owed."""
    return await connection.fetchrow(
        """
        UPDATE registry.filing_promise SET kept_at = $3 WHERE filing_id = $1 AND type = $2 AND kept_at IS NULL RETURNING *
        """,
        filing_id,
        code,
        at,
    )


async def promises(connection: asyncpg.Connection, filing_id: str) -> list[asyncpg.Record]:
    """Return what was promised on a filing; `lapses`: whether that may end it, by the rules of its submission's day."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"{PROMISES} WHERE p.filing_id = $1 ORDER BY p.due_on, t.place", filing_id
    )
    return rows


async def told_promises(connection: asyncpg.Connection, filing_id: str | None = None) -> list[asyncpg.Record]:
    """Return the promises of files in force that were told to be broken and have not been kept since, site by site."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {PROMISES} WHERE {OWED} AND f.state <> 'suspended' AND p.told_at IS NOT NULL AND ($1::text IS NULL OR f.id = $1)
        ORDER BY f.site_id, f.id, t.place
        """,
        filing_id,
    )
    return rows


async def expiring(connection: asyncpg.Connection, today: date) -> list[asyncpg.Record]:
    """Note and return the papers about whose validity something new is to be said: `told` is what."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        UPDATE registry.filing_document d
        SET told = CASE WHEN d.valid_until < $1 THEN 'expired' ELSE 'expiring' END
        FROM registry.filing f, ({DOCUMENT_TYPES}) t
        WHERE f.id = d.filing_id AND f.state IN ('accepted', 'in_operation', 'suspended') AND t.code = d.type
          AND d.ended_at IS NULL AND d.standing = 'counts' AND d.valid_until IS NOT NULL
          AND ((d.valid_until < $1 AND d.told IS DISTINCT FROM 'expired')
               OR (d.valid_until - t.warning_days <= $1 AND d.told IS NULL))
        RETURNING d.*, f.site_id
        """,
        today,
    )
    return rows


async def broken_promises(connection: asyncpg.Connection, today: date, now: datetime) -> list[asyncpg.Record]:
    """Note and return the promises whose day has passed."""
    noted = await connection.fetch(
        f"""
        UPDATE registry.filing_promise p SET told_at = $2 FROM registry.filing f
        WHERE {OWED} AND p.told_at IS NULL AND p.due_on < $1 AND NOT {BROUGHT} RETURNING p.filing_id, p.type
        """,
        today,
        now,
    )
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {PROMISES} WHERE (p.filing_id, p.type) IN (SELECT * FROM unnest($1::text[], $2::text[])) ORDER BY f.id, t.place
        """,
        [row["filing_id"] for row in noted],
        [row["type"] for row in noted],
    )
    return rows


async def tell_anew(connection: asyncpg.Connection, filing_ids: Sequence[str]) -> None:
    """Forget what was told about the papers and promises of filings, so that the watch tells what holds."""
    await connection.execute(
        "UPDATE registry.filing_document SET told = NULL WHERE filing_id = ANY($1) AND told IS NOT NULL",
        list(filing_ids),
    )
    await tell_promises_anew(connection, filing_ids)


async def tell_promises_anew(connection: asyncpg.Connection, filing_ids: Sequence[str]) -> None:
    """Forget what was told of the promises of filings: their holders are told again, and have the whole term from then on."""
    await connection.execute(
        "UPDATE registry.filing_promise SET told_at = NULL WHERE filing_id = ANY($1) AND kept_at IS NULL",
        list(filing_ids),
    )


async def note_lapse_due(
    connection: asyncpg.Connection, filing_ids: Sequence[str], today: date
) -> list[asyncpg.Record]:
    """Put these files before an official, and no others: their promised papers have not come by their last day; return those that
    were not before him yet.
    """
    changed = await connection.fetch(
        """
        UPDATE registry.filing SET lapse_due_since = CASE WHEN id = ANY($1) THEN coalesce(lapse_due_since, $2) END
        WHERE (id = ANY($1) AND lapse_due_since IS NULL) OR (lapse_due_since IS NOT NULL AND id <> ALL($1))
        RETURNING id, number, site_id, lapse_due_since
        """,
        list(filing_ids),
        today,
    )
    return [row for row in changed if row["lapse_due_since"] is not None]


async def told_of_former(
    connection: asyncpg.Connection, site_id: str, filing_id: str, now: datetime
) -> list[asyncpg.Record]:
    """Take note that nothing is owed any more on the files that a site had before; return what had been said about them."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        WITH former AS (SELECT id FROM registry.filing WHERE site_id = $1 AND id <> $2 AND state IN ('retired', 'lapsed')),
        papers AS (
            UPDATE registry.filing_document d SET told = NULL FROM former
            WHERE d.filing_id = former.id AND d.told IS NOT NULL RETURNING d.id, d.filing_id, d.type
        ), kept AS (
            UPDATE registry.filing_promise p SET kept_at = $3 FROM former
            WHERE p.filing_id = former.id AND p.kept_at IS NULL RETURNING p.filing_id, p.type, p.told_at
        )
        SELECT id AS document_id, filing_id, type FROM papers
        UNION ALL SELECT NULL, filing_id, type FROM kept WHERE told_at IS NOT NULL
        """,
        site_id,
        filing_id,
        now,
    )
    return rows
