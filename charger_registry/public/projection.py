"""Keeps what the map and the dashboard show, from what all services publish."""

from collections.abc import Sequence

import asyncpg

from charger_registry.open_data.publishing import store as publishing
from charger_registry.open_data.publishing.projection import publish_changes
from charger_registry.public import store
from youguan.clock import Clock, SystemClock
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import (
    AlertRaised,
    AlertResolved,
    ConnectorStatusChanged,
    Event,
    FilingMoved,
    OrganisationFiled,
    ResponsibilitiesChanged,
    SiteFiled,
    SiteManaged,
    SiteRetired,
    SiteUnmanaged,
    StationOffline,
    StationOnline,
    TaskMoved,
    TaskOpened,
)

TYPES = (
    AlertRaised,
    AlertResolved,
    ConnectorStatusChanged,
    FilingMoved,
    OrganisationFiled,
    ResponsibilitiesChanged,
    SiteFiled,
    SiteManaged,
    SiteRetired,
    SiteUnmanaged,
    StationOffline,
    StationOnline,
    TaskMoved,
    TaskOpened,
)


async def project(connection: asyncpg.Connection, batch: Sequence[StoredEvent], clock: Clock) -> None:
    """Take in a batch, publish what has changed, and count the sites that it touches again."""
    events = [stored.event for stored in batch]
    changes = [event for event in events if isinstance(event, ConnectorStatusChanged)]
    if changes:
        await store.write_connectors(connection, changes)
    stations = {change.station_id for change in changes}
    sites: set[str] = set()
    for event in events:
        station, site = await _apply(connection, event)
        stations |= station
        sites |= site
    filed = {event.organisation_id for event in events if isinstance(event, OrganisationFiled)}
    files = sites | (await publishing.sites_of_organisations(connection, filed) if filed else set())
    if stations:
        sites |= await store.sites_of(connection, stations)
    # In this order, as `keep_published` does: each waits for the other's locks, and the other way about both would.
    await publish_changes(connection, files, stations, clock)
    await store.refresh_sites(connection, sites)


async def _apply(connection: asyncpg.Connection, event: Event) -> tuple[set[str], set[str]]:
    """Take in one event; return the stations and the sites that it touches."""
    match event:
        case StationOnline():
            await store.write_station(connection, event.station_id, "online", event.at)
            return {event.station_id}, set()
        case StationOffline():
            await store.write_station(connection, event.station_id, "offline", event.last_seen_at)
            return {event.station_id}, set()
        case SiteFiled():
            await store.follow_stations(connection, event.site_id, [station.station_id for station in event.stations])
            return set(), {event.site_id}
        case SiteManaged() | SiteUnmanaged() | SiteRetired() | ResponsibilitiesChanged():
            return set(), {event.site_id}
        case FilingMoved(site_id=str(site_id)):
            return set(), {site_id}
        case AlertRaised(alert_id=id_, rule=rule):
            await store.open_matter(
                connection, ("alert", id_, rule, event.site_id, event.station_id, event.since, None)
            )
        case TaskOpened(task_id=id_, cause=cause):
            where = (event.site_id, event.station_id)
            await store.open_matter(connection, ("task", id_, cause, *where, event.at, event.due_on))
        case AlertResolved(alert_id=id_):
            await store.close_matter(connection, "alert", id_)
        case TaskMoved(task_id=id_, state="closed"):
            await store.close_matter(connection, "task", id_)
    return set(), set()


def consumer(pool: asyncpg.Pool, clock: Clock = SystemClock()) -> Consumer:
    """Return the projection."""

    async def handle(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        await project(connection, batch, clock)

    return Consumer(pool, "registry.live", handle, types=TYPES)
