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
