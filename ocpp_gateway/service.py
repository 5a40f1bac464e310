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
from ocpp_gateway.files.api import add_files, files_api, sweep
from ocpp_gateway.files.depot import Depot
from ocpp_gateway.heartbeat_watch import HeartbeatWatch
from ocpp_gateway.mqtt.outbound import StatusPublisher
from ocpp_gateway.sensors.api import add_sensors
from ocpp_gateway.stations import directory
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
        desk = Desk(pool, clock)
        api = gateway_api(pool)
        add_commands(api, pool, desk)
        add_sensors(api, pool)
        depot = Depot(pool, desk, clock, settings)
        add_files(api, pool, depot)
        jobs = [
            Job("gateway.heartbeat_watch", watch.run),
            Job("gateway.retention", lambda: forget_old_frames(pool, clock, keep)),
            Job("gateway.command_watch", desk.watch),
            Job("gateway.upload_sweep", lambda: sweep(depot)),
        ]
        if settings.mqtt_url:
            jobs.append(Job("gateway.mqtt", StatusPublisher(pool, settings).run))
        yield Parts(
            name="gateway",
            apis={"/api/gateway": api, "/files": files_api(depot)},
            jobs=jobs,
            consumers=[directory.consumer(pool)],
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
