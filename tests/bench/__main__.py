"""`./deploy/run bench [--json]`: acknowledged durable messages a second and their latency, ours and the stock way in one run."""

import argparse
import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from deploy import embedded, status
from deploy.suite import HISTORIES
from ocpp_gateway.stations import directory
from youguan.database import connect, create_pool, migrate
from youguan.eventlog import publish
from youguan.events import SiteFiled, StationFile
from youguan.settings import Settings

STATIONS = 10_000


def say(text: str) -> None:
    pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy/run bench")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yg-bench-") as folder:
        Path(folder).chmod(0o711)
        result = run(Path(folder), options.seconds)
    if options.json:
        pass
    else:
        for _name, _value in result.items():
            pass


def run(folder: Path, seconds: float) -> dict[str, Any]:
    """Measure everything on a PostgreSQL of its own."""
    cluster = embedded.cluster(folder)
    embedded.initialise(cluster)
    account = cluster.account
    identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": ()} if account else {}
    with (folder / "postgresql.log").open("wb") as log:
        server = subprocess.Popen(cluster.command(), stdout=log, stderr=log, cwd="/", **identity)
    try:
        asyncio.run(prepare(cluster.dsn()))
        result = measure(cluster.dsn(), folder, seconds)
        result["storage"] = asyncio.run(count(cluster.dsn()))
        return result
    finally:
        server.send_signal(2)
        server.wait(30)


async def prepare(dsn: str) -> None:
    """Migrate, and file the stations that will speak."""
    while True:
        try:
            await (await connect(dsn)).close()
            break
        except (OSError, asyncpg.CannotConnectNowError):
            await asyncio.sleep(0.1)
    await migrate(Settings(database_url=dsn, role_secret=None), HISTORIES)
    stations = tuple(
        StationFile(station_id=f"b{n:05d}", connectors=1, power_w=7000, current_type="AC") for n in range(STATIONS)
    )
    site = SiteFiled(
        site_id="bench", name="bench", address="", division_code=None, division_name=None,
        longitude=121.4, latitude=29.3, stations=stations,
    )  # fmt: skip
    async with await create_pool(dsn) as pool:
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", [site])
        await directory.consumer(pool).catch_up()


async def count(dsn: str) -> dict[str, int]:
    """Return how many rows were stored, to hold against what was acknowledged."""
    connection = await connect(dsn)
    tables = ("telemetry.raw_frame", "telemetry.status_change", "telemetry.meter_sample", "eventlog.event")
    counts = {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}
    await connection.close()
    return counts


def measure(dsn: str, folder: Path, seconds: float) -> dict[str, Any]:
    port = free_port()
    environment = {
        **os.environ,
        "YOUGUAN_DATABASE_URL": dsn,
        "YOUGUAN_OCPP_PORT": str(port),
        "YOUGUAN_OCPP_OPEN_NETWORKS": '["127.0.0.0/8"]',
    }
    url = f"ws://127.0.0.1:{port}/ocpp"
    with process([sys.executable, "-m", "ocpp_gateway", "worker"], environment, folder / "worker.log", port) as worker:
        say("ours: 1,000 connections, as fast as they are answered")
        full = load(url, connections=1000, seconds=seconds)
        say("ours: 10,000 connections, 2,000 messages/s")
        before = psutil.Process(worker.pid).memory_info().rss
        paced = load(url, connections=STATIONS, seconds=seconds, rate=2000)
        memory = psutil.Process(worker.pid).memory_info().rss
    port = free_port()
    with process([sys.executable, "-m", "tests.bench.stock", dsn, str(port)], environment, folder / "stock.log", port):
        say("stock: 1,000 connections, as fast as they are answered")
        stock = load(f"ws://127.0.0.1:{port}/ocpp", connections=1000, seconds=seconds)
    return {
        "acknowledged_per_s": full["acknowledged_per_s"],
        "stock_acknowledged_per_s": stock["acknowledged_per_s"],
        "times_stock": round(full["acknowledged_per_s"] / max(1, stock["acknowledged_per_s"]), 1),
        "ack_p50_ms": paced["p50_ms"],
        "ack_p99_ms": paced["p99_ms"],
        "paced": paced,
        "full": full,
        "stock": stock,
        "worker_rss_mib": {"after_1000": before // 2**20, "after_10000": memory // 2**20},
        "versions": {"python": platform.python_version(), **status.versions()},
        "machine": {
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": platform.platform(),
        },
    }


class process:  # noqa: N801  # used as `with process(…)`
    """A server process that listens on a port for as long as the block lasts."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path, port: int) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        self._port = port

    def __enter__(self) -> "subprocess.Popen[bytes]":
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return self._process
            time.sleep(0.1)
        raise SystemExit(self._log.read_text(errors="replace")[-2000:])

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()


def load(url: str, **options: Any) -> dict[str, Any]:
    """Run the load in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.load", json.dumps({"url": url, **options})]
    done = subprocess.run(command, capture_output=True, check=False, timeout=300)
    if done.returncode:
        raise SystemExit(done.stderr.decode()[-2000:])
    found: dict[str, Any] = json.loads(done.stdout)
    say(f"  {found}")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
