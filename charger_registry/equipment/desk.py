"""Where a person changes what the public is told of a site: hours, telephone, parking, fees."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import asyncpg

from charger_registry import store as registry
from charger_registry.drafts import PriceDraft, SourceDraft, StationDraft
from charger_registry.equipment import store
from charger_registry.equipment.store import price_of
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.errors import FieldError, Invalid, Reason
from youguan.eventlog import publish

CHANGEABLE = (
    "opening_hours", "help_phone", "site_phone", "parking", "parking_rules", "guide", "bays", "accessible_bays", "renewable",
    "usage", "construction",
)  # fmt: skip
MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did: field → (before, after), and whether other fees are posted."""

    fields: dict[str, tuple[Any, Any]]
    price: bool


class SiteDesk:
    """Changes sites' public facts."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def write_station(
        self, who: Principal, site_id: str, draft: StationDraft, *, remote: str | None = None
    ) -> bool:
        """Let a station's file say what a person writes; whoever asks has been found within bounds. NotFound; False: as before."""
        now = self._clock.now()
        source = SourceDraft("person", who.name or who.subject, who.subject)
        async with self._pool.acquire() as connection, connection.transaction():
            await store.hold_site(connection, site_id)
            before = await store.station_file(connection, site_id, draft.id)
            if _ordered(before) == _ordered(draft):
                return False
            await store.write_station(connection, site_id, draft, source, now)
            await audit.record(
                connection, at=now, actor=who.subject, action="change station", subject=f"station {draft.id}",
                before=asdict(before), after=asdict(draft), remote=remote,
            )  # fmt: skip
            await publish(connection, registry.STREAM, await registry.site_files(connection, [site_id]))
        return True

    async def change(
        self,
        who: Principal,
        site_id: str,
        members: dict[str, Any],
        price: PriceDraft | None,
        *,
        remote: str | None = None,
    ) -> Changed:
        """Set fields of a site (None clears one) and post fees; whoever asks has been found within bounds. NotFound, Invalid."""
        if price is not None:
            refuse_gaps(price)
        now = self._clock.now()
        source = SourceDraft("person", who.name or who.subject, who.subject)
        async with self._pool.acquire() as connection, connection.transaction():
            before = await store.hold_site(connection, site_id)
            news = {name: value for name, value in members.items() if before[name] != value}
            held = next(iter(await store.prices(connection, [site_id], now)), None)
            posts = price is not None and price_of(held) != price
            if not news and not posts:
                return Changed({}, price=False)
            if news:
                await store.change_site(connection, site_id, news, source, now)
            if posts and price is not None:
                await store.post_prices(connection, [(site_id, price)], who.subject, now)
            was = {name: before[name] for name in news} | ({"price": _said(price_of(held))} if posts else {})
            becomes = dict(news) | ({"price": _said(price)} if posts else {})
            await audit.record(
                connection, at=now, actor=who.subject, action="change site", subject=f"site {site_id}", before=was,
                after=becomes, remote=remote,
            )  # fmt: skip
            await publish(connection, registry.STREAM, await registry.site_files(connection, [site_id]))
        return Changed({name: (before[name], value) for name, value in news.items()}, price=posts)


def _ordered(draft: StationDraft) -> StationDraft:
    """Return a station with its connectors and meters by number."""
    files = sorted(draft.connector_files, key=lambda connector: connector.connector)
    return replace(
        draft, connector_files=tuple(files), meters=tuple(sorted(draft.meters, key=lambda meter: meter.connector))
    )


def _said(price: PriceDraft | None) -> dict[str, Any] | None:
    return None if price is None else store.price_row(price)


def refuse_gaps(price: PriceDraft) -> None:
    """Refuse bands that overlap or leave a part of the day without a fee; Invalid."""
    reached = 0
    for number, band in enumerate(sorted(price.bands, key=lambda band: band.begin), 1):
        begin, end = _minutes(band.begin), _minutes(band.end)
        if begin != reached or end <= begin:
            until = f"{reached // 60:02d}:{reached % 60:02d}"
            wrong = Reason(
                "band {number} begins at {begin}, but the one before ends at {until}",
                number=number,
                begin=band.begin,
                until=until,
            )
            raise Invalid.of(FieldError("bands", wrong))
        reached = end
    if price.bands and reached != MINUTES_A_DAY:
        until = f"{reached // 60:02d}:{reached % 60:02d}"
        raise Invalid.of(FieldError("bands", Reason("the last band ends at {until}, not at 24:00", until=until)))


def sorted_bands(price: PriceDraft) -> PriceDraft:
    """Return fees with their bands in the order of the day."""
    return replace(price, bands=tuple(sorted(price.bands, key=lambda band: band.begin)))


def _minutes(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)
