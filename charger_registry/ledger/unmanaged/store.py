"""The statements about sites that nobody manages."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Literal

import asyncpg

from charger_registry.filing.operation import COUNTING, STANDING
from charger_registry.ledger.responsibility import Line, Unmanaged
from charger_registry.ledger.unmanaged.management import Rules
from charger_registry.ledger.unmanaged.silence import Asked, Contact, Thresholds
from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.clock import COUNTY
from youguan.events import TaskChanged, TaskMoved, TaskOpened

UNANSWERED, WITHOUT_CONTACT = "silent_unanswered_tasks", "silent_days_without_contact"
THRESHOLDS = ("handover_answer_working_days", UNANSWERED, WITHOUT_CONTACT)
ANSWERS = ("accepted", "mended")
# A task that was due before a day of the county and had no answer by then; what closed in time asked for none
# (`Asked.unanswered_at`).
LEFT_UNANSWERED = f"""
answered_at IS NULL AND due_on < {{today}}
AND (closed_at IS NULL OR (closed_at AT TIME ZONE '{COUNTY}')::date > due_on)
"""
By = Literal["division", "organisation", "reason"]


# --- rules as data ----------------------------------------------------------------------------------------------


async def thresholds(connection: asyncpg.Connection) -> dict[str, int]:
    rows = await connection.fetch("SELECT * FROM registry.ledger_threshold ORDER BY name")
    return {row["name"]: row["value"] for row in rows}


async def set_threshold(connection: asyncpg.Connection, name: str, value: int) -> None:
    await connection.execute("UPDATE registry.ledger_threshold SET value = $2 WHERE name = $1", name, value)


async def accountable_roles(connection: asyncpg.Connection) -> list[str]:
    """Return the roles by whose order somebody is accountable for a site that nobody manages."""
    rows = await connection.fetch("SELECT role FROM registry.accountability ORDER BY place")
    return [row["role"] for row in rows]


async def set_accountable_roles(connection: asyncpg.Connection, roles: Sequence[str]) -> None:
    await connection.execute("DELETE FROM registry.accountability")
    await connection.executemany(
        "INSERT INTO registry.accountability (place, role) VALUES ($1, $2)", list(enumerate(roles, 1))
    )


async def rules(connection: asyncpg.Connection) -> Rules:
    """Return what decides whether somebody manages a site."""
    numbers = await thresholds(connection)
    return Rules(Thresholds(numbers[UNANSWERED], numbers[WITHOUT_CONTACT]), await accountable_roles(connection))


# --- contact ----------------------------------------------------------------------------------------------------


async def note_asked(connection: asyncpg.Connection, opened: TaskOpened) -> None:
    """Keep what was asked of whoever is responsible for a site."""
    await connection.execute(
        """
        INSERT INTO registry.asked_task (task_id, number, cause, site_id, assignee_id, opened_at, due_on)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
        """,
        opened.task_id,
        opened.number,
        opened.cause,
        opened.site_id,
        opened.assignee_id,
        opened.at,
        opened.due_on,
    )


async def note_changed(connection: asyncpg.Connection, changed: TaskChanged) -> None:
    """Keep whose a task has become, who has not answered it yet, and by when it is due now."""
    await connection.execute(
        """
        UPDATE registry.asked_task SET assignee_id = $2, due_on = $3,
            answered_at = CASE WHEN assignee_id = $2 THEN answered_at END
        WHERE task_id = $1
        """,
        changed.task_id,
        changed.assignee_id,
        changed.due_on,
    )


async def note_moved(connection: asyncpg.Connection, moved: TaskMoved) -> None:
    """Keep whether a task was answered, by the party's people or machines and nobody else, and whether it is closed."""
    await connection.execute(
        """
        UPDATE registry.asked_task t SET closed_at = CASE WHEN $2 = 'closed' THEN $3::timestamptz END,
            answered_at = coalesce(answered_at, CASE WHEN $4 AND EXISTS (
                SELECT FROM registry.person p WHERE p.username = $5 AND p.organisation_id = t.assignee_id
                UNION ALL
                SELECT FROM registry.machine_key k WHERE 'key ' || k.id = $5 AND k.organisation_id = t.assignee_id
            ) THEN $3::timestamptz END)
        WHERE task_id = $1
        """,
        moved.task_id,
        moved.state,
        moved.at,
        moved.state in ANSWERS,
        moved.actor,
    )


