"""What the gateway's pages are made of: usual commands, a connector's day, the metrics' last minutes, frames set out."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram

from ocpp_gateway.cec102.intake.feed import DOUBTED, IGNORED, UNPROVEN
from ocpp_gateway.cec102.intake.feed import REFUSED as PLATFORM_REFUSED
from ocpp_gateway.commands.catalogue import ACTIONS, check
from ocpp_gateway.commands.usual import DANGEROUS, Usual, put
from ocpp_gateway.mqtt.bridge import REFUSED as MQTT_REFUSED
from ocpp_gateway.observation import connector_number
from ocpp_gateway.pages.commands import CONFIRMED, LOOKING, TOUCHING, check_words, payload_of
from ocpp_gateway.pages.days import Days, days_of
from ocpp_gateway.pages.figures import Figures, Sample, quantile, trend
from ocpp_gateway.pages.frames import gist, read
from ocpp_gateway.pages.refusals import MEANINGS
from ocpp_gateway.pages.timeline import Link, Said, line, totals
from ocpp_gateway.protocol.frames import ERROR_CODES
from ocpp_gateway.protocol.versions import V16, V21, V201, VERSIONS, Version
from ocpp_gateway.store import Span
from ocpp_gateway.ykc.conversation import CHECKSUM
from ocpp_gateway.ykc.conversation import REFUSED as YKC_REFUSED
from youguan.clock import county_day
from youguan.errors import Invalid

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LOW, HIGH = NOW - timedelta(hours=24), NOW


def test_every_code_of_a_refusal_has_a_meaning() -> None:
    others = {MQTT_REFUSED, YKC_REFUSED, CHECKSUM, PLATFORM_REFUSED, UNPROVEN, IGNORED, DOUBTED}
    assert set(MEANINGS) == ERROR_CODES | others


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
@pytest.mark.parametrize("act", get_args(Usual))
@pytest.mark.parametrize("connector", [1, 2, 100, 101])
def test_what_is_usual_fits_the_schema_of_every_version(version: Version, act: Usual, connector: int) -> None:
    check(version, *put(version, act, connector, 7))


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
@pytest.mark.parametrize("act", sorted(set(get_args(Usual)) - {"unlock"}))
def test_what_is_usual_can_be_asked_of_the_whole_station(version: Version, act: Usual) -> None:
    check(version, *put(version, act, 0, 7))


def test_what_is_unlocked_is_a_connector() -> None:
    with pytest.raises(Invalid, match="connector: name a connector"):
        put(V16, "unlock", 0, 7)


@pytest.mark.parametrize("version", [V201, V21])
@given(evse=st.integers(1, 100), connector=st.integers(1, 9))
def test_an_evse_is_named_as_it_was_numbered(version: Version, evse: int, connector: int) -> None:
    _, payload = put(version, "unlock", connector_number(evse, connector), 7)
    assert payload == {"evseId": evse, "connectorId": connector}


def test_the_forms_know_every_usual_wish_and_dangers_are_actions() -> None:
    assert set(get_args(Usual)) <= set(LOOKING) | set(TOUCHING)
    assert set(TOUCHING) >= CONFIRMED
    assert frozenset().union(*ACTIONS.values()) >= DANGEROUS


@pytest.mark.parametrize(
    ("looks_only", "dangerous", "reason", "confirmed", "wrong"),
    [
        (True, False, "", False, None),
        (False, False, " ", False, "reason"),
        (False, False, "why", False, None),
        (False, True, "why", False, "confirmed"),
        (False, True, "why", True, None),
    ],
)
def test_who_touches_says_why_and_who_endangers_says_it_twice(
    looks_only: bool, dangerous: bool, reason: str, confirmed: bool, wrong: str | None
) -> None:
    if wrong is None:
        check_words(looks_only=looks_only, dangerous=dangerous, reason=reason, confirmed=confirmed)
        return
    with pytest.raises(Invalid) as refused:
        check_words(looks_only=looks_only, dangerous=dangerous, reason=reason, confirmed=confirmed)
    assert [field.field for field in refused.value.fields] == [wrong]


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "line 1, column"), ("[]", "is no JSON object"), ("1", "is no JSON")]
)
def test_a_payload_that_is_none_says_why(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        payload_of(text)


def test_a_payload_may_be_left_empty() -> None:
    assert payload_of("") == {}


# --- a connector's day --------------------------------------------------------------------------------------------


def test_a_day_begins_as_the_one_before_ended_and_offline_covers_what_was_said() -> None:
    said = [Said(1, ago(30), "available"), Said(1, ago(12), "charging"), Said(1, ago(6), "available")]
    links = [Link(ago(40), True), Link(ago(10), False), Link(ago(8), True)]
    pieces = line(said, links, LOW, HIGH)
    assert [(piece.condition, piece.seconds / 3600) for piece in pieces] == [
        ("available", 12), ("charging", 2), ("offline", 2), ("charging", 2), ("available", 6),
    ]  # fmt: skip
    assert totals(pieces) == {"available": 18 * 3600, "charging": 4 * 3600, "offline": 2 * 3600}


def test_before_the_first_word_nothing_is_known() -> None:
    pieces = line([Said(1, ago(1), "faulted")], [Link(ago(2), True)], LOW, HIGH)
    assert [piece.condition for piece in pieces] == ["unknown", "faulted"]


@given(
    st.lists(st.tuples(st.floats(-5, 48), st.sampled_from(["available", "faulted"])), max_size=12),
    st.lists(st.tuples(st.floats(-5, 48), st.booleans()), max_size=6),
)
def test_the_pieces_of_a_day_have_no_gap(said: list[tuple[float, str]], links: list[tuple[float, bool]]) -> None:
    pieces = line([Said(1, ago(h), c) for h, c in said], [Link(ago(h), online) for h, online in links], LOW, HIGH)
    assert pieces[0].since == LOW
    assert pieces[-1].until == HIGH
    for one, following in pairwise(pieces):
        assert one.until == following.since
        assert one.condition != following.condition


# --- days that a page is about ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "since", "until"),
    [
        ("", " ", None, None),
        ("2026-03-01", "", datetime(2026, 2, 28, 16, tzinfo=UTC), None),
        ("", "2026-03-01", None, datetime(2026, 3, 1, 16, tzinfo=UTC)),
    ],
)
def test_days_are_the_countys_and_the_last_counts(
    first: str, last: str, since: datetime | None, until: datetime | None
) -> None:
    assert days_of(first, last).span == Span(since, until)


@pytest.mark.parametrize(
    ("first", "last", "wrong"),
    [("x" * 99, "", ["from"]), ("0001-01-01", "9999-12-31", ["from", "to"]), ("2026-03-02", "2026-03-01", ["to"])],
)
def test_days_that_are_none_are_named(first: str, last: str, wrong: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        days_of(first, last)
    assert [field.field for field in refused.value.fields] == wrong


@given(st.none() | st.integers(30, 60), st.none() | st.integers(0, 29), st.integers(0, 90))
def test_words_are_looked_for_a_few_days_at_a_time_until_all_was_looked_through(
    first: int | None, last: int | None, oldest: int
) -> None:
    def ago(days: int) -> date:
        return county_day(NOW) - timedelta(days=days)

    wanted = Days(None if first is None else ago(first), None if last is None else ago(last))
    looked, rest = [], Days(wanted.first, wanted.last or county_day(NOW))
    while rest.last:
        searched = rest.searched(NOW)
        assert searched.first is not None
        assert searched.last is not None
        looked += [searched.first + timedelta(days=n) for n in range((searched.last - searched.first).days + 1)]
        rest = wanted.before(searched, ago(oldest)) or Days()
    to_be_looked = {ago(days) for days in range(last or 0, oldest if first is None else min(oldest, first) + 1)}
    assert to_be_looked <= set(looked)
    assert len(looked) == len(set(looked))


# --- the metrics' last minutes ------------------------------------------------------------------------------------


def test_a_quantile_is_the_bound_that_enough_lies_below() -> None:
    buckets = {"0.01": 50.0, "0.1": 98.0, "1": 100.0, "+Inf": 100.0}
    assert quantile(buckets, 0.5) == 0.01
    assert quantile(buckets, 0.99) == 1
    assert quantile({"0.01": 0.0, "+Inf": 0.0}, 0.5) is None
    assert quantile({}, 0.5) is None


def test_a_trend_is_what_grew_between_two_looks() -> None:
    frames, waits = "youguan_ocpp_frames_total", "youguan_ocpp_acknowledgement_seconds_bucket"
    first = Sample(0, {frames: {"1.6": 100}, waits: {"0.1": 10, "+Inf": 10}})
    middle = Sample(5, {frames: {"1.6": 150, "2.1": 50}, waits: {"0.1": 10, "+Inf": 15}})
    last = Sample(10, {frames: {"1.6": 150, "2.1": 60}, waits: {"0.1": 10, "1": 30, "+Inf": 30}})
    found = trend([first, middle, last])
    assert list(found.received) == [20, 2]
    assert found.received_per_s == 11
    assert found.p50_s == 1
    assert found.messages_a_commit is None


def test_a_worker_that_begins_again_makes_no_rate_negative() -> None:
    frames = "youguan_ocpp_frames_total"
    assert trend([Sample(0, {frames: {"1.6": 9}}), Sample(5, {frames: {"1.6": 1}})]).received == [0]


async def test_the_metrics_are_read_by_name_and_label() -> None:
    registry = CollectorRegistry()
    rejected = Counter("youguan_ocpp_handshakes_rejected_total", "", ["reason"], registry=registry)
    sizes = Histogram("youguan_recorder_batch_messages", "", registry=registry)
    figures = Figures(lambda: registry)
    assert figures.trend().received == ()
    await figures.look()
    rejected.labels("unknown").inc(2)
    rejected.labels("full").inc(3)
    sizes.observe(4)
    sizes.observe(6)
    await figures.look()
    assert figures.counted("youguan_ocpp_handshakes_rejected_total") == {"full": 3, "unknown": 2}
    assert figures.trend().messages_a_commit == 5


# --- frames -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "kind", "action", "message_id"),
    [
        ('[2,"a","Heartbeat",{}]', "call", "Heartbeat", "a"),
        ('[3,"a",{"status":"Accepted"}]', "answer", "", "a"),
        ('[4,"a","FormationViolation","",{}]', "error", "FormationViolation", "a"),
        ('[6,"a","NotifyPeriodicEventStream",{}]', "send", "NotifyPeriodicEventStream", "a"),
        ('{"no": "message"}', "", "", ""),
        ("no JSON", "", "", ""),
    ],
)
def test_a_frame_is_named(frame: str, kind: str, action: str, message_id: str) -> None:
    assert read(frame)[:3] == (kind, action, message_id)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (
            '[2,"1","StatusNotification",{"connectorId":1,"status":"Faulted","timestamp":"2026-05-04T12:00:00Z","info":""}]',
            "connectorId 1 · status Faulted",
        ),
        ('[3,"1",{"status":"Accepted","idTagInfo":{"status":"Blocked"}}]', "status Accepted"),
        ('[2,"1","Heartbeat",{}]', ""),
        ('[3,"1",{"data":"' + "x" * 200 + '"}]', "data " + "x" * 85 + "…"),
        ("no frame", ""),
        ("[]", ""),
    ],
)
def test_what_a_frame_says_in_short(frame: str, said: str) -> None:
    assert gist(frame) == said


@given(st.text())
def test_no_frame_is_too_strange_to_be_shown(frame: str) -> None:
    assert isinstance(read(frame)[3], str)
    assert isinstance(gist(frame), str)
