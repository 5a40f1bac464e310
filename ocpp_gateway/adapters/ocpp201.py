"""OCPP 2.0.1, what a charging station says; 2.1 says most of it in the same words."""

from collections.abc import Callable, Iterable

from ocpp_gateway.adapters import common
from ocpp_gateway.adapters.outcome import Context, Handler, Outcome, Payload, Problem, Problems
from ocpp_gateway.adapters.values import read_integer, read_place, read_register, read_time
from ocpp_gateway.authorisation.adapter import (
    cleared_charging_limit,
    report_charging_profiles,
    reservation_status_update,
)
from ocpp_gateway.authorisation.facts import ReservationUsed
from ocpp_gateway.authorisation.rules import Decision, Presented, Purpose
from ocpp_gateway.authorisation.wording import id_token_info
from ocpp_gateway.devices import reported
from ocpp_gateway.observation import (
    STATION_ITSELF,
    Booted,
    Condition,
    Notified,
    Observation,
    StatusReported,
    TransactionReported,
    Variable,
    VariablesReported,
    connector_number,
    mark_of,
)
from ocpp_gateway.stations.registration import Registration
from youguan.clock import effective_time, utc_text

CONDITIONS = {
    "Available": Condition.AVAILABLE,
    "Occupied": Condition.OCCUPIED,
    "Reserved": Condition.RESERVED,
    "Unavailable": Condition.UNAVAILABLE,
    "Faulted": Condition.FAULTED,
}
# The variables by which a component says that something is wrong with it.
PROBLEMS = {"Problem", "Tripped", "Overload"}
UNSUPPORTED = {"reasonCode": "UnsupportedRequest"}


def boot_notification(payload: Payload, context: Context) -> Outcome:
    answer = {
        "currentTime": utc_text(context.received_at),
        "interval": context.heartbeat_interval_of(context.station_id),
        "status": context.registration.value,
    }
    station = payload["chargingStation"]
    vendor, model = station["vendorName"], station["model"]
    if context.registration is not Registration.ACCEPTED:
        return Outcome(answer, common.announced(vendor, model, context))
    serial, firmware = station.get("serialNumber"), station.get("firmwareVersion")
    reason = payload["reason"]
    return Outcome(answer, [Booted(context.station_id, vendor, model, serial, firmware, context.received_at, reason)])


def status_notification(payload: Payload, context: Context) -> Outcome:
    number = _number(payload, "evseId", "connectorId")
    return Outcome({}, [_status(number, payload["connectorStatus"], payload["timestamp"], "timestamp", context)])


def _number(place: Payload, evse: str, connector: str) -> int:
    """Return our number of a connector, which a connector beyond all measure has none of."""
    return read_integer(connector_number(read_place(place, evse), read_place(place, connector)), connector)


def _status(number: int, status: str, said: str, member: str, context: Context) -> StatusReported:
    """Return a status; a fault carries the problem that was told of the connector, or of its station, before."""
    occurred_at = read_time(said, member)
    problem = context.problems.get(number) or context.problems.get(STATION_ITSELF) if status == "Faulted" else None
    code = problem.code if problem else None
    return StatusReported(
        context.station_id,
        number,
        occurred_at,
        context.received_at,
        effective_time(occurred_at, context.received_at),
        status,
        CONDITIONS[status],
        code,
        problem.info if problem else None,
        None,
        mark_of(context.run_of(occurred_at), code),
    )


def authorize(payload: Payload, context: Context) -> Outcome:
    """A contract certificate that a station leaves to us to verify is refused: no root of such contracts is trusted here."""
    if "certificate" in payload:
        return Outcome({"certificateStatus": "CertChainError", "idTokenInfo": {"status": "Invalid"}})
    token = payload["idToken"]
    presented = Presented(token["idToken"], token["type"], Purpose.ASK, context.station_id)
    return Outcome({"idTokenInfo": id_token_info(context.authorise(presented))})