async def note_contact(
    connection: asyncpg.Connection, site_id: str, organisation_id: str, at: datetime, by: str, reason: str
) -> None:
    """Keep somebody's word that a manager answers."""
    await connection.execute(
        "INSERT INTO registry.contact_note (site_id, organisation_id, at, noted_by, reason) VALUES ($1, $2, $3, $4, $5)",
        site_id,
        organisation_id,
        at,
        by,
        reason,
    )


HEARD = """
SELECT t.site_id, max(CASE l.state WHEN 'online' THEN $2::timestamptz ELSE l.since END) AS heard_at
FROM registry.station t JOIN registry.live_station l ON l.station_id = t.id
WHERE t.site_id = ANY($1) AND t.retired_at IS NULL GROUP BY t.site_id
"""
# What the last file of each site says: whether nothing is to be heard there, and since when it operates.
OPERATION = f"""
SELECT DISTINCT ON (f.site_id) f.site_id, {STANDING} IS NOT NULL AS rests,
       (SELECT max(h.at) FROM registry.filing_history h JOIN registry.filing g ON g.id = h.filing_id
        WHERE g.site_id = f.site_id AND h.command IN ('start', 'resume')) AS operating_since
FROM registry.filing f WHERE f.state IN {COUNTING}{{of}}
ORDER BY f.site_id, f.decided_at DESC
"""


async def contacts(connection: asyncpg.Connection, managers: dict[str, str], now: datetime) -> dict[str, Contact]:
    """Return what was heard of sites and of who manages each of them (site → organisation)."""
    pairs = (list(managers), list(managers.values()))
    operation = await connection.fetch(OPERATION.format(of=" AND f.site_id = ANY($1)"), pairs[0])
    began = {row["site_id"]: row["operating_since"] for row in operation}
    resting = {row["site_id"] for row in operation if row["rests"]}
    heard = {
        row["site_id"]: row["heard_at"]
        for row in await connection.fetch(HEARD, pairs[0], now)
        if row["site_id"] not in resting
    }
    tasks = await connection.fetch(
        """
        SELECT a.* FROM registry.asked_task a JOIN unnest($1::text[], $2::text[]) AS m (site_id, organisation_id)
            ON a.site_id = m.site_id AND a.assignee_id = m.organisation_id
        """,
        *pairs,
    )
    notes = await connection.fetch(
        """
        SELECT c.site_id, max(c.at) AS at FROM registry.contact_note c
        JOIN unnest($1::text[], $2::text[]) AS m (site_id, organisation_id)
            ON c.site_id = m.site_id AND c.organisation_id = m.organisation_id
        GROUP BY 1
        """,
        *pairs,
    )
    noted = {row["site_id"]: row["at"] for row in notes}
    asked: dict[str, list[Asked]] = {site_id: [] for site_id in managers}
    for row in tasks:
        asked[row["site_id"]].append(Asked(row["opened_at"], row["due_on"], row["answered_at"], row["closed_at"]))
    return {s: Contact(heard.get(s), began.get(s), noted.get(s), tuple(asked[s])) for s in managers}


async def unanswered(
    connection: asyncpg.Connection, site_id: str, organisation_id: str, today: date
) -> list[asyncpg.Record]:
    """Return the tasks of a site that an organisation has left unanswered until they were overdue, the oldest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT * FROM registry.asked_task WHERE site_id = $1 AND assignee_id = $2 AND {LEFT_UNANSWERED.format(today="$3")}
        ORDER BY due_on, task_id
        """,
        site_id,
        organisation_id,
        today,
    )
    return rows


# --- findings ---------------------------------------------------------------------------------------------------


async def filed(connection: asyncpg.Connection, site_ids: Collection[str]) -> list[asyncpg.Record]:
    """Return sites with what has been found of them."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT s.id, s.filed_at, s.unmanaged_reason, f.organisation_id, f.accountable_id, f.accountable_role
        FROM registry.site s LEFT JOIN registry.finding f ON f.site_id = s.id AND f.ended_at IS NULL
        WHERE s.id = ANY($1) AND s.retired_at IS NULL ORDER BY s.id
        """,
        list(site_ids),
    )
    return rows


