"""Which days and hours are worked in the county, and what falls due when. Pure; the days are data (`working_days.toml`).

The day on which a period begins does not count. A year of which nothing is known has its weekends, and is not verified.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from youguan.clock import COUNTY, county_day

FILE = Path(__file__).with_name("working_days.toml")
DAY = timedelta(days=1)
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What is known of a year: `source` names the notice; not `verified`: reckoned from the Regulation's fixed days."""

    year: int
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """The days off by name, the weekend days that are worked, and the office's hours."""

    years: dict[int, Arrangement]
    days_off: dict[date, str]
    worked: frozenset[date]
    hours: tuple[tuple[time, time], ...]


@cache
def working_days() -> WorkingDays:
    """Return what the data file says."""
    return read(tomllib.loads(FILE.read_text(encoding="utf-8")))


def read(table: dict[str, Any]) -> WorkingDays:
    """Return the days of a table as the data file has it; ValueError where it contradicts itself."""
    off: dict[date, str] = {}
    worked: set[date] = set()
    for year in table["year"]:
        for holiday in year["days_off"]:
            off |= dict.fromkeys(_days(holiday["first"], holiday["last"]), holiday["name"])
        worked |= set(year["worked"])
    if wrong := [day for day in worked if day in off or day.weekday() < SATURDAY]:
        raise ValueError(f"no weekend day that could be worked: {min(wrong)}")
    return WorkingDays(
        {y["year"]: Arrangement(y["year"], y["source"], y["verified"]) for y in table["year"]},
        off,
        frozenset(worked),
        tuple((time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in table["office"]["hours"]),
    )


def _days(first: date, last: date) -> Iterator[date]:
    for n in range((last - first).days + 1):
        yield first + n * DAY


def is_working_day(day: date) -> bool:
    """Say whether a day is worked."""
    known = working_days()
    return day in known.worked or (day.weekday() < SATURDAY and day not in known.days_off)


def holiday_name(day: date) -> str | None:
    """Return the holiday that gives a day off; None for working days and mere weekends."""
    return working_days().days_off.get(day)


def is_verified(day: date) -> bool:
    """Say whether the notice that arranges a day's year is known."""
    year = working_days().years.get(day.year)
    return year is not None and year.verified


def next_working_day(day: date) -> date:
    """Return the day itself where it is worked, else the first that is."""
    while not is_working_day(day):
        day += DAY
    return day


def add_working_days(day: date, count: int) -> date:
    """Return the last day of a period of so many working days; of none: the day itself."""
    for _ in range(count):
        day = next_working_day(day + DAY)
    return day


def working_days_between(start: date, end: date) -> int:
    """Return how many working days lie after `start` up to and with `end`; negative where `end` is the earlier one."""
    if end < start:
        return -working_days_between(end, start)
    return sum(map(is_working_day, _days(start + DAY, end)))


def add_calendar_days(day: date, count: int, *, rolls_over: bool = True) -> date:
    """Return the last day of a period of so many calendar days; a day off gives way to the next working day."""
    last = day + count * DAY
    return next_working_day(last) if rolls_over else last


def is_office_hour(moment: datetime) -> bool:
    """Say whether the office is open at an instant."""
    return any(opens <= moment < closes for opens, closes in _open_on(county_day(moment)))


def add_working_time(moment: datetime, amount: timedelta) -> datetime:
    """Return when so much of the office's time will have passed."""
    day = county_day(moment)
    while True:
        for opens, closes in _open_on(day):
            begin = max(opens, moment)
            if begin < closes and amount <= closes - begin:
                return begin + amount
            amount -= max(closes - begin, timedelta())
        day += DAY


def subtract_working_time(moment: datetime, amount: timedelta) -> datetime:
    """Return when so much of the office's time was still to pass until then."""
    day = county_day(moment)
    while True:
        for opens, closes in reversed(_open_on(day)):
            end = min(closes, moment)
            if opens < end and amount <= end - opens:
                return end - amount
            amount -= max(end - opens, timedelta())
        day -= DAY


def working_time_between(start: datetime, end: datetime) -> timedelta:
    """Return how much of the office's time passes between two instants; none where `end` is the earlier one."""
    passed = timedelta()
    for day in _days(county_day(start), county_day(end)):
        for opens, closes in _open_on(day):
            passed += max(min(closes, end) - max(opens, start), timedelta())
    return passed


def _open_on(day: date) -> list[tuple[datetime, datetime]]:
    """Return from when until when the office is open on a day."""
    if not is_working_day(day):
        return []
    hours = working_days().hours
    return [(datetime.combine(day, a, COUNTY), datetime.combine(day, b, COUNTY)) for a, b in hours]
