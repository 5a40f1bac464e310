"""Load over real sockets, in a process of its own: `python -m tests.bench.load '{"url": …}'` prints what it measured as JSON."""

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

STATUSES = ("Available", "Preparing")
MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
    "SoC",
    "Temperature",
)
EPOCH = datetime.now(UTC)


class Station(WSListener):
    """One station with one call in flight; every message is new: its own time, and a status that really changes."""

    def __init__(self, load: "Load", number: int) -> None:
        super().__init__()
        self._load = load
        self._number = number
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
        at = (EPOCH + timedelta(milliseconds=self._count * 10 + self._number % 10)).isoformat()
        message = self._status(at) if self._count % 2 else self._meter_values(at)
        self._sent = time.perf_counter()
        if self.transport is not None:
            self.transport.send(WSMsgType.TEXT, message.encode())

    def _status(self, at: str) -> str:
        word = STATUSES[self._count // 2 % 2]
        payload = f'{{"connectorId":1,"errorCode":"NoError","status":"{word}","timestamp":"{at}"}}'
        return f'[2,"{self._count}","StatusNotification",{payload}]'

    def _meter_values(self, at: str) -> str:
        values = ",".join(f'{{"value":"{self._count * 7 % 1000}.5","measurand":"{name}"}}' for name in MEASURANDS)
        payload = f'{{"connectorId":1,"meterValue":[{{"timestamp":"{at}","sampledValue":[{values}]}}]}}'
        return f'[2,"{self._count}","MeterValues",{payload}]'


class Load:
    """Many stations, either as fast as they are answered or at a given rate."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._url = options["url"]
        self._connections = options["connections"]
        self._seconds = options["seconds"]
        self._rate = options.get("rate", 0)
        self._measuring = False
        self._stopped = False
        self._latencies: list[float] = []
        self._refused = 0
        self._idle: list[Station] = []
        self._late = 0

    def answered(self, station: Station, latency_s: float, accepted: bool) -> None:
        if self._measuring:
            self._latencies.append(latency_s)
            self._refused += not accepted
        if self._stopped:
            return
        if self._rate:
            self._idle.append(station)
        else:
            station.send_next()

    async def run(self) -> dict[str, Any]:
        """Connect, warm up, measure; return acknowledged messages a second and latencies in ms."""
        began = time.perf_counter()
        stations = [Station(self, number) for number in range(self._connections)]
        for start in range(0, len(stations), 200):
            await asyncio.gather(*map(self._connect, stations[start : start + 200]))
        connected_s = time.perf_counter() - began
        driving = asyncio.create_task(self._drive(stations))
        await asyncio.sleep(2)
        self._measuring = True
        began = time.perf_counter()
        await asyncio.sleep(self._seconds)
        self._measuring = False
        elapsed = time.perf_counter() - began
        self._stopped = True
        driving.cancel()
        return self._result(elapsed, connected_s)

    async def _connect(self, station: Station) -> None:
        url = f"{self._url}/b{station._number:05d}"
        await ws_connect(lambda: station, url, extra_headers={"Sec-WebSocket-Protocol": "ocpp1.6"})

    async def _drive(self, stations: list[Station]) -> None:
        if not self._rate:
            for station in stations:
                station.send_next()
            return
        self._idle = random.sample(stations, len(stations))
        due, began = 0.0, time.perf_counter()
        while True:
            due = (time.perf_counter() - began) * self._rate - self._late
            for _ in range(int(due)):
                if self._idle:
                    self._idle.pop(random.randrange(len(self._idle))).send_next()
                self._late += 1
            await asyncio.sleep(0.001)

    def _result(self, elapsed: float, connected_s: float) -> dict[str, Any]:
        ordered = sorted(self._latencies)
        return {
            "acknowledged_per_s": round((len(ordered) - self._refused) / elapsed),
            "refused": self._refused,
            "p50_ms": round(ordered[len(ordered) // 2] * 1000, 2) if ordered else None,
            "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 2) if ordered else None,
            "connects_per_s": round(self._connections / connected_s),
        }


if __name__ == "__main__":
    pass
