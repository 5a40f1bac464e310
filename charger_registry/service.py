"""The registry, composed."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import asyncpg
from fastapi import APIRouter, FastAPI

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
from charger_registry.equipment.meters.watch import tell_what_is_due
from charger_registry.equipment.pages import equipment_pages
from charger_registry.equipment.photos.desk import PhotoDesk
from charger_registry.equipment.rereading import keep_hours_read
from charger_registry.equipment.station_pages import station_file_pages
from charger_registry.fees.api import add_site_fees, add_station_fees
from charger_registry.fees.desk import FeeDesk
from charger_registry.fees.pages import fee_pages
from charger_registry.filing.api import DOCUMENTS, add_filings
from charger_registry.filing.desk import FilingDesk
from charger_registry.filing.pages import filing_pages
from charger_registry.filing.papers.lapsing import Lapsing
from charger_registry.filing.rules.api import add_filing_rules
from charger_registry.filing.rules.desk import RuleDesk
from charger_registry.filing.rules.pages import filing_rule_pages
from charger_registry.filing.unsupplied import Unsupplied
from charger_registry.filing.watch import tell_what_ran_out
from charger_registry.imports.api import add_imports
from charger_registry.imports.confined import ConfinedReader
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
from charger_registry.login.api import login_api
from charger_registry.login.desk import Login
from charger_registry.login.pages import login_pages
from charger_registry.open_data.api import add_open_data
from charger_registry.open_data.downloads import Downloads
from charger_registry.open_data.ocpi_api import ocpi_api
from charger_registry.open_data.pages import open_data_pages, token_pages
from charger_registry.open_data.publishing.projection import keep_published
from charger_registry.open_data.tokens.api import add_ocpi_tokens
from charger_registry.open_data.tokens.desk import TokenDesk
from charger_registry.pages import TEMPLATES, registry_pages
from charger_registry.people.account_api import add_delegations, add_second_factor
from charger_registry.people.account_pages import Account, account_pages
from charger_registry.people.api import add_people, add_trail
from charger_registry.people.closing import close_accounts_of_ceased
from charger_registry.people.delegations.desk import Delegations
from charger_registry.people.desk import PeopleDesk
from charger_registry.people.machine_keys.api import add_keys
from charger_registry.people.machine_keys.desk import MachineKeyDesk
from charger_registry.people.machine_keys.pages import key_pages
from charger_registry.people.organisations.api import add_organisations
from charger_registry.people.organisations.desk import OrganisationDesk
from charger_registry.people.organisations.pages import organisation_pages
from charger_registry.people.pages import people_pages
from charger_registry.people.passwords import Passwords
from charger_registry.people.provider_pages import provider_pages
from charger_registry.people.providers import ProviderClient, read_providers
from charger_registry.people.second_factors.desk import SecondFactors
from charger_registry.public import projection
from charger_registry.public.api import public_api
from charger_registry.public.live import Picture
from charger_registry.public.pages import public_pages
from charger_registry.relay.address import Place
from charger_registry.relay.api import add_relay
from charger_registry.relay.desk import RelayDesk
from charger_registry.relay.pages import relay_pages
from youguan import audit_heads, bounds
from youguan.audit_heads import HeadFile
from youguan.clock import Clock
from youguan.database import create_pool
from youguan.documents import Shelf
from youguan.eventlog import Consumer, publish
from youguan.parts import Job, Parts
from youguan.repeating import repeat, repeat_in_transaction
from youguan.settings import Settings
from youguan.web.templates import Templates

MANAGEMENT_WATCH_S, PAPERS_WATCH_S = 20.0, 60.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What every room of the registry stands on; each adds its paths to `api`."""

    pool: asyncpg.Pool
    clock: Clock
    settings: Settings
    templates: Templates
    shelf: Shelf
    api: FastAPI

    def watch(self, name: str, look: Callable[[asyncpg.Connection], Awaitable[object]], every_s: float) -> Job:
        """Return the job that looks in a transaction again and again at what time alone changes."""
        return Job(f"registry.{name}", lambda: repeat_in_transaction(self.pool, look, every_s))


@dataclass(frozen=True, slots=True)
class Room:
    """What a room adds to the service beside its paths in the API."""

    pages: Sequence[APIRouter]
    jobs: Sequence[Job] = ()
    consumers: Sequence[Consumer] = ()


