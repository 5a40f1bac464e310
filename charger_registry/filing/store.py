"""The statements about filings."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from charger_registry.filing.content import Content
from charger_registry.filing.machine import STANDING, State
from charger_registry.filing.papers.store import OWED
from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.errors import NotFound, Reason

# A draft is its applicant's own; a filing on paper is written by the authority's clerk. The file of a site that stands is also
# for those who answer for the site now.
SEEN = """(
    (f.organisation_id = {organisation}::text)
    OR (f.decided_at IS NOT NULL AND EXISTS (
        SELECT FROM bounds.party p WHERE p.site_id = f.site_id AND p.organisation_id = {organisation}::text
        AND p.since <= now() AND (p.until IS NULL OR p.until > now())
    ))
    OR ((f.state <> 'draft' OR f.channel = 'counter')
        AND ({everything}::bool OR f.division_code ^@ ANY ({divisions}::text[])))
)"""
PAPER_WAITS = "w.standing = 'waiting' AND w.ended_at IS NULL AND f.state IN ('accepted', 'in_operation', 'suspended')"
FILING = f"""
SELECT f.*, o.name AS organisation_name, d.name AS division_name, d.name_en AS division_name_en, s.name AS site_name,
       (SELECT r.organisation_id FROM registry.responsibility r
        WHERE r.site_id = f.site_id AND r.role = 'manager' AND r.station_id = '' AND upper_inf(r.believed)
          AND r.during @> now()) AS manager_id,
       EXISTS (SELECT FROM bounds.party p WHERE p.site_id = f.site_id AND p.organisation_id = f.organisation_id
               AND p.since <= now() AND (p.until IS NULL OR p.until > now())) AS applicant_answers,
       owed.promises, owed.promised_for, (
           SELECT count(*) FROM registry.filing_document w WHERE w.filing_id = f.id AND {PAPER_WAITS}
       ) AS papers_waiting
FROM registry.filing f JOIN registry.organisation o ON o.id = f.organisation_id
LEFT JOIN LATERAL (
    SELECT count(*) AS promises, min(p.due_on) AS promised_for FROM registry.filing_promise p WHERE {OWED}
) owed ON true
LEFT JOIN registry.division d ON d.code = f.division_code LEFT JOIN registry.site s ON s.id = f.site_id
"""


# A file `f` that lapsed and in whose place none has come, of a site that is there still.
UNFILED = """(f.state = 'lapsed' AND EXISTS (SELECT FROM registry.site s WHERE s.id = f.site_id AND s.retired_at IS NULL)
    AND NOT EXISTS (SELECT FROM registry.filing n WHERE n.site_id = f.site_id AND (
        n.state IN ('accepted', 'in_operation', 'suspended') OR n.state = 'lapsed' AND n.decided_at > f.decided_at)))"""


def seen(first: int) -> str:
    """Return the condition that a filing lies within a scope: `Scope.parameters` from `$first` on."""
    everything, divisions, organisation = (f"${first + n}" for n in range(3))
    return SEEN.format(everything=everything, divisions=divisions, organisation=organisation)


async def insert(connection: asyncpg.Connection, filing: Sequence[Any]) -> None:
    """Keep (id, channel, organisation, site, name, division, content, at, by) as a draft."""
    await connection.execute(
        """
        INSERT INTO registry.filing
            (id, channel, organisation_id, site_id, state, name, division_code, content, created_at, created_by, moved_at)
        VALUES ($1, $2, $3, $4, 'draft', $5, $6, $7, $8, $9, $8)
        """,
        *filing,
    )


async def get(connection: asyncpg.Connection, filing_id: str, scope: Scope) -> asyncpg.Record:
    """Return a filing; NotFound beyond the bounds too."""
    row = await connection.fetchrow(f"{FILING} WHERE f.id = $1 AND {seen(2)}", filing_id, *scope.parameters)
    if row is None:
        raise NotFound(Reason("filing {id}", id=filing_id))
    return row


async def hold(connection: asyncpg.Connection, filing_id: str, scope: Scope) -> asyncpg.Record:
    """Return a filing and keep others from changing it until commit: who comes second sees what the first has done.

    Its site is held before it, as whoever changes a site does; a filing once begun stays with its site.
    """
    await connection.execute(
        """
        SELECT FROM registry.site WHERE id = (SELECT site_id FROM registry.filing WHERE id = $1) FOR UPDATE
        """,
        filing_id,
    )
    await connection.execute("SELECT FROM registry.filing WHERE id = $1 FOR UPDATE", filing_id)
    return await get(connection, filing_id, scope)


async def was_begun_by(connection: asyncpg.Connection, subject: str) -> bool:
    """Say whether somebody has ever begun a filing."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM registry.filing WHERE created_by = $1)", subject
    )
    return found


async def change(connection: asyncpg.Connection, filing_id: str, changes: Mapping[str, Any]) -> None:
    """Set columns of ours."""
    columns = ", ".join(f"{column} = ${place}" for place, column in enumerate(changes, 2))
    await connection.execute(f"UPDATE registry.filing SET {columns} WHERE id = $1", filing_id, *changes.values())


