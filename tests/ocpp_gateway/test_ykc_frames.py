"""云快充: frames, messages and what they become. What goes over the wire is in test_ykc_door.py."""

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.adapters.ykc import account_of, measured, status_of
from ocpp_gateway.observation import MeterSampled, TransactionReported
from ocpp_gateway.ykc import messages
from ocpp_gateway.ykc.frames import LONGEST_BODY, Broken, Frame, Splitter, checksum, frame
from ocpp_gateway.ykc.messages import Heartbeat, Login, Realtime, Trade, Unusable, read
from tests.independent.ykc_pile import Pile, crc

NOW = datetime(2026, 5, 4, 4, tzinfo=UTC)
PILE = Pile()
TRADE_NO = "55031412782305012018061910262392"

# --- frames -----------------------------------------------------------------------------------------------------

LOGIN_SAMPLE = "0000000155031412782305 00020f56342e312e353000 0101010101010101010101 04"


@pytest.mark.parametrize(
    ("counted", "expected"),
    [(LOGIN_SAMPLE, 0x320F), ("0000 00 12 32010200000001 01", 0x1DE3)],
)
def test_the_checksum_of_the_printed_samples(counted: str, expected: int) -> None:
    """The protocol prints 675A and 0069 beside them, which no reading of its text gives."""
    told = checksum(bytes.fromhex(counted))
    assert told in (expected, int.from_bytes(expected.to_bytes(2, "big"), "little"))


@given(st.binary(max_size=300))
def test_the_checksum_is_that_of_an_independent_table(data: bytes) -> None:
    assert checksum(data) == crc(data)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=LONGEST_BODY), st.integers(0, 65535))), st.data())
def test_frames_come_whole_however_they_are_cut(told: list[tuple[int, bytes, int]], data: Any) -> None:
    stream = b"".join(frame(kind, body, sequence) for kind, body, sequence in told)
    splitter, found, at = Splitter(), list[Frame](), 0
    while at < len(stream):
        size = data.draw(st.integers(1, 400))
        found += splitter.feed(stream[at : at + size])
        at += size
    assert found == [Frame(sequence, False, kind, body, True) for kind, body, sequence in told]


@pytest.mark.parametrize("data", [b"\x00", b"GET / HTTP/1.1\r\n", bytes((0x68, 3)), frame(3, b"", 0) + b"\x67"])
def test_what_is_no_frame_ends_the_connection(data: bytes) -> None:
    with pytest.raises(Broken):
        list(Splitter().feed(data))


def test_a_checksum_that_does_not_fit_is_said_and_no_more() -> None:
    damaged = bytearray(frame(3, b"abc", 7))
    damaged[-1] ^= 1
    assert list(Splitter().feed(bytes(damaged))) == [Frame(7, False, 3, b"abc", False)]


@given(st.lists(st.binary(max_size=600), max_size=5))
def test_nothing_makes_the_splitter_fail_otherwise(parts: list[bytes]) -> None:
    splitter = Splitter()
    try:
        for part in parts:
            for found in splitter.feed(part):
                assert len(found.body) <= LONGEST_BODY
    except Broken:
        pass


# --- messages ---------------------------------------------------------------------------------------------------


def said(packed: bytes) -> Any:
    (found,) = Splitter().feed(packed)
    return read(found.kind, found.body)


def test_a_login_as_it_is_printed() -> None:
    assert read(1, bytes.fromhex(LOGIN_SAMPLE)[4:]) == Login("55031412782305", True, 2, "1.5", "V4.1.50")


def test_a_state() -> None:
    packed = PILE.state(3, gun=2, plugged=1, trade=TRADE_NO, kwh=12.3456, minutes=30, volts=750.1, amps=120.5, soc=80)
    assert said(packed) == Realtime(TRADE_NO, PILE.number, 2, 3, True, 750.1, 120.5, 80, 25, 30, 12345.6, ())
    faulted = said(PILE.state(1, faults=0b1_0000_0000_0001))
    assert (faulted.trade_no, faulted.faults) == (None, ("EmergencyStop", "DoorOpen"))


def test_a_trade() -> None:
    began = NOW - timedelta(minutes=30)
    found = said(PILE.trade(TRADE_NO, began, NOW, 12.5))
    assert found == Trade(TRADE_NO, PILE.number, 1, began, NOW, 12500.0, 0x45)


def test_whose_car_and_card_it_was_is_blanked() -> None:
    (found,) = Splitter().feed(PILE.trade(TRADE_NO, NOW, NOW, 1))
    kept = messages.without_persons(found.kind, found.body)
    assert b"LSVAA" in found.body
    assert kept == found.body.replace(b"LSVAA4182E2123456", bytes(17)).replace(bytes.fromhex("D14B0A54"), bytes(4))
    assert read(found.kind, kept) == read(found.kind, found.body)


