"""The simulated fleet: `python -m deploy.demo.fleet --url ws://… --http http://… --stations N`."""

import argparse
import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import websockets
from ocpp.exceptions import OCPPError

from deploy.demo.behaviour import Act, Step, life
from deploy.demo.stations import Speaker, Station16, Station201
from youguan.lifeline import end_with_supervisor, told_to_stop

log = logging.getLogger("fleet")

RAMP_A_SECOND = 150
LONGEST_BACKOFF_S = 30.0
# What ends a connection, or what the station is answered when it cannot go on: it comes back.
TROUBLE = (OSError, TimeoutError, websockets.WebSocketException, OCPPError)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A station to simulate."""

    id: str
    connectors: int
    power_w: int


@dataclass(slots=True)
class Memory:
    """What a station knows whether it is connected or not, by connector."""

    meters_wh: dict[int, float]
    words: dict[int, tuple[str, str]]  # status and fault
    transactions: dict[int, Any] = field(default_factory=dict)


def memory_of(station: Simulated, random: Random) -> Memory:
    """Return what a station knows when it begins."""
    connectors = range(1, station.connectors + 1)
    return Memory({n: random.uniform(1e5, 9e6) for n in connectors}, dict.fromkeys(connectors, ("Available", "")))


async def first_stations(http: str, count: int) -> list[Simulated]:
    """Return the first stations of managed sites, in the registry's order."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    async with httpx.AsyncClient(base_url=http, trust_env=False, timeout=30) as client:
        while len(found) < count:
            query = {"managed": "true", "limit": str(min(1000, count - len(found)))}
            answer = await client.get("/api/registry/stations", params=query | ({"cursor": cursor} if cursor else {}))
            page = answer.raise_for_status().json()
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
    return [Simulated(s["id"], len(s["connectors"]), s["power_w"]) for s in found]


async def run_fleet(
    url: str, stations: list[Simulated], *, faults_per_hour: float, seed: int, stop: asyncio.Event
) -> None:
    """Run stations until told to stop; every second one speaks 2.0.1."""
    tasks = []
    for number, station in enumerate(stations):
        kind = Station201 if number % 2 else Station16
        random = Random(f"{seed} {station.id}")
        tasks.append(asyncio.create_task(_keep(url, station, kind, faults_per_hour, random)))
        if number % RAMP_A_SECOND == RAMP_A_SECOND - 1:
            await asyncio.sleep(1)
        if stop.is_set():
            break
    log.info("%d stations", len(tasks))
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(url: str, station: Simulated, kind: Any, faults_per_hour: float, random: Random) -> None:
    """Keep a station connected; come back ever more slowly while the gateway is away."""
    backoff = 1.0
    steps = life(random, connectors=station.connectors, power_w=station.power_w, faults_per_hour=faults_per_hour)
    memory = memory_of(station, random)
    while True:
        try:
            async with websockets.connect(
                f"{url}/{quote(station.id, safe='')}", subprotocols=[kind.subprotocol], compression=None,
                proxy=None, open_timeout=20, close_timeout=1, ping_interval=None,
            ) as socket:  # fmt: skip
                await _live(kind(station.id, socket, memory.transactions), steps, memory)
                backoff = 1.0
        except TROUBLE as error:
            if isinstance(error, OCPPError):
                log.warning("%s: refused: %s", station.id, error)
            backoff = min(backoff * 2, LONGEST_BACKOFF_S)
        await asyncio.sleep(random.uniform(0.5, 1) * backoff)


async def _live(speaker: Any, steps: Iterator[Step], memory: Memory) -> None:
    listening = asyncio.create_task(speaker.start())
    try:
        interval = await _boot(speaker)
        for connector, (word, fault) in memory.words.items():
            await speaker.status(connector, word, fault)
        beating = asyncio.create_task(_beat(speaker, interval))
        try:
            while await _step(speaker, next(steps), memory, listening):
                pass
        finally:
            beating.cancel()
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError, *TROUBLE):
            await listening


async def _boot(speaker: Speaker) -> int:
    """Boot until accepted, as often as the gateway asks for."""
    while True:
        status, interval = await speaker.boot()
        if status == "Accepted":
            return interval
        await asyncio.sleep(min(interval, 30))


async def _beat(speaker: Speaker, interval: int) -> None:
    with suppress(*TROUBLE):
        while True:
            await asyncio.sleep(interval)
            await speaker.heartbeat()


async def _step(speaker: Speaker, step: Step, memory: Memory, listening: "asyncio.Task[None]") -> bool:
    """Do one thing; say False when the connection is to be dropped."""
    done, _ = await asyncio.wait({listening}, timeout=step.wait_s)
    if done:
        listening.result()
        return False
    n, meters = step.connector, memory.meters_wh
    if step.act in WORDS:
        memory.words[n] = (WORDS[step.act], step.fault)
    match step.act:
        case Act.START:
            await speaker.begin(n, meters[n])
        case Act.METER:
            meters[n] += step.power_w * step.wait_s / 3600
            await speaker.measure(n, meters[n], step.power_w)
        case Act.STOP:
            await speaker.finish(n, meters[n])
        case Act.DROP:
            return False
    if step.act in WORDS:
        await speaker.status(n, *memory.words[n])
    return True


WORDS = {
    Act.PLUG: "Preparing",
    Act.START: "Charging",
    Act.STOP: "Finishing",
    Act.UNPLUG: "Available",
    Act.FAULT: "Faulted",
    Act.REPAIR: "Available",
}


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo.fleet")
    parser.add_argument("--url", required=True)
    parser.add_argument("--http", required=True)
    parser.add_argument("--stations", type=int, default=300)
    parser.add_argument("--faults-per-hour", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("ocpp").setLevel(logging.CRITICAL)
    stop = told_to_stop()
    try:
        stations = await first_stations(options.http, options.stations)
    except (httpx.HTTPError, ValueError) as error:
        raise SystemExit(f"youguan: no stations are to be had from {options.http}: {error}") from None
    await run_fleet(options.url, stations, faults_per_hour=options.faults_per_hour, seed=options.seed, stop=stop)


if __name__ == "__main__":
    end_with_supervisor()
    asyncio.run(main())
