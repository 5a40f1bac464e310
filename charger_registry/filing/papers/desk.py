"""Where the papers of filings are brought, taken back and read."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from charger_registry import store as registry
from charger_registry.filing import store
from charger_registry.filing.machine import STANDING, Command, State, move
from charger_registry.filing.papers import store as paper_store
from charger_registry.filing.rules import store as rule_store
from charger_registry.filing.step import (
    Order,
    Step,
    keepers,
    roles_on,
    rules_of,
    take_step,
)
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.documents import Document, Shelf, hold_quota
from youguan.errors import Invalid, Reason
from youguan.eventlog import publish
from youguan.events import DocumentRenewed, Event, FilingPaperMoved, FilingPromiseKept
from youguan.quota import A_DAY, DOCUMENTS, refuse_beyond


@dataclass(frozen=True, slots=True)
class PaperDraft:
    """A document as it is brought; `replaces`: the one that counts no longer because of it."""

    type: str
    number: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    replaces: str | None = None


class PaperDesk:
    """The work on papers."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, shelf: Shelf) -> None:
        self.pool = pool
        self._clock = clock
        self.shelf = shelf

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
        now = self._clock.now()
        async with self.pool.acquire() as connection:
            filing = await store.get(connection, filing_id, who.scope)
            move(State(filing["state"]), Command.ATTACH, roles_on(who, filing))
            _check_paper(draft, await rule_store.document_types(connection, rules_of(filing, now)))
            await _refuse_beyond_quota(connection, filing["organisation_id"], 1, now)
        return await self._add(who, filing_id, draft, await receive(), remote)

    @whole
    async def _add(
        self, who: Principal, filing_id: str, draft: PaperDraft, document: Document, remote: str | None
    ) -> str:
        now, document_id = self._clock.now(), str(uuid.uuid4())
        async with self.pool.acquire() as connection, connection.transaction():
            step = await take_step(connection, who, filing_id, Order(Command.ATTACH), now)
            await hold_quota(connection, f"organisation {step.filing['organisation_id']}")
            await _refuse_beyond_quota(connection, step.filing["organisation_id"], document.size_bytes, now)
            news: list[Event] = []
            waits = step.following in STANDING  # in a filing under decision it is decided with it
            if waits:
                await self._check_replaced(connection, filing_id, draft)
                await paper_store.end_waiting(connection, filing_id, draft.type, draft.replaces, now, who.subject)
                news.append(await _moved(connection, step, document_id, draft.type, paper_store.WAITING))
            elif draft.replaces is not None:
                news += await self._end_paper(connection, step.filing, draft.replaces, now, who.subject, draft.type)
            line = (
                document_id, filing_id, draft.type, draft.number, draft.valid_from, draft.valid_until, draft.replaces,
                now, who.subject, paper_store.WAITING if waits else paper_store.COUNTS,
            )  # fmt: skip
            await paper_store.add_document(connection, line, document)
            await audit.record(
                connection, at=now, actor=who.subject, action="attach document", subject=f"filing {filing_id}",
                after={"document": document_id, "type": draft.type, "sha256": document.sha256, "replaces": draft.replaces},
                remote=remote,
            )  # fmt: skip
            await publish(connection, registry.STREAM, news)
        return document_id

    @whole
    async def judge(
        self, who: Principal, filing_id: str, document_id: str, accepted: bool, reason: str, *, remote: str | None
    ) -> None:
        """Accept or refuse a paper that was brought on a file that stands: only then it counts, and keeps what was promised.

        NotFound, Forbidden, Conflict where it waits no longer, Invalid by field.
        """
        now, command = self._clock.now(), Command.ACCEPT_PAPER if accepted else Command.REFUSE_PAPER
        if not accepted and not reason:
            raise Invalid.about("reason", Reason("is missing"))
        async with self.pool.acquire() as connection, connection.transaction():
            step = await take_step(connection, who, filing_id, Order(command, reason), now)
            standing = paper_store.COUNTS if accepted else paper_store.REFUSED
            row = await paper_store.judge_document(
                connection, filing_id, document_id, standing, now, who.subject, reason
            )
            news = [
                *(await self._counts(connection, step, row) if accepted else []),
                await _moved(connection, step, document_id, row["type"], standing),
            ]
            what = " ".join(filter(None, (row["name"], row["number"], reason)))
            state = step.filing["state"]
            line = (now, who.subject, step.role, command, state, state, what, None)
            await store.add_history(connection, filing_id, line)
            await audit.record(
                connection, at=now, actor=who.subject, action=f"{command} document", subject=f"filing {filing_id}",
                after={"document": document_id, "type": row["type"], "reason": reason}, remote=remote,
            )  # fmt: skip
            await publish(connection, registry.STREAM, news)

    async def _counts(self, connection: asyncpg.Connection, step: Step, row: asyncpg.Record) -> list[Event]:
        """Let an accepted paper take the place of another one, and keep what was promised; Invalid where it does not hold."""
        paper = paper_store.paper_of(row)
        if paper.valid_until is not None and paper.valid_until < step.today:
            raise Invalid.about("valid_until", Reason("is no longer valid"))
        news: list[Event] = []
        if await paper_store.owes(connection, step.filing["id"], row["type"]):
            if not paper.holds_on(step.today):
                raise Invalid.about("valid_from", Reason("is not valid yet"))
            news += await self._keep_promise(connection, step.filing, row["type"], step.now)
        if row["replaces"] is not None and await paper_store.is_in_place(connection, row["replaces"]):
            news += await self._end_paper(connection, step.filing, row["replaces"], step.now, step.who.subject)
        return news

    async def _check_replaced(self, connection: asyncpg.Connection, filing_id: str, draft: PaperDraft) -> None:
        if draft.replaces is None:
            return
        old = await paper_store.get_document(connection, filing_id, draft.replaces)
        _refuse_another_type(old, draft.type)

    @whole
    async def remove(self, who: Principal, filing_id: str, document_id: str, *, remote: str | None) -> None:
        """Take a paper out of a filing that is still being written; of one that stands it can only be replaced."""
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            step = await take_step(connection, who, filing_id, Order(Command.SAVE), now)
            news = await self._end_paper(connection, step.filing, document_id, now, who.subject)
            await audit.record(
                connection, at=now, actor=who.subject, action="remove document", subject=f"filing {filing_id}",
                before={"document": document_id}, remote=remote,
            )  # fmt: skip
            await publish(connection, registry.STREAM, news)

    @whole
    async def open_document(self, who: Principal, filing_id: str, document_id: str, *, remote: str | None) -> Document:
        """Return a paper; that somebody looked at it is written down."""
        async with self.pool.acquire() as connection, connection.transaction():
            await store.get(connection, filing_id, who.scope)
            row = await paper_store.get_document(connection, filing_id, document_id)
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
        ended = await paper_store.end_document(connection, filing["id"], document_id, now, by)
        if only is not None:
            _refuse_another_type(ended, only)
        if ended["told"] is None:
            return []
        return [DocumentRenewed(document_id=document_id, site_id=filing["site_id"], at=now)]

    async def _keep_promise(
        self, connection: asyncpg.Connection, filing: asyncpg.Record, code: str, now: datetime
    ) -> list[Event]:
        kept = await paper_store.keep_promise(connection, filing["id"], code, now)
        if kept is None or kept["told_at"] is None:
            return []
        return [FilingPromiseKept(filing_id=filing["id"], site_id=filing["site_id"], document_type=code, at=now)]


