"""Where decisions are made ready to be published, checked by a person, shown, and taken back on time."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from inspection_service.cases import store as cases
from inspection_service.cases.desk import FACTS
from inspection_service.cases.documents import basis_text, sanction_text
from inspection_service.cases.file import CHANGED, ILLEGAL, REVOKED, Facts
from inspection_service.cases.machine import Command
from inspection_service.law.catalogue import CITIZEN, Catalogue
from inspection_service.law.periods import add_months, periods
from inspection_service.publication import store
from inspection_service.publication.due import Due, due
from inspection_service.publication.notice import Notice, Shown
from inspection_service.publication.redaction import SHORTEST
from inspection_service.publication.rules import Decision, Rule, rule_for, rules
from youguan import audit
from youguan.auth import OFFICIALS, REGULATOR, REVIEWER, Principal
from youguan.clock import Clock, county_day
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, Reason
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import CaseMoved

TO_CHECK, EXEMPT, WITHHELD, PUBLISHED, WITHDRAWN, ENDED = (
    "to_check", "exempt", "withheld", "published", "withdrawn", "ended",
)  # fmt: skip
STATES = (TO_CHECK, EXEMPT, WITHHELD, PUBLISHED, WITHDRAWN, ENDED)
SHOWABLE = (
    TO_CHECK,
    EXEMPT,
    WITHHELD,
    WITHDRAWN,
)  # what was taken back by mistake, or to be corrected, comes again (Art. 48)
DECISIONS = ("decision", "spot_decision")
SYSTEM = "system"
CHANGED_BY_REVIEW = "处罚决定经行政复议或者诉讼变更"


class PublicationDesk:
    """Keeps what is published of decisions."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, catalogue: Catalogue) -> None:
        self.pool = pool
        self.catalogue = catalogue
        self._clock = clock

    def today(self) -> date:
        """Return the county's date."""
        return county_day(self._clock.now())

    def now(self) -> datetime:
        return self._clock.now()

    # --- what follows from a case ---

    def consumer(self) -> Consumer:
        """Return the consumer that follows cases."""
        return Consumer(self.pool, "inspection.publication", self.handle, types=(CaseMoved,))

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        """Take in what became of decisions. The trail is written last: whoever holds it waits for no row."""
        lines: list[tuple[str, str, str]] = []
        for stored in batch:
            if isinstance(stored.event, CaseMoved):
                lines += await self._follow(connection, stored.event)
        for action, number, reason in lines:
            await audit.record(
                connection, at=self.now(), actor=SYSTEM, action=f"publication {action}", subject=f"decision {number}",
                after={"reason": reason},
            )  # fmt: skip

    async def _follow(self, connection: asyncpg.Connection, moved: CaseMoved) -> list[tuple[str, str, str]]:
        if moved.command in (Command.DECIDE, Command.PUNISH_ON_THE_SPOT):
            await self._prepare(connection, moved.case_id, "")
        elif moved.command == Command.REVOKE:
            return await self._take_back(connection, moved.case_id, WITHDRAWN, "处罚决定已被撤销")
        elif moved.command == Command.REPAIR_CREDIT:
            return await self._take_back(connection, moved.case_id, ENDED, "信用修复")
        elif moved.command == Command.END_APPEAL:
            return await self._after_appeal(connection, moved.case_id)
        return []

    async def _after_appeal(self, connection: asyncpg.Connection, case_id: str) -> list[tuple[str, str, str]]:
        outcome = (await self._facts(connection, case_id)).appeals[-1].outcome
        if outcome in (REVOKED, ILLEGAL):
            return await self._take_back(connection, case_id, WITHDRAWN, "处罚决定经行政复议或者诉讼被撤销或者确认违法")
        if outcome != CHANGED:
            return []
        lines = await self._take_back(connection, case_id, WITHDRAWN, CHANGED_BY_REVIEW)
        await self._prepare(connection, case_id, CHANGED_BY_REVIEW)
        return lines

    async def _prepare(self, connection: asyncpg.Connection, case_id: str, reason: str) -> None:
        """Ask the rules whether a decision is published, and let it wait for a person; `reason`: why instead of another."""
        row = await cases.get(connection, case_id)
        facts = FACTS.validate_python(row["facts"])
        document = await _decision(connection, case_id)
        if document is None or facts.decided_on is None:
            return
        rule = self._rule(row, facts)
        version = len(await store.of_case(connection, case_id)) + 1
        due = periods()["publication"].last_day(self.today() if reason else facts.decided_on)
        state, due_on = (TO_CHECK, due) if rule.publish else (EXEMPT, None)
        line = (
            str(uuid.uuid4()),
            case_id,
            version,
            document["number"],
            state,
            rule.id,
            facts.decided_on,
            due_on,
            reason,
        )
        await store.add(connection, (*line, self.now()))

    def _rule(self, row: asyncpg.Record, facts: Facts) -> Rule:
        item = self.catalogue.items[row["item_id"]]
        return rule_for(
            Decision(
                row["procedure"] or "", row["party_kind"], frozenset(facts.imposed.kinds), facts.fine_fen, item.danger
            )
        )

    async def _take_back(
        self, connection: asyncpg.Connection, case_id: str, state: str, reason: str
    ) -> list[tuple[str, str, str]]:
        """Withdraw or end what stands of a case; what was never shown just ends."""
        found = []
        for row in await store.of_case(connection, case_id):
            if row["state"] in (WITHDRAWN, ENDED):
                continue
            now = state if row["state"] == PUBLISHED else ENDED
            await store.set_state(connection, row["id"], now, reason, self.now())
            found.append((now, row["number"], reason))
        return found

    async def _facts(self, connection: asyncpg.Connection, case_id: str) -> Facts:
        return FACTS.validate_python((await cases.get(connection, case_id))["facts"])

    # --- what people do ---

    async def see(
        self, connection: asyncpg.Connection, who: Principal, publication_id: str, *, hold: bool = False
    ) -> asyncpg.Record:
        """Return one as officials have it; NotFound beyond one's bounds."""
        row = await store.get(connection, publication_id, hold=hold)
        if not (who.has(*OFFICIALS) and who.scope.covers(row["division_code"], None)):
            raise NotFound(Reason("publication {id}", id=publication_id))
        return row

    async def due(self, who: Principal) -> list[Due]:
        """Return what somebody who checks has to show and to take back within his bounds, what is due first first."""
        if not who.has(REGULATOR, REVIEWER):
            return []
        async with self.pool.acquire() as connection:
            return due(await store.list_waiting(connection, who.subject, who.scope))

    async def against(self, connection: asyncpg.Connection, row: asyncpg.Record) -> str | None:
        """Return why a decision is to be shown no more, whoever has checked it; None: it may be."""
        if await store.fell_on(connection, row["id"]):
            return "this decision no longer stands: it was revoked or changed"
        if (await self._facts(connection, row["case_id"])).credit_ended_on is not None:
            return "this decision is shown no more: the credit was repaired"
        if row["shown_until"] is not None and row["shown_until"] < county_day(self.now()):
            return "this decision is shown no more: its time is over"
        return None

    async def notice(self, connection: asyncpg.Connection, row: asyncpg.Record, names: Sequence[str]) -> Notice:
        """Return what would be shown, redacted by rule and of these names."""
        case = await cases.get(connection, row["case_id"])
        facts, item = FACTS.validate_python(case["facts"]), self.catalogue.items[case["item_id"]]
        document = await _decision(connection, row["case_id"])
        assert document is not None
        content, sanction = document["content"], sanction_text(facts.imposed, item)
        is_changed = any(appeal.outcome == CHANGED for appeal in facts.appeals)
        changed = (f"{CHANGED_BY_REVIEW}：现为{sanction}。",) if is_changed else ()
        found = Notice(
            number=row["number"], title=content["title"], party=case["party_name"], item=item.name, basis=basis_text(item),
            sanction=sanction, decided_on=row["decided_on"].isoformat(), organ=content["organ"],
            paragraphs=(*content["paragraphs"], *changed),
        )  # fmt: skip
        return found.without(await self._names(connection, case, facts, names))

    async def _names(
        self, connection: asyncpg.Connection, case: asyncpg.Record, facts: Facts, names: Sequence[str]
    ) -> list[str]:
        """Return whom the rules know to be natural persons: a citizen, an organisation's representative, the officers; and whom a
        person has named."""
        known = {officer.subject: officer.name for officer in await cases.officers(connection)}
        officers = [known[subject] for subject in facts.investigators if subject in known]
        party = case["party_name"] if case["party_kind"] == CITIZEN else facts.particulars.representative
        return [*names, *officers, party]

    async def publish(
        self, who: Principal, publication_id: str, names: Sequence[str], reason: str = ""
    ) -> asyncpg.Record:
        """Show a decision to everybody, as somebody has checked it; Conflict, Forbidden, Invalid.

        `names`: of natural persons that no rule knows. What the rules do not publish needs a reason, and what was taken back to be
        corrected.
        """
        if short := [name for name in names if len(name) < SHORTEST]:
            raise Invalid.about("names", Reason("{name}: two characters at the least", name=short[0]))
        now = self.now()
        async with self.pool.acquire() as connection, connection.transaction():
            row = await self._hold(connection, who, publication_id, SHOWABLE)
            if row["state"] != TO_CHECK and not reason.strip():
                raise Invalid.about("reason", "is needed for what is not published by rule, or was taken back")
            if against := await self.against(connection, row):
                raise Conflict(against)
            notice = await self.notice(connection, row, names)
            case = await cases.get(connection, row["case_id"])
            facts = FACTS.validate_python(case["facts"])
            if found := notice.leaks(await self._names(connection, case, facts, names)):
                raise Conflict(Reason("names: still to be read: {names}", names=", ".join(found)))
            months = rules()[row["rule"]].months or min(rule.months for rule in rules().values() if rule.publish)
            content = {name: getattr(notice, name) for name in Notice.__dataclass_fields__}
            # What is shown again ends when it would have ended: its time does not begin anew.
            until = row["shown_until"] or add_months(county_day(now), months)
            await store.publish(
                connection, publication_id, (content, list(names), who.subject, now, until, reason.strip())
            )
            await self._note(connection, who, "publish", row, {"names": len(names), "shown_until": until.isoformat()})
            return await store.get(connection, publication_id)

    async def withhold(self, who: Principal, publication_id: str, reason: str) -> asyncpg.Record:
        """Do not show a decision, for a reason (state secrets, trade secrets, privacy: Art. 48, 50)."""
        async with self.pool.acquire() as connection, connection.transaction():
            row = await self._hold(connection, who, publication_id, (TO_CHECK,))
            await store.set_state(connection, publication_id, WITHHELD, reason, self.now())
            await self._note(connection, who, "withhold", row, {"reason": reason})
            return await store.get(connection, publication_id)

    async def withdraw(self, who: Principal, publication_id: str, reason: str) -> asyncpg.Record:
        """Take back what is shown, with reasons that everybody reads (Art. 48)."""
        async with self.pool.acquire() as connection, connection.transaction():
            row = await self._hold(connection, who, publication_id, (PUBLISHED,))
            await store.set_state(connection, publication_id, WITHDRAWN, reason, self.now())
            await self._note(connection, who, "withdraw", row, {"reason": reason})
            return await store.get(connection, publication_id)

    async def _hold(
        self, connection: asyncpg.Connection, who: Principal, publication_id: str, states: Sequence[str]
    ) -> asyncpg.Record:
        """Return one that stands at one of the states, held; who has investigated the case does not check what is shown of it."""
        if not who.has(REGULATOR, REVIEWER):
            raise Forbidden("what is published is checked by a regulator or a legal reviewer")
        if who.scopes is not None:
            raise Forbidden("what is published is checked by a person, not by a machine's key")
        row = await self.see(connection, who, publication_id, hold=True)
        if who.subject in (await self._facts(connection, row["case_id"])).investigators:
            raise Forbidden("what is published is not checked by an officer of the case")
        if row["state"] not in states:
            raise Conflict(Reason("this is {state}", state=row["state"]))
        return row

    async def _note(
        self, connection: asyncpg.Connection, who: Principal, action: str, row: asyncpg.Record, after: dict[str, Any]
    ) -> None:
        await audit.record(
            connection, at=self.now(), actor=who.subject, action=f"publication {action}", subject=f"decision {row['number']}",
            before={"state": row["state"]}, after=after,
        )  # fmt: skip


async def _decision(connection: asyncpg.Connection, case_id: str) -> asyncpg.Record | None:
    """Return the decision of a case as it was issued: the last, where one before it has fallen."""
    issued = await cases.documents(connection, case_id)
    return next((document for document in reversed(issued) if document["kind"] in DECISIONS), None)


def shown(row: asyncpg.Record) -> Shown:
    """Return what the public has of one."""
    withdrawn = row["state"] == WITHDRAWN
    return Shown(
        id=row["id"], number=row["number"], published_at=row["published_at"], shown_until=row["shown_until"],
        notice=None if withdrawn else row["notice"], withdrawn=row["reason"] if withdrawn else "",
        changed_at=row["changed_at"],
    )  # fmt: skip
