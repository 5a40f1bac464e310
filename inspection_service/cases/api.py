"""/api/inspection: cases and officers."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

import asyncpg
from fastapi import Depends, FastAPI, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from inspection_service.cases import store
from inspection_service.cases.desk import CaseDesk
from inspection_service.cases.documents import TOLD_TO_PARTY
from inspection_service.cases.file import Instalment, Said
from inspection_service.cases.identity import Identities
from inspection_service.cases.machine import Command, State
from inspection_service.cases.offers import Offer
from inspection_service.cases.opening import Opening
from inspection_service.cases.owing import owed_fen, refund_fen
from inspection_service.cases.particulars import particulars
from inspection_service.cases.persons import Officer
from inspection_service.cases.words import HOUR, PARTICULARS
from inspection_service.law.api import Yuan
from inspection_service.wording import REFUSED
from youguan.auth import INSPECTOR, OFFICIALS, REGULATOR, Principal
from youguan.errors import NotFound, Reason
from youguan.web.documents import INERT
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require, require_county, require_person
from youguan.web.times import UtcTime

Words = Annotated[str, Field(max_length=2000)]
Short = Annotated[str, Field(max_length=200)]
Id = Annotated[str, Field(min_length=1, max_length=100)]


class CaseOut(BaseModel):
    """A case; `place`: how many moves it has had, to be given back as `seen`; `period`: what ends on `due_on`."""

    id: str
    number: str
    state: State
    procedure: str | None
    item_id: str
    party_kind: str
    party_id: str | None
    party_name: str
    site_id: str | None
    site_name: str | None
    station_id: str | None
    task_id: str | None
    act_on: date
    found_on: date
    opened_at: UtcTime
    due_on: date | None
    period: str | None
    place: int


class ReasonOut(BaseModel):
    """Why not: a word for it, the same in English, and the article."""

    code: str
    reason: str
    article: str


class OfferOut(BaseModel):
    """A command that has a place here and is somebody's to give: what it needs, and what stands against it now; nothing: it may
    be given."""

    command: Command
    needs: list[str]
    unmet: list[str]
    against: list[ReasonOut]


class CaseLine(BaseModel):
    """One move of a case."""

    place: int
    at: UtcTime
    actor: str
    actor_name: str
    role: str
    command: str
    previous: str | None
    state: str
    reason: str
    document: str | None


class CaseDocumentOut(BaseModel):
    """A document as it was issued by the step at `place`, printed at `…/documents/{place}/pdf`; `sha256` is of `content` in
    canonical JSON.
    """

    place: int
    number: str
    kind: str
    issued_at: UtcTime
    content: dict[str, Any]
    sha256: str


class CaseWithHistory(CaseOut):
    """A case with what may be done now, what has happened and what was issued; a party sees what was addressed to it."""

    facts: dict[str, Any]
    owed_yuan: float
    refund_yuan: float
    offers: list[OfferOut]
    history: list[CaseLine]
    documents: list[CaseDocumentOut]


class CaseWish(BaseModel):
    """What a case is opened with; an organisation by its id, which gives its name, a citizen by kind and number of an identity
    document. `address`, `uscc`, `representative`: as a decision will name the party, an organisation's by its file where left
    out. `found_on` null: when the visit or the task found it, else today."""

    item_id: Id
    party_kind: Literal["citizen", "organisation"]
    party_name: Annotated[str, Field(min_length=1, max_length=200)]
    party_id: Id | None = None
    document_kind: Short = ""
    document_number: Short = ""
    address: Short = ""
    uscc: Short = ""
    representative: Short = ""
    act_on: date
    found_on: date | None = None
    second_officer: Id
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    site_id: Id | None = None
    station_id: Id | None = None
    task_id: Id | None = None
    visit_id: Id | None = None
    business_since: date | None = None
    serious: bool = False
    referred_by: Short = ""
    referral_number: Short = ""

    def opening(self, identities: Identities) -> Opening:
        """Return it as the desk takes it; of an identity document what is kept of it. Invalid."""
        members = self.model_dump(exclude={"document_kind", "document_number", *PARTICULARS})
        named = particulars(self.party_kind, self.address, self.uscc, self.representative)
        identity = identities.of(self.document_kind, self.document_number)
        return Opening(**members, identity=identity, particulars=named)


class PartOfPlan(BaseModel):
    """A part of a fine, and the last day to pay it."""

    on: date
    amount_yuan: Yuan


class CaseWords(BaseModel):
    """What somebody gives with a command; which members it needs, the case says itself. Money in yuan, an `hour` as 09:30."""

    model_config = ConfigDict(extra="forbid")

    seen: int | None = Field(default=None, ge=0, le=1_000_000)
    reason: Words = ""
    grounds: Words = ""
    document_kind: Short = ""
    document_number: Short = ""
    address: Short = ""
    uscc: Short = ""
    representative: Short = ""
    on: date | None = None
    hour: Annotated[str, Field(pattern=f"^{HOUR}$")] = ""
    officers: list[Id] = Field(default_factory=list, max_length=2)
    people: list[Short] = Field(default_factory=list, max_length=30)
    procedure: Literal["fast", "general"] | None = None
    sanction: Short | None = None
    also: list[Short] = Field(default_factory=list, max_length=10)
    fine_yuan: Yuan = 0
    gains_yuan: Yuan = 0
    harm: Literal["none", "slight", "serious"] | None = None
    minor: bool = False
    faultless: bool = False
    admitted: bool = False
    rights_told: bool = False
    place: Short = ""
    manner: Literal["direct", "left", "post", "electronic", "public_notice"] | None = None
    proof: int | None = Field(default=None, ge=1, le=1_000_000)
    amount_yuan: Yuan = 0
    receipt: Short = ""
    things: list[Short] = Field(default_factory=list, max_length=100)
    plan: list[PartOfPlan] = Field(default_factory=list, max_length=60)
    remedy: Literal["review", "litigation"] | None = None
    outcome: Literal["upheld", "changed", "revoked", "illegal", "given_up", "not_taken"] | None = None

    def said(self, identities: Identities) -> Said:
        """Return it as the rules take it; of an identity document what is kept of it. Invalid."""
        money = {name: round(getattr(self, f"{name}_yuan") * 100) for name in ("fine", "gains", "amount")}
        lists = ("also", "officers", "people", "things")
        apart = {"seen", "plan", "document_kind", "document_number", *lists, *(f"{name}_yuan" for name in money)}
        members: dict[str, Any] = self.model_dump(exclude=apart)
        members |= {f"{name}_fen": fen for name, fen in money.items()}
        members |= {name: tuple(getattr(self, name)) for name in lists}
        members["identity"] = identities.of(self.document_kind, self.document_number)
        return Said(**members, plan=tuple(Instalment(part.on, round(part.amount_yuan * 100)) for part in self.plan))


class OfficerOut(BaseModel):
    """Who holds an enforcement certificate."""

    subject: str
    name: str
    certificate: str
    valid_until: date


class OfficerWish(BaseModel):
    """An enforcement certificate."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    certificate: Annotated[str, Field(min_length=1, max_length=50)]
    valid_until: date


