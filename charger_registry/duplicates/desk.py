"""Where somebody says of two sites that they are one, or that they are not."""

from typing import Literal

import asyncpg

from charger_registry import store as registry
from charger_registry.duplicates import store
from charger_registry.duplicates.carrying import carry
from charger_registry.ledger.unmanaged.store import end_findings
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.errors import Conflict, Invalid
from youguan.eventlog import publish
from youguan.events import Event, SiteRetired

Stations = Literal["same", "move"]


class DuplicateDesk:
    """Merges sites and tells them apart."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    @whole
    async def tell_apart(
        self, who: Principal, pair: tuple[str, str], reason: str, *, remote: str | None = None
    ) -> None:
        """Note that two sites are two: they are never proposed again. Conflict where somebody has decided already."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await store.get_pair(connection, *pair, who.scope)
            await self._decide(connection, pair, "different", who, reason)
            await audit.record(
                connection, at=now, actor=who.subject, action="tell sites apart", subject=f"sites {pair[0]}, {pair[1]}",
                after={"reason": reason}, remote=remote,
            )  # fmt: skip

    @whole
    async def merge(
        self,
        who: Principal,
        pair: tuple[str, str],
        kept: str,
        stations: Stations,
        reason: str,
        *,
        remote: str | None = None,
    ) -> None:
        """Let the other site of a pair become part of the one that is kept; photos, filings and roles go with it.

        `stations`: `same`: they were filed twice, the other's are retired; `move`: they stand beside those of the kept one.
        """
        if kept not in pair:
            raise Invalid.about("keep", "is none of the two")
        gone = pair[1] if kept == pair[0] else pair[0]
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await store.get_pair(connection, *pair, who.scope)
            await self._decide(connection, pair, "merged", who, reason)
            sites = await store.side_by_side(connection, pair)
            if any(site["retired_at"] is not None for site in sites.values()):
                raise Conflict("one of the sites is filed no longer")
            moved = [station["id"] for station in sites[gone]["stations"] or ()] if stations == "move" else []
            taken, retired = await store.merge(connection, kept, gone, moved, now)
            await end_findings(connection, [gone], now, "retired")
            carried, news = await carry(connection, kept, gone, moved, by=who.subject, reason=reason, now=now)
            await audit.record(
                connection, at=now, actor=who.subject, action="merge sites", subject=f"site {gone}",
                before={"site": gone, "name": sites[gone]["name"], "stations": [*moved, *retired]},
                after={
                    "merged_into": kept, "moved": moved, "retired": retired, "taken_over": taken, "reason": reason, **carried,
                },
                remote=remote,
            )  # fmt: skip
            # Moved stations are told under their new site before the old one is gone: nowhere are they missing meanwhile.
            events: list[Event] = await registry.site_files(connection, [kept])
            retirement = SiteRetired(site_id=gone, station_ids=tuple(retired))
            await publish(connection, registry.STREAM, [*events, *news, retirement])

    async def _decide(
        self, connection: asyncpg.Connection, pair: tuple[str, str], state: str, who: Principal, reason: str
    ) -> None:
        if not await store.decide(connection, pair, state, who.subject, reason, self._clock.now()):
            raise Conflict("somebody has decided about these two already")
