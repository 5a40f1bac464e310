"""Handovers over HTTP."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from charger_registry.ledger.api import EvidenceIn, EvidenceOut, Grounds, OrganisationName
from charger_registry.ledger.handovers import store
from charger_registry.ledger.handovers.desk import HandoverDesk
from charger_registry.ledger.handovers.handover import Command
from charger_registry.ledger.handovers.selection import MOST, Outcome, each
from charger_registry.ledger.responsibility import Evidence
from youguan.auth import OPERATOR, Principal
from youguan.errors import Invalid, Reason
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.problems import Problem, problem_of
from youguan.web.security import require, require_site, scope_of
from youguan.web.times import GivenTime, UtcTime

Selected = Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1, max_length=MOST)]
Wanted = Literal["proposed", "accepted", "declined", "withdrawn", "lapsed", "overtaken", "ended"]


class HandoverOut(BaseModel):
    """A handover: who is to manage what in whose place, by when that is to be answered, and what became of it."""

    id: str
    site_id: str
    site_name: str
    station_id: str | None
    giver: OrganisationName | None = Field(serialization_alias="from", description="null: nobody managed")
    manager: OrganisationName | None = Field(description="who manages it now; null: nobody")
    receiver: OrganisationName = Field(serialization_alias="to")
    proposer: OrganisationName
    proposed_at: UtcTime
    reason: str
    evidence: EvidenceOut
    takes_over_at: UtcTime | None = Field(description="null: with the acceptance")
    until: UtcTime | None = Field(description="null: without an end")
    answer_by: date
    state: str
    ended_at: UtcTime | None
    answer: str | None


class OfferIn(BaseModel):
    """Who is to manage, on what evidence, and from when until when."""

    to_organisation_id: str
    evidence: EvidenceIn
    reason: Annotated[str, Field(max_length=500)] = ""
    takes_over_at: GivenTime | None = None
    until: GivenTime | None = Field(default=None, description="when the contract ends; default: without an end")
    answer_by: date | None = Field(default=None, description="default: so many working days from today")


class Proposal(OfferIn):
    """Propose who is to manage a site, or one of its stations."""

    station_id: str | None = None


class Proposals(OfferIn):
    """Propose who is to manage several sites."""

    site_ids: Selected


class Answers(BaseModel):
    """Say the same of several handovers; whoever declines or withdraws says why."""

    command: Literal["accept", "decline", "withdraw"]
    handover_ids: Selected
    reason: Annotated[str, Field(max_length=500)] = ""


class OutcomeOut(BaseModel):
    """What became of one of several."""

    id: str = Field(description="as it was asked for")
    handover_id: str | None = Field(description="null: nothing was done")
    problem: Problem | None = Field(description="why nothing was done, as it would be answered alone")


class Outcomes(BaseModel):
    """What became of each, in the order in which they were given; each was done, or not, by itself."""

    items: list[OutcomeOut]


class Acceptance(BaseModel):
    """Take over. Nothing else may be said with it: who accepts accepts what was proposed."""

    model_config = ConfigDict(extra="forbid")
    note: Annotated[str, Field(max_length=500)] = ""


class Refusal(BaseModel):
    """Say no, or take a proposal back."""

    reason: Grounds


def add_handovers(app: FastAPI, pool: asyncpg.Pool, desk: HandoverDesk) -> None:
    """Add /handovers and /sites/{site_id}/handovers to /api/registry."""
    _add_reading(app, pool)
    _add_several(app, desk)
    _add_answers(app, pool, desk)


def _add_reading(app: FastAPI, pool: asyncpg.Pool) -> None:
    @app.get("/handovers")
    async def handovers(
        request: Request,
        _: Annotated[Principal, Depends(require())],
        state: Annotated[Wanted | None, Query(description="`ended`: every one that is not open")] = None,
        site: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[HandoverOut]:
        """List handovers within one's bounds, newest first; whoever is asked to take over sees it too."""
        key = decode_cursor(cursor, datetime, str)
        async with pool.acquire() as connection:
            rows = await store.list_handovers(
                connection, scope=scope_of(request), state=state, site_id=site, before=key, limit=limit
            )
        return Page(items=[_out(row) for row in rows], next=next_cursor(rows, limit, "proposed_at", "id"))

    @app.get("/handovers/{handover_id}")
    async def handover(handover_id: str, request: Request, _: Annotated[Principal, Depends(require())]) -> HandoverOut:
        """Return one handover."""
        async with pool.acquire() as connection:
            return _out(await store.get(connection, handover_id, scope_of(request)))