def require_case(desk: CaseDesk, *roles: str) -> Callable[..., Awaitable[Principal]]:
    """Return a dependency for addresses with a `case_id`: a login with one of the roles and the case within its bounds."""
    return _within(desk, require(*roles))


def require_signer(desk: CaseDesk, *roles: str) -> Callable[..., Awaitable[Principal]]:
    """Return the same for what somebody answers for in person: no machine's key signs anything in a case."""
    return _within(desk, require_person(*roles))


def _within(desk: CaseDesk, required: Callable[..., Principal]) -> Callable[..., Awaitable[Principal]]:
    async def dependency(case_id: str, who: Annotated[Principal, Depends(required)]) -> Principal:
        async with desk.pool.acquire() as connection:
            await desk.see(connection, who, case_id)
        return who

    return dependency


async def find_document(desk: CaseDesk, who: Principal, case_id: str, place: int) -> asyncpg.Record:
    """Return the document of a move; NotFound where there is none, or it was not addressed to the party that asks."""
    async with desk.pool.acquire() as connection:
        for found in await store.documents(connection, case_id):
            if found["place"] == place and (who.has(*OFFICIALS) or found["kind"] in TOLD_TO_PARTY):
                return found
    raise NotFound(Reason("document {place} of case {id}", place=place, id=case_id))


async def give_print(desk: CaseDesk, who: Principal, case_id: str, place: int) -> Response:
    """Return a document's PDF as a download that nothing runs."""
    document = await find_document(desk, who, case_id, place)
    body = await desk.printed(document)
    name = quote(f"{document['content']['title']}{document['number']}.pdf", safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Security-Policy": INERT,
        "ETag": f'"{hashlib.sha256(body).hexdigest()}"',
        "Cache-Control": "no-store",
    }
    return Response(body, media_type="application/pdf", headers=headers)


