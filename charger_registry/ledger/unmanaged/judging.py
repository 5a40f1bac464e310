"""Finds sites that nobody manages, and those that somebody manages again: noted, and told."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg

from charger_registry.ledger.responsibility import Line, Unmanaged, holder
from charger_registry.ledger.unmanaged import store
from charger_registry.ledger.unmanaged.management import Rules, accountable, judge
from charger_registry.ledger.unmanaged.silence import Contact
from youguan.clock import county_day
from youguan.events import SiteManaged, SiteUnmanaged


async def sites_to_judge(connection: asyncpg.Connection, now: datetime) -> list[str]:
    """Return sites, and hold them, of which time may have changed whether somebody manages them."""
    limits = (await store.rules(connection)).silence
    silent_before = now - timedelta(days=limits.days_without_contact)
    return await store.sites_to_judge(connection, now, silent_before, county_day(now), limits.unanswered_tasks)


async def judge_management(
    connection: asyncpg.Connection, ledgers: Mapping[str, Sequence[Line]], now: datetime
) -> list[SiteManaged | SiteUnmanaged]:
    """Note which sites nobody manages any more, and which somebody manages again; return that as events."""
    rules = await store.rules(connection)
    managers = {
        site_id: manager.organisation_id
        for site_id, lines in ledgers.items()
        if (manager := holder(lines, "manager", now)) is not None
    }
    contacts = await store.contacts(connection, managers, now)
    events: list[SiteManaged | SiteUnmanaged] = []
    for site in await store.filed(connection, ledgers.keys()):
        lines = ledgers[site["id"]]
        finding = judge(lines, contacts.get(site["id"], Contact()), site["filed_at"], rules, now)
        if _is_news(site, finding, accountable(lines, rules, now)):
            events.append(await _note(connection, site, finding, lines, rules, now))
    return events


def _is_news(site: asyncpg.Record, finding: Unmanaged | None, answering: Line | None) -> bool:
    """Say whether something else is found than stands on record: why, who managed last, or who is accountable meanwhile."""
    if finding is None:
        return site["unmanaged_reason"] is not None
    found = (finding.reason, finding.organisation_id, answering.organisation_id if answering else "")
    return found != (site["unmanaged_reason"], site["organisation_id"], site["accountable_id"])


async def _note(
    connection: asyncpg.Connection,
    site: asyncpg.Record,
    finding: Unmanaged | None,
    lines: Sequence[Line],
    rules: Rules,
    now: datetime,
) -> SiteManaged | SiteUnmanaged:
    site_id = site["id"]
    if site["unmanaged_reason"] is not None:
        await store.end_findings(connection, [site_id], now, "changed" if finding else "managed")
    if finding is None:
        manager = holder(lines, "manager", now)
        assert manager is not None
        return SiteManaged(site_id=site_id, organisation_id=manager.organisation_id, at=now)
    answering = accountable(lines, rules, now)
    await store.find(connection, site_id, finding, answering, now)
    return SiteUnmanaged(
        site_id=site_id,
        reason=finding.reason,
        since=finding.since,
        at=now,
        organisation_id=finding.organisation_id or None,
        accountable_id=answering.organisation_id if answering else None,
        accountable_name=answering.organisation_name if answering else None,
        accountable_role=answering.role if answering else None,
    )
