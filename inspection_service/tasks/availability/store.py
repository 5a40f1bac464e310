"""The statements about which stations are heard and which connectors are in service: only then holding times run."""

from collections.abc import Collection, Mapping
from datetime import datetime

import asyncpg

UNHEARD = "SELECT FROM inspection.unheard_station u WHERE u.station_id = t.station_id"
OUT_OF_SERVICE = """
SELECT FROM inspection.unavailable_connector u
WHERE u.station_id = t.station_id AND (u.connector = t.connector OR (u.connector = 0 AND t.connector > 0))
"""


async def is_unheard(connection: asyncpg.Connection, station_id: str | None) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM inspection.unheard_station WHERE station_id = $1)", station_id
    )
    return found


async def is_unavailable(connection: asyncpg.Connection, station_id: str | None, connector: int | None) -> bool:
    """Say whether a connector, or its station as a whole, is out of service; of a station alone it is never said."""
    found: bool = await connection.fetchval(
        f"SELECT EXISTS ({OUT_OF_SERVICE}) FROM (VALUES ($1::text, $2::int)) AS t (station_id, connector)",
        station_id,
        connector,
    )
    return found


async def lose_stations(connection: asyncpg.Connection, lost: Mapping[str, datetime]) -> set[str]:
    """Note stations that cannot be heard; return those that could be."""
    rows = await connection.fetch(
        """
        INSERT INTO inspection.unheard_station SELECT * FROM unnest($1::text[], $2::timestamptz[])
        ON CONFLICT DO NOTHING RETURNING station_id
        """,
        list(lost),
        list(lost.values()),
    )
    return {row["station_id"] for row in rows}


async def hear_stations(connection: asyncpg.Connection, heard: Collection[str]) -> set[str]:
    """Note stations that are heard again; return those that could not be."""
    rows = await connection.fetch(
        "DELETE FROM inspection.unheard_station WHERE station_id = ANY($1) RETURNING station_id", list(heard)
    )
    return {row["station_id"] for row in rows}


async def withdraw_connectors(connection: asyncpg.Connection, out: Mapping[tuple[str, int], datetime]) -> None:
    """Note connectors that are out of service, and since when."""
    await connection.execute(
        """
        INSERT INTO inspection.unavailable_connector SELECT * FROM unnest($1::text[], $2::int[], $3::timestamptz[])
        ON CONFLICT DO NOTHING
        """,
        [station_id for station_id, _ in out],
        [connector for _, connector in out],
        list(out.values()),
    )


async def restore_connectors(connection: asyncpg.Connection, back: Collection[tuple[str, int]]) -> None:
    """Note connectors that are in service again."""
    await connection.execute(
        """
        DELETE FROM inspection.unavailable_connector u USING unnest($1::text[], $2::int[]) AS b (station_id, connector)
        WHERE (u.station_id, u.connector) = (b.station_id, b.connector)
        """,
        [station_id for station_id, _ in back],
        [connector for _, connector in back],
    )


async def hold(connection: asyncpg.Connection, changed: Mapping[str, datetime]) -> None:
    """Let holding times run while their stations are heard and their connectors in service, and stop them while not.

    `changed`: stations of which that may have changed, and when.
    """
    await connection.execute(
        f"""
        UPDATE inspection.task t
        SET verify_until = CASE WHEN c.runs THEN c.at + t.holding_left END,
            holding_left = CASE WHEN NOT c.runs THEN greatest(t.verify_until - c.at, interval '0') END
        FROM (
            SELECT t.id, s.at, NOT EXISTS ({UNHEARD}) AND NOT EXISTS ({OUT_OF_SERVICE}) AS runs
            FROM inspection.task t JOIN unnest($1::text[], $2::timestamptz[]) AS s (station_id, at) USING (station_id)
            WHERE t.state = 'verifying'
        ) c
        WHERE t.id = c.id AND t.state = 'verifying' AND c.runs = (t.verify_until IS NULL)
        """,
        list(changed),
        list(changed.values()),
    )
