"""Statements about whom to ask, and what of the answer is news."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

import asyncpg


async def asked_before(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record:
    """Return when a platform was asked for what it files, and of which day for what its sites delivered; None: never."""
    found = await connection.fetchrow(
        "SELECT files_asked_at, stats_asked_of FROM gateway.platform_now WHERE operator_id = $1", operator_id
    )
    assert found is not None  # who asks has taken its turn there
    return found


async def note_files_asked(connection: asyncpg.Connection, operator_id: str, at: datetime) -> None:
    await connection.execute(
        "UPDATE gateway.platform_now SET files_asked_at = $2 WHERE operator_id = $1", operator_id, at
    )


async def note_stats_asked(connection: asyncpg.Connection, operator_id: str, day: date) -> None:
    await connection.execute(
        "UPDATE gateway.platform_now SET stats_asked_of = $2 WHERE operator_id = $1", operator_id, day
    )


async def sites_without_stats(connection: asyncpg.Connection, operator_id: str, day: date) -> list[str]:
    """Return the T/CEC 102 ids of the sites that are filed for an operator of which nothing is known of a day."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT cec_station_id FROM gateway.connector_code c
        WHERE operator_code = $1 AND cec_station_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM gateway.platform_stats s WHERE s.operator_id = $1 AND s.cec_station_id = c.cec_station_id AND s.day = $2
        ) ORDER BY 1
        """,
        operator_id,
        day,
    )
    return [row["cec_station_id"] for row in rows]


async def confirm(
    connection: asyncpg.Connection, operator_id: str, connector_ids: Collection[str], at: datetime
) -> None:
    """Note that a platform has said what these of its connectors are, changed or not."""
    await connection.execute(
        "UPDATE gateway.connector_code SET confirmed_at = $3 WHERE operator_code = $1 AND cec_connector_id = ANY($2)",
        operator_id,
        list(connector_ids),
        at,
    )


async def words_now(connection: asyncpg.Connection, operator_id: str) -> dict[str, str | None]:
    """Return the latest status of a platform's connectors, by its ids; None where the station speaks for itself.

    What was last said of a station that is offline since is not there: that its platform reaches it again is news.
    """
    rows = await connection.fetch(
        """
        SELECT c.cec_connector_id, CASE WHEN s.connected THEN NULL ELSE n.status END AS status FROM gateway.connector_code c
        LEFT JOIN gateway.connector_now n USING (station_id, connector) LEFT JOIN gateway.station_now s USING (station_id)
        WHERE c.operator_code = $1 AND (s.connected OR s.state = 'online' AND n.status IS NOT NULL OR n.status = 'Offline')
        """,
        operator_id,
    )
    return {row["cec_connector_id"]: row["status"] for row in rows}


async def is_due(connection: asyncpg.Connection, operator_id: str, now: datetime, every: timedelta) -> bool:
    """Say whether a platform is to be asked now, and by us: whoever is told so has taken its turn."""
    taken = await connection.fetchval(
        """
        INSERT INTO gateway.platform_now AS n (operator_id, last_pulled_at) VALUES ($1, $2)
        ON CONFLICT (operator_id) DO UPDATE SET last_pulled_at = excluded.last_pulled_at
            WHERE n.last_pulled_at IS NULL OR n.last_pulled_at <= $3
        RETURNING true
        """,
        operator_id,
        now,
        now - every,
    )
    return bool(taken)


async def note_pull(connection: asyncpg.Connection, operator_id: str, error: str | None) -> None:
    """Note how asking a platform went."""
    await connection.execute(
        "UPDATE gateway.platform_now SET pull_error = $2 WHERE operator_id = $1", operator_id, error
    )


async def forget_unnamed(
    connection: asyncpg.Connection, operator_id: str, named: Collection[str], before: datetime
) -> None:
    """Forget what a platform filed before a time of the sites that it does not name any more."""
    await connection.execute(
        """
        DELETE FROM gateway.platform_station
        WHERE operator_id = $1 AND received_at < $3 AND cec_station_id <> ALL($2::text[])
        """,
        operator_id,
        list(named),
        before,
    )
