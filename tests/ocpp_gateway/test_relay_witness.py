"""What becomes of what was passed on: observations as of a station of our own, and nothing that is another's to do."""

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from ocpp_gateway.observation import (
    Booted,
    Condition,
    StatusReported,
    TransactionReported,
    TransactionStopped,
    UpstreamMet,
    VariablesReported,
)
from ocpp_gateway.recorder.batch import Disconnected, Entry
from ocpp_gateway.relay.passed import ENDED, REFUSED, SAID, TOLD, UPSTREAM, Passed
from ocpp_gateway.relay.witness import Witness
from tests.ocpp_gateway.fakes import NOW

AT = "2026-05-04T12:00:00Z"
START = {"connectorId": 2, "idTag": "T", "meterStart": 100, "timestamp": AT}


@pytest.fixture
def witness() -> Witness:
    return Witness(timedelta(minutes=5))


def passed(kind: str, frame: Any = "", about: Any = "", version: str = "1.6", **rest: Any) -> Passed:
    frame, about = (part if isinstance(part, str) else orjson.dumps(part).decode() for part in (frame, about))
    return Passed(kind, "s1", 7, version, "192.0.2.1", rest.pop("at", NOW), frame, about, **rest)


def said(action: str, payload: dict[str, Any], version: str = "1.6", at: datetime = NOW) -> Passed:
    return passed(SAID, [2, "1", action, payload], version=version, at=at)


def kinds(entry: Entry) -> list[type[Any]]:
    return [type(observation) for observation in entry.observations]


def test_a_status_is_a_status(witness: Witness) -> None:
    entry = witness.entry(
        said("StatusNotification", {"connectorId": 1, "errorCode": "GroundFailure", "status": "Faulted"})
    )
    (status,) = entry.observations
    assert isinstance(status, StatusReported)
    assert (status.condition, status.error_code, entry.fact, entry.sent) == (
        Condition.FAULTED,
        "GroundFailure",
        True,
        False,
    )
    assert entry.frame.startswith('[2,"1","StatusNotification"')


def test_a_boot_is_a_boot(witness: Witness) -> None:
    assert kinds(witness.entry(said("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}))) == [
        Booted
    ]


def test_a_1_6_start_counts_when_the_upstream_has_given_its_number(witness: Witness) -> None:
    assert TransactionReported not in kinds(witness.entry(said("StartTransaction", START)))
    answer = [3, "1", {"transactionId": 4711, "idTagInfo": {"status": "Accepted"}}]
    entry = witness.entry(passed(TOLD, answer, [2, "1", "StartTransaction", START]))
    (begun,) = entry.observations
    assert isinstance(begun, TransactionReported)
    assert (begun.transaction_id, begun.kind, begun.connector, begun.id_token) == ("4711", "Started", 2, "T")
    assert (begun.register_wh, begun.occurred_at, entry.sent) == (100.0, NOW, True)
    stop = {"transactionId": 4711, "meterStop": 300, "timestamp": AT}
    assert kinds(witness.entry(said("StopTransaction", stop))) == [TransactionStopped]


@pytest.mark.parametrize(
    "answer",
    [
        [4, "1", "InternalError", "", {}],
        [3, "1", {}],
        [3, "1", {"transactionId": "x", "idTagInfo": {"status": "Accepted"}}],
        "x",
    ],
    ids=["refused", "nothing in it", "no number", "no frame"],
)
def test_a_start_without_a_number_is_kept_as_a_frame_alone(witness: Witness, answer: Any) -> None:
    entry = witness.entry(passed(TOLD, answer, [2, "1", "StartTransaction", START]))
    assert (entry.observations, bool(entry.frame)) == ((), True)


@pytest.mark.parametrize(
    ("status", "interval", "told"), [("Accepted", 900, 900), ("Accepted", 0, None), ("Pending", 900, None)]
)
def test_heartbeats_come_as_the_upstream_wants_them(
    witness: Witness, status: str, interval: int, told: int | None
) -> None:
    boot = [2, "1", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}]
    answer = [3, "1", {"currentTime": AT, "interval": interval, "status": status}]
    entry = witness.entry(passed(TOLD, answer, boot, state="x"))
    expected = [UpstreamMet("s1", "x", "connected", "", NOW, told)] if told else []
    assert list(entry.observations) == expected


def test_what_the_upstream_has_set_is_known(witness: Witness) -> None:
    asked = [2, "9", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "30"}]
    entry = witness.entry(passed(SAID, [3, "9", {"status": "Accepted"}], asked))
    assert kinds(entry) == [VariablesReported]
    assert witness.entry(passed(SAID, [3, "9", {"status": "Rejected"}], asked)).observations == []


def test_a_certificate_that_is_asked_of_the_upstream_is_not_asked_of_us(witness: Witness) -> None:
    entry = witness.entry(said("SignCertificate", {"csr": "-----BEGIN CERTIFICATE REQUEST-----"}))
    assert entry.observations == []


def test_what_cannot_be_read_is_kept_with_what_is_wrong(witness: Witness) -> None:
    for frame, code in (
        ("nonsense", "FormationViolation"),
        ([2, "1", "Nonsense", {}], "NotSupported"),
        ([2, "1", "StatusNotification", {"connectorId": 1}], "OccurenceConstraintViolation"),
    ):
        entry = witness.entry(passed(SAID, frame))
        assert [doubt.code for doubt in entry.doubts] == [code]
        assert entry.frame


def test_doubts_of_a_connection_are_bounded(witness: Witness) -> None:
    assert sum(len(witness.entry(passed(SAID, "nonsense")).doubts) for _ in range(150)) == 100


def test_ends_meetings_and_what_is_no_text(witness: Witness) -> None:
    ended = witness.entry(passed(ENDED, "", "closed", number=5))
    assert ended.observations == [Disconnected("s1", 5, NOW, "closed")]
    met = witness.entry(passed(UPSTREAM, "x", "connection refused", state="away"))
    assert (met.observations, met.heard) == ([UpstreamMet("s1", "x", "away", "connection refused", NOW)], True)
    refused = witness.entry(passed(REFUSED, "\\ufffd", "no UTF-8"))
    assert ([doubt.reason for doubt in refused.doubts], refused.frame) == (["no UTF-8"], "")


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_problem_goes_with_the_fault_that_follows_it(witness: Witness, version: str) -> None:
    event = {
        "generatedAt": AT, "seqNo": 0, "eventData": [{
            "eventId": 1, "timestamp": AT, "trigger": "Delta", "actualValue": "true", "techCode": "E42",
            "eventNotificationType": "HardWiredNotification", "component": {"name": "Connector", "evse": {"id": 1}},
            "variable": {"name": "Problem"},
        }],
    }  # fmt: skip
    witness.entry(said("NotifyEvent", event, version))
    fault = {"timestamp": AT, "connectorStatus": "Faulted", "evseId": 1, "connectorId": 1}
    status = witness.entry(said("StatusNotification", fault, version)).observations[0]
    assert isinstance(status, StatusReported)
    assert status.error_code == "E42"
