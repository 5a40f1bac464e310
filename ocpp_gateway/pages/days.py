"""Which days of the past a page is about: the county's, the first and the last of them counted in. Pure but for its dependency."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query

from ocpp_gateway.store import Span
from youguan.clock import COUNTY, county_day
from youguan.errors import FieldError, Invalid, Reason

A_DAY = timedelta(days=1)
# Words are looked for in every frame of so many days: it goes on from there only when it is asked to.
SEARCHED_DAYS = 7
YEARS = range(1970, 9999)
LONGEST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Days:
    """From the first to the last; None: no bound."""

    first: date | None = None
    last: date | None = None

    def __bool__(self) -> bool:
        return self.first is not None or self.last is not None

    @property
    def span(self) -> Span:
        return Span(midnight(self.first), midnight(self.last + A_DAY) if self.last else None)

    @property
    def query(self) -> str:
        """Return them as they stand in an address."""
        given = {"from": self.first, "to": self.last}
        return urlencode({name: day.isoformat() for name, day in given.items() if day is not None})

    def searched(self, now: datetime) -> "Days":
        """Return the last of them, as many as words are looked for in at once."""
        last = self.last or county_day(now)
        first = last - (SEARCHED_DAYS - 1) * A_DAY
        return Days(max(first, self.first or first), last)

    def before(self, searched: "Days", oldest: date | None) -> "Days | None":
        """Return what is left of them before those that were searched; None: nothing, or nothing is kept from then."""
        if searched.first is None or searched.first == self.first or (oldest and searched.first <= oldest):
            return None
        return Days(self.first, searched.first - A_DAY)


def midnight(day: date | None) -> datetime | None:
    """Return when a day of the county begins."""
    return datetime.combine(day, time(), COUNTY) if day else None


def days_of(
    first: Annotated[str, Query(alias="from", description="the first day; empty: no bound")] = "",
    last: Annotated[str, Query(alias="to", description="the last day; empty: no bound")] = "",
) -> Days:
    """Return the days that an address names; Invalid, which says what is wrong with which of them."""
    wrong: list[FieldError] = []
    days = Days(_day("from", first, wrong), _day("to", last, wrong))
    if days.first and days.last and days.last < days.first:
        wrong.append(FieldError("to", "lies before the first day"))
    if wrong:
        raise Invalid.of(*wrong)
    return days


def _day(field: str, given: str, wrong: list[FieldError]) -> date | None:
    try:
        day = date.fromisoformat(given.strip()) if given.strip() else None
        if day is None or day.year in YEARS:
            return day
    except ValueError:
        pass
    shown = given.strip()[:LONGEST_SHOWN]
    wrong.append(FieldError(field, Reason("{given} is no date such as 2026-01-31", given=shown)))
    return None
