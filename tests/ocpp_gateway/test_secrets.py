"""Nothing secret in what is kept, and only what is secret is hidden."""

from typing import Any

import orjson
import pytest

from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.protocol.secrets import MASK, key_command, masked, masked_answer, sets_station_key, verdict
from ocpp_gateway.protocol.versions import V16, V21, V201, Version
from tests.ocpp_gateway.fakes import Talk
from youguan.errors import Unavailable

KEY = "00112233445566778899AABBCCDDEEFF00112233"
PASSWORD = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}


@pytest.mark.parametrize("version", [V16, V201, V21], ids=lambda version: version.name)
def test_a_new_key_is_hidden_in_the_command_that_tells_it(version: Version) -> None:
    action, payload = key_command(version, KEY)
    assert sets_station_key(version, action, payload)
    shown = masked(version, action, payload)
    assert KEY in str(payload)
    assert KEY not in str(shown)
    assert MASK in str(shown)


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        (V16, "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
        (V16, "GetLog", {"log": {"remoteLocation": "https://files.example/one"}}),
        (V201, "SetVariables", {"setVariableData": [{"variable": {"name": "Interval"}, "attributeValue": "9"}]}),
        (
            V201,
            "NotifyReport",
            {"reportData": [{"variable": {"name": "Interval"}, "variableAttribute": [{"value": "9"}]}]},
        ),
        (V16, "Reset", {"type": "Soft"}),
        (V16, "ChangeConfiguration", {}),
        (V201, "SetVariables", {"setVariableData": "rubbish"}),
    ],
)
def test_what_is_not_secret_stays_the_very_same(version: Version, action: str, payload: dict[str, Any]) -> None:
    assert masked(version, action, payload) is payload
    assert not sets_station_key(version, action, payload)


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        (V16, "ChangeConfiguration", {"key": "authorizationkey", "value": "geheim"}),
        (V16, "GetDiagnostics", {"location": "ftp://me:geheim@files.example/x"}),
        (V201, "GetLog", {"log": {"remoteLocation": "ftp://me:geheim@files.example/x"}}),
        (V16, "GetDiagnostics", {"location": "https://ours.example/files/upload/geheim"}),
        (V16, "GetLog", {"log": {"remoteLocation": "http://[::1]:80/files/upload/geheim/log.zip"}}),
        (V21, "GetLog", {"log": {"remoteLocation": "https://ours.example/county/files/upload/geheim?x"}}),
        (V201, "SetVariables", {"setVariableData": [{**PASSWORD, "attributeValue": "geheim"}]}),
        (V201, "NotifyReport", {"reportData": [{**PASSWORD, "variableAttribute": [{"value": "geheim"}]}]}),
        (V201, "SetNetworkProfile", {"connectionData": {"apn": {"apn": "x", "apnPassword": "geheim"}}}),
        (V21, "SetNetworkProfile", {"connectionData": {"basicAuthPassword": "geheim", "vpn": {"key": "geheim"}}}),
    ],
)  # fmt: skip
def test_what_is_secret_is_hidden(version: Version, action: str, payload: dict[str, Any]) -> None:
    shown = masked(version, action, payload)
    assert "geheim" not in str(shown)
    assert str(shown).count(MASK) == str(payload).count("geheim")


def test_stations_that_tell_their_key() -> None:
    told = {
        "configurationKey": [{"key": "AuthorizationKey", "value": KEY, "readonly": False}, {"key": "A", "value": "b"}]
    }
    shown = masked_answer(V16, "GetConfiguration", told)
    assert KEY not in str(shown)
    assert shown["configurationKey"][1] == {"key": "A", "value": "b"}
    result = {"getVariableResult": [{**PASSWORD, "attributeStatus": "Accepted", "attributeValue": KEY}]}
    assert KEY not in str(masked_answer(V201, "GetVariables", result))


