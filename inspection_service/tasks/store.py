"""The statements about tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from inspection_service.tasks.assignment import Team
from inspection_service.tasks.urging import WAITED_FOR, Stage
from youguan.auth import Scope
from youguan.documents import Document
from youguan.errors import NotFound, Reason
from youguan.events import TeamChanged
from youguan.quota import Brought

OPENING = 0x7461736B  # one at a time is opened by people, so that two who say the same at once do not open two


async def take_turn(connection: asyncpg.Connection) -> None:
    """Let nobody else look whether there is such a task already, until commit. Before any task is held."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", OPENING)


async def save_team(connection: asyncpg.Connection, changed: TeamChanged) -> None:
    await connection.execute(
        """
        INSERT INTO inspection.team VALUES ($1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, divisions = excluded.divisions
        """,
        changed.team_id,
        changed.name,
        list(changed.divisions),
    )


async def teams(connection: asyncpg.Connection) -> list[Team]:
    rows = await connection.fetch("SELECT * FROM inspection.team ORDER BY id")
    return [Team(row["id"], row["name"], tuple(row["divisions"])) for row in rows]


async def next_number(connection: asyncpg.Connection, year: int) -> str:
    """Return the next number of the year's series; the series is held until commit, so it has no gaps."""
    last = await connection.fetchval(
        """
        INSERT INTO inspection.series AS s VALUES ($1, 1)
        ON CONFLICT (year) DO UPDATE SET last = s.last + 1 RETURNING last
        """,
        year,
    )
    return f"GD-{year}-{last:06d}"


async def unclosed(connection: asyncpg.Connection, cause: str, subject: str) -> asyncpg.Record | None:
    return await connection.fetchrow(
        "SELECT * FROM inspection.task WHERE cause = $1 AND subject = $2 AND state <> 'closed' FOR UPDATE",
        cause,
        subject,
    )


async def closed_since(
    connection: asyncpg.Connection, cause: str, subject: str, since: datetime
) -> asyncpg.Record | None:
    """Return the task that was closed last since then; one that became part of another has its end there."""
    return await connection.fetchrow(
        """
        SELECT * FROM inspection.task
        WHERE cause = $1 AND subject = $2 AND state = 'closed' AND closed_at > $3 AND merged_into IS NULL
        ORDER BY closed_at DESC LIMIT 1 FOR UPDATE
        """,
        cause,
        subject,
        since,
    )


async def unclosed_about(
    connection: asyncpg.Connection,
    causes: Sequence[str],
    site_id: str | None,
    station_id: str | None,
    connector: int | None,
    limit: int | None = None,
) -> list[asyncpg.Record]:
    """Return the tasks of such causes about a station, and its connector where both name one, else about the whole site.

    People hold one at the most: they and the intake of events, which holds many, would wait for each other.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.task
        WHERE state <> 'closed' AND cause = ANY ($1) AND CASE WHEN $3::text IS NULL
            THEN site_id = $2 AND station_id IS NULL
            ELSE station_id = $3 AND ($4::int IS NULL OR connector IS NULL OR connector = $4) END
        ORDER BY opened_at, id LIMIT $5 FOR UPDATE
        """,
        list(causes),
        site_id,
        station_id,
        connector,
        limit,
    )
    return rows


async def probed(connection: asyncpg.Connection, probe_id: str) -> asyncpg.Record | None:
    """Return the task that waits for what a probe finds."""
    return await connection.fetchrow("SELECT * FROM inspection.task WHERE probe_id = $1 FOR UPDATE", probe_id)


async def waiting_for_proof(connection: asyncpg.Connection, station_id: str, connector: int) -> list[asyncpg.Record]:
    """Return the tasks about a station and its connector that are said to be mended, and of which no alert says otherwise."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.task WHERE station_id = $1 AND state IN ('mended', 'verifying') AND NOT fires
          AND (connector = $2 OR connector IS NULL) FOR UPDATE
        """,
        station_id,
        connector,
    )
    return rows


async def was_given(connection: asyncpg.Connection, task_id: str) -> bool:
    """Say whether people have given a task to somebody."""
    found: bool = await connection.fetchval(
        """
        SELECT EXISTS (SELECT FROM inspection.task_history
                       WHERE task_id = $1 AND command IN ('reassign', 'grant_transfer'))
        """,
        task_id,
    )
    return found


async def follow_stations(
    connection: asyncpg.Connection, site_id: str, division_code: str | None, station_ids: Sequence[str]
) -> None:
    """Let what is open about stations be at the site where they are filed now."""
    await connection.execute(
        """
        UPDATE inspection.task SET site_id = $1, division_code = $2
        WHERE station_id = ANY($3) AND state <> 'closed' AND site_id IS DISTINCT FROM $1
        """,
        site_id,
        division_code,
        list(station_ids),
    )


