"""An operator's central system as a process: the `ocpp` package's, for 1.6 and 2.0.1. `python -m tests.ocpp_gateway.upstream PORT`.

It writes what it does to standard output, one line each, and takes commands from standard input: `STATION ACTION` has it ask a
station for something.
"""

import asyncio
import itertools
import sys
from datetime import UTC, datetime
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201

NUMBERS = itertools.count(int(datetime.now(UTC).timestamp()))
STATIONS: dict[str, Any] = {}


def say(*words: object) -> None:
    print(*words, flush=True)


def now() -> str:
    return datetime.now(UTC).isoformat()


class Central16(ChargePoint16):  # type: ignore[misc]
    """The central system's side of a 1.6 station."""

    @on("BootNotification")  # type: ignore[untyped-decorator]
    async def boot(self, **_: Any) -> Any:
        return result16.BootNotification(current_time=now(), interval=900, status="Accepted")

    @on("Heartbeat")  # type: ignore[untyped-decorator]
    async def heartbeat(self) -> Any:
        return result16.Heartbeat(current_time=now())

    @on("StatusNotification")  # type: ignore[untyped-decorator]
    async def status(self, **_: Any) -> Any:
        return result16.StatusNotification()

    @on("MeterValues")  # type: ignore[untyped-decorator]
    async def meter(self, **_: Any) -> Any:
        return result16.MeterValues()

    @on("Authorize")  # type: ignore[untyped-decorator]
    async def authorize(self, **_: Any) -> Any:
        return result16.Authorize(id_tag_info={"status": "Accepted"})

    @on("StartTransaction")  # type: ignore[untyped-decorator]
    async def start_transaction(self, **_: Any) -> Any:
        return result16.StartTransaction(transaction_id=next(NUMBERS), id_tag_info={"status": "Accepted"})

    @on("StopTransaction")  # type: ignore[untyped-decorator]
    async def stop_transaction(self, **_: Any) -> Any:
        return result16.StopTransaction()

    @on("DataTransfer")  # type: ignore[untyped-decorator]
    async def transfer(self, vendor_id: str, message_id: str = "", data: str = "") -> Any:
        say("transfer", self.id, vendor_id, message_id, data)
        return result16.DataTransfer(status="UnknownVendorId")


class Central201(ChargePoint201):  # type: ignore[misc]
    """The central system's side of a 2.0.1 station."""

    @on("BootNotification")  # type: ignore[untyped-decorator]
    async def boot(self, **_: Any) -> Any:
        return result201.BootNotification(current_time=now(), interval=900, status="Accepted")

    @on("Heartbeat")  # type: ignore[untyped-decorator]
    async def heartbeat(self) -> Any:
        return result201.Heartbeat(current_time=now())

    @on("StatusNotification")  # type: ignore[untyped-decorator]
    async def status(self, **_: Any) -> Any:
        return result201.StatusNotification()

    @on("TransactionEvent")  # type: ignore[untyped-decorator]
    async def transaction(self, **_: Any) -> Any:
        return result201.TransactionEvent()

    @on("DataTransfer")  # type: ignore[untyped-decorator]
    async def transfer(self, vendor_id: str, message_id: str = "", data: str = "") -> Any:
        say("transfer", self.id, vendor_id, message_id, data)
        return result201.DataTransfer(status="UnknownVendorId")


KINDS: dict[str | None, Any] = {"ocpp1.6": Central16, "ocpp2.0.1": Central201}
ASKS: dict[tuple[Any, str], Any] = {
    (Central16, "key"): call16.ChangeConfiguration(key="AuthorizationKey", value="secret-of-the-operator"),
    (Central16, "probe"): call16.TriggerMessage(requested_message="Heartbeat"),
    (Central201, "probe"): call201.TriggerMessage(requested_message="Heartbeat"),
}


async def serve(connection: Any) -> None:
    station_id = connection.request.path.rsplit("/", 1)[1]
    say("connected", station_id, connection.subprotocol, connection.request.headers.get("Authorization"))
    station = STATIONS[station_id] = KINDS[connection.subprotocol](station_id, connection)
    try:
        await station.start()
    except websockets.ConnectionClosed:
        say("closed", station_id, connection.close_code)


async def take_commands() -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        station_id, action = line.split()
        station = STATIONS[station_id]
        answer = await station.call(ASKS[type(station), action], suppress=False)
        say("answered", station_id, answer.status)


async def main(port: int) -> None:
    async with websockets.serve(
        serve, "127.0.0.1", port, subprotocols=[websockets.Subprotocol(str(name)) for name in KINDS], compression=None,
        ping_interval=None,
    ):  # fmt: skip
        say("serving")
        await take_commands()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