@pytest.mark.parametrize(
    ("state", "answer", "means"),
    [
        ("answered", {"status": "Accepted"}, "accepted"),
        ("answered", {"status": "RebootRequired"}, "accepted"),
        ("answered", {"status": "Rejected"}, "declined"),
        ("answered", {"status": "NotSupported"}, "declined"),
        ("answered", {"setVariableResult": [{"attributeStatus": "Accepted"}]}, "accepted"),
        ("answered", {"setVariableResult": [{"attributeStatus": "Rejected"}]}, "declined"),
        ("answered", {"setVariableResult": []}, "declined"),
        ("refused", None, "declined"),
        ("undeliverable", None, "declined"),
        ("timed_out", None, "unknown"),
        ("invalid", {"status": "Perhaps"}, "unknown"),
    ],
)
def test_what_the_end_of_a_rotation_means(state: str, answer: dict[str, Any] | None, means: str) -> None:
    assert verdict(state, answer) == means


def test_a_seal_opens_for_its_own_command_alone() -> None:
    sealer = Sealer("s" * 32)
    sealed = sealer.seal("c1", {"value": KEY})
    assert KEY.encode() not in sealed
    assert sealer.open("c1", sealed) == {"value": KEY}
    assert sealer.open("c2", sealed) is None
    assert Sealer("t" * 32).open("c1", sealed) is None
    assert Sealer(None).open("c1", sealed) is None
    with pytest.raises(Unavailable):
        Sealer(None).seal("c1", {})


def test_a_report_that_tells_a_key_is_kept_without_it() -> None:
    talk = Talk(V201)
    talk.say(
        "NotifyReport", {"requestId": "wrong", "reportData": [{**PASSWORD, "variableAttribute": [{"value": KEY}]}]}
    )
    kept = [entry.frame + "".join(doubt.frame for doubt in entry.doubts) for entry in talk.recorder.entries]
    assert kept
    assert KEY not in "".join(kept)


@pytest.mark.parametrize(
    ("message_id", "value"), [('"1"', KEY + "\\u0000"), ('"' + "x" * 99 + '"', KEY), ("[" * 300 + "]" * 300, KEY), ("7", KEY)],
    ids=["NUL", "a long id", "a deep id", "a number for an id"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["2", "[" * 300 + "]" * 300])
def test_nor_is_a_frame_that_cannot_be_taken_kept_with_it(kind: str, message_id: str, value: str) -> None:
    talk = Talk(V201)
    report = orjson.dumps({"reportData": [{**PASSWORD, "variableAttribute": [{"value": "geheim"}]}]}).decode()
    talk.raw(f'[{kind},{message_id},"NotifyReport",{report.replace("geheim", value)}]'.encode())
    (entry,) = talk.recorder.entries
    (doubt,) = entry.doubts
    assert MASK in doubt.frame
    assert KEY not in doubt.frame


@pytest.mark.parametrize("levels", [1, 90])
def test_what_lies_deep_is_kept_as_it_is(levels: int) -> None:
    payload = {"reportData": [], "customData": nested(levels)}
    assert masked(V201, "NotifyReport", payload) is payload


def nested(levels: int) -> Any:
    """Return a list in a list, so many times."""
    found: Any = "geheim"
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize("levels", [101, 300, 1000])
def test_what_lies_too_deep_to_be_searched_is_hidden_and_the_rest_is_kept(levels: int) -> None:
    talk = Talk(V201)
    variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    report = {"requestId": 1, "generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0}
    shown = orjson.dumps({**report, "reportData": [{**variable, "variableAttribute": [{"value": KEY}]}]})
    deep = b"[" * levels + b'"geheim"' + b"]" * levels
    talk.raw(b'[2,"1","NotifyReport",' + shown[:-1] + b',"customData":{"vendorId":"v","x":' + deep + b"}}]")
    (entry,) = talk.recorder.entries
    assert '"seqNo":0' in entry.frame
    assert entry.observations
    assert "geheim" not in entry.frame
    assert KEY not in entry.frame


@pytest.mark.parametrize("action", ["GetLog", "SetNetworkProfile", "NotifyEvent"])
def test_however_deep_it_lies_the_connection_goes_on(action: str) -> None:
    talk = Talk(V201)
    deep = b"[" * 1000 + b'"geheim"' + b"]" * 1000
    talk.raw(b'[2,"1","' + action.encode() + b'",{"customData":' + deep + b"}]")
    assert talk.wire.sent[-1][:2] == [4, "1"]
    assert "geheim" not in str(talk.recorder.entries)


VIN, PLATE, PHONE = "LSVAU2180C2183294", "浙B12345", "13812345678"
NAMED = {"plateNo": PLATE, "vin": VIN, "phone": PHONE, "note": f"{PLATE} {VIN} {PHONE}", "soc": 80}
WHOLE = orjson.dumps(NAMED).decode()
STATUS = {"connectorId": 1, "errorCode": "OtherError", "status": "Faulted"}


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        (V16, "DataTransfer", {"vendorId": "cn.charger", "messageId": "vin", "data": WHOLE}),
        (V16, "DataTransfer", {"vendorId": "cn.charger", "data": f"VIN={VIN};tel={PHONE};{PLATE}"}),
        (V16, "StatusNotification", {**STATUS, "info": f"{PLATE} {PHONE}", "vendorErrorCode": VIN}),
        (V16, "VendorsOwn", {"anything": [NAMED]}),
        (V201, "DataTransfer", {"vendorId": "cn.charger", "data": NAMED}),
        (V201, "Heartbeat", {"customData": {"vendorId": "cn.charger", "car": [NAMED]}}),
        (V201, "MeterValues", {"evseId": 1, "meterValue": [], "customData": {"vendorId": "x", "vin": VIN}}),
        (V201, "NotifyCustomerInformation", {"data": f"张三 {PHONE}", "seqNo": 0, "requestId": 1}),
        (V201, "SecurityEventNotification", {"type": "x", "timestamp": "2026-01-01T00:00:00Z", "techInfo": f"by {PHONE}"}),
    ],
    ids=["JSON in a text", "a text", "a status", "a vendor's action", "any type", "customData", "samples", "customer", "an event"],
)  # fmt: skip
def test_who_is_named_is_not_kept(version: Version, action: str, payload: dict[str, Any]) -> None:
    talk = Talk(version)
    talk.say(action, payload)
    (entry,) = talk.recorder.entries
    kept = str([entry.frame, entry.observations, *entry.doubts])
    assert MASK in kept
    assert not [person for person in (VIN, PLATE, PHONE, "张三") if person in kept]
    talk.recorder.settle()
    assert talk.wire.sent[-1][1] == "1", "it is answered all the same"


