"""The statements about variables and clocks."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import asyncpg

from ocpp_gateway.observation import ClockMeasured, VariableKey, VariablesReported

WIDTH = 13
ACTUAL = "Actual"
Numbered = tuple[str, int]
"""(station, its own number of a monitor or a stream)."""


async def write_variables(connection: asyncpg.Connection, reports: Sequence[VariablesReported]) -> None:
    """Keep the latest of each variable; what is told late does not undo what is newer."""
    latest: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for report in sorted(reports, key=lambda report: report.reported_at):
        for variable in report.variables:
            key = (report.station_id, *variable.key)
            latest[key] = (*key, *variable[1:], report.reported_at)
    rows = [latest[key] for key in sorted(latest)]
    await connection.execute(
        """
        INSERT INTO gateway.variable AS v
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::int[], $6::text[], $7::text[], $8::text[],
                             $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[])
        ON CONFLICT (station_id, component, component_instance, evse, connector, variable, variable_instance, attribute)
        DO UPDATE SET
            value = excluded.value, mutability = coalesce(excluded.mutability, v.mutability),
            data_type = coalesce(excluded.data_type, v.data_type), unit = coalesce(excluded.unit, v.unit),
            reported_at = excluded.reported_at
            WHERE v.reported_at <= excluded.reported_at
        """,
        *([list(column) for column in zip(*rows, strict=True)] if rows else [[]] * WIDTH),
    )


async def write_monitors(connection: asyncpg.Connection, monitors: Mapping[Numbered, VariableKey]) -> None:
    """Note which variable each monitor of a station watches, whatever it watched before."""
    await connection.executemany(
        """
        INSERT INTO gateway.monitor VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (station_id, number) DO UPDATE SET
            component = excluded.component, component_instance = excluded.component_instance, evse = excluded.evse,
            connector = excluded.connector, variable = excluded.variable, variable_instance = excluded.variable_instance
        """,
        [(*number, *monitors[number][:6]) for number in sorted(monitors)],
    )


async def write_streams(connection: asyncpg.Connection, streams: Mapping[Numbered, int | None]) -> None:
    """Note which monitor each stream of a station tells of; None: it is closed."""
    for number in sorted(streams):
        if streams[number] is None:
            await connection.execute("DELETE FROM gateway.event_stream WHERE (station_id, number) = ($1, $2)", *number)
        else:
            await connection.execute(
                """
                INSERT INTO gateway.event_stream VALUES ($1, $2, $3)
                ON CONFLICT (station_id, number) DO UPDATE SET monitor = excluded.monitor
                """,
                *number,
                streams[number],
            )


async def streams(connection: asyncpg.Connection, numbers: Collection[Numbered]) -> dict[Numbered, VariableKey]:
    """Return the variables that streams tell of, where that is known."""
    rows = await connection.fetch(
        """
        SELECT s.number AS stream, m.*
        FROM unnest($1::text[], $2::int[]) AS told (station_id, number)
        JOIN gateway.event_stream s USING (station_id, number)
        JOIN gateway.monitor m ON (m.station_id, m.number) = (s.station_id, s.monitor)
        """,
        [station_id for station_id, _ in numbers],
        [number for _, number in numbers],
    )
    names = VariableKey._fields[:-1]
    return {
        (row["station_id"], row["stream"]): VariableKey(**{name: row[name] for name in names}, attribute=ACTUAL)
        for row in rows
    }


async def variables(
    connection: asyncpg.Connection,
    station_id: str,
    *,
    component: str | None,
    name: str | None,
    after: Sequence[Any] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return a station's variables in the order of their keys."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM gateway.variable
        WHERE station_id = $1 AND ($2::text IS NULL OR component = $2) AND ($3::text IS NULL OR variable = $3)
          AND ($4::text IS NULL OR (component, component_instance, evse, connector, variable, variable_instance, attribute)
               > ($4, $5::text, $6::int, $7::int, $8::text, $9::text, $10::text))
        ORDER BY component, component_instance, evse, connector, variable, variable_instance, attribute LIMIT $11
        """,
        station_id,
        component,
        name,
        *(after or [None] * 7),
        limit,
    )
    return rows


async def note_clocks(connection: asyncpg.Connection, measured: Sequence[ClockMeasured]) -> list[ClockMeasured]:
    """Note how clocks are; return those that have gone wrong or are right again."""
    changed: list[ClockMeasured] = []
    for measure in measured:
        was_skewed = await connection.fetchval(
            """
            WITH before AS (SELECT * FROM gateway.station_now WHERE station_id = $1 FOR UPDATE)
            UPDATE gateway.station_now n SET clock_skew_s = $2, clock_skewed = $3, clock_measured_at = $4
            FROM before WHERE n.station_id = before.station_id
            RETURNING before.clock_skewed
            """,
            measure.station_id,
            measure.skew_s,
            measure.skewed,
            measure.at,
        )
        if was_skewed is not None and was_skewed != measure.skewed:
            changed.append(measure)
    return changed
