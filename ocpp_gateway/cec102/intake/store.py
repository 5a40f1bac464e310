"""Statements about what operators' platforms told: in the recorder's commit, and as it is shown."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import asyncpg

from ocpp_gateway.cec102.envelope import TOLERATED
from ocpp_gateway.observation import (
    PlatformOperatorTold,
    PlatformOrderTold,
    PlatformSaid,
    PlatformSiteTold,
    PlatformStatsTold,
)
from youguan.auth import Scope
from youguan.bounds import site_within, station_within
from youguan.clock import COUNTY

REFUSED_AS = "platform/"
"""With which a platform's own lines among the refused input begin; no station's id holds a slash."""
UNPROVEN_AS = "unproven/"
"""The same for what names a platform and was not signed by it: anybody can send that."""


async def remember_envelopes(connection: asyncpg.Connection, said: Sequence[PlatformSaid]) -> None:
    signed = [s for s in said if s.digest is not None]
    if signed:
        await connection.execute(
            """
            INSERT INTO gateway.platform_envelope (digest, operator_id, received_at)
            SELECT * FROM unnest($1::bytea[], $2::text[], $3::timestamptz[]) ON CONFLICT DO NOTHING
            """,
            [s.digest for s in signed],
            [s.operator_id for s in signed],
            [s.received_at for s in signed],
        )


async def count_traffic(connection: asyncpg.Connection, said: Sequence[PlatformSaid]) -> None:
    await connection.execute(
        """
        INSERT INTO gateway.platform_traffic AS t
        SELECT s.operator_id, s.message, date_trunc('hour', s.at), count(*), sum(s.taken), sum(s.ignored), sum(s.refused), max(s.at)
        FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[])
            AS s (operator_id, message, at, taken, ignored, refused)
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (operator_id, message, hour) DO UPDATE SET messages = t.messages + excluded.messages,
            taken = t.taken + excluded.taken, ignored = t.ignored + excluded.ignored, refused = t.refused + excluded.refused,
            last_at = greatest(t.last_at, excluded.last_at)
        """,
        [s.operator_id for s in said],
        [s.message for s in said],
        [s.received_at for s in said],
        [s.taken for s in said],
        [s.ignored for s in said],
        [s.refused for s in said],
    )


async def note_heard(connection: asyncpg.Connection, heard: Mapping[str, datetime]) -> list[tuple[str, datetime]]:
    """Note when platforms were last heard; return those that had been silent."""
    rows = await connection.fetch(
        """
        WITH heard AS (SELECT * FROM unnest($1::text[], $2::timestamptz[]) AS h (operator_id, at)),
        before AS (
            SELECT operator_id FROM gateway.platform_now
            WHERE operator_id = ANY($1) AND silent_since IS NOT NULL ORDER BY operator_id FOR UPDATE
        ), noted AS (
            INSERT INTO gateway.platform_now AS n (operator_id, last_heard_at) SELECT operator_id, at FROM heard ORDER BY 1
            ON CONFLICT (operator_id) DO UPDATE SET silent_since = NULL,
                last_heard_at = greatest(n.last_heard_at, excluded.last_heard_at)
        )
        SELECT operator_id, at FROM before JOIN heard USING (operator_id)
        """,
        sorted(heard),
        [heard[operator_id] for operator_id in sorted(heard)],
    )
    return [(row["operator_id"], row["at"]) for row in rows]


async def keep_sites(connection: asyncpg.Connection, told: Iterable[PlatformSiteTold]) -> None:
    await connection.executemany(
        """
        INSERT INTO gateway.platform_station VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (operator_id, cec_station_id) DO UPDATE SET name = excluded.name, longitude = excluded.longitude,
            latitude = excluded.latitude, operating = excluded.operating, connectors = excluded.connectors,
            document = excluded.document, received_at = excluded.received_at
        """,
        [
            (
                t.operator_id,
                t.cec_station_id,
                t.name,
                t.longitude,
                t.latitude,
                t.operating,
                [list(connector) for connector in t.connectors],
                t.document,
                t.received_at,
            )
            for t in sorted(told, key=lambda t: (t.operator_id, t.cec_station_id))
        ],
    )


async def keep_operators(connection: asyncpg.Connection, told: Iterable[PlatformOperatorTold]) -> None:
    await connection.executemany(
        """
        INSERT INTO gateway.platform_operator VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (operator_id) DO UPDATE SET name = excluded.name, uscc = excluded.uscc, document = excluded.document,
            received_at = excluded.received_at
        """,
        [(t.operator_id, t.name, t.uscc, t.document, t.received_at) for t in sorted(told, key=lambda t: t.operator_id)],
    )


async def keep_orders(connection: asyncpg.Connection, told: Iterable[PlatformOrderTold]) -> set[tuple[str, str]]:
    """Keep orders, the last word of each; return (operator id, number) of those that are new or were otherwise before."""
    rows = await connection.fetch(
        """
        INSERT INTO gateway.platform_order AS o (operator_id, order_no, connector_id, station_id, connector, state, started_at,
            ended_at, energy_wh, document, first_received_at, received_at)
        SELECT *, t.received_at FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[],
            $7::timestamptz[], $8::timestamptz[], $9::float8[], $10::jsonb[], $11::timestamptz[])
            AS t (operator_id, order_no, connector_id, station_id, connector, state, started_at, ended_at, energy_wh, document,
                  received_at)
        ON CONFLICT (operator_id, order_no) DO UPDATE SET connector_id = excluded.connector_id,
            station_id = excluded.station_id, connector = excluded.connector, state = excluded.state,
            started_at = excluded.started_at, ended_at = excluded.ended_at, energy_wh = excluded.energy_wh,
            document = excluded.document, received_at = excluded.received_at
            WHERE (o.state, o.started_at, o.ended_at, o.energy_wh, o.document)
                IS DISTINCT FROM (excluded.state, excluded.started_at, excluded.ended_at, excluded.energy_wh, excluded.document)
        RETURNING operator_id, order_no
        """,
        *map(
            list,
            zip(
                *(
                    (
                        t.operator_id, t.order_no, t.connector_id, t.station_id, t.connector, t.state, t.started_at,
                        t.ended_at, t.energy_wh, t.document, t.received_at,
                    )
                    for t in sorted(told, key=lambda t: (t.operator_id, t.order_no))
                ),
                strict=True,
            ),
        ),
    )  # fmt: skip
    return {(row["operator_id"], row["order_no"]) for row in rows}


async def keep_stats(connection: asyncpg.Connection, told: Iterable[PlatformStatsTold]) -> None:
    await connection.executemany(
        """
        INSERT INTO gateway.platform_stats VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (operator_id, cec_station_id, day) DO UPDATE SET energy_wh = excluded.energy_wh,
            document = excluded.document, received_at = excluded.received_at
        """,
        [
            (t.operator_id, t.cec_station_id, t.day, t.energy_wh, t.document, t.received_at)
            for t in sorted(told, key=lambda t: (t.operator_id, t.cec_station_id, t.day))
        ],
    )


async def forget_envelopes(connection: asyncpg.Connection, now: datetime) -> None:
    """Forget envelopes whose time stamp would not let them in any more: the earliest that is tolerated, and the latest."""
    await connection.execute(
        "DELETE FROM gateway.platform_envelope WHERE received_at < $1", now - 2 * TOLERATED - timedelta(minutes=5)
    )


async def forget_traffic(connection: asyncpg.Connection, before: datetime) -> None:
    await connection.execute("DELETE FROM gateway.platform_traffic WHERE hour < $1", before)


async def traffic(connection: asyncpg.Connection, operator_id: str, since: datetime) -> list[asyncpg.Record]:
    """Return what a platform sent since a time, by message."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT message, sum(messages)::bigint AS messages, sum(taken)::bigint AS taken, sum(ignored)::bigint AS ignored,
               sum(refused)::bigint AS refused, max(last_at) AS last_at
        FROM gateway.platform_traffic WHERE operator_id = $1 AND hour >= date_trunc('hour', $2::timestamptz)
        GROUP BY message ORDER BY message
        """,
        operator_id,
        since,
    )
    return rows


async def refused(
    connection: asyncpg.Connection, operator_id: str, before: int | None, limit: int, *, proven: bool = True
) -> list[asyncpg.Record]:
    """Return what was refused of a platform, newest first; not `proven`: of what names it and was not signed by it."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT id, received_at, code, reason, frame FROM gateway.refused_input
        WHERE station_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
        """,
        (REFUSED_AS if proven else UNPROVEN_AS) + operator_id,
        before,
        limit,
    )
    return rows


async def stats(
    connection: asyncpg.Connection, scope: Scope, operator_id: str, before: tuple[date, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return what sites within somebody's bounds delivered by day, the newest first.

    As their platform reckons it, and as the transactions say. A site that nobody has filed lies within no division.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT s.day, s.cec_station_id, s.energy_wh, s.received_at, (
            SELECT coalesce(sum(telemetry.energy_wh(t)), 0) FROM telemetry.transaction t
            WHERE t.station_id IN (
                SELECT c.station_id FROM gateway.connector_code c
                WHERE c.operator_code = s.operator_id AND c.cec_station_id = s.cec_station_id
            ) AND t.ended_at >= s.day::timestamp AT TIME ZONE $5 AND t.ended_at < (s.day + 1)::timestamp AT TIME ZONE $5
        ) AS recorded_wh
        FROM gateway.platform_stats s WHERE s.operator_id = $1 AND ($2::date IS NULL OR (s.day, s.cec_station_id) < ($2, $3))
          AND ($6::bool OR EXISTS (
              SELECT FROM gateway.connector_code f WHERE f.operator_code = s.operator_id
                AND f.cec_station_id = s.cec_station_id AND {site_within("f.site_id", 6)}
          ))
        ORDER BY s.day DESC, s.cec_station_id DESC LIMIT $4
        """,
        operator_id,
        *(before or (None, None)),
        limit,
        COUNTY.key,
        *scope.parameters,
    )
    return rows


