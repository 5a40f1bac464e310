"""How what a station says of itself becomes durable: in the recorder's commit, with the frame that brought it."""

from collections.abc import Sequence

import asyncpg

from ocpp_gateway.devices import store
from ocpp_gateway.observation import ClockMeasured, VariablesReported
from youguan.events import Event, StationClockRight, StationClockSkewed


async def write_variables(connection: asyncpg.Connection, reports: Sequence[VariablesReported]) -> list[Event]:
    """Keep the latest values; nobody is told."""
    await store.write_variables(connection, reports)
    return []


async def write_clocks(connection: asyncpg.Connection, measured: Sequence[ClockMeasured]) -> list[Event]:
    """Note how clocks are and tell when one goes wrong or is right again."""
    return [
        StationClockSkewed(station_id=clock.station_id, skew_s=clock.skew_s, at=clock.at)
        if clock.skewed
        else StationClockRight(station_id=clock.station_id, at=clock.at)
        for clock in await store.note_clocks(connection, measured)
    ]
