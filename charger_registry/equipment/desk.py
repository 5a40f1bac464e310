"""Where a person changes what the public is told of a site: hours, telephone, parking, fees."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import asyncpg

from charger_registry import store as registry
from charger_registry.drafts import PriceDraft, SourceDraft, StationDraft
from charger_registry.duplicates import store as duplicates
from charger_registry.equipment import store
from charger_registry.equipment.taking_in.store import write_station
from charger_registry.fees import store as fees
from charger_registry.fees.posting import refuse_gaps
from charger_registry.open_data.published import moves_public
from charger_registry.provenance.store import note_fields, note_source
from youguan import audit
from youguan.auth import REGULATOR, Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.errors import Forbidden
from youguan.eventlog import publish


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

    @whole
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
            await write_station(connection, site_id, draft, source, now)
            await duplicates.propose(connection, [site_id], now)
            await audit.record(
                connection, at=now, actor=who.subject, action="change station", subject=f"station {draft.id}",
                before=asdict(before), after=asdict(draft), remote=remote,
            )  # fmt: skip
            await publish(connection, registry.STREAM, await registry.site_files(connection, [site_id]))
        return True

    @whole
    async def change(
        self,
        who: Principal,
        site_id: str,
        members: dict[str, Any],
        price: PriceDraft | None,
        *,
        remote: str | None = None,
    ) -> Changed:
        """Set fields of a site (None clears one) and post fees; whoever asks has been found within bounds.

        NotFound, Invalid; Forbidden where another than the authority would take a site from the public, or open it.
        """
        if price is not None:
            refuse_gaps(price)
        now = self._clock.now()
        source = SourceDraft("person", who.name or who.subject, who.subject)
        async with self._pool.acquire() as connection, connection.transaction():
            before = await store.hold_site(connection, site_id)
            news = {name: value for name, value in members.items() if before[name] != value}
            held = fees.price_of(await fees.site_price(connection, site_id, now))
            posts = price is not None and held != price
            if "usage" in news and not who.has(REGULATOR) and moves_public(before["usage"], news["usage"]):
                raise Forbidden("whether a site is for the public is decided by the authority: ask it to change usage")
            if not news and not posts:
                return Changed({}, price=False)
            source_id = await note_source(connection, source, now)
            if news:
                await store.change_site(connection, site_id, news, source_id, now)
            if posts and price is not None:
                await fees.post_prices(connection, [(site_id, price)], who.subject, now)
                await note_fields(connection, "site", [{"id": site_id, "price": True}], source_id)
            was = {name: before[name] for name in news} | ({"price": fees.price_row(held)} if posts else {})
            becomes = dict(news) | ({"price": fees.price_row(price)} if posts else {})
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