def transaction_event(payload: Payload, context: Context) -> Outcome:
    occurred_at = read_time(payload["timestamp"], "timestamp")
    info, evse, token = payload["transactionInfo"], payload.get("evse"), payload.get("idToken")
    number = _number({"connectorId": 1, **evse}, "id", "connectorId") if evse else None
    decision = _decide(token, payload, number, context) if token else None
    samples, doubts = common.samples(payload.get("meterValue", []), number or 0, info["transactionId"], context)
    read = read_register(samples)
    ended = payload["eventType"] == "Ended"
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
        read[1].wh if read else None,
        info.get("stoppedReason", "Local" if ended else None),
        payload.get("offline", False),
        standing=decision.standing if decision else None,
        samples=() if evse else tuple(samples),
        read=read,
    )
    observations = [reported, *_reservation(payload, reported), *(samples if evse else ())]
    return Outcome({"idTokenInfo": id_token_info(decision)} if decision else {}, observations, doubts)


def _decide(token: Payload, event: Payload, connector: int | None, context: Context) -> Decision:
    purpose = Purpose.START if event["eventType"] == "Started" else Purpose.GO_ON
    transaction_id = event["transactionInfo"]["transactionId"]
    return context.authorise(
        Presented(token["idToken"], token["type"], purpose, context.station_id, connector, transaction_id)
    )


def _reservation(payload: Payload, reported: TransactionReported) -> list[Observation]:
    named = payload.get("reservationId")
    if named is None and (reported.kind != "Started" or reported.id_token is None):
        return []
    named = named if named is None else read_integer(named, "reservationId")
    return [ReservationUsed(reported.station_id, reported.effective_at, named, reported.id_token, reported.connector)]


def meter_values(payload: Payload, context: Context) -> Outcome:
    samples, doubts = common.samples(payload["meterValue"], read_place(payload, "evseId"), None, context)
    return Outcome({}, samples, doubts)


def notify_event(payload: Payload, context: Context) -> Outcome:
    """Keep what components report: as variables, as the status of a connector, and as the problem of a later fault."""
    observations: list[Observation] = []
    problems: Problems = {}
    for i, event in enumerate(payload["eventData"]):
        member = f"eventData[{i}].timestamp"
        at = read_time(event["timestamp"], member)
        variable = reported.variable(event, reported.ACTUAL, event["actualValue"])
        observations.append(_event(event, variable, context))
        variables = (variable,)
        observations.append(VariablesReported(context.station_id, effective_time(at, context.received_at), variables))
        number = _place(variable)
        if variable.key.variable == "AvailabilityState" and number is not None and variable.value in CONDITIONS:
            observations.append(_status(number, variable.value, event["timestamp"], member, context))
        elif variable.key.variable in PROBLEMS:
            problems[connector_number(variable.key.evse, variable.key.connector or 1)] = _problem(event, variable)
    return Outcome({}, observations, problems=problems)


def _event(event: Payload, variable: Variable, context: Context) -> Notified:
    """Name the place and the end of a problem: what two EVSEs tell within a second is no repeat, nor is that it is over."""
    said = event.get("techCode") or variable.value or ""
    over = " cleared" if event.get("cleared") else ""
    return common.notified(
        "NotifyEvent", f"{variable.key.name}={said}{over}", context, event["timestamp"], event.get("techInfo")
    )


def _place(variable: Variable) -> int | None:
    """Return whose state a variable tells; an EVSE's own is the sum of its connectors', which tell theirs."""
    if variable.key.component == "ChargingStation":
        return STATION_ITSELF
    if variable.key.component == "Connector" and variable.key.evse:
        return _number(
            {"evse.id": variable.key.evse, "connectorId": variable.key.connector or 1}, "evse.id", "connectorId"
        )
    return None


def _problem(event: Payload, variable: Variable) -> Problem | None:
    if event.get("cleared") or (variable.value or "").lower() in ("false", "0"):
        return None
    return Problem(event.get("techCode") or variable.key.variable, event.get("techInfo"))


def notify_report(payload: Payload, context: Context) -> Outcome:
    return _variables(payload, reported.report(payload.get("reportData", [])), context)


