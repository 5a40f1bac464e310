"""Times as they come in and go out: aware and within reach, UTC with Z."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, PlainSerializer

from youguan.clock import COUNTY, utc_text
from youguan.errors import Invalid, Reason

# Every zone's time of an instant between them is a date that Python and PostgreSQL know.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def within_reach(moment: datetime) -> datetime:
    """Return a moment in UTC; ValueError where the calendar or the database ends before it."""
    if not EARLIEST <= moment < LATEST:
        raise ValueError(Reason("must lie between the years {first} and {last}", first=EARLIEST.year, last=LATEST.year))
    return moment.astimezone(UTC)


def local_moment(name: str, text: str) -> datetime | None:
    """Return the instant that a form's `datetime-local` says in the county's time; None where it is empty. Invalid."""
    if not text.strip():
        return None
    try:
        return within_reach(datetime.fromisoformat(text).replace(tzinfo=COUNTY))
    except ValueError:
        raise Invalid.about(name, "is no time") from None


GivenTime = Annotated[AwareDatetime, AfterValidator(within_reach)]
UtcTime = Annotated[datetime, PlainSerializer(utc_text, return_type=str, when_used="json")]
