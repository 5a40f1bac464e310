"""The statements about commands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from ocpp_gateway.observation import CommandOutcome
from youguan.errors import NotFound, Reason

CHANNEL = "gateway_command"


async def insert_command(connection: asyncpg.Connection, command: Sequence[Any]) -> None:
    """Queue a command and ring for the workers.

    (id, station, OCPP version, action, payload, requested by, reason, requested at, seconds to wait for the answer)
    """
    await connection.execute(
        """
        INSERT INTO gateway.command
            (id, station_id, ocpp_version, action, payload, requested_by, reason, requested_at, timeout_s)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        *command,
    )
    await connection.execute(f"SELECT pg_notify('{CHANNEL}', $1)", command[0])


async def seal(connection: asyncpg.Connection, command_id: str, sealed: bytes) -> None:
    """Keep what a command carries in secret, until it has ended."""
    await connection.execute("INSERT INTO gateway.command_secret VALUES ($1, $2)", command_id, sealed)


async def note_rotation(connection: asyncpg.Connection, command_id: str, digest: str) -> None:
    """Note which new key a command tells its station."""
    await connection.execute("INSERT INTO gateway.key_rotation VALUES ($1, $2)", command_id, digest)


async def note_probe(connection: asyncpg.Connection, command_id: str, connector: int | None) -> None:
    """Note that a command asks for another service how a station is, or one of its connectors."""
    await connection.execute("INSERT INTO gateway.probe VALUES ($1, $2)", command_id, connector)


async def take_ended_probes(connection: asyncpg.Connection, ended_before: datetime) -> list[asyncpg.Record]:
    """Take the probes whose command had ended by then, each once, with how what they ask about stands now.

    A station's own word (connector 0) counts for each of its connectors.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        WITH ended AS (
            DELETE FROM gateway.probe p USING gateway.command c
            WHERE c.id = p.command_id AND c.state NOT IN ('queued', 'sent') AND (c.ended_at <= $1 OR c.state <> 'answered')
            RETURNING p.command_id, p.connector, c.station_id,
                      c.state = 'answered' AND coalesce(c.answer->>'status' = 'Accepted', false) AS said
        )
        SELECT e.*, ARRAY(
            SELECT n.condition FROM gateway.connector_now n
            WHERE n.station_id = e.station_id AND (e.connector IS NULL OR n.connector IN (0, e.connector))
        ) AS conditions
        FROM ended e
        """,
        ended_before,
    )
    return rows


async def rotating(connection: asyncpg.Connection, station_id: str) -> bool:
    """Say whether a station is being told a new key."""
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (SELECT FROM gateway.command c JOIN gateway.key_rotation k ON k.command_id = c.id
                           WHERE c.station_id = $1 AND c.state IN ('queued', 'sent'))
            """,
            station_id,
        )
    )


async def rotations(connection: asyncpg.Connection, command_ids: Sequence[str]) -> dict[str, str]:
    """Return, of those commands that tell a new key, what is stored of it."""
    rows = await connection.fetch(
        "SELECT command_id, digest FROM gateway.key_rotation WHERE command_id = ANY($1)", list(command_ids)
    )
    return {row["command_id"]: row["digest"] for row in rows}


async def take_queued(connection: asyncpg.Connection, slot: int, now: datetime) -> list[asyncpg.Record]:
    """Take what is to be sent now to the stations that a worker holds: nobody else will send it.

    Of each station the oldest, once the worker has no other open there: what waits for its turn is not called sent.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        WITH turn AS (
            SELECT DISTINCT ON (q.station_id) q.id
            FROM gateway.command q JOIN gateway.station_now n ON n.station_id = q.station_id
            WHERE q.state = 'queued' AND n.slot = $1 AND n.connected AND NOT EXISTS (
                SELECT FROM gateway.command o WHERE o.station_id = q.station_id AND o.state = 'sent' AND o.slot = $1
            )
            ORDER BY q.station_id, q.requested_at, q.id
        )
        UPDATE gateway.command c SET state = 'sent', slot = $1, sent_at = $2
        FROM turn WHERE c.id = turn.id AND c.state = 'queued'
        RETURNING c.*, (SELECT sealed FROM gateway.command_secret s WHERE s.command_id = c.id) AS sealed
        """,
        slot,
        now,
    )
    return sorted(rows, key=lambda row: (row["requested_at"], row["id"]))


async def overdue(connection: asyncpg.Connection, now: datetime) -> list[asyncpg.Record]:
    """Return commands that could not be sent in time, and those whose worker is gone without a word of what became of them.

    `behind`: while it was queued another was with the station.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT id, station_id, action, state, state = 'queued' AND EXISTS (
            SELECT FROM gateway.command o WHERE o.station_id = c.station_id AND o.sent_at IS NOT NULL
              AND coalesce(o.ended_at, 'infinity') >= c.requested_at
        ) AS behind
        FROM gateway.command c
        WHERE (state = 'queued' AND requested_at + make_interval(secs => timeout_s) < $1)
           OR (state = 'sent' AND sent_at + make_interval(secs => timeout_s + 60) < $1)
        FOR UPDATE SKIP LOCKED
        """,
        now,
    )
    return rows


async def under_way(connection: asyncpg.Connection, slot: int) -> list[asyncpg.Record]:
    """Return what a worker had sent without having its answer when it ended."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT id, station_id, action FROM gateway.command WHERE state = 'sent' AND slot = $1 FOR UPDATE", slot
    )
    return rows


async def end_commands(connection: asyncpg.Connection, ended: Sequence[CommandOutcome]) -> list[CommandOutcome]:
    """Note how commands ended; return those that had not ended before."""
    fresh: list[CommandOutcome] = []
    for end in ended:
        found = await connection.fetchval(
            """
            UPDATE gateway.command SET state = $2, answer = $3, error_code = $4, error_description = $5, ended_at = $6
            WHERE id = $1 AND state IN ('queued', 'sent') RETURNING true
            """,
            end.command_id,
            end.state,
            end.answer,
            end.error_code,
            end.error_description,
            end.at,
        )
        if found:
            await connection.execute("DELETE FROM gateway.command_secret WHERE command_id = $1", end.command_id)
            fresh.append(end)
    return fresh


async def get_command(connection: asyncpg.Connection, command_id: str) -> asyncpg.Record:
    """Return a command; NotFound."""
    row = await connection.fetchrow("SELECT * FROM gateway.command WHERE id = $1", command_id)
    if row is None:
        raise NotFound(Reason("command {id}", id=command_id))
    return row


async def list_commands(
    connection: asyncpg.Connection, station_id: str, before: tuple[datetime, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return a station's commands, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM gateway.command
        WHERE station_id = $1 AND ($2::timestamptz IS NULL OR (requested_at, id) < ($2, $3))
        ORDER BY requested_at DESC, id DESC LIMIT $4
        """,
        station_id,
        *(before or (None, None)),
        limit,
    )
    return rows
