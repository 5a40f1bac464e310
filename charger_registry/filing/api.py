"""Filings over HTTP."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import date, datetime, time
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, Form, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from charger_registry.filing import store
from charger_registry.filing.content import Content
from charger_registry.filing.desk import FilingDesk
from charger_registry.filing.detail import FilingDetail, FilingOut, detail_of
from charger_registry.filing.indicators import Handled, Indicators, Share, indicators
from charger_registry.filing.machine import Command, State
from charger_registry.filing.papers.desk import PaperDraft
from charger_registry.filing.rules import store as rule_store
from charger_registry.filing.step import Order
from youguan.auth import OPERATOR, REGULATOR, Principal, Scope
from youguan.clock import COUNTY, Clock, county_day
from youguan.documents import Document, Shelf
from youguan.errors import Invalid, Reason
from youguan.web.documents import give, take
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require, require_site

DOCUMENTS = "/filing-documents/"
CURSOR = ("idle", "due_text", "moved_at", "id")
Short = Annotated[str, Field(max_length=100)]


class Beginning(BaseModel):
    """Of what a filing is begun; a regulator names the organisation whose paper it writes down."""

    model_config = ConfigDict(extra="forbid")

    site_id: str | None = Field(default=None, description="a site that is there; null: a new one")
    organisation_id: str | None = None


class OrderIn(BaseModel):
    """What is to be done. `due_on`: by when a supplement is due (default: the term), or since when a site is in operation."""

    command: Literal[
        "submit", "withdraw", "admit", "require_supplement", "accept", "reject", "start", "suspend", "resume", "retire", "rate",
        "lapse", "restore",
    ]  # fmt: skip
    reason: str = Field(default="", max_length=1000)
    asked_for: list[Short] = Field(default_factory=list, max_length=50, description="document types, of a supplement")
    due_on: date | None = None
    rating: int | None = Field(default=None, ge=1, le=5, description="5: very satisfied … 1: very dissatisfied")
    document_number: str = Field(default="", max_length=100, description="of the decision; whoever restores gives it")


class Retirement(BaseModel):
    """Why a site is no more."""

    reason: str = Field(min_length=1, max_length=500)


class Judgement(BaseModel):
    """What the authority says of a paper that waits for it; whoever refuses says why."""

    accepted: bool
    reason: str = Field(default="", max_length=1000)


class DocumentTypeOut(BaseModel):
    """A kind of paper: needed always, may be promised, holds for a time."""

    code: str
    name: str
    name_en: str
    required: bool
    promisable: bool
    expires: bool
    warning_days: int


class ShareOut(BaseModel):
    """So many of so many, in percent; null of none."""

    count: int
    of: int
    percent: float | None


class IndicatorsOut(BaseModel):
    """The indicators of the filings that were submitted in a period; definitions: docs/filing.md."""

    since: date = Field(serialization_alias="from")
    until: date = Field(serialization_alias="to", description="the day after the last")
    online: ShareOut
    timely_acceptance: ShareOut
    on_time_completion: ShareOut
    satisfaction: ShareOut


def require_filing(pool: asyncpg.Pool, *roles: str) -> Callable[..., Awaitable[Principal]]:
    """Return a dependency for addresses with a `filing_id`: a login with one of the roles, and the filing within its bounds."""

    async def dependency(filing_id: str, who: Annotated[Principal, Depends(require(*roles))]) -> Principal:
        async with pool.acquire() as connection:
            await store.get(connection, filing_id, who.scope)
        return who

    return dependency


def add_filings(app: FastAPI, pool: asyncpg.Pool, desk: FilingDesk, clock: Clock) -> None:
    """Add filings to /api/registry."""
    _add_reading(app, pool, desk, clock)
    _add_writing(app, pool, desk)
    _add_retirement(app, pool, desk)
    _add_documents(app, pool, desk)
    _add_indicators(app, pool, clock)


def _add_reading(app: FastAPI, pool: asyncpg.Pool, desk: FilingDesk, clock: Clock) -> None:
    @app.get("/filings")
    async def filings(
        who: Annotated[Principal, Depends(require())],
        state: Annotated[list[State] | None, Query()] = None,
        site: str | None = None,
        owing: Annotated[bool, Query(description="only those on which promised papers are owed")] = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[FilingOut]:
        """List filings by when they are due; those that wait for nothing come last, newest first."""
        rows = await listed(pool, who.scope, states=state, site=site, owing=owing, limit=limit, cursor=cursor)
        return Page(items=[FilingOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, *CURSOR))

    @app.get("/filings/{filing_id}")
    async def filing(filing_id: str, who: Annotated[Principal, Depends(require())]) -> FilingDetail:
        """Return a filing with its papers, its history and what is missing in it."""
        return detail_of(await desk.view(who, filing_id))

    @app.get("/document-types")
    async def document_types() -> Page[DocumentTypeOut]:
        """List the kinds of papers. No login needed."""
        async with pool.acquire() as connection:
            rows = await rule_store.document_types(connection, county_day(clock.now()))
        return Page(items=[DocumentTypeOut(**dict(row)) for row in rows])


def _add_writing(app: FastAPI, pool: asyncpg.Pool, desk: FilingDesk) -> None:
    writes, begins = require_filing(pool, OPERATOR, REGULATOR), require(OPERATOR, REGULATOR)

    @app.post("/filings", status_code=201)
    async def begin(beginning: Beginning, request: Request, who: Annotated[Principal, Depends(begins)]) -> FilingDetail:
        """Begin a draft."""
        filing_id = await desk.begin(
            who, organisation_id=beginning.organisation_id, site_id=beginning.site_id, remote=remote_of(request)
        )
        return detail_of(await desk.view(who, filing_id))

    @app.put("/filings/{filing_id}")
    async def save(
        filing_id: str, content: Content, request: Request, who: Annotated[Principal, Depends(writes)]
    ) -> FilingDetail:
        """Keep what a draft says, whatever is missing; the answer says what."""
        await desk.save(who, filing_id, content, remote=remote_of(request))
        return detail_of(await desk.view(who, filing_id))

    @app.post("/filings/{filing_id}/commands")
    async def act(
        filing_id: str, order: OrderIn, request: Request, who: Annotated[Principal, Depends(writes)]
    ) -> FilingDetail:
        """Submit, decide, or whatever else the state permits; 422 names every field that stands in the way."""
        done = Order(
            Command(order.command), order.reason.strip(), tuple(order.asked_for), order.due_on, order.rating,
            order.document_number.strip(),
        )  # fmt: skip
        await desk.act(who, filing_id, done, remote=remote_of(request))
        return detail_of(await desk.view(who, filing_id))


def _add_retirement(app: FastAPI, pool: asyncpg.Pool, desk: FilingDesk) -> None:
    @app.post("/sites/{site_id}/retire", status_code=204)
    async def retire(
        site_id: str,
        given: Retirement,
        request: Request,
        who: Annotated[Principal, Depends(require_site(pool, REGULATOR))],
    ) -> None:
        """Take a site that has no file off the register, its stations with it; 409 where it has one: it is retired there."""
        await desk.retire_unfiled(who, site_id, given.reason, remote=remote_of(request))


def _add_documents(app: FastAPI, pool: asyncpg.Pool, desk: FilingDesk) -> None:
    writes = require_filing(pool, OPERATOR, REGULATOR)

    @app.post(DOCUMENTS + "{filing_id}", status_code=201)
    async def attach(
        filing_id: str,
        request: Request,
        file: UploadFile,
        type: Annotated[str, Form(max_length=100)],
        who: Annotated[Principal, Depends(writes)],
        number: Annotated[str, Form(max_length=100)] = "",
        valid_from: Annotated[date | None, Form()] = None,
        valid_until: Annotated[date | None, Form()] = None,
        replaces: Annotated[str | None, Form(max_length=100)] = None,
    ) -> FilingDetail:
        """Add a paper: a form (multipart/form-data) with the file, a PDF, JPEG, PNG or WebP."""
        draft = PaperDraft(type, number.strip(), valid_from, valid_until, replaces or None)
        await desk.papers.attach(who, filing_id, draft, receiving(desk.papers.shelf, file), remote=remote_of(request))
        return detail_of(await desk.view(who, filing_id))

    @app.get(DOCUMENTS + "{filing_id}/{document_id}")
    async def fetch(
        filing_id: str, document_id: str, request: Request, who: Annotated[Principal, Depends(require())]
    ) -> Response:
        """Return a paper as it was brought (audited)."""
        return give(
            desk.papers.shelf, await desk.papers.open_document(who, filing_id, document_id, remote=remote_of(request))
        )

    @app.post(DOCUMENTS + "{filing_id}/{document_id}/judgement")
    async def judge(
        filing_id: str,
        document_id: str,
        given: Judgement,
        request: Request,
        who: Annotated[Principal, Depends(require_filing(pool, REGULATOR))],
    ) -> FilingDetail:
        """Accept or refuse a paper that was brought on a file that stands; 409 where it waits no longer."""
        reason = given.reason.strip()
        await desk.papers.judge(who, filing_id, document_id, given.accepted, reason, remote=remote_of(request))
        return detail_of(await desk.view(who, filing_id))

    @app.delete(DOCUMENTS + "{filing_id}/{document_id}", status_code=204)
    async def remove(
        filing_id: str, document_id: str, request: Request, who: Annotated[Principal, Depends(writes)]
    ) -> None:
        """Take a paper out of a filing that is still being written."""
        await desk.papers.remove(who, filing_id, document_id, remote=remote_of(request))


def _add_indicators(app: FastAPI, pool: asyncpg.Pool, clock: Clock) -> None:
    @app.get("/filing-indicators")
    async def filing_indicators(
        who: Annotated[Principal, Depends(require())],
        since: Annotated[date | None, Query(alias="from", description="the first day; default: this year's")] = None,
        until: Annotated[
            date | None, Query(alias="to", description="the day after the last; default: tomorrow")
        ] = None,
    ) -> IndicatorsOut:
        """Return the shares online, timely accepted, completed on time, and satisfied, of filings within one's bounds."""
        first, after, found = await reckon(pool, who.scope, since, until, clock.now())
        shares = {name: _share(getattr(found, name)) for name in INDICATORS}
        return IndicatorsOut(since=first, until=after, **shares)


