"""What stations say: every action of every version is answered as its schema asks, and becomes what it means."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocpp_gateway.adapters.outcome import Context, Outcome
from ocpp_gateway.authorisation.rules import IdToken
from ocpp_gateway.commands.catalogue import ACTIONS
from ocpp_gateway.observation import Condition, StatusReported, TransactionStopped, VariableKey, VariablesReported
from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.frames import Refusal
from ocpp_gateway.protocol.versions import V16, V21, V201, VERSIONS, Version
from ocpp_gateway.stations.registration import Registration
from ocpp_gateway.stations.routing import HANDLERS, SENDS
from tests.ocpp_gateway import payloads
from tests.ocpp_gateway.fakes import NOW, Talk, knowing

TIME = "2026-05-04T12:00:00Z"
CSR = "-----BEGIN CERTIFICATE REQUEST-----"
BOTH_WAYS = {"DataTransfer"}
SAID = [(version, action) for version in VERSIONS for action in sorted(HANDLERS[version])]


def handle(version: Version, action: str, payload: dict[str, Any], **rest: Any) -> Outcome:
    schemas.check(schemas.requests(version)[action], payload, version)
    table = HANDLERS[version] if action in HANDLERS[version] else SENDS[version]
    return table[action](
        payload,
        Context("s", NOW, Registration.ACCEPTED, lambda _: 60, knowing(IdToken("DEMO", concurrent=True)), **rest),
    )


def answer(outcome: Outcome) -> dict[str, Any]:
    return outcome.answer(1) if callable(outcome.answer) else outcome.answer


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_every_action_of_a_version_goes_up_or_down(version: Version) -> None:
    up, down = HANDLERS[version].keys() | SENDS[version].keys(), ACTIONS[version]
    assert up | down == schemas.requests(version).keys()
    assert up & down == BOTH_WAYS


@pytest.mark.parametrize(("version", "action"), SAID, ids=lambda value: getattr(value, "name", value))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_fits_the_schema_is_answered_by_the_schema(version: Version, action: str, data: st.DataObject) -> None:
    payload = data.draw(payloads.requests(version, action))
    try:
        outcome = handle(version, action, payload)
    except Refusal as refusal:
        beyond = ("not an integer of 32 bits", "is less than 0")
        named = refusal.code == "TypeConstraintViolation" or refusal.description.endswith(beyond)
        assert named, "only a time that is none, or a connector beyond all measure, may be refused"
        return
    schemas.check(schemas.responses(version)[action], answer(outcome), version)
    orjson.dumps(answer(outcome))


@settings(max_examples=15, deadline=None)
@given(payload=payloads.requests(V21, "NotifyPeriodicEventStream"))
def test_a_stream_gets_no_answer_and_crashes_nothing(payload: dict[str, Any]) -> None:
    talk = Talk(V21)
    talk.raw(orjson.dumps([6, "1", "NotifyPeriodicEventStream", payload]))
    talk.recorder.settle()
    assert talk.wire.sent == []


@pytest.mark.parametrize(
    ("version", "action", "payload", "said"),
    [
        (V201, "Get15118EVCertificate", {"iso15118SchemaVersion": "v", "action": "Install", "exiRequest": "x"}, "Failed"),
        (
            V201, "GetCertificateStatus",
            {"ocspRequestData": {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "1",
                                 "responderURL": "u"}},
            "Failed",
        ),
        (V201, "NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "DC"}}, "Rejected"),
        (V201, "SignCertificate", {"csr": CSR}, "Rejected"),
        (V16, "SignCertificate", {"csr": CSR}, "Rejected"),
        (V21, "PullDynamicScheduleUpdate", {"chargingProfileId": 1}, "Rejected"),
        (V21, "VatNumberValidation", {"vatNumber": "DE1"}, "Rejected"),
        (V16, "DataTransfer", {"vendorId": "v"}, "UnknownVendorId"),
    ],
)  # fmt: skip
def test_what_is_not_offered_is_no_success(version: Version, action: str, payload: dict[str, Any], said: str) -> None:
    assert answer(handle(version, action, payload))["status"] == said


def event(component: str, variable: str, value: str, **rest: Any) -> dict[str, Any]:
    return {
        "eventId": 1, "timestamp": TIME, "trigger": "Alerting", "actualValue": value,
        "component": {"name": component, "evse": {"id": 2, "connectorId": 1}},
        "eventNotificationType": "HardWiredNotification", "variable": {"name": variable}, **rest,
    }  # fmt: skip


def notify(*events: dict[str, Any]) -> dict[str, Any]:
    return {"generatedAt": TIME, "seqNo": 0, "eventData": list(events)}


@pytest.mark.parametrize("version", [V201, V21], ids=lambda version: version.name)
def test_the_state_of_a_connector_by_event_is_a_status(version: Version) -> None:
    outcome = handle(version, "NotifyEvent", notify(event("Connector", "AvailabilityState", "Faulted")))
    (status,) = [o for o in outcome.observations if isinstance(o, StatusReported)]
    assert (status.connector, status.status, status.condition) == (2, "Faulted", Condition.FAULTED)


@pytest.mark.parametrize(
    "event_of", [event("EVSE", "AvailabilityState", "Faulted"), event("Connector", "Other", "Faulted")]
)
def test_other_events_are_no_status(event_of: dict[str, Any]) -> None:
    outcome = handle(V21, "NotifyEvent", notify(event_of))
    assert not [o for o in outcome.observations if isinstance(o, StatusReported)]


def test_a_fault_carries_the_problem_that_was_told_before_and_no_other() -> None:
    talk = Talk(V201)

    def fault(message_id: str) -> StatusReported:
        status = {"timestamp": TIME, "connectorStatus": "Faulted", "evseId": 2, "connectorId": 1}
        talk.say("StatusNotification", status, message_id)
        (reported,) = talk.recorder.entries.pop().observations
        assert isinstance(reported, StatusReported)
        return reported

    assert fault("1").error_code is None
    problem = event("Connector", "Problem", "true", techCode="0x17", techInfo="contactor welded")
    talk.say("NotifyEvent", notify(problem), "2")
    told = fault("3")
    assert (told.error_code, told.error_info) == ("0x17", "contactor welded")
    talk.say("NotifyEvent", notify({**problem, "cleared": True}), "4")
    assert fault("5").error_code is None


SECRETS = ["AuthorizationKey", "BasicAuthPassword", "APNPassword", "SharedSecret", "VpnKey"]


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_not_kept(name: str) -> None:
    entry = {
        "component": {"name": "SecurityCtrlr"}, "variable": {"name": name},
        "variableAttribute": [{"value": "hush", "mutability": "ReadWrite"}],
    }  # fmt: skip
    told = handle(V201, "NotifyReport", {"requestId": 1, "generatedAt": TIME, "seqNo": 0, "reportData": [entry]})
    happened = handle(V201, "NotifyEvent", notify(event("SecurityCtrlr", name, "hush")))
    assert "hush" not in repr(told) + repr(happened)


def test_a_report_is_variables_by_attribute() -> None:
    entry = {
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 2}}, "variable": {"name": "Power"},
        "variableAttribute": [{"value": "7", "mutability": "ReadOnly"}, {"type": "MaxSet", "value": "11"}],
        "variableCharacteristics": {"unit": "W", "dataType": "decimal", "supportsMonitoring": True},
    }  # fmt: skip
    outcome = handle(V201, "NotifyReport", {"requestId": 1, "generatedAt": TIME, "seqNo": 0, "reportData": [entry]})
    (said,) = outcome.observations
    assert isinstance(said, VariablesReported)
    assert [(tuple(v.key), *v[1:]) for v in said.variables] == [
        (("Connector", "", 1, 2, "Power", "", "Actual"), "7", "ReadOnly", "decimal", "W"),
        (("Connector", "", 1, 2, "Power", "", "MaxSet"), "11", "ReadWrite", "decimal", "W"),
    ]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (VariableKey("ChargingStation", "", 0, 0, "Problem", "", "Actual"), "ChargingStation.Problem"),
        (VariableKey("", "", 0, 0, "HeartbeatInterval", "", "Actual"), "HeartbeatInterval"),
        (VariableKey("EVSE", "", 2, 0, "Problem", "", "Actual"), "EVSE[2].Problem"),
        (VariableKey("Connector", "", 2, 1, "Problem", "", "Actual"), "Connector[2.1].Problem"),
        (VariableKey("TokenReader", "a", 12, 1, "Token", "b", "Actual"), "TokenReader/a[12.1].Token/b"),
    ],
)
def test_a_variable_is_named_with_its_place(key: VariableKey, name: str) -> None:
    assert key.name == name


def test_stop_data_waits_for_its_connector() -> None:
    values = [{"timestamp": TIME, "sampledValue": [{"value": "5"}]}]
    stop = {"transactionId": 7, "meterStop": 9, "timestamp": TIME, "transactionData": values}
    (stopped,) = handle(V16, "StopTransaction", stop).observations
    assert isinstance(stopped, TransactionStopped)
    assert [(sample.connector, sample.value) for sample in stopped.samples] == [(0, 5.0)]
