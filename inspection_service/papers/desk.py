"""Where parties bring papers to their cases, and officers make evidence of them, or say why not."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from inspection_service.cases.desk import CaseDesk
from inspection_service.cases.machine import ENDED, State
from inspection_service.evidence.chain import Link
from inspection_service.evidence.desk import EvidenceDesk, Wish
from inspection_service.papers import store
from youguan import audit
from youguan.auth import OPERATOR, Principal
from youguan.clock import Clock, utc_text
from youguan.documents import IMAGES, Document, hold_quota
from youguan.errors import Conflict, Forbidden, Invalid, Reason
from youguan.quota import A_DAY, DOCUMENTS, refuse_beyond

STATEMENT = "statement"
MOST_WAITING = 50  # of one case: what nobody has looked at yet


@dataclass(frozen=True, slots=True)
class Brings:
    """What a paper is about, as its party says."""

    about: str
    title: str
    note: str = ""


class PaperDesk:
    """Takes papers in, and answers them."""

    def __init__(self, cases: CaseDesk, evidence: EvidenceDesk, clock: Clock) -> None:
        self.cases = cases
        self.evidence = evidence
        self._clock = clock

    # --- the party ---

    async def bring(
        self, who: Principal, case_id: str, brings: Brings, size_bytes: int, receive: Callable[[], Awaitable[Document]]
    ) -> str:
        """Keep a paper of the party; return its id. NotFound, Forbidden, Conflict, TooManyRequests; only then is it received."""
        async with self.cases.pool.acquire() as connection:
            await self._open_to(connection, who, case_id)
            await self._refuse_beyond_quota(connection, who, size_bytes)
        document = await receive()
        async with self.cases.pool.acquire() as connection, connection.transaction():
            row = await self._open_to(connection, who, case_id, hold=True)
            await hold_quota(connection, who.subject)
            await self._refuse_beyond_quota(connection, who, document.size_bytes)
            return await self._keep(connection, who, row, brings, document)

    async def _refuse_beyond_quota(self, connection: asyncpg.Connection, who: Principal, size_bytes: int) -> None:
        now = self._clock.now()
        refuse_beyond(DOCUMENTS, await store.brought_since(connection, who.subject, now - A_DAY), 1, size_bytes, now)

    async def _open_to(
        self, connection: asyncpg.Connection, who: Principal, case_id: str, *, hold: bool = False
    ) -> asyncpg.Record:
        """Return a case to which somebody may bring papers now: its party's, not at its end, and not with too many unread ones."""
        row = await self.cases.see(connection, who, case_id, hold=hold)
        if not who.has(OPERATOR) or who.organisation_id is None or who.organisation_id != row["party_id"]:
            raise Forbidden("papers are brought by the party of the case; officers collect evidence themselves")
        if State(row["state"]) in ENDED:
            raise Conflict(Reason("a case that is {state} takes no papers", state=row["state"]))
        if row["waiting_papers"] >= MOST_WAITING:
            raise Conflict(Reason("{most} papers wait for an answer already", most=MOST_WAITING))
        return row

    async def _keep(
        self, connection: asyncpg.Connection, who: Principal, row: asyncpg.Record, brings: Brings, document: Document
    ) -> str:
        if not brings.title.strip():
            raise Invalid.about("title", "is needed")
        paper_id, now = str(uuid.uuid4()), self._clock.now()
        content = (document.sha256, document.size_bytes, document.media_type, document.name)
        said = (brings.about, brings.title.strip(), brings.note.strip())
        await store.add(connection, (paper_id, row["id"], *said, *content, now, who.subject, who.name))
        after = {"paper": paper_id, "about": brings.about, "sha256": document.sha256}
        await self._note(connection, who, "bring", row["number"], now, after)
        return paper_id

    # --- the officers ---

    async def accept(self, who: Principal, case_id: str, paper_id: str, kind: str | None = None) -> Link:
        """Make a paper evidence of its case, at the end of its chain; Conflict where it was answered before."""
        async with self.cases.pool.acquire() as connection, connection.transaction():
            case, paper = await self._unanswered(connection, who, case_id, paper_id)
            wish = Wish(kind or kind_of(paper), "party", paper["title"], paper["brought_at"], source_of(paper))
            content = {name: paper[name] for name in ("sha256", "size_bytes", "media_type", "name")}
            link = await self.evidence.collect_within(connection, who, case, wish, content, None)
            place = int(link.record["place"])
            await store.answer(connection, (paper_id, place, "", self._clock.now(), who.subject, who.name))
        return link

    async def refuse(self, who: Principal, case_id: str, paper_id: str, reason: str) -> None:
        """Say why a paper does not become evidence; it is kept with that all the same."""
        if not reason.strip():
            raise Invalid.about("reason", "is needed")
        now = self._clock.now()
        async with self.cases.pool.acquire() as connection, connection.transaction():
            case, _ = await self._unanswered(connection, who, case_id, paper_id)
            await store.answer(connection, (paper_id, None, reason.strip(), now, who.subject, who.name))
            await self._note(connection, who, "refuse", case["number"], now, {"paper": paper_id, "reason": reason})

    async def _unanswered(
        self, connection: asyncpg.Connection, who: Principal, case_id: str, paper_id: str
    ) -> tuple[asyncpg.Record, asyncpg.Record]:
        """Return a case and a paper that its officer may answer; the case is held, so that one answer is the only one."""
        case = await self.evidence.hold(connection, who, case_id)
        paper = await store.get(connection, case_id, paper_id)
        if paper["answered_at"] is not None:
            raise Conflict("this paper was answered already")
        return case, paper

    # --- both ---

    async def paper(self, who: Principal, case_id: str, paper_id: str) -> Document:
        """Return what was brought, as somebody may see the case; NotFound."""
        async with self.cases.pool.acquire() as connection:
            await self.cases.see(connection, who, case_id)
            row = await store.get(connection, case_id, paper_id)
        return Document(row["sha256"], row["size_bytes"], row["media_type"], row["name"])

    async def _note(
        self, connection: asyncpg.Connection, who: Principal, action: str, number: str, at: datetime,
        after: Mapping[str, Any],
    ) -> None:  # fmt: skip
        await audit.record(
            connection, at=at, actor=who.subject, action=f"case paper {action}", subject=f"case {number}", after=after
        )


def kind_of(paper: Mapping[str, Any]) -> str:
    """Return which kind of evidence a paper is where nobody says (Art. 46)."""
    if paper["media_type"] in IMAGES:
        return "audiovisual"
    return "statement" if paper["about"] == STATEMENT else "documentary"


def source_of(paper: Mapping[str, Any]) -> dict[str, str]:
    """Return where a piece of evidence comes from: whose paper it was, about what, brought when."""
    return {
        "paper": paper["id"], "about": paper["about"], "note": paper["note"], "by": paper["brought_by_name"],
        "brought_at": utc_text(paper["brought_at"]),
    }  # fmt: skip
