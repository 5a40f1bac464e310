"""The database is away under load: nothing is acknowledged, nobody is cut off, memory is bounded, all goes on by itself.

A third of the stations is patient, with one open call, and pings; another asks for authorisation, again and again; the rest
goes on talking at a pace whether they are answered or not.
"""

import asyncio
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psutil
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from deploy import embedded
from ocpp_gateway.authorisation.desk import add_demo_token
from ocpp_gateway.stations.session import OPEN_CALLS
from tests.bench import rig
from tests.suite import eventually
from youguan.clock import SystemClock
from youguan.database import connect, create_pool

WAYS = ("stopped", "killed")
WORDS = ("Available", "Preparing")
CONNECTS_AT_ONCE = 100
AS_BEFORE_S = 3.0
QUIET_S = 1.0  # without an answer: those that were on their way have arrived
WITHIN_S = 60.0
BACK_WITHIN_S = 180.0
MIB = 2**20
# What a station may have under way in the worker, and what may come on top from the middle of the absence to its end.
BYTES_A_CALL = 8 * 1024
STEADY_BYTES = 8 * MIB


class Station(WSListener):
    """A station, with what it waits for."""

    def __init__(self, load: "Load", station_id: str) -> None:
        super().__init__()
        self.station_id = station_id
        self.open: dict[str, tuple[str, datetime] | None] = {}  # by message id: the status it tells, None: a question
        self.pings = self.pongs = 0
        self._load = load
        self._count = 0
        self._transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._load.disconnected += 1

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PONG:
            self.pongs += 1
        elif frame.msg_type == WSMsgType.TEXT:
            kind, message_id, *rest = json.loads(frame.get_payload_as_bytes())
            self._load.answered(self, kind, self.open.pop(message_id), rest)

    def report(self) -> None:
        """Tell a status that is a change, at a time of its own."""
        at = self._load.began + timedelta(milliseconds=self._count)
        word = WORDS[self._count % len(WORDS)]
        said = {"connectorId": 1, "errorCode": "NoError", "status": word, "timestamp": at.isoformat()}
        self._send("StatusNotification", said, (word, at))

    def ask(self) -> None:
        self._send("Authorize", {"idTag": "DEMO"}, None)

    def _send(self, action: str, payload: dict[str, Any], status: tuple[str, datetime] | None) -> None:
        self._count += 1
        self.open[f"{self._count}"] = status
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, json.dumps([2, f"{self._count}", action, payload]).encode())

    def ping(self) -> None:
        self.pings += 1
        if self._transport is not None:
            self._transport.send_ping()

    def leave(self) -> None:
        if self._transport is not None:
            self._transport.disconnect()


