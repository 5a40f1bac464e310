"""Which sites are passed on to whom: kept in memory by every worker, since a handshake cannot wait for a query."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from ocpp_gateway.relay import store
from youguan.database import patiently
from youguan.eventlog import Consumer, StoredEvent, follow, publish
from youguan.events import Event, SiteRelayChanged, SiteRetired, UpstreamBack

log = logging.getLogger(__name__)

TYPES = (SiteRelayChanged, SiteRetired)
CONSUMER = "gateway.relay"
STREAM = "gateway/jobs"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The central system of a site's operator. `judges`: it decides who connects; `may_send`: we may send commands."""

    site_id: str
    url: str
    judges: bool = False
    may_send: bool = False
    authority: str | None = None


class Upstreams:
    """The sites that are relayed, and where each station belongs."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        site_of: Callable[[str], str | None] = lambda station_id: None,
        on_change: Callable[[str], None] = lambda site_id: None,
    ) -> None:
        self._pool = pool
        self._site_of = site_of
        self._on_change = on_change
        self._sites: dict[str, Upstream] = {}

    def restore(self, sites: Iterable[Upstream]) -> None:
        """Take sites as they were known last, until what holds now is loaded."""
        self._sites = {upstream.site_id: upstream for upstream in sites}

    def all(self) -> list[Upstream]:
        """Return the sites that are passed on, by id."""
        return [upstream for _, upstream in sorted(self._sites.items())]

    def any(self) -> bool:
        """Say whether there is anything to relay."""
        return bool(self._sites)

    def of(self, station_id: str) -> Upstream | None:
        """Return where a station is passed on to; None: it is connected to us alone."""
        return self.at(self._site_of(station_id))

    def at(self, site_id: str | None) -> Upstream | None:
        """Return where the stations of a site are passed on to; None: nowhere, or there is no such site."""
        return self._sites.get(site_id) if site_id is not None else None

    async def keep(self, loaded: asyncio.Event) -> None:
        """Load what the projection holds, say so, then follow from that very point."""
        rows, positions = await patiently(self._pool, lambda c: store.load_sites(c, CONSUMER))
        before, self._sites = self._sites, {row["site_id"]: _upstream(row) for row in rows}
        loaded.set()
        for site_id in before:
            if before[site_id] != self._sites.get(site_id):
                self._on_change(site_id)
        log.info("relay: %d sites are passed on", len(self._sites))
        async for batch in follow(self._pool, TYPES, positions):
            for stored in batch:
                self.apply(stored.event)

    def apply(self, event: Event) -> None:
        """Take in one event; connections that are no longer as they should be are made anew."""
        match event:
            case SiteRelayChanged(site_id=site_id):
                before = self._sites.pop(site_id, None)
                if event.upstream_url is not None:
                    self._sites[site_id] = Upstream(
                        site_id, event.upstream_url, event.admission == "upstream", event.may_send, event.authority
                    )
                if before != self._sites.get(site_id):
                    self._on_change(site_id)
            case SiteRetired(site_id=site_id):
                if self._sites.pop(site_id, None) is not None:
                    self._on_change(site_id)


def _upstream(row: Mapping[str, Any]) -> Upstream:
    judges = row["admission"] == "upstream"
    return Upstream(row["site_id"], row["upstream_url"], judges, row["may_send"], row["authority"])


async def project(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
    """Bring the table up to date; a site that is passed on elsewhere, or no longer, has no upstream that is away."""
    back: list[Event] = []
    for stored in batch:
        match stored.event:
            case SiteRelayChanged(site_id=site_id) as changed:
                if await store.upstream_url(connection, site_id) != changed.upstream_url and (
                    await store.forget_upstream(connection, site_id)
                ):
                    back.append(UpstreamBack(site_id=site_id, at=changed.at))
                if changed.upstream_url is None:
                    await store.end_site(connection, site_id)
                else:
                    await store.set_site(connection, changed)
            case SiteRetired(site_id=site_id):
                await store.forget_upstream(connection, site_id)
                await store.end_site(connection, site_id)
    await publish(connection, STREAM, back)


def consumer(pool: asyncpg.Pool) -> Consumer:
    """Return the projection of what the registry says about relayed sites."""
    return Consumer(pool, CONSUMER, project, types=TYPES)
