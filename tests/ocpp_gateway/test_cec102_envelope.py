"""The envelope of T/CEC 102 against the standard's own sample, samples derived from it, and an independent implementation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.cec102.access import Keys, seal, unseal
from ocpp_gateway.cec102.envelope import (
    LARGEST_ENVELOPE,
    Declined,
    Envelope,
    Ret,
    Secrets,
    answer_signature,
    check_signature,
    check_time,
    content_of,
    decrypt,
    encrypt,
    read_answer,
    read_envelope,
    request_signature,
    sealed_answer,
    sealed_request,
    stamp_of,
    wrong_secrets,
)
from ocpp_gateway.cec102.intake import tokens
from ocpp_gateway.commands.sealing import Sealer
from tests.independent.cec102_platform import CHINA, Party
from youguan.errors import Invalid, Unavailable

KEY = "1234567890abcdef"
SECRETS = Secrets(KEY, KEY, KEY, KEY)
NOW = datetime(2016, 7, 29, 6, 24, 0, tzinfo=UTC)

# T/CEC 102.4 (2016), Appendix B; the comma behind "soc":10 is the standard's own.
SAMPLE = (
    b'{"total":1,"stationStatusInfo":{"operationID":"123456789","stationID":"111111111111111","connectorStatusInfos":'
    b'{"connectorID":1,"equipmentID":"10000000000000000000001","status":4,"currentA":0,"currentB":0,"currentC":0,'
    b'"voltageA":0,"voltageB":0,"voltageC":0,"soc":10,}}}'
)
SAMPLE_DATA = (
    "il7B0BSEjFdzpyKzfOFpvg/Se1CP802RItKYFPfSLRxJ3jf0bVl9hvYOEktPAYW2nd7S8MBcyHYyacHKbISq5iTmDzG+ivnR+SZJv3USNTYVMz9rCQVSxd0c"
    "LlqsJauko79NnwQJbzDTyLooYoIwz75qBOH2/xOMirpeEqRJrF/EQjWekJmGk9RtboXePu2rka+Xm51syBPhiXJAq0GfbfaFu9tNqs/e2Vjja/ltE1M0lqvx"
    "fXQ6da6HrThsm5id4ClZFIi0acRfrsPLRixS/IQYtksxghvJwbqOsbIsITail9Ayy4tKcogeEZiOO+4Ed264NSKmk7l3wKwJLAFjCFogBx8GE3OBz4pqcAn/"
    "ydA="
)
SAMPLE_SIGNATURE = "745166E8C43C84D37FFEC0F529C4136F"
TOKEN_REQUEST = b'{"OperatorID":"123456789","OperatorSecret":"1234567890abcdef"}'
TOKEN_DATA = "mYvffpNoFf4E/ZTC1tOw4+S74uaNgpDhWMT5uPmKMx85MaH8xOvGGkfRD+sxTiozejsfxIVge8Hi9/aaO4BIyg=="


def test_the_standards_sample() -> None:
    assert encrypt(SAMPLE, SECRETS) == SAMPLE_DATA
    assert decrypt(SAMPLE_DATA, SECRETS) == SAMPLE
    assert request_signature("123456789", SAMPLE_DATA, "20160729142400", "0001", SECRETS) == SAMPLE_SIGNATURE


def test_samples_derived_from_it() -> None:
    assert encrypt(TOKEN_REQUEST, SECRETS) == TOKEN_DATA
    signature = request_signature("123456789", TOKEN_DATA, "20160729142400", "0001", SECRETS)
    assert signature == "5D3C4D4E398BB0B511BF5F2E673D8DD6"
    assert answer_signature(0, "", "abc", SECRETS) == "8A7062B6504F10CD96BA2AB3A92B9128"


def test_the_sample_is_an_envelope_though_its_content_is_no_json() -> None:
    body = orjson.dumps(
        {
            "OperatorID": "123456789",
            "Data": SAMPLE_DATA,
            "TimeStamp": "20160729142400",
            "Seq": "0001",
            "Sig": SAMPLE_SIGNATURE,
        }
    )
    envelope = read_envelope(body)
    check_signature(envelope, SECRETS)
    assert check_time(envelope, NOW) == NOW
    with pytest.raises(Declined, match="not JSON") as declined:
        content_of(envelope.data, SECRETS)
    assert declined.value.ret == Ret.CONTENT


@given(st.binary(max_size=300), st.text("0123456789abcdef", min_size=16, max_size=16))
def test_an_independent_implementation_agrees(content: bytes, key: str) -> None:
    secrets = Secrets("s", key, key[::-1], "sig" + key)
    other = Party(data_secret=key, data_secret_iv=key[::-1], sig_secret="sig" + key)
    assert encrypt(content, secrets) == other.encrypt(content)
    assert decrypt(other.encrypt(content), secrets) == content
    assert answer_signature(-1, "中文", "x", secrets) == other.sign("-1", "中文", "x")


def test_requests_and_answers_of_both_are_read_by_the_other() -> None:
    other = Party(operator_id="123456789")
    ours = sealed_request("123456789", {"a": "中"}, NOW, 7, SECRETS)
    assert ours["Seq"] == "0007"
    assert ours["TimeStamp"] == "20160729142400"
    assert ours["Sig"] == other.sign(ours["OperatorID"], ours["Data"], ours["TimeStamp"], ours["Seq"])
    assert orjson.loads(other.decrypt(ours["Data"])) == {"a": "中"}
    theirs = read_envelope(orjson.dumps(other.seal({"a": 1}, NOW)))
    check_signature(theirs, SECRETS)
    assert content_of(theirs.data, SECRETS) == {"a": 1}
    assert other.open(sealed_answer(Ret.OK, "好", {"Status": 0}, SECRETS)) == {"Status": 0}
    answer = read_answer(orjson.dumps(sealed_answer(Ret.OK, "好", {"Status": 0}, SECRETS)), SECRETS)
    assert content_of(answer.data, SECRETS) == {"Status": 0}


def envelope(**changes: Any) -> dict[str, Any]:
    return {**Party(operator_id="123456789").seal({"a": 1}, NOW), **changes}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"[]", "not an object"),
        (orjson.dumps(envelope())[:-20], "not JSON"),
        (orjson.dumps(envelope(Data="")), "Data: missing"),
        (orjson.dumps({"OperatorID": "1", "Sig": None}), "Data, TimeStamp, Seq, Sig: missing"),
        (b" " * (LARGEST_ENVELOPE + 1), "larger than"),
        (b"[" * 5000, "not JSON"),
    ],
)
def test_what_is_no_envelope(body: bytes, reason: str) -> None:
    with pytest.raises(Declined, match=reason) as declined:
        read_envelope(body)
    assert declined.value.ret == Ret.ENVELOPE


@pytest.mark.parametrize("member", ["OperatorID", "Data", "TimeStamp", "Seq", "Sig"])
def test_no_member_can_be_changed(member: str) -> None:
    sent = envelope()
    changed = envelope(**{member: sent[member][:-1] + ("1" if sent[member][-1] != "1" else "2")})
    with pytest.raises(Declined) as declined:
        check_signature(read_envelope(orjson.dumps(changed)), SECRETS)
    assert declined.value.ret == Ret.SIGNATURE


def test_numbers_are_the_digits_they_are_written_in_and_a_small_signature_is_one() -> None:
    sent = envelope()
    sent["TimeStamp"], sent["Sig"] = int(sent["TimeStamp"]), sent["Sig"].lower()
    check_signature(read_envelope(orjson.dumps(sent)), SECRETS)


@pytest.mark.parametrize("minutes", [-5.1, 5.1, -600, 600])
def test_a_stale_stamp_and_one_of_the_future(minutes: float) -> None:
    found = read_envelope(orjson.dumps(Party().seal({}, NOW + timedelta(minutes=minutes))))
    with pytest.raises(Declined, match="TimeStamp") as declined:
        check_time(found, NOW)
    assert declined.value.ret == Ret.ENVELOPE


@pytest.mark.parametrize(("stamp", "seq"), [("2016", "0001"), ("20161329142400", "0001"), ("20160729142400", "x")])
def test_what_is_no_time_or_number(stamp: str, seq: str) -> None:
    with pytest.raises(Declined, match=r"TimeStamp|Seq"):
        check_time(Envelope("1", "d", stamp, seq, "s"), NOW)


def test_the_digest_goes_by_all_that_is_signed() -> None:
    one = Envelope("1", "d", "20160729142400", "0001", "ab")
    assert one.digest == replace(one, signature="AB").digest
    assert len({one.digest, replace(one, seq="0002").digest, replace(one, data="e").digest}) == 3


@pytest.mark.parametrize(
    "data", ["", "!", "YWJj", SAMPLE_DATA[:-4], encrypt(b"x", replace(SECRETS, data_secret="0" * 16))]
)
def test_what_these_secrets_do_not_open(data: str) -> None:
    with pytest.raises(Declined):
        content_of(data, SECRETS)


def test_content_that_is_nested_too_deeply() -> None:
    deep = b'{"a":' * 30 + b"1" + b"}" * 30
    with pytest.raises(Declined, match="nested"):
        content_of(encrypt(deep, SECRETS), SECRETS)


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"[]",
        b"{}",
        b'{"Ret":"no"}',
        orjson.dumps(sealed_answer(Ret.OK, "", {}, replace(SECRETS, sig_secret="other"))),
    ],
)
def test_answers_that_are_none(body: bytes) -> None:
    with pytest.raises(Invalid):
        read_answer(body, SECRETS)


def test_stamps_are_the_countys() -> None:
    assert stamp_of(datetime(2026, 5, 4, 20, tzinfo=CHINA)) == "20260504200000"


def test_secrets_are_measured_in_bytes() -> None:
    wrong = wrong_secrets(Secrets("", "short", "十六个字节十六个字节十六", ""))
    assert [error.field for error in wrong] == ["data_secret", "data_secret_iv", "operator_secret", "sig_secret"]
    assert wrong_secrets(SECRETS) == []


def test_a_token_holds_for_its_operator_its_time_and_its_secret() -> None:
    token = tokens.issue("suite", "1", SECRETS, NOW)
    assert tokens.holds(token, "suite", "1", SECRETS, NOW)
    assert not tokens.holds(token, "suite", "2", SECRETS, NOW)
    assert not tokens.holds(token, "other", "1", SECRETS, NOW)
    assert not tokens.holds(token, "suite", "1", replace(SECRETS, operator_secret="new"), NOW)
    assert not tokens.holds(token, "suite", "1", SECRETS, NOW + tokens.LIFETIME)
    later = f"{int(token.split('.')[0], 16) + 60:x}.{token.split('.')[1]}"
    assert not tokens.holds(later, "suite", "1", SECRETS, NOW)
    assert not any(
        tokens.holds(none, "suite", "1", SECRETS, NOW) for none in ("", ".", "x.y", token[:-1], "f" * 4000 + ".")
    )


def test_secrets_at_rest_open_for_their_platform_alone() -> None:
    sealer = Sealer("a secret of the suite, long enough")
    keys = Keys(SECRETS, replace(SECRETS, sig_secret="out"))
    sealed = seal(sealer, "395815801", keys)
    assert KEY.encode() not in sealed
    assert unseal(sealer, "395815801", sealed) == keys
    for other, operator_id in ((sealer, "123456789"), (Sealer("another secret of another suite"), "395815801")):
        with pytest.raises(Unavailable):
            unseal(other, operator_id, sealed)
