"""Told late, or told by a clock that fell back: timelines of (received, behind), in seconds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.lateness import Late, Moment, Word, judge

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = 3600
EIGHT = 8 * HOUR


def moment(received: int, behind: int) -> Moment:
    at = NOON + timedelta(seconds=received)
    return Moment(at - timedelta(seconds=behind), at)


def judged(said: list[tuple[int, int]]) -> str:
    """Return the first letters of what becomes of each of what is said: (received, behind)."""
    latest: Moment | None = None
    late: Late | None = None
    letters = ""
    for each in said:
        told = moment(*each)
        word, late = judge(told, latest, late)
        letters += word.value[0]
        if word is not Word.PAST:
            latest = told if word is Word.TIMELY else Moment(told.received_at, told.received_at)
    return letters


@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        # in time, a little late, and back in time
        ([(0, 0), (30, 1), (60, 20)], "ttt"),
        # a queue behind the present: each behind by another span
        ([(0, 0), (1, HOUR), (2, HOUR - 300), (3, 600)], "tppp"),
        # a queue whose faults followed each other quickly is told quickly
        ([(0, 0), (1, HOUR), (2, HOUR + 1), (3, HOUR + 2)], "tppp"),
        # a slow queue
        ([(0, 0), (300, 2 * HOUR), (550, HOUR), (1000, 1800)], "tppp"),
        # what was held back in its order is not late at all
        ([(0, 0), (HOUR, HOUR - 60), (HOUR + 1, 1800), (HOUR + 2, 2)], "tttt"),
        # a clock that fell back: the second is believed, and whatever follows it, however fast
        ([(0, 0), (5, EIGHT), (35, EIGHT + 1), (36, EIGHT), (90, EIGHT)], "tpfff"),
        # one that drifts on is believed on
        ([(0, 0), (5, EIGHT), (35, EIGHT + 50), (60, EIGHT + 100), (90, EIGHT + 150)], "tpfff"),
        # told once, long after anything else was said
        ([(0, 0), (1800, EIGHT)], "tf"),
        ([(0, 0), (1800, EIGHT), (1801, EIGHT)], "tff"),
        # set right, then held back again
        ([(0, 0), (5, EIGHT), (35, EIGHT), (60, 0), (65, EIGHT)], "tpftp"),
        # later than the fall: late no more by what is known, and wrong still
        ([(0, 0), (1800, EIGHT), (1800 + EIGHT + 60, EIGHT)], "tff"),
        # from a spool: received before what is known, on a clock that is right
        ([(100, 0), (20, 0), (50, 0), (90, 0)], "tppp"),
    ],
)
def test_timelines(said: list[tuple[int, int]], becomes: str) -> None:
    assert judged(said) == becomes


@given(st.integers(61, 10**7), st.integers(0, 599), st.integers(10, 599))
def test_a_clock_that_fell_back_hides_one_word_at_most(behind: int, first: int, then: int) -> None:
    assert judged([(0, 0), (first, behind + first), (first + then, behind + first)])[2] in "ft"
