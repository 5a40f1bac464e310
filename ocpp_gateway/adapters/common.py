"""What both versions say in the same words."""

from ocpp_gateway.adapters.outcome import Context, Handler, Outcome, Payload
from ocpp_gateway.adapters.values import read_time, read_value
from ocpp_gateway.observation import Announced, CertificateRequested, MeterSampled, Notified, Observation
from ocpp_gateway.stations.registration import Registration
from youguan.clock import utc_text
from youguan.errors import Invalid
from youguan.pki import check_request

STATION_CERTIFICATE = "ChargingStationCertificate"


def heartbeat(_: Payload, context: Context) -> Outcome:
    return Outcome({"currentTime": utc_text(context.received_at)})


def announced(vendor: str, model: str, context: Context) -> list[Observation]:
    """Return that a station wants to be filed; about one that is rejected somebody has decided already."""
    if context.registration is Registration.REJECTED:
        return []
    return [Announced(context.station_id, vendor, model, context.received_at)]


def data_transfer(payload: Payload, context: Context) -> Outcome:
    said = notified("DataTransfer", payload["vendorId"], context, info=payload.get("messageId"))
    return Outcome({"status": "UnknownVendorId"}, [said])


def security_event(payload: Payload, context: Context) -> Outcome:
    action, said, info = "SecurityEventNotification", payload["type"], payload.get("techInfo")
    return Outcome({}, [notified(action, said, context, payload["timestamp"], info)])


def sign_certificate(payload: Payload, context: Context) -> Outcome:
    """Keep a request that could be signed; whether it is, somebody decides."""
    kind = payload.get("certificateType", STATION_CERTIFICATE)
    if kind != STATION_CERTIFICATE:
        return Outcome({"status": "Rejected"}, (), [f"certificateType: no {kind} is signed here"])
    try:
        check_request(payload["csr"], context.station_id)
    except Invalid as error:
        return Outcome({"status": "Rejected"}, (), [f"csr: {error.detail}"])
    number = payload.get("requestId")
    asked = CertificateRequested(context.station_id, payload["csr"], number, context.received_at)
    return Outcome({"status": "Accepted"}, [asked])


def status_only(action: str) -> Handler:
    """Return the handler of an action that says no more than its status."""

    def handle(payload: Payload, context: Context) -> Outcome:
        return Outcome({}, [notified(action, payload["status"], context)])

    return handle


def notified(
    action: str, status: str, context: Context, occurred: str | None = None, info: str | None = None
) -> Notified:
    """Return a notification with the time it names, else the time of receipt."""
    at = read_time(occurred, "timestamp") if occurred else context.received_at
    return Notified(context.station_id, action, status, at, context.received_at, info)


def samples(
    meter_values: list[Payload], connector: int, transaction_id: str | None, context: Context
) -> tuple[list[MeterSampled], list[str]]:
    """Return every sampled value that is a number, and where the others stand."""
    found: list[MeterSampled] = []
    doubts: list[str] = []
    station_id, received_at = context.station_id, context.received_at
    for i, meter_value in enumerate(meter_values):
        at = read_time(meter_value["timestamp"], f"meterValue[{i}].timestamp")
        mark = context.run_of(at)
        for j, sample in enumerate(meter_value["sampledValue"]):
            value = read_value(sample)
            if value is None:
                doubts.append(f"meterValue[{i}].sampledValue[{j}].value: not a finite number")
            else:
                kind, number = value
                found.append(MeterSampled(station_id, connector, kind, at, received_at, number, transaction_id, mark))
    return found, doubts
