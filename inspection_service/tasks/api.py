"""/api/inspection: tasks."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, File, Form, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile as Upload

from inspection_service.tasks import store
from inspection_service.tasks.conditions import Said
from inspection_service.tasks.counter import HANDLERS, MOST_PAPERS, Counter, Finding
from inspection_service.tasks.machine import Command
from inspection_service.tasks.store import Filter
from inspection_service.tasks.urging import Stage
from youguan.auth import INSPECTOR, REGULATOR, Principal
from youguan.documents import Document, Shelf
from youguan.errors import Invalid, NotFound, Reason
from youguan.web.documents import give, take
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require
from youguan.web.times import GivenTime, UtcTime

Status = Literal["open", "accepted", "mended", "verifying", "closed"]
Severity = Literal["info", "minor", "major", "critical"]
Origin = Literal["alert", "inspection", "public", "department", "hand"]
PeoplesCommand = Literal[
    "accept", "answer", "mend", "ask_time", "ask_transfer", "grant_time", "grant_transfer", "refuse", "reassign",
    "dispatch", "confirm", "refute", "cancel",
]  # fmt: skip
Identity = Annotated[str, Field(min_length=1, max_length=100)]


class TaskOut(BaseModel):
    """A task; `cause` is the rule that opened it, or what somebody told of; `assignee_role` what the assignee was when it happened.

    `escalation`: none, reminded, overdue, team or centre: who has heard that it waits. `awaiting`: what is to prove that it is
    mended. `request`: what the party has asked for and nobody has decided. `merged_into`: the task that goes on with it.
    """

    id: str
    number: str
    origin: Origin
    cause: str
    state: Status
    severity: str
    site_id: str | None
    site_name: str | None
    station_id: str | None
    connector: int | None
    assignee_id: str
    assignee_name: str
    assignee_role: str
    team_id: str
    team_name: str
    occurred_at: UtcTime
    opened_at: UtcTime
    due_at: UtcTime
    due_on: date
    escalation: Literal["none", "reminded", "overdue", "team", "centre"]
    awaiting: Literal["source", "probe", "inspector", "sampling"] | None
    request: dict[str, Any] | None
    reopened: int
    merged_into: str | None
    closed_at: UtcTime | None
    details: dict[str, Any]


class PaperOut(BaseModel):
    """A document or photo that was brought with a move: `…/papers/{place}/{number}`."""

    place: int
    number: int
    sha256: str
    size_bytes: int
    media_type: str
    name: str


class HistoryLine(BaseModel):
    """One move of a task: who made it and as what (party, team, centre, machine), where he stood (WGS-84), and to whom it was
    given, or asked to be given."""

    place: int
    at: UtcTime
    actor: str
    role: str
    command: str
    previous: str | None
    state: str
    reason: str
    latitude: float | None
    longitude: float | None
    given_to: str | None


class TaskWithHistory(TaskOut):
    """A task and everything that happened to it; `offers`: the commands that one may give now."""

    history: list[HistoryLine]
    papers: list[PaperOut]
    offers: list[str]


class SaidIn(BaseModel):
    """What somebody says with a command. `until`: the deadline asked for; `to`: whose it is to be; where he stands, in degrees."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=2000)
    until: GivenTime | None = None
    to: str | None = Field(default=None, max_length=100)
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)


class FindingIn(BaseModel):
    """What a task is opened about; `department` and `document`: who passed it on, and under which number."""

    model_config = ConfigDict(extra="forbid")

    cause: str = Field(max_length=50)
    reason: str = Field(min_length=1, max_length=2000)
    severity: Severity | None = None
    site_id: Identity | None = None
    station_id: Identity | None = None
    connector: int | None = Field(default=None, ge=1, le=100_000)
    occurred_at: GivenTime | None = None
    department: str | None = Field(default=None, min_length=1, max_length=100)
    document: str | None = Field(default=None, min_length=1, max_length=100)


class OpenedOut(BaseModel):
    """The task that came of it; `joined`: it was there already, about the same thing."""

    id: str
    number: str
    joined: bool


class TargetOut(BaseModel):
    """Whom a task can be given to."""

    id: str
    name: str
    role: str


def task_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of a task."""
    return {**dict(row), "escalation": Stage(row["urged"]).name.lower()}


def add_tasks(app: FastAPI, counter: Counter, shelf: Shelf) -> None:
    """Add tasks to /api/inspection."""
    _add_lists(app, counter)
    _add_moves(app, counter, shelf)


def _add_lists(app: FastAPI, counter: Counter) -> None:
    @app.get("/tasks")
    async def tasks(
        who: Annotated[Principal, Depends(require())],
        status: Annotated[Status | None, Query(description="`open`: every task that is not closed")] = None,
        station: str | None = None,
        site: str | None = None,
        cause: str | None = None,
        origin: Origin | None = None,
        team: str | None = None,
        assignee: str | None = None,
        overdue: bool = False,
        to_visit: Annotated[bool, Query(description="an inspector has to look")] = False,
        requests: Annotated[bool, Query(description="the party has asked for something")] = False,
        urged: Annotated[bool, Query(description="the party was reminded, or it is late")] = False,
        escalated: Annotated[bool, Query(description="the county's centre has heard of it")] = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[TaskOut]:
        """List tasks within one's bounds, newest first."""
        wanted = Filter(
            status=status, station_id=station, site_id=site, cause=cause, origin=origin, team_id=team, assignee_id=assignee,
            overdue_at=counter.now() if overdue else None, to_visit=to_visit, requests=requests, urged=urged,
            escalated=escalated,
        )  # fmt: skip
        key = decode_cursor(cursor, datetime, str)
        before = (key[0], key[1]) if key else None
        async with counter.pool.acquire() as connection:
            rows = await store.list_tasks(
                connection, wanted, who.scope, team_id=who.team_id, before=before, limit=limit
            )
        following = next_cursor(rows, limit, "opened_at", "id")
        return Page(items=[TaskOut(**task_out(row)) for row in rows], next=following)

    @app.post("/tasks", status_code=201)
    async def open_task(
        finding: FindingIn, response: Response, who: Annotated[Principal, Depends(require(INSPECTOR, REGULATOR))]
    ) -> OpenedOut:
        """Open a task by hand or for another department; 200 where one about the same thing was joined."""
        opened = await counter.open(who, Finding(**finding.model_dump()))
        if opened.joined:
            response.status_code = 200
        return OpenedOut(id=opened.task_id, number=opened.number, joined=opened.joined)


