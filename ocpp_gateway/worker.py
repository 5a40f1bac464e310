"""A gateway worker: OCPP sockets and the recorder, in a process of its own."""

import asyncio
import gc
import ipaddress
import logging
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

import asyncpg

from ocpp_gateway import metrics
from ocpp_gateway.authorisation.desk import add_demo_token
from ocpp_gateway.authorisation.memory import Memory
from ocpp_gateway.commands.outbox import Outbox
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.connections.crowd import Crowd
from ocpp_gateway.connections.server import Server
from ocpp_gateway.connections.tls import Files, Tls
from ocpp_gateway.heartbeats.policy import Intervals
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.relay import legs
from ocpp_gateway.relay.handshake import identity_of
from ocpp_gateway.relay.journal import Journal
from ocpp_gateway.relay.last_known import LastKnown
from ocpp_gateway.relay.reach import Reach
from ocpp_gateway.relay.relaying import Relaying
from ocpp_gateway.relay.spool.writing import new_spool
from ocpp_gateway.relay.upstreams import Upstreams
from ocpp_gateway.stations.admission import Rules
from ocpp_gateway.stations.credentials import Credentials
from ocpp_gateway.stations.directory import Directory
from ocpp_gateway.stations.doorkeeper import Doorkeeper
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.surroundings import Surroundings
from youguan.clock import SystemClock
from youguan.database import create_pool, patiently
from youguan.settings import Settings

log = logging.getLogger(__name__)

DRAIN_S = 15.0
# A database that lets a worker wait for so long when it starts is away.
AWAY_AFTER_S = 3.0


async def run(
    settings: Settings, slot: int, listening: socket.socket, secure: socket.socket | None, stop: asyncio.Event
) -> None:
    """Serve stations until told to stop, then store and answer what has been said."""
    async with await create_pool(settings.dsn_for("gateway"), min_size=0, max_size=10) as pool:
        await Worker(settings, slot, pool, listening, secure).run(stop)


