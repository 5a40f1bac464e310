"""The statements of one commit."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import asyncpg

from ocpp_gateway.observation import (
    MeterKind,
    MeterSampled,
    Notified,
    StatusReported,
    TransactionBegun,
    TransactionReported,
    TransactionStopped,
)
from ocpp_gateway.recorder import copying
from ocpp_gateway.recorder.batch import (
    KINDS_A_STATION,
    Batch,
    Disconnected,
    Doubt,
    Now,
    Place,
    TransactionKey,
    key_of,
)
from youguan.clock import effective_time
from youguan.eventlog import appended, appending
from youguan.events import Event
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
DONE = " SELECT EXISTS (SELECT FROM held)"
WRITE = AT_ONCE + DONE
WRITE_AND_TELL = f"{AT_ONCE}, {appending(26, 'EXISTS (SELECT FROM held)')}{DONE}"


async def write_at_once(
    connection: asyncpg.Connection,
    slot: int,
    before: Standing,
    batch: Batch,
    kinds: Mapping[MeterKind, int],
    stream: str,
    events: Sequence[Event],
) -> bool:
    """Store frames, statuses with the connectors' latest, samples and events; False, and nothing done, after a loss.

    `before` is how the worker stood after the last commit. The rows are expected to be new; a repeat is a UniqueViolationError.
    """
    rows = (
        *columns(batch.statuses, len(StatusReported._fields)),
        *columns(sample_rows(batch.samples, kinds), len(SAMPLE_COLUMNS)),
        *columns(batch.frames, len(FRAME_COLUMNS)),
    )
    if events:
        return bool(await connection.fetchval(WRITE_AND_TELL, slot, *before, *rows, *appended(stream, events)))
    return bool(await connection.fetchval(WRITE, slot, *before, *rows))


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


async def copy_statuses(connection: asyncpg.Connection, statuses: Sequence[StatusReported]) -> None:
    """Store statuses that are expected to be new; a repeat is a UniqueViolationError."""
    if statuses:
        await connection.copy_records_to_table(
            "status_change", schema_name="telemetry", columns=StatusReported._fields, records=statuses
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


async def insert_notifications(connection: asyncpg.Connection, notified: Sequence[Notified]) -> None:
    """Store notifications, but for those of a believed time that another message has told before, of late."""
    if notified:
        await connection.execute(
            """
            WITH told AS (
                SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bool[])
                    WITH ORDINALITY AS t (station_id, action, status, occurred_at, received_at, once, place)
            )
            INSERT INTO telemetry.notification (station_id, action, status, occurred_at, received_at)
            SELECT station_id, action, status, occurred_at, received_at FROM told t
            WHERE NOT once OR NOT EXISTS (
                SELECT FROM told e WHERE e.place < t.place AND e.received_at <> t.received_at
                AND (e.station_id, e.action, e.status, e.occurred_at) = (t.station_id, t.action, t.status, t.occurred_at)
            ) AND NOT EXISTS (
                SELECT FROM telemetry.notification n WHERE n.received_at > t.received_at - interval '7 days'
                AND (n.station_id, n.action, n.status, n.occurred_at) = (t.station_id, t.action, t.status, t.occurred_at)
            )
            """,
            *columns([(n.station_id, n.action, n.status, n.occurred_at, n.received_at, _once(n)) for n in notified], 6),
        )


def _once(n: Notified) -> bool:
    """Say whether a notification tells a time of its own that can be believed."""
    return n.occurred_at != n.received_at and effective_time(n.occurred_at, n.received_at) == n.occurred_at


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


async def write_connectors(connection: asyncpg.Connection, latest: Mapping[Place, Now]) -> None:
    """Note the latest of connectors; as array literals, of which the server makes arrays faster than asyncpg does."""
    if not latest:
        return
    places, nows = zip(*sorted(latest.items()), strict=True)
    station_ids, connectors = zip(*places, strict=True)
    *words, occurred, received, effective = zip(*nows, strict=True)
    await connection.execute(
        """
        INSERT INTO gateway.connector_now
        SELECT station_id, connector, status, condition, error_code, error_info, vendor_error_code,
               epoch + occurred * micro, epoch + received * micro, epoch + effective * micro
        FROM unnest($1::text::text[], $2::text::int[], $3::text::text[], $4::text::text[], $5::text::text[],
                    $6::text::text[], $7::text::text[], $8::text::bigint[], $9::text::bigint[], $10::text::bigint[])
            AS t (station_id, connector, status, condition, error_code, error_info, vendor_error_code,
                  occurred, received, effective),
            (SELECT timestamptz '2000-01-01 00:00:00Z' AS epoch, interval '1 microsecond' AS micro) AS m
        ON CONFLICT (station_id, connector) DO UPDATE SET
            status = excluded.status, condition = excluded.condition, error_code = excluded.error_code,
            error_info = excluded.error_info, vendor_error_code = excluded.vendor_error_code,
            occurred_at = excluded.occurred_at, received_at = excluded.received_at, effective_at = excluded.effective_at
        """,
        texts(station_ids),
        numbers(connectors),
        *map(texts, words),
        *(numbers(map(copying.microseconds, moments)) for moments in (occurred, received, effective)),
    )


async def begin_transactions(
    connection: asyncpg.Connection, begun: Collection[TransactionBegun]
) -> dict[TransactionKey, tuple[int, bool]]:
    """Store 1.6 starts; return each one's id and whether it is new: the same start gets the same id.

    A number that its station has stopped before we gave it out is left out.
    """
    if not begun:
        return {}
    rows = await connection.fetch(
        """
        WITH RECURSIVE drawn AS (
            SELECT nextval(pg_get_serial_sequence('telemetry.transaction', 'id')) AS id, e.*
            FROM unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[], $5::float8[], $6::int[])
                AS e (station_id, connector, id_token, started_at, meter_start_wh, mark)
            UNION ALL
            SELECT nextval(pg_get_serial_sequence('telemetry.transaction', 'id')),
                   d.station_id, d.connector, d.id_token, d.started_at, d.meter_start_wh, d.mark
            FROM drawn d JOIN telemetry.transaction had
              ON (had.station_id, had.transaction_id) = (d.station_id, d.id::text)
        ), numbered AS (
            -- the last one drawn is free
            SELECT max(id) AS id, station_id, connector, id_token, started_at, meter_start_wh, mark
            FROM drawn GROUP BY station_id, connector, id_token, started_at, meter_start_wh, mark
        )
        INSERT INTO telemetry.transaction AS t
            (id, station_id, transaction_id, connector, id_token, started_at, meter_start_wh, mark)
        OVERRIDING SYSTEM VALUE
        SELECT id, station_id, id::text, connector, id_token, started_at, meter_start_wh, mark FROM numbered
        ON CONFLICT (station_id, connector, id_token, started_at, meter_start_wh, mark) WHERE transaction_id = id::text
        DO UPDATE SET connector = t.connector
        RETURNING station_id, connector, id_token, started_at, meter_start_wh, mark, id, xmax = 0 AS fresh
        """,
        *columns([key_of(b) for b in begun], 6),
    )
    return {TransactionKey(*tuple(row)[:6]): (row["id"], row["fresh"]) for row in rows}


async def stop_transactions(
    connection: asyncpg.Connection, stopped: Collection[TransactionStopped]
) -> list[asyncpg.Record]:
    """Store 1.6 stops, those without a known start too; return what ended now, repeats left out."""
    if not stopped:
        return []
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        INSERT INTO telemetry.transaction AS t (station_id, transaction_id, stopped_at, meter_stop_wh, reason, id_token)
        SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::float8[], $5::text[], $6::text[])
        ON CONFLICT (station_id, transaction_id) DO UPDATE SET
            stopped_at = excluded.stopped_at, meter_stop_wh = excluded.meter_stop_wh, reason = excluded.reason
            WHERE t.stopped_at IS NULL
        RETURNING station_id, transaction_id, connector, meter_stop_wh - meter_start_wh AS energy_wh, reason, started_at,
                  recorded_at
        """,
        *columns(
            [(s.station_id, s.transaction_id, s.stopped_at, s.meter_stop_wh, s.reason, s.id_token) for s in stopped], 6
        ),
    )
    return rows


