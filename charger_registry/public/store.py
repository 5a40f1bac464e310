"""Statements of the public projections."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from charger_registry.filing import store as filings
from charger_registry.filing.operation import standing_of
from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.events import NOT_FOR_THE_PUBLIC, ConnectorStatusChanged

CHANNEL = "registry_live"


async def write_connectors(connection: asyncpg.Connection, changes: Sequence[ConnectorStatusChanged]) -> None:
    """Keep the last of the changes of each connector."""
    last = {(c.station_id, c.connector): c for c in changes}
    rows = [(c.station_id, c.connector, c.condition, c.status, c.effective_at) for c in last.values()]
    await connection.execute(
        """
        INSERT INTO registry.live_connector
        SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::timestamptz[])
        ON CONFLICT (station_id, connector) DO UPDATE SET
            condition = excluded.condition, status = excluded.status, since = excluded.since
        """,
        *[list(column) for column in zip(*rows, strict=True)],
    )


async def write_station(connection: asyncpg.Connection, station_id: str, state: str, since: datetime) -> None:
    await connection.execute(
        """
        INSERT INTO registry.live_station VALUES ($1, $2, $3)
        ON CONFLICT (station_id) DO UPDATE SET state = excluded.state, since = excluded.since
        """,
        station_id,
        state,
        since,
    )


async def open_matter(
    connection: asyncpg.Connection,
    matter: tuple[str, str, str, str | None, str | None, datetime, date | None],
) -> None:
    """Keep an open alert or task: (kind, id, rule, site, station, since, due on)."""
    await connection.execute(
        "INSERT INTO registry.live_matter VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING", *matter
    )


async def follow_stations(connection: asyncpg.Connection, site_id: str, station_ids: Collection[str]) -> None:
    """Let what is open about stations be at the site where they are filed now."""
    await connection.execute(
        "UPDATE registry.live_matter SET site_id = $1 WHERE station_id = ANY($2) AND site_id IS DISTINCT FROM $1",
        site_id,
        list(station_ids),
    )


async def close_matter(connection: asyncpg.Connection, kind: str, id_: str) -> None:
    await connection.execute("DELETE FROM registry.live_matter WHERE kind = $1 AND id = $2", kind, id_)


async def sites_of(connection: asyncpg.Connection, station_ids: Collection[str]) -> set[str]:
    rows = await connection.fetch("SELECT DISTINCT site_id FROM registry.station WHERE id = ANY($1)", list(station_ids))
    return {row["site_id"] for row in rows}


# A connector of a station that is not online is unknown, whatever it said last; where nothing is in operation it is unavailable.
REFRESH = f"""
WITH station AS (
    SELECT t.site_id, t.id, t.connectors, l.state = 'online' AS online, {standing_of("t.site_id")} IS NOT NULL AS closed
    FROM registry.station t LEFT JOIN registry.live_station l ON l.station_id = t.id
    WHERE t.site_id = ANY($1) AND t.retired_at IS NULL
), filed AS (
    SELECT site_id, sum(connectors) AS connectors FROM station GROUP BY site_id
), told AS (
    SELECT s.site_id,
           count(*) FILTER (WHERE NOT s.closed AND c.condition = 'available') AS available,
           count(*) FILTER (WHERE NOT s.closed AND c.condition IN ('occupied', 'charging', 'reserved')) AS in_use,
           count(*) FILTER (WHERE NOT s.closed AND c.condition = 'faulted') AS faulted,
           count(*) FILTER (WHERE s.closed OR c.condition = 'unavailable') AS unavailable
    FROM station s JOIN registry.live_connector c ON c.station_id = s.id
    JOIN registry.connector k ON k.station_id = c.station_id AND k.connector = c.connector
    WHERE s.online GROUP BY s.site_id
)
INSERT INTO registry.live_site
SELECT site.id, nextval('registry.live_version'), coalesce(t.available, 0), coalesce(t.in_use, 0), coalesce(t.faulted, 0),
       coalesce(t.unavailable, 0),
       coalesce(f.connectors, 0) - coalesce(t.available + t.in_use + t.faulted + t.unavailable, 0), now()
FROM registry.site site LEFT JOIN filed f ON f.site_id = site.id LEFT JOIN told t ON t.site_id = site.id
WHERE site.id = ANY($1)
ON CONFLICT (site_id) DO UPDATE SET
    version = excluded.version, available = excluded.available, in_use = excluded.in_use, faulted = excluded.faulted,
    unavailable = excluded.unavailable, unknown = excluded.unknown, changed_at = excluded.changed_at
