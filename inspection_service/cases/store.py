"""The statements about cases, their documents and officers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from inspection_service.cases.documents import TOLD_TO_PARTY
from inspection_service.cases.machine import ENDED
from inspection_service.cases.persons import Officer
from inspection_service.cases.waiting import Waits
from youguan.auth import Scope
from youguan.errors import NotFound, Reason


def told(kinds: int) -> str:
    """Return the condition that the party was told of the case `c`: one of the kinds in `$kinds` was issued."""
    return f"EXISTS (SELECT FROM inspection.case_document d WHERE d.case_id = c.id AND d.kind = ANY (${kinds}::text[]))"


COLUMNS = """
    c.*, s.name AS site_name, s.division_name,
    (SELECT max(place) FROM inspection.case_history h WHERE h.case_id = c.id) AS place,
    (SELECT count(*) FROM inspection.case_paper p WHERE p.case_id = c.id
     AND NOT EXISTS (SELECT FROM inspection.case_paper_answer a WHERE a.paper_id = p.id)) AS waiting_papers
"""
LIST = f"SELECT {COLUMNS} FROM inspection.case_file c LEFT JOIN inspection.site s ON s.id = c.site_id"


async def officer(connection: asyncpg.Connection, subject: str) -> Officer | None:
    row = await connection.fetchrow("SELECT * FROM inspection.officer WHERE subject = $1", subject)
    return Officer(**dict(row)) if row else None


async def officers(connection: asyncpg.Connection) -> list[Officer]:
    """Return everybody who holds or held a certificate, by name."""
    rows = await connection.fetch("SELECT * FROM inspection.officer ORDER BY name, subject")
    return [Officer(**dict(row)) for row in rows]


async def save_officer(connection: asyncpg.Connection, found: Officer) -> None:
    await connection.execute(
        """
        INSERT INTO inspection.officer VALUES ($1, $2, $3, $4)
        ON CONFLICT (subject) DO UPDATE SET name = excluded.name, certificate = excluded.certificate,
            valid_until = excluded.valid_until
        """,
        found.subject,
        found.name,
        found.certificate,
        found.valid_until,
    )


async def next_number(connection: asyncpg.Connection, kind: str, year: int) -> int:
    """Return the next number of a series; the series is held until commit, so it has no gaps."""
    last: int = await connection.fetchval(
        """
        INSERT INTO inspection.document_series AS s VALUES ($1, $2, 1)
        ON CONFLICT (kind, year) DO UPDATE SET last = s.last + 1 RETURNING last
        """,
        kind,
        year,
    )
    return last


async def insert(connection: asyncpg.Connection, case: Sequence[Any]) -> None:
    """Keep a case: (id, number, state, item, party kind, id and name, site, station, task, division, act on, found on, opened at,
    opened by, facts)."""
    await connection.execute(
        """
        INSERT INTO inspection.case_file (id, number, state, item_id, party_kind, party_id, party_name, site_id,
            station_id, task_id, division_code, act_on, found_on, opened_at, opened_by, facts, moved_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $14)
        """,
        *case,
    )


async def interested(
    connection: asyncpg.Connection, party_id: str | None, site_id: str | None, since: datetime
) -> frozenset[str]:
    """Return who has declared an interest in a party, or in whoever has a role at a site now or had one since an instant."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT i.subject FROM inspection.officer_interest i
        WHERE i.ended_at IS NULL AND (i.organisation_id = $1 OR EXISTS (
            SELECT FROM inspection.responsibility r WHERE r.organisation_id = i.organisation_id AND r.site_id = $2
            AND (r.until IS NULL OR r.until > $3)))
        """,
        party_id,
        site_id,
        since,
    )
    return frozenset(row["subject"] for row in rows)


async def found_at(connection: asyncpg.Connection, visit_id: str | None, task_id: str | None) -> datetime | None:
    """Return when the visit or the task that a case comes of found what it is about."""
    found: datetime | None = await connection.fetchval(
        """
        SELECT coalesce((SELECT coalesce(finished_at, began_at) FROM inspection.visit WHERE id = $1),
                        (SELECT opened_at FROM inspection.task WHERE id = $2))
        """,
        visit_id,
        task_id,
    )
    return found


async def organisation_named(connection: asyncpg.Connection, organisation_id: str, at: datetime) -> str | None:
    """Return what an organisation was called at an instant, by the ledger of sites; None: it has no role there, nor ever had."""
    name: str | None = await connection.fetchval(
        """
        SELECT organisation_name FROM inspection.responsibility WHERE organisation_id = $1
        ORDER BY since <= $2 AND (until IS NULL OR until > $2) DESC, since DESC LIMIT 1
        """,
        organisation_id,
        at,
    )
    return name


async def note_visit(connection: asyncpg.Connection, case_id: str, visit_id: str) -> None:
    """Note which inspection a case came of; NotFound where there was none at its site."""
    done = await connection.execute(
        """
        UPDATE inspection.case_file c SET visit_id = v.id FROM inspection.visit v
        WHERE c.id = $1 AND v.id = $2 AND v.site_id IS NOT DISTINCT FROM c.site_id AND v.state IN ('under_way', 'finished')
        """,
        case_id,
        visit_id,
    )
    if done != "UPDATE 1":
        raise NotFound(Reason("visit {id} at this site", id=visit_id))


async def get(connection: asyncpg.Connection, case_id: str, *, hold: bool = False) -> asyncpg.Record:
    """Return a case; `hold` keeps others from moving it until commit; NotFound."""
    if hold:  # held first, so that what is read after is what the one before has left
        await connection.execute("SELECT FROM inspection.case_file WHERE id = $1 FOR UPDATE", case_id)
    row = await connection.fetchrow(f"{LIST} WHERE c.id = $1", case_id)
    if row is None:
        raise NotFound(Reason("case {id}", id=case_id))
    return row


async def party_knows(connection: asyncpg.Connection, case_id: str) -> bool:
    found: bool = await connection.fetchval(
        f"SELECT {told(2)} FROM inspection.case_file c WHERE c.id = $1", case_id, list(TOLD_TO_PARTY)
    )
    return found


async def is_reviewed_by(connection: asyncpg.Connection, case_id: str, subject: str) -> bool:
    """Say whether somebody was drawn to review a case's file, and it is not graded yet."""
    found: bool = await connection.fetchval(
        """
        SELECT EXISTS (SELECT FROM inspection.reviewed_file WHERE case_id = $1 AND reviewers ? $2 AND grade IS NULL)
        """,
        case_id,
        subject,
    )
    return found


