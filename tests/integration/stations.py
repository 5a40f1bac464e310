"""Independent OCPP clients: the `ocpp` package's ChargePoint, which validates every payload both ways."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

import websockets
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201

VERSIONS = ("1.6", "2.0.1")


def text(moment: datetime) -> str:
    """Return a time as stations and the API write it: UTC, milliseconds, Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(written: str) -> datetime:
    return datetime.fromisoformat(written)


def now() -> datetime:
    """Return the present in whole milliseconds, as it travels."""
    present = datetime.now(UTC)
    return present.replace(microsecond=present.microsecond // 1000 * 1000)


class Station(Protocol):
    """What a test lets a station say, whatever its version; each returns when it has been answered."""

    async def boot(self) -> str: ...
    async def heartbeat(self) -> None: ...
    async def report(self, word: str, at: datetime, error: str = "", connector: int = 1) -> None: ...
    async def charge(self, energy_wh: int, connector: int = 1) -> None: ...


class Station16(ChargePoint16):  # type: ignore[misc]
    """OCPP 1.6J."""

    async def say(self, request: Any) -> Any:
        return await self.call(request, suppress=False)

    async def boot(self) -> str:
        answer = await self.say(call16.BootNotification(charge_point_model="Test", charge_point_vendor="Test"))
        return str(answer.status)

    async def heartbeat(self) -> None:
        await self.say(call16.Heartbeat())

    async def report(self, word: str, at: datetime, error: str = "", connector: int = 1) -> None:
        await self.say(
            call16.StatusNotification(
                connector_id=connector, error_code=error or "NoError", status=word, timestamp=text(at)
            )
        )

    async def charge(self, energy_wh: int, connector: int = 1) -> None:
        await self.say(call16.Authorize(id_tag="DEMO"))
        begun = await self.say(
            call16.StartTransaction(connector_id=connector, id_tag="DEMO", meter_start=1000, timestamp=text(now()))
        )
        await self.say(
            call16.StopTransaction(
                meter_stop=1000 + energy_wh, timestamp=text(now()), transaction_id=begun.transaction_id
            )
        )


class Station201(ChargePoint201):  # type: ignore[misc]
    """OCPP 2.0.1."""

    async def say(self, request: Any) -> Any:
        return await self.call(request, suppress=False)

    async def boot(self) -> str:
        station = {"model": "Test", "vendor_name": "Test"}
        return str((await self.say(call201.BootNotification(charging_station=station, reason="PowerUp"))).status)

    async def heartbeat(self) -> None:
        await self.say(call201.Heartbeat())

    async def report(self, word: str, at: datetime, error: str = "", connector: int = 1) -> None:
        await self.say(
            call201.StatusNotification(timestamp=text(at), connector_status=word, evse_id=connector, connector_id=1)
        )

    async def charge(self, energy_wh: int, connector: int = 1) -> None:
        transaction = f"T{now().timestamp()}"
        for seq_no, (kind, reason, meter_wh) in enumerate(
            (("Started", "Authorized", 1000), ("Ended", "StopAuthorized", 1000 + energy_wh))
        ):
            await self.say(
                call201.TransactionEvent(
                    event_type=kind, timestamp=text(now()), trigger_reason=reason, seq_no=seq_no,
                    transaction_info={"transaction_id": transaction}, evse={"id": connector, "connector_id": 1},
                    id_token={"id_token": "DEMO", "type": "Central"},
                    meter_value=[{"timestamp": text(now()), "sampled_value": [{"value": meter_wh}]}],
                )
            )  # fmt: skip


KINDS: dict[str, Any] = {"1.6": Station16, "2.0.1": Station201}


@asynccontextmanager
async def connected(port: int, station_id: str, version: str, kinds: Mapping[str, Any] = KINDS) -> AsyncIterator[Any]:
    """A station that is connected, of the kind for its version; it has said nothing yet."""
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/ocpp/{quote(station_id, safe='')}", compression=None, proxy=None, close_timeout=2,
        subprotocols=[websockets.Subprotocol(f"ocpp{version}")],
    ) as connection:  # fmt: skip
        station = kinds[version](station_id, connection)
        listening = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await listening
