"""The statements of one commit."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, NamedTuple

import asyncpg

from ocpp_gateway.observation import MeterKind, MeterSampled, StatusReported
from ocpp_gateway.recorder import copying
from ocpp_gateway.recorder.batch import KINDS_A_STATION, Batch, Doubt
from ocpp_gateway.recorder.statuses import Now, Place, Recognised
from youguan.eventlog import appended, appending
from youguan.literals import numbers, texts

FRAME_COLUMNS = ("station_id", "received_at", "frame")
SAMPLE_COLUMNS = ("station_id", "connector", "kind", "occurred_at", "received_at", "value", "transaction_id", "mark")
# Why a partition cannot be made now: somebody reads or writes its rows.
BUSY = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.IntegrityConstraintViolationError,
)


class Standing(NamedTuple):
    """How often stations were taken from a worker, and the number of its recorder's last commit."""

    losses: int
    batch: int


async def ensure_days(connection: asyncpg.Connection, days: Sequence[tuple[str, date]]) -> Sequence[tuple[str, date]]:
    """Make the partitions of (table, day) where they are missing; return those that must wait. Plain storage only."""
    for place, (table, day) in enumerate(days):
        try:
            await connection.execute("SELECT telemetry.ensure_day($1, $2)", table, day)
        except asyncpg.DuplicateTableError:
            continue  # somebody has made it meanwhile
        except BUSY:
            return days[place:]
    return ()


async def load_kinds(connection: asyncpg.Connection) -> dict[MeterKind, int]:
    """Return the ids of all kinds of samples."""
    rows = await connection.fetch("SELECT measurand, phase, location, context, unit, id FROM telemetry.meter_kind")
    return {MeterKind(*tuple(row)[:5]): row["id"] for row in rows}


async def add_kinds(connection: asyncpg.Connection, told_by: Mapping[MeterKind, str]) -> dict[MeterKind, int]:
    """Add kinds of samples that are not there, so many a station; return the ids of those that are there then."""
    told = columns(sorted((*kind, station_id) for kind, station_id in told_by.items()), 6)
    await connection.execute(
        """
        WITH missing AS (
            SELECT t.*, row_number() OVER (PARTITION BY station_id) AS place
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                AS t (measurand, phase, location, context, unit, station_id)
            WHERE NOT EXISTS (
                SELECT FROM telemetry.meter_kind k
                WHERE (k.measurand, k.phase, k.location, k.context, k.unit)
                    = (t.measurand, t.phase, t.location, t.context, t.unit)
            )
        ), made AS (
            SELECT station_id, count(*) AS kinds FROM telemetry.meter_kind
            WHERE station_id IN (SELECT station_id FROM missing) GROUP BY station_id
        )
        INSERT INTO telemetry.meter_kind (measurand, phase, location, context, unit, station_id)
        SELECT measurand, phase, location, context, unit, station_id FROM missing LEFT JOIN made USING (station_id)
        WHERE place + coalesce(kinds, 0) <= $7
        ON CONFLICT DO NOTHING
        """,
        *told,
        KINDS_A_STATION,
    )
    rows = await connection.fetch(
        """
        SELECT measurand, phase, location, context, unit, id FROM telemetry.meter_kind
        JOIN unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
            AS t (measurand, phase, location, context, unit) USING (measurand, phase, location, context, unit)
        """,
        *told[:5],
    )
    return {MeterKind(*tuple(row)[:5]): row["id"] for row in rows}


async def standing(connection: asyncpg.Connection, slot: int) -> Standing:
    """Return how a worker stands, once its commit that may be under way has ended."""
    row = await connection.fetchrow("SELECT losses, batch FROM gateway.worker WHERE slot = $1 FOR SHARE", slot)
    return Standing(*row) if row else Standing(0, 0)


async def begin_batch(connection: asyncpg.Connection, slot: int) -> Standing | None:
    """Give this commit its number; holds the row, so that a taker waits for our commit. None: no worker has started here."""
    row = await connection.fetchrow(
        "UPDATE gateway.worker SET batch = batch + 1 WHERE slot = $1 RETURNING losses, batch", slot
    )
    return Standing(*row) if row else None


