"""The ledger of responsibility over HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from charger_registry import store as registry
from charger_registry.ledger import store
from charger_registry.ledger.desk import LedgerDesk
from charger_registry.ledger.export import csv_lines, header
from charger_registry.ledger.history import Change, changes
from charger_registry.ledger.responsibility import Evidence, Line
from charger_registry.public.access import known_site
from youguan.auth import REGULATOR, Principal, Scope
from youguan.clock import Clock
from youguan.errors import NotFound, Reason
from youguan.web.paging import Page
from youguan.web.security import remote_of, require, require_site, scope_of
from youguan.web.times import GivenTime, UtcTime

Role = Literal["builder", "owner", "manager", "maintainer", "property_manager"]
EvidenceKind = Literal["contract", "acceptance_record", "decision", "other"]
Grounds = Annotated[str, Field(min_length=1, max_length=500)]
DocumentNumber = Annotated[str, Field(max_length=100, description="the number of the document")]
AsKnownAt = Annotated[GivenTime | None, Query(description="recorded time; default now")]
EXPORTED_AT_ONCE = 2000


class OrganisationName(BaseModel):
    """An organisation, as everybody may know it."""

    id: str
    name: str


class ResponsibilityOut(BaseModel):
    """Who has a role, from when until when (null: open), as everybody may know it."""

    role: str
    organisation: OrganisationName
    station_id: str | None
    since: UtcTime = Field(serialization_alias="from")
    until: UtcTime | None


class EvidenceOut(BaseModel):
    """What a line rests on."""

    kind: str
    number: str
    note: str


class LedgerLineOut(ResponsibilityOut):
    """A line of the ledger with what it rests on, for those within whose bounds the site lies."""

    id: int
    origin: str
    evidence: EvidenceOut


class ChangeOut(BaseModel):
    """What was recorded at an instant: lines that were believed no longer, and lines that were from then on."""

    at: UtcTime
    by: str
    reason: str
    withdrawn: list[LedgerLineOut]
    added: list[LedgerLineOut]


class Order(BaseModel):
    """Give a role to an organisation, of the whole site or one of its stations."""

    role: Role
    organisation_id: str
    station_id: str | None = None
    reason: Grounds
    document_number: Annotated[DocumentNumber, Field(min_length=1)]
    since: GivenTime | None = None
    until: GivenTime | None = None


class End(BaseModel):
    """End a role at an instant, by order."""

    role: Role
    station_id: str | None = None
    reason: Grounds
    document_number: Annotated[DocumentNumber, Field(min_length=1)]
    at: GivenTime | None = None


class EvidenceIn(BaseModel):
    """What a line rests on."""

    kind: EvidenceKind
    number: DocumentNumber = ""
    note: Annotated[str, Field(max_length=500)] = ""


class Truth(BaseModel):
    """How it really was; what is not given stays as the line says it."""

    organisation_id: str | None = None
    since: GivenTime | None = Field(default=None, alias="from")
    until: GivenTime | None = None
    is_open: bool = Field(default=False, description="true: it has no end, whatever the line says")
    evidence: EvidenceIn | None = None


class Correction(BaseModel):
    """Say how it really was; `truth` null: it never was so."""

    reason: Grounds
    truth: Truth | None


def require_ledger(pool: asyncpg.Pool, *roles: str) -> Callable[..., Awaitable[Principal]]:
    """Return a dependency for whoever reads a ledger, or as one of the roles corrects it: of a site within his bounds, or of
    one that lay there when it was retired."""

    async def dependency(site_id: str, who: Annotated[Principal, Depends(require(*roles))]) -> Principal:
        async with pool.acquire() as connection:
            if not await store.sees_ledger(connection, who.scope, site_id):
                raise NotFound(Reason("site {site_id}", site_id=site_id))
        return who

    return dependency


def add_ledger(app: FastAPI, pool: asyncpg.Pool, desk: LedgerDesk, clock: Clock) -> None:
    """Add /sites/{site_id}/responsibilities, …/ledger and the exports to /api/registry."""
    _add_reading(app, pool, clock)
    _add_exports(app, pool)
    _add_orders(app, pool, desk)


def _add_reading(app: FastAPI, pool: asyncpg.Pool, clock: Clock) -> None:
    @app.get("/sites/{site_id}/responsibilities", dependencies=[Depends(known_site(pool))])
    async def responsibilities(
        site_id: str,
        request: Request,
        at: Annotated[GivenTime | None, Query(description="valid time; default now")] = None,
        as_known_at: AsKnownAt = None,
    ) -> Page[LedgerLineOut | ResponsibilityOut]:
        """Say who has which role at an instant, as it is or was believed."""
        async with pool.acquire() as connection:
            await registry.get_site(connection, site_id)
            lines = await store.lines(connection, site_id, as_known_at)
            seen = await store.sees_ledger(connection, scope_of(request), site_id)
        instant = at or clock.now()
        said = line_out if seen else _public
        return Page(items=[said(line) for line in lines if line.answers_at(instant)])

    @app.get("/sites/{site_id}/ledger")
    async def ledger(site_id: str, _: Annotated[Principal, Depends(require_ledger(pool))]) -> Page[ChangeOut]:
        """Tell every change of a site's ledger, the latest first: what was believed from when on, by whose word."""
        async with pool.acquire() as connection:
            recorded = await store.ever_recorded(connection, site_id)
        return Page(items=[_change(change) for change in changes(recorded)])


