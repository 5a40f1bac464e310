"""Statements about days, hours and what does not count as outage."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Literal

import asyncpg

from ocpp_gateway.timeseries.months import month_after, whole_months
from youguan.auth import EVERYTHING, Scope
from youguan.bounds import site_within, station_within
from youguan.errors import NotFound, Reason

Grouping = Literal["connector", "station", "site", "county"]
KEYS: dict[Grouping, tuple[str, ...]] = {
    "connector": ("site_id", "station_id", "connector"),
    "station": ("site_id", "station_id"),
    "site": ("site_id",),
    "county": (),
}
SUMMED = (
    "available_s", "occupied_s", "charging_s", "reserved_s", "unavailable_s", "faulted_s", "offline_s", "unknown_s", "excluded_s",
    "energy_wh", "transactions",
)  # fmt: skip
SUMS = ", ".join(f"sum({member}) AS {member}" for member in SUMMED)
SHOWN = {"site_id": "nullif(d.site_id, '') AS site_id"}  # a station that is filed nowhere has none


async def roll_day(
    connection: asyncpg.Connection, day: date, low: datetime, high: datetime, station_ids: Collection[str] | None
) -> list[str]:
    """Count a day again; return the stations whose next day must be counted again as well."""
    chosen = None if station_ids is None else sorted(station_ids)
    rows = await connection.fetch("SELECT telemetry.roll_day($1, $2, $3, $4)", day, low, high, chosen)
    return [row[0] for row in rows]


async def newest_day(connection: asyncpg.Connection) -> date | None:
    """Return the last day that was counted."""
    found: date | None = await connection.fetchval("SELECT max(day) FROM telemetry.connector_day")
    return found


async def mark_due(connection: asyncpg.Connection, due: Iterable[tuple[str, date]]) -> None:
    """Note (station, day) pairs that must be counted again."""
    pairs = sorted(set(due))
    if pairs:
        await connection.execute(
            "INSERT INTO gateway.day_due SELECT * FROM unnest($1::text[], $2::date[]) ON CONFLICT DO NOTHING",
            [station_id for station_id, _ in pairs],
            [day for _, day in pairs],
        )


async def forget_due(connection: asyncpg.Connection, before: date) -> None:
    """Let days of long ago be as they were counted."""
    await connection.execute("DELETE FROM gateway.day_due WHERE day < $1", before)


async def take_due(connection: asyncpg.Connection, before: date) -> tuple[date, list[str]] | None:
    """Take the earliest day that is due, with its stations."""
    rows = await connection.fetch(
        """
        DELETE FROM gateway.day_due WHERE day = (SELECT min(day) FROM gateway.day_due WHERE day < $1)
        RETURNING day, station_id
        """,
        before,
    )
    return (rows[0]["day"], [row["station_id"] for row in rows]) if rows else None


async def sum_days(
    connection: asyncpg.Connection,
    since: date,
    until: date,
    by: Grouping,
    *,
    site_id: str | None,
    station_id: str | None,
    scope: Scope = EVERYTHING,
    after: Sequence[Any] | None = None,
    limit: int | None = None,
) -> list[asyncpg.Record]:
    """Return seconds in each state, energy and transactions of the days [since, until), summed as asked for, in the order of KEYS.

    A day is the site's at which the station stood at its noon: one that has moved has sums at each.
    `after`: the keys of the last one seen, those of no site with an empty one.
    """
    keys = KEYS[by]
    shown = "".join(f"{SHOWN.get(key, key)}, " for key in keys)
    in_order = ", ".join(f"d.{key}" for key in keys)
    grouped = f"GROUP BY {in_order}" if keys and by != "connector" else ""
    later = f"AND ({in_order}) > ({', '.join(f'${n}' for n, _ in enumerate(after, 11))})" if after else ""
    of = "($5::text IS NULL OR site_id = $5) AND ($6::text IS NULL OR station_id = $6)"
    connectors = KEYS["connector"]
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT {shown} {", ".join(SUMMED) if by == "connector" else SUMS}
        FROM (
            SELECT {", ".join(connectors)}, {SUMS} FROM (
                SELECT {", ".join((*connectors, *SUMMED))} FROM telemetry.connector_month
                WHERE month >= $3 AND month < $4 AND {of}
                UNION ALL
                SELECT {", ".join((*connectors, *SUMMED))} FROM telemetry.connector_day
                WHERE (day >= $1 AND day < $3 OR day >= $4 AND day < $2) AND {of}
            ) counted GROUP BY {", ".join(connectors)}
        ) d
        WHERE {site_within("d.site_id", 7)} {later}
        {grouped} {f"ORDER BY {in_order}" if keys else ""} LIMIT $10
        """,
        since,
        until,
        *whole_months(since, until, await summed_until(connection)),
        site_id,
        station_id,
        *scope.parameters,
        limit,
        *(after or ()),
    )
    return rows


async def summed_until(connection: asyncpg.Connection) -> date | None:
    """Return the first day that is in no month's sums, nor is any after it; None: there are no sums."""
    newest: date | None = await connection.fetchval("SELECT max(month) FROM telemetry.connector_month")
    return None if newest is None else month_after(newest)