async def taken_since(connection: asyncpg.Connection, slot: int, number: int) -> dict[str, int | None]:
    """Return the stations that were taken from this worker after the given count, with the epoch of whoever has them.

    None: this worker has taken the station back since.
    """
    rows = await connection.fetch(
        """
        SELECT DISTINCT station_id, CASE WHEN n.slot <> $1 THEN n.epoch END AS epoch
        FROM gateway.takeover t JOIN gateway.station_now n USING (station_id) WHERE t.slot = $1 AND t.number > $2
        """,
        slot,
        number,
    )
    return {row["station_id"]: row["epoch"] for row in rows}


# A commit in one round trip. `held` keeps the row that whoever takes a station from us must change: where he was faster,
# or a commit of this number has gone through, nothing is written.
AT_ONCE = """
WITH held AS MATERIALIZED (
    UPDATE gateway.worker SET batch = batch + 1 WHERE slot = $1 AND losses = $2 AND batch = $3 RETURNING slot
), said AS MATERIALIZED (
    SELECT s.* FROM held, unnest($4::text[], $5::int[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[],
                                 $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::int[])
        WITH ORDINALITY AS s (station_id, connector, occurred_at, received_at, effective_at,
                              status, condition, error_code, error_info, vendor_error_code, mark, place)
), statuses AS (
    INSERT INTO telemetry.status_change
    SELECT station_id, connector, occurred_at, received_at, effective_at,
           status, condition, error_code, error_info, vendor_error_code, mark FROM said
), connectors AS (
    INSERT INTO gateway.connector_now
    SELECT DISTINCT ON (station_id, connector) station_id, connector, status, condition, error_code, error_info,
           vendor_error_code, occurred_at, received_at, effective_at
    FROM said ORDER BY station_id, connector, place DESC
    ON CONFLICT (station_id, connector) DO UPDATE SET
        status = excluded.status, condition = excluded.condition, error_code = excluded.error_code,
        error_info = excluded.error_info, vendor_error_code = excluded.vendor_error_code,
        occurred_at = excluded.occurred_at, received_at = excluded.received_at, effective_at = excluded.effective_at
), samples AS (
    INSERT INTO telemetry.meter_sample
    SELECT s.* FROM held, unnest($15::text[], $16::int[], $17::int[], $18::timestamptz[], $19::timestamptz[],
                                 $20::float8[], $21::text[], $22::int[]) AS s
), frames AS (
    INSERT INTO telemetry.raw_frame
    SELECT f.* FROM held, unnest($23::text[], $24::timestamptz[], $25::text[]) AS f
)"""
BY_RECEIPT = """, received AS (
    INSERT INTO telemetry.status_by_receipt
    SELECT station_id, connector, received_at, condition FROM said WHERE effective_at <> occurred_at
)"""
TELL = f", {appending(26, 'EXISTS (SELECT FROM held)')}"
DONE = " SELECT EXISTS (SELECT FROM held)"


@cache
def at_once(*, by_receipt: bool, tells: bool) -> str:
    """Return the statement of an everyday batch: with wrong clocks among what was said, with events to tell."""
    return f"{AT_ONCE}{BY_RECEIPT if by_receipt else ''}{TELL if tells else ''}{DONE}"


async def write_at_once(
    connection: asyncpg.Connection,
    slot: int,
    before: Standing,
    batch: Batch,
    kinds: Mapping[MeterKind, int],
    stream: str,
    told: Recognised,
) -> bool:
    """Store frames, statuses with the connectors' latest, samples and events; False, and nothing done, after a loss.

    `before` is how the worker stood after the last commit; `told`: what the batch's statuses say, none of them late. The rows are
    expected to be new; a repeat is a UniqueViolationError.
    """
    rows = (
        *columns(told.said, len(StatusReported._fields)),
        *columns(sample_rows(batch.samples, kinds), len(SAMPLE_COLUMNS)),
        *columns(batch.frames, len(FRAME_COLUMNS)),
    )
    statement = at_once(by_receipt=bool(told.by_receipt), tells=bool(told.changes))
    events = appended(stream, told.changes) if told.changes else ()
    return bool(await connection.fetchval(statement, slot, *before, *rows, *events))