def _add_several(app: FastAPI, desk: HandoverDesk) -> None:
    operator = Depends(require(OPERATOR))

    @app.post("/handovers")
    async def propose_several(given: Proposals, request: Request, who: Annotated[Principal, operator]) -> Outcomes:
        """Propose the handover of several sites to one receiver, each by itself."""
        done = await each(given.site_ids, lambda site_id: _propose(desk, who, site_id, given))
        return _outcomes(request, done)

    @app.post("/handovers/answers")
    async def answer_several(given: Answers, request: Request, who: Annotated[Principal, operator]) -> Outcomes:
        """Accept, decline or withdraw several handovers, each by itself."""
        command, reason = Command(given.command), given.reason.strip()
        if command != Command.ACCEPT and not reason:
            raise Invalid.about("reason", Reason("is missing"))

        async def say(handover_id: str) -> str:
            await desk.answer(who, handover_id, command, reason=reason)
            return handover_id

        return _outcomes(request, await each(given.handover_ids, say))


async def _propose(desk: HandoverDesk, who: Principal, site_id: str, given: OfferIn, station_id: str = "") -> str:
    return await desk.propose(
        who, site_id, given.to_organisation_id, evidence=Evidence(**given.evidence.model_dump()), reason=given.reason,
        station_id=station_id, takes_over_at=given.takes_over_at, until=given.until, last_day=given.answer_by,
    )  # fmt: skip


def _outcomes(request: Request, done: Iterable[Outcome]) -> Outcomes:
    return Outcomes(
        items=[
            OutcomeOut(id=one.id, handover_id=one.made, problem=problem_of(request, one.error) if one.error else None)
            for one in done
        ]
    )


def _add_answers(app: FastAPI, pool: asyncpg.Pool, desk: HandoverDesk) -> None:
    operator = Depends(require(OPERATOR))

    async def now_is(request: Request, handover_id: str) -> HandoverOut:
        async with pool.acquire() as connection:
            return _out(await store.get(connection, handover_id, scope_of(request)))

    @app.post("/sites/{site_id}/handovers", status_code=201)
    async def propose(
        site_id: str,
        given: Proposal,
        request: Request,
        who: Annotated[Principal, Depends(require_site(pool, OPERATOR))],
    ) -> HandoverOut:
        """Propose who is to manage; who manages, or owns, may."""
        return await now_is(request, await _propose(desk, who, site_id, given, given.station_id or ""))

    @app.post("/handovers/{handover_id}/accept")
    async def accept(
        handover_id: str, given: Acceptance, request: Request, who: Annotated[Principal, operator]
    ) -> HandoverOut:
        """Take over; 409 where it has ended already. Of two who accept at once the second is told."""
        await desk.answer(who, handover_id, Command.ACCEPT, reason=given.note)
        return await now_is(request, handover_id)

    @app.post("/handovers/{handover_id}/decline")
    async def decline(
        handover_id: str, given: Refusal, request: Request, who: Annotated[Principal, operator]
    ) -> HandoverOut:
        """Say no: whoever manages goes on managing."""
        await desk.answer(who, handover_id, Command.DECLINE, reason=given.reason)
        return await now_is(request, handover_id)

    @app.post("/handovers/{handover_id}/withdraw")
    async def withdraw(
        handover_id: str, given: Refusal, request: Request, who: Annotated[Principal, operator]
    ) -> HandoverOut:
        """Take a proposal back."""
        await desk.answer(who, handover_id, Command.WITHDRAW, reason=given.reason)
        return await now_is(request, handover_id)


def _named(organisation_id: str | None, name: str | None) -> OrganisationName | None:
    return OrganisationName(id=organisation_id, name=name or organisation_id) if organisation_id else None


def _out(row: asyncpg.Record) -> HandoverOut:
    return HandoverOut(
        id=row["id"],
        site_id=row["site_id"],
        site_name=row["site_name"],
        station_id=row["station_id"] or None,
        giver=_named(row["from_organisation_id"], row["from_name"]),
        manager=_named(row["manager_id"], row["manager_name"]),
        receiver=OrganisationName(id=row["to_organisation_id"], name=row["to_name"]),
        proposer=OrganisationName(id=row["proposer_id"], name=row["proposer_name"]),
        proposed_at=row["proposed_at"],
        reason=row["reason"],
        evidence=EvidenceOut(kind=row["evidence_kind"], number=row["evidence_number"], note=row["evidence"]),
        takes_over_at=row["takes_over_at"],
        until=row["until"],
        answer_by=row["answer_by"],
        state=row["state"],
        ended_at=row["ended_at"],
        answer=row["answer"],
    )
