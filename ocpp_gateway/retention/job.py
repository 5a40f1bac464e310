"""Forgets what is past keeping: series, transactions, refused input, those in quarantine, events that everybody has handled."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import asyncpg

from ocpp_gateway.relay.store import forget_gaps, forget_spools
from ocpp_gateway.retention import store
from ocpp_gateway.retention.store import Part
from ocpp_gateway.retention.terms import SERIES, Series, days_kept_since, kept_since
from youguan import eventlog
from youguan.clock import Clock, county_day
from youguan.database import storage_mode
from youguan.settings import Settings

EVERY_S = 3600.0
AGAIN_S = 30.0  # where somebody reads what is to be dropped
STREAMS = "gateway/"


class Retention:
    """Forgets what is past keeping."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, settings: Settings) -> None:
        self._pool = pool
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            async with self._pool.acquire() as connection:
                done = await self.forget(connection)
            await asyncio.sleep(EVERY_S if done else AGAIN_S)

    async def forget(self, connection: asyncpg.Connection) -> bool:
        """Forget what can be forgotten now; say whether that is all.

        What cannot be forgotten keeps nothing else: a disk that fills would wait for it. ExceptionGroup of what was said of it.
        """
        done, errors = True, list[Exception]()
        for step in self._steps(connection):
            try:
                done = await step() is not False and done
            except (asyncpg.PostgresError, TimeoutError) as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup("what is past keeping is still there", errors)
        return done

    def _steps(self, connection: asyncpg.Connection) -> list[Callable[[], Awaitable[object]]]:
        """Return what forgets one thing each; its False says that somebody reads that."""
        settings, now = self._settings, self._clock.now()
        since = kept_since(settings, now)

        def ago(days: int) -> datetime:
            return now - timedelta(days=days)

        ended_since = ago(settings.transaction_retention_days)
        return [
            partial(
                store.forget_refused,
                connection,
                ago(settings.refused_input_retention_days),
                settings.refused_input_a_station,
            ),
            partial(forget_spools, connection, since["raw_frame"]),
            partial(forget_gaps, connection, since["raw_frame"]),
            partial(store.forget_quarantine, connection, ago(settings.quarantine_retention_days)),
            partial(_all_of, eventlog.forget, connection, STREAMS, ago(settings.event_retention_days)),
            partial(_all_of, store.forget_transactions, connection, ended_since),
            partial(_all_of, store.forget_orders, connection, ended_since),
            partial(store.forget_days, connection, days_kept_since(settings, county_day(now))),
            partial(store.forget_received, connection, "telemetry.status_by_receipt", since["status_change"]),
            *(partial(_forget, connection, series, since[series.name]) for series in SERIES),
        ]


async def _all_of(some: Callable[..., Awaitable[int]], *args: object) -> None:
    """Forget some, until none is left."""
    while await some(*args):
        pass


async def _forget(connection: asyncpg.Connection, series: Series, before: datetime) -> bool:
    """Forget what is past keeping of a series; False where somebody reads it."""
    mode = await storage_mode(connection)
    if series.by_receipt and mode == "plain":  # where the times are that no partition is made for
        await store.forget_received(connection, f"telemetry.{series.name}_default", before)
    parts = await store.past_keeping(connection, series, before, mode)
    return all([await _forget_part(connection, series, part, before) for part in parts])


async def _forget_part(connection: asyncpg.Connection, series: Series, part: Part, before: datetime) -> bool:
    if series.by_receipt and await store.holds_later(connection, part, before):
        await store.forget_received(connection, part.name, before)
        return True
    return await store.drop(connection, part)
