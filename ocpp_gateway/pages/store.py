"""What the gateway's pages read beside what its API reads."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from ocpp_gateway.pages.timeline import Link, Said
from ocpp_gateway.stations.store import SLOTS
from ocpp_gateway.store import STATION, Span
from youguan.auth import Scope
from youguan.bounds import station_within
from youguan.database import storage_mode

LONG_AGO = timedelta(days=90)  # how far back the condition is looked for that a day begins with
LOOKED_AT = 10_000  # of the newest refused messages, for sums


FAULTED = "EXISTS (SELECT FROM gateway.connector_now c WHERE c.station_id = s.id AND c.condition = 'faulted')"


@dataclass(frozen=True, slots=True)
class StationFilter:
    """Which stations; None: any."""

    words: str | None = None
    state: str | None = None
    connected: bool | None = None
    version: str | None = None
    site_id: str | None = None


async def find_stations(
    connection: asyncpg.Connection, scope: Scope, chosen: StationFilter, after: str | None, limit: int
) -> list[asyncpg.Record]:
    """Return stations within the bounds by id, each with its site's name and its connectors as [number, condition].

    Words are looked for in id, site, make and serial number. The state `faulted` is that of who is online with a fault.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT s.*, f.file ->> 'name' AS site_name, (
            SELECT jsonb_agg(jsonb_build_array(c.connector, c.condition) ORDER BY c.connector)
            FROM gateway.connector_now c WHERE c.station_id = s.id
        ) AS connectors
        FROM ({STATION}) s LEFT JOIN gateway.filed_site f USING (site_id)
        WHERE ($1::text IS NULL OR
               strpos(lower(concat_ws(' ', id, site_id, f.file ->> 'name', vendor, model, serial_number)), lower($1)) > 0)
          AND ($2::text IS NULL OR state = $2 OR $2 = 'faulted' AND state = 'online' AND {FAULTED})
          AND ($3::bool IS NULL OR connected = $3)
          AND ($4::text IS NULL OR ocpp_version = $4) AND ($5::text IS NULL OR site_id = $5)
          AND ($6::text IS NULL OR id > $6) AND {station_within("s.id", 8)}
        ORDER BY id LIMIT $7
        """,
        chosen.words,
        chosen.state,
        chosen.connected,
        chosen.version,
        chosen.site_id,
        after,
        limit,
        *scope.parameters,
    )
    return rows


async def count_stations(connection: asyncpg.Connection, scope: Scope) -> asyncpg.Record:
    """Return how many stations are within the bounds, and how many of them are in each state."""
    row = await connection.fetchrow(
        f"""
        SELECT count(*) AS whole, count(*) FILTER (WHERE state = 'online') AS online,
               count(*) FILTER (WHERE state = 'offline') AS offline,
               count(*) FILTER (WHERE state = 'never_connected') AS never_connected,
               count(*) FILTER (WHERE state = 'online' AND {FAULTED}) AS faulted
        FROM ({STATION}) s WHERE {station_within("s.id", 1)}
        """,
        *scope.parameters,
    )
    assert row is not None
    return row


async def latest_statuses(
    connection: asyncpg.Connection,
    station_id: str,
    span: Span,
    before: tuple[datetime, int, str, int] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return what a station reported within a span, newest first, both by its own time."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM telemetry.status_change
        WHERE station_id = $1 AND ($2::timestamptz IS NULL OR occurred_at >= $2)
          AND ($3::timestamptz IS NULL OR occurred_at < $3)
          AND ($4::timestamptz IS NULL OR (occurred_at, connector, status, mark) < ($4, $5, $6, $7))
        ORDER BY occurred_at DESC, connector DESC, status DESC, mark DESC LIMIT $8
        """,
        station_id,
        span.since,
        span.until,
        *(before or (None, None, None, None)),
        limit,
    )
    return rows


async def said_in(connection: asyncpg.Connection, station_id: str, low: datetime, high: datetime) -> list[Said]:
    """Return the conditions of a station's connectors within [low, high), and those that each began it with."""
    rows = await connection.fetch(
        """
        SELECT connector, effective_at, condition FROM telemetry.status_change
        WHERE station_id = $1 AND connector > 0 AND occurred_at >= $2 AND occurred_at < $3 AND effective_at = occurred_at
        UNION ALL  -- a wrong clock: the time of receipt counts
        SELECT connector, received_at, condition FROM telemetry.status_by_receipt
        WHERE station_id = $1 AND connector > 0 AND received_at >= $2 AND received_at < $3
        UNION ALL
        SELECT n.connector, b.at, b.condition FROM gateway.connector_now n, LATERAL (
            (SELECT occurred_at AS at, condition FROM telemetry.status_change s
             WHERE s.station_id = $1 AND s.connector = n.connector AND s.occurred_at < $2 AND s.occurred_at >= $4
               AND s.effective_at = s.occurred_at
             ORDER BY s.occurred_at DESC LIMIT 1)
            UNION ALL
            (SELECT received_at, condition FROM telemetry.status_by_receipt s
             WHERE s.station_id = $1 AND s.connector = n.connector AND s.received_at < $2 AND s.received_at >= $4
             ORDER BY s.received_at DESC LIMIT 1)
            ORDER BY at DESC LIMIT 1
        ) b WHERE n.station_id = $1 AND n.connector > 0
        """,
        station_id,
        low,
        high,
        low - LONG_AGO,
    )
    return [Said(row["connector"], row["effective_at"], row["condition"]) for row in rows]


