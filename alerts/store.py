"""The alerts' statements."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.errors import NotFound
from youguan.events import SiteFiled


async def rules(connection: asyncpg.Connection) -> dict[str, asyncpg.Record]:
    return {row["name"]: row for row in await connection.fetch("SELECT * FROM alerts.rule ORDER BY name")}


async def dangerous_errors(connection: asyncpg.Connection) -> frozenset[str]:
    return frozenset(row["code"] for row in await connection.fetch("SELECT code FROM alerts.dangerous_error"))


async def file_site(connection: asyncpg.Connection, filed: SiteFiled) -> list[str]:
    """Let the site have exactly the stations of its file; return those that it had and has no longer.

    What is wrong with a station goes with it, wherever it is filed from now on.
    """
    ids = [station.station_id for station in filed.stations]
    dropped = await connection.fetch(
        "DELETE FROM alerts.station_site WHERE site_id = $1 AND station_id <> ALL($2::text[]) RETURNING station_id",
        filed.site_id,
        ids,
    )
    await connection.execute(
        """
        INSERT INTO alerts.station_site (station_id, site_id, connectors)
        SELECT station_id, $1, connectors FROM unnest($2::text[], $3::int[]) AS s (station_id, connectors)
        ON CONFLICT (station_id) DO UPDATE SET site_id = excluded.site_id, connectors = excluded.connectors
        """,
        filed.site_id,
        ids,
        [station.connectors for station in filed.stations],
    )
    await connection.execute(
        """
        UPDATE alerts.alert SET site_id = $1
        WHERE station_id = ANY($2) AND state <> 'resolved' AND site_id IS DISTINCT FROM $1
        """,
        filed.site_id,
        ids,
    )
    return [row["station_id"] for row in dropped]


async def filed_with_fewer(connection: asyncpg.Connection, filed: SiteFiled) -> list[str]:
    """Return the stations of a file that were filed with fewer connectors so far."""
    rows = await connection.fetch(
        """
        SELECT station_id FROM alerts.station_site
        JOIN unnest($1::text[], $2::int[]) AS s (station_id, now) USING (station_id) WHERE connectors < now
        """,
        [station.station_id for station in filed.stations],
        [station.connectors for station in filed.stations],
    )
    return [row["station_id"] for row in rows]


async def retire_site(connection: asyncpg.Connection, site_id: str) -> None:
    await connection.execute("DELETE FROM alerts.station_site WHERE site_id = $1", site_id)


async def filed(connection: asyncpg.Connection, station_id: str) -> asyncpg.Record | None:
    """Return the site and the number of connectors of a station that is filed."""
    return await connection.fetchrow(
        "SELECT site_id, connectors FROM alerts.station_site WHERE station_id = $1", station_id
    )


async def open_alert(connection: asyncpg.Connection, rule: str, subject: str) -> asyncpg.Record | None:
    return await connection.fetchrow(
        "SELECT * FROM alerts.alert WHERE rule = $1 AND subject = $2 AND state <> 'resolved' FOR UPDATE", rule, subject
    )


async def restate_alert(connection: asyncpg.Connection, alert_id: str, severity: str, details: dict[str, Any]) -> None:
    await connection.execute(
        "UPDATE alerts.alert SET severity = $2, details = $3 WHERE id = $1", alert_id, severity, details
    )


async def raise_alert(connection: asyncpg.Connection, alert: Sequence[Any]) -> None:
    """Raise an alert where none is open for the same condition.

    (id, rule, subject, state, severity, site, station, connector, since, raised at, details)
    """
    await connection.execute(
        """
        INSERT INTO alerts.alert (id, rule, subject, state, severity, site_id, station_id, connector, since, raised_at,
                                  details)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        *alert,
    )


async def hear_again(connection: asyncpg.Connection, rule: str, subject: str, at: datetime, tries: int) -> None:
    """Note that an open alert was heard of, and so many more tries."""
    await connection.execute(
        """
        UPDATE alerts.alert SET heard_at = $3,
            details = jsonb_set(details, '{tries}', to_jsonb(coalesce((details->>'tries')::bigint, 0) + $4))
        WHERE rule = $1 AND subject = $2 AND state <> 'resolved'
        """,
        rule,
        subject,
        at,
        tries,
    )


