"""The statements about transactions."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import asyncpg

from ocpp_gateway.observation import (
    MeterSampled,
    TransactionBegun,
    TransactionReported,
    TransactionStopped,
    mark_of,
)
from ocpp_gateway.recorder.batch import TransactionKey, key_of
from ocpp_gateway.recorder.store import columns


class Numbered(NamedTuple):
    """A 1.6 transaction's id, whether its start is new, and whether it goes on and its id token is answered otherwise now."""

    transaction_id: int
    fresh: bool
    answered_anew: bool


async def begin_transactions(
    connection: asyncpg.Connection, begun: Collection[TransactionBegun]
) -> dict[TransactionKey, Numbered]:
    """Store 1.6 starts; return how each is numbered: the same start gets the same id.

    A number that its station has stopped before we gave it out is left out.
    """
    if not begun:
        return {}
    rows = await connection.fetch(
        """
        WITH RECURSIVE drawn AS (
            SELECT nextval(pg_get_serial_sequence('telemetry.transaction', 'id')) AS id, e.*
            FROM unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[], $5::float8[], $6::int[], $7::text[])
                AS e (station_id, connector, id_token, started_at, meter_start_wh, mark, standing)
            UNION ALL
            SELECT nextval(pg_get_serial_sequence('telemetry.transaction', 'id')),
                   d.station_id, d.connector, d.id_token, d.started_at, d.meter_start_wh, d.mark, d.standing
            FROM drawn d JOIN telemetry.transaction had
              ON (had.station_id, had.transaction_id) = (d.station_id, d.id::text)
        ), numbered AS (
            -- the last one drawn is free
            SELECT max(id) AS id, station_id, connector, id_token, started_at, meter_start_wh, mark, standing
            FROM drawn GROUP BY station_id, connector, id_token, started_at, meter_start_wh, mark, standing
        )
        INSERT INTO telemetry.transaction AS t
            (id, station_id, transaction_id, connector, id_token, started_at, meter_start_wh, mark, standing)
        OVERRIDING SYSTEM VALUE
        SELECT id, station_id, id::text, connector, id_token, started_at, meter_start_wh, mark, standing FROM numbered
        ON CONFLICT (station_id, connector, id_token, started_at, meter_start_wh, mark) WHERE transaction_id = id::text
        DO UPDATE SET standing = excluded.standing
        RETURNING station_id, connector, id_token, started_at, meter_start_wh, mark, id, xmax = 0 AS fresh,
            -- the statement sees the row as it was before
            t.stopped_at IS NULL AND EXISTS (
                SELECT FROM telemetry.transaction b WHERE b.id = t.id AND b.standing IS DISTINCT FROM t.standing
            ) AS answered_anew
        """,
        *columns([(*key_of(b), b.standing) for b in begun], 7),
    )
    return {TransactionKey(*tuple(row)[:6]): Numbered(*tuple(row)[6:]) for row in rows}


async def stopped_otherwise(
    connection: asyncpg.Connection, stopped: Collection[TransactionStopped]
) -> set[tuple[str, str]]:
    """Return (station, number) of the stops whose number stands for another transaction, which ended at another time.

    Where a start was seen, its number is ours and nobody uses it again.
    """
    if not stopped:
        return set()
    rows = await connection.fetch(
        """
        SELECT station_id, transaction_id FROM telemetry.transaction t
        JOIN unnest($1::text[], $2::text[], $3::timestamptz[]) AS s (station_id, transaction_id, at)
            USING (station_id, transaction_id)
        WHERE t.started_at IS NULL AND t.stopped_at <> s.at
        """,
        *columns([(s.station_id, s.transaction_id, s.stopped_at) for s in stopped], 3),
    )
    return {(row["station_id"], row["transaction_id"]) for row in rows}


