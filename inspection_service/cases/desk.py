"""The desk where cases are opened and moved: the table asked, the law asked, and all of it written down at once."""

import asyncio
import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import asyncpg
from pydantic import TypeAdapter

from inspection_service.cases import documents, store
from inspection_service.cases.acts import store as acts
from inspection_service.cases.conditions import against, missing, unmet
from inspection_service.cases.effects import Moved, moved
from inspection_service.cases.file import Case, Facts, Said
from inspection_service.cases.heads import handed_over
from inspection_service.cases.identity import Identities
from inspection_service.cases.machine import UNDER_WAY, Command, Role, State, Step, step
from inspection_service.cases.offers import Offer, offers
from inspection_service.cases.opening import Opening, completed, noon
from inspection_service.cases.persons import Officer, acting, roles_in
from inspection_service.cases.waiting import Waits, waits
from inspection_service.evidence import reviewing
from inspection_service.evidence import store as evidence
from inspection_service.evidence.chain import canonical
from inspection_service.evidence.desk import pieces
from inspection_service.law.catalogue import CONTINUING, PENALTY, Catalogue, Item
from inspection_service.printing.press import Press, Unprintable
from inspection_service.store import get_site
from inspection_service.tasks import store as tasks
from inspection_service.wording import REFUSED
from youguan import audit
from youguan.auth import INSPECTOR, OFFICIALS, REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Reason
from youguan.eventlog import publish
from youguan.events import CaseMoved, CaseOpened

STREAM = "inspection"
FACTS = TypeAdapter(Facts)
TWO = 2


@dataclass(frozen=True, slots=True)
class Issued:
    """A document as it leaves the organ; `sha256` is of its content."""

    number: str
    kind: str
    content: dict[str, Any]
    sha256: str
    pdf: bytes


