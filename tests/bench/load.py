"""Load over real sockets, in a process of its own: `python -m tests.bench.load '{"url": …}'` prints what it measured as JSON."""

import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import psutil
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

STATUSES = (b"Available", b"Preparing")
MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
    "SoC",
    "Temperature",
)
EPOCH = datetime.now(UTC)
OWN = b"%03d" % (EPOCH.microsecond % 1000)  # microseconds by which two loads of one station tell different times
WARM_UP_S = 2.0
CONNECTS_AT_ONCE = 200

# Templates, since what a generator spends is taken from those whom it measures: they share the machine's cores.
STATUS = b'[2,"%d","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"%b","timestamp":"%b.%03d%bZ"}]'
METER_VALUES = (
    '[2,"%d","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"%b.%03d%bZ","sampledValue":['
    + ",".join(f'{{"value":"%d.5","measurand":"{name}"}}' for name in MEASURANDS)
    + "]}]}]"
).encode()


@cache
def second_of(number: int) -> bytes:
    """Return a second of the load's own time, up to where its fraction begins."""
    return (EPOCH + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S").encode()


class Station(WSListener):
    """One station with one call in flight; every message is new: its own time, and a status that really changes."""

    def __init__(self, load: "Load", number: int) -> None:
        super().__init__()
        self._load = load
        self.number = number
        self._count = 0
        self._sent = 0.0
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            answer = frame.get_payload_as_bytes()
            self._load.answered(self, time.perf_counter() - self._sent, answer.startswith(b"[3,"))

    def send_next(self) -> None:
        self._count += 1
        second, centisecond = divmod(self._count, 100)
        at, millisecond = second_of(second), centisecond * 10 + self.number % 10
        if self._count % 2:
            message = STATUS % (self._count, STATUSES[self._count // 2 % 2], at, millisecond, OWN)
        else:
            message = METER_VALUES % (self._count, at, millisecond, OWN, *(self._count * 7 % 1000,) * len(MEASURANDS))
        self._sent = time.perf_counter()
        if self.transport is not None:
            self.transport.send(WSMsgType.TEXT, message)


class Load:
    """Many stations, either as fast as they are answered or at a given rate.

    `watch` names processes whose time on the processor is measured as well, those that they started included. `seconds`
    None: says `measuring` on standard output when it begins, and measures until a line comes on standard input.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._url = options["url"]
        self._connections = options["connections"]
        self._station_ids = options.get("station_ids") or [f"b{number:05d}" for number in range(self._connections)]
        self._seconds: float | None = options["seconds"]
        self._rate = options.get("rate", 0)
        self._watch: dict[str, list[int]] = options.get("watch", {})
        self._measuring = False
        self._stopped = False
        self._latencies: list[float] = []
        self._refused = 0
        self._sent = 0
        self._answered = 0
        self._idle: list[Station] = []

    def send(self, station: Station) -> None:
        self._sent += 1
        station.send_next()

    def answered(self, station: Station, latency_s: float, accepted: bool) -> None:
        self._answered += 1
        self._refused += not accepted
        if self._measuring and accepted:
            self._latencies.append(latency_s)
        if self._stopped:
            return
        if self._rate:
            self._idle.append(station)
        else:
            self.send(station)

    async def run(self) -> dict[str, Any]:
        """Connect, warm up, measure; return acknowledged messages a second, latencies in ms, µs of processor a message."""
        began = time.perf_counter()
        stations = [Station(self, number) for number in range(self._connections)]
        for start in range(0, len(stations), CONNECTS_AT_ONCE):
            await asyncio.gather(*map(self._connect, stations[start : start + CONNECTS_AT_ONCE]))
        connected_s = time.perf_counter() - began
        driving = asyncio.create_task(self._drive(stations))
        await asyncio.sleep(WARM_UP_S)
        before, began, self._measuring = processor_s(self._watch), time.perf_counter(), True
        await self._enough()
        self._measuring = False
        elapsed = time.perf_counter() - began
        spent = {name: now - before[name] for name, now in processor_s(self._watch).items()}
        self._stopped = True
        driving.cancel()
        await self._all_answered()
        return self._result(elapsed, connected_s, spent)

    async def _enough(self) -> None:
        if self._seconds is not None:
            await asyncio.sleep(self._seconds)
            return
        print("measuring", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

    async def _connect(self, station: Station) -> None:
        url = f"{self._url}/{self._station_ids[station.number]}"
        await ws_connect(lambda: station, url, extra_headers={"Sec-WebSocket-Protocol": "ocpp1.6"})

    async def _drive(self, stations: list[Station]) -> None:
        if not self._rate:
            for station in stations:
                self.send(station)
            return
        self._idle = random.sample(stations, len(stations))
        began = time.perf_counter()
        while True:
            due = int((time.perf_counter() - began) * self._rate)
            while self._sent < due and self._idle:
                place = random.randrange(len(self._idle))
                self._idle[place], self._idle[-1] = self._idle[-1], self._idle[place]
                self.send(self._idle.pop())
            await asyncio.sleep(0.001)

    async def _all_answered(self) -> None:
        """Wait for what is under way, so that answers can be held against rows."""
        async with asyncio.timeout(60):
            while self._answered < self._sent:
                await asyncio.sleep(0.01)

    def _result(self, elapsed: float, connected_s: float, spent_s: Mapping[str, float]) -> dict[str, Any]:
        ordered = sorted(self._latencies)
        count = len(ordered)
        return {
            "acknowledged_per_s": round(count / elapsed),
            "p50_ms": round(ordered[count // 2] * 1000, 2) if ordered else None,
            "p99_ms": round(ordered[int(count * 0.99)] * 1000, 2) if ordered else None,
            "connects_per_s": round(self._connections / connected_s),
            "processor_us_a_message": {
                name: round(s / max(1, count) * 1e6, 1) for name, s in spent_s.items() if name not in MACHINE
            },
            "processor_share": {
                name: round(s / elapsed / psutil.cpu_count(), 2) for name, s in _with_others(spent_s).items()
            },
            "acknowledged": self._answered - self._refused,
            "refused": self._refused,
        }


MACHINE = ("busy", "idle")


def processor_s(watch: Mapping[str, list[int]]) -> dict[str, float]:
    """Return the seconds on a processor of this process and of those watched, with what they started, and of the machine."""
    whole = psutil.cpu_times()
    idle = whole.idle + getattr(whole, "iowait", 0)
    watched = {**watch, "load": [psutil.Process().pid]}
    spent = {name: sum(_tree_s(psutil.Process(pid)) for pid in pids) for name, pids in watched.items()}
    return {**spent, "busy": sum(whole) - idle, "idle": idle}


def _with_others(spent_s: Mapping[str, float]) -> dict[str, float]:
    """Say beside ours what the machine did for others: a figure measured among many of them is worth little."""
    ours = {name: s for name, s in spent_s.items() if name not in MACHINE}
    return {**ours, "others": max(0.0, spent_s["busy"] - sum(ours.values())), "idle": spent_s["idle"]}


def _tree_s(process: psutil.Process) -> float:
    ended = process.cpu_times()
    alive = [process, *process.children(recursive=True)]
    times = [one.cpu_times() for one in alive]
    return float(sum(t.user + t.system for t in times) + ended.children_user + ended.children_system)


if __name__ == "__main__":
    print(json.dumps(uvloop.run(Load(json.loads(sys.argv[1])).run())))
