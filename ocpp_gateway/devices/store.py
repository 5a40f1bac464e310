"""The statements about variables and clocks."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

import asyncpg

from ocpp_gateway.observation import ClockMeasured, VariableKey, VariablesReported
from ocpp_gateway.protocol.secrets import SECRET_NAME
from ocpp_gateway.protocol.streams import StreamsKnown

ACTUAL = "Actual"
# More than any charger has: who tells of more invents them. What a station has told of already goes on being brought up to date.
VARIABLES_A_STATION = 10_000
MONITORS_A_STATION = 5_000
STREAMS_A_STATION = 1_000
Numbered = tuple[str, int]
"""(station, its own number of a monitor or a stream)."""
Named = tuple[str, VariableKey]
"""(station, its variable)."""
Key = TypeVar("Key")


def bounded(table: str, key: Sequence[str]) -> str:
    """Return the parts of a statement between `told`, which numbers its rows by `place`, and what is done with them.

    `beyond` are the places of those that are new and more than a station may have, `$1`. Where nothing is new nothing is counted.
    """
    had, said = (", ".join(f"{name}.{column}" for column in key) for name in ("h", "t"))
    return f"""
    news AS MATERIALIZED (
        SELECT station_id, place, row_number() OVER (PARTITION BY station_id ORDER BY place) AS nth
        FROM told t WHERE NOT EXISTS (SELECT FROM {table} h WHERE ({had}) = ({said}))
    ), counted AS MATERIALIZED (
        SELECT station_id, (SELECT count(*) FROM {table} h WHERE h.station_id = s.station_id) AS kept
        FROM (SELECT DISTINCT station_id FROM news) s
    ), beyond AS MATERIALIZED (
        SELECT place FROM news JOIN counted USING (station_id) WHERE kept + nth > $1
    )
    """


VARIABLE = ("station_id", *VariableKey._fields)
WRITE_VARIABLES = f"""
WITH told AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::int[], $6::int[], $7::text[], $8::text[], $9::text[],
                         $10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[]) WITH ORDINALITY
        AS t ({", ".join(VARIABLE)}, value, mutability, data_type, unit, reported_at, place)
), {bounded("gateway.variable", VARIABLE)}, written AS (
    INSERT INTO gateway.variable AS v
    SELECT {", ".join(VARIABLE)}, value, mutability, data_type, unit, reported_at
    FROM told WHERE place NOT IN (SELECT place FROM beyond)
    ON CONFLICT ({", ".join(VARIABLE)}) DO UPDATE SET
        value = excluded.value, mutability = coalesce(excluded.mutability, v.mutability),
        data_type = coalesce(excluded.data_type, v.data_type), unit = coalesce(excluded.unit, v.unit),
        reported_at = excluded.reported_at
        WHERE v.reported_at <= excluded.reported_at
)
SELECT place FROM beyond ORDER BY place
"""


async def write_variables(connection: asyncpg.Connection, reports: Sequence[VariablesReported]) -> list[Named]:
    """Keep the latest of each variable; what is told late does not undo what is newer.

    Return those that are not kept: they are more than a station may have.
    """
    latest: dict[Named, tuple[Any, ...]] = {}
    for report in sorted(reports, key=lambda report: report.reported_at):
        for variable in report.variables:
            latest[report.station_id, variable.key] = (*variable[1:], report.reported_at)
    named = sorted(latest)
    rows = [(station_id, *key, *latest[station_id, key]) for station_id, key in named]
    return await _write(connection, WRITE_VARIABLES, VARIABLES_A_STATION, named, rows) if rows else []


WATCHED = VariableKey._fields[:-1]
WRITE_MONITORS = f"""
WITH told AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::int[], $4::text[], $5::text[], $6::int[], $7::int[], $8::text[], $9::text[])
        WITH ORDINALITY AS t (station_id, number, {", ".join(WATCHED)}, place)
), {bounded("gateway.monitor", ("station_id", "number"))}, written AS (
    INSERT INTO gateway.monitor (station_id, number, {", ".join(WATCHED)})
    SELECT station_id, number, {", ".join(WATCHED)} FROM told WHERE place NOT IN (SELECT place FROM beyond)
    ON CONFLICT (station_id, number) DO UPDATE SET
        component = excluded.component, component_instance = excluded.component_instance, evse = excluded.evse,
        connector = excluded.connector, variable = excluded.variable, variable_instance = excluded.variable_instance
)
SELECT place FROM beyond ORDER BY place
"""


async def write_monitors(
    connection: asyncpg.Connection, monitors: Mapping[Numbered, VariableKey | None]
) -> list[Numbered]:
    """Note which variable each monitor of a station watches, whatever it watched before; None: it is cleared, and makes room.

    Return those that are not kept: they are more than a station may have.
    """
    await _remove(connection, "gateway.monitor", [number for number in sorted(monitors) if monitors[number] is None])
    rows = [(*number, *key[:-1]) for number, key in sorted(monitors.items()) if key is not None]
    return await _write(connection, WRITE_MONITORS, MONITORS_A_STATION, [row[:2] for row in rows], rows) if rows else []


WRITE_STREAMS = f"""
WITH told AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::int[], $4::int[]) WITH ORDINALITY AS t (station_id, number, monitor, place)
), {bounded("gateway.event_stream", ("station_id", "number"))}, written AS (
    INSERT INTO gateway.event_stream (station_id, number, monitor)
    SELECT station_id, number, monitor FROM told WHERE place NOT IN (SELECT place FROM beyond)
    ON CONFLICT (station_id, number) DO UPDATE SET monitor = excluded.monitor
)
SELECT place FROM beyond ORDER BY place
"""


async def write_streams(connection: asyncpg.Connection, streams: Mapping[Numbered, int | None]) -> list[Numbered]:
    """Note which monitor each stream of a station tells of; None: it is closed, and makes room for another.

    Return those that are not kept: they are more than a station may have.
    """
    await _remove(connection, "gateway.event_stream", [number for number in sorted(streams) if streams[number] is None])
    rows = [(*number, monitor) for number, monitor in sorted(streams.items()) if monitor is not None]
    return await _write(connection, WRITE_STREAMS, STREAMS_A_STATION, [row[:2] for row in rows], rows) if rows else []


async def _remove(connection: asyncpg.Connection, table: str, numbers: Sequence[Numbered]) -> None:
    if numbers:
        await connection.execute(
            f"""
            DELETE FROM {table} h USING unnest($1::text[], $2::int[]) AS gone (station_id, number)
            WHERE (h.station_id, h.number) = (gone.station_id, gone.number)
            """,
            *zip(*numbers, strict=True),
        )


async def _write(
    connection: asyncpg.Connection, statement: str, most: int, keys: Sequence[Key], rows: Sequence[Sequence[Any]]
) -> list[Key]:
    """Write rows; return the keys of those that are too many."""
    beyond = await connection.fetch(statement, most, *zip(*rows, strict=True))
    return [keys[row["place"] - 1] for row in beyond]


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
    return {
        (row["station_id"], row["stream"]): VariableKey(**{name: row[name] for name in WATCHED}, attribute=ACTUAL)
        for row in rows
    }


async def streams_known(connection: asyncpg.Connection, station_ids: Collection[str]) -> dict[str, StreamsKnown]:
    """Return what is known of the streams of stations; of those of which nothing is, nothing."""
    rows = await connection.fetch(
        """
        SELECT station_id, NULL AS stream, number AS monitor FROM gateway.monitor
        WHERE station_id = ANY($1::text[]) AND variable ~* $2
        UNION ALL
        SELECT station_id, number, monitor FROM gateway.event_stream WHERE station_id = ANY($1::text[])
        """,
        list(station_ids),
        SECRET_NAME.pattern,
    )
    found: dict[str, tuple[set[int], dict[int, int]]] = {}
    for row in rows:
        secrets, monitor_of = found.setdefault(row["station_id"], (set(), {}))
        if row["stream"] is None:
            secrets.add(row["monitor"])
        else:
            monitor_of[row["stream"]] = row["monitor"]
    return {
        station_id: StreamsKnown(frozenset(secrets), monitor_of) for station_id, (secrets, monitor_of) in found.items()
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


async def file_protocols(connection: asyncpg.Connection, station_id: str) -> str | None:
    """Return over what a station says that it can bring and fetch files, such as `FTP,HTTP`: of 1.6 or of 2.x."""
    said: str | None = await connection.fetchval(
        """
        SELECT value FROM gateway.variable
        WHERE station_id = $1 AND variable IN ('SupportedFileTransferProtocols', 'FileTransferProtocols') AND attribute = $2
        ORDER BY reported_at DESC LIMIT 1
        """,
        station_id,
        ACTUAL,
    )
    return said


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