@pytest.mark.parametrize(
    ("kind", "before", "persons", "after"),
    [
        (0x15, bytes.fromhex(TRADE_NO + PILE.number) + b"\x01" + b"\x07" * 24, b"LSVAA4182E2123456", b"\x09" * 8),
        (
            0x31,
            bytes.fromhex(PILE.number) + b"\x01\x03\x01",
            b"\x0bCARD\xd1\x4b\x0aa password's 16LSVAA4182E2123456",
            b"",
        ),
        (0xA1, b"", bytes.fromhex(PILE.number) + b"LSVAA4182E2123456", b""),  # a kind that is not read here
        (0x19, bytes.fromhex(TRADE_NO + PILE.number) + b"\x01" + b"\x09" * 15, b"", b""),
    ],
)
def test_no_frame_is_kept_with_a_car_a_card_or_a_password(
    kind: int, before: bytes, persons: bytes, after: bytes
) -> None:
    assert messages.without_persons(kind, before + persons + after) == before + bytes(len(persons)) + after


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        (1, bytes(29), "length: a message 01 has 30 bytes, not 29"),
        (3, bytes.fromhex("5503141278230a0100"), "pile: 5503141278230a is no BCD"),
        (3, bytes.fromhex("550314127823050000"), "gun: 0 is not from 1 to 20"),
        (0x13, bytes(16) + bytes.fromhex("5503141278230501") + bytes((9,)) + bytes(40), "status: 9 is none of"),
        (0x3B, bytes(158), "gun: 0 is not"),
    ],
)
def test_what_cannot_be_used_is_named(kind: int, body: bytes, reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        read(kind, body)


def test_times_that_are_none() -> None:
    (found,) = Splitter().feed(PILE.trade(TRADE_NO, NOW, NOW, 1))
    for place, reason in ((24, "start: .* is no time"), (31, "end: .* is no time")):
        body = found.body[:place] + b"\xff" * 7 + found.body[place + 7 :]
        with pytest.raises(Unusable, match=reason):
            read(found.kind, body)
    with pytest.raises(Unusable, match="end: lies before start"):
        said(PILE.trade(TRADE_NO, NOW, NOW - timedelta(minutes=1), 1))


@given(st.integers(0, 255), st.binary(max_size=LONGEST_BODY))
def test_nothing_makes_the_reading_fail_otherwise(kind: int, body: bytes) -> None:
    try:
        found = read(kind, body)
    except Unusable:
        return
    assert found is None or kind in messages.READERS
    match found:
        case Realtime():
            status_of(found, NOW)
            measured(found, NOW)
        case Trade():
            account_of(found, NOW)
        case Heartbeat():
            assert len(messages.heartbeat_answer(found)) == 9


def test_the_clock_as_it_is_set() -> None:
    told = messages.time_of(PILE.number, datetime(2020, 3, 16, 9, 14, 47, tzinfo=UTC))
    milliseconds, minute, hour, day, month, year = struct.unpack("<HBBBBB", told[7:])
    assert (milliseconds, minute, hour, day & 0x1F, month, year) == (47000, 14, 17, 16, 3, 20)


# --- what it becomes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "plugged", "word", "condition"),
    [
        (0, 0, "Offline", "unavailable"), (1, 0, "Faulted", "faulted"), (1, 1, "Faulted", "faulted"),
        (2, 0, "Available", "available"), (2, 1, "Occupied", "occupied"), (3, 1, "Charging", "charging"),
    ],
)  # fmt: skip
def test_a_status_in_our_words(status: int, plugged: int, word: str, condition: str) -> None:
    found = status_of(said(PILE.state(status, plugged=plugged, faults=1)), NOW)
    assert (found.status, found.condition, found.error_info) == (word, condition, "EmergencyStop")
    assert found.error_code == ("EmergencyStop" if condition == "faulted" else None)


def test_charging_becomes_samples_and_a_transaction() -> None:
    state = said(PILE.state(3, plugged=1, trade=TRADE_NO, kwh=1.5, minutes=10, volts=700, amps=100, soc=50))
    found = measured(state, NOW)
    assert [o.value for o in found if isinstance(o, MeterSampled)] == [700, 100, 50]
    events = [o for o in found if isinstance(o, TransactionReported)]
    assert [(e.kind, e.seq_no, e.register_wh) for e in events] == [("Started", 0, 0.0), ("Updated", 15001, 1500.0)]
    assert events[0].occurred_at == NOW - timedelta(minutes=10)
    assert measured(said(PILE.state(2)), NOW) == []


def test_a_trade_is_the_account() -> None:
    started, settled = account_of(said(PILE.trade(TRADE_NO, NOW - timedelta(minutes=30), NOW, 12.5)), NOW)
    assert isinstance(started, TransactionReported)
    assert isinstance(settled, TransactionReported)
    assert (started.kind, settled.kind, settled.register_wh, settled.reason) == (
        "Started",
        "Settled",
        12500.0,
        "ykc 45",
    )
