"""Which of two times a decision goes by."""

from datetime import UTC, datetime, timedelta

import pytest

from youguan.clock import ManualClock, effective_time, utc_text

RECEIVED = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "believed"),
    [
        (RECEIVED - timedelta(hours=3), True),
        (RECEIVED + timedelta(minutes=5), True),
        (RECEIVED + timedelta(minutes=5, microseconds=1), False),
        (datetime(1970, 1, 1, tzinfo=UTC), False),
        (RECEIVED - timedelta(days=180), True),
        (RECEIVED - timedelta(days=181), False),
        (datetime(2099, 1, 1, tzinfo=UTC), False),
    ],
)
def test_a_charger_is_believed_within_reason(said: datetime, believed: bool) -> None:
    assert effective_time(said, RECEIVED) == (said if believed else RECEIVED)


def test_times_are_written_with_z_and_milliseconds() -> None:
    assert utc_text(RECEIVED + timedelta(microseconds=123456)) == "2026-05-04T12:00:00.123Z"


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(RECEIVED)
    clock.advance(timedelta(seconds=30))
    assert clock.now() - RECEIVED == timedelta(seconds=30)
