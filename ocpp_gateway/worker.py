"""A gateway worker: OCPP sockets and the recorder, in a process of its own."""

import asyncio
import gc
import ipaddress
import logging
import socket
from contextlib import suppress
from datetime import timedelta

from ocpp_gateway import metrics
from ocpp_gateway.authorisation.desk import add_demo_token
from ocpp_gateway.authorisation.memory import Memory
from ocpp_gateway.commands.outbox import Outbox
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.connections.server import Server
from ocpp_gateway.connections.tls import Files, Tls
from ocpp_gateway.heartbeats.policy import Intervals
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.relay import legs, spool
from ocpp_gateway.relay.drain import Drain
from ocpp_gateway.relay.handshake import identity_of
from ocpp_gateway.relay.journal import Journal
from ocpp_gateway.relay.reach import Reach
from ocpp_gateway.relay.relaying import Relaying
from ocpp_gateway.relay.upstreams import Upstreams
from ocpp_gateway.relay.witness import Witness
from ocpp_gateway.stations.admission import Rules
from ocpp_gateway.stations.credentials import Credentials
from ocpp_gateway.stations.directory import Directory
from ocpp_gateway.stations.doorkeeper import Doorkeeper
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.session import Surroundings
from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.lifeline import unless
from youguan.settings import Settings

log = logging.getLogger(__name__)

DRAIN_S = 15.0


async def run(
    settings: Settings, slot: int, listening: socket.socket, stop: asyncio.Event, secure: socket.socket | None = None
) -> None:
    """Serve stations until told to stop, then store and answer what has been said."""
    clock = SystemClock()
    pool = await unless(stop, create_pool(settings.dsn_for("gateway"), max_size=10, patience_s=3600))
    if pool is None:
        return
    async with pool:
        directory = Directory(pool)
        intervals = Intervals(pool, settings.heartbeat_interval_s, directory.site_of)
        credentials = Credentials(pool, on_change=lambda station_id: server.recheck(station_id))  # noqa: PLW0108
        ownership = Ownership(pool, slot, clock)
        memory = Memory(clock)
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
            heartbeat_interval_of=intervals.of,
            authorise=memory.authorise,
            tolerated_skew=timedelta(seconds=settings.tolerated_clock_skew_s),
            unfiled=directory.unfiled,
        )
        doorkeeper = Doorkeeper(rules_of(settings), knows=directory.knows, keys_of=credentials.of, clock=clock)
        relayed = spool.new_spool(settings.data_dir / "relay", settings.relay_spool_bytes)
        journal = Journal(relayed)
        upstreams = Upstreams(pool, directory.site_of, on_change=lambda site_id: reconnect(site_id))  # noqa: PLW0108
        us = identity_of(settings.role_secret or settings.database_url)
        relaying = Relaying(upstreams, reach_of(settings), doorkeeper, around, journal.note, us)
        server = Server(around, doorkeeper, relaying)
        drain = Drain(pool, recorder, witness_of(around), clock)

        def reconnect(site_id: str) -> None:
            for station_id in directory.stations_of(site_id):
                server.reconnect(station_id)

        outbox = Outbox(pool, slot, server.sessions.get, recorder, clock, Sealer(settings.station_key_secret))
        await ownership.start()
        await outbox.start()
        if settings.demo:
            await add_demo_token(pool, clock)
        loaded, keys_loaded, paced, remembers, relays = (asyncio.Event() for _ in range(5))
        left_behind = spool.left_behind(settings.data_dir / "relay", settings.relay_spool_bytes)
        runs = [
            directory.keep(loaded), credentials.keep(keys_loaded), intervals.keep(paced), memory.keep(pool, remembers),
            ownership.run(),
            ownership.watch(server.close_lost), outbox.run(), server.watch(), doorkeeper.tell(pool, f"gateway/{slot}"),
            metrics.tally.run(), upstreams.keep(relays), drain.run(left_behind, relayed), journal.run(),
        ]  # fmt: skip
        if secure is not None:
            tls = tls_of(settings, doorkeeper, server)
            runs.append(tls.watch())
        beside = [asyncio.create_task(run) for run in runs]
        writing = asyncio.create_task(recorder.run())
        spooling = asyncio.create_task(relayed.run())
        for event in (loaded, keys_loaded, paced, remembers, relays):
            await event.wait()
        server.start(listening)
        if secure is not None:
            server.start(secure, lambda: tls.context)
        _spare_the_collector()
        log.info("worker %d listens", slot)
        await first_of(stop, writing, spooling, *beside)
        await _drain(server, recorder, writing, drain, relayed)
        journal.tell()
        relayed.stop()
        await spooling
        for task in beside:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def rules_of(settings: Settings) -> Rules:
    """Return what the settings say about who may connect."""
    return Rules(
        open_networks=tuple(ipaddress.ip_network(network) for network in settings.ocpp_open_networks),
        lowest_profile=settings.ocpp_lowest_security_profile,
        secret=settings.station_key_secret,
        onboarding_secret=settings.ocpp_onboarding_secret,
        welcomes_unfiled=settings.demo,
        connections=settings.ocpp_connections,
        connections_per_source=settings.ocpp_connections_per_source,
    )


def reach_of(settings: Settings) -> Reach:
    """Return how upstreams are reached, and what vouches for them and for us; only a demo's are on this machine."""
    return Reach(
        settings.relay_ca, settings.relay_certificate, settings.relay_key,
        loopback=settings.demo, largest_message=legs.LARGEST_MESSAGE,
    )  # fmt: skip


def witness_of(around: Surroundings) -> Witness:
    """Return what reads what was passed on by the same rules as what is said to us."""
    return Witness(around.authorise, around.heartbeat_interval_of, around.tolerated_skew)


def tls_of(settings: Settings, doorkeeper: Doorkeeper, server: Server) -> Tls:
    """Return TLS from the files that the settings name; a certificate that is revoked closes its connection."""

    def revoked(serials: frozenset[int]) -> None:
        doorkeeper.revoke(serials)
        server.recheck()

    files = Files(settings.ocpp_tls_certificates, settings.ocpp_tls_client_ca, settings.ocpp_tls_revoked)
    return Tls(files, revoked)


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


async def _drain(
    server: Server, recorder: DirectRecorder, writing: asyncio.Task[None], drain: Drain, relayed: spool.Spool
) -> None:
    """Answer what has been said, say goodbye, store the goodbyes. What was passed on and is not stored by then stays on disk."""
    server.stop_accepting()
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            try:
                await recorder.settled()
            finally:
                server.close_all()  # though the database is away: nothing is passed on that could not be noted any more
            await asyncio.sleep(0)  # the ends of the connections are submitted by their callbacks
            await recorder.settled()
            await drain.caught_up(relayed)
            recorder.stop()
            await writing
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
