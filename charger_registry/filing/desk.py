"""Where filings are begun, written, submitted, decided and rated; each step with its history and its line of the audit trail."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg

from charger_registry import store as registry
from charger_registry.divisions import store as divisions
from charger_registry.filing import conclusion, store
from charger_registry.filing.content import Content, Problem, World, field_errors, judged, problems
from charger_registry.filing.deadlines import Terms, days_left, resumed
from charger_registry.filing.machine import STANDING, UNDECIDED, Command, Role, State, move, open_to
from youguan import audit
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.bounds import sites_within
from youguan.clock import Clock, county_day
from youguan.documents import Document, Shelf
from youguan.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Reason, TooManyRequests
from youguan.eventlog import publish
from youguan.events import DocumentRenewed, Event, FilingMoved, FilingPromiseKept
from youguan.working_days import add_working_days

ONLINE, COUNTER = "online", "counter"
EXPLAINED = (Command.REQUIRE_SUPPLEMENT, Command.REJECT, Command.SUSPEND, Command.RETIRE)
MOST_BYTES_A_DAY = 1024**3  # of papers, from one organisation
WORST, BEST, BAD = 1, 5, 2  # ratings; whoever is not satisfied says why


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants done; `due_on`: by when a supplement is due, or since when a site is in operation."""

    command: Command
    reason: str = ""
    asked_for: tuple[str, ...] = ()
    due_on: date | None = None
    rating: int | None = None


