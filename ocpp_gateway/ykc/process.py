"""The door of 云快充 in a process of its own, with a recorder: `python -m ocpp_gateway ykc --slot=1500 --listen-fd=N`."""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from ocpp_gateway.adapters.ykc import SOURCE
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.stations.directory import Directory
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.speaking import speak_for
from ocpp_gateway.stations.store import OWN_SOCKETS
from ocpp_gateway.worker import first_of
from ocpp_gateway.ykc.conversation import Around
from ocpp_gateway.ykc.server import Server
from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.settings import Settings

log = logging.getLogger(__name__)

FIRST_SLOT = OWN_SOCKETS.start
DRAIN_S = 8.0


async def run(settings: Settings, slot: int, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serve chargers until told to stop, then store and answer what has been said."""
    clock, ours = SystemClock(), set[str]()
    async with await create_pool(settings.dsn_for("gateway"), max_size=4, patience_s=3600) as pool:
        directory = Directory(pool)

        def lose(epochs: Mapping[str, int]) -> None:
            ours.difference_update(epochs)
            server.close_lost(epochs)

        async def may_write(pile: str, heard_at: datetime) -> bool:
            ours.update(await speak_for(pool, slot, {pile: heard_at}, SOURCE))
            return pile in ours

        recorder = DirectRecorder(
            settings.dsn_for("gateway"),
            slot,
            on_lost=lose,
            source=SOURCE,
            quarantined_a_source=settings.quarantine_a_source,
        )
        around = Around(recorder, directory, may_write, clock, settings.ykc_checksum)
        networks = [ipaddress.ip_network(network) for network in settings.ykc_networks]
        server = Server(around, networks, settings.ocpp_connections, settings.ocpp_connections_per_source)
        ownership = Ownership(pool, slot, clock)
        await ownership.start()
        loaded = asyncio.Event()
        writing = asyncio.create_task(recorder.run())
        beside = [asyncio.create_task(directory.keep(loaded)), asyncio.create_task(ownership.watch(lose))]
        await loaded.wait()
        await server.start(listening)
        log.info(
            "the door of 云快充 is open on %s; networks: %s", listening.getsockname(), settings.ykc_networks or "none"
        )
        await first_of(stop, writing, *beside)
        server.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await recorder.settled()
                server.close_all()
                recorder.stop()
                await writing
        for task in (writing, *beside):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