async def stop_transactions(
    connection: asyncpg.Connection, stopped: Collection[TransactionStopped]
) -> list[asyncpg.Record]:
    """Store 1.6 stops, those without a known start too; return what ended now, repeats left out."""
    if not stopped:
        return []
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        INSERT INTO telemetry.transaction AS t
            (station_id, transaction_id, stopped_at, ended_at, meter_stop_wh, reason, id_token)
        SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::float8[], $6::text[], $7::text[])
        ON CONFLICT (station_id, transaction_id) DO UPDATE SET stopped_at = excluded.stopped_at, ended_at = excluded.ended_at,
            meter_stop_wh = excluded.meter_stop_wh, reason = excluded.reason
            WHERE t.stopped_at IS NULL
        RETURNING station_id, transaction_id, connector, telemetry.energy_wh(t) AS energy_wh, reason, started_at, recorded_at,
                  meter_start_wh, meter_stop_wh, now() AS noted_at
        """,
        *columns(
            [
                (s.station_id, s.transaction_id, s.stopped_at, s.effective_at, s.meter_stop_wh, s.reason, s.id_token)
                for s in stopped
            ],
            7,
        ),
    )
    return rows


async def placed(connection: asyncpg.Connection, samples: Sequence[MeterSampled]) -> list[MeterSampled]:
    """Return samples with the connector of their transaction, where that is known; else with a mark of the transaction.

    Without it two transactions that measure the same by the clock would look like one that says it twice.
    """
    rows = await connection.fetch(
        """
        SELECT station_id, transaction_id, connector FROM telemetry.transaction
        JOIN unnest($1::text[], $2::text[]) AS k (station_id, transaction_id) USING (station_id, transaction_id)
        WHERE connector IS NOT NULL
        """,
        *columns(sorted({(s.station_id, s.transaction_id or "") for s in samples}), 2),
    )
    begun_on = {(row["station_id"], row["transaction_id"]): row["connector"] for row in rows}
    return [_placed(s, begun_on.get((s.station_id, s.transaction_id or ""))) for s in samples]


def _placed(sample: MeterSampled, connector: int | None) -> MeterSampled:
    if connector is None:
        return sample._replace(mark=mark_of(sample.mark, sample.transaction_id))
    return sample._replace(connector=connector)


async def insert_reports(
    connection: asyncpg.Connection, reported: Sequence[TransactionReported]
) -> list[TransactionReported]:
    """Store 2.x transaction events; return those that are no repeats: of accounts, the last of each, where it is new or changed."""
    if not reported:
        return []
    await set_aside_reused(connection, [r for r in reported if r.kind == "Started" and not r.lasting_id])
    told = {_event_key(r): r for r in reversed(reported) if r.kind != SETTLED}
    accounts = {_event_key(r): r for r in reported if r.kind == SETTLED}
    fresh = await _insert_events(connection, list(told.values()), "NOTHING")
    fresh |= await _insert_events(connection, list(accounts.values()), OVERRULE)
    return [r for key, r in (*reversed(told.items()), *accounts.items()) if key in fresh]


SETTLED = "Settled"
OVERRULE = """
    UPDATE SET occurred_at = excluded.occurred_at, received_at = excluded.received_at, register_wh = excluded.register_wh
    WHERE (e.occurred_at, e.register_wh) IS DISTINCT FROM (excluded.occurred_at, excluded.register_wh)
"""
EventKey = tuple[str, str, int]


def _event_key(r: TransactionReported) -> EventKey:
    return r.station_id, r.transaction_id, r.seq_no


async def _insert_events(
    connection: asyncpg.Connection, events: Sequence[TransactionReported], on_conflict: str
) -> set[EventKey]:
    """Store events; return the keys of those that were written."""
    if not events:
        return set()
    members = [
        (*_event_key(r), r.kind, r.occurred_at, r.received_at, r.register_wh, r.offline) for r in events
    ]  # fmt: skip
    rows = await connection.fetch(
        f"""
        INSERT INTO telemetry.transaction_event AS e
        SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                             $7::float8[], $8::bool[])
        ON CONFLICT (station_id, transaction_id, seq_no) DO {on_conflict}
        RETURNING station_id, transaction_id, seq_no
        """,
        *columns(members, 8),
    )
    return {(row["station_id"], row["transaction_id"], row["seq_no"]) for row in rows}


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

    `ended_before`: when it had ended by then. What an account says (Settled) is overruled by nothing else.
    """
    first, last = r.readings
    row = await connection.fetchrow(
        """
        WITH before AS (SELECT ended_at FROM telemetry.transaction WHERE station_id = $1 AND transaction_id = $2)
        INSERT INTO telemetry.transaction AS t (station_id, transaction_id, connector, id_token, started_at, stopped_at,
            meter_start_wh, meter_stop_wh, first_reading_at, last_reading_at, reason, settled, numbered, standing, ended_at)
        VALUES ($1, $2, $3, $4, CASE $5 WHEN 'Started' THEN $6::timestamptz END,
                CASE WHEN $5 IN ('Ended', 'Settled') THEN $6::timestamptz END, $7, $8, $9, $10, $11, $5 = 'Settled', $12, $13,
                CASE WHEN $5 IN ('Ended', 'Settled') THEN $14::timestamptz END)
        ON CONFLICT (station_id, transaction_id) DO UPDATE SET
            connector = coalesce(t.connector, excluded.connector),
            id_token = coalesce(t.id_token, excluded.id_token),
            -- that of the id token which it keeps, as it was answered last
            standing = CASE WHEN lower(t.id_token) <> lower(excluded.id_token) THEN t.standing
                            ELSE coalesce(excluded.standing, t.standing) END,
            started_at = coalesce(t.started_at, excluded.started_at),
            stopped_at = CASE WHEN excluded.settled THEN excluded.stopped_at
                              ELSE coalesce(t.stopped_at, excluded.stopped_at) END,
            ended_at = CASE WHEN excluded.settled THEN excluded.ended_at
                            ELSE coalesce(t.ended_at, excluded.ended_at) END,
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
            settled = t.settled OR excluded.settled, numbered = t.numbered AND excluded.numbered
        RETURNING connector, telemetry.energy_wh(t) AS energy_wh, started_at, recorded_at, meter_start_wh, meter_stop_wh,
                  now() AS noted_at,
                  (SELECT ended_at FROM before) AS ended_before
        """,
        r.station_id,
        r.transaction_id,
        r.connector,
        r.id_token,
        r.kind,
        r.occurred_at,
        first and first.wh,
        last and last.wh,
        first and first.at,
        last and last.at,
        r.reason,
        not r.lasting_id,
        r.standing,
        r.effective_at,
    )
    assert row is not None
    return row
