"""Who may connect: the decision as a table and as properties, and what is counted of wrong tries."""

import base64
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.stations.admission import (
    Admitted,
    Arrival,
    Certificate,
    Rejected,
    Rules,
    Situation,
    decide,
    password_in,
    source_of,
)
from ocpp_gateway.stations.attempts import REMEMBERED, TOLD_AT_ONCE, TOLD_EVERY, TRIES, WINDOW, Attempts
from tests.ocpp_gateway.fakes import NOW
from youguan.station_keys import digest, is_key, new_key

SECRET = "s" * 32
ONBOARDING = "o" * 16
KEY = new_key()
OLD = "OldKeyOldKeyOldKey"
LATER, BEFORE = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)
STORED = digest(SECRET, "s1", KEY.encode())
OPEN, OUTSIDE = "127.0.0.1", "192.0.2.7"
RULES = Rules(
    open_networks=(ip_network("127.0.0.0/8"),), secret=SECRET, onboarding_secret=ONBOARDING, connections=100,
    connections_per_source=10, revoked=frozenset({66}),
)  # fmt: skip
FILED = Situation(filed=True, keys={STORED: None})
UNKNOWN = Situation(filed=False, keys=None)


def arrival(address: str = OUTSIDE, **what: Any) -> Arrival:
    return Arrival("s1", address, **what)


def certificate(*names: str, serial: int = 5) -> Certificate:
    return Certificate(frozenset(names), serial)


def outcome(arrives: Arrival, situation: Situation, rules: Rules = RULES) -> object:
    """Return the profile of who is admitted, else the reason."""
    verdict = decide(arrives, situation, rules, NOW)
    return verdict.profile if isinstance(verdict, Admitted) else verdict.reason


@pytest.mark.parametrize(
    ("arrives", "situation", "expected"),
    [
        (arrival(OPEN), FILED, 0),
        (arrival(OPEN), UNKNOWN, "not filed"),
        (arrival("::ffff:127.0.0.1"), FILED, 0),
        (arrival(), FILED, "credentials"),
        (arrival(), UNKNOWN, "credentials"),
        (arrival("no address"), FILED, "credentials"),
        (arrival(password=KEY.encode()), FILED, 1),
        (arrival(password=KEY.lower().encode()), FILED, 1),
        (arrival(password=bytes.fromhex(KEY)), FILED, 1),
        (arrival(password=KEY.encode(), secure=True), FILED, 2),
        (arrival(password=b"wrong"), FILED, "password"),
        (arrival(password=b""), FILED, "password"),
        (arrival(OPEN, password=b"wrong"), FILED, "password"),
        (arrival(OPEN, password=b"of the factory"), replace(FILED, keys=None), 0),
        (arrival(password=b"of the factory"), replace(FILED, keys=None), "credentials"),
        (arrival(password=KEY.encode()), replace(FILED, keys={STORED: BEFORE}), "password"),
        (arrival(password=KEY.encode()), replace(FILED, keys={STORED: NOW}), "password"),
        (arrival(password=KEY.encode()), replace(FILED, keys={STORED: LATER}), 1),
        (arrival(password=KEY.encode()), replace(FILED, keys={}), "password"),
        (arrival(password=ONBOARDING.encode()), UNKNOWN, 1),
        (arrival(password=ONBOARDING.encode()), FILED, "password"),
        (arrival(secure=True, certificate=certificate("s1")), FILED, 3),
        (arrival(secure=True, certificate=certificate("s1")), UNKNOWN, 3),
        (arrival(secure=True, certificate=certificate("s2")), FILED, "certificate of another"),
        (arrival(secure=True, certificate=certificate("s1", serial=66)), FILED, "certificate revoked"),
        (arrival(secure=True, certificate=certificate("s2"), password=KEY.encode()), FILED, "certificate of another"),
        (arrival(password=KEY.encode()), replace(FILED, connections=100), "full"),
        (arrival(password=KEY.encode()), replace(FILED, connections_of_source=10), "source full"),
        (arrival(OPEN), replace(FILED, connections_of_source=10), 0),
        (arrival(), replace(FILED, too_many_tries=True), "too many tries"),
        (arrival(password=b"wrong"), replace(FILED, too_many_tries=True), "too many tries"),
        (arrival(password=KEY.encode()), replace(FILED, too_many_tries=True), 1),
    ],
)
def test_who_may_connect(arrives: Arrival, situation: Situation, expected: object) -> None:
    assert outcome(arrives, situation) == expected


@pytest.mark.parametrize(
    ("lowest", "arrives", "expected"),
    [
        (2, arrival(password=KEY.encode()), "profile"),
        (2, arrival(password=KEY.encode(), secure=True), 2),
        (3, arrival(password=KEY.encode(), secure=True), "profile"),
        (3, arrival(secure=True, certificate=certificate("s1")), 3),
        (3, arrival(OPEN), 0),
    ],
)
def test_the_lowest_profile(lowest: int, arrives: Arrival, expected: object) -> None:
    assert outcome(arrives, FILED, replace(RULES, lowest_profile=lowest)) == expected


def test_without_a_secret_no_password_is_right() -> None:
    assert outcome(arrival(password=KEY.encode()), FILED, replace(RULES, secret=None)) == "password"


