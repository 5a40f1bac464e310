"""Statements about what provinces are told."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
import orjson

from ocpp_gateway.cec102 import profiles
from ocpp_gateway.cec102.filed.store import file_of
from ocpp_gateway.cec102.upward.reports import Report, Tried
from youguan.eventlog import encode
from youguan.events import SiteFiled

MOMENTARY = "({})".format(", ".join(f"'{kind}'" for kind in profiles.MOMENTARY))


async def energies(
    connection: asyncpg.Connection, operator_id: str | None, cec_station_id: str, since: datetime, until: datetime
) -> list[asyncpg.Record]:
    """Return the energy of the transactions of an operator's site that ended in [since, until), by connector."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.cec_equipment_id, c.cec_connector_id, coalesce(sum(telemetry.energy_wh(t)), 0) AS energy_wh
        FROM gateway.connector_code c LEFT JOIN telemetry.transaction t
          ON (t.station_id, t.connector) = (c.station_id, c.connector) AND t.ended_at >= $2 AND t.ended_at < $3
        WHERE c.cec_station_id = $1 AND c.operator_code = $4 GROUP BY 1, 2 ORDER BY 1, 2
        """,
        cec_station_id,
        since,
        until,
        operator_id,
    )
    return rows


async def queue(
    connection: asyncpg.Connection, operator_id: str, reports: Sequence[Report], now: datetime, *, anew: bool = False
) -> None:
    """Put reports at the end of a province's queue; a status that it was told last is not told twice, unless it is told `anew`."""
    await connection.executemany(
        """
        INSERT INTO gateway.upward_report (operator_id, kind, subject, content, made_at, due_at, state, error, ended_at)
        SELECT $1::text, $2::text, $3::text, $4::jsonb, $5::timestamptz, $5, CASE WHEN $6 = '' THEN 'waiting' ELSE 'withheld' END,
               nullif($6::text, ''), CASE WHEN $6 <> '' THEN $5 END
        WHERE $7::bool OR $2 <> 'status' OR NOT EXISTS (
            SELECT FROM (
                SELECT content, state FROM gateway.upward_report
                WHERE (operator_id, kind, subject) = ($1, $2, $3) ORDER BY id DESC LIMIT 1
            ) told WHERE told.state IN ('waiting', 'taken') AND told.content - 'UpdateTime' = $4 - 'UpdateTime'
        )
        """,
        [(operator_id, r.kind, r.subject, r.content, now, r.withheld, anew) for r in reports],
    )


async def site_until_now(connection: asyncpg.Connection, filed: SiteFiled) -> SiteFiled | None:
    """Take in a site's file; return the one until now, or None."""
    before = await connection.fetchval(
        "SELECT file FROM gateway.told_site WHERE site_id = $1 FOR UPDATE", filed.site_id
    )
    await connection.execute(
        """
        INSERT INTO gateway.told_site (site_id, operator_code, file) VALUES ($1, $2, $3)
        ON CONFLICT (site_id) DO UPDATE SET operator_code = excluded.operator_code, file = excluded.file
        """,
        filed.site_id,
        filed.operator_code,
        orjson.loads(encode(filed)),
    )
    return file_of(before) if before is not None else None


async def forget_site(connection: asyncpg.Connection, site_id: str) -> SiteFiled | None:
    """Let a site be no more; return its last file, or None."""
    file = await connection.fetchval("DELETE FROM gateway.told_site WHERE site_id = $1 RETURNING file", site_id)
    return file_of(file) if file is not None else None


async def borne_elsewhere(connection: asyncpg.Connection, filed: SiteFiled, connector_ids: Collection[str]) -> set[str]:
    """Return those of some codes that a connector of another site of the same operator bears, where a station was moved to."""
    if not connector_ids:
        return set()
    rows = await connection.fetch(
        """
        SELECT c ->> 'cec_connector_id' AS id FROM gateway.told_site t, jsonb_array_elements(t.file -> 'stations') s,
            jsonb_array_elements(s -> 'connector_files') c
        WHERE t.operator_code = $1 AND t.site_id <> $2 AND c ->> 'cec_connector_id' = ANY($3)
        """,
        filed.operator_code,
        filed.site_id,
        list(connector_ids),
    )
    return {row["id"] for row in rows}


async def standing(connection: asyncpg.Connection, station_ids: Collection[str]) -> list[asyncpg.Record]:
    """Return what the connectors of stations are that have said something; offline: what nobody reaches."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT n.station_id, n.connector, CASE WHEN s.state = 'offline' THEN 'unavailable' ELSE n.condition END AS condition,
               n.effective_at
        FROM gateway.connector_now n LEFT JOIN gateway.station_now s USING (station_id) WHERE n.station_id = ANY($1)
        """,
        list(station_ids),
    )
    return rows


