"""OCPP 2.1, what a charging station says: 2.0.1 and what came with bidirectional charging, payment and streams."""

from datetime import datetime, timedelta

from ocpp_gateway.adapters import common, ocpp201
from ocpp_gateway.adapters.ocpp201 import UNSUPPORTED, noted
from ocpp_gateway.adapters.outcome import Context, Handler, Outcome, Payload
from ocpp_gateway.adapters.values import read_time
from ocpp_gateway.devices.reported import watched
from ocpp_gateway.observation import MonitorsReported, StreamBound, StreamTold
from ocpp_gateway.protocol.secrets import MASK
from youguan.clock import effective_time, utc_text


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


def notify_monitoring_report(payload: Payload, context: Context) -> Outcome:
    """Keep what 2.0.1 says of monitors, and which variable each watches: streams name only its number."""
    outcome = ocpp201.notify_monitoring_report(payload, context)
    monitors = tuple(watched(payload.get("monitor", [])))
    known = [MonitorsReported(context.station_id, monitors)] if monitors else []
    return outcome._replace(observations=[*outcome.observations, *known])


def open_stream(payload: Payload, context: Context) -> Outcome:
    """Streams are welcome: each message is kept as it came, and the latest value where its monitor is known."""
    told = payload["constantStreamData"]
    bound = StreamBound(context.station_id, told["id"], told["variableMonitoringId"])
    opened = common.notified("OpenPeriodicEventStream", f"stream {bound.stream}", context)
    return Outcome({"status": "Accepted"}, [opened, bound])


def close_stream(payload: Payload, context: Context) -> Outcome:
    closed = common.notified("ClosePeriodicEventStream", f"stream {payload['id']}", context)
    return Outcome({}, [closed, StreamBound(context.station_id, payload["id"], None)])


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
    """The one SEND of OCPP 2.1: it gets no answer, so what is lost of it before the commit is outside the promise.

    Whatever its variable measures, no sample is made of it (docs/adr/0018-streams-are-no-samples.md).
    """
    stream, data = payload["id"], payload["data"]
    said = f"stream {stream}: {len(data)} values, {payload['pending']} pending"
    notified = common.notified("NotifyPeriodicEventStream", said, context, payload["basetime"])
    times = [_since(read_time(payload["basetime"], "basetime"), element["t"]) for element in data]
    doubts = [f"data[{i}].t: lies outside of the calendar" for i, at in enumerate(times) if at is None]
    told = [(at, e["v"]) for at, e in zip(times, data, strict=True) if at is not None and e["v"] != MASK]
    if not told:
        return Outcome({}, [notified], doubts)
    at, value = max(told, key=lambda each: each[0])
    latest = StreamTold(context.station_id, stream, effective_time(at, context.received_at), value)
    return Outcome({}, [notified, latest], doubts)


def _since(base: datetime, seconds: float) -> datetime | None:
    try:
        return base + timedelta(seconds=seconds)
    except OverflowError:
        return None


HANDLERS: dict[str, Handler] = {
    **ocpp201.HANDLERS,
    "BatterySwap": noted("BatterySwap", lambda p: f"{p['eventType']} {len(p['batteryData'])}"),
    "ClosePeriodicEventStream": close_stream,
    "GetCertificateChainStatus": certificate_chain_status,
    "NotifyDERAlarm": der_alarm,
    "NotifyDERStartStop": noted(
        "NotifyDERStartStop", lambda p: f"{p['controlId']} {'started' if p['started'] else 'stopped'}", "timestamp"
    ),
    "NotifyMonitoringReport": notify_monitoring_report,
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
