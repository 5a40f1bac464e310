"""The statements about notifications."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from ocpp_gateway.notifications.kinds import NAMED, Kind, actions_of
from ocpp_gateway.observation import Notified
from ocpp_gateway.store import Span
from youguan.clock import effective_time


async def insert_notifications(connection: asyncpg.Connection, notified: Sequence[Notified]) -> list[Notified]:
    """Store notifications and return them, without those of a believed time that another message has told before, of late."""
    rows = await connection.fetch(
        """
        WITH told AS (
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::bool[])
                WITH ORDINALITY AS t (station_id, action, status, occurred_at, received_at, info, once, place)
        )
        INSERT INTO telemetry.notification (station_id, action, status, occurred_at, received_at, info)
        SELECT station_id, action, status, occurred_at, received_at, info FROM told t
        WHERE NOT once OR NOT EXISTS (
            SELECT FROM told e WHERE e.place < t.place AND e.received_at <> t.received_at
            AND (e.station_id, e.action, e.status, e.occurred_at) = (t.station_id, t.action, t.status, t.occurred_at)
            AND e.info IS NOT DISTINCT FROM t.info
        ) AND NOT EXISTS (
            SELECT FROM telemetry.notification n WHERE n.received_at > t.received_at - interval '7 days'
            AND (n.station_id, n.action, n.status, n.occurred_at) = (t.station_id, t.action, t.status, t.occurred_at)
            AND n.info IS NOT DISTINCT FROM t.info
        )
        RETURNING station_id, action, status, occurred_at, received_at, info
        """,
        *map(list, zip(*[
            (n.station_id, n.action, n.status, n.occurred_at, n.received_at, n.info, _once(n)) for n in notified
        ], strict=True)),
    )  # fmt: skip
    return [Notified(**dict(row)) for row in rows]


def _once(n: Notified) -> bool:
    """Say whether a notification tells a time of its own that can be believed."""
    return n.occurred_at != n.received_at and effective_time(n.occurred_at, n.received_at) == n.occurred_at


async def notifications(
    connection: asyncpg.Connection,
    station_id: str,
    span: Span,
    kind: Kind | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return what a station told within a span of receipt, newest first; `mark` tells those of the same instant apart."""
    actions = NAMED if kind == "other" else actions_of(kind) if kind else None
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT action, status, info, occurred_at, received_at, mark
        FROM telemetry.notification, LATERAL (
            SELECT md5(concat_ws(' ', action, status, extract(epoch FROM occurred_at), info)) AS mark
        ) m
        WHERE station_id = $1 AND ($2::timestamptz IS NULL OR received_at >= $2)
          AND ($3::timestamptz IS NULL OR received_at < $3)
          AND ($4::timestamptz IS NULL OR received_at <= $4 AND (received_at, mark) < ($4, $5))
          AND ($6::text[] IS NULL OR (action = ANY($6)) <> $7)
        ORDER BY received_at DESC, mark DESC LIMIT $8
        """,
        station_id,
        span.since,
        span.until,
        *(before or (None, None)),
        actions and sorted(actions),
        kind == "other",
        limit,
    )
    return rows
