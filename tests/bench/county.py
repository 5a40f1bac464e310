"""A whole suite under a whole county: every station connected, all cut at once, a fault that becomes a task under load."""

import asyncio
import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import psutil

from tests.bench.crowd import crowd
from tests.bench.rig import LOAD_S, say
from tests.suite import ROOT, Api, Charger, Suite, timestamp

REAL_SITES = ROOT.parent / "shared" / "data" / "urbanev_stations.csv"
SITES, STATIONS = 1587, 23_441
COLUMNS = ("station_id", "longitude", "latitude", "charge_count")
TALKERS = 1000  # stations that keep 2,000 messages a second going while faults are timed
LOOK_EVERY_S, GIVE_UP_S = 0.02, 60


def connected_and_cut(folder: Path) -> dict[str, Any]:
    """Connect every station of the county, weigh the workers, cut all at once, and wait until they are back."""
    with suite(folder, "--sites", str(sites_file(folder)), "--crs", "gcj02") as it:
        stations = asyncio.run(station_ids(it, managed=False))
        workers = workers_of(it)
        empty = resident(workers)
        say(f"county: {len(stations)} stations over {len(workers)} workers")
        with crowd(f"ws://127.0.0.1:{it.ports()['ocpp']}/ocpp", stations) as everybody:
            arrived = everybody.gathered()
            say(f"  {arrived}")
            each = [sum(1 for c in w.net_connections("tcp") if c.status == "ESTABLISHED") for w in workers]
            weight = resident(workers) - empty
            say("county: all cut at once")
            everybody.cut()
            back = everybody.gathered()
            say(f"  {back}")
    return {
        "county_connected": arrived["accepted"],
        "county_stations": len(stations),
        "county_connect_s": arrived["seconds"],
        "county_connections_by_worker": each,
        "county_kib_a_connection": round(weight / 1024 / len(stations), 1),
        "storm_back": back["accepted"],
        "storm_back_s": back["seconds"],
        "storm_turned_away_once": back["turned_away"],
    }


def fault_to_task(folder: Path, faults: int, rate: int) -> dict[str, Any]:
    """Measure from the fault frame to the open task in the API, while others send messages at the rate."""
    with suite(folder) as it:
        stations = asyncio.run(station_ids(it, managed=True))
        talkers, faulty = stations[:TALKERS], stations[-faults:]
        options = {
            "url": f"ws://127.0.0.1:{it.ports()['ocpp']}/ocpp",
            "station_ids": talkers,
            "connections": len(talkers),
            "rate": rate,
            "seconds": None,
        }
        say(f"fault to task: {faults} faults under {rate} messages/s")
        with talking(options) as load:
            took = sorted(asyncio.run(time_faults(it, faulty)))
            under, _ = load.communicate("enough\n", timeout=LOAD_S)
    found = {
        "fault_to_task_p50_s": round(took[len(took) // 2], 3),
        "fault_to_task_p99_s": round(took[int(len(took) * 0.99)], 3),
        "fault_to_task_faults": len(took),
        "fault_to_task_under": json.loads(under),
    }
    say(f"  {found}")
    return found


@contextmanager
def talking(options: dict[str, Any]) -> Iterator["subprocess.Popen[str]"]:
    """Run a load until it is told that it is enough; the block begins when it has warmed up."""
    load = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load", json.dumps(options)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert load.stdout is not None
        assert load.stdout.readline() == "measuring\n"
        yield load
    finally:
        load.kill()
        load.wait()


async def time_faults(it: Suite, station_ids: list[str]) -> list[float]:
    """Return the seconds that each fault took, one after the other."""
    ports = it.ports()
    api = Api(ports["http"])
    await api.log_in()
    took = []
    for station_id in station_ids:
        charger = await Charger(ports["ocpp"], station_id).connect()
        await charger.boot()
        await charger.status("Available")
        at, began = timestamp(), time.perf_counter()
        asking = asyncio.create_task(charger.status("Faulted", error="GroundFailure", at=at))
        with suppress(TimeoutError):  # then it counts with the time we waited
            async with asyncio.timeout(GIVE_UP_S):
                while not await api.items("/api/inspection/tasks", status="open", station=station_id):
                    await asyncio.sleep(LOOK_EVERY_S)
        took.append(time.perf_counter() - began)
        await asking
        await charger.close()
    await api.client.aclose()
    return took


@contextmanager
def suite(folder: Path, *options: str) -> Iterator[Suite]:
    """Run a suite of our own, without a fleet."""
    it = Suite(folder / "suite", "--demo", "--stations=0", *options)
    try:
        it.start()
        yield it
    finally:
        if it.process is not None:
            it.stop()


async def station_ids(it: Suite, *, managed: bool) -> list[str]:
    """Return the county's stations by id; `managed`: only those of sites that somebody manages."""
    api = Api(it.ports()["http"])
    found: list[str] = []
    query = {"limit": "1000", **({"managed": "true"} if managed else {})}
    while True:
        page = await api.get("/api/registry/stations", **query)
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    await api.client.aclose()
    return found


def workers_of(it: Suite) -> list[psutil.Process]:
    """Return the gateway's workers."""
    pids = [part.pid for part in it.status().parts if part.name.startswith("gateway") and part.pid]
    return [psutil.Process(pid) for pid in pids]


def resident(processes: list[psutil.Process]) -> int:
    return sum(process.memory_info().rss for process in processes)


def sites_file(folder: Path) -> Path:
    """Return the file of the real sites where the machine has it, else one with as many sites and stations."""
    if REAL_SITES.exists():
        return REAL_SITES
    random = Random(SITES)
    counts = [1] * SITES
    for _ in range(STATIONS - SITES):
        counts[random.randrange(SITES)] += 1
    file = folder / "sites.csv"
    with file.open("w", encoding="utf-8", newline="") as output:
        rows = csv.writer(output)
        rows.writerow(COLUMNS)
        for number, count in enumerate(counts, 1):
            rows.writerow((number, 113.8 + random.random() / 2, 22.5 + random.random() / 4, count))
    return file
