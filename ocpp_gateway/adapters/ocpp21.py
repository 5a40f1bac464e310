"""OCPP 2.1, what a charging station says: 2.0.1 and what came with bidirectional charging, payment and streams."""

from ocpp_gateway.adapters import common, ocpp201
from ocpp_gateway.adapters.ocpp201 import UNSUPPORTED, noted
from ocpp_gateway.adapters.outcome import Context, Handler, Outcome, Payload
from youguan.clock import utc_text


def certificate_chain_status(payload: Payload, context: Context) -> Outcome:
    """No responder is asked from here: every request has failed, and may be made again at once."""
    now = utc_text(context.received_at)
    asked = payload["certificateStatusRequests"]
    answer = {
        "certificateStatus": [
            {
                "certificateHashData": request["certificateHashData"],
                "source": request["source"],
                "status": "Failed",
                "nextUpdate": now,
            }
            for request in asked
        ]
    }
    return Outcome(answer, [common.notified("GetCertificateChainStatus", f"{len(asked)} certificates", context)])


def der_alarm(payload: Payload, context: Context) -> Outcome:
    said = f"{payload['controlType']} {payload.get('gridEventFault', '')}".strip()
    ended = " ended" if payload.get("alarmEnded") else ""
    return Outcome({}, [common.notified("NotifyDERAlarm", said + ended, context, payload["timestamp"])])


def open_stream(payload: Payload, context: Context) -> Outcome:
    """Streams are welcome: each message is kept as it came."""
    said = f"stream {payload['constantStreamData']['id']}"
    return Outcome({"status": "Accepted"}, [common.notified("OpenPeriodicEventStream", said, context)])


def pull_schedule(payload: Payload, context: Context) -> Outcome:
    """We set no dynamic profile, so there is nothing to pull."""
    said = f"profile {payload['chargingProfileId']}"
    answer = {"status": "Rejected", "statusInfo": {"reasonCode": "NotFound"}}
    return Outcome(answer, [common.notified("PullDynamicScheduleUpdate", said, context)])


def vat_number(payload: Payload, context: Context) -> Outcome:
    """No register of VAT numbers is asked from here; the number is a person's or a firm's and is not kept by name."""
    answer = {"vatNumber": payload["vatNumber"]}
    if "evseId" in payload:
        answer["evseId"] = payload["evseId"]
    answer |= {"status": "Rejected", "statusInfo": UNSUPPORTED}
    return Outcome(answer, [common.notified("VatNumberValidation", "Rejected", context)])


def event_stream(payload: Payload, context: Context) -> Outcome:
    """The one SEND of OCPP 2.1: it gets no answer, so what is lost of it before the commit is outside the promise."""
    said = f"stream {payload['id']}: {len(payload['data'])} values, {payload['pending']} pending"
    return Outcome({}, [common.notified("NotifyPeriodicEventStream", said, context, payload["basetime"])])


HANDLERS: dict[str, Handler] = {
    **ocpp201.HANDLERS,
    "BatterySwap": noted("BatterySwap", lambda p: f"{p['eventType']} {len(p['batteryData'])}"),
    "ClosePeriodicEventStream": noted("ClosePeriodicEventStream", lambda p: f"stream {p['id']}"),
    "GetCertificateChainStatus": certificate_chain_status,
    "NotifyDERAlarm": der_alarm,
    "NotifyDERStartStop": noted(
        "NotifyDERStartStop", lambda p: f"{p['controlId']} {'started' if p['started'] else 'stopped'}", "timestamp"
    ),
    "NotifyPriorityCharging": noted(
        "NotifyPriorityCharging", lambda p: f"{p['transactionId']} {'on' if p['activated'] else 'off'}"
    ),
    "NotifySettlement": noted("NotifySettlement", lambda p: f"{p['status']} {p['pspRef']}", "settlementTime"),
    "OpenPeriodicEventStream": open_stream,
    "PullDynamicScheduleUpdate": pull_schedule,
    "ReportDERControl": noted("ReportDERControl", lambda p: f"request {p['requestId']}"),
    "VatNumberValidation": vat_number,
}
"""Every action that a charging station may send and that is answered, with what it becomes."""

SENDS: dict[str, Handler] = {"NotifyPeriodicEventStream": event_stream}
"""What a charging station sends without wanting an answer."""
