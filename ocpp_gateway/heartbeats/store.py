"""Statements about heartbeat intervals and about who has fallen silent."""

from datetime import datetime

import asyncpg

from ocpp_gateway.stations.store import FIRST_PLATFORM_SLOT
from youguan.eventlog import heads


async def load(connection: asyncpg.Connection) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Return (scope, id) → seconds of every interval that is set, and the positions from which to follow, from one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch("SELECT scope, subject_id, interval_s FROM gateway.heartbeat_interval")
        return {(row["scope"], row["subject_id"]): row["interval_s"] for row in rows}, await heads(connection)


async def list_intervals(
    connection: asyncpg.Connection, after: tuple[str, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return the intervals that are set, by scope and id."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM gateway.heartbeat_interval
        WHERE $1::text IS NULL OR (scope, subject_id) > ($1, $2) ORDER BY scope, subject_id LIMIT $3
        """,
        *(after or (None, None)),
        limit,
    )
    return rows


async def intervals_of(connection: asyncpg.Connection, station_id: str, site_id: str | None) -> dict[str, int | None]:
    """Return by scope what is set for a station and for its site, None: nothing."""
    rows = await connection.fetch(
        """
        SELECT scope, interval_s FROM gateway.heartbeat_interval
        WHERE (scope, subject_id) IN (('station', $1), ('site', $2))
        """,
        station_id,
        site_id,
    )
    return {"station": None, "site": None, **{row["scope"]: row["interval_s"] for row in rows}}


async def is_filed(connection: asyncpg.Connection, scope: str, subject_id: str) -> bool:
    """Say whether there is such a station or site."""
    column = {"station": "station_id", "site": "site_id"}[scope]
    found: bool = await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM gateway.station_directory WHERE {column} = $1)", subject_id
    )
    return found


async def hold_interval(connection: asyncpg.Connection, scope: str, subject_id: str) -> int | None:
    """Return what is set, and let nobody else change it meanwhile."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1 || ' heartbeat ' || $2, 0))", scope, subject_id
    )
    found: int | None = await connection.fetchval(
        "SELECT interval_s FROM gateway.heartbeat_interval WHERE scope = $1 AND subject_id = $2", scope, subject_id
    )
    return found


async def put_interval(
    connection: asyncpg.Connection, scope: str, subject_id: str, interval_s: int, who: str, reason: str, at: datetime
) -> None:
    await connection.execute(
        """
        INSERT INTO gateway.heartbeat_interval VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (scope, subject_id) DO UPDATE SET interval_s = excluded.interval_s, set_by = excluded.set_by,
            reason = excluded.reason, set_at = excluded.set_at
        """,
        scope,
        subject_id,
        interval_s,
        who,
        reason,
        at,
    )


async def drop_interval(connection: asyncpg.Connection, scope: str, subject_id: str) -> None:
    await connection.execute(
        "DELETE FROM gateway.heartbeat_interval WHERE scope = $1 AND subject_id = $2", scope, subject_id
    )


async def mark_silent(
    connection: asyncpg.Connection, now: datetime, since: datetime | None, interval_s: int, heartbeats: int
) -> list[tuple[str, datetime]]:
    """Mark filed stations offline that were heard before and have missed so many heartbeats; return (station, last seen).

    `interval_s`: of those that have none of their own. Silence counts from the last message, but no earlier than the worker
    that held the station has been listening without a break, nor than `since`: while nobody could note a message nobody was
    silent. Of a station that its platform speaks for, the platform says whether it is in reach; who is passed on may be
    silent for as long as its upstream allows.
    """
    rows = await connection.fetch(
        """
        WITH silent AS (
            SELECT n.station_id FROM gateway.station_now n JOIN gateway.station_directory d USING (station_id)
            LEFT JOIN gateway.worker w USING (slot)
            LEFT JOIN gateway.heartbeat_interval own ON own.scope = 'station' AND own.subject_id = n.station_id
            LEFT JOIN gateway.heartbeat_interval site ON site.scope = 'site' AND site.subject_id = d.site_id
            LEFT JOIN gateway.relay_station relayed ON relayed.station_id = n.station_id
            WHERE n.state = 'online' AND (n.slot IS NULL OR n.slot < $4)
              AND greatest(n.last_seen_at, w.started_at, $5::timestamptz) < $1::timestamptz - $3::int * interval '1 second'
                * greatest(coalesce(own.interval_s, site.interval_s, $2::int), relayed.interval_s)
            ORDER BY n.station_id FOR UPDATE OF n SKIP LOCKED
        ), marked AS (
            UPDATE gateway.station_now n SET state = 'offline' FROM silent
            WHERE n.station_id = silent.station_id RETURNING n.station_id, n.last_seen_at
        ), noted AS (
            INSERT INTO telemetry.connectivity_change (station_id, occurred_at, change)
            SELECT station_id, last_seen_at, 'offline' FROM marked
        )
        SELECT station_id, last_seen_at FROM marked
        """,
        now,
        interval_s,
        heartbeats,
        FIRST_PLATFORM_SLOT,
        since,
    )
    return [(row["station_id"], row["last_seen_at"]) for row in rows]
