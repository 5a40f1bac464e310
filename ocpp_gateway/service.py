"""The gateway's web side and jobs, composed; the sockets are in `worker.py`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from ocpp_gateway import store
from ocpp_gateway.api import gateway_api
from ocpp_gateway.commands.api import add_commands
from ocpp_gateway.commands.desk import Desk
from ocpp_gateway.heartbeat_watch import STREAM, HeartbeatWatch
from ocpp_gateway.mqtt_out import StatusPublisher
from ocpp_gateway.stations import directory
from ocpp_gateway.stations.ownership import SlotWatch
from ocpp_gateway.timeseries.api import add_timeseries
from ocpp_gateway.timeseries.rollup import Rollup
from youguan.clock import Clock
from youguan.database import create_pool, storage_mode
from youguan.parts import Job, Parts
from youguan.settings import Settings

RETENTION_S = 3600.0


@asynccontextmanager
async def compose(settings: Settings, clock: Clock) -> AsyncIterator[Parts]:
    """Put the service together."""
    async with await create_pool(settings.dsn_for("gateway")) as pool:
        tolerated = timedelta(seconds=settings.heartbeat_interval_s * settings.offline_after_heartbeats)
        watch = HeartbeatWatch(pool, clock, tolerated)
        keep = timedelta(days=settings.raw_frame_retention_days)
        rollup = Rollup(pool, clock)
        consumers = [directory.consumer(pool), rollup.consumer()]
        if settings.mqtt_url:
            consumers.append(StatusPublisher(pool, settings.mqtt_url).consumer())
        desk = Desk(pool, clock)
        api = gateway_api(pool)
        add_commands(api, pool, desk)
        add_timeseries(api, pool, clock)
        yield Parts(
            name="gateway",
            apis={"/api/gateway": api},
            jobs=[
                Job("gateway.heartbeat_watch", watch.run),
                Job("gateway.slot_watch", SlotWatch(pool, clock, STREAM).run),
                Job("gateway.retention", lambda: forget_old_frames(pool, clock, keep)),
                Job("gateway.command_watch", desk.watch),
                Job("gateway.rollup", rollup.run),
            ],
            consumers=consumers,
            watchers=[Job("gateway.command_answers", desk.keep_answers)],
        )


async def forget_old_frames(pool: asyncpg.Pool, clock: Clock, keep: timedelta) -> None:
    """Drop raw frames that are past keeping, a day at a time."""
    while True:
        before = clock.now() - keep
        async with pool.acquire() as connection:
            if await storage_mode(connection) == "timescale":
                await store.drop_chunks(connection, before)
            else:
                for partition in await store.old_days(connection, before):
                    await store.drop_day(connection, partition)
        await asyncio.sleep(RETENTION_S)
