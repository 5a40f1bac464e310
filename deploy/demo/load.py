"""Puts the sample county, or the sites of a file with invented roles, into the registry; done already, it does nothing."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

import asyncpg

from charger_registry import store
from charger_registry.divisions import store as divisions
from charger_registry.divisions.reading import DivisionDraft
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft, SourceDraft
from charger_registry.equipment.taking_in.store import file_equipment
from charger_registry.imports.desk import fingerprint, take_sites
from charger_registry.people import store as people_store
from charger_registry.people.closing import person_changed
from charger_registry.people.passwords import Passwords
from charger_registry.sample import store as sample
from deploy.demo import platform
from deploy.demo.cast import PEOPLE, REVIEWERS
from deploy.demo.county import DIVISIONS, SEED, sample_county, sample_organisations, sample_roles
from deploy.demo.equipment import equipped, operator_codes
from inspection_service.cases import store as case_store
from inspection_service.cases.persons import Officer
from youguan.auth import OPERATOR
from youguan.clock import SystemClock
from youguan.database import connect
from youguan.errors import Invalid
from youguan.eventlog import publish
from youguan.settings import Settings

SAMPLE = "sample"
EDITION = "5"  # rises when the sample says more than before
SOURCE = SourceDraft("sample", "演示数据")
PASSWORD = "demo"
ACCOUNTS = tuple(PEOPLE)
# A case has two officers, each with a certificate.
OFFICERS = tuple(
    Officer(subject, PEOPLE[subject][0], f"演示-{number:04d}", date(2030, 12, 31))
    for number, subject in enumerate(("demo-inspector", "demo-inspector-2"), 1)
)


async def load_sample(settings: Settings, *, sites_file: Path | None, crs: str) -> None:
    """Make the registry hold the sample that is asked for, and nothing of another one."""
    wanted = f"seed {SEED}" if sites_file is None else fingerprint(sites_file, crs)
    wanted = f"{wanted} {EDITION}"
    connection = await connect(settings.dsn_for("registry"))
    try:
        if await store.last_import(connection, SAMPLE) != wanted:
            async with connection.transaction():
                await divisions.file_divisions(connection, (DivisionDraft(*division) for division in DIVISIONS))
                roles = await (_county(connection) if sites_file is None else _file(connection, sites_file, crs))
                now = SystemClock().now()
                await store.note_import(connection, (SAMPLE, wanted, now, 0, 0, 0, 0))
                await _people(connection, roles)
    finally:
        await connection.close()
    await _officers(settings)


async def _officers(settings: Settings) -> None:
    """Register the certificates of the sample's inspectors, where nobody has done so."""
    connection = await connect(settings.dsn_for("inspection"))
    try:
        for officer in OFFICERS:
            if await case_store.officer(connection, officer.subject) is None:
                await case_store.save_officer(connection, officer)
    finally:
        await connection.close()


async def close_sample_accounts(settings: Settings) -> None:
    """Let nobody log in, or stay logged in, with a demo account, and no platform in whose secrets everybody knows."""
    await platform.shut_out(settings)
    connection = await connect(settings.dsn_for("registry"))
    try:
        await sample.deactivate_demo_people(connection, SystemClock().now())
    finally:
        await connection.close()


async def open_sample_accounts(settings: Settings) -> None:
    """Let the demo accounts log in again, and the platform of the demo operator report."""
    connection = await connect(settings.dsn_for("registry"))
    try:
        await sample.activate_demo_people(connection)
        operator = await people_store.find(connection, "demo-operator", demo=True)
        await platform.let_in(settings, operator["organisation_id"] if operator else None)
    finally:
        await connection.close()


async def _county(connection: asyncpg.Connection) -> tuple[RoleDraft, ...]:
    filing = sample_county(Random(SEED))
    gone = await _no_longer_wanted(connection, {site.id for site in filing.sites})
    sites = _equipped(filing.sites, [site.id for site in filing.sites], filing.roles, filing.organisations)
    whole = replace(filing, sites=sites, retired_site_ids=gone, source=SOURCE)
    await store.file_all(connection, whole, SystemClock().now())
    return filing.roles


def _equipped(
    sites: tuple[SiteDraft, ...],
    site_ids: list[str],
    roles: tuple[RoleDraft, ...],
    organisations: tuple[OrganisationDraft, ...],
) -> tuple[SiteDraft, ...]:
    """Return the sites with what the sample invents beside them; `site_ids` are all of the sample, new or not."""
    codes = operator_codes(site_ids, roles, organisations)
    return tuple(equipped(site, codes[site.id]) for site in sites)


async def _no_longer_wanted(connection: asyncpg.Connection, site_ids: Collection[str]) -> tuple[str, ...]:
    """Return the sites of another sample that was loaded before."""
    return tuple(site_id for site_id in await sample.sample_sites(connection) if site_id not in site_ids)


async def _file(connection: asyncpg.Connection, sites_file: Path, crs: str) -> tuple[RoleDraft, ...]:
    """Import the file's sites, retire those of another sample, and invent organisations and roles: all filed as one."""
    now = SystemClock().now()
    news, outcome = await take_sites(connection, sites_file, crs, now)
    if not outcome.site_ids:
        first = next((f" (row {r.row}: {r.field}: {r.reason})" for r in outcome.refused), "")
        raise Invalid(f"{sites_file}: no site in it can be used{first}")
    random = Random(SEED)
    organisations: tuple[OrganisationDraft, ...] = sample_organisations(random)
    roles = sample_roles(random, outcome.site_ids, organisations)
    gone = await _no_longer_wanted(connection, set(outcome.site_ids))
    await file_equipment(connection, news, SourceDraft("import", sites_file.name), now)
    sites = _equipped(news, outcome.site_ids, roles, organisations)
    filing = Filing(sites=sites, organisations=organisations, roles=roles, retired_site_ids=gone, source=SOURCE)
    await store.file_all(connection, filing, now)
    return roles


async def _people(connection: asyncpg.Connection, roles: tuple[RoleDraft, ...]) -> None:
    managers = Counter(role.organisation_id for role in roles if role.role == "manager" and role.until is None)
    busiest = next((organisation_id for organisation_id, _ in managers.most_common(1)), None)
    hashed = Passwords().hash(PASSWORD)
    for username, (name, role) in PEOPLE.items():
        organisation_id = busiest if role == OPERATOR else None
        await store.save_person(connection, (username, name, hashed, [role], organisation_id, None, True))
    for username, level in REVIEWERS.items():
        await people_store.set_rank(connection, username, level, administrator=False)
    await people_store.set_rank(connection, "demo-operator", None, administrator=True)
    told = [
        person_changed(people_store.account_of(await people_store.get(connection, username)), active=True)
        for username in PEOPLE
    ]
    await publish(connection, store.STREAM, told)