@asynccontextmanager
async def compose(settings: Settings, clock: Clock) -> AsyncIterator[Parts]:
    """Put the registry together."""
    about = {"publisher": settings.publisher, "licence": settings.licence, "licence_url": settings.licence_url}
    async with await create_pool(settings.dsn_for("registry")) as pool, Downloads(pool, clock, about) as downloads:
        ground = Ground(
            pool, clock, settings, Templates(TEMPLATES), Shelf(settings, "registry"), registry_api(pool, clock)
        )
        picture, tokens = Picture(pool), TokenDesk(pool, clock)
        entrance, people = _people(ground)
        open_to_all = public_api(picture)
        add_open_data(open_to_all, pool, downloads, clock)
        rooms = [
            _ledger(ground), people, _credentials(ground), _filing(ground), _equipment(ground), _bringing_in(ground),
            _open_data(ground, picture, tokens),
        ]  # fmt: skip

        async def ready() -> str | None:
            return None if picture.loaded else "the map is not loaded yet"

        yield Parts(
            name="registry",
            apis={
                "/api/registry": ground.api,
                "/api/public": open_to_all,
                "/api/auth": entrance,
                "/api/ocpi": ocpi_api(pool, tokens, settings, clock),
            },
            pages=[page for room in rooms for page in room.pages],
            jobs=[
                Job("registry.audit_heads", lambda: audit_heads.keep(pool, HeadFile(settings.data_dir), clock)),
                Job("registry.document_sweep", lambda: ground.shelf.tidy(pool)),
                *(job for room in rooms for job in room.jobs),
            ],
            consumers=[bounds.consumer(pool), *(consumer for room in rooms for consumer in room.consumers)],
            watchers=[Job("registry.picture", picture.keep)],
            ready=ready,
            documents=[
                f"{base}/registry{room}"
                for base in ("", "/api")
                for room in (DOCUMENTS, PHOTOS, "/imports", "/divisions", "/boundaries")
            ],
        )


def _ledger(ground: Ground) -> Room:
    """Who is responsible: the ledger itself, handovers, sites that nobody manages."""
    pool, clock, templates = ground.pool, ground.clock, ground.templates
    desk, handovers, unmanaged = LedgerDesk(pool, clock), HandoverDesk(pool, clock), UnmanagedDesk(pool, clock)
    add_ledger(ground.api, pool, desk, clock)
    add_handovers(ground.api, pool, handovers)
    add_unmanaged(ground.api, pool, unmanaged, clock)

    async def judge(connection: asyncpg.Connection) -> None:
        await judge_what_has_changed(connection, clock.now())

    return Room(
        pages=[
            registry_pages(pool, templates, clock),
            ledger_pages(pool, desk, templates, clock),
            handover_pages(pool, handovers, templates, clock),
            unmanaged_pages(pool, unmanaged, templates, clock),
        ],
        jobs=[
            ground.watch("management_watch", judge, MANAGEMENT_WATCH_S),
            Job("registry.handover_watch", lambda: repeat(handovers.watch, MANAGEMENT_WATCH_S)),
        ],
        consumers=[asked_tasks.consumer(pool)],
    )


def _people(ground: Ground) -> tuple[FastAPI, Room]:
    """Who may do what: logins (with their API), accounts, organisations, keys of machines."""
    pool, clock, templates, settings = ground.pool, ground.clock, ground.templates, ground.settings
    passwords = Passwords()
    desk, organisations, keys = (
        PeopleDesk(pool, passwords, clock),
        OrganisationDesk(pool, clock),
        MachineKeyDesk(pool, clock),
    )
    factors, delegations = SecondFactors(pool, clock, settings.login_secret), Delegations(pool, clock)
    login = Login(pool, settings, clock, passwords, factors)
    vouching = ProviderClient(read_providers(settings.login_providers))
    providers = tuple(vouching.providers.values())
    entrance = login_api(login, desk)
    add_second_factor(entrance, factors)
    add_delegations(entrance, delegations, login)
    add_people(ground.api, desk)
    add_organisations(ground.api, organisations)
    add_trail(ground.api, desk)
    add_keys(ground.api, keys, clock)

    async def close(connection: asyncpg.Connection) -> None:
        await close_accounts_of_ceased(connection, clock)

    return entrance, Room(
        pages=[
            login_pages(login, desk, templates, settings, providers),
            provider_pages(login, vouching, templates, settings, clock),
            account_pages(Account(login, factors, delegations, templates, providers), settings),
            people_pages(desk, templates, settings.public_url),
            organisation_pages(organisations, templates, clock),
            key_pages(keys, templates, clock),
        ],
        jobs=[ground.watch("account_watch", close, MANAGEMENT_WATCH_S)],
        consumers=[keys.consumer()],
    )


