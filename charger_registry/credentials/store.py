"""The statements about stations' keys and about stations that are not filed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.errors import NotFound, Reason
from youguan.events import StationCredential, StationCredentialsChanged, UnfiledStationSeen

TOLD = 10  # of a station's keys the latest, so that one that ended lately is known as such


async def hold_station(connection: asyncpg.Connection, station_id: str) -> None:
    """Hold a filed station, so that its keys change one after the other; NotFound."""
    found = await connection.fetchval(
        "SELECT true FROM registry.station WHERE id = $1 AND retired_at IS NULL FOR UPDATE", station_id
    )
    if not found:
        raise NotFound(Reason("station {station_id}", station_id=station_id))


async def insert(connection: asyncpg.Connection, credential: Sequence[Any]) -> int | None:
    """Keep (station, digest, origin, accepted, at, by, reason, until); None where the station has this key already."""
    found: int | None = await connection.fetchval(
        """
        INSERT INTO registry.station_credential
            (station_id, digest, origin, accepted, issued_at, issued_by, reason, until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (station_id, digest) DO NOTHING RETURNING id
        """,
        *credential,
    )
    return found


async def end_others(connection: asyncpg.Connection, station_id: str, digest: str, until: datetime, by: str) -> int:
    """Let keys that are older than this one hold no longer than `until`; return how many that shortens.

    A key that ends itself, as one that the station has declined, ends no other: that would shut the station out.
    """
    done = await connection.execute(
        """
        UPDATE registry.station_credential c SET until = $3, ended_by = $4
        FROM registry.station_credential n
        WHERE n.station_id = $1 AND n.digest = $2 AND c.station_id = $1 AND c.id < n.id
          AND n.until IS NULL AND (c.until IS NULL OR c.until > $3)
        """,
        station_id,
        digest,
        until,
        by,
    )
    return int(done.rpartition(" ")[2])


async def end(connection: asyncpg.Connection, station_id: str, credential_id: int | None, at: datetime, by: str) -> int:
    """Let one key of a station, or all of them, hold no longer; return how many ended."""
    done = await connection.execute(
        """
        UPDATE registry.station_credential SET until = $3, ended_by = $4
        WHERE station_id = $1 AND ($2::bigint IS NULL OR id = $2) AND (until IS NULL OR until > $3)
        """,
        station_id,
        credential_id,
        at,
        by,
    )
    return int(done.rpartition(" ")[2])


async def accept(connection: asyncpg.Connection, station_id: str, digest: str) -> bool:
    """Note that the station has the key: it holds from now on without end. Say whether that is news."""
    found = await connection.fetchval(
        """
        UPDATE registry.station_credential SET accepted = true, until = NULL
        WHERE station_id = $1 AND digest = $2 AND NOT accepted AND ended_by IS NULL RETURNING true
        """,
        station_id,
        digest,
    )
    return bool(found)


async def decline(connection: asyncpg.Connection, station_id: str, digest: str, at: datetime) -> bool:
    """End an offer that the station has declined."""
    found = await connection.fetchval(
        """
        UPDATE registry.station_credential SET until = $3, ended_by = 'declined by the station'
        WHERE station_id = $1 AND digest = $2 AND NOT accepted RETURNING true
        """,
        station_id,
        digest,
        at,
    )
    return bool(found)


async def note_use(connection: asyncpg.Connection, station_id: str, digest: str, at: datetime) -> None:
    await connection.execute(
        """
        UPDATE registry.station_credential SET first_used_at = coalesce(first_used_at, $3)
        WHERE station_id = $1 AND digest = $2
        """,
        station_id,
        digest,
        at,
    )


async def of_station(connection: asyncpg.Connection, station_id: str) -> list[asyncpg.Record]:
    """Return a station's keys, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM registry.station_credential WHERE station_id = $1 ORDER BY id DESC", station_id
    )
    return rows