async def end_findings(connection: asyncpg.Connection, site_ids: Collection[str], now: datetime, because: str) -> None:
    """Note that what was found of sites holds no longer."""
    await connection.execute(
        """
        WITH ended AS (
            UPDATE registry.finding SET ended_at = greatest($2, found_at), ended_because = $3
            WHERE site_id = ANY($1) AND ended_at IS NULL
        )
        UPDATE registry.site SET unmanaged_reason = NULL, unmanaged_since = NULL WHERE id = ANY($1)
        """,
        list(site_ids),
        now,
        because,
    )


async def find(
    connection: asyncpg.Connection, site_id: str, finding: Unmanaged, answering: Line | None, now: datetime
) -> None:
    """Note that nobody manages a site, and who is accountable meanwhile."""
    await connection.execute(
        """
        WITH site AS (UPDATE registry.site SET unmanaged_reason = $2, unmanaged_since = $3 WHERE id = $1)
        INSERT INTO registry.finding (site_id, reason, since, organisation_id, accountable_id, accountable_role, found_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        site_id,
        finding.reason,
        finding.since,
        finding.organisation_id,
        answering.organisation_id if answering else "",
        answering.role if answering else "",
        now,
    )


FINDINGS = """
SELECT f.*, s.name AS site_name, s.address, s.division_code, d.name AS division_name, d.name_en AS division_name_en,
       o.name AS organisation_name, a.name AS accountable_name, a.phone AS accountable_phone
FROM registry.finding f JOIN registry.site s ON s.id = f.site_id
LEFT JOIN registry.division d ON d.code = s.division_code
LEFT JOIN registry.organisation o ON o.id = f.organisation_id
LEFT JOIN registry.organisation a ON a.id = f.accountable_id
"""


async def list_findings(
    connection: asyncpg.Connection,
    *,
    scope: Scope,
    settled: bool,
    reason: str | None,
    division: str | None,
    organisation_id: str | None,
    site_id: str | None,
    after: int,
    limit: int,
) -> list[asyncpg.Record]:
    """Return findings within bounds by their number; `settled`: those that hold no longer."""
    rows: list[asyncpg.Record] = await connection.fetch(
        FINDINGS
        + f"""
        WHERE (f.ended_at IS NOT NULL) = $1 AND ($2::text IS NULL OR f.reason = $2)
          AND ($3::text IS NULL OR starts_with(s.division_code, $3)) AND ($4::text IS NULL OR f.organisation_id = $4)
          AND ($5::text IS NULL OR f.site_id = $5) AND f.id > $6 AND {site_within("s.id", 8)} ORDER BY f.id LIMIT $7
        """,
        settled,
        reason,
        division,
        organisation_id,
        site_id,
        after,
        limit,
        *scope.parameters,
    )
    return rows


# Lines of managers, each with when there is nobody to answer for it any more.
ENDING = """
SELECT r.site_id, o.id AS organisation_id, o.name AS organisation_name, r.during, o.deregistered_at,
       least(upper(r.during), o.deregistered_at) AS ends_at
FROM registry.responsibility r JOIN registry.organisation o ON o.id = r.organisation_id
WHERE r.role = 'manager' AND r.station_id = '' AND upper_inf(r.believed)
"""


async def list_coming(
    connection: asyncpg.Connection,
    scope: Scope,
    now: datetime,
    until: datetime,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return sites within bounds that nobody will manage from an instant on, `ends_at`, up to `until`, the first to come first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        WITH line AS ({ENDING})
        SELECT s.id AS site_id, s.name AS site_name, s.address, s.division_code, d.name AS division_name,
               d.name_en AS division_name_en, l.organisation_id, l.organisation_name, l.ends_at,
               CASE WHEN l.ends_at = l.deregistered_at THEN 'deregistered' ELSE 'contract_ended' END AS reason
        FROM line l JOIN registry.site s ON s.id = l.site_id LEFT JOIN registry.division d ON d.code = s.division_code
        WHERE s.retired_at IS NULL AND l.ends_at > $1 AND l.ends_at <= $2 AND lower(l.during) < l.ends_at
          AND NOT EXISTS (
              SELECT FROM line n WHERE n.site_id = l.site_id AND n.during @> l.ends_at
                AND (n.deregistered_at IS NULL OR n.deregistered_at > l.ends_at)
          )
          AND ($3::timestamptz IS NULL OR (l.ends_at, s.id) > ($3, $4::text)) AND {site_within("s.id", 6)}
        ORDER BY l.ends_at, s.id LIMIT $5
        """,
        now,
        until,
        *(after or (None, None)),
        limit,
        *scope.parameters,
    )
    return rows