SUM_MONTH = f"""
INSERT INTO telemetry.connector_month (month, station_id, connector, site_id, {", ".join(SUMMED)})
SELECT $1, station_id, connector, site_id, {SUMS} FROM telemetry.connector_day
WHERE day >= $1 AND day < $2 AND (station_id = ANY($3) OR $3 IS NULL) GROUP BY station_id, connector, site_id
"""


async def sum_months(connection: asyncpg.Connection, before: date) -> None:
    """Sum the months that have no sums, up to the one that begins on a day; each by itself: the first time they may be years."""
    oldest = "SELECT date_trunc('month', min(day))::date FROM telemetry.connector_day"
    month = await summed_until(connection) or await connection.fetchval(oldest)
    while month is not None and month < before:
        await connection.execute(SUM_MONTH, month, month_after(month), None)
        month = month_after(month)


async def sum_again(connection: asyncpg.Connection, day: date, station_ids: Collection[str]) -> None:
    """Sum the month of a day again for some stations, if it has sums; in a transaction."""
    first, after = whole_months(day.replace(day=1), month_after(day), await summed_until(connection))
    chosen = sorted(station_ids)
    await connection.execute(
        "DELETE FROM telemetry.connector_month WHERE month >= $1 AND month < $2 AND station_id = ANY($3)",
        first,
        after,
        chosen,
    )
    await connection.execute(SUM_MONTH, first, after, chosen)


async def sum_spans(
    connection: asyncpg.Connection, spans: Sequence[tuple[str, date, date]], scope: Scope = EVERYTHING
) -> list[asyncpg.Record]:
    """Return such sums of each (site, first day, day after the last) that was observed, with its place among them."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT w.place::int - 1 AS place, w.site_id, {SUMS}
        FROM unnest($1::text[], $2::date[], $3::date[]) WITH ORDINALITY AS w (site_id, first, after, place)
        JOIN telemetry.connector_day d ON d.site_id = w.site_id AND d.day >= w.first AND d.day < w.after
        WHERE {site_within("w.site_id", 4)} GROUP BY w.place, w.site_id ORDER BY w.place
        """,
        [site_id for site_id, _, _ in spans],
        [first for _, first, _ in spans],
        [after for _, _, after in spans],
        *scope.parameters,
    )
    return rows


async def hours(
    connection: asyncpg.Connection,
    station_id: str,
    since: date,
    until: date,
    *,
    after: tuple[str, int, int] | None = None,
    limit: int | None = None,
) -> list[asyncpg.Record]:
    """Return a station's seconds in each state by connector and hour of the days [since, until).

    `after`: day, hour and connector of the last one seen; `day_text` is its day as it stands there.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT *, day::text AS day_text FROM telemetry.connector_hour WHERE station_id = $1 AND day >= $2 AND day < $3
          AND ($4::text IS NULL OR (day::text, hour, connector) > ($4, $5::int, $6::int))
        ORDER BY day, hour, connector LIMIT $7
        """,
        station_id,
        since,
        until,
        *(after or (None, None, None)),
        limit,
    )
    return rows


# --- what does not count ----------------------------------------------------------------------------------------


async def insert_exclusions(connection: asyncpg.Connection, exclusions: Sequence[Sequence[Any]]) -> None:
    """Record periods: (id, station, kind, since, until, announced at, reason, recorded by, recorded at)."""
    await connection.executemany(
        "INSERT INTO gateway.exclusion VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", exclusions
    )


async def withdraw_exclusion(connection: asyncpg.Connection, exclusion_id: str, at: datetime) -> asyncpg.Record:
    """Let a period count again; what was recorded stays on record. NotFound."""
    row = await connection.fetchrow(
        "UPDATE gateway.exclusion SET withdrawn_at = $2 WHERE id = $1 AND withdrawn_at IS NULL RETURNING *",
        exclusion_id,
        at,
    )
    if row is None:
        raise NotFound(Reason("exclusion {id}", id=exclusion_id))
    return row


async def list_exclusions(
    connection: asyncpg.Connection,
    station_id: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
    scope: Scope = EVERYTHING,
) -> list[asyncpg.Record]:
    """Return recorded periods, those recorded last first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT * FROM gateway.exclusion x
        WHERE ($1::text IS NULL OR station_id = $1) AND ($2::timestamptz IS NULL OR (recorded_at, id) < ($2, $3))
          AND {station_within("x.station_id", 5)}
        ORDER BY recorded_at DESC, id DESC LIMIT $4
        """,
        station_id,
        *(before or (None, None)),
        limit,
        *scope.parameters,
    )
    return rows


async def stations_of_site(connection: asyncpg.Connection, site_id: str) -> list[str]:
    """Return the stations of a site; NotFound where it has none."""
    rows = await connection.fetch("SELECT station_id FROM gateway.station_directory WHERE site_id = $1", site_id)
    if not rows:
        raise NotFound(Reason("site {site_id}", site_id=site_id))
    return [row["station_id"] for row in rows]
