"""What of the relay nothing that passes may wait for, in a process of its own: `python -m ocpp_gateway relay --slot=1600`.

The workers pass on and write down what passed; this reads it, understands it and stores it, for all workers of a data folder, and
keeps what a worker has to know that starts while the database is away.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta

import asyncpg

from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.relay.drain import Drain
from ocpp_gateway.relay.last_known import KnownSite, LastKnown
from ocpp_gateway.relay.upstreams import Upstreams
from ocpp_gateway.relay.witness import Witness
from ocpp_gateway.stations.credentials import Credentials
from ocpp_gateway.stations.directory import Directory
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.worker import first_of
from youguan.clock import SystemClock
from youguan.database import create_pool, patiently
from youguan.lifeline import unless
from youguan.settings import Settings

log = logging.getLogger(__name__)

FIRST_SLOT = 1600
# Where there is not processor enough for both, what passes goes first.
NICENESS = 5
DRAIN_S = 8.0


async def run(settings: Settings, slot: int, stop: asyncio.Event) -> None:
    """Store what is passed on until told to stop, and then what is left behind."""
    clock, folder = SystemClock(), settings.data_dir / "relay"
    async with await create_pool(settings.dsn_for("gateway"), min_size=0, max_size=4) as pool:
        await unless(stop, patiently(pool, lambda _: Ownership(pool, slot, clock).start()))
        if stop.is_set():
            return
        recorder = DirectRecorder(settings.dsn_for("gateway"), slot, on_lost=lambda _: None, alone=False)
        witness = Witness(timedelta(seconds=settings.tolerated_clock_skew_s))
        drain = Drain(pool, recorder, witness, clock, folder)
        writing, draining = asyncio.create_task(recorder.run()), asyncio.create_task(drain.run(stop))
        knowing = asyncio.create_task(_keep_known(pool, LastKnown(folder, Sealer(settings.station_key_secret))))
        log.info("relay %d: what is passed on is stored from %s", slot, folder)
        await first_of(stop, writing, draining, knowing)
        with suppress(TimeoutError):  # what is not stored by then stays on disk
            async with asyncio.timeout(DRAIN_S):
                await draining
                recorder.stop()
                await writing
        for task in (knowing, draining, writing):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _keep_known(pool: asyncpg.Pool, last_known: LastKnown) -> None:
    directory, credentials, upstreams = Directory(pool), Credentials(pool), Upstreams(pool)

    def known() -> list[KnownSite]:
        return [
            KnownSite(upstream, {id: credentials.of(id) for id in sorted(directory.stations_of(upstream.site_id))})
            for upstream in upstreams.all()
        ]

    loaded = [asyncio.Event() for _ in range(3)]
    runs = [directory.keep(loaded[0]), credentials.keep(loaded[1]), upstreams.keep(loaded[2])]
    async with asyncio.TaskGroup() as group:
        for keeping in runs:
            group.create_task(keeping)
        for event in loaded:
            await event.wait()
        group.create_task(last_known.keep(known))
