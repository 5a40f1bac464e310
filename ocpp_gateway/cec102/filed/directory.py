"""Our connectors by their T/CEC 102 codes, and who may own a platform, as the registry told it."""

from collections.abc import Sequence
from importlib.resources import files

import asyncpg

from ocpp_gateway.cec102.filed import store
from ocpp_gateway.cec102.profiles import Profiles, read_profiles
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import OrganisationFiled, SiteFiled, SiteRetired
from youguan.settings import Settings


def profiles_of(settings: Settings) -> Profiles:
    """Return the profiles that ship, or those of the file that the settings name; Invalid."""
    if settings.platform_profiles is not None:
        return read_profiles(settings.platform_profiles.read_text(encoding="utf-8"))
    return read_profiles(files("ocpp_gateway.cec102").joinpath("profiles.toml").read_text(encoding="utf-8"))


async def project(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
    """Take in what was filed."""
    for stored in batch:
        match stored.event:
            case SiteFiled() as filed:
                await store.file_codes(connection, filed)
            case SiteRetired(site_id=site_id):
                await store.retire_codes(connection, site_id)
            case OrganisationFiled() as filed:
                await store.file_organisation(connection, filed)


async def keep_sites(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
    """Keep sites' whole files."""
    for stored in batch:
        match stored.event:
            case SiteFiled() as filed:
                await store.file_site(connection, filed, stored.recorded_at)
            case SiteRetired(site_id=site_id):
                await store.retire_site(connection, site_id, stored.recorded_at)


def sites_consumer(pool: asyncpg.Pool) -> Consumer:
    """Return the projection of sites' files; apart from that of codes, so that it begins with the first event."""
    return Consumer(pool, "gateway.filed_sites", keep_sites, types=(SiteFiled, SiteRetired))


def consumer(pool: asyncpg.Pool) -> Consumer:
    """Return the projection of codes and of who may own a platform."""
    return Consumer(pool, "gateway.codes", project, types=(SiteFiled, SiteRetired, OrganisationFiled))
