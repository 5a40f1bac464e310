"""What every measurement stands on: a PostgreSQL of its own with filed stations, server processes, load processes."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from deploy import embedded
from deploy.histories import HISTORIES
from ocpp_gateway.stations import directory
from youguan.database import connect, create_pool
from youguan.eventlog import publish
from youguan.events import SiteFiled, StationFile
from youguan.schemas import migrate
from youguan.settings import Settings

START_S = 60
LOAD_S = 600


def say(text: str) -> None:
    """Tell how far we are, beside the result."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Database:
    """A running PostgreSQL."""

    dsn: str
    pid: int


@contextmanager
def database(folder: Path, station_ids: Sequence[str]) -> Iterator[Database]:
    """Start a PostgreSQL of our own, migrated, in which the stations are filed."""
    cluster = embedded.cluster(folder)
    embedded.initialise(cluster)
    account = cluster.account
    identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": ()} if account else {}
    with (folder / "postgresql.log").open("wb") as log:
        server = subprocess.Popen(cluster.command(), stdout=log, stderr=log, cwd="/", **identity)
    try:
        asyncio.run(_prepare(cluster.dsn(), station_ids))
        yield Database(cluster.dsn(), server.pid)
    finally:
        server.send_signal(2)
        server.wait(60)


async def _prepare(dsn: str, station_ids: Sequence[str]) -> None:
    while True:
        try:
            await (await connect(dsn)).close()
            break
        except (OSError, asyncpg.CannotConnectNowError):
            await asyncio.sleep(0.1)
    await migrate(Settings(database_url=dsn, role_secret=None), HISTORIES)
    stations = tuple(StationFile(station_id=s, connectors=1, power_w=7000, current_type="AC") for s in station_ids)
    site = SiteFiled(
        site_id="bench", name="bench", address="", division_code=None, division_name=None,
        longitude=121.4, latitude=29.3, stations=stations,
    )  # fmt: skip
    async with await create_pool(dsn) as pool:
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", [site])
        await directory.consumer(pool).catch_up()


TABLES = ("telemetry.raw_frame", "telemetry.status_change", "telemetry.meter_sample", "eventlog.event")


async def count_rows(dsn: str) -> dict[str, int]:
    """Return how many rows were stored, to hold against what was acknowledged."""
    connection = await connect(dsn)
    counts = {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}
    await connection.close()
    return counts


@contextmanager
def server(
    command: list[str], log: Path, ready: Callable[[], bool], inherited: Sequence[int] = (), **environment: str
) -> Iterator[int]:
    """Run a server process for as long as the block lasts; yield its pid once it is ready."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env={**os.environ, **environment}, stdout=output, stderr=output,
            pass_fds=inherited,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_S
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(log.read_text(errors="replace")[-2000:])
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def listens(port: int) -> bool:
    """Say whether somebody takes connections on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def gateway(dsn: str, folder: Path, workers: int = 1, **environment: str) -> Iterator[tuple[str, list[int]]]:
    """Run gateway workers on one listening socket, as a suite does; yield the address for stations and the workers' pids."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening, ExitStack() as running:
        pids = [
            running.enter_context(_worker(dsn, folder, slot, listening.fileno(), **environment))
            for slot in range(workers)
        ]
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}/ocpp", pids


def _worker(dsn: str, folder: Path, slot: int, descriptor: int, **environment: str) -> AbstractContextManager[int]:
    log = folder / f"worker-{slot}.log"
    return server(
        ["ocpp_gateway", "worker", f"--slot={slot}", f"--listen-fd={descriptor}"],
        log,
        lambda: f"worker {slot} listens" in log.read_text(errors="replace"),
        [descriptor],
        YOUGUAN_DATABASE_URL=dsn,
        YOUGUAN_OCPP_OPEN_NETWORKS='["127.0.0.0/8"]',
        **environment,
    )


def load(url: str, **options: Any) -> dict[str, Any]:
    """Run the load in a process of its own and return what it measured."""
    command = [sys.executable, "-m", "tests.bench.load", json.dumps({"url": url, **options})]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=LOAD_S)
    if done.returncode:
        raise SystemExit("the load failed")
    found: dict[str, Any] = json.loads(done.stdout)
    say(f"  {found}")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
