"""Fees as they are posted: bands that fill the day, or words. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Protocol, TypeVar

from pydantic import BaseModel, Field

from charger_registry.drafts import PriceBand, PriceDraft
from youguan.clock import COUNTY
from youguan.errors import Invalid, Reason

MINUTES_A_DAY = 24 * 60
Amount = Annotated[str, Field(pattern=r"^\d{1,4}(\.\d{1,4})?$", description="decimal text")]


class BandIn(BaseModel):
    """From `begin` to `end` of a day, amounts a kWh."""

    begin: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    end: str = Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")
    energy_per_kwh: Amount | None = None
    service_per_kwh: Amount | None = None


class PriceIn(BaseModel):
    """The fees that the public is shown: bands that fill the day, or words."""

    bands: list[BandIn] = Field(default_factory=list, max_length=48)
    energy_text: str | None = Field(default=None, max_length=500)
    service_text: str | None = Field(default=None, max_length=500)
    parking_text: str | None = Field(default=None, max_length=500)
    idle_text: str | None = Field(default=None, max_length=500)
    currency: str = Field(default="CNY", pattern=r"^[A-Z]{3}$")


def draft_of(price: PriceIn) -> PriceDraft:
    """Return fees as drafts have them, amounts with four places."""
    bands = (
        PriceBand(band.begin, band.end, _places(band.energy_per_kwh), _places(band.service_per_kwh))
        for band in price.bands
    )
    texts = price.model_dump(exclude={"bands"})
    return sorted_bands(PriceDraft(bands=tuple(bands), **texts))


def _places(amount: str | None) -> str | None:
    return None if amount is None else f"{float(amount):.4f}"


def refuse_gaps(price: PriceDraft) -> None:
    """Refuse bands that overlap or leave a part of the day without a fee; Invalid."""
    reached = 0
    for number, band in enumerate(sorted(price.bands, key=lambda band: band.begin), 1):
        begin, end = _minutes(band.begin), _minutes(band.end)
        if begin != reached or end <= begin:
            wrong = Reason(
                "band {number} begins at {begin}, but the one before ends at {until}",
                number=number,
                begin=band.begin,
                until=_clock(reached),
            )
            raise Invalid.about("bands", wrong)
        reached = end
    if price.bands and reached != MINUTES_A_DAY:
        wrong = Reason("the last band ends at {until}, not at 24:00", until=_clock(reached))
        raise Invalid.about("bands", wrong)


def sorted_bands(price: PriceDraft) -> PriceDraft:
    """Return fees with their bands in the order of the day."""
    return replace(price, bands=tuple(sorted(price.bands, key=lambda band: band.begin)))


def _minutes(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


class Span(Protocol):
    """A part of the day, from `begin` to `end`, both `HH:MM` of the county's time; `24:00` is midnight."""

    @property
    def begin(self) -> str: ...

    @property
    def end(self) -> str: ...


Band = TypeVar("Band", bound=Span)


def band_at(bands: Iterable[Band], at: datetime) -> Band | None:
    """Return the band of the day in which an instant lies, or None."""
    clock = f"{at.astimezone(COUNTY):%H:%M}"
    return next((band for band in bands if band.begin <= clock < band.end), None)