async def placed(connection: asyncpg.Connection, samples: Sequence[MeterSampled]) -> list[MeterSampled]:
    """Return samples of 1.6 stops with the connector on which their transaction began, where that was seen."""
    rows = await connection.fetch(
        """
        SELECT station_id, transaction_id, connector FROM telemetry.transaction
        JOIN unnest($1::text[], $2::text[]) AS k (station_id, transaction_id) USING (station_id, transaction_id)
        WHERE connector IS NOT NULL
        """,
        *columns(sorted({(s.station_id, s.transaction_id or "") for s in samples}), 2),
    )
    begun_on = {(row["station_id"], row["transaction_id"]): row["connector"] for row in rows}
    return [s._replace(connector=begun_on.get((s.station_id, s.transaction_id or ""), s.connector)) for s in samples]


async def insert_reports(
    connection: asyncpg.Connection, reported: Sequence[TransactionReported]
) -> list[TransactionReported]:
    """Store 2.x transaction events; return those that are no repeats."""
    if not reported:
        return []
    await set_aside_reused(connection, [r for r in reported if r.kind == "Started" and not r.lasting_id])
    rows = await connection.fetch(
        """
        INSERT INTO telemetry.transaction_event
        SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                             $7::float8[], $8::bool[])
        ON CONFLICT DO NOTHING RETURNING station_id, transaction_id, seq_no
        """,
        *columns(
            [
                (
                    r.station_id,
                    r.transaction_id,
                    r.seq_no,
                    r.kind,
                    r.occurred_at,
                    r.received_at,
                    r.register_wh,
                    r.offline,
                )
                for r in reported
            ],
            8,
        ),
    )
    fresh = {tuple(row) for row in rows}
    found = {(r.station_id, r.transaction_id, r.seq_no): r for r in reversed(reported)}
    return [r for key, r in reversed(found.items()) if key in fresh]


