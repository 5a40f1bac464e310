"""/api/inspection: what is published of decisions, for everybody and for whoever checks it."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, Field

from inspection_service.publication import store
from inspection_service.publication.desk import SHOWABLE, PublicationDesk, shown
from inspection_service.publication.due import Due
from inspection_service.publication.notice import Shown, as_atom, as_csv, as_json_feed
from youguan.auth import OFFICIALS, REGULATOR, REVIEWER, Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require
from youguan.web.times import UtcTime

State = Literal["to_check", "exempt", "withheld", "published", "withdrawn", "ended"]
FEED, WHOLE_TABLE = 100, 10_000
PENALTIES = "/penalties"


class NoticeOut(BaseModel):
    """What is shown of a decision, names of natural persons taken out."""

    number: str
    title: str
    party: str
    item: str
    basis: str
    sanction: str
    decided_on: date
    organ: str
    paragraphs: list[str]


class PenaltyOut(BaseModel):
    """A decision as everybody sees it; `notice` null and `withdrawn` saying why where it was taken back."""

    id: str
    number: str
    published_at: UtcTime
    shown_until: date
    notice: NoticeOut | None
    withdrawn: str


class PublicationOut(BaseModel):
    """Where a decision stands between its making and the public; `due_on`: by when it is published."""

    id: str
    case_id: str
    case_number: str
    version: int
    number: str
    state: State
    rule: str
    decided_on: date
    due_on: date | None
    site_id: str | None
    station_id: str | None
    checked_by: str | None
    published_at: UtcTime | None
    shown_until: date | None
    reason: str
    changed_at: UtcTime


class DueOut(BaseModel):
    """What is to be done about a decision, `publish` or `withdraw`, and the last day for it."""

    id: str
    case_id: str
    case_number: str
    number: str
    site_id: str | None
    station_id: str | None
    act: Literal["publish", "withdraw"]
    due_on: date
    overdue: bool


class AllDue(BaseModel):
    """Everything that is due for somebody, what is due first first."""

    items: list[DueOut]


class PublicationWithDraft(PublicationOut):
    """The same with what would be shown, or is; `notice` null where it is to be shown no more."""

    notice: NoticeOut | None


class Checked(BaseModel):
    """What somebody has checked; `names`: of natural persons in the text whom no rule knows; a reason where it is needed."""

    names: list[Annotated[str, Field(min_length=1, max_length=50)]] = Field(default_factory=list, max_length=100)
    reason: str = Field(default="", max_length=2000)


class Why(BaseModel):
    """A reason."""

    reason: str = Field(min_length=1, max_length=2000)


def penalty_out(row: Shown) -> PenaltyOut:
    members = ("id", "number", "published_at", "shown_until", "withdrawn")
    notice = NoticeOut(**row.notice) if row.notice else None
    return PenaltyOut(**{name: getattr(row, name) for name in members}, notice=notice)


def due_out(found: Due, day: date) -> DueOut:
    members = {name: found.row[name] for name in ("id", "case_id", "case_number", "number", "site_id", "station_id")}
    return DueOut(**members, act=found.act, due_on=found.due_on, overdue=found.overdue(day))


def publication_out(row: asyncpg.Record) -> PublicationOut:
    return PublicationOut(**{name: row[name] for name in PublicationOut.model_fields})


async def with_draft(desk: PublicationDesk, who: Principal, publication_id: str) -> PublicationWithDraft:
    """Return one with what is shown, or with what would be shown if nobody named anybody else."""
    async with desk.pool.acquire() as connection:
        row = await desk.see(connection, who, publication_id)
        members: dict[str, Any] = {name: row[name] for name in PublicationOut.model_fields}
        notice = row["notice"]
        if notice is None and row["state"] in SHOWABLE and not await desk.against(connection, row):
            draft = await desk.notice(connection, row, ())
            notice = {name: getattr(draft, name) for name in NoticeOut.model_fields}
    return PublicationWithDraft(**members, notice=NoticeOut(**notice) if notice else None)


async def latest(desk: PublicationDesk, count: int) -> list[Shown]:
    """Return what is shown to everybody, newest first."""
    async with desk.pool.acquire() as connection:
        rows = await store.list_public(connection, desk.today(), words=None, before=None, limit=count)
    return [shown(row) for row in rows]


def add_publication(app: FastAPI, desk: PublicationDesk, public_url: str | None) -> None:
    """Add what is published to /api/inspection; `public_url`: under which the pages are, else where they were asked at."""
    _add_public(app, desk, public_url)
    _add_official(app, desk)


def _add_public(app: FastAPI, desk: PublicationDesk, public_url: str | None) -> None:
    organ = desk.catalogue.own.name

    def address(request: Request) -> str:
        return f"{(public_url or f'{request.url.scheme}://{request.url.netloc}').rstrip('/')}{PENALTIES}"

    @app.get("/penalties")
    async def penalties(
        q: Annotated[str | None, Query(max_length=100)] = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[PenaltyOut]:
        """List published decisions, newest first; `q`: in number, party or act."""
        key = decode_cursor(cursor, datetime, str)
        async with desk.pool.acquire() as connection:
            rows = await store.list_public(
                connection, desk.today(), words=q or None, before=(key[0], key[1]) if key else None, limit=limit
            )
        items = [penalty_out(shown(row)) for row in rows]
        return Page(items=items, next=next_cursor(rows, limit, "published_at", "id"))

    @app.get("/penalties/feed.atom", response_class=Response)
    async def atom(request: Request) -> Response:
        """Return the latest as an Atom feed."""
        made = as_atom(await latest(desk, FEED), address=address(request), organ=organ, now=desk.now())
        return Response(made, media_type="application/atom+xml; charset=utf-8")

    @app.get("/penalties/feed.json", response_class=Response)
    async def json_feed(request: Request) -> Response:
        """Return the latest as a JSON Feed."""
        made = as_json_feed(await latest(desk, FEED), address=address(request), organ=organ)
        return Response(made, media_type="application/feed+json")

    @app.get("/penalties/table.csv", response_class=Response)
    async def table() -> Response:
        """Return everything that is shown as a table, the newest 10,000 at the most."""
        headers = {"Content-Disposition": "attachment; filename=penalties.csv"}
        made = as_csv(await latest(desk, WHOLE_TABLE))
        return Response(made, media_type="text/csv; charset=utf-8", headers=headers)

    @app.get("/penalties/{publication_id}")
    async def penalty(publication_id: str) -> PenaltyOut:
        """Return a published decision, or why it was taken back."""
        async with desk.pool.acquire() as connection:
            return penalty_out(shown(await store.get_public(connection, desk.today(), publication_id)))


def _add_official(app: FastAPI, desk: PublicationDesk) -> None:
    checker = require(REGULATOR, REVIEWER)

    @app.get("/publications")
    async def publications(
        who: Annotated[Principal, Depends(require(*OFFICIALS))],
        state: State | None = None,
        overdue: bool = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[PublicationOut]:
        """List decisions on their way to the public within one's bounds, latest change first."""
        key = decode_cursor(cursor, datetime, str)
        async with desk.pool.acquire() as connection:
            rows = await store.list_for_officials(
                connection, states=[state] if state else [], overdue_on=desk.today() if overdue else None,
                before=(key[0], key[1]) if key else None, limit=limit, scope=who.scope,
            )  # fmt: skip
        return Page(items=[publication_out(row) for row in rows], next=next_cursor(rows, limit, "changed_at", "id"))

    @app.get("/publications/due")
    async def due(who: Annotated[Principal, Depends(checker)]) -> AllDue:
        """List what somebody has to show (seven working days) and to take back (three) within his bounds."""
        return AllDue(items=[due_out(found, desk.today()) for found in await desk.due(who)])

    @app.get("/publications/{publication_id}")
    async def publication(
        publication_id: str, who: Annotated[Principal, Depends(require(*OFFICIALS))]
    ) -> PublicationWithDraft:
        """Return one with what is shown, or would be."""
        return await with_draft(desk, who, publication_id)

    @app.post("/publications/{publication_id}/publish")
    async def publish(
        publication_id: str, checked: Checked, who: Annotated[Principal, Depends(_near(desk, checker))]
    ) -> PublicationOut:
        """Show a decision to everybody as it was checked."""
        return publication_out(await desk.publish(who, publication_id, checked.names, checked.reason))

    @app.post("/publications/{publication_id}/withhold")
    async def withhold(
        publication_id: str, why: Why, who: Annotated[Principal, Depends(_near(desk, checker))]
    ) -> PublicationOut:
        """Do not show a decision."""
        return publication_out(await desk.withhold(who, publication_id, why.reason))

    @app.post("/publications/{publication_id}/withdraw")
    async def withdraw(
        publication_id: str, why: Why, who: Annotated[Principal, Depends(_near(desk, checker))]
    ) -> PublicationOut:
        """Take back what is shown."""
        return publication_out(await desk.withdraw(who, publication_id, why.reason))


def _near(desk: PublicationDesk, checker: Any) -> Any:
    """Return a dependency for addresses with a `publication_id`: within whose bounds it lies, before anything else is said."""

    async def dependency(publication_id: str, who: Annotated[Principal, Depends(checker)]) -> Principal:
        async with desk.pool.acquire() as connection:
            await desk.see(connection, who, publication_id)
        return who

    return dependency