async def copy_frames(connection: asyncpg.Connection, batch: Batch) -> None:
    if batch.frames:
        await connection.copy_records_to_table(
            "raw_frame", schema_name="telemetry", columns=FRAME_COLUMNS, records=batch.frames
        )
    if batch.sent:
        await connection.copy_records_to_table(
            "raw_frame",
            schema_name="telemetry",
            columns=(*FRAME_COLUMNS, "sent"),
            records=[(*frame, True) for frame in batch.sent],
        )


# What was said of connectors and, of what is no past, the latest for each. One statement for two tables: each that a commit needs
# costs the worker a tenth of a millisecond and more, a COPY twice that.
WRITE_STATUSES = """
WITH said AS MATERIALIZED (
    SELECT station_id, connector,
           epoch + occurred / 1000000 * second + occurred % 1000000 * micro AS occurred_at,
           epoch + received / 1000000 * second + received % 1000000 * micro AS received_at,
           epoch + effective / 1000000 * second + effective % 1000000 * micro AS effective_at,
           status, condition, error_code, error_info, vendor_error_code, mark, place
    FROM unnest($1::text::text[], $2::text::int[], $3::text::bigint[], $4::text::bigint[], $5::text::bigint[], $6::text::text[],
                $7::text::text[], $8::text::text[], $9::text::text[], $10::text::text[], $11::text::int[])
            WITH ORDINALITY AS t (station_id, connector, occurred, received, effective,
                                  status, condition, error_code, error_info, vendor_error_code, mark, place),
        (SELECT timestamptz '2000-01-01 00:00:00Z' AS epoch, interval '1 second' AS second, interval '1 microsecond' AS micro) AS m
), statuses AS (
    INSERT INTO telemetry.status_change
    SELECT station_id, connector, occurred_at, received_at, effective_at,
           status, condition, error_code, error_info, vendor_error_code, mark FROM said WHERE NOT $12
)
INSERT INTO gateway.connector_now
SELECT DISTINCT ON (station_id, connector) station_id, connector, status, condition, error_code, error_info,
       vendor_error_code, occurred_at, received_at, effective_at
FROM said WHERE place <> ALL ($13::text::int[]) ORDER BY station_id, connector, place DESC
ON CONFLICT (station_id, connector) DO UPDATE SET
    status = excluded.status, condition = excluded.condition, error_code = excluded.error_code,
    error_info = excluded.error_info, vendor_error_code = excluded.vendor_error_code,
    occurred_at = excluded.occurred_at, received_at = excluded.received_at, effective_at = excluded.effective_at
"""


async def write_statuses(connection: asyncpg.Connection, told: Recognised, *, stored: bool) -> None:
    """Note the latest of connectors and, unless they are `stored`, what they said; a repeat is a UniqueViolationError then."""
    if not told.said:
        return
    station_ids, connectors, occurred, received, effective, *words, marks = zip(*told.said, strict=True)
    past = {id(report) for report in told.past}
    await connection.execute(
        WRITE_STATUSES,
        texts(station_ids),
        numbers(connectors),
        *(numbers(map(copying.microseconds, moments)) for moments in (occurred, received, effective)),
        *map(texts, words),
        numbers(marks),
        stored,
        numbers(place for place, report in enumerate(told.said, 1) if id(report) in past),
    )


