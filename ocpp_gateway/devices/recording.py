"""How what a station says of itself becomes durable: in the recorder's commit, with the frame that brought it."""

from collections.abc import Sequence

import asyncpg

from ocpp_gateway.devices import store
from ocpp_gateway.devices.reported import beyond_bound, streamed
from ocpp_gateway.observation import (
    ClockMeasured,
    Excess,
    MonitorsReported,
    Observation,
    StreamBound,
    StreamTold,
    VariablesReported,
)
from youguan.events import Event, StationClockRight, StationClockSkewed


async def write_variables(connection: asyncpg.Connection, reports: Sequence[VariablesReported]) -> list[Excess]:
    """Keep the latest values; nobody is told."""
    return await _keep(connection, [(report, report) for report in reports])


async def write_streamed(connection: asyncpg.Connection, told: Sequence[StreamTold]) -> list[Excess]:
    """Keep the latest values of variables that streams tell, where stream and monitor are known."""
    keys = await store.streams(connection, {(t.station_id, t.stream) for t in told})
    known = [(t, keys[t.station_id, t.stream]) for t in told if (t.station_id, t.stream) in keys]
    return await _keep(
        connection, [(t, VariablesReported(t.station_id, t.at, (streamed(key, t.value),))) for t, key in known]
    )


async def _keep(connection: asyncpg.Connection, told: Sequence[tuple[Observation, VariablesReported]]) -> list[Excess]:
    """Keep what was told, each by the observation beside it."""
    beyond = await store.write_variables(connection, [report for _, report in told])
    if not beyond:
        return []
    by = {(report.station_id, variable.key): said for said, report in told for variable in report.variables}
    left_out = [(station_id, key.name, by[station_id, key]) for station_id, key in beyond]
    return beyond_bound("variable", store.VARIABLES_A_STATION, left_out)


async def write_monitors(connection: asyncpg.Connection, reports: Sequence[MonitorsReported]) -> list[Excess]:
    """Note which variables are watched."""
    by = {
        (report.station_id, monitor.number): (report, monitor.key) for report in reports for monitor in report.monitors
    }
    beyond = await store.write_monitors(connection, {number: key for number, (_, key) in by.items()})
    return beyond_bound("variableMonitoring", store.MONITORS_A_STATION, [(*number, by[number][0]) for number in beyond])


async def write_streams(connection: asyncpg.Connection, bound: Sequence[StreamBound]) -> list[Excess]:
    """Note of which monitor each stream tells."""
    by = {(b.station_id, b.stream): b for b in bound}
    beyond = await store.write_streams(connection, {number: b.monitor for number, b in by.items()})
    return beyond_bound("constantStreamData", store.STREAMS_A_STATION, [(*number, by[number]) for number in beyond])


async def write_clocks(connection: asyncpg.Connection, measured: Sequence[ClockMeasured]) -> list[Event]:
    """Note how clocks are and tell when one goes wrong or is right again."""
    return [
        StationClockSkewed(station_id=clock.station_id, skew_s=clock.skew_s, at=clock.at)
        if clock.skewed
        else StationClockRight(station_id=clock.station_id, at=clock.at)
        for clock in await store.note_clocks(connection, measured)
    ]
