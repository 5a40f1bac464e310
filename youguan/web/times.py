"""Times as they come in and go out: aware and within reach, UTC with Z."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, PlainSerializer

from youguan.clock import utc_text

# Every zone's time of an instant between them is a date that Python and PostgreSQL know.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def _within_reach(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"must lie between the years {EARLIEST.year} and {LATEST.year}")
    return moment.astimezone(UTC)


GivenTime = Annotated[AwareDatetime, AfterValidator(_within_reach)]
UtcTime = Annotated[datetime, PlainSerializer(utc_text, return_type=str, when_used="json")]
