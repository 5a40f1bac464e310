"""What provinces are told of this moment, as often as their profiles say: it takes the place of what they have not taken yet."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from ocpp_gateway.adapters.cec102 import SOURCE
from ocpp_gateway.cec102 import store as platforms
from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.cec102.profiles import Momentary
from ocpp_gateway.cec102.upward import store
from ocpp_gateway.cec102.upward.moments import (
    Charging,
    Drawing,
    Values,
    charging_of,
    number_while_charging,
    powers_of,
)
from ocpp_gateway.cec102.upward.reports import Report, coded
from youguan.clock import Clock
from youguan.database import AWAY

log = logging.getLogger(__name__)

LOOK_S = 5.0
# What a meter said longer ago is no word about this moment.
VALUES_HOLD = timedelta(minutes=15)


class Pulse:
    """Queues what is due; the queues are emptied as all others are."""

    def __init__(self, desk: PlatformDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        self._told_at: dict[tuple[str, Momentary], datetime] = {}

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except AWAY as error:
                log.warning("reporting upward, of this moment: %s", error)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Queue what is due, read once for all provinces."""
        now = self._clock.now()
        async with self._desk.pool.acquire() as connection:
            due = self._due(await platforms.called(connection, "province"), now)
            for kind, provinces in due.items():
                reports = await READ[kind](connection, now)
                for operator_id in provinces:
                    await store.queue_moment(connection, operator_id, kind, reports, now)
                    self._told_at[operator_id, kind] = now

    def _due(self, provinces: Sequence[asyncpg.Record], now: datetime) -> Mapping[Momentary, Sequence[str]]:
        due: dict[Momentary, list[str]] = {}
        for province in provinces:
            for kind, pause_s in self._desk.profile_of(province).every_s.items():
                told_at = self._told_at.get((province["operator_id"], kind))
                if told_at is None or now - told_at >= timedelta(seconds=pause_s):
                    due.setdefault(kind, []).append(province["operator_id"])
        return due


async def _charging(connection: asyncpg.Connection, now: datetime) -> Sequence[Report]:
    return [charging_of(_charging_in(row), now) for row in await store.charging_now(connection, now - VALUES_HOLD, now)]


def _charging_in(row: asyncpg.Record) -> Charging:
    place, started_at = coded(row), row["started_at"]
    own = row["ocpp_version"] == SOURCE
    number = number_while_charging(place, row["transaction_id"], started_at, platforms_own=own)
    return Charging(
        place, number, row["condition"], started_at, row["meter_start_wh"], _values(row["measured"]), row["at"],
        row["energy_wh"],
    )  # fmt: skip


async def _powers(connection: asyncpg.Connection, now: datetime) -> Sequence[Report]:
    rows = await store.drawing_now(connection, now - VALUES_HOLD, now)
    drawing = [Drawing(coded(row), row["condition"], _values(row["measured"]), row["at"]) for row in rows]
    return list(powers_of(drawing, now))


def _values(measured: Sequence[Any] | None) -> Values:
    return {(measurand, phase): value for measurand, phase, value in measured or ()}


READ = {"charging": _charging, "power": _powers}
