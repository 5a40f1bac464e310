"""The conversation: nothing is answered before it is settled, repeats get the same answer, nobody may flood."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from ocpp_gateway.observation import ClockMeasured
from ocpp_gateway.protocol.frames import Answer, Call, Refusal
from ocpp_gateway.protocol.versions import V16, V21, V201, VERSIONS, Version
from ocpp_gateway.recorder.batch import Lost, Refused
from ocpp_gateway.stations.registration import Registration, refusal_of
from ocpp_gateway.stations.session import OPEN_CALLS
from tests.ocpp_gateway.fakes import Talk

STATUS: dict[str, Any] = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
BOOT: dict[Version, dict[str, Any]] = {
    V16: {"chargePointVendor": "v", "chargePointModel": "m"},
    V201: {"reason": "PowerUp", "chargingStation": {"vendorName": "v", "model": "m"}},
    V21: {"reason": "PowerUp", "chargingStation": {"vendorName": "v", "model": "m"}},
}


def test_nothing_is_answered_before_it_is_durable() -> None:
    talk = Talk()
    talk.say("StatusNotification", STATUS)
    assert talk.wire.sent == []
    talk.recorder.settle()
    assert talk.wire.sent == [[3, "1", {}]]


def test_a_repeat_is_stored_once_and_answered_again() -> None:
    talk = Talk()
    talk.say("StatusNotification", STATUS)
    talk.say("StatusNotification", STATUS)
    assert len(talk.recorder.entries) == 1
    talk.recorder.settle()
    talk.say("StatusNotification", STATUS)
    assert [(entry.observations, entry.frame, entry.heard) for entry in talk.recorder.entries] == [((), "", True)]
    talk.recorder.settle()
    assert talk.wire.sent == [[3, "1", {}], [3, "1", {}]]


@pytest.mark.parametrize(("action", "payload"), [("Heartbeat", {}), ("BootNotification", BOOT[V16])])
def test_what_tells_the_time_is_answered_anew(action: str, payload: dict[str, Any]) -> None:
    talk = Talk()
    for _ in range(2):
        talk.say(action, payload)
        talk.recorder.settle()
        talk.clock.advance(timedelta(minutes=1))
    assert [answer[2]["currentTime"] for answer in talk.wire.sent] == [
        "2026-05-04T12:00:00.000Z",
        "2026-05-04T12:01:00.000Z",
    ]


def test_only_what_was_answered_last_is_answered_from_memory() -> None:
    talk = Talk()
    for message_id in ("1", "2", "1"):
        talk.say("StatusNotification", STATUS, message_id)
        assert len(talk.recorder.entries[-1].observations) == 1
        talk.recorder.settle()


@pytest.mark.parametrize(
    "frame", [b"nonsense", b'[2,"1","Nonsense",{}]', b'[3,"1",{}]', b'[2,"1","StatusNotification",{}]']
)
def test_whoever_sends_anything_is_heard(frame: bytes) -> None:
    for filed in (True, False):
        talk = Talk(filed=filed)
        talk.raw(frame)
        assert [entry.heard for entry in talk.recorder.entries] == [filed]


def test_an_id_used_for_something_else_is_no_repeat() -> None:
    talk = Talk()
    talk.say("StatusNotification", STATUS)
    talk.recorder.settle()
    talk.say("StatusNotification", {**STATUS, "status": "Faulted"})
    assert len(talk.recorder.entries) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unfiled_station_is_pending_and_its_word_is_no_fact(version: Version) -> None:
    talk = Talk(version, filed=False)
    talk.say("BootNotification", BOOT[version])
    talk.recorder.settle()
    assert talk.wire.sent[-1][2]["status"] == "Pending"
    talk.say("FirmwareStatusNotification", {"status": "Installed"}, "2")
    assert talk.wire.sent[-1][:3] == [4, "2", "SecurityError"]
    assert not any(entry.fact and entry.observations for entry in talk.recorder.entries)
    talk.filed = True
    talk.say("BootNotification", BOOT[version], "3")
    talk.recorder.settle()
    assert talk.wire.sent[-1][2]["status"] == "Accepted"


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_rejected_station_hears_it_and_may_say_nothing_else(version: Version) -> None:
    talk = Talk(version, filed=False, unfiled=Registration.REJECTED)
    talk.say("BootNotification", BOOT[version])
    talk.recorder.settle()
    assert talk.wire.sent[-1][2] | {"currentTime": ""} == {"currentTime": "", "interval": 60, "status": "Rejected"}
    for number, action in enumerate(("Heartbeat", "FirmwareStatusNotification")):
        talk.say(action, {"status": "Installed"} if number else {}, action)
        assert talk.wire.sent[-1][:3] == [4, action, "SecurityError"]
    assert not any(entry.fact or entry.observations for entry in talk.recorder.entries)


def test_a_decision_holds_from_the_next_message_on() -> None:
    talk = Talk(filed=False)
    for status, talk.unfiled, talk.filed in (
        ("Pending", Registration.PENDING, False),
        ("Rejected", Registration.REJECTED, False),
        ("Accepted", Registration.REJECTED, True),
    ):
        talk.say("BootNotification", BOOT[V16], status)
        talk.recorder.settle()
        assert talk.wire.sent[-1][2]["status"] == status


MAY_SAY = {
    ("Accepted", "BootNotification"): True, ("Accepted", "Heartbeat"): True, ("Accepted", "StatusNotification"): True,
    ("Pending", "BootNotification"): True, ("Pending", "Heartbeat"): True, ("Pending", "StatusNotification"): False,
    ("Rejected", "BootNotification"): True, ("Rejected", "Heartbeat"): False,
    ("Rejected", "StatusNotification"): False,
}  # fmt: skip


@pytest.mark.parametrize("registration", Registration)
@pytest.mark.parametrize("action", ["BootNotification", "Heartbeat", "StatusNotification"])
def test_what_a_station_may_say(registration: Registration, action: str) -> None:
    assert (refusal_of(registration, action) is None) is MAY_SAY[registration.value, action]


def test_who_floods_is_no_longer_read_until_answered() -> None:
    talk = Talk()
    for number in range(OPEN_CALLS):
        talk.say("Heartbeat", {}, str(number))
    assert talk.wire.paused
    talk.recorder.settle()
    assert not talk.wire.paused
    assert [answer[1] for answer in talk.wire.sent] == [str(number) for number in range(OPEN_CALLS)]


@pytest.mark.parametrize("frame", [b"nonsense", b'[3,"1",{}]', b'[2,"1","StatusNotification",{}]'])
def test_who_floods_with_what_is_refused_is_no_longer_read_either(frame: bytes) -> None:
    talk = Talk()
    for _ in range(OPEN_CALLS):
        talk.raw(frame)
    assert talk.wire.paused
    talk.recorder.settle()
    assert not talk.wire.paused


def test_who_takes_no_answers_is_no_longer_read() -> None:
    talk = Talk()
    talk.session.hold_back()
    assert talk.wire.paused
    talk.say("Heartbeat", {})
    talk.recorder.settle()
    assert talk.wire.paused
    talk.session.go_on()
    assert not talk.wire.paused


def test_what_the_database_refuses_is_an_internal_error() -> None:
    talk = Talk()
    talk.say("StatusNotification", STATUS)
    talk.recorder.settle(Refused("no"))
    assert talk.wire.sent[-1][:3] == [4, "1", "InternalError"]


def test_what_another_worker_has_taken_is_not_answered() -> None:
    talk = Talk()
    talk.say("StatusNotification", STATUS)
    talk.recorder.settle(Lost())
    assert talk.wire.sent == []


@pytest.mark.parametrize(("action", "code"), [("Nonsense", "NotImplemented"), ("Reset", "NotSupported")])
def test_actions_that_are_not_for_a_station(action: str, code: str) -> None:
    talk = Talk()
    talk.say(action, {})
    assert talk.wire.sent[-1][:3] == [4, "1", code]


def test_what_is_refused_is_kept_with_its_reason() -> None:
    talk = Talk()
    talk.raw(b"nonsense")
    (entry,) = talk.recorder.entries
    assert [(doubt.code, doubt.frame) for doubt in entry.doubts] == [("FormationViolation", "nonsense")]


def test_a_transaction_gets_the_number_that_the_store_gives() -> None:
    talk = Talk()
    start = {"connectorId": 1, "idTag": "DEMO", "meterStart": 1, "timestamp": "2026-05-04T12:00:00Z"}
    talk.say("StartTransaction", start)
    talk.recorder.settle()
    assert talk.wire.sent == [[3, "1", {"idTagInfo": {"status": "Accepted"}, "transactionId": 7}]]


def test_one_value_that_is_no_number_does_not_take_the_others_with_it() -> None:
    talk = Talk()
    values = [{"value": "1.5", "unit": "kWh"}, {"value": "broken", "measurand": "Voltage"}]
    talk.say(
        "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": "1970-01-01T00:00:00Z", "sampledValue": values}]}
    )
    (entry,) = talk.recorder.entries
    assert [sample.value for sample in entry.observations] == [1500.0]  # type: ignore[union-attr]
    assert [doubt.reason for doubt in entry.doubts] == ["meterValue[0].sampledValue[1].value: not a finite number"]


STREAM = b'[6,"1","NotifyPeriodicEventStream",{"id":1,"pending":0,"basetime":"2026-05-04T12:00:00Z","data":[{"t":0,"v":"1"}]}]'


def test_a_send_is_stored_and_never_answered() -> None:
    talk = Talk(V21)
    talk.raw(STREAM)
    assert [len(entry.observations) for entry in talk.recorder.entries] == [2]
    talk.recorder.settle()
    talk.raw(STREAM.replace(b'"pending":0,', b""))
    assert [doubt.code for entry in talk.recorder.entries for doubt in entry.doubts] == [
        "OccurrenceConstraintViolation"
    ]
    assert talk.wire.sent == []


def test_who_floods_with_sends_is_no_longer_read_until_they_are_stored() -> None:
    talk = Talk(V21)
    for _ in range(OPEN_CALLS):
        talk.raw(STREAM)
    assert talk.wire.paused
    talk.recorder.settle()
    assert not talk.wire.paused


def test_a_send_of_an_unfiled_station_is_no_fact() -> None:
    talk = Talk(V21, filed=False)
    talk.raw(STREAM)
    assert not any(entry.observations for entry in talk.recorder.entries)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
@pytest.mark.parametrize("frame", [b'[3,"x",{}]', b'[4,"x","GenericError","",{}]'])
def test_an_answer_to_a_call_never_made_is_kept_and_not_answered(version: Version, frame: bytes) -> None:
    talk = Talk(version)
    talk.raw(frame)
    (entry,) = talk.recorder.entries
    assert [doubt.frame for doubt in entry.doubts] == [frame.decode()]
    assert talk.wire.sent == []


@pytest.mark.parametrize(
    "answer",
    [
        {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "0123456789abcdef"}]},
        {
            "getVariableResult": [
                {
                    "attributeStatus": "Accepted", "attributeValue": "0123456789abcdef",
                    "component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"},
                }
            ]
        },
    ],
    ids=["1.6", "2.x"],
)  # fmt: skip
def test_a_key_in_an_answer_that_comes_too_late_is_not_kept(answer: dict[str, Any]) -> None:
    talk = Talk()
    talk.raw(orjson.dumps([3, "gone", answer]))
    kept = [doubt.frame for entry in talk.recorder.entries for doubt in entry.doubts]
    assert len(kept) == 1
    assert "0123456789abcdef" not in kept[0]


def test_a_late_answer_does_not_pass_for_the_next_one() -> None:
    talk = Talk()
    got: list[Any] = []
    for number in ("a", "b"):
        talk.session.ask(Call(number, "ClearCache", {}), lambda answer, _: got.append(answer))
    talk.session.give_up("a")
    talk.raw(b'[3,"a",{"status":"Accepted"}]')
    talk.raw(b'[3,"b",{"status":"Rejected"}]')
    assert got == [None, Answer("b", {"status": "Rejected"})]


def test_a_station_may_complain_of_our_answer_in_21_only() -> None:
    for version, kept, answered in (
        (V21, "PropertyConstraintViolation", False),
        (V201, "MessageTypeNotSupported", True),
    ):
        talk = Talk(version)
        talk.raw(b'[5,"x","PropertyConstraintViolation","status",{}]')
        assert [doubt.code for entry in talk.recorder.entries for doubt in entry.doubts] == [kept]
        assert bool(talk.wire.sent) is answered


@pytest.mark.parametrize(("version", "sent"), [(V21, [[5, "c", "FormatViolation", "why", {}]]), (V201, []), (V16, [])])
def test_we_complain_in_21_only(version: Version, sent: list[Any]) -> None:
    talk = Talk(version)
    talk.session.reject(Refusal("FormatViolation", "why"), "c")
    assert talk.wire.sent == sent
    assert [entry.sent for entry in talk.recorder.entries] == [True] * len(sent)


def test_a_character_that_the_database_cannot_hold_is_named() -> None:
    talk = Talk()
    talk.say("StatusNotification", {**STATUS, "info": "a\x00b"})
    assert talk.wire.sent[-1][:4] == [4, "1", "PropertyConstraintViolation", "info: contains U+0000"]


@pytest.mark.parametrize("levels", [1, 1000])
def test_however_deep_it_lies(levels: int) -> None:
    talk = Talk()
    deep = b"[" * levels + rb'"\u0000"' + b"]" * levels
    talk.raw(b'[2,"1","DataTransfer",{"vendorId":"v","data":' + deep + b"}]")
    assert talk.wire.sent[-1][:3] == [4, "1", "PropertyConstraintViolation"]
    assert talk.wire.sent[-1][3].startswith("data[0]")


def test_a_wrong_clock_is_observed_with_the_message_that_shows_it() -> None:
    talk = Talk()
    for number in range(3):
        talk.say("StatusNotification", {**STATUS, "timestamp": f"2026-05-04T12:10:0{number}Z"}, str(number))
    last = talk.recorder.entries[-1].observations[-1]
    assert isinstance(last, ClockMeasured)
    assert (last.skew_s, last.skewed) == (601.0, True)


AT = "2026-05-04T12:00:00Z"
METER: list[dict[str, Any]] = [{"timestamp": AT, "sampledValue": [{"value": "1"}]}]
METER_201: list[dict[str, Any]] = [{"timestamp": AT, "sampledValue": [{"value": 1}]}]


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        (V16, "StatusNotification", {**STATUS, "connectorId": -1}),
        (V16, "StartTransaction", {"connectorId": -1, "idTag": "DEMO", "meterStart": 1, "timestamp": AT}),
        (V16, "MeterValues", {"connectorId": -1, "meterValue": METER}),
        (V201, "StatusNotification", {"evseId": -1, "connectorId": 1, "connectorStatus": "Faulted", "timestamp": AT}),
        (V201, "StatusNotification", {"evseId": 1, "connectorId": -1, "connectorStatus": "Faulted", "timestamp": AT}),
        (V201, "MeterValues", {"evseId": -1, "meterValue": METER_201}),
        (
            V201,
            "TransactionEvent",
            {
                "eventType": "Started", "timestamp": AT, "triggerReason": "Authorized", "seqNo": 0,
                "transactionInfo": {"transactionId": "t"}, "evse": {"id": -1},
            },
        ),
    ],
)  # fmt: skip
def test_no_connector_is_less_than_nothing(version: Version, action: str, payload: dict[str, Any]) -> None:
    talk = Talk(version)
    talk.say(action, payload)
    assert talk.wire.sent[-1][:3] == [4, "1", "PropertyConstraintViolation"]
    assert "-1 is less than 0" in talk.wire.sent[-1][3]