async def save(connection: asyncpg.Connection, case_id: str, values: Sequence[Any]) -> None:
    """Let a case stand at (state, procedure, facts, due on, period, at)."""
    await connection.execute(
        """
        UPDATE inspection.case_file SET state = $2, procedure = $3, facts = $4, due_on = $5, period = $6, moved_at = $7
        WHERE id = $1
        """,
        case_id,
        *values,
    )


async def nearly_due(
    connection: asyncpg.Connection, day: date, untils: Mapping[str, date], usual: date, moving: Sequence[str]
) -> list[str]:
    """Return the cases whose period ends by the day of `untils`, or else by the usual one, and whose end was not told; and all of
    the `moving` periods that are past."""
    rows = await connection.fetch(
        """
        SELECT c.id FROM inspection.case_file c LEFT JOIN unnest($2::text[], $3::date[]) AS h (period, until) USING (period)
        WHERE c.due_on <= $6 AND (
            (c.due_on < $1 AND c.period = ANY ($5::text[])) OR (c.due_on <= coalesce(h.until, $4) AND NOT EXISTS (
                SELECT FROM inspection.case_urging u
                WHERE u.case_id = c.id AND u.period = c.period AND u.due_on = c.due_on
                  AND u.stage = CASE WHEN c.due_on < $1 THEN 'over' ELSE 'soon' END)))
        ORDER BY c.due_on, c.id
        """,
        day,
        list(untils),
        list(untils.values()),
        usual,
        list(moving),
        max(usual, *untils.values()),
    )
    return [row["id"] for row in rows]


async def save_due(connection: asyncpg.Connection, case_id: str, due_on: date | None, period: str | None) -> None:
    await connection.execute(
        "UPDATE inspection.case_file SET due_on = $2, period = $3 WHERE id = $1", case_id, due_on, period
    )


async def note_urged(connection: asyncpg.Connection, urging: Sequence[Any]) -> bool:
    """Keep that (case, period, due on, stage) was told at a time; False where it was already."""
    done: str = await connection.execute(
        "INSERT INTO inspection.case_urging VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING", *urging
    )
    return done == "INSERT 0 1"


