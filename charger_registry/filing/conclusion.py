"""What a decision about a filing makes of the registry: the site, its stations, who is responsible, and its grace period."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import asyncpg

from charger_registry import store as registry
from charger_registry.divisions import store as divisions
from charger_registry.divisions.boundaries import judge
from charger_registry.drafts import Filing, RoleDraft, SiteDraft, SourceDraft
from charger_registry.duplicates import store as duplicates
from charger_registry.filing import store
from charger_registry.filing.comparison import Beside, compare_facts, compare_roles, compare_stations
from charger_registry.filing.content import Content, StationLine, has_moved, promised, site_draft
from charger_registry.filing.deadlines import Terms, add_months
from charger_registry.filing.machine import STANDING, UNDECIDED, Command
from charger_registry.filing.papers import store as paper_store
from charger_registry.filing.surroundings import store as surroundings
from charger_registry.ledger import store as ledger
from charger_registry.ledger.amendment import give
from charger_registry.ledger.handovers import store as handovers
from charger_registry.ledger.handovers.ending import end, end_overtaken
from charger_registry.ledger.handovers.handover import Command as HandoverCommand
from charger_registry.ledger.responsibility import ROLES, Evidence, Line, holder, last_day
from youguan.clock import COUNTY, county_day
from youguan.coordinates import to_wgs84
from youguan.errors import Invalid, Reason
from youguan.events import DocumentRenewed, Event, FilingPromiseKept, GracePeriodBegan

ORIGIN = "filing"


async def conclude(
    connection: asyncpg.Connection, filing: asyncpg.Record, command: Command, terms: Terms, by: str, now: datetime
) -> list[Event]:
    """Do what follows from a command in its transaction; return what is to be published."""
    if command is Command.ACCEPT:
        return await _accepted(connection, filing, terms, now)
    if command in (Command.RESUME, Command.RESTORE):
        await paper_store.tell_promises_anew(connection, [filing["id"]])
    if command is Command.RETIRE and filing["site_id"] is not None:
        return await retire(connection, filing["site_id"], by, now)
    return []


async def retire(connection: asyncpg.Connection, site_id: str, by: str, now: datetime) -> list[Event]:
    """Take a site that is held, and what stands there, off the register; nobody is to take over what is no more."""
    events = await registry.file_rows(connection, Filing(retired_site_ids=(site_id,)), now)
    ended = [
        await end(connection, handover, HandoverCommand.OVERTAKE, by=by, now=now, answer="the site was retired")
        for handover in await handovers.open_at(connection, [site_id])
    ]
    return [*events, *ended]


async def _accepted(connection: asyncpg.Connection, filing: asyncpg.Record, terms: Terms, now: datetime) -> list[Event]:
    content, site_id = store.content_of(filing), filing["site_id"]
    papers = paper_store.papers(await paper_store.documents(connection, filing["id"]), filing["asked_at"])
    owed = promised(content, papers, filing["asked_for"], county_day(now))
    await paper_store.promise(connection, filing["id"], owed, now)
    roles = responsibilities(content, site_id, filing["number"])
    is_new = site_id == filing["number"]
    if not is_new:
        roles = await _gaps(connection, site_id, roles, now)
    if any(draft.until is not None and draft.until <= now for draft in roles):
        over = Reason("the contract is over: have the filing supplemented first")
        raise Invalid.about("managed_until", over)
    if not is_new:
        roles = await _succeed(connection, site_id, roles, now)
    begun = None if is_new else await store.begun_with(connection, filing["id"]) or Content()
    draft = await _draft(connection, content, begun, site_id)
    filed = Filing((draft,), roles=roles, source=SourceDraft(ORIGIN, filing["number"]))
    events = await registry.file_rows(connection, filed, now)
    await duplicates.propose(connection, [site_id], now)
    follow = _begin_grace(connection, filing, terms, now) if is_new else _over(connection, filing, now)
    return [*events, *await follow, *await end_overtaken(connection, [site_id], now)]


async def _draft(connection: asyncpg.Connection, content: Content, begun: Content | None, site_id: str) -> SiteDraft:
    """Return what the filing says of the site, its point held against the boundary of its division."""
    present = [row["id"] for row in await surroundings.stations_of(connection, site_id)]
    draft = site_draft(content, site_id, begun, present)
    division = draft.division_code
    if begun is not None:
        site = await registry.get_site(connection, site_id)
        division = division or site["division_code"] or content.division_code
        if not has_moved(content, begun):
            point = {"longitude": site["given_longitude"], "latitude": site["given_latitude"], "crs": site["given_crs"]}
            draft = replace(draft, **point)
    outlines = await divisions.boundary_for(connection, division or "", hold=True)
    found = judge(to_wgs84((draft.longitude, draft.latitude), draft.crs), division, outlines)
    return replace(draft, position=found.position)


def responsibilities(content: Content, site_id: str, number: str) -> tuple[RoleDraft, ...]:
    """Return the first lines of a site's ledger; a day begins and ends at the county's midnight, the last day included."""
    since = _midnight(content.managed_from)
    until = _midnight(content.managed_until, days=1) if content.managed_until else None
    document = ("contract", content.contract_number) if content.contract_number else ("decision", number)
    return tuple(
        RoleDraft(site_id, role, organisation, since, until if role == "manager" else None, ORIGIN, number, *document)
        for role, organisation in content.parties().items()
    )


async def _gaps(
    connection: asyncpg.Connection, site_id: str, roles: tuple[RoleDraft, ...], now: datetime
) -> tuple[RoleDraft, ...]:
    """Return the roles that nobody has who exists still; who has one gives it up by a handover or an order, not by a filing."""
    lines = [line for line in await ledger.lines(connection, site_id) if not line.station_id]
    held = {line.role for line in lines if line.answers_at(now)}
    return tuple(_before_the_next(replace(d, since=max(d.since, now)), lines) for d in roles if d.role not in held)


def _before_the_next(draft: RoleDraft, lines: Sequence[Line]) -> RoleDraft:
    """Let a role end where the next one's time begins, who is to have it; Invalid where that is so from its beginning."""
    coming = [line for line in lines if line.role == draft.role and line.answers_at(max(line.since, draft.since))]
    for line in coming:
        if line.since <= draft.since and line.organisation_id != draft.organisation_id:
            taken = Reason(
                "{name} has this role from {day} on", name=line.organisation_name, day=county_day(line.since)
            )
            raise Invalid.about(draft.role, taken)
    ends = [line.since for line in coming if line.since > draft.since]
    return replace(draft, until=min(filter(None, (draft.until, *ends)), default=None))


