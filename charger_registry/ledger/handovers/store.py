"""The statements about handovers."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg

from charger_registry.ledger.handovers.handover import Handover, State
from charger_registry.ledger.responsibility import Evidence
from youguan.auth import EVERYTHING, Scope
from youguan.bounds import site_within
from youguan.errors import NotFound, Reason

USUAL_WORKING_DAYS = "handover_answer_working_days"
LIST = """
SELECT h.*, s.name AS site_name, s.address, d.name AS division_name, r.name AS to_name, p.name AS proposer_name,
       m.name AS from_name, now_manages.id AS manager_id, now_manages.name AS manager_name,
       (SELECT count(*) FROM registry.station t WHERE t.site_id = s.id AND t.retired_at IS NULL) AS stations
FROM registry.handover h JOIN registry.site s ON s.id = h.site_id
JOIN registry.organisation r ON r.id = h.to_organisation_id JOIN registry.organisation p ON p.id = h.proposer_id
LEFT JOIN registry.organisation m ON m.id = h.from_organisation_id
LEFT JOIN registry.division d ON d.code = s.division_code
LEFT JOIN LATERAL (
    SELECT o.id, o.name FROM registry.responsibility l JOIN registry.organisation o ON o.id = l.organisation_id
    WHERE l.site_id = s.id AND l.role = 'manager' AND l.station_id IN ('', h.station_id) AND upper_inf(l.believed)
      AND l.during @> now() AND (o.deregistered_at IS NULL OR o.deregistered_at > now()) AND s.retired_at IS NULL
    ORDER BY l.station_id DESC LIMIT 1
) now_manages ON true
"""
# Its parties see a handover, the receiver as well, who is no party of the site yet; and those within whose bounds the site lies.
SEEN = "(h.from_organisation_id = {own} OR h.to_organisation_id = {own} OR h.proposer_id = {own} OR {within})"


def _seen(first: int) -> str:
    return SEEN.format(own=f"${first + 2}::text", within=site_within("h.site_id", first))


async def insert(connection: asyncpg.Connection, handover: Handover, by: str, at: datetime, reason: str) -> None:
    """Keep a proposal; UniqueViolationError where another one is open for the same place."""
    await connection.execute(
        """
        INSERT INTO registry.handover (id, site_id, station_id, from_organisation_id, to_organisation_id, proposer_id,
            evidence_kind, evidence_number, evidence, takes_over_at, answer_by, state, proposed_by, proposed_at, reason, until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """,
        handover.id,
        handover.site_id,
        handover.station_id,
        handover.from_organisation_id,
        handover.to_organisation_id,
        handover.proposer_id,
        handover.evidence.kind,
        handover.evidence.number,
        handover.evidence.note,
        handover.takes_over_at,
        handover.answer_by,
        handover.state,
        by,
        at,
        reason,
        handover.until,
    )


async def end(
    connection: asyncpg.Connection, handover_id: str, state: State, by: str, at: datetime, answer: str
) -> None:
    await connection.execute(
        "UPDATE registry.handover SET state = $2, ended_by = $3, ended_at = $4, answer = $5 WHERE id = $1",
        handover_id,
        state,
        by,
        at,
        answer,
    )


async def site_of(connection: asyncpg.Connection, handover_id: str) -> str:
    """Return whose handover it is; NotFound."""
    found: str | None = await connection.fetchval("SELECT site_id FROM registry.handover WHERE id = $1", handover_id)
    if found is None:
        raise NotFound(Reason("handover {handover_id}", handover_id=handover_id))
    return found


async def get(connection: asyncpg.Connection, handover_id: str, scope: Scope = EVERYTHING) -> asyncpg.Record:
    """Return a handover that can be seen; NotFound."""
    row = await connection.fetchrow(LIST + f"WHERE h.id = $1 AND {_seen(2)}", handover_id, *scope.parameters)
    if row is None:
        raise NotFound(Reason("handover {handover_id}", handover_id=handover_id))
    return row


async def list_handovers(
    connection: asyncpg.Connection,
    *,
    scope: Scope,
    state: str | None,
    site_id: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
    asked: str | None = None,
    not_asked: str | None = None,
) -> list[asyncpg.Record]:
    """Return handovers, newest first; `state` `ended`: those that are not open.

    `asked`: of which an organisation is the receiver; `not_asked`: of which it is not.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        LIST
        + f"""
        WHERE ($1::text IS NULL OR h.state = $1 OR ($1 = 'ended' AND h.state <> 'proposed'))
          AND ($2::text IS NULL OR h.site_id = $2)
          AND ($3::timestamptz IS NULL OR (h.proposed_at, h.id) < ($3, $4)) AND {_seen(6)}
          AND ($9::text IS NULL OR h.to_organisation_id = $9) AND ($10::text IS NULL OR h.to_organisation_id <> $10)
        ORDER BY h.proposed_at DESC, h.id DESC LIMIT $5
        """,
        state,
        site_id,
        *(before or (None, None)),
        limit,
        *scope.parameters,
        asked,
        not_asked,
    )
    return rows