def _add_exports(app: FastAPI, pool: asyncpg.Pool) -> None:
    @app.get("/sites/{site_id}/ledger.csv")
    async def site_csv(
        site_id: str,
        who: Annotated[Principal, Depends(require_ledger(pool))],
        as_known_at: AsKnownAt = None,
        ever: bool = False,
    ) -> StreamingResponse:
        """Return a site's lines as CSV; `ever`: those as well that are believed no longer."""
        return _csv(pool, who.scope, site_id, as_known_at, ever=ever)

    @app.get("/ledger.csv")
    async def county_csv(
        who: Annotated[Principal, Depends(require())], as_known_at: AsKnownAt = None, ever: bool = False
    ) -> StreamingResponse:
        """Return the lines of every site within one's bounds as CSV."""
        return _csv(pool, who.scope, None, as_known_at, ever=ever)


def _csv(
    pool: asyncpg.Pool, scope: Scope, site_id: str | None, as_known_at: datetime | None, *, ever: bool
) -> StreamingResponse:
    async def stream() -> AsyncIterator[str]:
        yield header()
        after = 0
        while True:
            async with pool.acquire() as connection:
                rows = await store.export(
                    connection, site_id=site_id, scope=scope, as_known_at=as_known_at, ever=ever, after=after,
                    limit=EXPORTED_AT_ONCE,
                )  # fmt: skip
            yield csv_lines(rows)
            if len(rows) < EXPORTED_AT_ONCE:
                return
            after = rows[-1]["id"]

    name = "ledger.csv" if site_id is None else "ledger-of-site.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(stream(), media_type="text/csv; charset=utf-8", headers=headers)


def _add_orders(app: FastAPI, pool: asyncpg.Pool, desk: LedgerDesk) -> None:
    regulator = Depends(require_site(pool, REGULATOR))

    @app.post("/sites/{site_id}/responsibilities", status_code=201)
    async def order(
        site_id: str, given: Order, request: Request, who: Annotated[Principal, regulator]
    ) -> LedgerLineOut:
        """Give a role by order from an instant on (default now); whoever had it then ends there."""
        line = await desk.order(
            who, site_id, given.role, given.organisation_id, reason=given.reason, document_number=given.document_number,
            since=given.since, until=given.until, station_id=given.station_id or "", remote=remote_of(request),
        )  # fmt: skip
        return line_out(line)

    @app.post("/sites/{site_id}/responsibilities/end", status_code=204)
    async def end(site_id: str, given: End, request: Request, who: Annotated[Principal, regulator]) -> None:
        """End a role by order at an instant (default now)."""
        await desk.end(
            who, site_id, given.role, reason=given.reason, document_number=given.document_number, at=given.at,
            station_id=given.station_id or "", remote=remote_of(request),
        )  # fmt: skip

    @app.post("/sites/{site_id}/responsibilities/{line_id}/correction")
    async def correct(
        site_id: str,
        line_id: int,
        given: Correction,
        request: Request,
        who: Annotated[Principal, Depends(require_ledger(pool, REGULATOR))],
    ) -> LedgerLineOut | None:
        """Say instead of a line how it really was, of a retired site too; what was believed until now is kept."""
        async with pool.acquire() as connection:
            wrong = next((line for line in await store.lines(connection, site_id) if line.id == line_id), None)
        if wrong is None:
            raise NotFound(Reason("line {line_id} of site {site_id}", line_id=line_id, site_id=site_id))
        corrected = _true(wrong, given.truth) if given.truth else None
        line = await desk.correct(
            who, site_id, line_id, corrected, reason=given.reason, remote=remote_of(request)
        )  # fmt: skip
        return line_out(line) if line else None


def _true(wrong: Line, truth: Truth) -> Line:
    evidence = Evidence(**truth.evidence.model_dump()) if truth.evidence else wrong.evidence
    return Line(
        wrong.role,
        truth.organisation_id or wrong.organisation_id,
        wrong.station_id,
        truth.since or wrong.since,
        None if truth.is_open else truth.until or wrong.until,
        wrong.origin,
        evidence,
    )


def _public(line: Line) -> ResponsibilityOut:
    return ResponsibilityOut(
        role=line.role,
        organisation=OrganisationName(id=line.organisation_id, name=line.organisation_name),
        station_id=line.station_id or None,
        since=line.since,
        until=line.answers_until,
    )


def line_out(line: Line) -> LedgerLineOut:
    """Return a line as those within whose bounds the site lies may know it."""
    evidence = EvidenceOut(kind=line.evidence.kind, number=line.evidence.number, note=line.evidence.note)
    members = dict(_public(line))
    return LedgerLineOut(**members, id=line.id, origin=line.origin, evidence=evidence)


def _change(change: Change) -> ChangeOut:
    return ChangeOut(
        at=change.at,
        by=change.by,
        reason=change.reason,
        withdrawn=[line_out(line) for line in change.withdrawn],
        added=[line_out(line) for line in change.added],
    )
