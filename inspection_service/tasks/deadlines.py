"""By when something is due. Pure."""

from datetime import date, datetime

from youguan.clock import county_day
from youguan.working_days import add_calendar_days, add_working_days


def due_on(opened_at: datetime, days: int, severity: str) -> date:
    """Return the last day to mend, so many working days after the county's day of opening; danger waits for no holiday to end."""
    day = county_day(opened_at)
    if severity == "critical":
        return add_calendar_days(day, days, rolls_over=False)
    return add_working_days(day, days)