async def links_in(connection: asyncpg.Connection, station_id: str, low: datetime, high: datetime) -> list[Link]:
    """Return when a station was online or offline within [low, high), and what it began with."""
    rows = await connection.fetch(
        """
        SELECT occurred_at, change FROM telemetry.connectivity_change
        WHERE station_id = $1 AND occurred_at >= $2 AND occurred_at < $3 AND change <> 'disconnected'
        UNION ALL
        (SELECT occurred_at, change FROM telemetry.connectivity_change
         WHERE station_id = $1 AND occurred_at < $2 AND occurred_at >= $4 AND change <> 'disconnected'
         ORDER BY occurred_at DESC LIMIT 1)
        """,
        station_id,
        low,
        high,
        low - LONG_AGO,
    )
    return [Link(row["occurred_at"], row["change"] != "offline") for row in rows]


async def find_variables(
    connection: asyncpg.Connection, station_id: str, words: str | None, limit: int
) -> list[asyncpg.Record]:
    """Return a station's variables whose component, name or value holds the words."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM gateway.variable
        WHERE station_id = $1
          AND ($2::text IS NULL OR strpos(lower(concat_ws(' ', component, variable, variable_instance, value)), lower($2)) > 0)
        ORDER BY component, component_instance, evse, connector, variable, variable_instance, attribute LIMIT $3
        """,
        station_id,
        words,
        limit,
    )
    return rows


async def firmware_for(connection: asyncpg.Connection, vendor: str | None, model: str | None) -> list[asyncpg.Record]:
    """Return the firmware that is there for a make, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT id, version, signature IS NOT NULL AS signed FROM gateway.firmware
        WHERE vendor = $1 AND model = $2 AND received_at IS NOT NULL AND withdrawn_at IS NULL
        ORDER BY received_at DESC
        """,
        vendor,
        model,
    )
    return rows


# --- health -----------------------------------------------------------------------------------------------------


async def states(connection: asyncpg.Connection) -> dict[str, int]:
    """Return how many stations are in each state."""
    rows = await connection.fetch(f"SELECT state, count(*) AS n FROM ({STATION}) s GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


async def workers(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return each gateway process, whether it is there, and how many stations it holds."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT w.slot, w.started_at, w.losses, count(n.station_id) AS connections, EXISTS (
            SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = w.slot AND objsubid = 2
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        ) AS alive
        FROM gateway.worker w LEFT JOIN gateway.station_now n ON n.slot = w.slot AND n.connected
        GROUP BY w.slot, w.started_at, w.losses ORDER BY w.slot
        """,
        SLOTS,
    )
    return rows


async def consumers(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return each consumer of the event log, how far it is behind, and what holds it; those that are held first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.name, c.failing_since, c.error,
               coalesce(sum(greatest(s.last_sequence - coalesce(p.sequence, 0), 0)), 0)::bigint AS behind
        FROM eventlog.consumer c CROSS JOIN eventlog.stream s
        LEFT JOIN eventlog.consumer_position p ON p.consumer = c.name AND p.stream = s.name
        GROUP BY c.name, c.failing_since, c.error ORDER BY c.error IS NULL, behind DESC, c.name
        """
    )
    return rows


@dataclass(frozen=True, slots=True)
class RefusedFilter:
    """Which refused messages; None: any."""

    code: str | None = None
    station_id: str | None = None


async def refused(
    connection: asyncpg.Connection, chosen: RefusedFilter, before: int | None, limit: int
) -> list[asyncpg.Record]:
    """Return messages, or parts of them, that were refused, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM gateway.refused_input
        WHERE ($1::text IS NULL OR code = $1) AND ($2::text IS NULL OR station_id = $2) AND ($3::bigint IS NULL OR id < $3)
        ORDER BY id DESC LIMIT $4
        """,
        chosen.code,
        chosen.station_id,
        before,
        limit,
    )
    return rows


async def refused_by(connection: asyncpg.Connection) -> tuple[list[asyncpg.Record], list[asyncpg.Record]]:
    """Return how often each code and each station stands among the newest refused messages, the most frequent first."""
    newest = f"(SELECT code, station_id FROM gateway.refused_input ORDER BY id DESC LIMIT {LOOKED_AT}) r"
    codes = await connection.fetch(f"SELECT code, count(*) AS n FROM {newest} GROUP BY code ORDER BY n DESC, code")
    sources = await connection.fetch(
        f"SELECT station_id, count(*) AS n FROM {newest} GROUP BY station_id ORDER BY n DESC, station_id LIMIT 10"
    )
    return codes, sources


async def quarantined(connection: asyncpg.Connection) -> int:
    """Return how many stations are in quarantine."""
    return int(await connection.fetchval("SELECT count(*) FROM gateway.quarantine"))


async def storage(connection: asyncpg.Connection) -> tuple[str, datetime | None]:
    """Return the storage mode and the first day of which raw frames are still kept."""
    mode = await storage_mode(connection)
    if mode == "timescale":
        oldest = await connection.fetchval(
            """
            SELECT min(range_start) FROM timescaledb_information.chunks
            WHERE hypertable_schema = 'telemetry' AND hypertable_name = 'raw_frame'
            """
        )
    else:
        oldest = await connection.fetchval(
            """
            SELECT min(to_date(right(c.relname, 8), 'YYYYMMDD'))::timestamptz
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'telemetry.raw_frame'::regclass AND c.relname ~ '^raw_frame_[0-9]{8}$'
            """
        )
    return mode, oldest