@dataclass(frozen=True, slots=True)
class PaperDraft:
    """A document as it is brought; `replaces`: the one that counts no longer because of it."""

    type: str
    number: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the audit trail, written once every row is held that the step changes."""

    action: str
    filing_id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """What is being done with a held filing; `news`: what is to be told besides, `trail`: what is to be written down."""

    who: Principal
    filing: asyncpg.Record
    order: Order
    role: Role
    following: State
    now: datetime
    terms: Terms
    news: list[Event] = field(default_factory=list)
    trail: list[Entry] = field(default_factory=list)

    @property
    def today(self) -> date:
        return county_day(self.now)


@dataclass(frozen=True, slots=True)
class View:
    """Everything about a filing, and what whoever looks may do."""

    filing: asyncpg.Record
    content: Content
    documents: Sequence[asyncpg.Record]
    promises: Sequence[asyncpg.Record]
    history: Sequence[asyncpg.Record]
    types: Sequence[asyncpg.Record]
    grace: asyncpg.Record | None
    problems: Sequence[Problem]
    commands: frozenset[Command]
    position: str | None


Prepare = Callable[[asyncpg.Connection, Step], Awaitable[dict[str, Any]]]


class FilingDesk:
    """The work on filings."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, shelf: Shelf) -> None:
        self.pool = pool
        self._clock = clock
        self.shelf = shelf
        self._prepare: dict[Command, Prepare] = {
            Command.SUBMIT: self._submit,
            Command.ADMIT: self._admit,
            Command.REQUIRE_SUPPLEMENT: self._require_supplement,
            Command.ACCEPT: self._accept,
            Command.REJECT: self._reject,
            Command.START: self._start,
            Command.SUSPEND: self._suspend,
            Command.RESUME: self._resume,
            Command.RETIRE: self._retire,
            Command.RATE: self._rate,
        }

    # --- beginning and writing ----------------------------------------------------------------------------------

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
                await store.copy_documents(connection, old["id"], filing_id)
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
        old = await store.standing(connection, site_id)
        content = await conclusion.content_of_site(connection, site, self._clock.now())
        if old is None:
            return None, content
        if old["state"] == State.SUSPENDED:
            raise Conflict("a site that is suspended is not filed anew")
        owed = {
            row["type"]: str(row["due_on"]) for row in await store.promises(connection, old["id"]) if not row["kept_at"]
        }
        before = store.content_of(old)
        said_by_nobody_else = {
            name: getattr(before, name) for name in ("contact_name", "contact_phone", "contract_number")
        }
        return old, content.model_copy(update={**said_by_nobody_else, "promises": owed})

    async def save(self, who: Principal, filing_id: str, content: Content, *, remote: str | None) -> asyncpg.Record:
        """Keep what has been written so far, whatever is missing in it."""
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            step = await self._step(connection, who, filing_id, Order(Command.SAVE), now)
            division = content.division_code or who.division or ""
            if step.role is Role.CLERK and not who.scope.covers(division, None):
                raise _invalid("division_code", Reason("lies beyond your bounds"))
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

    # --- papers -------------------------------------------------------------------------------------------------

    async def attach(
        self,
        who: Principal,
        filing_id: str,
        draft: PaperDraft,
        receive: Callable[[], Awaitable[Document]],
        *,
        remote: str | None,
    ) -> str:
        """Add a paper; return its id. Whoever may not is told before the content is read."""
        async with self.pool.acquire() as connection:
            filing = await store.get(connection, filing_id, who.scope)
            move(State(filing["state"]), Command.ATTACH, _roles(who, filing))
            _check_paper(draft, await store.document_types(connection, _rules_of(filing, self._clock.now())))
            brought = await store.brought_since(
                connection, filing["organisation_id"], self._clock.now() - timedelta(days=1)
            )
            if brought >= MOST_BYTES_A_DAY:
                raise TooManyRequests(
                    Reason(
                        "more than {most} MiB of papers came within a day: go on later",
                        most=MOST_BYTES_A_DAY // 1024**2,
                    )
                )
        document = await receive()
        now, document_id = self._clock.now(), str(uuid.uuid4())
        async with self.pool.acquire() as connection, connection.transaction():
            step = await self._step(connection, who, filing_id, Order(Command.ATTACH), now)
            news: list[Event] = []
            if draft.replaces is not None:
                news += await self._end_paper(connection, step.filing, draft.replaces, now, who.subject, draft.type)
            line = (
                document_id, filing_id, draft.type, draft.number, draft.valid_from, draft.valid_until, draft.replaces,
                now, who.subject,
            )  # fmt: skip
            await store.add_document(connection, line, document)
            news += await self._keep_promise(connection, step.filing, draft.type, now)
            await audit.record(
                connection, at=now, actor=who.subject, action="attach document", subject=f"filing {filing_id}",
                after={"document": document_id, "type": draft.type, "sha256": document.sha256, "replaces": draft.replaces},
                remote=remote,
            )  # fmt: skip
            await publish(connection, registry.STREAM, news)
        return document_id

    async def remove(self, who: Principal, filing_id: str, document_id: str, *, remote: str | None) -> None:
        """Take a paper out of a filing that is still being written; of one that stands it can only be replaced."""
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            step = await self._step(connection, who, filing_id, Order(Command.SAVE), now)
            news = await self._end_paper(connection, step.filing, document_id, now, who.subject)
            await audit.record(
                connection, at=now, actor=who.subject, action="remove document", subject=f"filing {filing_id}",
                before={"document": document_id}, remote=remote,
            )  # fmt: skip
            await publish(connection, registry.STREAM, news)

    async def open_document(self, who: Principal, filing_id: str, document_id: str, *, remote: str | None) -> Document:
        """Return a paper; that somebody looked at it is written down."""
        async with self.pool.acquire() as connection, connection.transaction():
            await store.get(connection, filing_id, who.scope)
            row = await store.get_document(connection, filing_id, document_id)
            await audit.record(
                connection, at=self._clock.now(), actor=who.subject, action="download", subject=f"document {document_id}",
                after={"filing": filing_id, "sha256": row["sha256"]}, remote=remote,
            )  # fmt: skip
        return Document(row["sha256"], row["size_bytes"], row["media_type"], row["name"])

    async def _end_paper(
        self,
        connection: asyncpg.Connection,
        filing: asyncpg.Record,
        document_id: str,
        now: datetime,
        by: str,
        only: str | None = None,
    ) -> list[Event]:
        """Let a paper count no longer; Invalid where it is not of the type that it may `only` be replaced by."""
        ended = await store.end_document(connection, filing["id"], document_id, now, by)
        if only not in (None, ended["type"]):
            raise _invalid("replaces", Reason("is a paper of another type, {type}", type=ended["type"]))
        if ended["told"] is None:
            return []
        return [DocumentRenewed(document_id=document_id, site_id=filing["site_id"], at=now)]

    async def _keep_promise(
        self, connection: asyncpg.Connection, filing: asyncpg.Record, code: str, now: datetime
    ) -> list[Event]:
        kept = await store.keep_promise(connection, filing["id"], code, now)
        if kept is None or kept["told_at"] is None:
            return []
        return [FilingPromiseKept(filing_id=filing["id"], site_id=filing["site_id"], document_type=code, at=now)]

    # --- looking ------------------------------------------------------------------------------------------------

    async def view(self, who: Principal, filing_id: str) -> View:
        """Return everything about a filing. NotFound."""
        now = self._clock.now()
        async with self.pool.acquire() as connection:
            filing = await store.get(connection, filing_id, who.scope)
            state, content, roles = State(filing["state"]), store.content_of(filing), _roles(who, filing)
            found = judged(content, await divisions.boundary_for(connection, content.division_code))
            return View(
                filing=filing,
                content=content,
                documents=await store.documents(connection, filing_id),
                promises=await store.promises(connection, filing_id),
                history=await store.history(connection, filing_id),
                types=await store.document_types(connection, _rules_of(filing, now)),
                grace=await store.grace_period(connection, filing["site_id"]) if filing["site_id"] else None,
                problems=await self._problems(connection, filing, content, now) if state in UNDECIDED else [],
                commands=frozenset(c for c in open_to(state, roles) if _has_place(c, filing, roles)),
                position=found.position if found else None,
            )

    async def _problems(
        self, connection: asyncpg.Connection, filing: asyncpg.Record, content: Content, now: datetime
    ) -> list[Problem]:
        rules_of = _rules_of(filing, now)
        types = [store.type_of(row) for row in await store.document_types(connection, rules_of)]
        papers = store.papers(await store.documents(connection, filing["id"]), filing["asked_at"])
        ids = [line.id for line in content.stations]
        world = World(
            today=county_day(now),
            terms=await store.terms(connection, rules_of),
            divisions=await store.known_divisions(connection, content.division_code),
            organisations=await store.known_organisations(connection, content.parties().values(), now),
            elsewhere=await store.stations_elsewhere(connection, ids, filing["site_id"]),
            boundaries=await divisions.boundary_for(connection, content.division_code),
        )
        return problems(content, filing["organisation_id"], types, papers, filing["asked_for"], world)

    # --- moving -------------------------------------------------------------------------------------------------

    async def act(self, who: Principal, filing_id: str, order: Order, *, remote: str | None) -> asyncpg.Record:
        """Move a filing; NotFound, Forbidden, Conflict where its state has no place for that, Invalid by field."""
        now = self._clock.now()
        if order.command in (Command.SAVE, Command.ATTACH):
            raise Conflict(Reason("{command} has an address of its own", command=order.command))
        async with self.pool.acquire() as connection, connection.transaction():
            step = await self._step(connection, who, filing_id, order, now)
            _check_reason(step)
            prepare = self._prepare.get(order.command, _nothing_due)
            changes = {"state": step.following, "moved_at": now, **await prepare(connection, step)}
            content = step.filing["content"] if order.command is Command.SUBMIT else None
            await store.change(connection, filing_id, changes)
            line = (
                now, who.subject, step.role, order.command, step.filing["state"], step.following, order.reason, content,
            )  # fmt: skip
            await store.add_history(connection, filing_id, line)
            filing = await store.get(connection, filing_id, who.scope)
            events = await conclusion.conclude(connection, filing, order.command, step.terms, now) + step.news
            if filing["state"] != step.filing["state"]:
                events.append(_moved(filing, step.filing["state"], now))
            for entry in (*step.trail, _entry(step, changes["state"])):
                await audit.record(
                    connection, at=now, actor=who.subject, action=entry.action, subject=f"filing {entry.filing_id}",
                    before=entry.before, after=entry.after, remote=remote,
                )  # fmt: skip
            await publish(connection, registry.STREAM, events)
        return filing

    async def _step(
        self, connection: asyncpg.Connection, who: Principal, filing_id: str, order: Order, now: datetime
    ) -> Step:
        filing = await store.hold(connection, filing_id, who.scope)
        role, following = move(State(filing["state"]), order.command, _roles(who, filing))
        return Step(who, filing, order, role, following, now, await store.terms(connection, _rules_of(filing, now)))

    async def _refuse_problems(self, connection: asyncpg.Connection, step: Step) -> None:
        content = store.content_of(step.filing)
        found = field_errors(await self._problems(connection, step.filing, content, step.now))
        if found:
            raise Invalid.of(*found)

    async def _submit(self, connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
        """The first time the terms begin; after a supplement what was left of the decision's goes on."""
        await self._refuse_problems(connection, step)
        if step.filing["submitted_at"] is not None:
            due_on = resumed(step.today, step.filing["decision_days_left"])
            return {"decision_due_on": due_on, "decision_days_left": None, "due_on": due_on}
        answer = add_working_days(step.today, step.terms.answer)
        return {
            "number": await store.next_number(connection, step.today.year),
            "submitted_at": step.now,
            "answer_due_on": answer,
            "decision_due_on": add_working_days(step.today, step.terms.decision),
            "due_on": answer,
        }

    async def _admit(self, connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
        if step.filing["answered_at"] is not None:
            raise Conflict("this filing has been taken up already")
        return {"answered_at": step.now, "due_on": step.filing["decision_due_on"]}

    async def _require_supplement(self, connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
        """While the applicant has the word, the term of the decision stands still."""
        known = {row["code"] for row in await store.document_types(connection, step.today)}
        if unknown := set(step.order.asked_for) - known:
            raise _invalid("asked_for", Reason("unknown kinds of documents: {codes}", codes=", ".join(sorted(unknown))))
        due_on = step.order.due_on or add_working_days(step.today, step.terms.supplement)
        if due_on <= step.today:
            raise _invalid("due_on", Reason("must lie in the future"))
        return {
            "answered_at": step.filing["answered_at"] or step.now,
            "asked_for": list(step.order.asked_for),
            "asked_at": step.now,
            "asked_why": step.order.reason,
            "decision_days_left": days_left(step.filing["decision_due_on"], step.today),
            "decision_due_on": None,
            "due_on": due_on,
        }

    async def _accept(self, connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
        """A site that is there already stays in operation; the file that it had gives way to this one."""
        await self._refuse_problems(connection, step)
        changes = {"answered_at": step.filing["answered_at"] or step.now, "decided_at": step.now, "due_on": None}
        site_id = step.filing["site_id"]
        if site_id is None:
            return {**changes, "site_id": step.filing["number"]}
        if (await registry.get_site(connection, site_id))["retired_at"] is not None:
            raise Conflict("the site has been retired since this filing was begun")
        old = await store.standing(connection, site_id)
        if old is not None:
            await self._give_way(connection, old, step)
        return {**changes, "state": State.IN_OPERATION, "started_on": old["started_on"] if old else None}

    async def _give_way(self, connection: asyncpg.Connection, old: asyncpg.Record, step: Step) -> None:
        if old["state"] == State.SUSPENDED:
            raise Conflict("the site has been suspended")
        await store.change(connection, old["id"], {"state": State.RETIRED, "moved_at": step.now})
        reason, by = f"replaced by {step.filing['number']}", step.who.subject
        line = (step.now, by, step.role, Command.RETIRE, old["state"], State.RETIRED, reason, None)
        await store.add_history(connection, old["id"], line)
        after = {"state": State.RETIRED, "reason": reason}
        step.trail.append(Entry("retire filing", old["id"], {"state": old["state"]}, after))
        step.news.append(_moved({**dict(old), "state": State.RETIRED}, old["state"], step.now))

    async def _reject(self, connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
        return {"answered_at": step.filing["answered_at"] or step.now, "decided_at": step.now, "due_on": None}

    async def _start(self, connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
        started_on = step.order.due_on or step.today
        if started_on > step.today:
            raise _invalid("due_on", Reason("lies in the future"))
        return {"started_on": started_on}

    async def _suspend(self, connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
        return {"suspended_by": step.role}

    async def _resume(self, connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
        _refuse_against_authority(step)
        return {"suspended_by": None}

    async def _retire(self, connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
        _refuse_against_authority(step)
        return {}

    async def _rate(self, connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
        if step.filing["rating"] is not None:
            raise Conflict("this filing has been rated already")
        rating = step.order.rating
        if rating is None or not WORST <= rating <= BEST:
            raise _invalid("rating", Reason("must be a number from {worst} to {best}", worst=WORST, best=BEST))
        if rating <= BAD and not step.order.reason:
            raise _invalid("reason", Reason("whoever is not satisfied says why"))
        return {"rating": rating, "rating_comment": step.order.reason or None, "rated_at": step.now}


def _entry(step: Step, state: State) -> Entry:
    """Return what the trail says of a step."""
    order = step.order
    said = {"state": state, "reason": order.reason, "asked_for": order.asked_for, "rating": order.rating}
    return Entry(
        f"{order.command} filing",
        step.filing["id"],
        {"state": step.filing["state"]},
        {k: v for k, v in said.items() if v},
    )


def _rules_of(filing: Mapping[str, Any], now: datetime) -> date:
    """Return of which day the rules are that a filing is held against: that of its submission, else today's."""
    return county_day(filing["submitted_at"] or now)


async def _nothing_due(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    return {"due_on": None}


def _applicant(who: Principal, organisation_id: str | None) -> tuple[str, str]:
    """Return by which way a filing comes, and of which organisation."""
    if who.has(OPERATOR) and who.organisation_id and organisation_id in (None, "", who.organisation_id):
        return ONLINE, who.organisation_id
    if not who.has(REGULATOR):
        raise Forbidden("you file for your own organisation")
    if not organisation_id:
        raise _invalid("organisation_id", Reason("whose filing is it?"))
    return COUNTER, organisation_id


def _roles(who: Principal, filing: asyncpg.Record) -> set[Role]:
    """Return as what somebody may act on a filing that he sees."""
    roles = set()
    if who.has(OPERATOR) and who.organisation_id is not None and _keeps(who.organisation_id, filing):
        roles.add(Role.APPLICANT)
    if who.has(OPERATOR) and who.organisation_id == filing["organisation_id"]:
        roles.add(Role.FILER)
    if who.has(REGULATOR) and who.scope.covers(filing["division_code"], None):
        roles.add(Role.AUTHORITY)
        if filing["channel"] == COUNTER:
            roles.add(Role.CLERK)
    return roles


def _keeps(organisation_id: str, filing: asyncpg.Record) -> bool:
    """Say whose file it is: its applicant's, and once it stands that of whoever manages the site now.

    An applicant that no longer answers for the site has handed its file over with it.
    """
    if filing["state"] not in STANDING or filing["manager_id"] is None:
        return bool(organisation_id == filing["organisation_id"])
    if organisation_id == filing["manager_id"]:
        return True
    return bool(organisation_id == filing["organisation_id"] and filing["applicant_answers"])


def _has_place(command: Command, filing: asyncpg.Record, roles: set[Role]) -> bool:
    """Say whether a command that the state permits would be taken, as far as the filing itself says."""
    if command is Command.ADMIT:
        return filing["answered_at"] is None
    if command is Command.RATE:
        return filing["rating"] is None and filing["decided_at"] is not None
    if command in (Command.RESUME, Command.RETIRE):
        return filing["suspended_by"] != Role.AUTHORITY or Role.AUTHORITY in roles
    return True


def _refuse_against_authority(step: Step) -> None:
    if step.filing["suspended_by"] == Role.AUTHORITY and step.role is not Role.AUTHORITY:
        raise Forbidden("the authority has suspended this site; only the authority ends that")


def _check_reason(step: Step) -> None:
    withdrawn = step.order.command is Command.WITHDRAW and step.filing["state"] != State.DRAFT
    if (step.order.command in EXPLAINED or withdrawn) and not step.order.reason:
        raise _invalid("reason", Reason("is missing"))


def _check_paper(draft: PaperDraft, types: Sequence[asyncpg.Record]) -> None:
    kind = next((row for row in types if row["code"] == draft.type), None)
    if kind is None:
        raise _invalid("type", Reason("is none of: {codes}", codes=", ".join(row["code"] for row in types)))
    if kind["expires"] and draft.valid_until is None:
        raise _invalid("valid_until", Reason("is missing: such a paper holds for a time"))
    if draft.valid_from and draft.valid_until and draft.valid_until < draft.valid_from:
        raise _invalid("valid_until", Reason("ends before it begins"))


def _invalid(field: str, reason: Reason) -> Invalid:
    return Invalid.of(FieldError(field, reason))


def _difference(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return those members that differ, as they were and as they are."""
    plain = {k: [dict(m) for m in v] if k == "stations" else v for k, v in after.items()}
    changed = [name for name, value in plain.items() if before.get(name) != value]
    return {name: before.get(name) for name in changed}, {name: plain[name] for name in changed}


def _moved(filing: Mapping[str, Any], previous: str, now: datetime) -> FilingMoved:
    return FilingMoved(
        filing_id=filing["id"],
        number=filing["number"],
        site_id=filing["site_id"],
        organisation_id=filing["organisation_id"],
        previous=previous,
        state=filing["state"],
        at=now,
    )
