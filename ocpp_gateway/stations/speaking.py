"""Who may write what is said of stations another way than over OCPP: a bridge, a platform's feed, a door of its own protocol."""

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from ocpp_gateway.recorder.direct import MOST_MISROUTED, is_misrouted
from ocpp_gateway.stations.store import take_over
from youguan.errors import Unavailable
from youguan.eventlog import publish
from youguan.events import StationOnline


async def speak_for(pool: asyncpg.Pool, slot: int, heard: Mapping[str, datetime], way: str) -> set[str]:
    """Let a slot write stations, unless they speak OCPP for themselves at this moment; return those that it may write now."""
    for _ in range(MOST_MISROUTED):
        try:
            async with pool.acquire() as connection, connection.transaction():
                may_write, back = await take_over(connection, slot, heard, way)
                await publish(connection, f"gateway/{slot}", [StationOnline(station_id=s, at=heard[s]) for s in back])
            return may_write
        except asyncpg.CheckViolationError as error:
            if not is_misrouted(error):
                raise
    raise Unavailable("partitions are being made")
