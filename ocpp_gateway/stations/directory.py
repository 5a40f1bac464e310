"""Which stations the registry knows: kept in memory by every worker, since a handshake cannot wait for a query."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

import asyncpg

from ocpp_gateway.stations import store
from ocpp_gateway.stations.registration import Registration
from youguan.database import patiently
from youguan.eventlog import Consumer, StoredEvent, follow, publish
from youguan.events import Event, SiteFiled, SiteRetired, StationReadmitted, StationRejected

log = logging.getLogger(__name__)

TYPES = (SiteFiled, SiteRetired, StationReadmitted, StationRejected)
CONSUMER = "gateway.directory"
STREAM = "gateway/jobs"


class Directory:
    """The stations that are filed, by id, and those that are rejected; `on_move` is told: station, site before, site now."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        on_move: Callable[[str, str | None, str | None], None] = lambda station_id, before, now: None,
    ) -> None:
        self._pool = pool
        self._on_move = on_move
        self._sites: dict[str, str] = {}  # station → site
        self._stations: dict[str, set[str]] = {}  # site → stations
        self._rejected: set[str] = set()

    def knows(self, station_id: str) -> bool:
        return station_id in self._sites

    def unfiled(self, station_id: str) -> Registration:
        """Return what a station is that is not filed."""
        return Registration.REJECTED if station_id in self._rejected else Registration.PENDING

    def site_of(self, station_id: str) -> str | None:
        """Return the site that a station is filed at."""
        return self._sites.get(station_id)

    def stations_of(self, site_id: str) -> frozenset[str]:
        """Return the stations of a site; one that is filed at another since is that one's."""
        return frozenset(one for one in self._stations.get(site_id, ()) if self._sites.get(one) == site_id)

    def knows_site(self, site_id: str) -> bool:
        return site_id in self._stations

    async def keep(self, loaded: asyncio.Event) -> None:
        """Load what the projection holds, say so, then follow the registry's events from that very point."""
        sites, rejected, positions = await patiently(self._pool, lambda c: store.load_directory(c, CONSUMER))
        self._take(sites, rejected)
        loaded.set()
        log.info("directory: %d stations are filed", len(self._sites))
        async for batch in follow(self._pool, TYPES, positions):
            for stored in batch:
                self.apply(stored.event)

    def restore(self, sites: Mapping[str, str]) -> None:
        """Take stations with their sites as they were known last, until what holds now is loaded."""
        self._take(dict(sites), set())

    def _take(self, sites: dict[str, str], rejected: set[str]) -> None:
        before, self._sites, self._rejected, self._stations = self._sites, sites, rejected, {}
        for station_id, site_id in sites.items():
            self._stations.setdefault(site_id, set()).add(station_id)
        self._tell({station_id: before.get(station_id) for station_id in before.keys() | sites.keys()})

    def _tell(self, before: Mapping[str, str | None]) -> None:
        for station_id, site_id in before.items():
            if self._sites.get(station_id) != site_id:
                self._on_move(station_id, site_id, self._sites.get(station_id))

    def apply(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case SiteFiled():
                now = {station.station_id for station in event.stations}
                had = self._stations.get(event.site_id, set())
                before = {station_id: self._sites.get(station_id) for station_id in had | now}
                self._drop(had - now, event.site_id)
                self._stations[event.site_id] = now
                self._sites.update(dict.fromkeys(now, event.site_id))
                self._rejected -= now
                self._tell(before)
            case SiteRetired():
                had = self._stations.pop(event.site_id, set())
                before = {station_id: self._sites.get(station_id) for station_id in had}
                self._drop(had, event.site_id)
                self._tell(before)
            case StationRejected():
                self._rejected.add(event.station_id)
            case StationReadmitted():
                self._rejected.discard(event.station_id)

    def _drop(self, station_ids: set[str], site_id: str) -> None:
        for station_id in station_ids:
            if self._sites.get(station_id) == site_id:
                del self._sites[station_id]


async def project(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
    """Bring the directory's table up to date; of stations that are filed anew it is told again how they are.

    What was wrong with them ceased to be anybody's when they were filed no longer, and what is wrong with a connector was
    nobody's before it was filed; they may have nothing else to say.
    """
    news: list[Event] = []
    for stored in batch:
        match stored.event:
            case SiteFiled() as filed:
                anew = await store.file_site(connection, filed, stored.recorded_at)
                news += await store.how_they_are(connection, anew, stored.recorded_at)
            case SiteRetired() as retired:
                await store.retire_site(connection, retired.site_id, stored.recorded_at)
            case StationRejected() as rejected:
                await store.reject_station(connection, rejected)
            case StationReadmitted() as readmitted:
                await store.readmit_station(connection, readmitted.station_id)
    await publish(connection, STREAM, news)


def consumer(pool: asyncpg.Pool) -> Consumer:
    """Return the projection of the registry's files."""
    return Consumer(pool, CONSUMER, project, types=TYPES)
