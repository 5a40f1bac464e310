"""How what a platform said becomes durable beside the observations: in the recorder's commit, with what of it is news."""

from collections.abc import Sequence

import asyncpg

from ocpp_gateway.cec102.intake import store
from ocpp_gateway.observation import (
    PlatformOperatorTold,
    PlatformOrderTold,
    PlatformSaid,
    PlatformSiteTold,
    PlatformStatsTold,
)
from youguan.events import Event, PlatformHeard, PlatformOrderKept


async def write_said(connection: asyncpg.Connection, said: Sequence[PlatformSaid]) -> list[Event]:
    """Count what was said, remember its envelopes, and tell who was silent and is heard again."""
    await store.remember_envelopes(connection, said)
    await store.count_traffic(connection, said)
    back = await store.note_heard(connection, {s.operator_id: s.received_at for s in said})
    return [PlatformHeard(operator_id=operator_id, at=at) for operator_id, at in back]


async def write_sites(connection: asyncpg.Connection, told: Sequence[PlatformSiteTold]) -> list[Event]:
    """Keep the latest that a platform files of each of its sites."""
    await store.keep_sites(connection, {(t.operator_id, t.cec_station_id): t for t in told}.values())
    return []


async def write_operators(connection: asyncpg.Connection, told: Sequence[PlatformOperatorTold]) -> list[Event]:
    """Keep the latest that a platform files of its operator."""
    await store.keep_operators(connection, {t.operator_id: t for t in told}.values())
    return []


async def write_orders(connection: asyncpg.Connection, told: Sequence[PlatformOrderTold]) -> list[Event]:
    """Keep orders, the last word of each; tell of those that are new, or other than before."""
    latest = {(t.operator_id, t.order_no): t for t in told}
    fresh = await store.keep_orders(connection, latest.values())
    return [
        PlatformOrderKept(
            operator_id=t.operator_id,
            order_no=t.order_no,
            state=t.state,
            station_id=t.station_id,
            connector=t.connector,
            energy_wh=t.energy_wh,
            started_at=t.started_at,
            ended_at=t.ended_at,
            at=t.received_at,
        )
        for key, t in latest.items()
        if key in fresh
    ]


async def write_stats(connection: asyncpg.Connection, told: Sequence[PlatformStatsTold]) -> list[Event]:
    """Keep the latest that a platform tells of what a site delivered on a day."""
    await store.keep_stats(connection, {(t.operator_id, t.cec_station_id, t.day): t for t in told}.values())
    return []