async def insert_statuses(connection: asyncpg.Connection, statuses: Sequence[StatusReported]) -> list[StatusReported]:
    """Store statuses of which some are repeats; return those that are not."""
    rows = await connection.fetch(
        """
        INSERT INTO telemetry.status_change
        SELECT * FROM unnest($1::text[], $2::int[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[],
                             $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::int[])
        ON CONFLICT (station_id, occurred_at, connector, status, mark) DO NOTHING
        RETURNING station_id, occurred_at, connector, status, mark
        """,
        *columns(statuses, len(StatusReported._fields)),
    )
    fresh = {tuple(row) for row in rows}
    found: dict[tuple[Any, ...], StatusReported] = {}
    for report in statuses:
        key = (report.station_id, report.occurred_at, report.connector, report.status, report.mark)
        if key in fresh:
            found.setdefault(key, report)
    return list(found.values())


async def correct_statuses(connection: asyncpg.Connection, reports: Sequence[StatusReported]) -> None:
    """Give statuses that are stored the time by which they count."""
    await connection.executemany(
        """
        UPDATE telemetry.status_change SET effective_at = $6
        WHERE station_id = $1 AND occurred_at = $2 AND connector = $3 AND status = $4 AND mark = $5 AND effective_at <> $6
        """,
        [(r.station_id, r.occurred_at, r.connector, r.status, r.mark, r.effective_at) for r in reports],
    )


async def note_by_receipt(connection: asyncpg.Connection, reports: Sequence[StatusReported]) -> None:
    """Keep statuses of which the own time counts for nothing where they are found by their receipt."""
    if reports:
        await connection.copy_records_to_table(
            "status_by_receipt",
            schema_name="telemetry",
            columns=("station_id", "connector", "received_at", "condition"),
            records=[(r.station_id, r.connector, r.received_at, r.condition) for r in reports],
        )


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Turn rows into one list a column."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def sample_rows(samples: Sequence[MeterSampled], kinds: Mapping[MeterKind, int]) -> list[tuple[Any, ...]]:
    """Return samples with the ids of their kinds."""
    return [(s[0], s[1], kinds[s[2]], *s[3:]) for s in samples]


async def copy_samples(
    connection: asyncpg.Connection, samples: Sequence[MeterSampled], kinds: Mapping[MeterKind, int]
) -> None:
    """Store samples that are expected to be new; a repeat is a UniqueViolationError."""
    if samples:
        await connection.copy_to_table(
            "meter_sample",
            schema_name="telemetry",
            columns=copying.COLUMNS,
            format="binary",
            source=memoryview(copying.copied(samples, kinds)),  # bytes would be taken for a file's name
        )


async def insert_samples(connection: asyncpg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Store samples of which some are repeats."""
    if rows:
        await connection.execute(
            """
            INSERT INTO telemetry.meter_sample
            SELECT * FROM unnest($1::text[], $2::int[], $3::int[], $4::timestamptz[], $5::timestamptz[],
                                 $6::float8[], $7::text[], $8::int[])
            ON CONFLICT (station_id, occurred_at, connector, kind, mark) DO NOTHING
            """,
            *columns(rows, len(SAMPLE_COLUMNS)),
        )


async def read_connectors(connection: asyncpg.Connection, places: Collection[Place]) -> dict[Place, Now]:
    """Return the latest state of connectors."""
    rows = await connection.fetch(
        """
        SELECT n.* FROM gateway.connector_now n
        JOIN unnest($1::text[], $2::int[]) AS k (station_id, connector) USING (station_id, connector)
        """,
        *columns(list(places), 2),
    )
    return {(row["station_id"], row["connector"]): Now(*tuple(row)[2:]) for row in rows}


async def keep_refused(connection: asyncpg.Connection, doubts: Sequence[Doubt]) -> None:
    """Keep what was refused, without the characters that PostgreSQL cannot hold."""
    if doubts:
        await connection.executemany(
            """
            INSERT INTO gateway.refused_input (station_id, received_at, code, reason, frame) VALUES ($1, $2, $3, $4, $5)
            """,
            [
                (_clean(d.station_id), d.received_at, d.code, _clean(d.reason)[:1000], _clean(d.frame)[:10_000])
                for d in doubts
            ],
        )


def _clean(text: str) -> str:
    return text.replace("\x00", "\\u0000")
