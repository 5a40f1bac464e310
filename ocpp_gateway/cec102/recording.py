"""How what a platform said becomes durable beside the observations: in the recorder's commit, with what of it is news."""

from collections.abc import Sequence

import asyncpg

from ocpp_gateway.cec102 import store
from ocpp_gateway.observation import PlatformSaid, PlatformSiteTold
from youguan.events import Event, PlatformHeard


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
