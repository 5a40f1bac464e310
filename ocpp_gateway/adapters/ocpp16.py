"""OCPP 1.6J, what a charge point says. Connector n is EVSE n, connector 1; connector 0 is the station itself."""

from ocpp_gateway.adapters import common
from ocpp_gateway.adapters.outcome import Context, Handler, Outcome, Payload
from ocpp_gateway.adapters.values import read_integer, read_place, read_time
from ocpp_gateway.authorisation.facts import ReservationUsed
from ocpp_gateway.authorisation.rules import Decision, Presented, Purpose
from ocpp_gateway.authorisation.wording import id_tag_info
from ocpp_gateway.observation import (
    Booted,
    Condition,
    StatusReported,
    TransactionBegun,
    TransactionStopped,
    mark_of,
)
from ocpp_gateway.stations.registration import Registration
from youguan.clock import effective_time, utc_text

CONDITIONS = {
    "Available": Condition.AVAILABLE,
    "Preparing": Condition.OCCUPIED,
    "Charging": Condition.CHARGING,
    "SuspendedEV": Condition.OCCUPIED,
    "SuspendedEVSE": Condition.OCCUPIED,
    "Finishing": Condition.OCCUPIED,
    "Reserved": Condition.RESERVED,
    "Unavailable": Condition.UNAVAILABLE,
    "Faulted": Condition.FAULTED,
}


def boot_notification(payload: Payload, context: Context) -> Outcome:
    answer = {
        "currentTime": utc_text(context.received_at),
        "interval": context.heartbeat_interval_of(context.station_id),
        "status": context.registration.value,
    }
    vendor, model = payload["chargePointVendor"], payload["chargePointModel"]
    if context.registration is not Registration.ACCEPTED:
        return Outcome(answer, common.announced(vendor, model, context))
    serial = payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber")
    firmware = payload.get("firmwareVersion")
    return Outcome(answer, [Booted(context.station_id, vendor, model, serial, firmware, context.received_at)])


def status_notification(payload: Payload, context: Context) -> Outcome:
    said = payload.get("timestamp")
    occurred_at = read_time(said, "timestamp") if said else context.received_at
    error = None if payload["errorCode"] == "NoError" else payload["errorCode"]
    vendor_error = payload.get("vendorErrorCode")
    report = StatusReported(
        context.station_id,
        read_place(payload, "connectorId"),
        occurred_at,
        context.received_at,
        effective_time(occurred_at, context.received_at),
        payload["status"],
        CONDITIONS[payload["status"]],
        error,
        payload.get("info"),
        vendor_error,
        mark_of(context.run_of(occurred_at), error, vendor_error),
    )
    return Outcome({}, [report])


def authorize(payload: Payload, context: Context) -> Outcome:
    return Outcome({"idTagInfo": id_tag_info(_decide(payload["idTag"], Purpose.ASK, context))})


def _decide(token: str, purpose: Purpose, context: Context, connector: int | None = None) -> Decision:
    return context.authorise(Presented(token, None, purpose, context.station_id, connector))


def start_transaction(payload: Payload, context: Context) -> Outcome:
    """Keep a start and give it its id whatever is the case with its id token: it may have happened offline long ago."""
    started_at = read_time(payload["timestamp"], "timestamp")
    decision = _decide(payload["idTag"], Purpose.START, context, payload["connectorId"])
    begun = TransactionBegun(
        context.station_id,
        read_place(payload, "connectorId"),
        payload["idTag"],
        started_at,
        effective_time(started_at, context.received_at),
        float(payload["meterStart"]),
        context.run_of(started_at),
        decision.standing,
    )
    named = payload.get("reservationId")
    used = ReservationUsed(
        context.station_id,
        begun.effective_at,
        named if named is None else read_integer(named, "reservationId"),
        begun.id_token,
        begun.connector,
    )
    info = id_tag_info(decision)
    return Outcome(lambda transaction_id: {"idTagInfo": info, "transactionId": transaction_id}, [begun, used])


def stop_transaction(payload: Payload, context: Context) -> Outcome:
    stopped_at = read_time(payload["timestamp"], "timestamp")
    token = payload.get("idTag")
    samples, doubts = common.samples(payload.get("transactionData", []), 0, str(payload["transactionId"]), context)
    stopped = TransactionStopped(
        context.station_id,
        str(payload["transactionId"]),
        stopped_at,
        effective_time(stopped_at, context.received_at),
        float(payload["meterStop"]),
        payload.get("reason", "Local"),
        token,
        tuple(samples),
    )
    answer = {"idTagInfo": id_tag_info(_decide(token, Purpose.GO_ON, context))} if token else {}
    return Outcome(answer, [stopped], doubts)


def meter_values(payload: Payload, context: Context) -> Outcome:
    transaction = payload.get("transactionId")
    samples, doubts = common.samples(
        payload["meterValue"],
        read_place(payload, "connectorId"),
        None if transaction is None else str(transaction),
        context,
    )
    return Outcome({}, samples, doubts)


HANDLERS: dict[str, Handler] = {
    "Authorize": authorize,
    "BootNotification": boot_notification,
    "DataTransfer": common.data_transfer,
    "DiagnosticsStatusNotification": common.status_only("DiagnosticsStatusNotification"),
    "FirmwareStatusNotification": common.status_only("FirmwareStatusNotification"),
    "Heartbeat": common.heartbeat,
    "LogStatusNotification": common.status_only("LogStatusNotification"),
    "MeterValues": meter_values,
    "SecurityEventNotification": common.security_event,
    "SignCertificate": common.sign_certificate,
    "SignedFirmwareStatusNotification": common.status_only("SignedFirmwareStatusNotification"),
    "StartTransaction": start_transaction,
    "StatusNotification": status_notification,
    "StopTransaction": stop_transaction,
}
"""Every action that a charge point may send, with what it becomes."""
