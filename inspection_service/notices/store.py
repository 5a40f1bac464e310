"""The statements about notices."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from inspection_service.notices.wording import Told
from youguan.errors import NotFound, Reason

# With what became of the last notice that went there.
LIST = """
SELECT a.*, n.made_at AS last_at, n.tries, n.try_at, n.taken_at, n.error FROM inspection.notice_address a
LEFT JOIN LATERAL (
    SELECT * FROM inspection.notice WHERE address_id = a.id ORDER BY made_at DESC, id DESC LIMIT 1
) n ON true
WHERE a.ended_at IS NULL
"""


async def addresses(connection: asyncpg.Connection, recipients: Collection[str]) -> list[asyncpg.Record]:
    """Return the addresses of recipients, the newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"{LIST} AND a.recipient = ANY ($1) ORDER BY a.added_at DESC, a.id", list(recipients)
    )
    return rows


async def get_address(connection: asyncpg.Connection, address_id: str) -> asyncpg.Record:
    """Return an address that holds, held until commit; NotFound."""
    row = await connection.fetchrow(
        "SELECT * FROM inspection.notice_address WHERE id = $1 AND ended_at IS NULL FOR UPDATE", address_id
    )
    if row is None:
        raise NotFound(Reason("address {id}", id=address_id))
    return row


async def add_address(connection: asyncpg.Connection, address: Sequence[Any]) -> bool:
    """Keep (id, recipient, kind, address, at, by, alerts from); False where it is there already."""
    row = await connection.fetchrow(
        """
        INSERT INTO inspection.notice_address (id, recipient, kind, address, added_at, added_by, alerts_from)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id
        """,
        *address,
    )
    return row is not None


async def end_address(connection: asyncpg.Connection, address_id: str, at: datetime) -> None:
    """Tell nothing there any more, nor what waits still."""
    await connection.execute("UPDATE inspection.notice_address SET ended_at = $2 WHERE id = $1", address_id, at)
    await connection.execute(
        "UPDATE inspection.notice SET try_at = NULL, error = 'ended' WHERE address_id = $1 AND try_at IS NOT NULL",
        address_id,
    )


async def tell(
    connection: asyncpg.Connection, told: Told, event: Mapping[str, Any], happened_at: datetime, now: datetime
) -> None:
    """Let the recipients be told, at every address that was there when it happened."""
    rows = await connection.fetch(
        """
        SELECT id FROM inspection.notice_address
        WHERE recipient = ANY ($1) AND ended_at IS NULL AND added_at <= $2
        """,
        list(told.recipients),
        happened_at,
    )
    await add_notices(connection, [row["id"] for row in rows], told, event, now)


async def add_notices(
    connection: asyncpg.Connection, address_ids: Sequence[str], told: Told, event: Mapping[str, Any], now: datetime
) -> None:
    """Let something be told at addresses, as soon as may be."""
    await connection.executemany(
        """
        INSERT INTO inspection.notice (id, address_id, words, path, event, made_at, tries, try_at)
        VALUES ($1, $2, $3, $4, $5, $6, 0, $6)
        """,
        [(str(uuid.uuid4()), address_id, told.text, told.path, dict(event), now) for address_id in address_ids],
    )


async def take_due(
    connection: asyncpg.Connection, now: datetime, again_after_s: Sequence[int], limit: int
) -> list[asyncpg.Record]:
    """Return notices that are to be tried now, each put off until its next try in case that nobody says what came of this one."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        UPDATE inspection.notice n SET tries = n.tries + 1,
            try_at = $1::timestamptz + make_interval(secs => ($2::int[])[least(n.tries + 1, cardinality($2::int[]))])
        FROM inspection.notice_address a
        WHERE a.id = n.address_id AND n.id IN (
            SELECT id FROM inspection.notice WHERE try_at <= $1 ORDER BY try_at LIMIT $3 FOR UPDATE SKIP LOCKED
        )
        RETURNING n.*, a.kind, a.address
        """,
        now,
        list(again_after_s),
        limit,
    )
    return rows


async def note_taken(connection: asyncpg.Connection, notice_id: str, now: datetime) -> None:
    await connection.execute(
        "UPDATE inspection.notice SET taken_at = $2, try_at = NULL, error = NULL WHERE id = $1", notice_id, now
    )


async def note_refused(connection: asyncpg.Connection, notice_id: str, error: str, *, given_up: bool) -> None:
    await connection.execute(
        "UPDATE inspection.notice SET error = $2, try_at = CASE WHEN $3 THEN NULL ELSE try_at END WHERE id = $1",
        notice_id,
        error,
        given_up,
    )


async def forget(connection: asyncpg.Connection, before: datetime) -> None:
    """Forget what was told, or given up, long ago."""
    await connection.execute("DELETE FROM inspection.notice WHERE made_at < $1 AND try_at IS NULL", before)