async def operator_told(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record | None:
    """Return a platform's operator as it files itself, or None."""
    return await connection.fetchrow("SELECT * FROM gateway.platform_operator WHERE operator_id = $1", operator_id)


async def orders(
    connection: asyncpg.Connection,
    scope: Scope,
    operator_id: str,
    states: Collection[str] | None,
    before: str | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return a platform's orders within somebody's bounds from the latest number down, of some states or all."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT * FROM gateway.platform_order o WHERE operator_id = $1 AND ($2::text[] IS NULL OR state = ANY($2))
          AND ($3::text IS NULL OR order_no < $3) AND {station_within("o.station_id", 5)} ORDER BY order_no DESC LIMIT $4
        """,
        operator_id,
        None if states is None else list(states),
        before,
        limit,
        *scope.parameters,
    )
    return rows


async def find_order(connection: asyncpg.Connection, operator_id: str, order_no: str) -> asyncpg.Record | None:
    """Return an order as its platform told it last, or None."""
    return await connection.fetchrow(
        "SELECT * FROM gateway.platform_order WHERE operator_id = $1 AND order_no = $2", operator_id, order_no
    )


async def sites_stamp(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record:
    """Return what is another whenever a platform's files are: how many there are, and when the latest came."""
    return await connection.fetchrow(
        "SELECT count(*), max(received_at) FROM gateway.platform_station WHERE operator_id = $1", operator_id
    )


async def sites_told(connection: asyncpg.Connection, operator_id: str) -> list[asyncpg.Record]:
    """Return the sites of a platform as it files them, without its messages."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT cec_station_id, name, longitude, latitude, operating, connectors FROM gateway.platform_station
        WHERE operator_id = $1 ORDER BY cec_station_id
        """,
        operator_id,
    )
    return rows
