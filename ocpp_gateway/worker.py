"""A gateway worker: OCPP sockets and the recorder, in a process of its own."""

import asyncio
import gc
import logging
import socket
from contextlib import suppress

from ocpp_gateway.commands.outbox import Outbox
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.server import Server
from ocpp_gateway.stations.directory import Directory
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.session import Surroundings
from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.lifeline import unless
from youguan.settings import Settings

log = logging.getLogger(__name__)

DEMO_TOKEN = "DEMO"  # noqa: S105  # an OCPP id token, no secret
DRAIN_S = 15.0


async def run(settings: Settings, slot: int, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serve stations until told to stop, then store and answer what has been said."""
    clock = SystemClock()
    pool = await unless(stop, create_pool(settings.dsn_for("gateway"), max_size=6, patience_s=3600))
    if pool is None:
        return
    async with pool:
        directory = Directory(pool)
        ownership = Ownership(pool, slot, clock)
        recorder = DirectRecorder(
            settings.dsn_for("gateway"),
            slot,
            on_lost=lambda epochs: server.close_lost(epochs),  # noqa: PLW0108  # made below
            quarantined_a_source=settings.quarantine_a_source,
        )
        around = Surroundings(
            recorder=recorder,
            claims=ownership,
            knows=directory.knows,
            clock=clock,
            heartbeat_interval_s=settings.heartbeat_interval_s,
            accepted_tokens=frozenset({DEMO_TOKEN} if settings.demo else ()),
        )
        server = Server(around, settings.ocpp_open_networks)
        outbox = Outbox(pool, slot, server.sessions.get, recorder, clock)
        await ownership.start()
        await outbox.start()
        loaded = asyncio.Event()
        beside = [
            asyncio.create_task(run)
            for run in (directory.keep(loaded), ownership.run(), ownership.watch(server.close_lost), outbox.run())
        ]
        writing = asyncio.create_task(recorder.run())
        await loaded.wait()
        server.start(listening)
        _spare_the_collector()
        log.info("worker %d listens", slot)
        await first_of(stop, writing, *beside)
        await _drain(server, recorder, writing)
        for task in beside:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _spare_the_collector() -> None:
    """Let the garbage collector leave alone what lives as long as the process, and look at the rest rarely.

    A batch is thousands of small tuples that die together by reference counts; walking them, and 23,441 stations beside
    them, again and again took more than half of the time of a frame (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)


async def first_of(stop: asyncio.Event, *tasks: asyncio.Task[None]) -> None:
    """Wait for the stop; a task that ends before it ended badly, and so must the worker."""
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    for task in done - {stopping}:
        task.result()
    stopping.cancel()


async def _drain(server: Server, recorder: DirectRecorder, writing: asyncio.Task[None]) -> None:
    """Answer what has been said, say goodbye, store the goodbyes."""
    server.stop_accepting()
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            await recorder.settled()
            server.close_all()
            await asyncio.sleep(0)  # the ends of the connections are submitted by their callbacks
            await recorder.settled()
            recorder.stop()
            await writing
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