async def queue_moment(
    connection: asyncpg.Connection, operator_id: str, kind: str, reports: Sequence[Report], now: datetime
) -> None:
    """Put what is told of this moment in the place of what a province has not taken of the moments before."""
    async with connection.transaction():
        await connection.execute(
            "DELETE FROM gateway.upward_report WHERE operator_id = $1 AND kind = $2 AND state = 'waiting'",
            operator_id,
            kind,
        )
        await queue(connection, operator_id, reports, now)


async def waiting(connection: asyncpg.Connection, operator_id: str, limit: int) -> list[asyncpg.Record]:
    """Return the first that a province has not taken: of what has happened, and of what is told of this moment."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        (SELECT * FROM gateway.upward_report WHERE operator_id = $1 AND state = 'waiting' AND kind NOT IN {MOMENTARY}
         ORDER BY id LIMIT $2)
        UNION ALL
        (SELECT * FROM gateway.upward_report WHERE operator_id = $1 AND state = 'waiting' AND kind IN {MOMENTARY}
         ORDER BY id LIMIT $2)
        """,
        operator_id,
        limit,
    )
    return rows


# A status and a file say what is so: the later of two of the same subject makes the earlier one old. An order is what happened.
OLD = """
    had.kind IN ('status', 'station') AND EXISTS (
        SELECT FROM gateway.upward_report later
        WHERE (later.operator_id, later.kind, later.subject) = (had.operator_id, had.kind, had.subject) AND later.id > had.id
          AND later.content -> 'OperatorID' = had.content -> 'OperatorID'
    )
"""


async def overtake(connection: asyncpg.Connection, operator_id: str, now: datetime, *, everything: bool) -> None:
    """Leave behind what is old of what was tried in vain, or of `everything` that waits."""
    await connection.execute(
        f"""
        UPDATE gateway.upward_report had SET state = 'overtaken', ended_at = $2
        WHERE operator_id = $1 AND state = 'waiting' AND ($3 OR tries > 0) AND {OLD}
        """,
        operator_id,
        now,
        everything,
    )


class Pause(NamedTuple):
    """How often a province dealt with nothing, time and again, and until when it is left alone (None: it is not)."""

    in_vain: int
    until: datetime | None


async def pause_of(connection: asyncpg.Connection, operator_id: str) -> Pause:
    row = await connection.fetchrow(
        "SELECT told_in_vain, tell_again_at FROM gateway.platform_now WHERE operator_id = $1", operator_id
    )
    return Pause(0, None) if row is None else Pause(*row)


async def pause(connection: asyncpg.Connection, operator_id: str, until: datetime) -> None:
    """Leave a province alone for a while, that dealt with nothing once more."""
    await connection.execute(
        """
        INSERT INTO gateway.platform_now AS n (operator_id, told_in_vain, tell_again_at) VALUES ($1, 1, $2)
        ON CONFLICT (operator_id) DO UPDATE SET told_in_vain = n.told_in_vain + 1, tell_again_at = excluded.tell_again_at
        """,
        operator_id,
        until,
    )


async def note_taken(connection: asyncpg.Connection, operator_id: str, at: datetime) -> None:
    """Note when a province last took something."""
    await connection.execute(
        """
        INSERT INTO gateway.platform_now AS n (operator_id, last_taken_at) VALUES ($1, $2)
        ON CONFLICT (operator_id) DO UPDATE SET last_taken_at = excluded.last_taken_at
        """,
        operator_id,
        at,
    )


async def end_pause(connection: asyncpg.Connection, operator_id: str) -> None:
    await connection.execute(
        "UPDATE gateway.platform_now SET told_in_vain = 0, tell_again_at = NULL WHERE operator_id = $1", operator_id
    )