class CaseDesk:
    """Opens and moves cases."""

    def __init__(
        self, pool: asyncpg.Pool, clock: Clock, catalogue: Catalogue, press: Press, party_secret: str | None = None
    ) -> None:
        self._press = press
        self.identities = Identities(party_secret)
        self.pool = pool
        self.catalogue = catalogue
        self._clock = clock

    def waits(self, who: Principal) -> Waits | None:
        """Return what a case must be like to wait for somebody; None: no case ever does."""
        return waits(who, handed_over(), self.today())

    def today(self) -> date:
        """Return the county's date."""
        return county_day(self._clock.now())

    # --- reading ---

    async def see(
        self, connection: asyncpg.Connection, who: Principal, case_id: str, *, hold: bool = False
    ) -> asyncpg.Record:
        """Return a case; NotFound beyond one's bounds too, which do not keep who was drawn to review its file from reading it."""
        row = await store.get(connection, case_id, hold=hold)
        if who.scope.covers(row["division_code"], None):
            return row
        if who.scope.covers(None, row["party_id"]) and await store.party_knows(connection, case_id):
            return row
        if not hold and who.has(*OFFICIALS) and await store.is_reviewed_by(connection, case_id, who.subject):
            return row
        raise NotFound(Reason("case {id}", id=case_id))

    async def case(self, connection: asyncpg.Connection, row: asyncpg.Record) -> Case:
        """Return a case as the rules take it."""
        bare, links = self.bare(row), await evidence.links(connection, row["id"])
        continuing = bare.item.act == CONTINUING
        return replace(
            bare,
            pieces=pieces(links, bare.facts.officers, await evidence.registered(connection, row["id"])),
            earlier=await acts.earlier_violations(connection, row["id"]),
            act_is_fined=await acts.act_is_fined(connection, row["id"], continuing=continuing),
            rivals=await self._rivals(connection, row["id"]),
            interested=await store.interested(connection, row["party_id"], row["site_id"], noon(row["act_on"])),
        )

    def bare(self, row: asyncpg.Record) -> Case:
        """Return a case without what others know of it: its evidence and other cases."""
        return Case(
            number=row["number"], state=State(row["state"]), procedure=row["procedure"],
            item=self.catalogue.items[row["item_id"]], party_kind=row["party_kind"], act_on=row["act_on"],
            found_on=row["found_on"], facts=FACTS.validate_python(row["facts"]),
        )  # fmt: skip

    async def _rivals(self, connection: asyncpg.Connection, case_id: str) -> tuple[Item, ...]:
        """Return what else our organ may punish this very act for, as far as it has begun to."""
        found = [self.catalogue.items[item] for item in await acts.items_of_act(connection, case_id, UNDER_WAY)]
        return tuple(item for item in found if item.own(PENALTY))

    async def offers(
        self, connection: asyncpg.Connection, who: Principal, row: asyncpg.Record, case: Case
    ) -> list[Offer]:
        """Return what somebody may do about a case now, and why not the rest of what is his to do."""
        return offers(self.catalogue, case, await self._roles(connection, who, row, case), who.subject, self.today())

    async def _roles(
        self, connection: asyncpg.Connection, who: Principal, row: asyncpg.Record, case: Case
    ) -> set[Role]:
        officer = await store.officer(connection, who.subject)
        return roles_in(case, who, officer, row["party_id"], self.today(), handed_over())

    async def _grace(self, connection: asyncpg.Connection, opening: Opening) -> tuple[date | None, date | None]:
        """Return since when a party is in business, and until when the site's grace period lasts where the registry gave it one."""
        site = await get_site(connection, opening.site_id) if opening.site_id else None
        if site is None or site["grace_since"] is None or opening.business_since is not None:
            return opening.business_since, None
        return site["grace_since"], site["grace_until"]

    # --- opening ---

    async def open(self, who: Principal, opening: Opening) -> str:
        """Open a case as a lead; return its id. Forbidden, Invalid, NotFound."""
        async with self.pool.acquire() as connection, connection.transaction():
            return await self.open_within(connection, who, opening)

    async def open_within(self, connection: asyncpg.Connection, who: Principal, opening: Opening) -> str:
        """Do the same within the caller's transaction."""
        now, day = self._clock.now(), self.today()
        if not who.has(INSPECTOR):
            raise Forbidden("cases are opened by inspectors")
        opening, found_on = await completed(connection, self.catalogue, opening, day)
        officers = (who.subject, opening.second_officer)
        bound = await store.interested(connection, opening.party_id, opening.site_id, noon(opening.act_on))
        await self._check_officers(connection, officers, day, bound)
        division = await self._division(connection, who, opening.site_id)
        if opening.task_id is not None:
            await self._check_task(connection, who, opening.task_id)
        number = f"AJ-{day.year}-{await store.next_number(connection, 'case', day.year):06d}"
        case_id = str(uuid.uuid4())
        since, until = await self._grace(connection, opening)
        facts = Facts(
            identity=opening.identity,
            particulars=opening.particulars,
            officers=officers,
            investigators=officers,
            serious=opening.serious,
            business_since=since,
            grace_until=until,
            referred_by=opening.referred_by,
            referral_number=opening.referral_number,
        )
        case = (
            case_id, number, State.LEAD, opening.item_id, opening.party_kind, opening.party_id, opening.party_name,
            opening.site_id, opening.station_id, opening.task_id, division, opening.act_on, found_on, now,
            who.subject, _json(facts),
        )  # fmt: skip
        await store.insert(connection, case)
        if opening.visit_id is not None:
            await store.note_visit(connection, case_id, opening.visit_id)
        line = (
            now,
            who.subject,
            who.name,
            Role.OFFICER,
            "open",
            None,
            State.LEAD,
            opening.reason,
            _json(opening),
            None,
        )
        await store.add_history(connection, case_id, line)
        await audit.record(
            connection, at=now, actor=who.subject, action="case open", subject=f"case {number}", after=_json(opening)
        )  # fmt: skip
        opened = CaseOpened(
            case_id=case_id, number=number, item_id=opening.item_id, party_id=opening.party_id,
            site_id=opening.site_id, station_id=opening.station_id, task_id=opening.task_id, at=now,
        )  # fmt: skip
        await publish(connection, STREAM, [opened])
        return case_id

    async def _division(self, connection: asyncpg.Connection, who: Principal, site_id: str | None) -> str | None:
        """Return where a case lies: at its site, else where the inspector works; NotFound beyond his bounds."""
        if site_id is None:
            return who.division or self.catalogue.county
        site = await get_site(connection, site_id)
        if site is None or not who.scope.covers(site["division_code"], None):
            raise NotFound(Reason("site {id}", id=site_id))
        division: str | None = site["division_code"]
        return division

    async def _check_task(self, connection: asyncpg.Connection, who: Principal, task_id: str) -> None:
        """Refuse a task that there is not, or that neither lies within somebody's bounds nor was given to his team; NotFound."""
        task = await tasks.get_task(connection, task_id)
        if not who.scope.covers(task["division_code"], None) and task["team_id"] != who.team_id:
            raise NotFound(Reason("task {id}", id=task_id))

    async def _check_officers(
        self, connection: asyncpg.Connection, officers: tuple[str, ...], day: date, interested: Collection[str]
    ) -> None:
        """Two different people with certificates that hold (Art. 42) and no interest in a party (Art. 43); Invalid."""
        if len(set(officers)) != TWO:
            raise Invalid.about("officers", "two different officers are needed (Penalty Law Art. 42)")
        for subject in officers:
            if subject in interested:
                said = Reason(
                    "{officer} has declared an interest here and takes no part in it (Art. 43)", officer=subject
                )
                raise Invalid.about("officers", said)
            found = await store.officer(connection, subject)
            if found is None or not found.may_act(day):
                said = Reason("{subject} holds no enforcement certificate that is valid", subject=subject)
                raise Invalid.about("officers", said)

    # --- moving ---

    async def do(
        self, who: Principal, case_id: str, command: Command, said: Said, seen: int | None = None
    ) -> asyncpg.Record:
        """Let somebody take a step; return the case after it. `seen`: the place in its history that he has seen last.

        NotFound, Forbidden, Invalid, and Conflict where the step has no place, a condition does not hold, or somebody else has
        moved the case meanwhile.
        """
        day = self.today()
        async with self.pool.acquire() as connection, connection.transaction():
            row = await self.see(connection, who, case_id, hold=True)
            if seen is not None and row["place"] != seen:
                raise Conflict(
                    Reason("somebody else has moved this case meanwhile: it is {state} now", state=row["state"])
                )
            before = await self.case(connection, row)
            line = step(before.state, command)
            role = acting(before, line, await self._roles(connection, who, row, before), who.subject)
            await self._check(connection, row, before, said, day, line)
            after = moved(before, line, said, who.subject, day)
            await self._write(connection, row, before, after, line, said, who, role)
            return await store.get(connection, case_id)

    async def _check(
        self, connection: asyncpg.Connection, row: asyncpg.Record, case: Case, said: Said, day: date, line: Step
    ) -> None:
        if lost := missing(said, line):
            needed = [FieldError(name, "is needed") for name in lost]
            raise Invalid("; ".join(f"{name}: is needed" for name in lost), fields=needed)
        if refused := against(self.catalogue, case, said, day, line):
            raise _refused([refusal.code for refusal in refused])
        if failed := unmet(case, said, day, line):
            raise _refused(failed)
        if line.command == Command.REASSIGN:
            reviewing.refuse_officers(await evidence.links(connection, row["id"]), said.officers)
            await self._check_officers(connection, said.officers, day, case.interested)
        continuing = case.item.act == CONTINUING
        if fines(line, said) and not await acts.hold_act(connection, row["id"], day, continuing=continuing):
            raise _refused(["fined_already"])

    async def _write(
        self, connection: asyncpg.Connection, row: asyncpg.Record, before: Case, after: Moved, line: Step, said: Said,
        who: Principal, role: Role,
    ) -> None:  # fmt: skip
        now = self._clock.now()
        document = await self._issue(connection, row, before, after, line, said, who) if line.document else None
        values = (after.state, after.procedure, _json(after.facts), after.due_on, after.period, now)
        await store.save(connection, row["id"], values)
        if after.state == State.REVOKED:
            await acts.free_act(connection, row["id"])
        history = (
            now, who.subject, who.name, role, line.command, row["state"], after.state, said.reason, _json(said),
            document and document.number,
        )  # fmt: skip
        place = await store.add_history(connection, row["id"], history)
        if document:
            members = (document.kind, now, who.subject, document.content, document.sha256)
            await store.add_document(connection, (document.number, row["id"], place, *members))
            await store.add_print(connection, document.number, document.pdf, hashlib.sha256(document.pdf).hexdigest())
        await audit.record(
            connection, at=now, actor=who.subject, action=f"case {line.command}", subject=f"case {row['number']}",
            before={"state": row["state"], "facts": row["facts"]},
            after={"state": after.state, "facts": _json(after.facts), "reason": said.reason},
        )  # fmt: skip
        news = CaseMoved(
            case_id=row["id"], number=row["number"], command=line.command, previous=row["state"], state=after.state,
            party_id=row["party_id"], due_on=after.due_on, at=now,
        )  # fmt: skip
        await publish(connection, STREAM, [news])

    async def _issue(
        self, connection: asyncpg.Connection, row: asyncpg.Record, before: Case, after: Moved, line: Step, said: Said,
        who: Principal,
    ) -> Issued:  # fmt: skip
        """Return the document of a step, numbered and printed: what cannot be printed is not issued."""
        assert line.document is not None
        day = self.today()
        names = [await self._named(connection, subject) for subject in after.facts.officers]
        issue = documents.Issue(self.catalogue.own.name, row["party_name"], tuple(names), who.name, day)
        if decision := await store.newest_document(connection, row["id"], documents.DECISIONS):
            issue = replace(issue, decision=documents.reference(decision["title"], decision["number"]))
        case = Case(**{**_shallow(before), "facts": after.facts, "procedure": after.procedure, "state": after.state})
        content = documents.content(line.document, issue, before, case, line, said)
        place = await store.next_number(connection, line.document, day.year)
        number, digest = (
            documents.number(line.document, day.year, place),
            hashlib.sha256(canonical(content)).hexdigest(),
        )
        try:
            pdf = await asyncio.to_thread(self._press.pdf, number, digest, content, self._clock.now())
        except Unprintable as error:
            raise Invalid(Reason("the document cannot be printed: {error}", error=error)) from None
        return Issued(number, line.document, content, digest, pdf)

    async def printed(self, document: asyncpg.Record) -> bytes:
        """Return a document as it was printed; one that was issued without is printed now, and that is kept."""
        async with self.pool.acquire() as connection:
            kept = await store.printed(connection, document["number"])
        if kept is not None:
            return kept
        members = (document["number"], document["sha256"], document["content"], document["issued_at"])
        made = await asyncio.to_thread(self._press.pdf, *members)
        async with self.pool.acquire() as connection:
            await store.add_print(connection, document["number"], made, hashlib.sha256(made).hexdigest())
        return made

    async def print_all(self, case_id: str) -> None:
        """See to it that every document of a case is printed."""
        async with self.pool.acquire() as connection:
            unprinted = await store.unprinted(connection, case_id)
        for document in unprinted:
            await self.printed(document)

    async def _named(self, connection: asyncpg.Connection, subject: str) -> str:
        """Return an officer with the number of his certificate."""
        found = await store.officer(connection, subject)
        return f"{found.name}（{found.certificate}）" if found else subject

    # --- officers ---

    async def register(self, who: Principal, officer: Officer) -> None:
        """Write down who holds a certificate; Forbidden, Conflict where another holds its number."""
        if not (who.has(REGULATOR) and who.scope.everything):
            raise Forbidden("officers are registered by the county's regulator")
        now = self._clock.now()
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                before = await store.officer(connection, officer.subject)
                await store.save_officer(connection, officer)
                await audit.record(
                    connection, at=now, actor=who.subject, action="officer register", subject=f"officer {officer.subject}",
                    before=before and _json(before), after=_json(officer),
                )  # fmt: skip
        except asyncpg.UniqueViolationError:
            raise Conflict(Reason("certificate {number} is another officer's", number=officer.certificate)) from None


def fines(line: Step, said: Said) -> bool:
    """Say whether a step fines an act."""
    return line.command in (Command.DECIDE, Command.PUNISH_ON_THE_SPOT) and said.fine_fen > 0


def _shallow(case: Case) -> dict[str, Any]:
    return {name: getattr(case, name) for name in Case.__dataclass_fields__}


def _json(value: Any) -> Mapping[str, Any]:
    """Return a dataclass as JSON has it: dates as text, so that what is hashed and what is stored are the same."""
    return {name: _plain(member) for name, member in asdict(value).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, list | tuple) else value


def _refused(codes: Sequence[str]) -> Conflict:
    """Return what says why not; its fields are the reasons' codes."""
    return Conflict(
        "; ".join(REFUSED[code] for code in codes), fields=[FieldError(code, REFUSED[code]) for code in codes]
    )