async def list_filings(
    connection: asyncpg.Connection,
    *,
    states: Collection[str] | None,
    site_id: str | None,
    owing: bool,
    to_judge: bool = False,
    to_lapse: bool = False,
    after: tuple[bool, date, datetime, str] | None,
    limit: int,
    scope: Scope,
) -> list[asyncpg.Record]:
    """Return filings by when they are due, then those that wait for nothing, newest first.

    `owing`: with promises not kept; `to_judge`: with papers that wait for the authority; `to_lapse`: an official is to
    decide whether they lapse.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT f.*, (f.due_on IS NULL)::int AS idle, coalesce(f.due_on, '9999-01-01')::text AS due_text
        FROM ({FILING} WHERE {seen(1)}) f
        WHERE ($4::text[] IS NULL OR f.state = ANY($4)) AND ($5::text IS NULL OR f.site_id = $5)
          AND (NOT $6::bool OR f.promises > 0) AND (NOT $12::bool OR f.papers_waiting > 0)
          AND (NOT $13::bool OR f.lapse_due_since IS NOT NULL)
          AND ($7::bool IS NULL OR (f.due_on IS NULL, coalesce(f.due_on, '9999-01-01'), -extract(epoch FROM f.moved_at), f.id)
               > ($7, $8::date, -extract(epoch FROM $9::timestamptz), $10::text))
        ORDER BY f.due_on IS NULL, f.due_on, f.moved_at DESC, f.id LIMIT $11
        """,
        *scope.parameters,
        list(states) if states is not None else None,
        site_id,
        owing,
        *(after or (None, None, None, None)),
        limit,
        to_judge,
        to_lapse,
    )
    return rows


async def without_supplement(connection: asyncpg.Connection, today: date) -> list[asyncpg.Record]:
    """Return the filings whose supplement was due before a day."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT id, state, due_on, submitted_at FROM registry.filing
        WHERE state = 'supplement_required' AND due_on < $1 ORDER BY id
        """,
        today,
    )
    return rows


async def overdue(connection: asyncpg.Connection, today: date) -> list[asyncpg.Record]:
    """Note and return the filings whose day has passed on which the applicant's or the authority's word was due."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        UPDATE registry.filing SET told_due_on = due_on
        WHERE state IN ('submitted', 'supplement_required') AND due_on < $1 AND told_due_on IS DISTINCT FROM due_on
        RETURNING id, number, site_id, organisation_id, state, due_on, submitted_at
        """,
        today,
    )
    return rows


async def counts(connection: asyncpg.Connection, scope: Scope, today: date) -> asyncpg.Record:
    """Return how many filings wait for the authority or the applicant, are late, owe papers, have papers to check, have lapsed."""
    row = await connection.fetchrow(
        f"""
        SELECT count(*) FILTER (WHERE f.state = 'submitted') AS submitted,
               count(*) FILTER (WHERE f.state = 'supplement_required') AS supplement_required,
               count(*) FILTER (WHERE f.state = 'submitted' AND f.due_on < $4) AS late,
               count(*) FILTER (WHERE f.state = 'supplement_required' AND f.due_on < $4) AS not_supplied,
               count(*) FILTER (WHERE EXISTS (SELECT FROM registry.filing_promise p WHERE {OWED})) AS owing,
               count(*) FILTER (WHERE EXISTS (SELECT FROM registry.filing_document w WHERE w.filing_id = f.id AND {PAPER_WAITS}))
                   AS papers,
               count(*) FILTER (WHERE f.lapse_due_since IS NOT NULL) AS to_lapse,
               count(*) FILTER (WHERE {UNFILED}) AS lapsed
        FROM registry.filing f WHERE {seen(1)}
        """,
        *scope.parameters,
        today,
    )
    assert row is not None
    return row


async def next_number(connection: asyncpg.Connection, year: int) -> str:
    """Return the next number of a year, without gaps: it is given in the transaction that needs it."""
    last = await connection.fetchval(
        """
        INSERT INTO registry.filing_series AS s VALUES ($1, 1)
        ON CONFLICT (year) DO UPDATE SET last = s.last + 1 RETURNING last
        """,
        year,
    )
    return f"BA{year}-{last:05d}"


async def standing(connection: asyncpg.Connection, site_id: str) -> asyncpg.Record | None:
    """Return the file that a site has now, held; None where it has none."""
    return await connection.fetchrow(
        f"{FILING} WHERE f.site_id = $1 AND f.state IN ('accepted', 'in_operation', 'suspended') FOR UPDATE OF f",
        site_id,
    )


async def last_lapsed(connection: asyncpg.Connection, site_id: str) -> asyncpg.Record | None:
    """Return the file that a site had last, where it has lapsed."""
    row = await connection.fetchrow(
        """
        SELECT * FROM registry.filing WHERE site_id = $1 AND decided_at IS NOT NULL AND state NOT IN ('rejected', 'withdrawn')
        ORDER BY decided_at DESC LIMIT 1
        """,
        site_id,
    )
    return row if row is not None and row["state"] == State.LAPSED else None


