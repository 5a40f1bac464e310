"""By when something is due. Pure."""

from datetime import date, datetime, timedelta

from youguan.clock import county_day


def due_on(opened_at: datetime, days: int) -> date:
    """Return the last day to mend: so many days after the county's day of opening."""
    return county_day(opened_at) + timedelta(days=days)
