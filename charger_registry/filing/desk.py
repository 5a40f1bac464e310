"""Where filings are begun, written, submitted, decided and rated; each step with its history and its line of the audit trail."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg

from charger_registry import store as registry
from charger_registry.divisions import store as divisions
from charger_registry.filing import conclusion, store
from charger_registry.filing.comparison import Beside
from charger_registry.filing.content import COMMITMENT, Content, Problem, judged
from charger_registry.filing.machine import STANDING, UNDECIDED, Command, Role, State, open_to
from charger_registry.filing.papers import store as paper_store
from charger_registry.filing.papers.desk import PaperDesk
from charger_registry.filing.papers.lapsing import last_day_to_restore, last_days
from charger_registry.filing.preparing import prepare, problems_of
from charger_registry.filing.rules import store as rule_store
from charger_registry.filing.step import (
    COUNTER,
    ONLINE,
    Entry,
    Order,
    Step,
    filing_moved,
    roles_on,
    rules_of,
    take_step,
)
from charger_registry.filing.unsupplied import last_day
from charger_registry.ledger import store as ledger
from youguan import audit
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.bounds import sites_within
from youguan.clock import Clock, county_day
from youguan.database import whole
from youguan.documents import Shelf
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, Reason
from youguan.eventlog import publish
from youguan.events import Event


@dataclass(frozen=True, slots=True)
class View:
    """Everything about a filing, and what whoever looks may do.

    `last_days`: until when promised papers may come (kind → day) before the file lapses. `supplement_until`: when a supplement
    that was asked for may come last, before the filing counts as withdrawn. `restore_until`: the last day on which the authority
    may restore a file that has lapsed. `beside`: the file beside the ledger of its site, for whom the file concerns.
    """

    filing: asyncpg.Record
    content: Content
    documents: Sequence[asyncpg.Record]
    promises: Sequence[asyncpg.Record]
    last_days: Mapping[str, date]
    supplement_until: date | None
    restore_until: date | None
    history: Sequence[asyncpg.Record]
    types: Sequence[asyncpg.Record]
    grace: asyncpg.Record | None
    problems: Sequence[Problem]
    commands: frozenset[Command]
    position: str | None
    beside: Beside | None


class FilingDesk:
    """The work on filings."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, shelf: Shelf) -> None:
        self.pool = pool
        self._clock = clock
        self.papers = PaperDesk(pool, clock, shelf)

    # --- beginning and writing ----------------------------------------------------------------------------------

    @whole
    async def begin(
        self, who: Principal, *, organisation_id: str | None, site_id: str | None, remote: str | None
    ) -> str:
        """Begin a draft, of a new site or of one that there is; return its id. NotFound, Forbidden, Conflict.

        An operator files for its own organisation; a regulator writes down what came on paper, for the one that is named.
        """
        channel, organisation_id = _applicant(who, organisation_id)
        now, filing_id = self._clock.now(), str(uuid.uuid4())
        async with self.pool.acquire() as connection, connection.transaction():
            await registry.get_organisation(connection, organisation_id)
            old, content = await self._beginning(connection, who, organisation_id, site_id)
            division = content.division_code or who.division or ""
            line = (
                filing_id, channel, organisation_id, site_id, content.name, division, content.model_dump(), now,
                who.subject,
            )  # fmt: skip
            try:
                await store.insert(connection, line)
            except asyncpg.UniqueViolationError:
                raise Conflict("a filing for this site has been begun already") from None
            if old is not None:
                await paper_store.copy_documents(connection, old["id"], filing_id)
            role = Role.APPLICANT if channel == ONLINE else Role.CLERK
            begun_with = content.model_dump() if site_id is not None else None
            begun = (now, who.subject, role, "begin", None, State.DRAFT, "", begun_with)
            await store.add_history(connection, filing_id, begun)
            await audit.record(
                connection, at=now, actor=who.subject, action="begin filing", subject=f"filing {filing_id}",
                after={"organisation_id": organisation_id, "site_id": site_id, "channel": channel}, remote=remote,
            )  # fmt: skip
        return filing_id

    async def _beginning(
        self, connection: asyncpg.Connection, who: Principal, organisation_id: str, site_id: str | None
    ) -> tuple[asyncpg.Record | None, Content]:
        """Return the file that a site has, and what a new one begins with: what is filed already."""
        if site_id is None:
            return None, Content(manager=organisation_id, stations=())
        site = await registry.get_site(connection, site_id)
        if site_id not in await sites_within(connection, who.scope, [site_id]) or site["retired_at"] is not None:
            raise NotFound(Reason("site {id}", id=site_id))
        if await store.on_its_way(connection, site_id):
            raise Conflict("a filing for this site has been begun already")
        old = await store.standing(connection, site_id) or await store.last_lapsed(connection, site_id)
        content = await conclusion.content_of_site(connection, site, self._clock.now())
        if old is None:
            return None, content
        if old["state"] == State.SUSPENDED:
            raise Conflict("a site that is suspended is not filed anew")
        promises = await paper_store.promises(connection, old["id"]) if old["state"] in STANDING else []
        owed = {row["type"]: str(row["due_on"]) for row in promises if not row["kept_at"]}
        before = store.content_of(old)
        said_by_nobody_else = {
            name: getattr(before, name) for name in ("contact_name", "contact_phone", "contract_number")
        }
        return old, content.model_copy(update={**said_by_nobody_else, "promises": owed})

    @whole
    async def save(self, who: Principal, filing_id: str, content: Content, *, remote: str | None) -> asyncpg.Record:
        """Keep what has been written so far, whatever is missing in it."""
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            step = await take_step(connection, who, filing_id, Order(Command.SAVE), now)
            division = content.division_code or who.division or ""
            if step.role is Role.CLERK and not who.scope.covers(division, None):
                raise Invalid.about("division_code", Reason("lies beyond your bounds"))
            before, after = _difference(step.filing["content"], content.model_dump())
            if not after:
                return step.filing
            changes = {
                "content": content.model_dump(),
                "name": content.name,
                "division_code": division,
                "moved_at": now,
            }
            await store.change(connection, filing_id, changes)
            await audit.record(
                connection, at=now, actor=who.subject, action="save filing", subject=f"filing {filing_id}",
                before=before, after=after, remote=remote,
            )  # fmt: skip
            return await store.get(connection, filing_id, who.scope)

    # --- looking ------------------------------------------------------------------------------------------------

    async def view(self, who: Principal, filing_id: str) -> View:
        """Return everything about a filing. NotFound."""
        now = self._clock.now()
        async with self.pool.acquire() as connection:
            filing = await store.get(connection, filing_id, who.scope)
            state, content, roles = State(filing["state"]), store.content_of(filing), roles_on(who, filing)
            promises = await paper_store.promises(connection, filing_id)
            found = judged(content, await divisions.boundary_for(connection, content.division_code))
            restore_until = await last_day_to_restore(connection, filing)
            commands = {c for c in open_to(state, roles) if _has_place(c, filing, roles)}
            if restore_until is None or restore_until < county_day(now):
                commands.discard(Command.RESTORE)
            return View(
                filing=filing,
                content=content,
                documents=await paper_store.documents(connection, filing_id),
                promises=promises,
                last_days=await last_days(connection, promises) if state in STANDING else {},
                supplement_until=await last_day(connection, filing),
                restore_until=restore_until,
                history=await store.history(connection, filing_id),
                types=await rule_store.document_types(connection, rules_of(filing, now)),
                grace=await store.grace_period(connection, filing["site_id"]) if filing["site_id"] else None,
                problems=await problems_of(connection, filing, content, now) if state in UNDECIDED else [],
                commands=frozenset(commands),
                position=found.position if found else None,
                beside=await conclusion.outlook(connection, filing, content, now) if roles else None,
            )

    # --- moving -------------------------------------------------------------------------------------------------

    @whole
    async def act(self, who: Principal, filing_id: str, order: Order, *, remote: str | None) -> asyncpg.Record:
        """Move a filing; NotFound, Forbidden, Conflict where its state has no place for that, Invalid by field."""
        now = self._clock.now()
        if order.command in (Command.SAVE, Command.ATTACH, Command.ACCEPT_PAPER, Command.REFUSE_PAPER):
            raise Conflict(Reason("{command} has an address of its own", command=order.command))
        async with self.pool.acquire() as connection, connection.transaction():
            step = await take_step(connection, who, filing_id, order, now)
            changes = {"state": step.following, "moved_at": now, **await prepare(connection, step)}
            content = step.filing["content"] if order.command is Command.SUBMIT else None
            await store.change(connection, filing_id, changes)
            line = (
                now, who.subject, step.role, order.command, step.filing["state"], changes["state"], _said(step), content,
            )  # fmt: skip
            await store.add_history(connection, filing_id, line, order.document_number or None)
            filing = await store.get(connection, filing_id, who.scope)
            events = await conclusion.conclude(connection, filing, order.command, step.terms, who.subject, now)
            events += step.news
            if filing["state"] != step.filing["state"]:
                events.append(filing_moved(step.filing, filing, step.role, now))
                moved = {State(step.filing["state"]), State(filing["state"])}
                events += await _site_told(connection, filing["site_id"], moved)
            for entry in (*step.trail, _entry(step, changes["state"])):
                await audit.record(
                    connection, at=now, actor=who.subject, action=entry.action, subject=f"filing {entry.filing_id}",
                    before=entry.before, after=entry.after, remote=remote,
                )  # fmt: skip
            await publish(connection, registry.STREAM, events)
        return filing

    @whole
    async def retire_unfiled(self, who: Principal, site_id: str, reason: str, *, remote: str | None) -> None:
        """Take a site off the register that has no file, as those have none that were imported; whoever asks has been found to
        regulate it. NotFound, Conflict where it has one: it is retired there.
        """
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            site = await ledger.hold_site(connection, site_id)
            if await store.standing(connection, site_id) is not None:
                raise Conflict("the site has a file: it is retired there")
            events = await conclusion.retire(connection, site_id, who.subject, now)
            await audit.record(
                connection, at=now, actor=who.subject, action="retire site", subject=f"site {site_id}",
                before={"name": site["name"]}, after={"reason": reason}, remote=remote,
            )  # fmt: skip
            await publish(connection, registry.STREAM, events)