async def changed(connection: asyncpg.Connection, station_id: str, now: datetime) -> StationCredentialsChanged:
    """Return a station's keys as they are now, as an event."""
    rows = (await of_station(connection, station_id))[:TOLD]
    keys = tuple(StationCredential(digest=row["digest"], until=row["until"]) for row in rows)
    return StationCredentialsChanged(station_id=station_id, credentials=keys, at=now)


async def list_stations(
    connection: asyncpg.Connection, words: str | None, after: str | None, limit: int, now: datetime, scope: Scope
) -> list[asyncpg.Record]:
    """Return filed stations within the bounds by id, each with how many keys hold."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT t.id, t.site_id, s.name AS site_name,
               count(c.id) FILTER (WHERE c.accepted AND (c.until IS NULL OR c.until > $4)) AS holding,
               count(c.id) FILTER (WHERE NOT c.accepted AND c.until > $4) AS offered,
               count(c.id) AS ever, max(c.issued_at) AS issued_at
        FROM registry.station t JOIN registry.site s ON s.id = t.site_id
        LEFT JOIN registry.station_credential c ON c.station_id = t.id
        WHERE t.retired_at IS NULL AND ($1::text IS NULL OR strpos(lower(t.id || ' ' || s.name), lower($1)) > 0)
          AND ($2::text IS NULL OR t.id > $2) AND {site_within("t.site_id", 5)}
        GROUP BY t.id, t.site_id, s.name ORDER BY t.id LIMIT $3
        """,
        words,
        after,
        limit,
        now,
        *scope.parameters,
    )
    return rows


# --- not filed --------------------------------------------------------------------------------------------------


async def note_unfiled(connection: asyncpg.Connection, seen: UnfiledStationSeen) -> None:
    await connection.execute(
        """
        INSERT INTO registry.unfiled_station (station_id, remote, ocpp_version, vendor, model, first_seen_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (station_id) DO UPDATE SET remote = excluded.remote, ocpp_version = excluded.ocpp_version,
            vendor = excluded.vendor, model = excluded.model
        """,
        seen.station_id,
        seen.remote,
        seen.ocpp_version,
        seen.vendor,
        seen.model,
        seen.at,
    )


async def forget_unfiled(connection: asyncpg.Connection, station_ids: Sequence[str]) -> None:
    await connection.execute("DELETE FROM registry.unfiled_station WHERE station_id = ANY($1)", list(station_ids))


async def list_unfiled(connection: asyncpg.Connection, after: str | None, limit: int) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.unfiled_station WHERE $1::text IS NULL OR station_id > $1 ORDER BY station_id LIMIT $2
        """,
        after,
        limit,
    )
    return rows


async def hold_unfiled(connection: asyncpg.Connection, station_id: str) -> asyncpg.Record:
    """Return a station that is not filed and hold it, so that decisions about it come one after the other; NotFound."""
    row = await connection.fetchrow(
        """
        SELECT * FROM registry.unfiled_station u WHERE station_id = $1
           AND NOT EXISTS (SELECT FROM registry.station t WHERE t.id = u.station_id AND t.retired_at IS NULL)
        FOR UPDATE
        """,
        station_id,
    )
    if row is None:
        raise NotFound(Reason("unfiled station {station_id}", station_id=station_id))
    return row


async def decide_unfiled(
    connection: asyncpg.Connection, station_id: str, at: datetime | None, by: str | None, reason: str | None
) -> asyncpg.Record:
    """Note who has decided against a station and why; all None: nobody has."""
    row = await connection.fetchrow(
        """
        UPDATE registry.unfiled_station SET rejected_at = $2, rejected_by = $3, rejected_reason = $4
        WHERE station_id = $1 RETURNING *
        """,
        station_id,
        at,
        by,
        reason,
    )
    if row is None:
        raise NotFound(Reason("unfiled station {station_id}", station_id=station_id))
    return row


def state_of(row: asyncpg.Record, now: datetime) -> str:
    """Return what a key is at an instant: offered, holding, ending or ended."""
    if row["until"] is not None and row["until"] <= now:
        return "ended"
    if not row["accepted"]:
        return "offered"
    return "holding" if row["until"] is None else "ending"