COUNTED = {
    "division": ("s.division_code", "d.name", "d.name_en"),
    "organisation": ("f.organisation_id", "o.name", "o.name"),
    "reason": ("f.reason", "f.reason", "f.reason"),
}


async def count_findings(connection: asyncpg.Connection, scope: Scope, by: By) -> list[asyncpg.Record]:
    """Return how many findings hold now within bounds, by township, by who managed last, or by reason; most first."""
    key, name, name_en = COUNTED[by]
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT {key} AS key, {name} AS name, {name_en} AS name_en, count(*) AS sites,
               count(*) FILTER (WHERE f.reason = 'no_manager') AS no_manager,
               count(*) FILTER (WHERE f.reason = 'deregistered') AS deregistered,
               count(*) FILTER (WHERE f.reason = 'contract_ended') AS contract_ended,
               count(*) FILTER (WHERE f.reason = 'silent') AS silent
        FROM registry.finding f JOIN registry.site s ON s.id = f.site_id
        LEFT JOIN registry.division d ON d.code = s.division_code
        LEFT JOIN registry.organisation o ON o.id = f.organisation_id
        WHERE f.ended_at IS NULL AND {site_within("s.id", 1)} GROUP BY 1, 2, 3 ORDER BY sites DESC, key
        """,
        *scope.parameters,
    )
    return rows


async def open_task(connection: asyncpg.Connection, site_id: str) -> str | None:
    """Return the open task to settle who manages a site."""
    found: str | None = await connection.fetchval(
        "SELECT id FROM registry.live_matter WHERE kind = 'task' AND rule = 'unmanaged_site' AND site_id = $1", site_id
    )
    return found


TO_JUDGE = f"""
WITH unheard AS (
    SELECT t.site_id FROM registry.live_station l JOIN registry.station t ON t.id = l.station_id
    WHERE t.retired_at IS NULL GROUP BY t.site_id HAVING NOT bool_or(l.state = 'online') AND max(l.since) <= $2
), silent AS (
    SELECT site_id FROM unheard EXCEPT
    SELECT site_id FROM ({OPERATION.format(of=" AND f.site_id IN (SELECT site_id FROM unheard)")}) f
    WHERE f.rests OR f.operating_since > $2
), waiting AS (
    SELECT site_id FROM registry.asked_task WHERE {LEFT_UNANSWERED.format(today="$3")}
    GROUP BY site_id, assignee_id HAVING count(*) >= $4
), answering AS (
    SELECT f.site_id FROM registry.finding f JOIN registry.responsibility r ON r.site_id = f.site_id
    JOIN registry.organisation o ON o.id = r.organisation_id
    WHERE f.ended_at IS NULL AND upper_inf(r.believed) AND r.role IN (SELECT role FROM registry.accountability)
      AND (lower(r.during) > f.found_at AND lower(r.during) <= $1 OR upper(r.during) > f.found_at AND upper(r.during) <= $1
           OR o.deregistered_at > f.found_at AND o.deregistered_at <= $1)
)
SELECT s.id FROM registry.site s
WHERE s.retired_at IS NULL AND (s.unmanaged_reason = 'silent' OR (s.unmanaged_reason IS NULL) <> EXISTS (
    SELECT FROM registry.responsibility r JOIN registry.organisation o ON o.id = r.organisation_id
    WHERE r.site_id = s.id AND r.role = 'manager' AND r.station_id = '' AND upper_inf(r.believed)
      AND r.during @> $1::timestamptz AND (o.deregistered_at IS NULL OR o.deregistered_at > $1)
) OR s.id IN (SELECT * FROM answering)
OR (s.unmanaged_reason IS NULL AND (s.id IN (SELECT * FROM silent) OR s.id IN (SELECT * FROM waiting))))
ORDER BY s.id FOR UPDATE OF s SKIP LOCKED
"""


async def sites_to_judge(
    connection: asyncpg.Connection, now: datetime, silent_before: datetime, today: date, tasks: int
) -> list[str]:
    """Return sites, and hold them, of which the passing of time may have changed whether somebody manages them.

    Those whose ledger changes just now are passed over: that change judges them itself.
    """
    rows = await connection.fetch(TO_JUDGE, now, silent_before, today, tasks)
    return [row["id"] for row in rows]