async def quiet(connection: asyncpg.Connection, now: datetime) -> list[asyncpg.Record]:
    """Return open alerts that have not been heard of for as long as their rule asks."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT a.rule, a.subject FROM alerts.alert a JOIN alerts.rule r ON r.name = a.rule
        WHERE a.state <> 'resolved' AND a.heard_at + make_interval(secs => r.quiet_s) <= $1 ORDER BY a.id
        """,
        now,
    )
    return rows


async def resolve_alert(connection: asyncpg.Connection, rule: str, subject: str, at: datetime) -> asyncpg.Record | None:
    """Resolve what is open for a condition; return it as it was."""
    return await connection.fetchrow(
        """
        WITH open AS (SELECT * FROM alerts.alert WHERE rule = $1 AND subject = $2 AND state <> 'resolved' FOR UPDATE)
        UPDATE alerts.alert a SET state = 'resolved', resolved_at = $3 FROM open WHERE a.id = open.id RETURNING open.*
        """,
        rule,
        subject,
        at,
    )


async def open_about(
    connection: asyncpg.Connection, site_id: str | None, station_ids: Sequence[str]
) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT rule, subject FROM alerts.alert
        WHERE state <> 'resolved' AND (site_id = $1 OR station_id = ANY($2)) ORDER BY id
        """,
        site_id,
        list(station_ids),
    )
    return rows


async def fire_due(connection: asyncpg.Connection, now: datetime) -> list[asyncpg.Record]:
    """Let pending alerts fire whose condition has held for as long as their rule asks."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        UPDATE alerts.alert a SET state = 'firing', raised_at = $1 FROM alerts.rule r
        WHERE r.name = a.rule AND a.state = 'pending' AND a.since + make_interval(secs => r.for_s) <= $1
        RETURNING a.*, r.opens_task
        """,
        now,
    )
    return rows


async def list_alerts(
    connection: asyncpg.Connection,
    *,
    state: str | None,
    rule: str | None,
    station_id: str | None,
    site_id: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
    scope: Scope,
) -> list[asyncpg.Record]:
    """Return alerts, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT * FROM alerts.alert a
        WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR rule = $2)
          AND ($3::text IS NULL OR station_id = $3) AND ($4::text IS NULL OR site_id = $4)
          AND ($5::timestamptz IS NULL OR (recorded_at, id) < ($5, $6)) AND {site_within("a.site_id", 8)}
        ORDER BY recorded_at DESC, id DESC LIMIT $7
        """,
        state,
        rule,
        station_id,
        site_id,
        *(before or (None, None)),
        limit,
        *scope.parameters,
    )
    return rows


async def get_alert(connection: asyncpg.Connection, alert_id: str, scope: Scope) -> asyncpg.Record:
    """Return an alert; NotFound beyond the bounds too."""
    row = await connection.fetchrow(
        f"SELECT * FROM alerts.alert a WHERE id = $1 AND {site_within('a.site_id', 2)}", alert_id, *scope.parameters
    )
    if row is None:
        raise NotFound(f"alert {alert_id}")
    return row


async def acknowledge(connection: asyncpg.Connection, alert_id: str, by: str, at: datetime) -> asyncpg.Record:
    """Note who has seen an alert; the first stays."""
    row = await connection.fetchrow(
        """
        UPDATE alerts.alert SET acknowledged_at = coalesce(acknowledged_at, $2), acknowledged_by = coalesce(acknowledged_by, $3)
        WHERE id = $1 RETURNING *
        """,
        alert_id,
        at,
        by,
    )
    if row is None:
        raise NotFound(f"alert {alert_id}")
    return row


async def forget_resolved(connection: asyncpg.Connection, before: datetime) -> None:
    await connection.execute("DELETE FROM alerts.alert WHERE state = 'resolved' AND resolved_at < $1", before)
