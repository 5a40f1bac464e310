"""How what a station says of itself becomes durable: in the recorder's commit, with the frame that brought it."""

from collections.abc import Sequence

import asyncpg

from ocpp_gateway.devices import store
from ocpp_gateway.devices.reported import streamed
from ocpp_gateway.observation import ClockMeasured, MonitorsReported, StreamBound, StreamTold, VariablesReported
from youguan.events import Event, StationClockRight, StationClockSkewed


async def write_variables(connection: asyncpg.Connection, reports: Sequence[VariablesReported]) -> list[Event]:
    """Keep the latest values; nobody is told."""
    await store.write_variables(connection, reports)
    return []


async def write_monitors(connection: asyncpg.Connection, reports: Sequence[MonitorsReported]) -> list[Event]:
    """Note which variables are watched."""
    await store.write_monitors(connection, {(r.station_id, m.number): m.key for r in reports for m in r.monitors})
    return []


async def write_streams(connection: asyncpg.Connection, bound: Sequence[StreamBound]) -> list[Event]:
    """Note of which monitor each stream tells."""
    await store.write_streams(connection, {(b.station_id, b.stream): b.monitor for b in bound})
    return []


async def write_streamed(connection: asyncpg.Connection, told: Sequence[StreamTold]) -> list[Event]:
    """Keep the latest values of variables that streams tell, where stream and monitor are known."""
    keys = await store.streams(connection, {(t.station_id, t.stream) for t in told})
    known = [(t, keys[t.station_id, t.stream]) for t in told if (t.station_id, t.stream) in keys]
    reports = [VariablesReported(t.station_id, t.at, (streamed(key, t.value),)) for t, key in known]
    return await write_variables(connection, reports) if reports else []


async def write_clocks(connection: asyncpg.Connection, measured: Sequence[ClockMeasured]) -> list[Event]:
    """Note how clocks are and tell when one goes wrong or is right again."""
    return [
        StationClockSkewed(station_id=clock.station_id, skew_s=clock.skew_s, at=clock.at)
        if clock.skewed
        else StationClockRight(station_id=clock.station_id, at=clock.at)
        for clock in await store.note_clocks(connection, measured)
    ]