async def _refuse_beyond_quota(
    connection: asyncpg.Connection, organisation_id: str, size_bytes: int, now: datetime
) -> None:
    refuse_beyond(
        DOCUMENTS, await paper_store.brought_since(connection, organisation_id, now - A_DAY), 1, size_bytes, now
    )


async def _moved(
    connection: asyncpg.Connection, step: Step, document_id: str, code: str, standing: str
) -> FilingPaperMoved:
    """Return where a paper of a kind stands now, as others are told it."""
    kinds = {row["code"]: row for row in await rule_store.document_types(connection, step.today)}
    filing = step.filing
    return FilingPaperMoved(
        filing_id=filing["id"],
        number=filing["number"],
        site_id=filing["site_id"],
        document_id=document_id,
        document_type=code,
        name=kinds[code]["name"],
        name_en=kinds[code]["name_en"],
        standing=standing,
        reason=step.order.reason,
        at=step.now,
        keeper_ids=keepers(filing),
    )


def _check_paper(draft: PaperDraft, types: Sequence[asyncpg.Record]) -> None:
    kind = next((row for row in types if row["code"] == draft.type), None)
    if kind is None:
        raise Invalid.about("type", Reason("is none of: {codes}", codes=", ".join(row["code"] for row in types)))
    if kind["expires"] and draft.valid_until is None:
        raise Invalid.about("valid_until", Reason("is missing: such a paper holds for a time"))
    if draft.valid_from and draft.valid_until and draft.valid_until < draft.valid_from:
        raise Invalid.about("valid_until", Reason("ends before it begins"))


def _refuse_another_type(old: asyncpg.Record, code: str) -> None:
    if old["type"] != code:
        raise Invalid.about("replaces", Reason("is a paper of another type, {type}", type=old["type"]))