async def add_history(connection: asyncpg.Connection, case_id: str, line: Sequence[Any]) -> int:
    """Keep (at, actor, name, role, command, previous, state, reason, said, document); return its place."""
    place: int = await connection.fetchval(
        """
        INSERT INTO inspection.case_history
        SELECT $1, coalesce(max(place), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
        FROM inspection.case_history WHERE case_id = $1 RETURNING place
        """,
        case_id,
        *line,
    )
    return place


async def history(connection: asyncpg.Connection, case_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM inspection.case_history WHERE case_id = $1 ORDER BY place", case_id
    )
    return rows


async def add_document(connection: asyncpg.Connection, document: Sequence[Any]) -> None:
    """Keep (number, case, place, kind, at, by, content, sha256)."""
    await connection.execute("INSERT INTO inspection.case_document VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", *document)


async def documents(connection: asyncpg.Connection, case_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM inspection.case_document WHERE case_id = $1 ORDER BY place, number", case_id
    )
    return rows


async def newest_document(connection: asyncpg.Connection, case_id: str, kinds: Sequence[str]) -> asyncpg.Record | None:
    """Return number and title of the newest of a case's documents of some kinds; None where there is none."""
    return await connection.fetchrow(
        """
        SELECT number, content->>'title' AS title FROM inspection.case_document
        WHERE case_id = $1 AND kind = ANY($2) ORDER BY place DESC, number DESC LIMIT 1
        """,
        case_id,
        list(kinds),
    )


async def add_print(connection: asyncpg.Connection, number: str, pdf: bytes, sha256: str) -> None:
    """Keep what was printed of a document, unless that is kept already: the same document is the same bytes."""
    await connection.execute(
        "INSERT INTO inspection.case_print VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", number, pdf, sha256
    )


async def unprinted(connection: asyncpg.Connection, case_id: str) -> list[asyncpg.Record]:
    """Return a case's documents of which nothing was printed."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT d.* FROM inspection.case_document d LEFT JOIN inspection.case_print p USING (number)
        WHERE d.case_id = $1 AND p.number IS NULL ORDER BY d.place
        """,
        case_id,
    )
    return rows


async def prints(connection: asyncpg.Connection, case_id: str) -> list[asyncpg.Record]:
    """Return a case's documents with what was printed of them."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT d.*, p.pdf, p.sha256 AS pdf_sha256 FROM inspection.case_document d JOIN inspection.case_print p USING (number)
        WHERE d.case_id = $1 ORDER BY d.place
        """,
        case_id,
    )
    return rows


async def printed(connection: asyncpg.Connection, number: str) -> bytes | None:
    """Return a document's PDF as it was printed; None where it was issued and not printed."""
    found: bytes | None = await connection.fetchval("SELECT pdf FROM inspection.case_print WHERE number = $1", number)
    return found


def _fact(name: str) -> str:
    return f"coalesce((c.facts->>'{name}')::bool, false)"


SIMPLE_UNNOTED = f"(c.procedure = 'simple' AND NOT {_fact('noted')})"
# What was paid of a decision that has fallen is still to be given back (Art. 74).
KEPT = """(SELECT coalesce(sum((part->>'fen')::bigint), 0) FROM jsonb_array_elements(c.facts->'paid') AS part)
    - (SELECT coalesce(sum((part->>'fen')::bigint), 0) FROM jsonb_array_elements(c.facts->'refunds') AS part)"""
# Review or court has struck the decision down, and the case stands as if not: told before that was the decision's end.
STRUCK_DOWN = "coalesce(c.facts->'appeals'->-1->>'outcome' IN ('revoked', 'illegal'), false)"
# What equipment of the register, or that an officer says was reviewed, recorded, and nobody has reviewed yet (Art. 41).
UNREVIEWED = f"""(c.state <> ALL ('{{{",".join(ENDED)}}}') AND EXISTS (
    SELECT FROM inspection.evidence e WHERE e.case_id = c.id AND e.record->>'origin' = 'monitoring'
        AND (e.record->'source' ? 'equipment_id' OR (e.record->>'reviewed')::bool)
        AND NOT EXISTS (SELECT FROM inspection.evidence r WHERE r.case_id = c.id AND (r.record->>'reviews')::int = e.place)))"""
