"""Frames and schemas: every way of being wrong gets the code that its version names."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.adapters import ocpp16, ocpp201
from ocpp_gateway.adapters.outcome import Context
from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.frames import Answer, Call, Refusal, call_error, call_result, read
from ocpp_gateway.protocol.versions import V16, V21, V201, VERSIONS, Version, negotiate
from ocpp_gateway.stations.registration import Registration
from tests.ocpp_gateway.fakes import NOW, knowing

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_a_call_is_read() -> None:
    assert read('[2,"1","Heartbeat",{}]', V16) == Call("1", "Heartbeat", {})


def test_answers_are_read() -> None:
    assert read('[3,"1",{"status":"Accepted"}]', V16) == Answer("1", {"status": "Accepted"})
    assert read('[4,"1","NotSupported","no",{}]', V201) == Answer("1", None, "NotSupported", "no")


@pytest.mark.parametrize(
    ("raw", "code_16", "code_201", "message_id"),
    [
        ("not json", "FormationViolation", "RpcFrameworkError", "-1"),
        ("{}", "FormationViolation", "RpcFrameworkError", "-1"),
        ("[]", "FormationViolation", "RpcFrameworkError", "-1"),
        ('[2,17,"Heartbeat",{}]', "FormationViolation", "RpcFrameworkError", "-1"),
        ('[9,"7"]', "FormationViolation", "MessageTypeNotSupported", "7"),
        ('[true,"7"]', "FormationViolation", "MessageTypeNotSupported", "7"),
        ('[2,"7","Heartbeat"]', "FormationViolation", "RpcFrameworkError", "7"),
        ('[2,"7","Heartbeat",[]]', "FormationViolation", "FormatViolation", "7"),
        ('[2,"' + "x" * 37 + '","Heartbeat",{}]', "FormationViolation", "RpcFrameworkError", "-1"),
    ],
)
def test_what_is_no_message_is_refused(raw: str, code_16: str, code_201: str, message_id: str) -> None:
    for version, code in ((V16, code_16), (V201, code_201)):
        with pytest.raises(Refusal) as refusal:
            read(raw, version)
        assert (refusal.value.code, refusal.value.message_id) == (code, message_id)


STATUS: dict[str, Any] = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


@pytest.mark.parametrize(
    ("payload", "code", "member"),
    [
        ({**STATUS, "connectorId": "1"}, "TypeConstraintViolation", "connectorId"),
        ({**STATUS, "status": "Happy"}, "PropertyConstraintViolation", "status"),
        ({**STATUS, "info": "x" * 51}, "PropertyConstraintViolation", "info"),
        ({**STATUS, "extra": 1}, "FormationViolation", "extra"),
        ({"connectorId": 1, "errorCode": "NoError"}, "OccurenceConstraintViolation", "status"),
    ],
)
def test_a_payload_that_is_wrong_names_its_member(payload: dict[str, Any], code: str, member: str) -> None:
    with pytest.raises(Refusal) as refusal:
        schemas.check(schemas.requests(V16)["StatusNotification"], payload, V16)
    assert (refusal.value.code, refusal.value.details["member"]) == (code, member)


def test_a_member_deep_inside_is_named_by_its_path() -> None:
    payload = {"evseId": 1, "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "x"}]}]}
    with pytest.raises(Refusal, match=r"meterValue\[0\].sampledValue\[0\].value"):
        schemas.check(schemas.requests(V201)["MeterValues"], payload, V201)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"idTag": "x" * 5000}, "is longer than 20 characters"),
        ({"idTag": {"x": "x" * 5000}}, 'is not of type "string"'),
        ({"idTag": "A", "x" * 5000: 1}, "was unexpected)"),
    ],
)
def test_a_value_however_long_leaves_room_for_what_is_wrong_with_it(payload: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refusal) as refusal:
        schemas.check(schemas.requests(V16)["Authorize"], payload, V16)
    _, _, _, description, details = orjson.loads(call_error(refusal.value))
    assert description.endswith(reason)
    assert len(details["member"]) <= schemas.LONGEST_MEMBER


@pytest.mark.parametrize(
    ("version", "action", "members", "wrong"),
    [
        (V16, "StatusNotification", STATUS, {"connectorId": 99_999_999_999}),
        (V16, "StartTransaction", {"connectorId": 1, "idTag": "A", "timestamp": "t"}, {"meterStart": -(2**31) - 1}),
        (V16, "StopTransaction", {"meterStop": 1, "timestamp": "t"}, {"transactionId": 2**31}),
        (
            V201,
            "StatusNotification",
            {"timestamp": "t", "connectorStatus": "Occupied", "connectorId": 1},
            {"evseId": 2**63},
        ),
        (V201, "NotifyReport", {"generatedAt": "t", "requestId": 1}, {"seqNo": 2**31}),
    ],
)
def test_an_integer_beyond_32_bits_is_refused_by_its_member(
    version: Version, action: str, members: dict[str, Any], wrong: dict[str, int]
) -> None:
    with pytest.raises(Refusal) as refusal:
        schemas.check(schemas.requests(version)[action], {**members, **wrong}, version)
    assert (refusal.value.code, refusal.value.details["member"]) == ("PropertyConstraintViolation", *wrong)


def test_a_connector_whose_number_would_be_beyond_32_bits_is_refused_by_its_member() -> None:
    payload = {"timestamp": TIME, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 2**31 - 1}
    with pytest.raises(Refusal, match="connectorId: not an integer of 32 bits"):
        ocpp201.HANDLERS["StatusNotification"](
            payload, Context("s", NOW, Registration.ACCEPTED, lambda _: 60, knowing())
        )


def test_answers_are_compact() -> None:
    assert call_result("1", {"currentTime": "x", "interval": 60}) == b'[3,"1",{"currentTime":"x","interval":60}]'
    assert call_error(Refusal("GenericError", "d" * 300, message_id="1")) == b'[4,"1","GenericError","%b",{}]' % (
        b"d" * 255
    )


@pytest.mark.parametrize(
    ("offered", "version"),
    [
        (["ocpp1.6"], V16),
        (["ocpp1.6", "ocpp2.0.1"], V201),
        (["ocpp1.6", "ocpp2.1", "ocpp2.0.1"], V21),
        (["ocpp2.0"], None),
        ([], None),
    ],
)
def test_the_newest_common_version_is_taken(offered: list[str], version: Version | None) -> None:
    assert negotiate(offered) is version


@given(st.binary(max_size=60) | JSON.map(orjson.dumps))
def test_no_frame_is_read_with_anything_but_a_refusal(raw: bytes) -> None:
    for version in VERSIONS:
        try:
            read(raw.decode(errors="surrogateescape"), version)
        except Refusal as refusal:
            assert orjson.loads(call_error(refusal))[0] in (4, 5)


@given(st.data())
def test_no_payload_that_fits_its_schema_crashes_the_adapter(data: st.DataObject) -> None:
    """Payloads are made by damaging good ones: whatever still passes the schema must be handled or refused by name."""
    version, action, payload = data.draw(st.sampled_from(GOOD))
    damaged = {**payload, **data.draw(st.dictionaries(st.sampled_from(sorted(payload)), JSON, max_size=2))}
    handlers = ocpp16.HANDLERS if version is V16 else ocpp201.HANDLERS
    context = Context("s", NOW, Registration.ACCEPTED, lambda _: 60, knowing())
    try:
        schemas.check(schemas.requests(version)[action], damaged, version)
        outcome = handlers[action](damaged, context)
    except Refusal as refusal:
        assert refusal.code
        return
    answer = outcome.answer(1) if callable(outcome.answer) else outcome.answer
    schemas.check(schemas.responses(version)[action], answer, version)


TIME = "2026-05-04T12:00:00Z"
GOOD: list[tuple[Version, str, dict[str, Any]]] = [
    (V16, "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}),
    (V16, "Heartbeat", {"x": 1}),
    (V16, "Authorize", {"idTag": "A"}),
    (V16, "StatusNotification", {**STATUS, "timestamp": TIME, "info": "i"}),
    (V16, "StartTransaction", {"connectorId": 1, "idTag": "A", "meterStart": 1, "timestamp": TIME}),
    (V16, "StopTransaction", {"transactionId": 1, "meterStop": 2, "timestamp": TIME, "idTag": "A"}),
    (V16, "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": TIME, "sampledValue": [{"value": "1"}]}]}),
    (V16, "DataTransfer", {"vendorId": "v"}),
    (V16, "FirmwareStatusNotification", {"status": "Installed"}),
    (V16, "DiagnosticsStatusNotification", {"status": "Idle"}),
    (V16, "LogStatusNotification", {"status": "Idle"}),
    (V16, "SecurityEventNotification", {"type": "t", "timestamp": TIME}),
    (V201, "BootNotification", {"reason": "PowerUp", "chargingStation": {"model": "m", "vendorName": "v"}}),
    (V201, "Authorize", {"idToken": {"idToken": "A", "type": "Central"}}),
    (V201, "StatusNotification", {"timestamp": TIME, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}),
    (V201, "MeterValues", {"evseId": 1, "meterValue": [{"timestamp": TIME, "sampledValue": [{"value": 1}]}]}),
    (
        V201,
        "TransactionEvent",
        {
            "eventType": "Started",
            "timestamp": TIME,
            "triggerReason": "Authorized",
            "seqNo": 0,
            "transactionInfo": {"transactionId": "t"},
            "evse": {"id": 1, "connectorId": 1},
        },
    ),
    (V201, "ClearedChargingLimit", {"chargingLimitSource": "EMS", "evseId": 1}),
    (V201, "ReservationStatusUpdate", {"reservationId": 1, "reservationUpdateStatus": "Expired"}),
    (
        V201,
        "ReportChargingProfiles",
        {
            "requestId": 1,
            "chargingLimitSource": "CSO",
            "evseId": 1,
            "chargingProfile": [
                {
                    "id": 1,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "chargingProfileKind": "Absolute",
                    "chargingSchedule": [
                        {
                            "id": 1,
                            "startSchedule": TIME,
                            "chargingRateUnit": "W",
                            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000}],
                        }
                    ],
                }
            ],
        },
    ),
    (V201, "FirmwareStatusNotification", {"status": "Installed"}),
    (V201, "LogStatusNotification", {"status": "Idle"}),
    (V201, "SecurityEventNotification", {"type": "t", "timestamp": TIME}),
    (V201, "DataTransfer", {"vendorId": "v"}),
]
