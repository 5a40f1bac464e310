"""Time as an argument: whoever decides something is given a clock, so that tests can hold it still."""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

# A charger without a clock battery believes it is 1970, or the year it was made; one with a wrong zone is hours ahead. What is
# further away than somebody may have been offline was told by a clock that has never been set.
LONGEST_OFFLINE = timedelta(days=180)
TOLERATED_LEAD = timedelta(minutes=5)
COUNTY = ZoneInfo("Asia/Shanghai")
HALF_A_DAY = timedelta(hours=12) - timedelta(microseconds=1)


class Clock(Protocol):
    """Where the present comes from."""

    def now(self) -> datetime:
        """Return the present, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


def county_day(moment: datetime) -> date:
    """Return the county's date at an instant."""
    return moment.astimezone(COUNTY).date()


def first_day_from(moment: datetime) -> date:
    """Return the first of the county's days whose noon has not passed at an instant: a day is whose it is at its noon."""
    return county_day(moment + HALF_A_DAY)


def utc_text(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds and `Z`, which every OCPP station understands."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def effective_time(occurred_at: datetime, received_at: datetime, longest: timedelta = LONGEST_OFFLINE) -> datetime:
    """Return the charger's own time where it can be believed, else the time of receipt; so `longest` ago it can be."""
    if received_at - longest <= occurred_at <= received_at + TOLERATED_LEAD:
        return occurred_at
    return received_at