async def set_aside_reused(connection: asyncpg.Connection, starts: Sequence[TransactionReported]) -> None:
    """Let transactions whose id a station has used again make way: theirs gets the time of its start added.

    The id counts as used again where the same sequence number starts at another time, unless that is a start which has
    made way itself; and where it is one that we gave out before the station was passed on to another central system.
    """
    if not starts:
        return
    reused = await connection.fetch(
        """
        SELECT e.station_id, e.transaction_id,
               e.transaction_id || '@' || (extract(epoch FROM e.occurred_at) * 1000)::bigint AS aside
        FROM telemetry.transaction_event e
        JOIN unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[]) AS s (station_id, transaction_id, seq_no, at)
          ON (e.station_id, e.transaction_id, e.seq_no) = (s.station_id, s.transaction_id, s.seq_no)
        WHERE e.occurred_at <> s.at AND e.kind = 'Started' AND NOT EXISTS (
            SELECT FROM telemetry.transaction t WHERE t.station_id = s.station_id
            AND t.transaction_id = s.transaction_id || '@' || (extract(epoch FROM s.at) * 1000)::bigint
        )
        UNION
        SELECT t.station_id, t.transaction_id,
               t.transaction_id || '@' || (extract(epoch FROM t.started_at) * 1000)::bigint AS aside
        FROM telemetry.transaction t
        JOIN unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[]) AS s (station_id, transaction_id, seq_no, at)
          ON (t.station_id, t.transaction_id) = (s.station_id, s.transaction_id)
        WHERE t.transaction_id = t.id::text AND t.started_at <> s.at AND NOT EXISTS (
            SELECT FROM telemetry.transaction_event e
            WHERE (e.station_id, e.transaction_id) = (t.station_id, t.transaction_id)
        )
        """,
        *columns([(r.station_id, r.transaction_id, r.seq_no, r.occurred_at) for r in starts], 4),
    )
    for table in ("telemetry.transaction_event", "telemetry.transaction") if reused else ():
        await connection.executemany(
            f"UPDATE {table} SET transaction_id = $3 WHERE station_id = $1 AND transaction_id = $2",
            [tuple(row) for row in reused],
        )