def test_the_demo_welcomes_who_is_not_filed() -> None:
    assert outcome(arrival(OPEN), UNKNOWN, replace(RULES, welcomes_unfiled=True)) == 0
    assert outcome(arrival(), UNKNOWN, replace(RULES, welcomes_unfiled=True)) == "credentials"


@pytest.mark.parametrize(
    ("arrives", "situation", "status"),
    [
        (arrival(), FILED, HTTPStatus.UNAUTHORIZED),
        (arrival(), replace(FILED, too_many_tries=True), HTTPStatus.TOO_MANY_REQUESTS),
        (arrival(password=KEY.encode()), replace(FILED, connections=100), HTTPStatus.SERVICE_UNAVAILABLE),
    ],
)
def test_what_it_is_answered(arrives: Arrival, situation: Situation, status: HTTPStatus) -> None:
    verdict = decide(arrives, situation, RULES, NOW)
    assert isinstance(verdict, Rejected)
    assert verdict.status == status


TIMES = [None, LATER, BEFORE]
situations = st.builds(
    Situation,
    filed=st.booleans(),
    keys=st.none() | st.dictionaries(st.sampled_from(["x", digest(SECRET, "s1", OLD.encode())]), st.sampled_from(TIMES)),
    too_many_tries=st.booleans(),
)  # fmt: skip


@given(situations, st.booleans())
def test_a_right_key_always_works_whoever_else_has_tried(situation: Situation, secure: bool) -> None:
    known = replace(situation, keys={**(situation.keys or {}), STORED: None})
    assert outcome(arrival(password=KEY.encode(), secure=secure), known) == (2 if secure else 1)


@given(situations, st.binary(max_size=60))
def test_no_other_bytes_open_the_door_from_outside(situation: Situation, password: bytes) -> None:
    held = replace(situation, keys={STORED: None})
    verdict = decide(arrival(password=password), held, RULES, NOW)
    right = password.upper() == KEY.encode() or password == bytes.fromhex(KEY) or password == ONBOARDING.encode()
    assert isinstance(verdict, Rejected) or right


@given(st.text(min_size=1, max_size=48), st.binary(max_size=50))
def test_a_password_comes_out_as_it_went_in(station_id: str, password: bytes) -> None:
    try:
        shown = base64.b64encode(station_id.encode() + b":" + password).decode()
    except UnicodeEncodeError:
        return
    assert password_in(f"Basic {shown}", station_id) == password


@given(st.text(max_size=80))
def test_no_header_is_an_error(header: str) -> None:
    assert password_in(header, "s1") is not None


@pytest.mark.parametrize("header", ["Bearer x", "Basic", "Basic !", "Basic " + base64.b64encode(b"s2:key").decode()])
def test_what_is_no_password_of_this_station_is_never_right(header: str) -> None:
    assert password_in(header, "s1") == b""


def test_no_header_is_no_password() -> None:
    assert password_in(None, "s1") is None


def test_a_key_is_bound_to_its_station_and_to_the_secret() -> None:
    assert (
        len({digest(SECRET, "s1", b"k" * 16), digest(SECRET, "s2", b"k" * 16), digest("t" * 32, "s1", b"k" * 16)}) == 3
    )


def test_new_keys_are_what_stations_take() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) == 40 and is_key(key) for key in keys)
    assert not is_key("short")
    assert not is_key("sixteen letters!")


@pytest.mark.parametrize(
    ("address", "source"),
    [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::/64"), ("", "")],
)
def test_what_counts_as_one_source(address: str, source: str) -> None:
    assert source_of(address) == source


# --- wrong tries ------------------------------------------------------------------------------------------------


def tried(attempts: Attempts, times: int, source: str = OUTSIDE, station: str | None = None) -> None:
    for _ in range(times):
        attempts.note(source, station, "password", NOW)


def test_a_source_waits_after_so_many_tries_and_not_for_ever() -> None:
    attempts = Attempts()
    tried(attempts, TRIES - 1)
    assert not attempts.too_many(OUTSIDE, NOW)
    tried(attempts, 1)
    assert attempts.too_many(OUTSIDE, NOW)
    assert not attempts.too_many("192.0.2.8", NOW)
    assert not attempts.too_many(OUTSIDE, NOW + WINDOW)


def test_one_event_tells_of_many_tries() -> None:
    attempts = Attempts()
    tried(attempts, TRIES - 1)
    assert attempts.to_tell(NOW) == []
    tried(attempts, 1000, station="s1")
    events = attempts.to_tell(NOW)
    assert {(e.source, e.station_id, e.tries) for e in events} == {(OUTSIDE, None, TRIES + 999), (None, "s1", 1000)}
    attempts.told(events)
    tried(attempts, 5)
    assert attempts.to_tell(NOW) == []
    assert [e.tries for e in attempts.to_tell(NOW + TOLD_EVERY)] == [5]


def test_what_could_not_be_told_is_told_later() -> None:
    attempts = Attempts()
    tried(attempts, TRIES)
    assert attempts.to_tell(NOW) == attempts.to_tell(NOW) != []


def test_many_sources_stay_bounded() -> None:
    attempts = Attempts()
    for number in range(REMEMBERED + 10):
        attempts.note(f"source {number}", None, "password", NOW)
    assert not attempts.too_many("source 0", NOW)
    for number in range(100):
        tried(attempts, TRIES + number, source=f"busy {number}")
    events = attempts.to_tell(NOW)
    assert len(events) == TOLD_AT_ONCE
    assert events[0].source == "busy 99"
