"""How it becomes rows who came, went, was heard and booted, and what is told of it."""

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from ocpp_gateway.observation import ClockMeasured
from ocpp_gateway.recorder.batch import Batch
from ocpp_gateway.recorder.connectivity import store
from youguan.events import Event, StationBooted, StationDisconnected, StationOffline, StationOnline


async def write(connection: asyncpg.Connection, batch: Batch, seen: Mapping[str, datetime]) -> list[Event]:
    """Note who came, went, was heard, and booted; of clocks, which are noted later, the stations are held too."""
    measured = {observation.station_id for observation in batch.seldom if isinstance(observation, ClockMeasured)}
    ended = {end.station_id for end in batch.ended}
    held = seen.keys() | batch.booted.keys() | batch.out_of_reach.keys() | ended | measured
    await store.hold_stations(connection, held)
    events: list[Event] = []
    for station_id in await store.note_seen(connection, seen) if seen else ():
        events.append(StationOnline(station_id=station_id, at=seen[station_id]))
    await store.note_boots(connection, batch)
    events += [
        StationBooted(
            station_id=b.station_id,
            vendor=b.vendor,
            model=b.model,
            serial_number=b.serial_number,
            firmware_version=b.firmware_version,
            at=b.at,
            reason=b.reason,
        )
        for b in batch.booted.values()
    ]
    for station_id, seen_at in await store.note_out_of_reach(connection, batch.out_of_reach):
        at = batch.out_of_reach[station_id]
        events.append(StationOffline(station_id=station_id, last_seen_at=seen_at or at, at=at))
    return events + await _ends(connection, batch)


async def _ends(connection: asyncpg.Connection, batch: Batch) -> list[Event]:
    gone = await store.note_ends(connection, batch.ended)
    return [
        StationDisconnected(station_id=end.station_id, reason=end.reason, at=end.at)
        for end in batch.ended
        if end.station_id in gone
    ]
