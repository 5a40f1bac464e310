"""The gateway's web side and jobs, composed; the sockets are in `worker.py`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from ocpp_gateway.api import gateway_api
from ocpp_gateway.commands.api import add_commands
from ocpp_gateway.commands.desk import Desk
from ocpp_gateway.heartbeat_watch import STREAM, HeartbeatWatch
from ocpp_gateway.mqtt_out import StatusPublisher
from ocpp_gateway.retention import Retention
from ocpp_gateway.stations import directory
from ocpp_gateway.stations.ownership import SlotWatch
from ocpp_gateway.timeseries.api import add_timeseries
from ocpp_gateway.timeseries.rollup import Rollup
from youguan.clock import Clock
from youguan.database import create_pool
from youguan.parts import Job, Parts
from youguan.settings import Settings


@asynccontextmanager
async def compose(settings: Settings, clock: Clock) -> AsyncIterator[Parts]:
    """Put the service together."""
    async with await create_pool(settings.dsn_for("gateway")) as pool:
        tolerated = timedelta(seconds=settings.heartbeat_interval_s * settings.offline_after_heartbeats)
        watch = HeartbeatWatch(pool, clock, tolerated)
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
                Job("gateway.retention", Retention(pool, clock, settings).run),
                Job("gateway.command_watch", desk.watch),
                Job("gateway.rollup", rollup.run),
            ],
            consumers=consumers,
            watchers=[Job("gateway.command_answers", desk.keep_answers)],
        )