async def _site_told(connection: asyncpg.Connection, site_id: str | None, states: set[State]) -> list[Event]:
    """Return a site's file, where it began, was suspended or goes on: whether it is in operation is part of that."""
    if site_id is None or not states <= set(STANDING):
        return []
    return await registry.site_files(connection, [site_id])


def _said(step: Step) -> str:
    """Return what the history says of a step: its reason, or to what somebody has committed himself who promises papers."""
    content = store.content_of(step.filing)
    committed = step.order.command is Command.SUBMIT and content.committed and any(content.promises.values())
    return COMMITMENT if committed else step.order.reason


def _entry(step: Step, state: State) -> Entry:
    """Return what the trail says of a step."""
    order = step.order
    said = {"state": state, "reason": order.reason, "asked_for": order.asked_for, "rating": order.rating}
    said["document_number"] = order.document_number
    return Entry(
        f"{order.command} filing",
        step.filing["id"],
        {"state": step.filing["state"]},
        {k: v for k, v in said.items() if v},
    )


def _applicant(who: Principal, organisation_id: str | None) -> tuple[str, str]:
    """Return by which way a filing comes, and of which organisation."""
    if who.has(OPERATOR) and who.organisation_id and organisation_id in (None, "", who.organisation_id):
        return ONLINE, who.organisation_id
    if not who.has(REGULATOR):
        raise Forbidden("you file for your own organisation")
    if not organisation_id:
        raise Invalid.about("organisation_id", Reason("whose filing is it?"))
    return COUNTER, organisation_id


def _has_place(command: Command, filing: asyncpg.Record, roles: set[Role]) -> bool:
    """Say whether a command that the state permits would be taken, as far as the filing itself says."""
    if command is Command.ADMIT:
        return filing["answered_at"] is None
    if command is Command.RATE:
        return filing["rating"] is None and filing["decided_at"] is not None
    if command is Command.LAPSE:
        return filing["lapse_due_since"] is not None
    if command is Command.SUSPEND:
        return bool(filing["suspended_by"] != Role.AUTHORITY)
    if command in (Command.RESUME, Command.RETIRE):
        return filing["suspended_by"] != Role.AUTHORITY or Role.AUTHORITY in roles
    return True


def _difference(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return those members that differ, as they were and as they are."""
    plain = {k: [dict(m) for m in v] if k == "stations" else v for k, v in after.items()}
    changed = [name for name, value in plain.items() if before.get(name) != value]
    return {name: before.get(name) for name in changed}, {name: plain[name] for name in changed}
