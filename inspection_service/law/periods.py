"""Statutory periods: when they end, what stands still, and what a late payment costs. Pure, but for the reading of the file."""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, timedelta
from fractions import Fraction
from functools import cache
from typing import Any

from inspection_service.law.statutes import Article, LawError, Statutes, statutes, table
from youguan.working_days import is_working_day, next_working_day

WORKING_DAYS, CALENDAR_DAYS, MONTHS, YEARS = "working_days", "calendar_days", "months", "years"
UNITS = (WORKING_DAYS, CALENDAR_DAYS, MONTHS, YEARS)
MONTHS_A_YEAR = 12
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pause:
    """Days, both among them, on which a clock stands still; `last` None: it still does."""

    first: date
    last: date | None = None

    def covers(self, day: date) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Period:
    """A statutory period; `moves`: a last day off gives way to the next working day."""

    id: str
    name: str
    name_en: str
    count: int
    unit: str
    runs_from: str
    runs_from_en: str
    basis: Article
    moves: bool

    def last_day(self, start: date, pauses: Sequence[Pause] = ()) -> date | None:
        """Return the last day of a period that begins on a day, which itself does not count; None while its clock stands still."""
        if self.unit in (MONTHS, YEARS):
            last = add_months(start, self.count * (MONTHS_A_YEAR if self.unit == YEARS else 1))
            return next_working_day(last) if self.moves else last
        day, left = start, self.count
        while left:
            if any(pause.last is None and pause.first <= day + DAY for pause in pauses):
                return None
            day += DAY
            left -= self._counts(day) and not any(pause.covers(day) for pause in pauses)
        return next_working_day(day) if self.moves else day

    def _counts(self, day: date) -> bool:
        return self.unit == CALENDAR_DAYS or is_working_day(day)


@dataclass(frozen=True, slots=True)
class Surcharge:
    """What is added to a fine that is not paid in time: a share of it a day, up to `cap` times the fine."""

    share: Fraction
    cap: Fraction
    basis: Article
    pauses: Article

    def fen(self, fine_fen: int, due_on: date, paid_on: date, pauses: Sequence[Pause] = ()) -> int:
        """Return the surcharge on a fine; days of review or litigation do not count (Art. 73)."""
        return int(min(self.on(fine_fen, due_on, paid_on, pauses), self.cap * fine_fen))

    def on(self, part_fen: int, due_on: date, paid_on: date, pauses: Sequence[Pause] = ()) -> Fraction:
        """Return what a part of a fine costs more for its days of delay; the cap is that of the whole."""
        late = (paid_on - due_on).days
        counted = sum(not any(p.covers(due_on + n * DAY) for p in pauses) for n in range(1, late + 1))
        return self.share * counted * part_fen


def add_months(day: date, count: int) -> date:
    """Return the same day so many months later, or that month's last; OverflowError after the last year there is."""
    months = day.year * MONTHS_A_YEAR + day.month - 1 + count
    year, month = divmod(months, MONTHS_A_YEAR)
    if year > MAXYEAR:
        raise OverflowError("date value out of range")
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class Periods:
    """All of them by id, and the surcharge."""

    by_id: Mapping[str, Period]
    surcharge: Surcharge

    def __getitem__(self, period: str) -> Period:
        return self.by_id[period]


@cache
def periods() -> Periods:
    """Return what the file says, checked against the statutes."""
    return read(table("periods.toml"), statutes())


def read(found: Mapping[str, Any], known: Statutes) -> Periods:
    """Return the periods of a table; LawError where it contradicts itself or the statutes."""
    all_of_them = [_period(entry, known) for entry in found["period"]]
    surcharge = found["surcharge"]
    return Periods(
        {period.id: period for period in all_of_them},
        Surcharge(
            Fraction(str(surcharge["share"])),
            Fraction(str(surcharge["cap"])),
            known.article(surcharge),
            known.article(surcharge["pauses"]),
        ),
    )


SHORT = {"penalty": (2, 3, 5, 7)}  # what Art. 85 makes working days


def _period(entry: Mapping[str, Any], known: Statutes) -> Period:
    if entry["unit"] not in UNITS or entry["count"] <= 0:
        raise LawError(f"{entry['id']}: no period")
    if entry["unit"] == CALENDAR_DAYS and entry["count"] in SHORT.get(entry["law"], ()):
        raise LawError(f"{entry['id']}: {entry['count']} days are working days (Art. 85)")
    members = ("id", "name", "name_en", "count", "unit", "runs_from", "runs_from_en")
    return Period(**{m: entry[m] for m in members}, basis=known.article(entry), moves=entry.get("moves", False))
