"""Working days: the State Council's notices day by day, and what holds for any day and any period."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from youguan.clock import COUNTY
from youguan.working_days import (
    add_calendar_days,
    add_working_days,
    add_working_time,
    holiday_name,
    is_office_hour,
    is_verified,
    is_working_day,
    next_working_day,
    read,
    subtract_working_time,
    working_days,
    working_days_between,
    working_time_between,
)

DAYS = st.dates(date(2022, 12, 31), date(2027, 12, 31))
MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2027, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001
AMOUNTS = st.timedeltas(timedelta(), timedelta(hours=200))
# What the notices themselves count: days off (共…天) and weekend days worked.
COUNTS = {2023: (27, 7), 2024: (28, 8), 2025: (28, 5), 2026: (33, 6), 2027: (19, 0)}


def days_of(year: int) -> list[date]:
    return [date(year, 1, 1) + timedelta(days=n) for n in range(365 + (year % 4 == 0))]


@pytest.mark.parametrize("year", COUNTS)
def test_a_year_has_as_many_days_off_as_its_notice_counts(year: int) -> None:
    off = [day for day in working_days().days_off if max(day.year, 2023) == year]
    worked = [day for day in days_of(year) if day.weekday() >= 5 and is_working_day(day)]
    assert (len(off), len(worked)) == COUNTS[year]
    assert not any(map(is_working_day, off))
    assert all(is_verified(day) == (year < 2027) for day in days_of(year))


def test_a_year_that_nobody_has_arranged_has_weekends_and_says_so() -> None:
    assert not is_verified(date(2031, 5, 1))
    assert is_working_day(date(2031, 5, 1))
    assert not is_working_day(date(2031, 5, 3))


@pytest.mark.parametrize(
    ("day", "name", "worked"),
    [
        (date(2022, 12, 31), "元旦", False),
        (date(2024, 2, 18), None, True),
        (date(2025, 1, 28), "春节", False),
        (date(2026, 9, 20), None, True),
        (date(2026, 9, 26), "中秋节", False),
        (date(2027, 2, 10), "春节", False),
        (date(2027, 2, 13), None, False),
    ],
)
def test_days_by_name(day: date, name: str | None, worked: bool) -> None:
    assert (holiday_name(day), is_working_day(day)) == (name, worked)


@pytest.mark.parametrize(
    ("start", "count", "last"),
    [
        (date(2023, 9, 28), 2, date(2023, 10, 8)),
        (date(2024, 2, 9), 7, date(2024, 2, 26)),
        (date(2026, 2, 13), 3, date(2026, 2, 25)),
        (date(2026, 5, 4), 0, date(2026, 5, 4)),
    ],
)
def test_periods_of_working_days(start: date, count: int, last: date) -> None:
    assert add_working_days(start, count) == last


def test_a_period_of_calendar_days_that_ends_on_a_day_off_ends_on_the_next_working_day() -> None:
    assert add_calendar_days(date(2026, 9, 16), 15) == date(2026, 10, 8)
    assert add_calendar_days(date(2026, 9, 16), 15, rolls_over=False) == date(2026, 10, 1)
    assert add_calendar_days(date(2026, 9, 5), 15) == date(2026, 9, 20)


@given(DAYS, st.integers(0, 60))
def test_what_is_added_lies_between(start: date, count: int) -> None:
    last = add_working_days(start, count)
    assert working_days_between(start, last) == count
    assert working_days_between(last, start) == -count
    assert count == 0 or is_working_day(last)


@given(DAYS, DAYS, DAYS)
def test_days_between_add_up(a: date, b: date, c: date) -> None:
    assert working_days_between(a, b) + working_days_between(b, c) == working_days_between(a, c)


@given(DAYS, st.integers(0, 400))
def test_calendar_days_only_roll_over_days_off(start: date, count: int) -> None:
    plain, last = start + timedelta(days=count), add_calendar_days(start, count)
    assert last == next_working_day(plain)
    assert is_working_day(last)
    assert working_days_between(plain - timedelta(days=1), last) == 1


@given(DAYS, st.integers(0, 30), st.integers(0, 30))
def test_a_longer_period_never_ends_earlier(start: date, shorter: int, more: int) -> None:
    assert add_working_days(start, shorter) <= add_working_days(start, shorter + more)
    assert add_calendar_days(start, shorter) <= add_calendar_days(start, shorter + more)


@given(MOMENTS, AMOUNTS)
def test_what_is_added_of_the_offices_time_passes(moment: datetime, amount: timedelta) -> None:
    assert working_time_between(moment, add_working_time(moment, amount)) == amount


@given(MOMENTS, AMOUNTS)
def test_the_offices_time_runs_back_as_it_runs_on(moment: datetime, amount: timedelta) -> None:
    before = subtract_working_time(moment, amount)
    assert before <= moment
    assert working_time_between(before, moment) == amount
    if amount and is_office_hour(moment):
        assert add_working_time(before, amount) == moment


@given(MOMENTS, AMOUNTS, AMOUNTS)
def test_the_offices_time_adds_up(moment: datetime, first: timedelta, second: timedelta) -> None:
    end = add_working_time(add_working_time(moment, first), second)
    assert working_time_between(moment, end) == first + second
    assert working_time_between(end, moment) == timedelta()


def test_the_offices_time_stands_still_at_noon_at_night_and_on_days_off() -> None:
    friday = datetime(2026, 9, 25, 4, tzinfo=UTC)
    assert add_working_time(friday, timedelta(minutes=1)) == datetime.combine(date(2026, 9, 28), time(8, 31), COUNTY)
    noon = datetime.combine(date(2026, 9, 28), time(12), COUNTY)
    assert add_working_time(noon, timedelta(hours=5)) == datetime.combine(date(2026, 9, 29), time(9, 30), COUNTY)
    assert not is_office_hour(noon)
    assert is_office_hour(noon + timedelta(hours=1, minutes=30))
    assert is_office_hour(datetime.combine(date(2026, 9, 20), time(10), COUNTY))


def test_data_that_contradicts_itself_is_refused() -> None:
    year = {"year": 2030, "source": "", "verified": True, "days_off": [], "worked": [date(2030, 1, 1)]}
    with pytest.raises(ValueError, match="2030-01-01"):
        read({"office": {"hours": []}, "year": [year]})


def test_every_day_off_lies_in_a_year_that_is_known() -> None:
    known = working_days()
    assert {day.year for day in known.days_off} - set(known.years) == {2022}