class Worker:
    """One worker, composed: what it keeps in memory, how it hears stations, and how that becomes durable."""

    def __init__(
        self, settings: Settings, slot: int, pool: asyncpg.Pool, listening: socket.socket, secure: socket.socket | None
    ) -> None:
        self._settings, self._slot, self._pool = settings, slot, pool
        self._listening, self._secure = listening, secure
        self._clock = clock = SystemClock()
        self._directory = directory = Directory(pool, on_move=self._moved)
        self._intervals = Intervals(pool, settings.heartbeat_interval_s, directory.site_of)
        self._credentials = Credentials(pool, on_change=self._recheck)
        self._ownership = Ownership(pool, slot, clock)
        self._memory = Memory(clock)
        self._recorder = DirectRecorder(
            settings.dsn_for("gateway"),
            slot,
            on_lost=self._close_lost,
            quarantined_a_source=settings.quarantine_a_source,
        )
        around = Surroundings(
            recorder=self._recorder,
            claims=self._ownership,
            knows=directory.knows,
            clock=clock,
            heartbeat_interval_of=self._intervals.of,
            authorise=self._memory.authorise,
            tolerated_skew=timedelta(seconds=settings.tolerated_clock_skew_s),
            unfiled=directory.unfiled,
        )
        keys_of = self._credentials.of
        self._doorkeeper = Doorkeeper(rules_of(settings), knows=directory.knows, keys_of=keys_of, clock=clock)
        folder, sealer = settings.data_dir / "relay", Sealer(settings.station_key_secret)
        self._spool = new_spool(folder, settings.relay_spool_bytes)
        self._journal = Journal(self._spool)
        self._last_known = LastKnown(folder, sealer)
        self._upstreams = Upstreams(pool, directory.site_of, on_change=self._reconnect)
        us = identity_of(settings.role_secret or settings.database_url)
        reach = reach_of(settings)
        relaying = Relaying(self._upstreams, reach, self._doorkeeper, around, self._journal.note, us)
        self._crowd = Crowd(pool, slot, clock)
        self._server = Server(around, self._doorkeeper, relaying, self._crowd.elsewhere)
        self._tls = tls_of(settings, self._doorkeeper, self._server) if secure is not None else None
        self._outbox = Outbox(pool, slot, self._server.sessions.get, self._recorder, clock, sealer)

    def _recheck(self, station_id: str) -> None:
        self._server.recheck(station_id)

    def _close_lost(self, epochs: Mapping[str, int]) -> None:
        self._server.close_lost(epochs)

    def _reconnect(self, site_id: str) -> None:
        for station_id in self._directory.stations_of(site_id):
            self._connect_otherwise(station_id)

    def _moved(self, station_id: str, before: str | None, now: str | None) -> None:
        """Let a station come again whose site is passed on elsewhere than that at which it was filed before."""
        if self._upstreams.at(before) != self._upstreams.at(now):
            self._connect_otherwise(station_id)

    def _connect_otherwise(self, station_id: str) -> None:
        self._recorder.forget(station_id)  # what it says is written elsewhere while it is passed on
        self._server.reconnect(station_id)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop."""
        runs = [
            self._serve(), self._pass_on_meanwhile(), self._server.watch(),
            self._doorkeeper.tell(self._pool, f"gateway/{self._slot}"), metrics.tally.run(), self._journal.run(),
        ]  # fmt: skip
        if self._tls is not None:
            runs.append(self._tls.watch())
        beside = [asyncio.create_task(run) for run in runs]
        writing = asyncio.create_task(self._recorder.run())
        spooling = asyncio.create_task(self._spool.run())
        await first_of(stop, writing, spooling, *beside)
        await self._settle(writing)
        self._journal.tell()
        self._spool.stop()
        await spooling
        for task in beside:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _serve(self) -> None:
        """Get to know what is needed, then be there for everybody, until cancelled."""
        await patiently(self._pool, lambda _: self._begin())
        loaded = [asyncio.Event() for _ in range(5)]
        runs = [
            self._directory.keep(loaded[0]), self._credentials.keep(loaded[1]), self._intervals.keep(loaded[2]),
            self._memory.keep(self._pool, loaded[3]), self._upstreams.keep(loaded[4]), self._ownership.run(),
            self._ownership.watch(self._server.close_lost), self._outbox.run(),
            self._crowd.run(self._server.held),
        ]  # fmt: skip
        async with asyncio.TaskGroup() as group:
            for run in runs:
                group.create_task(run)
            for event in loaded:
                await event.wait()
            self._server.takes_our_own = True
            self._listen()
            log.info("worker %d listens", self._slot)

    async def _begin(self) -> None:
        await self._ownership.start()
        await self._outbox.start()
        if self._settings.demo:
            await add_demo_token(self._pool, self._clock)

    def _listen(self) -> None:
        if self._server.listens:
            return
        self._server.start(self._listening)
        if self._secure is not None:
            self._server.start(self._secure, self._tls_context)
        _spare_the_collector()

    def _tls_context(self) -> ssl.SSLContext:
        assert self._tls is not None
        return self._tls.context

    async def _pass_on_meanwhile(self) -> None:
        """Pass on what was passed on last, where the database keeps us waiting: supervision does not stop charging."""
        await asyncio.sleep(AWAY_AFTER_S)
        known = self._last_known.read()
        if known and not self._server.listens:
            stations = {id: (site.upstream.site_id, keys) for site in known for id, keys in site.stations.items()}
            self._directory.restore({id: site_id for id, (site_id, _) in stations.items()})
            self._credentials.restore({id: keys for id, (_, keys) in stations.items() if keys is not None})
            self._upstreams.restore(site.upstream for site in known)
            self._server.takes_our_own = False
            self._listen()
            log.warning("worker %d: database away; %d sites are passed on as known last", self._slot, len(known))
        await asyncio.Event().wait()

    async def _settle(self, writing: asyncio.Task[None]) -> None:
        """Answer what has been said, say goodbye, store the goodbyes. What was passed on and is not stored then stays on disk."""
        heard = self._server.listens  # whoever never listened has nothing to wait for, the database least of all
        self._server.stop_accepting()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S if heard else 0):
                try:
                    await self._recorder.settled()
                finally:
                    self._server.close_all()  # though the database is away: nothing passes any more that could not be noted
                await asyncio.sleep(0)  # the ends of the connections are submitted by their callbacks
                await self._recorder.settled()
                self._recorder.stop()
                await writing
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


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
