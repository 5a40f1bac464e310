"""Where a person posts what charging at a station costs, where that is not what its site costs."""

import asyncpg

from charger_registry import store as registry
from charger_registry.drafts import PriceDraft, SourceDraft
from charger_registry.equipment.store import hold_site, station_file
from charger_registry.fees import store
from charger_registry.fees.posting import refuse_gaps
from charger_registry.provenance.store import note_fields, note_source
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.eventlog import publish


class FeeDesk:
    """Posts the fees of single stations."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    @whole
    async def post(
        self, who: Principal, site_id: str, station_id: str, price: PriceDraft | None, *, remote: str | None = None
    ) -> bool:
        """Let a station have fees of its own from now on, or (None) its site's again; whoever asks has been found within bounds.

        NotFound, Invalid; False: as before.
        """
        if price is not None:
            refuse_gaps(price)
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await hold_site(connection, site_id)
            await station_file(connection, site_id, station_id)
            held = store.price_of((await store.own_prices(connection, [station_id], now)).get(station_id))
            if held == price:
                return False
            await store.post_station_price(connection, site_id, station_id, price, who.subject, now)
            source_id = await note_source(connection, SourceDraft("person", who.name or who.subject, who.subject), now)
            await note_fields(connection, "station", [{"id": station_id, "price": True}], source_id)
            await audit.record(
                connection, at=now, actor=who.subject, action="post fees", subject=f"station {station_id}",
                before={"price": store.price_row(held)}, after={"price": store.price_row(price)}, remote=remote,
            )  # fmt: skip
            await publish(connection, registry.STREAM, await registry.site_files(connection, [site_id]))
        return True
