"""How long each time series is kept. Pure."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from youguan.settings import Settings


class Series(NamedTuple):
    """A time series; `by_receipt`: what was received since stays, however far back a charger's clock has put it."""

    name: str
    by_receipt: bool = False


SERIES = (
    Series("raw_frame"),
    Series("notification"),
    Series("connectivity_change"),
    Series("status_change", by_receipt=True),
    Series("meter_sample", by_receipt=True),
    Series("sensor_reading", by_receipt=True),
)


def kept_since(settings: Settings, now: datetime) -> Mapping[str, datetime]:
    """Return since when each series is kept."""
    return {series.name: now - timedelta(days=getattr(settings, f"{series.name}_retention_days")) for series in SERIES}


def countable(settings: Settings) -> timedelta:
    """Return how far back a day can be counted again: all that it is counted from is still there, and so are its neighbours."""
    days = min(
        settings.status_change_retention_days,
        settings.connectivity_change_retention_days,
        settings.connector_day_retention_days,
        settings.transaction_retention_days,
    )
    return timedelta(days=days)


def days_kept_since(settings: Settings, today: date) -> date:
    """Return since when days are kept: from the first of a month on, so that no month's sums lack a part of their days."""
    return (today - timedelta(days=settings.connector_day_retention_days)).replace(day=1)