async def read_case(desk: CaseDesk, who: Principal, case_id: str) -> CaseWithHistory:
    """Return a case as somebody may see it; NotFound beyond one's bounds."""
    async with desk.pool.acquire() as connection:
        row = await desk.see(connection, who, case_id)
        case = await desk.case(connection, row)
        offers = await desk.offers(connection, who, row, case)
        history = await store.history(connection, case_id)
        issued = await store.documents(connection, case_id)
    official = who.has(*OFFICIALS)
    return CaseWithHistory(
        **case_members(row), facts=row["facts"] if official else {}, owed_yuan=max(owed_fen(case, desk.today()), 0) / 100,
        refund_yuan=refund_fen(case, desk.today()) / 100,
        offers=[offer_out(offer) for offer in offers],
        history=[CaseLine(**dict(line)) for line in history if official or line["actor"] == who.subject],
        documents=[CaseDocumentOut(**dict(d)) for d in issued if official or d["kind"] in TOLD_TO_PARTY],
    )  # fmt: skip


def offer_out(offer: Offer) -> OfferOut:
    """Return an offer for machines: `unmet` are the codes of what stands against it."""
    reasons = [ReasonOut(code=r.code, reason=REFUSED[r.code], article=r.article.title) for r in offer.against]
    return OfferOut(
        command=offer.command, needs=list(offer.line.needs), unmet=[r.code for r in reasons], against=reasons
    )


def case_members(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in CaseOut.model_fields}


def add_cases(app: FastAPI, desk: CaseDesk) -> None:
    """Add cases and officers to /api/inspection."""

    @app.get("/cases")
    async def cases(
        who: Annotated[Principal, Depends(require())],
        state: State | None = None,
        item: str | None = None,
        q: str | None = None,
        overdue: bool = False,
        mine: bool = False,
        waiting: Annotated[
            bool, Query(description="only what waits for oneself: its officer, a reviewer, the organ's head")
        ] = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[CaseOut]:
        """List cases within one's bounds, newest first; a party's own from when it was told of them."""
        key = decode_cursor(cursor, datetime, str)
        turn = desk.waits(who) if waiting else None
        if waiting and turn is None:
            return Page(items=[])
        async with desk.pool.acquire() as connection:
            rows = await store.list_cases(
                connection, states=[state] if state else [], words=q, item=item,
                overdue_on=desk.today() if overdue else None, mine=who.subject if mine else None,
                before=(key[0], key[1]) if key else None, limit=limit, scope=who.scope, waits=turn,
            )  # fmt: skip
        following = next_cursor(rows, limit, "opened_at", "id")
        return Page(items=[CaseOut(**case_members(row)) for row in rows], next=following)

    @app.post("/cases", status_code=201)
    async def open_case(
        wish: CaseWish, who: Annotated[Principal, Depends(require_person(INSPECTOR))]
    ) -> CaseWithHistory:
        """Open a case as a lead: two officers, an item, a party, an act."""
        return await read_case(desk, who, await desk.open(who, wish.opening(desk.identities)))

    near, signer = require_case(desk), require_signer(desk)

    @app.get("/cases/{case_id}")
    async def case(case_id: str, who: Annotated[Principal, Depends(near)]) -> CaseWithHistory:
        """Return a case."""
        return await read_case(desk, who, case_id)

    @app.post("/cases/{case_id}/commands/{command}")
    async def do(
        case_id: str, command: Command, words: CaseWords, who: Annotated[Principal, Depends(signer)]
    ) -> CaseWithHistory:
        """Take a step. 409 where it has no place, a condition does not hold, or somebody was faster than `seen`."""
        await desk.do(who, case_id, command, words.said(desk.identities), words.seen)
        return await read_case(desk, who, case_id)

    @app.get("/cases/{case_id}/documents/{place}/pdf", response_class=Response)
    async def pdf(case_id: str, place: int, who: Annotated[Principal, Depends(near)]) -> Response:
        """Return a document as it was printed when it was issued; `place` is that of its move in the case's history."""
        return await give_print(desk, who, case_id, place)

    @app.get("/officers")
    async def officers(_: Annotated[Principal, Depends(require(*OFFICIALS))]) -> Page[OfficerOut]:
        """List who holds or held an enforcement certificate."""
        async with desk.pool.acquire() as connection:
            found = await store.officers(connection)
        return Page(items=[officer_out(officer) for officer in found])

    @app.put("/officers/{subject}")
    async def register(
        subject: str,
        wish: OfficerWish,
        who: Annotated[Principal, Depends(require_county(REGULATOR))],
        _: Annotated[Principal, Depends(require_person())],
    ) -> OfficerOut:
        """Write down somebody's enforcement certificate, or a new one."""
        officer = Officer(subject=subject, **wish.model_dump())
        await desk.register(who, officer)
        return officer_out(officer)


def officer_out(officer: Officer) -> OfficerOut:
    return OfficerOut(
        subject=officer.subject, name=officer.name, certificate=officer.certificate, valid_until=officer.valid_until
    )
