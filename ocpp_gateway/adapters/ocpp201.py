"""OCPP 2.0.1, what a charging station says."""

from ocpp_gateway.adapters import common
from ocpp_gateway.adapters.outcome import Context, Handler, Outcome, Payload
from ocpp_gateway.adapters.values import read_place, read_time, registers
from ocpp_gateway.observation import (
    Announced,
    Booted,
    Condition,
    Notified,
    Observation,
    StatusReported,
    TransactionReported,
    connector_number,
)
from youguan.clock import effective_time, utc_text

CONDITIONS = {
    "Available": Condition.AVAILABLE,
    "Occupied": Condition.OCCUPIED,
    "Reserved": Condition.RESERVED,
    "Unavailable": Condition.UNAVAILABLE,
    "Faulted": Condition.FAULTED,
}


def boot_notification(payload: Payload, context: Context) -> Outcome:
    answer = {
        "currentTime": utc_text(context.received_at),
        "interval": context.heartbeat_interval_s,
        "status": "Accepted" if context.known else "Pending",
    }
    station = payload["chargingStation"]
    vendor, model = station["vendorName"], station["model"]
    if not context.known:
        return Outcome(answer, [Announced(context.station_id, vendor, model, context.received_at)])
    serial, firmware = station.get("serialNumber"), station.get("firmwareVersion")
    return Outcome(answer, [Booted(context.station_id, vendor, model, serial, firmware, context.received_at)])


def status_notification(payload: Payload, context: Context) -> Outcome:
    occurred_at = read_time(payload["timestamp"], "timestamp")
    report = StatusReported(
        context.station_id,
        connector_number(read_place(payload, "evseId"), read_place(payload, "connectorId")),
        occurred_at,
        context.received_at,
        effective_time(occurred_at, context.received_at),
        payload["connectorStatus"],
        CONDITIONS[payload["connectorStatus"]],
        None,
        None,
        None,
    )
    return Outcome({}, [report])


def authorize(payload: Payload, context: Context) -> Outcome:
    return Outcome({"idTokenInfo": _token_info(payload["idToken"], context)})


def _token_info(token: Payload, context: Context) -> Payload:
    if token["type"] == "NoAuthorization":
        return {"status": "Accepted"}
    return {"status": "Accepted" if token["idToken"] in context.accepted_tokens else "Invalid"}


def transaction_event(payload: Payload, context: Context) -> Outcome:
    occurred_at = read_time(payload["timestamp"], "timestamp")
    info, evse, token = payload["transactionInfo"], payload.get("evse"), payload.get("idToken")
    readings = [number for _, number in registers(payload.get("meterValue", []))]
    number = (
        connector_number(read_place(evse, "id"), read_place({"connectorId": 1, **evse}, "connectorId"))
        if evse
        else None
    )
    reported = TransactionReported(
        context.station_id,
        info["transactionId"],
        payload["seqNo"],
        payload["eventType"],
        number,
        token["idToken"] if token else None,
        occurred_at,
        effective_time(occurred_at, context.received_at),
        context.received_at,
        readings[-1] if readings else None,
        info.get("stoppedReason"),
        payload.get("offline", False),
    )
    samples, doubts = common.samples(payload.get("meterValue", []), number or 0, info["transactionId"], context)
    return Outcome({"idTokenInfo": _token_info(token, context)} if token else {}, [reported, *samples], doubts)


def meter_values(payload: Payload, context: Context) -> Outcome:
    samples, doubts = common.samples(payload["meterValue"], read_place(payload, "evseId"), None, context)
    return Outcome({}, samples, doubts)


def notify_event(payload: Payload, context: Context) -> Outcome:
    """Keep what a component reports; the status that goes with a problem comes by StatusNotification."""
    notes: list[Observation] = []
    for i, event in enumerate(payload["eventData"]):
        at = read_time(event["timestamp"], f"eventData[{i}].timestamp")
        said = event.get("techCode") or event["actualValue"]
        status = f"{event['component']['name']}.{event['variable']['name']}={said}"
        notes.append(Notified(context.station_id, "NotifyEvent", status, at, context.received_at))
    return Outcome({}, notes)


HANDLERS: dict[str, Handler] = {
    "Authorize": authorize,
    "BootNotification": boot_notification,
    "DataTransfer": common.data_transfer,
    "FirmwareStatusNotification": common.status_only("FirmwareStatusNotification"),
    "Heartbeat": common.heartbeat,
    "LogStatusNotification": common.status_only("LogStatusNotification"),
    "MeterValues": meter_values,
    "NotifyEvent": notify_event,
    "SecurityEventNotification": common.security_event,
    "StatusNotification": status_notification,
    "TransactionEvent": transaction_event,
}
"""Every action that a charging station may send, with what it becomes."""