"""


async def refresh_sites(connection: asyncpg.Connection, site_ids: Collection[str]) -> None:
    """Count the connectors of sites again and ring for whoever shows them."""
    if site_ids:
        await connection.execute(REFRESH, sorted(site_ids))
        await connection.execute(f"NOTIFY {CHANNEL}")


async def read_sites(connection: asyncpg.Connection, after: int) -> list[asyncpg.Record]:
    """Return the sites that changed after a version, in the order of their versions; `shown`: it stands and is for the public."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT l.*, s.name, s.address, s.division_code, d.name AS division_name, d.name_en AS division_name_en,
               s.longitude, s.latitude, s.unmanaged_reason, m.name AS manager, m.phone,
               s.retired_at IS NULL AND coalesce(s.usage, '') <> ALL($2) AS shown,
               coalesce(p.kinds, '[]') AS kinds, p.document AS published
        FROM registry.live_site l JOIN registry.site s ON s.id = l.site_id
        LEFT JOIN registry.published_site p ON p.site_id = l.site_id AND p.retired_at IS NULL
        LEFT JOIN registry.division d ON d.code = s.division_code
        LEFT JOIN LATERAL (
            SELECT o.name, o.phone FROM registry.responsibility r JOIN registry.organisation o ON o.id = r.organisation_id
            WHERE r.site_id = s.id AND r.role = 'manager' AND r.station_id = '' AND upper_inf(r.believed)
              AND r.during @> now() LIMIT 1
        ) m ON true
        WHERE l.version > $1 ORDER BY l.version
        """,
        after,
        NOT_FOR_THE_PUBLIC,
    )
    return rows


async def read_stations(connection: asyncpg.Connection, site_id: str) -> list[asyncpg.Record]:
    """Return the stations of a site with their state and connectors."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT t.id, t.connectors, t.power_w, t.current_type, coalesce(l.state, 'never_connected') AS state,
               {standing_of("t.site_id")} IS NOT NULL AS closed,
               (SELECT array_agg(k.connector ORDER BY k.connector) FROM registry.connector k WHERE k.station_id = t.id) AS numbers,
               coalesce(jsonb_agg(jsonb_build_object('connector', c.connector, 'condition', c.condition, 'since', c.since)
                        ORDER BY c.connector) FILTER (WHERE c.connector > 0), '[]') AS told
        FROM registry.station t LEFT JOIN registry.live_station l ON l.station_id = t.id
        LEFT JOIN registry.live_connector c ON c.station_id = t.id
        WHERE t.site_id = $1 AND t.retired_at IS NULL GROUP BY t.id, l.state ORDER BY t.id
        """,
        site_id,
    )
    return rows


async def counts(connection: asyncpg.Connection, today: date, scope: Scope) -> dict[str, Any]:
    """Return the dashboard's figures of what lies within the bounds, on a day of the county."""
    row = await connection.fetchrow(
        f"""
        WITH site AS (
            SELECT s.* FROM registry.site s WHERE {site_within("s.id", 2)}
        ), station AS (
            SELECT l.state FROM registry.station t JOIN site s ON s.id = t.site_id
            LEFT JOIN registry.live_station l ON l.station_id = t.id WHERE t.retired_at IS NULL
        ), live AS (
            SELECT l.* FROM registry.live_site l JOIN site s ON s.id = l.site_id
        ), matter AS (
            SELECT m.* FROM registry.live_matter m WHERE {site_within("m.site_id", 2)}
        )
        SELECT
            (SELECT count(*) FROM site WHERE retired_at IS NULL) AS sites,
            (SELECT count(*) FROM site WHERE retired_at IS NULL AND unmanaged_reason IS NOT NULL) AS unmanaged,
            (SELECT count(*) FROM station) AS stations,
            (SELECT count(*) FROM station WHERE state = 'online') AS online,
            (SELECT count(*) FROM station WHERE state = 'offline') AS offline,
            (SELECT coalesce(sum(available), 0) FROM live) AS available,
            (SELECT coalesce(sum(in_use), 0) FROM live) AS in_use,
            (SELECT coalesce(sum(faulted), 0) FROM live) AS faulted,
            (SELECT count(*) FROM matter WHERE kind = 'alert') AS alerts,
            (SELECT count(*) FROM matter WHERE kind = 'alert' AND rule = 'unfiled_charger') AS unfiled,
            (SELECT count(*) FROM registry.filing f WHERE f.state = 'submitted' AND {filings.seen(2)}) AS filings,
            (SELECT count(*) FROM matter WHERE kind = 'task') AS tasks,
            (SELECT count(*) FROM matter WHERE kind = 'task' AND due_on < $1) AS overdue
        """,
        today,
        *scope.parameters,
    )
    assert row is not None
    return dict(row)


async def counts_by_division(connection: asyncpg.Connection, scope: Scope) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT s.division_code AS code, d.name, d.name_en, count(*) AS sites,
               count(*) FILTER (WHERE s.unmanaged_reason IS NOT NULL) AS unmanaged,
               coalesce(sum(l.available), 0) AS available, coalesce(sum(l.in_use), 0) AS in_use,
               coalesce(sum(l.faulted), 0) AS faulted, coalesce(sum(l.unknown), 0) AS unknown
        FROM registry.site s LEFT JOIN registry.division d ON d.code = s.division_code
        LEFT JOIN registry.live_site l ON l.site_id = s.id
        WHERE s.retired_at IS NULL AND {site_within("s.id", 1)} GROUP BY 1, 2, 3 ORDER BY 1
        """,
        *scope.parameters,
    )
    return rows


async def towns(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT name, name_en, longitude, latitude FROM registry.division WHERE longitude IS NOT NULL ORDER BY code"
    )
    return rows
