"""What the gateway's API reads."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from youguan.auth import Scope
from youguan.bounds import station_within
from youguan.errors import NotFound, Reason

STATION = """
SELECT coalesce(n.station_id, d.station_id) AS id, d.site_id, coalesce(n.connected, false) AS connected,
       coalesce(n.state, 'never_connected') AS state, n.ocpp_version, n.connected_at, n.last_seen_at, n.vendor, n.model,
       n.serial_number, n.firmware_version, n.booted_at, n.boot_reason, n.clock_skew_s, n.security_profile,
       coalesce(n.clock_skewed, false) AS clock_skewed
FROM gateway.station_directory d FULL JOIN gateway.station_now n ON n.station_id = d.station_id
"""


def hidden_from(station: str, first: int) -> str:
    """Return the condition that a station, as SQL names it, is somebody's own and beyond a scope (parameters from `$first` on)."""
    return f"""(EXISTS (SELECT FROM gateway.private_station p WHERE p.station_id = {station})
        AND NOT coalesce({station_within(station, first)}, false))"""


async def list_stations(
    connection: asyncpg.Connection,
    *,
    state: str | None,
    connected: bool | None,
    site_id: str | None,
    after: str | None,
    limit: int,
    shown_to: Scope,
) -> list[asyncpg.Record]:
    """Return stations by id, those never heard from included; without what is somebody's own beyond `shown_to`."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT * FROM ({STATION}) s
        WHERE ($1::text IS NULL OR state = $1) AND ($2::bool IS NULL OR connected = $2)
          AND ($3::text IS NULL OR site_id = $3) AND ($4::text IS NULL OR id > $4)
          AND NOT {hidden_from("s.id", 6)}
        ORDER BY id LIMIT $5
        """,
        state,
        connected,
        site_id,
        after,
        limit,
        *shown_to.parameters,
    )
    return rows


async def get_station(connection: asyncpg.Connection, station_id: str) -> asyncpg.Record:
    """Return a station that is filed or was heard; NotFound."""
    row = await connection.fetchrow(
        f"SELECT * FROM ({STATION}) s WHERE id = $1",
        station_id,
    )
    if row is None:
        raise unknown(station_id)
    return row


async def shown_station(connection: asyncpg.Connection, station_id: str, scope: Scope) -> asyncpg.Record:
    """Return a station as `get_station`; NotFound as well where it is somebody's own and beyond the bounds."""
    row = await connection.fetchrow(
        f"SELECT * FROM ({STATION}) s WHERE id = $1 AND NOT {hidden_from('s.id', 2)}", station_id, *scope.parameters
    )
    if row is None:
        raise unknown(station_id)
    return row


def unknown(station_id: str) -> NotFound:
    """Return what is said of a station of which there is nothing, or nothing for whoever asks."""
    return NotFound(Reason("station {station_id}", station_id=station_id))


async def quarantined_as(connection: asyncpg.Connection, station_id: str) -> str | None:
    """Return whether a station that is not filed is pending or rejected; None where it is filed, or was never heard."""
    found: str | None = await connection.fetchval(
        """
        SELECT CASE WHEN EXISTS (SELECT FROM gateway.rejected_station r WHERE r.station_id = q.station_id)
                    THEN 'rejected' ELSE 'pending' END
        FROM gateway.quarantine q WHERE q.station_id = $1
          AND NOT EXISTS (SELECT FROM gateway.station_directory d WHERE d.station_id = q.station_id)
        """,
        station_id,
    )
    return found


async def connectors(connection: asyncpg.Connection, station_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM gateway.connector_now WHERE station_id = $1 ORDER BY connector", station_id
    )
    return rows


async def status_changes(
    connection: asyncpg.Connection,
    station_id: str,
    *,
    since: datetime | None,
    until: datetime | None,
    after: tuple[datetime, int, str, int] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return what a station reported, by the charger's own time."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM telemetry.status_change
        WHERE station_id = $1 AND ($2::timestamptz IS NULL OR occurred_at >= $2)
          AND ($3::timestamptz IS NULL OR occurred_at < $3)
          AND ($4::timestamptz IS NULL OR (occurred_at, connector, status, mark) > ($4, $5, $6, $7))
        ORDER BY occurred_at, connector, status, mark LIMIT $8
        """,
        station_id,
        since,
        until,
        *(after or (None, None, None, None)),
        limit,
    )
    return rows


async def told_by_receipt(connection: asyncpg.Connection, station_id: str, since: datetime) -> bool:
    """Say whether a station's clock was wrong in what it reported since then: its own times say nothing of when that was."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM telemetry.status_by_receipt WHERE station_id = $1 AND received_at >= $2)",
        station_id,
        since,
    )
    return found


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the past; None: no bound."""

    since: datetime | None
    until: datetime | None


SAMPLE = """
SELECT s.station_id, s.connector, s.kind, s.occurred_at, s.received_at, s.value, s.transaction_id, s.mark,
       k.measurand, k.phase, k.location, k.context, k.unit
FROM telemetry.meter_sample s JOIN telemetry.meter_kind k ON k.id = s.kind
"""


async def meter_samples(
    connection: asyncpg.Connection,
    station_id: str,
    span: Span,
    before: tuple[datetime, int, int, int] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return measured values, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {SAMPLE} WHERE s.station_id = $1 AND ($2::timestamptz IS NULL OR s.occurred_at >= $2)
          AND ($3::timestamptz IS NULL OR s.occurred_at < $3)
          AND ($4::timestamptz IS NULL OR (s.occurred_at, s.connector, s.kind, s.mark) < ($4, $5, $6, $7))
        ORDER BY s.occurred_at DESC, s.connector DESC, s.kind DESC, s.mark DESC LIMIT $8
        """,
        station_id,
        span.since,
        span.until,
        *(before or (None, None, None, None)),
        limit,
    )
    return rows


async def frames(
    connection: asyncpg.Connection,
    station_id: str,
    span: Span,
    before: tuple[datetime, str] | None,
    limit: int,
    words: str | None = None,
) -> list[asyncpg.Record]:
    """Return messages that hold these words (None: all), newest first; `mark` tells those of the same instant apart."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT received_at, frame, sent, mark
        FROM telemetry.raw_frame, LATERAL (SELECT md5(sent || frame) AS mark) m
        WHERE station_id = $1 AND ($2::timestamptz IS NULL OR received_at >= $2)
          AND ($3::timestamptz IS NULL OR received_at < $3)
          AND ($4::timestamptz IS NULL OR received_at <= $4 AND (received_at, mark) < ($4, $5))
          AND ($7::text IS NULL OR strpos(lower(frame), lower($7)) > 0)
        ORDER BY received_at DESC, mark DESC LIMIT $6
        """,
        station_id,
        span.since,
        span.until,
        *(before or (None, None)),
        limit,
        words,
    )
    return rows
