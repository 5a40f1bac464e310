"""Stations that say again what was not acknowledged, and keep books of what was."""

import asyncio
import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import websockets

from tests.faults.ledger import Ledger
from tests.integration.stations import now, text

ANSWERED_WITHIN_S = 20.0
REGISTER = "Energy.Active.Import.Register"
TROUBLE = (OSError, TimeoutError, websockets.WebSocketException)


@dataclass(frozen=True, slots=True)
class Said:
    """A message, and what its acknowledgement makes true."""

    action: str
    payload: dict[str, Any]
    note: Callable[[], None] = lambda: None


Life = Generator[Said, dict[str, Any], None]
"""What a station says, one after the other; it is sent each answer."""


@dataclass
class Watch:
    """A station's clock: no two of its times are the same."""

    last: datetime = field(default_factory=now)

    def read(self) -> datetime:
        self.last = max(now(), self.last + timedelta(milliseconds=1))
        return self.last


def life16(station: str, ledger: Ledger, watch: Watch) -> Life:
    """A charge point of 1.6 that charges again and again."""
    yield Said("BootNotification", {"chargePointVendor": "Test", "chargePointModel": "T"})
    meter_wh = 1000
    while True:
        yield _status16(station, "Preparing", ledger, watch)
        started, start_wh = watch.read(), meter_wh
        start = {"connectorId": 1, "idTag": "DEMO", "meterStart": start_wh, "timestamp": text(started)}
        number = (yield Said("StartTransaction", start))["transactionId"]
        yield _status16(station, "Charging", ledger, watch)
        for _ in range(3):
            meter_wh += 10
            yield _meter_values16(station, number, meter_wh, ledger, watch)
        stopped = watch.read()
        stop = {"transactionId": number, "meterStop": meter_wh, "timestamp": text(stopped), "reason": "Remote"}
        whole = ((station, str(number)), (started, stopped, float(start_wh), float(meter_wh), "Remote"))
        yield Said("StopTransaction", stop, _noting(ledger.transactions, *whole))
        yield _status16(station, "Finishing", ledger, watch)
        yield Said("Heartbeat", {})
        yield _status16(station, "Available", ledger, watch)


def life_of_statuses(station: str, ledger: Ledger, watch: Watch) -> Life:
    """A charge point of 1.6 that says how it is, and nothing else."""
    yield Said("BootNotification", {"chargePointVendor": "Test", "chargePointModel": "T"})
    while True:
        for word in ("Preparing", "Available"):
            yield _status16(station, word, ledger, watch)


def _status16(station: str, word: str, ledger: Ledger, watch: Watch) -> Said:
    at = watch.read()
    payload = {"connectorId": 1, "errorCode": "NoError", "status": word, "timestamp": text(at)}
    return Said("StatusNotification", payload, _noting(ledger.statuses, (station, 1, at), word))


def _meter_values16(station: str, number: int, meter_wh: int, ledger: Ledger, watch: Watch) -> Said:
    at = watch.read()
    sampled = [{"value": str(meter_wh)}, {"value": "6900", "measurand": "Power.Active.Import", "unit": "W"}]
    payload = {
        "connectorId": 1,
        "transactionId": number,
        "meterValue": [{"timestamp": text(at), "sampledValue": sampled}],
    }

    def note() -> None:
        ledger.samples[station, 1, REGISTER, at] = float(meter_wh), str(number)
        ledger.samples[station, 1, "Power.Active.Import", at] = 6900.0, str(number)

    return Said("MeterValues", payload, note)


def life201(station: str, ledger: Ledger, watch: Watch) -> Life:
    """A charging station of 2.0.1 that charges again and again."""
    yield Said("BootNotification", {"reason": "PowerUp", "chargingStation": {"vendorName": "Test", "model": "T"}})
    meter_wh = 1000
    while True:
        yield _status201(station, "Occupied", ledger, watch)
        number = f"T{watch.read().timestamp():.3f}"
        times: list[datetime] = []
        start_wh = meter_wh
        for seq_no, kind in enumerate(("Started", "Updated", "Updated", "Ended")):
            at = watch.read()
            times.append(at)
            yield _event201(station, (number, seq_no, kind), meter_wh, at, ledger)
            meter_wh += 10
        meter_wh -= 10
        whole = (times[0], times[-1], float(start_wh), float(meter_wh), "Remote")
        ledger.transactions[station, number] = whole
        yield _status201(station, "Available", ledger, watch)