def _credentials(ground: Ground) -> Room:
    """Which stations may connect, and where they are passed on to."""
    pool, clock, templates, settings = ground.pool, ground.clock, ground.templates, ground.settings
    keys = KeyDesk(pool, clock, settings.station_key_secret, timedelta(seconds=settings.station_key_grace_s))
    quarantine, relay = Quarantine(pool, clock), RelayDesk(pool, clock, own_places(settings), loopback=settings.demo)
    add_credentials(ground.api, pool, keys, clock)
    add_quarantine(ground.api, pool, quarantine)
    add_relay(ground.api, pool, relay)
    return Room(
        pages=[
            credential_pages(pool, keys, templates, settings, clock),
            quarantine_pages(pool, quarantine, templates),
            relay_pages(pool, relay, templates, clock),
        ],
        consumers=[keys.consumer()],
    )


def _filing(ground: Ground) -> Room:
    """The files of sites, and what they need."""
    pool, clock, templates = ground.pool, ground.clock, ground.templates
    filings, rules = FilingDesk(pool, clock, ground.shelf), RuleDesk(pool, clock)
    add_filings(ground.api, pool, filings, clock)
    add_filing_rules(ground.api, rules, clock)

    return Room(
        pages=[filing_pages(pool, filings, templates, clock), filing_rule_pages(rules, templates, clock)],
        jobs=[
            Job("registry.filing_watch", lambda: repeat(lambda: tell_what_ran_out(pool, clock), PAPERS_WATCH_S)),
            Job("registry.filing_lapse", lambda: repeat(Lapsing(pool, clock).lapse_due, PAPERS_WATCH_S)),
            Job("registry.filing_unsupplied", lambda: repeat(Unsupplied(pool, clock).withdraw_due, PAPERS_WATCH_S)),
        ],
    )


def _equipment(ground: Ground) -> Room:
    """What stands at a site, and what the public is told of it."""
    pool, clock, templates = ground.pool, ground.clock, ground.templates
    sites, fees, photos = SiteDesk(pool, clock), FeeDesk(pool, clock), PhotoDesk(pool, clock, ground.shelf)
    add_equipment(ground.api, pool, sites, clock)
    add_site_fees(ground.api, pool, sites, clock)
    add_station_fees(ground.api, pool, fees, clock)
    add_station_files(ground.api, pool, sites)
    add_photos(ground.api, pool, photos)

    async def look(connection: asyncpg.Connection) -> None:
        await tell_what_is_due(connection, clock)

    return Room(
        pages=[
            equipment_pages(pool, sites, photos, templates, ground.settings, clock),
            station_file_pages(pool, sites, templates, clock),
            fee_pages(pool, fees, templates, clock),
        ],
        jobs=[
            ground.watch("meter_watch", look, PAPERS_WATCH_S),
            Job("registry.opening_hours", lambda: keep_hours_read(pool, clock)),
        ],
    )


def _bringing_in(ground: Ground) -> Room:
    """Files of sites, divisions and their boundaries, and what came twice."""
    pool, clock, templates = ground.pool, ground.clock, ground.templates
    reader = ConfinedReader()
    imports, duplicates = ImportDesk(pool, clock, reader), DuplicateDesk(pool, clock)
    divisions, borders = DivisionDesk(pool, clock, reader), BorderDesk(pool, clock, reader)
    add_imports(ground.api, pool, imports)
    add_divisions(ground.api, pool, divisions)
    add_boundaries(ground.api, pool, borders)
    add_duplicates(ground.api, pool, duplicates)
    return Room(
        pages=[
            import_pages(pool, imports, templates),
            division_pages(pool, divisions, borders, templates),
            duplicate_pages(pool, duplicates, templates),
        ],
        jobs=[Job("registry.import_sweep", imports.sweep)],
    )


def _open_data(ground: Ground, picture: Picture, tokens: TokenDesk) -> Room:
    """What everybody may see."""
    pool, clock, templates, settings = ground.pool, ground.clock, ground.templates, ground.settings
    add_ocpi_tokens(ground.api, pool, tokens)
    return Room(
        pages=[
            public_pages(pool, picture, templates, clock),
            open_data_pages(pool, templates, settings),
            token_pages(pool, tokens, templates),
        ],
        jobs=[Job("registry.open_data", lambda: keep_published(pool, clock))],
        consumers=[projection.consumer(pool, clock)],
    )


def own_places(settings: Settings) -> frozenset[Place]:
    """Return where stations reach this suite: no site is passed on to there."""
    hosts = {settings.ocpp_host, settings.http_host, socket.gethostname(), "localhost", "127.0.0.1", "::1"}
    hosts.add(urlsplit(settings.base_url or "").hostname or "")
    ports = [port for port in (settings.ocpp_port, settings.ocpp_tls_port) if port is not None]
    return frozenset((host.lower(), port) for host in hosts for port in ports)


async def judge_what_has_changed(connection: asyncpg.Connection, now: datetime) -> None:
    """Publish which sites lose their manager, or have one again, as time passes."""
    await publish(connection, store.STREAM, await ledger.what_time_has_changed(connection, now))
