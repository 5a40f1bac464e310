"""By when something is due. Pure."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

COUNTY = ZoneInfo("Asia/Shanghai")


def due_on(opened_at: datetime, days: int) -> date:
    """Return the last day to mend: so many days after the county's day of opening."""
    return opened_at.astimezone(COUNTY).date() + timedelta(days=days)