INDICATORS = ("online", "timely_acceptance", "on_time_completion", "satisfaction")


async def reckon(
    pool: asyncpg.Pool, scope: Scope, since: date | None, until: date | None, now: datetime
) -> tuple[date, date, Indicators]:
    """Return the period, days of the county, and its indicators. Invalid."""
    today = county_day(now)
    first, after = since or date(today.year, 1, 1), until or date.fromordinal(today.toordinal() + 1)
    if after <= first:
        raise Invalid.about("to", Reason("must lie after from"))
    begin, end = (datetime.combine(day, time(), COUNTY) for day in (first, after))
    async with pool.acquire() as connection:
        rows = await store.submitted_between(connection, begin, end, scope)
    return first, after, indicators(map(_handled, rows), today)


async def listed(
    pool: asyncpg.Pool,
    scope: Scope,
    *,
    states: list[State] | None,
    site: str | None,
    owing: bool,
    to_judge: bool = False,
    to_lapse: bool = False,
    limit: int,
    cursor: str | None,
) -> list[asyncpg.Record]:
    """Return a page of filings; Invalid of a cursor that is not ours."""
    key = decode_cursor(cursor, int, str, datetime, str)
    async with pool.acquire() as connection:
        return await store.list_filings(
            connection,
            states=states,
            site_id=site,
            owing=owing,
            to_judge=to_judge,
            to_lapse=to_lapse,
            after=_place_of(key),
            limit=limit,
            scope=scope,
        )


def _place_of(key: tuple[Any, ...] | None) -> tuple[bool, date, datetime, str] | None:
    if key is None:
        return None
    try:
        return bool(key[0]), date.fromisoformat(key[1]), key[2], key[3]
    except ValueError:
        raise Invalid.about("cursor", Reason("is not of this list")) from None


def receiving(shelf: Shelf, file: UploadFile) -> Callable[[], Coroutine[Any, Any, Document]]:
    """Return what reads a file of a form once it is known that its sender may bring it."""

    async def receive() -> Document:
        return await take(shelf, file)

    return receive


def _handled(row: asyncpg.Record) -> Handled:
    return Handled(
        online=row["channel"] == "online",
        answered_on=county_day(row["answered_at"]) if row["answered_at"] else None,
        answer_due_on=row["answer_due_on"],
        decided_on=county_day(row["decided_at"]) if row["decided_at"] else None,
        decision_due_on=row["decision_due_on"],
        rating=row["rating"],
        withdrawn=row["state"] == State.WITHDRAWN,
    )


def _share(share: Share) -> ShareOut:
    return ShareOut(count=share.count, of=share.of, percent=share.percent)