async def unclosed_at(
    connection: asyncpg.Connection, site_id: str, *, without: Sequence[str] = ()
) -> list[asyncpg.Record]:
    """Return the tasks about stations of a site, but for the stations named."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.task
        WHERE site_id = $1 AND state <> 'closed' AND station_id <> ALL($2::text[]) ORDER BY id FOR UPDATE
        """,
        site_id,
        list(without),
    )
    return rows


# `urging.waits_for_party`; and of a mended task the centre hears where nobody comes to look.
WAITS = f"""(t.state IN ({", ".join(repr(str(state)) for state in WAITED_FOR)})
    OR (t.state = 'mended' AND t.awaiting = 'source' AND t.await_until IS NULL)
    OR (t.state = 'verifying' AND t.verify_until IS NULL))"""
HEARD_OF = f"(t.state = 'mended' OR {WAITS})"


async def due_verifications(connection: asyncpg.Connection, now: datetime) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.task WHERE state = 'verifying' AND verify_until <= $1
        ORDER BY verify_until LIMIT 500 FOR UPDATE SKIP LOCKED
        """,
        now,
    )
    return rows


async def due_urgings(connection: asyncpg.Connection, now: datetime) -> list[asyncpg.Record]:
    """Return tasks of which somebody is to hear now."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT * FROM inspection.task t WHERE t.urge_at <= $1 AND {HEARD_OF}
        ORDER BY t.urge_at LIMIT 500 FOR UPDATE SKIP LOCKED
        """,
        now,
    )
    return rows


async def vain_waits(connection: asyncpg.Connection, now: datetime) -> list[asyncpg.Record]:
    """Return mended tasks whose proof has not come in its time."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.task WHERE await_until <= $1 AND state = 'mended'
        ORDER BY await_until LIMIT 500 FOR UPDATE SKIP LOCKED
        """,
        now,
    )
    return rows


async def next_moment(connection: asyncpg.Connection) -> datetime | None:
    """Return when something happens next by itself."""
    found: datetime | None = await connection.fetchval(
        f"""
        SELECT least(
            (SELECT min(verify_until) FROM inspection.task WHERE state = 'verifying'),
            (SELECT min(t.urge_at) FROM inspection.task t WHERE t.urge_at IS NOT NULL AND {HEARD_OF}),
            (SELECT min(await_until) FROM inspection.task WHERE await_until IS NOT NULL))
        """
    )
    return found


async def insert_task(connection: asyncpg.Connection, task: Mapping[str, Any]) -> None:
    """Insert a task; `task` has its columns."""
    places = ", ".join(f"${n + 1}" for n in range(len(task)))
    await connection.execute(f"INSERT INTO inspection.task ({', '.join(task)}) VALUES ({places})", *task.values())


async def change_task(connection: asyncpg.Connection, task_id: str, changed: Mapping[str, Any]) -> None:
    """Set columns of a task."""
    if changed:
        assigned = ", ".join(f"{name} = ${n + 2}" for n, name in enumerate(changed))
        await connection.execute(f"UPDATE inspection.task SET {assigned} WHERE id = $1", task_id, *changed.values())


async def add_history(
    connection: asyncpg.Connection, task_id: str, line: Sequence[Any], papers: Sequence[Document] = ()
) -> None:
    """Add (at, actor, role, command, previous, state, reason, latitude, longitude, given_to, taken_from), and papers with it."""
    place = await connection.fetchval(
        """
        INSERT INTO inspection.task_history
            (task_id, place, at, actor, role, command, previous, state, reason, latitude, longitude, given_to, taken_from)
        SELECT $1, coalesce(max(place), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
        FROM inspection.task_history WHERE task_id = $1 RETURNING place
        """,
        task_id,
        *line,
    )
    await connection.executemany(
        "INSERT INTO inspection.task_paper VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [(task_id, place, n, p.sha256, p.size_bytes, p.media_type, p.name) for n, p in enumerate(papers, 1)],
    )


DUE_ON = "(t.due_at AT TIME ZONE 'Asia/Shanghai')::date AS due_on"
LIST = f"""
SELECT t.*, {DUE_ON}, s.name AS site_name, s.division_name, s.address, s.longitude, s.latitude
FROM inspection.task t LEFT JOIN inspection.site s ON s.id = t.site_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which tasks a list holds. `status` open: every one that is not closed; `overdue_at`: only those late by then.

    `to_visit`: an inspector has to look; `requests`: the party has asked for something; `urged`: the party was reminded, or it is
    late; `escalated`: the centre has heard of it.
    """

    status: str | None = None
    station_id: str | None = None
    site_id: str | None = None
    cause: str | None = None
    origin: str | None = None
    team_id: str | None = None
    assignee_id: str | None = None
    overdue_at: datetime | None = None
    to_visit: bool = False
    requests: bool = False
    urged: bool = False
    escalated: bool = False


URGED = f"{WAITS} AND t.urged >= {int(Stage.REMINDED)}"


async def count_urged(connection: asyncpg.Connection, organisation_id: str) -> int:
    """Return of how many tasks a party was reminded, or told that they are late, and has not mended them."""
    found: int = await connection.fetchval(
        f"SELECT count(*) FROM inspection.task t WHERE t.assignee_id = $1 AND {URGED}", organisation_id
    )
    return found


async def list_tasks(
    connection: asyncpg.Connection,
    wanted: Filter,
    scope: Scope,
    *,
    team_id: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return tasks within bounds, or given to one's team, newest first. Only what is asked for is in the statement."""
    values: list[Any] = []

    def put(value: Any) -> str:
        values.append(value)
        return f"${len(values)}"

    conditions = [
        f"t.{column} = {put(value)}"
        for column in ("station_id", "site_id", "cause", "origin", "team_id", "assignee_id")
        if (value := getattr(wanted, column)) is not None
    ]
    if wanted.status is not None:
        conditions.append("t.state <> 'closed'" if wanted.status == "open" else f"t.state = {put(wanted.status)}")
    if wanted.overdue_at is not None:
        conditions.append(f"t.state <> 'closed' AND t.due_at < {put(wanted.overdue_at)}")
    if wanted.to_visit:
        conditions.append(f"t.state <> 'closed' AND (t.awaiting = 'inspector' OR t.urged >= {int(Stage.TEAM)})")
    if wanted.requests:
        conditions.append("t.request IS NOT NULL")
    if wanted.urged:
        conditions.append(URGED)
    if wanted.escalated:
        conditions.append(f"t.state <> 'closed' AND t.urged = {int(Stage.CENTRE)}")
    if not scope.everything:
        near = f"t.division_code ^@ ANY ({put(list(scope.divisions))}::text[])"
        conditions.append(f"({near} OR t.assignee_id = {put(scope.organisation_id)} OR t.team_id = {put(team_id)})")
    if before is not None:
        conditions.append(f"(t.opened_at, t.id) < ({put(before[0])}, {put(before[1])})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"{LIST}{where} ORDER BY t.opened_at DESC, t.id DESC LIMIT {put(limit)}", *values
    )
    return rows


async def get_task(connection: asyncpg.Connection, task_id: str, *, hold: bool = False) -> asyncpg.Record:
    """Return a task; `hold` keeps others from moving it until commit."""
    row = await connection.fetchrow(f"{LIST} WHERE t.id = $1{' FOR UPDATE OF t' if hold else ''}", task_id)
    if row is None:
        raise NotFound(Reason("task {id}", id=task_id))
    return row


async def history(connection: asyncpg.Connection, task_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM inspection.task_history WHERE task_id = $1 ORDER BY place", task_id
    )
    return rows


async def number_of(connection: asyncpg.Connection, task_id: str) -> str | None:
    found: str | None = await connection.fetchval("SELECT number FROM inspection.task WHERE id = $1", task_id)
    return found


async def papers_since(connection: asyncpg.Connection, actor: str, since: datetime) -> Brought:
    """Return what somebody brought to tasks since an instant."""
    row = await connection.fetchrow(
        """
        SELECT count(*)::int, coalesce(sum(p.size_bytes), 0)::bigint, min(h.at) FROM inspection.task_paper p
        JOIN inspection.task_history h USING (task_id, place) WHERE h.actor = $1 AND h.at > $2
        """,
        actor,
        since,
    )
    return Brought(*row)


async def papers(connection: asyncpg.Connection, task_id: str) -> list[asyncpg.Record]:
    """Return what was brought with the moves of a task."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM inspection.task_paper WHERE task_id = $1 ORDER BY place, number", task_id
    )
    return rows


async def paper(connection: asyncpg.Connection, task_id: str, place: int, number: int) -> Document:
    """Return a paper. NotFound."""
    row = await connection.fetchrow(
        """
        SELECT sha256, size_bytes, media_type, name FROM inspection.task_paper
        WHERE task_id = $1 AND place = $2 AND number = $3
        """,
        task_id,
        place,
        number,
    )
    if row is None:
        raise NotFound(Reason("paper {place}/{number} of task {id}", place=place, number=number, id=task_id))
    return Document(**dict(row))
