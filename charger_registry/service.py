"""The registry, composed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import asyncpg
from fastapi import FastAPI

from charger_registry import store
from charger_registry.api import registry_api
from charger_registry.credentials.api import add_credentials, add_quarantine
from charger_registry.credentials.desk import KeyDesk
from charger_registry.credentials.pages import credential_pages, quarantine_pages
from charger_registry.credentials.quarantine import Quarantine
from charger_registry.divisions.api import add_boundaries, add_divisions
from charger_registry.divisions.border_desk import BorderDesk
from charger_registry.divisions.desk import DivisionDesk
from charger_registry.divisions.pages import division_pages
from charger_registry.duplicates.api import add_duplicates
from charger_registry.duplicates.desk import DuplicateDesk
from charger_registry.duplicates.pages import duplicate_pages
from charger_registry.equipment.api import PHOTOS, add_equipment, add_photos, add_station_files
from charger_registry.equipment.desk import SiteDesk
from charger_registry.equipment.pages import equipment_pages
from charger_registry.equipment.photos import PhotoDesk
from charger_registry.equipment.rereading import keep_hours_read
from charger_registry.equipment.station_pages import station_file_pages
from charger_registry.equipment.watch import watch_meters
from charger_registry.fees.api import add_site_fees, add_station_fees
from charger_registry.fees.desk import FeeDesk
from charger_registry.fees.pages import fee_pages
from charger_registry.filing.api import DOCUMENTS, add_filings
from charger_registry.filing.desk import FilingDesk
from charger_registry.filing.pages import filing_pages
from charger_registry.filing.rule_api import add_filing_rules
from charger_registry.filing.rule_desk import RuleDesk
from charger_registry.filing.rule_pages import filing_rule_pages
from charger_registry.filing.watch import watch_filings
from charger_registry.imports.api import add_imports
from charger_registry.imports.desk import ImportDesk
from charger_registry.imports.pages import import_pages
from charger_registry.ledger import store as ledger
from charger_registry.ledger.api import add_ledger
from charger_registry.ledger.desk import LedgerDesk
from charger_registry.ledger.handovers.api import add_handovers
from charger_registry.ledger.handovers.desk import HandoverDesk
from charger_registry.ledger.handovers.pages import handover_pages
from charger_registry.ledger.pages import ledger_pages
from charger_registry.ledger.unmanaged import projection as asked_tasks
from charger_registry.ledger.unmanaged.api import add_unmanaged
from charger_registry.ledger.unmanaged.desk import UnmanagedDesk
from charger_registry.ledger.unmanaged.pages import unmanaged_pages
from charger_registry.login import TEMPLATES, Login, login_api, login_pages
from charger_registry.open_data.api import add_open_data
from charger_registry.open_data.downloads import Downloads
from charger_registry.open_data.ocpi_api import ocpi_api
from charger_registry.open_data.pages import open_data_pages, token_pages
from charger_registry.open_data.projection import keep_published
from charger_registry.open_data.token_api import add_ocpi_tokens
from charger_registry.open_data.tokens import TokenDesk
from charger_registry.pages import registry_pages
from charger_registry.people.account_api import add_delegations, add_second_factor
from charger_registry.people.account_pages import Account, account_pages
from charger_registry.people.api import add_organisations, add_people, add_trail
from charger_registry.people.delegation import Delegations
from charger_registry.people.desk import PeopleDesk
from charger_registry.people.key_api import add_keys
from charger_registry.people.key_pages import key_pages
from charger_registry.people.keys import MachineKeyDesk
from charger_registry.people.organisation_pages import organisation_pages
from charger_registry.people.organisations import OrganisationDesk
from charger_registry.people.pages import people_pages
from charger_registry.people.passwords import Passwords
from charger_registry.people.provider_pages import provider_pages
from charger_registry.people.providers import ProviderClient, read_providers
from charger_registry.people.second_factor import SecondFactors
from charger_registry.public import projection
from charger_registry.public.live import Picture
from charger_registry.public.pages import public_api, public_pages
from charger_registry.relay.address import Place
from charger_registry.relay.api import add_relay
from charger_registry.relay.desk import RelayDesk
from charger_registry.relay.pages import relay_pages
from youguan import audit_heads, bounds
from youguan.audit_heads import HeadFile
from youguan.clock import Clock
from youguan.database import create_pool
from youguan.documents import Shelf
from youguan.eventlog import publish
from youguan.parts import Job, Parts
from youguan.settings import Settings
from youguan.web.templates import Templates

MANAGEMENT_WATCH_S = 20.0


def _add_places(
    api: FastAPI, pool: asyncpg.Pool, sites: SiteDesk, fees: FeeDesk, photos: PhotoDesk, clock: Clock
) -> None:
    """Add what the public is told of sites, and who may say it."""
    add_equipment(api, pool, sites, clock)
    add_site_fees(api, pool, sites, clock)
    add_station_fees(api, pool, fees, clock)
    add_station_files(api, pool, sites)
    add_photos(api, pool, photos)


@asynccontextmanager
async def compose(settings: Settings, clock: Clock) -> AsyncIterator[Parts]:
    """Put the registry together."""
    about = {"publisher": settings.publisher, "licence": settings.licence, "licence_url": settings.licence_url}
    async with await create_pool(settings.dsn_for("registry")) as pool, Downloads(pool, clock, about) as downloads:
        templates = Templates(TEMPLATES)
        passwords = Passwords()
        desk, organisations = PeopleDesk(pool, passwords, clock), OrganisationDesk(pool, clock)
        factors, delegations = SecondFactors(pool, clock, settings.login_secret), Delegations(pool, clock)
        login = Login(pool, settings, clock, passwords, factors)
        vouching = ProviderClient(read_providers(settings.login_providers))
        providers = tuple(vouching.providers.values())
        entrance = login_api(login, desk)
        add_second_factor(entrance, factors)
        add_delegations(entrance, delegations, login)
        picture = Picture(pool)
        keys = KeyDesk(pool, clock, settings.station_key_secret, timedelta(seconds=settings.station_key_grace_s))
        api = registry_api(pool, clock)
        responsibility = LedgerDesk(pool, clock)
        add_ledger(api, pool, responsibility, clock)
        handovers, unmanaged = HandoverDesk(pool, clock), UnmanagedDesk(pool, clock)
        add_handovers(api, pool, handovers)
        add_unmanaged(api, pool, unmanaged)
        add_credentials(api, pool, keys, clock)
        quarantine = Quarantine(pool, clock)
        add_quarantine(api, pool, quarantine)
        tokens = TokenDesk(pool, clock)
        add_ocpi_tokens(api, pool, tokens)
        open_to_all = public_api(picture)
        add_open_data(open_to_all, pool, downloads, clock)
        add_people(api, desk)
        add_organisations(api, organisations)
        add_trail(api, desk)
        machine_keys = MachineKeyDesk(pool, clock)
        add_keys(api, machine_keys, clock)
        shelf = Shelf(settings, "registry")
        filings, photos, filing_rules = (
            FilingDesk(pool, clock, shelf),
            PhotoDesk(pool, clock, shelf),
            RuleDesk(pool, clock),
        )
        add_filings(api, pool, filings, clock)
        add_filing_rules(api, filing_rules, clock)
        relay = RelayDesk(pool, clock, own_places(settings), loopback=settings.demo)
        add_relay(api, pool, relay)
        imports, borders, duplicates = ImportDesk(pool, clock), BorderDesk(pool, clock), DuplicateDesk(pool, clock)
        divisions, sites, fees = DivisionDesk(pool, clock), SiteDesk(pool, clock), FeeDesk(pool, clock)
        _add_places(api, pool, sites, fees, photos, clock)
        add_imports(api, pool, imports)
        add_divisions(api, pool, divisions)
        add_boundaries(api, pool, borders)
        add_duplicates(api, pool, duplicates)

        async def ready() -> str | None:
            return None if picture.loaded else "the map is not loaded yet"

        yield Parts(
            name="registry",
            apis={
                "/api/registry": api,
                "/api/public": open_to_all,
                "/api/auth": entrance,
                "/api/ocpi": ocpi_api(pool, tokens, settings, clock),
            },
            pages=[
                registry_pages(pool, templates, clock),
                ledger_pages(pool, responsibility, templates, clock),
                handover_pages(pool, handovers, templates, clock),
                login_pages(login, desk, templates, settings, providers),
                provider_pages(login, vouching, templates, settings, clock),
                account_pages(Account(login, factors, delegations, templates, providers), settings),
                people_pages(desk, templates),
                organisation_pages(organisations, templates, clock),
                key_pages(machine_keys, templates, clock),
                unmanaged_pages(pool, unmanaged, templates, clock),
                credential_pages(pool, keys, templates, clock),
                quarantine_pages(pool, quarantine, templates),
                filing_pages(pool, filings, templates, clock),
                filing_rule_pages(filing_rules, templates, clock),
                relay_pages(pool, relay, templates, clock),
                equipment_pages(pool, sites, photos, templates, settings, clock),
                station_file_pages(pool, sites, templates, clock),
                fee_pages(pool, fees, templates, clock),
                import_pages(pool, imports, templates),
                division_pages(pool, divisions, borders, templates),
                duplicate_pages(pool, duplicates, templates),
                public_pages(pool, picture, templates, clock),
                open_data_pages(pool, templates, settings),
                token_pages(pool, tokens, templates),
            ],
            jobs=[
                Job("registry.management_watch", lambda: watch_management(pool, clock)),
                Job("registry.handover_watch", lambda: watch_handovers(handovers)),
                Job("registry.audit_heads", lambda: audit_heads.keep(pool, HeadFile(settings.data_dir), clock)),
                Job("registry.open_data", lambda: keep_published(pool, clock)),
                Job("registry.filing_watch", lambda: watch_filings(pool, clock)),
                Job("registry.meter_watch", lambda: watch_meters(pool, clock)),
                Job("registry.opening_hours", lambda: keep_hours_read(pool, clock)),
                Job("registry.document_sweep", lambda: shelf.tidy(pool)),
                Job("registry.import_sweep", imports.sweep),
            ],
            consumers=[
                projection.consumer(pool, clock),
                bounds.consumer(pool),
                keys.consumer(),
                machine_keys.consumer(),
                asked_tasks.consumer(pool),
            ],
            watchers=[Job("registry.picture", picture.keep)],
            ready=ready,
            documents=[
                f"{base}/registry{room}"
                for base in ("", "/api")
                for room in (DOCUMENTS, PHOTOS, "/imports", "/divisions", "/boundaries")
            ],
        )


def own_places(settings: Settings) -> frozenset[Place]:
    """Return where stations reach this suite: no site is passed on to there."""
    hosts = {settings.ocpp_host, settings.http_host, socket.gethostname(), "localhost", "127.0.0.1", "::1"}
    hosts.add(urlsplit(settings.base_url).hostname or "")
    ports = [port for port in (settings.ocpp_port, settings.ocpp_tls_port) if port is not None]
    return frozenset((host.lower(), port) for host in hosts for port in ports)


async def judge_what_has_changed(connection: asyncpg.Connection, now: datetime) -> None:
    """Publish what time alone has changed in who manages what."""
    await publish(connection, store.STREAM, await ledger.what_time_has_changed(connection, now))


async def watch_management(pool: asyncpg.Pool, clock: Clock) -> None:
    """Say which sites lose their manager, or have one again, as time passes."""
    while True:
        now = clock.now()
        async with pool.acquire() as connection, connection.transaction():
            await judge_what_has_changed(connection, now)
        await asyncio.sleep(MANAGEMENT_WATCH_S)


async def watch_handovers(handovers: HandoverDesk) -> None:
    """Let handovers lapse that nobody answers in time."""
    while True:
        await handovers.lapse_due()
        await asyncio.sleep(MANAGEMENT_WATCH_S)