@pytest.mark.parametrize(
    "frame",
    [f'[2,"1","DataTransfer",{{"data":"{VIN}"', f'[4,"1","GenericError","{PHONE}",{{"vin":"{VIN}"}}]', f'"{PLATE}"'],
    ids=["torn", "an error", "no array"],
)
def test_nor_in_what_is_no_message(frame: str) -> None:
    talk = Talk()
    talk.raw(frame.encode())
    kept = str(talk.recorder.entries)
    assert MASK in kept
    assert not [person for person in (VIN, PLATE, PHONE) if person in kept]


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("Authorize", {"idTag": PHONE}),
        (
            "Authorize",
            {
                "idToken": {
                    "idToken": PHONE,
                    "type": "Central",
                    "additionalInfo": [{"additionalIdToken": VIN, "type": "x"}],
                }
            },
        ),
        ("DataTransfer", {"vendorId": "cn.charger", "data": '{"soc": 80, "power": 7000}'}),
        ("StatusNotification", {**STATUS, "info": "E0042", "vendorErrorCode": "16777216"}),
        ("BootNotification", {"chargePointModel": "x", "chargePointVendor": "y", "iccid": "89860012345678901234"}),
    ],
)
def test_what_names_nobody_is_kept_byte_for_byte(action: str, payload: dict[str, Any]) -> None:
    """A token too, at our own door: by it we authorise."""
    talk = Talk(V201 if "idToken" in payload else V16)
    talk.say(action, payload)
    assert orjson.loads(talk.recorder.entries[-1].frame)[3] == payload


@pytest.mark.parametrize("deep", ["[" * 150 + "]" * 150, '{"a":' * 60 + "1" + "}" * 60])
def test_whatever_lies_in_a_text_it_is_searched_or_hidden(deep: str) -> None:
    talk = Talk()
    talk.say("DataTransfer", {"vendorId": "v", "data": orjson.dumps([orjson.loads(deep), VIN]).decode()})
    assert VIN not in str(talk.recorder.entries)