async def has_no_file(connection: asyncpg.Connection, site_id: str, scope: Scope) -> bool:
    """Say whether a site within bounds stands without a file."""
    found: bool = await connection.fetchval(
        f"""
        SELECT EXISTS (
            SELECT FROM registry.site s WHERE s.id = $1 AND s.retired_at IS NULL AND {site_within("s.id", 3)}
              AND NOT EXISTS (SELECT FROM registry.filing f WHERE f.site_id = s.id AND f.state = ANY($2))
        )
        """,
        site_id,
        list(STANDING),
        *scope.parameters,
    )
    return found


async def on_its_way(connection: asyncpg.Connection, site_id: str) -> bool:
    """Say whether a filing for the site has been begun."""
    return bool(
        await connection.fetchval(
            """
            SELECT true FROM registry.filing
            WHERE site_id = $1 AND state IN ('draft', 'submitted', 'supplement_required')
            """,
            site_id,
        )
    )


# --- history ----------------------------------------------------------------------------------------------------


async def add_history(
    connection: asyncpg.Connection, filing_id: str, line: Sequence[Any], document_number: str | None = None
) -> None:
    """Add (at, actor, role, command, previous, state, reason, content), and of which paper it is; the filing is held."""
    await connection.execute(
        """
        INSERT INTO registry.filing_history
            (filing_id, place, at, actor, role, command, previous, state, reason, content, document_number)
        SELECT $1, coalesce(max(place), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10
        FROM registry.filing_history WHERE filing_id = $1
        """,
        filing_id,
        *line,
        document_number,
    )


async def begun_with(connection: asyncpg.Connection, filing_id: str) -> Content | None:
    """Return what a filing of a site that is there began with; None of a new site's."""
    found = await connection.fetchval(
        "SELECT content FROM registry.filing_history WHERE filing_id = $1 AND command = 'begin'", filing_id
    )
    return None if found is None else Content.model_validate(found)


async def state_before(connection: asyncpg.Connection, filing_id: str, state: str) -> str:
    """Return in which state a file was before the one that it is in now."""
    found: str = await connection.fetchval(
        """
        SELECT previous FROM registry.filing_history
        WHERE filing_id = $1 AND state = $2 AND previous <> state ORDER BY place DESC LIMIT 1
        """,
        filing_id,
        state,
    )
    return found


async def lapsed_at(connection: asyncpg.Connection, filing_id: str) -> datetime | None:
    """Return when a file lapsed in whose place none has come, of a site that is there still; None of any other."""
    found: datetime | None = await connection.fetchval(
        f"""
        SELECT max(h.at) FROM registry.filing f JOIN registry.filing_history h ON h.filing_id = f.id AND h.command = 'lapse'
        WHERE f.id = $1 AND {UNFILED}
        """,
        filing_id,
    )
    return found


async def history(connection: asyncpg.Connection, filing_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM registry.filing_history WHERE filing_id = $1 ORDER BY place", filing_id
    )
    return rows


async def begin_grace(connection: asyncpg.Connection, site_id: str, filing_id: str, since: date, until: date) -> None:
    await connection.execute(
        "INSERT INTO registry.grace_period VALUES ($1, $2, $3, $4)", site_id, filing_id, since, until
    )


async def grace_news(connection: asyncpg.Connection, today: date, warning_days: int) -> list[asyncpg.Record]:
    """Note and return the grace periods of whose end something new is to be said: `told` is what."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        UPDATE registry.grace_period g SET told = CASE WHEN g.until <= $1 THEN 'ended' ELSE 'ending' END
        FROM registry.site s WHERE s.id = g.site_id AND s.retired_at IS NULL
          AND ((g.until <= $1 AND g.told = 'ending') OR (g.until > $1 AND g.until - $2::int <= $1 AND g.told IS NULL))
        RETURNING g.*
        """,
        today,
        warning_days,
    )
    return rows


async def grace_period(connection: asyncpg.Connection, site_id: str) -> asyncpg.Record | None:
    return await connection.fetchrow("SELECT * FROM registry.grace_period WHERE site_id = $1", site_id)


async def submitted_between(
    connection: asyncpg.Connection, since: datetime, until: datetime, scope: Scope
) -> list[asyncpg.Record]:
    """Return what the indicators need of the filings that were submitted in a period."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT f.channel, f.state, f.answered_at, f.answer_due_on, f.decided_at, f.decision_due_on, f.rating
        FROM registry.filing f WHERE f.submitted_at >= $4 AND f.submitted_at < $5 AND {seen(1)}
        """,
        *scope.parameters,
        since,
        until,
    )
    return rows


def content_of(row: asyncpg.Record) -> Content:
    """Return what a filing says."""
    return Content.model_validate(row["content"])