async def _succeed(
    connection: asyncpg.Connection, site_id: str, roles: tuple[RoleDraft, ...], now: datetime
) -> tuple[RoleDraft, ...]:
    """Give the roles of organisations that are no more to who is named now; return those in whose place nobody stands."""
    left: list[RoleDraft] = []
    for draft in roles:
        lines = await ledger.lines(connection, site_id)
        evidence = Evidence(draft.evidence_kind, draft.evidence_number, draft.evidence)
        line = Line(draft.role, draft.organisation_id, "", draft.since, draft.until, ORIGIN, evidence)
        if any(other.is_of(draft.role, "") and other.holds_at(draft.since) for other in lines):
            amendment = give(lines, line)
            await ledger.amend(connection, site_id, amendment, now=now, by=ORIGIN, reason=draft.evidence)
        else:
            left.append(draft)
    return tuple(left)


async def _begin_grace(
    connection: asyncpg.Connection, filing: asyncpg.Record, terms: Terms, now: datetime
) -> list[Event]:
    since = county_day(now)
    until = add_months(since, terms.grace)
    await store.begin_grace(connection, filing["site_id"], filing["id"], since, until)
    return [GracePeriodBegan(site_id=filing["site_id"], since=since, until=until, at=now)]


async def _over(connection: asyncpg.Connection, filing: asyncpg.Record, now: datetime) -> list[Event]:
    """Return what is over since this file has taken the place of another: whatever was said about that one's papers."""
    events: list[Event] = []
    for row in await paper_store.told_of_former(connection, filing["site_id"], filing["id"], now):
        if row["document_id"] is not None:
            events.append(DocumentRenewed(document_id=row["document_id"], site_id=filing["site_id"], at=now))
        else:
            events.append(
                FilingPromiseKept(
                    filing_id=row["filing_id"], site_id=filing["site_id"], document_type=row["type"], at=now
                )
            )
    return events


async def outlook(
    connection: asyncpg.Connection, filing: asyncpg.Record, content: Content, now: datetime
) -> Beside | None:
    """Return a filing beside the ledger, and beside the stations that its acceptance would change; None of a new site."""
    if filing["site_id"] is None or filing["state"] not in {*UNDECIDED, *STANDING}:
        return None
    roles = compare_roles(content, await ledger.lines(connection, filing["site_id"]), now)
    if filing["state"] in STANDING:
        return Beside(roles)
    present = [row["id"] for row in await surroundings.stations_of(connection, filing["site_id"])]
    begun = await store.begun_with(connection, filing["id"]) or Content()
    return Beside(roles, **compare_stations(content, begun, present), facts=compare_facts(content, begun))


async def content_of_site(connection: asyncpg.Connection, site: asyncpg.Record, now: datetime) -> Content:
    """Return what is filed of a site now, as a filing begins with it."""
    lines = await ledger.lines(connection, site["id"])
    found = {role: holder(lines, role, now) for role in ROLES}
    manager = found["manager"]
    stations = tuple(
        StationLine(
            id=row["id"],
            connectors=str(row["connectors"]),
            power_kw=f"{row['power_w'] / 1000:g}",
            current_type=row["current_type"],
        )
        for row in await surroundings.stations_of(connection, site["id"])
    )
    return Content(
        name=site["name"],
        address=site["address"],
        division_code=site["division_code"] or "",
        usage=site["usage"] or "",
        longitude=str(site["given_longitude"]),
        latitude=str(site["given_latitude"]),
        crs=site["given_crs"],
        managed_from=str(county_day(manager.since)) if manager else "",
        managed_until=str(last_day(manager.until) or "") if manager else "",
        stations=stations,
        **{role: line.organisation_id for role, line in found.items() if line},
    )


def _midnight(day: str, *, days: int = 0) -> datetime:
    return datetime.combine(date.fromisoformat(day) + timedelta(days=days), time(), COUNTY)
