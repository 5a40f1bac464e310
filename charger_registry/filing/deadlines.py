"""By when something about a filing is due. Pure; working days, the day itself does not count."""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from youguan.working_days import add_working_days, working_days_between

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things may take, as the table `filing_term` has it: working days, but the grace period in months."""

    answer: int
    decision: int
    supplement: int
    promise: int
    lapse: int
    grace: int
    unsupplied: int
    restore: int


def days_left(due_on: date, today: date) -> int:
    """Return how many working days a deadline has left; negative where it has passed."""
    return working_days_between(today, due_on)


def resumed(today: date, left: int) -> date:
    """Return the deadline that goes on today after it stood still with so many days left; late stays late."""
    return add_working_days(today, left) if left >= 0 else today - DAY


def lapses_on(
    promised_for: date, told_on: date | None, terms: Terms, looked_at: Iterable[tuple[date, date]] = ()
) -> date:
    """Return the last day on which a paper may still come that was promised for a day: so long after its holder was told, and
    what of that the authority `looked_at` papers that it refused.
    """
    begins = max(promised_for, told_on or promised_for)
    return later(begins, add_working_days(begins, terms.lapse), looked_at)


def later(begins: date, last_day: date, looked_at: Iterable[tuple[date, date]]) -> date:
    """Return the last day of a term that stood still while papers that came before it were looked at, from a day to a day, and
    refused; what was looked at before it `begins` takes nothing of it.
    """
    until = begins
    for came, judged in sorted(looked_at):
        begins = max(came, until)
        if begins <= last_day and judged > begins:
            last_day = add_working_days(last_day, working_days_between(begins, judged))
        until = max(until, judged)
    return last_day


def add_months(day: date, months: int) -> date:
    """Return the same day some months later, or the last day of a month that has no such day."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