async def open_at(connection: asyncpg.Connection, site_ids: Collection[str]) -> list[Handover]:
    """Return the open handovers of sites."""
    rows = await connection.fetch(
        "SELECT * FROM registry.handover WHERE site_id = ANY($1) AND state = 'proposed' ORDER BY id", list(site_ids)
    )
    return [handover_of(row) for row in rows]


async def take_to_urge(connection: asyncpg.Connection, today: date, now: datetime) -> list[Handover]:
    """Return the open handovers whose last day is tomorrow or today, asked a day ago at least, each once."""
    rows = await connection.fetch(
        """
        UPDATE registry.handover SET urged_at = $3 WHERE id IN (
            SELECT id FROM registry.handover
            WHERE state = 'proposed' AND urged_at IS NULL AND answer_by BETWEEN $1 AND $2
              AND proposed_at <= $3::timestamptz - interval '1 day'
            ORDER BY id FOR UPDATE SKIP LOCKED
        ) RETURNING *
        """,
        today,
        today + timedelta(days=1),
        now,
    )
    return [handover_of(row) for row in rows]


async def sites_with_lapsed(connection: asyncpg.Connection, today: date) -> Sequence[str]:
    """Return the sites of open handovers whose last day to answer is over."""
    rows = await connection.fetch(
        "SELECT DISTINCT site_id FROM registry.handover WHERE state = 'proposed' AND answer_by < $1 ORDER BY 1", today
    )
    return [row["site_id"] for row in rows]


async def count_waiting(connection: asyncpg.Connection, organisation_id: str, today: date) -> int:
    """Return how many handovers wait for an organisation's answer and may still be answered."""
    found: int = await connection.fetchval(
        """
        SELECT count(*) FROM registry.handover
        WHERE to_organisation_id = $1 AND state = 'proposed' AND answer_by >= $2
        """,
        organisation_id,
        today,
    )
    return found


async def representatives_needed(connection: asyncpg.Connection) -> list[str]:
    """Return the commands that only a verified representative may give."""
    rows = await connection.fetch("SELECT command FROM registry.representation WHERE needed ORDER BY command")
    return [row["command"] for row in rows]


async def set_representatives_needed(connection: asyncpg.Connection, commands: Collection[str]) -> None:
    await connection.execute("UPDATE registry.representation SET needed = command = ANY($1)", list(commands))


async def usual_working_days(connection: asyncpg.Connection) -> int:
    """Return within how many working days a handover is to be answered where nobody says otherwise."""
    found: int = await connection.fetchval(
        "SELECT value FROM registry.ledger_threshold WHERE name = $1", USUAL_WORKING_DAYS
    )
    return found


def handover_of(row: Any) -> Handover:
    """Return a row as the rules read it."""
    return Handover(
        row["id"],
        row["site_id"],
        row["station_id"],
        row["from_organisation_id"],
        row["to_organisation_id"],
        row["proposer_id"],
        Evidence(row["evidence_kind"], row["evidence_number"], row["evidence"]),
        row["takes_over_at"],
        row["answer_by"],
        State(row["state"]),
        row["proposed_at"],
        row["until"],
    )