async def merge_report(connection: asyncpg.Connection, r: TransactionReported) -> asyncpg.Record:
    """Bring a 2.x transaction up to date with one of its events, in whatever order they come; return how it stands.

    `stopped_before`: when it had been stopped by then. What an account says (Settled) is overruled by nothing else.
    """
    row = await connection.fetchrow(
        """
        WITH before AS (SELECT stopped_at FROM telemetry.transaction WHERE station_id = $1 AND transaction_id = $2)
        INSERT INTO telemetry.transaction AS t (station_id, transaction_id, connector, id_token, started_at, stopped_at,
            meter_start_wh, meter_stop_wh, first_reading_at, last_reading_at, reason, settled)
        VALUES ($1, $2, $3, $4, CASE $5 WHEN 'Started' THEN $6::timestamptz END,
                CASE WHEN $5 IN ('Ended', 'Settled') THEN $6::timestamptz END, $7, $7,
                CASE WHEN $7::float8 IS NOT NULL THEN $6::timestamptz END,
                CASE WHEN $7::float8 IS NOT NULL THEN $6::timestamptz END, $8, $5 = 'Settled')
        ON CONFLICT (station_id, transaction_id) DO UPDATE SET
            connector = coalesce(t.connector, excluded.connector),
            id_token = coalesce(t.id_token, excluded.id_token),
            started_at = coalesce(t.started_at, excluded.started_at),
            stopped_at = CASE WHEN excluded.settled THEN excluded.stopped_at
                              ELSE coalesce(t.stopped_at, excluded.stopped_at) END,
            reason = CASE WHEN excluded.settled THEN coalesce(excluded.reason, t.reason)
                          ELSE coalesce(t.reason, excluded.reason) END,
            meter_start_wh = CASE WHEN t.first_reading_at <= excluded.first_reading_at OR excluded.first_reading_at IS NULL
                                       OR (excluded.settled AND t.meter_start_wh IS NOT NULL)
                                  THEN t.meter_start_wh ELSE excluded.meter_start_wh END,
            first_reading_at = least(t.first_reading_at, excluded.first_reading_at),
            meter_stop_wh = CASE WHEN excluded.settled AND excluded.meter_stop_wh IS NOT NULL THEN excluded.meter_stop_wh
                                 WHEN t.settled OR t.last_reading_at > excluded.last_reading_at
                                      OR excluded.last_reading_at IS NULL
                                 THEN t.meter_stop_wh ELSE excluded.meter_stop_wh END,
            last_reading_at = greatest(t.last_reading_at, excluded.last_reading_at),
            settled = t.settled OR excluded.settled
        RETURNING meter_stop_wh - meter_start_wh AS energy_wh, started_at, recorded_at,
                  (SELECT stopped_at FROM before) AS stopped_before
        """,
        r.station_id,
        r.transaction_id,
        r.connector,
        r.id_token,
        r.kind,
        r.occurred_at,
        r.register_wh,
        r.reason,
    )
    assert row is not None
    return row


async def hold_stations(connection: asyncpg.Connection, station_ids: Collection[str]) -> None:
    """Hold the rows of all stations that a commit changes, in the order in which everybody takes them."""
    if station_ids:
        await connection.execute(
            "SELECT FROM gateway.station_now WHERE station_id = ANY($1) ORDER BY station_id FOR UPDATE",
            sorted(station_ids),
        )


async def note_seen(connection: asyncpg.Connection, seen: Mapping[str, datetime]) -> list[str]:
    """Note when stations were last heard; return those that had been offline. The stations are held."""
    rows = await connection.fetch(
        """
        WITH seen AS (SELECT * FROM unnest($1::text[], $2::timestamptz[]) AS s (station_id, at)),
        before AS (
            SELECT station_id, state FROM gateway.station_now WHERE station_id = ANY($1)
        ), noted AS (
            UPDATE gateway.station_now n SET last_seen_at = greatest(n.last_seen_at, seen.at), state = 'online'
            FROM seen JOIN before USING (station_id)
            WHERE n.station_id = seen.station_id
            RETURNING n.station_id, before.state, seen.at
        ), back AS (
            INSERT INTO telemetry.connectivity_change (station_id, occurred_at, change)
            SELECT station_id, at, 'online' FROM noted WHERE state <> 'online'
        )
        SELECT station_id, state FROM noted
        """,
        *columns(sorted(seen.items()), 2),
    )
    return [row["station_id"] for row in rows if row["state"] != "online"]