def notify_monitoring_report(payload: Payload, context: Context) -> Outcome:
    return _variables(payload, reported.monitors(payload.get("monitor", [])), context)


def _variables(payload: Payload, found: Iterable[Variable], context: Context) -> Outcome:
    """A report answers what somebody has just asked: it counts from its receipt, however wrong the station's clock is."""
    read_time(payload["generatedAt"], "generatedAt")
    variables = tuple(found)
    return Outcome({}, [VariablesReported(context.station_id, context.received_at, variables)] if variables else [])


def noted(action: str, say: Callable[[Payload], str], time: str | None = None) -> Handler:
    """Return the handler of an action that is kept by name and answered with nothing; `time` is its member of time."""

    def handle(payload: Payload, context: Context) -> Outcome:
        return Outcome({}, [common.notified(action, say(payload), context, payload.get(time) if time else None)])

    return handle


def customer_information(payload: Payload, context: Context) -> Outcome:
    """Keep that it came, not what it says of a person."""
    said = f"request {payload['requestId']}, part {payload['seqNo']}"
    return Outcome({}, [common.notified("NotifyCustomerInformation", said, context)])


def ev_charging_needs(payload: Payload, context: Context) -> Outcome:
    """No schedule is made here for a single vehicle: the specification's word for that is Rejected."""
    said = payload["chargingNeeds"]["requestedEnergyTransfer"]
    answer = {"status": "Rejected", "statusInfo": UNSUPPORTED}
    return Outcome(answer, [common.notified("NotifyEVChargingNeeds", said, context)])


def ev_charging_schedule(payload: Payload, context: Context) -> Outcome:
    """Accepted says that the message was taken, not that the schedule is approved."""
    said = f"EVSE {payload['evseId']}"
    return Outcome({"status": "Accepted"}, [common.notified("NotifyEVChargingSchedule", said, context)])


def ev_certificate(payload: Payload, context: Context) -> Outcome:
    """There is no contract certificate pool behind us."""
    answer = {"status": "Failed", "exiResponse": "", "statusInfo": UNSUPPORTED}
    return Outcome(answer, [common.notified("Get15118EVCertificate", payload["action"], context)])


def certificate_status(payload: Payload, context: Context) -> Outcome:
    """No OCSP responder is asked from here."""
    said = payload["ocspRequestData"]["serialNumber"]
    answer = {"status": "Failed", "statusInfo": UNSUPPORTED}
    return Outcome(answer, [common.notified("GetCertificateStatus", said, context)])


HANDLERS: dict[str, Handler] = {
    "Authorize": authorize,
    "BootNotification": boot_notification,
    "ClearedChargingLimit": cleared_charging_limit,
    "DataTransfer": common.data_transfer,
    "FirmwareStatusNotification": common.status_only("FirmwareStatusNotification"),
    "Get15118EVCertificate": ev_certificate,
    "GetCertificateStatus": certificate_status,
    "Heartbeat": common.heartbeat,
    "LogStatusNotification": common.status_only("LogStatusNotification"),
    "MeterValues": meter_values,
    "NotifyChargingLimit": noted("NotifyChargingLimit", lambda p: str(p["chargingLimit"]["chargingLimitSource"])),
    "NotifyCustomerInformation": customer_information,
    "NotifyDisplayMessages": noted("NotifyDisplayMessages", lambda p: f"{len(p.get('messageInfo', []))} messages"),
    "NotifyEVChargingNeeds": ev_charging_needs,
    "NotifyEVChargingSchedule": ev_charging_schedule,
    "NotifyEvent": notify_event,
    "NotifyMonitoringReport": notify_monitoring_report,
    "NotifyReport": notify_report,
    "PublishFirmwareStatusNotification": common.status_only("PublishFirmwareStatusNotification"),
    "ReportChargingProfiles": report_charging_profiles,
    "ReservationStatusUpdate": reservation_status_update,
    "SecurityEventNotification": common.security_event,
    "SignCertificate": common.sign_certificate,
    "StatusNotification": status_notification,
    "TransactionEvent": transaction_event,
}
"""Every action that a charging station may send, with what it becomes."""
