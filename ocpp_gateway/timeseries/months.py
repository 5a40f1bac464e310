"""Which months of a period are read from their sums instead of from their days. Pure."""

from datetime import date, timedelta

A_MONTH_AT_MOST = timedelta(days=31)


def whole_months(since: date, until: date, summed_until: date | None) -> tuple[date, date]:
    """Return [first, after) of the whole months in [since, until) that are summed, up to `summed_until`; (until, until): none."""
    first = since if since.day == 1 else month_after(since)
    after = min(until.replace(day=1), summed_until or since)
    return (first, after) if first < after else (until, until)


def month_after(day: date) -> date:
    """Return the first day of the month after that of a day."""
    return (day.replace(day=1) + A_MONTH_AT_MOST).replace(day=1)
