"""How a sensor's reading becomes durable: in the recorder's commit, with what of it is news."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from ocpp_gateway.lateness import Moment, Word, judge
from ocpp_gateway.observation import SensorRead
from ocpp_gateway.sensors import store
from ocpp_gateway.sensors.alarm import alarm_after
from youguan.events import Event, SensorAlarmed, SensorCleared

# Where these are told late it may be too late already: they alarm whatever clock says so.
ALARMING_HOWEVER_LATE = ("smoke", "overheating")


class State(NamedTuple):
    """What is known of a sensor."""

    effective_at: datetime
    received_at: datetime
    alarm: str | None
    since: datetime | None


async def write_readings(connection: asyncpg.Connection, readings: Sequence[SensorRead]) -> list[Event]:
    """Store readings, repeats left out; what is past is stored and changes nothing of what is now, unless it is dangerous."""
    fresh = await store.insert_readings(connection, readings)
    known = {
        (row["site_id"], row["kind"], row["sensor"]): State(
            row["effective_at"], row["received_at"], row["alarm"], row["alarm_since"]
        )
        for row in await store.read_now(connection, fresh)
    }
    events: list[Event] = []
    latest: dict[store.Key, tuple[SensorRead, State]] = {}
    for told in fresh:
        key = store.key_of(told)
        before = known.get(key)
        reading = _of_now(told, before)
        if reading is None:
            continue
        after, news = _follow(reading, before)
        events += news
        known[key] = after
        latest[key] = (reading, after)
    await store.write_now(
        connection, [(reading, state.alarm, state.since) for _, (reading, state) in sorted(latest.items())]
    )
    return events


def _of_now(reading: SensorRead, before: State | None) -> SensorRead | None:
    """Return a reading as what is now, since when its clock can be believed; None: it is past.

    No late reading is remembered here: a sensor speaks again soon.
    """
    latest = Moment(before.effective_at, before.received_at) if before else None
    word, _ = judge(Moment(reading.effective_at, reading.received_at), latest, None)
    if word is Word.TIMELY:
        return reading
    if word is Word.FALLEN or alarm_after(reading, None) in ALARMING_HOWEVER_LATE:
        return reading._replace(effective_at=reading.received_at)
    return None


def _follow(reading: SensorRead, before: State | None) -> tuple[State, list[Event]]:
    was, since = (before.alarm, before.since) if before else (None, None)
    alarm = alarm_after(reading, was)
    if alarm == was:
        return State(reading.effective_at, reading.received_at, alarm, since), []
    news: list[Event] = [_cleared(reading, was)] if was else []
    if alarm:
        news.append(_alarmed(reading, alarm))
    return State(reading.effective_at, reading.received_at, alarm, reading.effective_at if alarm else None), news


def _alarmed(reading: SensorRead, alarm: str) -> SensorAlarmed:
    return SensorAlarmed(alarm=alarm, value=reading.value, unit=reading.unit, **_whose(reading))


def _cleared(reading: SensorRead, alarm: str) -> SensorCleared:
    return SensorCleared(alarm=alarm, **_whose(reading))


def _whose(reading: SensorRead) -> dict[str, Any]:
    names = ("site_id", "sensor", "kind", "station_id", "connector", "effective_at")
    return {name: getattr(reading, name) for name in names}