async def officers_of(connection: asyncpg.Connection, case_id: str, command: str, at: datetime) -> list[str]:
    """Return the officers of a case, but for whoever took a step himself."""
    rows = await connection.fetch(
        """
        SELECT o.subject FROM inspection.case_file c, jsonb_array_elements_text(c.facts->'officers') AS o (subject)
        WHERE c.id = $1 AND o.subject NOT IN (
            SELECT h.actor FROM inspection.case_history h WHERE h.case_id = c.id AND h.command = $2 AND h.at = $3)
        """,
        case_id,
        command,
        at,
    )
    return [row["subject"] for row in rows]


async def reviewers_of(connection: asyncpg.Connection, case_id: str, state: str, level: int) -> list[str]:
    """Return who reviews a case that still stands there: of the level, or of the next one of which somebody may (Art. 43, 58)."""
    rows = await connection.fetch(
        """
        WITH able AS (
            SELECT o.username, o.level FROM inspection.official o JOIN inspection.case_file c ON c.id = $1 AND c.state = $2
            WHERE 'reviewer' = ANY (o.roles) AND o.level >= $3 AND (o.division IS NULL OR c.division_code ^@ o.division)
              AND NOT c.facts->'investigators' ? o.username
              AND NOT (c.state LIKE 'review\\__' AND c.facts->'reviewers' ? o.username)
              AND NOT EXISTS (SELECT FROM inspection.officer_interest i WHERE i.subject = o.username
                              AND i.ended_at IS NULL AND i.organisation_id = c.party_id)
        )
        SELECT username FROM able WHERE level = (SELECT min(level) FROM able) ORDER BY username
        """,
        case_id,
        state,
        level,
    )
    return [row["username"] for row in rows]


async def alert_addresses(
    connection: asyncpg.Connection,
    severities: Sequence[str],
    site_id: str | None,
    happened_at: datetime,
    since: datetime,
) -> list[asyncpg.Record]:
    """Return (id, told since) of the addresses that hear of such alerts within their bounds: `severities`, those below an alert's
    own and, as the last, its own. A regulator's are his division, a team's its district, the centre's the county.

    What was told of critical alerts counts for these alone, and these for no others.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT a.id, (SELECT count(*) FROM inspection.notice n WHERE n.address_id = a.id AND n.made_at > $4
                      AND n.event->>'type' = 'Alert'
                      AND (n.event->>'severity' = 'critical') = ('critical' = ANY ($1)))::int AS told
        FROM inspection.notice_address a LEFT JOIN inspection.site s ON s.id = $2
        LEFT JOIN inspection.official o ON a.recipient = 'person/' || o.username AND 'regulator' = ANY (o.roles)
        LEFT JOIN inspection.team t ON a.recipient = 'team/' || t.id
        WHERE a.ended_at IS NULL AND a.added_at <= $3 AND a.alerts_from = ANY ($1) AND (
            a.recipient = 'centre' OR (o.username IS NOT NULL AND (o.division IS NULL OR s.division_code ^@ o.division))
            OR EXISTS (SELECT FROM unnest(t.divisions) AS district WHERE s.division_code ^@ district))
        """,
        list(severities),
        site_id,
        happened_at,
        since,
    )
    return rows


async def site_name(connection: asyncpg.Connection, site_id: str | None) -> str:
    """Return what a site is called, its id where the name is not known here; '' for none."""
    found: str | None = await connection.fetchval("SELECT name FROM inspection.site WHERE id = $1", site_id)
    return found or site_id or ""


async def end_all_of(connection: asyncpg.Connection, recipient: str, at: datetime) -> None:
    """Tell a recipient nothing any more."""
    rows = await connection.fetch(
        "SELECT id FROM inspection.notice_address WHERE recipient = $1 AND ended_at IS NULL", recipient
    )
    for row in rows:
        await end_address(connection, row["id"], at)


async def anybody_told(connection: asyncpg.Connection) -> tuple[bool, bool]:
    """Return whether anybody is told anything, and whether of alerts as well: most counties tell nobody of these."""
    row = await connection.fetchrow(
        """
        SELECT EXISTS (SELECT FROM inspection.notice_address WHERE ended_at IS NULL),
               EXISTS (SELECT FROM inspection.notice_address WHERE ended_at IS NULL AND alerts_from IS NOT NULL)
        """
    )
    return row[0], row[1]


async def end_alerts_of(connection: asyncpg.Connection, recipient: str) -> None:
    """Tell a recipient of no alerts any more."""
    await connection.execute(
        "UPDATE inspection.notice_address SET alerts_from = NULL WHERE recipient = $1 AND alerts_from IS NOT NULL",
        recipient,
    )


async def team_names(connection: asyncpg.Connection) -> dict[str, str]:
    rows = await connection.fetch("SELECT id, name FROM inspection.team ORDER BY name, id")
    return {row["id"]: row["name"] for row in rows}