def _status201(station: str, word: str, ledger: Ledger, watch: Watch) -> Said:
    at = watch.read()
    payload = {"evseId": 1, "connectorId": 1, "connectorStatus": word, "timestamp": text(at)}
    return Said("StatusNotification", payload, _noting(ledger.statuses, (station, 1, at), word))


def _event201(station: str, event: tuple[str, int, str], meter_wh: int, at: datetime, ledger: Ledger) -> Said:
    number, seq_no, kind = event
    info = {"transactionId": number, **({"stoppedReason": "Remote"} if kind == "Ended" else {})}
    payload = {
        "eventType": kind,
        "timestamp": text(at),
        "triggerReason": "Trigger",
        "seqNo": seq_no,
        "transactionInfo": info,
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": text(at), "sampledValue": [{"value": meter_wh}]}],
        **({"idToken": {"idToken": "DEMO", "type": "Central"}} if kind == "Started" else {}),
    }

    def note() -> None:
        ledger.transaction_events[station, number, seq_no] = kind, at
        ledger.samples[station, 1, REGISTER, at] = float(meter_wh), number

    return Said("TransactionEvent", payload, note)


def _noting(rows: dict[Any, Any], key: Any, value: Any) -> Callable[[], None]:
    def note() -> None:
        rows[key] = value

    return note


LIVES: dict[str, Callable[[str, Ledger, Watch], Life]] = {"ocpp1.6": life16, "ocpp2.0.1": life201}
# Where a life may end: with nothing begun that a later message would complete.
QUIET = {"Available"}


class Station:
    """A station on a real socket with one call open, which says the same again until it is answered."""

    def __init__(
        self,
        port: int,
        station: str,
        subprotocol: str,
        ledger: Ledger,
        pause_s: float,
        life: Callable[[str, Ledger, Watch], Life] | None = None,
    ) -> None:
        self._url = f"ws://127.0.0.1:{port}/ocpp/{quote(station, safe='')}"
        self._station = station
        self._subprotocol = subprotocol
        self._life = life or LIVES[subprotocol]
        self._ledger = ledger
        self._pause_s = pause_s
        self._socket: websockets.ClientConnection | None = None
        self._numbers: Iterator[int] = iter(range(1, 1_000_000))
        self.acknowledged = 0

    async def live(self, stop: asyncio.Event) -> None:
        """Speak until told to stop, and then until nothing is half done."""
        life = self._life(self._station, self._ledger, Watch())
        said = next(life)
        try:
            while True:
                answer = await self._until_answered(said)
                if stop.is_set() and QUIET & {said.payload.get("status"), said.payload.get("connectorStatus")}:
                    return
                await asyncio.sleep(self._pause_s)
                said = life.send(answer)
        finally:
            if self._socket is not None:
                await self._socket.close()

    async def _until_answered(self, said: Said) -> dict[str, Any]:
        message_id = f"{self._station}-{next(self._numbers)}"
        frame = json.dumps([2, message_id, said.action, said.payload])
        while True:
            try:
                answer = await self._ask(message_id, frame)
            except TROUBLE:
                self._ledger.lost_connections += 1
                if self._socket is not None:
                    await self._socket.close()
                self._socket = None
                await asyncio.sleep(0.05)
                continue
            if answer[0] != 3:
                self._ledger.refused.append(f"{self._station}: {said.action}: {answer}")
                raise AssertionError(self._ledger.refused[-1])
            said.note()
            self._ledger.answered.add((self._station, frame))
            self.acknowledged += 1
            return dict(answer[2])

    async def _ask(self, message_id: str, frame: str) -> list[Any]:
        if self._socket is None:
            self._socket = await websockets.connect(
                self._url, subprotocols=[websockets.Subprotocol(self._subprotocol)], compression=None, proxy=None,
                open_timeout=ANSWERED_WITHIN_S, close_timeout=1, ping_interval=None,
            )  # fmt: skip
        self._ledger.sent[self._station, frame] += 1
        await self._socket.send(frame)
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while True:
                answer: list[Any] = json.loads(await self._socket.recv())
                if answer[1] == message_id:
                    return answer