def require_task(counter: Counter, *roles: str) -> Callable[..., Awaitable[Principal]]:
    """Return a dependency for addresses with a `task_id`: a login with one of the roles, and the task within its bounds."""

    async def dependency(task_id: str, who: Annotated[Principal, Depends(require(*roles))]) -> Principal:
        async with counter.pool.acquire() as connection:
            await counter.see(connection, who, task_id)
        return who

    return dependency


def _add_moves(app: FastAPI, counter: Counter, shelf: Shelf) -> None:
    near, handler = require_task(counter), require_task(counter, *HANDLERS)

    async def told(who: Principal, task_id: str) -> TaskWithHistory:
        async with counter.pool.acquire() as connection:
            read = await counter.read(connection, who, task_id)
        return TaskWithHistory(
            **task_out(read.task), history=[HistoryLine(**dict(line)) for line in read.history],
            papers=[PaperOut(**dict(paper)) for paper in read.papers],
            offers=[] if read.former else list(counter.offers(who, read.task)),
        )  # fmt: skip

    @app.get("/tasks/{task_id}")
    async def task(task_id: str, who: Annotated[Principal, Depends(require())]) -> TaskWithHistory:
        """Return one task with its history; one that was one's own before as it was given to another, and nothing to be done."""
        return await told(who, task_id)

    @app.get("/tasks/{task_id}/targets")
    async def targets(
        task_id: str,
        who: Annotated[Principal, Depends(near)],
        command: Literal["reassign", "dispatch", "ask_transfer"] = "reassign",
    ) -> Page[TargetOut]:
        """Return whom a task can be given to."""
        async with counter.pool.acquire() as connection:
            row = await counter.see(connection, who, task_id)
            found = await counter.targets(connection, row, Command(command))
        return Page(items=[TargetOut(id=one.id, name=one.name, role=one.role) for one in found])

    @app.get("/tasks/{task_id}/papers/{place}/{number}")
    async def paper(task_id: str, place: int, number: int, who: Annotated[Principal, Depends(require())]) -> Response:
        """Return a paper that was brought, byte by byte."""
        return await give_paper(counter, shelf, who, task_id, place, number)

    @app.post("/tasks/{task_id}/answers")
    async def bring(
        task_id: str,
        who: Annotated[Principal, Depends(handler)],
        files: Annotated[list[UploadFile], File(description="PDF, JPEG, PNG or WebP")],
        command: Annotated[Literal["answer", "mend", "confirm", "refute"], Form()] = "answer",
        reason: Annotated[str, Form(max_length=2000)] = "",
        latitude: Annotated[float | None, Form(ge=-90, le=90)] = None,
        longitude: Annotated[float | None, Form(ge=-180, le=180)] = None,
    ) -> TaskWithHistory:
        """Give a command with papers: photos, documents."""
        papers = await take_papers(counter, shelf, who, task_id, Command(command), files)
        said = Said(reason=reason, latitude=latitude, longitude=longitude)
        await counter.do(who, task_id, Command(command), said, papers)
        return await told(who, task_id)

    @app.post("/tasks/{task_id}/{command}")
    async def do(
        task_id: str, command: PeoplesCommand, said: SaidIn, who: Annotated[Principal, Depends(handler)]
    ) -> TaskWithHistory:
        """Move a task: what people say about it. `mend` closes nothing: something else has to prove it."""
        await counter.do(who, task_id, Command(command), Said(**said.model_dump()))
        return await told(who, task_id)


async def take_papers(
    counter: Counter, shelf: Shelf, who: Principal, task_id: str, command: Command, files: Sequence[Upload]
) -> list[Document]:
    """Keep what somebody brings who may give the command; Forbidden, NotFound, Invalid, TooManyRequests beyond a day's quota."""
    await counter.check(who, task_id, command)
    brought = [file for file in files if file.filename]
    if len(brought) > MOST_PAPERS:
        raise Invalid.about("files", Reason("at most {most} at once", most=MOST_PAPERS))
    async with counter.pool.acquire() as connection:
        await counter.refuse_beyond_quota(connection, who, [file.size or 0 for file in brought])
    return [await take(shelf, file, field=f"files[{n}]") for n, file in enumerate(brought)]


async def give_paper(counter: Counter, shelf: Shelf, who: Principal, task_id: str, place: int, number: int) -> Response:
    """Return a paper of a task, of those that one may read; NotFound."""
    async with counter.pool.acquire() as connection:
        read = await counter.read(connection, who, task_id)
        if (place, number) not in {(paper["place"], paper["number"]) for paper in read.papers}:
            raise NotFound(Reason("paper {place}/{number} of task {id}", place=place, number=number, id=task_id))
        return give(shelf, await store.paper(connection, task_id, place, number))
