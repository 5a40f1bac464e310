"""Simulated stations that speak OCPP by the `ocpp` package's ChargePoint: they share nothing with the gateway."""

import uuid
from datetime import UTC, datetime
from typing import Any, Protocol

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201

ID_TOKEN = "DEMO"
VENDOR = "Sample"
TRIGGER, STATUS = "TriggerMessage", "StatusNotification"  # all that a supervisor asks of a sample station


class Speaker(Protocol):
    """What every station can say, whatever its version."""

    subprotocol: str

    async def boot(self) -> tuple[str, int]: ...
    async def heartbeat(self) -> None: ...
    async def status(self, connector: int, word: str, fault: str = "") -> None: ...
    async def begin(self, connector: int, meter_wh: float) -> None: ...
    async def measure(self, connector: int, meter_wh: float, power_w: float) -> None: ...
    async def finish(self, connector: int, meter_wh: float) -> None: ...


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Station16(ChargePoint16):  # type: ignore[misc]
    """OCPP 1.6J."""

    subprotocol = "ocpp1.6"

    def __init__(self, station_id: str, connection: Any, transactions: dict[int, Any]) -> None:
        super().__init__(station_id, connection)
        self._transactions = transactions  # connector → transaction id; a lost connection does not end them
        self._said: dict[int, tuple[str, str]] = {}  # connector → status, fault

    async def say(self, request: Any) -> Any:
        return await self.call(request, suppress=False, skip_schema_validation=True)

    async def boot(self) -> tuple[str, int]:
        answer = await self.say(call16.BootNotification(charge_point_model="S16", charge_point_vendor=VENDOR))
        return str(answer.status), int(answer.interval)

    async def heartbeat(self) -> None:
        await self.say(call16.Heartbeat())

    async def status(self, connector: int, word: str, fault: str = "") -> None:
        error = fault or "NoError"
        self._said[connector] = (word, fault)
        await self.say(
            call16.StatusNotification(connector_id=connector, error_code=error, status=word, timestamp=now())
        )

    async def begin(self, connector: int, meter_wh: float) -> None:
        await self.say(call16.Authorize(id_tag=ID_TOKEN))
        answer = await self.say(
            call16.StartTransaction(
                connector_id=connector, id_tag=ID_TOKEN, meter_start=round(meter_wh), timestamp=now()
            )
        )
        self._transactions[connector] = answer.transaction_id

    async def measure(self, connector: int, meter_wh: float, power_w: float) -> None:
        values = [
            {"value": f"{meter_wh:.0f}", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
            {"value": f"{power_w:.0f}", "measurand": "Power.Active.Import", "unit": "W"},
            {"value": f"{power_w / 400:.1f}", "measurand": "Current.Import", "unit": "A"},
            {"value": "400.0", "measurand": "Voltage", "unit": "V"},
        ]
        meter_value = [{"timestamp": now(), "sampledValue": values}]
        if connector in self._transactions:
            await self.say(
                call16.MeterValues(
                    connector_id=connector, meter_value=meter_value, transaction_id=self._transactions[connector]
                )
            )

    async def finish(self, connector: int, meter_wh: float) -> None:
        if connector not in self._transactions:
            return
        await self.say(
            call16.StopTransaction(
                meter_stop=round(meter_wh),
                timestamp=now(),
                transaction_id=self._transactions[connector],
                id_tag=ID_TOKEN,
            )
        )
        del self._transactions[connector]

    @on(TRIGGER)  # type: ignore[untyped-decorator]
    def on_trigger(self, requested_message: str, **_: Any) -> Any:
        """Say what it is only where it is asked for its status."""
        return result16.TriggerMessage(status="Accepted" if requested_message == STATUS else "NotImplemented")

    @after(TRIGGER)  # type: ignore[untyped-decorator]
    async def after_trigger(self, requested_message: str, connector_id: int | None = None, **_: Any) -> None:
        for connector, (word, fault) in list(self._said.items()) if requested_message == STATUS else ():
            if connector_id in (None, connector):
                await self.status(connector, word, fault)


WORDS_201 = {"Preparing": "Occupied", "Charging": "Occupied", "Finishing": "Occupied"}


class Station201(ChargePoint201):  # type: ignore[misc]
    """OCPP 2.0.1."""

    subprotocol = "ocpp2.0.1"

    def __init__(self, station_id: str, connection: Any, transactions: dict[int, Any]) -> None:
        super().__init__(station_id, connection)
        self._transactions = transactions  # connector → (transaction id, next sequence number)
        self._said: dict[int, str] = {}
        self._count = 0

    async def say(self, request: Any) -> Any:
        return await self.call(request, suppress=False, skip_schema_validation=True)

    async def boot(self) -> tuple[str, int]:
        station = {"model": "S201", "vendor_name": VENDOR}
        answer = await self.say(call201.BootNotification(charging_station=station, reason="PowerUp"))
        return str(answer.status), int(answer.interval)

    async def heartbeat(self) -> None:
        await self.say(call201.Heartbeat())

    async def status(self, connector: int, word: str, fault: str = "") -> None:
        word = WORDS_201.get(word, word)
        if self._said.get(connector) == word:
            return
        self._said[connector] = word
        if fault:
            await self._notify(connector, fault)
        await self._tell_status(connector, word)

    async def _tell_status(self, connector: int, word: str) -> None:
        await self.say(
            call201.StatusNotification(timestamp=now(), connector_status=word, evse_id=connector, connector_id=1)
        )

    @on(TRIGGER)  # type: ignore[untyped-decorator]
    def on_trigger(self, requested_message: str, **_: Any) -> Any:
        """Say what it is only where it is asked for its status."""
        return result201.TriggerMessage(status="Accepted" if requested_message == STATUS else "NotImplemented")

    @after(TRIGGER)  # type: ignore[untyped-decorator]
    async def after_trigger(self, requested_message: str, evse: dict[str, int] | None = None, **_: Any) -> None:
        for connector, word in list(self._said.items()) if requested_message == STATUS else ():
            if evse is None or evse["id"] == connector:
                await self._tell_status(connector, word)

    async def _notify(self, connector: int, fault: str) -> None:
        self._count += 1
        event = {
            "event_id": self._count,
            "timestamp": now(),
            "trigger": "Alerting",
            "actual_value": "true",
            "tech_code": fault,
            "event_notification_type": "HardWiredNotification",
            "component": {"name": "Connector", "evse": {"id": connector, "connector_id": 1}},
            "variable": {"name": "Problem"},
        }
        await self.say(call201.NotifyEvent(generated_at=now(), seq_no=0, event_data=[event]))

    async def begin(self, connector: int, meter_wh: float) -> None:
        self._transactions[connector] = (str(uuid.uuid4()), 0)
        await self._event(connector, "Started", "Authorized", meter_wh, token=True)

    async def measure(self, connector: int, meter_wh: float, power_w: float) -> None:
        if connector in self._transactions:
            await self._event(connector, "Updated", "MeterValuePeriodic", meter_wh, power_w)

    async def finish(self, connector: int, meter_wh: float) -> None:
        if connector in self._transactions:
            await self._event(connector, "Ended", "StopAuthorized", meter_wh, token=True)
            del self._transactions[connector]

    async def _event(
        self, connector: int, kind: str, reason: str, meter_wh: float, power_w: float = 0.0, *, token: bool = False
    ) -> None:
        transaction_id, seq_no = self._transactions[connector]
        self._transactions[connector] = (transaction_id, seq_no + 1)
        values = [
            {"value": round(meter_wh, 1), "measurand": "Energy.Active.Import.Register"},
            {"value": round(power_w, 1), "measurand": "Power.Active.Import"},
        ]
        await self.say(
            call201.TransactionEvent(
                event_type=kind,
                timestamp=now(),
                trigger_reason=reason,
                seq_no=seq_no,
                transaction_info={"transaction_id": transaction_id},
                evse={"id": connector, "connector_id": 1},
                id_token={"id_token": ID_TOKEN, "type": "Central"} if token else None,
                meter_value=[{"timestamp": now(), "sampled_value": values}],
            )
        )
