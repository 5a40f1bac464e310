"""How wrong a clock is: decided by the middle of a few messages, not by one that waited."""

from datetime import datetime, timedelta

import pytest

from ocpp_gateway.observation import ClockMeasured, Condition, StatusReported, TransactionReported
from ocpp_gateway.stations.clock_skew import ClockGauge
from tests.ocpp_gateway.fakes import NOW

TOLERATED = timedelta(minutes=5)


def status(at: datetime) -> StatusReported:
    return StatusReported("s", 1, at, NOW, NOW, "Available", Condition.AVAILABLE, None, None, None)


def measure(*leads_s: float, every_s: float = 60) -> list[ClockMeasured]:
    """Return what is told when messages come with these leads, so many seconds apart."""
    gauge = ClockGauge("s", TOLERATED)
    told = []
    for number, lead_s in enumerate(leads_s):
        now = NOW + timedelta(seconds=number * every_s)
        told.append(gauge.measure([status(now + timedelta(seconds=lead_s))], now))
    return [measured for measured in told if measured]


@pytest.mark.parametrize(
    ("leads_s", "skewed"),
    [
        ([0.2, -0.3, 0.1], [False]),
        ([299, 299, 299], [False]),
        ([301, 301, 301], [True]),
        ([-3600, -3600, -3600], [True]),
        ([28800, 28800, 28800, 28800], [True]),
        ([301, 301], []),
        ([-7200, 0, 0, 0], [False]),
        ([0, 0, 0, 0, 0, 400, 400, 400], [False, True]),
        ([400, 400, 400, 0, 0, 0], [True, False]),
    ],
)
def test_the_middle_of_the_last_few_decides(leads_s: list[float], skewed: list[bool]) -> None:
    assert [measured.skewed for measured in measure(*leads_s)] == skewed


def test_a_backlog_delivered_at_once_is_no_slow_clock() -> None:
    assert measure(*[-7200] * 50, every_s=0.01) == []


def test_a_fast_clock_has_no_such_excuse() -> None:
    assert [measured.skew_s for measured in measure(600, 600, 600, every_s=0.01)] == [600]


def test_a_clock_that_stands_still_in_1970_is_told_once() -> None:
    gauge = ClockGauge("s", TOLERATED)
    at = [NOW + timedelta(minutes=minute) for minute in range(9)]
    told = [gauge.measure([status(datetime.fromtimestamp(7, NOW.tzinfo))], now) for now in at]
    assert [measured.skewed for measured in told if measured] == [True]


@pytest.mark.parametrize(("offline", "count"), [(False, 1), (True, 0)])
def test_what_was_said_offline_tells_nothing(offline: bool, count: int) -> None:
    gauge = ClockGauge("s", TOLERATED)
    told = []
    for minute in range(3):
        now = NOW + timedelta(minutes=minute)
        at = now - timedelta(hours=1)
        event = TransactionReported("s", "t", minute, "Updated", 1, None, at, at, now, None, None, offline)
        told.append(gauge.measure([event], now))
    assert len([measured for measured in told if measured]) == count


def test_our_own_time_of_receipt_is_no_measure() -> None:
    gauge = ClockGauge("s", TOLERATED)
    for minute in range(5):
        now = NOW + timedelta(minutes=minute)
        assert gauge.measure([status(now)], now) is None
