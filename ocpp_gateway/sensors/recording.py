"""How a sensor's reading becomes durable: in the recorder's commit, with what of it is news."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from ocpp_gateway.observation import SensorRead
from ocpp_gateway.sensors import store
from ocpp_gateway.sensors.alarm import alarm_after
from youguan.events import Event, SensorAlarmed, SensorCleared


class State(NamedTuple):
    """What is known of a sensor."""

    effective_at: datetime
    alarm: str | None
    since: datetime | None


async def write_readings(connection: asyncpg.Connection, readings: Sequence[SensorRead]) -> list[Event]:
    """Store readings, repeats left out; one that comes late is stored and changes nothing of what is now."""
    fresh = await store.insert_readings(connection, readings)
    known = {
        (row["site_id"], row["kind"], row["sensor"]): State(row["effective_at"], row["alarm"], row["alarm_since"])
        for row in await store.read_now(connection, fresh)
    }
    events: list[Event] = []
    latest: dict[store.Key, tuple[SensorRead, State]] = {}
    for reading in fresh:
        key = store.key_of(reading)
        before = known.get(key)
        if before is not None and reading.effective_at < before.effective_at:
            continue
        after, news = _follow(reading, before)
        events += news
        known[key] = after
        latest[key] = (reading, after)
    await store.write_now(
        connection, [(reading, state.alarm, state.since) for _, (reading, state) in sorted(latest.items())]
    )
    return events


def _follow(reading: SensorRead, before: State | None) -> tuple[State, list[Event]]:
    was, since = (before.alarm, before.since) if before else (None, None)
    alarm = alarm_after(reading, was)
    if alarm == was:
        return State(reading.effective_at, alarm, since), []
    news: list[Event] = [_cleared(reading, was)] if was else []
    if alarm:
        news.append(_alarmed(reading, alarm))
    return State(reading.effective_at, alarm, reading.effective_at if alarm else None), news


def _alarmed(reading: SensorRead, alarm: str) -> SensorAlarmed:
    return SensorAlarmed(alarm=alarm, value=reading.value, unit=reading.unit, **_whose(reading))


def _cleared(reading: SensorRead, alarm: str) -> SensorCleared:
    return SensorCleared(alarm=alarm, **_whose(reading))


def _whose(reading: SensorRead) -> dict[str, Any]:
    names = ("site_id", "sensor", "kind", "station_id", "connector", "effective_at")
    return {name: getattr(reading, name) for name in names}
