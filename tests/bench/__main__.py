"""`./deploy/run bench [--json]`: acknowledged durable messages a second and their latency, ours and the stock way in one run."""

import argparse
import asyncio
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import psutil

from deploy import status
from tests.bench import cases, county, imports, tasks, timeseries
from tests.bench.crowd import crowd
from tests.bench.platforms import platforms
from tests.bench.relay import relay
from tests.bench.rig import Database, count_rows, database, free_port, gateway, listens, load, say, server
from youguan.settings import Settings


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="yg-bench-") as folder:
        Path(folder).chmod(0o711)
        result = {**measure(Path(folder), options), "versions": versions(), "machine": machine()}
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            print(f"{name:<36} {value}")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deploy/run bench")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    parser.add_argument("--seconds", type=float, default=8, help="how long each load is measured")
    parser.add_argument(
        "--workers", type=int, default=Settings().workers, help="gateway processes, as many as in a suite"
    )
    parser.add_argument("--connections", type=int, default=1000, help="as fast as they are answered")
    parser.add_argument("--stations", type=int, default=10_000, help="connections of the paced load")
    parser.add_argument("--rate", type=int, default=2000, help="messages a second of the paced load")
    parser.add_argument("--county", action="store_true", help="a whole county connected, then cut at once, as well")
    parser.add_argument("--fault-to-task", action="store_true", help="from the fault frame to the open task, as well")
    parser.add_argument("--faults", type=int, default=100, help="how many faults are timed")
    parser.add_argument("--timeseries", action="store_true", help="a day counted, a month's uptime read, as well")
    parser.add_argument(
        "--relay", action="store_true", help="what passing on to a central system adds, and nothing else"
    )
    parser.add_argument("--relay-rate", type=int, default=1000, help="messages a second that are passed on")
    parser.add_argument("--tasks", action="store_true", help="only this: lists of 100,000 tasks and of 3,500 cases")
    parser.add_argument("--imports", action="store_true", help="only this: 25,000 stations from files")
    parser.add_argument(
        "--platform", action="store_true", help="an operator's platform over T/CEC 102, and nothing else"
    )
    parser.add_argument("--all", action="store_true", help="everything")
    return parser.parse_args()


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure what is asked for, each on a fresh database."""
    if options.imports:
        return imported(new_folder(folder, "imports"))
    if options.tasks:
        return listed(new_folder(folder, "tasks"))
    if options.relay:
        return relay(new_folder(folder, "relay"), options.relay_rate, options.seconds)
    if options.platform:
        return platforms(new_folder(folder, "platform"), options.seconds)
    result = messages(new_folder(folder, "messages"), options)
    if options.county or options.all:
        result |= county.connected_and_cut(new_folder(folder, "county"))
    if options.fault_to_task or options.all:
        result |= county.fault_to_task(new_folder(folder, "faults"), options.faults, options.rate)
    if options.timeseries or options.all:
        with database(new_folder(folder, "timeseries"), []) as postgres:
            result["timeseries"] = asyncio.run(timeseries.measure(postgres.dsn))
    if options.all:
        result |= imported(new_folder(folder, "imports"))
        result |= listed(new_folder(folder, "tasks"))
        result |= relay(new_folder(folder, "relay"), options.relay_rate, options.seconds)
        result |= platforms(new_folder(folder, "platform"), options.seconds)
    return result


def imported(folder: Path) -> dict[str, Any]:
    """Measure imports into a fresh registry."""
    with database(folder, []) as postgres:
        return asyncio.run(imports.measure(postgres.dsn, folder))


def listed(folder: Path) -> dict[str, Any]:
    """Measure lists of tasks, and of cases."""
    with database(folder, []) as postgres:
        return {
            "task_lists": asyncio.run(tasks.measure(postgres.dsn)),
            "case_lists": asyncio.run(cases.measure(postgres.dsn)),
        }


def new_folder(folder: Path, name: str) -> Path:
    """Return a folder that the account PostgreSQL runs as may pass through."""
    made = folder / name
    made.mkdir(mode=0o711)
    return made


def messages(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure messages: as fast as they are answered, at a pace, and the stock way."""
    stations = max(options.stations, options.connections)
    with database(folder, [f"b{number:05d}" for number in range(stations)]) as postgres:
        ours = _ours(postgres, folder, options)
        stored = asyncio.run(count_rows(postgres.dsn))
        weight = _weight(postgres, folder, options.stations)
        stock = _stock(postgres, folder, options)
    full, paced = ours["full"], ours["paced"]
    return {
        "acknowledged_per_s": full["acknowledged_per_s"],
        "stock_acknowledged_per_s": stock["acknowledged_per_s"],
        "times_stock": round(full["acknowledged_per_s"] / max(1, stock["acknowledged_per_s"]), 1),
        "ack_p50_ms": paced["p50_ms"],
        "ack_p99_ms": paced["p99_ms"],
        "kib_a_connection": weight,
        "acknowledged": full["acknowledged"] + paced["acknowledged"],
        "stored": stored,
        **ours,
        "stock": stock,
    }


def _weight(postgres: Database, folder: Path, stations: int) -> float:
    """Return the KiB of memory that a connection costs a worker, booted and idle."""
    say(f"ours: {stations} stations connected and idle")
    with gateway(postgres.dsn, folder) as (url, workers):
        process = psutil.Process(workers[0])
        empty = process.memory_info().rss
        with crowd(url, [f"b{number:05d}" for number in range(stations)]) as everybody:
            say(f"  {everybody.gathered()}")
            weight: int = process.memory_info().rss - empty
            return round(weight / 1024 / stations, 1)


def _ours(postgres: Database, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with gateway(postgres.dsn, folder, options.workers) as (url, workers):
        watch = {"worker": workers, "postgres": [postgres.pid]}
        say(f"ours: {options.connections} connections, as fast as they are answered")
        full = load(url, connections=options.connections, seconds=options.seconds, watch=watch)
        say(f"ours: {options.stations} connections, {options.rate} messages/s")
        paced = load(url, connections=options.stations, seconds=options.seconds, rate=options.rate, watch=watch)
        resident = sum(psutil.Process(worker).memory_info().rss for worker in workers)
    return {"workers": options.workers, "full": full, "paced": paced, "worker_resident_mib": resident // 2**20}


def _stock(postgres: Database, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    port = free_port()
    with server(["tests.bench.stock", postgres.dsn, str(port)], folder / "stock.log", lambda: listens(port)) as pid:
        say(f"stock: {options.connections} connections, as fast as they are answered")
        return load(
            f"ws://127.0.0.1:{port}/ocpp",
            connections=options.connections,
            seconds=options.seconds,
            watch={"worker": [pid], "postgres": [postgres.pid]},
        )


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **status.versions()}


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
    }


if __name__ == "__main__":
    main()