@dataclass
class Load:
    """All of them; the books of what was acknowledged."""

    url: str
    rate: int
    began: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    told: Counter[tuple[str, datetime, str]] = field(default_factory=Counter)
    authorised: int = 0
    refused: list[str] = field(default_factory=list)
    disconnected: int = 0
    sent: int = 0
    patient: list[Station] = field(default_factory=list)
    asking: list[Station] = field(default_factory=list)
    impatient: list[Station] = field(default_factory=list)

    @property
    def stations(self) -> list[Station]:
        return [*self.patient, *self.asking, *self.impatient]

    async def connect(self, station_ids: Sequence[str]) -> None:
        """Connect: a tenth is patient, a tenth asks."""
        tenth = max(1, len(station_ids) // 10)
        stations = [Station(self, station_id) for station_id in station_ids]
        self.patient, self.asking, self.impatient = stations[:tenth], stations[tenth : 2 * tenth], stations[2 * tenth :]
        for start in range(0, len(stations), CONNECTS_AT_ONCE):
            await asyncio.gather(*map(self._connect, stations[start : start + CONNECTS_AT_ONCE]))

    async def _connect(self, station: Station) -> None:
        extra = {"Sec-WebSocket-Protocol": "ocpp1.6"}
        await ws_connect(lambda: station, f"{self.url}/{station.station_id}", extra_headers=extra)

    def answered(self, station: Station, kind: int, status: tuple[str, datetime] | None, rest: list[Any]) -> None:
        if kind != 3:
            self.refused.append(f"{station.station_id}: {rest}")
        elif status is not None:
            self.told[station.station_id, status[1], status[0]] += 1
        elif rest[0]["idTagInfo"]["status"] == "Accepted":
            self.authorised += 1
        else:
            self.refused.append(f"{station.station_id}: {rest}")

    async def talk(self) -> None:
        """Talk until cancelled."""
        began, random = time.monotonic(), Random(1)
        while True:
            due = int((time.monotonic() - began) * self.rate)
            for station in random.choices(self.impatient, k=max(0, due - self.sent)):
                self.sent += 1
                station.report()
            for station in self.patient:
                if not station.open:
                    station.report()
            for station in self.asking:
                if not station.open:
                    station.ask()
            await asyncio.sleep(0.01)

    async def has_begun(self) -> bool:
        """Say whether reports and questions were answered."""
        return bool(self.told and self.authorised)

    async def quiet(self) -> int:
        """Wait until no more reports are acknowledged; return how many were. TimeoutError where that goes on and on."""
        async with asyncio.timeout(WITHIN_S):
            told = -1
            while told != len(self.told):
                told = len(self.told)
                await asyncio.sleep(QUIET_S)
        return told

    def waiting(self) -> int:
        return sum(len(station.open) for station in self.stations)


@dataclass
class Server:
    """A PostgreSQL of our own, which can be taken away."""

    folder: Path
    pid: int
    _taken: list[psutil.Process] = field(default_factory=list)
    _again: "subprocess.Popen[bytes] | None" = None

    def take_away(self, how: str) -> None:
        """Stop all of its processes, or kill them."""
        server = psutil.Process(self.pid)
        self._taken = [server, *server.children(recursive=True)]
        for process in self._taken:
            process.suspend()
        if how == "killed":
            for process in self._taken:
                process.kill()
            psutil.wait_procs(self._taken, 20)  # one that is not waited for still counts as running

    def give_back(self) -> None:
        """Let it go on, or start it again on the same data."""
        if all(process.is_running() and process.status() == psutil.STATUS_STOPPED for process in self._taken):
            for process in self._taken:
                process.resume()
            return
        cluster = embedded.cluster(self.folder)
        account = cluster.account
        identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": ()} if account else {}
        with (self.folder / "postgresql.log").open("ab") as log:
            self._again = subprocess.Popen(cluster.command(), stdout=log, stderr=log, cwd="/", **identity)

    def stop(self) -> None:
        """Stop what we started again; what we only stopped goes on."""
        if self._again is not None:
            self._again.send_signal(2)
            self._again.wait(60)
        else:
            for process in self._taken:
                if process.is_running() and process.status() == psutil.STATUS_STOPPED:
                    process.resume()


@contextmanager
def gateway(folder: Path, station_ids: Sequence[str]) -> Iterator[tuple[Server, str, str, int]]:
    """Run a database and a gateway worker; yield the server, its DSN, the address for stations and the worker's pid."""
    folder.mkdir(parents=True)
    folder.chmod(0o711)
    with rig.database(folder / "database", station_ids) as database:
        asyncio.run(_register_token(database.dsn))
        server = Server(folder / "database", database.pid)
        with rig.gateway(database.dsn, folder) as (url, (pid,)):
            try:
                yield server, database.dsn, url, pid
            finally:
                server.stop()


async def _register_token(dsn: str) -> None:
    async with await create_pool(dsn) as pool:
        await add_demo_token(pool, SystemClock())


def measure(
    folder: Path, how: str, seconds: float, rate: int, stations: int = 1000, say: Callable[[str], None] = print
) -> list[str]:
    """Take the database away for so long under so many messages a second; return what went wrong."""
    station_ids = [f"a{number:05d}" for number in range(stations)]
    with gateway(folder, station_ids) as (server, dsn, url, pid):
        load = Load(url, rate)
        try:
            return asyncio.run(_measure(load, server, dsn, pid, station_ids, how, seconds, say))
        finally:
            say(f"database {how} for {seconds:.0f} s: {load.sent} reports at {rate}/s, {len(load.told)} acknowledged")


async def _measure(
    load: Load, server: Server, dsn: str, pid: int, station_ids: Sequence[str], how: str, seconds: float,
    say: Callable[[str], None],
) -> list[str]:  # fmt: skip
    worker = psutil.Process(pid)
    await load.connect(station_ids)
    talking = asyncio.create_task(load.talk())
    try:
        await asyncio.sleep(AS_BEFORE_S)
        await eventually(load.has_begun, within_s=WITHIN_S)
        before = worker.memory_info().rss
        server.take_away(how)
        told = await load.quiet()
        wrong = await _absence(load, worker, before, seconds, say)
    finally:
        server.give_back()
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
    began = time.monotonic()

    async def all_answered() -> bool:
        return load.waiting() == 0

    await eventually(all_answered, within_s=BACK_WITHIN_S)
    say(f"  back: {len(load.told) - told} more acknowledged in {time.monotonic() - began:.1f} s")
    wrong += [] if load.disconnected == 0 else [f"{load.disconnected} stations were disconnected"]
    for station in load.stations:
        station.leave()
    return [*wrong, *load.refused[:5], *await _compare(load, dsn)]


async def _absence(
    load: Load, worker: psutil.Process, before: int, seconds: float, say: Callable[[str], None]
) -> list[str]:
    """Watch while it is away; return what must not be."""
    told, authorised = len(load.told), load.authorised
    sizes = []
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds or (load.authorised == authorised and passed < WITHIN_S):
        for station in load.patient:
            station.ping()
        await asyncio.sleep(1)
        sizes.append(worker.memory_info().rss)
    asked = sum(station.pings for station in load.patient)

    async def all_ponged() -> bool:
        return sum(station.pongs for station in load.patient) == asked

    try:
        await eventually(all_ponged, within_s=20)
        unanswered = 0
    except TimeoutError:
        unanswered = asked - sum(station.pongs for station in load.patient)
    middle, most = max(sizes[: len(sizes) // 2 + 1]), max(sizes)
    say(
        f"  away: {load.waiting()} calls open, {load.authorised - authorised} authorised from memory, {asked} pings answered; "
        f"memory {before / MIB:.0f} MiB before, {middle / MIB:.0f} in the first half, {most / MIB:.0f} at most"
    )
    allowed = before + len(load.stations) * OPEN_CALLS * BYTES_A_CALL
    return [
        *([f"{len(load.told) - told} acknowledged without a database"] if len(load.told) != told else []),
        *([] if load.authorised > authorised else ["nobody was authorised from memory"]),
        *([f"{unanswered} pings were not answered"] if unanswered else []),
        *([f"memory grew to {most / MIB:.0f} MiB, allowed are {allowed / MIB:.0f}"] if most > allowed else []),
        *([f"memory still grows: {(most - middle) / MIB:.0f} MiB"] if most - middle > STEADY_BYTES else []),
    ]


async def _compare(load: Load, dsn: str) -> list[str]:
    """Hold what was acknowledged against the rows: each is there, once."""
    connection = await connect(dsn)
    rows = await connection.fetch("SELECT station_id, occurred_at, status FROM telemetry.status_change")
    changes = await connection.fetchval("SELECT count(*) FROM eventlog.event WHERE type = 'ConnectorStatusChanged'")
    frames = await connection.fetchval("SELECT count(*) FROM telemetry.raw_frame WHERE NOT sent")
    await connection.close()
    stored = Counter(tuple(row) for row in rows)
    counted = (load.told.total(), load.told.total() + load.authorised)
    return [
        *([f"missing: {(load.told - stored).total()}"] if load.told - stored else []),
        *([f"too much: {(stored - load.told).total()}"] if stored - load.told else []),
        *([f"{changes} changes told of {counted[0]}"] if changes != counted[0] else []),
        *([f"{frames} frames of {counted[1]}"] if frames != counted[1] else []),
    ]