# Whose turn it is, of `Waits`: $13 what he reviews, $14 himself, $15 up to which level he reviews, $16 whether he decides, $17 of
# which items alone, $18 by when who was told has had his time, $19 whether he investigates, $20 the day. For whom the law keeps
# apart nothing waits (Art. 43, 57, 58).
AS_REVIEWER = f"""(c.state = ANY ($13::text[])
    OR ($15::int > 0 AND c.state IN ('served', 'demanded', 'enforcing', 'paid') AND {SIMPLE_UNNOTED})
    OR ($15 > 3 AND c.state = 'heard' AND NOT {_fact("hearing_reviewed")})
    OR ($15 > 0 AND {UNREVIEWED}))"""
AS_HEAD = f"""($16::bool AND (cardinality($17::text[]) = 0 OR c.item_id = ANY ($17)) AND (c.state = 'proposed'
    OR (c.state IN ('lead', 'ordered', 'mended', 'rechecked') AND {_fact("end_asked")})
    OR (c.state = 'notified' AND ({_fact("defended")} OR (c.facts->>'notified_on')::date <= $18::date))
    OR (c.state = 'heard' AND {_fact("hearing_reviewed")})
    OR (c.state = 'paid' AND NOT {SIMPLE_UNNOTED}) OR (c.state = 'revoked' AND {KEPT} > 0)
    OR (c.state IN ('served', 'demanded', 'enforcing', 'paid', 'closed') AND {STRUCK_DOWN})))"""
# Of his own cases what he himself leads on: also where a notice is in the post, and where the party's time is over.
AS_OFFICER = f"""($19::bool AND c.facts->'officers' ? $14::text AND (c.state IN ('filed', 'reviewed', 'decided')
    OR (c.state IN ('lead', 'mended', 'rechecked') AND NOT {_fact("end_asked")})
    OR (c.state IN ('notified', 'hearing', 'heard') AND c.facts->>'posted_on' IS NOT NULL AND c.facts->>'notified_on' IS NULL)
    OR (c.state IN ('ordered', 'served') AND c.due_on < $20::date)))"""
WAITS = f"""({AS_OFFICER} OR (NOT c.facts->'investigators' ? $14
    AND NOT (c.state LIKE 'review\\__' AND c.facts->'reviewers' ? $14) AND ({AS_REVIEWER} OR {AS_HEAD})))"""


async def list_cases(
    connection: asyncpg.Connection,
    *,
    states: Sequence[str],
    words: str | None,
    item: str | None,
    overdue_on: date | None,
    mine: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
    scope: Scope,
    waits: Waits | None = None,
) -> list[asyncpg.Record]:
    """Return cases, newest first; of no states: of all; `mine`: where this person is an officer; `waits`: for whom they wait."""
    values: tuple[Any, ...] = ()
    if waits:
        values = (
            waits.reviews,
            waits.subject,
            waits.levels,
            waits.head,
            waits.items,
            waits.told_by,
            waits.investigates,
            waits.day,
        )
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {LIST}
        WHERE (cardinality($1::text[]) = 0 OR c.state = ANY($1))
          AND ($2::text IS NULL OR strpos(lower(c.number || ' ' || c.party_name || ' ' || coalesce(s.name, '')), lower($2)) > 0)
          AND ($3::text IS NULL OR c.item_id = $3)
          AND ($4::date IS NULL OR c.due_on < $4)
          AND ($5::text IS NULL OR c.facts->'officers' ? $5)
          AND ($6::bool OR c.division_code ^@ ANY ($7::text[]) OR (c.party_id = $8::text AND {told(9)}))
          AND ($10::timestamptz IS NULL OR (c.opened_at, c.id) < ($10, $11)) {f"AND {WAITS}" if waits else ""}
        ORDER BY c.opened_at DESC, c.id DESC LIMIT $12
        """,
        list(states),
        words,
        item,
        overdue_on,
        mine,
        *scope.parameters,
        list(TOLD_TO_PARTY),
        *(before or (None, None)),
        limit,
        *values,
    )
    return rows


async def parties_at(connection: asyncpg.Connection, site_id: str, instant: datetime) -> list[asyncpg.Record]:
    """Return which organisations had which role at a site then."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT DISTINCT organisation_id, organisation_name, role FROM inspection.responsibility
        WHERE site_id = $1 AND since <= $2 AND (until IS NULL OR until > $2) ORDER BY role, organisation_name
        """,
        site_id,
        instant,
    )
    return rows