async def unheard(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return the provinces that deal with nothing and are not known to be deaf, with since when something waits for them."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT p.operator_id, p.name, p.profile, min(r.made_at) AS waits_since FROM gateway.platform p
        JOIN gateway.platform_now n USING (operator_id) JOIN gateway.upward_report r USING (operator_id)
        WHERE p.role = 'province' AND p.enabled AND n.told_in_vain > 0 AND n.deaf_since IS NULL AND r.state = 'waiting'
        GROUP BY 1, 2, 3 ORDER BY 1
        """
    )
    return rows


async def mark_deaf(connection: asyncpg.Connection, operator_id: str, at: datetime) -> None:
    await connection.execute("UPDATE gateway.platform_now SET deaf_since = $2 WHERE operator_id = $1", operator_id, at)


async def hearing_again(connection: asyncpg.Connection) -> list[str]:
    """Note which provinces that were deaf deal with what they are told again; return them."""
    rows = await connection.fetch(
        """
        UPDATE gateway.platform_now SET deaf_since = NULL WHERE deaf_since IS NOT NULL AND told_in_vain = 0
        RETURNING operator_id
        """
    )
    return sorted(row["operator_id"] for row in rows)


async def completed(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return the transactions of which all is known by now, whose orders were withheld, with the connectors where they were."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT r.id AS report_id, r.content ->> 'ended_at' AS ended_at, c.*, t.transaction_id, t.started_at, t.recorded_at,
               telemetry.energy_wh(t) AS energy_wh, t.reason
        FROM gateway.upward_report r
        JOIN telemetry.transaction t
          ON (t.station_id, t.transaction_id) = (r.content ->> 'station_id', r.content ->> 'transaction_id')
        JOIN gateway.connector_code c ON (c.station_id, c.connector) = (t.station_id, t.connector)
        WHERE r.state = 'withheld' AND t.started_at IS NOT NULL AND telemetry.energy_wh(t) IS NOT NULL
        ORDER BY r.id
        """
    )
    return rows


async def release(connection: asyncpg.Connection, report_id: int, report: Report, now: datetime) -> None:
    """Let what was withheld go up as it can be told now."""
    await connection.execute(
        """
        UPDATE gateway.upward_report SET state = 'waiting', subject = $2, content = $3, due_at = $4, error = NULL, ended_at = NULL
        WHERE id = $1 AND state = 'withheld'
        """,
        report_id,
        report.subject,
        report.content,
        now,
    )


LATEST_VALUES = """
    LEFT JOIN LATERAL (
        SELECT max(occurred_at) AS at, jsonb_agg(jsonb_build_array(measurand, phase, value)) AS measured FROM (
            SELECT DISTINCT ON (measurand, phase) measurand, phase, value, occurred_at FROM telemetry.meter_value m
            WHERE m.station_id = c.station_id AND m.connector = c.connector AND m.occurred_at BETWEEN $1 AND $2
              AND m.location IN ('', 'Outlet') ORDER BY measurand, phase, occurred_at DESC
        ) latest
    ) v ON n.condition = 'charging'
"""


async def charging_now(connection: asyncpg.Connection, since: datetime, until: datetime) -> list[asyncpg.Record]:
    """Return the newest open transaction of each connector that has codes, with its latest values since then."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT c.*, n.condition, s.ocpp_version, t.transaction_id, t.started_at, t.meter_start_wh,
               telemetry.energy_wh(t) AS energy_wh, v.at, v.measured
        FROM (
            SELECT DISTINCT ON (station_id, connector) * FROM telemetry.transaction
            WHERE stopped_at IS NULL AND started_at IS NOT NULL ORDER BY station_id, connector, id DESC
        ) t
        JOIN gateway.connector_code c USING (station_id, connector)
        JOIN gateway.connector_now n USING (station_id, connector)
        JOIN gateway.station_now s USING (station_id) {LATEST_VALUES}
        WHERE s.state = 'online' AND n.condition IN ('charging', 'occupied') ORDER BY c.station_id, c.connector
        """,
        since,
        until,
    )
    return rows


async def drawing_now(connection: asyncpg.Connection, since: datetime, until: datetime) -> list[asyncpg.Record]:
    """Return the connectors in reach that have codes, in the order of those, with their latest values since then."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT c.*, n.condition, v.at, v.measured FROM gateway.connector_code c
        JOIN gateway.connector_now n USING (station_id, connector)
        JOIN gateway.station_now s USING (station_id) {LATEST_VALUES}
        WHERE s.state = 'online' AND c.cec_station_id IS NOT NULL
        ORDER BY c.cec_station_id, c.cec_equipment_id, c.cec_connector_id
        """,
        since,
        until,
    )
    return rows


async def note_try(
    connection: asyncpg.Connection, report_id: int, tried: Tried, now: datetime, due_at: datetime, error: str | None
) -> None:
    """Note how a try went."""
    await connection.execute(
        """
        UPDATE gateway.upward_report SET state = $2, tries = tries + 1, stumbles = $3, due_at = $5, error = $6,
            ended_at = CASE WHEN $2 <> 'waiting' THEN $4::timestamptz END
        WHERE id = $1
        """,
        report_id,
        tried.state,
        tried.stumbles,
        now,
        due_at,
        error,
    )