async def note_out_of_reach(
    connection: asyncpg.Connection, out_of_reach: Mapping[str, datetime]
) -> list[tuple[str, datetime | None]]:
    """Mark stations offline of whose connectors their platform reaches none; return them with when they were last seen."""
    if not out_of_reach:
        return []
    rows = await connection.fetch(
        """
        WITH gone AS (
            UPDATE gateway.station_now n SET state = 'offline'
            FROM unnest($1::text[], $2::timestamptz[]) AS o (station_id, at)
            WHERE n.station_id = o.station_id AND n.state = 'online' AND NOT EXISTS (
                SELECT FROM gateway.connector_now c WHERE c.station_id = n.station_id AND c.status <> 'Offline'
            )
            RETURNING n.station_id, o.at, n.last_seen_at
        ), noted AS (
            INSERT INTO telemetry.connectivity_change (station_id, occurred_at, change, reason)
            SELECT station_id, at, 'offline', 'platform' FROM gone
        )
        SELECT station_id, last_seen_at FROM gone
        """,
        *columns(sorted(out_of_reach.items()), 2),
    )
    return [(row["station_id"], row["last_seen_at"]) for row in rows]


async def note_boots(connection: asyncpg.Connection, batch: Batch) -> None:
    if not batch.booted:
        return
    await connection.execute(
        """
        UPDATE gateway.station_now n SET vendor = b.vendor, model = b.model, serial_number = b.serial_number,
            firmware_version = b.firmware_version, booted_at = b.at, boot_reason = b.reason
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[])
            AS b (station_id, vendor, model, serial_number, firmware_version, at, reason)
        WHERE n.station_id = b.station_id
        """,
        *columns(
            [
                (b.station_id, b.vendor, b.model, b.serial_number, b.firmware_version, b.at, b.reason)
                for b in batch.booted.values()
            ],
            7,
        ),
    )


async def note_unfiled(connection: asyncpg.Connection, batch: Batch, a_source: int) -> tuple[set[str], set[str]]:
    """Note stations that the registry does not know, at most so many from one source.

    Return the stations that are new, and the sources of which there are more than are noted.
    """
    fresh, full = set(), set()
    for announced, entry in batch.announced.values():
        new = await connection.fetchval(
            """
            INSERT INTO gateway.quarantine AS q
                (station_id, remote, ocpp_version, vendor, model, first_seen_at, last_seen_at)
            SELECT $1, $2, $3, $4, $5, $6, $6
            WHERE (SELECT count(*) FROM gateway.quarantine WHERE remote = $2) < $7
               OR EXISTS (SELECT FROM gateway.quarantine WHERE station_id = $1)
            ON CONFLICT (station_id) DO UPDATE SET last_seen_at = excluded.last_seen_at
            RETURNING q.xmax = 0
            """,
            announced.station_id,
            entry.remote,
            entry.ocpp_version,
            announced.vendor,
            announced.model,
            announced.at,
            a_source,
        )
        if new:
            fresh.add(announced.station_id)
        elif new is None:
            full.add(entry.remote)
    return fresh, full


async def note_ends(connection: asyncpg.Connection, ended: Sequence[Disconnected]) -> set[str]:
    """Note connections that ended; return the stations now disconnected: those that no newer connection speaks for."""
    if not ended:
        return set()
    rows = await connection.fetch(
        """
        WITH gone AS (
            UPDATE gateway.station_now n SET connected = false
            FROM unnest($1::text[], $2::bigint[]) AS e (station_id, epoch)
            WHERE n.station_id = e.station_id AND n.epoch = e.epoch AND n.connected
            RETURNING n.station_id
        ), noted AS (
            INSERT INTO telemetry.connectivity_change (station_id, occurred_at, change, reason)
            SELECT e.station_id, e.at, 'disconnected', e.reason
            FROM unnest($1::text[], $3::timestamptz[], $4::text[]) AS e (station_id, at, reason)
            WHERE NOT EXISTS (
                SELECT FROM telemetry.connectivity_change c WHERE c.station_id = e.station_id
                AND c.occurred_at = e.at AND c.change = 'disconnected' AND c.reason = e.reason
            )
        )
        SELECT station_id FROM gone
        """,
        [e.station_id for e in ended],
        [e.epoch for e in ended],
        [e.at for e in ended],
        [e.reason for e in ended],
    )
    return {row["station_id"] for row in rows}


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
